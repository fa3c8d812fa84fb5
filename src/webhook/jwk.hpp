// Public keys as JSON (RFC 7517, 7518 section 6.2). C++ regime.
#pragma once

#include <optional>
#include <string_view>

#include "crypto/ecdsa.hpp"

#include "core/pure.hpp"

namespace ob::webhook {

/// What a key must say of itself.
struct JwkRule {
	crypto::Curve curve;
	std::string_view crv;
	std::string_view alg;
	bool use_required; ///< `use` may not be absent; where it is there, it is "sig"
};

struct FoundKey {
	std::optional<crypto::EcPublicKey> key;
	std::string_view reason; ///< why there is none
};

/// Reads a JWK, or the elliptic one of that id in a JWK set. Coordinates may lack leading zeros, as some providers' do;
/// longer ones than the field are refused, and points off the curve. A key that names a time of its expiry is refused
/// whatever the time: providers set it when they withdraw the key. Keys are remembered by the text they come from.
FoundKey read_jwk(std::string_view text, const JwkRule &rule, std::string_view key_id);

} // namespace ob::webhook

#include "core/pure.hpp"
