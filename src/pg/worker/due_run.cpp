#include "pg/worker/due_run.hpp"

#include "core/error.hpp"
#include "pg/runtime.hpp"
#include "pg/undone.hpp"
#include "pg/worker/token_keeper.hpp"

namespace ob::pg::worker {

namespace {

// A change of a server or of a user mapping is taken in so late.
constexpr std::chrono::seconds kFresh{1};

/// Whether the store can still be used after `error`: it undoes what fails in it, and what an interrupt cuts off. Any
/// other error of the server has left its transaction half undone.
bool leaves_the_store_whole(const std::exception_ptr &error) {
	try {
		std::rethrow_exception(error);
	} catch (const ServerError &failure) {
		return UndoneError::must_pass(failure);
	} catch (...) {
		return true;
	}
}

} // namespace

Task<sync::DueCounts> DueRun::pass(sync::DueLimits limits) {
	due_.begin_again();
	sync::DueContext context;
	context.store = &due_;
	context.sessions = this;
	context.clock = &Runtime::get().clock();
	lift_refusals();
	Task<sync::DueCounts> task = sync::sync_due(std::move(context), limits);
	sync::DueCounts counts = co_await task;
	for (const store::Client &client : store::taken_clients())
		store_.unit([&] { store::record_taken(client); });
	co_return counts;
}

/// Credentials that were refused and have been changed since.
void DueRun::lift_refusals() {
	std::vector<store::Client> refused;
	store_.read([&] { refused = store::refused_clients(due_.servers()); });
	for (const store::Client &client : refused)
		if (is_changed(client))
			store_.unit([&] { store::lift_refusal(client); });
}

bool DueRun::is_changed(const store::Client &client) {
	try {
		store::LoadedServer server;
		store_.read([&] { server = store::load_server(client.server, client.mapping_role); });
		return store::client_of(*server.config, client.mapping_role).digest != client.digest;
	} catch (const Error &) {
		return false; // there is nothing to send
	}
}

void DueRun::end(const std::exception_ptr &error) {
	if (error && leaves_the_store_whole(error))
		due_.give_back();
	else
		due_.release_all();
}

/// With the user mapping of the role that linked the connection.
providers::Session DueRun::open(const DueConnection &connection) {
	const store::Connection &found = due_.connection(connection.target.id);
	return connection_session(load_server(found), found, stats_);
}

/// Reading options and unsealing a secret for each of thousands of connections would take as long as their syncs.
store::LoadedServer DueRun::load_server(const store::Connection &connection) {
	const auto now = std::chrono::steady_clock::now();
	const std::pair key(connection.server, connection.mapping_role);
	const auto kept = servers_.find(key);
	if (kept != servers_.end() && now - kept->second.loaded_at < kFresh)
		return kept->second.server;
	store::LoadedServer server;
	store_.read([&] { server = store::load_server(connection.server, connection.mapping_role); });
	servers_.insert_or_assign(key, Kept{server, now});
	return server;
}

} // namespace ob::pg::worker
