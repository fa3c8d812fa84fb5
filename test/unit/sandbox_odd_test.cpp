// The odd ledgers of the simulator, and other ways to be unusual.
#include <set>

#include "../sandbox/plaid/odd_ledgers.hpp"
#include "sandbox_client.hpp"

namespace ob::sandbox {
namespace {

class SandboxOdd : public SandboxTest {
protected:
	std::string odd(const std::string &ledger) {
		return link(R"({"override_username": "user_odd", "override_password": ")" + ledger + "\"}");
	}
	std::string rows_of(const std::string &ledger) { return sync_all(odd(ledger)).response.body; }
	static bool has(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }
};

TEST_F(SandboxOdd, EveryLedgerCanBeLinkedTwice) {
	for (const std::string_view name : plaid::odd_ledger_names()) {
		std::set<std::string> seen;
		for (int n = 0; n < 2; ++n) {
			const std::string token = odd(std::string(name));
			const std::string body = sync_all(token).response.body;
			const auto rows = raw_elements(raw_member(body, "added"));
			EXPECT_GE(rows.size(), 3U) << name;
			for (const std::string &row : rows) {
				EXPECT_TRUE(seen.insert(std::string(raw_member(row, "transaction_id"))).second) << row;
			}
			EXPECT_EQ(plaid("/accounts/get", with_token(token)).status(), 200) << name;
		}
	}
	Request request = request_of("/plaid/sandbox/public_token/create",
	                             R"({"institution_id": "ins_109508", "initial_products": ["transactions"], "options":)"
	                             R"( {"override_username": "user_odd", "override_password": "nothing"}})");
	EXPECT_EQ(send(request).code(), "INVALID_CREDENTIALS");
}

TEST_F(SandboxOdd, OddTextComesThroughByteForByte) {
	const std::string amounts = rows_of("amounts");
	for (const char *amount :
	     {"12345678901234.56", "1e-8", "-0.00", "1E+3", "5.10", "0.30000000000000004", "18446744073709551616"}) {
		EXPECT_TRUE(has(amounts, "\"amount\":" + std::string(amount) + ",")) << amount;
	}
	EXPECT_TRUE(has(rows_of("nul"), R"("name":"before\u0000after")"));
	EXPECT_TRUE(has(rows_of("surrogates"), R"("name":"high \ud83c alone")"));
	EXPECT_TRUE(has(rows_of("times"), "12:34:56.123456789Z"));
	EXPECT_TRUE(has(rows_of("names"), R"("name":"'; DROP TABLE transactions; --")"));
	const std::string currencies = rows_of("currencies");
	EXPECT_TRUE(has(currencies, R"("iso_currency_code":null,"unofficial_currency_code":"BTC")"));
	EXPECT_TRUE(has(currencies, R"("iso_currency_code":null,"unofficial_currency_code":null)"));
	EXPECT_GT(rows_of("long").size(), 200'000U);
}

TEST_F(SandboxOdd, IdsDifferInCaseOnly) {
	const Answer answer = sync_all(odd("ids"));
	const auto all = ids(answer, "added");
	const std::string number = all[0].substr(3);
	EXPECT_EQ(all[1], "ABC" + number);
	EXPECT_EQ(all[2], "aBc" + number);
	std::set<std::string> accounts;
	for (const Json &row : answer.body.get("added").elements()) {
		accounts.insert(row.text_of("account_id"));
	}
	EXPECT_EQ(accounts, (std::set<std::string>{"ACC" + number, "Acc" + number, "acc" + number}));
}

TEST_F(SandboxOdd, AccountsOfEveryType) {
	const std::string token = odd("account_types");
	std::set<std::string> types;
	const auto accounts = plaid("/accounts/get", with_token(token)).body.get("accounts").elements();
	for (const Json &account : accounts) {
		types.insert(account.text_of("type"));
	}
	EXPECT_GT(accounts.size(), 85U);
	EXPECT_EQ(types, (std::set<std::string>{"brokerage", "credit", "depository", "investment", "loan", "other"}));
	const Answer synced = sync_all(token);
	for (const Json &account : synced.body.get("accounts").elements()) {
		EXPECT_TRUE(account.text_of("type") != "investment" && account.text_of("type") != "other");
	}
}

TEST_F(SandboxOdd, FieldsAreNullOrAbsent) {
	const std::string body = rows_of("nulls");
	std::size_t without_merchant = 0;
	std::size_t null_merchant = 0;
	for (const std::string &row : raw_elements(raw_member(body, "added"))) {
		without_merchant += raw_member(row, "merchant_name").empty() ? 1 : 0;
		null_merchant += raw_member(row, "merchant_name") == "null" ? 1 : 0;
		EXPECT_TRUE(raw_member(row, "omit").empty());
	}
	EXPECT_EQ(without_merchant, 1U);
	EXPECT_EQ(null_merchant, 1U);
}

TEST_F(SandboxOdd, EmptyListsAndCursorsMayBeNull) {
	control("config", R"({"null_when_empty": true, "null_cursor": true, "initial_delay_ms": 1000})");
	const std::string token = link();
	const Answer early = sync(token);
	EXPECT_TRUE(early.body.get("added").is_null());
	EXPECT_TRUE(early.body.get("next_cursor").is_null());
	control("clock", R"({"advance_seconds": 1})");
	const Answer all = sync_all(token);
	EXPECT_TRUE(all.body.get("added").is_array());
	EXPECT_TRUE(all.body.get("removed").is_null());
	EXPECT_TRUE(all.body.get("next_cursor").is_string());
}

TEST_F(SandboxOdd, AnErrorMayOnlyShow) {
	const std::string token = link();
	control("plaid/items/set", R"({"error": "ITEM_LOGIN_REQUIRED", "error_blocks": false})");
	EXPECT_EQ(sync(token).status(), 200);
	EXPECT_EQ(plaid("/item/get", with_token(token)).body.get("item").get("error").text_of("error_code"),
	          "ITEM_LOGIN_REQUIRED");
	// The next trouble is a real one.
	plaid("/sandbox/item/reset_login", with_token(token));
	EXPECT_EQ(sync(token).code(), "ITEM_LOGIN_REQUIRED");
}

TEST_F(SandboxOdd, ABankInTrouble) {
	const std::string token = link();
	control("plaid/institutions/set", R"({"institution_id": "ins_109508"})");
	EXPECT_EQ(plaid("/accounts/balance/get", with_token(token)).code(), "INSTITUTION_DOWN");
	EXPECT_EQ(plaid("/transactions/refresh", with_token(token)).code(), "INSTITUTION_DOWN");
	EXPECT_EQ(sync(token).status(), 200);
	EXPECT_TRUE(plaid("/item/get", with_token(token)).body.get("item").get("error").is_null());
	EXPECT_EQ(plaid("/sandbox/public_token/create",
	                R"({"institution_id": "ins_109508", "initial_products": ["transactions"]})")
	              .code(),
	          "INSTITUTION_DOWN");
	control("plaid/institutions/set",
	        R"({"institution_id": "ins_109508", "error": "INSTITUTION_NOT_RESPONDING", "cached_too": true})");
	EXPECT_EQ(sync(token).code(), "INSTITUTION_NOT_RESPONDING");
	control("config", R"({"environment": "production"})");
	EXPECT_EQ(plaid("/institutions/get_by_id",
	                R"({"institution_id": "ins_109508", "country_codes": ["US"], "options": {"include_status": true}})")
	              .body.get("institution")
	              .get("status")
	              .get("transactions_updates")
	              .text_of("status"),
	          "DOWN");
	control("config", R"({"environment": "sandbox"})");
	control("plaid/institutions/set", R"({"institution_id": "ins_109508", "error": null})");
	EXPECT_EQ(sync(token).status(), 200);
}

} // namespace
} // namespace ob::sandbox
