// CurlTransport says of a failure whether the request can have arrived.
#include <gtest/gtest.h>

#include "unit/support/full_listener.hpp"
#include "unit/support/resolver.hpp"
#include "unit/support/tls_server.hpp"
#include "unit/support/transport_fixture.hpp"

namespace ob {
namespace {

using namespace std::chrono_literals;
using namespace test;

class CurlUnsent : public TransportTest {
protected:
	/// The code of what it ends in, if nothing was sent for certain.
	std::optional<ErrorCode> unsent(http::Request request) {
		try {
			send(std::move(request));
			ADD_FAILURE() << "there was an answer";
		} catch (const http::NotSent &error) {
			return error.code();
		} catch (const Error &) {
		}
		return std::nullopt;
	}

	static int closed_port() {
		const RawServer gone([](Connection &) {});
		return gone.port();
	}
};

TEST_F(CurlUnsent, NobodyListens) {
	EXPECT_EQ(unsent(post("http://127.0.0.1:" + std::to_string(closed_port()) + "/", "{}")), ErrorCode::unreachable);
}

TEST_F(CurlUnsent, NobodyTakesTheConnection) {
	const FullListener full;
	settings.limits_now.connect_timeout = 100ms;
	EXPECT_EQ(unsent(post(full.url(), "{}")), ErrorCode::deadline);
}

TEST_F(CurlUnsent, NameIsUnknownOrForbidden) {
	resolver::clear();
	settings.allow("http://gone.ob.test");
	EXPECT_EQ(unsent(post("http://gone.ob.test/", "{}")), ErrorCode::unreachable);
	EXPECT_EQ(unsent(post("http://other.ob.test/", "{}")), ErrorCode::address_refused);
	EXPECT_EQ(unsent(post("nonsense", "{}")), ErrorCode::invalid_argument);
}

TEST_F(CurlUnsent, HandshakeFails) {
	const TestAuthority authority;
	TlsServerSide side{authority, "IP:127.0.0.1"};
	RawServer tls(always(answer("{}")), side.streams());
	http::Request request = post(tls.url("/", "https"), "{}");
	EXPECT_EQ(unsent(request), ErrorCode::unreachable) << "a stranger's certificate";
	RawServer plain([](Connection &c) { c.send("this is no TLS"); });
	request.url = plain.url("/", "https");
	EXPECT_EQ(unsent(request), ErrorCode::unreachable);
}

// From here on the host may have acted, whatever it looks like.

TEST_F(CurlUnsent, ClosedAfterTheRequest) {
	RawServer server([](Connection &c) { c.request(); });
	EXPECT_FALSE(unsent(post(server.url(), "{}")));
}

TEST_F(CurlUnsent, ClosedAfterPartOfTheRequest) {
	RawServer server([](Connection &c) {
		char some[16];
		[[maybe_unused]] const long n = recv(c.fd(), some, sizeof some, 0);
		c.reset_on_close();
	});
	EXPECT_FALSE(unsent(post(server.url(), std::string(4 << 20, 'x'))));
}

TEST_F(CurlUnsent, NoAnswerInTime) {
	RawServer server([](Connection &c) {
		c.request();
		c.stall();
	});
	settings.limits_now.total_timeout = 100ms;
	EXPECT_FALSE(unsent(post(server.url(), "{}")));
}

TEST_F(CurlUnsent, AnswerIsNoAnswer) {
	RawServer server(always("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}"));
	EXPECT_FALSE(unsent(post(server.url(), "{}")));
}

TEST_F(CurlUnsent, KeptConnectionEndsUnderTheRequest) {
	RawServer server([](Connection &c) {
		c.request();
		c.send(answer("{}"));
		c.request();
	});
	EXPECT_EQ(send(post(server.url(), "{}")).status, 200);
	EXPECT_FALSE(unsent(post(server.url(), "{}")));
}

TEST_F(CurlUnsent, KeptConnectionHadEndedAndTheHostIsGone) {
	auto server = std::make_unique<RawServer>([](Connection &c) {
		c.request();
		c.send(answer("{}"));
	});
	const std::string url = server->url();
	EXPECT_EQ(send(post(url, "{}")).status, 200);
	server.reset();
	EXPECT_EQ(unsent(post(url, "{}")), ErrorCode::unreachable);
}

} // namespace
} // namespace ob
