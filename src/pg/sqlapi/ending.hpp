// Ending connections. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include "pg/store/connections.hpp"

namespace ob::pg::sqlapi {

/// At the provider, surely; and here for the caller's transaction to see, unless that is read-only or another session
/// keeps the connection. With `purge` its accounts and transactions are deleted. Throws what keeps the provider from
/// it.
void disconnect(const store::Connection &connection, bool purge);

/// Throws if the connection was to be disconnected, and the provider was not heard to have done so: nobody reads it on.
void check_not_unwanted(const store::Connection &connection);

} // namespace ob::pg::sqlapi
