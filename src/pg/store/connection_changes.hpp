// Changes of ob.connections: a bank linked, failing, disconnected. C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "core/store.hpp"
#include "providers/provider.hpp"

namespace ob::pg::store {

struct NewConnection {
	std::string server;
	std::string provider;
	std::string user_ref;
	std::string mapping_role;
	std::string user_ip; // the end user's, at consent; may be empty
	providers::Established established;
	providers::ConnectionHealth health; // empty where it could not be read
};

/// Stores connection, sync state and sealed tokens; due at once. Returns its id.
ConnectionId insert_connection(const NewConnection &fresh);

/// Records a failed sync or read: error, state, next attempt. Does nothing to a connection that has ended, or that
/// synced well after `happened_at`.
void apply_failure(ConnectionId id, const SyncFailure &failure, std::optional<Timestamp> happened_at);

/// Ends a connection; with `purge` deletes its accounts and transactions. Harmless when repeated.
void apply_disconnect(ConnectionId id, bool purge);

std::string failure_to_json(const SyncFailure &failure);
SyncFailure failure_from_json(std::string_view text);

} // namespace ob::pg::store
