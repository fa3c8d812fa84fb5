// What the last sync of a connection said, for a session that waited for it. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include "core/store.hpp"

namespace ob::pg::store {

/// How many syncs of a connection have ended so far, whether they failed or not. Under a fresh snapshot.
std::int64_t finished_syncs(ConnectionId id);
/// What the last of them said. Throws if it failed. Under a fresh snapshot.
SyncReport last_report(ConnectionId id);

/// For column last_report of ob.sync_state.
std::string report_to_json(const SyncReport &report);

/// Text of a status, as SQL shows it.
std::string_view status_name(SyncStatus status);

} // namespace ob::pg::store
