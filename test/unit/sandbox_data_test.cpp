// What the simulated data look like: amounts digit for digit, all kinds of values, /transactions/get, bulk rows.
#include <set>

#include "sandbox_client.hpp"

namespace ob::sandbox {
namespace {

class SandboxData : public SandboxTest {
protected:
	Answer get(const std::string &token, const std::string &first, const std::string &last,
	           const std::string &options = "") {
		return plaid("/transactions/get",
		             with_token(token, R"(,"start_date":")" + first + R"(","end_date":")" + last + "\"" +
		                                   (options.empty() ? "" : ",\"options\":" + options)));
	}
	/// The text of the rows after one transaction was added.
	std::string added_text(const std::string &transaction, const std::string &omit = "[]") {
		const std::string token = empty_item();
		const std::string item = json_string(plaid("/item/get", with_token(token)).body.get("item").text_of("item_id"));
		control("plaid/transactions/add",
		        "{\"item_id\":" + item + ",\"omit\":" + omit + ",\"transactions\":[" + transaction + "]}");
		return sync(token).response.body;
	}
};

TEST_F(SandboxData, NumbersKeepTheirDigits) {
	for (const char *amount : {"12345678901234.56", "0.00000001", "1e-8", "-0.10", "5",
	                           "123456789012345678901234567890.5", "99999999999999999999"}) {
		const std::string body = added_text("{\"amount\":" + std::string(amount) + "}");
		EXPECT_NE(body.find("\"amount\":" + std::string(amount) + ","), std::string::npos) << body;
	}
}

TEST_F(SandboxData, AnyFieldMayBeNullAbsentOrStrange) {
	const std::string body = added_text(
	    R"({"name": "2026-01-01", "iso_currency_code": null, "unofficial_currency_code": "DOGE", "payment_channel": "pigeon",)"
	    R"( "datetime": "2026-03-01T00:00:00.123456789Z", "merchant_name": "", "brand_new": {"x": [1, "}"]}})",
	    R"(["counterparties", "location"])");
	EXPECT_NE(body.find(R"("name":"2026-01-01")"), std::string::npos);
	EXPECT_NE(body.find(R"("unofficial_currency_code":"DOGE")"), std::string::npos);
	EXPECT_NE(body.find(R"("payment_channel":"pigeon")"), std::string::npos);
	EXPECT_NE(body.find("00.123456789Z"), std::string::npos);
	EXPECT_NE(body.find(R"("brand_new":{"x": [1, "}"]})"), std::string::npos);
	EXPECT_EQ(body.find("counterparties"), std::string::npos);
	EXPECT_EQ(body.find("\"location\""), std::string::npos);
	EXPECT_TRUE(Json::parse_lenient(body).is_object());
}

TEST_F(SandboxData, AccountsOfAnyKind) {
	const Json made = control("plaid/items/create", R"({"accounts": [
		{"account_id": "a", "type": "loan", "subtype": "student", "balances": {"current": 65262.00, "available": null}},
		{"account_id": "A", "type": "moonbase", "subtype": null, "mask": null, "balances": {"iso_currency_code": null, "unofficial_currency_code": "BTC"}}]})");
	const std::string token = made.get("items").elements().front().text_of("access_token");
	const Answer answer = plaid("/accounts/get", with_token(token));
	EXPECT_EQ(answer.body.get("accounts").elements().size(), 2U);
	EXPECT_NE(answer.response.body.find("65262.00"), std::string::npos);
	EXPECT_EQ(answer.body.get("accounts").elements()[1].text_of("type"), "moonbase");
	control("plaid/accounts/set", R"({"account_id": "a", "closed": true})");
	EXPECT_EQ(plaid("/accounts/get", with_token(token)).body.get("accounts").elements().size(), 1U);
	control("plaid/accounts/set", R"({"account_id": "A", "set": {"account_id": "B", "name": "Renamed"}})");
	EXPECT_EQ(plaid("/accounts/get", with_token(token)).body.get("accounts").elements().front().text_of("account_id"),
	          "B");
}

TEST_F(SandboxData, GetGoesNewestFirstAndByOffset) {
	const std::string token = link();
	const Answer all = get(token, "2025-01-01", "2026-03-07", R"({"count": 500})");
	const auto rows = all.body.get("transactions").elements();
	EXPECT_EQ(static_cast<std::int64_t>(rows.size()), all.body.integer_of("total_transactions"));
	for (std::size_t n = 1; n < rows.size(); ++n) {
		EXPECT_GE(rows[n - 1].text_of("date"), rows[n].text_of("date"));
	}
	std::set<std::string> seen;
	for (std::size_t offset = 0; offset < rows.size(); offset += 10) {
		const Answer page =
		    get(token, "2025-01-01", "2026-03-07", R"({"count": 10, "offset": )" + std::to_string(offset) + "}");
		for (const std::string &id : ids(page, "transactions")) {
			EXPECT_TRUE(seen.insert(id).second);
		}
	}
	EXPECT_EQ(seen.size(), rows.size());
	EXPECT_TRUE(ids(get(token, "2025-01-01", "2026-03-07", R"({"offset": 5000})"), "transactions").empty());
}

TEST_F(SandboxData, BothEndsOfARangeCount) {
	const std::string token = empty_item();
	control(
	    "plaid/transactions/add",
	    R"({"transactions": [{"transaction_id": "a", "date": "2026-02-01"}, {"transaction_id": "b", "date": "2026-02-02"}, {"transaction_id": "c", "date": "2026-02-03"}]})");
	EXPECT_EQ(ids(get(token, "2026-02-01", "2026-02-02"), "transactions"), (std::vector<std::string>{"b", "a"}));
	EXPECT_EQ(get(token, "2026-02-02", "2026-02-01").code(), "INVALID_FIELD");
	EXPECT_TRUE(get(token, "2020-01-01", "2020-01-02").body.get("transactions").is_array());
	control("config", R"({"null_when_empty": true})");
	EXPECT_TRUE(get(token, "2020-01-01", "2020-01-02").body.get("transactions").is_null());
}

TEST_F(SandboxData, GetFiltersByAccount) {
	const std::string token = link();
	const Json accounts = plaid("/accounts/get", with_token(token)).body.get("accounts");
	const std::string saving = accounts.elements()[1].text_of("account_id");
	const Answer answer = get(token, "2025-01-01", "2026-03-07", R"({"account_ids": [")" + saving + "\"]}");
	EXPECT_EQ(answer.body.get("accounts").elements().size(), 1U);
	EXPECT_FALSE(ids(answer, "transactions").empty());
	for (const Json &row : answer.body.get("transactions").elements()) {
		EXPECT_EQ(row.text_of("account_id"), saving);
	}
}

TEST_F(SandboxData, DynamicUserMovesWithEveryRefresh) {
	const std::string token = link(R"({"override_username": "user_transactions_dynamic"})");
	const Answer start = sync_all(token);
	EXPECT_EQ(ids(start, "added").size(), 50U);
	EXPECT_EQ(plaid("/transactions/refresh", with_token(token)).status(), 200);
	const Answer moved = sync(token, start.body.text_of("next_cursor"));
	EXPECT_EQ(ids(moved, "modified").size(), 1U);
	EXPECT_EQ(ids(moved, "removed").size(), 5U);
	EXPECT_EQ(ids(moved, "added").size(), 8U);
	const auto create = [&](const char *posted) {
		return plaid("/sandbox/transactions/create",
		             with_token(token, R"(,"transactions":[{"date_transacted":"2026-03-01","date_posted":")" +
		                                   std::string(posted) + R"(","amount":1.25,"description":"Made"}])"));
	};
	EXPECT_EQ(create("2026-03-08").code(), "INVALID_FIELD");
	EXPECT_EQ(create("2026-02-28").code(), "INVALID_FIELD");
	EXPECT_EQ(create("2026-03-02").status(), 200);
	EXPECT_EQ(
	    plaid(
	        "/sandbox/transactions/create",
	        with_token(
	            link(),
	            R"(,"transactions":[{"date_transacted":"2026-03-01","date_posted":"2026-03-01","amount":1,"description":"x"}])"))
	        .code(),
	    "INVALID_FIELD");
}

TEST_F(SandboxData, StaticUserStaysAsItIs) {
	const std::string token = link();
	const std::string cursor = caught_up(token);
	plaid("/transactions/refresh", with_token(token));
	EXPECT_TRUE(ids(sync(token, cursor), "added").empty());
}

TEST_F(SandboxData, CustomUserBringsItsOwn) {
	const std::string configuration =
	    R"({"override_accounts": [{"type": "depository", "subtype": "savings", "starting_balance": 1000.10, "currency": "EUR",)"
	    R"( "meta": {"name": "Nest egg", "mask": "42"}, "transactions": [)"
	    R"({"date_transacted": "2026-03-01", "date_posted": "2026-03-02", "amount": 1.230, "description": "then"},)"
	    R"({"date_transacted": "2026-03-06", "date_posted": "2026-03-20", "amount": 2, "description": "soon"}]}]})";
	const std::string token =
	    link(R"({"override_username": "user_custom", "override_password": )" + json_string(configuration) + "}");
	const Json account = plaid("/accounts/get", with_token(token)).body.get("accounts").elements().front();
	EXPECT_EQ(account.text_of("name"), "Nest egg");
	EXPECT_EQ(account.get("balances").text_of("iso_currency_code"), "EUR");
	const Answer rows = sync(token);
	ASSERT_EQ(ids(rows, "added").size(), 2U);
	EXPECT_NE(rows.response.body.find("\"amount\":1.230,"), std::string::npos);
	EXPECT_TRUE(rows.body.get("added").elements()[1].truth_of("pending"));
}

TEST_F(SandboxData, DumpTellsTheTruth) {
	const std::string token = empty_item();
	control("plaid/transactions/add",
	        R"({"transactions": [{"transaction_id": "a"}, {"transaction_id": "b", "amount": 1.10}]})");
	control("plaid/transactions/remove", R"({"transaction_id": "a"})");
	const Json item = control("dump").get("plaid").get("items").elements().front();
	const auto rows = item.get("transactions").elements();
	ASSERT_EQ(rows.size(), 2U);
	EXPECT_EQ(rows[0].text_of("state"), "removed");
	EXPECT_EQ(rows[1].text_of("state"), "live");
	EXPECT_FALSE(
	    control("dump", R"({"transactions": false})").get("plaid").get("items").elements().front().has("transactions"));
	control("reset");
	EXPECT_TRUE(control("dump").get("plaid").get("items").elements().empty());
	EXPECT_EQ(plaid("/item/get", with_token(token)).code(), "INVALID_ACCESS_TOKEN");
}

TEST_F(SandboxData, Institutions) {
	const Answer one = plaid(
	    "/institutions/get_by_id",
	    R"({"institution_id": "ins_109508", "country_codes": ["US"], "options": {"include_optional_metadata": true}})");
	EXPECT_EQ(one.body.get("institution").text_of("name"), "First Platypus Bank");
	EXPECT_TRUE(base64_decode(one.body.get("institution").text_of("logo"))->starts_with("\x89PNG"));
	EXPECT_EQ(plaid("/institutions/get_by_id", R"({"institution_id": "ins_1", "country_codes": ["US"]})").code(),
	          "INVALID_INSTITUTION");
	const Answer found = plaid("/institutions/search", R"({"query": "TARTAN", "country_codes": ["CA"]})");
	EXPECT_EQ(found.body.get("institutions").elements().size(), 1U);
	const Answer page = plaid("/institutions/get", R"({"count": 2, "offset": 1, "country_codes": ["GB"]})");
	EXPECT_EQ(page.body.integer_of("total"), 2);
	EXPECT_EQ(page.body.get("institutions").elements().size(), 1U);
}

} // namespace
} // namespace ob::sandbox
