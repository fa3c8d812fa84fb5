// A CurlTransport over a reactor, with settings a test can change.
#pragma once

#include <filesystem>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "http/curl_transport.hpp"
#include "unit/support/poll_waiter.hpp"

namespace ob::test {

class TestSettings final : public http::TransportSettings {
public:
	http::Limits limits() const override { return limits_now; }
	std::shared_ptr<const http::HostPolicy> hosts() const override { return hosts_now; }

	void allow(std::string_view list, std::vector<std::string> known = {}) {
		hosts_now = std::make_shared<const http::HostPolicy>(std::move(known), list);
	}

	http::Limits limits_now;
	std::shared_ptr<const http::HostPolicy> hosts_now =
	    std::make_shared<const http::HostPolicy>(std::vector<std::string>{}, "http://127.0.0.1, https://127.0.0.1");
};

class TransportTest : public ::testing::Test {
protected:
	/// Every request carries a secret wherever one can be; see fail().
	static http::Request get(std::string url, std::uint64_t pool = 1) {
		http::Request request;
		request.method = "GET";
		request.url = std::move(url) + "?token=s3cret";
		request.headers.push_back({"X-Token", WipedString("s3cret s3cret s3cret s3cret s3cret")});
		request.endpoint = "/test/endpoint";
		request.pool = pool;
		return request;
	}
	static http::Request post(std::string url, std::string_view body, std::uint64_t pool = 1) {
		http::Request request = get(std::move(url), pool);
		request.method = "POST";
		request.body = WipedString(body.begin(), body.end());
		request.headers.push_back({"Content-Type", "application/json"});
		return request;
	}

	http::Response send(http::Request request) {
		Loop loop(reactor, waiter);
		return loop.run(transport.send(std::move(request)));
	}
	/// The Error that the request ends in; fails the test if there is none.
	Error fail(http::Request request) {
		try {
			const http::Response response = send(std::move(request));
			ADD_FAILURE() << "no error but status " << response.status;
		} catch (const Error &error) {
			const std::string all = error.message() + error.detail() + error.hint();
			EXPECT_EQ(all.find("s3cret"), std::string::npos) << all;
			EXPECT_NE(error.detail().find("endpoint: /test/endpoint, host: "), std::string::npos) << all;
			return error;
		}
		return Error(ErrorCode::internal, "no error");
	}

	/// File descriptors of this process.
	static long open_fds() {
		return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
		                     std::filesystem::directory_iterator());
	}

	/// Are at most `count` open, at the latest in two seconds? (The servers of a test close theirs when they get to
	/// it.)
	static bool wait_fds(long count) {
		for (int i = 0; i < 400 && open_fds() > count; ++i)
			std::this_thread::sleep_for(std::chrono::milliseconds(5));
		return open_fds() <= count;
	}

	Reactor reactor;
	PollWaiter waiter;
	TestSettings settings;
	http::CurlTransport transport{reactor, settings, "0.0-test"};
};

} // namespace ob::test
