// Life of tokens and items in the simulated Plaid: exchange, breaking, rotation, removal, balances.
#include "sandbox_client.hpp"

namespace ob::sandbox {
namespace {

class SandboxItems : public SandboxTest {
protected:
	std::string public_token() {
		return plaid("/sandbox/public_token/create",
		             R"({"institution_id": "ins_109508", "initial_products": ["transactions"]})")
		    .body.text_of("public_token");
	}
	Answer exchange(const std::string &token) {
		return plaid("/item/public_token/exchange", ObjectText{}.string("public_token", token).end());
	}
};

TEST_F(SandboxItems, PublicTokenWorksOnceAndForHalfAnHour) {
	const std::string token = public_token();
	EXPECT_EQ(exchange(token).status(), 200);
	EXPECT_EQ(exchange(token).code(), "INVALID_PUBLIC_TOKEN");
	const std::string late = public_token();
	const std::string just = public_token();
	control("clock", R"({"advance_seconds": 1799})");
	EXPECT_EQ(exchange(just).status(), 200);
	control("clock", R"({"advance_seconds": 1})");
	EXPECT_EQ(exchange(late).code(), "INVALID_PUBLIC_TOKEN");
}

TEST_F(SandboxItems, TokensBelongToOneClient) {
	const std::string token = public_token();
	const std::string access = link();
	control(
	    "config",
	    R"({"clients": [{"client_id": "other", "secret": "s"}, {"client_id": "sandbox-client", "secret": "sandbox-secret"}]})");
	Request request = request_of("/plaid/item/get", with_token(access));
	request.headers[1].second = "other";
	request.headers[2].second = "s";
	EXPECT_EQ(send(request).code(), "INVALID_ACCESS_TOKEN");
	request.path = "/plaid/item/public_token/exchange";
	request.body = ObjectText{}.string("public_token", token).end();
	EXPECT_EQ(send(request).code(), "INVALID_PUBLIC_TOKEN");
	EXPECT_EQ(exchange(token).status(), 200);
}

TEST_F(SandboxItems, WrongLoginsAndBanks) {
	const auto create = [&](const std::string &institution, const std::string &options) {
		return plaid("/sandbox/public_token/create", R"({"initial_products": ["transactions"], "institution_id": ")" +
		                                                 institution + R"(", "options": )" + options + "}")
		    .code();
	};
	EXPECT_EQ(create("ins_0", "{}"), "INVALID_INSTITUTION");
	EXPECT_EQ(create("ins_132361", "{}"), "INSTITUTION_DOWN");
	EXPECT_EQ(create("ins_109508", R"({"override_password": "bad"})"), "INVALID_CREDENTIALS");
	EXPECT_EQ(create("ins_109508", R"({"override_username": "nobody"})"), "INVALID_CREDENTIALS");
	EXPECT_EQ(create("ins_109508", R"({"override_password": "error_ITEM_LOCKED"})"), "ITEM_LOCKED");
	EXPECT_EQ(create("ins_109508", R"({"override_username": "user_custom", "override_password": "{}"})"),
	          "INVALID_CONFIGURATION");
}

TEST_F(SandboxItems, BrokenItemAnswersItemGetOnly) {
	const std::string token = link();
	EXPECT_TRUE(plaid("/sandbox/item/reset_login", with_token(token)).body.truth_of("reset_login"));
	for (const char *path : {"/accounts/get", "/accounts/balance/get", "/transactions/sync", "/transactions/refresh"}) {
		EXPECT_EQ(plaid(path, with_token(token)).code(), "ITEM_LOGIN_REQUIRED") << path;
	}
	const Answer item = plaid("/item/get", with_token(token));
	EXPECT_EQ(item.status(), 200);
	EXPECT_EQ(item.body.get("item").get("error").text_of("error_code"), "ITEM_LOGIN_REQUIRED");
	EXPECT_FALSE(item.body.get("item").get("error").has("request_id"));
	EXPECT_TRUE(item.body.get("status").get("transactions").get("last_failed_update").is_string());
}

TEST_F(SandboxItems, AuthGivesNumbersByCountry) {
	const auto numbers_at = [&](const std::string &institution, const std::string &products) {
		const Answer created = plaid("/sandbox/public_token/create", "{\"institution_id\":\"" + institution +
		                                                                 "\",\"initial_products\":" + products + "}");
		const Answer exchanged = plaid("/item/public_token/exchange",
		                               ObjectText{}.string("public_token", created.body.text_of("public_token")).end());
		return plaid("/auth/get", with_token(exchanged.body.text_of("access_token")));
	};
	const Json ach = numbers_at("ins_109508", R"(["auth"])").body.get("numbers").get("ach");
	ASSERT_EQ(ach.elements().size(), 2U); // the card has none
	EXPECT_EQ(ach.elements()[0].text_of("account"), "1111222233330000");
	EXPECT_EQ(ach.elements()[0].text_of("routing"), "011401533");
	const Json british = numbers_at("ins_117650", R"(["auth"])").body.get("numbers");
	EXPECT_EQ(british.get("ach").elements().size(), 0U);
	EXPECT_EQ(british.get("bacs").elements()[0].text_of("sort_code"), "601613");
	EXPECT_EQ(british.get("international").elements()[1].text_of("iban"), "GB29NWBK60161331921111");
	EXPECT_EQ(numbers_at("ins_43", R"(["auth"])").body.get("numbers").get("eft").elements()[0].text_of("branch"),
	          "01140");
	EXPECT_EQ(numbers_at("ins_109508", R"(["transactions"])").code(), "ADDITIONAL_CONSENT_REQUIRED");
	EXPECT_EQ(plaid("/auth/get", with_token(empty_item())).code(), "ADDITIONAL_CONSENT_REQUIRED");
}

TEST_F(SandboxItems, LoginBreaksAfterThirtyDays) {
	const std::string token = link();
	control("clock", R"({"advance_days": 30, "advance_seconds": -1})");
	EXPECT_EQ(plaid("/accounts/get", with_token(token)).status(), 200);
	control("clock", R"({"advance_seconds": 1})");
	EXPECT_EQ(plaid("/accounts/get", with_token(token)).code(), "ITEM_LOGIN_REQUIRED");
	control("config", R"({"item_login_days": 0})");
	const std::string lasting = link();
	control("clock", R"({"advance_days": 400})");
	EXPECT_EQ(plaid("/accounts/get", with_token(lasting)).status(), 200);
}

TEST_F(SandboxItems, RemovalIsFinal) {
	const std::string token = link();
	EXPECT_EQ(plaid("/item/remove", with_token(token, R"(,"reason_code":"SOME")")).code(), "INVALID_FIELD");
	EXPECT_EQ(plaid("/item/remove", with_token(token, R"(,"reason_code":"OTHER")")).status(), 200);
	EXPECT_EQ(plaid("/item/remove", with_token(token)).code(), "ITEM_NOT_FOUND");
	EXPECT_EQ(sync(token).code(), "ITEM_NOT_FOUND");
}

TEST_F(SandboxItems, RotationKillsTheOldTokenAndKeepsTheCursor) {
	const std::string token = link();
	const std::string cursor = caught_up(token);
	const std::string fresh =
	    plaid("/item/access_token/invalidate", with_token(token)).body.text_of("new_access_token");
	EXPECT_NE(fresh, token);
	EXPECT_EQ(plaid("/item/get", with_token(token)).code(), "INVALID_ACCESS_TOKEN");
	EXPECT_EQ(sync(fresh, cursor).status(), 200);
}

TEST_F(SandboxItems, RevokedPermission) {
	const std::string token = link();
	control("plaid/items/set", R"({"error": "USER_PERMISSION_REVOKED"})");
	const Answer answer = sync(token);
	EXPECT_EQ(answer.code(), "USER_PERMISSION_REVOKED");
	EXPECT_EQ(answer.body.text_of("error_type"), "INVALID_INPUT");
}

TEST_F(SandboxItems, BalancesOfThisMoment) {
	const std::string token = link();
	control("plaid/accounts/set", R"({"live_balances": {"current": 12345678901234.56}})");
	const Answer cached = plaid("/accounts/get", with_token(token));
	EXPECT_NE(cached.response.body.find("\"current\":110,"), std::string::npos);
	const Answer live = plaid("/accounts/balance/get", with_token(token));
	EXPECT_NE(live.response.body.find("\"current\":12345678901234.56,"), std::string::npos);
}

TEST_F(SandboxItems, CapitalOneWantsToKnowHowFresh) {
	const auto made = [this](const char *accounts) {
		return control("plaid/items/create",
		               R"({"institution_id": "ins_128026", "accounts": )" + std::string(accounts) + "}")
		    .get("items")
		    .elements()
		    .front()
		    .text_of("access_token");
	};
	const std::string token = made(R"([{"type": "credit", "subtype": "credit card"}])");
	EXPECT_EQ(plaid("/accounts/balance/get", with_token(token)).code(), "INVALID_FIELD");
	const auto since = [&](const char *time) {
		return plaid("/accounts/balance/get",
		             with_token(token, ",\"options\":{\"min_last_updated_datetime\":\"" + std::string(time) + "\"}"));
	};
	EXPECT_EQ(since("2026-03-07T09:00:00Z").status(), 200);
	EXPECT_EQ(since("2026-03-08T00:00:00Z").code(), "LAST_UPDATED_DATETIME_OUT_OF_RANGE");
	EXPECT_EQ(plaid("/transactions/refresh", with_token(token)).code(), "PRODUCTS_NOT_SUPPORTED");
	const auto balances_of = [](const Answer &answer) {
		return answer.body.get("accounts").elements().front().get("balances");
	};
	EXPECT_EQ(balances_of(plaid("/accounts/get", with_token(token))).text_of("last_updated_datetime"),
	          "2026-03-07T10:00:00Z");
	EXPECT_FALSE(balances_of(plaid("/accounts/get", with_token(link()))).has("last_updated_datetime"));
	// Only the accounts that are asked for count, and only those that are no deposits.
	const std::string both = made(R"([{"account_id": "d"}, {"account_id": "c", "type": "credit", "balances":)"
	                              R"( {"last_updated_datetime": "2026-03-01T00:00:00Z"}}])");
	const auto ask = [&](const char *options) {
		return plaid("/accounts/balance/get", with_token(both, ",\"options\":" + std::string(options)));
	};
	EXPECT_EQ(ask(R"({"account_ids": ["d"]})").status(), 200);
	EXPECT_EQ(ask("{}").code(), "INVALID_FIELD");
	EXPECT_EQ(ask(R"({"min_last_updated_datetime": "2026-03-01T00:00:01Z"})").code(),
	          "LAST_UPDATED_DATETIME_OUT_OF_RANGE");
	EXPECT_EQ(ask(R"({"min_last_updated_datetime": "2026-03-01T00:00:00Z"})").status(), 200);
	EXPECT_EQ(ask(R"({"account_ids": ["x"]})").code(), "INVALID_ACCOUNT_ID");
}

} // namespace
} // namespace ob::sandbox
