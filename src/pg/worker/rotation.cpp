#include "pg/worker/rotation.hpp"

#include "core/error.hpp"
#include "pg/crash_point.hpp"
#include "pg/locks.hpp"
#include "pg/runtime.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/tokens.hpp"
#include "pg/worker/answer.hpp"
#include "pg/worker/failure.hpp"
#include "pg/worker/steps.hpp"

namespace ob::pg::worker {

namespace {

using store::LoadedServer;
using store::Outcome;

constexpr const char *kResult = R"({"state":"rotated"})";

void audit_rotation(const Outcome &outcome, std::string_view request_id, const Error *failure) {
	const Request request = Request::from_json(outcome.request_json);
	const std::string details = failure ? store::error_to_json(*failure) : std::string();
	store::audit({.action = failure ? "TOKEN_REFRESH_FAILED" : "TOKEN_REFRESHED",
	              .connection = outcome.connection,
	              .server = outcome.server,
	              .request_id = request_id,
	              .success = !failure,
	              .details_json = details,
	              .acting_json = request.acting_json});
}

void record_failed_call(const Outcome &outcome, const Error &error) {
	record([&] {
		store::set_failed(outcome.id, store::error_to_json(error));
		if (error.code() != ErrorCode::unsupported) // or it would count among renewals that have failed
			audit_rotation(outcome, {}, &error);
	});
}

// ---- the call and its answer ----

/// The call itself, then its answer into the outcome row before anything else happens.
Task<void> call_rotate(Outcome *outcome, LoadedServer server, providers::Credentials tokens, Context *context) {
	const InFlight::Call call(*context->in_flight);
	// Read before the call: its answer must be sealed whatever becomes of the key file meanwhile.
	const crypto::KeyRing keys = store::load_keys();
	providers::CallStats stats;
	providers::Established renewed;
	Failure failure;
	try {
		providers::Session session = Runtime::get().session(server.config, stats, outcome->connection);
		Task<providers::Credentials> rotated = server.provider->rotate(std::move(session), std::move(tokens));
		renewed.credentials = co_await rotated;
	} catch (const Error &error) {
		failure.take(error);
	}
	crash_point("rotate_answered");
	if (failure)
		failure.rethrow();
	renewed.request_id = stats.last_request_id;
	outcome->sealed = seal_answer(keys, outcome->call_id, renewed);
	outcome->phase = "answered";
	Task<void> recorded = record_surely(context, Insist::always, "the answer of outcome " + std::to_string(outcome->id),
	                                    [outcome] { store::set_answered(outcome->id, outcome->sealed); });
	co_await recorded;
	crash_point("rotate_recorded");
}

/// From the recorded answer on: recovery may repeat it.
Task<void> finish_rotation(Outcome outcome, Context *context) {
	const providers::Established renewed = open_answer(outcome);
	Task<void> recorded =
	    record_surely(context, Insist::unless_refused, "the token of outcome " + std::to_string(outcome.id), [&] {
		    store::save_tokens(outcome.server, store::token_subject(*outcome.connection), renewed.credentials);
		    store::set_done(outcome.id, kResult);
		    audit_rotation(outcome, renewed.request_id, nullptr);
	    });
	co_await recorded;
}

// ---- no answer ----

/// Whether the old token still works; throws what leaves that open.
Task<bool> still_works(LoadedServer server, providers::Credentials tokens, std::optional<ConnectionId> connection) {
	providers::CallStats stats;
	bool works = true;
	try {
		providers::Session session = Runtime::get().session(server.config, stats, connection);
		Task<providers::ConnectionHealth> health = server.provider->health(std::move(session), std::move(tokens));
		(void)co_await health;
	} catch (const ProviderError &error) {
		if (!settles(error))
			throw;
		works = false;
	}
	co_return works;
}

Error not_rotated(const Outcome &outcome) {
	return Error(ErrorCode::unreachable, "the access token was not replaced: the old one still works",
	             "connection: " + std::to_string(*outcome.connection) + ", server: " + outcome.server, "Try again.");
}

Error token_lost(const Outcome &outcome) {
	return Error(ErrorCode::outcome_unknown, "the access token was replaced, but the new one was lost on its way",
	             "connection: " + std::to_string(*outcome.connection) + ", server: " + outcome.server,
	             "The user must link the bank again.");
}

/// The old token is dead and nobody holds the new one. Returns the outcome that brings it to the connection's row.
std::int64_t record_lost(const Outcome &outcome, const Error &error) {
	std::int64_t to_apply = 0;
	record([&] {
		store::set_failed(outcome.id, store::error_to_json(error));
		audit_rotation(outcome, {}, &error);
		to_apply = insert_lost_tokens(outcome, error);
	});
	return to_apply;
}

/// Asks with the old token what became of a call without an answer.
Task<Done> find_out(Outcome outcome, LoadedServer server, providers::Credentials tokens) {
	Task<bool> asked = still_works(std::move(server), std::move(tokens), outcome.connection);
	const bool works = co_await asked;
	Done done;
	done.failure.emplace(works ? not_rotated(outcome) : token_lost(outcome));
	if (works)
		record_failed_call(outcome, *done.failure);
	else
		done.to_apply = record_lost(outcome, *done.failure);
	co_return std::move(done);
}

} // namespace

Task<Done> rotate(Request request, Context *context, std::int64_t *locked) {
	LoadedServer server;
	providers::Credentials tokens;
	Outcome outcome;
	record([&] {
		server = load_committed(request);
		tokens = load_committed_tokens(request);
		outcome = make_intent(request);
		outcome.id = lock_new(outcome, locked);
	});
	crash_point("rotate_intent");
	Failure failure;
	try {
		Task<void> call = call_rotate(&outcome, server, tokens, context);
		co_await call;
	} catch (const Error &error) {
		failure.take(error);
	}
	if (!failure) {
		Task<void> finished = finish_rotation(std::move(outcome), context);
		co_await finished;
		co_return Done{kResult, 0, {}};
	}
	if (failure->code() != ErrorCode::outcome_unknown) {
		record_failed_call(outcome, *failure);
		failure.rethrow();
	}
	Task<Done> found = find_out(std::move(outcome), std::move(server), std::move(tokens));
	Done done = co_await found;
	if (done.to_apply != 0)
		unlock_session(LockClass::outcome, std::exchange(*locked, done.to_apply));
	co_return std::move(done);
}

Task<void> recover_rotation(Outcome outcome, Context *context) {
	if (outcome.phase == "answered") {
		Task<void> finished = finish_rotation(std::move(outcome), context);
		co_await finished;
		co_return;
	}
	LoadedServer server;
	providers::Credentials tokens;
	record([&] {
		server = store::load_server(outcome.server, outcome.mapping_role);
		tokens = store::read_tokens(outcome.server, store::token_subject(*outcome.connection));
	});
	Task<Done> found = find_out(std::move(outcome), std::move(server), std::move(tokens));
	const Done done = co_await found;
	if (done.to_apply != 0)
		apply_and_unlock(done.to_apply);
}

} // namespace ob::pg::worker
