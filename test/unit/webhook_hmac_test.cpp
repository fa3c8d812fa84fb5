// HMACs in a header: the sheets' worked examples, secrets while they are rotated, and what is refused.
#include <gtest/gtest.h>

#include <vector>

#include "support/webhook_check.hpp"

#include "crypto/base64.hpp"
#include "crypto/digest.hpp"

namespace ob::webhook {
namespace {

constexpr const char *kConnectSecret = "aqJ5Ic4SEVx2IgDQ6oR4";
constexpr const char *kPing = R"({"eventType":"ping","payload":{}})";
constexpr const char *kPingMac = "04e3c12fafc2e888688d4ea0481553998fa7104872005b74e5d760862272019a";
constexpr const char *kLeanSecret = "lean-webhook-secret-example";
constexpr const char *kLeanMac = "8b569f59d3bc4fe49b9fdf7fecaf5b0ce923972b0c88b71fab36a13d2ef31548"
                                 "75dbd1e0403bd1754112fea8b46d29516bc94ac38d7fb4eb62bbd875f99bd6b7";

std::vector<Secret> secrets(std::initializer_list<const char *> texts) {
	return {texts.begin(), texts.end()};
}

std::string header(std::string_view name, std::string_view value) {
	return "{\"" + std::string(name) + "\": \"" + std::string(value) + "\"}";
}

std::string upper(std::string text) {
	for (char &c : text)
		c = static_cast<char>(std::toupper(c));
	return text;
}

std::string_view connect(std::string_view mac, std::string_view body = kPing, const SchemeSettings &settings = {},
                         std::vector<Secret> known = secrets({kConnectSecret})) {
	const std::string name = settings.header.empty() ? "x-finicity-signature" : settings.header;
	return testing::webhook_reason("hmac_sha256", {header(name, mac), std::string(body)}, settings, {{}, known});
}

std::string_view lean(std::string_view mac, std::string_view body = "{}", const SchemeSettings &settings = {}) {
	const std::vector<Secret> known = secrets({kLeanSecret});
	return testing::webhook_reason("hmac_sha512", {header("lean-signature", mac), std::string(body)}, settings,
	                               {{}, known});
}

TEST(HmacWebhook, WorkedExamples) {
	EXPECT_EQ(find_scheme("hmac_sha256")->key_source(), KeySource::secrets);
	EXPECT_EQ(find_scheme("hmac_sha512")->key_source(), KeySource::secrets);
	EXPECT_EQ(connect(kPingMac), "");
	EXPECT_EQ(connect("d69dfb6d4079bcf1907e259ad49c59ab1410ab1c9291252f4aa0a1e675d64b86",
	                  R"({"customerId":"1005061234","eventType":"started",)"
	                  R"("eventId":"1495468585434-0e73d1719173766fe4dfe1a8","payload":{}})"),
	          "");
	EXPECT_EQ(lean("sha512=" + std::string(kLeanMac)), "");
}

TEST(HmacWebhook, MayBeWrittenOtherwise) {
	EXPECT_EQ(connect(upper(kPingMac)), "");
	EXPECT_EQ(connect("  " + std::string(kPingMac) + " "), "");
	EXPECT_EQ(lean(kLeanMac), "");
	EXPECT_EQ(lean("SHA512= " + upper(kLeanMac)), "");
	SchemeSettings other_name;
	other_name.header = "tl-signature";
	EXPECT_EQ(connect(kPingMac, kPing, other_name), "");
}

TEST(HmacWebhook, Base64OnlyByConfiguration) {
	const std::string mac = crypto::base64_encode(*crypto::unhex(kPingMac));
	SchemeSettings base64;
	base64.mac_text = MacText::base64;
	EXPECT_EQ(connect(mac), reason::signature_malformed);
	EXPECT_EQ(connect(mac, kPing, base64), "");
	EXPECT_EQ(connect(kPingMac, kPing, base64), reason::signature_malformed);
	EXPECT_EQ(connect(mac.substr(0, mac.size() - 1), kPing, base64), reason::signature_malformed);
	EXPECT_EQ(lean("sha512=" + crypto::base64_encode(*crypto::unhex(kLeanMac)), "{}", base64), "");
}

// TrueLayer's simple way: the same header as its other one, and the secret's text as it is.
TEST(HmacWebhook, UnderTheHeaderOfTheProvider) {
	SchemeSettings settings;
	settings.header = "Tl-Signature";
	const std::string hex_secret(64, 'a'); // not its 32 bytes
	const auto sent = [&](const std::string &value, const char *name = "tl-signature") {
		const std::vector<Secret> known = secrets({hex_secret.c_str()});
		return testing::webhook_reason("hmac_sha256", {header(name, value), kPing}, settings, {{}, known});
	};
	const std::string mac = crypto::hex(crypto::hmac_sha256(hex_secret, kPing));
	EXPECT_EQ(sent(mac), "");
	EXPECT_EQ(sent(mac, "X-Finicity-Signature"), reason::header_missing);
	EXPECT_EQ(sent(crypto::hex(crypto::hmac_sha256(*crypto::unhex(hex_secret), kPing))), reason::wrong_signature);
	EXPECT_EQ(sent(std::string(64, '0')), reason::wrong_signature);
	EXPECT_EQ(sent(mac.substr(0, 63)), reason::signature_malformed);
	EXPECT_EQ(sent("eyJhbGciOiJFUzUxMiJ9..AAAA"), reason::signature_malformed);
}

TEST(HmacWebhook, EverySecretCounts) {
	EXPECT_EQ(connect(kPingMac, kPing, {}, secrets({"the new one", kConnectSecret})), "");
	EXPECT_EQ(connect(kPingMac, kPing, {}, secrets({kConnectSecret, "the old one"})), "");
	EXPECT_EQ(connect(kPingMac, kPing, {}, secrets({"", kConnectSecret})), "");
	EXPECT_EQ(connect(kPingMac, kPing, {}, secrets({"one", "two"})), reason::wrong_signature);
}

TEST(HmacWebhook, IsRefused) {
	const std::string mac(kPingMac);
	const std::string by_empty = crypto::hex(crypto::hmac_sha256("", kPing));
	EXPECT_EQ(connect(by_empty, kPing, {}, {}), reason::key_missing);
	EXPECT_EQ(connect(by_empty, kPing, {}, secrets({""})), reason::key_missing);
	EXPECT_EQ(connect(by_empty, kPing, {}, secrets({"", "one"})), reason::wrong_signature);

	EXPECT_EQ(connect(mac, R"({"eventType":"ping","payload":{} })"), reason::wrong_signature);
	EXPECT_EQ(connect(mac, R"({"eventType":"pinG","payload":{}})"), reason::wrong_signature);
	EXPECT_EQ(connect(mac, ""), reason::wrong_signature);
	EXPECT_EQ(connect("1" + mac.substr(1)), reason::wrong_signature);

	for (const std::string &text :
	     {std::string(), mac.substr(2), mac.substr(1), mac + "00", mac + "0", "sha256=" + mac, "0x" + mac.substr(2),
	      "t=1763800000,v1=" + mac, mac + "," + mac, "g" + mac.substr(1), std::string(kLeanMac)})
		EXPECT_EQ(connect(text), reason::signature_malformed) << text;
	for (const std::string &text : {"sha256=" + mac, "sha512=" + mac, std::string("sha512="), std::string("sha512==")})
		EXPECT_EQ(lean(text), reason::signature_malformed) << text;

	const auto raw = [](const std::string &headers) {
		const std::vector<Secret> known = secrets({kConnectSecret});
		return testing::webhook_reason("hmac_sha256", {headers, kPing}, {}, {{}, known});
	};
	EXPECT_EQ(raw("{}"), reason::header_missing);
	EXPECT_EQ(raw(header("tl-signature", mac)), reason::header_missing);
	EXPECT_EQ(raw(R"({"X-Finicity-Signature": [")" + mac + R"(", ")" + mac + R"("]})"), reason::header_doubled);
	EXPECT_EQ(raw(R"({"X-Finicity-Signature": null})"), reason::header_malformed);
}

} // namespace
} // namespace ob::webhook
