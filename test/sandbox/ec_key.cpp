#include "ec_key.hpp"

#include <stdexcept>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>

namespace ob::sandbox {

namespace {

std::string bytes_of(const BIGNUM *number, std::size_t size) {
	std::string out(size, '\0');
	BN_bn2binpad(number, reinterpret_cast<unsigned char *>(out.data()), static_cast<int>(size));
	return out;
}

} // namespace

EcKey::EcKey(const EcCurve &curve) : curve_(&curve), pair_(EVP_EC_gen(curve.name), EVP_PKEY_free) {}

std::string EcKey::sign_der(const std::string &text) const {
	const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
	const auto *input = reinterpret_cast<const unsigned char *>(text.data());
	std::size_t size = 0;
	if (EVP_DigestSignInit(context.get(), nullptr, curve_->digest(), nullptr, pair_.get()) != 1 ||
	    EVP_DigestSign(context.get(), nullptr, &size, input, text.size()) != 1) {
		throw std::runtime_error("cannot sign");
	}
	std::string der(size, '\0');
	if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char *>(der.data()), &size, input, text.size()) != 1) {
		throw std::runtime_error("cannot sign");
	}
	der.resize(size);
	return der;
}

std::string EcKey::sign(const std::string &text) const {
	const std::string der = sign_der(text);
	const auto *bytes = reinterpret_cast<const unsigned char *>(der.data());
	const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(
	    d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size())), ECDSA_SIG_free);
	return bytes_of(ECDSA_SIG_get0_r(signature.get()), curve_->bytes) +
	       bytes_of(ECDSA_SIG_get0_s(signature.get()), curve_->bytes);
}

std::string EcKey::x(bool padded) const {
	return coordinate(OSSL_PKEY_PARAM_EC_PUB_X, padded);
}
std::string EcKey::y(bool padded) const {
	return coordinate(OSSL_PKEY_PARAM_EC_PUB_Y, padded);
}

std::string EcKey::coordinate(const char *name, bool padded) const {
	BIGNUM *number = nullptr;
	if (EVP_PKEY_get_bn_param(pair_.get(), name, &number) != 1) {
		throw std::runtime_error("cannot read a coordinate of the signing key");
	}
	const std::unique_ptr<BIGNUM, decltype(&BN_free)> owner(number, BN_free);
	return bytes_of(number, padded ? curve_->bytes : static_cast<std::size_t>(BN_num_bytes(number)));
}

} // namespace ob::sandbox
