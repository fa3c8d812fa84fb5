// Prolonging a consent at its provider, in the outcome worker. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>

#include "core/task.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/worker/message.hpp"
#include "pg/worker/operations.hpp"

namespace ob::pg::worker {

/// Intent, call, answer; then new tokens and a link that has been walked already, or a link for the user to walk. An
/// answer that is lost is asked for once more with the stored tokens. `locked` becomes the outcome's id once this
/// process holds its lock.
Task<Done> extend(Request request, Context *context, std::int64_t *locked);

/// Carries on an extension whose worker died. Throws what keeps it open.
Task<void> recover_extension(store::Outcome outcome, Context *context);

} // namespace ob::pg::worker
