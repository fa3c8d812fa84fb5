// C++ regime.
#include "providers/truelayer/client.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>

#include "core/budget.hpp"
#include "core/loop.hpp"
#include "core/text.hpp"
#include "http/retry.hpp"
#include "http/url_text.hpp"
#include "providers/option_values.hpp"
#include "providers/secret_gate.hpp"
#include "providers/shortage.hpp"
#include "providers/token_keeper.hpp"
#include "providers/truelayer/errors.hpp"
#include "providers/truelayer/person.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

constexpr int kTries = 3;
// Of a bank's few calls a day a failure must not use up several.
constexpr int kUnattendedTries = 2;

// A bank that throttles is asked again after so long, then four times that.
constexpr std::chrono::seconds kThrottlePause{2};

constexpr int kUnauthorized = 401;

std::string base_url(const ServerConfig &server, std::string_view option, std::string_view live,
                     std::string_view sandbox) {
	std::string url(server.option(option));
	if (url.empty())
		url = server.option("environment") == "production" ? live : sandbox;
	while (url.ends_with('/'))
		url.pop_back();
	return url;
}

std::string base_of(const ServerConfig &server, Host host) {
	switch (host) {
	case Host::api:
		return api_url(server);
	case Host::auth:
		return auth_url(server);
	case Host::keys:
		break;
	}
	return key_set_url(server);
}

bool is_success(int status) {
	return status >= 200 && status < 300;
}

http::Request build(const Session &session, const Call &call, const Secret &bearer) {
	const ServerConfig &server = *session.server;
	http::Request request;
	request.method = call.method;
	request.url = base_of(server, call.host) + call.path;
	std::string query;
	for (const auto &[name, value] : call.query)
		http::append_parameter(query, name, value);
	if (!query.empty())
		request.url += "?" + query;
	request.endpoint = call.endpoint;
	request.accept.clear(); // an answer may be empty
	request.body = call.body;
	const auto add = [&](const char *name, std::string_view value) {
		request.headers.push_back({name, WipedString(value)});
	};
	add("Accept", "application/json");
	if (!call.body_type.empty())
		add("Content-Type", call.body_type);
	if (call.proof == Proof::bearer) {
		WipedString value("Bearer ");
		value.append(bearer.reveal());
		request.headers.push_back({"Authorization", std::move(value)});
	}
	if (call.host == Host::api && is_address(session.user_ip))
		add("X-PSU-IP", session.user_ip);
	request.tls.ca_file = server.option("ca_file");
	request.pool = server.pool;
	return request;
}

/// A failed try: what to throw, and whether another try can help.
struct Failure {
	std::exception_ptr error;
	bool passing = false;
	bool unsent = false; // it has not reached the bank, for certain
	std::optional<std::chrono::seconds> wait;
};

/// `told`: a wait that the answer names; what our own table says is for the engine, which comes back later.
Failure judge(const ProviderError &error, std::optional<std::chrono::seconds> told) {
	const bool limited = error.reaction() == Reaction::rate_limited && told.has_value();
	return {std::make_exception_ptr(error), error.reaction() == Reaction::retry || limited, false, told};
}

/// Inside a catch block.
Failure judge_caught(const Error &error) {
	const bool passing = error.code() == ErrorCode::unreachable || error.code() == ErrorCode::deadline ||
	                     error.code() == ErrorCode::bad_reply;
	return {std::current_exception(), passing, dynamic_cast<const http::NotSent *>(&error) != nullptr, std::nullopt};
}

/// How long to wait as a refusal tells: in its header, or by its code.
std::optional<std::chrono::seconds> told_wait(const http::Response &response, const ProviderError &error, int tries,
                                              Timestamp now) {
	if (error.provider_code() == kQuotaCode)
		return std::nullopt;
	if (const auto told = response.retry_after(now))
		return told;
	if (error.provider_code() == "provider_too_many_requests")
		return tries > 1 ? 4 * kThrottlePause : kThrottlePause;
	return std::nullopt;
}

/// What an answer says about client id and secret. Grants are looked at once the client is known.
Task<void> judge_client(Session session, SecretGate::Pass *pass, const http::Response *response, std::string endpoint) {
	if (is_success(response->status)) {
		pass->taken();
		co_return;
	}
	ProviderError error = error_from(*response, endpoint, session.clock->now());
	if (error.code() == ErrorCode::credentials_refused)
		co_await pass->refused(std::move(error));
	else if (error.reaction() == Reaction::reauth || error.provider_code() == "invalid_authorization_code")
		pass->taken();
}

/// One of the few calls a day that a bank allows while nobody is there: counted before the call goes out, and kept for
/// the next try if it has not, for certain.
struct DaysCall {
	bool taken = false; // and not used
};

bool counts_for_the_day(const Session &session, const Call &call) {
	return session.server->budget && !call.call_class.empty() && !call.resource.empty() && session.connection &&
	       !is_attended(session);
}

/// Leave to make the call now.
Task<void> take_budget(Session session, const Call *call, DaysCall *of_day) {
	Budget *budget = session.server->budget.get();
	if (!budget || call->call_class.empty())
		co_return;
	std::optional<Shortage> shortage;
	const bool needs_days_call = !of_day->taken && counts_for_the_day(session, *call);
	if (needs_days_call) {
		Task<std::optional<Shortage>> taken =
		    budget->take_unattended(call->call_class, *session.connection, call->resource);
		shortage = co_await taken;
	} else {
		Task<std::optional<Shortage>> taken = budget->take(call->call_class, session.connection);
		shortage = co_await taken;
	}
	if (shortage)
		throw shortage_error(*shortage, session, error_detail(call->endpoint, 0, {}, {}), call->call_class);
	of_day->taken = of_day->taken || needs_days_call;
}

Task<void> give_back(Session session, const Call *call) {
	try {
		Task<void> giving = session.server->budget->give_back_unattended(*session.connection, call->resource);
		co_await giving;
	} catch (const Error &) {
		// The call is counted although it was not made; what it failed with is what counts.
	}
}

/// Sends unless the secret was refused before or the budget is used up, and counts.
Task<http::Response> transmit(Session session, const Call *call, Secret bearer, DaysCall *of_day) {
	SecretGate::Pass pass;
	const bool gated = call->proof == Proof::secret && session.server->gate;
	http::Request request = build(session, *call, bearer);
	if (gated)
		pass = co_await session.server->gate->enter();
	Task<void> allowed = take_budget(session, call, of_day);
	co_await allowed;
	if (session.stats)
		++session.stats->requests;
	http::Response response;
	try {
		response = co_await session.transport->send(std::move(request));
	} catch (const http::NotSent &) {
		throw;
	} catch (...) {
		of_day->taken = false;
		throw;
	}
	of_day->taken = false;
	if (session.stats) {
		session.stats->bytes += static_cast<std::int64_t>(response.body.size());
		session.stats->remote_time += response.elapsed;
		session.stats->last_request_id = request_id(response);
	}
	if (gated)
		co_await judge_client(session, &pass, &response, call->endpoint);
	co_return std::move(response);
}

/// A page of a gateway in between is no answer.
bool looks_like_json(std::string_view body) {
	const std::string_view text = text::trim(body);
	return text.empty() || text.front() == '{' || text.front() == '[';
}

Task<Secret> bearer_of(Session session, Credentials credentials) {
	if (!session.tokens)
		co_return token_of(credentials, "access_token");
	Task<Secret> current = session.tokens->current();
	co_return co_await current;
}

bool can_renew(const Session &session, const Call &call, const http::Response &response) {
	return call.proof == Proof::bearer && session.tokens && response.status == kUnauthorized &&
	       rule_for(facts_of(response)).reaction == Reaction::reauth;
}

/// Only what TrueLayer says itself.
bool is_judged(const Call &call, const http::Response &response) {
	return std::find(call.judged.begin(), call.judged.end(), response.status) != call.judged.end() &&
	       !facts_of(response).foreign;
}

} // namespace

Task<http::Response> send_raw(Session session, Credentials credentials, Call call) {
	Secret bearer;
	if (call.proof == Proof::bearer) {
		Task<Secret> found = bearer_of(session, std::move(credentials));
		bearer = co_await found;
	}
	DaysCall of_day;
	Task<http::Response> sent = transmit(std::move(session), &call, std::move(bearer), &of_day);
	co_return co_await sent;
}

Task<http::Response> send(Session session, Credentials credentials, Call call) {
	http::Backoff backoff(call.repeat == Repeat::allowed ? kTries : 1);
	const int tries = call.resource.empty() || is_attended(session) ? kTries : kUnattendedTries;
	Secret bearer;
	if (call.proof == Proof::bearer) {
		Task<Secret> found = bearer_of(session, std::move(credentials));
		bearer = co_await found;
	}
	bool renewed = false;
	DaysCall of_day;
	for (int reached = 1;; ++reached) {
		Failure failure;
		bool renew = false;
		try {
			Task<http::Response> sent = transmit(session, &call, bearer, &of_day);
			http::Response response = co_await sent;
			renew = !renewed && can_renew(session, call, response);
			if (!renew && is_judged(call, response))
				co_return std::move(response);
			if (is_success(response.status)) {
				if (!looks_like_json(response.body))
					bad_answer(call.endpoint, "it is no JSON", request_id(response));
				co_return std::move(response);
			}
			const Timestamp now = session.clock->now();
			const ProviderError error = error_from(response, call.endpoint, now);
			const bool lasts =
			    call.proof == Proof::secret && session.server->gate && error.code() == ErrorCode::credentials_refused;
			failure = judge(lasts ? SecretGate::lasting(error) : error, told_wait(response, error, reached, now));
		} catch (const ProviderError &error) {
			failure = judge(error, error.retry_after());
			failure.unsent = true; // ours: a gate or a budget
		} catch (const Error &error) {
			failure = judge_caught(error);
		}
		if (renew) {
			renewed = true;
			Task<Secret> renewing = session.tokens->renew(bearer);
			bearer = co_await renewing;
			continue;
		}
		std::optional<std::chrono::milliseconds> pause;
		if (failure.passing && (failure.unsent || reached < tries))
			pause = backoff.next(failure.wait);
		if (!pause && of_day.taken) {
			Task<void> giving = give_back(session, &call);
			co_await giving;
		}
		if (!pause)
			std::rethrow_exception(failure.error);
		reached -= failure.unsent;
		if (session.stats)
			++session.stats->retries;
		Sleep sleep(*pause);
		co_await sleep;
	}
}

Task<json::Document> ask(Session session, Credentials credentials, Call call) {
	const std::string endpoint = call.endpoint;
	Task<http::Response> sent = send(std::move(session), std::move(credentials), std::move(call));
	http::Response response = co_await sent;
	json::Document document = read_form(endpoint, [&] { return json::Document::parse(response.body); });
	if (!document.is_object())
		bad_answer(endpoint, "it is no object", request_id(response));
	co_return std::move(document);
}

std::string api_url(const ServerConfig &server) {
	return base_url(server, "api_url", "https://api.truelayer.com", "https://api.truelayer-sandbox.com");
}

std::string auth_url(const ServerConfig &server) {
	return base_url(server, "auth_url", "https://auth.truelayer.com", "https://auth.truelayer-sandbox.com");
}

std::string key_set_url(const ServerConfig &server) {
	// Messages name it to the byte.
	if (const std::string_view url = server.option("webhook_jku"); !url.empty())
		return std::string(url);
	return server.option("environment") == "production" ? "https://webhooks.truelayer.com/.well-known/jwks"
	                                                    : "https://webhooks.truelayer-sandbox.com/.well-known/jwks";
}

void check_client(const ServerConfig &server) {
	const bool production = server.option("environment") == "production";
	const bool of_sandbox = server.required_credential("client_id").reveal().starts_with("sandbox-");
	if (!server.option("auth_url").empty() || production != of_sandbox)
		return;
	throw Error(ErrorCode::not_configured,
	            production ? "the client id is of the sandbox, the server of production"
	                       : "the client id is of production, the server of the sandbox",
	            "provider truelayer, server: " + server.name,
	            "Ids of sandbox clients begin with sandbox-; set the server's option environment or the user mapping's "
	            "client_id.");
}

bool is_attended(const Session &session) {
	return is_address(session.user_ip) || in_deep_window(session);
}

bool in_deep_window(const Session &session) {
	if (!session.authenticated_at)
		return false;
	const auto since = session.clock->now() - *session.authenticated_at;
	const auto window = parse_interval(session.server->option("deep_history_for"));
	return window && since >= since.zero() && since < *window;
}

void add_client(const ServerConfig &server, WipedString &form) {
	http::append_parameter(form, "client_id", server.required_credential("client_id").reveal());
	http::append_parameter(form, "client_secret", server.required_credential("client_secret").reveal());
}

void add_client(const ServerConfig &server, json::Object &body) {
	body.set_secret("client_id", server.required_credential("client_id"));
	body.set_secret("client_secret", server.required_credential("client_secret"));
}

const Secret &token_of(const Credentials &credentials, std::string_view kind) {
	const auto token = credentials.find(kind);
	if (token == credentials.end() || token->second.empty())
		throw Error(ErrorCode::not_configured,
		            std::string("the connection has no ") + (kind == "refresh_token" ? "refresh" : "access") + " token",
		            {}, "Link the bank again.");
	return token->second;
}

void bad_answer(std::string_view endpoint, std::string_view what, std::string_view request_id) {
	throw Error(ErrorCode::bad_reply, "truelayer's answer was not understood: " + std::string(what),
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

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
