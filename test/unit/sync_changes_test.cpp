// Loops after the first backfill: all or nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory_resource>
#include <string>
#include <vector>

#include "sync/held_changes.hpp"
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

TEST(SyncEngine, QuarantinesWhatCannotBeStored) {
	SyncBench bench;
	add_many(bench.bank, 5);
	bench.bank.spoil("t1");
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.transactions.added, 4);
	EXPECT_EQ(report.transactions.quarantined, 1);
	EXPECT_EQ(bench.store.connection().quarantine.begin()->second.reason, "date is no day");
	EXPECT_EQ(report.status, SyncStatus::complete);
	bench.bank.add("u", "1");
	bench.bank.spoil("u");
	EXPECT_EQ(bench.sync().transactions.quarantined, 1);
	EXPECT_EQ(bench.store.connection().quarantine.size(), 2u);
}

TEST(SyncEngine, WhatCanBeStoredAfterAllLeavesQuarantine) {
	SyncBench bench;
	settle(bench);
	for (const char *id : {"t1", "t2", "t3"})
		bench.bank.spoil(id);
	bench.sync();
	ASSERT_EQ(bench.store.connection().quarantine.size(), 3u);
	bench.bank.mend("t1");
	bench.bank.remove("t2");
	bench.sync();
	ASSERT_EQ(bench.store.connection().quarantine.size(), 1u);
	EXPECT_EQ(bench.store.connection().quarantine.begin()->second.id, "t3");
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, TheLastVersionInALoopDecidesOnQuarantine) {
	SyncBench bench;
	settle(bench);
	const auto row = [](const char *id, const char *date) {
		return std::string(R"({"account_id":"acc","amount":1,"transaction_id":")") + id + R"(","date":")" + date +
		       "\"}";
	};
	const auto page = [](const std::string &added, const std::string &removed, const char *next, const char *more) {
		return R"({"added":[)" + added + R"(],"removed":[)" + removed + R"(],"next_cursor":")" + next +
		       R"(","has_more":)" + more + R"(,"transactions_update_status":"HISTORICAL_UPDATE_COMPLETE"})";
	};
	bench.plaid.transport
	    .answer("/transactions/sync", page(row("mended", "never") + "," + row("spoilt", "2026-03-01") + "," +
	                                           row("bad", "never") + "," + row("gone", "never"),
	                                       "", "p1", "true"))
	    .answer("/transactions/sync", page(row("mended", "2026-03-02") + "," + row("spoilt", "never"),
	                                       R"({"account_id":"acc","transaction_id":"gone"})", "p2", "false"));
	bench.sync();
	std::vector<std::string> kept;
	for (const auto &[raw, rejection] : bench.store.connection().quarantine)
		kept.push_back(rejection.id);
	std::sort(kept.begin(), kept.end());
	EXPECT_EQ(kept, ids({"bad", "spoilt"})) << "and not what was removed";
	EXPECT_TRUE(bench.store.connection().transactions.at({"acc", "mended"}).live);
	EXPECT_TRUE(bench.store.connection().transactions.at({"acc", "spoilt"}).live) << "in its older form";
}

/// What is allocated from the default resource.
class Counting final : public std::pmr::memory_resource {
public:
	Counting() : before_(std::pmr::set_default_resource(this)) {}
	~Counting() override { std::pmr::set_default_resource(before_); }
	std::size_t peak = 0;

private:
	void *do_allocate(std::size_t size, std::size_t alignment) override {
		held_ += size;
		peak = std::max(peak, held_);
		return before_->allocate(size, alignment);
	}
	void do_deallocate(void *memory, std::size_t size, std::size_t alignment) override {
		held_ -= size;
		before_->deallocate(memory, size, alignment);
	}
	bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }

	std::pmr::memory_resource *before_;
	std::size_t held_ = 0;
};

TEST(SyncEngine, HoldsABatchInMemoryWhateverComes) {
	test::FakeStore store;
	HeldChanges held(store.make_spool(), true);
	const std::string raw(10'000, ' ');
	const int kPages = 3000;
	for (int i = 0; i < kPages; ++i) {
		const std::string id = "t" + std::to_string(i);
		TransactionPage page;
		page.rows.emplace_back();
		page.rows.back().id = id;
		page.rows.back().account_id = "acc";
		page.rows.back().amount = "1";
		page.rows.back().raw = raw;
		page.removed.push_back({"gone", "acc"});
		if (i == 0)
			page.rejected.push_back({"bad", "acc", "no amount", raw});
		held.add(page);
	}
	Counting counting;
	store.unit([&] {
		RowWriter writer(store, 1, {}, false);
		held.replay(writer, [](const Transaction &) { return true; });
		EXPECT_EQ(writer.counts().added, kPages);
		EXPECT_EQ(writer.counts().quarantined, 1);
	});
	EXPECT_LT(counting.peak, std::size_t{10} << 20) << "of 30 MB";
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
		EXPECT_EQ(bench.plaid.transport.requests.size() - before, first_backfill ? 4u : 3u) << "one more call, not one per account";
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

} // namespace
} // namespace ob::sync
