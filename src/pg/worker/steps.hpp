// What the operations of the outcome worker have in common: recording, and what an outcome row says. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "core/error.hpp"
#include "core/task.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/store/servers.hpp"
#include "pg/worker/message.hpp"

namespace ob::pg::worker {

/// A transaction as owner.
void record(const std::function<void()> &body);

/// As record(), for what a provider has done already and only this process knows: tried again until it succeeds, for
/// minutes. `what` names it in the log.
Task<void> record_surely(std::string what, std::function<void()> body);

/// Writes the outcome and marks it alive: whoever finds it unlocked later knows that this worker died. For a
/// transaction of record(); the lock is the process's and outlives it.
std::int64_t lock_new(const store::Outcome &outcome, std::int64_t *locked);

/// Server and mapping, which must be the ones that the caller sees: what it has not committed does not exist here.
/// Throws not_committed.
store::LoadedServer load_committed(const Request &request);

/// Whether a provider's answer during a recovery settles the matter; all else may look different next time.
bool settles(ErrorCode code);

/// An intent that could not be resolved for so long is given up.
bool is_stale(const store::Outcome &outcome);

std::string error_to_json(const Error &error);
Error error_from_json(std::string_view text);

} // namespace ob::pg::worker
