// The life of a connection in the simulated TrueLayer: tokens, consent, extension, authentication anew, deletion.
#include "sandbox_truelayer.hpp"

namespace ob::sandbox {
namespace {

class TrueLayerLife : public TrueLayerTest {
protected:
	static std::string extension(const std::string &refresh_token, const std::string &more = "") {
		return R"({"user_has_reconfirmed_consent": true, "client_id": "sandbox-client", "client_secret": "sandbox-secret",)"
		       R"("redirect_uri": "http://127.0.0.1/cb", "user": {"name": "J", "phone": "+441"}, "refresh_token": ")" +
		       refresh_token + "\"" + more + "}";
	}
	static std::string again(const std::string &refresh_token) {
		return R"({"response_type": "code", "redirect_uri": "http://127.0.0.1/cb", "refresh_token": ")" +
		       refresh_token + "\"}";
	}
};

TEST_F(TrueLayerLife, OnlyTheLatestTokensWork) {
	const Json made = connect();
	const std::string first = made.text_of("access_token");
	const Answer refreshed = refresh(made.text_of("refresh_token"));
	ASSERT_EQ(refreshed.status(), 200);
	EXPECT_EQ(error_of(data(first, "/me")), "unauthorized");
	EXPECT_EQ(data(refreshed.body.text_of("access_token"), "/me").status(), 200);
	EXPECT_EQ(error_of(refresh(made.text_of("refresh_token"))), "invalid_grant");
	EXPECT_EQ(refresh(refreshed.body.text_of("refresh_token")).status(), 200);
	control("clock", R"({"advance_seconds": 3600})");
	EXPECT_EQ(error_of(data(first, "/me")), "unauthorized");
	EXPECT_EQ(
	    error_of(data(connect(R"({"access_expires_at": "2026-03-07T11:00:00Z"})").text_of("access_token"), "/me")),
	    "invalid_token");
}

TEST_F(TrueLayerLife, WaysOfRefreshTokens) {
	const auto twice = [&](const char *way) {
		control("truelayer/config", std::string(R"({"refresh_tokens": ")") + way + "\"}");
		const std::string old = connect().text_of("refresh_token");
		const std::string next = refresh(old).body.text_of("refresh_token");
		return (next.empty()  ? "none"
		        : next == old ? "same"
		                      : "new") +
		       std::string(refresh(old).status() == 200 ? ", old works" : ", old is dead");
	};
	EXPECT_EQ(twice("rotate"), "new, old is dead");
	EXPECT_EQ(twice("rotate_keep"), "new, old works");
	EXPECT_EQ(twice("stable"), "same, old works");
	EXPECT_EQ(twice("omit"), "none, old works");
}

TEST_F(TrueLayerLife, WithoutOfflineAccessThereIsNoRefreshToken) {
	const std::string got = code("/auth/?response_type=code&client_id=sandbox-client&redirect_uri=http://127.0.0.1/"
	                             "cb&scope=accounts&state=s");
	EXPECT_FALSE(exchange(got).body.has("refresh_token"));
}

TEST_F(TrueLayerLife, TokenRequestsAreReadStrictly) {
	const std::string good = "grant_type=refresh_token&refresh_token=" + connect().text_of("refresh_token");
	EXPECT_EQ(error_of(token(good + "&scope=accounts")), "invalid_request");
	EXPECT_EQ(error_of(token(good + "&grant_type=refresh_token")), "invalid_request");
	EXPECT_EQ(error_of(token("refresh_token=x")), "invalid_request");
	EXPECT_EQ(error_of(token("grant_type=password&refresh_token=x")), "unsupported_grant_type");
	const std::string path = "/auth/connect/token";
	EXPECT_EQ(error_of(send(request_of("POST", path, good, {{"Content-Type", "text/plain"}}))), "invalid_request");
	EXPECT_EQ(error_of(send(request_of(
	              "POST", path, good,
	              {{"Content-Type", "application/x-www-form-urlencoded"}, {"Authorization", "Basic eDp5"}}))),
	          "invalid_request");
	EXPECT_EQ(send(request_of("GET", path)).status(), 405);
	EXPECT_EQ(json_post(path, R"({"grant_type": "client_credentials", "client_id": "sandbox-client",)"
	                          R"("client_secret": "sandbox-secret", "scope": "payments"})")
	              .status(),
	          200);
	EXPECT_EQ(token(good).status(), 200); // nothing of all this has used it up
}

TEST_F(TrueLayerLife, ConsentEnds) {
	const Json made = connect();
	control("clock", R"({"advance_days": 20})");
	const Answer kept = refresh(made.text_of("refresh_token"));
	control("clock", R"({"advance_days": 29})");
	const Answer later = refresh(kept.body.text_of("refresh_token")); // used within 30 days
	ASSERT_EQ(later.status(), 200);
	control("truelayer/items/set", R"({"access_expires_at": "2027-01-01T00:00:00Z"})");
	control("clock", R"({"set": "2026-06-05T10:00:00Z"})");
	EXPECT_EQ(error_of(data(later.body.text_of("access_token"), "/me")), "access_denied");
	EXPECT_EQ(error_of(refresh(later.body.text_of("refresh_token"))), "invalid_grant");
}

TEST_F(TrueLayerLife, UnusedForThirtyDaysARefreshTokenIsDead) {
	const std::string token = connect().text_of("refresh_token");
	control("clock", R"({"advance_days": 30})");
	EXPECT_EQ(error_of(refresh(token)), "invalid_grant");
}

TEST_F(TrueLayerLife, TheUserWithdrawsConsent) {
	const Json made = connect();
	control("truelayer/items/set", R"({"revoked": true})");
	EXPECT_EQ(error_of(data(made.text_of("access_token"), "/accounts")), "access_denied");
	EXPECT_EQ(error_of(refresh(made.text_of("refresh_token"))), "invalid_grant");
}

TEST_F(TrueLayerLife, ExtendWithAndWithoutTheBank) {
	const Json eternal = connect(R"({"password": "eternal"})");
	control("clock", R"({"advance_days": 10})");
	const Answer extended = json_post("/api/connections/extend", extension(eternal.text_of("refresh_token")));
	ASSERT_EQ(extended.status(), 200) << extended.response.body;
	EXPECT_EQ(extended.body.text_of("action_needed"), "no_action_needed");
	const std::string access = extended.body.text_of("access_token");
	EXPECT_EQ(data(eternal.text_of("access_token"), "/me").status(), 401); // both tokens are replaced
	EXPECT_EQ(refresh(eternal.text_of("refresh_token")).status(), 400);
	EXPECT_EQ(results(access, "/me").front().text_of("consent_expires_at"), "2026-06-15T10:00:00.000Z");

	const Json john = connect();
	const Answer needed =
	    json_post("/api/connections/extend", extension(john.text_of("refresh_token"), R"(, "state": "s")"));
	EXPECT_EQ(needed.body.text_of("action_needed"), "authentication_needed");
	const std::string got = code(needed.body.text_of("user_input_link"));
	EXPECT_EQ(exchange(got).body.text_of("refresh_token"), john.text_of("refresh_token"));
}

TEST_F(TrueLayerLife, ExtensionsThatAreRefused) {
	const std::string token = connect().text_of("refresh_token");
	const auto post = [&](const std::string &body) { return json_post("/api/connections/extend", body); };
	Answer answer = post(extension(token, R"(, "code_challenge_method": "S256")"));
	EXPECT_EQ(answer.status(), 400);
	EXPECT_EQ(answer.response.content_type, "application/problem+json");
	EXPECT_TRUE(answer.body.get("errors").has("code_challenge_method"));
	EXPECT_EQ(post(extension("none")).status(), 401);
	std::string body = extension(token);
	body.replace(body.find("true"), 4, "false");
	EXPECT_TRUE(post(body).body.get("errors").has("user_has_reconfirmed_consent"));
	body = extension(token);
	body.replace(body.find(R"(, "phone": "+441")"), 17, "");
	EXPECT_TRUE(post(body).body.get("errors").has("user.email"));
	control("truelayer/config", R"({"extend_approved": false})");
	EXPECT_TRUE(post(extension(token)).body.get("errors").has("user_has_reconfirmed_consent"));
	control("truelayer/config", R"({"extend_approved": true})");
	EXPECT_EQ(post(extension(connect(R"({"provider_id": "xs2a-erste"})").text_of("refresh_token"))).status(), 422);
	EXPECT_EQ(json_post("/api/data/v1/connections/extend", extension(token)).status(), 404);
}

TEST_F(TrueLayerLife, AuthenticatingAgainKeepsTheConnection) {
	const Json made = connect(R"({"redirect_uri": "http://127.0.0.1/cb"})");
	const std::string token = made.text_of("refresh_token");
	control("clock", R"({"advance_days": 100})"); // consent is over
	EXPECT_EQ(error_of(refresh(token)), "invalid_grant");
	const Answer answer = json_post("/auth/v1/reauthuri", again(token));
	ASSERT_EQ(answer.status(), 200) << answer.response.body;
	EXPECT_TRUE(answer.body.truth_of("success"));
	const Answer tokens = exchange(code(answer.body.text_of("result")));
	EXPECT_EQ(tokens.body.text_of("refresh_token"), token);
	EXPECT_EQ(results(tokens.body.text_of("access_token"), "/me").front().text_of("credentials_id"),
	          made.text_of("item_id"));
	const Answer other = json_post("/auth/v1/reauthuri", again("none"));
	EXPECT_EQ(other.status(), 401);
	EXPECT_EQ(other.body.get("error_details").text_of("reason"), "Invalid refresh_token");
	control("clock", R"({"advance_days": 181})"); // 90 after its end
	EXPECT_EQ(json_post("/auth/v1/reauthuri", again(token)).status(), 401);
}

TEST_F(TrueLayerLife, AccountsMayHaveOtherIdsAfterwards) {
	const Json made = connect(R"({"provider_id": "xs2a-sparkasse", "password": "iban"})");
	const auto before = results(made.text_of("access_token"), "/accounts");
	control("truelayer/providers/set", R"({"provider_id": "xs2a-sparkasse", "country": "uk"})");
	const Answer link_again = json_post("/auth/v1/reauthuri", again(made.text_of("refresh_token")));
	const std::string access = exchange(code(link_again.body.text_of("result"))).body.text_of("access_token");
	const auto after = results(access, "/accounts");
	ASSERT_EQ(after.size(), before.size());
	EXPECT_NE(after[0].text_of("account_id"), before[0].text_of("account_id"));
	EXPECT_EQ(after[0].get("account_number").text_of("iban"), before[0].get("account_number").text_of("iban"));
	EXPECT_EQ(error_of(data(access, "/accounts/" + before[0].text_of("account_id") + "/balance")), "account_not_found");
	EXPECT_FALSE(results(access, "/accounts/" + after[0].text_of("account_id") + "/transactions").empty());
}

TEST_F(TrueLayerLife, Deletion) {
	const Json made = connect();
	const HeaderList bearer = {{"Authorization", "Bearer " + made.text_of("access_token")}};
	const Answer gone = send(request_of("DELETE", "/auth/api/delete", "", bearer));
	EXPECT_EQ(gone.status(), 200);
	EXPECT_EQ(gone.response.body, "");
	EXPECT_EQ(send(request_of("DELETE", "/auth/api/delete", "", bearer)).status(), 401);
	EXPECT_EQ(error_of(data(made.text_of("access_token"), "/me")), "unauthorized");
	EXPECT_EQ(error_of(refresh(made.text_of("refresh_token"))), "invalid_grant");
	EXPECT_EQ(json_post("/auth/v1/reauthuri", again(made.text_of("refresh_token"))).status(), 401);
}

TEST_F(TrueLayerLife, DebugIds) {
	const Json made = connect();
	const std::string body = ObjectText{}.string("access_token", made.text_of("access_token")).end();
	EXPECT_EQ(json_post("/auth/api/debug", body).body.text_of("credentials_id"), made.text_of("item_id"));
	control("truelayer/items/set", R"({"revoked": true})");
	EXPECT_EQ(json_post("/auth/api/debug", body).body.get("error_details").text_of("reason"),
	          "Consent expired or revoked");
}

} // namespace
} // namespace ob::sandbox
