// Replacing a connection's access token at its provider, in the outcome worker. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>

#include "core/task.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/worker/message.hpp"
#include "pg/worker/operations.hpp"

namespace ob::pg::worker {

/// Intent, call, answer, token. If the answer is lost, the old token is tried: where it is dead, the user must log in
/// again. `locked` becomes the outcome's id once this process holds its lock.
Task<Done> rotate(Request request, Context *context, std::int64_t *locked);

/// Finds out what became of a rotation whose worker died. Throws what keeps it open.
Task<void> recover_rotation(store::Outcome outcome, Context *context);

} // namespace ob::pg::worker
