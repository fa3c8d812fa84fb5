// Handover: producers that wait for their consumer.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "core/handover.hpp"
#include "core/loop.hpp"
#include "unit/support/poll_waiter.hpp"

namespace ob {
namespace {

using namespace std::chrono_literals;
using Item = std::unique_ptr<int>; // move only, and a leak would show

class HandoverTest : public ::testing::Test {
protected:
	/// Brings `count` items, counting how many it has begun to make.
	Task<void> produce(int first, int count) {
		for (int i = 0; i < count; ++i) {
			++made;
			Item item = std::make_unique<int>(first + i);
			Handover<Item>::Put put(handover, std::move(item));
			co_await put;
		}
	}
	void run_ready() {
		loop.run_ready([] { return false; });
	}
	/// Takes until all producers have ended.
	std::vector<int> take_all() {
		std::vector<int> taken;
		for (;;) {
			handover.release();
			loop.drive([&] { return handover.ready() || group.running() == 0; });
			if (!handover.ready())
				return taken;
			taken.push_back(*handover.take());
		}
	}

	test::PollWaiter waiter;
	Reactor reactor;
	Loop loop{reactor, waiter};
	Handover<Item> handover;
	TaskGroup group{loop};
	int made = 0;
};

TEST_F(HandoverTest, PassesEverythingInOrder) {
	group.spawn(produce(1, 3));
	EXPECT_EQ(take_all(), (std::vector<int>{1, 2, 3}));
}

TEST_F(HandoverTest, TakesTurnsAmongProducers) {
	group.spawn(produce(10, 2));
	group.spawn(produce(20, 2));
	EXPECT_EQ(take_all(), (std::vector<int>{10, 20, 11, 21}));
}

TEST_F(HandoverTest, AProducerHasOneItemAliveHoweverLongTheConsumerWaits) {
	group.spawn(produce(1, 5));
	run_ready();
	run_ready();
	EXPECT_EQ(made, 1);
	EXPECT_EQ(*handover.take(), 1);
	run_ready();
	EXPECT_EQ(made, 1) << "not before the consumer is done with the first";
	handover.release();
	handover.release(); // a second time has no effect
	run_ready();
	EXPECT_EQ(made, 2);
}

TEST_F(HandoverTest, TakingTheNextReleasesTheOneBefore) {
	group.spawn(produce(1, 2));
	group.spawn(produce(11, 1));
	run_ready();
	EXPECT_EQ(*handover.take(), 1);
	EXPECT_EQ(*handover.take(), 11);
	run_ready();
	EXPECT_EQ(made, 3);
}

TEST_F(HandoverTest, ADestroyedProducerLeavesTheLine) {
	{
		TaskGroup brief(loop);
		brief.spawn(produce(1, 1));
		run_ready();
		EXPECT_TRUE(handover.ready());
	}
	EXPECT_FALSE(handover.ready());
	group.spawn(produce(2, 1));
	EXPECT_EQ(take_all(), std::vector<int>{2});
}

TEST_F(HandoverTest, AProducerMayGoWhileItsItemIsInUse) {
	Item item;
	{
		TaskGroup brief(loop);
		brief.spawn(produce(1, 2));
		run_ready();
		item = handover.take();
	}
	handover.release();
	EXPECT_EQ(*item, 1);
	EXPECT_FALSE(handover.ready());
}

TEST_F(HandoverTest, ReleasedProducersThatAreDestroyedBeforeTheyRun) {
	{
		TaskGroup brief(loop);
		brief.spawn(produce(1, 2));
		run_ready();
		(void)handover.take();
		handover.release();
	}
	run_ready();
	EXPECT_EQ(made, 1);
}

TEST_F(HandoverTest, RunReadyStopsWhenToldTo) {
	group.spawn(produce(1, 1));
	group.spawn(produce(2, 1));
	loop.run_ready([&] { return made == 1; });
	EXPECT_EQ(made, 1);
	run_ready();
	EXPECT_EQ(made, 2);
}

TEST_F(HandoverTest, RunReadyLooksForInterrupts) {
	group.spawn(produce(1, 1));
	waiter.interrupt_after(0ms);
	EXPECT_THROW(run_ready(), Interrupted);
}

} // namespace
} // namespace ob
