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
	std::string user_ref;
	std::string kind;         // link, sandbox
	std::string options_json; // canonical
	std::optional<ConnectionId> connection;
	std::string state; // open completed cancelled expired failed
	std::string reason;
	std::string mapping_role;
	std::string user_ip;
	std::optional<Timestamp> expires_at;
	bool expired = false; // open, but past expires_at
};

/// Stores a new open link with its offer, sealed. An empty `offer` for a link that needs none.
void insert_link(const Link &link, const std::optional<providers::LinkOffer> &offer);

/// Under a fresh snapshot.
std::optional<Link> find_link(std::string_view link_id);
/// Id of the link whose offer had this token; empty if there is none. Under a fresh snapshot.
std::string find_link_by_token(const Secret &token);

/// An open, unexpired link of the same server, user, kind and options, with its offer opened again.
struct OpenLink {
	std::string link_id;
	providers::LinkOffer offer;
};
std::optional<OpenLink> find_open_link(std::string_view server, std::string_view user_ref, std::string_view kind,
									   std::string_view options_json);

/// Ends a link that is open; does nothing to one that has ended.
void end_link(std::string_view link_id, std::string_view state, std::string_view reason,
			  std::optional<ConnectionId> connection);

} // namespace ob::pg::store
