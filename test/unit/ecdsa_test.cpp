// ECDSA against published vectors, and signatures and keys that are almost right.
#include <gtest/gtest.h>

#include "support/ec_signer.hpp"

#include "crypto/base64.hpp"
#include "crypto/ecdsa.hpp"

namespace ob::crypto {
namespace {

std::string hex_bytes(std::string_view digits) {
	return *unhex(digits);
}

EcPublicKey key_of(const testing::EcSigner &signer, Curve curve) {
	return *EcPublicKey::from_coordinates(curve, signer.x(), signer.y());
}

struct CurveCase {
	Curve curve;
	const char *name;
};
constexpr CurveCase kCurves[] = {{Curve::p256, "P-256"}, {Curve::p384, "P-384"}, {Curve::p521, "P-521"}};

TEST(Ecdsa, Rfc7515AppendixA3) {
	const std::string_view message =
	    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
	    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
	const std::string signature =
	    *base64url_decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
	const auto key =
	    EcPublicKey::from_coordinates(Curve::p256, *base64url_decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
	                                  *base64url_decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"));
	ASSERT_TRUE(key);
	EXPECT_TRUE(key->verify_raw(Hash::sha256, message, signature));
	EXPECT_FALSE(key->verify_raw(Hash::sha512, message, signature));
}

TEST(Ecdsa, Rfc7515AppendixA4) {
	const auto key = EcPublicKey::from_coordinates(
	    Curve::p521,
	    *base64url_decode("AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk"),
	    *base64url_decode("ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"));
	ASSERT_TRUE(key);
	EXPECT_TRUE(
	    key->verify_raw(Hash::sha512, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
	                    *base64url_decode("AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-"
	                                      "KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO"
	                                      "7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn")));
}

TEST(Ecdsa, Rfc6979AppendixA25) {
	const auto key = EcPublicKey::from_coordinates(
	    Curve::p256, hex_bytes("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"),
	    hex_bytes("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"));
	ASSERT_TRUE(key);
	const std::string sample = hex_bytes("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
	                                     "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8");
	const std::string test = hex_bytes("F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
	                                   "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083");
	EXPECT_TRUE(key->verify_raw(Hash::sha256, "sample", sample));
	EXPECT_TRUE(key->verify_raw(Hash::sha256, "test", test));
	EXPECT_FALSE(key->verify_raw(Hash::sha256, "test", sample));
}

TEST(Ecdsa, BothFormsOnEveryCurve) {
	for (const auto &[curve, name] : kCurves) {
		const testing::EcSigner signer(name);
		const EcPublicKey key = key_of(signer, curve);
		EXPECT_EQ(key.curve(), curve);
		EXPECT_EQ(signer.field_size(), field_size(curve));
		for (int i = 0; i < 20; ++i) {
			const std::string message = "message " + std::to_string(i);
			const std::string raw = signer.raw(EVP_sha512(), message);
			const std::string der = signer.der(EVP_sha512(), message);
			EXPECT_TRUE(key.verify_raw(Hash::sha512, message, raw));
			EXPECT_TRUE(key.verify_der(Hash::sha512, message, der));
			EXPECT_FALSE(key.verify_raw(Hash::sha512, message, der));
			EXPECT_FALSE(key.verify_der(Hash::sha512, message, raw));
			EXPECT_FALSE(key.verify_raw(Hash::sha512, message + " ", raw));
		}
	}
}

TEST(Ecdsa, NumbersOutOfRange) {
	for (const auto &[curve, name] : kCurves) {
		const testing::EcSigner signer(name);
		const EcPublicKey key = key_of(signer, curve);
		const std::size_t size = field_size(curve);
		const std::string good = signer.raw(EVP_sha256(), "m");
		const std::string zero(size, '\0');
		const std::string most(size, '\xFF');
		for (const std::string &number : {zero, signer.order(), most}) {
			EXPECT_FALSE(key.verify_raw(Hash::sha256, "m", number + good.substr(size))) << name;
			EXPECT_FALSE(key.verify_raw(Hash::sha256, "m", good.substr(0, size) + number)) << name;
			EXPECT_FALSE(key.verify_raw(Hash::sha256, "m", number + number)) << name;
		}
		EXPECT_TRUE(key.verify_raw(Hash::sha256, "m", good)) << "nothing of before stays in the key";
	}
}

TEST(Ecdsa, LengthsAreExact) {
	const testing::EcSigner signer;
	const EcPublicKey key = key_of(signer, Curve::p256);
	const std::string good = signer.raw(EVP_sha256(), "m");
	for (std::size_t size = 0; size < good.size(); ++size)
		EXPECT_FALSE(key.verify_raw(Hash::sha256, "m", good.substr(0, size)));
	EXPECT_FALSE(key.verify_raw(Hash::sha256, "m", good + '\0'));
	EXPECT_FALSE(key.verify_raw(Hash::sha256, "m", '\0' + good));
	EXPECT_FALSE(key.verify_raw(Hash::sha256, "m", '\0' + good.substr(0, 32) + '\0' + good.substr(32)));
}

TEST(Ecdsa, DerHasOneForm) {
	const testing::EcSigner signer;
	const EcPublicKey key = key_of(signer, Curve::p256);
	const std::string good = signer.der(EVP_sha256(), "m");
	ASSERT_TRUE(key.verify_der(Hash::sha256, "m", good));
	for (std::size_t size = 0; size < good.size(); ++size)
		EXPECT_FALSE(key.verify_der(Hash::sha256, "m", good.substr(0, size)));
	EXPECT_FALSE(key.verify_der(Hash::sha256, "m", good + '\0'));
	std::string inside = good.substr(2);
	EXPECT_FALSE(key.verify_der(Hash::sha256, "m", "\x30\x81" + good.substr(1))) << "a longer length";
	EXPECT_FALSE(key.verify_der(Hash::sha256, "m", "\x30\x80" + inside + std::string(2, '\0'))) << "no length";
	inside.replace(1, 1, 1, static_cast<char>(inside[1] + 1));
	inside.insert(2, 1, '\0');
	EXPECT_FALSE(key.verify_der(Hash::sha256, "m", "\x30" + std::string(1, static_cast<char>(good[1] + 1)) + inside))
	    << "a zero in front of r";
}

TEST(EcPublicKey, CoordinatesMayLackLeadingZeros) {
	for (const auto &[curve, name] : kCurves)
		for (bool seen = false; !seen;) {
			const testing::EcSigner signer(name);
			const std::string x = signer.x();
			const std::string y = signer.y();
			if (x[0] != 0 && y[0] != 0)
				continue;
			seen = true;
			const auto stripped = [](const std::string &text) { return text.substr(text.find_first_not_of('\0')); };
			const auto key = EcPublicKey::from_coordinates(curve, stripped(x), stripped(y));
			ASSERT_TRUE(key);
			EXPECT_TRUE(key->verify_raw(Hash::sha256, "m", signer.raw(EVP_sha256(), "m")));
			EXPECT_FALSE(EcPublicKey::from_coordinates(curve, '\0' + x, y));
			EXPECT_FALSE(EcPublicKey::from_coordinates(curve, x, '\0' + y));
		}
}

TEST(EcPublicKey, PointsOfTheCurveOnly) {
	for (const auto &[curve, name] : kCurves) {
		const testing::EcSigner signer(name);
		const std::string x = signer.x();
		const std::string y = signer.y();
		const std::string zero(field_size(curve), '\0');
		const std::string most(field_size(curve), '\xFF');
		std::string near = y;
		near.back() ^= 1;
		EXPECT_TRUE(EcPublicKey::from_coordinates(curve, x, y));
		for (const auto &[a, b] : {std::pair{x, near}, {y, x}, {zero, zero}, {x, zero}, {most, y}, {x, most}})
			EXPECT_FALSE(EcPublicKey::from_coordinates(curve, a, b)) << name;
		EXPECT_FALSE(EcPublicKey::from_coordinates(curve, "", y));
		EXPECT_FALSE(EcPublicKey::from_coordinates(curve, x, ""));
	}
	const testing::EcSigner p256;
	EXPECT_FALSE(EcPublicKey::from_coordinates(Curve::p384, p256.x(), p256.y()));
}

TEST(EcPublicKey, Pem) {
	const testing::EcSigner one;
	const testing::EcSigner two("P-384");
	const std::vector<EcPublicKey> keys = EcPublicKey::from_pem("a comment\n" + one.pem() + "\n" + two.pem());
	ASSERT_EQ(keys.size(), 2u);
	EXPECT_EQ(keys[0].curve(), Curve::p256);
	EXPECT_EQ(keys[1].curve(), Curve::p384);
	EXPECT_TRUE(keys[1].verify_der(Hash::sha256, "m", two.der(EVP_sha256(), "m")));

	const auto block = [](const std::string &base64) {
		return "-----BEGIN PUBLIC KEY-----\n" + base64 + "\n-----END PUBLIC KEY-----\n";
	};
	const std::string rsa = block("MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu"
	                              "KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==");
	const std::string secp256k1 =
	    block("MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEeb5mfvncu6xVoGKVzocLBwKb/NstzijZWfKBWxb4F5hIOtp3"
	          "JqPEZV2k+/wOEQio/Re0SKaFVBmcR9CP+xDUuA==");
	for (const std::string &text : {std::string(), std::string("no key"), block(""), block("AAAA"), rsa, secp256k1,
	                                one.pem() + rsa, one.pem().substr(0, 100), one.pem() + block("AAAA")})
		EXPECT_TRUE(EcPublicKey::from_pem(text).empty()) << text;
}

} // namespace
} // namespace ob::crypto
