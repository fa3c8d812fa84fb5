// ob.rotate_access_token. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/store/connections.hpp"
#include "pg/worker/client.hpp"

namespace ob::pg::sqlapi {

namespace {

/// Under the connection's lock, held to the end of the transaction: no sync runs with the old token meanwhile.
Task<void> rotate(store::Connection connection) {
	const std::string which = "connection " + std::to_string(connection.id);
	Task<void> locking = lock_for_transaction(connection.id);
	co_await locking;
	connection = store::find_connection(connection.id);
	if (connection.state == "disconnected")
		throw Error(ErrorCode::not_configured, which + " is disconnected", "server: " + connection.server,
		            "Link the bank again.");
	const store::LoadedServer server = store::load_server(connection.server, connection.mapping_role);
	(void)store::load_credentials(connection);
	worker::Request request = worker::request_for("rotate", server, connection.mapping_role);
	request.connection = connection.id;
	Task<std::string> called = worker::call(std::move(request));
	(void)co_await called;
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_rotate_access_token) {
	using namespace ob::pg::sqlapi;
	run(rotate(ob::pg::store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"))));
	return return_text("rotated");
}
