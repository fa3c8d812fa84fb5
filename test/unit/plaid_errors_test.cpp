#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "providers/plaid/client.hpp"
#include "providers/plaid/errors.hpp"
#include "unit/support/plaid_session.hpp"

namespace ob::providers::plaid {
namespace {

using enum Reaction;
using namespace std::chrono_literals;
using test::FakeTransport;
using test::plaid_error;

const Timestamp kNow = *time::parse_timestamp("2026-03-10T12:00:00Z");

struct Expected {
	const char *type;
	const char *code;
	int status;
	Reaction reaction;
	ErrorCode error;
};

class PlaidErrorTable : public testing::TestWithParam<Expected> {};

TEST_P(PlaidErrorTable, Decides) {
	const Expected &want = GetParam();
	const auto response = FakeTransport::response(want.status, plaid_error(want.type, want.code));
	const ProviderError error = error_from(response, "/accounts/get", kNow);
	EXPECT_EQ(error.reaction(), want.reaction);
	EXPECT_EQ(error.code(), want.error) << sqlstate(error.code());
	EXPECT_EQ(error.provider_code(), want.code);
	EXPECT_EQ(error.detail(), "provider plaid, endpoint /accounts/get, HTTP status " + std::to_string(want.status) +
	                              ", code " + want.code + ", request id req-1");
	const std::string shown = error.message() + error.detail() + error.hint();
	EXPECT_EQ(shown.find("SECRET"), std::string::npos) << shown;
	EXPECT_FALSE(error.message().empty());
	EXPECT_NE(error.message().back(), '.');
	EXPECT_EQ(error.reauth_reason().empty(), want.reaction != reauth);
}

INSTANTIATE_TEST_SUITE_P(
    Sheet, PlaidErrorTable,
    testing::Values(
        Expected{"TRANSACTIONS_ERROR", "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", 400, restart,
                 ErrorCode::provider_down},
        Expected{"API_ERROR", "INTERNAL_SERVER_ERROR", 500, retry, ErrorCode::provider_down},
        Expected{"API_ERROR", "plaid-internal-error", 500, retry, ErrorCode::provider_down},
        Expected{"API_ERROR", "PLANNED_MAINTENANCE", 503, institution_down, ErrorCode::provider_down},
        Expected{"RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT", 429, rate_limited, ErrorCode::rate_limited},
        Expected{"RATE_LIMIT_EXCEEDED", "ACCOUNTS_LIMIT", 429, rate_limited, ErrorCode::rate_limited},
        Expected{"RATE_LIMIT_EXCEEDED", "RATE_LIMIT", 429, rate_limited, ErrorCode::rate_limited},
        Expected{"RATE_LIMIT_EXCEEDED", "INSTITUTION_RATE_LIMIT", 429, rate_limited, ErrorCode::rate_limited},
        Expected{"RATE_LIMIT_EXCEEDED", "CREDITS_EXHAUSTED", 429, configuration, ErrorCode::rate_limited},
        Expected{"INSTITUTION_ERROR", "INSTITUTION_DOWN", 400, institution_down, ErrorCode::provider_down},
        Expected{"INSTITUTION_ERROR", "INSTITUTION_NOT_RESPONDING", 400, institution_down, ErrorCode::provider_down},
        Expected{"INSTITUTION_ERROR", "INSTITUTION_NOT_AVAILABLE", 400, institution_down, ErrorCode::provider_down},
        Expected{"INSTITUTION_ERROR", "INSTITUTION_NO_LONGER_SUPPORTED", 400, permanent, ErrorCode::refused},
        Expected{"INSTITUTION_ERROR", "UNSUPPORTED_RESPONSE", 400, permanent, ErrorCode::refused},
        Expected{"INSTITUTION_ERROR", "UNAUTHORIZED_INSTITUTION", 400, configuration, ErrorCode::refused},
        Expected{"INSTITUTION_ERROR", "INSTITUTION_REGISTRATION_REQUIRED", 400, configuration, ErrorCode::refused},
        Expected{"INSTITUTION_ERROR", "INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT", 400, configuration, ErrorCode::refused},
        Expected{"ITEM_ERROR", "ITEM_LOGIN_REQUIRED", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "ITEM_LOCKED", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "PASSWORD_RESET_REQUIRED", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "USER_SETUP_REQUIRED", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "INVALID_CREDENTIALS", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "INVALID_MFA", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "INSUFFICIENT_CREDENTIALS", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "INVALID_UPDATED_USERNAME", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "INVALID_SEND_METHOD", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "MFA_NOT_SUPPORTED", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "USER_INPUT_TIMEOUT", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "INVALID_OTP", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "INVALID_PHONE_NUMBER", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "ACCESS_NOT_GRANTED", 400, reauth, ErrorCode::reauth_required},
        Expected{"INVALID_INPUT", "ADDITIONAL_CONSENT_REQUIRED", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "NO_ACCOUNTS", 400, reauth, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "ITEM_NOT_FOUND", 400, revoked, ErrorCode::reauth_required},
        Expected{"INVALID_INPUT", "USER_PERMISSION_REVOKED", 400, revoked, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "USER_PERMISSION_REVOKED", 400, revoked, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "ITEM_CONCURRENTLY_DELETED", 400, revoked, ErrorCode::reauth_required},
        Expected{"ITEM_ERROR", "ITEM_NOT_SUPPORTED", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_INPUT", "INVALID_ACCESS_TOKEN", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_INPUT", "INVALID_PUBLIC_TOKEN", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_INPUT", "INVALID_LINK_TOKEN", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_INPUT", "INVALID_ACCOUNT_ID", 400, permanent, ErrorCode::not_found},
        Expected{"INVALID_INPUT", "INVALID_API_KEYS", 400, configuration, ErrorCode::credentials_refused},
        Expected{"INVALID_INPUT", "UNAUTHORIZED_ENVIRONMENT", 400, configuration, ErrorCode::credentials_refused},
        Expected{"INVALID_INPUT", "UNAUTHORIZED_ROUTE_ACCESS", 400, configuration, ErrorCode::refused},
        Expected{"INVALID_INPUT", "INVALID_PRODUCT", 400, configuration, ErrorCode::refused},
        Expected{"INVALID_INPUT", "DIRECT_INTEGRATION_NOT_ENABLED", 400, configuration, ErrorCode::refused},
        Expected{"INVALID_INPUT", "INVALID_LINK_CUSTOMIZATION", 400, configuration, ErrorCode::refused}));

INSTANTIATE_TEST_SUITE_P(
    MoreOfTheSheet, PlaidErrorTable,
    testing::Values(
        Expected{"INVALID_INPUT", "INVALID_INSTITUTION", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_INPUT", "INVALID_WEBHOOK_VERIFICATION_KEY_ID", 400, permanent, ErrorCode::refused},
        Expected{"ITEM_ERROR", "PRODUCT_NOT_READY", 400, not_ready, ErrorCode::provider_down},
        Expected{"ITEM_ERROR", "PRODUCT_NOT_ENABLED", 400, permanent, ErrorCode::refused},
        Expected{"ITEM_ERROR", "PRODUCTS_NOT_SUPPORTED", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_RESULT", "LAST_UPDATED_DATETIME_OUT_OF_RANGE", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_REQUEST", "MISSING_FIELDS", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_REQUEST", "UNKNOWN_FIELDS", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_REQUEST", "INVALID_FIELD", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_REQUEST", "INVALID_BODY", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_REQUEST", "INVALID_HEADERS", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_REQUEST", "INVALID_CONFIGURATION", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_REQUEST", "INCOMPATIBLE_API_VERSION", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_REQUEST", "NOT_FOUND", 404, permanent, ErrorCode::refused},
        Expected{"INVALID_REQUEST", "NO_LONGER_AVAILABLE", 400, permanent, ErrorCode::refused},
        Expected{"INVALID_REQUEST", "SANDBOX_ONLY", 400, permanent, ErrorCode::refused},
        Expected{"SANDBOX_ERROR", "SANDBOX_PRODUCT_NOT_ENABLED", 400, configuration, ErrorCode::refused},
        Expected{"SANDBOX_ERROR", "SANDBOX_WEBHOOK_INVALID", 400, configuration, ErrorCode::refused},
        // Codes nobody knows yet: by type, then by status.
        Expected{"RATE_LIMIT_EXCEEDED", "BRAND_NEW", 429, rate_limited, ErrorCode::rate_limited},
        Expected{"A_NEW_TYPE", "STARGATE_LIMIT", 400, rate_limited, ErrorCode::rate_limited},
        Expected{"API_ERROR", "BRAND_NEW", 400, retry, ErrorCode::provider_down},
        Expected{"INSTITUTION_ERROR", "BRAND_NEW", 400, institution_down, ErrorCode::provider_down},
        Expected{"ITEM_ERROR", "BRAND_NEW", 400, reauth, ErrorCode::reauth_required},
        Expected{"INVALID_INPUT", "BRAND_NEW", 400, permanent, ErrorCode::refused},
        Expected{"A_NEW_TYPE", "BRAND_NEW", 429, rate_limited, ErrorCode::rate_limited},
        Expected{"A_NEW_TYPE", "BRAND_NEW", 502, retry, ErrorCode::provider_down},
        Expected{"A_NEW_TYPE", "BRAND_NEW", 409, permanent, ErrorCode::refused}));

TEST(PlaidErrors, CursorIsToldByTheMessageAlone) {
	const std::string about_cursor =
	    plaid_error("INVALID_REQUEST", "INVALID_FIELD", "Cursor not associated with access_token");
	const auto response = FakeTransport::response(400, about_cursor);
	EXPECT_EQ(error_from(response, "/transactions/sync", kNow).reaction(), cursor_invalid);
	EXPECT_EQ(error_from(response, "/link/token/create", kNow).reaction(), permanent);
	const auto other = FakeTransport::response(400, plaid_error("INVALID_REQUEST", "INVALID_FIELD", "count is wrong"));
	EXPECT_EQ(error_from(other, "/transactions/sync", kNow).reaction(), permanent);
}

TEST(PlaidErrors, GatewaysAnswerToo) {
	for (const char *body : {"<html>502 Bad Gateway</html>", "", "[]", "{}", "null", "{\"message\":\"Forbidden\"}"}) {
		for (const int status : {301, 403, 404, 500, 502, 504}) {
			const ProviderError error = error_from(FakeTransport::response(status, body), "/item/get", kNow);
			EXPECT_EQ(error.reaction(), retry) << status << body;
			EXPECT_EQ(error.code(), status >= 500 ? ErrorCode::provider_down : ErrorCode::bad_reply);
			EXPECT_EQ(error.detail(), "provider plaid, endpoint /item/get, HTTP status " + std::to_string(status));
		}
		EXPECT_EQ(error_from(FakeTransport::response(429, body), "/item/get", kNow).reaction(), rate_limited);
	}
}

TEST(PlaidErrors, WaitsAsToldElseAsTheSheetSays) {
	http::Response response = FakeTransport::response(429, plaid_error("RATE_LIMIT_EXCEEDED", "ACCOUNTS_LIMIT"));
	EXPECT_EQ(error_from(response, "/accounts/get", kNow).retry_after(), 60s);
	response.headers.emplace_back("retry-after", "17");
	EXPECT_EQ(error_from(response, "/accounts/get", kNow).retry_after(), 17s);
	response = FakeTransport::response(429, plaid_error("RATE_LIMIT_EXCEEDED", "INSTITUTION_RATE_LIMIT"));
	EXPECT_EQ(error_from(response, "/accounts/get", kNow).retry_after(), 300s);
	response = FakeTransport::response(500, plaid_error("API_ERROR", "INTERNAL_SERVER_ERROR"));
	EXPECT_FALSE(error_from(response, "/accounts/get", kNow).retry_after());
}

TEST(PlaidErrors, SaysWhyALoginIsNeeded) {
	const auto reason = [](const char *code, const char *why) {
		const auto response = FakeTransport::response(400, plaid_error("ITEM_ERROR", code, "x", why));
		return error_from(response, "/accounts/get", kNow).reauth_reason();
	};
	EXPECT_EQ(reason("ITEM_LOGIN_REQUIRED", ""), "login");
	EXPECT_EQ(reason("ITEM_LOGIN_REQUIRED", "OAUTH_CONSENT_EXPIRED"), "consent_expired");
	EXPECT_EQ(reason("ITEM_LOGIN_REQUIRED", "OAUTH_USER_REVOKED"), "consent_expired");
	EXPECT_EQ(reason("ITEM_LOGIN_REQUIRED", "OAUTH_INVALID_TOKEN"), "token_rejected");
	EXPECT_EQ(reason("ITEM_LOGIN_REQUIRED", "OAUTH_SOMETHING_NEW"), "login");
	EXPECT_EQ(reason("INVALID_MFA", ""), "mfa");
	EXPECT_EQ(reason("ITEM_NOT_FOUND", "OAUTH_CONSENT_EXPIRED"), "");
}

TEST(PlaidErrors, ShowsNoTextInPlaceOfACode) {
	const auto response = FakeTransport::response(
	    400, R"({"error_type":"ITEM_ERROR","error_code":"Dear <user>, your SECRET is 42","request_id":"a b"})");
	const ProviderError error = error_from(response, "/item/get", kNow);
	EXPECT_EQ(error.detail(), "provider plaid, endpoint /item/get, HTTP status 400");
	EXPECT_EQ(error.provider_code(), "");
}

TEST(PlaidErrors, ShowsNoSecretInPlaceOfACodeOrId) {
	EXPECT_EQ(presentable_code("NEW_ERROR_42"), "NEW_ERROR_42");
	EXPECT_EQ(presentable_code("plaid-internal-error"), "plaid-internal-error");
	EXPECT_EQ(presentable_request_id("m8MDnv9okwxFNBV"), "m8MDnv9okwxFNBV");
	for (const char *secret : {"access-sandbox-1b7dc4ae-2d03-4b0e-8b1a-6a3d7c5e9f00", "0123456789abcdef0123456789abcd",
	                           "4111111111111111", "GB29 NWBK 6016 1331 9268 19", "alice@example.com", ""}) {
		EXPECT_EQ(presentable_code(secret), "") << secret;
		EXPECT_EQ(presentable_request_id(secret), "") << secret;
	}
}

// ---- sending ----

Call call_to(const char *endpoint) {
	Call call;
	call.endpoint = endpoint;
	call.body = "{}";
	return call;
}

TEST(PlaidClient, BuildsTheRequest) {
	test::PlaidSession plaid;
	plaid.option("ca_file", "/ca.pem").transport.answer("/item/get", "{}");
	test::run_task(send(plaid.session(), call_to("/item/get")));
	const test::SentRequest &sent = plaid.transport.requests.at(0);
	EXPECT_EQ(sent.method, "POST");
	EXPECT_EQ(sent.url, "https://sandbox.plaid.com/item/get");
	EXPECT_EQ(sent.endpoint, "/item/get");
	EXPECT_EQ(sent.header("Content-Type"), "application/json");
	EXPECT_EQ(sent.header("PLAID-CLIENT-ID"), "the-client");
	EXPECT_EQ(sent.header("PLAID-SECRET"), "the-secret");
	EXPECT_EQ(sent.header("Plaid-Version"), "2020-09-14");
	EXPECT_EQ(sent.body, "{}");
	EXPECT_EQ(sent.ca_file, "/ca.pem");
	EXPECT_EQ(sent.pool, 77u);
}

TEST(PlaidClient, ChoosesTheBaseUrl) {
	test::PlaidSession plaid;
	EXPECT_EQ(base_url(*plaid.server), "https://sandbox.plaid.com");
	plaid.option("environment", "production");
	EXPECT_EQ(base_url(*plaid.server), "https://production.plaid.com");
	plaid.option("api_url", "http://127.0.0.1:99/plaid//");
	EXPECT_EQ(base_url(*plaid.server), "http://127.0.0.1:99/plaid");
}

TEST(PlaidClient, NeedsCredentialsBeforeAnyCall) {
	for (const char *name : {"client_id", "client_secret"}) {
		test::PlaidSession plaid;
		plaid.server->credentials.erase(name);
		try {
			test::run_task(send(plaid.session(), call_to("/item/get")));
			ADD_FAILURE();
		} catch (const Error &error) {
			EXPECT_STREQ(sqlstate(error.code()), "HV00J");
		}
		EXPECT_TRUE(plaid.transport.requests.empty());
	}
}

TEST(PlaidClient, RepeatsWhatPasses) {
	test::PlaidSession plaid;
	plaid.transport.fail("/item/get", ErrorCode::unreachable);
	plaid.transport.answer("/item/get", 502, "<html>");
	plaid.transport.answer("/item/get", R"({"request_id":"r"})");
	test::run_task(ask(plaid.session(), call_to("/item/get")));
	EXPECT_EQ(plaid.transport.requests.size(), 3u);
	EXPECT_EQ(plaid.stats.requests, 3);
	EXPECT_EQ(plaid.stats.retries, 2);
	EXPECT_EQ(plaid.stats.last_request_id, "r");
	EXPECT_GT(plaid.stats.bytes, 0);
}

TEST(PlaidClient, GivesUpAfterThreeTries) {
	test::PlaidSession plaid;
	for (int i = 0; i < 3; ++i)
		plaid.transport.answer("/item/get", 500, plaid_error("API_ERROR", "INTERNAL_SERVER_ERROR"));
	EXPECT_THROW(test::run_task(send(plaid.session(), call_to("/item/get"))), ProviderError);
	EXPECT_EQ(plaid.transport.requests.size(), 3u);
}

TEST(PlaidClient, DoesNotRepeatRefusals) {
	for (const auto &[status, body] : {std::pair{400, plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")},
	                                   std::pair{400, plaid_error("INVALID_INPUT", "INVALID_API_KEYS")},
	                                   std::pair{429, plaid_error("RATE_LIMIT_EXCEEDED", "ITEM_GET_LIMIT")},
	                                   std::pair{503, plaid_error("API_ERROR", "PLANNED_MAINTENANCE")}}) {
		test::PlaidSession plaid;
		plaid.transport.answer("/item/get", status, body);
		EXPECT_THROW(test::run_task(send(plaid.session(), call_to("/item/get"))), ProviderError);
		EXPECT_EQ(plaid.transport.requests.size(), 1u) << body;
	}
	for (const ErrorCode code : {ErrorCode::address_refused, ErrorCode::limit_exceeded}) {
		test::PlaidSession plaid;
		plaid.transport.fail("/item/get", code);
		EXPECT_THROW(test::run_task(send(plaid.session(), call_to("/item/get"))), Error);
		EXPECT_EQ(plaid.transport.requests.size(), 1u);
	}
}

TEST(PlaidClient, WaitsInPlaceOnlyForAShortRetryAfter) {
	test::PlaidSession plaid;
	http::Response limited = FakeTransport::response(429, plaid_error("RATE_LIMIT_EXCEEDED", "ITEM_GET_LIMIT"));
	limited.headers.emplace_back("retry-after", "0");
	plaid.transport.answer("/item/get", limited).answer("/item/get", "{}");
	test::run_task(send(plaid.session(), call_to("/item/get")));
	EXPECT_EQ(plaid.transport.requests.size(), 2u);
}

TEST(PlaidClient, AsksForAnObject) {
	test::PlaidSession plaid;
	plaid.transport.answer("/item/get", "[1]").answer("/item/get", "{\"a\":");
	for (int i = 0; i < 2; ++i) {
		try {
			test::run_task(ask(plaid.session(), call_to("/item/get")));
			ADD_FAILURE();
		} catch (const Error &error) {
			EXPECT_EQ(error.code(), ErrorCode::bad_reply);
		}
	}
}

} // namespace
} // namespace ob::providers::plaid
