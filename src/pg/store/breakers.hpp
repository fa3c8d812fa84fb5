// Circuit breakers of servers and banks (table ob.breakers). C++ regime; callers act as owner, within a commit unit.
#pragma once

#include "pg/postgres.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/model.hpp"
#include "core/due_store.hpp"

namespace ob::pg::store {

/// Servers and their banks; the bank is empty where it is the whole server.
using BreakerKeys = std::set<std::pair<std::string, std::string>>;

/// What of these servers anything is held against. A day after the last failure nothing is any more.
BreakerKeys standing_breakers(const std::vector<std::string> &servers);

/// Whether a connection may be synced: not while a breaker is open, and afterwards only as the one that finds out, which
/// it then is for the next two minutes.
bool pass_breakers(ConnectionId id);

/// Counts a failure for its server or its bank, if that is known, and opens the breaker when it is time. Rows that mean
/// nothing any more go.
void trip_breaker(ConnectionId id, BreakerScope scope, BreakerTimes opens_for);

/// The connection's provider has answered, and if `bank_too` so has its bank.
void close_breakers(ConnectionId id, bool bank_too);

/// An operator says that all is well again.
void forget_breakers(const std::string &server);

} // namespace ob::pg::store
