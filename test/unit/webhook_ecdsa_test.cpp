// ECDSA over body and time: the sheet's example, encodings, layouts, several keys, and what is refused.
#include <gtest/gtest.h>

#include <functional>

#include "support/ec_signer.hpp"
#include "support/webhook_check.hpp"

#include "crypto/digest.hpp"

namespace ob::webhook {
namespace {

using namespace std::chrono_literals;

// The sheet's own example.
constexpr const char *kSheetKey = "-----BEGIN PUBLIC KEY-----\n"
                                  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4iNncf35sVnjmAiNAb6jOjBsqWW7\n"
                                  "u65EipIc27xsdhwbThWkWrZze+15zRmU39/Zm6zQUGwWxWUWZL/uwkfFMQ==\n"
                                  "-----END PUBLIC KEY-----\n";
constexpr const char *kSheetBody =
    R"({"eventId":"661f3c48-f596-423b-81f5-d275d4dd1346","eventName":"authorization.expiration.reminder",)"
    R"("payload":{"customerId":"1005061234","institutionLoginId":"1007302745"}})";
constexpr const char *kDer = "30450220137f1cc5040f67cd8d7a182d10063e0d3b1fd598ba6f02a1ba70be165fe7de71"
                             "022100f09f4f31e72213a086145ba3512625c4f25a4252d0b6a33b7a18a3b2b4dbcd23";
constexpr const char *kRaw = "137f1cc5040f67cd8d7a182d10063e0d3b1fd598ba6f02a1ba70be165fe7de71"
                             "f09f4f31e72213a086145ba3512625c4f25a4252d0b6a33b7a18a3b2b4dbcd23";
constexpr std::int64_t kSheetTime = 1754700000;

struct Case {
	std::string signature = kDer;
	std::string time = "1754700000000";
	std::string more; // further headers, with a comma in front
	std::string body = kSheetBody;
	std::string keys = kSheetKey;
	SchemeSettings settings;
	Timestamp received_at = Timestamp(std::chrono::seconds(kSheetTime));

	std::string_view reason() const {
		return testing::webhook_reason("ecdsa_sha256",
		                               {R"({"X-Mastercard-Signature": ")" + signature +
		                                    R"(", "X-Mastercard-Signature-Timestamp": ")" + time + "\"" + more + "}",
		                                body, received_at},
		                               settings, {keys, {}});
	}
};

Case with(const std::function<void(Case &)> &change) {
	Case one;
	change(one);
	return one;
}

std::string algorithm(const std::string &name) {
	return R"(, "x-mastercard-signature-algorithm": ")" + name + "\"";
}

TEST(EcdsaWebhook, WorkedExampleInEveryEncoding) {
	EXPECT_EQ(find_scheme("ecdsa_sha256")->key_source(), KeySource::public_keys);
	const std::string base64 = "MEUCIBN/HMUED2fNjXoYLRAGPg07H9WYum8CobpwvhZf595xAiEA8J9PMeciE6CGFFujUSYlxPJaQlLQtqM7"
	                           "ehijsrTbzSM=";
	std::string url = base64;
	std::replace(url.begin(), url.end(), '/', '_');
	for (const std::string &text :
	     {std::string(kDer), std::string(kRaw), base64, base64.substr(0, base64.size() - 1), url,
	      crypto::base64_encode(*crypto::unhex(kRaw)), crypto::base64url_encode(*crypto::unhex(kRaw))})
		EXPECT_EQ(with([&](Case &c) { c.signature = text; }).reason(), "") << text;
	EXPECT_EQ(with([](Case &c) { c.more = algorithm("sha256WITHecdsa"); }).reason(), "");
	EXPECT_EQ(with([](Case &c) { c.received_at += 300s; }).reason(), "");
	EXPECT_EQ(with([](Case &c) { c.received_at -= 300s; }).reason(), "");
}

TEST(EcdsaWebhook, LayoutsAndTimes) {
	static const testing::EcSigner signer;
	const auto sign = [](const std::string &message) { return crypto::hex(signer.der(EVP_sha256(), message)); };
	const std::string body = kSheetBody;
	for (const std::string time :
	     {"1754700000", "1754700000000", "2025-08-09T00:40:00Z", "2025-08-09T02:40:00.5+02:00"}) {
		const std::pair<SignedLayout, std::string> layouts[] = {
		    {SignedLayout::body_dot_time, body + "." + time},
		    {SignedLayout::time_dot_body, time + "." + body},
		    {SignedLayout::body_time, body + time},
		    {SignedLayout::time_body, time + body},
		    {SignedLayout::body, body},
		};
		for (const auto &[signed_as, message] : layouts)
			for (const auto &[expected, ignored] : layouts)
				EXPECT_EQ(with([&](Case &c) {
					          c.keys = signer.pem();
					          c.signature = sign(message);
					          c.time = time;
					          c.settings.layout = expected;
				          }).reason(),
				          signed_as == expected ? "" : reason::wrong_signature)
				    << time;
	}
}

TEST(EcdsaWebhook, AnyOfTheKeys) {
	static const testing::EcSigner first;
	static const testing::EcSigner second("P-384");
	const std::string message = std::string(kSheetBody) + ".1754700000000";
	for (const testing::EcSigner *signer : {&first, &second})
		for (const bool raw : {false, true})
			EXPECT_EQ(with([&](Case &c) {
				          c.keys = first.pem() + second.pem();
				          c.signature = crypto::hex(raw ? signer->raw(EVP_sha256(), message)
				                                        : signer->der(EVP_sha256(), message));
			          }).reason(),
			          "");
}

TEST(EcdsaWebhook, IsRefused) {
	const std::string der(kDer);
	const std::string raw(kRaw);
	const testing::EcSigner other;
	struct Refused {
		const char *what;
		std::string_view reason;
		std::function<void(Case &)> change;
	};
	const Refused cases[] = {
	    {"signed as timestamp.body", reason::wrong_signature,
	     [](Case &c) {
		     c.signature = "MEUCICuv/gOsP3W8l18ZZT9LRdNI23JKnvhBEbUSdPQn5ZYmAiEAveK5kUoErfNAY3fwHKm/8A60O8BXfxM5uUHg"
		                   "sNJ6wDY=";
	     }},
	    {"another byte of the body", reason::wrong_signature, [](Case &c) { c.body[5] ^= 1; }},
	    {"another time", reason::wrong_signature, [](Case &c) { c.time = "1754700000001"; }},
	    {"another key", reason::wrong_signature, [&](Case &c) { c.keys = other.pem(); }},
	    {"301 s old", reason::too_old, [](Case &c) { c.received_at += 301s; }},
	    {"301 s ahead", reason::in_the_future, [](Case &c) { c.received_at -= 301s; }},
	    {"no time", reason::time_malformed, [](Case &c) { c.time = ""; }},
	    {"a time of words", reason::time_malformed, [](Case &c) { c.time = "yesterday"; }},
	    {"a time of 16 digits", reason::time_malformed, [](Case &c) { c.time = "1754700000000000"; }},
	    {"a time without a zone", reason::time_malformed, [](Case &c) { c.time = "2025-08-09T00:40:00"; }},
	    {"no signature", reason::signature_malformed, [](Case &c) { c.signature = ""; }},
	    {"padding alone", reason::signature_malformed, [](Case &c) { c.signature = "===="; }},
	    {"no encoding", reason::signature_malformed, [](Case &c) { c.signature = "§§"; }},
	    {"an odd number of digits", reason::signature_malformed, [&](Case &c) { c.signature = der.substr(1); }},
	    {"a byte after DER", reason::wrong_signature, [&](Case &c) { c.signature = der + "00"; }},
	    {"DER cut off", reason::wrong_signature, [&](Case &c) { c.signature = der.substr(0, der.size() - 2); }},
	    {"a length in two bytes", reason::wrong_signature, [&](Case &c) { c.signature = "308145" + der.substr(4); }},
	    {"an indefinite length", reason::wrong_signature,
	     [&](Case &c) { c.signature = "3080" + der.substr(4) + "0000"; }},
	    {"a needless zero before r", reason::wrong_signature,
	     [&](Case &c) { c.signature = "3046022100" + der.substr(8); }},
	    {"a negative s", reason::wrong_signature,
	     [&](Case &c) { c.signature = "30440220" + raw.substr(0, 64) + "0220" + raw.substr(64); }},
	    {"r is 0", reason::wrong_signature, [&](Case &c) { c.signature = "3026020100" + der.substr(72); }},
	    {"raw cut off", reason::wrong_signature, [&](Case &c) { c.signature = raw.substr(2); }},
	    {"raw r is 0", reason::wrong_signature, [&](Case &c) { c.signature = std::string(64, '0') + raw.substr(64); }},
	    {"raw s is beyond n", reason::wrong_signature,
	     [&](Case &c) { c.signature = raw.substr(0, 64) + std::string(64, 'f'); }},
	    {"raw with a zero in front of each", reason::wrong_signature,
	     [&](Case &c) { c.signature = "00" + raw.substr(0, 64) + "00" + raw.substr(64); }},
	    {"another algorithm", reason::wrong_algorithm, [](Case &c) { c.more = algorithm("SHA1withECDSA"); }},
	    {"an algorithm of nothing", reason::wrong_algorithm, [](Case &c) { c.more = algorithm(""); }},
	    {"two algorithms", reason::header_doubled,
	     [](Case &c) { c.more = R"(, "X-Mastercard-Signature-Algorithm": ["SHA256withECDSA", "SHA256withECDSA"])"; }},
	    {"two times", reason::header_doubled,
	     [](Case &c) { c.more = R"(, "x-mastercard-signature-timestamp": "1754700000000")"; }},
	    {"two signatures", reason::header_doubled, [&](Case &c) { c.more = R"(, "x-mastercard-signature": "")"; }},
	    {"no key", reason::key_missing, [](Case &c) { c.keys = ""; }},
	    {"a key that is none", reason::key_malformed, [](Case &c) { c.keys = "a key"; }},
	    {"a damaged key beside a good one", reason::key_malformed,
	     [](Case &c) { c.keys += "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"; }},
	    {"keys without end", reason::key_malformed, [](Case &c) { c.keys += std::string(64 << 10, '\n'); }},
	    {"signed without the time", reason::wrong_signature,
	     [](Case &c) {
		     static const testing::EcSigner signer;
		     c.keys = signer.pem();
		     c.signature = crypto::hex(signer.der(EVP_sha256(), c.body));
	     }},
	};
	for (const Refused &one : cases)
		EXPECT_EQ(with(one.change).reason(), one.reason) << one.what;
	EXPECT_EQ(testing::webhook_reason("ecdsa_sha256", {"{}", kSheetBody}, {}, {kSheetKey, {}}), reason::header_missing);
	EXPECT_EQ(testing::webhook_reason("ecdsa_sha256", {R"({"x-mastercard-signature": "00"})", kSheetBody}, {},
	                                  {kSheetKey, {}}),
	          reason::header_missing);
}

} // namespace
} // namespace ob::webhook
