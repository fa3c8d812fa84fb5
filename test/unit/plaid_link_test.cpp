#include <gtest/gtest.h>

#include <string>

#include "core/time.hpp"
#include "providers/plaid/provider.hpp"
#include "unit/support/plaid_session.hpp"

namespace ob::providers::plaid {
namespace {

using test::caught;
using test::plaid_error;
using test::PlaidSession;
using test::run_task;

// ---- /link/token/create ----

constexpr const char *kLinkAnswer =
    R"({"link_token":"link-sandbox-1","expiration":"2026-03-10T12:30:00Z","request_id":"r",)"
    R"("hosted_link_url":"https://secure.plaid.com/hl/x"})";

LinkRequest link_request(const std::string &options, const std::string &mode = "hosted",
                         const std::string &user = "u1") {
	LinkRequest request;
	request.user_ref = user;
	request.mode = mode;
	request.options_json = options;
	return request;
}

/// What start_link sends.
std::string sent(PlaidSession &plaid, const LinkRequest &request) {
	plaid.transport.answer("/link/token/create", kLinkAnswer);
	run_task(plaid.provider.start_link(plaid.session(), request));
	return plaid.transport.requests.back().canonical_body();
}

std::string link_body(PlaidSession &plaid, const std::string &options, const std::string &mode = "hosted") {
	return sent(plaid, link_request(options, mode));
}

PlaidSession with_name() {
	PlaidSession plaid;
	plaid.option("client_name", "My App");
	return plaid;
}

TEST(PlaidLink, SendsTheDefaults) {
	PlaidSession plaid = with_name();
	EXPECT_EQ(link_body(plaid, "{}"),
	          R"({"client_name":"My App","country_codes":["US"],"hosted_link":{},"language":"en",)"
	          R"("products":["transactions"],"transactions":{"days_requested":90},"user":{"client_user_id":"u1"}})");
	EXPECT_EQ(link_body(plaid, "", "embedded"),
	          R"({"client_name":"My App","country_codes":["US"],"language":"en","products":["transactions"],)"
	          R"("transactions":{"days_requested":90},"user":{"client_user_id":"u1"}})");
}

TEST(PlaidLink, SendsTheServersOptions) {
	PlaidSession plaid = with_name();
	plaid.option("language", "fr")
	    .option("country_codes", "US, CA")
	    .option("products", "transactions,liabilities")
	    .option("days_requested", "730")
	    .option("webhook_url", "https://app.example/hook")
	    .option("redirect_uri", "https://app.example/back")
	    .option("user_ref_prefix", "shop-");
	EXPECT_EQ(link_body(plaid, "{}", "embedded"),
	          R"({"client_name":"My App","country_codes":["US","CA"],"language":"fr",)"
	          R"("products":["transactions","liabilities"],"redirect_uri":"https://app.example/back",)"
	          R"("transactions":{"days_requested":730},"user":{"client_user_id":"shop-u1"},)"
	          R"("webhook":"https://app.example/hook"})");
	// The hosted page handles banks' redirects itself, and only needs to know where to go afterwards.
	EXPECT_EQ(link_body(plaid, "{}", "hosted"),
	          R"({"client_name":"My App","country_codes":["US","CA"],)"
	          R"("hosted_link":{"completion_redirect_uri":"https://app.example/back"},"language":"fr",)"
	          R"("products":["transactions","liabilities"],"transactions":{"days_requested":730},)"
	          R"("user":{"client_user_id":"shop-u1"},"webhook":"https://app.example/hook"})");
}

TEST(PlaidLink, CallersOptionsWinAndPassThrough) {
	PlaidSession plaid = with_name();
	plaid.option("webhook_url", "https://app.example/hook");
	EXPECT_EQ(
	    link_body(plaid,
	              R"({"mode":"hosted","client_name":"Other","language":"es","country_codes":["CA"],
						"products":"transactions, auth","days_requested":30,"webhook":"https://other.example/",
						"account_filters":{"depository":{"account_subtypes":["checking"]}},
						"hosted_link":{"url_lifetime_seconds":900},"user":{"phone_number":"+14155550123","legal_name":null},
						"link_customization_name":null,"a_new_field":{"x":1}})"),
	    R"({"a_new_field":{"x":1},"account_filters":{"depository":{"account_subtypes":["checking"]}},)"
	    R"("client_name":"Other","country_codes":["CA"],"hosted_link":{"url_lifetime_seconds":900},"language":"es",)"
	    R"("products":["transactions","auth"],"transactions":{"days_requested":30},)"
	    R"("user":{"client_user_id":"u1","phone_number":"+14155550123"},"webhook":"https://other.example/"})");
}

TEST(PlaidLink, NullLeavesAFieldOut) {
	PlaidSession plaid = with_name();
	plaid.option("webhook_url", "https://app.example/hook").option("redirect_uri", "https://app.example/back");
	EXPECT_EQ(link_body(plaid, R"({"webhook":null,"redirect_uri":null,"language":null})", "embedded"),
	          R"({"client_name":"My App","country_codes":["US"],"language":"en","products":["transactions"],)"
	          R"("transactions":{"days_requested":90},"user":{"client_user_id":"u1"}})");
}

TEST(PlaidLink, DaysGoWithTransactionsOnly) {
	PlaidSession plaid = with_name();
	EXPECT_EQ(link_body(plaid, R"({"products":["auth"],"days_requested":30})", "embedded").find("days_requested"),
	          std::string::npos);
	EXPECT_NE(link_body(plaid, R"({"products":["auth"],"optional_products":["transactions"],"days_requested":30})")
	              .find(R"("transactions":{"days_requested":30})"),
	          std::string::npos);
	EXPECT_NE(link_body(plaid, R"({"transactions":{"days_requested":45}})").find(R"({"days_requested":45})"),
	          std::string::npos);
	EXPECT_NE(link_body(plaid, R"({"transactions":{"days_requested":45},"days_requested":60})")
	              .find(R"({"days_requested":60})"),
	          std::string::npos);
}

TEST(PlaidLink, OffersWhatToOpen) {
	PlaidSession plaid = with_name();
	LinkRequest request = link_request("");
	plaid.transport.answer("/link/token/create", kLinkAnswer);
	const LinkOffer hosted = run_task(plaid.provider.start_link(plaid.session(), request));
	EXPECT_EQ(hosted.action, "redirect");
	EXPECT_EQ(hosted.url.reveal(), "https://secure.plaid.com/hl/x");
	EXPECT_EQ(hosted.token.reveal(), "link-sandbox-1");
	ASSERT_TRUE(hosted.expires_at);
	EXPECT_EQ(time::format_timestamp(*hosted.expires_at), "2026-03-10T12:30:00Z");

	request.mode = "embedded";
	plaid.transport.answer("/link/token/create", R"({"link_token":"link-2","expiration":"2026-03-10T16:00:00Z"})");
	const LinkOffer embedded = run_task(plaid.provider.start_link(plaid.session(), request));
	EXPECT_EQ(embedded.action, "sdk");
	EXPECT_TRUE(embedded.url.empty());
	EXPECT_EQ(embedded.token.reveal(), "link-2");
	EXPECT_EQ(plaid.stats.requests, 2);
}

TEST(PlaidLink, RefusesBeforeAnyCall) {
	const auto error = [](const std::string &options, const std::string &mode = "hosted",
	                      const std::string &user = "u1") {
		PlaidSession plaid = with_name();
		const LinkRequest request = link_request(options, mode, user);
		const Error result = caught([&] { run_task(plaid.provider.start_link(plaid.session(), request)); });
		EXPECT_TRUE(plaid.transport.requests.empty()) << options;
		EXPECT_EQ(result.code(), ErrorCode::invalid_argument) << options;
		return result.message();
	};
	EXPECT_EQ(error("{}", "popup"), "option \"mode\" must be hosted or embedded");
	EXPECT_EQ(error("[]"), "options must be a JSON object");
	error("{");
	EXPECT_EQ(error(R"({"days_requested":0})"), "option \"days_requested\" must be an integer from 1 to 730");
	error(R"({"days_requested":731})");
	error(R"({"days_requested":"90"})");
	error(R"({"days_requested":1.5})");
	EXPECT_EQ(error(R"({"email":"a@b.example"})"), "option \"email\" is not known to provider plaid");
	EXPECT_EQ(error(R"({"access_token":"access-1"})"), "option \"access_token\" cannot be set here");
	error(R"({"secret":"x"})");
	error(R"({"client_id":"x"})");
	error(R"({"user":{"client_user_id":"someone else"}})");
	EXPECT_EQ(error(R"({"hosted_link":true})"), "option \"hosted_link\" must be an object");
	for (const char *options : {R"({"user":"u1"})", R"({"transactions":730})", R"({"update":true})"})
		error(options);
	EXPECT_EQ(error("{}", "hosted", "jane@example.com"), "the user reference looks like an e-mail address");
	EXPECT_EQ(error(R"({"account_selection":true})"),
	          "option \"account_selection\" is for a bank that is linked already");
}

TEST(PlaidLink, ProductsMayBeWrittenAsText) {
	PlaidSession plaid = with_name();
	EXPECT_EQ(link_body(plaid,
	                    R"({"products":"auth","optional_products":"transactions, liabilities",)"
	                    R"("additional_consented_products":["identity"]})",
	                    "embedded"),
	          R"({"additional_consented_products":["identity"],"client_name":"My App","country_codes":["US"],)"
	          R"("language":"en","optional_products":["transactions","liabilities"],"products":["auth"],)"
	          R"("transactions":{"days_requested":90},"user":{"client_user_id":"u1"}})");
}

// ---- /link/token/create in update mode ----

LinkRequest repair(const std::string &options = "{}", const std::string &error_code = {},
                   const std::string &mode = "embedded") {
	LinkRequest request = link_request(options, mode);
	request.credentials = PlaidSession::credentials();
	request.error_code = error_code;
	return request;
}

TEST(PlaidRelink, SendsTheTokenAndNothingOfANewItem) {
	PlaidSession plaid = with_name();
	plaid.option("webhook_url", "https://app.example/hook")
	    .option("redirect_uri", "https://app.example/back")
	    .option("user_ref_prefix", "shop-")
	    .option("days_requested", "30");
	EXPECT_EQ(sent(plaid, repair()),
	          R"({"access_token":"access-sandbox-1","client_name":"My App","country_codes":["US"],"language":"en",)"
	          R"("redirect_uri":"https://app.example/back","user":{"client_user_id":"shop-u1"}})");
	EXPECT_EQ(sent(plaid, repair("{}", "ITEM_LOGIN_REQUIRED", "hosted")),
	          R"({"access_token":"access-sandbox-1","client_name":"My App","country_codes":["US"],)"
	          R"("hosted_link":{"completion_redirect_uri":"https://app.example/back"},"language":"en",)"
	          R"("user":{"client_user_id":"shop-u1"}})");
	// Null is what the caller writes to leave a field out; these are left out anyway.
	EXPECT_NO_THROW(sent(plaid, repair(R"({"products":null,"webhook":null,"transactions":null})")));
}

TEST(PlaidRelink, LetsTheUserChooseAccounts) {
	PlaidSession plaid = with_name();
	const auto update = [&](const std::string &options, const std::string &error_code = {}) {
		sent(plaid, repair(options, error_code));
		return json::Document::parse(plaid.transport.requests.back().body).get("update").canonical_dump();
	};
	const std::string on = R"({"account_selection_enabled":true})";
	const std::string off = R"({"account_selection_enabled":false})";
	EXPECT_EQ(update("{}"), "null");
	EXPECT_EQ(update("{}", "ITEM_LOGIN_REQUIRED"), "null");
	EXPECT_EQ(update(R"({"account_selection":true})"), on);
	EXPECT_EQ(update(R"({"account_selection":false})"), off);
	// Without it the repair of this error would change nothing.
	EXPECT_EQ(update("{}", "NO_ACCOUNTS"), on);
	EXPECT_EQ(update(R"({"account_selection":false})", "NO_ACCOUNTS"), off);
	EXPECT_EQ(update(R"({"account_selection":null})", "NO_ACCOUNTS"), "null");
	EXPECT_EQ(update(R"({"update":{"account_selection_enabled":false}})", "NO_ACCOUNTS"), off);
	EXPECT_EQ(update(R"({"update":{"reauthorization_enabled":true}})", "NO_ACCOUNTS"),
	          R"({"account_selection_enabled":true,"reauthorization_enabled":true})");
}

TEST(PlaidRelink, AsksForTheConsentThatIsMissing) {
	PlaidSession plaid = with_name();
	plaid.option("products", "transactions,liabilities");
	const auto consented = [&](const std::string &options, const std::string &error_code) {
		sent(plaid, repair(options, error_code));
		const auto body = json::Document::parse(plaid.transport.requests.back().body);
		EXPECT_FALSE(body.has("products") || body.has("transactions"));
		return body.get("additional_consented_products").canonical_dump();
	};
	EXPECT_EQ(consented("{}", "ITEM_LOGIN_REQUIRED"), "null");
	EXPECT_EQ(consented("{}", "ADDITIONAL_CONSENT_REQUIRED"), R"(["transactions","liabilities"])");
	EXPECT_EQ(consented(R"({"additional_consented_products":"auth"})", "ADDITIONAL_CONSENT_REQUIRED"), R"(["auth"])");
	EXPECT_EQ(consented(R"({"additional_consented_products":null})", "ADDITIONAL_CONSENT_REQUIRED"), "null");
	EXPECT_EQ(consented(R"({"additional_consented_products":["transactions"]})", ""), R"(["transactions"])");
}

TEST(PlaidRelink, RefusesBeforeAnyCall) {
	const auto error = [](const std::string &options) {
		PlaidSession plaid = with_name();
		const Error result = caught([&] { run_task(plaid.provider.start_link(plaid.session(), repair(options))); });
		EXPECT_TRUE(plaid.transport.requests.empty()) << options;
		EXPECT_EQ(result.code(), ErrorCode::invalid_argument) << options;
		return result;
	};
	EXPECT_EQ(error(R"({"products":["auth"]})").message(),
	          "option \"products\" cannot be set for a bank that is linked already");
	EXPECT_NE(error(R"({"products":"auth"})").hint().find("additional_consented_products"), std::string::npos);
	EXPECT_EQ(error(R"({"days_requested":30})").message(),
	          "option \"days_requested\" has no effect on a bank that is linked already");
	error(R"({"transactions":{"days_requested":30}})");
	error(R"({"webhook":"https://app.example/hook"})");
	EXPECT_EQ(error(R"({"account_selection":"yes"})").message(), "option \"account_selection\" must be true or false");
	error(R"({"access_token":"access-2"})");
}

TEST(PlaidRelink, NeedsTheToken) {
	PlaidSession plaid = with_name();
	LinkRequest request = repair();
	request.credentials.clear();
	request.credentials.emplace("refresh_token", Secret("r"));
	EXPECT_EQ(caught([&] { run_task(plaid.provider.start_link(plaid.session(), request)); }).code(),
	          ErrorCode::not_configured);
	EXPECT_TRUE(plaid.transport.requests.empty());
}

TEST(PlaidLink, NeedsAClientName) {
	PlaidSession plaid;
	const Error error = caught([&] { run_task(plaid.provider.start_link(plaid.session(), link_request("{}"))); });
	EXPECT_STREQ(sqlstate(error.code()), "HV00J");
	EXPECT_NE(error.message().find("client_name"), std::string::npos);
	EXPECT_TRUE(plaid.transport.requests.empty());
	EXPECT_NO_THROW(link_body(plaid, R"({"client_name":"From the caller"})"));
}

TEST(PlaidLink, ChecksTheAnswer) {
	for (const char *body : {R"({"expiration":"x"})", R"({"link_token":null,"hosted_link_url":"u"})",
	                         R"({"link_token":"t","hosted_link_url":null})", "[]"}) {
		PlaidSession plaid = with_name();
		plaid.transport.answer("/link/token/create", body);
		EXPECT_EQ(caught([&] { run_task(plaid.provider.start_link(plaid.session(), link_request("{}"))); }).code(),
		          ErrorCode::bad_reply)
		    << body;
	}
}

TEST(PlaidProviderTest, NamesItself) {
	const PlaidProvider provider;
	EXPECT_EQ(provider.known_hosts(), (std::vector<std::string>{"sandbox.plaid.com", "production.plaid.com"}));
	EXPECT_EQ(provider.transactions_endpoint(), "/transactions/get");
}

} // namespace
} // namespace ob::providers::plaid
