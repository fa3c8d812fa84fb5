// Changes of ob.connections: a bank linked, failing, disconnected. C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/model.hpp"
#include "core/store.hpp"
#include "providers/provider.hpp"

namespace ob::pg::store {

/// What is known of a bank as soon as it is linked; empty where it could not be read.
struct FirstLook {
	ConnectionHealth health;
	std::string institution_logo; // base64 of a PNG
	std::optional<AccountList> accounts;
	std::vector<providers::AccountNumber> numbers; // where they come with the accounts
	std::optional<SyncFailure> standing_error;     // what the connection is from the start, although it could be read
};

struct NewConnection {
	std::string server;
	std::string provider;
	std::string user_ref;
	std::string mapping_role;
	std::string user_ip;      // the end user's, at consent; may be empty
	bool consents_now = true; // else it was linked elsewhere, some time ago
	providers::Established established;
	FirstLook look;
	std::string cursor; // changes before it are known to whoever read them: they never come; may be empty
};

/// Stores connection, sync state, sealed tokens and accounts; due at once. Returns its id, or nothing if the server has
/// a connection of that provider_connection_id already.
std::optional<ConnectionId> insert_connection(const NewConnection &fresh);

/// The provider's connection belongs to another end user here.
class LinkedElsewhere : public Error {
public:
	using Error::Error;
};

/// The connection that insert_connection() would meet, if there is one. Throws LinkedElsewhere unless it is the same
/// user's.
std::optional<ConnectionId> find_known(const NewConnection &fresh);

struct Repair {
	ConnectionHealth health;                 // empty where it is not known
	bool consented = true;                   // by the user, just now
	bool at_bank = true;                     // where he has logged in to do so
	std::string user_ip;                     // his; may be empty
	std::string provider_connection_id = {}; // another one from now on; empty: the same
};

/// The user has logged in again, or there are new tokens: what was wrong is over, and a sync is due. Failures that were
/// recorded before and wait to be applied are done with.
void apply_repair(ConnectionId id, const Repair &repair);

/// Records a failed sync or read: error, state, next attempt. False, and nothing is changed, if the connection has
/// ended, was repaired since that had `begun`, or synced well after `happened_at`.
bool apply_failure(ConnectionId id, const SyncFailure &failure, std::optional<Timestamp> begun,
                   std::optional<Timestamp> happened_at);

/// When the consent ends, as far as we know.
std::optional<Timestamp> consent_expiry(ConnectionId id);

/// The new state of a connection that is broken although its rows could be read just now. No next attempt. False, and
/// nothing is changed, if it has ended, or was repaired since what tells so had `begun`.
bool apply_standing_error(ConnectionId id, const SyncFailure &failure, std::optional<Timestamp> begun);

/// Ends a connection; with `purge` deletes its accounts and transactions. Harmless when repeated.
void apply_disconnect(ConnectionId id, bool purge);

/// With when that had begun which failed, if it has to be known later.
std::string failure_to_json(const SyncFailure &failure, std::optional<Timestamp> begun = std::nullopt);
SyncFailure failure_from_json(std::string_view text);
std::optional<Timestamp> begin_of_failure(std::string_view json);

} // namespace ob::pg::store
