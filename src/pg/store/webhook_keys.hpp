// Keys that providers sign webhooks with (table ob.webhook_keys). C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ob::pg::store {

/// What is known of a key, as a caller needs it who has to decide now.
struct KnownKey {
	std::string jwk;         // empty: none
	bool is_good = false;    // the provider told it within a day
	bool is_fresh = false;   // and not so long ago that it would be asked again
	bool is_refused = false; // the provider said lately that it has none of that id
	bool was_asked = false;  // or is being asked, a moment ago
	bool failed = false;     // with that the provider could not be reached
	bool is_noted = false;   // as one that was turned away in a crowd
};

/// Another one once a key may have changed since, in whatever session: what was found before is read again. Holds for
/// what is committed, and for changes of one's own.
std::uint64_t webhook_keys_version();

/// Under a fresh snapshot; works on a standby. `refresh`: after so long the provider would be asked again.
KnownKey find_webhook_key(std::string_view server, std::string_view key_id, std::chrono::seconds refresh);

/// What of ours a delivery names, which a stranger could not: a connection, by its id or that of an account, or else an
/// open link. Empty: nothing.
std::string webhook_subject(std::string_view server, std::string_view provider_connection_id,
                            std::string_view link_digest);

/// Whether so many unknown ids were asked for in this minute that this one is not. Deliveries about connections have a
/// share of their own, as have those about links, and each connection or link has one of it: no stranger can use them
/// up.
bool is_webhook_key_crowded(std::string_view server, std::string_view key_id, std::string_view subject);

/// Notes that the provider is asked now; false if that is not allowed, or somebody else does it. An id that is turned
/// away in a crowd is noted too: one that comes again later has better chances. Forgets what is old.
bool claim_webhook_key(std::string_view server, std::string_view key_id, std::string_view subject);
/// What the provider said; an empty text: it knows no such key.
void keep_webhook_key(std::string_view server, std::string_view key_id, std::string_view jwk);
void keep_webhook_key_failure(std::string_view server, std::string_view key_id, std::string_view failure_json);

/// As if it had not been asked for.
void give_back_webhook_key(std::string_view server, std::string_view key_id);

/// The server is no longer what they were fetched from.
void forget_webhook_keys(std::string_view server);

/// A role whose user mapping is good for asking: of the newest connection; empty if there is none.
std::string webhook_mapping_role(std::string_view server);

} // namespace ob::pg::store
