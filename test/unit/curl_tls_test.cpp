// CurlTransport over TLS: whom it trusts, what it offers, how a cut looks.
#include <gtest/gtest.h>

#include "unit/support/resolver.hpp"
#include "unit/support/tls_server.hpp"
#include "unit/support/transport_fixture.hpp"

namespace ob {
namespace {

using namespace std::chrono_literals;
using namespace test;

class CurlTls : public TransportTest {
protected:
	CurlTls() {
		resolver::clear();
		for (const char *name : {"bank.ob.test", "other.ob.test", "sub.bank.ob.test"})
			resolver::set(name, {"127.0.0.1"});
		settings.allow("https://bank.ob.test, https://other.ob.test, https://sub.bank.ob.test, https://127.0.0.1");
	}
	http::Request secure(const RawServer &server, std::string_view host = "bank.ob.test",
	                     std::uint64_t pool = 1) const {
		http::Request request = get(server.url("/", "https", host), pool);
		request.tls.ca_file = authority.file();
		return request;
	}

	TestAuthority authority;
	TlsServerSide side{authority, "DNS:bank.ob.test"};
};

TEST_F(CurlTls, TrustsTheNamedAuthority) {
	RawServer server(always(answer("{\"a\":1}")), side.streams());
	EXPECT_EQ(send(secure(server)).body, "{\"a\":1}");
	EXPECT_EQ(send(secure(server)).body, "{\"a\":1}");
	EXPECT_EQ(server.accepted(), 1);
	EXPECT_EQ(side.log.version, "TLSv1.3");
	EXPECT_EQ(side.log.offered, "h2,http/1.1");
}

TEST_F(CurlTls, TrustsNoOther) {
	RawServer server(always(answer("{}")), side.streams());
	http::Request request = secure(server);
	request.tls.ca_file.clear(); // the system's authorities
	Error error = fail(request);
	EXPECT_EQ(error.code(), ErrorCode::unreachable);
	EXPECT_EQ(error.message(), "could not verify the host's certificate");
	EXPECT_NE(error.hint().find("ca_file"), std::string::npos);
	EXPECT_NE(error.detail().find("phase: TLS handshake, reason: SSL certificate problem"), std::string::npos)
	    << error.detail();

	const TestAuthority stranger("Another Authority");
	request.tls.ca_file = stranger.file();
	EXPECT_EQ(fail(request).message(), "could not verify the host's certificate");
}

// A good connection must not be lent to a request with other trust, not even within a pool.
TEST_F(CurlTls, KeptConnectionsAreBoundToTheirAuthority) {
	RawServer server(always(answer("{}")), side.streams());
	EXPECT_EQ(send(secure(server)).status, 200);
	http::Request request = secure(server);
	request.tls.ca_file.clear();
	EXPECT_EQ(fail(request).code(), ErrorCode::unreachable);
}

TEST_F(CurlTls, WrongHostName) {
	RawServer server(always(answer("{}")), side.streams());
	for (const char *host : {"other.ob.test", "sub.bank.ob.test", "127.0.0.1"}) {
		const Error error = fail(secure(server, host));
		EXPECT_EQ(error.code(), ErrorCode::unreachable) << host;
		EXPECT_EQ(error.message(), "could not verify the host's certificate") << host;
	}
}

TEST_F(CurlTls, AddressInTheCertificate) {
	TlsServerSide by_address(authority, "IP:127.0.0.1");
	RawServer server(always(answer("{}")), by_address.streams());
	EXPECT_EQ(send(secure(server, "127.0.0.1")).status, 200);
}

TEST_F(CurlTls, ExpiredCertificate) {
	TlsServerSide expired(authority, "DNS:bank.ob.test", -60);
	RawServer server(always(answer("{}")), expired.streams());
	EXPECT_EQ(fail(secure(server)).message(), "could not verify the host's certificate");
}

TEST_F(CurlTls, OldTlsIsRefused) {
	SSL_CTX_set_min_proto_version(side.context(), 0);
	SSL_CTX_set_max_proto_version(side.context(), TLS1_1_VERSION);
	SSL_CTX_set_security_level(side.context(), 0);
	RawServer server(always(answer("{}")), side.streams());
	const Error error = fail(secure(server));
	EXPECT_EQ(error.code(), ErrorCode::unreachable);
	EXPECT_EQ(error.message(), "TLS handshake failed");
}

TEST_F(CurlTls, MissingAuthorityFile) {
	RawServer server(always(answer("{}")), side.streams());
	http::Request request = secure(server);
	request.tls.ca_file = "/nonexistent/ca.pem";
	const Error error = fail(request);
	EXPECT_EQ(error.code(), ErrorCode::unreachable);
	EXPECT_EQ(error.message(), "could not read the file of trusted certificates");
	EXPECT_NE(error.hint().find("ca_file"), std::string::npos);
}

TEST_F(CurlTls, PlainServer) {
	RawServer server([](Connection &c) { c.send("HTTP/1.1 400 Bad Request\r\n\r\n"); });
	const Error error = fail(secure(server));
	EXPECT_EQ(error.code(), ErrorCode::unreachable);
	EXPECT_EQ(error.message(), "TLS handshake failed");
}

// Without close_notify. An answer that ends by closing is as complete as its JSON; the others say how long they are.
TEST_F(CurlTls, Cut) {
	for (const char *bytes :
	     {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\":1}",
	      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n",
	      "HTTP/1.1 200 OK\r\nContent-Type: appl"})
		for (const bool polite : {true, false}) {
			RawServer server(
			    [&](Connection &c) {
				    c.request();
				    c.send(bytes);
			    },
			    side.streams(polite));
			EXPECT_EQ(fail(secure(server)).code(), ErrorCode::bad_reply) << bytes;
		}
	RawServer server([](Connection &c) { c.request(); }, side.streams(false));
	EXPECT_EQ(fail(secure(server)).code(), ErrorCode::unreachable);
}

TEST_F(CurlTls, SessionsAreResumedWithinAPoolOnly) {
	RawServer server(
	    [](Connection &c) {
		    c.request();
		    c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
		           "2\r\n\r\n{}");
	    },
	    side.streams());
	send(secure(server));
	EXPECT_EQ(side.log.resumed, 0);
	send(secure(server));
	EXPECT_EQ(side.log.resumed, 1);
	send(secure(server, "bank.ob.test", 2));
	EXPECT_EQ(side.log.resumed, 1) << "another pool";

	// The pool's handle that has seen the session is busy elsewhere: the next one must know it as well.
	RawServer busy([](Connection &c) { c.stall(); });
	{
		Loop loop(reactor, waiter);
		TaskGroup group(loop);
		auto discard = [](http::Transport *t, http::Request r) -> Task<void> { co_await t->send(std::move(r)); };
		group.spawn(discard(&transport, secure(busy)));
		auto nap = []() -> Task<void> { co_await Sleep(20ms); };
		loop.run(nap());
		send(secure(server));
	}
	EXPECT_EQ(side.log.resumed, 2);

	transport.drop_pool(1);
	send(secure(server));
	EXPECT_EQ(side.log.resumed, 2) << "a dropped pool's session";
	EXPECT_EQ(side.log.handshakes, 5);
}

// The bank says goodbye to idle connections the polite way; libcurl 7.88 takes the goodbye for a sign of life.
TEST_F(CurlTls, ConnectionsClosedWhileKeptAreReplaced) {
	std::atomic<int> requests = 0;
	RawServer server(
	    [&](Connection &c) {
		    if (!c.request().empty())
			    ++requests;
		    std::this_thread::sleep_for(30ms); // so that all need a connection of their own
		    c.send(answer("{}"));
	    },
	    side.streams());
	for (int round = 1; round <= 3; ++round) {
		Loop loop(reactor, waiter);
		TaskGroup group(loop);
		auto discard = [](http::Transport *t, http::Request r) -> Task<void> { co_await t->send(std::move(r)); };
		for (int i = 0; i < 10; ++i)
			group.spawn(discard(&transport, secure(server)));
		loop.run(group.join());
		EXPECT_TRUE(server.wait_open(0));
		EXPECT_EQ(requests, 10 * round) << "sent twice or not at all";
	}
}

TEST_F(CurlTls, StalledHandshakeCancels) {
	RawServer server([](Connection &c) { c.stall(); });
	waiter.interrupt_after(50ms);
	const auto start = std::chrono::steady_clock::now();
	EXPECT_THROW(send(secure(server)), Interrupted);
	EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

} // namespace
} // namespace ob
