// Ending a connection at its provider, in the outcome worker. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <string_view>

#include "core/task.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/worker/message.hpp"
#include "pg/worker/operations.hpp"

namespace ob::pg::worker {

/// Error code of a connection that was to be removed, which has come to nothing.
inline constexpr std::string_view kDisconnectFailed = "DISCONNECT_FAILED";

/// Intent, call, answer; the connection's row changes once the caller's transaction has ended. `locked` becomes the
/// outcome's id once this process holds its lock.
Task<Done> remove(Request request, Context *context, std::int64_t *locked);

/// Repeats a removal whose worker died: removing twice does no harm. Throws what keeps it open, or has ended it.
Task<void> recover_remove(store::Outcome outcome, Context *context);

} // namespace ob::pg::worker
