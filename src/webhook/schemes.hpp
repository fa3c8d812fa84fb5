// The schemes there are; find_scheme() chooses among them. C++ regime.
#pragma once

#include "webhook/scheme.hpp"

#include "core/pure.hpp"

namespace ob::webhook {

/// Plaid: a JWT with the digest of the body, ES256.
const Scheme &plaid_jwt() noexcept;
/// Mastercard Connect, TrueLayer's simple form: an HMAC of the body.
const Scheme &hmac_sha256() noexcept;
/// Lean: the same with SHA-512, "sha512=" in front.
const Scheme &hmac_sha512() noexcept;
/// Mastercard's notifications: ECDSA over body and time.
const Scheme &ecdsa_sha256() noexcept;
/// TrueLayer: a detached JWS over method, path, chosen headers and body, ES512.
const Scheme &tl_signature() noexcept;

} // namespace ob::webhook

#include "core/pure.hpp"
