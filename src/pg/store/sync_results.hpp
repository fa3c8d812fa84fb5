// What syncs have come to, written at the end of the unit that they share. C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "core/store.hpp"

namespace ob::pg::store {

/// Writes what SyncStore::save_state says, at once. `rows`: how many came in this unit.
void save_state(ConnectionId id, const SyncState &before, const SyncState &now, std::int64_t rows);

/// Gathers ends of syncs, so that those of many connections are two statements.
class SyncResults {
public:
	/// The state in which a loop has ended. Once a unit for each connection.
	void keep_state(ConnectionId id, const SyncState &before, const SyncState &now);
	/// The end of a sync that was neither deferred nor failed. News that came after it had begun are for the next one.
	void add(ConnectionId id, const SyncReport &report, std::chrono::seconds interval, Timestamp begun);
	/// Throws Error(internal) if a stored cursor is not what it was.
	void write();
	void clear();

private:
	struct State {
		SyncState before;
		SyncState now;
	};
	struct End {
		ConnectionId id;
		SyncReport report;
		std::chrono::seconds interval;
		Timestamp begun;
	};

	void lock_connections() const;
	/// Those that are not active any more, whatever the sync says.
	std::set<ConnectionId> write_connections() const;
	void write_sync_states(const std::set<ConnectionId> &ended) const;

	std::map<ConnectionId, State> states_;
	std::vector<End> ends_;
};

} // namespace ob::pg::store
