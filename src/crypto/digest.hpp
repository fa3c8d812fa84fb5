// SHA-256, HMAC-SHA256 and comparison in constant time. C++ regime.
#pragma once

#include <string>
#include <string_view>

#include "core/pure.hpp"

namespace ob::crypto {

/// 32 bytes (FIPS 180-4). Throws Error(internal) if OpenSSL fails, as all of these do.
std::string sha256(std::string_view data);
/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view data);
/// 32 bytes (RFC 2104).
std::string hmac_sha256(std::string_view key, std::string_view data);
/// Lower-case hexadecimal digits.
std::string hex(std::string_view bytes);
/// Takes the same time wherever they differ; the lengths are not secret.
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

} // namespace ob::crypto

#include "core/pure.hpp"
