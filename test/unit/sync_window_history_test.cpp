// How far back windows have reached, and what brings days that are missing.
#include <gtest/gtest.h>

#include "unit/support/window_bench.hpp"

namespace ob::sync {
namespace {

using test::WindowBench;
using Rows = std::vector<std::string>;

// The clock stands at 2026-03-10.

TEST(WindowHistory, ARestThatIsTooLongLeavesAGapUntilTheNextLogin) {
	WindowBench bench;
	bench.bank.days = {400, 10};
	bench.post("a", "-1.00", 1);
	bench.sync();
	EXPECT_EQ(bench.stored().state.history_from, test::day("2025-02-03"));
	bench.post("missed", "-2.00", 20);
	bench.bank.shows_days = 88;
	bench.bank.tells_shown = true;
	bench.clock.set("2026-07-10T12:00:00Z");
	bench.sync();
	EXPECT_EQ(bench.live(), Rows{"posted 2026-03-01 -1.00 SHOP"});
	EXPECT_EQ(bench.span().gap, (Gap{test::day("2026-03-11"), test::day("2026-04-12")}));
	EXPECT_EQ(bench.stored().state.history_from, test::day("2026-04-13"));
	EXPECT_FALSE(bench.stored().state.history_complete);
	bench.sync();
	EXPECT_TRUE(bench.span().gap) << "nothing closes it but those days";

	bench.bank.after_login = true;
	bench.bank.shows_days.reset();
	bench.sync();
	EXPECT_EQ(bench.live(), (Rows{"posted 2026-03-01 -1.00 SHOP", "posted 2026-03-20 -2.00 SHOP"}));
	EXPECT_FALSE(bench.span().gap);
	EXPECT_EQ(bench.stored().state.history_from, test::day("2025-02-03"));
	EXPECT_TRUE(bench.stored().state.history_complete);
}

TEST(WindowHistory, ALoginBringsTheHistoryThatTheFirstSyncCameTooLateFor) {
	WindowBench bench;
	bench.bank.days = {400, 10};
	bench.bank.shows_days = 20;
	bench.bank.tells_shown = true;
	bench.bank.add({.account = 1,
	                .id = "old",
	                .amount = "-1.00",
	                .description = "SHOP",
	                .link = {},
	                .date = test::day("2025-06-01")});
	bench.sync();
	EXPECT_TRUE(bench.live().empty());
	EXPECT_TRUE(bench.stored().state.history_complete) << "the bank has no more to show";
	bench.bank.shows_days.reset();
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2026-02-28")) << "at another time nothing is asked for twice";
	bench.bank.after_login = true;
	bench.sync();
	EXPECT_EQ(bench.live(), Rows{"posted 2025-06-01 -1.00 SHOP"});
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2026-02-28")) << "once is enough";
}

TEST(WindowHistory, AnAccountThatIsNotShownLeavesTheHistoryIncomplete) {
	WindowBench bench;
	bench.bank.holders[1].shows = {.at_all = false, .never = false, .from = {}};
	bench.sync();
	EXPECT_FALSE(bench.stored().state.history_complete);
	bench.bank.holders[1].shows.never = true;
	bench.sync();
	EXPECT_TRUE(bench.stored().state.history_complete) << "it has nothing of the kind";
}

TEST(WindowHistory, AFullSyncThatIsOwedIsMadeOnce) {
	WindowBench bench;
	bench.sync();
	bench.stored().state.sweep_owed = true;
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2025-12-10"));
	EXPECT_FALSE(bench.stored().state.sweep_owed);
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2026-02-28"));
}

} // namespace
} // namespace ob::sync
