// Webhooks of the simulator: which are sent, how they are signed, how they are repeated.
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>

#include "sandbox_client.hpp"

namespace ob::sandbox {
namespace {

std::string from_base64_url(std::string text) {
	for (char &c : text) {
		c = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	text.append((4 - text.size() % 4) % 4, '=');
	return base64_decode(text).value_or("");
}

// Checks a signature with nothing but OpenSSL and the public key.
bool verifies(const Json &key, const std::string &text, const std::string &signature) {
	const std::string point = "\x04" + from_base64_url(key.text_of("x")) + from_base64_url(key.text_of("y"));
	const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> build(OSSL_PARAM_BLD_new(),
	                                                                            OSSL_PARAM_BLD_free);
	OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
	OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
	const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> params(OSSL_PARAM_BLD_to_param(build.get()),
	                                                                     OSSL_PARAM_free);
	const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> maker(
	    EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), EVP_PKEY_CTX_free);
	EVP_PKEY *made = nullptr;
	EVP_PKEY_fromdata_init(maker.get());
	EVP_PKEY_fromdata(maker.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get());
	const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair(made, EVP_PKEY_free);

	const auto *bytes = reinterpret_cast<const unsigned char *>(signature.data());
	const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> both(ECDSA_SIG_new(), ECDSA_SIG_free);
	ECDSA_SIG_set0(both.get(), BN_bin2bn(bytes, 32, nullptr), BN_bin2bn(bytes + 32, 32, nullptr));
	unsigned char *der = nullptr;
	const int size = i2d_ECDSA_SIG(both.get(), &der);
	const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
	EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, pair.get());
	const int good = EVP_DigestVerify(context.get(), der, static_cast<std::size_t>(size),
	                                  reinterpret_cast<const unsigned char *>(text.data()), text.size());
	OPENSSL_free(der);
	return good == 1;
}

class SandboxWebhooks : public SandboxTest {
protected:
	/// Takes everything that is due and answers each with `status`. Returns type/code of each.
	std::vector<std::string> deliver(int status = 200) {
		std::vector<std::string> out;
		while (auto webhook = simulator_.next_webhook()) {
			const Json body = Json::parse(webhook->body);
			out.push_back(body.text_of("webhook_type") + "/" + body.text_of("webhook_code"));
			simulator_.webhook_sent(webhook->id, status);
		}
		return out;
	}
	using Names = std::vector<std::string>;

	std::string token_ = link(R"({"webhook": "http://127.0.0.1:1/hook"})");
};

TEST_F(SandboxWebhooks, SyncUpdatesOnlyAfterAFirstSync) {
	EXPECT_EQ(deliver(), (Names{"TRANSACTIONS/INITIAL_UPDATE", "TRANSACTIONS/HISTORICAL_UPDATE"}));
	control("plaid/transactions/add");
	EXPECT_EQ(deliver(), (Names{"TRANSACTIONS/DEFAULT_UPDATE"}));
	static_cast<void>(sync(token_));
	const Json added = control("plaid/transactions/add");
	EXPECT_EQ(deliver(), (Names{"TRANSACTIONS/DEFAULT_UPDATE", "TRANSACTIONS/SYNC_UPDATES_AVAILABLE"}));
	control("plaid/transactions/remove", added.dump());
	EXPECT_EQ(deliver(), (Names{"TRANSACTIONS/DEFAULT_UPDATE", "TRANSACTIONS/TRANSACTIONS_REMOVED",
	                            "TRANSACTIONS/SYNC_UPDATES_AVAILABLE"}));
	control("plaid/transactions/add", R"({"announce": false})");
	EXPECT_TRUE(deliver().empty());
}

TEST_F(SandboxWebhooks, BrokenAndRepaired) {
	deliver();
	plaid("/sandbox/item/reset_login", with_token(token_));
	EXPECT_EQ(deliver(), (Names{"ITEM/ERROR"}));
	control("plaid/transactions/add");
	EXPECT_TRUE(deliver().empty()); // nobody sees the bank while the login is broken
	control("plaid/items/set", R"({"error": null})");
	EXPECT_EQ(deliver(), (Names{"ITEM/LOGIN_REPAIRED", "TRANSACTIONS/DEFAULT_UPDATE"}));
	EXPECT_EQ(plaid("/item/get", with_token(token_)).body.get("status").get("last_webhook").text_of("code_sent"),
	          "DEFAULT_UPDATE");
}

TEST_F(SandboxWebhooks, ConsentRunsOut) {
	deliver();
	control("config", R"({"item_login_days": 0})");
	control("plaid/items/set", R"({"consent_expiration_time": "2026-03-20T00:00:00Z"})");
	EXPECT_TRUE(deliver().empty());
	control("clock", R"({"set": "2026-03-13T00:00:00Z"})");
	EXPECT_EQ(deliver(), (Names{"ITEM/PENDING_EXPIRATION"}));
	control("clock", R"({"set": "2026-03-20T00:00:00Z"})");
	EXPECT_EQ(deliver(), (Names{"ITEM/ERROR"}));
	EXPECT_EQ(sync(token_).body.text_of("error_code_reason"), "OAUTH_CONSENT_EXPIRED");
}

TEST_F(SandboxWebhooks, UrlUpdateIsAcknowledgedThere) {
	deliver();
	plaid("/item/webhook/update", with_token(token_, R"(,"webhook":"http://127.0.0.1:2/new")"));
	const auto webhook = simulator_.next_webhook();
	ASSERT_TRUE(webhook);
	EXPECT_EQ(webhook->url, "http://127.0.0.1:2/new");
	EXPECT_EQ(Json::parse(webhook->body).text_of("new_webhook_url"), "http://127.0.0.1:2/new");
}

TEST_F(SandboxWebhooks, HostedSessionSendsItsResult) {
	deliver();
	const Answer created = plaid(
	    "/link/token/create",
	    R"({"client_name": "App", "language": "en", "country_codes": ["US"], "user": {"client_user_id": "u"}, "products": ["transactions"],
		"hosted_link": {}, "webhook": "http://127.0.0.1:1/hook"})");
	const std::string body = ObjectText{}.string("link_token", created.body.text_of("link_token")).end();
	control("plaid/link/complete", body);
	EXPECT_EQ(deliver(), (Names{"TRANSACTIONS/INITIAL_UPDATE", "TRANSACTIONS/HISTORICAL_UPDATE", "LINK/ITEM_ADD_RESULT",
	                            "LINK/SESSION_FINISHED", "LINK/EVENTS"}));
	control("plaid/link/exit", body);
	EXPECT_EQ(deliver(), (Names{"LINK/SESSION_FINISHED", "LINK/EVENTS"}));
}

TEST_F(SandboxWebhooks, UpdateModeSendsToTheItemsOwnUrl) {
	deliver();
	const auto complete = [this](const std::string &hosted) {
		const Answer created =
		    plaid("/link/token/create",
		          with_token(token_, R"(,"client_name": "App", "language": "en", "country_codes": ["US"],)"
		                             R"( "user": {"client_user_id": "u"}, "webhook": "http://127.0.0.1:2/other")" +
		                                 hosted));
		control("plaid/link/complete", ObjectText{}.string("link_token", created.body.text_of("link_token")).end());
	};
	complete("");
	EXPECT_TRUE(deliver().empty()); // sessions that are not hosted have no webhooks
	complete(R"(,"hosted_link": {})");
	const auto webhook = simulator_.next_webhook();
	ASSERT_TRUE(webhook);
	EXPECT_EQ(webhook->url, "http://127.0.0.1:1/hook");
	const Json body = Json::parse(webhook->body);
	EXPECT_EQ(body.text_of("webhook_code"), "SESSION_FINISHED");
	EXPECT_TRUE(body.get("public_tokens").elements().empty());
	EXPECT_FALSE(body.has("public_token"));
}

TEST_F(SandboxWebhooks, BodyIsSignedAsSent) {
	const auto webhook = simulator_.next_webhook();
	ASSERT_TRUE(webhook);
	EXPECT_TRUE(webhook->body.starts_with("{\n  \"environment\": \"sandbox\",\n  \"error\": null,\n"));
	EXPECT_TRUE(webhook->body.ends_with("}"));
	ASSERT_EQ(webhook->headers.front().first, "Plaid-Verification");
	const std::string jwt = webhook->headers.front().second;
	const std::size_t first = jwt.find('.');
	const std::size_t second = jwt.find('.', first + 1);
	EXPECT_EQ(jwt.find('='), std::string::npos);
	const Json header = Json::parse(from_base64_url(jwt.substr(0, first)));
	const Json claims = Json::parse(from_base64_url(jwt.substr(first + 1, second - first - 1)));
	EXPECT_EQ(header.text_of("alg"), "ES256");
	EXPECT_EQ(header.text_of("typ"), "JWT");
	EXPECT_EQ(claims.integer_of("iat"), 1772877600);
	EXPECT_EQ(claims.text_of("request_body_sha256"), hex(sha256(webhook->body)));

	const Answer key =
	    plaid("/webhook_verification_key/get", ObjectText{}.string("key_id", header.text_of("kid")).end());
	ASSERT_EQ(key.status(), 200);
	const std::string signature = from_base64_url(jwt.substr(second + 1));
	ASSERT_EQ(signature.size(), 64U);
	EXPECT_TRUE(verifies(key.body.get("key"), jwt.substr(0, second), signature));
	EXPECT_FALSE(verifies(key.body.get("key"), jwt.substr(0, second) + "x", signature));
}

TEST_F(SandboxWebhooks, KeysRotateAndExpire) {
	const std::string old = control("plaid/webhooks/sign").text_of("kid");
	const std::string fresh = control("plaid/webhooks/rotate_key", R"({"expire_old": true})").text_of("kid");
	const auto expired = [&](const std::string &kid) {
		return plaid("/webhook_verification_key/get", ObjectText{}.string("key_id", kid).end())
		    .body.get("key")
		    .get("expired_at");
	};
	EXPECT_TRUE(expired(old).is_number());
	EXPECT_TRUE(expired(fresh).is_null());
	EXPECT_EQ(control("plaid/webhooks/sign").text_of("kid"), fresh);
	EXPECT_EQ(plaid("/webhook_verification_key/get", R"({"key_id": "none"})").code(),
	          "INVALID_WEBHOOK_VERIFICATION_KEY_ID");
}

TEST_F(SandboxWebhooks, RepeatedAtFourfoldDistances) {
	deliver();
	control("plaid/webhooks/fire", R"({"type": "ITEM", "code": "LOGIN_REPAIRED"})");
	EXPECT_EQ(deliver(500).size(), 1U);
	for (const int pause : {30, 120, 480}) {
		control("clock", R"({"advance_seconds": )" + std::to_string(pause - 1) + "}");
		EXPECT_TRUE(deliver(500).empty());
		control("clock", R"({"advance_seconds": 1})");
		EXPECT_EQ(deliver(500).size(), 1U) << pause;
	}
	control("clock", R"({"advance_days": 3})");
	EXPECT_EQ(deliver(500).size(), 1U);
	control("clock", R"({"advance_days": 3})");
	EXPECT_TRUE(deliver(500).empty()); // given up after a day
}

TEST_F(SandboxWebhooks, LostRepeatedHeldAndDisordered) {
	deliver();
	const auto fire = [this](const char *code) {
		control("plaid/webhooks/fire", R"({"type": "ITEM", "code": ")" + std::string(code) + "\"}");
	};
	control("webhooks", R"({"lose_next": 1})");
	fire("LOGIN_REPAIRED");
	EXPECT_TRUE(deliver().empty());
	control("webhooks", R"({"repeat_next": 1})");
	fire("LOGIN_REPAIRED");
	EXPECT_EQ(deliver().size(), 2U);
	control("webhooks", R"({"hold": true})");
	fire("LOGIN_REPAIRED");
	fire("PENDING_DISCONNECT");
	EXPECT_TRUE(deliver().empty());
	control("webhooks", R"({"hold": false, "reverse": true})");
	EXPECT_EQ(deliver(), (Names{"ITEM/PENDING_DISCONNECT", "ITEM/LOGIN_REPAIRED"}));
}

TEST_F(SandboxWebhooks, FiredOnDemand) {
	deliver();
	const auto fire = [this](const std::string &more) {
		return plaid("/sandbox/item/fire_webhook", with_token(token_, ",\"webhook_code\":" + more));
	};
	EXPECT_TRUE(fire("\"SYNC_UPDATES_AVAILABLE\"").body.truth_of("webhook_fired"));
	EXPECT_EQ(fire("\"ERROR\",\"webhook_type\":\"ITEM\"").status(), 200);
	EXPECT_EQ(deliver(), (Names{"TRANSACTIONS/SYNC_UPDATES_AVAILABLE", "ITEM/ERROR"}));
	EXPECT_EQ(fire("\"HISTORICAL\"").code(), "INVALID_FIELD");
	plaid("/item/webhook/update", with_token(token_, ",\"webhook\":null"));
	EXPECT_EQ(fire("\"SYNC_UPDATES_AVAILABLE\"").code(), "SANDBOX_WEBHOOK_INVALID");
}

} // namespace
} // namespace ob::sandbox
