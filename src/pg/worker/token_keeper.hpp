// Calls on behalf of a connection: its tokens, kept and renewed for all processes, and its user. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>

#include "core/task.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/servers.hpp"
#include "providers/provider.hpp"

namespace ob::pg::worker {

/// A session for calls with the connection's tokens, counting into `stats`, which must outlive it.
providers::Session connection_session(const store::LoadedServer &server, const store::Connection &connection,
                                      providers::CallStats &stats);

/// Renews the connection's tokens now, whatever the time of the present ones. Throws what the provider says.
Task<void> renew_tokens(store::LoadedServer server, store::Connection connection);

} // namespace ob::pg::worker
