// ob.pause, ob.resume, ob.retry, and the same for a server: what an operator says about syncing by itself. C++ regime
// behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/sqlapi/ending.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/breakers.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/notify.hpp"
#include "pg/store/operate.hpp"
#include "pg/store/owner.hpp"
#include "pg/worker/sync_start.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Connection;

Connection connection_argument(FunctionCallInfo fcinfo) {
	return store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"));
}

std::string server_argument(FunctionCallInfo fcinfo) {
	std::string server = required(name_argument(fcinfo, 0), "server");
	store::check_usage(server);
	return server;
}

void check_not_ended(const Connection &connection) {
	if (connection.state == "revoked" || connection.state == "disconnected")
		throw Error(ErrorCode::not_configured,
		            "connection " + std::to_string(connection.id) + " is " + connection.state,
		            "server: " + connection.server, "Link the bank again.");
}

bool set_enabled(const Connection &connection, bool enabled) {
	bool changed = false;
	store::as_owner([&] {
		changed = store::set_sync_enabled(connection.id, enabled);
		if (changed)
			store::audit({.action = enabled ? "RESUMED" : "PAUSED", .connection = connection.id});
	});
	if (changed && enabled)
		worker::sync_after_commit();
	return changed;
}

bool set_server_paused(const std::string &server, bool paused) {
	bool changed = false;
	store::as_owner([&] {
		changed = store::set_server_paused(server, paused);
		if (!paused)
			store::forget_breakers(server);
		if (changed)
			store::audit({.action = paused ? "SERVER_PAUSED" : "SERVER_RESUMED", .server = server});
	});
	if (changed && !paused)
		worker::sync_after_commit();
	return changed;
}

/// Under the lock: a sync that is under way must not write its failure over it.
std::string retry(ConnectionId id) {
	run(lock_for_transaction(id));
	const Connection connection = store::find_connection(id);
	check_not_ended(connection);
	if (connection.state == "reauth_required")
		throw Error(ErrorCode::reauth_required, "connection " + std::to_string(id) + " needs the user to log in again",
		            "server: " + connection.server, "Begin with ob.relink.");
	check_not_unwanted(connection);
	store::as_owner([&] {
		store::retry_now(id);
		store::close_breakers(id, true);
		if (connection.state != "active")
			store::notify(id, "active");
		store::audit({.action = "RETRIED", .connection = id});
	});
	worker::sync_after_commit();
	return "active";
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_pause) {
	return BoolGetDatum(set_enabled(connection_argument(fcinfo), false));
}

OB_FUNCTION(ob_resume) {
	const auto connection = connection_argument(fcinfo);
	check_not_ended(connection);
	return BoolGetDatum(set_enabled(connection, true));
}

OB_FUNCTION(ob_retry) {
	return return_text(retry(connection_argument(fcinfo).id));
}

OB_FUNCTION(ob_pause_server) {
	return BoolGetDatum(set_server_paused(server_argument(fcinfo), true));
}

OB_FUNCTION(ob_resume_server) {
	return BoolGetDatum(set_server_paused(server_argument(fcinfo), false));
}
