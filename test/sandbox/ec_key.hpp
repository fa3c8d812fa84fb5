// Elliptic keys as JSON web signatures use them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <openssl/evp.h>

namespace ob::sandbox {

struct EcCurve {
	const char *name;
	std::size_t bytes; ///< of a coordinate, and of each half of a signature
	const EVP_MD *(*digest)();
};

inline constexpr EcCurve kP256{"P-256", 32, EVP_sha256}; ///< ES256
inline constexpr EcCurve kP521{"P-521", 66, EVP_sha512}; ///< ES512

/// A pair of keys. Copies share it.
class EcKey {
public:
	/// A new pair.
	explicit EcKey(const EcCurve &curve);

	/// In the DER form that OpenSSL makes.
	[[nodiscard]] std::string sign_der(const std::string &text) const;
	/// r and s side by side, as web signatures want them.
	[[nodiscard]] std::string sign(const std::string &text) const;
	/// Coordinates of the public key, big-endian; without leading zero bytes unless `padded`.
	[[nodiscard]] std::string x(bool padded = true) const;
	[[nodiscard]] std::string y(bool padded = true) const;

private:
	[[nodiscard]] std::string coordinate(const char *name, bool padded) const;

	const EcCurve *curve_;
	std::shared_ptr<EVP_PKEY> pair_;
};

} // namespace ob::sandbox
