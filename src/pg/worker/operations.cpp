#include "pg/worker/operations.hpp"

#include "core/error.hpp"
#include "pg/locks.hpp"
#include "pg/log.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/client_checks.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/connections.hpp"
#include "pg/worker/budgets.hpp"
#include "pg/worker/exchange.hpp"
#include "pg/worker/extension.hpp"
#include "pg/worker/removal.hpp"
#include "pg/worker/renewal.hpp"
#include "pg/worker/rotation.hpp"
#include "pg/worker/steps.hpp"
#include "pg/worker/webhook_keys.hpp"
#include "json/document.hpp"

namespace ob::pg::worker {

namespace {

using store::Outcome;

/// A state change that the raising statement would roll back.
Done keep_failure(const Request &request, std::int64_t *locked) {
	record([&] {
		insert_failure(request, locked);
		audit_failure(request);
	});
	return Done{"{}", *locked, {}};
}

/// A line that the caller's transaction must not take back with it.
Done keep_line(const Request &request) {
	const auto facts = json::Document::parse(request.line_json);
	record([&] {
		store::audit({.action = facts.text("action"),
		              .connection = request.connection,
		              .server = request.server,
		              .user_ref = request.user_ref,
		              .request_id = facts.text("request_id"),
		              .success = facts.boolean("success").value_or(false),
		              .details_json = facts.text("details"),
		              .user_ip = request.user_ip,
		              .acting_json = request.acting_json});
	});
	return Done{"{}", 0, {}};
}

Done keep_refusal(const Request &request) {
	record([&] {
		store::record_refusal({request.server, request.mapping_role, request.client_digest}, request.failure_json,
		                      request.acting_json);
	});
	return Done{"{}", 0, {}};
}

store::Repair repair_of(const Outcome &outcome) {
	const auto result = json::Document::parse(outcome.result_json);
	store::Repair repair;
	repair.at_bank = outcome.kind != "extend";
	repair.user_ip = Request::from_json(outcome.request_json).user_ip;
	repair.provider_connection_id = result.text("provider_connection_id");
	return repair;
}

bool is_disconnected(ConnectionId id) {
	return store::find_connection(id).state == "disconnected";
}

Task<void> recover_one(std::int64_t id, Context *context) {
	std::optional<Outcome> outcome;
	record([&] { outcome = store::read_outcome(id); });
	if (!outcome || !outcome->is_open())
		co_return;
	if (outcome->phase == "recorded") {
		apply(id);
	} else if (outcome->kind == "exchange") {
		Task<void> task = recover_exchange(std::move(*outcome), context);
		co_await task;
	} else if (outcome->kind == "remove") {
		Task<void> task = recover_remove(std::move(*outcome), context);
		co_await task;
	} else if (outcome->kind == "rotate") {
		Task<void> task = recover_rotation(std::move(*outcome), context);
		co_await task;
	} else if (outcome->kind == "extend") {
		Task<void> task = recover_extension(std::move(*outcome), context);
		co_await task;
	}
}

Task<Done> dispatch(Request request, Context *context, std::int64_t *locked) {
	if (request.kind == "exchange") {
		Task<Done> task = exchange(std::move(request), context, locked);
		co_return co_await task;
	}
	if (request.kind == "remove") {
		Task<Done> task = remove(std::move(request), context, locked);
		co_return co_await task;
	}
	if (request.kind == "rotate") {
		Task<Done> task = rotate(std::move(request), context, locked);
		co_return co_await task;
	}
	if (request.kind == "renew") {
		Task<Done> task = renew(std::move(request), context, locked);
		co_return co_await task;
	}
	if (request.kind == "extend") {
		Task<Done> task = extend(std::move(request), context, locked);
		co_return co_await task;
	}
	if (request.kind == "failure")
		co_return keep_failure(request, locked);
	if (request.kind == "refusal")
		co_return keep_refusal(request);
	if (request.kind == "audit")
		co_return keep_line(request);
	if (request.kind == "budget")
		co_return Done{take_budgets(request), 0, {}};
	if (request.kind == "webhook_key") {
		Task<Done> task = fetch_webhook_key(std::move(request));
		co_return co_await task;
	}
	if (request.kind == "recover") {
		Task<void> task = recover(std::move(request.outcomes), context);
		co_await task;
		co_return Done{"{}", 0, {}};
	}
	throw Error(ErrorCode::internal, "unknown request to the outcome worker");
}

} // namespace

Task<Done> operate(Request request, Context *context) {
	std::int64_t locked = 0;
	Done done;
	std::exception_ptr failure;
	try {
		Task<Done> task = dispatch(std::move(request), context, &locked);
		done = co_await task;
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
		// One writer per connection: a sync that is under way would write its rows and its state over this.
		if (!try_lock(LockClass::connection, *outcome->connection, LockScope::transaction))
			throw Error(ErrorCode::no_worker,
			            "another session works on connection " + std::to_string(*outcome->connection));
		if (outcome->kind == "remove")
			store::apply_disconnect(*outcome->connection, Request::from_json(outcome->request_json).purge);
		else if (outcome->kind == "exchange" || (outcome->kind == "extend" && !is_disconnected(*outcome->connection)))
			store::apply_repair(*outcome->connection, repair_of(*outcome));
		else if (outcome->kind == "failure") {
			const std::optional<Timestamp> begun = store::begin_of_failure(outcome->request_json);
			store::apply_failure(*outcome->connection, store::failure_from_json(outcome->request_json),
			                     begun ? begun : outcome->created_at, outcome->created_at);
		}
		store::set_done(id, {});
	});
}

void apply_and_unlock(std::int64_t id) {
	std::exception_ptr failure;
	try {
		apply(id);
	} catch (...) {
		failure = std::current_exception();
	}
	unlock_session(LockClass::outcome, id);
	if (failure)
		log_failure("outcome " + std::to_string(id) + " cannot be applied yet", failure);
}

Task<void> recover(std::vector<std::int64_t> outcomes, Context *context) {
	for (const std::int64_t id : outcomes) {
		// Held by a live worker: it will finish by itself.
		if (!try_lock(LockClass::outcome, id, LockScope::session))
			continue;
		std::exception_ptr failure;
		try {
			Task<void> task = recover_one(id, context);
			co_await task;
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
