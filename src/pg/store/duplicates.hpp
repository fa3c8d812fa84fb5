// Banks that are linked twice: the same accounts again, doubled data and cost. C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <vector>

#include "core/model.hpp"
#include "providers/provider.hpp"

namespace ob::pg::store {

/// A bank login, linked or about to be.
struct BankLogin {
	std::string server;
	std::string user_ref;
	std::string institution_id;
	std::vector<providers::JourneyAccount> accounts;
	std::vector<Secret> numbers;            // as providers::number_key() writes them; where they are known
	std::optional<ConnectionId> connection; // if it is linked: only earlier ones count
};

/// The user's first live connection that has an account of the same number, or one to the same institution that shows
/// an account of the same name and mask; nothing where the login does not say. Under a fresh snapshot.
std::optional<ConnectionId> find_duplicate(const BankLogin &login);
/// The same for a connection, by the accounts stored of it.
std::optional<ConnectionId> find_duplicate(ConnectionId id);

/// Whether a connection shows accounts of this login.
bool is_login_of(const BankLogin &login, ConnectionId id);

/// Whether the user has a connection that a new one could duplicate.
bool has_connections(const std::string &server, const std::string &user_ref);

} // namespace ob::pg::store
