// Loops that begin anew: data that change meanwhile, lost cursors, full syncs.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/support/sync_bench.hpp"

namespace ob::sync {
namespace {

using namespace std::chrono_literals;
using test::add_many;
using test::BankModel;
using test::caught;
using test::ids;
using test::plaid_error;
using test::settle;
using test::SyncBench;
using Stage = BankModel::Stage;

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

TEST(SyncEngine, WhatASweepRemovesIsSpooled) {
	SyncBench bench;
	settle(bench, 1200);
	bench.bank.page_size = 500;
	for (int i = 0; i < 1100; ++i)
		bench.bank.remove("t" + std::to_string(i));
	EXPECT_EQ(bench.sync(true).transactions.removed, 1100);
	ASSERT_EQ(bench.store.spooled.size(), 2u) << "what has come, and what is gone";
	EXPECT_GT(*bench.store.spooled[1], 1100 * 8u);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, SweepsOnlyWhenTheHistoryIsComplete) {
	for (const bool status_unknown : {false, true}) {
		SyncBench bench;
		settle(bench);
		bench.bank.remove("t2");
		bench.bank.stage = status_unknown ? Stage::complete : Stage::initial;
		bench.bank.status_unknown = status_unknown;
		EXPECT_EQ(bench.sync(true).transactions.removed, 0);
		const SyncState &state = bench.store.connection().state;
		EXPECT_TRUE(bench.store.connection().transactions.at({"acc", "t2"}).live);
		EXPECT_TRUE(state.sweep_owed);
		EXPECT_NE(state.cursor, "");
		bench.bank.add("new", "1");
		const SyncReport next = bench.sync();
		EXPECT_EQ(next.transactions.added, 1);
		EXPECT_EQ(next.transactions.unchanged + next.transactions.removed, 0) << "it does not read all again each time";
		// Without being asked a sync after the history is complete reads everything again, and then knows.
		bench.bank.stage = Stage::complete;
		bench.bank.status_unknown = false;
		EXPECT_EQ(bench.sync().retry_at, bench.plaid.clock.now() + 30s);
		EXPECT_EQ(state.cursor, "");
		EXPECT_EQ(bench.sync().transactions.removed, 1);
		EXPECT_FALSE(state.sweep_owed);
		EXPECT_NE(state.cursor, "");
		EXPECT_EQ(bench.differences(), "");
		EXPECT_FALSE(bench.sync().retry_at);
	}
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

TEST(SyncEngine, ARejectedRowDoesNotStandForAnother) {
	SyncBench bench;
	settle(bench);
	bench.bank.add("bad", "1");
	bench.bank.spoil("bad");
	bench.bank.remove("t3");
	const SyncReport report = bench.sync(true);
	EXPECT_EQ(report.transactions.quarantined, 1);
	EXPECT_EQ(report.transactions.removed, 1) << "as many rows are stored as were met, but not the same";
}

TEST(SyncEngine, AResyncWritesOnlyWhatDiffers) {
	SyncBench bench;
	settle(bench);
	SyncReport report = bench.sync(true);
	EXPECT_EQ(report.transactions.unchanged, 7);
	EXPECT_EQ(bench.store.rows_offered, 0);
	EXPECT_EQ(bench.differences(), "");

	bench.bank.modify("t2", "99");
	bench.bank.add("t9", "1");
	bench.bank.remove("t3");
	report = bench.sync(true);
	EXPECT_EQ(report.transactions.unchanged, 5);
	EXPECT_EQ(report.transactions.modified, 1);
	EXPECT_EQ(report.transactions.added, 1);
	EXPECT_EQ(report.transactions.removed, 1);
	EXPECT_EQ(bench.store.rows_offered, 2);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, AResyncLooksAtRawObjects) {
	SyncBench bench;
	bench.keep_raw = true;
	settle(bench);
	const SyncReport report = bench.sync(true);
	EXPECT_EQ(report.transactions.unchanged, 7);
	EXPECT_EQ(bench.store.rows_offered, 7) << "only the table knows whether they differ";
}

TEST(SyncEngine, AResyncSettlesQuarantine) {
	SyncBench bench;
	settle(bench);
	bench.bank.mend("t2");
	bench.sync();
	bench.bank.spoil("t2");
	bench.sync();
	ASSERT_EQ(bench.store.connection().quarantine.size(), 1u);
	bench.bank.mend("t2");
	EXPECT_EQ(bench.sync(true).transactions.unchanged, 7) << "the stored version was the true one";
	EXPECT_TRUE(bench.store.connection().quarantine.empty());
}

TEST(SyncEngine, AResyncTakesOutOfQuarantineWhatTheBankHasNoMore) {
	SyncBench bench;
	settle(bench);
	bench.bank.spoil("t2");
	bench.bank.spoil("t3");
	bench.sync();
	ASSERT_EQ(bench.store.connection().quarantine.size(), 2u);
	bench.bank.remove("t2");
	bench.sync(true);
	ASSERT_EQ(bench.store.connection().quarantine.size(), 1u);
	EXPECT_EQ(bench.store.connection().quarantine.begin()->second.id, "t3");
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, AResyncKeepsTheOrderOfVersionsAndRemovals) {
	SyncBench bench;
	settle(bench);
	// t1 comes as stored, then otherwise, then as stored; t2 is removed and comes as stored, on another page.
	const auto row = [](const char *id, const char *amount) {
		return std::string(R"({"transaction_id":")") + id + R"(","account_id":"acc","date":"2026-03-01","amount":)" +
		       amount + R"(,"iso_currency_code":"USD","name":"n","pending":false})";
	};
	const auto page = [&](const std::string &added, const char *removed, bool more) {
		return R"({"added":[)" + added + R"(],"modified":[],"removed":[)" + removed +
		       R"(],"next_cursor":"c","has_more":)" + (more ? "true" : "false") +
		       R"(,"transactions_update_status":"HISTORICAL_UPDATE_COMPLETE"})";
	};
	const auto answer = [&](const std::string &body) { bench.plaid.transport.answer("/transactions/sync", body); };
	answer(page(row("a", "1") + "," + row("b", "2"), "", false));
	bench.sync(true);
	answer(page(row("a", "1") + "," + row("a", "7") + "," + row("b", "2"), "", true));
	answer(page(row("a", "1"), "", false));
	EXPECT_EQ(bench.sync(true).transactions.unchanged, 2);
	EXPECT_EQ(bench.store.connection().transactions.at({"acc", "a"}).amount, "-1");

	answer(page(row("a", "1"), R"({"transaction_id":"b","account_id":"acc"})", true));
	answer(page(row("b", "2"), "", false));
	bench.sync(true);
	EXPECT_TRUE(bench.store.connection().transactions.at({"acc", "b"}).live) << "the later word counts";
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

} // namespace
} // namespace ob::sync
