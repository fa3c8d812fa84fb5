// Webhooks of the simulated TrueLayer: events, signatures in two schemes, notices, retries.
#include "sandbox_truelayer.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

namespace ob::sandbox {
namespace {

class TrueLayerWebhooks : public TrueLayerTest {
protected:
	static std::string header(const OutgoingWebhook &webhook, const std::string &name) {
		for (const auto &[key, value] : webhook.headers) {
			if (equal_fold(key, name)) {
				return value;
			}
		}
		return {};
	}
	OutgoingWebhook next() {
		auto webhook = simulator_.next_webhook();
		EXPECT_TRUE(webhook);
		return webhook.value_or(OutgoingWebhook{});
	}
	static std::string decoded(std::string text) {
		for (char &c : text) {
			c = c == '-' ? '+' : c == '_' ? '/' : c;
		}
		text.append((4 - text.size() % 4) % 4, '=');
		return base64_decode(text).value_or("");
	}

	/// Verifies a Tl-Signature with the simulator's key set, on its own.
	bool verifies(const std::string &signature, const std::string &payload) {
		const std::size_t dots = signature.find("..");
		const std::string head = signature.substr(0, dots);
		const std::string raw = decoded(signature.substr(dots + 2));
		const Json jose = Json::parse(decoded(head));
		const Json keys = send(request_of("GET", "/webhooks/.well-known/jwks")).body.get("keys");
		for (const Json &key : keys.elements()) {
			if (key.text_of("kid") == jose.text_of("kid") && raw.size() == 132) {
				return ecdsa(key, raw, head + "." + base64_url(payload));
			}
		}
		return false;
	}

	static bool ecdsa(const Json &key, const std::string &raw, const std::string &input) {
		const auto padded = [](std::string bytes) { return std::string(66 - bytes.size(), '\0') + bytes; };
		const std::string point = "\x04" + padded(decoded(key.text_of("x"))) + padded(decoded(key.text_of("y")));
		OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-521", 0);
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
		OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
		EVP_PKEY *pkey = nullptr;
		EVP_PKEY_fromdata_init(context);
		EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters);
		ECDSA_SIG *pair = ECDSA_SIG_new();
		const auto *bytes = reinterpret_cast<const unsigned char *>(raw.data());
		ECDSA_SIG_set0(pair, BN_bin2bn(bytes, 66, nullptr), BN_bin2bn(bytes + 66, 66, nullptr));
		unsigned char *der = nullptr;
		const int size = i2d_ECDSA_SIG(pair, &der);
		EVP_MD_CTX *digest = EVP_MD_CTX_new();
		EVP_DigestVerifyInit(digest, nullptr, EVP_sha512(), nullptr, pkey);
		const bool good = EVP_DigestVerify(digest, der, static_cast<std::size_t>(size),
		                                   reinterpret_cast<const unsigned char *>(input.data()), input.size()) == 1;
		EVP_MD_CTX_free(digest);
		OPENSSL_free(der);
		ECDSA_SIG_free(pair);
		EVP_PKEY_free(pkey);
		EVP_PKEY_CTX_free(context);
		OSSL_PARAM_free(parameters);
		OSSL_PARAM_BLD_free(build);
		return good;
	}
};

TEST_F(TrueLayerWebhooks, EventsByThemselvesAndByHand) {
	connect(R"({"item_id": "con", "accounts": [{"account_id": "acc"}]})");
	control("truelayer/transactions/add", "{}"); // nobody listens
	EXPECT_FALSE(simulator_.next_webhook());
	control("truelayer/config", R"({"webhook_url": "http://127.0.0.1/hook"})");
	const auto told = [&] {
		const Json body = Json::parse(next().body);
		EXPECT_FALSE(body.text_of("event_id").empty());
		return body.text_of("type") + " " + body.text_of("resource_type") + " " + body.text_of("resource_id");
	};
	control("truelayer/transactions/add", "{}");
	EXPECT_EQ(told(), "transaction.created account acc");
	control("truelayer/transactions/add", R"({"announce": false})");
	control("truelayer/accounts/set", R"({"balance": {"current": 5}})");
	EXPECT_EQ(told(), "balance.updated account acc");
	control("truelayer/accounts/set", R"({"set": {"display_name": "New"}})");
	EXPECT_EQ(told(), "account.updated account acc");
	control("truelayer/items/set", R"({"revoked": true})");
	EXPECT_EQ(told(), "consent.revoked connection con");
	control("truelayer/webhooks/fire",
	        R"({"type": "payment_executed", "resource_id": "x", "set": {"event_version": 1}})");
	EXPECT_EQ(Json::parse(next().body).integer_of("event_version"), 1);
}

TEST_F(TrueLayerWebhooks, SignedOverMethodPathHeaderAndBody) {
	connect(R"({"accounts": [{"account_id": "acc"}]})");
	control("truelayer/config", R"({"webhook_url": "http://127.0.0.1:81/a/hook?x=1"})");
	for (int n = 0; n < 6; ++n) { // half of all coordinates lack their leading zero byte
		control("truelayer/webhooks/rotate_key");
		control("truelayer/webhooks/fire", "{}");
		const OutgoingWebhook webhook = next();
		const std::string signature = header(webhook, "tl-signature");
		const Json jose = Json::parse(decoded(signature.substr(0, signature.find('.'))));
		EXPECT_EQ(jose.text_of("alg"), "ES512");
		EXPECT_EQ(jose.text_of("tl_version"), "2");
		EXPECT_EQ(jose.text_of("tl_headers"), "X-Tl-Webhook-Timestamp");
		EXPECT_EQ(jose.text_of("jku"), "http://127.0.0.1/truelayer/webhooks/.well-known/jwks");
		EXPECT_EQ(header(webhook, "x-tl-webhook-timestamp"), "2026-03-07T10:00:00Z");
		const std::string payload = "POST /a/hook\nX-Tl-Webhook-Timestamp: 2026-03-07T10:00:00Z\n" + webhook.body;
		EXPECT_TRUE(verifies(signature, payload));
		EXPECT_FALSE(verifies(signature, payload + " "));
	}
	const std::string keys = send(request_of("GET", "/webhooks/.well-known/jwks")).response.body;
	EXPECT_NE(keys.find("\"kty\":\"RSA\""), std::string::npos);
}

TEST_F(TrueLayerWebhooks, SignaturesMadeWrongOnPurpose) {
	const auto made = [&](const std::string &more) {
		return control("truelayer/webhooks/sign",
		               R"({"body": "{}", "path": "/h", "headers": {}, "jku": "j")" + more + "}")
		    .text_of("signature");
	};
	EXPECT_TRUE(verifies(made(""), "POST /h\n{}"));
	EXPECT_FALSE(verifies(made(R"(, "form": "der")"), "POST /h\n{}"));
	EXPECT_FALSE(verifies(made(R"(, "form": "cut")"), "POST /h\n{}"));
	EXPECT_FALSE(verifies(made(R"(, "form": "flipped")"), "POST /h\n{}"));
	EXPECT_EQ(made(R"(, "form": "attached")").find(".."), std::string::npos);
	const std::string strange = made(R"(, "alg": "HS256", "tl_version": "", "kid": "nobody")");
	const Json jose = Json::parse(decoded(strange.substr(0, strange.find('.'))));
	EXPECT_EQ(jose.text_of("alg"), "HS256");
	EXPECT_FALSE(jose.has("tl_version"));
}

TEST_F(TrueLayerWebhooks, HmacInstead) {
	connect(R"({"accounts": [{"account_id": "acc"}]})");
	control("truelayer/config",
	        R"({"webhook_url": "http://127.0.0.1/hook", "webhook_scheme": "hmac", "webhook_secret": "00ff"})");
	control("truelayer/webhooks/fire", "{}");
	const OutgoingWebhook webhook = next();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	HMAC(EVP_sha256(), "00ff", 4, reinterpret_cast<const unsigned char *>(webhook.body.data()), webhook.body.size(),
	     digest, &size);
	EXPECT_EQ(header(webhook, "tl-signature"), hex({reinterpret_cast<char *>(digest), size}));
}

TEST_F(TrueLayerWebhooks, NoticesOfFinishedTasks) {
	control("truelayer/config", R"({"async_queued_ms": 1000})");
	const std::string token = connect(R"({"accounts": [{"account_id": "acc"}]})").text_of("access_token");
	const Answer started = data(token, "/accounts?async=true&webhook_uri=http://127.0.0.1/done");
	simulator_.tick();
	EXPECT_FALSE(simulator_.next_webhook());
	control("clock", R"({"advance_seconds": 1})");
	const OutgoingWebhook notice = next();
	EXPECT_EQ(notice.url, "http://127.0.0.1/done");
	EXPECT_TRUE(notice.headers.empty()); // whether they are signed is not documented
	const Json body = Json::parse(notice.body);
	EXPECT_EQ(body.text_of("task_id"), started.body.text_of("task_id"));
	EXPECT_EQ(body.text_of("status"), "Succeeded");
	EXPECT_EQ(body.text_of("results_uri"), started.body.text_of("results_uri"));
}

TEST_F(TrueLayerWebhooks, RepeatedForThreeDays) {
	connect(R"({"accounts": [{"account_id": "acc"}]})");
	control("truelayer/config", R"({"webhook_url": "http://127.0.0.1/hook"})");
	control("truelayer/webhooks/fire", "{}");
	int attempts = 0;
	for (int hour = 0; hour < 80; ++hour) {
		while (const auto webhook = simulator_.next_webhook()) {
			++attempts;
			simulator_.webhook_sent(webhook->id, 500);
		}
		control("clock", R"({"advance_seconds": 3600})");
	}
	EXPECT_GT(attempts, 8);
	const Json given_up = control("webhooks").get("webhooks").elements().front();
	EXPECT_EQ(given_up.text_of("state"), "given_up");
	control("truelayer/webhooks/fire", "{}");
	simulator_.webhook_sent(next().id, 204); // any 2xx will do
	EXPECT_EQ(control("webhooks").get("webhooks").elements().back().text_of("state"), "delivered");
}

} // namespace
} // namespace ob::sandbox
