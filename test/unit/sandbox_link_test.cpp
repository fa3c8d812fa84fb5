// Link in the simulated Plaid: its tokens, sessions and hosted page, and update mode.
#include "sandbox_client.hpp"

namespace ob::sandbox {
namespace {

class SandboxLink : public SandboxTest {
protected:
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

TEST_F(SandboxLink, LinkTokenNeedsProductsUnlessItUpdates) {
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

TEST_F(SandboxLink, LinkTokenLives) {
	const auto minutes = [&](const std::string &more) {
		const auto end = parse_time(link_token(more).body.text_of("expiration"));
		return (*end - *parse_time("2026-03-07T10:00:00Z")) / std::chrono::minutes{1};
	};
	EXPECT_EQ(minutes(R"(,"products": ["transactions"])"), 240);
	EXPECT_EQ(minutes(R"(,"products": ["transactions"], "hosted_link": {})"), 30);
	EXPECT_EQ(minutes(R"(,"products": ["transactions"], "hosted_link": {"url_lifetime_seconds": 600})"), 10);
	EXPECT_EQ(minutes(R"(,"access_token": )" + json_string(link())), 30);
}

TEST_F(SandboxLink, HostedPageFromStartToEnd) {
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

TEST_F(SandboxLink, LeavingTheHostedPageLeavesAnExit) {
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

TEST_F(SandboxLink, UpdateModeRepairsWithoutANewToken) {
	const std::string access = link();
	plaid("/sandbox/item/reset_login", with_token(access));
	const std::string token = link_token(R"(,"access_token": )" + json_string(access)).body.text_of("link_token");
	const Json ended = control("plaid/link/complete", ObjectText{}.string("link_token", token).end());
	EXPECT_TRUE(ended.get("public_tokens").elements().empty());
	EXPECT_EQ(sync(access).status(), 200);
	EXPECT_TRUE(plaid("/item/get", with_token(access)).body.get("item").get("error").is_null());
}

TEST_F(SandboxLink, UpdateModeChangesTheChoiceOfAccounts) {
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

TEST_F(SandboxLink, UpdateModeOnTheHostedPage) {
	// Whether the person gets to choose accounts depends on the bank and on what was asked for.
	const auto asks = [this](const char *institution, const char *update) {
		const std::string access =
		    control("plaid/items/create", R"({"institution_id": ")" + std::string(institution) + "\"}")
		        .get("items")
		        .elements()
		        .front()
		        .text_of("access_token");
		plaid("/sandbox/item/reset_login", with_token(access));
		const Answer created = link_token(R"(,"hosted_link": {}, "access_token": )" + json_string(access) + update);
		const std::string path = path_of(created);
		EXPECT_NE(page(path, "").response.body.find("Log in to"), std::string::npos);
		const bool asked = page(path, "step=login&action=continue&username=user_good&password=pass_good")
		                       .response.body.find("Plaid Saving") != std::string::npos;
		if (asked) {
			page(path, "step=accounts&action=continue&account=0&account=2");
		}
		EXPECT_EQ(plaid("/accounts/get", with_token(access)).body.get("accounts").elements().size(), asked ? 2U : 3U);
		const Json session = session_of(created.body.text_of("link_token"));
		EXPECT_TRUE(session.get("finished_at").is_string());
		EXPECT_TRUE(session.get("exit").is_null());
		EXPECT_TRUE(session.get("results").get("item_add_results").elements().empty()); // nothing to exchange
		return asked;
	};
	const char *selection = R"(, "update": {"account_selection_enabled": true})";
	EXPECT_FALSE(asks("ins_109508", ""));
	EXPECT_TRUE(asks("ins_109508", selection));
	EXPECT_TRUE(asks("ins_127287", ""));         // OAuth
	EXPECT_FALSE(asks("ins_117650", selection)); // Great Britain
}

TEST_F(SandboxLink, AnotherUserCannotRepair) {
	const std::string access = link();
	const Answer created = link_token(R"(,"hosted_link": {}, "access_token": )" + json_string(access));
	page(path_of(created), "");
	EXPECT_NE(page(path_of(created), "step=login&action=continue&username=user_yuppie&password=x")
	              .response.body.find("user name must be"),
	          std::string::npos);
}

TEST_F(SandboxLink, SeveralBanksInOneSession) {
	const Answer created =
	    link_token(R"(,"products": ["transactions"], "hosted_link": {}, "enable_multi_item_link": true)");
	const std::string path = path_of(created);
	const std::string token = created.body.text_of("link_token");
	page(path, "");
	for (const char *bank : {"ins_109508", "ins_109511"}) {
		page(path, "step=bank&action=continue&institution_id=" + std::string(bank));
		page(path, "step=login&action=continue&username=user_good&password=pass_good");
		page(path, "step=accounts&account=0&action=another");
	}
	const Json open = session_of(token);
	EXPECT_TRUE(open.get("finished_at").is_null());
	EXPECT_EQ(open.get("results").get("item_add_results").elements().size(), 2U);
	page(path, "step=bank&action=continue&institution_id=ins_109509");
	page(path, "step=login&action=continue&username=user_good&password=pass_good");
	page(path, "step=accounts&account=0&action=continue");
	const auto added = session_of(token).get("results").get("item_add_results").elements();
	ASSERT_EQ(added.size(), 3U);
	EXPECT_EQ(added[1].get("institution").text_of("name"), "Tartan Bank");
	for (const Json &item : added) {
		EXPECT_EQ(exchange(item.text_of("public_token")).status(), 200);
	}
}

TEST_F(SandboxLink, ManySessionsOfOneToken) {
	control("clock", R"({"set": "2026-03-07T10:00:00.123456789Z"})");
	const std::string token = link_token(R"(,"products": ["transactions"])").body.text_of("link_token");
	const std::string name = ObjectText{}.string("link_token", token).end();
	control("plaid/link/exit", R"({"link_token": ")" + token + R"(", "error": "ITEM_LOCKED"})");
	control("plaid/link/complete", name);
	control("plaid/link/open", name);
	EXPECT_EQ(session_of(token, 0).get("exit").get("error").text_of("error_code"), "ITEM_LOCKED");
	EXPECT_EQ(session_of(token, 0).get("exit").get("metadata").text_of("status"), "requires_credentials");
	EXPECT_EQ(session_of(token, 1).text_of("finished_at"), "2026-03-07T10:00:00.123456789Z");
	EXPECT_TRUE(session_of(token, 2).get("results").is_null());
	EXPECT_EQ(plaid("/link/token/get", R"({"link_token": "link-sandbox-none"})").code(), "INVALID_LINK_TOKEN");
	// Production takes a token once.
	control("config", R"({"environment": "production"})");
	const std::string real = link_token(R"(,"products": ["transactions"])").body.text_of("link_token");
	const std::string real_name = ObjectText{}.string("link_token", real).end();
	control("plaid/link/complete", real_name);
	Request again;
	again.path = "/_control/plaid/link/complete";
	again.body = real_name;
	EXPECT_EQ(send(again).status(), 400);
}

TEST_F(SandboxLink, ProductsAndAccountsOfANewItem) {
	const auto complete = [this](const std::string &more) {
		const std::string token = link_token(R"(,"products": ["auth"])" + more).body.text_of("link_token");
		const Json ended = control("plaid/link/complete", ObjectText{}.string("link_token", token).end());
		return exchange(ended.get("public_tokens").elements().front().text()).body.text_of("access_token");
	};
	EXPECT_EQ(sync(complete("")).code(), "ADDITIONAL_CONSENT_REQUIRED");
	EXPECT_EQ(sync(complete(R"(,"additional_consented_products": ["transactions"])")).status(), 200);
	const std::string optional = complete(R"(,"optional_products": ["transactions"])");
	EXPECT_EQ(plaid("/item/get", with_token(optional)).body.get("item").get("products").texts(),
	          (std::vector<std::string>{"auth", "transactions"}));
	const std::string none =
	    link_token(R"(,"products": ["auth"], "account_filters": {"loan": {"account_subtypes": ["all"]}})")
	        .body.text_of("link_token");
	Request request;
	request.path = "/_control/plaid/link/complete";
	request.body = ObjectText{}.string("link_token", none).end();
	EXPECT_NE(send(request).response.body.find("NO_ACCOUNTS"), std::string::npos);
}

TEST_F(SandboxLink, ConsentMayBeWidened) {
	const std::string access = control("plaid/items/create", R"({"products": ["auth"]})")
	                               .get("items")
	                               .elements()
	                               .front()
	                               .text_of("access_token");
	EXPECT_EQ(sync(access).code(), "ADDITIONAL_CONSENT_REQUIRED");
	const std::string token =
	    link_token(R"(,"additional_consented_products": ["transactions"], "access_token": )" + json_string(access))
	        .body.text_of("link_token");
	control("plaid/link/complete", ObjectText{}.string("link_token", token).end());
	EXPECT_EQ(sync(access).status(), 200);
}

TEST_F(SandboxLink, TheSameAccountIsKnownAgain) {
	const auto ids_of = [this](const char *institution) {
		const std::string token =
		    plaid("/sandbox/public_token/create",
		          R"({"initial_products": ["auth"], "institution_id": ")" + std::string(institution) + "\"}")
		        .body.text_of("public_token");
		const Answer accounts = plaid("/accounts/get", with_token(exchange(token).body.text_of("access_token")));
		std::vector<std::string> out;
		for (const Json &account : accounts.body.get("accounts").elements()) {
			out.push_back(account.text_of("persistent_account_id"));
		}
		return out;
	};
	const auto first = ids_of("ins_127287");
	EXPECT_EQ(first, ids_of("ins_127287"));
	EXPECT_NE(first[0], first[1]);
	EXPECT_EQ(ids_of("ins_109508")[0], "");
}

TEST_F(SandboxLink, FieldsOfTheUserAreChecked) {
	const auto code = [this](const std::string &user) {
		return plaid("/link/token/create", R"({"client_name": "App", "language": "en", "country_codes": ["US"],)"
		                                   R"( "products": ["transactions"], "user": )" +
		                                       user + "}")
		    .code();
	};
	EXPECT_EQ(code(R"({"client_user_id": "a@b.example"})"), "INVALID_FIELD");
	EXPECT_EQ(code(R"({"client_user_id": "u", "phone_number": "12345"})"), "INVALID_FIELD");
	EXPECT_EQ(code(R"({"client_user_id": "u", "name": {"given_name": "A"}})"), "MISSING_FIELDS");
	EXPECT_EQ(code(R"({"client_user_id": "u", "address": {"country": "US", "zip": "1"}})"), "UNKNOWN_FIELDS");
	EXPECT_EQ(code(R"({"legal_name": "A B"})"), "MISSING_FIELDS");
	EXPECT_EQ(code(R"({"client_user_id": "u", "name": null, "phone_number": "+15551234567"})"), "");
}

} // namespace
} // namespace ob::sandbox
