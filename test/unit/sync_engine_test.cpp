#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "unit/support/sync_bench.hpp"

namespace ob::sync {
namespace {

using namespace std::chrono_literals;
using test::BankModel;
using test::plaid_error;
using test::SyncBench;
using Stage = BankModel::Stage;

std::vector<std::string> ids(std::initializer_list<const char *> list) {
	return {list.begin(), list.end()};
}

template <class F>
Error caught(F &&action) {
	try {
		action();
	} catch (const Error &error) {
		return error;
	}
	ADD_FAILURE() << "nothing was thrown";
	return Error(ErrorCode::internal, "nothing was thrown");
}

void add_many(BankModel &bank, int count, const std::string &prefix = "t") {
	for (int i = 0; i < count; ++i)
		bank.add(prefix + std::to_string(i), std::to_string(i + 1) + ".50");
}

/// A connection whose history is complete and synced.
void settle(SyncBench &bench, int count = 7) {
	add_many(bench.bank, count);
	bench.sync();
	ASSERT_TRUE(bench.store.connection().state.history_complete);
	bench.store.commits = bench.store.row_writes = 0;
	bench.plaid.transport.requests.clear();
}

// ---- first backfill ----

TEST(SyncEngine, ReadsAFirstHistory) {
	SyncBench bench;
	add_many(bench.bank, 7);
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::complete);
	EXPECT_EQ(report.transactions.added, 7);
	EXPECT_EQ(report.accounts.total, 1);
	EXPECT_EQ(report.accounts.changed, 1);
	EXPECT_EQ(report.requests, 4);
	EXPECT_FALSE(report.retry_at);
	EXPECT_EQ(bench.differences(), "");
	const SyncState &state = bench.store.connection().state;
	EXPECT_TRUE(state.initial_sync_done && state.history_complete);
	EXPECT_EQ(state.loop_cursor, "");
	EXPECT_NE(state.cursor, "");
	EXPECT_EQ(bench.store.commits, 3) << "a page each";
	ASSERT_EQ(bench.store.connection().finished.size(), 1u);
	EXPECT_EQ(bench.store.connection().finished[0].transactions.added, 7);
	EXPECT_EQ(bench.store.connection().transactions.at({"acc", "t0"}).amount, "-1.50");
}

TEST(SyncEngine, HidesOneLatencyBehindTheOther) {
	SyncBench bench;
	bench.sync();
	EXPECT_EQ(bench.plaid.transport.most_at_once, 2);
	EXPECT_EQ(bench.plaid.transport.requests.size(), 2u);
}

TEST(SyncEngine, NotReadyIsNeitherErrorNorDone) {
	SyncBench bench;
	bench.bank.stage = Stage::not_ready;
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::waiting);
	EXPECT_EQ(report.retry_at, bench.plaid.clock.now() + 1min);
	EXPECT_TRUE(bench.store.failures.empty());
	const SyncState &state = bench.store.connection().state;
	EXPECT_EQ(state.cursor, "");
	EXPECT_FALSE(state.initial_sync_done || state.history_complete);
	EXPECT_EQ(bench.store.connection().accounts.size(), 1u) << "accounts are there before transactions";

	bench.bank.stage = Stage::initial;
	bench.bank.add("new", "1");
	const SyncReport initial = bench.sync();
	EXPECT_EQ(initial.status, SyncStatus::complete);
	EXPECT_EQ(initial.retry_at, bench.plaid.clock.now() + 15min) << "the history comes soon";
	EXPECT_TRUE(bench.store.connection().state.initial_sync_done);
	EXPECT_FALSE(bench.store.connection().state.history_complete);

	bench.bank.stage = Stage::complete;
	add_many(bench.bank, 10, "old");
	EXPECT_EQ(bench.sync().transactions.added, 10);
	EXPECT_EQ(bench.store.commits, 6) << "still page by page";
	EXPECT_TRUE(bench.store.connection().state.history_complete);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, NotReadyLaterKeepsTheCursor) {
	SyncBench bench;
	settle(bench);
	const std::string cursor = bench.store.connection().state.cursor;
	bench.bank.stage = Stage::not_ready;
	EXPECT_EQ(bench.sync().status, SyncStatus::waiting);
	EXPECT_EQ(bench.sync(true).status, SyncStatus::waiting);
	EXPECT_EQ(bench.store.connection().state.cursor, cursor);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, AFullFirstSyncIsAFirstSync) {
	SyncBench bench;
	bench.bank.stage = Stage::initial;
	add_many(bench.bank, 7);
	bench.sync(true);
	EXPECT_EQ(bench.store.commits, 3) << "a page each";
	EXPECT_NE(bench.store.connection().state.cursor, "");
	bench.bank.remove("t0");
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, AnItemWithoutTransactionsIsDone) {
	SyncBench bench;
	EXPECT_EQ(bench.sync().status, SyncStatus::complete);
	EXPECT_TRUE(bench.store.connection().state.initial_sync_done);
}

TEST(SyncEngine, GhostsOfAnAbandonedLoopAreTakenBack) {
	SyncBench bench;
	add_many(bench.bank, 9);
	// The second page fails; the first is committed.
	bench.bank.fault = {2, plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")};
	EXPECT_THROW(bench.sync(), ProviderError);
	EXPECT_EQ(bench.store.connection().live_ids(), ids({"t0", "t1", "t2"}));
	EXPECT_NE(bench.store.connection().state.loop_cursor, "");
	EXPECT_EQ(bench.store.connection().state.cursor, "") << "the loop's first cursor stays";
	bench.bank.remove("t1"); // before a cursor knew it: the removal is never told
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.transactions.removed, 1);
	EXPECT_EQ(report.transactions.added, 6);
	EXPECT_EQ(report.transactions.unchanged, 2);
	EXPECT_EQ(bench.differences(), "");
	EXPECT_EQ(bench.store.connection().state.loop_cursor, "");
}

TEST(SyncEngine, GhostsGoWhateverTheStatus) {
	SyncBench bench;
	bench.bank.stage = Stage::initial;
	add_many(bench.bank, 9);
	bench.bank.fault = {3, plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")};
	EXPECT_THROW(bench.sync(), ProviderError);
	bench.bank.remove("t0");
	bench.sync();
	EXPECT_FALSE(bench.store.connection().state.history_complete);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, RowsOfEarlierLoopsAreNoGhosts) {
	SyncBench bench;
	bench.bank.stage = Stage::initial;
	add_many(bench.bank, 4);
	bench.sync();
	bench.bank.stage = Stage::complete;
	add_many(bench.bank, 9, "old");
	bench.bank.modify("t0", "77");
	bench.bank.fault = {3, plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")};
	EXPECT_THROW(bench.sync(), ProviderError);
	bench.bank.remove("old1");
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, ARevivedRowIsAGhostToo) {
	SyncBench bench;
	bench.bank.stage = Stage::initial;
	add_many(bench.bank, 4);
	bench.sync();
	bench.bank.remove("t0");
	bench.sync();
	ASSERT_EQ(bench.differences(), "");
	// It comes back, is committed by a loop that is cut off, and goes again unsaid.
	bench.bank.add("t0", "5");
	add_many(bench.bank, 9, "old");
	bench.bank.fault = {3, plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")};
	EXPECT_THROW(bench.sync(), ProviderError);
	bench.bank.remove("t0");
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
}

// ---- later loops ----

TEST(SyncEngine, AppliesALaterLoopInOneCommit) {
	SyncBench bench;
	settle(bench);
	add_many(bench.bank, 10, "new");
	bench.bank.modify("t0", "-3.00");
	bench.bank.remove("t1");
	const SyncReport report = bench.sync();
	EXPECT_EQ(bench.store.commits, 1);
	EXPECT_EQ(report.transactions.added, 10);
	EXPECT_EQ(report.transactions.modified, 1);
	EXPECT_EQ(report.transactions.removed, 1);
	EXPECT_EQ(bench.differences(), "");
	EXPECT_EQ(bench.store.connection().transactions.at({"acc", "t0"}).amount, "3.00");
}

TEST(SyncEngine, UnchangedWritesNoRow) {
	SyncBench bench;
	settle(bench);
	const SyncReport report = bench.sync();
	EXPECT_FALSE(report.transactions.any_change());
	EXPECT_EQ(bench.store.row_writes, 0);
	const SyncReport full = bench.sync(true);
	EXPECT_EQ(full.transactions.unchanged, 7);
	EXPECT_EQ(bench.store.row_writes, 0);
}

TEST(SyncEngine, AFailureInTheMiddleLeavesEverythingAsItWas) {
	SyncBench bench;
	settle(bench);
	const auto before = bench.store.connection().state;
	add_many(bench.bank, 10, "new");
	bench.bank.fault = {3, plaid_error("INSTITUTION_ERROR", "INSTITUTION_DOWN")};
	EXPECT_EQ(caught([&] { bench.sync(); }).code(), ErrorCode::provider_down);
	EXPECT_EQ(bench.store.commits, 0);
	EXPECT_EQ(bench.store.connection().state.cursor, before.cursor);
	EXPECT_EQ(bench.failure().retry_at, bench.plaid.clock.now() + 1h);
	EXPECT_EQ(bench.failure().new_state, "");
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
	EXPECT_EQ(bench.store.connection().state.attempts, 0);
}

TEST(SyncEngine, AppliesManyRowsInBatches) {
	SyncBench bench;
	settle(bench);
	bench.bank.page_size = 700; // more than was asked for
	add_many(bench.bank, 1500, "new");
	EXPECT_EQ(bench.sync().transactions.added, 1500);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, LaterPagesWin) {
	SyncBench bench;
	settle(bench);
	const std::string cursor = bench.store.connection().state.cursor;
	const auto row = [](const char *id, const char *amount) {
		return std::string(R"({"account_id":"acc","date":"2026-03-01","transaction_id":")") + id + R"(","amount":)" +
		       amount + "}";
	};
	const auto page = [](const std::string &added, const std::string &removed, const char *next, const char *more) {
		return R"({"added":[)" + added + R"(],"removed":[)" + removed + R"(],"next_cursor":")" + next +
		       R"(","has_more":)" + more + R"(,"transactions_update_status":"HISTORICAL_UPDATE_COMPLETE"})";
	};
	bench.plaid.transport
	    .answer("/transactions/sync", page(row("x", "1") + "," + row("y", "1") + "," + row("z", "1"), "", "p1", "true"))
	    .answer("/transactions/sync", page(row("x", "2"), R"({"transaction_id":"y"})", "p2", "true"))
	    .answer("/transactions/sync",
	            page(row("z", "4") + "," + row("y", "3"), R"({"transaction_id":"x"})", "p3", "true"))
	    .answer("/transactions/sync", page(row("z", "5"), "", "p4", "false"));
	bench.sync();
	const auto &rows = bench.store.connection().transactions;
	EXPECT_FALSE(rows.at({"acc", "x"}).live);
	EXPECT_EQ(rows.at({"acc", "x"}).amount, "-2");
	EXPECT_TRUE(rows.at({"acc", "y"}).live);
	EXPECT_EQ(rows.at({"acc", "y"}).amount, "-3");
	EXPECT_EQ(rows.at({"acc", "z"}).amount, "-5");
	EXPECT_EQ(bench.store.connection().state.cursor, "p4");
}

TEST(SyncEngine, RemovalOfAnUnknownIdIsNothing) {
	SyncBench bench;
	settle(bench);
	bench.bank.tells_unknown_removals = true;
	bench.bank.add("gone", "1");
	bench.bank.remove("gone");
	EXPECT_EQ(bench.sync().transactions.removed, 0);
}

TEST(SyncEngine, PendingBecomesPostedUnderAnotherId) {
	for (const bool linked : {true, false}) {
		SyncBench bench;
		bench.bank.add("p", "4", "acc", true);
		bench.sync();
		bench.bank.page_size = 1; // on two pages
		bench.bank.post("p", "q", linked);
		const SyncReport report = bench.sync();
		EXPECT_EQ(report.transactions.added, 1);
		EXPECT_EQ(report.transactions.removed, 1);
		EXPECT_EQ(bench.differences(), "");
	}
}

TEST(SyncEngine, KeepsRawOnlyWhereAsked) {
	for (const bool keep : {true, false}) {
		SyncBench bench;
		if (keep)
			bench.plaid.option("keep_raw", "true");
		add_many(bench.bank, 2);
		SyncTarget target = bench.target();
		target.keep_raw = keep;
		test::run_task(sync_connection(bench.context(), target, false));
		bench.bank.modify("t0", "9");
		target = bench.target();
		target.keep_raw = keep;
		test::run_task(sync_connection(bench.context(), target, false));
		EXPECT_EQ(bench.store.connection().transactions.at({"acc", "t0"}).raw.empty(), !keep);
		EXPECT_EQ(bench.store.connection().transactions.at({"acc", "t1"}).raw.empty(), !keep);
	}
}

// ---- mutation ----

TEST(SyncEngine, MutationOnAnyPageBeginsTheLoopAgain) {
	for (const bool first_backfill : {true, false})
		for (int at = 1; at <= 4; ++at) {
			SyncBench bench;
			if (!first_backfill)
				settle(bench, 2);
			add_many(bench.bank, 12, "new");
			int page = 0;
			bench.bank.after_page = [&] {
				if (++page == at) {
					bench.bank.remove("new0");
					bench.bank.modify("new1", "99");
					bench.bank.add("late", "5");
				}
			};
			bench.sync();
			const bool behind = at == 4; // behind the last page: the next sync's business
			EXPECT_EQ(bench.differences().empty(), !behind) << first_backfill << at;
			EXPECT_EQ(bench.bank.mutations_told, behind ? 0 : 1);
			bench.sync();
			EXPECT_EQ(bench.differences(), "");
			EXPECT_TRUE(bench.store.failures.empty());
		}
}

TEST(SyncEngine, EndlessMutationIsAFailureInPassing) {
	SyncBench bench;
	settle(bench);
	add_many(bench.bank, 12, "new");
	bench.bank.after_page = [&] { bench.bank.modify("t0", std::to_string(bench.bank.calls)); };
	EXPECT_THROW(bench.sync(), ProviderError);
	EXPECT_EQ(bench.bank.mutations_told, 5);
	EXPECT_EQ(bench.failure().reaction, Reaction::restart);
	EXPECT_EQ(bench.failure().new_state, "");
	EXPECT_TRUE(bench.failure().retry_at);
	EXPECT_EQ(bench.store.commits, 0);
}

TEST(SyncEngine, AStaleCursorIsGivenUp) {
	SyncBench bench;
	settle(bench);
	bench.bank.remove("t2");
	bench.bank.add("new", "1");
	bench.bank.stuck = true;
	const SyncReport report = bench.sync();
	EXPECT_EQ(bench.bank.mutations_told, 3);
	EXPECT_EQ(report.transactions.added, 1);
	EXPECT_EQ(report.transactions.removed, 1);
	EXPECT_EQ(bench.store.commits, 1);
	EXPECT_EQ(bench.differences(), "");
}

// ---- resync ----

TEST(SyncEngine, ARefusedCursorMeansAResync) {
	SyncBench bench;
	settle(bench);
	bench.bank.refused_cursors.insert(bench.store.connection().state.cursor);
	bench.bank.remove("t2");
	bench.bank.modify("t3", "8");
	bench.bank.add("new", "1");
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.transactions.added, 1);
	EXPECT_EQ(report.transactions.modified, 1);
	EXPECT_EQ(report.transactions.removed, 1);
	EXPECT_EQ(bench.store.commits, 1);
	EXPECT_EQ(bench.differences(), "");
	EXPECT_TRUE(bench.store.failures.empty());
}

TEST(SyncEngine, ACursorRefusedInTheMiddleToo) {
	SyncBench bench;
	settle(bench);
	add_many(bench.bank, 10, "new");
	bench.bank.fault = {2, plaid_error("INVALID_REQUEST", "INVALID_FIELD", "the cursor is wrong")};
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, OnlyOneResyncIsTried) {
	SyncBench bench;
	settle(bench);
	bench.bank.refused_cursors = {"", bench.store.connection().state.cursor};
	const int calls = bench.bank.calls;
	EXPECT_THROW(bench.sync(), ProviderError);
	EXPECT_EQ(bench.bank.calls - calls, 3) << "accounts, the cursor, the beginning";
	EXPECT_EQ(bench.failure().reaction, Reaction::cursor_invalid);
	EXPECT_EQ(bench.failure().new_state, "");
}

TEST(SyncEngine, AFullSyncSweepsWhatDidNotCome) {
	SyncBench bench;
	settle(bench, 1200);
	bench.bank.page_size = 500;
	// Lost unseen: removed at the bank, and the cursor moved past it.
	for (int i = 0; i < 600; ++i)
		bench.bank.remove("t" + std::to_string(i));
	const std::string lost = bench.store.connection().state.cursor;
	const SyncReport report = bench.sync(true);
	EXPECT_EQ(report.transactions.removed, 600);
	EXPECT_EQ(report.transactions.unchanged, 600);
	EXPECT_EQ(bench.store.commits, 1);
	EXPECT_NE(bench.store.connection().state.cursor, lost);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, SweepsOnlyWhenTheHistoryIsComplete) {
	SyncBench bench;
	settle(bench);
	bench.bank.remove("t2");
	bench.bank.stage = Stage::initial;
	EXPECT_EQ(bench.sync(true).transactions.removed, 0);
	EXPECT_TRUE(bench.store.connection().transactions.at({"acc", "t2"}).live);
	EXPECT_EQ(bench.store.connection().state.cursor, "") << "the sweep is owed";
	EXPECT_EQ(bench.sync().transactions.removed, 0) << "still not complete";
	// Without being asked the next sync reads everything again, and then knows.
	bench.bank.stage = Stage::complete;
	EXPECT_EQ(bench.sync().transactions.removed, 1);
	EXPECT_NE(bench.store.connection().state.cursor, "");
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, RejectedRowsAreNotSwept) {
	SyncBench bench;
	settle(bench);
	bench.bank.spoil("t2");
	bench.bank.remove("t3");
	const SyncReport report = bench.sync(true);
	EXPECT_EQ(report.transactions.quarantined, 1);
	EXPECT_EQ(report.transactions.removed, 1);
	EXPECT_TRUE(bench.store.connection().transactions.at({"acc", "t2"}).live) << "it exists, in its older form";
}

TEST(SyncEngine, ARowWithoutIdForbidsTheSweep) {
	SyncBench bench;
	settle(bench);
	bench.plaid.transport.answer(
	    "/transactions/sync",
	    R"({"added":[{"account_id":"acc","date":"2026-03-01","amount":1}],"next_cursor":"c","has_more":false,)"
	    R"("transactions_update_status":"HISTORICAL_UPDATE_COMPLETE"})");
	const SyncReport report = bench.sync(true);
	EXPECT_EQ(report.transactions.removed, 0);
	EXPECT_EQ(report.transactions.quarantined, 1);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, AResyncEndsAnUnfinishedBackfill) {
	SyncBench bench;
	bench.bank.stage = Stage::initial;
	add_many(bench.bank, 4);
	bench.sync();
	add_many(bench.bank, 9, "old");
	bench.bank.fault = {3, plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")};
	EXPECT_THROW(bench.sync(), ProviderError);
	ASSERT_NE(bench.store.connection().state.loop_cursor, "");
	bench.bank.remove("old0");
	bench.bank.refused_cursors.insert(bench.store.connection().state.cursor);
	bench.sync();
	EXPECT_EQ(bench.store.connection().state.loop_cursor, "");
	EXPECT_EQ(bench.differences(), "");
}

// ---- rows and accounts ----

TEST(SyncEngine, QuarantinesWhatCannotBeStored) {
	SyncBench bench;
	add_many(bench.bank, 5);
	bench.bank.spoil("t1");
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.transactions.added, 4);
	EXPECT_EQ(report.transactions.quarantined, 1);
	EXPECT_EQ(bench.store.connection().quarantine.begin()->second, "date is no day");
	EXPECT_EQ(report.status, SyncStatus::complete);
	bench.bank.add("u", "1");
	bench.bank.spoil("u");
	EXPECT_EQ(bench.sync().transactions.quarantined, 1);
	EXPECT_EQ(bench.store.connection().quarantine.size(), 2u);
}

TEST(SyncEngine, LooksAgainForAnUnknownAccount) {
	for (const bool first_backfill : {true, false}) {
		SyncBench bench;
		if (!first_backfill)
			settle(bench);
		bench.bank.add("n1", "1", "new account");
		bench.bank.add("n2", "1", "closed account");
		bench.bank.add("n3", "1", "closed account 2");
		const std::size_t before = bench.plaid.transport.requests.size();
		// The account appears after the list was read.
		bench.bank.after_page = [&] { bench.bank.add_account("new account"); };
		bench.sync();
		EXPECT_EQ(bench.plaid.transport.requests.size() - before, 3u) << "one more call, not one per account";
		EXPECT_TRUE(bench.store.connection().accounts.at("new account").live);
		EXPECT_TRUE(bench.store.connection().transactions.at({"closed account", "n2"}).live);
		EXPECT_EQ(bench.differences(), "");
	}
}

TEST(SyncEngine, AccountsComeGoAndChange) {
	SyncBench bench;
	bench.bank.add_account("second");
	settle(bench);
	bench.bank.close_account("second");
	bench.bank.add_account("acc", "11.00");
	EXPECT_EQ(bench.sync().accounts.changed, 2);
	EXPECT_FALSE(bench.store.connection().accounts.at("second").live);
	EXPECT_EQ(bench.store.connection().accounts.at("acc").balance, "11.00");
}

// ---- failures ----

TEST(SyncEngine, RecordsWhatItThrows) {
	struct Case {
		const char *type;
		const char *code;
		const char *reason;
		const char *state;
		const char *reauth;
	};
	for (const Case &c :
	     {Case{"ITEM_ERROR", "ITEM_LOGIN_REQUIRED", "", "reauth_required", "login"},
	      Case{"ITEM_ERROR", "ITEM_LOGIN_REQUIRED", "OAUTH_CONSENT_EXPIRED", "reauth_required", "consent_expired"},
	      Case{"ITEM_ERROR", "ITEM_NOT_FOUND", "", "revoked", ""},
	      Case{"INVALID_INPUT", "INVALID_ACCESS_TOKEN", "", "error", ""},
	      Case{"INVALID_INPUT", "INVALID_API_KEYS", "", "", ""},
	      Case{"INSTITUTION_ERROR", "INSTITUTION_DOWN", "", "", ""}}) {
		SyncBench bench;
		settle(bench);
		const auto before = bench.store.connection().state.cursor;
		bench.bank.fault = {0, plaid_error(c.type, c.code, "SECRET TEXT", c.reason)};
		EXPECT_THROW(bench.sync(), ProviderError);
		ASSERT_EQ(bench.store.failures[1].size(), 1u);
		EXPECT_EQ(bench.failure().new_state, c.state) << c.code;
		EXPECT_EQ(bench.failure().reauth_reason, c.reauth) << c.code;
		EXPECT_EQ(bench.failure().provider_code, c.code);
		EXPECT_EQ(bench.failure().message.find("SECRET"), std::string::npos);
		EXPECT_EQ(bench.store.connection().state.cursor, before);
		EXPECT_EQ(bench.store.connection().finished.size(), 1u);
	}
}

TEST(SyncEngine, AnAnswerNotUnderstoodAdvancesNothing) {
	SyncBench bench;
	settle(bench);
	const auto before = bench.store.connection().state.cursor;
	for (const char *body : {"{\"accounts\":{}}", "{\"accounts\":[{}]}", "{}"}) {
		bench.plaid.transport.answer("/accounts/get", body);
		EXPECT_EQ(caught([&] { bench.sync(); }).code(), ErrorCode::bad_reply);
	}
	EXPECT_EQ(bench.store.commits, 0);
	EXPECT_EQ(bench.store.connection().state.cursor, before);
	EXPECT_EQ(bench.failure().provider_code, "OB003");
}

TEST(SyncEngine, ALimitDefers) {
	SyncBench bench;
	settle(bench);
	bench.plaid.transport.answer("/transactions/sync", 429,
	                             plaid_error("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT"));
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::deferred);
	EXPECT_EQ(report.retry_at, bench.plaid.clock.now() + 60s);
	EXPECT_TRUE(bench.store.failures.empty());
	EXPECT_EQ(bench.store.connection().finished.back().status, SyncStatus::deferred);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, ALimitInTheMiddleIsWaitedFor) {
	for (const bool first_backfill : {true, false}) {
		SyncBench bench;
		if (!first_backfill)
			settle(bench);
		add_many(bench.bank, 10, "new");
		http::Response limited =
		    test::FakeTransport::response(429, plaid_error("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT"));
		limited.headers.emplace_back("retry-after", "0");
		int calls = 0;
		bench.plaid.transport.handle_with([&](const test::SentRequest &request) {
			// More often than the client itself asks again.
			if (request.endpoint == "/transactions/sync" && ++calls >= 3 && calls <= 6)
				return limited;
			return bench.bank.answer(request);
		});
		EXPECT_EQ(bench.sync().status, SyncStatus::complete);
		EXPECT_EQ(bench.bank.mutations_told, 0);
		EXPECT_EQ(bench.differences(), "");
	}
}

TEST(SyncEngine, TooLongALimitInTheMiddleDefers) {
	SyncBench bench;
	add_many(bench.bank, 10);
	http::Response limited =
	    test::FakeTransport::response(429, plaid_error("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT"));
	limited.headers.emplace_back("retry-after", "600");
	int calls = 0;
	bench.plaid.transport.handle_with([&](const test::SentRequest &request) {
		return request.endpoint == "/transactions/sync" && ++calls == 2 ? limited : bench.bank.answer(request);
	});
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::deferred);
	EXPECT_EQ(report.retry_at, bench.plaid.clock.now() + 600s);
	EXPECT_EQ(report.transactions.added, 3) << "the first page is there";
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, ForeignExceptionsPassUntouched) {
	SyncBench bench;
	settle(bench);
	bench.plaid.transport.handle_with([](const test::SentRequest &) -> http::Response { throw Interrupted(); });
	EXPECT_THROW(bench.sync(), Interrupted);
	bench.plaid.transport.handle_with([](const test::SentRequest &) -> http::Response { throw std::bad_alloc(); });
	EXPECT_THROW(bench.sync(), std::bad_alloc);
	EXPECT_TRUE(bench.store.failures.empty());
	EXPECT_EQ(bench.store.commits, 0);
}

TEST(SyncEngine, AFailingCommitLeavesTheOldState) {
	SyncBench bench;
	settle(bench);
	bench.bank.add("new", "1");
	bench.store.before_commit = [] { throw Error(ErrorCode::internal, "disk full"); };
	EXPECT_EQ(caught([&] { bench.sync(); }).message(), "disk full");
	EXPECT_EQ(bench.store.connection().live_ids().size(), 7u);
	bench.store.before_commit = nullptr;
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, AnotherSyncInBetweenIsNoticed) {
	SyncBench bench;
	settle(bench);
	bench.bank.add("new", "1");
	SyncTarget stale = bench.target();
	stale.sync.cursor = "b1+/=";
	EXPECT_EQ(caught([&] { test::run_task(sync_connection(bench.context(), stale, false)); }).code(),
	          ErrorCode::internal);
	EXPECT_EQ(bench.store.commits, 0);
}

} // namespace
} // namespace ob::sync
