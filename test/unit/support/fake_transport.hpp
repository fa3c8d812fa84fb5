// A transport that answers from a script, by endpoint and in order, or from a function. Every answer takes a few turns
// of the loop, so that calls overlap and can be cancelled in between.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.hpp"
#include "http/transport.hpp"
#include "unit/support/run_task.hpp"
#include "json/document.hpp"

namespace ob::test {

struct SentRequest {
	std::string method;
	std::string url;
	std::string endpoint;
	std::vector<std::pair<std::string, std::string>> headers;
	std::string body;
	std::string ca_file;
	std::uint64_t pool = 0;

	std::string header(std::string_view name) const {
		for (const auto &[key, value] : headers)
			if (key == name)
				return value;
		return {};
	}
	/// Keys sorted, for comparing.
	std::string canonical_body() const { return json::Document::parse(body).canonical_dump(); }
};

class FakeTransport final : public http::Transport {
public:
	using Answer = std::variant<http::Response, Error, http::NotSent>;
	using Handler = std::function<http::Response(const SentRequest &)>;

	static http::Response response(int status, std::string body) {
		http::Response response;
		response.status = status;
		response.body = std::move(body);
		response.elapsed = std::chrono::milliseconds(5);
		return response;
	}

	FakeTransport &answer(const std::string &endpoint, std::string body) {
		return answer(endpoint, 200, std::move(body));
	}
	FakeTransport &answer(const std::string &endpoint, int status, std::string body) {
		script_[endpoint].emplace_back(response(status, std::move(body)));
		return *this;
	}
	FakeTransport &answer(const std::string &endpoint, http::Response response) {
		script_[endpoint].emplace_back(std::move(response));
		return *this;
	}
	FakeTransport &fail(const std::string &endpoint, ErrorCode code) {
		script_[endpoint].emplace_back(Error(code, "scripted failure", "endpoint " + endpoint));
		return *this;
	}
	/// A failure before anything was sent.
	FakeTransport &fail_unsent(const std::string &endpoint, ErrorCode code) {
		script_[endpoint].emplace_back(http::NotSent(Error(code, "scripted failure", "endpoint " + endpoint)));
		return *this;
	}
	/// Answers what the script does not.
	void handle_with(Handler handler) { handler_ = std::move(handler); }

	Task<http::Response> send(http::Request request) override {
		SentRequest sent;
		sent.method = request.method;
		sent.url = request.url;
		sent.endpoint = request.endpoint;
		for (const http::Header &header : request.headers)
			sent.headers.emplace_back(header.name, std::string(header.value));
		sent.body = std::string(request.body);
		sent.ca_file = request.tls.ca_file;
		sent.pool = request.pool;
		requests.push_back(sent);
		++running;
		most_at_once = std::max(most_at_once, running);
		const Running guard{this};
		for (int i = 0; i < turns; ++i)
			co_await Yield();
		auto &queue = script_[sent.endpoint];
		if (!queue.empty()) {
			Answer next = std::move(queue.front());
			queue.pop_front();
			if (const auto *error = std::get_if<http::NotSent>(&next))
				throw http::NotSent(*error);
			if (const auto *error = std::get_if<Error>(&next))
				throw Error(*error);
			co_return std::move(std::get<http::Response>(next));
		}
		if (!handler_)
			throw std::logic_error("the script has no answer for " + sent.endpoint);
		co_return handler_(sent);
	}

	/// How many requests went to this endpoint.
	std::size_t count(std::string_view endpoint) const {
		std::size_t n = 0;
		for (const SentRequest &request : requests)
			n += request.endpoint == endpoint;
		return n;
	}
	bool script_used_up() const {
		for (const auto &[endpoint, queue] : script_)
			if (!queue.empty())
				return false;
		return true;
	}

	std::vector<SentRequest> requests;
	int turns = 2;
	int running = 0;
	int most_at_once = 0;

private:
	struct Running {
		FakeTransport *transport;
		~Running() { --transport->running; }
	};
	std::map<std::string, std::deque<Answer>> script_;
	Handler handler_;
};

} // namespace ob::test
