// The engine's store over our tables, for one statement. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "core/store.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/sync_results.hpp"

namespace ob::pg::store {

/// Whose transactions a store works in, and how a commit unit ends.
enum class Commit {
	each_unit,        // a procedure's: SPI_commit after each
	by_caller,        // a function's: the caller's transaction decides
	own_transactions, // a background worker's, which has no caller
};

class PgSyncStore final : public SyncStore {
public:
	/// Records a failure that the caller's statement is about to raise (by_caller only).
	using FailureSink = std::function<void(ConnectionId, const SyncFailure &)>;

	PgSyncStore(Commit commit, FailureSink sink) : commit_(commit), sink_(std::move(sink)) {}

	/// State and settings of a connection. Applies nothing; read as owner. Throws not_found.
	SyncTarget load(const Connection &connection);
	/// As above, of many at once; one without a state is left out.
	std::vector<SyncTarget> load(std::span<const Connection> connections);
	/// The connection is done with.
	void forget(ConnectionId id) { loaded_.erase(id); }

	/// Runs `body`, which only reads, as owner. As with a unit, nothing is left of an error of the server when it is
	/// thrown, and it is an Error unless everything is to end.
	void read(const std::function<void()> &body);

	void unit(const std::function<void()> &body, Durability durability = Durability::at_once) override;
	AccountCounts write_accounts(ConnectionId id, const AccountList &list, AccountKinds told, bool keep_raw) override;
	TransactionCounts write_transactions(ConnectionId id, std::span<const Transaction> rows, AttemptStamp stamp,
	                                     bool keep_raw) override;
	std::int64_t remove_transactions(ConnectionId id, std::span<const RemovedTransaction> removed) override;
	std::int64_t remove_ghosts(ConnectionId id, AttemptStamp stamp) override;
	std::int64_t quarantine(ConnectionId id, std::span<const RejectedRow> rows, AttemptStamp stamp) override;
	void sweep_quarantine(ConnectionId id, AttemptStamp stamp) override;
	void each_live_transaction(ConnectionId id, const std::function<void(const Transaction &)> &fn) override;
	void each_live_transaction_since(ConnectionId id, std::string_view account_id, Date since,
	                                 const std::function<void(const Transaction &)> &fn) override;
	std::vector<KeptAccount> kept_accounts(ConnectionId id) override;
	bool move_account(ConnectionId id, std::string_view from, std::string_view to) override;
	void keep_account_numbers(ConnectionId id, const std::vector<providers::AccountNumber> &numbers) override;
	void mark_signs(ConnectionId id, std::string_view account_id, bool suspect) override;
	void save_state(ConnectionId id, const SyncState &before, const SyncState &now) override;
	void finish(ConnectionId id, const SyncReport &report) override;
	void record_failure(ConnectionId id, const SyncFailure &failure) override;
	std::unique_ptr<Spool> make_spool() override;

	/// Whether finish() of the connection has been committed since it was last asked: its lease has ended with it.
	bool take_finished(ConnectionId id) { return finished_.erase(id) > 0; }

private:
	/// The unit is about this connection too.
	void enter(ConnectionId id);
	/// Those who listen are told so at the end of the unit.
	void note_change(ConnectionId id, bool changed);
	void isolated(const char *what, const std::function<void()> &body, Durability durability);

	Commit commit_;
	FailureSink sink_;
	struct Loaded {
		std::chrono::seconds interval{};
		bool has_quarantine = false; // something of it may be settled
		bool in_error = false;
		/// Those that are live, without raw objects, as long as they are certain to be stored like that.
		std::optional<std::vector<Account>> accounts;
		Timestamp at{}; // news that came later are for the next sync
	};
	std::map<ConnectionId, Loaded> loaded_;
	std::set<ConnectionId> finished_;
	// Of the present unit:
	std::optional<ConnectionId> first_;
	std::vector<ConnectionId> finishing_;
	std::set<ConnectionId> changed_;
	std::int64_t unit_rows_ = 0;
	SyncResults results_;
};

} // namespace ob::pg::store
