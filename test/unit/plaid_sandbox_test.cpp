#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "providers/plaid/provider.hpp"
#include "unit/support/plaid_session.hpp"

namespace ob::providers::plaid {
namespace {

using test::caught;
using test::PlaidSession;
using test::run_task;

// ---- /sandbox/public_token/create ----

std::string sandbox_body(PlaidSession &plaid, const std::string &options) {
	plaid.transport.answer("/sandbox/public_token/create", R"({"public_token":"public-sandbox-7","request_id":"r"})");
	const LinkGrant result = run_task(plaid.provider.sandbox_grant(plaid.session(), options));
	EXPECT_EQ(result.value.reveal(), "public-sandbox-7");
	EXPECT_EQ(result.kind, "public_token");
	return plaid.transport.requests.back().canonical_body();
}

TEST(PlaidSandbox, MakesAPublicToken) {
	PlaidSession plaid;
	EXPECT_EQ(sandbox_body(plaid, "{}"), R"({"initial_products":["transactions"],"institution_id":"ins_109508",)"
	                                     R"("options":{"transactions":{"days_requested":90}}})");
	plaid.option("webhook_url", "https://app.example/hook");
	EXPECT_EQ(sandbox_body(plaid, R"({"institution_id":"ins_109511","username":"user_custom","password":"{\"a\":1}",)"
	                              R"("days_requested":730,"products":["transactions","auth"]})"),
	          R"({"initial_products":["transactions","auth"],"institution_id":"ins_109511",)"
	          R"("options":{"override_password":"{\"a\":1}","override_username":"user_custom",)"
	          R"("transactions":{"days_requested":730},"webhook":"https://app.example/hook"}})");
	EXPECT_EQ(sandbox_body(plaid, R"({"webhook":null,"products":"auth"})"),
	          R"({"initial_products":["auth"],"institution_id":"ins_109508"})");
}

TEST(PlaidSandbox, IsForSandboxesOnly) {
	PlaidSession plaid;
	plaid.option("environment", "production");
	const auto code = [](auto &&call) { return caught(call).code(); };
	EXPECT_EQ(code([&] { run_task(plaid.provider.sandbox_grant(plaid.session(), "{}")); }), ErrorCode::not_allowed);
	EXPECT_EQ(code([&] {
		          run_task(plaid.provider.sandbox_fire_webhook(plaid.session(), plaid.credentials(), "DEFAULT_UPDATE"));
	          }),
	          ErrorCode::not_allowed);
	EXPECT_EQ(code([&] { run_task(plaid.provider.sandbox_reset_login(plaid.session(), plaid.credentials())); }),
	          ErrorCode::not_allowed);
	EXPECT_TRUE(plaid.transport.requests.empty());
}

TEST(PlaidSandbox, KnowsItsOptions) {
	PlaidSession plaid;
	const Error error =
	    caught([&] { run_task(plaid.provider.sandbox_grant(plaid.session(), R"({"user_name":"x"})")); });
	EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
	EXPECT_EQ(error.hint(), "Perhaps you meant \"username\".");
	EXPECT_TRUE(plaid.transport.requests.empty());
}

// ---- /sandbox/item/fire_webhook ----

std::string fired(const std::string &code) {
	PlaidSession plaid;
	plaid.transport.answer("/sandbox/item/fire_webhook", R"({"webhook_fired":true,"request_id":"r"})");
	run_task(plaid.provider.sandbox_fire_webhook(plaid.session(), plaid.credentials(), code));
	return plaid.transport.requests.at(0).canonical_body();
}

TEST(PlaidSandbox, FiresWebhooksOfTheRightType) {
	const auto body = [](const std::string &code, const std::string &type) {
		return R"({"access_token":"access-sandbox-1","webhook_code":")" + code + "\"" +
		       (type.empty() ? "" : R"(,"webhook_type":")" + type + "\"") + "}";
	};
	for (const auto &[code, type] :
	     {std::pair{"SYNC_UPDATES_AVAILABLE", "TRANSACTIONS"},
	      std::pair{"RECURRING_TRANSACTIONS_UPDATE", "TRANSACTIONS"}, std::pair{"LOGIN_REPAIRED", "ITEM"},
	      std::pair{"NEW_ACCOUNTS_AVAILABLE", "ITEM"}, std::pair{"PENDING_DISCONNECT", "ITEM"},
	      std::pair{"USER_PERMISSION_REVOKED", "ITEM"}, std::pair{"USER_ACCOUNT_REVOKED", "ITEM"},
	      std::pair{"SMS_MICRODEPOSITS_VERIFICATION", "AUTH"}, std::pair{"ERROR", "ASSETS"},
	      std::pair{"PRODUCT_READY", "ASSETS"},
	      // Several types have it.
	      std::pair{"DEFAULT_UPDATE", ""}})
		EXPECT_EQ(fired(code), body(code, type));
}

TEST(PlaidSandbox, KnowsTheWebhooksItCanFire) {
	EXPECT_EQ(caught([] { fired("SYNC_UPDATE_AVAILABLE"); }).hint(), "Perhaps you meant \"SYNC_UPDATES_AVAILABLE\".");
	EXPECT_EQ(caught([] { fired("x"); }).code(), ErrorCode::invalid_argument);
	EXPECT_NE(caught([] { fired(""); }).hint().find("DEFAULT_UPDATE, "), std::string::npos);
}

TEST(PlaidSandbox, SaysWhyAWebhookWasNotFired) {
	const auto code = [](int status, const std::string &body) {
		PlaidSession plaid;
		plaid.transport.answer("/sandbox/item/fire_webhook", status, body);
		return caught([&] {
			       run_task(
			           plaid.provider.sandbox_fire_webhook(plaid.session(), plaid.credentials(), "LOGIN_REPAIRED"));
		       })
		    .code();
	};
	EXPECT_EQ(code(400, test::plaid_error("SANDBOX_ERROR", "SANDBOX_WEBHOOK_INVALID")), ErrorCode::refused);
	EXPECT_EQ(code(200, R"({"webhook_fired":false})"), ErrorCode::bad_reply);
	EXPECT_EQ(code(200, "{}"), ErrorCode::bad_reply);
}

// ---- /sandbox/item/reset_login ----

TEST(PlaidSandbox, ResetsLogins) {
	PlaidSession plaid;
	plaid.transport.answer("/sandbox/item/reset_login", R"({"reset_login":true,"request_id":"r"})");
	run_task(plaid.provider.sandbox_reset_login(plaid.session(), plaid.credentials()));
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(), R"({"access_token":"access-sandbox-1"})");
	plaid.transport.answer("/sandbox/item/reset_login", R"({"reset_login":false})");
	EXPECT_EQ(
	    caught([&] { run_task(plaid.provider.sandbox_reset_login(plaid.session(), plaid.credentials())); }).code(),
	    ErrorCode::bad_reply);
}

} // namespace
} // namespace ob::providers::plaid
