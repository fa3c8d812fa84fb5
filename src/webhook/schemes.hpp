// The schemes there are; find_scheme() chooses among them. C++ regime.
#pragma once

#include "webhook/scheme.hpp"

#include "core/pure.hpp"

namespace ob::webhook {

/// Plaid: a JWT with the digest of the body, ES256.
const Scheme &plaid_jwt() noexcept;

} // namespace ob::webhook

#include "core/pure.hpp"
