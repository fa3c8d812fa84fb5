// What the sources of this folder share of OpenSSL; no header outside of it sees this one. C++ regime.
#pragma once

#include <memory>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "core/error.hpp"

#include "core/pure.hpp"

namespace ob::crypto {

/// Put around each use: the error queue belongs to the process, and the server's own TLS reads it too.
class ErrorQueue {
public:
	ErrorQueue() noexcept { ERR_clear_error(); }
	~ErrorQueue() { ERR_clear_error(); }
	ErrorQueue(const ErrorQueue &) = delete;
	ErrorQueue &operator=(const ErrorQueue &) = delete;
};

template <auto Free>
struct Freed {
	template <class T>
	void operator()(T *p) const noexcept {
		Free(p);
	}
};

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

/// `what` is what failed, such as "sealing".
[[noreturn]] inline void openssl_failed(const char *what) {
	throw Error(ErrorCode::internal, std::string("OpenSSL failed at ") + what);
}

inline void require(bool good, const char *what) {
	if (!good)
		openssl_failed(what);
}

inline const unsigned char *bytes_of(std::string_view text) {
	return reinterpret_cast<const unsigned char *>(text.data());
}

} // namespace ob::crypto

#include "core/pure.hpp"
