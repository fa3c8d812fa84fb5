#include "pg/store/connections.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>
#include <span>
#include <unordered_map>

#include "core/error.hpp"
#include "pg/store/connection_state.hpp"
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
	connection.error_code = row.text(7);
	return connection;
}

std::vector<Connection> from_rows(const Result &found) {
	std::vector<Connection> connections;
	connections.reserve(found.rows.size());
	for (const Row &row : found.rows)
		connections.push_back(from_row(row));
	return connections;
}

Param optional_texts(const std::optional<std::vector<std::string>> &values) {
	return values ? Param::text_array(*values) : Param::null(TEXTARRAYOID);
}

/// A connection that is gone gets no state at all.
void take_present_states(std::vector<Connection> &connections) {
	std::vector<std::int64_t> ids;
	ids.reserve(connections.size());
	for (const Connection &connection : connections)
		ids.push_back(connection.id);
	std::unordered_map<ConnectionId, Connection> now;
	for (Connection &present : find_connections(ids))
		now.emplace(present.id, std::move(present));
	for (Connection &connection : connections) {
		connection.state = std::move(now[connection.id].state);
		connection.authenticated_at = now[connection.id].authenticated_at;
	}
}

/// Whether nothing can be read through it any more.
bool has_ended(const Connection &connection) {
	return connection.state.empty() || connection.state == "revoked" || connection.state == "disconnected";
}

[[noreturn]] void no_such_connection(ConnectionId id) {
	throw Error(ErrorCode::not_found, "connection " + std::to_string(id) + " does not exist", {},
	            "See the view ob.connection_status.");
}

Error no_tokens(const Connection &connection) {
	return Error(ErrorCode::not_found, "connection " + std::to_string(connection.id) + " has no tokens",
	             "server: " + connection.server + ", state: " + find_connection(connection.id).state,
	             "Link the bank again.");
}

} // namespace

std::vector<Connection> visible_connections(const ConnectionFilter &filter) {
	static Statement select(
	    "SELECT c.id, c.server, c.provider, c.user_ref, c.institution_name, c.state, c.mapping_role, NULL "
	    "FROM ob.connections c WHERE c.server::pg_catalog.text OPERATOR(pg_catalog.=) ANY ($1) "
	    "AND ($2 IS NULL OR c.id OPERATOR(pg_catalog.=) ANY ($2)) "
	    "AND ($3 IS NULL OR c.user_ref OPERATOR(pg_catalog.=) ANY ($3)) "
	    "AND ($4 IS NULL OR c.institution_name OPERATOR(pg_catalog.=) ANY ($4)) ORDER BY c.id");
	const Param ids = filter.ids ? Param::integer_array(*filter.ids) : Param::null(INT8ARRAYOID);
	std::vector<Connection> connections =
	    from_rows(select.run({Param::text_array(filter.servers), ids, optional_texts(filter.user_refs),
	                          optional_texts(filter.institution_names)}));
	take_present_states(connections);
	std::erase_if(connections, [&](const Connection &connection) {
		return has_ended(connection) ||
		       (filter.states && !std::binary_search(filter.states->begin(), filter.states->end(), connection.state));
	});
	return connections;
}

std::vector<Connection> find_connections(std::span<const ConnectionId> ids) {
	static Statement select(
	    "SELECT c.id, c.server, c.provider, c.user_ref, c.institution_name, " OB_CONNECTION_STATE
	    ", c.mapping_role, c.error_code, (extract(epoch from c.authenticated_at) * 1000000)::bigint "
	    "FROM ob.connections c WHERE c.id = ANY ($1) ORDER BY c.id");
	Result found;
	as_owner([&] { found = select.read_fresh({Param::integer_array(ids)}); });
	std::vector<Connection> connections = from_rows(found);
	for (std::size_t i = 0; i < connections.size(); ++i)
		connections[i].authenticated_at = found.rows[i].timestamp(8);
	return connections;
}

Connection find_connection(ConnectionId id) {
	std::vector<Connection> found = find_connections({&id, 1});
	if (found.empty())
		no_such_connection(id);
	return std::move(found.front());
}

Connection find_connection_for_caller(ConnectionId id) {
	Connection connection = find_connection(id);
	check_usage(connection.server);
	return connection;
}

std::vector<Connection> connections_of(std::string_view server) {
	static Statement select("SELECT c.id FROM ob.connections c WHERE c.server = $1 ORDER BY c.id");
	std::vector<std::int64_t> ids;
	as_owner([&] {
		for (const Row &row : select.read_fresh({Param::name(server)}).rows)
			ids.push_back(row.integer(0));
	});
	std::vector<Connection> connections = find_connections(ids);
	std::erase_if(connections, has_ended);
	return connections;
}

std::int64_t count_live_connections(std::string_view server) {
	static Statement select("SELECT count(*) FROM ob.connections c WHERE c.server = $1 AND " OB_CONNECTION_STATE
	                        " <> 'disconnected'");
	return select.read_fresh({Param::name(server)}).rows.front().integer(0);
}

providers::Credentials load_credentials(const Connection &connection) {
	TokensOrError tokens = std::move(load_credentials(std::span(&connection, 1)).front());
	if (const Error *error = std::get_if<Error>(&tokens))
		throw *error;
	return std::get<providers::Credentials>(std::move(tokens));
}

std::vector<TokensOrError> load_credentials(std::span<const Connection> connections) {
	std::vector<TokenOwner> owners;
	for (const Connection &connection : connections)
		owners.push_back({connection.server, token_subject(connection.id)});
	std::vector<TokensOrError> all;
	as_owner([&] { all = read_tokens(owners); });
	for (std::size_t i = 0; i < connections.size(); ++i) {
		const auto *tokens = std::get_if<providers::Credentials>(&all[i]);
		if (tokens && tokens->empty())
			all[i] = no_tokens(connections[i]);
	}
	return all;
}

} // namespace ob::pg::store
