// What the operations of the outcome worker have in common: recording, and what an outcome row says. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <string>

#include "core/error.hpp"
#include "core/store.hpp"
#include "core/task.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/store/servers.hpp"
#include "pg/worker/context.hpp"
#include "pg/worker/message.hpp"

namespace ob::pg::worker {

/// A transaction as owner.
void record(const std::function<void()> &body);

/// What the database has against a transaction.
enum class Trouble {
	passing, // a lock, a full disk, a shutdown: what an administrator or time will mend
	defect,  // of ours or the server's (a plan gone stale, a broken index): says nothing about what is to be recorded
	refusal, // it will never take that
};
Trouble trouble_of(const std::exception_ptr &failure);

/// What only this process knows is tried again whatever happens; what recovery can repeat, until the database refuses
/// it for good.
enum class Insist { always, unless_refused };

/// As record(), for what a provider has done already: tried again as long as this process lives. After claim_timeout
/// the caller is told that the outcome is unknown. `what` names it in the log.
Task<void> record_surely(Context *context, Insist insist, std::string what, std::function<void()> body);

/// Writes the outcome and marks it alive: whoever finds it unlocked later knows that this worker died. For a
/// transaction of record(); the lock is the process's and outlives it. 0 if the same grant was or is being exchanged,
/// or another of the same link.
std::int64_t lock_new(const store::Outcome &outcome, std::int64_t *locked);

/// Server and mapping, which must be the ones that the caller sees: what it has not committed does not exist here.
/// Throws not_committed.
store::LoadedServer load_committed(const Request &request);

/// The tokens of the request's connection, which must be committed: without its row there would seem to be nothing to
/// call the provider for. Throws not_committed.
providers::Credentials load_committed_tokens(const Request &request);

/// An intent to carry out `request`: what recovery needs of it is in the row, no secret.
store::Outcome make_intent(const Request &request);

/// A change of a connection's state, to be applied once the caller's transaction has ended: its outcome, locked. For a
/// transaction of record().
std::int64_t insert_failure(const Request &request, std::int64_t *locked);
/// Says so in the audit log.
void audit_failure(const Request &request);
/// The request for insert_failure() that follows from another outcome.
Request failure_request(const store::Outcome &outcome, const SyncFailure &failure);

/// The stored tokens are dead, and nobody holds those that came instead: the user must log in again. As
/// insert_failure(), and said in the audit log.
std::int64_t insert_lost_tokens(const store::Outcome &outcome, const Error &error);

/// Whether a provider's answer during a recovery settles the matter; all else may look different next time, above all
/// what the operator has to mend.
bool settles(const Error &error);

/// An intent that could not be resolved for so long is given up.
bool is_stale(const store::Outcome &outcome);

} // namespace ob::pg::worker
