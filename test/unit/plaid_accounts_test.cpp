#include <gtest/gtest.h>

#include <string>

#include "providers/plaid/accounts.hpp"
#include "unit/support/plaid_session.hpp"

namespace ob::providers::plaid {
namespace {

std::string account_json(const std::string &type, const std::string &subtype, const std::string &balances) {
	return R"({"account_id":"acc1","balances":)" + balances +
	       R"(,"holder_category":"personal","mask":"0000","name":"Plaid Checking","official_name":"Plaid Gold Checking")" +
	       R"(,"persistent_account_id":"p1","subtype":)" + subtype + R"(,"type":)" + type + "}";
}

std::string answer(const std::string &accounts) {
	return R"({"accounts":[)" + accounts + R"(],"item":{"item_id":"i"},"request_id":"req-9"})";
}

Account read_one(const std::string &json) {
	AccountList list = read_accounts(answer(json));
	EXPECT_EQ(list.accounts.size(), 1u);
	return std::move(list.accounts.at(0));
}

TEST(PlaidAccounts, ReadsAllFields) {
	const std::string json =
	    account_json("\"depository\"", "\"checking\"",
	                 R"({"available":100,"current":110,"iso_currency_code":"CAD","limit":null,)"
	                 R"("last_updated_datetime":"2026-03-01T08:00:00.123456789Z","unofficial_currency_code":null})");
	const Account account = read_one(json);
	EXPECT_EQ(account.id, "acc1");
	EXPECT_EQ(account.name, "Plaid Checking");
	EXPECT_EQ(account.official_name, "Plaid Gold Checking");
	EXPECT_EQ(account.mask, "0000");
	EXPECT_EQ(account.currency, "CAD");
	ASSERT_TRUE(account.balance_at);
	EXPECT_EQ(time::format_timestamp(*account.balance_at), "2026-03-01T08:00:00.123456Z");
	EXPECT_EQ(account.raw, json);
}

TEST(PlaidAccounts, AbsentNullAndEmptyAreAlike) {
	for (const char *json : {R"({"account_id":"acc1"})",
	                         R"({"account_id":"acc1","balances":null,"mask":null,"name":null,)"
	                         R"("official_name":null,"type":null,"subtype":null})",
	                         R"({"account_id":"acc1","balances":{},"mask":"","name":"","type":"","subtype":""})"}) {
		const Account account = read_one(json);
		EXPECT_EQ(account.type, "other");
		EXPECT_EQ(account.balance_current + account.balance_available + account.credit_limit + account.currency, "");
		EXPECT_FALSE(account.balance_at);
		EXPECT_EQ(account.mask + account.name + account.official_name, "");
	}
}

TEST(PlaidAccounts, CardNumbersAreCut) {
	const Account account = read_one(R"({"account_id":"acc1","name":"Visa 4111111111111111",)"
	                                 R"("official_name":"4111 1111 1111 1111","mask":"4111111111111111"})");
	EXPECT_EQ(account.name, "Visa ************1111");
	EXPECT_EQ(account.official_name.find("4111 1111"), std::string::npos);
	EXPECT_EQ(account.mask, "1111");
	EXPECT_EQ(account.raw.find("411111111111"), std::string::npos) << account.raw;
}

TEST(PlaidAccounts, MasksAreCutBetweenCharacters) {
	EXPECT_EQ(kept_mask("12"), "12");
	EXPECT_EQ(kept_mask("XX1234"), "1234");
	EXPECT_EQ(kept_mask("12••"), "12••");
	EXPECT_EQ(kept_mask("•••12"), "••12");
}

TEST(PlaidAccounts, ListsMayBeNullEmptyOrHoldAnIdTwice) {
	EXPECT_TRUE(read_accounts(R"({"accounts":[],"request_id":"r"})").accounts.empty());
	EXPECT_TRUE(read_accounts(R"({"accounts":null,"request_id":"r"})").accounts.empty());
	EXPECT_TRUE(read_accounts(R"({"request_id":"r"})").accounts.empty());
	const AccountList list = read_accounts(answer(
	    R"({"account_id":"a","name":"old"},{"account_id":"b"},{"account_id":"a","name":"new"},{"account_id":"A"})"));
	ASSERT_EQ(list.accounts.size(), 3u);
	EXPECT_EQ(list.accounts[0].id, "a");
	EXPECT_EQ(list.accounts[0].name, "new");
	EXPECT_EQ(list.accounts[2].id, "A");
	EXPECT_GT(list.bytes, 0u);
}

TEST(PlaidAccounts, RefusesWhatIsNoAnswer) {
	for (const char *body :
	     {"{}", "[]", "null", "", "{\"accounts\":{}}", "{\"accounts\":\"none\"}", "{\"accounts\":[{}]}",
	      "{\"accounts\":[{\"account_id\":null}]}", "{\"accounts\":[{\"account_id\":5}]}", "{\"accounts\":[7]}",
	      "{\"accounts\":[{\"account_id\":\"a\",\"balances\":{\"current\":\"12\"}}]}",
	      "{\"accounts\":[{\"account_id\":\"a\",\"balances\":{\"current\":1e40}}]}",
	      "{\"accounts\":[{\"account_id\":\"a\"}],\"request_id\":\"r\"", "{\"accounts\":[]} x"}) {
		try {
			read_accounts(body);
			ADD_FAILURE() << body;
		} catch (const Error &error) {
			EXPECT_EQ(error.code(), ErrorCode::bad_reply) << body;
		}
	}
}

TEST(PlaidAccounts, TellHowTheItemIs) {
	const auto health_of = [](const std::string &item) {
		return read_accounts(R"({"accounts":[],"item":)" + item + R"(,"request_id":"r"})").health;
	};
	const auto sound = health_of(
	    R"({"item_id":"i","institution_id":"ins_1","institution_name":null,"consent_expiration_time":"2026-06-01T00:00:00Z","error":null})");
	ASSERT_TRUE(sound);
	EXPECT_EQ(sound->institution_id, "ins_1");
	EXPECT_EQ(time::format_timestamp(sound->consent_expires_at.value()), "2026-06-01T00:00:00Z");
	EXPECT_FALSE(sound->standing_error);
	const auto broken = health_of(R"({"error":)" + test::plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED") + "}");
	ASSERT_TRUE(broken);
	EXPECT_EQ(broken->standing_error, Reaction::reauth);
	EXPECT_EQ(broken->error_code, "ITEM_LOGIN_REQUIRED");
	EXPECT_FALSE(health_of("null") || health_of("7"));
	EXPECT_FALSE(read_accounts(R"({"accounts":[]})").health);
}

TEST(PlaidAccounts, AsksForAllOrForSome) {
	test::PlaidSession plaid;
	plaid.transport.answer("/accounts/get", answer("")).answer("/accounts/get", answer(""));
	test::run_task(plaid.provider.accounts(plaid.session(), plaid.credentials(), {}));
	test::run_task(plaid.provider.accounts(plaid.session(), plaid.credentials(), {"a", "B"}));
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(), R"({"access_token":"access-sandbox-1"})");
	EXPECT_EQ(plaid.transport.requests.at(1).canonical_body(),
	          R"({"access_token":"access-sandbox-1","options":{"account_ids":["a","B"]}})");
	EXPECT_EQ(plaid.stats.last_request_id, "req-9");
	EXPECT_EQ(plaid.provider.accounts_endpoint(), "/accounts/get");
}

TEST(PlaidAccounts, WhatOnlyNamesAnAccountMayHaveAnyType) {
	for (const char *odd : {"5", "true", "[1]", "{\"a\":1}"}) {
		const Account account =
		    read_one(R"({"account_id":"acc1","type":"credit","mask":)" + std::string(odd) + R"(,"name":)" + odd +
		             R"(,"official_name":)" + odd + R"(,"subtype":)" + odd + R"(,"holder_category":)" + odd +
		             R"(,"balances":{"current":12.5,"iso_currency_code":"USD","last_updated_datetime":)" + odd + "}}");
		EXPECT_EQ(account.mask + account.name + account.official_name + account.provider_subtype, "") << odd;
		EXPECT_FALSE(account.balance_at);
		EXPECT_EQ(account.type, "credit_card");
		EXPECT_EQ(account.balance_current, "-12.5");
	}
	// Not so what says how much there is, and whether it is owed.
	for (const char *odd : {R"("type":5)", R"("type":["credit"])", R"("balances":"12")", R"("balances":[])",
	                        R"("balances":{"available":true})", R"("balances":{"limit":"2000"})",
	                        R"("balances":{"current":{}})", R"("balances":{"iso_currency_code":840})"})
		EXPECT_EQ(test::caught([&] { read_one(R"({"account_id":"acc1",)" + std::string(odd) + "}"); }).code(),
		          ErrorCode::bad_reply)
		    << odd;
}

// ---- /accounts/balance/get ----

const std::string kOneCard = R"({"account_id":"c","type":"credit","subtype":"credit card",)"
                             R"("balances":{"current":410,"available":1590,"limit":2000,"iso_currency_code":"USD"}})";

std::string refusal(const char *code, const char *type = "INVALID_REQUEST") {
	return test::plaid_error(type, code);
}

TEST(PlaidBalancesOnDemand, AreReadAsAccountsAre) {
	test::PlaidSession plaid;
	plaid.transport.answer("/accounts/balance/get", answer(kOneCard)).answer("/accounts/balance/get", answer(""));
	const AccountList list = test::run_task(plaid.provider.balances(plaid.session(), plaid.credentials(), {}));
	ASSERT_EQ(list.accounts.size(), 1u);
	EXPECT_EQ(list.accounts[0].balance_current, "-410");
	EXPECT_EQ(list.accounts[0].balance_available, "1590");
	EXPECT_EQ(list.accounts[0].credit_limit, "2000");
	test::run_task(plaid.provider.balances(plaid.session(), plaid.credentials(), {"a", "b"}));
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(), R"({"access_token":"access-sandbox-1"})");
	EXPECT_EQ(plaid.transport.requests.at(1).canonical_body(),
	          R"({"access_token":"access-sandbox-1","options":{"account_ids":["a","b"]}})");
	EXPECT_EQ(plaid.stats.last_request_id, "req-9");
	EXPECT_EQ(plaid.provider.balances_endpoint(), "/accounts/balance/get");
}

TEST(PlaidBalancesOnDemand, SayHowOldTheyMayBeWhereThatIsAsked) {
	test::PlaidSession plaid;
	plaid.clock.set("2026-03-10T12:00:00.654321Z");
	plaid.transport.answer("/accounts/balance/get", 400, refusal("INVALID_FIELD"))
	    .answer("/accounts/balance/get", answer(kOneCard));
	const AccountList list = test::run_task(plaid.provider.balances(plaid.session(), plaid.credentials(), {"c"}));
	EXPECT_EQ(list.accounts.size(), 1u);
	EXPECT_EQ(plaid.transport.requests.at(1).canonical_body(),
	          R"({"access_token":"access-sandbox-1","options":{"account_ids":["c"],)"
	          R"("min_last_updated_datetime":"2026-03-09T12:00:00Z"}})");
	EXPECT_EQ(plaid.transport.requests.size(), 2u);
}

TEST(PlaidBalancesOnDemand, FallBackOnCachedOnes) {
	for (const bool asked_for_age : {true, false}) {
		test::PlaidSession plaid;
		if (asked_for_age)
			plaid.transport.answer("/accounts/balance/get", 400, refusal("INVALID_FIELD"));
		plaid.transport
		    .answer("/accounts/balance/get", 400, refusal("LAST_UPDATED_DATETIME_OUT_OF_RANGE", "INVALID_RESULT"))
		    .answer("/accounts/get", answer(kOneCard));
		const AccountList list = test::run_task(plaid.provider.balances(plaid.session(), plaid.credentials(), {"c"}));
		EXPECT_EQ(list.accounts.size(), 1u);
		EXPECT_EQ(plaid.transport.requests.back().canonical_body(),
		          R"({"access_token":"access-sandbox-1","options":{"account_ids":["c"]}})");
		EXPECT_TRUE(plaid.transport.script_used_up());
	}
}

TEST(PlaidBalancesOnDemand, FailOtherwise) {
	const auto code = [](test::PlaidSession &plaid) {
		return test::caught([&] { test::run_task(plaid.provider.balances(plaid.session(), plaid.credentials(), {})); })
		    .code();
	};
	test::PlaidSession plaid;
	plaid.transport.answer("/accounts/balance/get", 400, refusal("INVALID_FIELD"))
	    .answer("/accounts/balance/get", 400, refusal("INVALID_FIELD"));
	EXPECT_EQ(code(plaid), ErrorCode::refused) << "asked once only";
	plaid.transport.answer("/accounts/balance/get", 400, refusal("ITEM_LOGIN_REQUIRED", "ITEM_ERROR"));
	EXPECT_EQ(code(plaid), ErrorCode::reauth_required);
	plaid.transport.answer("/accounts/balance/get", 400, refusal("INVALID_ACCOUNT_ID", "INVALID_INPUT"));
	EXPECT_EQ(code(plaid), ErrorCode::not_found);
	plaid.transport.answer("/accounts/balance/get", "{}");
	EXPECT_EQ(code(plaid), ErrorCode::bad_reply);
	EXPECT_TRUE(plaid.transport.script_used_up());
	EXPECT_EQ(plaid.transport.count("/accounts/get"), 0u);
}

TEST(PlaidAccounts, NeedAToken) {
	test::PlaidSession plaid;
	EXPECT_THROW(test::run_task(plaid.provider.accounts(plaid.session(), {}, {})), Error);
	EXPECT_TRUE(plaid.transport.requests.empty());
}

} // namespace
} // namespace ob::providers::plaid
