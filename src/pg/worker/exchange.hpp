// Exchanging a grant for a connection, in the outcome worker. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>

#include "core/task.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/worker/message.hpp"
#include "pg/worker/operations.hpp"

namespace ob::pg::worker {

/// Intent, call, answer, connection. `locked` becomes the outcome's id once this process holds its lock. The result is
/// {"busy": true}, and nothing was done, where the same grant or another of the same link is being exchanged or was.
Task<Done> exchange(Request request, Context *context, std::int64_t *locked);

/// Carries on an exchange whose worker died, or whose answer was lost. Throws what keeps it open, or has ended it.
Task<void> recover_exchange(store::Outcome outcome, Context *context);

} // namespace ob::pg::worker
