// Limits kept on our side: never more in any period, whatever comes, and hardly less than there might be.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include "core/call_window.hpp"

namespace ob {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::seconds;

constexpr Timestamp kStart{seconds(1'770'000'000)};
constexpr CallLimit kMinute{50, 60s};

TEST(CallWindow, HandsOutNoMoreThanTheLimit) {
	CallWindow window;
	EXPECT_EQ(window.free_at(kMinute, kStart), kStart);
	EXPECT_EQ(window.take(kMinute, kStart, 30), 30);
	EXPECT_EQ(window.take(kMinute, kStart + 1s, 30), 20);
	EXPECT_EQ(window.take(kMinute, kStart + 2s, 1), 0);
	EXPECT_EQ(window.used(kMinute, kStart + 2s), 50);
	const Timestamp free_at = window.free_at(kMinute, kStart + 2s);
	EXPECT_GT(free_at, kStart + 60s);
	EXPECT_LE(free_at, kStart + 72s);
	EXPECT_EQ(window.take(kMinute, free_at - 1us, 1), 0);
	EXPECT_EQ(window.take(kMinute, free_at, 100), 50);
}

TEST(CallWindow, SaysWhenTheFirstIsFree) {
	CallWindow window;
	for (int second = 0; second < 30; second += 3)
		EXPECT_EQ(window.take({10, 60s}, kStart + seconds(second), 1), 1);
	const Timestamp free_at = window.free_at({10, 60s}, kStart + 30s);
	EXPECT_EQ(window.take({10, 60s}, free_at - 1us, 10), 0);
	EXPECT_EQ(window.take({10, 60s}, free_at, 10), 1);
}

TEST(CallWindow, ALowerLimitCountsWhatWasHandedOutBefore) {
	CallWindow window;
	EXPECT_EQ(window.take(kMinute, kStart, 40), 40);
	EXPECT_EQ(window.take({30, 60s}, kStart, 1), 0);
	EXPECT_EQ(window.take({45, 60s}, kStart, 10), 5);
}

TEST(CallWindow, AClockThatGoesBackFreesNothing) {
	CallWindow window;
	EXPECT_EQ(window.take(kMinute, kStart + 40s, 50), 50);
	EXPECT_EQ(window.take(kMinute, kStart, 1), 0);
	EXPECT_EQ(window.take(kMinute, kStart + 90s, 1), 0);
	EXPECT_EQ(window.take(kMinute, kStart + 112s, 1), 1);
}

TEST(CallWindow, AClockThatIsBehindFreesNothingEarlier) {
	CallWindow window;
	EXPECT_EQ(window.take(kMinute, kStart + 40s, 25), 25);
	EXPECT_EQ(window.take(kMinute, kStart, 25), 25);
	EXPECT_EQ(window.take(kMinute, kStart + 80s, 1), 0) << "they may have been sent later than that clock said";
}

TEST(CallWindow, AClockThatWasFarAheadStopsNobody) {
	CallWindow window;
	EXPECT_EQ(window.take(kMinute, kStart + 10h, 50), 50);
	EXPECT_EQ(window.take(kMinute, kStart, 1), 0) << "they may have been sent just now";
	EXPECT_EQ(window.take(kMinute, kStart + 72s, 50), 50);
}

TEST(CallWindow, FourADay) {
	const CallLimit limit{4, 24h};
	CallWindow window;
	EXPECT_EQ(window.take(limit, kStart, 1), 1);
	EXPECT_EQ(window.take(limit, kStart + 6h, 5), 3);
	EXPECT_EQ(window.take(limit, kStart + 24h, 1), 0);
	EXPECT_EQ(window.take(limit, kStart + 24h + 5min, 5), 1);
	EXPECT_LE(CallWindow::usable_until(limit, kStart), kStart + 2min);
}

TEST(CallWindow, WhatIsGivenBackCanBeHadAgain) {
	const CallLimit limit{4, 24h};
	CallWindow window;
	EXPECT_EQ(window.take(limit, kStart, 2), 2);
	EXPECT_EQ(window.take(limit, kStart + 6h, 2), 2);
	window.give_back(1);
	EXPECT_EQ(window.used(limit, kStart + 6h), 3);
	window.give_back(2);
	EXPECT_EQ(window.slots().size(), 1u) << "the last ones first";
	EXPECT_EQ(window.used(limit, kStart + 6h), 1);
	window.give_back(5);
	EXPECT_EQ(window.take(limit, kStart + 6h, 5), 4);
}

TEST(CallWindow, RemembersNoMoreThanItNeeds) {
	CallWindow window;
	for (int second = 0; second < 10'000; ++second)
		window.take(kMinute, kStart + seconds(second), 1);
	EXPECT_LE(window.slots().size(), 24u);
}

/// Many processes that take some, send some of them at any time until they expire and lose the rest; answers take up to
/// `jitter`. Returns when calls arrived.
std::vector<Timestamp> arrivals(CallLimit limit, unsigned seed, seconds duration, microseconds jitter, int greed) {
	std::mt19937 random(seed);
	const auto draw = [&](std::int64_t from, std::int64_t to) {
		return std::uniform_int_distribution<std::int64_t>(from, to)(random);
	};
	CallWindow window;
	std::vector<Timestamp> times;
	Timestamp now = kStart + microseconds(draw(0, 60'000'000));
	const Timestamp end = now + duration;
	const auto step = std::max<std::int64_t>(limit.period.count() * 1'000'000 / limit.calls / greed, 1);
	while (now < end) {
		const std::int64_t got = window.take(limit, now, draw(1, std::max<std::int64_t>(limit.calls / 8, 1)));
		const auto left = (CallWindow::usable_until(limit, now) - now).count();
		for (std::int64_t i = 0; i < got; ++i)
			times.push_back(now + microseconds(draw(0, 3) == 0 ? left - 1 : draw(0, left - 1)) +
			                microseconds(draw(0, jitter.count())));
		now += microseconds(draw(0, 2 * step));
	}
	std::sort(times.begin(), times.end());
	return times;
}

std::size_t most_in_a_period(const std::vector<Timestamp> &times, seconds period) {
	std::deque<Timestamp> last;
	std::size_t most = 0;
	for (const Timestamp at : times) {
		last.push_back(at);
		while (last.front() <= at - period)
			last.pop_front();
		most = std::max(most, last.size());
	}
	return most;
}

TEST(CallWindow, NoPeriodHoldsMoreThanTheLimitWhateverComes) {
	for (const CallLimit limit : {CallLimit{50, 60s}, CallLimit{2, 60s}, CallLimit{1000, 60s}, CallLimit{7, 61s},
	                              CallLimit{3, 10s}, CallLimit{4, 24h}})
		for (unsigned seed = 1; seed <= 40; ++seed) {
			const auto slack = std::min(limit.period / 20, std::chrono::seconds(60));
			const auto times =
			    arrivals(limit, seed, limit.period * 15, std::max<microseconds>(slack, 1s), 1 + seed % 4);
			ASSERT_LE(most_in_a_period(times, limit.period), static_cast<std::size_t>(limit.calls))
			    << limit.calls << " in " << limit.period.count() << " s, seed " << seed;
		}
}

TEST(CallWindow, MostOfTheLimitCanBeUsed) {
	for (const CallLimit limit : {CallLimit{50, 60s}, CallLimit{1000, 60s}, CallLimit{4, 24h}})
		for (unsigned seed = 1; seed <= 10; ++seed) {
			const auto times = arrivals(limit, seed, limit.period * 20, 0s, 8);
			EXPECT_GT(static_cast<double>(times.size()), 0.75 * 20 * static_cast<double>(limit.calls)) << seed;
		}
}

} // namespace
} // namespace ob
