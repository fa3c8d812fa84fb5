// CurlTransport's limits: sizes, times, and the memory that all requests share.
#include <gtest/gtest.h>

#include <atomic>
#include <fcntl.h>

#include "unit/support/full_listener.hpp"
#include "unit/support/raw_server.hpp"
#include "unit/support/transport_fixture.hpp"

namespace ob {
namespace {

using namespace std::chrono_literals;
using namespace test;
using std::chrono::steady_clock;

constexpr std::size_t kMega = std::size_t{1} << 20;
constexpr const char *kChunked =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

class CurlLimits : public TransportTest {};

// ---- sizes ----

TEST_F(CurlLimits, TwoGigabytesStopAtTheCap) {
	settings.limits_now.max_response_size = 4 * kMega;
	std::atomic<std::size_t> sent = 0;
	RawServer server([&](Connection &c) {
		c.request();
		c.send(kChunked);
		const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
		while (sent < (std::size_t{2} << 30) && c.send(chunk))
			sent += chunk.size();
	});
	const auto start = steady_clock::now();
	const Error error = fail(get(server.url()));
	EXPECT_LT(steady_clock::now() - start, 3s);
	EXPECT_EQ(error.code(), ErrorCode::limit_exceeded);
	EXPECT_NE(error.detail().find("limit: 4194304 bytes"), std::string::npos) << error.detail();
	EXPECT_NE(error.hint().find("openbanking.max_response_size"), std::string::npos);
	EXPECT_LE(transport.stats().most_buffered, 4 * kMega);
	EXPECT_EQ(transport.stats().buffered, 0u);
	EXPECT_TRUE(server.wait_open(0));
	EXPECT_LT(sent, 64 * kMega) << "it read on";
}

TEST_F(CurlLimits, AnnouncedSizeStopsBeforeTheFirstByte) {
	RawServer server([](Connection &c) {
		c.request();
		c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2147483648\r\n\r\n");
		c.stall();
	});
	const auto start = steady_clock::now();
	EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::limit_exceeded);
	EXPECT_LT(steady_clock::now() - start, 1s);
	EXPECT_EQ(transport.stats().most_buffered, 0u);
}

TEST_F(CurlLimits, ExactlyTheCapIsAllowed) {
	settings.limits_now.max_response_size = 100'000;
	RawServer server([](Connection &c) {
		for (int i = 0; !c.request().empty(); ++i)
			c.send(answer(std::string(100'000 + static_cast<std::size_t>(i), 'x')));
	});
	EXPECT_EQ(send(get(server.url())).body.size(), 100'000u);
	EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::limit_exceeded);

	RawServer chunked([](Connection &c) {
		for (int i = 0; !c.request().empty(); ++i)
			c.send(kChunked + std::string("186a0\r\n") + std::string(100'000, 'x') +
			       (i == 0 ? "\r\n0\r\n\r\n" : "\r\n1\r\nx\r\n0\r\n\r\n"));
	});
	EXPECT_EQ(send(get(chunked.url())).body.size(), 100'000u);
	EXPECT_EQ(fail(get(chunked.url())).code(), ErrorCode::limit_exceeded);
}

TEST_F(CurlLimits, LimitsAreReadForEachRequest) {
	RawServer server(always(answer(std::string(1000, 'x'))));
	EXPECT_EQ(send(get(server.url())).status, 200);
	settings.limits_now.max_response_size = 999;
	EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::limit_exceeded);
	settings.limits_now.max_response_size = 1000;
	EXPECT_EQ(send(get(server.url())).status, 200);
}

TEST_F(CurlLimits, ThousandsOfHeaders) {
	RawServer server([](Connection &c) {
		c.request();
		std::string head = "HTTP/1.1 200 OK\r\n";
		for (int i = 0; i < 5000; ++i)
			head += "X-" + std::to_string(i) + ": 1\r\n";
		c.send(head);
		c.stall();
	});
	const Error error = fail(get(server.url()));
	EXPECT_EQ(error.code(), ErrorCode::limit_exceeded);
	EXPECT_EQ(error.message(), "answer's header is larger than allowed");
}

TEST_F(CurlLimits, OneLongHeader) {
	RawServer server([](Connection &c) {
		c.request();
		c.send("HTTP/1.1 200 OK\r\nX-Long: " + std::string(90'000, 'x') + "\r\n\r\n");
		c.stall();
	});
	EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::limit_exceeded);
}

TEST_F(CurlLimits, HeaderLineWithoutEnd) {
	RawServer server([](Connection &c) {
		c.request();
		c.send("HTTP/1.1 200 OK\r\nX-Long: ");
		while (c.send(std::string(10'000, 'x'))) {
		}
	});
	const auto start = steady_clock::now();
	const ErrorCode code = fail(get(server.url())).code();
	EXPECT_TRUE(code == ErrorCode::limit_exceeded || code == ErrorCode::bad_reply || code == ErrorCode::out_of_memory)
	    << sqlstate(code);
	EXPECT_LT(steady_clock::now() - start, 2s);
}

TEST_F(CurlLimits, EndlessInterimAnswers) {
	RawServer server([](Connection &c) {
		c.request();
		while (c.send("HTTP/1.1 100 Continue\r\n\r\n")) {
		}
	});
	EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::limit_exceeded);
}

TEST_F(CurlLimits, EndlessTrailers) {
	RawServer server([](Connection &c) {
		c.request();
		c.send(kChunked + std::string("2\r\n{}\r\n0\r\n"));
		while (c.send("X-Trailer: 1\r\n")) {
		}
	});
	EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::limit_exceeded);
}

// ---- times ----

/// The deadline's error, which must come soon after `limit`.
#define EXPECT_DEADLINE(request, limit, message_, phase)                                                               \
	do {                                                                                                               \
		const auto start = steady_clock::now();                                                                        \
		const Error error = fail(request);                                                                             \
		EXPECT_EQ(error.code(), ErrorCode::deadline) << error.message() << error.detail();                             \
		EXPECT_EQ(error.message(), message_);                                                                          \
		EXPECT_NE(error.detail().find("phase: " phase), std::string::npos) << error.detail();                          \
		EXPECT_GE(steady_clock::now() - start, (limit)-5ms);                                                           \
		EXPECT_LT(steady_clock::now() - start, (limit) + 1s);                                                          \
	} while (false)

TEST_F(CurlLimits, NoAnswer) {
	settings.limits_now.total_timeout = 200ms;
	RawServer server([](Connection &c) { c.stall(); });
	EXPECT_DEADLINE(get(server.url()), 200ms, "deadline passed during waiting for the answer",
	                "waiting for the answer");
}

TEST_F(CurlLimits, HeaderStalls) {
	settings.limits_now.total_timeout = 200ms;
	RawServer server([](Connection &c) {
		c.request();
		c.send("HTTP/1.1 200 OK\r\nContent-");
		c.stall();
	});
	EXPECT_DEADLINE(get(server.url()), 200ms, "deadline passed during reading the answer", "reading the answer");
}

TEST_F(CurlLimits, BodyDripsPastTheDeadline) {
	settings.limits_now.total_timeout = 200ms;
	RawServer server([](Connection &c) {
		c.request();
		c.drip(answer(std::string(1000, 'x')), 5ms);
	});
	EXPECT_DEADLINE(get(server.url()), 200ms, "deadline passed during reading the answer", "reading the answer");
}

TEST_F(CurlLimits, TooSlow) {
	settings.limits_now.low_speed_limit = 10'000;
	settings.limits_now.low_speed_time = 1s;
	RawServer server([](Connection &c) {
		c.request();
		c.drip(answer(std::string(10'000, 'x')), 2ms);
	});
	const auto start = steady_clock::now();
	const Error error = fail(get(server.url()));
	EXPECT_EQ(error.code(), ErrorCode::deadline);
	EXPECT_EQ(error.message(), "host was too slow during reading the answer");
	EXPECT_NE(error.detail().find("10000 bytes a second for 1 s"), std::string::npos) << error.detail();
	EXPECT_LT(steady_clock::now() - start, 4s);
}

TEST_F(CurlLimits, WaitingForTheAnswerIsNotSlow) {
	settings.limits_now.low_speed_limit = 10'000;
	settings.limits_now.low_speed_time = 1s;
	RawServer server([](Connection &c) {
		c.request();
		std::this_thread::sleep_for(2500ms);
		c.send(answer("{}"));
	});
	EXPECT_EQ(send(get(server.url())).status, 200);
}

// Also for header lines, which libcurl may not count as progress.
TEST_F(CurlLimits, DrippedHeader) {
	settings.limits_now.low_speed_limit = 10'000;
	settings.limits_now.low_speed_time = 1s;
	RawServer server([](Connection &c) {
		c.request();
		c.send("HTTP/1.1 200 OK\r\n");
		c.drip(std::string(10'000, 'x'), 5ms);
	});
	const auto start = steady_clock::now();
	EXPECT_EQ(fail(get(server.url())).message(), "host was too slow during reading the answer");
	EXPECT_LT(steady_clock::now() - start, 5s);
}

TEST_F(CurlLimits, ConnectStalls) {
	settings.limits_now.connect_timeout = 200ms;
	FullListener listener;
	EXPECT_DEADLINE(get(listener.url()), 200ms, "deadline for connecting passed during connect", "connect");
}

TEST_F(CurlLimits, TlsStalls) {
	settings.limits_now.connect_timeout = 200ms;
	RawServer server([](Connection &c) { c.stall(); });
	EXPECT_DEADLINE(get(server.url("/", "https")), 200ms, "deadline for connecting passed during TLS handshake",
	                "TLS handshake");
}

TEST_F(CurlLimits, ReactorThatCannotWaitEndsTheRequest) {
	RawServer server(always(answer("{}")));
	const int epoll = reactor.prepare_wait();
	const int kept = dup(epoll);
	const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(dup2(nothing, epoll), epoll);
	const Error error = fail(get(server.url()));
	EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
	EXPECT_EQ(error.message(), "could not wait for the network");
	ASSERT_EQ(dup2(kept, epoll), epoll);
	close(kept);
	close(nothing);
	EXPECT_EQ(send(get(server.url())).status, 200);
}

// ---- shared memory ----

Task<void> fetch(http::Transport *transport, http::Request request, std::vector<std::size_t> *sizes) {
	const http::Response response = co_await transport->send(std::move(request));
	sizes->push_back(response.body.size());
}

TEST_F(CurlLimits, ManyBigAnswersShareTheMemory) {
	settings.limits_now.max_response_size = kMega;
	settings.limits_now.max_buffered = 2 * kMega;
	RawServer server(always(answer(std::string(kMega, 'x'))));
	std::vector<std::size_t> sizes;
	{
		Loop loop(reactor, waiter);
		TaskGroup group(loop);
		for (int i = 0; i < 24; ++i)
			group.spawn(fetch(&transport, get(server.url()), &sizes));
		loop.run(group.join());
	}
	EXPECT_EQ(sizes, std::vector<std::size_t>(24, kMega));
	EXPECT_LE(transport.stats().most_buffered, 3 * kMega);
	EXPECT_GT(transport.stats().times_paused, 0u) << "the limit was never met: this tests nothing";
	EXPECT_EQ(transport.stats().buffered, 0u);
}

// The worst case: not even one answer fits, so each must be the privileged one in turn.
TEST_F(CurlLimits, NoRoomAtAllStillGoesOn) {
	settings.limits_now.max_buffered = 1;
	RawServer server([](Connection &c) {
		while (!c.request().empty())
			c.send(kChunked + std::string("30d40\r\n") + std::string(200'000, 'x') + "\r\n0\r\n\r\n");
	});
	std::vector<std::size_t> sizes;
	{
		Loop loop(reactor, waiter);
		TaskGroup group(loop);
		for (int i = 0; i < 16; ++i)
			group.spawn(fetch(&transport, get(server.url(), static_cast<std::uint64_t>(i % 3)), &sizes));
		loop.run(group.join());
	}
	EXPECT_EQ(sizes, std::vector<std::size_t>(16, 200'000));
	EXPECT_GT(transport.stats().times_paused, 0u);
	EXPECT_LE(transport.stats().most_buffered, 200'001u + 16u);
}

TEST_F(CurlLimits, OldestWithoutAnswerHoldsNobodyUp) {
	settings.limits_now.max_buffered = 1;
	std::atomic<int> answered = 0;
	RawServer server([&](Connection &c) {
		for (;;) {
			const std::string request = c.request();
			if (request.empty())
				return;
			if (request.starts_with("GET /last"))
				while (answered < 5)
					std::this_thread::sleep_for(1ms);
			c.send(answer(std::string(100'000, 'x')));
			++answered;
		}
	});
	std::vector<std::size_t> sizes;
	Loop loop(reactor, waiter);
	TaskGroup group(loop);
	group.spawn(fetch(&transport, get(server.url("/last")), &sizes));
	for (int i = 0; i < 5; ++i)
		group.spawn(fetch(&transport, get(server.url()), &sizes));
	loop.run(group.join());
	EXPECT_EQ(sizes.size(), 6u);
}

TEST_F(CurlLimits, CancellingThePrivilegedOneLetsTheOthersGo) {
	settings.limits_now.max_buffered = 1000;
	RawServer server([](Connection &c) {
		while (true) {
			const std::string request = c.request();
			if (request.empty())
				return;
			const std::string bytes = answer(std::string(100'000, 'x'));
			if (request.starts_with("GET /stall")) {
				c.send(bytes.substr(0, 50'000));
				c.stall();
				return;
			}
			std::this_thread::sleep_for(30ms);
			c.send(bytes);
		}
	});
	std::vector<std::size_t> sizes;
	Loop loop(reactor, waiter);
	TaskGroup others(loop);
	{
		TaskGroup stalled(loop);
		stalled.spawn(fetch(&transport, get(server.url("/stall")), &sizes));
		for (int i = 0; i < 4; ++i)
			others.spawn(fetch(&transport, get(server.url()), &sizes));
		auto nap = []() -> Task<void> { co_await Sleep(150ms); };
		loop.run(nap());
		EXPECT_EQ(sizes.size(), 0u);
		EXPECT_GE(transport.stats().times_paused, 4u);
	}
	loop.run(others.join());
	EXPECT_EQ(sizes.size(), 4u);
}

/// A request in a loop of its own, while the answers of the outer loop's requests wait for their coroutines.
Task<void> nested_fetch(Reactor *reactor, Waiter *waiter, http::Transport *transport, http::Request request,
                        std::size_t *size) {
	co_await Sleep(30ms);
	Loop inner(*reactor, *waiter);
	*size = inner.run(transport->send(std::move(request))).body.size();
}

TEST_F(CurlLimits, AnswersOfAnOuterLoopDoNotStarveTheInner) {
	settings.limits_now.max_buffered = 100'000;
	RawServer server([](Connection &c) {
		while (!c.request().empty()) {
			std::this_thread::sleep_for(40ms); // so that the inner loop is the one that sees them arrive
			c.send(answer(std::string(100'000, 'x')));
		}
	});
	std::vector<std::size_t> sizes;
	std::size_t inner = 0;
	Loop loop(reactor, waiter);
	TaskGroup group(loop);
	for (int i = 0; i < 5; ++i)
		group.spawn(fetch(&transport, get(server.url()), &sizes));
	group.spawn(nested_fetch(&reactor, &waiter, &transport, get(server.url()), &inner));
	loop.run(group.join());
	EXPECT_EQ(inner, 100'000u);
	EXPECT_EQ(sizes.size(), 5u);
}

TEST_F(CurlLimits, DeadlineWhileHeldBackSaysSo) {
	settings.limits_now.max_buffered = 1;
	settings.limits_now.total_timeout = 300ms;
	RawServer server([](Connection &c) {
		if (c.request().starts_with("GET /stall")) {
			c.send(answer(std::string(1000, 'x')).substr(0, 500));
			c.stall();
		} else {
			std::this_thread::sleep_for(30ms);
			c.send(answer("{}"));
			c.stall();
		}
	});
	std::vector<std::size_t> sizes;
	Loop loop(reactor, waiter);
	TaskGroup group(loop);
	settings.limits_now.total_timeout = 1s;
	group.spawn(fetch(&transport, get(server.url("/stall")), &sizes));
	auto nap = []() -> Task<void> { co_await Sleep(50ms); };
	loop.run(nap());
	settings.limits_now.total_timeout = 200ms;
	try {
		loop.run(transport.send(get(server.url())));
		ADD_FAILURE();
	} catch (const Error &error) {
		EXPECT_EQ(error.code(), ErrorCode::deadline);
		EXPECT_EQ(error.message(), "deadline passed while other answers filled the memory");
	}
}

} // namespace
} // namespace ob
