// Plaid's webhooks: what is accepted, and every way of not being what it claims to be, with its reason.
#include <gtest/gtest.h>

#include <functional>

#include "support/ec_signer.hpp"
#include "support/webhook_check.hpp"

#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "webhook/reasons.hpp"
#include "webhook/scheme.hpp"

namespace ob::webhook {
namespace {

using namespace std::chrono_literals;
using crypto::base64url_encode;

constexpr std::int64_t kNow = testing::kWebhookNow;
const std::string kKid = "bfbd5111-8e33-4643-8ced-b2e642a72f3c";
const std::string kBody = "{\n  \"environment\": \"sandbox\",\n  \"item_id\": \"i1\"\n}";

const testing::EcSigner &signer() {
	static const testing::EcSigner key;
	return key;
}

/// A delivery before it is sent. What a case changes, it changes here, and the rest is signed as it should be.
struct Case {
	std::string alg = "ES256";
	std::string kid = kKid;
	std::string jose; // the whole JOSE header in place of one of the above
	std::int64_t iat = kNow;
	std::string claims; // the whole of the claims
	std::string signed_body = kBody;
	std::string body = kBody;
	std::string key = signer().jwk(kKid, "ES256");
	std::function<std::string(const std::string &)> sign = [](const std::string &text) {
		return signer().raw(EVP_sha256(), text);
	};
	std::function<std::string(std::string)> spoil = [](std::string token) { return token; };
	std::function<std::string(const std::string &)> headers = [](const std::string &token) {
		return R"({"Content-Type": "application/json", "Plaid-Verification": ")" + token + R"("})";
	};
	Timestamp received_at = Timestamp(std::chrono::seconds(kNow));
	SchemeSettings settings;

	std::string token() const {
		const std::string head =
		    !jose.empty() ? jose : R"({"alg":")" + alg + R"(","kid":")" + kid + R"(","typ":"JWT"})";
		const std::string payload = !claims.empty()
		                                ? claims
		                                : R"({"iat":)" + std::to_string(iat) + R"(,"request_body_sha256":")" +
		                                      crypto::sha256_hex(signed_body) + R"("})";
		const std::string text = base64url_encode(head) + "." + base64url_encode(payload);
		return spoil(text + "." + base64url_encode(sign(text)));
	}

	std::string_view reason() const {
		return testing::webhook_reason("plaid_jwt", {headers(token()), body, received_at, "POST", ""}, settings,
		                               {key, {}});
	}
};

Case with(const std::function<void(Case &)> &change) {
	Case one;
	change(one);
	return one;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
	return text.replace(text.find(what), what.size(), by);
}

TEST(PlaidWebhook, NamesItsKey) {
	const Headers headers(Case().headers(Case().token()));
	const Scheme &scheme = *find_scheme("plaid_jwt");
	EXPECT_EQ(scheme.name(), "plaid_jwt");
	EXPECT_EQ(scheme.key_source(), KeySource::provider);
	const KeyWish wish = scheme.wish({"POST", "", headers, kBody, {}}, {});
	EXPECT_EQ(wish.key_id, kKid);
	EXPECT_EQ(wish.reason, "");
	EXPECT_EQ(find_scheme("none"), nullptr);
}

TEST(PlaidWebhook, IsAccepted) {
	EXPECT_EQ(Case().reason(), "");
	const std::pair<const char *, std::function<void(Case &)>> cases[] = {
	    {"five minutes old", [](Case &c) { c.received_at += 300s; }},
	    {"five minutes ahead", [](Case &c) { c.received_at -= 300s; }},
	    {"an empty body", [](Case &c) { c.body = c.signed_body = ""; }},
	    {"bytes that are no text", [](Case &c) { c.body = c.signed_body = std::string("\0\xFF\r\n", 4); }},
	    {"5 MB", [](Case &c) { c.body = c.signed_body = std::string(5 << 20, ' '); }},
	    {"no typ", [](Case &c) { c.jose = R"({"kid":")" + kKid + R"(", "alg":"ES256"})"; }},
	    {"members that nobody needs",
	     [](Case &c) {
		     c.jose = R"({"alg":"ES256","jwk":{"kty":"EC"},"jku":"https://evil.example","kid":")" + kKid + R"("})";
	     }},
	    {"the name in another case",
	     [](Case &c) { c.headers = [](const std::string &t) { return R"({"PLAID-verification": ")" + t + R"("})"; }; }},
	    {"an array of one",
	     [](Case &c) {
		     c.headers = [](const std::string &t) { return R"({"plaid-verification": [")" + t + R"("]})"; };
	     }},
	    {"blanks around", [](Case &c) { c.spoil = [](const std::string &t) { return " " + t + "\\t "; }; }},
	    {"another header by configuration",
	     [](Case &c) {
		     c.settings.header = "X-Forwarded-Verification";
		     c.headers = [](const std::string &t) { return R"({"x-forwarded-verification": ")" + t + R"("})"; };
	     }},
	    {"a day old, where that is tolerated",
	     [](Case &c) {
		     c.settings.tolerance = 24h;
		     c.received_at += 24h;
	     }},
	    {"a key that will not expire", [](Case &c) { c.key = replaced(c.key, "{", R"({"expired_at":null,)"); }},
	    {"a key in a set",
	     [](Case &c) { c.key = R"({"keys":[{"kty":"RSA","kid":")" + kKid + R"("},)" + c.key + "]}"; }},
	};
	for (const auto &[what, change] : cases)
		EXPECT_EQ(with(change).reason(), "") << what;
}

TEST(PlaidWebhook, IsRefused) {
	static const testing::EcSigner other;
	static const testing::EcSigner wrong_curve("P-384");
	// r or s out of range, the other half as it should be.
	const auto half = [](bool first, char fill) {
		return [=](const std::string &text) {
			std::string raw = signer().raw(EVP_sha256(), text);
			raw.replace(first ? 0 : 32, 32, 32, fill);
			return raw;
		};
	};
	const auto n = [](bool first) {
		return [=](const std::string &text) {
			std::string raw = signer().raw(EVP_sha256(), text);
			raw.replace(first ? 0 : 32, 32, signer().order());
			return raw;
		};
	};
	struct Refused {
		const char *what;
		std::string_view reason;
		std::function<void(Case &)> change;
	};
	const Refused cases[] = {
	    // Headers.
	    {"no header", reason::header_missing, [](Case &c) { c.headers = [](auto &) { return "{}"; }; }},
	    {"an empty array", reason::header_missing,
	     [](Case &c) { c.headers = [](auto &) { return R"({"Plaid-Verification": []})"; }; }},
	    {"doubled in an array", reason::header_doubled,
	     [](Case &c) {
		     c.headers = [](auto &t) { return R"({"Plaid-Verification": [")" + t + R"(",")" + t + R"("]})"; };
	     }},
	    {"doubled by case", reason::header_doubled,
	     [](Case &c) {
		     c.headers = [](auto &t) {
			     return R"({"Plaid-Verification": ")" + t + R"(","plaid-verification":")" + t + R"("})";
		     };
	     }},
	    {"joined by a proxy", reason::token_malformed, [](Case &c) { c.spoil = [](auto t) { return t + ", " + t; }; }},
	    {"no text", reason::header_malformed,
	     [](Case &c) { c.headers = [](auto &) { return R"({"Plaid-Verification": 1})"; }; }},
	    {"no object", reason::headers_malformed, [](Case &c) { c.headers = [](auto &) { return "[]"; }; }},
	    {"a line feed", reason::header_malformed, [](Case &c) { c.spoil = [](auto t) { return t + "\\n"; }; }},
	    {"1 MB", reason::header_too_large,
	     [](Case &c) { c.spoil = [](auto t) { return std::string(1 << 20, 'A') + t; }; }},
	    {"a header beyond 16 kB", reason::header_too_large,
	     [](Case &c) { c.spoil = [](auto t) { return t + std::string(16 << 10, 'A'); }; }},
	    // Form.
	    {"empty", reason::token_malformed, [](Case &c) { c.spoil = [](auto) { return ""; }; }},
	    {"no dots", reason::token_malformed, [](Case &c) { c.spoil = [](auto t) { return replaced(t, ".", ""); }; }},
	    {"four parts", reason::token_malformed, [](Case &c) { c.spoil = [](auto t) { return t + ".AAAA"; }; }},
	    {"no payload", reason::token_malformed,
	     [](Case &c) { c.spoil = [](auto t) { return t.substr(0, t.find('.')) + "." + t.substr(t.rfind('.')); }; }},
	    {"no signature", reason::token_malformed,
	     [](Case &c) { c.spoil = [](auto t) { return t.substr(0, t.rfind('.') + 1); }; }},
	    {"a header that is no base64url", reason::token_malformed,
	     [](Case &c) { c.spoil = [](auto t) { return "+" + t; }; }},
	    {"a header that is no object", reason::token_malformed, [](Case &c) { c.jose = R"(["ES256"])"; }},
	    {"a header that is no JSON", reason::token_malformed, [](Case &c) { c.jose = R"({"alg":"ES256")"; }},
	    {"alg twice", reason::token_malformed,
	     [](Case &c) { c.jose = R"({"alg":"none","alg":"ES256","kid":")" + kKid + R"("})"; }},
	    {"what must be understood", reason::token_malformed,
	     [](Case &c) { c.jose = R"({"alg":"ES256","crit":["b64"],"b64":false,"kid":")" + kKid + R"("})"; }},
	    // Algorithm.
	    {"none", reason::wrong_algorithm,
	     [](Case &c) {
		     c.alg = "none";
		     c.spoil = [](auto t) { return t.substr(0, t.rfind('.')) + ".AA"; };
	     }},
	    {"HS256 with the public key", reason::wrong_algorithm,
	     [](Case &c) {
		     c.alg = "HS256";
		     c.sign = [](auto &text) { return crypto::hmac_sha256(signer().pem(), text); };
	     }},
	    {"RS512", reason::wrong_algorithm, [](Case &c) { c.alg = "RS512"; }},
	    {"in lower case", reason::wrong_algorithm, [](Case &c) { c.alg = "es256"; }},
	    {"no alg", reason::wrong_algorithm, [](Case &c) { c.jose = R"({"kid":")" + kKid + R"("})"; }},
	    {"alg is no text", reason::wrong_algorithm, [](Case &c) { c.jose = R"({"alg":256,"kid":"a"})"; }},
	    // Key.
	    {"no kid", reason::key_id_malformed, [](Case &c) { c.jose = R"({"alg":"ES256"})"; }},
	    {"a kid with a blank", reason::key_id_malformed, [](Case &c) { c.kid = "a b"; }},
	    {"a kid of 129", reason::key_id_malformed, [](Case &c) { c.kid = std::string(129, 'a'); }},
	    {"another kid", reason::key_mismatch, [](Case &c) { c.kid = "a1b2"; }},
	    {"no key", reason::key_missing, [](Case &c) { c.key = ""; }},
	    {"a key that is no JSON", reason::key_malformed, [](Case &c) { c.key = "{"; }},
	    {"a withdrawn key", reason::key_expired,
	     [](Case &c) { c.key = replaced(c.key, "{", R"({"expired_at":1763700000,)"); }},
	    {"somebody else's key", reason::wrong_signature, [](Case &c) { c.key = other.jwk(kKid, "ES256"); }},
	    {"a key of another curve", reason::key_malformed, [](Case &c) { c.key = wrong_curve.jwk(kKid, "ES384"); }},
	    {"a key for another use", reason::key_malformed,
	     [](Case &c) { c.key = replaced(c.key, R"("sig")", R"("enc")"); }},
	    // Signature.
	    {"DER for raw", reason::signature_malformed,
	     [](Case &c) { c.sign = [](auto &text) { return signer().der(EVP_sha256(), text); }; }},
	    {"truncated", reason::signature_malformed,
	     [](Case &c) { c.spoil = [](auto t) { return t.substr(0, t.size() - 2); }; }},
	    {"a byte more", reason::signature_malformed,
	     [](Case &c) { c.sign = [](auto &text) { return signer().raw(EVP_sha256(), text) + '\0'; }; }},
	    {"padded", reason::signature_malformed, [](Case &c) { c.spoil = [](auto t) { return t + "=="; }; }},
	    {"r is 0", reason::wrong_signature, [&](Case &c) { c.sign = half(true, '\0'); }},
	    {"s is 0", reason::wrong_signature, [&](Case &c) { c.sign = half(false, '\0'); }},
	    {"both are 0", reason::wrong_signature, [](Case &c) { c.sign = [](auto &) { return std::string(64, '\0'); }; }},
	    {"r is n", reason::wrong_signature, [&](Case &c) { c.sign = n(true); }},
	    {"s is n", reason::wrong_signature, [&](Case &c) { c.sign = n(false); }},
	    {"r beyond n", reason::wrong_signature, [&](Case &c) { c.sign = half(true, '\xFF'); }},
	    {"s beyond n", reason::wrong_signature, [&](Case &c) { c.sign = half(false, '\xFF'); }},
	    {"by SHA-512", reason::wrong_signature,
	     [](Case &c) { c.sign = [](auto &text) { return signer().raw(EVP_sha512(), text); }; }},
	    {"of other claims", reason::wrong_signature,
	     [](Case &c) {
		     c.spoil = [](auto t) {
			     return replaced(t, t.substr(t.find('.'), t.rfind('.') - t.find('.')),
			                     "." + base64url_encode(R"({"iat":)" + std::to_string(kNow + 1) + "}"));
		     };
	     }},
	    // Time.
	    {"five minutes and a second old", reason::too_old, [](Case &c) { c.iat = kNow - 301; }},
	    {"a microsecond too old", reason::too_old, [](Case &c) { c.received_at += 300s + 1us; }},
	    {"five minutes and a second ahead", reason::in_the_future, [](Case &c) { c.iat = kNow + 301; }},
	    {"a configured tolerance", reason::too_old,
	     [](Case &c) {
		     c.settings.tolerance = 60s;
		     c.iat = kNow - 61;
	     }},
	    {"a tolerance beyond all reason", reason::too_old,
	     [](Case &c) {
		     c.settings.tolerance = std::chrono::seconds::max();
		     c.iat = 0;
	     }},
	    {"no claims", reason::token_malformed, [](Case &c) { c.claims = "1"; }},
	    {"no iat", reason::time_malformed, [](Case &c) { c.claims = R"({"request_body_sha256":""})"; }},
	    {"an iat of text", reason::time_malformed, [](Case &c) { c.claims = R"({"iat":"1763800000"})"; }},
	    {"an iat with a fraction", reason::time_malformed, [](Case &c) { c.claims = R"({"iat":1763800000.0})"; }},
	    {"an iat below 0", reason::time_malformed, [](Case &c) { c.iat = -1; }},
	    {"the largest iat", reason::time_malformed, [](Case &c) { c.iat = INT64_MAX; }},
	    // Body.
	    {"another byte", reason::wrong_body, [](Case &c) { c.body[0] ^= 1; }},
	    {"a byte more", reason::wrong_body, [](Case &c) { c.body += '\n'; }},
	    {"written again", reason::wrong_body,
	     [](Case &c) { c.body = R"({"environment":"sandbox","item_id":"i1"})"; }},
	    {"none", reason::wrong_body, [](Case &c) { c.body = ""; }},
	    {"no digest", reason::wrong_body, [](Case &c) { c.claims = R"({"iat":1763800000})"; }},
	    {"an empty digest", reason::wrong_body,
	     [](Case &c) { c.claims = R"({"iat":1763800000,"request_body_sha256":""})"; }},
	    {"a digest in upper case", reason::wrong_body,
	     [](Case &c) {
		     std::string digest = crypto::sha256_hex(kBody);
		     for (char &digit : digest)
			     digit = static_cast<char>(std::toupper(digit));
		     c.claims = R"({"iat":1763800000,"request_body_sha256":")" + digest + R"("})";
	     }},
	};
	for (const Refused &one : cases)
		EXPECT_EQ(with(one.change).reason(), one.reason) << one.what;
}

} // namespace
} // namespace ob::webhook
