// CurlTransport and the bytes on the wire: good answers in every shape, bad ones, what a request looks like.
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <mutex>

#include "unit/support/raw_server.hpp"
#include "unit/support/transport_fixture.hpp"

namespace ob {
namespace {

using namespace std::chrono_literals;
using namespace test;

class CurlTransport : public TransportTest {};

/// Serves `bytes` once and closes.
RawServer::Script once(std::string bytes) {
	return [bytes = std::move(bytes)](Connection &c) {
		c.request();
		c.send(bytes);
	};
}

TEST_F(CurlTransport, ReturnsTheAnswer) {
	RawServer server(
	    always("HTTP/1.1 201 Created\r\nContent-Type:application/json; charset=utf-8\r\nX-Id:  a b \r\nx-id: "
	           "second\r\nEmpty:\r\nContent-Length: 7\r\n\r\n{\"a\":1}"));
	const http::Response response = send(get(server.url()));
	EXPECT_EQ(response.status, 201);
	EXPECT_EQ(response.body, "{\"a\":1}");
	EXPECT_EQ(response.header("x-id"), "a b");
	EXPECT_EQ(response.headers.size(), 5u);
	EXPECT_EQ(response.headers[2], (std::pair<std::string, std::string>("x-id", "second")));
	EXPECT_EQ(response.headers[3], (std::pair<std::string, std::string>("empty", "")));
	EXPECT_GT(response.elapsed.count(), 0);
	EXPECT_LT(response.elapsed, 5s);
}

TEST_F(CurlTransport, RequestOnTheWire) {
	std::string seen;
	RawServer server([&](Connection &c) {
		seen = c.request();
		c.send(answer("{}"));
	});
	send(post(server.url("/path"), "{\"access_token\":\"s3cret\"}"));
	EXPECT_EQ(seen, "POST /path?token=s3cret HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
	                    "\r\nUser-Agent: openbanking/0.0-test\r\nX-Token: s3cret s3cret s3cret s3cret s3cret\r\n"
	                    "Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: 25\r\n\r\n"
	                    "{\"access_token\":\"s3cret\"}");
}

TEST_F(CurlTransport, Methods) {
	std::string seen;
	RawServer server([&](Connection &c) {
		while (!(seen = c.request()).empty())
			c.send(answer("{}"));
	});
	const auto line = [&](http::Request request) {
		send(std::move(request));
		return seen.substr(0, seen.find(' '));
	};
	http::Request request = get(server.url());
	EXPECT_EQ(line(request), "GET");
	EXPECT_EQ(seen.find("Content-"), std::string::npos);
	for (const char *method : {"PUT", "PATCH", "DELETE", "GET", "POST"}) {
		request = post(server.url(), "{\"x\":1}");
		request.method = method;
		EXPECT_EQ(line(request), method);
		EXPECT_NE(seen.find("Content-Length: 7\r\n"), std::string::npos) << method;
		EXPECT_TRUE(seen.ends_with("\r\n\r\n{\"x\":1}")) << method;
	}
	request = get(server.url());
	request.method = "DELETE";
	EXPECT_EQ(line(request), "DELETE");
	EXPECT_EQ(seen.find("Content-"), std::string::npos);
	request.method = "POST"; // an empty body
	EXPECT_EQ(line(request), "POST");
	EXPECT_NE(seen.find("Content-Length: 0\r\n"), std::string::npos);
	EXPECT_EQ(server.accepted(), 1);
}

TEST_F(CurlTransport, LargeRequestBody) {
	std::string seen;
	RawServer server([&](Connection &c) {
		seen = c.request();
		c.send(answer("{}"));
	});
	const std::string body(3 << 20, 'x');
	send(post(server.url(), body));
	EXPECT_TRUE(seen.ends_with("\r\n\r\n" + body));
	EXPECT_EQ(seen.find("Expect:"), std::string::npos);
}

TEST_F(CurlTransport, RefusesWhatWouldBreakTheRequest) {
	RawServer server(always(answer("{}")));
	const auto code = [&](http::Request request) { return fail(std::move(request)).code(); };
	for (const char *value : {"a\r\nInjected: 1", "a\nb", "a\rb"}) {
		http::Request request = get(server.url());
		request.headers.push_back({"X-Bad", WipedString(value)});
		EXPECT_EQ(code(request), ErrorCode::invalid_argument);
	}
	for (const char *name : {"", "X Y", "X:", "X\r\nY", "\xc3\xbc"}) {
		http::Request request = get(server.url());
		request.headers.push_back({name, WipedString("v")});
		EXPECT_EQ(code(request), ErrorCode::invalid_argument);
	}
	http::Request request = get(server.url());
	request.method = "GET / HTTP/1.1\r\nX:";
	EXPECT_EQ(code(request), ErrorCode::invalid_argument);
	EXPECT_EQ(server.accepted(), 0);
}

TEST_F(CurlTransport, EmptyHeaderValueIsSent) {
	std::string seen;
	RawServer server([&](Connection &c) {
		seen = c.request();
		c.send(answer("{}"));
	});
	http::Request request = get(server.url());
	request.headers.push_back({"X-Empty", WipedString()});
	send(std::move(request));
	EXPECT_NE(seen.find("\r\nX-Empty:\r\n"), std::string::npos) << seen;
}

// ---- shapes of a good answer ----

TEST_F(CurlTransport, SplitAtEveryByte) {
	const std::string bytes = answer("{\"a\":1}");
	RawServer server([&](Connection &c) {
		for (std::size_t at = 0; at <= bytes.size(); ++at) {
			if (c.request().empty())
				return;
			c.send_split(bytes, at);
		}
	});
	for (std::size_t at = 0; at <= bytes.size(); ++at) {
		const http::Response response = send(get(server.url()));
		ASSERT_EQ(response.status, 200) << at;
		ASSERT_EQ(response.body, "{\"a\":1}") << at;
		ASSERT_EQ(response.headers.size(), 2u) << at;
	}
	EXPECT_EQ(server.accepted(), 1);
}

TEST_F(CurlTransport, Dripped) {
	RawServer server([](Connection &c) {
		c.request();
		c.drip(answer("{\"a\":1}"), 1ms);
	});
	EXPECT_EQ(send(get(server.url())).body, "{\"a\":1}");
}

TEST_F(CurlTransport, ChunkedWithTrailers) {
	RawServer server(always("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	                        "4\r\n{\"a\"\r\n3;ext=1\r\n:1}\r\n0\r\nX-Trailer: 1\r\nContent-Type: text/html\r\n\r\n"));
	for (int i = 0; i < 2; ++i) {
		const http::Response response = send(get(server.url()));
		EXPECT_EQ(response.body, "{\"a\":1}");
		EXPECT_EQ(response.header("content-type"), "application/json");
		EXPECT_EQ(response.header("x-trailer"), "");
	}
	EXPECT_EQ(server.accepted(), 1);
}

TEST_F(CurlTransport, EndedByClosing) {
	RawServer server(once("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":1}"));
	EXPECT_EQ(send(get(server.url())).body, "{\"a\":1}");
}

TEST_F(CurlTransport, InterimAnswersAreSkipped) {
	RawServer server(
	    once("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + answer("{}")));
	const http::Response response = send(get(server.url()));
	EXPECT_EQ(response.status, 200);
	EXPECT_EQ(response.header("link"), "");
}

TEST_F(CurlTransport, EveryStatusIsAnAnswer) {
	for (const char *status :
	     {"400 Bad Request", "401 Unauthorized", "404 Not Found", "429 Too Many Requests", "500 Internal Server Error",
	      "502 Bad Gateway", "503 Service Unavailable", "304 Not Modified"}) {
		RawServer server(
		    once(answer(std::string_view(status).starts_with("304") ? "" : "<html>oops</html>", status, "text/html")));
		const http::Response response = send(get(server.url()));
		EXPECT_EQ(response.status, std::stoi(status));
		EXPECT_EQ(response.header("content-type"), "text/html");
	}
}

TEST_F(CurlTransport, RedirectsAreNotFollowed) {
	RawServer target(always(answer("{}")));
	for (const char *status :
	     {"301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"}) {
		RawServer server(once("HTTP/1.1 " + std::string(status) + "\r\nLocation: " + target.url() +
		                      "\r\nContent-Length: 0\r\n\r\n"));
		EXPECT_EQ(send(get(server.url())).status, std::stoi(status));
	}
	EXPECT_EQ(target.accepted(), 0);
}

TEST_F(CurlTransport, CookiesAndCredentialsAreNotKept) {
	std::string seen;
	RawServer server([&](Connection &c) {
		while (!(seen = c.request()).empty())
			c.send(
			    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}");
	});
	send(get(server.url()));
	send(get(server.url()));
	EXPECT_EQ(seen.find("Cookie"), std::string::npos);
}

TEST_F(CurlTransport, EnvironmentProxyIsIgnored) {
	RawServer proxy(always(answer("{}")));
	RawServer server(always(answer("{\"a\":1}")));
	for (const char *name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"})
		setenv(name, proxy.url().c_str(), 1);
	EXPECT_EQ(send(get(server.url())).body, "{\"a\":1}");
	for (const char *name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"})
		unsetenv(name);
	EXPECT_EQ(proxy.accepted(), 0);
}

// ---- bad answers ----

TEST_F(CurlTransport, WrongMediaType) {
	for (const char *type : {"text/html", "application/problem+json", "application/jsonx", "application", ""}) {
		RawServer server(once(answer("{}", "200 OK", type)));
		const Error error = fail(get(server.url()));
		EXPECT_EQ(error.code(), ErrorCode::bad_reply) << type;
		EXPECT_NE(error.detail().find("HTTP status: 200"), std::string::npos);
	}
	RawServer none(once("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
	EXPECT_EQ(fail(get(none.url())).code(), ErrorCode::bad_reply);
	for (const char *type : {"application/json", "Application/JSON ; charset=utf-8", "application/json;"}) {
		RawServer server(once(answer("{}", "200 OK", type)));
		EXPECT_EQ(send(get(server.url())).status, 200) << type;
	}
	RawServer any(once(answer("x", "200 OK", "text/plain")));
	http::Request request = get(any.url());
	request.accept.clear();
	EXPECT_EQ(send(request).body, "x");
}

TEST_F(CurlTransport, EmptySuccess) {
	for (const char *status : {"200 OK", "204 No Content"}) {
		RawServer server(once(answer("", status)));
		EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::bad_reply) << status;
		RawServer again(once(answer("", status)));
		http::Request request = get(again.url());
		request.accept.clear();
		EXPECT_EQ(send(request).body, "") << status;
	}
}

TEST_F(CurlTransport, CompressionIsNeitherAskedForNorTaken) {
	std::string seen;
	RawServer server([&](Connection &c) {
		seen = c.request();
		c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: "
		       "2\r\n\r\n\x1f\x8b");
	});
	EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::bad_reply);
	EXPECT_EQ(seen.find("Accept-Encoding"), std::string::npos);
}

TEST_F(CurlTransport, CutAtEveryByte) {
	const std::string bytes = answer("{\"a\":1}");
	const std::size_t status_line = bytes.find("\r\n") + 2;
	for (std::size_t at = 0; at < bytes.size(); ++at) {
		RawServer server(once(bytes.substr(0, at)));
		const Error error = fail(get(server.url()));
		// Before the first header line is complete nothing is known to have answered, or something that is not HTTP.
		if (at == 0)
			EXPECT_EQ(error.code(), ErrorCode::unreachable) << at;
		else if (at >= status_line)
			EXPECT_EQ(error.code(), ErrorCode::bad_reply) << at << ' ' << error.message();
		else
			EXPECT_TRUE(error.code() == ErrorCode::unreachable || error.code() == ErrorCode::bad_reply) << at;
	}
}

TEST_F(CurlTransport, ResetMidBody) {
	RawServer server([](Connection &c) {
		c.request();
		c.send(answer(std::string(100'000, 'x')).substr(0, 50'000));
		std::this_thread::sleep_for(20ms);
		c.reset_on_close();
	});
	EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::bad_reply);
}

TEST_F(CurlTransport, ResetBeforeTheAnswer) {
	RawServer server([](Connection &c) {
		c.request();
		c.reset_on_close();
	});
	EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::unreachable);
	EXPECT_EQ(server.accepted(), 1);
}

TEST_F(CurlTransport, BadChunks) {
	for (const char *rest : {"xyz\r\n{}\r\n0\r\n\r\n", "2\r\n{}", "5\r\n{}\r\n0\r\n\r\n", "ffffffffffffffffff\r\n{}",
	                         "2\r\n{}zz0\r\n\r\n", "-2\r\n{}"}) {
		RawServer server(
		    once("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
		         std::string(rest)));
		EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::bad_reply) << rest;
	}
}

TEST_F(CurlTransport, MoreThanContentLengthIsNotReadIntoTheNextAnswer) {
	RawServer server([](Connection &c) {
		while (!c.request().empty())
			c.send(answer("{}") + "garbage");
	});
	for (int i = 0; i < 3; ++i)
		EXPECT_EQ(send(get(server.url())).body, "{}");
}

TEST_F(CurlTransport, BadContentLength) {
	for (const char *length : {"-1", "abc", "99999999999999999999999"}) {
		RawServer server(once("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
		                      std::string(length) + "\r\n\r\n{}"));
		const Error error = fail(get(server.url()));
		EXPECT_TRUE(error.code() == ErrorCode::bad_reply || error.code() == ErrorCode::limit_exceeded)
		    << length << error.message();
	}
}

TEST_F(CurlTransport, NotHttp) {
	for (const char *bytes : {"SSH-2.0-OpenSSH_9\r\n", "220 mail ready\r\n", "\x15\x03\x01\x00\x02\x02\x46",
	                          "HTTP/9.9 200 OK\r\n\r\n{}", "{}"}) {
		RawServer server(once(bytes));
		EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::bad_reply) << bytes;
	}
}

TEST_F(CurlTransport, ProviderTextStaysOutOfErrors) {
	RawServer server(once("HTTP/1.1 200 s3cret\r\nContent-Type: s3cret/s3cret\r\nContent-Length: 6\r\n\r\ns3cret"));
	EXPECT_EQ(fail(get(server.url())).code(), ErrorCode::bad_reply);
}

TEST_F(CurlTransport, NobodyListens) {
	int port;
	{
		RawServer gone(once(""));
		port = gone.port();
	}
	const Error error = fail(get("http://127.0.0.1:" + std::to_string(port) + "/"));
	EXPECT_EQ(error.code(), ErrorCode::unreachable);
	EXPECT_EQ(error.message(), "could not connect to the host");
	EXPECT_NE(error.detail().find("phase: connect"), std::string::npos) << error.detail();
}

// ---- around it ----

Task<void> send_into(http::Transport *transport, http::Request request, std::map<int, std::string> *bodies, int id) {
	http::Response response = co_await transport->send(std::move(request));
	(*bodies)[id] = std::move(response.body);
}

TEST_F(CurlTransport, ManyAtOnce) {
	RawServer server([](Connection &c) {
		for (;;) {
			const std::string request = c.request();
			if (request.empty())
				return;
			std::this_thread::sleep_for(50ms);
			c.send(answer("{\"path\":\"" + request.substr(4, request.find('?') - 4) + "\"}"));
		}
	});
	std::map<int, std::string> bodies;
	const auto start = std::chrono::steady_clock::now();
	{
		Loop loop(reactor, waiter);
		TaskGroup group(loop);
		for (int i = 0; i < 100; ++i)
			group.spawn(send_into(&transport, get(server.url("/" + std::to_string(i))), &bodies, i));
		loop.run(group.join());
	}
	EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
	ASSERT_EQ(bodies.size(), 100u);
	for (const auto &[id, body] : bodies)
		EXPECT_EQ(body, "{\"path\":\"/" + std::to_string(id) + "\"}");
	EXPECT_EQ(transport.stats().running, 0u);
	EXPECT_EQ(transport.stats().buffered, 0u);
}

TEST_F(CurlTransport, SignalMaskIsRestored) {
	sigset_t before;
	sigset_t after;
	pthread_sigmask(SIG_SETMASK, nullptr, &before);
	RawServer server(always(answer("{}")));
	send(get(server.url()));
	transport.drop_all_pools();
	pthread_sigmask(SIG_SETMASK, nullptr, &after);
	for (int i = 1; i < NSIG; ++i)
		EXPECT_EQ(sigismember(&before, i), sigismember(&after, i)) << i;
}

} // namespace
} // namespace ob
