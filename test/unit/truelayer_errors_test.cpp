// TrueLayer's refusals: what each asks of us, and what of them is shown.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "providers/truelayer/errors.hpp"
#include "unit/support/truelayer_session.hpp"

namespace ob::providers::truelayer {
namespace {

using namespace std::chrono_literals;
using test::FakeTransport;
using test::truelayer_error;

ProviderError error_of(int status, const std::string &body) {
	http::Response response = FakeTransport::response(status, body);
	response.headers.emplace_back("x-tl-correlation-id", "3dc845a2-93a2-4e12-940a-0a8aec24d0bc");
	return error_from(response, "/data/v1/accounts", test::FakeClock().now());
}

struct Case {
	int status;
	const char *code;
	Reaction reaction;
	ErrorCode error;
};

TEST(TrueLayerErrors, EachCodeHasItsReaction) {
	using enum Reaction;
	for (const Case &want : std::initializer_list<Case>{
	         {400, "validation_error", permanent, ErrorCode::refused},
	         {400, "invalid_date_range", permanent, ErrorCode::refused},
	         {400, "deprecated_provider", permanent, ErrorCode::refused},
	         {401, "invalid_token", reauth, ErrorCode::reauth_required},
	         {401, "unauthorized", reauth, ErrorCode::reauth_required},
	         {401, "unauthorized_client", configuration, ErrorCode::credentials_refused},
	         {403, "access_denied", reauth, ErrorCode::reauth_required},
	         {403, "sca_exceeded", rate_limited, ErrorCode::refused},
	         {403, "invalid_credentials_key", reauth, ErrorCode::reauth_required},
	         {404, "account_not_found", restart, ErrorCode::not_found},
	         {429, "provider_too_many_requests", rate_limited, ErrorCode::rate_limited},
	         {429, "provider_request_limit_exceeded", rate_limited, ErrorCode::rate_limited},
	         {500, "internal_server_error", retry, ErrorCode::provider_down},
	         {501, "endpoint_not_supported", permanent, ErrorCode::refused},
	         {503, "provider_error", institution_down, ErrorCode::provider_down},
	         {503, "temporarily_unavailable", institution_down, ErrorCode::provider_down},
	         {503, "connector_overload", retry, ErrorCode::provider_down},
	         {504, "provider_timeout", retry, ErrorCode::provider_down},
	         {504, "connector_timeout", retry, ErrorCode::provider_down},
	         {400, "account_permanently_locked", reauth, ErrorCode::reauth_required},
	         {500, "user_input_required", reauth, ErrorCode::reauth_required},
	         {403, "wrong_credentials", reauth, ErrorCode::reauth_required},
	         {500, "account_temporarily_locked", rate_limited, ErrorCode::refused},
	         {400, "internal_error", retry, ErrorCode::provider_down},
	         {400, "invalid_grant", reauth, ErrorCode::reauth_required},
	         {400, "invalid_client", configuration, ErrorCode::credentials_refused},
	         {400, "invalid_authorization_code", permanent, ErrorCode::refused},
	         {400, "invalid_request", permanent, ErrorCode::refused},
	         {400, "invalid_scope", configuration, ErrorCode::refused},
	     }) {
		const ProviderError error = error_of(want.status, truelayer_error(want.code));
		EXPECT_EQ(error.reaction(), want.reaction) << want.code;
		EXPECT_EQ(error.code(), want.error) << want.code;
		EXPECT_EQ(error.provider_code(), want.code);
	}
}

TEST(TrueLayerErrors, WithoutACodeTheStatusDecides) {
	using enum Reaction;
	for (const std::string body : {"", R"({"type":"x","title":"t","status":1,"trace_id":"a","errors":{"a":["b"]}})",
	                               R"({"error":"something_new"})"}) {
		EXPECT_EQ(error_of(500, body).reaction(), retry) << body;
		EXPECT_EQ(error_of(503, body).reaction(), retry) << body;
		EXPECT_EQ(error_of(408, body).reaction(), retry) << body;
		EXPECT_EQ(error_of(429, body).reaction(), rate_limited) << body;
		EXPECT_EQ(error_of(401, body).reaction(), reauth) << body;
		EXPECT_EQ(error_of(400, body).reaction(), permanent) << body;
		EXPECT_EQ(error_of(422, body).reaction(), permanent) << body;
	}
}

TEST(TrueLayerErrors, AForbiddenCallIsTheConsentsEndUnlessAnotherReasonIsGiven) {
	EXPECT_EQ(error_of(403, "").reaction(), Reaction::reauth);
	EXPECT_EQ(error_of(403, R"({"title":"Forbidden","status":403,"trace_id":"a"})").reaction(), Reaction::reauth);
	EXPECT_EQ(error_of(403, truelayer_error("something_new")).reaction(), Reaction::permanent);
	EXPECT_EQ(error_of(403, truelayer_error("something_new")).code(), ErrorCode::refused);
}

TEST(TrueLayerErrors, WhatAGatewayAnswersEndsNoConnection) {
	for (const int status : {400, 401, 403, 404, 502, 503}) {
		const ProviderError error = error_of(status, "<html>blocked</html>");
		EXPECT_EQ(error.reaction(), Reaction::retry) << status;
	}
	EXPECT_EQ(error_of(403, "<html>").code(), ErrorCode::bad_reply);
}

TEST(TrueLayerErrors, AReasonMayBeTheConsent) {
	const ProviderError error = error_of(400, truelayer_error("invalid_request", "Consent expired or revoked"));
	EXPECT_EQ(error.reaction(), Reaction::reauth);
	EXPECT_EQ(error.reauth_reason(), "consent_expired");
}

TEST(TrueLayerErrors, WaitsAreToldOrKnown) {
	EXPECT_EQ(error_of(429, truelayer_error("provider_request_limit_exceeded")).retry_after(), 24h);
	EXPECT_EQ(error_of(429, truelayer_error("provider_too_many_requests")).retry_after(), 300s);
	EXPECT_EQ(error_of(500, truelayer_error("internal_server_error")).retry_after(), std::nullopt);
	http::Response response = FakeTransport::response(429, truelayer_error("provider_too_many_requests"));
	response.headers.emplace_back("retry-after", "7");
	EXPECT_EQ(error_from(response, "/x", test::FakeClock().now()).retry_after(), 7s);
	http::Response used_up = FakeTransport::response(429, truelayer_error("provider_request_limit_exceeded"));
	used_up.headers.emplace_back("retry-after", "7");
	EXPECT_EQ(error_from(used_up, "/x", test::FakeClock().now()).retry_after(), 24h) << "not before the day is over";
}

TEST(TrueLayerErrors, SayWhereAndNeverWhatWasSent) {
	const ProviderError error = error_of(403, truelayer_error("access_denied"));
	EXPECT_EQ(error.detail(), "provider truelayer, endpoint /data/v1/accounts, HTTP status 403, code access_denied, "
	                          "request id 3dc845a2-93a2-4e12-940a-0a8aec24d0bc");
	EXPECT_EQ((error.message() + error.hint()).find("SECRET"), std::string::npos);
	const ProviderError odd = error_of(400, R"({"error":"GB33BUKB20201555555555"})");
	EXPECT_EQ(odd.provider_code(), "");
	EXPECT_EQ(odd.detail().find("GB33"), std::string::npos);
}

TEST(TrueLayerErrors, ATraceIdStandsInForTheHeader) {
	const http::Response response =
	    FakeTransport::response(401, R"({"title":"Unauthorized","status":401,"trace_id":"5b25a9ad-fdb5"})");
	EXPECT_NE(error_from(response, "/x", test::FakeClock().now()).detail().find("5b25a9ad-fdb5"), std::string::npos);
}

TEST(TrueLayerErrors, TheTableIsWhole) {
	std::set<std::string_view> codes;
	for (const ErrorRule &rule : error_rules()) {
		EXPECT_TRUE(codes.insert(rule.code).second) << rule.code;
		EXPECT_EQ(rule.reaction == Reaction::reauth, !rule.reauth_reason.empty()) << rule.code;
		EXPECT_EQ(presentable_code(rule.code), rule.code);
		EXPECT_FALSE(rule.message.empty());
		EXPECT_NE(rule.message.back(), '.') << rule.code;
	}
	EXPECT_EQ(presentable_request_id(std::string(64, 'A')), "");
}

} // namespace
} // namespace ob::providers::truelayer
