// Link journeys (table ob.links). C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "core/model.hpp"
#include "providers/provider.hpp"

namespace ob::pg::store {

struct Link {
	std::string link_id;
	std::string server;
	std::string server_version; // of its options and the user mapping, which the provider was told of
	std::string user_ref;
	std::string kind;         // link, relink, sandbox
	std::string options_json; // canonical
	std::optional<ConnectionId> connection;
	std::string error_code; // of that connection when the link was made: what the journey is to mend
	std::string state;      // open completed cancelled expired failed
	std::string reason;
	std::string mapping_role;
	std::string user_ip;
	std::optional<Timestamp> expires_at;
	bool expired = false;       // open, but past expires_at
	bool takes_several = false; // one journey may link several banks, one after the other

	/// Something new may still come of it.
	bool takes_grants() const { return state == "open" || (state == "completed" && takes_several); }
};

/// Throws not_configured: the link is no longer open.
[[noreturn]] void throw_ended(const Link &link);

/// Stores a new open link with its offer, sealed. No `offer` for a link that needs none.
void insert_link(const Link &link, const std::optional<providers::LinkOffer> &offer);

/// Under a fresh snapshot.
std::optional<Link> find_link(std::string_view link_id);
/// Keeps the link from being deleted until the transaction ends; false if it is not there.
bool hold_link(std::string_view link_id);
/// Id of the link whose offer had this token; empty if there is none. Under a fresh snapshot.
std::string find_link_by_token(const Secret &token);
/// The same by the token's SHA-256, in hexadecimal digits.
std::string find_link_by_digest(std::string_view server, std::string_view digest);

/// The offer's token, as long as the link needs it; else empty. Under a fresh snapshot.
Secret read_link_token(std::string_view link_id);

/// PKCE's verifier, as long as the link needs it; else empty. Under a fresh snapshot.
Secret read_link_verifier(std::string_view link_id);

/// An open, unexpired link like `wanted` (server as it is now, user, kind, options, connection and its error), with its
/// offer opened again.
struct OpenLink {
	std::string link_id;
	providers::LinkOffer offer;
};
std::optional<OpenLink> find_open_link(const Link &wanted);
/// A link's offer by its id, opened again, as long as it is kept. Under a fresh snapshot.
std::optional<OpenLink> read_offer(std::string_view link_id);

/// It has become a connection; its first one is kept. Whatever the link's state was: what the provider did counts.
void complete_link(std::string_view link_id, ConnectionId connection);
/// Notes on an open link that what it brought was refused here: it is not handed out again.
void mark_refused(std::string_view link_id, std::string_view reason);

/// Ends a link that is open without a connection; does nothing to one that has ended.
void end_link(std::string_view link_id, std::string_view state, std::string_view reason);

} // namespace ob::pg::store
