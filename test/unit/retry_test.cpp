// The pauses between tries, with a random source that tells what it was asked.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "http/retry.hpp"

namespace ob::http {
namespace {

using namespace std::chrono_literals;

struct Source {
	std::vector<std::uint64_t> asked;
	std::uint64_t divisor = 1; // answers upper / divisor

	Random random() {
		return [this](std::uint64_t upper) {
			asked.push_back(upper);
			return upper / divisor;
		};
	}
};

TEST(Backoff, ThreeTriesHaveTwoPauses) {
	Source source;
	Backoff pause(3, source.random());
	EXPECT_EQ(pause.next(), 500ms);
	EXPECT_EQ(pause.next(), 1000ms);
	EXPECT_EQ(pause.next(), std::nullopt);
	EXPECT_EQ(pause.next(), std::nullopt);
}

TEST(Backoff, OneTryHasNone) {
	EXPECT_EQ(Backoff(1).next(), std::nullopt);
	EXPECT_EQ(Backoff(0).next(), std::nullopt);
}

TEST(Backoff, DoublesUpToTheCap) {
	Source source;
	Backoff pause(8, source.random());
	while (pause.next()) {
	}
	EXPECT_EQ(source.asked, (std::vector<std::uint64_t>{500, 1000, 2000, 4000, 8000, 8000, 8000}));
}

TEST(Backoff, JitterIsFull) {
	Source source;
	source.divisor = 1000;
	Backoff pause(3, source.random());
	EXPECT_EQ(pause.next(), 0ms);
	EXPECT_EQ(pause.next(), 1ms);
}

TEST(Backoff, NeverEarlierThanTold) {
	Source source;
	Backoff pause(3, source.random());
	EXPECT_EQ(pause.next(7s), 7500ms);
	source.divisor = 10'000;
	EXPECT_EQ(pause.next(30s), 30s);
}

TEST(Backoff, ToldToWaitLongGivesUp) {
	Backoff pause(3);
	EXPECT_EQ(pause.next(31s), std::nullopt);
}

TEST(Backoff, NegativeAdviceIsNone) {
	Source source;
	Backoff pause(3, source.random());
	EXPECT_EQ(pause.next(-5s), 500ms);
}

TEST(Backoff, DefaultSourceDiffersAndStaysWithin) {
	std::set<std::chrono::milliseconds> seen;
	for (int i = 0; i < 100; ++i) {
		Backoff pause;
		const auto first = pause.next();
		ASSERT_TRUE(first);
		EXPECT_GE(*first, 0ms);
		EXPECT_LE(*first, 500ms);
		seen.insert(*first);
	}
	EXPECT_GT(seen.size(), 20u);
}

} // namespace
} // namespace ob::http
