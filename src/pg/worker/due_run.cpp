#include "pg/worker/due_run.hpp"

#include "core/error.hpp"
#include "pg/runtime.hpp"
#include "pg/store/servers.hpp"
#include "pg/undone.hpp"

namespace ob::pg::worker {

namespace {

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
	store::LoadedServer server;
	store_.read([&] { server = store::load_server(found.server, found.mapping_role); });
	return Runtime::get().session(std::move(server.config), stats_, found.id);
}

} // namespace ob::pg::worker
