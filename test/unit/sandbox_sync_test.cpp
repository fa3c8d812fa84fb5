// Cursors of the simulated /transactions/sync.
#include <algorithm>
#include <set>

#include "../sandbox/plaid/cursor.hpp"
#include "sandbox_client.hpp"

namespace ob::sandbox {
namespace {

class SandboxSync : public SandboxTest {
protected:
	/// Adds transactions of these ids, in this order.
	void add(const std::vector<std::string> &names, const std::string &more = "") {
		std::vector<std::string> rows;
		for (const std::string &name : names) {
			rows.push_back("{\"transaction_id\":" + json_string(name) + more + "}");
		}
		control("plaid/transactions/add", "{\"transactions\":" + json_array(rows) + "}");
	}
	void remove(const std::string &name) {
		control("plaid/transactions/remove", R"({"transaction_id": ")" + name + "\"}");
	}
	void modify(const std::string &name) {
		control("plaid/transactions/modify", R"({"transaction_id": ")" + name + R"(", "set": {"amount": 7}})");
	}
	static std::string next(const Answer &answer) { return answer.body.text_of("next_cursor"); }
	using Names = std::vector<std::string>;
};

TEST_F(SandboxSync, PagesHoldAllUpdatesOnce) {
	const std::string token = empty_item();
	add({"a", "b", "c", "d", "e"});
	const Answer first = sync(token, "", ",\"count\":2");
	const Answer second = sync(token, next(first), ",\"count\":2");
	const Answer third = sync(token, next(second), ",\"count\":2");
	EXPECT_EQ(ids(first, "added"), (Names{"a", "b"}));
	EXPECT_EQ(ids(second, "added"), (Names{"c", "d"}));
	EXPECT_EQ(ids(third, "added"), (Names{"e"}));
	EXPECT_TRUE(second.body.truth_of("has_more"));
	EXPECT_FALSE(third.body.truth_of("has_more"));
	EXPECT_EQ(third.body.text_of("transactions_update_status"), "HISTORICAL_UPDATE_COMPLETE");
	const Answer rest = sync(token, next(third));
	EXPECT_TRUE(ids(rest, "added").empty());
	EXPECT_TRUE(rest.body.get("accounts").elements().empty());
	EXPECT_FALSE(next(rest).empty());
}

TEST_F(SandboxSync, AFullLastPageHasNoMore) {
	const std::string token = empty_item();
	add({"a", "b"});
	EXPECT_FALSE(sync(token, "", ",\"count\":2").body.truth_of("has_more"));
}

TEST_F(SandboxSync, ChangesAreNetOfTheCursor) {
	const std::string token = empty_item();
	add({"a", "b", "c"});
	const std::string cursor = caught_up(token);
	add({"new", "brief"});
	modify("new");
	modify("a");
	modify("a");
	remove("brief");
	remove("b");
	const Answer answer = sync(token, cursor);
	EXPECT_EQ(ids(answer, "added"), (Names{"new"}));
	EXPECT_EQ(ids(answer, "modified"), (Names{"a"}));
	EXPECT_EQ(ids(answer, "removed"), (Names{"b"}));
	EXPECT_EQ(answer.body.get("removed").elements().front().text_of("account_id"), "acc");
	// From the beginning there are only additions, and no trace of what is gone.
	const Answer all = sync(token);
	EXPECT_EQ(ids(all, "added"), (Names{"c", "new", "a"})); // ascending by last change
	EXPECT_TRUE(ids(all, "modified").empty());
	EXPECT_TRUE(ids(all, "removed").empty());
}

TEST_F(SandboxSync, MutationBetweenPages) {
	const std::string token = empty_item();
	add({"a", "b", "c"});
	const Answer first = sync(token, "", ",\"count\":2");
	add({"d"});
	const Answer second = sync(token, next(first), ",\"count\":2");
	EXPECT_EQ(second.status(), 400);
	EXPECT_EQ(second.code(), "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION");
	EXPECT_EQ(second.body.text_of("error_type"), "TRANSACTIONS_ERROR");
	// Repeating the page does not help, beginning again does.
	EXPECT_EQ(sync(token, next(first), ",\"count\":2").status(), 400);
	EXPECT_EQ(ids(sync(token, "", ",\"count\":500"), "added"), (Names{"a", "b", "c", "d"}));
}

TEST_F(SandboxSync, ChangeAfterTheLastPageIsNoMutation) {
	const std::string token = empty_item();
	add({"a"});
	const std::string cursor = caught_up(token);
	add({"b"});
	EXPECT_EQ(ids(sync(token, cursor), "added"), (Names{"b"}));
}

TEST_F(SandboxSync, CursorsAreBoundToItemAndFilter) {
	const std::string one = empty_item();
	add({"a"});
	const std::string cursor = caught_up(one);
	const std::string two = link();
	for (const std::string &wrong :
	     {caught_up(two), std::string("garbage"), std::string(255, 'A'), std::string(300, 'A')}) {
		const Answer answer = sync(one, wrong);
		EXPECT_EQ(answer.status(), 400);
		EXPECT_EQ(answer.code(), "INVALID_FIELD");
		EXPECT_EQ(answer.body.text_of("error_type"), "INVALID_REQUEST");
		EXPECT_NE(answer.message().find("cursor"), std::string::npos);
	}
	EXPECT_EQ(sync(one, cursor, R"(,"options":{"account_id":"acc"})").code(), "INVALID_FIELD");
	EXPECT_EQ(sync(one, "", R"(,"options":{"account_id":"nobody"})").code(), "INVALID_ACCOUNT_ID");
	std::string folded = cursor; // case matters
	std::transform(folded.begin(), folded.end(), folded.begin(),
	               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
	EXPECT_EQ(sync(one, folded).code(), "INVALID_FIELD");
}

TEST_F(SandboxSync, AccountFilterIsItsOwnStream) {
	const std::string token = link();
	const Json accounts = plaid("/accounts/get", with_token(token)).body.get("accounts");
	const std::string card = accounts.elements().back().text_of("account_id");
	const std::string filter = R"(,"count":3,"options":{"account_id":")" + card + "\"}";
	const Answer first = sync(token, "", filter);
	for (const Json &row : first.body.get("added").elements()) {
		EXPECT_EQ(row.text_of("account_id"), card);
	}
	// A change on another account does not disturb it.
	control("plaid/transactions/add",
	        R"({"account_id": ")" + accounts.elements().front().text_of("account_id") + "\"}");
	EXPECT_EQ(sync(token, next(first), filter).status(), 200);
	control("plaid/transactions/add", R"({"account_id": ")" + card + "\"}");
	EXPECT_EQ(sync(token, next(first), filter).status(), 400);
}

TEST_F(SandboxSync, NowSkipsToThePresent) {
	const std::string token = empty_item();
	add({"a"});
	const Answer now = sync(token, "now");
	EXPECT_TRUE(ids(now, "added").empty());
	modify("a");
	EXPECT_EQ(ids(sync(token, next(now)), "modified"), (Names{"a"}));
}

TEST_F(SandboxSync, PoisonedCursorsFailForEver) {
	const std::string token = empty_item();
	add({"a"});
	const std::string cursor = caught_up(token);
	control("plaid/items/poison_cursors");
	for (int n = 0; n < 3; ++n) {
		EXPECT_EQ(sync(token, cursor).code(), "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION");
	}
	EXPECT_EQ(sync(token, caught_up(token)).status(), 200);
}

TEST_F(SandboxSync, StagesByTheClock) {
	control("config", R"({"initial_delay_ms": 10000, "historical_delay_ms": 60000})");
	const std::string token = link();
	const Answer early = sync(token);
	EXPECT_EQ(early.status(), 200);
	EXPECT_EQ(early.body.text_of("transactions_update_status"), "NOT_READY");
	EXPECT_EQ(next(early), "");
	EXPECT_FALSE(early.body.truth_of("has_more"));
	EXPECT_EQ(
	    plaid("/transactions/get", with_token(token, R"(,"start_date":"2026-01-01","end_date":"2026-03-07")")).code(),
	    "PRODUCT_NOT_READY");
	control("clock", R"({"advance_seconds": 10})");
	const Answer initial = sync_all(token);
	EXPECT_EQ(initial.body.text_of("transactions_update_status"), "INITIAL_UPDATE_COMPLETE");
	for (const Json &row : initial.body.get("added").elements()) {
		EXPECT_GE(row.text_of("date"), "2026-02-05");
	}
	control("clock", R"({"advance_seconds": 50})");
	const Answer history = sync_all(token, next(initial));
	EXPECT_EQ(history.body.text_of("transactions_update_status"), "HISTORICAL_UPDATE_COMPLETE");
	EXPECT_FALSE(ids(history, "added").empty());
	EXPECT_LT(history.body.get("added").elements().front().text_of("date"), "2026-02-05");
}

TEST_F(SandboxSync, HistoryIsAsLongAsRequested) {
	const std::string token = link(R"({"transactions": {"days_requested": 14}})");
	for (const Json &row : sync_all(token).body.get("added").elements()) {
		EXPECT_GE(row.text_of("date"), "2026-02-21");
	}
}

TEST_F(SandboxSync, PendingPostsUnderANewId) {
	const std::string token = empty_item();
	add({"p"}, ",\"pending\":true");
	add({"q"}, ",\"pending\":true");
	const std::string cursor = caught_up(token);
	control("plaid/transactions/post", R"({"transaction_id": "p", "set": {"transaction_id": "P"}})");
	control("plaid/transactions/post", R"({"transaction_id": "q", "link": false, "set": {"transaction_id": "Q"}})");
	const Answer answer = sync(token, cursor);
	EXPECT_EQ(ids(answer, "added"), (Names{"P", "Q"}));
	EXPECT_EQ(ids(answer, "removed"), (Names{"p", "q"}));
	const auto rows = answer.body.get("added").elements();
	EXPECT_EQ(rows[0].text_of("pending_transaction_id"), "p");
	EXPECT_TRUE(rows[1].get("pending_transaction_id").is_null());
	EXPECT_FALSE(rows[0].truth_of("pending", true));
}

TEST_F(SandboxSync, PostingMaySpanTwoPages) {
	const std::string token = empty_item();
	add({"p", "q"}, ",\"pending\":true");
	const std::string cursor = caught_up(token);
	control("plaid/transactions/post", R"({"transaction_id": "p", "split": true})");
	const Answer first = sync(token, cursor);
	EXPECT_EQ(ids(first, "added").size(), 1U);
	EXPECT_TRUE(ids(first, "removed").empty());
	ASSERT_TRUE(first.body.truth_of("has_more"));
	const Answer second = sync(token, next(first));
	EXPECT_EQ(ids(second, "removed"), (Names{"p"}));
	control("plaid/transactions/post", R"({"transaction_id": "q", "split": true, "removed_first": true})");
	EXPECT_EQ(ids(sync(token, next(second)), "removed"), (Names{"q"}));
}

TEST_F(SandboxSync, WhatWentCameBackAndWentAgainIsRemoved) {
	const std::string token = empty_item();
	add({"a"});
	const std::string cursor = caught_up(token);
	remove("a");
	add({"a"});
	remove("a");
	EXPECT_EQ(ids(sync(token, cursor), "removed"), (Names{"a"}));
}

TEST_F(SandboxSync, AnIdMayComeBack) {
	const std::string token = empty_item();
	add({"a"});
	remove("a");
	const std::string cursor = caught_up(token);
	add({"a"});
	EXPECT_EQ(ids(sync(token, cursor), "added"), (Names{"a"}));
}

TEST_F(SandboxSync, IdsAreCaseSensitive) {
	const std::string token = empty_item();
	add({"abC", "ABC", "abc"});
	EXPECT_EQ(ids(sync(token), "added"), (Names{"abC", "ABC", "abc"}));
}

TEST_F(SandboxSync, OnlyAccountsOfThePage) {
	const std::string token = link();
	const std::string cursor = caught_up(token);
	const Json accounts = plaid("/accounts/get", with_token(token)).body.get("accounts");
	const std::string saving = accounts.elements()[1].text_of("account_id");
	control("plaid/transactions/add", R"({"account_id": ")" + saving + "\"}");
	const auto shown = sync(token, cursor).body.get("accounts").elements();
	ASSERT_EQ(shown.size(), 1U);
	EXPECT_EQ(shown.front().text_of("account_id"), saving);
}

TEST_F(SandboxSync, OriginalDescriptionOnRequest) {
	const std::string token = empty_item();
	add({"a"}, R"(,"original_description":"RAW TEXT")");
	EXPECT_FALSE(sync(token).body.get("added").elements().front().has("original_description"));
	EXPECT_EQ(sync(token, "", R"(,"options":{"include_original_description":true})")
	              .body.get("added")
	              .elements()
	              .front()
	              .text_of("original_description"),
	          "RAW TEXT");
}

TEST_F(SandboxSync, ProductIsAddedByTheFirstCallIfConsented) {
	const auto made = [&](const std::string &consented) {
		return control("plaid/items/create", R"({"products": ["auth"], "consented_products": )" + consented + "}")
		    .get("items")
		    .elements()
		    .front()
		    .text_of("access_token");
	};
	EXPECT_EQ(sync(made(R"(["auth"])")).code(), "ADDITIONAL_CONSENT_REQUIRED");
	const std::string token = made(R"(["auth", "transactions"])");
	EXPECT_EQ(sync(token, "", R"(,"options":{"days_requested":10})").status(), 200);
	for (const Json &row : sync(token, "", ",\"count\":500").body.get("added").elements()) {
		EXPECT_GE(row.text_of("date"), "2026-02-25");
	}
}

TEST_F(SandboxSync, CalmChangesTurnUpOnALaterPage) {
	const std::string token = empty_item();
	add({"a", "b", "c"});
	const Answer first = sync(token, "", ",\"count\":2");
	EXPECT_EQ(ids(first, "added"), (Names{"a", "b"}));
	control("plaid/transactions/modify", R"({"transaction_id": "a", "set": {"amount": 99}, "calm": true})");
	const Answer second = sync(token, next(first), ",\"count\":2");
	ASSERT_EQ(ids(second, "added"), (Names{"c", "a"})); // the same id again, with its new value
	EXPECT_EQ(second.body.get("added").elements()[1].integer_of("amount"), 99);
	EXPECT_FALSE(second.body.truth_of("has_more"));
	// A row that the loop has handed out is taken back, one that it has not is never heard of.
	const Answer before = sync(token, "", ",\"count\":1");
	EXPECT_EQ(ids(before, "added"), (Names{"b"}));
	control("plaid/transactions/remove", R"({"transaction_ids": ["b", "c"], "calm": true})");
	const Answer after = sync(token, next(before));
	EXPECT_EQ(ids(after, "added"), (Names{"a"}));
	EXPECT_EQ(ids(after, "removed"), (Names{"b"}));
	add({"d", "e"});
	const Answer other = sync(token, "", ",\"count\":1");
	modify("d");
	EXPECT_EQ(sync(token, next(other), ",\"count\":2").status(), 400); // calm was that one change only
}

TEST_F(SandboxSync, MutationAtAnyPage) {
	const std::string token = empty_item();
	add({"a", "b", "c", "d", "e"});
	for (int page = 1; page < 5; ++page) {
		control("faults",
		        R"({"kind": "control", "path": "/plaid/transactions/sync", "nth": )" + std::to_string(page) +
		            R"(, "run": [{"path": "/_control/plaid/transactions/touch", "body": {"transaction_id": "e"}}]})");
		Answer answer = sync(token, "", ",\"count\":1");
		for (int n = 1; n < page; ++n) {
			answer = sync(token, next(answer), ",\"count\":1");
			EXPECT_EQ(answer.status(), 200);
		}
		EXPECT_EQ(sync(token, next(answer), ",\"count\":1").code(), "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION")
		    << page;
	}
}

TEST_F(SandboxSync, ChangesMayBeReportedOneByOne) {
	const std::string token = empty_item();
	const std::string cursor = caught_up(token);
	add({"kept", "brief", "changed"});
	remove("brief");
	modify("changed");
	control("faults", R"({"kind": "not_net", "count": 0})");
	const Answer all = sync(token, cursor);
	EXPECT_EQ(ids(all, "added"), (Names{"kept", "brief", "changed"}));
	EXPECT_EQ(ids(all, "modified"), (Names{"changed"}));
	EXPECT_EQ(ids(all, "removed"), (Names{"brief"}));
	// What belongs together stays on one page.
	const Answer first = sync(token, cursor, ",\"count\":2");
	EXPECT_EQ(ids(first, "added"), (Names{"kept"}));
	EXPECT_EQ(ids(sync(token, next(first), ",\"count\":2"), "removed"), (Names{"brief"}));
}

TEST(SandboxCursor, TextIsBase64OfAllKinds) {
	plaid::Cursor cursor;
	for (std::uint64_t n = 1; n < 300; ++n) {
		cursor.item = cursor.serial = n;
		cursor.position = cursor.end = n * n * n;
		const std::string text = plaid::encode_cursor(cursor, "key");
		EXPECT_LE(text.size(), 256U);
		for (const char sign : {'+', '/', '='}) {
			EXPECT_NE(text.find(sign), std::string::npos) << text;
		}
		const auto back = plaid::decode_cursor(text, "key");
		ASSERT_TRUE(back);
		EXPECT_EQ(back->position, n * n * n);
		EXPECT_FALSE(plaid::decode_cursor(text, "other key"));
	}
}

} // namespace
} // namespace ob::sandbox
