#include "signing.hpp"

#include <algorithm>
#include <stdexcept>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>

namespace ob::sandbox::plaid {

namespace {

constexpr int kCoordinateBytes = 32; // of P-256

std::string fixed_bytes(const BIGNUM *number) {
	std::string out(kCoordinateBytes, '\0');
	BN_bn2binpad(number, reinterpret_cast<unsigned char *>(out.data()), kCoordinateBytes);
	return out;
}

std::string coordinate(const EVP_PKEY *key, const char *name) {
	BIGNUM *number = nullptr;
	if (EVP_PKEY_get_bn_param(key, name, &number) != 1) {
		throw std::runtime_error("cannot read a coordinate of the signing key");
	}
	const std::unique_ptr<BIGNUM, decltype(&BN_free)> owner(number, BN_free);
	return fixed_bytes(number);
}

// r and s side by side, as JWTs want them, from the DER form that OpenSSL makes.
std::string raw_signature(const std::string &der) {
	const auto *bytes = reinterpret_cast<const unsigned char *>(der.data());
	const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(
	    d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size())), ECDSA_SIG_free);
	return fixed_bytes(ECDSA_SIG_get0_r(signature.get())) + fixed_bytes(ECDSA_SIG_get0_s(signature.get()));
}

std::string ecdsa(EVP_PKEY *key, const std::string &text) {
	const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
	const auto *input = reinterpret_cast<const unsigned char *>(text.data());
	std::size_t size = 0;
	if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
	    EVP_DigestSign(context.get(), nullptr, &size, input, text.size()) != 1) {
		throw std::runtime_error("cannot sign");
	}
	std::string der(size, '\0');
	if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char *>(der.data()), &size, input, text.size()) != 1) {
		throw std::runtime_error("cannot sign");
	}
	der.resize(size);
	return raw_signature(der);
}

std::int64_t unix_seconds(Time time) {
	return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

} // namespace

std::string SigningKeys::rotate(World &world, bool expire_old) {
	if (expire_old && !keys_.empty()) {
		keys_.back().expired = world.clock.now();
	}
	Key key;
	key.kid = world.ids.uuid();
	key.pair = std::shared_ptr<EVP_PKEY>(EVP_EC_gen("P-256"), EVP_PKEY_free);
	key.created = world.clock.now();
	keys_.push_back(key);
	return key.kid;
}

std::string SigningKeys::current(World &world) {
	return keys_.empty() ? rotate(world, false) : keys_.back().kid;
}

std::string SigningKeys::sign(const std::string &body, const Claims &claims, World &world) {
	const std::string kid = claims.kid.empty() ? current(world) : claims.kid;
	const std::string header =
	    ObjectText{}.string("alg", claims.algorithm).string("kid", kid).string("typ", claims.type).end();
	const std::string payload = ObjectText{}
	                                .number("iat", unix_seconds(claims.issued))
	                                .string("request_body_sha256", claims.digest.value_or(hex(sha256(body))))
	                                .end();
	const std::string text = base64_url(header) + "." + base64_url(payload);
	static_cast<void>(current(world)); // makes the first key
	const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const Key &key) { return key.kid == kid; });
	const Key &key = found == keys_.end() ? keys_.back() : *found;
	return text + "." + base64_url(ecdsa(key.pair.get(), text));
}

std::optional<std::string> SigningKeys::public_key(const std::string &kid) const {
	const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const Key &key) { return key.kid == kid; });
	if (found == keys_.end()) {
		return std::nullopt;
	}
	ObjectText out;
	out.string("alg", "ES256").number("created_at", unix_seconds(found->created)).string("crv", "P-256");
	if (found->expired) {
		out.number("expired_at", unix_seconds(*found->expired));
	} else {
		out.null("expired_at");
	}
	out.string("kid", kid).string("kty", "EC").string("use", "sig");
	out.string("x", base64_url(coordinate(found->pair.get(), OSSL_PKEY_PARAM_EC_PUB_X)));
	out.string("y", base64_url(coordinate(found->pair.get(), OSSL_PKEY_PARAM_EC_PUB_Y)));
	return out.end();
}

} // namespace ob::sandbox::plaid
