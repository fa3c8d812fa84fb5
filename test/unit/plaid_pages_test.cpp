#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/time.hpp"
#include "providers/plaid/pages.hpp"
#include "unit/support/plaid_session.hpp"

namespace ob::providers::plaid {
namespace {

using test::plaid_error;
using test::PlaidSession;
using test::run_task;

std::string tx(const std::string &id, const std::string &amount = "1") {
	return R"({"transaction_id":")" + id + R"(","account_id":"a","date":"2026-03-01","amount":)" + amount +
	       R"(,"name":"n"})";
}

std::string joined(const std::vector<std::string> &parts) {
	std::string out;
	for (const std::string &part : parts)
		out.append(out.empty() ? "" : ",").append(part);
	return out;
}

/// Runs the reader to its end or to what it throws.
template <class F>
ErrorCode code_of(F &&action) {
	try {
		action();
	} catch (const Error &error) {
		return error.code();
	}
	ADD_FAILURE() << "nothing was thrown";
	return ErrorCode::internal;
}

// ---- /transactions/get ----

std::string window_page(const std::vector<std::string> &rows, int total) {
	return R"({"accounts":[],"item":{},"request_id":"r","transactions":[)" + joined(rows) +
	       R"(],"total_transactions":)" + std::to_string(total) + "}";
}

Date day(const char *text) {
	return *time::parse_date(text);
}

std::vector<std::string> read_all(WindowReader &reader) {
	std::vector<std::string> ids;
	while (auto page = run_task(reader.next())) {
		for (const Transaction &row : page->rows)
			ids.emplace_back(row.id);
		for (const RejectedRow &row : page->rejected)
			ids.emplace_back(row.transaction_id);
	}
	return ids;
}

TEST(PlaidWindow, PagesByOffsetAndRepeatsARow) {
	const std::string bad = R"({"transaction_id":"bad"})";
	const std::string nameless = R"({"account_id":"a"})";
	PlaidSession plaid;
	plaid.transport.answer("/transactions/get", window_page({tx("1"), tx("2")}, 7))
	    .answer("/transactions/get", window_page({tx("2", "9"), tx("3"), bad}, 7))
	    .answer("/transactions/get", window_page({bad, tx("5"), nameless}, 7))
	    .answer("/transactions/get", window_page({nameless, tx("7")}, 7));
	Window window;
	window.from = day("2026-01-01");
	window.to = day("2026-01-31");
	window.account_ids = {"a", "b"};
	const auto reader = plaid.provider.read_window(plaid.session(), plaid.credentials(), window);
	EXPECT_EQ(read_all(*reader), (std::vector<std::string>{"1", "2", "3", "bad", "5", "", "7"}));
	EXPECT_FALSE(run_task(reader->next()));
	ASSERT_EQ(plaid.transport.requests.size(), 4u);
	EXPECT_EQ(plaid.transport.requests[0].canonical_body(),
	          R"({"access_token":"access-sandbox-1","end_date":"2026-01-31","options":{"account_ids":["a","b"],)"
	          R"("count":500,"days_requested":90,"include_original_description":true,"offset":0},)"
	          R"("start_date":"2026-01-01"})");
	EXPECT_NE(plaid.transport.requests[1].body.find("\"offset\":1,"), std::string::npos);
	EXPECT_NE(plaid.transport.requests[2].body.find("\"offset\":3,"), std::string::npos);
	EXPECT_NE(plaid.transport.requests[3].body.find("\"offset\":5,"), std::string::npos);
	EXPECT_EQ(plaid.stats.pages, 4);
	EXPECT_EQ(plaid.stats.last_request_id, "r");
}

TEST(PlaidWindow, RowsCarryTheirRaw) {
	PlaidSession plaid;
	plaid.transport.answer("/transactions/get", window_page({tx("1")}, 1));
	const auto reader = plaid.provider.read_window(plaid.session(), plaid.credentials(), {});
	const auto page = run_task(reader->next());
	EXPECT_EQ(page->rows.at(0).raw, tx("1"));
	EXPECT_GT(page->bytes, 0u);
}

std::string sent_days(std::optional<Date> from, std::optional<Date> to, const char *history = nullptr,
                      const char *now = "2026-03-10T09:00:00Z") {
	PlaidSession plaid;
	plaid.clock.set(now);
	if (history)
		plaid.option("history_days", history);
	plaid.transport.answer("/transactions/get", window_page({}, 0));
	Window window;
	window.from = from;
	window.to = to;
	run_task(plaid.provider.read_window(plaid.session(), plaid.credentials(), window)->next());
	if (plaid.transport.requests.empty())
		return "no call";
	const json::Document body = json::Document::parse(plaid.transport.requests[0].body);
	EXPECT_FALSE(body.get("options").has("account_ids"));
	return std::string(body.text("start_date")) + " to " + std::string(body.text("end_date"));
}

TEST(PlaidWindow, DaysHaveDefaults) {
	EXPECT_EQ(sent_days({}, {}), "2025-12-10 to 2026-03-10");
	EXPECT_EQ(sent_days({}, {}, "7"), "2026-03-03 to 2026-03-10");
	EXPECT_EQ(sent_days(day("2026-03-01"), {}), "2026-03-01 to 2026-03-10");
	EXPECT_EQ(sent_days({}, day("2025-01-31"), "30"), "2025-01-01 to 2025-01-31");
	EXPECT_EQ(sent_days({}, day("2027-01-01"), "7"), "2026-03-03 to 2027-01-01");
	EXPECT_EQ(sent_days(day("2026-03-02"), day("2026-03-01")), "no call");
	EXPECT_EQ(sent_days(day("2026-03-12"), {}), "no call");
	// East of UTC the next day has begun.
	EXPECT_EQ(sent_days({}, {}, "7", "2026-03-10T20:00:00Z"), "2026-03-03 to 2026-03-11");
}

TEST(PlaidWindow, CountsWithOneCall) {
	PlaidSession plaid;
	plaid.clock.set("2026-03-10T09:00:00Z");
	const auto count = [&] { return run_task(plaid.provider.count_transactions(plaid.session(), plaid.credentials())); };
	plaid.transport.answer("/transactions/get", window_page({tx("1")}, 12'345));
	EXPECT_EQ(count(), 12'345);
	ASSERT_EQ(plaid.transport.requests.size(), 1u);
	EXPECT_EQ(plaid.transport.requests[0].canonical_body(),
	          R"({"access_token":"access-sandbox-1","end_date":"2026-03-10","options":{"count":1,"offset":0},)"
	          R"("start_date":"2024-03-09"})");
	plaid.transport.answer("/transactions/get", R"({"transactions":[],"request_id":"r"})");
	EXPECT_EQ(code_of(count), ErrorCode::bad_reply);
	plaid.transport.answer("/transactions/get", window_page({}, -1));
	EXPECT_EQ(code_of(count), ErrorCode::bad_reply);
	plaid.transport.answer("/transactions/get", 500, "no");
	EXPECT_EQ(code_of(count), ErrorCode::provider_down);
	EXPECT_EQ(plaid.transport.requests.size(), 4u) << "never repeated";
}

TEST(PlaidWindow, NullIsNoRows) {
	PlaidSession plaid;
	plaid.transport.answer("/transactions/get", R"({"transactions":null,"total_transactions":0,"request_id":"r"})");
	const auto reader = plaid.provider.read_window(plaid.session(), plaid.credentials(), {});
	EXPECT_TRUE(run_task(reader->next())->rows.empty());
	EXPECT_FALSE(run_task(reader->next()));
}

TEST(PlaidWindow, ChangesInBetweenAreErrors) {
	const auto outcome = [](const std::vector<std::string> &pages) {
		PlaidSession plaid;
		for (const std::string &page : pages)
			plaid.transport.answer("/transactions/get", page);
		const auto reader = plaid.provider.read_window(plaid.session(), plaid.credentials(), {});
		try {
			read_all(*reader);
		} catch (const ProviderError &error) {
			EXPECT_EQ(error.reaction(), Reaction::restart);
			EXPECT_EQ(error.code(), ErrorCode::bad_reply);
			EXPECT_NE(error.hint().find("Repeat"), std::string::npos);
			EXPECT_TRUE(plaid.transport.script_used_up());
			return error.message();
		} catch (const Error &error) {
			EXPECT_EQ(error.code(), ErrorCode::bad_reply);
			return error.message();
		}
		return std::string("read");
	};
	const std::string changed = "the transactions changed while being read: ";
	EXPECT_EQ(outcome({window_page({tx("1")}, 3), window_page({tx("2")}, 4)}), changed + "their number is another one");
	EXPECT_EQ(outcome({window_page({tx("1")}, 3), window_page({tx("2")}, 2)}), changed + "their number is another one");
	// A row came and another went, so that their number is the same: each in turn in front of the page's border.
	EXPECT_EQ(outcome({window_page({tx("1"), tx("2")}, 4), window_page({tx("3"), tx("4"), tx("5")}, 4)}),
	          changed + "they are in other places");
	EXPECT_EQ(outcome({window_page({tx("1"), tx("2")}, 4), window_page({tx("1"), tx("2"), tx("3")}, 4)}),
	          changed + "they are in other places");
	EXPECT_EQ(outcome({window_page({tx("1"), R"({"amount":1})"}, 3), window_page({R"({"amount":2})", tx("3")}, 3)}),
	          changed + "they are in other places");
	EXPECT_EQ(outcome({window_page({tx("1"), tx("2")}, 3), window_page({tx("2"), tx("1")}, 3)}),
	          changed + "one of them came twice");
	EXPECT_EQ(outcome({window_page({tx("1"), tx("1")}, 2)}), changed + "one of them came twice");
	EXPECT_EQ(outcome({window_page({tx("1")}, 2), window_page({}, 2)}), changed + "there are fewer than announced");
	EXPECT_EQ(outcome({window_page({tx("1")}, 2), window_page({tx("1")}, 2)}),
	          changed + "there are fewer than announced");
	EXPECT_EQ(outcome({window_page({tx("1")}, 2), window_page({tx("1"), tx("2"), tx("3")}, 2)}),
	          changed + "there are more than announced");
	EXPECT_EQ(outcome({window_page({}, 1)}), changed + "there are fewer than announced");
	EXPECT_EQ(outcome({window_page({tx("1"), tx("2")}, 1)}), changed + "there are more than announced");
	EXPECT_EQ(outcome({R"({"transactions":[],"request_id":"r"})"}),
	          "plaid's answer was not understood: total_transactions is missing or negative");
	EXPECT_EQ(outcome({R"({"transactions":[],"total_transactions":-1})"}),
	          "plaid's answer was not understood: total_transactions is missing or negative");
	EXPECT_EQ(outcome({window_page({tx("1"), tx("2")}, 2)}), "read");
}

TEST(PlaidWindow, RefusesOtherShapes) {
	for (const char *body :
	     {"[]", "{\"transactions\":{},\"total_transactions\":0}", "{\"transactions\":[],\"total_transactions\":1.5}",
	      "{\"transactions\":[],\"total_transactions\":\"1\"}", "{\"transactions\":["}) {
		PlaidSession plaid;
		plaid.transport.answer("/transactions/get", body);
		const auto reader = plaid.provider.read_window(plaid.session(), plaid.credentials(), {});
		EXPECT_EQ(code_of([&] { run_task(reader->next()); }), ErrorCode::bad_reply) << body;
	}
}

TEST(PlaidWindow, NotReadyIsSaid) {
	PlaidSession plaid;
	plaid.transport.answer("/transactions/get", 400, plaid_error("ITEM_ERROR", "PRODUCT_NOT_READY"));
	const auto reader = plaid.provider.read_window(plaid.session(), plaid.credentials(), {});
	try {
		run_task(reader->next());
		ADD_FAILURE();
	} catch (const ProviderError &error) {
		EXPECT_EQ(error.reaction(), Reaction::not_ready);
	}
}

TEST(PlaidWindow, EndlessPagesEnd) {
	PlaidSession plaid;
	plaid.transport.turns = 0;
	int next = 0;
	plaid.transport.handle_with([&](const test::SentRequest &) {
		const std::string before = "x" + std::to_string(next);
		const std::string after = "x" + std::to_string(++next);
		return test::FakeTransport::response(200, window_page({tx(before), tx(after)}, 2'000'000'000));
	});
	const auto reader = plaid.provider.read_window(plaid.session(), plaid.credentials(), {});
	EXPECT_EQ(code_of([&] { read_all(*reader); }), ErrorCode::limit_exceeded);
	EXPECT_EQ(next, 20'000);
}

// ---- /transactions/sync ----

std::string change_page(const std::string &added, const std::string &modified, const std::string &removed,
                        const std::string &cursor, bool more, const char *status = "HISTORICAL_UPDATE_COMPLETE") {
	return R"({"accounts":[],"added":[)" + added + R"(],"has_more":)" + (more ? "true" : "false") + R"(,"modified":[)" +
	       modified + R"(],"next_cursor":")" + cursor + R"(","removed":[)" + removed +
	       R"(],"request_id":"r","transactions_update_status":")" + status + "\"}";
}

TEST(PlaidChanges, FollowsCursors) {
	PlaidSession plaid;
	plaid.transport.answer("/transactions/sync", change_page(tx("1"), tx("2", "5"), "", "c+1/=", true))
	    .answer("/transactions/sync", change_page("", "", R"({"transaction_id":"3","account_id":"a"})", "c2", false));
	const auto reader = plaid.provider.read_changes(plaid.session(), plaid.credentials(), "");
	const ChangePage first = run_task(reader->next());
	EXPECT_TRUE(first.has_more);
	EXPECT_EQ(first.next_cursor, "c+1/=");
	EXPECT_EQ(first.status, HistoryStatus::complete);
	ASSERT_EQ(first.transactions.rows.size(), 2u);
	EXPECT_EQ(first.transactions.rows[1].amount, "-5");
	const ChangePage second = run_task(reader->next());
	EXPECT_FALSE(second.has_more);
	EXPECT_EQ(second.transactions.removed.at(0).id, "3");
	EXPECT_EQ(second.transactions.removed.at(0).account_id, "a");
	EXPECT_EQ(plaid.transport.requests[0].canonical_body(),
	          R"({"access_token":"access-sandbox-1","count":500,)"
	          R"("options":{"days_requested":90,"include_original_description":true}})");
	EXPECT_EQ(plaid.transport.requests[1].canonical_body(),
	          R"({"access_token":"access-sandbox-1","count":500,"cursor":"c+1/=",)"
	          R"("options":{"include_original_description":true}})");
	EXPECT_EQ(plaid.stats.pages, 2);
}

ChangePage read_page(const std::string &body, const char *cursor = "c0", bool keep_raw = false) {
	PlaidSession plaid;
	if (keep_raw)
		plaid.option("keep_raw", "true");
	plaid.transport.answer("/transactions/sync", body);
	const auto reader = plaid.provider.read_changes(plaid.session(), plaid.credentials(), cursor);
	return run_task(reader->next());
}

TEST(PlaidChanges, NotReadyIsAnEmptyPage) {
	for (const char *cursor : {"\"\"", "null"}) {
		const ChangePage page =
		    read_page(std::string(R"({"added":[],"modified":[],"removed":[],"accounts":[],)") +
		                  R"("has_more":false,"transactions_update_status":"NOT_READY","next_cursor":)" + cursor + "}",
		              "");
		EXPECT_EQ(page.status, HistoryStatus::not_ready);
		EXPECT_EQ(page.next_cursor, "");
		EXPECT_FALSE(page.has_more);
	}
	EXPECT_EQ(read_page(R"({"has_more":false,"transactions_update_status":"NOT_READY"})", "").status,
	          HistoryStatus::not_ready);
}

TEST(PlaidChanges, KnowsEveryStatus) {
	const auto status = [](const char *text) { return read_page(change_page("", "", "", "c", false, text)).status; };
	EXPECT_EQ(status("INITIAL_UPDATE_COMPLETE"), HistoryStatus::initial);
	EXPECT_EQ(status("HISTORICAL_UPDATE_COMPLETE"), HistoryStatus::complete);
	EXPECT_EQ(status("NOT_READY"), HistoryStatus::not_ready);
	EXPECT_EQ(status("TRANSACTIONS_UPDATE_STATUS_UNKNOWN"), HistoryStatus::unknown);
	EXPECT_EQ(status("SOMETHING_NEW"), HistoryStatus::unknown);
	EXPECT_EQ(read_page(R"({"has_more":false,"next_cursor":"c"})").status, HistoryStatus::unknown);
}

TEST(PlaidChanges, NullArraysAreEmpty) {
	const ChangePage page =
	    read_page(R"({"added":null,"modified":null,"removed":null,"has_more":false,"next_cursor":"c"})");
	EXPECT_TRUE(page.transactions.rows.empty() && page.transactions.removed.empty());
}

TEST(PlaidChanges, ModifiedIsNewerWhereverItStands) {
	const ChangePage page =
	    read_page(R"({"modified":[)" + tx("1", "2") + R"(],"removed":[{"transaction_id":"3"}],"added":[)" +
	              tx("1", "1") + "," + tx("3", "1") + R"(],"has_more":false,"next_cursor":"c"})");
	ASSERT_EQ(page.transactions.rows.size(), 1u);
	EXPECT_EQ(page.transactions.rows[0].amount, "-2");
	EXPECT_EQ(page.transactions.removed.at(0).account_id, "");
}

TEST(PlaidChanges, ARemovalWithoutIdIsQuarantined) {
	const ChangePage page = read_page(change_page("", "", R"({"account_id":"a"},5)", "c", false));
	EXPECT_TRUE(page.transactions.removed.empty());
	ASSERT_EQ(page.transactions.rejected.size(), 2u);
	EXPECT_EQ(page.transactions.rejected[0].account_id, "a");
	EXPECT_EQ(page.transactions.rejected[0].raw, R"({"account_id":"a"})");
}

TEST(PlaidChanges, RawOnlyIfKept) {
	EXPECT_EQ(read_page(change_page(tx("1"), "", "", "c", false)).transactions.rows.at(0).raw, "");
	EXPECT_EQ(read_page(change_page(tx("1"), "", "", "c", false), "", true).transactions.rows.at(0).raw, tx("1"));
}

TEST(PlaidChanges, RefusesOtherShapes) {
	for (const std::string &body : {
	         std::string("{}"),
	         std::string(R"({"next_cursor":"c"})"),
	         std::string(R"({"next_cursor":"c","has_more":null})"),
	         std::string(R"({"next_cursor":"c","has_more":"false"})"),
	         std::string(R"({"next_cursor":5,"has_more":false})"),
	         std::string(R"({"added":{},"next_cursor":"c","has_more":false})"),
	         std::string(R"({"modified":"x","next_cursor":"c","has_more":false})"),
	         // Rows, or more to come, but nothing to go on from.
	         change_page(tx("1"), "", "", "", false),
	         change_page("", "", "", "", true),
	         change_page(tx("1"), "", "", "c", false) + "}",
	         change_page(tx("1"), "", "", "c", false).substr(0, 60),
	     })
		EXPECT_EQ(code_of([&] { read_page(body); }), ErrorCode::bad_reply) << body;
}

TEST(PlaidChanges, RepeatedCursorsEndTheLoop) {
	// The one that was sent, and one from further back.
	for (const std::vector<const char *> &cursors : {std::vector<const char *>{"c0"}, {"c1", "c2", "c1"}}) {
		PlaidSession plaid;
		for (const char *cursor : cursors)
			plaid.transport.answer("/transactions/sync", change_page("", "", "", cursor, true));
		const auto reader = plaid.provider.read_changes(plaid.session(), plaid.credentials(), "c0");
		for (std::size_t i = 0; i + 1 < cursors.size(); ++i)
			run_task(reader->next());
		EXPECT_EQ(code_of([&] { run_task(reader->next()); }), ErrorCode::bad_reply);
	}
	// Without more to come it is allowed: nothing has changed.
	EXPECT_EQ(read_page(change_page("", "", "", "c0", false)).next_cursor, "c0");
}

TEST(PlaidChanges, EndlessPagesEnd) {
	PlaidSession plaid;
	plaid.transport.turns = 0;
	int next = 0;
	plaid.transport.handle_with([&](const test::SentRequest &) {
		return test::FakeTransport::response(200, change_page("", "", "", "c" + std::to_string(++next), true));
	});
	const auto reader = plaid.provider.read_changes(plaid.session(), plaid.credentials(), "");
	EXPECT_EQ(code_of([&] {
		          for (;;)
			          run_task(reader->next());
	          }),
	          ErrorCode::limit_exceeded);
	EXPECT_EQ(next, 20'000);
}

TEST(PlaidChanges, AsksForTheSamePageAgainAfterALimit) {
	PlaidSession plaid;
	plaid.transport.answer("/transactions/sync", change_page("", "", "", "c1", true))
	    .answer("/transactions/sync", 429, plaid_error("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT"))
	    .answer("/transactions/sync", change_page("", "", "", "c2", false));
	const auto reader = plaid.provider.read_changes(plaid.session(), plaid.credentials(), "");
	run_task(reader->next());
	EXPECT_EQ(code_of([&] { run_task(reader->next()); }), ErrorCode::rate_limited);
	EXPECT_EQ(run_task(reader->next()).next_cursor, "c2");
	EXPECT_EQ(plaid.transport.requests[1].body, plaid.transport.requests[2].body);
}

} // namespace
} // namespace ob::providers::plaid
