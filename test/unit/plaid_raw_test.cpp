#include <gtest/gtest.h>

#include <string>

#include "providers/plaid/raw.hpp"
#include "unit/support/plaid_session.hpp"

namespace ob::providers::plaid {
namespace {

using test::caught;
using test::PlaidSession;
using test::run_task;

RawCall post(const std::string &path, const std::string &body = {}) {
	return {"POST", path, {}, body};
}

http::Response answered(PlaidSession &plaid, RawCall call, Credentials credentials) {
	plaid.transport.answer(call.path, R"({"request_id":"r7","x":1})");
	return run_task(plaid.provider.raw_call(plaid.session(), std::move(call), std::move(credentials)));
}

TEST(PlaidRawCall, IsSentWithTheServersKeys) {
	PlaidSession plaid;
	EXPECT_EQ(answered(plaid, post("/categories/get"), {}).body, R"({"request_id":"r7","x":1})");
	const test::SentRequest &sent = plaid.transport.requests.at(0);
	EXPECT_EQ(sent.method, "POST");
	EXPECT_EQ(sent.url, "https://sandbox.plaid.com/categories/get");
	EXPECT_EQ(sent.body, "{}");
	EXPECT_EQ(sent.header("PLAID-SECRET"), "the-secret");
	EXPECT_EQ(sent.header("Content-Type"), "application/json");
	EXPECT_EQ(plaid.stats.last_request_id, "r7");
	EXPECT_EQ(plaid.stats.requests, 1);
	EXPECT_GT(plaid.stats.bytes, 0);
}

TEST(PlaidRawCall, BodyIsTheCallersToTheLastDigit) {
	const auto sent = [](const std::string &body, Credentials credentials) {
		PlaidSession plaid;
		answered(plaid, post("/liabilities/get", body), std::move(credentials));
		return plaid.transport.requests.at(0).body;
	};
	const std::string body = R"( { "amount": 0.10, "big":12345678901234.56,"options":null} )";
	EXPECT_EQ(sent(body, {}), body);
	const std::string with_token = sent(body, PlaidSession::credentials());
	EXPECT_EQ(with_token,
	          R"({"access_token":"access-sandbox-1", "amount": 0.10, "big":12345678901234.56,"options":null} )");
	EXPECT_EQ(json::Document::parse(sent("", PlaidSession::credentials())).canonical_dump(),
	          R"({"access_token":"access-sandbox-1"})");
	EXPECT_EQ(json::Document::parse(sent(" {  }", PlaidSession::credentials())).canonical_dump(),
	          R"({"access_token":"access-sandbox-1"})");
	// One that is there stays, however it is written.
	EXPECT_EQ(sent(R"({"access_token":"other"})", PlaidSession::credentials()), R"({"access_token":"other"})");
	EXPECT_EQ(sent(R"({"access\u005ftoken":null})", PlaidSession::credentials()), R"({"access\u005ftoken":null})");
}

TEST(PlaidRawCall, AnyAnswerIsAnAnswerOnce) {
	PlaidSession plaid;
	plaid.transport.answer("/x/get", 500, "<html>").answer("/x/get", 429, "{}").answer("/x/get", 200, "%PDF-1.7");
	for (const int status : {500, 429, 200})
		EXPECT_EQ(run_task(plaid.provider.raw_call(plaid.session(), post("/x/get"), {})).status, status);
	EXPECT_EQ(plaid.transport.requests.size(), 3u);
	EXPECT_EQ(plaid.stats.last_request_id, "");
	plaid.transport.fail("/x/get", ErrorCode::deadline);
	EXPECT_EQ(caught([&] { run_task(plaid.provider.raw_call(plaid.session(), post("/x/get"), {})); }).code(),
	          ErrorCode::deadline);
	EXPECT_EQ(plaid.transport.requests.size(), 4u);
}

Error refused(RawCall call) {
	PlaidSession plaid;
	const std::string path = call.path;
	const Error error = caught(
	    [&] { run_task(plaid.provider.raw_call(plaid.session(), std::move(call), PlaidSession::credentials())); });
	EXPECT_TRUE(plaid.transport.requests.empty()) << path;
	return error;
}

TEST(PlaidRawCall, TakesPostWithAnObject) {
	const auto expect_invalid = [](const RawCall &call) {
		EXPECT_EQ(refused(call).code(), ErrorCode::invalid_argument) << call.method << call.path << call.body_json;
	};
	for (const char *method : {"GET", "", "DELETE", "POST "})
		expect_invalid({method, "/item/get", {}, {}});
	expect_invalid({"POST", "/item/get", R"({"a":1})", {}});
	expect_invalid({"POST", "/item/get", "[]", {}});
	for (const char *body : {"[]", "null", "5", "{", "{} {}", R"({"a":1,"a":2})", R"({"client_id":"x"})",
	                         R"({"secret":null})", R"({"\u0073ecret":"x"})"})
		expect_invalid(post("/item/get", body));
	EXPECT_EQ(refused(post("/item/get", R"({"secret":"x"})")).message(),
	          "option \"secret\" comes from the user mapping");
	PlaidSession plaid;
	EXPECT_NO_THROW(answered(plaid, {"post", "/item/get", "{}", "{}"}, {}));
}

TEST(PlaidRawCall, DoesNotTouchTokens) {
	for (const char *path : {"/item/public_token/exchange",
	                         "/item/public_token/create",
	                         "/item/access_token/invalidate",
	                         "/item/remove",
	                         "/item/products/terminate",
	                         "/item/import",
	                         "/item/application/unlink",
	                         "/item/application/scopes/update",
	                         "/link/token/create",
	                         "/link/token/get",
	                         "/link/oauth/correlation_id/exchange",
	                         "/session/token/create",
	                         "/processor/token/create",
	                         "/processor/token/permissions/set",
	                         "/processor/stripe/bank_account_token/create",
	                         "/processor/apex/processor_token/create",
	                         "/sandbox/public_token/create",
	                         "/sandbox/processor_token/create",
	                         "/bank_transfer/migrate_account",
	                         "/transfer/migrate_account",
	                         "/user/create",
	                         "/user/remove",
	                         "/user/items/remove",
	                         "/user/third_party_token/create",
	                         "/user_account/session/get",
	                         "/credit/sessions/get",
	                         "/link_delivery/get",
	                         "/oauth/token",
	                         "/oauth/revoke",
	                         "/partner/customer/create",
	                         "/partner/customer/enable",
	                         "/beta/partner/customer/v1/create",
	                         "/beta/partner/customer/v1/enable",
	                         "/a/new_token/create"})
		EXPECT_EQ(refused(post(path)).code(), ErrorCode::not_allowed) << path;
	EXPECT_EQ(refused(post("/item/remove")).detail(), "provider plaid, endpoint /item/remove");
	for (const char *path : {"/item/get", "/item/webhook/update", "/liabilities/get", "/accounts/balance/get",
	                         "/asset_report/remove", "/transactions/refresh", "/user/get", "/item/removed"})
		EXPECT_FALSE(touches_tokens(path)) << path;
}

// Whatever Plaid's front might take for the same path.
TEST(PlaidRawCall, PathsHaveOneForm) {
	for (const char *path : {"",
	                         "/",
	                         "item/remove",
	                         "/item/remove/",
	                         "//item/remove",
	                         "/item//remove",
	                         "/item/./remove",
	                         "/x/../item/remove",
	                         "/item/Remove",
	                         "/ITEM/REMOVE",
	                         "/item/remov%65",
	                         "/item%2fremove",
	                         "/item/remove?x=1",
	                         "/item/remove?",
	                         "/item/remove#x",
	                         "/item/remove;x",
	                         "/item/remove ",
	                         " /item/remove",
	                         "/item/remove\t",
	                         "/item/remove\n",
	                         "/item\\remove",
	                         "@evil.example/item/get",
	                         "/item/r\xd0\xb5move",
	                         ".evil.example",
	                         ":443/item/get",
	                         "/item/remove\\"})
		EXPECT_EQ(refused(post(path)).code(), ErrorCode::invalid_argument) << path;
	EXPECT_EQ(refused(post(std::string("/item/get\0", 10))).code(), ErrorCode::invalid_argument);
	EXPECT_TRUE(is_plain_path("/beta/transactions/user_insights/v1/get"));
}

} // namespace
} // namespace ob::providers::plaid
