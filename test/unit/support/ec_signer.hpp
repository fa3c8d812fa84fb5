// A key pair that signs, as providers do, written over OpenSSL without the code under test.
#pragma once

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "crypto/base64.hpp"

namespace ob::testing {

class EcSigner {
public:
	/// "P-256", "P-384" or "P-521".
	explicit EcSigner(const char *curve = "P-256") : curve_(curve), key_(EVP_EC_gen(curve), EVP_PKEY_free) {
		if (!key_)
			throw std::runtime_error("no key of that curve");
	}

	const char *curve() const { return curve_; }
	std::size_t field_size() const { return (static_cast<std::size_t>(EVP_PKEY_get_bits(key_.get())) + 7) / 8; }

	std::string x() const { return number(OSSL_PKEY_PARAM_EC_PUB_X); }
	std::string y() const { return number(OSSL_PKEY_PARAM_EC_PUB_Y); }
	/// n, the first number that neither r nor s may be.
	std::string order() const { return number(OSSL_PKEY_PARAM_EC_ORDER); }

	std::string der(const EVP_MD *hash, std::string_view message) const {
		const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX *)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
		std::array<unsigned char, 160> out{};
		std::size_t size = out.size();
		if (EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key_.get()) != 1 ||
		    EVP_DigestSign(context.get(), out.data(), &size, bytes(message), message.size()) != 1)
			throw std::runtime_error("signing failed");
		return {out.data(), out.data() + size};
	}

	/// r, then s, of full length each.
	std::string raw(const EVP_MD *hash, std::string_view message) const {
		const std::string text = der(hash, message);
		const unsigned char *at = bytes(text);
		const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG *)> signature(
		    d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(text.size())), ECDSA_SIG_free);
		return padded(ECDSA_SIG_get0_r(signature.get())) + padded(ECDSA_SIG_get0_s(signature.get()));
	}

	std::string pem() const {
		const std::unique_ptr<BIO, int (*)(BIO *)> bio(BIO_new(BIO_s_mem()), BIO_free);
		PEM_write_bio_PUBKEY(bio.get(), key_.get());
		char *data = nullptr;
		const long size = BIO_get_mem_data(bio.get(), &data);
		return {data, static_cast<std::size_t>(size)};
	}

	/// `{"kty":…}` with coordinates of full length.
	std::string jwk(std::string_view kid, std::string_view alg) const {
		return R"({"kty":"EC","crv":")" + std::string(curve_) + R"(","alg":")" + std::string(alg) +
		       R"(","use":"sig","kid":")" + std::string(kid) + R"(","x":")" + crypto::base64url_encode(x()) +
		       R"(","y":")" + crypto::base64url_encode(y()) + R"("})";
	}

private:
	static const unsigned char *bytes(std::string_view text) {
		return reinterpret_cast<const unsigned char *>(text.data());
	}
	std::string padded(const BIGNUM *number) const {
		std::string out(field_size(), '\0');
		BN_bn2binpad(number, reinterpret_cast<unsigned char *>(out.data()), static_cast<int>(out.size()));
		return out;
	}
	std::string number(const char *name) const {
		BIGNUM *value = nullptr;
		EVP_PKEY_get_bn_param(key_.get(), name, &value);
		const std::unique_ptr<BIGNUM, void (*)(BIGNUM *)> owned(value, BN_free);
		return padded(value);
	}

	const char *curve_;
	std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY *)> key_;
};

} // namespace ob::testing
