#include "crypto/digest.hpp"

#include <openssl/crypto.h>

#include "crypto/openssl.hpp"

#include "core/pure.hpp"

namespace ob::crypto {
namespace {

constexpr std::size_t kSha256Size = 32;

} // namespace

std::string sha256(std::string_view data) {
	const ErrorQueue queue;
	std::string out(kSha256Size, '\0');
	unsigned size = 0;
	require(EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char *>(out.data()), &size, EVP_sha256(),
	                   nullptr) == 1 &&
	            size == kSha256Size,
	        "SHA-256");
	return out;
}

std::string sha256_hex(std::string_view data) {
	return hex(sha256(data));
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
	const ErrorQueue queue;
	std::string out(kSha256Size, '\0');
	std::size_t size = 0;
	// OpenSSL takes a missing key for "the key of before"; an empty one needs an address.
	const char *const key_bytes = key.empty() ? "" : key.data();
	require(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key_bytes, key.size(), bytes_of(data), data.size(),
	                  reinterpret_cast<unsigned char *>(out.data()), out.size(), &size) != nullptr &&
	            size == kSha256Size,
	        "HMAC-SHA-256");
	return out;
}

std::string hex(std::string_view bytes) {
	constexpr std::string_view kDigits = "0123456789abcdef";
	std::string out;
	out.reserve(bytes.size() * 2);
	for (char c : bytes) {
		const auto byte = static_cast<unsigned char>(c);
		out += kDigits[byte >> 4];
		out += kDigits[byte & 15];
	}
	return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
	return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace ob::crypto

#include "core/pure.hpp"
