// Bulk rows of the simulator: made up on the fly, but with the life of all other transactions.
#include <map>
#include <set>

#include "sandbox_client.hpp"

namespace ob::sandbox {
namespace {

class SandboxBulk : public SandboxTest {
protected:
	/// An item with `count` bulk rows and nothing else. Returns its access token.
	std::string bulk_item(const std::string &generate) {
		const Json made = control("plaid/items/create", R"({"generate": )" + generate + "}");
		return made.get("items").elements().front().text_of("access_token");
	}
	/// The rows that sync adds from the beginning on, as they stand in the answers.
	std::vector<std::string> rows(const std::string &token, int count = 500, const std::string &more = "") {
		std::vector<std::string> out;
		std::string cursor;
		for (bool going = true; going;) {
			const Answer page = sync(token, cursor, ",\"count\":" + std::to_string(count) + more);
			EXPECT_EQ(page.status(), 200) << page.response.body;
			for (std::string &row : raw_elements(raw_member(page.response.body, "added"))) {
				out.push_back(std::move(row));
			}
			cursor = page.body.text_of("next_cursor");
			going = page.body.truth_of("has_more");
		}
		return out;
	}
	static std::string member(const std::string &row, const char *key) { return std::string(raw_member(row, key)); }
	/// What does not depend on the item.
	static std::vector<std::string> contents(const std::vector<std::string> &rows) {
		std::vector<std::string> out;
		for (const std::string &row : rows) {
			out.push_back(member(row, "amount") + member(row, "date") + member(row, "name") + member(row, "location"));
		}
		return out;
	}
	std::string stream(const std::string &body) {
		Request request;
		request.path = "/_control/plaid/rows";
		request.body = body;
		const Response response = simulator_.handle(request);
		EXPECT_EQ(response.status, 200) << response.body;
		std::string out;
		for (std::string piece = response.more(); !piece.empty(); piece = response.more()) {
			out += piece;
		}
		return out;
	}
};

TEST_F(SandboxBulk, TheSameSeedMakesTheSameRows) {
	const auto first = rows(bulk_item(R"({"count": 1200, "seed": 7})"));
	ASSERT_EQ(first.size(), 1200U);
	const auto again = rows(bulk_item(R"({"count": 1200, "seed": 7})"));
	EXPECT_EQ(contents(first), contents(again));
	EXPECT_NE(contents(first), contents(rows(bulk_item(R"({"count": 1200, "seed": 8})"))));
	std::set<std::string> ids;
	for (const auto &list : {first, again}) {
		for (const std::string &row : list) {
			EXPECT_TRUE(ids.insert(member(row, "transaction_id")).second) << row;
			EXPECT_EQ(member(row, "transaction_id").size(), 39U);
		}
	}
}

TEST_F(SandboxBulk, RowsAreWholeAndVaried) {
	const auto all = rows(bulk_item(R"({"count": 1000})"));
	std::size_t bytes = 0;
	std::map<std::string, std::set<std::string>> seen;
	for (const std::string &row : all) {
		const Json json = Json::parse(row);
		ASSERT_TRUE(json.is_object()) << row;
		bytes += row.size();
		for (const auto &[key, value] : json.members()) {
			seen[key].insert(value.dump());
		}
		EXPECT_EQ(json.get("location").members().size(), 8U);
		EXPECT_EQ(json.get("payment_meta").members().size(), 8U);
		EXPECT_LE(json.text_of("date"), "2026-03-07");
		EXPECT_GT(json.text_of("date"), "2025-12-06");
		EXPECT_LE(json.text_of("authorized_date"), json.text_of("date"));
	}
	EXPECT_GT(bytes / all.size(), 1550U);
	EXPECT_LT(bytes / all.size(), 1650U);
	EXPECT_EQ(seen["account_id"].size(), 3U);
	EXPECT_GT(seen["name"].size(), 990U);
	EXPECT_GT(seen["amount"].size(), 700U);
	EXPECT_GT(seen["location"].size(), 400U);
	EXPECT_GT(seen["counterparties"].size(), 300U);
	EXPECT_GT(seen["personal_finance_category"].size(), 15U);
	EXPECT_EQ(seen["pending"].size(), 2U);
}

TEST_F(SandboxBulk, RowsAreFilledUpToASize) {
	for (const std::string &row : rows(bulk_item(R"({"count": 50, "bytes": 20000})"))) {
		EXPECT_EQ(row.size(), 20'000U);
		EXPECT_TRUE(Json::parse(row).is_object());
	}
}

TEST_F(SandboxBulk, OldRowsShowUnlessFewerDaysAreRequested) {
	const std::string old = R"("count": 100, "days": 700, "until": "2025-01-01")";
	EXPECT_EQ(rows(bulk_item("{" + old + "}")).size(), 100U);
	const Json made = control("plaid/items/create", R"({"days_requested": 730, "generate": {)" + old + "}}");
	const std::size_t shown = rows(made.get("items").elements().front().text_of("access_token")).size();
	EXPECT_GT(shown, 10U);
	EXPECT_LT(shown, 90U);
}

TEST_F(SandboxBulk, PagesOfAnySizeTellTheSame) {
	const std::string token = bulk_item(R"({"count": 700})");
	const auto all = rows(token);
	EXPECT_EQ(rows(token, 33), all);
	const Json accounts = plaid("/accounts/get", with_token(token)).body.get("accounts");
	std::size_t filtered = 0;
	for (const Json &account : accounts.elements()) {
		const std::string id = json_string(account.text_of("account_id"));
		for (const std::string &row : rows(token, 50, ",\"options\":{\"account_id\":" + id + "}")) {
			EXPECT_EQ(member(row, "account_id"), id);
			++filtered;
		}
	}
	EXPECT_EQ(filtered, 700U);
	const Answer got =
	    plaid("/transactions/get", with_token(token, R"(,"start_date":"2020-01-01","end_date":"2026-03-07")"
	                                                 R"(,"options":{"count":500,"offset":600})"));
	EXPECT_EQ(got.body.integer_of("total_transactions"), 700);
	EXPECT_EQ(got.body.get("transactions").elements().size(), 100U);
}

TEST_F(SandboxBulk, BulkRowsChangeLikeOthers) {
	const std::string token = bulk_item(R"({"count": 10, "days": 1})");
	const Answer start = sync_all(token);
	const auto known = ids(start, "added");
	const auto one = [](const std::string &id, const char *more = "") {
		return R"({"transaction_id": ")" + id + "\"" + more + "}";
	};
	control("plaid/transactions/modify", one(known[0], R"(, "set": {"amount": 1.250})"));
	control("plaid/transactions/remove", one(known[1]));
	control("plaid/transactions/touch", one(known[2]));
	const std::string posted =
	    control("plaid/transactions/post", one(known[3])).get("transaction_ids").elements().front().text();
	const Answer changes = sync(token, start.body.text_of("next_cursor"));
	EXPECT_EQ(ids(changes, "modified"), (std::vector<std::string>{known[0], known[2]}));
	EXPECT_EQ(ids(changes, "removed"), (std::vector<std::string>{known[1], known[3]}));
	EXPECT_EQ(ids(changes, "added"), std::vector<std::string>{posted});
	const auto texts = raw_elements(raw_member(changes.response.body, "modified"));
	const auto before = raw_elements(raw_member(start.response.body, "added"));
	EXPECT_EQ(member(texts[0], "amount"), "1.250");
	EXPECT_EQ(member(texts[0], "name"), member(before[0], "name"));
	EXPECT_EQ(texts[1], before[2]);
	EXPECT_EQ(changes.body.get("added").elements().front().text_of("pending_transaction_id"), known[3]);
	EXPECT_EQ(rows(token).size(), 9U);
	// What was removed may come back, and no other row can take a bulk row's id.
	control("plaid/transactions/add", R"({"transactions": [{"transaction_id": ")" + known[1] + "\"}]}");
	EXPECT_EQ(rows(token).size(), 10U);
	Request twice;
	twice.path = "/_control/plaid/transactions/add";
	twice.body = R"({"transactions": [{"transaction_id": ")" + known[5] + "\"}]}";
	EXPECT_EQ(send(twice).status(), 400);
}

TEST_F(SandboxBulk, HistoryComesInStages) {
	control("config", R"({"initial_delay_ms": 10000, "historical_delay_ms": 60000})");
	const std::string token =
	    link(R"({"override_username": "user_bulk", "override_password": "{\"count\": 900, \"seed\": 3}"})");
	EXPECT_EQ(sync(token).body.text_of("transactions_update_status"), "NOT_READY");
	control("clock", R"({"advance_seconds": 10})");
	const auto early = rows(token);
	EXPECT_GT(early.size(), 200U);
	EXPECT_LT(early.size(), 400U);
	for (const std::string &row : early) {
		EXPECT_GE(member(row, "date"), "\"2026-02-05\"");
	}
	control("clock", R"({"advance_seconds": 50})");
	EXPECT_EQ(rows(token).size(), 900U);
}

TEST_F(SandboxBulk, AccountsGoAndComeBack) {
	const std::string token = bulk_item(R"({"count": 300})");
	const std::string cursor = caught_up(token);
	const std::string account =
	    plaid("/accounts/get", with_token(token)).body.get("accounts").elements().front().text_of("account_id");
	const auto share = [&](const char *shared) {
		control("plaid/accounts/set", R"({"account_id": ")" + account + R"(", "shared": )" + shared + "}");
	};
	share("false");
	const std::size_t rest = rows(token).size();
	EXPECT_LT(rest, 250U);
	share("true");
	EXPECT_EQ(ids(sync(token, cursor, ",\"count\":500"), "added").size(), 300U - rest);
}

TEST_F(SandboxBulk, PublicTokensForManyItems) {
	const Json made =
	    control("plaid/items/create", R"({"count": 3, "public_tokens": true, "generate": {"count": 20, "seed": 5}})");
	std::set<std::string> names;
	for (const Json &item : made.get("items").elements()) {
		EXPECT_FALSE(item.has("access_token"));
		const Answer exchanged = plaid("/item/public_token/exchange",
		                               ObjectText{}.string("public_token", item.text_of("public_token")).end());
		EXPECT_EQ(exchanged.body.text_of("item_id"), item.text_of("item_id"));
		for (const std::string &row : rows(exchanged.body.text_of("access_token"))) {
			names.insert(member(row, "name"));
		}
	}
	EXPECT_EQ(names.size(), 60U); // each has rows of its own
}

TEST_F(SandboxBulk, WordsAreChecked) {
	for (const char *words : {R"({"count": -1})", R"({"cuont": 1})", R"({"until": "soon"})", "[]"}) {
		Request request;
		request.path = "/_control/plaid/items/create";
		request.body = R"({"generate": )" + std::string(words) + "}";
		EXPECT_EQ(send(request).status(), 400) << words;
	}
}

TEST_F(SandboxBulk, StreamOfTheTruth) {
	const std::string token = bulk_item(R"({"count": 1500, "until": "2026-01-31", "days": 1})");
	control("plaid/transactions/add",
	        R"({"transactions": [{"transaction_id": "t", "name": "a\tb\\c\nd", "amount": 1e-8,)"
	        R"( "iso_currency_code": null, "location": {"city": "Überlingen"}}]})");
	control("plaid/transactions/remove",
	        R"({"transaction_id": )" + member(rows(token).front(), "transaction_id") + "}");
	std::string told;
	for (const std::string &row : rows(token)) {
		told += row + "\n";
	}
	const std::string streamed = stream(R"({"format": "json"})");
	EXPECT_EQ(streamed.size(), told.size());
	EXPECT_EQ(std::count(streamed.begin(), streamed.end(), '\n'), 1500);
	const std::string lines = stream("{}");
	EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 1500);
	EXPECT_EQ(
	    lines.substr(0, lines.find('\n')),
	    "t\t" +
	        plaid("/accounts/get", with_token(token)).body.get("accounts").elements().front().text_of("account_id") +
	        "\t2026-03-07\t1e-8\t\\N\tfalse\ta\\tb\\\\c\\nd");
	EXPECT_NE(lines.find("\t2026-01-31\t"), std::string::npos);
	const std::string some = stream(R"({"columns": ["location.city", "location.none", "nothing", "item_id"]})");
	EXPECT_TRUE(some.starts_with("Überlingen\t\\N\t\\N\t")) << some.substr(0, 100);
}

} // namespace
} // namespace ob::sandbox
