#include "pg/worker/exchange.hpp"

#include "core/error.hpp"
#include "crypto/seal.hpp"
#include "pg/crash_point.hpp"
#include "pg/runtime.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/links.hpp"
#include "pg/store/servers.hpp"
#include "pg/worker/steps.hpp"
#include "json/document.hpp"

namespace ob::pg::worker {

namespace {

using store::LoadedServer;
using store::Outcome;

// ---- the provider's answer, sealed between the call and the connection ----

std::string seal_established(const crypto::KeyRing &keys, const std::string &call_id,
                             const providers::Established &established) {
	json::Object object, tokens;
	for (const auto &[kind, token] : established.credentials)
		tokens.set_secret(kind, token);
	object.set("provider_connection_id", established.provider_connection_id);
	object.set_if("request_id", established.request_id).set("credentials", tokens);
	return crypto::seal(keys, object.dump(), outcome_place(call_id));
}

providers::Established open_established(const Outcome &outcome) {
	const Secret opened = crypto::unseal(store::load_keys(), outcome.sealed, outcome_place(outcome.call_id),
	                                     "answer of outcome " + std::to_string(outcome.id));
	const auto document = json::Document::parse(opened.reveal());
	providers::Established established;
	established.provider_connection_id = document.text("provider_connection_id");
	established.request_id = document.text("request_id");
	for (const auto &[kind, token] : document.get("credentials").members())
		established.credentials.emplace(kind, Secret(token.text()));
	return established;
}

// ---- the intent ----

/// Links are written by callers; one that this worker cannot see is not committed yet.
void check_link(const Request &request) {
	const auto link = store::find_link(request.link_id);
	if (!link)
		throw Error(ErrorCode::not_committed, "the link has not been committed", "link: " + request.link_id,
		            "Commit ob.link first, then call ob.link_complete.");
	if (link->state != "open" || link->expired)
		throw Error(ErrorCode::not_configured, "the link is no longer open",
		            "link: " + request.link_id + ", state: " + (link->expired ? "expired" : link->state),
		            "Start a new one with ob.link.");
}

void insert_worker_link(const Request &request) {
	store::Link link;
	link.link_id = request.link_id;
	link.server = request.server;
	link.user_ref = request.user_ref;
	link.kind = request.link_kind;
	link.options_json = "{}";
	link.mapping_role = request.mapping_role;
	link.user_ip = request.user_ip;
	link.expires_at = Runtime::get().clock().now() + std::chrono::minutes(30);
	store::insert_link(link, std::nullopt);
}

Outcome make_intent(const Request &request) {
	Outcome intent;
	intent.call_id = request.call_id;
	intent.kind = "exchange";
	intent.phase = "intent";
	intent.server = request.server;
	intent.link_id = request.link_id;
	intent.grant_digest = request.grant_digest;
	intent.mapping_role = request.mapping_role;
	intent.sealed = request.sealed_grant;
	Request facts = request; // what recovery needs; the grant itself is in `sealed`
	facts.sealed_grant.clear();
	facts.server_version.clear();
	intent.request_json = facts.to_json();
	return intent;
}

// ---- the call and its answer ----

void audit_failure(const Outcome &outcome, const std::string &login_role, const Error &error) {
	const std::string details = error_to_json(error);
	store::audit({.action = "TOKEN_EXCHANGED",
	              .connection = std::nullopt,
	              .server = outcome.server,
	              .login_role = login_role,
	              .request_id = {},
	              .success = false,
	              .details_json = details});
}

/// The first call failed. A lost answer leaves the intent open: the grant may still be good, and recovery finds out.
void record_failed_call(const Outcome &outcome, const std::string &login_role, const Error &error) {
	record([&] {
		if (error.code() != ErrorCode::outcome_unknown)
			store::set_failed(outcome.id, error_to_json(error));
		audit_failure(outcome, login_role, error);
	});
}

/// A recovery ended in a refusal: the lost call went through, and nobody holds what it brought.
void record_lost(const Outcome &outcome, const std::string &login_role, const Error &error) {
	record([&] {
		store::set_failed(outcome.id, error_to_json(error));
		store::end_link(outcome.link_id, "failed", "outcome_unknown", std::nullopt);
		audit_failure(outcome, login_role, error);
	});
}

/// The call itself, then its answer into the outcome row before anything else happens.
Task<void> call_exchange(Outcome *outcome, LoadedServer server, std::string grant_kind, InFlight *in_flight) {
	const InFlight::Call call(*in_flight);
	// Read before the call: its answer must be sealed whatever becomes of the key file meanwhile.
	const crypto::KeyRing keys = store::load_keys();
	providers::LinkGrant grant;
	grant.kind = std::move(grant_kind);
	grant.value = crypto::unseal(keys, outcome->sealed, outcome_place(outcome->call_id),
	                             "grant of outcome " + std::to_string(outcome->id));
	providers::CallStats stats;
	providers::Established established;
	std::optional<Error> failure;
	try {
		providers::Session session = Runtime::get().session(server.config, stats);
		Task<providers::Established> exchanged = server.provider->exchange(std::move(session), std::move(grant));
		established = co_await exchanged;
	} catch (const Error &error) {
		failure.emplace(error);
	}
	crash_point("exchange_answered");
	if (failure)
		throw *failure;
	outcome->sealed = seal_established(keys, outcome->call_id, established);
	outcome->phase = "answered";
	Task<void> recorded = record_surely("the answer of outcome " + std::to_string(outcome->id),
	                                    [outcome] { store::set_answered(outcome->id, outcome->sealed); });
	co_await recorded;
	crash_point("exchange_recorded");
}

/// Stores the connection that an answered exchange has become.
std::string insert_connection(const Outcome &outcome, const Request &facts, const providers::Established &established,
                              const providers::ConnectionHealth &health) {
	store::NewConnection fresh;
	fresh.server = outcome.server;
	fresh.provider = store::provider_of(outcome.server);
	fresh.user_ref = facts.user_ref;
	fresh.mapping_role = outcome.mapping_role;
	fresh.user_ip = facts.user_ip;
	fresh.established = established;
	fresh.health = health;
	const ConnectionId id = store::insert_connection(fresh);
	store::end_link(outcome.link_id, "completed", {}, id);
	store::AuditLine line{.action = "TOKEN_EXCHANGED",
	                      .connection = id,
	                      .server = outcome.server,
	                      .login_role = facts.login_role,
	                      .request_id = established.request_id,
	                      .success = true,
	                      .details_json = {}};
	store::audit(line);
	line.action = "CONNECTED";
	line.request_id = {};
	store::audit(line);
	json::Object object;
	object.set("connection_id", id).set("status", "active").set_if("institution_name", health.institution_name);
	std::string result(object.dump());
	store::set_done(outcome.id, result);
	return result;
}

/// From the recorded answer on: nothing here is irreversible, so recovery may repeat it.
Task<std::string> finish_exchange(Outcome outcome, LoadedServer server) {
	const Request facts = Request::from_json(outcome.request_json);
	const providers::Established established = open_established(outcome);
	providers::CallStats stats;
	providers::ConnectionHealth health;
	try {
		providers::Session session = Runtime::get().session(server.config, stats);
		Task<providers::ConnectionHealth> read = server.provider->health(std::move(session), established.credentials);
		health = co_await read;
	} catch (const Error &) {
		// Only names and dates are missed; the next sync brings them.
	}
	std::string result;
	Task<void> recorded = record_surely("the connection of outcome " + std::to_string(outcome.id),
	                                    [&] { result = insert_connection(outcome, facts, established, health); });
	co_await recorded;
	co_return result;
}

} // namespace

Task<Done> exchange(Request request, InFlight *in_flight, std::int64_t *locked) {
	LoadedServer server;
	Outcome outcome;
	record([&] {
		server = load_committed(request);
		if (request.link_kind.empty())
			check_link(request);
		else
			insert_worker_link(request);
		outcome = make_intent(request);
		outcome.id = lock_new(outcome, locked);
	});
	crash_point("exchange_intent");
	std::optional<Error> failure;
	try {
		Task<void> call = call_exchange(&outcome, server, request.grant_kind, in_flight);
		co_await call;
	} catch (const Error &error) {
		failure.emplace(error);
	}
	if (failure) {
		record_failed_call(outcome, request.login_role, *failure);
		throw *failure;
	}
	Task<std::string> finished = finish_exchange(std::move(outcome), std::move(server));
	Done done;
	done.result_json = co_await finished;
	co_return done;
}

Task<void> recover_exchange(Outcome outcome, InFlight *in_flight) {
	const Request facts = Request::from_json(outcome.request_json);
	LoadedServer server;
	std::optional<Error> failure;
	try {
		record([&] { server = store::load_server(outcome.server, outcome.mapping_role); });
		if (outcome.phase == "intent") {
			Task<void> call = call_exchange(&outcome, server, facts.grant_kind, in_flight);
			co_await call;
		}
	} catch (const Error &error) {
		failure.emplace(error);
	}
	if (failure) {
		// An answer that is here already is kept, whatever stands in its way.
		if (outcome.phase == "intent" && (settles(failure->code()) || is_stale(outcome)))
			record_lost(outcome, facts.login_role, *failure);
		throw *failure;
	}
	Task<std::string> finished = finish_exchange(std::move(outcome), std::move(server));
	(void)co_await finished;
}

} // namespace ob::pg::worker
