// Checking ECDSA signatures on the NIST curves, over OpenSSL. C++ regime.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/digest.hpp"

#include "core/pure.hpp"

struct evp_pkey_st;
struct evp_pkey_ctx_st;

namespace ob::crypto {

enum class Curve { p256, p384, p521 };

/// Bytes of a coordinate, and of r and s.
constexpr std::size_t field_size(Curve curve) noexcept {
	return curve == Curve::p256 ? 32 : curve == Curve::p384 ? 48 : 66;
}

/// A point that is known to lie on its curve, ready to check signatures with. Making one takes half as long as a check,
/// so who checks many keeps it. Copies share it, and are for one thread.
class EcPublicKey {
public:
	/// From big endian coordinates of at most field_size() bytes: leading zeros may be missing. Nothing if they are no
	/// point of the curve.
	static std::optional<EcPublicKey> from_coordinates(Curve curve, std::string_view x, std::string_view y);
	/// Every public key of a PEM text (blocks of SubjectPublicKeyInfo with a named curve). Nothing if there is none, or
	/// one of them is no such key.
	static std::vector<EcPublicKey> from_pem(std::string_view text);

	Curve curve() const noexcept { return curve_; }

	/// `signature` is r, then s, field_size() bytes each: any other length is refused, and r and s must be from 1 to
	/// n - 1.
	bool verify_raw(Hash hash, std::string_view message, std::string_view signature) const;
	/// `signature` is the one DER form there is of r and s (X.690): no BER, nothing after it.
	bool verify_der(Hash hash, std::string_view message, std::string_view signature) const;

private:
	EcPublicKey(Curve curve, evp_pkey_st *key);
	bool verify(Hash hash, std::string_view message, std::string_view der) const;

	Curve curve_;
	std::shared_ptr<evp_pkey_ctx_st> context_; // set up for checks with the key
};

} // namespace ob::crypto

#include "core/pure.hpp"
