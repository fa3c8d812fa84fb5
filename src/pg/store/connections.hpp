// Linked banks: finding them and their tokens. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model.hpp"
#include "pg/store/tokens.hpp"
#include "providers/provider.hpp"

namespace ob::pg::store {

struct Connection {
	ConnectionId id = 0;
	std::string server;
	std::string provider;
	std::string user_ref;
	std::string institution_name; // may be empty
	std::string state;
	std::string mapping_role; // whose user mapping calls are made with
	std::string error_code;   // of the last failure, empty once it is over; not of visible_connections()
	std::optional<Timestamp> authenticated_at; // when its user was last at the bank for us
};

/// Which connections a live scan wants; nothing means no condition, an empty list means none. The states are sorted.
struct ConnectionFilter {
	std::vector<std::string> servers;
	std::optional<std::vector<std::int64_t>> ids;
	std::optional<std::vector<std::string>> user_refs;
	std::optional<std::vector<std::string>> states;
	std::optional<std::vector<std::string>> institution_names;
};

/// The connections of these servers that the current user may see, ordered by id: read under his own rights, so
/// privileges and row policies of ob.connections bind live tables too, but in the state that find_connection would
/// give. Revoked and disconnected ones are left out: nothing can be read through them.
std::vector<Connection> visible_connections(const ConnectionFilter &filter);

/// A connection by id, read as owner under a fresh snapshot, in the state that recorded outcomes give it. Throws
/// not_found.
Connection find_connection(ConnectionId id);

/// As find_connection, of many at once; those that do not exist are left out.
std::vector<Connection> find_connections(std::span<const ConnectionId> ids);

/// As find_connection, for a caller who must have USAGE on its server. Throws not_found,
/// not_allowed.
Connection find_connection_for_caller(ConnectionId id);

/// The connections of a server that have not ended, in the state that find_connection would give.
std::vector<Connection> connections_of(std::string_view server);

/// How many connections of a server are not disconnected. As owner.
std::int64_t count_live_connections(std::string_view server);

/// The connection's tokens, unsealed. Throws unseal_failed, not_configured (no key), not_found (erased).
providers::Credentials load_credentials(const Connection &connection);
/// As above, of many at once, in their order.
std::vector<TokensOrError> load_credentials(std::span<const Connection> connections);

} // namespace ob::pg::store
