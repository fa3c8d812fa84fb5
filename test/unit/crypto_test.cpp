// base64, digests and randomness against published vectors.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>

#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "crypto/random.hpp"

namespace ob::crypto {
namespace {

std::string from_hex(std::string_view text) {
	std::string out;
	for (std::size_t i = 0; i + 1 < text.size(); i += 2)
		out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
	return out;
}

// ---- base64 ----

TEST(Base64, Rfc4648Section10) {
	const std::pair<std::string_view, std::string_view> cases[] = {
	    {"", ""},
	    {"f", "Zg=="},
	    {"fo", "Zm8="},
	    {"foo", "Zm9v"},
	    {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="},
	    {"foobar", "Zm9vYmFy"},
	};
	for (const auto &[bytes, text] : cases) {
		EXPECT_EQ(base64_encode(bytes), text);
		EXPECT_EQ(base64_decode(text), bytes);
		const std::string url(text.substr(0, text.find('=')));
		EXPECT_EQ(base64url_encode(bytes), url);
		EXPECT_EQ(base64url_decode(url), bytes);
		EXPECT_EQ(base64_decode_secret(text)->reveal(), bytes);
		EXPECT_EQ(base64url_encode_secret(bytes).reveal(), url);
	}
}

TEST(Base64, AlphabetsDiffer) {
	EXPECT_EQ(base64_encode("\xFB\xFF"), "+/8=");
	EXPECT_EQ(base64url_encode("\xFB\xFF"), "-_8");
	EXPECT_EQ(base64_decode("-_8="), std::nullopt);
	EXPECT_EQ(base64url_decode("+/8"), std::nullopt);
}

TEST(Base64, IsStrict) {
	for (const char *text : {"Zg", "Zg=", "Zg===", "=", "====", "Z", "Z===", "Zm9v\n", " Zm9v", "Zm 9v", "Zm9=v",
	                         "Zg==Zg==", "Zh==", "Zm9=", "Zm9v=", "Z=g=", "Zm9\xC3", "Zm9v===="})
		EXPECT_EQ(base64_decode(text), std::nullopt) << text;
	for (const char *text : {"Zg==", "Z", "A", "AAAAA", "Zm9vY", "Zh", "Zm9", "Zm9v ", "Zm9v\n", "Zm+v"})
		EXPECT_EQ(base64url_decode(text), std::nullopt) << text;
	EXPECT_EQ(base64_decode(std::string_view("Zg=\0", 4)), std::nullopt);
	EXPECT_EQ(base64_decode_secret("Zh=="), std::nullopt);
}

TEST(Base64, AnyBytesComeBack) {
	std::mt19937 random(1);
	for (int i = 0; i < 3000; ++i) {
		std::string bytes(random() % 70, '\0');
		for (char &c : bytes)
			c = static_cast<char>(random());
		EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
		EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes);
	}
}

// ---- digests ----

TEST(Digest, Sha256) {
	// FIPS 180-4 examples.
	EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
	          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
	          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	EXPECT_EQ(sha256("abc"), from_hex(sha256_hex("abc")));
}

TEST(Digest, HmacSha256) {
	// RFC 4231, cases 1, 2, 3, 6 and 7.
	EXPECT_EQ(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
	          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
	          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	EXPECT_EQ(hex(hmac_sha256(std::string(20, '\xaa'), std::string(50, '\xdd'))),
	          "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
	          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'),
	                          "This is a test using a larger than block-size key and a larger than block-size data. "
	                          "The key needs to be hashed before being used by the HMAC algorithm.")),
	          "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
	// No key and no data: as HMAC defines it, zeros to the block's length.
	EXPECT_EQ(hex(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Digest, Sha512) {
	// FIPS 180-2, appendix C.1.
	EXPECT_EQ(hex(digest(Hash::sha512, "abc")), "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	                                            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(Digest, HmacSha512) {
	// RFC 4231, cases 1, 2 and 6.
	EXPECT_EQ(hex(hmac(Hash::sha512, std::string(20, '\x0b'), "Hi There")),
	          "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	          "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
	EXPECT_EQ(hex(hmac(Hash::sha512, "Jefe", "what do ya want for nothing?")),
	          "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	          "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
	EXPECT_EQ(hex(hmac(Hash::sha512, std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
	          "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
	          "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
}

TEST(Digest, HexadecimalDigits) {
	EXPECT_EQ(unhex(""), "");
	EXPECT_EQ(unhex("00fFaB9"), std::nullopt);
	EXPECT_EQ(unhex("00fFaB90"), std::string("\0\xFF\xAB\x90", 4));
	for (const char *text : {"0", "0g", "g0", "/0", ":0", "@0", "`0", " 0", "0x", "\xC3\xA4", "-1"})
		EXPECT_EQ(unhex(text), std::nullopt) << text;
}

TEST(Digest, ComparesInFull) {
	EXPECT_TRUE(equal_constant_time("abc", "abc"));
	EXPECT_TRUE(equal_constant_time("", {}));
	EXPECT_FALSE(equal_constant_time("abc", "abd"));
	EXPECT_FALSE(equal_constant_time("abc", "bbc"));
	EXPECT_FALSE(equal_constant_time("abc", "ab"));
	EXPECT_FALSE(equal_constant_time(std::string_view("\0a", 2), std::string_view("\0b", 2)));
}

// ---- randomness ----

TEST(Random, Uuid4HasItsForm) {
	std::set<std::string> seen;
	for (int i = 0; i < 1000; ++i) {
		const std::string id = uuid4();
		ASSERT_EQ(id.size(), 36u);
		for (std::size_t k = 0; k < id.size(); ++k) {
			if (k == 8 || k == 13 || k == 18 || k == 23)
				ASSERT_EQ(id[k], '-') << id;
			else
				ASSERT_NE(std::string_view("0123456789abcdef").find(id[k]), std::string_view::npos) << id;
		}
		ASSERT_EQ(id[14], '4');
		ASSERT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos) << id;
		ASSERT_TRUE(seen.insert(id).second);
	}
}

TEST(Random, TokensAndBytes) {
	EXPECT_EQ(token_urlsafe().reveal().size(), 43u);
	EXPECT_EQ(token_urlsafe(16).reveal().size(), 22u);
	EXPECT_TRUE(base64url_decode(token_urlsafe(33).reveal()).has_value());
	EXPECT_FALSE(token_urlsafe() == token_urlsafe());
	EXPECT_EQ(random_bytes(0), "");
	EXPECT_NE(random_bytes(16), random_bytes(16));
}

} // namespace
} // namespace ob::crypto
