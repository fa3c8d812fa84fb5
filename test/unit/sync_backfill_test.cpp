// The first backfill: page by page, until the history is complete.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
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

TEST(SyncEngine, ReadsAFirstHistory) {
	SyncBench bench;
	add_many(bench.bank, 7);
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::complete);
	EXPECT_EQ(report.transactions.added, 7);
	EXPECT_EQ(report.accounts.total, 1);
	EXPECT_EQ(report.accounts.changed, 1);
	EXPECT_EQ(report.requests, 5);
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

TEST(SyncEngine, HidesLatenciesBehindEachOther) {
	SyncBench bench;
	bench.plaid.transport.turns = 10;
	bench.sync();
	EXPECT_EQ(bench.plaid.transport.most_at_once, 3);
	EXPECT_EQ(bench.plaid.transport.requests.size(), 3u) << "accounts, changes, health";
}

TEST(SyncEngine, NotReadyIsNeitherErrorNorDone) {
	SyncBench bench;
	bench.bank.stage = Stage::not_ready;
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::waiting);
	EXPECT_EQ(report.retry_at, bench.plaid.clock.now() + 5s);
	EXPECT_TRUE(bench.store.failures.empty());
	const SyncState &state = bench.store.connection().state;
	EXPECT_EQ(state.cursor, "");
	EXPECT_FALSE(state.initial_sync_done || state.history_complete);
	EXPECT_EQ(bench.store.connection().accounts.size(), 1u) << "accounts are there before transactions";

	bench.bank.stage = Stage::initial;
	bench.bank.add("new", "1");
	const SyncReport initial = bench.sync();
	EXPECT_EQ(initial.status, SyncStatus::complete);
	EXPECT_EQ(initial.retry_at, bench.plaid.clock.now() + 30s) << "the history comes soon";
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

TEST(SyncEngine, NothingAndNoCursorIsNotReadyWhateverTheStatus) {
	SyncBench bench;
	add_many(bench.bank, 5);
	bench.plaid.transport.answer(
	    "/transactions/sync", R"({"added":[],"modified":[],"removed":[],"accounts":[],"next_cursor":"",)"
	                          R"("has_more":false,"transactions_update_status":"TRANSACTIONS_UPDATE_STATUS_UNKNOWN"})");
	EXPECT_EQ(bench.sync().status, SyncStatus::waiting);
	EXPECT_FALSE(bench.store.connection().state.initial_sync_done);
	EXPECT_EQ(bench.sync().status, SyncStatus::complete);
	EXPECT_FALSE(bench.store.connection().state.sweep_owed) << "the first loop was no resync";
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

/// Syncs; what was expected after each page, -1 for nothing.
std::vector<std::int64_t> expectations(SyncBench &bench) {
	std::vector<std::int64_t> expected;
	SyncContext context = bench.context();
	context.progress = [&](const Progress &progress) { expected.push_back(progress.expected.value_or(-1)); };
	try {
		test::run_task(sync_connection(std::move(context), bench.target(), false));
	} catch (const ProviderError &) {
		// cut off
	}
	return expected;
}

std::size_t counts_asked(const SyncBench &bench) {
	const auto &sent = bench.plaid.transport.requests;
	return static_cast<std::size_t>(
	    std::count_if(sent.begin(), sent.end(), [](const auto &one) { return one.endpoint == "/transactions/get"; }));
}

TEST(SyncEngine, TheEndOfALongBackfillIsEstimated) {
	SyncBench bench;
	add_many(bench.bank, 30);
	bench.bank.fault = {8, plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")};
	EXPECT_EQ(expectations(bench), (std::vector<std::int64_t>{-1, -1, -1, -1, -1, 30, 30}));
	EXPECT_EQ(counts_asked(bench), 1u);
	EXPECT_EQ(bench.store.connection().state.loop_total, 30);
	const std::vector<std::int64_t> again = expectations(bench);
	EXPECT_EQ(again, std::vector<std::int64_t>(10, 30)) << "the loop's next attempt knows it from its beginning";
	EXPECT_EQ(counts_asked(bench), 1u);
	EXPECT_FALSE(bench.store.connection().state.loop_total) << "a loop that has ended expects nothing";
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, WhatIsStoredAlreadyIsNotExpected) {
	SyncBench bench;
	bench.bank.stage = Stage::initial;
	add_many(bench.bank, 4);
	EXPECT_EQ(expectations(bench), (std::vector<std::int64_t>{-1, -1}));
	EXPECT_EQ(counts_asked(bench), 0u) << "a short one";
	bench.bank.stage = Stage::complete;
	add_many(bench.bank, 30, "old");
	EXPECT_EQ(expectations(bench).back(), 30);
	EXPECT_EQ(counts_asked(bench), 1u);
	add_many(bench.bank, 30, "new");
	EXPECT_EQ(expectations(bench), std::vector<std::int64_t>(10, -1));
	EXPECT_EQ(counts_asked(bench), 1u) << "only a first backfill is estimated";
}

TEST(SyncEngine, WithoutANumberThereIsNoEstimate) {
	SyncBench bench;
	bench.bank.count_fails = true;
	add_many(bench.bank, 30);
	EXPECT_EQ(expectations(bench), std::vector<std::int64_t>(10, -1));
	EXPECT_EQ(counts_asked(bench), 1u) << "never repeated";
	EXPECT_TRUE(bench.store.failures.empty());
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

} // namespace
} // namespace ob::sync
