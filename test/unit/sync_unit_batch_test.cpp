#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <vector>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "sync/signal.hpp"
#include "sync/unit_batch.hpp"
#include "unit/support/fake_store.hpp"
#include "unit/support/run_task.hpp"

namespace ob::sync {
namespace {

using namespace std::chrono_literals;
using test::FakeStore;
using test::run_task;

// ---- UnitBatch ----

/// Shared by the tasks of a test.
struct BatchBench {
	FakeStore store;
	Signal joined;
	UnitBatch batch{store, joined};
	std::vector<int> ran;
	std::vector<int> ended;
	std::vector<int> failed;
};

Task<void> hand_in(BatchBench *bench, int number, bool fails) {
	std::function<void()> body = [bench, number, fails] {
		bench->store.connection(number).quarantine["x"] = {"a", "t", "y"};
		bench->ran.push_back(number);
		if (fails)
			throw Error(ErrorCode::internal, "no");
	};
	try {
		co_await bench->batch.run(std::move(body));
		bench->ended.push_back(number);
	} catch (const Error &) {
		bench->failed.push_back(number);
	}
}

Task<void> hand_in_many(BatchBench *bench, int count, int failing, bool flush) {
	Loop &loop = co_await ThisLoop();
	TaskGroup group(loop);
	for (int i = 0; i < count; ++i)
		group.spawn(hand_in(bench, i, i == failing));
	for (int i = 0; i < count + 5; ++i)
		co_await test::Yield();
	if (!flush)
		co_return; // destroys those that still wait
	bench->batch.flush();
	co_await group.join();
}

TEST(UnitBatch, SharesOneCommit) {
	BatchBench bench;
	run_task(hand_in_many(&bench, 10, -1, true));
	EXPECT_EQ(bench.store.commits, 1);
	EXPECT_EQ(bench.ended.size(), 10u);
	EXPECT_EQ(bench.batch.waiting(), 0u);
}

TEST(UnitBatch, CommitsByItselfWhenFull) {
	BatchBench bench;
	run_task(hand_in_many(&bench, 150, -1, false));
	EXPECT_EQ(bench.store.commits, 2);
	EXPECT_EQ(bench.ended.size(), 128u);
	EXPECT_EQ(bench.store.connections.size(), 128u);
	EXPECT_EQ(bench.batch.waiting(), 0u) << "the others were taken back with their tasks";
	bench.batch.flush();
	EXPECT_EQ(bench.store.commits, 2);
}

TEST(UnitBatch, OneFailureHarmsNoOther) {
	BatchBench bench;
	run_task(hand_in_many(&bench, 10, 3, true));
	EXPECT_EQ(bench.failed, std::vector<int>{3});
	EXPECT_EQ(bench.ended.size(), 9u);
	EXPECT_EQ(bench.store.commits, 9);
	EXPECT_EQ(bench.store.connections.count(3), 0u);
	EXPECT_EQ(bench.store.connections.size(), 9u);
}

TEST(UnitBatch, NobodyGoesOnBeforeTheCommit) {
	BatchBench bench;
	run_task(hand_in_many(&bench, 10, -1, false));
	EXPECT_TRUE(bench.ran.empty());
	EXPECT_TRUE(bench.ended.empty());
	EXPECT_EQ(bench.store.commits, 0);
}

// ---- Signal ----

Task<void> wait_for(Signal *signal, std::chrono::milliseconds patience) {
	Signal::Wait wait(*signal, patience);
	co_await wait;
}

Task<void> notify_soon(Signal *signal) {
	co_await test::Yield();
	signal->notify();
}

Task<void> wait_and_notify(Signal *signal) {
	Loop &loop = co_await ThisLoop();
	TaskGroup group(loop);
	group.spawn(wait_for(signal, 20s));
	group.spawn(notify_soon(signal));
	co_await group.join();
}

TEST(Signal, WakesOrGivesUp) {
	Signal signal;
	run_task(wait_for(&signal, 5ms));
	run_task(wait_and_notify(&signal));
	signal.notify();
	signal.notify();
	run_task(wait_for(&signal, 20s)); // told before it waited
	run_task(wait_for(&signal, 5ms)); // and only once
}

} // namespace
} // namespace ob::sync
