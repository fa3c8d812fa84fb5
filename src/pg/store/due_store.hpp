// Claims of due connections (table ob.sync_state), for one run of ob.sync_due. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/due_store.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/sync_store.hpp"

namespace ob::pg::store {

struct DueFilter {
	std::vector<std::string> servers;
	std::optional<std::string> user_ref;
};

class PgDueStore final : public DueStore {
public:
	PgDueStore(PgSyncStore &store, DueFilter filter) : store_(store), filter_(std::move(filter)) {}

	std::vector<ConnectionId> claim(std::size_t limit) override;
	DueConnection load(ConnectionId id) override;
	SyncStore &sync_store() override { return store_; }
	void release(ConnectionId id) override;

	/// A loaded connection that is still claimed.
	const Connection &connection(ConnectionId id) const { return claimed_.at(id); }
	/// For a run that was interrupted between units: ends its leases, so that others may go on with its connections, and
	/// lets go of all locks.
	void give_back();
	/// Lets go of all locks; leases run out by themselves. For the end of a run, failed or not.
	void release_all();

private:
	std::vector<ConnectionId> candidates(std::size_t limit);

	PgSyncStore &store_;
	DueFilter filter_;
	std::map<ConnectionId, Connection> claimed_;
	std::optional<Timestamp> started_at_;
	// Keyset over (next_sync_at, id): what was handed out or passed over does not come again in this run.
	std::int64_t last_due_ = INT64_MIN;
	ConnectionId last_id_ = 0;
};

} // namespace ob::pg::store
