// Syncs with a bank that has no change feed: pending rows, what becomes of them, and rows without an id.
#include <gtest/gtest.h>

#include "unit/support/window_bench.hpp"

namespace ob::sync {
namespace {

using test::WindowBench;
using Rows = std::vector<std::string>;

// The clock stands at 2026-03-10.

// ---- pending ----

TEST(WindowSync, ThePendingSetIsReplaced) {
	WindowBench bench;
	const int old = bench.pend("old", "-1.00", 1);
	bench.pend("stays", "-2.00", 9);
	bench.sync();
	bench.clock.set("2026-04-20T12:00:00Z");
	bench.pend("new", "-3.00", 20);
	bench.sync();
	EXPECT_EQ(bench.live().size(), 3u) << "whatever its days";
	bench.bank.pending_known = false;
	bench.sync();
	EXPECT_EQ(bench.live().size(), 3u) << "no set is not an empty one";
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2026-04-10")) << "for pending rows no window need reach back";
	bench.bank.pending_known = true;
	bench.bank.entries.erase(old);
	bench.sync();
	EXPECT_EQ(bench.live(), (Rows{"pending 2026-03-09 -2.00 SHOP", "pending 2026-03-20 -3.00 SHOP"}));
	bench.bank.entries.clear();
	bench.sync();
	EXPECT_EQ(bench.live(), Rows());
	EXPECT_EQ(bench.span().oldest_pending, std::nullopt);
}

TEST(WindowSync, PendingRowsWithinWindowsReachBackToTheOldest) {
	WindowBench bench;
	bench.bank.pending_apart = false;
	const int old = bench.pend("old", "-1.00", 1);
	bench.sync();
	bench.clock.set("2026-04-01T12:00:00Z");
	bench.sync();
	bench.clock.set("2026-04-20T12:00:00Z");
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(1).from, bench.march(1));
	EXPECT_TRUE(bench.row("old").live);
	bench.bank.entries.erase(old);
	bench.sync();
	EXPECT_FALSE(bench.row("old").live);
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2026-04-10")) << "nothing is that old any more";
}

TEST(WindowSync, PostedUnderTheSameId) {
	WindowBench bench;
	bench.bank.pending_apart = false;
	const int row = bench.pend("t", "-1.00", 9);
	bench.sync();
	bench.row("t").annotations = "mine";
	bench.bank.entries[row].pending = false;
	bench.bank.entries[row].date = bench.march(10);
	EXPECT_EQ(bench.sync().transactions.modified, 1);
	EXPECT_EQ(bench.live(), (Rows{"posted 2026-03-10 -1.00 SHOP"}));
	EXPECT_EQ(bench.row("t").annotations, "mine");
}

TEST(WindowSync, TheBankNamesThePendingRow) {
	WindowBench bench;
	const int pending = bench.pend("p", "-1.00", 9, "HOTEL");
	bench.sync();
	bench.row("p").annotations = "mine";
	bench.post("q", "-1.20", 10, "SOMETHING ELSE", "p");
	const SyncReport report = bench.sync();
	EXPECT_EQ(bench.live(), (Rows{"posted 2026-03-10 -1.20 SOMETHING ELSE"})) << "although it is listed still";
	EXPECT_EQ(report.transactions.removed, 1);
	EXPECT_EQ(bench.row("q").annotations, "mine");
	const int writes = bench.store.row_writes;
	bench.sync();
	bench.bank.entries.erase(pending);
	bench.sync();
	EXPECT_EQ(bench.store.row_writes, writes);
}

TEST(WindowSync, ALinkToWhatIsPostedItselfTakesNothingAway) {
	WindowBench bench;
	bench.bank.pending_apart = false;
	const int row = bench.pend("p", "-1.00", 9);
	bench.sync();
	bench.bank.entries[row].pending = false;
	bench.post("q", "-1.20", 10, "OTHER", "p");
	bench.post("own", "-1.30", 10, "OTHER", "own");
	bench.sync();
	EXPECT_EQ(bench.live().size(), 3u);
}

TEST(WindowSync, ThePostedRowIsFoundWhereTheBankDoesNotTell) {
	WindowBench bench;
	const int pending = bench.pend("p", "-12.30", 9, "TESCO 123");
	bench.sync();
	bench.row("p").annotations = "mine";
	bench.bank.entries.erase(pending);
	bench.post("q", "-12.30", 10, "TESCO STORES");
	bench.sync();
	EXPECT_EQ(bench.row("q").pending_transaction_id, "p");
	EXPECT_EQ(bench.row("q").annotations, "mine");
	const int writes = bench.store.row_writes;
	bench.store.rows_offered = 0;
	bench.sync();
	EXPECT_EQ(bench.store.row_writes, writes);
	EXPECT_EQ(bench.store.rows_offered, 0);
	bench.bank.entries.rbegin()->second.description = "TESCO";
	bench.sync();
	EXPECT_EQ(bench.row("q").pending_transaction_id, "p") << "the link stays whatever else changes";
	EXPECT_EQ(bench.row("q").description, "TESCO");
}

TEST(WindowSync, APendingRowThatIsBackWasNotPosted) {
	WindowBench bench;
	for (const std::string id : {"p", ""}) {
		const int pending = bench.pend(id, "-12.30", 9, "TESCO " + id);
		bench.sync();
		const auto hidden = bench.bank.entries.extract(pending);
		const std::string posted = "q" + id;
		bench.post(posted, "-12.30", 9, "TESCO " + id);
		bench.sync();
		ASSERT_NE(bench.row(posted).pending_transaction_id, "");
		bench.bank.entries[pending] = hidden.mapped();
		bench.sync();
		EXPECT_EQ(bench.row(posted).pending_transaction_id, "");
		bench.bank.entries.clear();
		bench.sync();
	}
}

TEST(WindowSync, OnlyARowThatCameAsTheOtherWentIsItsSuccessor) {
	WindowBench bench;
	const int pending = bench.pend("p", "-12.30", 9, "TESCO");
	bench.sync();
	bench.post("beside", "-12.30", 9, "TESCO");
	bench.sync();
	EXPECT_EQ(bench.row("beside").pending_transaction_id, "") << "the pending one is still there";
	bench.bank.entries.erase(pending);
	bench.keep_raw = true;
	bench.sync();
	EXPECT_EQ(bench.row("beside").pending_transaction_id, "") << "this one was there before";
	EXPECT_EQ(bench.live().size(), 1u);
}

// ---- rows without an id ----

TEST(WindowSync, TwinsRemainTwo) {
	WindowBench bench;
	const int first = bench.post("", "-2.50", 9, "COFFEE");
	bench.post("", "-2.50", 9, "COFFEE");
	bench.sync();
	ASSERT_EQ(bench.live(), (Rows{"posted 2026-03-09 -2.50 COFFEE", "posted 2026-03-09 -2.50 COFFEE"}));
	const auto ids = bench.stored().live_ids();
	bench.bank.shuffle = 7;
	const int writes = bench.store.row_writes;
	bench.sync();
	EXPECT_EQ(bench.stored().live_ids(), ids);
	EXPECT_EQ(bench.store.row_writes, writes);
	bench.post("", "-2.50", 9, "COFFEE");
	EXPECT_EQ(bench.sync().transactions.added, 1);
	bench.bank.entries.erase(first);
	EXPECT_EQ(bench.sync().transactions.removed, 1);
	EXPECT_EQ(bench.live().size(), 2u);
	bench.post("", "-2.50", 10, "COFFEE");
	bench.sync();
	EXPECT_EQ(bench.live().size(), 3u);
}

TEST(WindowSync, APendingRowWithoutAnIdIsPosted) {
	WindowBench bench;
	bench.bank.pending_apart = false;
	const int row = bench.pend("", "-2.50", 9, "COFFEE");
	bench.sync();
	bench.stored().transactions.begin()->second.annotations = "mine";
	bench.bank.entries[row].pending = false;
	bench.sync();
	ASSERT_EQ(bench.live(), (Rows{"posted 2026-03-09 -2.50 COFFEE"}));
	EXPECT_EQ(bench.row(bench.stored().live_ids().front()).annotations, "mine");
}

} // namespace
} // namespace ob::sync
