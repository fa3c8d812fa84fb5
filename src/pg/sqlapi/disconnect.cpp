// ob.disconnect. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
}

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/sqlapi/ending.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/owner.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/removal.hpp"

namespace ob::pg::sqlapi {

void disconnect(const store::Connection &connection, bool purge) {
	run(worker::recover(connection.id, {}));
	// The provider knows the connection by its newest token only.
	if (!run(wait_for_rotation(connection.id)))
		throw Error(ErrorCode::not_configured,
		            "the access token of connection " + std::to_string(connection.id) + " is being replaced",
		            "server: " + connection.server, "Try again later.");
	const bool ended = store::find_connection(connection.id).state == "disconnected";
	// In a read-only transaction the worker does what is left to do.
	if (!ended || (purge && XactReadOnly)) {
		const store::LoadedServer server = store::load_server(connection.server, connection.mapping_role);
		worker::Request request = worker::request_for("remove", server, connection.mapping_role);
		request.connection = connection.id;
		request.purge = purge;
		(void)run(worker::call(std::move(request)));
	}
	// The worker applies it as well, once this transaction has ended; here it is for this transaction to see. A sync
	// that is under way finds the bank's door closed and lets go of the lock.
	if (!XactReadOnly && run(wait_for_lock(connection.id, LockScope::transaction)))
		store::as_owner([&] { store::apply_disconnect(connection.id, purge); });
}

void check_not_unwanted(const store::Connection &connection) {
	if (connection.error_code != worker::kDisconnectFailed)
		return;
	const std::string id = std::to_string(connection.id);
	throw Error(ErrorCode::not_configured, "connection " + id + " was to be disconnected",
	            "server: " + connection.server, "Disconnect it again: SELECT ob.disconnect(" + id + ");");
}

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_disconnect) {
	using namespace ob::pg::sqlapi;
	const auto connection =
	    ob::pg::store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"));
	disconnect(connection, boolean_argument(fcinfo, 1).value_or(false));
	return return_text("disconnected");
}
