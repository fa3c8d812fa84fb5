#include "pg/worker/steps.hpp"

#include <chrono>
#include <new>

#include "core/clock.hpp"
#include "core/loop.hpp"
#include "crypto/random.hpp"
#include "pg/guard.hpp"
#include "pg/locks.hpp"
#include "pg/log.hpp"
#include "pg/settings.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/tokens.hpp"
#include "pg/transaction.hpp"

namespace ob::pg::worker {

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

// One line of log in so many tries, a second apart.
constexpr int kTriesPerLine = 60;
// No provider's grant lives longer, and a bank is not away for longer.
constexpr auto kGiveUpAfter = 24h;

} // namespace

Trouble trouble_of(const std::exception_ptr &failure) {
	try {
		std::rethrow_exception(failure);
	} catch (const ServerError &error) {
		if (!error.data()) // there was no memory to copy it
			return Trouble::passing;
		switch (ERRCODE_TO_CATEGORY(error.data()->sqlerrcode)) {
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return Trouble::passing;
		case ERRCODE_INTERNAL_ERROR:
		case ERRCODE_FEATURE_NOT_SUPPORTED:
			return Trouble::defect;
		default:
			return Trouble::refusal;
		}
	} catch (const std::bad_alloc &) {
		return Trouble::passing;
	} catch (...) {
		return Trouble::refusal;
	}
}

void record(const std::function<void()> &body) {
	transaction([&] { store::as_owner(body); });
}

Task<void> record_surely(Context *context, Insist insist, std::string what, std::function<void()> body) {
	const auto patience = steady_clock::now() + settings::claim_timeout();
	bool caller_waits = true;
	for (int tries = 0;; ++tries) {
		std::exception_ptr failure;
		try {
			record(body);
		} catch (...) {
			failure = std::current_exception();
		}
		if (!failure)
			co_return;
		if (insist == Insist::unless_refused && trouble_of(failure) == Trouble::refusal)
			std::rethrow_exception(failure);
		if (tries % kTriesPerLine == 0)
			log_failure(what + " cannot be recorded yet and is tried again", failure);
		if (caller_waits && steady_clock::now() >= patience) {
			caller_waits = false;
			context->answer_early(Error(ErrorCode::outcome_unknown,
			                            "the provider has answered, but that cannot be recorded yet", what,
			                            "It is tried again every second; see the server log."));
		}
		Sleep pause(1s);
		co_await pause;
	}
}

std::int64_t lock_new(const store::Outcome &outcome, std::int64_t *locked) {
	const std::int64_t id = store::insert_outcome(outcome);
	if (id == 0)
		return 0;
	try_lock(LockClass::outcome, id, LockScope::session);
	*locked = id;
	return id;
}

store::LoadedServer load_committed(const Request &request) {
	try {
		store::LoadedServer server = store::load_server(request.server, request.mapping_role);
		if (request.server_version.empty() || server.version == request.server_version)
			return server;
	} catch (const Error &error) {
		if (error.code() != ErrorCode::not_found && error.code() != ErrorCode::missing_option)
			throw;
	}
	throw Error(ErrorCode::not_committed, "the server or its user mapping has not been committed",
	            "server: " + request.server,
	            "Commit first: the call is made by a worker, which sees committed rows only.");
}

providers::Credentials load_committed_tokens(const Request &request) {
	try {
		(void)store::find_connection(*request.connection);
	} catch (const Error &error) {
		if (error.code() != ErrorCode::not_found)
			throw;
		throw Error(ErrorCode::not_committed, "the connection has not been committed",
		            "connection: " + std::to_string(*request.connection),
		            "Commit first: the call is made by a worker, which sees committed rows only.");
	}
	return store::read_tokens(request.server, store::token_subject(*request.connection));
}

store::Outcome make_intent(const Request &request) {
	store::Outcome intent;
	intent.call_id = request.call_id;
	intent.kind = request.kind;
	intent.phase = "intent";
	intent.server = request.server;
	intent.connection = request.connection;
	intent.link_id = request.link_id;
	intent.grant_digest = request.grant_digest;
	intent.mapping_role = request.mapping_role;
	intent.sealed = request.sealed_grant;
	Request facts = request;
	facts.sealed_grant.clear();
	facts.server_version.clear();
	intent.request_json = facts.to_json();
	return intent;
}

std::int64_t insert_failure(const Request &request, std::int64_t *locked) {
	store::Outcome outcome;
	outcome.call_id = request.call_id;
	outcome.kind = "failure";
	outcome.phase = "recorded";
	outcome.server = request.server;
	outcome.connection = request.connection;
	outcome.mapping_role = request.mapping_role;
	outcome.request_json = request.failure_json;
	return lock_new(outcome, locked);
}

void audit_failure(const Request &request) {
	const SyncFailure failure = store::failure_from_json(request.failure_json);
	const std::string details = store::failure_to_json(failure);
	store::audit({.action = failure.new_state == "reauth_required" ? "REAUTH_REQUIRED" : "SYNC_FAILED",
	              .connection = request.connection,
	              .server = request.server,
	              .success = false,
	              .details_json = details,
	              .acting_json = request.acting_json});
}

Request failure_request(const store::Outcome &outcome, const SyncFailure &failure) {
	Request request;
	request.call_id = crypto::uuid4();
	request.kind = "failure";
	request.server = outcome.server;
	request.mapping_role = outcome.mapping_role;
	request.acting_json = Request::from_json(outcome.request_json).acting_json;
	request.connection = outcome.connection;
	request.failure_json = store::failure_to_json(failure);
	return request;
}

std::int64_t insert_lost_tokens(const store::Outcome &outcome, const Error &error) {
	SyncFailure failure;
	failure.code = error.code();
	failure.provider_code = sqlstate(error.code());
	failure.message = "Please reconnect your bank.";
	failure.new_state = "reauth_required";
	failure.reauth_reason = "outcome_unknown";
	const Request change = failure_request(outcome, failure);
	std::int64_t locked = 0;
	insert_failure(change, &locked);
	audit_failure(change);
	return locked;
}

bool settles(const Error &error) {
	const auto *refusal = dynamic_cast<const ProviderError *>(&error);
	if (refusal && refusal->reaction() == Reaction::configuration)
		return false;
	return error.code() == ErrorCode::refused || error.code() == ErrorCode::reauth_required ||
	       error.code() == ErrorCode::not_found || error.code() == ErrorCode::invalid_argument;
}

bool is_stale(const store::Outcome &outcome) {
	return outcome.created_at && SystemClock().now() - *outcome.created_at > kGiveUpAfter;
}

} // namespace ob::pg::worker
