// What an operator has said about syncing by itself: columns of ob.connections and ob.sync_state, and the table
// ob.server_state. C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <string>

#include "core/model.hpp"

namespace ob::pg::store {

/// Whether sync_due and the sync worker take the connection; enabled anew it is due at once. False if it was so
/// already.
bool set_sync_enabled(ConnectionId id, bool enabled);

/// As above, for all connections of a server, which keep their own settings and times.
bool set_server_paused(const std::string &server, bool paused);

/// The next sync, which is due at once, reads everything from the beginning. The caller holds the connection's lock.
void read_anew(ConnectionId id);
/// The next sync, which is due at once, is a full one. The caller holds the connection's lock.
void owe_full_sync(ConnectionId id);
/// Due at once, if it is due at all.
void sync_soon(ConnectionId id);

/// As if it had never failed, and due at once. The caller holds the connection's lock.
void retry_now(ConnectionId id);

} // namespace ob::pg::store
