// Life of tokens and items in the simulated Plaid: linking, exchange, breaking, repair, rotation, removal.
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
	Answer link_token(const std::string &more) {
		return plaid(
		    "/link/token/create",
		    R"({"client_name": "App", "language": "en", "country_codes": ["US"], "user": {"client_user_id": "u1"})" +
		        more + "}");
	}
	Answer page(const std::string &path, const std::string &form) {
		Request request;
		request.method = form.empty() ? "GET" : "POST";
		request.path = path;
		request.body = form;
		return send(request);
	}
	static std::string path_of(const Answer &created) {
		const std::string url = created.body.text_of("hosted_link_url");
		return url.substr(url.find("/plaid/"));
	}
	Json session_of(const std::string &token, std::size_t index = 0) {
		const Answer answer = plaid("/link/token/get", ObjectText{}.string("link_token", token).end());
		EXPECT_EQ(answer.status(), 200) << answer.response.body;
		const auto sessions = answer.body.get("link_sessions").elements();
		return index < sessions.size() ? sessions[index] : Json{};
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

TEST_F(SandboxItems, LinkTokenNeedsProductsUnlessItUpdates) {
	EXPECT_EQ(link_token("").code(), "MISSING_FIELDS");
	EXPECT_EQ(link_token(R"(,"products": [])").code(), "INVALID_FIELD");
	EXPECT_EQ(link_token(R"(,"products": ["balance"])").code(), "INVALID_PRODUCT");
	EXPECT_EQ(link_token(R"(,"products": ["gold"])").code(), "INVALID_FIELD");
	const std::string access = json_string(link());
	EXPECT_EQ(link_token(R"(,"access_token": )" + access).status(), 200);
	EXPECT_EQ(link_token(R"(,"products": ["transactions"], "access_token": )" + access).code(), "INVALID_FIELD");
	EXPECT_EQ(link_token(R"(,"products": ["transactions"], "optional_products": ["transactions"])").code(),
	          "INVALID_FIELD");
}

TEST_F(SandboxItems, LinkTokenLives) {
	const auto minutes = [&](const std::string &more) {
		const auto end = parse_time(link_token(more).body.text_of("expiration"));
		return (*end - *parse_time("2026-03-07T10:00:00Z")) / std::chrono::minutes{1};
	};
	EXPECT_EQ(minutes(R"(,"products": ["transactions"])"), 240);
	EXPECT_EQ(minutes(R"(,"products": ["transactions"], "hosted_link": {})"), 30);
	EXPECT_EQ(minutes(R"(,"products": ["transactions"], "hosted_link": {"url_lifetime_seconds": 600})"), 10);
	EXPECT_EQ(minutes(R"(,"access_token": )" + json_string(link())), 30);
}

TEST_F(SandboxItems, HostedPageFromStartToEnd) {
	const Answer created = link_token(
	    R"(,"products": ["transactions"], "hosted_link": {"completion_redirect_uri": "https://app.example/done"}, )"
	    R"("account_filters": {"depository": {"account_subtypes": ["all"]}})");
	const std::string path = path_of(created);
	EXPECT_NE(page(path, "").response.body.find("First Platypus Bank"), std::string::npos);
	page(path, "step=bank&action=continue&institution_id=ins_109508");
	EXPECT_NE(page(path, "step=login&action=continue&username=user_good&password=no").response.body.find("not correct"),
	          std::string::npos);
	const Answer accounts = page(path, "step=login&action=continue&username=user_good&password=pass_good");
	EXPECT_NE(accounts.response.body.find("Plaid Saving"), std::string::npos);
	EXPECT_EQ(accounts.response.body.find("Credit Card"), std::string::npos); // filtered
	const Answer end = page(path, "step=accounts&action=continue&account=1");
	EXPECT_EQ(end.status(), 303);
	EXPECT_EQ(end.response.headers.front().second, "https://app.example/done");

	const Json session = session_of(created.body.text_of("link_token"));
	const Json added = session.get("results").get("item_add_results").elements().front();
	EXPECT_EQ(added.get("institution").text_of("institution_id"), "ins_109508");
	EXPECT_EQ(added.get("accounts").elements().size(), 1U);
	EXPECT_EQ(session.text_of("finished_at"), "2026-03-07T10:00:00.000000000Z");
	const std::string access = exchange(added.text_of("public_token")).body.text_of("access_token");
	EXPECT_EQ(plaid("/accounts/get", with_token(access)).body.get("accounts").elements().front().text_of("mask"),
	          "1111");
}

TEST_F(SandboxItems, LeavingTheHostedPageLeavesAnExit) {
	const Answer created = link_token(R"(,"products": ["transactions"], "hosted_link": {})");
	const std::string path = path_of(created);
	page(path, "");
	EXPECT_EQ(page(path, "step=bank&action=cancel").status(), 200);
	const Json session = session_of(created.body.text_of("link_token"));
	EXPECT_TRUE(session.get("results").is_null());
	EXPECT_TRUE(session.get("exit").is_object());
	page(path, ""); // a second session of the same token
	EXPECT_TRUE(session_of(created.body.text_of("link_token"), 1).get("finished_at").is_null());
	control("clock", R"({"advance_seconds": 1800})");
	EXPECT_EQ(page(path, "").status(), 410);
	control("clock", R"({"advance_seconds": 20000})");
	EXPECT_FALSE(
	    session_of(created.body.text_of("link_token"), 1).exists()); // the ended one is forgotten after six hours
}

TEST_F(SandboxItems, UpdateModeRepairsWithoutANewToken) {
	const std::string access = link();
	plaid("/sandbox/item/reset_login", with_token(access));
	const std::string token = link_token(R"(,"access_token": )" + json_string(access)).body.text_of("link_token");
	const Json ended = control("plaid/link/complete", ObjectText{}.string("link_token", token).end());
	EXPECT_TRUE(ended.get("public_tokens").elements().empty());
	EXPECT_EQ(sync(access).status(), 200);
	EXPECT_TRUE(plaid("/item/get", with_token(access)).body.get("item").get("error").is_null());
}

TEST_F(SandboxItems, UpdateModeChangesTheChoiceOfAccounts) {
	const std::string access = link();
	const std::string cursor = caught_up(access);
	const std::string more =
	    R"(,"update": {"account_selection_enabled": true}, "access_token": )" + json_string(access);
	const auto choose = [&](const std::string &names) {
		const std::string token = link_token(more).body.text_of("link_token");
		control("plaid/link/complete", R"({"link_token": ")" + token + R"(", "account_names": )" + names + "}");
		return plaid("/accounts/get", with_token(access)).body.get("accounts").elements().size();
	};
	EXPECT_EQ(choose(R"(["Plaid Checking"])"), 1U);
	EXPECT_TRUE(ids(sync(access, cursor), "removed").empty()); // nobody reports rows of an account no longer shared
	EXPECT_EQ(choose(R"(["Plaid Checking", "Plaid Saving"])"), 2U);
	EXPECT_FALSE(ids(sync(access, cursor), "added").empty());
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
	control("plaid/items/create",
	        R"({"institution_id": "ins_128026", "accounts": [{"type": "credit", "subtype": "credit card"}]})");
	const Json dump = control("dump");
	const std::string token =
	    control("plaid/items/create",
	            R"({"institution_id": "ins_128026", "accounts": [{"type": "credit", "subtype": "credit card"}]})")
	        .get("items")
	        .elements()
	        .front()
	        .text_of("access_token");
	EXPECT_EQ(plaid("/accounts/balance/get", with_token(token)).code(), "INVALID_FIELD");
	const auto since = [&](const char *time) {
		return plaid("/accounts/balance/get",
		             with_token(token, ",\"options\":{\"min_last_updated_datetime\":\"" + std::string(time) + "\"}"));
	};
	EXPECT_EQ(since("2026-03-07T09:00:00Z").status(), 200);
	EXPECT_EQ(since("2026-03-08T00:00:00Z").code(), "LAST_UPDATED_DATETIME_OUT_OF_RANGE");
	EXPECT_EQ(plaid("/transactions/refresh", with_token(token)).code(), "PRODUCTS_NOT_SUPPORTED");
}

} // namespace
} // namespace ob::sandbox
