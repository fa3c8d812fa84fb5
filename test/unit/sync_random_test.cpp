// Random histories against the truth, and engines killed at every point where they wait.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "unit/support/sync_bench.hpp"

namespace ob::sync {
namespace {

using test::BankModel;
using test::plaid_error;
using test::SyncBench;
using Stage = BankModel::Stage;

/// Life at a bank.
class History {
public:
	History(BankModel &bank, std::uint32_t seed) : bank_(bank), random_(seed) {}

	std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
	bool one_in(std::uint32_t n) { return below(n) == 0; }

	void step() {
		const auto existing = bank_.existing();
		const auto pending = bank_.existing(true);
		switch (below(11)) {
		case 0:
		case 1:
		case 2:
			bank_.add(new_id(), amount(), account());
			break;
		case 3:
			bank_.add(new_id(), amount(), account(), true);
			break;
		case 4:
		case 5:
			if (!existing.empty())
				bank_.modify(pick(existing), amount());
			break;
		case 6:
			if (!existing.empty()) {
				gone_.push_back(pick(existing));
				bank_.remove(gone_.back());
			}
			break;
		case 7:
			if (!pending.empty())
				bank_.post(pick(pending), new_id(), one_in(2));
			break;
		case 8:
			if (!gone_.empty() && one_in(3)) {
				bank_.bring_back(gone_.back());
				gone_.pop_back();
			}
			break;
		case 9:
			if (!spoilt_.empty() && one_in(2)) {
				bank_.mend(spoilt_.back());
				spoilt_.pop_back();
			} else if (!existing.empty()) {
				spoilt_.push_back(pick(existing));
				bank_.spoil(spoilt_.back());
			}
			break;
		default:
			bank_.add_account("acc", amount());
		}
	}

	std::string new_id() { return "id" + std::to_string(++last_id_); }

private:
	const std::string &pick(const std::vector<std::string> &ids) {
		return ids[below(static_cast<std::uint32_t>(ids.size()))];
	}
	std::string account() { return one_in(3) ? "second" : "acc"; }
	std::string amount() {
		std::string text = std::to_string(below(1000) + 1) + "." + std::to_string(below(90) + 10);
		return one_in(3) ? "-" + text : text;
	}

	BankModel &bank_;
	std::mt19937 random_;
	std::vector<std::string> gone_;
	std::vector<std::string> spoilt_;
	int last_id_ = 0;
};

/// A sync that is killed sooner or later, sometimes together with the server.
void die(SyncBench &bench, History &history) {
	const bool done = bench.sync_or_kill(static_cast<int>(history.below(60)), history.one_in(8)).has_value();
	if (!done && history.one_in(2))
		bench.store.crash();
}

class RandomHistories : public testing::TestWithParam<std::uint32_t> {};

TEST_P(RandomHistories, EndInTheTruth) {
	SyncBench bench;
	History history(bench.bank, GetParam());
	bench.bank.add_account("second");
	bench.bank.stage = Stage::not_ready;
	bench.bank.tells_unknown_removals = history.one_in(2);
	for (int round = 0; round < 40; ++round) {
		const std::string where = "seed " + std::to_string(GetParam()) + " round " + std::to_string(round);
		if (round == 3)
			bench.bank.stage = Stage::initial;
		if (round == 12)
			bench.bank.stage = Stage::complete;
		bench.bank.page_size = 1 + history.below(6);
		for (std::uint32_t i = history.below(12); i > 0; --i)
			history.step();

		// A sync with something going wrong.
		if (history.one_in(3))
			bench.bank.after_page = [&] {
				if (history.one_in(6))
					history.step();
			};
		if (history.one_in(4))
			bench.bank.fault = {static_cast<int>(history.below(6)),
			                    plaid_error("INSTITUTION_ERROR", "INSTITUTION_DOWN")};
		if (round > 12 && history.one_in(6))
			bench.bank.refused_cursors.insert(bench.store.connection().state.cursor);
		bench.bank.stuck = round > 12 && history.one_in(8);
		bench.bank.status_unknown = round > 12 && round < 36 && history.one_in(5);
		try {
			if (history.one_in(2))
				die(bench, history);
			else
				bench.sync(history.one_in(8));
		} catch (const Error &) {
		}
		bench.bank.after_page = nullptr;
		bench.bank.fault.reset();
		bench.bank.stuck = false;
		bench.bank.refused_cursors.erase("");
		if (bench.bank.stage == Stage::not_ready)
			continue;

		// And one without.
		ASSERT_NO_THROW(bench.sync()) << where;
		// A full sync before the history was complete owes its sweep until it is.
		if (bench.store.connection().state.sweep_owed)
			continue;
		ASSERT_EQ(bench.differences(), "") << where;
		const int writes = bench.store.row_writes;
		ASSERT_NO_THROW(bench.sync()) << where;
		ASSERT_EQ(bench.store.row_writes, writes) << where;
	}
	EXPECT_EQ(bench.differences(), "");
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistories, testing::Range(1u, 41u));

/// One scenario, prepared anew for every point of death.
enum class Scenario { first_backfill, later_loop, resync, refused_cursor };

void prepare(SyncBench &bench, Scenario scenario) {
	const auto add = [&](int count, const std::string &prefix) {
		for (int i = 0; i < count; ++i)
			bench.bank.add(prefix + std::to_string(i), std::to_string(i + 1), "acc", i % 3 == 0);
	};
	if (scenario == Scenario::first_backfill) {
		add(10, "t");
		return;
	}
	add(6, "t");
	bench.sync();
	add(7, "n");
	bench.bank.modify("t1", "50");
	bench.bank.remove("t2");
	bench.bank.post("t3", "posted", true);
	if (scenario == Scenario::refused_cursor)
		bench.bank.refused_cursors.insert(bench.store.connection().state.cursor);
}

class Deaths : public testing::TestWithParam<Scenario> {};

TEST_P(Deaths, AtEveryPointLoseAndDoubleNothing) {
	bool finished = false;
	int turns = 0;
	for (; !finished; ++turns) {
		ASSERT_LT(turns, 500);
		SyncBench bench;
		prepare(bench, GetParam());
		const auto before = bench.store.connection();
		const int commits = bench.store.commits;
		finished = bench.sync_or_kill(turns, GetParam() == Scenario::resync).has_value();
		EXPECT_EQ(bench.plaid.transport.running, 0) << "a request outlived its sync";
		if (GetParam() != Scenario::first_backfill) {
			// All or nothing, also when it dies between its commit and its last word.
			if (bench.store.commits == commits)
				EXPECT_EQ(bench.store.connection().live_ids(), before.live_ids());
			else
				EXPECT_EQ(bench.differences(), "");
			EXPECT_EQ(bench.store.connection().state.cursor == before.state.cursor, bench.store.commits == commits);
		}
		if (!finished && turns % 2 == 1)
			bench.store.crash();
		// The bank lives on: rows that only the dead engine saw change and vanish.
		if (!finished && bench.bank.entries().contains("t0")) {
			bench.bank.remove("t0");
			bench.bank.modify("t4", "123");
			bench.bank.add("late", "1");
		}
		bench.sync();
		ASSERT_EQ(bench.differences(), "") << "killed after " << turns;
	}
	EXPECT_GT(turns, 15) << "there are that many points to die at";
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Deaths,
                         testing::Values(Scenario::first_backfill, Scenario::later_loop, Scenario::resync,
                                         Scenario::refused_cursor));

} // namespace
} // namespace ob::sync
