// Rows of ob.quarantine: what a bank delivered and cannot be stored. C++ regime; callers act as owner, inside a commit
// unit.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <span>

#include "core/store.hpp"

namespace ob::pg::store {

/// Keeps them, each once, as met by this attempt of a loop. Returns how many there are.
std::int64_t quarantine(ConnectionId id, std::span<const RejectedRow> rows, std::int64_t attempt);

/// Forgets what was met last by an attempt from `first` to just before `end`.
void forget_quarantine(ConnectionId id, std::int64_t first, std::int64_t end);

/// What was kept of these is settled: they are stored now, or the bank has taken them away.
void settle_quarantine(ConnectionId id, std::span<const Transaction> stored);
void settle_quarantine(ConnectionId id, std::span<const RemovedTransaction> removed);

} // namespace ob::pg::store
