// Cancelling a transfer in each of its phases.
#include <gtest/gtest.h>

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

class CurlCancel : public TransportTest {
protected:
	void expect_quick_cancel(http::Request request) {
		const long fds = open_fds();
		waiter.interrupt_after(60ms);
		const auto start = steady_clock::now();
		EXPECT_THROW(send(std::move(request)), Interrupted);
		EXPECT_LT(steady_clock::now() - start, 60ms + 1s);
		waiter.no_interrupt();
		EXPECT_EQ(transport.stats().running, 0u);
		EXPECT_EQ(transport.stats().buffered, 0u);
		transport.drop_all_pools();
		EXPECT_TRUE(wait_fds(fds + 1)) << "the server's side may still be open, ours not";
		EXPECT_TRUE(reactor.idle());

		RawServer good(always(answer("{}")));
		EXPECT_EQ(send(get(good.url())).status, 200) << "the transport works on";
	}
};

TEST_F(CurlCancel, WhileConnectStalls) {
	FullListener listener;
	expect_quick_cancel(get(listener.url()));
}
TEST_F(CurlCancel, WhileTlsStalls) {
	RawServer server([](Connection &c) { c.stall(); });
	expect_quick_cancel(get(server.url("/", "https")));
	EXPECT_TRUE(server.wait_open(0));
}
TEST_F(CurlCancel, WhileTheAnswerIsAwaited) {
	RawServer server([](Connection &c) { c.stall(); });
	expect_quick_cancel(get(server.url()));
	EXPECT_TRUE(server.wait_open(0));
}
TEST_F(CurlCancel, WhileTheRequestIsSent) {
	RawServer server([](Connection &c) { c.stall(); });
	expect_quick_cancel(post(server.url(), std::string(32 * kMega, 'x')));
}
TEST_F(CurlCancel, WhileABodyDrips) {
	RawServer server([](Connection &c) {
		c.request();
		c.drip(answer(std::string(10'000, 'x')), 1ms);
	});
	expect_quick_cancel(get(server.url()));
	EXPECT_TRUE(server.wait_open(0));
}
TEST_F(CurlCancel, WhileABodyPours) {
	settings.limits_now.max_response_size = settings.limits_now.max_buffered = std::size_t{1} << 40;
	RawServer server([](Connection &c) {
		c.request();
		c.send(kChunked);
		while (c.send("1000\r\n" + std::string(0x1000, 'x') + "\r\n")) {
		}
	});
	expect_quick_cancel(get(server.url()));
}

} // namespace
} // namespace ob
