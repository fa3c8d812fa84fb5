// C++ regime.
#include "providers/plaid/client.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include "core/budget.hpp"
#include "core/loop.hpp"
#include "http/retry.hpp"
#include "providers/plaid/errors.hpp"
#include "providers/plaid/limits.hpp"
#include "providers/secret_gate.hpp"
#include "providers/shortage.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

// The version the contract was written for; without the header the account's own default would apply.
constexpr std::string_view kApiVersion = "2020-09-14";

constexpr int kTries = 3;

using namespace std::chrono_literals;

http::Request build(const Session &session, const Call &call) {
	const ServerConfig &server = *session.server;
	http::Request request;
	request.url = base_url(server) + call.endpoint;
	request.endpoint = call.endpoint;
	request.body = call.body;
	const auto add = [&](const char *name, std::string_view value) {
		request.headers.push_back({name, WipedString(value)});
	};
	add("Content-Type", "application/json");
	add("Plaid-Version", kApiVersion);
	add("PLAID-CLIENT-ID", server.required_credential("client_id").reveal());
	add("PLAID-SECRET", server.required_credential("client_secret").reveal());
	request.tls.ca_file = server.option("ca_file");
	request.pool = server.pool;
	return request;
}

/// A failed try: what to throw, and whether another try can help.
struct Failure {
	std::exception_ptr error;
	bool passing = false;
	std::optional<std::chrono::seconds> retry_after;
};

Failure judge(const ProviderError &error) {
	// A limit is waited for only where the answer names a short wait; else the engine comes back later.
	const bool passing = error.reaction() == Reaction::retry ||
	                     (error.reaction() == Reaction::rate_limited && error.retry_after().has_value());
	return {std::make_exception_ptr(error), passing, error.retry_after()};
}

/// Inside a catch block.
Failure judge_caught(const Error &error) {
	// bad_reply from the transport is an answer cut short or not JSON at all: a gateway's or the network's doing.
	const bool passing = error.code() == ErrorCode::unreachable || error.code() == ErrorCode::deadline ||
	                     error.code() == ErrorCode::bad_reply;
	return {std::current_exception(), passing, std::nullopt};
}

/// Whether a refusal shows that client id and secret were accepted. Limits and outages may come before they are looked
/// at.
bool knows_client(const ProviderError &error) {
	switch (error.reaction()) {
	case Reaction::reauth:
	case Reaction::revoked:
	case Reaction::not_ready:
	case Reaction::restart:
	case Reaction::cursor_invalid:
		return true;
	default:
		return false;
	}
}

/// What an answer says about client id and secret.
Task<void> judge_client(Session session, SecretGate::Pass *pass, const http::Response *response, std::string endpoint) {
	if (response->status == 200) {
		pass->taken();
		co_return;
	}
	ProviderError error = error_from(*response, endpoint, session.clock->now());
	if (error.code() == ErrorCode::credentials_refused)
		co_await pass->refused(std::move(error));
	else if (knows_client(error))
		pass->taken();
}

/// Leave to make the call now, whatever becomes of it.
Task<void> take_budget(Session session, std::string endpoint) {
	const std::string_view call_class = class_of(endpoint);
	Budget *budget = session.server->budget.get();
	if (!budget || call_class.empty())
		co_return;
	Task<std::optional<Shortage>> taken = budget->take(std::string(call_class), session.connection);
	if (const std::optional<Shortage> shortage = co_await taken)
		throw shortage_error(*shortage, session, error_detail(endpoint, 0, {}, {}), call_class);
}

/// Sends unless the secret was refused before or the budget is used up, and counts.
Task<http::Response> transmit(Session session, http::Request request) {
	SecretGate::Pass pass;
	if (session.server->gate)
		pass = co_await session.server->gate->enter();
	std::string endpoint(request.endpoint);
	Task<void> allowed = take_budget(session, endpoint);
	co_await allowed;
	if (session.stats)
		++session.stats->requests;
	http::Response response = co_await session.transport->send(std::move(request));
	if (session.stats) {
		session.stats->bytes += static_cast<std::int64_t>(response.body.size());
		session.stats->remote_time += response.elapsed;
	}
	co_await judge_client(session, &pass, &response, std::move(endpoint));
	co_return std::move(response);
}

} // namespace

Task<http::Response> send_raw(Session session, Call call) {
	http::Request request = build(session, call);
	request.accept.clear();
	return transmit(std::move(session), std::move(request));
}

Task<http::Response> send(Session session, Call call) {
	http::Backoff backoff(call.repeat == Repeat::allowed ? kTries : 1);
	for (;;) {
		Failure failure;
		http::Request request = build(session, call);
		try {
			http::Response response = co_await transmit(session, std::move(request));
			if (response.status == 200)
				co_return std::move(response);
			const ProviderError error = error_from(response, call.endpoint, session.clock->now());
			const bool lasts = session.server->gate && error.code() == ErrorCode::credentials_refused;
			failure = judge(lasts ? SecretGate::lasting(error) : error);
		} catch (const ProviderError &error) {
			failure = judge(error);
		} catch (const Error &error) {
			failure = judge_caught(error);
		}
		std::optional<std::chrono::milliseconds> pause;
		if (failure.passing)
			pause = backoff.next(failure.retry_after);
		if (!pause)
			std::rethrow_exception(failure.error);
		if (session.stats)
			++session.stats->retries;
		Sleep sleep(*pause);
		co_await sleep;
	}
}

Task<json::Document> ask(Session session, Call call) {
	const std::string endpoint = call.endpoint;
	CallStats *stats = session.stats;
	http::Response response = co_await send(std::move(session), std::move(call));
	json::Document document = read_form(endpoint, [&] { return json::Document::parse(response.body); });
	if (!document.is_object())
		bad_answer(endpoint, "the answer is no object");
	if (stats)
		stats->last_request_id = presentable_request_id(document.text("request_id"));
	co_return std::move(document);
}

std::string base_url(const ServerConfig &server) {
	std::string url(server.option("api_url"));
	if (url.empty())
		url =
		    server.option("environment") == "production" ? "https://production.plaid.com" : "https://sandbox.plaid.com";
	while (url.ends_with('/'))
		url.pop_back();
	return url;
}

json::Object body_with_token(const Credentials &credentials) {
	const auto token = credentials.find("access_token");
	if (token == credentials.end() || token->second.empty())
		throw Error(ErrorCode::not_configured, "the connection has no access token", {}, "Link the bank again.");
	json::Object body;
	body.set_secret("access_token", token->second);
	return body;
}

void bad_answer(std::string_view endpoint, std::string_view what, std::string_view request_id) {
	throw Error(ErrorCode::bad_reply, "plaid's answer was not understood: " + std::string(what),
	            error_detail(endpoint, 200, {}, request_id));
}

void rethrow_from(std::string_view endpoint) {
	try {
		throw;
	} catch (const Error &error) {
		const bool says_whose = error.detail().starts_with("provider ");
		if (error.code() != ErrorCode::bad_reply || says_whose)
			throw;
		throw Error(error.code(), error.message(), error_detail(endpoint, 200, {}, {}) + "; " + error.detail(),
		            error.hint());
	}
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
