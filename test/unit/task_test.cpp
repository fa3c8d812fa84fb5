// Task, TaskGroup and the ready queue.
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "core/task.hpp"
#include "unit/support/poll_waiter.hpp"

namespace ob {
namespace {

using namespace std::chrono_literals;
using test::PollWaiter;

/// Counts how often it is made and destroyed; each copy and move counts.
struct Counted {
	Counted() { ++made; }
	Counted(const Counted &) { ++made; }
	Counted(Counted &&) noexcept { ++made; }
	Counted &operator=(const Counted &) = default;
	~Counted() { ++destroyed; }
	static inline int made = 0;
	static inline int destroyed = 0;
};

class TaskTest : public ::testing::Test {
protected:
	TaskTest() { Counted::made = Counted::destroyed = 0; }
	~TaskTest() override { EXPECT_EQ(Counted::made, Counted::destroyed); }

	Reactor reactor;
	PollWaiter waiter;
	Loop loop{reactor, waiter};
};

Task<int> number(int value) {
	co_return value;
}
Task<std::unique_ptr<int>> boxed(int value) {
	co_return std::make_unique<int>(value);
}
Task<void> fail(std::string what) {
	throw std::runtime_error(what);
	co_return;
}
Task<void> nap(std::chrono::milliseconds time) {
	co_await Sleep(time);
}

TEST_F(TaskTest, ReturnsValues) {
	EXPECT_EQ(loop.run(number(7)), 7);
	EXPECT_EQ(*loop.run(boxed(8)), 8);
}

TEST_F(TaskTest, PassesExceptionsThroughEveryLevel) {
	struct Coroutines {
		static Task<int> middle() {
			Counted object;
			co_await fail("deep");
			co_return 1;
		}
		static Task<int> outer() {
			Counted object;
			co_return co_await middle();
		}
		static Task<std::string> catcher() {
			try {
				co_await middle();
			} catch (const std::runtime_error &error) {
				co_return error.what();
			}
			co_return "nothing";
		}
	};
	EXPECT_THROW(loop.run(Coroutines::outer()), std::runtime_error);
	EXPECT_EQ(loop.run(Coroutines::catcher()), "deep");
	EXPECT_GT(Counted::made, 0);
}

Task<long> sum_of(int count) {
	long sum = 0;
	for (int i = 0; i < count; ++i)
		sum += co_await number(i);
	co_return sum;
}

// Nothing here ever waits, so a resumption that nested would overflow the stack.
TEST_F(TaskTest, MillionSynchronousAwaits) {
	EXPECT_EQ(loop.run(sum_of(1'000'000)), 499'999'500'000L);
}

Task<int> descend(int depth) {
	Counted object;
	if (depth == 0)
		co_return 0;
	co_return 1 + co_await descend(depth - 1);
}

TEST_F(TaskTest, DeepChain) {
	EXPECT_EQ(loop.run(descend(10'000)), 10'000);
}

Task<void> wait_below(int depth, [[maybe_unused]] Counted argument) {
	Counted local;
	if (depth > 0) {
		Counted next;
		co_await wait_below(depth - 1, std::move(next));
	}
	co_await Sleep(1h);
}

TEST_F(TaskTest, InterruptDestroysTheWholeChain) {
	waiter.interrupt_after(5ms);
	EXPECT_THROW(loop.run(wait_below(20, {})), Interrupted);
	EXPECT_EQ(Counted::made, Counted::destroyed);
	EXPECT_GT(Counted::made, 60);
	EXPECT_TRUE(reactor.idle()) << "a timer outlived its coroutine";

	waiter.no_interrupt();
	EXPECT_EQ(loop.run(number(1)), 1) << "the loop works on";
}

TEST_F(TaskTest, NeverStarted) {
	{ [[maybe_unused]] Task<void> task = wait_below(3, {}); }
	EXPECT_EQ(Counted::made, Counted::destroyed);
}

TEST_F(TaskTest, MovedTaskKeepsRunning) {
	Task<int> a = number(1);
	Task<int> b = number(2);
	b = std::move(a);
	EXPECT_TRUE(a.done());
	EXPECT_EQ(loop.run(std::move(b)), 1);
}

// ---- groups ----

Task<void> log_after(std::vector<int> *log, int id, std::chrono::milliseconds time) {
	Counted object;
	co_await Sleep(time);
	log->push_back(id);
}

Task<void> run_three(std::vector<int> *log) {
	Loop &here = co_await ThisLoop();
	TaskGroup group(here);
	group.spawn(log_after(log, 3, 300ms));
	group.spawn(log_after(log, 1, 100ms));
	group.spawn(log_after(log, 2, 200ms));
	EXPECT_EQ(group.running(), 3u);
	co_await group.join();
	EXPECT_EQ(group.running(), 0u);
}

TEST_F(TaskTest, GroupRunsSideBySide) {
	std::vector<int> log;
	const auto start = std::chrono::steady_clock::now();
	loop.run(run_three(&log));
	EXPECT_LT(std::chrono::steady_clock::now() - start, 550ms);
	EXPECT_EQ(log, (std::vector<int>{1, 2, 3}));
}

Task<void> fail_after(std::chrono::milliseconds time) {
	co_await Sleep(time);
	throw std::runtime_error("one of them");
}

Task<void> run_failing(std::vector<int> *log) {
	Loop &here = co_await ThisLoop();
	TaskGroup group(here);
	group.spawn(log_after(log, 1, 5ms));
	group.spawn(log_after(log, 2, 1h));
	group.spawn(fail_after(20ms));
	try {
		co_await group.join();
	} catch (const std::runtime_error &) {
		EXPECT_EQ(group.running(), 0u);
		EXPECT_EQ(Counted::made, Counted::destroyed) << "the others were not cancelled at once";
		log->push_back(-1);
	}
}

TEST_F(TaskTest, GroupFailureCancelsTheOthers) {
	std::vector<int> log;
	loop.run(run_failing(&log));
	EXPECT_EQ(log, (std::vector<int>{1, -1}));
	EXPECT_TRUE(reactor.idle());
}

TEST_F(TaskTest, DestroyingAGroupCancels) {
	std::vector<int> log;
	{
		TaskGroup group(loop);
		group.spawn(log_after(&log, 1, 1h));
		group.spawn(log_after(&log, 2, 0ms));
		loop.run(nap(5ms));
	}
	EXPECT_EQ(log, std::vector<int>{2});
	EXPECT_EQ(Counted::made, Counted::destroyed);
	EXPECT_TRUE(reactor.idle());
}

TEST_F(TaskTest, GroupOutlivesACancelledJoin) {
	std::vector<int> log;
	TaskGroup group(loop);
	group.spawn(log_after(&log, 1, 30ms));
	waiter.interrupt_after(5ms);
	EXPECT_THROW(loop.run(group.join()), Interrupted);
	waiter.no_interrupt();
	loop.run(nap(60ms)); // the child ends meanwhile: nobody is waiting for it any more
	EXPECT_EQ(log, std::vector<int>{1});
	loop.run(group.join());
	EXPECT_EQ(group.running(), 0u);
}

TEST_F(TaskTest, ReapFreesEndedTasksAndThrowsTheFirstFailure) {
	std::vector<int> log;
	TaskGroup group(loop);
	group.spawn(log_after(&log, 1, 0ms));
	group.spawn(fail("x"));
	group.spawn(log_after(&log, 2, 1h));
	loop.run(nap(2ms));
	EXPECT_EQ(group.running(), 1u);
	EXPECT_THROW(group.reap(), std::runtime_error);
	group.reap();
	EXPECT_EQ(group.running(), 1u);
	EXPECT_EQ(Counted::made - Counted::destroyed, 1);
}

Task<void> spawn_more(TaskGroup *group, std::vector<int> *log, int left) {
	log->push_back(left);
	if (left > 0)
		group->spawn(spawn_more(group, log, left - 1));
	co_return;
}

TEST_F(TaskTest, TasksMaySpawnIntoTheirGroup) {
	std::vector<int> log;
	TaskGroup group(loop);
	group.spawn(spawn_more(&group, &log, 50));
	loop.run(group.join());
	EXPECT_EQ(log.size(), 51u);
}

TEST_F(TaskTest, ThousandsOfWaitingTasksDieWithTheirGroup) {
	waiter.interrupt_after(50ms);
	std::vector<int> log;
	TaskGroup group(loop);
	for (int i = 0; i < 5000; ++i)
		group.spawn(wait_below(3, {}));
	EXPECT_THROW(loop.run(group.join()), Interrupted);
	EXPECT_GT(Counted::made, 5000 * 8);
}

// A ready coroutine that is destroyed before it runs must leave the queue.
TEST_F(TaskTest, DestroyedWhileReady) {
	std::vector<int> log;
	{
		TaskGroup group(loop);
		group.spawn(log_after(&log, 1, 0ms));
	}
	loop.run(nap(1ms));
	EXPECT_TRUE(log.empty());
}

} // namespace
} // namespace ob
