// Keys as JSON: what makes one usable, and that one is read once.
#include <gtest/gtest.h>

#include "support/ec_signer.hpp"

#include "crypto/base64.hpp"
#include "webhook/jwk.hpp"
#include "webhook/memo.hpp"
#include "webhook/reasons.hpp"

namespace ob::webhook {
namespace {

constexpr JwkRule kEs256{crypto::Curve::p256, "P-256", "ES256", true};

// The example that Plaid publishes.
const std::string kPlaidKid = "bfbd5111-8e33-4643-8ced-b2e642a72f3c";
const std::string kPlaidKey = R"({"alg":"ES256","created_at":1560466150,"crv":"P-256","expired_at":null,)"
                              R"("kid":"bfbd5111-8e33-4643-8ced-b2e642a72f3c","kty":"EC","use":"sig",)"
                              R"("x":"hKXLGIjWvCBv-cP5euCTxl8g9GLG9zHo_3pO5NN1DwQ",)"
                              R"("y":"shhexqPB7YffGn6fR6h2UhTSuCtPmfzQJ6ENVIoO4Ys"})";

std::string changed(const std::string &what, const std::string &by) {
	std::string text = kPlaidKey;
	return text.replace(text.find(what), what.size(), by);
}

std::string_view reason_of(const std::string &text, const JwkRule &rule = kEs256) {
	const FoundKey found = read_jwk(text, rule, kPlaidKid);
	EXPECT_NE(found.key.has_value(), !found.reason.empty());
	return found.reason;
}

TEST(Jwk, PublishedExample) {
	EXPECT_EQ(reason_of(kPlaidKey), "");
	EXPECT_EQ(reason_of(" " + kPlaidKey + "\n"), "");
	EXPECT_EQ(reason_of(R"({"keys":[)" + kPlaidKey + "]}"), "");
}

TEST(Jwk, IsRefused) {
	const std::string x = "hKXLGIjWvCBv-cP5euCTxl8g9GLG9zHo_3pO5NN1DwQ";
	const struct {
		std::string text;
		std::string_view reason;
	} cases[] = {
	    {"", reason::key_missing},
	    {"{", reason::key_malformed},
	    {"\xFF", reason::key_malformed},
	    {"[]", reason::key_mismatch},
	    {"{}", reason::key_mismatch},
	    {R"({"keys":{}})", reason::key_mismatch},
	    {R"({"keys":[1,null]})", reason::key_mismatch},
	    {kPlaidKey + kPlaidKey, reason::key_malformed},
	    {std::string(1 << 20, ' ') + kPlaidKey, reason::key_malformed},
	    {changed("bfbd5111", "bfbd5112"), reason::key_mismatch},
	    {changed(R"("EC")", R"("OKP")"), reason::key_malformed},
	    {changed(R"("EC")", R"("ec")"), reason::key_malformed},
	    {changed("P-256", "P-384"), reason::key_malformed},
	    {changed("P-256", "p-256"), reason::key_malformed},
	    {changed("ES256", "ES384"), reason::key_malformed},
	    {changed(R"("alg":"ES256",)", ""), reason::key_malformed},
	    {changed("sig", "enc"), reason::key_malformed},
	    {changed(R"("use":"sig",)", ""), reason::key_malformed},
	    {changed("null", "1560466151"), reason::key_expired},
	    {changed("null", "0"), reason::key_expired},
	    {changed("null", "\"\""), reason::key_expired},
	    {changed("null", R"(null,"kty":"EC")"), reason::key_malformed}, // a member twice
	    {changed(x, ""), reason::key_malformed},
	    {changed(x, x + "="), reason::key_malformed},
	    {changed(x, "AA" + x), reason::key_malformed}, // not what it would be with a byte in front
	    {changed(x, crypto::base64url_encode(std::string(1, '\0') + *crypto::base64url_decode(x))),
	     reason::key_malformed},
	    {changed(x, "g" + x.substr(1)), reason::key_malformed}, // not on the curve
	    {changed("\"" + x + "\"", "1"), reason::key_malformed},
	    {changed(R"("x")", R"("X")"), reason::key_malformed},
	};
	for (const auto &one : cases)
		EXPECT_EQ(reason_of(one.text), one.reason) << one.text.substr(0, 300);
}

TEST(Jwk, OneTextForSeveralQuestions) {
	const testing::EcSigner a;
	const testing::EcSigner b;
	const std::string set = R"({"keys":[)" + a.jwk("a", "ES256") + "," + b.jwk("b", "ES256") + "]}";
	for (int i = 0; i < 2; ++i) {
		const std::string signature = b.raw(EVP_sha256(), "m");
		EXPECT_FALSE(read_jwk(set, kEs256, "a").key->verify_raw(crypto::Hash::sha256, "m", signature));
		EXPECT_TRUE(read_jwk(set, kEs256, "b").key->verify_raw(crypto::Hash::sha256, "m", signature));
		EXPECT_EQ(read_jwk(set, {crypto::Curve::p521, "P-521", "ES512", false}, "a").reason, reason::key_malformed);
	}
}

TEST(Memo, KeepsTheLastOnes) {
	Memo<int> memo;
	int made = 0;
	const auto get = [&](const std::string &text, std::optional<int> result) {
		return memo.get(text, [&] {
			++made;
			return result;
		});
	};
	EXPECT_EQ(get("", 7), 7);
	EXPECT_EQ(get("", 8), 7);
	EXPECT_EQ(made, 1);
	// Nothing is not remembered.
	EXPECT_EQ(get("none", std::nullopt), std::nullopt);
	EXPECT_EQ(get("none", std::nullopt), std::nullopt);
	EXPECT_EQ(made, 3);
	for (int i = 0; i < 7; ++i)
		EXPECT_EQ(get(std::to_string(i), i), i);
	made = 0;
	EXPECT_EQ(get("", 8), 7); // among the last eight, and now the last
	EXPECT_EQ(get("7", 7), 7);
	EXPECT_EQ(get("", 8), 7);
	EXPECT_EQ(made, 1);
	EXPECT_EQ(get("0", 10), 10); // went for "7"
	EXPECT_EQ(made, 2);
}

} // namespace
} // namespace ob::webhook
