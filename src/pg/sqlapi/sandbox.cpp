// ob.sandbox_fire_webhook, ob.sandbox_reset_login: what a person or a bank would do, in a provider's sandbox. C++
// regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/connections.hpp"
#include "pg/worker/token_keeper.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Connection;

void fire_webhook(const Connection &connection, std::string code) {
	const store::LoadedServer server = store::load_server(connection.server, connection.mapping_role);
	providers::CallStats stats;
	run(server.provider->sandbox_fire_webhook(worker::connection_session(server, connection, stats),
	                                          store::load_credentials(connection), std::move(code)));
}

void reset_login(const Connection &connection) {
	const store::LoadedServer server = store::load_server(connection.server, connection.mapping_role);
	providers::CallStats stats;
	run(server.provider->sandbox_reset_login(worker::connection_session(server, connection, stats),
	                                         store::load_credentials(connection)));
}

Connection connection_argument(FunctionCallInfo fcinfo) {
	return store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"));
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_sandbox_fire_webhook) {
	fire_webhook(connection_argument(fcinfo), required(text_argument(fcinfo, 1), "code"));
	return BoolGetDatum(true);
}

OB_FUNCTION(ob_sandbox_reset_login) {
	reset_login(connection_argument(fcinfo));
	return BoolGetDatum(true);
}
