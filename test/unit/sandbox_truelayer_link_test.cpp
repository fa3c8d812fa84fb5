// The simulated TrueLayer's way into a connection: link, dialog, callback, code.
#include "sandbox_truelayer.hpp"

namespace ob::sandbox {
namespace {

class SandboxTrueLayerLink : public TrueLayerTest {
protected:
	/// Goes through the dialog as a browser does; returns where it leads.
	std::string walk(const std::string &dialog, const std::string &bank) {
		if (!bank.empty()) {
			page(dialog, "step=bank&action=continue&provider_id=" + bank);
		}
		page(dialog, "step=login&action=continue&username=john&password=doe");
		return location(page(dialog, "step=consent&action=continue"));
	}
	std::string dialog_of(const std::string &url_of_link) {
		const Answer opened = send(request_of("GET", url_of_link));
		EXPECT_EQ(opened.status(), 303) << opened.response.body;
		return location(opened);
	}
};

TEST_F(SandboxTrueLayerLink, FromTheLinkToTokens) {
	const std::string dialog = dialog_of(link("&providers=mock%20uk-ob-all&nonce=n" + with_challenge()));
	const Answer banks = page(dialog);
	EXPECT_NE(banks.response.body.find("Monzo"), std::string::npos);
	EXPECT_EQ(banks.response.body.find("Sparkasse"), std::string::npos); // filtered
	page(dialog, "step=bank&action=continue&provider_id=mock");
	EXPECT_NE(page(dialog, "step=login&action=continue&username=john&password=no").response.body.find("not correct"),
	          std::string::npos);
	EXPECT_EQ(page(dialog, "step=consent&action=continue").status(), 409); // not logged in yet
	const std::string callback = walk(dialog, "");
	EXPECT_TRUE(callback.starts_with("http://127.0.0.1/cb?code="));
	EXPECT_EQ(parameter(callback, "state"), "st ate");
	EXPECT_NE(parameter(callback, "scope").find("offline_access"), std::string::npos);
	EXPECT_EQ(page(dialog).status(), 410);

	const Answer tokens = exchange(parameter(callback, "code"), std::string("&code_verifier=") + kVerifier);
	ASSERT_EQ(tokens.status(), 200) << tokens.response.body;
	EXPECT_EQ(tokens.body.text_of("token_type"), "Bearer");
	EXPECT_EQ(tokens.body.integer_of("expires_in"), 3600);
	EXPECT_EQ(tokens.body.text_of("refresh_token").size(), 64U);
	const std::string me = data(tokens.body.text_of("access_token"), "/me").response.body;
	EXPECT_NE(me.find("\"consent_expires_at\":\"2026-06-05T10:00:00.000Z\""), std::string::npos);
}

TEST_F(SandboxTrueLayerLink, TheCodeNeedsWhatItWasAskedWith) {
	const std::string got = code(link(with_challenge()));
	const std::string verifier = std::string("&code_verifier=") + kVerifier;
	EXPECT_EQ(error_of(exchange(got)), "invalid_grant");
	EXPECT_EQ(error_of(exchange(got, "&code_verifier=" + std::string(43, 'x'))), "invalid_grant");
	EXPECT_EQ(error_of(token("grant_type=authorization_code&redirect_uri=http://127.0.0.1/cb/&code=" + got + verifier)),
	          "invalid_grant");
	EXPECT_EQ(error_of(form_post("/auth/connect/token", "client_id=sandbox-client&client_secret=no&grant_type="
	                                                    "authorization_code&redirect_uri=http://127.0.0.1/cb&code=" +
	                                                        got)),
	          "invalid_client");
	EXPECT_EQ(exchange(got, verifier).status(), 200);
	EXPECT_EQ(error_of(exchange(got, verifier)), "invalid_authorization_code"); // once only
	// Without a challenge nothing may be proven.
	EXPECT_EQ(error_of(exchange(code(link("&nonce=2")), verifier)), "invalid_grant");
}

TEST_F(SandboxTrueLayerLink, ACodeLivesFiveMinutes) {
	const std::string got = code(link());
	control("clock", R"({"advance_seconds": 300})");
	EXPECT_EQ(error_of(exchange(got)), "invalid_authorization_code");
}

TEST_F(SandboxTrueLayerLink, LeavingTheDialog) {
	std::string dialog = dialog_of(link());
	std::string callback = location(page(dialog, "step=bank&action=cancel"));
	EXPECT_EQ(parameter(callback, "error"), "access_denied");
	EXPECT_EQ(parameter(callback, "state"), "st ate");
	// Who closes the dialog comes back with nothing at all.
	dialog = dialog_of(link());
	EXPECT_EQ(location(page(dialog, "step=bank&action=close")), "http://127.0.0.1/cb");
	control("truelayer/config", R"({"cancellation_uri": "http://127.0.0.1/gone?error=access_denied"})");
	dialog = dialog_of(link());
	EXPECT_EQ(location(page(dialog, "step=bank&action=close")), "http://127.0.0.1/gone?error=access_denied");
	// The bank refuses.
	dialog = dialog_of(link("&provider_id=mock"));
	callback =
	    location(page(dialog, "step=login&action=continue&username=callback.temporarily_unavailable&password=x"));
	EXPECT_EQ(parameter(callback, "error"), "temporarily_unavailable");
}

TEST_F(SandboxTrueLayerLink, FormPostComesBackInAForm) {
	const std::string dialog = dialog_of(link("&response_mode=form_post&provider_id=mock"));
	page(dialog, "step=login&action=continue&username=john&password=doe");
	const Answer end = page(dialog, "step=consent&action=continue");
	EXPECT_EQ(end.status(), 200);
	EXPECT_NE(end.response.body.find("action=\"http://127.0.0.1/cb\""), std::string::npos);
	EXPECT_NE(end.response.body.find("name=\"code\""), std::string::npos);
	EXPECT_NE(end.response.body.find("value=\"st ate\""), std::string::npos);
}

TEST_F(SandboxTrueLayerLink, LinksThatAreRefused) {
	// Without knowing the client or where to go back to: a page.
	std::string wrong = link();
	wrong.replace(wrong.find("sandbox-client"), 14, "nobody");
	EXPECT_EQ(send(request_of("GET", wrong)).status(), 400);
	control("config", R"({"redirect_uris": ["http://127.0.0.1/cb/"]})");
	EXPECT_EQ(send(request_of("GET", link())).status(), 400);
	control("config", R"({"redirect_uris": []})");
	// Else the callback tells.
	const auto refused = [&](const std::string &more) {
		return parameter(location(send(request_of("GET", link(more)))), "error");
	};
	EXPECT_EQ(refused(std::string("&code_challenge=") + kChallenge), "invalid_request"); // plain is not offered
	EXPECT_EQ(refused("&code_challenge_method=S256&code_challenge=short"), "invalid_request");
	EXPECT_EQ(refused("&response_mode=fragment"), "invalid_request");
	EXPECT_EQ(refused("&providers=mock&provider_id=ob-monzo"), "invalid_request");
	EXPECT_EQ(refused("&providers=nothing"), "invalid_request");
	EXPECT_EQ(refused("&anything=else&enable_mock=true"), ""); // unknown parameters are let pass
	std::string scope = link();
	scope.replace(scope.find("info%20"), 7, "gold%20");
	EXPECT_EQ(parameter(location(send(request_of("GET", scope))), "error"), "invalid_scope");
	control("truelayer/config", R"({"require_nonce": true})");
	EXPECT_EQ(refused(""), "invalid_request");
	EXPECT_EQ(refused("&nonce=n"), "");
}

TEST_F(SandboxTrueLayerLink, ALinkIsGoodForOneAuthentication) {
	EXPECT_FALSE(code(link()).empty());
	EXPECT_EQ(send(request_of("GET", link())).status(), 400);
	EXPECT_FALSE(code(link("&nonce=other")).empty());
}

TEST_F(SandboxTrueLayerLink, EnvironmentsKnowTheirOwnClients) {
	const std::string got = code(link());
	control("config", R"({"environment": "production"})");
	EXPECT_EQ(error_of(exchange(got)), "invalid_client");
	control("config", R"({"clients": [{"client_id": "app-1", "secret": "s"}]})");
	const std::string other = "/auth/?response_type=code&client_id=app-1&scope=accounts&redirect_uri=";
	EXPECT_EQ(send(request_of("GET", other + "http://127.0.0.1/cb")).status(), 400);
	EXPECT_EQ(send(request_of("GET", other + "https://127.0.0.1/cb")).status(), 303);
	EXPECT_EQ(error_of(form_post("/auth/connect/token",
	                             "client_id=app-1&client_secret=s&grant_type=refresh_token&refresh_token=x")),
	          "invalid_grant");
}

TEST_F(SandboxTrueLayerLink, MockUsers) {
	const auto can = [&](const char *user, const char *password) {
		Request request;
		request.path = "/_control/truelayer/link/complete";
		request.body = R"({"url": ")" + link(std::string("&nonce=") + user + password) + R"(", "username": ")" + user +
		               R"(", "password": ")" + password + "\"}";
		return send(request).status() == 200;
	};
	EXPECT_TRUE(can("john", "doe") && can("john7", "doe7") && can("john100", "doe100") && can("john3", "iban") &&
	            can("john", "iban9") && can("john", "eternal") && can("error.provider_error", "error"));
	EXPECT_FALSE(can("john7", "doe") || can("john101", "doe101") || can("john0", "doe0") || can("jane", "doe") ||
	             can("error.provider_error", "doe"));
	// Logging in works, and then nothing does.
	const std::string failing =
	    connect(R"({"username": "error.account_temporarily_locked", "password": "error"})").text_of("access_token");
	EXPECT_EQ(data(failing, "/me").status(), 200);
	EXPECT_EQ(error_of(data(failing, "/accounts")), "account_temporarily_locked");
	// Every account has an IBAN, each another.
	const auto accounts = results(connect(R"({"password": "iban"})").text_of("access_token"), "/accounts");
	ASSERT_EQ(accounts.size(), 2U);
	EXPECT_NE(accounts[0].get("account_number").text_of("iban"), accounts[1].get("account_number").text_of("iban"));
	EXPECT_TRUE(accounts[0].get("account_number").text_of("iban").starts_with("GB"));
}

TEST_F(SandboxTrueLayerLink, AuthUriGoesStraightToTheBank) {
	const std::string body =
	    R"({"response_type": "code", "client_id": "sandbox-client", "redirect_uri": "http://127.0.0.1/cb", "scope": "accounts",)"
	    R"("consent_id": "c1", "provider_id": "mock", "state": "s")";
	const Answer made = json_post("/auth/v1/authuri", body + "}");
	ASSERT_EQ(made.status(), 200) << made.response.body;
	EXPECT_NE(page(made.body.text_of("result")).response.body.find("Log in to Mock"), std::string::npos);
	EXPECT_EQ(error_of(json_post("/auth/v1/authuri", body + R"(, "colour": "red"})")), "invalid_request");
}

TEST_F(SandboxTrueLayerLink, ProvidersByCountryAndScope) {
	const auto ids = [&](const std::string &query) {
		std::string out;
		for (const Json &bank : send(request_of("GET", "/auth/api/providers" + query)).body.elements()) {
			out += bank.text_of("provider_id") + " ";
		}
		return out;
	};
	EXPECT_EQ(ids("?country=de%20at"), "xs2a-sparkasse xs2a-erste ");
	EXPECT_EQ(ids("?country=uk&scopes=accounts%20cards"), "mock ob-first-direct ob-lloyds-business ");
	EXPECT_EQ(send(request_of("GET", "/auth/api/providers?client_id=x")).status(), 400); // it is clientId
}

} // namespace
} // namespace ob::sandbox
