// ByteGate: fetches that wait until what others brought is used.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "core/byte_gate.hpp"
#include "core/handover.hpp"
#include "core/loop.hpp"
#include "unit/support/poll_waiter.hpp"

namespace ob {
namespace {

class ByteGateTest : public ::testing::Test {
protected:
	/// A fetch that goes on when told to: first the answer comes, then it is used.
	struct Step {
		bool await_ready() const noexcept { return false; }
		template <class Promise>
		void await_suspend(std::coroutine_handle<Promise> fetch) {
			place = &fetch.promise().node;
		}
		void await_resume() const noexcept {}
		ReadyNode *&place;
	};
	Task<void> fetch(ByteGate *through, int name, std::size_t bytes) {
		ByteGate::Pass pass(*through);
		co_await pass;
		inside.push_back(name);
		Step answer{waiting[name]};
		co_await answer;
		pass.fetched(bytes);
		Step use{waiting[name]};
		co_await use;
	}
	/// As live scans do: page after page, each handed over.
	Task<void> produce(int pages) {
		for (int i = 0; i < pages; ++i) {
			ByteGate::Pass pass(tiny);
			co_await pass;
			pass.fetched(7);
			Handover<int>::Put put(handover, 1);
			co_await put;
		}
	}
	/// Lets the fetch of that name take its next step.
	void go_on(int name) {
		waiting.at(name)->wake();
		run_ready();
	}
	void run_ready() {
		loop.run_ready([] { return false; });
	}
	void begin(ByteGate &through, int name, std::size_t bytes) {
		group.spawn(fetch(&through, name, bytes));
		run_ready();
	}
	using Names = std::vector<int>;

	test::PollWaiter waiter;
	Reactor reactor;
	Loop loop{reactor, waiter};
	ByteGate gate{100, 40};
	ByteGate tiny{1, 50}; // smaller than any answer
	Handover<int> handover;
	Names inside; // in the order in which they were let in
	std::map<int, ReadyNode *> waiting;
	TaskGroup group{loop};
};

TEST_F(ByteGateTest, LetsInWhatFitsByTheGuess) {
	for (const int name : {1, 2, 3})
		begin(gate, name, 40);
	EXPECT_EQ(inside, (Names{1, 2}));
}

TEST_F(ByteGateTest, SmallAnswersLetMoreIn) {
	for (const int name : {1, 2, 3, 4, 5, 6})
		begin(gate, name, 10);
	go_on(1); // 10 there, 40 set aside: five more at 10 each
	EXPECT_EQ(inside, (Names{1, 2, 3, 4, 5, 6}));
}

TEST_F(ByteGateTest, BigAnswersLetFewerIn) {
	begin(gate, 1, 60);
	go_on(1);
	begin(gate, 2, 60);
	EXPECT_EQ(inside, Names{1}) << "60 are there and 60 are expected";
	go_on(1);
	EXPECT_EQ(inside, (Names{1, 2}));
	go_on(2);
	go_on(2);
	begin(gate, 3, 1);
	go_on(3);
	begin(gate, 4, 60);
	begin(gate, 5, 60);
	EXPECT_EQ(inside, (Names{1, 2, 3, 4})) << "a small one does not make the others look small";
}

TEST_F(ByteGateTest, OneIsLetInWhateverTheLimit) {
	for (const int name : {1, 2, 3})
		begin(tiny, name, 1000);
	EXPECT_EQ(inside, Names{1});
	go_on(1);
	EXPECT_EQ(inside, Names{1}) << "its answer is not used yet";
	go_on(1);
	EXPECT_EQ(inside, (Names{1, 2}));
}

TEST_F(ByteGateTest, NobodyOvertakes) {
	begin(gate, 1, 100);
	go_on(1);
	begin(gate, 2, 1);
	begin(gate, 3, 1);
	go_on(1);
	begin(gate, 4, 1);
	EXPECT_EQ(inside, (Names{1, 2})) << "100 is what is expected of each";
	go_on(2);
	go_on(2);
	EXPECT_EQ(inside, (Names{1, 2, 3}));
}

TEST_F(ByteGateTest, DestroyedFetchesGiveTheirPlaceBack) {
	{
		TaskGroup brief(loop);
		for (const int name : {1, 2, 3}) // the third waits
			brief.spawn(fetch(&gate, name, 40));
		run_ready();
		begin(gate, 4, 40);
		EXPECT_EQ(inside, (Names{1, 2}));
	}
	begin(gate, 5, 40);
	begin(gate, 6, 40);
	EXPECT_EQ(inside, (Names{1, 2, 4, 5}));
}

TEST_F(ByteGateTest, ProducersBehindOneConsumerAllComeToTheirEnd) {
	for (int i = 0; i < 20; ++i)
		group.spawn(produce(5));
	int taken = 0;
	for (;;) {
		handover.release();
		loop.drive([&] { return handover.ready() || group.running() == 0; });
		if (!handover.ready())
			break;
		taken += handover.take();
	}
	EXPECT_EQ(taken, 100);
}

} // namespace
} // namespace ob
