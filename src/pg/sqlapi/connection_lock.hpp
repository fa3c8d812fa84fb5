// Waiting for a connection's lock. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <functional>

#include "core/model.hpp"
#include "core/task.hpp"
#include "pg/locks.hpp"

namespace ob::pg::sqlapi {

/// Waits for the connection's lock up to claim_timeout; false if another session kept it, or its token is being
/// replaced: that goes on after its caller, who had the lock, was cancelled.
Task<bool> wait_for_lock(ConnectionId id, LockScope scope);

/// Takes the connection's lock for the caller's transaction, once what a dead worker left of it has been carried on.
/// Throws not_configured if another session keeps it.
Task<void> lock_for_transaction(ConnectionId id);

/// Waits up to claim_timeout until it is known which token of the connection is the live one.
Task<bool> wait_for_rotation(ConnectionId id);

/// Runs `body`, which may commit, under the connection's lock; false, and it is not run, if somebody else works on the
/// connection.
bool with_free_connection(ConnectionId id, const std::function<void()> &body);

} // namespace ob::pg::sqlapi
