// Where TrueLayer's users are sent: new links, ways back, longer consents.
#include <gtest/gtest.h>

#include <string>

#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "providers/truelayer/link.hpp"
#include "unit/support/truelayer_session.hpp"

namespace ob::providers::truelayer {
namespace {

using test::caught;
using test::run_task;
using test::truelayer_error;
using test::TrueLayerSession;

constexpr auto kReauth = "/v1/reauthuri";
constexpr auto kExtend = "/connections/extend";

LinkRequest request(const std::string &options = "{}") {
	LinkRequest request;
	request.link_id = "link-1";
	request.user_ref = "alice";
	request.options_json = options;
	return request;
}

LinkRequest again(const std::string &options = "{}") {
	LinkRequest again = request(options);
	again.credentials = TrueLayerSession::credentials();
	return again;
}

std::string challenge_of(const Secret &verifier) {
	return crypto::base64url_encode(crypto::sha256(verifier.reveal()));
}

std::string parameter(const LinkOffer &offer, const std::string &name) {
	const std::string url(offer.url.reveal());
	const std::size_t at = url.find("&" + name + "=");
	if (at == url.npos)
		return {};
	const std::size_t begin = at + name.size() + 2;
	return url.substr(begin, url.find('&', begin) - begin);
}

TEST(TrueLayerLink, HasItsParametersInAFixedOrder) {
	TrueLayerSession bank;
	bank.option("nonce", "false");
	const LinkOffer offer = run_task(
	    bank.provider.start_link(bank.session(), request(R"({"user_email":"a b@x.example","dark_mode":true})")));
	EXPECT_EQ(offer.action, "redirect");
	EXPECT_EQ(offer.url.reveal(),
	          "https://auth.truelayer-sandbox.com/?response_type=code&client_id=sandbox-client&"
	          "redirect_uri=https%3A%2F%2Fapp.example%2Fback&"
	          "scope=info%20accounts%20balance%20transactions%20offline_access&providers=mock&state=link-1&"
	          "code_challenge=" +
	              challenge_of(offer.verifier) +
	              "&code_challenge_method=S256&user_email=a%20b%40x.example&dark_mode=true");
	EXPECT_EQ(offer.verifier.reveal().size(), 43u);
	EXPECT_TRUE(bank.transport.requests.empty()) << "nobody is asked for it";
}

TEST(TrueLayerLink, TheChallengeIsRfc7636s) {
	EXPECT_EQ(challenge_of(Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")),
	          "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST(TrueLayerLink, IsNewEachTime) {
	TrueLayerSession bank;
	const LinkOffer one = run_task(bank.provider.start_link(bank.session(), request()));
	const LinkOffer other = run_task(bank.provider.start_link(bank.session(), request()));
	EXPECT_FALSE(one.verifier == other.verifier);
	EXPECT_FALSE(parameter(one, "nonce").empty());
	EXPECT_NE(parameter(one, "nonce"), parameter(other, "nonce"));
	EXPECT_TRUE(bank.provider.by_callback());
}

TEST(TrueLayerLink, BanksAreThoseOfTheServerOrTheCall) {
	TrueLayerSession bank;
	bank.option("environment", "production");
	bank.server->credentials["client_id"] = Secret("live");
	const auto banks = [&](const char *options) {
		return parameter(run_task(bank.provider.start_link(bank.session(), request(options))), "providers");
	};
	EXPECT_EQ(banks("{}"), "uk-ob-all%20de-xs2a-all%20at-xs2a-all");
	bank.option("providers", "uk-ob-all uk-oauth-all");
	EXPECT_EQ(banks("{}"), "uk-ob-all%20uk-oauth-all");
	EXPECT_EQ(banks(R"({"providers":"ob-monzo"})"), "ob-monzo");
	const LinkOffer one = run_task(bank.provider.start_link(
	    bank.session(), request(R"({"provider_id":"ob-monzo","response_mode":"form_post","nonce":"n1"})")));
	EXPECT_EQ(parameter(one, "provider_id"), "ob-monzo");
	EXPECT_EQ(parameter(one, "response_mode"), "form_post");
	EXPECT_EQ(parameter(one, "nonce"), "n1");
}

TEST(TrueLayerLink, RefusesWhatItCannotKeep) {
	TrueLayerSession bank;
	for (const char *options :
	     {R"({"state":"x"})", R"({"client_id":"x"})", R"({"code_challenge":"x"})", R"({"scope":"accounts"})",
	      R"({"days_requested":90})", R"({"otp":"1"})", R"({"user_email":["a"]})", "[]"})
		EXPECT_EQ(caught([&] { run_task(bank.provider.start_link(bank.session(), request(options))); }).code(),
		          ErrorCode::invalid_argument)
		    << options;
	LinkRequest embedded = request();
	embedded.mode = "embedded";
	EXPECT_EQ(caught([&] { run_task(bank.provider.start_link(bank.session(), embedded)); }).code(),
	          ErrorCode::invalid_argument);
	for (const char *scopes : {"info accounts balance transactions", "info offline_access"}) {
		bank.option("scopes", scopes);
		EXPECT_EQ(caught([&] { run_task(bank.provider.start_link(bank.session(), request())); }).code(),
		          ErrorCode::not_configured)
		    << scopes;
	}
	bank.server->options.erase("redirect_uri");
	bank.server->options.erase("scopes");
	EXPECT_EQ(caught([&] { run_task(bank.provider.start_link(bank.session(), request())); }).code(),
	          ErrorCode::missing_option);
}

// ---- callbacks ----

TEST(TrueLayerCallback, BringsACodeOrNothing) {
	TrueLayerSession bank;
	const auto grants = bank.provider.grants_from_response(R"({"code":"c1","state":"link-1","scope":"info"})");
	ASSERT_EQ(grants.size(), 1u);
	EXPECT_EQ(grants.front().kind, "code");
	EXPECT_EQ(grants.front().value.reveal(), "c1");
	for (const char *response : {"{}", R"({"state":"link-1"})", R"({"error":"access_denied","state":"link-1"})",
	                             R"({"error":"access_denied","code":"c1"})", R"({"code":""})"})
		EXPECT_TRUE(bank.provider.grants_from_response(response).empty()) << response;
}

// ---- the way back ----

TEST(TrueLayerReauth, GoesStraightToTheBank) {
	TrueLayerSession bank;
	bank.transport.answer(kReauth, R"({"result":"https://bank.example/login","success":true})");
	const LinkOffer offer = run_task(bank.provider.start_link(bank.session(), again()));
	EXPECT_EQ(offer.url.reveal(), "https://bank.example/login");
	const test::SentRequest &sent = bank.transport.requests.at(0);
	EXPECT_EQ(sent.url, "https://auth.truelayer-sandbox.com/v1/reauthuri");
	EXPECT_EQ(sent.canonical_body(),
	          R"({"code_challenge":")" + challenge_of(offer.verifier) +
	              R"(","code_challenge_method":"S256","redirect_uri":"https://app.example/back",)"
	              R"("refresh_token":"refresh-0","response_type":"code","state":"link-1"})");
}

TEST(TrueLayerReauth, WhereThereIsNoneTheLinkIsNew) {
	struct Case {
		int status;
		std::string body;
	};
	for (const Case &one : std::initializer_list<Case>{
	         {401, truelayer_error("invalid_request", "Invalid refresh_token")},
	         {400, truelayer_error("invalid_grant")},
	         {400, truelayer_error("invalid_request", "Consent expired or revoked")},
	         {404, truelayer_error("not_found")},
	     }) {
		TrueLayerSession bank;
		bank.transport.answer(kReauth, one.status, one.body);
		const LinkOffer offer = run_task(bank.provider.start_link(bank.session(), again()));
		EXPECT_TRUE(offer.url.reveal().starts_with("https://auth.truelayer-sandbox.com/?")) << one.body;
		EXPECT_EQ(parameter(offer, "state"), "link-1");
	}
	TrueLayerSession bank;
	for (int i = 0; i < 3; ++i)
		bank.transport.answer(kReauth, 500, truelayer_error("internal_server_error"));
	EXPECT_EQ(caught([&] { run_task(bank.provider.start_link(bank.session(), again())); }).code(),
	          ErrorCode::provider_down);
}

TEST(TrueLayerReauth, SaysHowTheBrowserComesBack) {
	TrueLayerSession bank;
	bank.transport.answer(kReauth, R"({"result":"https://bank.example/login","success":true})");
	run_task(bank.provider.start_link(bank.session(), again(R"({"response_mode":"form_post"})")));
	EXPECT_EQ(json::Document::parse(bank.transport.requests.at(0).body).text("response_mode"), "form_post");
}

TEST(TrueLayerReauth, OptionsThatItCannotTakeAreRefused) {
	for (const char *options :
	     {R"({"provider_id":"ob-monzo"})", R"({"providers":"uk-ob-all"})", R"({"nonce":"n"})",
	      R"({"user_email":"a@x.example"})", R"({"response_mode":"fragment"})", R"({"user":{"name":"A"}})"}) {
		TrueLayerSession bank;
		bank.transport.answer(kReauth, R"({"result":"https://bank.example/login","success":true})");
		EXPECT_EQ(caught([&] { run_task(bank.provider.start_link(bank.session(), again(options))); }).code(),
		          ErrorCode::invalid_argument)
		    << options;
	}
	// A new link has a place for them.
	TrueLayerSession bank;
	bank.transport.answer(kReauth, 401, truelayer_error("invalid_request", "Provider not supported"));
	const LinkOffer offer = run_task(bank.provider.start_link(bank.session(), again(R"({"provider_id":"ob-monzo"})")));
	EXPECT_EQ(parameter(offer, "provider_id"), "ob-monzo");
}

// ---- a longer consent ----

constexpr auto kConfirmed = R"({"extend":true,"user_has_reconfirmed_consent":true,)"
                            R"("user":{"name":"Alan","email":"a@x.example"}})";

TEST(TrueLayerExtension, BringsTokens) {
	TrueLayerSession bank;
	bank.transport.answer(kExtend, R"({"action_needed":"no_action_needed","access_token":"A2","expires_in":3600,)"
	                               R"("refresh_token":"R2","token_type":"Bearer"})");
	const Extension extension = run_task(bank.provider.extend(bank.session(), again(kConfirmed)));
	EXPECT_EQ(extension.offer.action, "none");
	EXPECT_EQ(extension.renewed.credentials.at("refresh_token").reveal(), "R2");
	const test::SentRequest &sent = bank.transport.requests.at(0);
	EXPECT_EQ(sent.url, "https://api.truelayer-sandbox.com/connections/extend");
	const json::Document body = json::Document::parse(sent.body);
	EXPECT_EQ(body.text("refresh_token"), "refresh-0");
	EXPECT_EQ(body.text("client_secret"), "the-secret");
	EXPECT_EQ(body.text("state"), "link-1");
	EXPECT_EQ(body.get("user").text("name"), "Alan");
	EXPECT_EQ(body.boolean("user_has_reconfirmed_consent"), true);
	EXPECT_EQ(body.text("code_challenge").size(), 43u);
}

TEST(TrueLayerExtension, OrALink) {
	for (const char *name : {"action_needed", "action_type"}) {
		TrueLayerSession bank;
		bank.transport.answer(kExtend, std::string("{\"") + name +
		                                   R"(":"authentication_needed","user_input_link":"https://bank.example/x"})");
		const Extension extension = run_task(bank.provider.extend(bank.session(), again(kConfirmed)));
		EXPECT_EQ(extension.offer.action, "redirect");
		EXPECT_EQ(extension.offer.url.reveal(), "https://bank.example/x");
		EXPECT_FALSE(extension.offer.verifier.empty());
		EXPECT_TRUE(extension.renewed.credentials.empty());
	}
}

TEST(TrueLayerExtension, OnlyWithTheUsersWord) {
	TrueLayerSession bank;
	for (const char *options : {R"({"extend":true})", R"({"extend":true,"user_has_reconfirmed_consent":false})",
	                            R"({"extend":true,"user_has_reconfirmed_consent":true})",
	                            R"({"extend":true,"user_has_reconfirmed_consent":true,"user":"A"})"})
		EXPECT_EQ(caught([&] { run_task(bank.provider.extend(bank.session(), again(options))); }).code(),
		          ErrorCode::invalid_argument)
		    << options;
	EXPECT_TRUE(bank.transport.requests.empty());
}

TEST(TrueLayerExtension, TakesWhatItCanSay) {
	TrueLayerSession bank;
	bank.transport.answer(kExtend,
	                      R"({"action_needed":"authentication_needed","user_input_link":"https://bank.example/x"})");
	run_task(bank.provider.extend(bank.session(), again(R"({"extend":true,"user_has_reconfirmed_consent":true,)"
	                                                    R"("response_mode":"form_post","user":{"id":"u1"}})")));
	const json::Document body = json::Document::parse(bank.transport.requests.at(0).body);
	EXPECT_EQ(body.text("response_mode"), "form_post");
	EXPECT_EQ(body.get("user").text("id"), "u1");
	EXPECT_EQ(
	    caught([&] {
		    run_task(bank.provider.extend(bank.session(), again(R"({"extend":true,"user_has_reconfirmed_consent":true,)"
		                                                        R"("provider_id":"mock","user":{"id":"u1"}})")));
	    }).code(),
	    ErrorCode::invalid_argument);
}

TEST(TrueLayerExtension, ARefusalSaysWhatToDo) {
	TrueLayerSession bank;
	bank.transport.answer(kExtend, 422, R"({"title":"No way to extend this connection","status":422,"trace_id":"x"})");
	EXPECT_EQ(caught([&] { run_task(bank.provider.extend(bank.session(), again(kConfirmed))); }).hint(),
	          "Use ob.relink without extend: the user logs in again.");
	// Names of fields only: what is said of them may repeat what was sent.
	bank.transport.answer(kExtend, 400,
	                      R"({"title":"t","status":400,"trace_id":"x","errors":{"user.email":["a@x.example"],)"
	                      R"("a@x.example":["b"]}})");
	const std::string detail =
	    caught([&] { run_task(bank.provider.extend(bank.session(), again(kConfirmed))); }).detail();
	EXPECT_TRUE(detail.ends_with(", fields user.email")) << detail;
}

TEST(TrueLayerExtension, IsMadeOnce) {
	using enum ErrorCode;
	struct Mishap {
		int status;
		std::string body;
		ErrorCode want;
	};
	for (const Mishap &mishap : std::initializer_list<Mishap>{
	         {500, "", outcome_unknown},
	         {200, "{}", outcome_unknown},
	         {200, R"({"action_needed":"no_action_needed","access_token":"A"})", outcome_unknown},
	         {401, R"({"title":"Unauthorized","status":401,"trace_id":"x"})", reauth_required},
	         {422, R"({"title":"No way to extend this connection","status":422,"trace_id":"x"})", refused},
	         {400, R"({"title":"t","status":400,"trace_id":"x","errors":{"ClientId":["required"]}})", refused},
	     }) {
		TrueLayerSession bank;
		bank.transport.answer(kExtend, mishap.status, mishap.body);
		EXPECT_EQ(caught([&] { run_task(bank.provider.extend(bank.session(), again(kConfirmed))); }).code(),
		          mishap.want)
		    << mishap.status << mishap.body;
		EXPECT_EQ(bank.transport.requests.size(), 1u);
	}
}

} // namespace
} // namespace ob::providers::truelayer
