// Claims of due connections (table ob.sync_state), for one run of ob.sync_due. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/due_store.hpp"
#include "pg/store/breakers.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/server_budget.hpp"
#include "pg/store/sync_store.hpp"

namespace ob::pg::store {

struct DueFilter {
	std::vector<std::string> servers;
	std::optional<std::string> user_ref;
};

class PgDueStore final : public DueStore {
public:
	PgDueStore(PgSyncStore &store, DueFilter filter) : store_(store), filter_(std::move(filter)) {}

	std::vector<ConnectionId> claim(std::size_t limit, const std::set<std::string> &later) override;
	DueConnection load(ConnectionId id) override;
	SyncStore &sync_store() override { return store_; }
	void trip(ConnectionId id, BreakerScope scope, BreakerTimes opens_for) override;
	void close_breakers(ConnectionId id, bool bank_too) override;
	void release(ConnectionId id) override;

	const std::vector<std::string> &servers() const { return filter_.servers; }
	/// Forgets what was handed out: another run, of what is due now.
	void begin_again();
	/// A loaded connection that is still claimed.
	const Connection &connection(ConnectionId id) const { return claimed_.at(id).connection; }
	/// For a run that was cut off between two calls of this store: ends its leases, so that others may go on with its
	/// connections, and lets go of all locks. Throws nothing.
	void give_back();
	/// Lets go of all locks; leases run out by themselves. For the end of a run.
	void release_all();

private:
	struct Claim {
		Connection connection;
		std::string bank; // may be empty
	};

	std::vector<Claim> candidates(std::size_t limit, const std::set<std::string> &later);
	std::vector<ConnectionId> lease(const std::vector<ConnectionId> &ids);
	bool has_breakers(ConnectionId id) const;
	bool passes_breakers(ConnectionId id);
	void take_budgets(const std::vector<ConnectionId> &ids);
	void read_ahead(const std::vector<ConnectionId> &ids);
	void let_go(ConnectionId id);

	PgSyncStore &store_;
	DueFilter filter_;
	SyncBudgets budgets_;
	std::map<ConnectionId, Claim> claimed_;
	/// Claimed connections that are not loaded yet, and what was read of them.
	struct Ahead {
		std::optional<SyncTarget> target;
		std::optional<TokensOrError> tokens;
	};
	std::map<ConnectionId, Ahead> ahead_;
	std::chrono::steady_clock::time_point read_at_;
	BreakerKeys breakers_; // as of the last claim, and what came since
	std::optional<Timestamp> started_at_;
	/// By server, a keyset over (next_sync_at in microseconds, id): what was handed out or passed over does not come
	/// again in this run.
	std::map<std::string, std::pair<std::int64_t, ConnectionId>> last_;
};

/// A sync to come.
struct Upcoming {
	ConnectionId id = 0;
	Timestamp at{};
	bool is_due = false;
	/// Linked less than 15 minutes ago, and its history is not complete.
	bool is_young = false;
};

/// What is due on these servers and nobody has claimed, and what is young, claimed or not; the first 1,000. As owner,
/// under a fresh snapshot.
std::vector<Upcoming> upcoming_syncs(const std::vector<std::string> &servers);

} // namespace ob::pg::store
