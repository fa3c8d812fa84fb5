// TrueLayer's signatures: a detached JWS over method, path, headers and body.
#include <gtest/gtest.h>

#include <functional>

#include "support/ec_signer.hpp"
#include "support/webhook_check.hpp"

#include "crypto/base64.hpp"

namespace ob::webhook {
namespace {

using namespace std::chrono_literals;
using crypto::base64url_encode;

constexpr const char *kJku = "https://webhooks.truelayer-sandbox.com/.well-known/jwks";
constexpr const char *kTime = "2025-11-22T08:26:40Z"; // kWebhookNow

const testing::EcSigner &signer() {
	static const testing::EcSigner key("P-521");
	return key;
}

/// What a case changes is sent so, and the rest is signed as it should be.
struct Case {
	std::string alg = R"("ES512")";
	std::string kid = R"("k1")";
	std::string version = R"("2")";
	std::string jku = "\"" + std::string(kJku) + "\"";
	std::string tl_headers = R"("X-Tl-Webhook-Timestamp,x-other")";
	std::string signed_text =
	    "POST /hooks/tl\nX-Tl-Webhook-Timestamp: " + std::string(kTime) + "\nx-other: a, b\n" + R"({"event_id":"e1"})";
	std::function<std::string(const std::string &)> sign = [](const std::string &text) {
		return signer().raw(EVP_sha512(), text);
	};
	std::function<std::string(const std::string &, const std::string &)> join =
	    [](const std::string &header, const std::string &signature) { return header + ".." + signature; };
	std::string headers = R"("x-tl-webhook-timestamp": ")" + std::string(kTime) + R"(", "X-Other": " a, b ")";
	std::string method = "POST";
	std::string path = "/hooks/tl";
	std::string body = R"({"event_id":"e1"})";
	std::string key = signer().jwk("k1", "ES512");
	SchemeSettings settings{0s, "", kJku, {}, {}};
	Timestamp received_at = Timestamp(std::chrono::seconds(testing::kWebhookNow));

	std::string_view reason() const {
		const std::string header =
		    base64url_encode(R"({ "alg":)" + alg + R"(, "kid":)" + kid + R"(, "tl_version":)" + version +
		                     R"(, "tl_headers":)" + tl_headers + R"(, "jku":)" + jku + "}");
		const std::string token = join(header, base64url_encode(sign(header + "." + base64url_encode(signed_text))));
		return testing::webhook_reason(
		    "tl_signature", {R"({"Tl-Signature": ")" + token + "\", " + headers + "}", body, received_at, method, path},
		    settings, {key, {}});
	}
};

Case with(const std::function<void(Case &)> &change) {
	Case one;
	change(one);
	return one;
}

void replace(std::string &text, std::string_view what, std::string_view by) {
	text.replace(text.find(what), what.size(), by);
}

TEST(TrueLayerWebhook, IsAccepted) {
	EXPECT_EQ(find_scheme("tl_signature")->key_source(), KeySource::provider);
	const std::pair<const char *, std::function<void(Case &)>> cases[] = {
	    {"as it is", [](Case &) {}},
	    {"a path with a slash more than the signed one", [](Case &c) { c.path += '/'; }},
	    {"a path with one less", [](Case &c) { replace(c.signed_text, "/tl\n", "/tl/\n"); }},
	    {"the root",
	     [](Case &c) {
		     c.path = "/";
		     replace(c.signed_text, "/hooks/tl", "/");
	     }},
	    {"a query", [](Case &c) { c.path += "?a=/b"; }},
	    {"an empty body",
	     [](Case &c) {
		     replace(c.signed_text, c.body, "");
		     c.body = "";
	     }},
	    {"only the time signed",
	     [](Case &c) {
		     c.tl_headers = R"("x-tl-webhook-timestamp")";
		     c.signed_text = "POST /hooks/tl\nx-tl-webhook-timestamp: " + std::string(kTime) + "\n" + c.body;
	     }},
	    {"another method",
	     [](Case &c) {
		     c.method = "PUT";
		     replace(c.signed_text, "POST", "PUT");
	     }},
	    {"72 hours old", [](Case &c) { c.received_at += 72h; }},
	    {"five minutes ahead", [](Case &c) { c.received_at -= 5min; }},
	    {"a key without use", [](Case &c) { replace(c.key, R"("use":"sig",)", ""); }},
	    {"the key in a set",
	     [](Case &c) {
		     c.key = R"({"keys":[{"kty":"RSA","alg":"RS512","kid":"k1","n":"AQAB","e":"AQAB"},)" +
		             testing::EcSigner("P-521").jwk("k2", "ES512") + "," + c.key + "]}";
	     }},
	};
	for (const auto &[what, change] : cases)
		EXPECT_EQ(with(change).reason(), "") << what;
}

TEST(TrueLayerWebhook, IsRefused) {
	struct Refused {
		const char *what;
		std::string_view reason;
		std::function<void(Case &)> change;
	};
	const auto n = [](std::size_t place) {
		return [=](const std::string &text) {
			return signer().raw(EVP_sha512(), text).replace(place, 66, signer().order());
		};
	};
	const Refused cases[] = {
	    // The token.
	    {"the payload attached", reason::token_malformed,
	     [](Case &c) { c.join = [](auto &h, auto &s) { return h + ".e30." + s; }; }},
	    {"three dots", reason::token_malformed, [](Case &c) { c.join = [](auto &h, auto &s) { return h + "..." + s; }; }},
	    {"a dot behind", reason::token_malformed,
	     [](Case &c) { c.join = [](auto &h, auto &s) { return h + ".." + s + "."; }; }},
	    {"no signature", reason::token_malformed, [](Case &c) { c.join = [](auto &h, auto &) { return h + ".."; }; }},
	    {"no header", reason::token_malformed, [](Case &c) { c.join = [](auto &, auto &s) { return ".." + s; }; }},
	    {"one dot", reason::token_malformed, [](Case &c) { c.join = [](auto &h, auto &s) { return h + "." + s; }; }},
	    {"alg none", reason::wrong_algorithm, [](Case &c) { c.alg = R"("none")"; }},
	    {"alg ES256", reason::wrong_algorithm, [](Case &c) { c.alg = R"("ES256")"; }},
	    {"alg RS512", reason::wrong_algorithm, [](Case &c) { c.alg = R"("RS512")"; }},
	    {"version 1", reason::wrong_version, [](Case &c) { c.version = R"("1")"; }},
	    {"version 2 as a number", reason::wrong_version, [](Case &c) { c.version = "2"; }},
	    {"no version", reason::wrong_version, [](Case &c) { c.version = "null"; }},
	    {"no kid", reason::key_id_malformed, [](Case &c) { c.kid = "null"; }},
	    {"a kid of bytes", reason::key_id_malformed, [](Case &c) { c.kid = R"("\u0000")"; }},
	    // The key set.
	    {"the key set of the other environment", reason::wrong_key_set,
	     [](Case &c) { c.jku = R"("https://webhooks.truelayer.com/.well-known/jwks")"; }},
	    {"its URL with more behind", reason::wrong_key_set,
	     [](Case &c) { c.jku = "\"" + std::string(kJku) + "?\""; }},
	    {"its URL in capitals", reason::wrong_key_set, [](Case &c) { replace(c.jku, "https", "HTTPS"); }},
	    {"no key set", reason::wrong_key_set, [](Case &c) { c.jku = "null"; }},
	    {"none configured", reason::wrong_key_set,
	     [](Case &c) {
		     c.settings.jku = "";
		     c.jku = "\"\"";
	     }},
	    // The signed headers.
	    {"the time not signed", reason::header_not_signed,
	     [](Case &c) {
		     c.tl_headers = R"("x-other")";
		     c.signed_text = "POST /hooks/tl\nx-other: a, b\n" + c.body;
	     }},
	    {"none signed", reason::header_not_signed,
	     [](Case &c) {
		     c.tl_headers = R"("")";
		     c.signed_text = "POST /hooks/tl\n" + c.body;
	     }},
	    {"no list", reason::token_malformed, [](Case &c) { c.tl_headers = "null"; }},
	    {"a list with blanks", reason::token_malformed,
	     [](Case &c) { c.tl_headers = R"("X-Tl-Webhook-Timestamp, x-other")"; }},
	    {"an empty name", reason::token_malformed, [](Case &c) { c.tl_headers = R"(",X-Tl-Webhook-Timestamp")"; }},
	    {"a name twice", reason::wrong_signature,
	     [](Case &c) { c.tl_headers = R"("X-Tl-Webhook-Timestamp,x-other,x-other")"; }},
	    {"a name less", reason::wrong_signature, [](Case &c) { c.tl_headers = R"("X-Tl-Webhook-Timestamp")"; }},
	    {"a name with a line feed", reason::token_malformed,
	     [](Case &c) { c.tl_headers = R"("X-Tl-Webhook-Timestamp,x\n")"; }},
	    {"too many names", reason::token_malformed,
	     [](Case &c) {
		     c.tl_headers = "\"x-other";
		     for (int i = 0; i < 32; ++i)
			     c.tl_headers += ",x-other";
		     c.tl_headers += '"';
	     }},
	    {"a signed header that did not come", reason::header_missing,
	     [](Case &c) { replace(c.headers, "X-Other", "X-Another"); }},
	    {"a signed header that came twice", reason::header_doubled,
	     [](Case &c) { c.headers += R"(, "x-other": "a, b")"; }},
	    {"a signed header with another value", reason::wrong_signature,
	     [](Case &c) { replace(c.headers, "a, b", "a,b"); }},
	    {"the names in another case than listed", reason::wrong_signature,
	     [](Case &c) { replace(c.signed_text, "x-other", "X-Other"); }},
	    {"in another order than listed", reason::wrong_signature,
	     [](Case &c) { c.tl_headers = R"("x-other,X-Tl-Webhook-Timestamp")"; }},
	    // What was signed.
	    {"another path", reason::wrong_signature, [](Case &c) { c.path = "/hooks/tm"; }},
	    {"two slashes at the end", reason::wrong_signature, [](Case &c) { c.path += "//"; }},
	    {"no path", reason::path_missing, [](Case &c) { c.path = ""; }},
	    {"a URL for a path", reason::path_missing, [](Case &c) { c.path = "https://a.example/hooks/tl"; }},
	    {"another method", reason::wrong_signature, [](Case &c) { c.method = "PUT"; }},
	    {"another byte", reason::wrong_signature, [](Case &c) { c.body[2] ^= 1; }},
	    {"written again", reason::wrong_signature, [](Case &c) { c.body = R"({"event_id": "e1"})"; }},
	    // Keys and signatures.
	    {"no key", reason::key_missing, [](Case &c) { c.key = ""; }},
	    {"another key", reason::wrong_signature,
	     [](Case &c) { c.key = testing::EcSigner("P-521").jwk("k1", "ES512"); }},
	    {"another kid", reason::key_mismatch, [](Case &c) { c.kid = R"("k2")"; }},
	    {"a set without it", reason::key_mismatch, [](Case &c) { c.key = R"({"keys":[]})"; }},
	    {"a set with two of that id", reason::key_mismatch,
	     [](Case &c) { c.key = R"({"keys":[)" + c.key + "," + c.key + "]}"; }},
	    {"a key of P-256", reason::key_malformed, [](Case &c) { c.key = testing::EcSigner().jwk("k1", "ES512"); }},
	    {"a key for ES256", reason::key_malformed, [](Case &c) { c.key = signer().jwk("k1", "ES256"); }},
	    {"DER for raw", reason::signature_malformed,
	     [](Case &c) { c.sign = [](auto &text) { return signer().der(EVP_sha512(), text); }; }},
	    {"131 bytes", reason::signature_malformed,
	     [](Case &c) { c.sign = [](auto &text) { return signer().raw(EVP_sha512(), text).substr(1); }; }},
	    {"133 bytes", reason::signature_malformed,
	     [](Case &c) { c.sign = [](auto &text) { return '\0' + signer().raw(EVP_sha512(), text); }; }},
	    {"by SHA-256", reason::wrong_signature,
	     [](Case &c) { c.sign = [](auto &text) { return signer().raw(EVP_sha256(), text); }; }},
	    {"r and s are 0", reason::wrong_signature,
	     [](Case &c) { c.sign = [](auto &) { return std::string(132, '\0'); }; }},
	    {"r is n", reason::wrong_signature, [&](Case &c) { c.sign = n(0); }},
	    {"s is n", reason::wrong_signature, [&](Case &c) { c.sign = n(66); }},
	    {"all bits set", reason::wrong_signature,
	     [](Case &c) { c.sign = [](auto &) { return std::string(132, '\xFF'); }; }},
	    // The time.
	    {"72 hours and a second old", reason::too_old, [](Case &c) { c.received_at += 72h + 1s; }},
	    {"five minutes and a second ahead", reason::in_the_future, [](Case &c) { c.received_at -= 301s; }},
	    {"older than configured", reason::too_old,
	     [](Case &c) {
		     c.settings.tolerance = 60s;
		     c.received_at += 61s;
	     }},
	    {"further ahead than configured", reason::in_the_future,
	     [](Case &c) {
		     c.settings.tolerance = 60s;
		     c.received_at -= 61s;
	     }},
	    {"a time that is none", reason::time_malformed,
	     [](Case &c) {
		     replace(c.headers, kTime, "today");
		     replace(c.signed_text, kTime, "today");
	     }},
	};
	for (const Refused &one : cases)
		EXPECT_EQ(with(one.change).reason(), one.reason) << one.what;
}

} // namespace
} // namespace ob::webhook
