#include "crypto/digest.hpp"

#include <openssl/crypto.h>

#include "crypto/openssl.hpp"

#include "core/pure.hpp"

namespace ob::crypto {
namespace {

struct HashName {
	const EVP_MD *(*algorithm)();
	const char *name; // OpenSSL's
	std::size_t size;
};

HashName named(Hash hash) {
	return hash == Hash::sha256 ? HashName{EVP_sha256, "SHA256", 32} : HashName{EVP_sha512, "SHA512", 64};
}

/// Below 0 for any other character.
int digit_value(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	const char lower = static_cast<char>(c | 0x20);
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

} // namespace

std::string digest(Hash hash, std::string_view data) {
	const ErrorQueue queue;
	const HashName wanted = named(hash);
	std::string out(wanted.size, '\0');
	unsigned size = 0;
	require(EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char *>(out.data()), &size,
	                   wanted.algorithm(), nullptr) == 1 &&
	            size == wanted.size,
	        "SHA-2");
	return out;
}

std::string sha256_hex(std::string_view data) {
	return hex(sha256(data));
}

std::string hmac(Hash hash, std::string_view key, std::string_view data) {
	const ErrorQueue queue;
	const HashName wanted = named(hash);
	std::string out(wanted.size, '\0');
	std::size_t size = 0;
	// OpenSSL takes a missing key for "the key of before"; an empty one needs an address.
	const char *const key_bytes = key.empty() ? "" : key.data();
	require(EVP_Q_mac(nullptr, "HMAC", nullptr, wanted.name, nullptr, key_bytes, key.size(), bytes_of(data),
	                  data.size(), reinterpret_cast<unsigned char *>(out.data()), out.size(), &size) != nullptr &&
	            size == wanted.size,
	        "HMAC");
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

std::optional<std::string> unhex(std::string_view digits) {
	if (digits.size() % 2 != 0)
		return std::nullopt;
	std::string out;
	out.reserve(digits.size() / 2);
	for (std::size_t i = 0; i < digits.size(); i += 2) {
		const int high = digit_value(digits[i]);
		const int low = digit_value(digits[i + 1]);
		if (high < 0 || low < 0)
			return std::nullopt;
		out += static_cast<char>(high << 4 | low);
	}
	return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
	return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace ob::crypto

#include "core/pure.hpp"
