// Syncing what is due, the way ob.sync_due and the sync worker do it. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <exception>

#include "core/task.hpp"
#include "pg/store/client_checks.hpp"
#include "pg/store/due_store.hpp"
#include "pg/store/sync_store.hpp"
#include "sync/due.hpp"

namespace ob::pg::worker {

class DueRun final : private sync::SessionSource {
public:
	DueRun(store::Commit commit, store::DueFilter filter) : store_(commit, nullptr), due_(store_, std::move(filter)) {}

	/// Syncs what is due now, each connection once. May be repeated.
	Task<sync::DueCounts> pass(sync::DueLimits limits);

	/// The task has ended with `error` (null: well), or was destroyed by an interrupt on its way: gives up its claims.
	/// To be called once, when no more of it runs. Throws nothing.
	void end(const std::exception_ptr &error);

private:
	providers::Session open(const DueConnection &connection) override;
	void lift_refusals();
	bool is_changed(const store::Client &client);

	store::PgSyncStore store_;
	store::PgDueStore due_;
	providers::CallStats stats_;
};

} // namespace ob::pg::worker
