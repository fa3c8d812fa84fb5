// Leases on connections that are due (ob.sync_state), and their end with the process that holds them. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <span>

#include "core/model.hpp"

namespace ob::pg::store {

/// These leases are this process's: if it is told to end in the midst of a statement, where nothing of ours runs any
/// more, they are given back on its way out. A process that is killed leaves them to run out: it may have been their
/// doing.
void hold_leases(std::span<const ConnectionId> ids);
void forget_lease(ConnectionId id) noexcept;

/// Ends those that this process holds, but for rows that someone has locked. As owner, in a transaction.
void end_leases(std::span<const ConnectionId> ids);

} // namespace ob::pg::store
