// CurlTransport's kept connections: who shares them, when they go, and that a request is sent at most once.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <sys/resource.h>

#include "unit/support/raw_server.hpp"
#include "unit/support/transport_fixture.hpp"

namespace ob {
namespace {

using namespace std::chrono_literals;
using namespace test;

class CurlPool : public TransportTest {
protected:
	Task<void> forget(http::Request request) { co_await transport.send(std::move(request)); }

	void send_at_once(const std::string &url, int count) {
		Loop loop(reactor, waiter);
		TaskGroup group(loop);
		for (int i = 0; i < count; ++i)
			group.spawn(forget(get(url)));
		loop.run(group.join());
	}
	/// Slow enough to have all of them under way at a time.
	static void answer_slowly(Connection &c) {
		while (!c.request().empty()) {
			std::this_thread::sleep_for(100ms);
			c.send(answer("{}"));
		}
	}
};

TEST_F(CurlPool, OneConnectionForManyRequests) {
	RawServer server(always(answer("{}")));
	for (int i = 0; i < 50; ++i)
		send(get(server.url()));
	EXPECT_EQ(server.accepted(), 1);
	EXPECT_EQ(transport.stats().pools, 1u);
}

TEST_F(CurlPool, PoolsDoNotShare) {
	RawServer server(always(answer("{}")));
	for (int i = 0; i < 3; ++i)
		for (const std::uint64_t pool : {1, 2, 3})
			send(get(server.url(), pool));
	EXPECT_EQ(server.accepted(), 3);
}

TEST_F(CurlPool, DroppedPoolClosesItsConnectionsOnly) {
	RawServer server(always(answer("{}")));
	send(get(server.url(), 1));
	send(get(server.url(), 2));
	ASSERT_EQ(server.open(), 2);
	transport.drop_pool(1);
	EXPECT_TRUE(server.wait_open(1));
	transport.drop_pool(77);
	send(get(server.url(), 2));
	EXPECT_EQ(server.accepted(), 2);
	send(get(server.url(), 1));
	EXPECT_EQ(server.accepted(), 3);
	transport.drop_all_pools();
	EXPECT_TRUE(server.wait_open(0));
	EXPECT_EQ(transport.stats().pools, 0u);
	EXPECT_TRUE(reactor.idle());
}

TEST_F(CurlPool, DroppedWhileInUse) {
	RawServer server([](Connection &c) {
		while (!c.request().empty()) {
			std::this_thread::sleep_for(50ms);
			c.send(answer("{}"));
		}
	});
	Loop loop(reactor, waiter);
	TaskGroup group(loop);
	group.spawn(forget(get(server.url(), 1)));
	auto nap = []() -> Task<void> { co_await Sleep(20ms); };
	loop.run(nap());
	transport.drop_pool(1);
	EXPECT_EQ(transport.stats().pools, 1u) << "still in use";
	loop.run(transport.send(get(server.url(), 1)));
	EXPECT_EQ(server.accepted(), 2) << "a dropped pool took a new request";
	loop.run(group.join());
	EXPECT_TRUE(server.wait_open(1)) << "the request has ended, its connection must go";
	EXPECT_EQ(transport.stats().pools, 1u);
}

TEST_F(CurlPool, NumberOfPoolsIsBounded) {
	RawServer server(always(answer("{}")));
	const long fds = open_fds();
	for (std::uint64_t pool = 0; pool < 100; ++pool)
		send(get(server.url(), pool));
	EXPECT_EQ(server.accepted(), 100);
	EXPECT_TRUE(server.wait_open(8));
	EXPECT_EQ(transport.stats().pools, 8u);
	EXPECT_LT(open_fds() - fds, 50);
	// Least recently used go first.
	send(get(server.url(), 99));
	send(get(server.url(), 92));
	EXPECT_EQ(server.accepted(), 100);
	send(get(server.url(), 91));
	EXPECT_EQ(server.accepted(), 101);
}

TEST_F(CurlPool, AsManyConnectionsAreKeptAsWereInUse) {
	RawServer server(answer_slowly);
	for (int round = 0; round < 3; ++round)
		send_at_once(server.url(), 150);
	EXPECT_EQ(server.accepted(), 150);
}

TEST_F(CurlPool, NumberOfKeptConnectionsIsBounded) {
	RawServer server(answer_slowly);
	send_at_once(server.url(), 300);
	EXPECT_EQ(server.accepted(), 300);
	EXPECT_TRUE(server.wait_open(256));
}

TEST_F(CurlPool, ConnectionClosedWhileKeptIsReplaced) {
	RawServer server([](Connection &c) {
		c.request();
		c.send(answer("{}"));
	});
	for (int i = 0; i < 5; ++i) {
		EXPECT_EQ(send(get(server.url())).status, 200);
		EXPECT_TRUE(server.wait_open(0));
	}
	EXPECT_EQ(server.accepted(), 5);
}

TEST_F(CurlPool, AbortedTransferDoesNotLeaveItsConnectionBehind) {
	RawServer server([](Connection &c) {
		while (!c.request().empty())
			c.send(answer(std::string(1000, 'x')));
	});
	settings.limits_now.max_response_size = 999;
	fail(get(server.url()));
	settings.limits_now.max_response_size = 1000;
	EXPECT_EQ(send(get(server.url())).body.size(), 1000u);
	EXPECT_EQ(server.accepted(), 2);
}

// The first copy may have been acted upon: who exchanged a one-time token must learn that, not see it refused.
TEST_F(CurlPool, RequestIsNeverSentTwice) {
	std::atomic<int> seen = 0;
	RawServer server([&](Connection &c) {
		for (int i = 0; !c.request().empty(); ++i) {
			++seen;
			if (i == 1)
				return; // the second request on a connection is read and not answered
			c.send(answer("{}"));
		}
	});
	EXPECT_EQ(send(post(server.url(), "{}")).status, 200);
	const Error error = fail(post(server.url(), "{}"));
	EXPECT_EQ(error.code(), ErrorCode::unreachable);
	EXPECT_EQ(error.message(), "connection was lost before the answer");
	EXPECT_EQ(seen, 2);
	EXPECT_EQ(send(post(server.url(), "{}")).status, 200) << "the next one works";
	EXPECT_EQ(seen, 3);
}

// ---- nothing is left behind ----

TEST_F(CurlPool, ThousandFailuresLeaveNothingOpen) {
	const std::string cut = answer(std::string(2000, 'x')).substr(0, 1000);
	RawServer server([&](Connection &c) {
		if (c.number() % 4 == 0)
			return;
		if (c.request().empty() || c.number() % 4 == 1)
			return;
		c.send(c.number() % 4 == 2 ? cut : "nonsense\r\n");
	});
	int closed_port;
	{
		RawServer gone([](Connection &) {});
		closed_port = gone.port();
	}
	const std::string closed = "http://127.0.0.1:" + std::to_string(closed_port) + "/";
	const long fds = open_fds();
	std::map<ErrorCode, int> codes;
	for (int i = 0; i < 1000; ++i)
		++codes[fail(get(i % 5 == 0 ? closed : server.url(), static_cast<std::uint64_t>(i % 20))).code()];
	EXPECT_GT(codes[ErrorCode::unreachable], 200);
	EXPECT_GT(codes[ErrorCode::bad_reply], 200);
	EXPECT_EQ(transport.stats().running, 0u);
	EXPECT_EQ(transport.stats().buffered, 0u);
	EXPECT_TRUE(server.wait_open(0));
	// What a pool has for itself, not what requests had.
	EXPECT_TRUE(wait_fds(fds + 2 * 8)) << open_fds() - fds;
	transport.drop_all_pools();
	EXPECT_TRUE(wait_fds(fds)) << open_fds() - fds;
	EXPECT_TRUE(reactor.idle());
}

TEST_F(CurlPool, ThousandCancelsLeaveNothingOpen) {
	RawServer server([](Connection &c) {
		c.request();
		c.send(answer(std::string(2000, 'x')).substr(0, 500));
		c.stall();
	});
	const long fds = open_fds();
	Loop loop(reactor, waiter);
	for (int i = 0; i < 50; ++i) {
		TaskGroup group(loop);
		for (int j = 0; j < 20; ++j)
			group.spawn(forget(get(server.url(), static_cast<std::uint64_t>(j % 3))));
		auto nap = [](int time) -> Task<void> { co_await Sleep(std::chrono::milliseconds(time)); };
		loop.run(nap(i % 8));
	}
	EXPECT_EQ(transport.stats().running, 0u);
	EXPECT_EQ(transport.stats().buffered, 0u);
	transport.drop_all_pools();
	EXPECT_TRUE(server.wait_open(0));
	EXPECT_TRUE(wait_fds(fds)) << open_fds() - fds;
	EXPECT_TRUE(reactor.idle());
}

TEST_F(CurlPool, OutOfFileDescriptors) {
	RawServer server(always(answer("{}")));
	send(get(server.url(), 1));
	transport.drop_all_pools();
	EXPECT_TRUE(server.wait_open(0));
	rlimit before;
	getrlimit(RLIMIT_NOFILE, &before);
	settings.limits_now.total_timeout = 300ms; // the server is out of them as well, and accepts nobody
	for (rlim_t spare = 0; spare < 6; ++spare) {
		rlimit low = before;
		low.rlim_cur = static_cast<rlim_t>(open_fds() - 1) + spare;
		setrlimit(RLIMIT_NOFILE, &low);
		bool failed = false;
		try {
			send(get(server.url(), spare));
		} catch (const Error &) {
			failed = true;
		} catch (const std::bad_alloc &) {
			failed = true;
		}
		setrlimit(RLIMIT_NOFILE, &before);
		EXPECT_TRUE(failed || spare > 0);
		EXPECT_EQ(send(get(server.url(), spare)).status, 200) << "it works on";
		transport.drop_all_pools();
		EXPECT_TRUE(server.wait_open(0));
	}
}

} // namespace
} // namespace ob
