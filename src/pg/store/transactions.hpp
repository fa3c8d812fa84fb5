// Rows of ob.transactions_all: compare first, then write only what differs. C++ regime; callers act as owner, inside a
// commit unit. Every statement names one connection, so the table may be distributed by it.
#pragma once

#include "pg/postgres.hpp"

#include <functional>
#include <span>
#include <string_view>

#include "core/store.hpp"

namespace ob::pg::store {

// Rows written by one statement: large enough to spread its cost, small enough for cancel and memory.
inline constexpr std::size_t kWriteBatch = 500;

/// See SyncStore::write_transactions. At most kWriteBatch rows.
TransactionCounts write_transactions(ConnectionId id, std::span<const Transaction> rows, const AttemptStamp &stamp,
									 bool keep_raw);
std::int64_t remove_transactions(ConnectionId id, std::span<const RemovedTransaction> removed);
std::int64_t remove_ghosts(ConnectionId id, const AttemptStamp &stamp);
/// Sees the table as it is at the call.
void each_live_transaction(ConnectionId id, const std::function<void(const Transaction &)> &fn);
void each_live_transaction_since(ConnectionId id, std::string_view account_id, Date since,
                                 const std::function<void(const Transaction &)> &fn);

} // namespace ob::pg::store
