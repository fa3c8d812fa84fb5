// TrueLayer's tokens and what is behind them: exchange, renewal, end, consent, adoption.
#include <gtest/gtest.h>

#include <string>

#include "core/time.hpp"
#include "crypto/base64.hpp"
#include "providers/truelayer/tokens.hpp"
#include "unit/support/truelayer_session.hpp"

namespace ob::providers::truelayer {
namespace {

using namespace std::chrono_literals;
using test::caught;
using test::FakeKeeper;
using test::results;
using test::run_task;
using test::truelayer_error;
using test::TrueLayerSession;

constexpr auto kToken = "/connect/token";
constexpr auto kMe = "/data/v1/me";
constexpr auto kDelete = "/api/delete";

std::string jwt(const std::string &claims) {
	return crypto::base64url_encode(R"({"alg":"RS256"})") + "." + crypto::base64url_encode(claims) + ".c2ln";
}

std::string me(const std::string &more = {}) {
	return results(
	    R"({"client_id":"test","credentials_id":"6L7R+V8/=","consent_status":"Authorised",)"
	    R"("consent_created_at":"2026-02-24T14:44:40.077Z","consent_status_updated_at":"2026-02-25T00:00:00Z",)"
	    R"("provider":{"display_name":"Lloyds Bank","provider_id":"lloyds"},"scopes":["info","accounts"])" +
	    more + "}");
}

LinkGrant grant() {
	LinkGrant grant;
	grant.kind = "code";
	grant.value = Secret("the-code");
	grant.verifier = Secret("the-verifier");
	return grant;
}

// ---- exchange ----

TEST(TrueLayerExchange, YieldsTheConnection) {
	TrueLayerSession bank;
	const std::string access = jwt(R"({"sub":"cred+/=","exp":1772000000})");
	bank.transport.answer(kToken, R"({"access_token":")" + access +
	                                  R"(","expires_in":3000,"token_type":"Bearer",)"
	                                  R"("refresh_token":"R1","scope":"info accounts offline_access"})");
	const Established established = run_task(bank.provider.exchange(bank.session(), grant()));
	EXPECT_EQ(established.provider_connection_id, "cred+/=");
	EXPECT_EQ(established.credentials.at("access_token").reveal(), access);
	EXPECT_EQ(established.credentials.at("refresh_token").reveal(), "R1");
	EXPECT_EQ(established.expires_at, bank.clock.now() + 3000s);
	EXPECT_EQ(established.scopes, (std::vector<std::string>{"info", "accounts", "offline_access"}));
	const test::SentRequest &sent = bank.transport.requests.at(0);
	EXPECT_EQ(sent.url, "https://auth.truelayer-sandbox.com/connect/token");
	EXPECT_EQ(sent.method, "POST");
	EXPECT_EQ(sent.header("Content-Type"), "application/x-www-form-urlencoded");
	EXPECT_EQ(sent.header("Authorization"), "");
	EXPECT_EQ(sent.body, "grant_type=authorization_code&client_id=sandbox-client&client_secret=the-secret&"
	                     "redirect_uri=https%3A%2F%2Fapp.example%2Fback&code=the-code&code_verifier=the-verifier");
}

TEST(TrueLayerExchange, AnOpaqueTokensConnectionIsAskedForWhenTheTokensAreSafe) {
	TrueLayerSession bank;
	bank.transport.answer(kToken, R"({"access_token":"opaque","token_type":"Bearer"})");
	const Established established = run_task(bank.provider.exchange(bank.session(), grant()));
	EXPECT_EQ(established.provider_connection_id, "");
	EXPECT_EQ(established.expires_at, bank.clock.now() + 3600s);
	EXPECT_FALSE(established.credentials.contains("refresh_token"));
	bank.transport.answer(kMe, me()).answer(kMe, results(R"({"credentials_id":""})"));
	const auto ask = [&] { return run_task(bank.provider.connection_id(bank.session(), established.credentials)); };
	EXPECT_EQ(ask(), "6L7R+V8/=");
	EXPECT_EQ(bank.transport.requests.at(1).header("Authorization"), "Bearer opaque");
	EXPECT_EQ(caught(ask).code(), ErrorCode::bad_reply);
}

TEST(TrueLayerExchange, TheLinksOwnReturnAddressHolds) {
	TrueLayerSession bank;
	bank.transport.answer(kToken, R"({"access_token":")" + jwt(R"({"sub":"c"})") + R"("})");
	LinkGrant other = grant();
	other.options_json = R"({"redirect_uri":"https://other.example/cb"})";
	run_task(bank.provider.exchange(bank.session(), other));
	EXPECT_NE(bank.transport.requests.at(0).body.find("redirect_uri=https%3A%2F%2Fother.example%2Fcb"),
	          std::string::npos);
}

TEST(TrueLayerExchange, IsMadeOnce) {
	using enum ErrorCode;
	struct Mishap {
		int status;
		std::string body;
		ErrorCode want;
	};
	for (const Mishap &mishap : std::initializer_list<Mishap>{
	         {500, truelayer_error("internal_server_error"), outcome_unknown},
	         {502, "<html>", outcome_unknown},
	         {200, "{}", outcome_unknown},
	         {200, "[]", outcome_unknown},
	         {200, R"({"access_token":"a")", outcome_unknown},
	         {400, truelayer_error("invalid_grant"), refused},
	         {400, truelayer_error("invalid_authorization_code"), refused},
	         {400, truelayer_error("invalid_request"), refused},
	         {400, truelayer_error("invalid_client"), credentials_refused},
	     }) {
		TrueLayerSession bank;
		bank.transport.answer(kToken, mishap.status, mishap.body);
		EXPECT_EQ(caught([&] { run_task(bank.provider.exchange(bank.session(), grant())); }).code(), mishap.want)
		    << mishap.body;
		EXPECT_EQ(bank.transport.requests.size(), 1u);
	}
	TrueLayerSession bank;
	bank.transport.fail(kToken, deadline);
	EXPECT_EQ(caught([&] { run_task(bank.provider.exchange(bank.session(), grant())); }).code(), outcome_unknown);
	bank.transport.fail_unsent(kToken, unreachable);
	EXPECT_EQ(caught([&] { run_task(bank.provider.exchange(bank.session(), grant())); }).code(), unreachable);
}

TEST(TrueLayerExchange, ARefusedCodeAsksNobodyToReconnect) {
	TrueLayerSession bank;
	bank.transport.answer(kToken, 400, truelayer_error("invalid_grant"));
	try {
		run_task(bank.provider.exchange(bank.session(), grant()));
		FAIL();
	} catch (const ProviderError &error) {
		EXPECT_EQ(error.reaction(), Reaction::permanent);
		EXPECT_EQ(error.provider_code(), "invalid_grant");
	}
}

// ---- renewal ----

TEST(TrueLayerRenewal, BringsWhatCameBack) {
	TrueLayerSession bank;
	bank.transport.answer(kToken,
	                      R"({"access_token":"A2","expires_in":3600,"token_type":"Bearer","refresh_token":"R2"})");
	bank.transport.answer(kToken, R"({"access_token":"A3","expires_in":3600,"token_type":"Bearer"})");
	const Renewed both = run_task(bank.provider.renew_tokens(bank.session(), bank.credentials()));
	EXPECT_EQ(both.credentials.at("access_token").reveal(), "A2");
	EXPECT_EQ(both.credentials.at("refresh_token").reveal(), "R2");
	EXPECT_EQ(both.expires_at, bank.clock.now() + 1h);
	const Renewed one = run_task(bank.provider.renew_tokens(bank.session(), bank.credentials()));
	EXPECT_FALSE(one.credentials.contains("refresh_token"));
	EXPECT_EQ(bank.transport.requests.at(0).body, "grant_type=refresh_token&client_id=sandbox-client&"
	                                              "client_secret=the-secret&refresh_token=refresh-0");
}

TEST(TrueLayerRenewal, ALostAnswerIsAskedForAgainWithTheSameToken) {
	TrueLayerSession bank;
	bank.transport.fail(kToken, ErrorCode::deadline).answer(kToken, 503, "busy");
	bank.transport.answer(kToken, R"({"access_token":"A2"})");
	EXPECT_NO_THROW(run_task(bank.provider.renew_tokens(bank.session(), bank.credentials())));
	EXPECT_EQ(bank.transport.requests.at(0).body, bank.transport.requests.at(2).body);
}

TEST(TrueLayerRenewal, ARefusedGrantNeedsTheUserARefusedClientTheOperator) {
	struct Case {
		int status;
		const char *code;
		Reaction want;
	};
	for (const Case &one : std::initializer_list<Case>{{400, "invalid_grant", Reaction::reauth},
	                                                   {401, "unauthorized", Reaction::reauth},
	                                                   {401, "", Reaction::reauth},
	                                                   {400, "invalid_client", Reaction::configuration},
	                                                   {401, "unauthorized_client", Reaction::configuration}}) {
		TrueLayerSession bank;
		bank.transport.answer(kToken, one.status, *one.code ? truelayer_error(one.code) : "");
		try {
			run_task(bank.provider.renew_tokens(bank.session(), bank.credentials()));
			ADD_FAILURE();
		} catch (const ProviderError &error) {
			EXPECT_EQ(error.reaction(), one.want) << one.code;
		}
		EXPECT_EQ(bank.transport.requests.size(), 1u);
	}
}

TEST(TrueLayerRenewal, WithoutARefreshTokenTheUserLogsInAgain) {
	TrueLayerSession bank;
	Credentials only_access = bank.credentials();
	only_access.erase("refresh_token");
	try {
		run_task(bank.provider.renew_tokens(bank.session(), only_access));
		FAIL();
	} catch (const ProviderError &error) {
		EXPECT_EQ(error.code(), ErrorCode::reauth_required);
		EXPECT_EQ(error.reaction(), Reaction::reauth);
		EXPECT_EQ(error.reauth_reason(), "consent_expired");
	}
	EXPECT_TRUE(bank.transport.requests.empty());
	EXPECT_TRUE(bank.provider.tokens_expire());
}

// ---- the end ----

TEST(TrueLayerRemoval, EndsTheConnection) {
	TrueLayerSession bank;
	bank.transport.answer(kDelete, 200, "");
	run_task(bank.provider.remove(bank.session(), bank.credentials()));
	EXPECT_EQ(bank.transport.requests.at(0).method, "DELETE");
	EXPECT_EQ(bank.transport.requests.at(0).url, "https://auth.truelayer-sandbox.com/api/delete");
	EXPECT_EQ(bank.transport.requests.at(0).header("Authorization"), "Bearer access-0");
}

TEST(TrueLayerRemoval, WhatIsGoneIsRemoved) {
	TrueLayerSession bank;
	bank.transport.answer(kDelete, 403, truelayer_error("access_denied"));
	EXPECT_NO_THROW(run_task(bank.provider.remove(bank.session(), bank.credentials())));
	bank.transport.answer(kDelete, 401, truelayer_error("invalid_token"));
	bank.transport.answer(kToken, 400, truelayer_error("invalid_grant"));
	EXPECT_NO_THROW(run_task(bank.provider.remove(bank.session(), bank.credentials())));
}

TEST(TrueLayerRemoval, AnEndedAccessTokenIsRenewedFirst) {
	TrueLayerSession bank;
	bank.transport.answer(kDelete, 401, truelayer_error("invalid_token"));
	bank.transport.answer(kToken, R"({"access_token":"A2"})").answer(kDelete, 200, "");
	run_task(bank.provider.remove(bank.session(), bank.credentials()));
	EXPECT_EQ(bank.transport.requests.at(2).header("Authorization"), "Bearer A2");
	bank.tokens = std::make_shared<FakeKeeper>();
	bank.transport.answer(kDelete, 401, truelayer_error("invalid_token")).answer(kDelete, 200, "");
	run_task(bank.provider.remove(bank.session(), bank.credentials()));
	EXPECT_EQ(bank.transport.requests.back().header("Authorization"), "Bearer access-2");
}

TEST(TrueLayerRemoval, TroubleIsNoRemoval) {
	TrueLayerSession bank;
	for (int i = 0; i < 3; ++i)
		bank.transport.answer(kDelete, 500, truelayer_error("internal_server_error"));
	EXPECT_EQ(caught([&] { run_task(bank.provider.remove(bank.session(), bank.credentials())); }).code(),
	          ErrorCode::provider_down);
}

// ---- consent ----

TEST(TrueLayerHealth, TellsBankAndConsent) {
	TrueLayerSession bank;
	bank.transport.answer(kMe, me(R"(,"consent_expires_at":"2026-05-24T14:44:40.077Z")"));
	const ConnectionHealth health = run_task(bank.provider.health(bank.session(), bank.credentials()));
	EXPECT_EQ(health.institution_id, "lloyds");
	EXPECT_EQ(health.institution_name, "Lloyds Bank");
	EXPECT_EQ(health.scopes, (std::vector<std::string>{"info", "accounts"}));
	EXPECT_EQ(time::format_timestamp(health.consent_given_at.value()), "2026-02-24T14:44:40.077Z");
	EXPECT_EQ(time::format_timestamp(health.consent_expires_at.value()), "2026-05-24T14:44:40.077Z");
	EXPECT_FALSE(health.standing_error);
}

TEST(TrueLayerHealth, WithoutAnEndTheConsentLastsAsUsual) {
	TrueLayerSession bank;
	bank.transport.answer(kMe, me()).answer(kMe, me());
	const ConnectionHealth usual = run_task(bank.provider.health(bank.session(), bank.credentials()));
	EXPECT_EQ(time::format_timestamp(usual.consent_expires_at.value()), "2026-05-25T14:44:40.077Z");
	bank.option("consent_days", "180");
	const ConnectionHealth longer = run_task(bank.provider.health(bank.session(), bank.credentials()));
	EXPECT_EQ(*longer.consent_expires_at - *usual.consent_expires_at, 24h * 90);
}

TEST(TrueLayerHealth, AGuessedEndBreaksNoConnection) {
	TrueLayerSession bank;
	bank.option("consent_days", "7").transport.answer(kMe, me());
	const ConnectionHealth health = run_task(bank.provider.health(bank.session(), bank.credentials()));
	EXPECT_LT(health.consent_expires_at.value(), bank.clock.now());
	EXPECT_FALSE(health.standing_error);
}

TEST(TrueLayerHealth, AConsentThatIsOverIsABrokenConnection) {
	TrueLayerSession bank;
	bank.transport.answer(kMe, me(R"(,"consent_expires_at":"2026-03-10T11:59:59Z")"));
	const ConnectionHealth health = run_task(bank.provider.health(bank.session(), bank.credentials()));
	EXPECT_EQ(health.standing_error, Reaction::reauth);
	EXPECT_EQ(health.reauth_reason, "consent_expired");
}

TEST(TrueLayerHealth, ADeniedMeIsTheEndOfTheConsent) {
	TrueLayerSession bank;
	bank.transport.answer(kMe, 403, truelayer_error("access_denied"));
	EXPECT_EQ(caught([&] { run_task(bank.provider.health(bank.session(), bank.credentials())); }).code(),
	          ErrorCode::reauth_required);
}

// ---- adoption ----

TEST(TrueLayerAdoption, TakesTokensOver) {
	TrueLayerSession bank;
	bank.transport.answer(kMe, me());
	const Adopted adopted = run_task(bank.provider.adopt(
	    bank.session(), R"({"access_token":"A","refresh_token":"R","credentials_id":"6L7R+V8/="})"));
	EXPECT_EQ(adopted.established.provider_connection_id, "6L7R+V8/=");
	EXPECT_EQ(adopted.established.credentials.at("refresh_token").reveal(), "R");
	EXPECT_EQ(adopted.established.expires_at, bank.clock.now()) << "of an unknown life";
	EXPECT_EQ(bank.transport.requests.size(), 1u);
}

TEST(TrueLayerAdoption, RefusesWhatIsNotWhole) {
	TrueLayerSession bank;
	for (const char *given :
	     {R"({"refresh_token":"R"})", R"({"access_token":"A"})", R"({"access_token":"A","refresh":"R"})",
	      R"({"access_token":1,"refresh_token":"R"})", "[]"}) {
		const Error error = caught([&] { run_task(bank.provider.adopt(bank.session(), given)); });
		EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << given;
	}
	bank.transport.answer(kMe, me());
	EXPECT_EQ(caught([&] {
		          run_task(bank.provider.adopt(bank.session(),
		                                       R"({"access_token":"A","refresh_token":"R","credentials_id":"other"})"));
	          }).code(),
	          ErrorCode::invalid_argument);
}

TEST(TrueLayerClaims, AreReadOfAJwtOnly) {
	const TokenClaims claims = claims_of(Secret(jwt(R"({"sub":"s","exp":1772000000})")));
	EXPECT_EQ(claims.subject, "s");
	EXPECT_EQ(claims.expires_at, Timestamp(1772000000s));
	for (const std::string &token :
	     {std::string(), std::string("a.b"), std::string("a.!!.c"), jwt("no json"), jwt("[]")}) {
		EXPECT_EQ(claims_of(Secret(token)).subject, "") << token;
		EXPECT_FALSE(claims_of(Secret(token)).expires_at);
	}
}

} // namespace
} // namespace ob::providers::truelayer
