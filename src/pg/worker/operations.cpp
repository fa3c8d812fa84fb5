#include "pg/worker/operations.hpp"

#include "core/error.hpp"
#include "crypto/seal.hpp"
#include "json/document.hpp"
#include "pg/crash_point.hpp"
#include "pg/guard.hpp"
#include "pg/locks.hpp"
#include "pg/log.hpp"
#include "pg/runtime.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/links.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/tokens.hpp"
#include "pg/transaction.hpp"

namespace ob::pg::worker {

namespace {

using store::LoadedServer;
using store::Outcome;

/// A transaction as owner.
void record(const std::function<void()> &body) {
	transaction([&] { store::as_owner(body); });
}

/// Writes the outcome and marks it alive: whoever finds it unlocked later knows that this worker died.
std::int64_t lock_new(const Outcome &outcome, std::int64_t *locked) {
	const std::int64_t id = store::insert_outcome(outcome);
	try_lock(LockClass::outcome, id, LockScope::session);
	*locked = id;
	return id;
}

/// Trouble that says nothing about the grant: a later recovery may try again.
bool may_pass(ErrorCode code) {
	return code == ErrorCode::unreachable || code == ErrorCode::provider_down || code == ErrorCode::rate_limited;
}

/// Server and mapping, which must be the ones that the caller sees: what it has not committed does not exist here.
LoadedServer load_committed(const Request &request) {
	try {
		LoadedServer server = store::load_server(request.server, request.mapping_role);
		if (request.server_version.empty() || server.version == request.server_version)
			return server;
	} catch (const Error &error) {
		if (error.code() != ErrorCode::not_found && error.code() != ErrorCode::missing_option)
			throw;
	}
	throw Error(ErrorCode::not_committed, "the server or its user mapping has not been committed",
				"server: " + request.server, "Commit first: the call is made by a worker, which sees committed rows only.");
}

// ---- sealed parts of an outcome ----

std::string seal_established(const std::string &call_id, const providers::Established &established) {
	json::Object object, tokens;
	for (const auto &[kind, token] : established.credentials)
		tokens.set_secret(kind, token);
	object.set("provider_connection_id", established.provider_connection_id);
	object.set_if("request_id", established.request_id).set("credentials", tokens);
	return crypto::seal(store::load_keys(), object.dump(), outcome_place(call_id));
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

std::string error_json(const Error &error) {
	json::Object object;
	object.set("sqlstate", sqlstate(error.code())).set("message", error.message());
	object.set_if("detail", error.detail()).set_if("hint", error.hint());
	return std::string(object.dump());
}

// ---- exchange: a grant becomes a connection ----

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

Outcome exchange_intent(const Request &request) {
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

/// Ends an exchange that failed. A lost answer ends the link too: whether a connection exists is not known.
void record_failed_exchange(const Outcome &outcome, const Error &error) {
	record([&] {
		store::set_failed(outcome.id, error_json(error));
		if (error.code() == ErrorCode::outcome_unknown)
			store::end_link(outcome.link_id, "failed", "outcome_unknown", std::nullopt);
		store::audit({.action = "TOKEN_EXCHANGED",
					  .connection = std::nullopt,
					  .server = outcome.server,
					  .login_role = {},
					  .request_id = {},
					  .success = false,
					  .details_json = error_json(error)});
	});
}

/// Stores the connection that an answered exchange has become.
std::string record_connection(const Outcome &outcome, const Request &facts, const providers::Established &established,
							  const providers::ConnectionHealth &health) {
	std::string result;
	record([&] {
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
		result = std::string(object.dump());
		store::set_done(outcome.id, result);
	});
	return result;
}

/// From the recorded answer on: nothing here is irreversible, so recovery may repeat it.
Task<std::string> finish_exchange(Outcome outcome, LoadedServer server) {
	const Request facts = Request::from_json(outcome.request_json);
	const providers::Established established = open_established(outcome);
	providers::CallStats stats;
	providers::ConnectionHealth health;
	try {
		health = co_await server.provider->health(Runtime::get().session(server.config, stats), established.credentials);
	} catch (const Error &) {
		// Only names and dates are missed; the next sync brings them.
	}
	co_return record_connection(outcome, facts, established, health);
}

/// The call itself, then its answer into the outcome row before anything else happens.
Task<void> call_exchange(Outcome *outcome, LoadedServer server, std::string grant_kind, bool recovering,
						 InFlight *in_flight) {
	const InFlight::Call call(*in_flight);
	providers::LinkGrant grant;
	grant.kind = std::move(grant_kind);
	grant.value = crypto::unseal(store::load_keys(), outcome->sealed, outcome_place(outcome->call_id),
								 "grant of outcome " + std::to_string(outcome->id));
	providers::CallStats stats;
	providers::Established established;
	std::optional<Error> failure;
	try {
		established = co_await server.provider->exchange(Runtime::get().session(server.config, stats), std::move(grant));
	} catch (const Error &error) {
		failure.emplace(error);
	}
	crash_point("exchange_answered");
	if (failure) {
		if (!recovering || !may_pass(failure->code()))
			record_failed_exchange(*outcome, *failure);
		throw *failure;
	}
	outcome->sealed = seal_established(outcome->call_id, established);
	record([&] { store::set_answered(outcome->id, outcome->sealed); });
	crash_point("exchange_recorded");
}

Task<Done> exchange(Request request, InFlight *in_flight, std::int64_t *locked) {
	LoadedServer server;
	Outcome outcome;
	record([&] {
		server = load_committed(request);
		if (request.link_kind.empty())
			check_link(request);
		else
			insert_worker_link(request);
		outcome = exchange_intent(request);
		outcome.id = lock_new(outcome, locked);
	});
	crash_point("exchange_intent");
	co_await call_exchange(&outcome, server, request.grant_kind, false, in_flight);
	Done done;
	done.result_json = co_await finish_exchange(std::move(outcome), std::move(server));
	co_return done;
}

// ---- remove: a connection ends at the provider ----

Task<void> call_remove(Outcome outcome, LoadedServer server, providers::Credentials tokens, InFlight *in_flight) {
	const InFlight::Call call(*in_flight);
	providers::CallStats stats;
	std::optional<Error> failure;
	try {
		if (!tokens.empty())
			co_await server.provider->remove(Runtime::get().session(server.config, stats), std::move(tokens));
	} catch (const Error &error) {
		failure.emplace(error);
	}
	crash_point("remove_answered");
	record([&] {
		if (failure) {
			store::set_failed(outcome.id, error_json(*failure));
		} else {
			store::erase_tokens(outcome.server, store::token_subject(*outcome.connection));
			store::set_recorded(outcome.id, R"({"state":"disconnected"})");
		}
		store::audit({.action = "DISCONNECTED",
					  .connection = outcome.connection,
					  .server = outcome.server,
					  .login_role = Request::from_json(outcome.request_json).login_role,
					  .request_id = stats.last_request_id,
					  .success = !failure,
					  .details_json = {}});
	});
	crash_point("remove_recorded");
	if (failure)
		throw *failure;
}

Task<Done> remove(Request request, InFlight *in_flight, std::int64_t *locked) {
	LoadedServer server;
	providers::Credentials tokens;
	Outcome outcome;
	record([&] {
		server = load_committed(request);
		tokens = store::read_tokens(request.server, store::token_subject(*request.connection));
		outcome.call_id = request.call_id;
		outcome.kind = "remove";
		outcome.phase = "intent";
		outcome.server = request.server;
		outcome.connection = request.connection;
		outcome.mapping_role = request.mapping_role;
		Request facts = request;
		facts.server_version.clear();
		outcome.request_json = facts.to_json();
		outcome.id = lock_new(outcome, locked);
	});
	crash_point("remove_intent");
	co_await call_remove(outcome, std::move(server), std::move(tokens), in_flight);
	Done done;
	done.result_json = R"({"state":"disconnected"})";
	done.to_apply = outcome.id;
	co_return done;
}

// ---- failure: a state change that the raising statement would roll back ----

Done keep_failure(const Request &request, std::int64_t *locked) {
	Done done;
	record([&] {
		Outcome outcome;
		outcome.call_id = request.call_id;
		outcome.kind = "failure";
		outcome.phase = "recorded";
		outcome.server = request.server;
		outcome.connection = request.connection;
		outcome.mapping_role = request.mapping_role;
		outcome.request_json = request.failure_json;
		done.to_apply = lock_new(outcome, locked);
		store::audit({.action = "SYNC_FAILED",
					  .connection = request.connection,
					  .server = request.server,
					  .login_role = request.login_role,
					  .request_id = {},
					  .success = false,
					  .details_json = request.failure_json});
	});
	done.result_json = "{}";
	return done;
}

// ---- recovery ----

Task<void> recover_exchange(Outcome outcome, InFlight *in_flight) {
	const Request facts = Request::from_json(outcome.request_json);
	LoadedServer server;
	record([&] { server = store::load_server(outcome.server, outcome.mapping_role); });
	// The first call may have reached the provider: a grant that was used up is then refused, and nobody knows more.
	if (outcome.phase == "intent") {
		std::optional<Error> failure;
		try {
			co_await call_exchange(&outcome, server, facts.grant_kind, true, in_flight);
		} catch (const Error &error) {
			failure.emplace(error);
		}
		if (failure) {
			if (!may_pass(failure->code()))
				record([&] { store::end_link(outcome.link_id, "failed", "outcome_unknown", std::nullopt); });
			throw *failure;
		}
	}
	(void)co_await finish_exchange(std::move(outcome), std::move(server));
}

Task<void> recover_remove(Outcome outcome, InFlight *in_flight) {
	LoadedServer server;
	providers::Credentials tokens;
	record([&] {
		server = store::load_server(outcome.server, outcome.mapping_role);
		tokens = store::read_tokens(outcome.server, store::token_subject(*outcome.connection));
	});
	co_await call_remove(outcome, std::move(server), std::move(tokens), in_flight);
	apply(outcome.id);
}

Task<void> recover_one(std::int64_t id, InFlight *in_flight) {
	std::optional<Outcome> outcome;
	record([&] { outcome = store::read_outcome(id); });
	if (!outcome || outcome->phase == "done" || outcome->phase == "failed")
		co_return;
	if (outcome->phase == "recorded")
		apply(id);
	else if (outcome->kind == "exchange")
		co_await recover_exchange(std::move(*outcome), in_flight);
	else if (outcome->kind == "remove")
		co_await recover_remove(std::move(*outcome), in_flight);
}

Task<Done> dispatch(Request request, InFlight *in_flight, std::int64_t *locked) {
	if (request.kind == "exchange")
		co_return co_await exchange(std::move(request), in_flight, locked);
	if (request.kind == "remove")
		co_return co_await remove(std::move(request), in_flight, locked);
	if (request.kind == "failure")
		co_return keep_failure(request, locked);
	if (request.kind == "recover") {
		co_await recover(std::move(request.outcomes), in_flight);
		co_return Done{"{}", 0};
	}
	throw Error(ErrorCode::internal, "unknown request to the outcome worker");
}

} // namespace

Task<Done> operate(Request request, InFlight *in_flight) {
	std::int64_t locked = 0;
	Done done;
	std::exception_ptr failure;
	try {
		done = co_await dispatch(std::move(request), in_flight, &locked);
	} catch (...) {
		failure = std::current_exception();
	}
	if (locked != 0 && done.to_apply != locked)
		unlock_session(LockClass::outcome, locked);
	if (failure)
		std::rethrow_exception(failure);
	co_return done;
}

void apply(std::int64_t id) {
	record([&] {
		const auto outcome = store::read_outcome(id);
		if (!outcome || outcome->phase != "recorded" || !outcome->connection)
			return;
		if (outcome->kind == "remove")
			store::apply_disconnect(*outcome->connection, Request::from_json(outcome->request_json).purge);
		else
			store::apply_failure(*outcome->connection, store::failure_from_json(outcome->request_json),
								 outcome->created_at);
		store::set_done(id, {});
	});
}

Task<void> recover(std::vector<std::int64_t> outcomes, InFlight *in_flight) {
	for (const std::int64_t id : outcomes) {
		// Held by a live worker: it will finish by itself.
		if (!try_lock(LockClass::outcome, id, LockScope::session))
			continue;
		std::exception_ptr failure;
		try {
			co_await recover_one(id, in_flight);
		} catch (...) {
			failure = std::current_exception();
		}
		unlock_session(LockClass::outcome, id);
		// One that cannot be recovered now (a bank that is down) must not hold up the others; it stays open.
		if (failure)
			log_failure("recovery of outcome " + std::to_string(id), failure);
	}
}

} // namespace ob::pg::worker
