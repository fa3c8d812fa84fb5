#include "pg/store/connections.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include "core/error.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/sql.hpp"
#include "pg/store/tokens.hpp"

namespace ob::pg::store {

namespace {

Connection from_row(const Row &row) {
	Connection connection;
	connection.id = row.integer(0);
	connection.server = row.text(1);
	connection.provider = row.text(2);
	connection.user_ref = row.text(3);
	connection.institution_name = row.text(4);
	connection.state = row.text(5);
	connection.mapping_role = row.text(6);
	return connection;
}

Param optional_texts(const std::optional<std::vector<std::string>> &values) {
	return values ? Param::text_array(*values) : Param::null(TEXTARRAYOID);
}

[[noreturn]] void no_such_connection(ConnectionId id) {
	throw Error(ErrorCode::not_found, "connection " + std::to_string(id) + " does not exist", {},
				"See the view ob.connection_status.");
}

} // namespace

std::vector<Connection> visible_connections(const ConnectionFilter &filter) {
	static Statement select(
		"SELECT c.id, c.server, c.provider, c.user_ref, c.institution_name, c.state, c.mapping_role "
		"FROM ob.connections c WHERE c.server::pg_catalog.text OPERATOR(pg_catalog.=) ANY ($1) "
		"AND c.state OPERATOR(pg_catalog.<>) ALL (ARRAY['revoked', 'disconnected']) "
		"AND ($2 IS NULL OR c.id OPERATOR(pg_catalog.=) ANY ($2)) "
		"AND ($3 IS NULL OR c.user_ref OPERATOR(pg_catalog.=) ANY ($3)) "
		"AND ($4 IS NULL OR c.state OPERATOR(pg_catalog.=) ANY ($4)) "
		"AND ($5 IS NULL OR c.institution_name OPERATOR(pg_catalog.=) ANY ($5)) ORDER BY c.id");
	const Param ids = filter.ids ? Param::integer_array(*filter.ids) : Param::null(INT8ARRAYOID);
	const Result found =
		select.run({Param::text_array(filter.servers), ids, optional_texts(filter.user_refs),
					optional_texts(filter.states), optional_texts(filter.institution_names)});
	std::vector<Connection> connections;
	connections.reserve(found.rows.size());
	for (const Row &row : found.rows)
		connections.push_back(from_row(row));
	return connections;
}

Connection find_connection(ConnectionId id) {
	// A change that a worker has recorded holds already, although it is applied only once its caller's transaction ends.
	static Statement select(
		"SELECT c.id, c.server, c.provider, c.user_ref, c.institution_name, COALESCE((SELECT CASE o.kind "
		"WHEN 'remove' THEN 'disconnected' ELSE o.request ->> 'new_state' END FROM ob.outcomes o "
		"WHERE o.connection_id = c.id AND o.phase = 'recorded' AND c.state NOT IN ('revoked', 'disconnected') "
		"AND (o.kind = 'remove' OR (o.request ->> 'new_state' IS NOT NULL "
		"AND (c.last_sync_at IS NULL OR c.last_sync_at < o.created_at))) "
		"ORDER BY (o.kind = 'remove') DESC, o.id DESC LIMIT 1), c.state), c.mapping_role "
		"FROM ob.connections c WHERE c.id = $1");
	Result found;
	as_owner([&] { found = select.read_fresh({Param::integer(id)}); });
	if (found.rows.empty())
		no_such_connection(id);
	return from_row(found.rows.front());
}

Connection find_connection_for_caller(ConnectionId id) {
	Connection connection = find_connection(id);
	check_usage(connection.server);
	return connection;
}

providers::Credentials load_credentials(const Connection &connection) {
	providers::Credentials tokens;
	as_owner([&] { tokens = read_tokens(connection.server, token_subject(connection.id)); });
	if (tokens.empty())
		throw Error(ErrorCode::not_found, "connection " + std::to_string(connection.id) + " has no tokens",
					"server: " + connection.server, "Link the bank again.");
	return tokens;
}

} // namespace ob::pg::store
