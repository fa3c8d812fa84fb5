#include "pg/store/operate.hpp"

#include "pg/store/sql.hpp"

namespace ob::pg::store {

bool set_sync_enabled(ConnectionId id, bool enabled) {
	static Statement connection("UPDATE ob.connections SET sync_enabled = $2, updated_at = clock_timestamp() "
	                            "WHERE id = $1 AND sync_enabled <> $2");
	if (connection.run({Param::integer(id), Param::boolean(enabled)}).processed == 0)
		return false;
	if (enabled)
		sync_soon(id);
	return true;
}

void sync_soon(ConnectionId id) {
	static Statement due("UPDATE ob.sync_state SET next_sync_at = clock_timestamp() "
	                     "WHERE connection_id = $1 AND next_sync_at > clock_timestamp()");
	due.run({Param::integer(id)});
}

void read_anew(ConnectionId id) {
	static Statement forget("UPDATE ob.sync_state SET cursor = NULL WHERE connection_id = $1");
	forget.run({Param::integer(id)});
	sync_soon(id);
}

void owe_full_sync(ConnectionId id) {
	static Statement owe("UPDATE ob.sync_state SET sweep_owed = true WHERE connection_id = $1");
	owe.run({Param::integer(id)});
	sync_soon(id);
}

bool set_server_paused(const std::string &server, bool paused) {
	static Statement pause(
	    "INSERT INTO ob.server_state AS s (server, paused_at) VALUES ($1, clock_timestamp()) "
	    "ON CONFLICT (server) DO UPDATE SET paused_at = clock_timestamp() WHERE s.paused_at IS NULL");
	static Statement resume("UPDATE ob.server_state SET paused_at = NULL WHERE server = $1 AND paused_at IS NOT NULL");
	return (paused ? pause : resume).run({Param::name(server)}).processed > 0;
}

void retry_now(ConnectionId id) {
	static Statement connection(
	    "UPDATE ob.connections SET state = 'active', error_code = NULL, error_message = NULL, failing_since = NULL, "
	    "state_since = CASE WHEN state = 'active' THEN state_since ELSE clock_timestamp() END, "
	    "updated_at = clock_timestamp() WHERE id = $1");
	static Statement sync_state("UPDATE ob.sync_state SET next_sync_at = clock_timestamp(), attempts = 0 "
	                            "WHERE connection_id = $1");
	connection.run({Param::integer(id)});
	sync_state.run({Param::integer(id)});
}

} // namespace ob::pg::store
