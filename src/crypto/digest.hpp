// SHA-2, HMAC, hexadecimal digits and comparison in constant time. C++ regime.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/pure.hpp"

namespace ob::crypto {

enum class Hash { sha256, sha512 };

/// 32 or 64 bytes (FIPS 180-4). Throws Error(internal) if OpenSSL fails, as all of these do.
std::string digest(Hash hash, std::string_view data);
inline std::string sha256(std::string_view data) {
	return digest(Hash::sha256, data);
}
/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view data);
/// 32 or 64 bytes (RFC 2104).
std::string hmac(Hash hash, std::string_view key, std::string_view data);
inline std::string hmac_sha256(std::string_view key, std::string_view data) {
	return hmac(Hash::sha256, key, data);
}
/// Lower-case hexadecimal digits.
std::string hex(std::string_view bytes);
/// Digits of either case, two for a byte; otherwise nothing.
std::optional<std::string> unhex(std::string_view digits);
/// Takes the same time wherever they differ; the lengths are not secret.
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

} // namespace ob::crypto

#include "core/pure.hpp"
