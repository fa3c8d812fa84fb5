// Reactor, timers and loops, nested ones included.
#include <gtest/gtest.h>

#include <array>
#include <fcntl.h>
#include <functional>
#include <optional>
#include <sys/epoll.h>
#include <unistd.h>
#include <vector>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "unit/support/poll_waiter.hpp"

namespace ob {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::PollWaiter;

class LoopTest : public ::testing::Test {
protected:
	Reactor reactor;
	PollWaiter waiter;
	Loop loop{reactor, waiter};
};

class Pipe {
public:
	Pipe() {
		if (pipe2(fds_.data(), O_CLOEXEC | O_NONBLOCK) != 0)
			throw std::runtime_error("pipe");
	}
	~Pipe() {
		close_reader();
		close(fds_[1]);
	}
	int reader() const { return fds_[0]; }
	void put() const { ASSERT_EQ(write(fds_[1], "x", 1), 1); }
	void close_reader() {
		if (fds_[0] >= 0)
			close(fds_[0]);
		fds_[0] = -1;
	}

private:
	std::array<int, 2> fds_{};
};

class Handler final : public FdHandler {
public:
	explicit Handler(std::function<void()> action = [] {}) : action_(std::move(action)) {}
	void on_ready(int fd, std::uint32_t events) noexcept override {
		++calls;
		last_fd = fd;
		last_events = events;
		action_();
	}
	int calls = 0;
	int last_fd = -1;
	std::uint32_t last_events = 0;

private:
	std::function<void()> action_;
};

class Alarm final : public Timer {
public:
	explicit Alarm(std::function<void()> action = [] {}) : action_(std::move(action)) {}
	void on_time() noexcept override {
		++calls;
		action_();
	}
	int calls = 0;

private:
	std::function<void()> action_;
};

Task<void> nap(steady_clock::duration time) {
	co_await Sleep(time);
}

TEST_F(LoopTest, SleepsAsLongAsTold) {
	const auto start = steady_clock::now();
	loop.run(nap(30ms));
	const auto took = steady_clock::now() - start;
	EXPECT_GE(took, 30ms);
	EXPECT_LT(took, 1s);
	EXPECT_LE(waiter.waits, 5) << "it polls instead of sleeping";
}

TEST_F(LoopTest, SleepOfZeroOrLessDoesNotWait) {
	loop.run(nap(0ms));
	loop.run(nap(-1h));
	EXPECT_EQ(waiter.waits, 0);
}

TEST_F(LoopTest, InterruptEndsASleepAtOnce) {
	waiter.interrupt_after(20ms);
	const auto start = steady_clock::now();
	EXPECT_THROW(loop.run(nap(1h)), Interrupted);
	EXPECT_LT(steady_clock::now() - start, 1s);
}

Task<void> yield_for_ever() {
	for (;;)
		co_await nap(0ms);
}

TEST_F(LoopTest, BusyCoroutinesAreInterruptedToo) {
	waiter.interrupt_after(20ms);
	EXPECT_THROW(loop.run(yield_for_ever()), Interrupted);
	EXPECT_EQ(waiter.waits, 0);
	EXPECT_GT(waiter.checks, 1);
}

/// Suspends with nobody to wake it.
struct Forgotten {
	bool await_ready() const noexcept { return false; }
	void await_suspend(std::coroutine_handle<>) const noexcept {}
	void await_resume() const noexcept {}
};
Task<void> forgotten() {
	co_await Forgotten();
}

TEST_F(LoopTest, NothingLeftToWaitForIsAnErrorNotAHang) {
	try {
		loop.run(forgotten());
		FAIL();
	} catch (const Error &error) {
		EXPECT_EQ(error.code(), ErrorCode::internal);
	}
}

// ---- the reactor ----

TEST_F(LoopTest, TellsWhenAnFdIsReady) {
	Pipe pipe;
	Handler handler;
	reactor.watch(pipe.reader(), EPOLLIN, handler);
	reactor.dispatch();
	EXPECT_EQ(handler.calls, 0);
	pipe.put();
	reactor.dispatch();
	EXPECT_EQ(handler.calls, 1);
	EXPECT_EQ(handler.last_fd, pipe.reader());
	EXPECT_TRUE(handler.last_events & EPOLLIN);
	reactor.unwatch(pipe.reader());
	reactor.dispatch();
	EXPECT_EQ(handler.calls, 1);
	EXPECT_TRUE(reactor.idle());
}

TEST_F(LoopTest, WatchReplacesAnEarlierWatch) {
	Pipe pipe;
	Handler first;
	Handler second;
	reactor.watch(pipe.reader(), EPOLLIN, first);
	reactor.watch(pipe.reader(), EPOLLIN, second);
	pipe.put();
	reactor.dispatch();
	EXPECT_EQ(first.calls, 0);
	EXPECT_EQ(second.calls, 1);
	reactor.watch(pipe.reader(), 0, second);
	reactor.dispatch();
	EXPECT_EQ(second.calls, 1);
	reactor.unwatch(pipe.reader());
}

TEST_F(LoopTest, WatchSurvivesAReusedFdNumber) {
	Handler handler;
	Pipe old;
	const int number = old.reader();
	reactor.watch(number, EPOLLIN, handler);
	old.close_reader();
	Pipe fresh; // takes the lowest number, the one just closed
	ASSERT_EQ(fresh.reader(), number);
	reactor.watch(number, EPOLLIN, handler);
	fresh.put();
	reactor.dispatch();
	EXPECT_EQ(handler.calls, 1);
	reactor.unwatch(number);
}

TEST_F(LoopTest, RefusesWhatCannotBeWatched) {
	Handler handler;
	EXPECT_THROW(reactor.watch(-1, EPOLLIN, handler), Error);
	EXPECT_TRUE(reactor.idle());
}

TEST_F(LoopTest, HandlerMayUnwatchAnotherOfTheSameBatch) {
	Pipe a;
	Pipe b;
	Handler *other[2] = {nullptr, nullptr};
	Handler first([&] { reactor.unwatch(b.reader()), other[1] = nullptr; });
	Handler second([&] { reactor.unwatch(a.reader()); });
	reactor.watch(a.reader(), EPOLLIN, first);
	reactor.watch(b.reader(), EPOLLIN, second);
	a.put();
	b.put();
	reactor.dispatch();
	EXPECT_EQ(first.calls + second.calls, 1);
	reactor.unwatch(a.reader());
	reactor.unwatch(b.reader());
}

TEST_F(LoopTest, TimersFireInOrderAndOnce) {
	std::vector<int> order;
	Alarm late([&] { order.push_back(2); });
	Alarm early([&] { order.push_back(1); });
	Alarm never([&] { order.push_back(3); });
	const auto now = steady_clock::now();
	reactor.start(late, now + 20ms);
	reactor.start(early, now + 10ms);
	reactor.start(never, now + 15ms);
	never.cancel();
	loop.run(nap(40ms));
	EXPECT_EQ(order, (std::vector<int>{1, 2}));
	EXPECT_TRUE(reactor.idle());
}

TEST_F(LoopTest, RestartedTimerForgetsItsFirstDeadline) {
	Alarm alarm;
	reactor.start(alarm, steady_clock::now() + 5ms);
	reactor.start(alarm, steady_clock::now() + 1h);
	loop.run(nap(20ms));
	EXPECT_EQ(alarm.calls, 0);
}

TEST_F(LoopTest, DestroyedTimerDoesNotFire) {
	{
		Alarm alarm([] { ADD_FAILURE(); });
		reactor.start(alarm, steady_clock::now());
	}
	reactor.dispatch();
	EXPECT_TRUE(reactor.idle());
}

TEST_F(LoopTest, TimerMayRestartItself) {
	int left = 5;
	Alarm *self = nullptr;
	Alarm alarm([&] {
		if (--left > 0)
			reactor.start(*self, steady_clock::now());
	});
	self = &alarm;
	reactor.start(alarm, steady_clock::now());
	loop.run(nap(10ms));
	EXPECT_EQ(left, 0);
}

TEST_F(LoopTest, TimerMayDestroyAnother) {
	std::optional<Alarm> victim;
	victim.emplace([] { ADD_FAILURE(); });
	const auto now = steady_clock::now();
	Alarm killer([&] { victim.reset(); });
	reactor.start(killer, now);
	reactor.start(*victim, now);
	reactor.dispatch();
	EXPECT_EQ(killer.calls, 1);
}

TEST(Reactor, TimersOutliveIt) {
	Alarm alarm;
	{
		Reactor reactor;
		reactor.start(alarm, steady_clock::now() + 1h);
	}
	alarm.cancel();
}

// ---- nested loops ----

Task<void> count_naps(int *count) {
	for (;;) {
		co_await Sleep(1ms);
		++*count;
	}
}

/// Runs a loop of its own in the middle of a coroutine, as a trigger does during a sync.
Task<void> nest(Reactor *reactor, Waiter *waiter, int *outer_count) {
	co_await Sleep(5ms);
	const int before = *outer_count;
	{
		Loop inner(*reactor, *waiter);
		inner.run(nap(30ms));
	}
	EXPECT_EQ(*outer_count, before) << "the inner loop resumed a coroutine of the outer one";
	co_await Sleep(10ms);
	EXPECT_GT(*outer_count, before) << "the outer loop lost its coroutine";
}

TEST_F(LoopTest, NestedLoopLeavesTheOuterAlone) {
	int count = 0;
	TaskGroup group(loop);
	group.spawn(count_naps(&count));
	loop.run(nest(&reactor, &waiter, &count));
}

Task<void> nest_and_fail(Reactor *reactor, Waiter *waiter) {
	Loop inner(*reactor, *waiter);
	TaskGroup group(inner);
	group.spawn(nap(1h));
	group.spawn(nap(0ms));
	inner.run(nap(1h));
	co_return;
}

TEST_F(LoopTest, InterruptThroughNestedLoops) {
	waiter.interrupt_after(10ms);
	EXPECT_THROW(loop.run(nest_and_fail(&reactor, &waiter)), Interrupted);
	EXPECT_TRUE(reactor.idle());
}

/// As a connection's task that survives whatever goes wrong with it.
Task<void> survive(Reactor *reactor, Waiter *waiter, int *begun) {
	++*begun;
	try {
		Task<void> failing = nest_and_fail(reactor, waiter);
		co_await failing;
	} catch (...) {
		ADD_FAILURE() << "an interrupt is nobody's failure";
	}
}

Task<void> many(int *begun, Reactor *reactor, Waiter *waiter) {
	Loop &here = co_await ThisLoop();
	TaskGroup group(here);
	for (int i = 0; i < 3; ++i)
		group.spawn(survive(reactor, waiter, begun));
	Task<void> all = group.join();
	co_await all;
}

TEST_F(LoopTest, AfterAnInterruptNobodyIsResumed) {
	// The others are ready: each would wait again, or work on in a transaction that is about to be rolled back.
	waiter.interrupt_after(10ms);
	int begun = 0;
	EXPECT_THROW(loop.run(many(&begun, &reactor, &waiter)), Interrupted);
	EXPECT_EQ(begun, 3) << "all had begun";
	EXPECT_TRUE(reactor.idle());
}

} // namespace
} // namespace ob
