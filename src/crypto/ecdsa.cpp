#include "crypto/ecdsa.hpp"

#include <array>
#include <climits>
#include <cstdint>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include "crypto/openssl.hpp"

#include "core/pure.hpp"

namespace ob::crypto {
namespace {

using Pkey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;

struct CurveName {
	Curve curve;
	const char *name; // OpenSSL's
};
constexpr std::array<CurveName, 3> kCurves{{
    {Curve::p256, "prime256v1"},
    {Curve::p384, "secp384r1"},
    {Curve::p521, "secp521r1"},
}};

const char *name_of(Curve curve) {
	return kCurves[static_cast<std::size_t>(curve)].name;
}

/// Nothing for other curves, and for parameters in place of a name: who chooses the parameters can choose a base point
/// that fits a signature (CVE-2020-0601).
std::optional<Curve> curve_of(EVP_PKEY *key) {
	std::array<char, 32> name{};
	std::array<char, 32> encoding{};
	if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(), nullptr) != 1 ||
	    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding.data(), encoding.size(), nullptr) !=
	        1 ||
	    std::string_view(encoding.data()) != OSSL_PKEY_EC_ENCODING_GROUP)
		return std::nullopt;
	for (const CurveName &known : kCurves)
		if (std::string_view(name.data()) == known.name)
			return known.curve;
	return std::nullopt;
}

std::string der_of(std::string_view raw) {
	const std::size_t half = raw.size() / 2;
	const auto number = [&](std::size_t from) {
		Number value(BN_bin2bn(bytes_of(raw.substr(from)), static_cast<int>(half), nullptr));
		require(value != nullptr, "reading a signature");
		return value;
	};
	Number r = number(0);
	Number s = number(half);
	const Signature signature(ECDSA_SIG_new());
	require(signature && ECDSA_SIG_set0(signature.get(), r.get(), s.get()) == 1, "reading a signature");
	static_cast<void>(r.release()); // the signature's now
	static_cast<void>(s.release());
	std::array<unsigned char, 160> buffer; // two numbers of 67 bytes and their heads
	unsigned char *end = buffer.data();
	require(i2d_ECDSA_SIG(signature.get(), nullptr) <= static_cast<int>(buffer.size()) &&
	            i2d_ECDSA_SIG(signature.get(), &end) > 0,
	        "encoding a signature");
	return {buffer.data(), end};
}

/// One `-----BEGIN NAME-----` to its end.
struct PemBlock {
	char *name = nullptr;
	char *header = nullptr;
	unsigned char *data = nullptr;
	long size = 0;

	PemBlock() = default;
	~PemBlock() { clear(); }
	PemBlock(const PemBlock &) = delete;
	PemBlock &operator=(const PemBlock &) = delete;

	bool is(std::string_view wanted) const { return wanted == name; }
	bool read(BIO *from) {
		clear();
		return PEM_read_bio(from, &name, &header, &data, &size) == 1;
	}

private:
	void clear() {
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
		name = header = nullptr;
		data = nullptr;
	}
};

} // namespace

EcPublicKey::EcPublicKey(Curve curve, evp_pkey_st *key)
    : curve_(curve), context_(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr), EVP_PKEY_CTX_free) {
	require(context_ && EVP_PKEY_verify_init(context_.get()) == 1, "preparing to check signatures");
}

bool EcPublicKey::verify(Hash hash, std::string_view message, std::string_view der) const {
	const std::string hashed = digest(hash, message);
	// 0 is a wrong signature, below 0 none at all: of either the sender is to blame.
	return EVP_PKEY_verify(context_.get(), bytes_of(der), der.size(), bytes_of(hashed), hashed.size()) == 1;
}

std::optional<EcPublicKey> EcPublicKey::from_coordinates(Curve curve, std::string_view x, std::string_view y) {
	const std::size_t size = field_size(curve);
	if (x.empty() || y.empty() || x.size() > size || y.size() > size)
		return std::nullopt;
	// Uncompressed (SEC 1, 2.3.3).
	std::string point(1 + 2 * size, '\0');
	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	point.replace(1 + size - x.size(), x.size(), x);
	point.replace(1 + 2 * size - y.size(), y.size(), y);

	const ErrorQueue queue;
	std::string group = name_of(curve);
	const std::array<OSSL_PARAM, 3> parameters{
	    OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
	    OSSL_PARAM_construct_end(),
	};
	const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
	require(context && EVP_PKEY_fromdata_init(context.get()) == 1, "preparing a public key");
	EVP_PKEY *key = nullptr;
	// Refuses what is not on the curve, and coordinates beyond the field. There are no small subgroups on these curves.
	if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM *>(parameters.data())) != 1)
		return std::nullopt;
	return EcPublicKey(curve, Pkey(key).get());
}

std::vector<EcPublicKey> EcPublicKey::from_pem(std::string_view text) {
	const ErrorQueue queue;
	if (text.size() > INT_MAX)
		return {};
	const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
	require(bio != nullptr, "reading a PEM text");
	std::vector<EcPublicKey> keys;
	for (PemBlock block; block.read(bio.get());) {
		const unsigned char *at = block.data;
		const Pkey key(block.is("PUBLIC KEY") ? d2i_PUBKEY(nullptr, &at, block.size) : nullptr);
		const std::optional<Curve> curve = key && at == block.data + block.size ? curve_of(key.get()) : std::nullopt;
		if (!curve)
			return {};
		keys.push_back(EcPublicKey(*curve, key.get()));
	}
	// It ends because no further block begins, not because one was damaged.
	const unsigned long last = ERR_peek_last_error();
	if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
		return {};
	return keys;
}

bool EcPublicKey::verify_raw(Hash hash, std::string_view message, std::string_view signature) const {
	if (signature.size() != 2 * field_size(curve_))
		return false;
	const ErrorQueue queue;
	return verify(hash, message, der_of(signature));
}

bool EcPublicKey::verify_der(Hash hash, std::string_view message, std::string_view signature) const {
	const ErrorQueue queue;
	return verify(hash, message, signature);
}

} // namespace ob::crypto

#include "core/pure.hpp"
