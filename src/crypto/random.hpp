// Randomness from OpenSSL's generator, for keys, tokens and ids. C++ regime.
#pragma once

#include <cstddef>
#include <string>

#include "core/secret.hpp"

#include "core/pure.hpp"

namespace ob::crypto {

/// `size` unpredictable bytes. Throws Error(internal) if the generator fails.
std::string random_bytes(std::size_t size);
void random_fill(void *out, std::size_t size);
/// A version 4 UUID (RFC 9562) in lower case, 36 characters.
std::string uuid4();
/// base64url without padding of `bytes` random bytes: 32 bytes give 43 characters.
Secret token_urlsafe(std::size_t bytes = 32);

} // namespace ob::crypto

#include "core/pure.hpp"
