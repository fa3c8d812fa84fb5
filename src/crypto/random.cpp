#include "crypto/random.hpp"

#include <limits>

#include <openssl/rand.h>

#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "crypto/openssl.hpp"

#include "core/pure.hpp"

namespace ob::crypto {

void random_fill(void *out, std::size_t size) {
	const ErrorQueue queue;
	require(size <= std::numeric_limits<int>::max() &&
	            RAND_bytes(static_cast<unsigned char *>(out), static_cast<int>(size)) == 1,
	        "making random bytes");
}

std::string random_bytes(std::size_t size) {
	std::string bytes(size, '\0');
	random_fill(bytes.data(), size);
	return bytes;
}

std::string uuid4() {
	std::string bytes = random_bytes(16);
	// Version and variant (RFC 9562, section 5.4).
	bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x40);
	bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
	std::string text = hex(bytes);
	for (std::size_t dash : {8u, 13u, 18u, 23u})
		text.insert(dash, 1, '-');
	return text;
}

Secret token_urlsafe(std::size_t bytes) {
	WipedString random(bytes, '\0');
	random_fill(random.data(), random.size());
	return base64url_encode_secret(random);
}

} // namespace ob::crypto

#include "core/pure.hpp"
