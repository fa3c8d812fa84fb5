// Syncing what is due, the way ob.sync_due and the sync worker do it. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <chrono>
#include <exception>
#include <map>
#include <string>
#include <utility>

#include "core/task.hpp"
#include "pg/store/client_checks.hpp"
#include "pg/store/due_store.hpp"
#include "pg/store/servers.hpp"
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
	store::LoadedServer load_server(const store::Connection &connection);

	store::PgSyncStore store_;
	store::PgDueStore due_;
	providers::CallStats stats_;
	/// By server and role.
	struct Kept {
		store::LoadedServer server;
		std::chrono::steady_clock::time_point loaded_at;
	};
	std::map<std::pair<std::string, std::string>, Kept> servers_;
};

} // namespace ob::pg::worker
