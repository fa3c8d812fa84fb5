// The audit log (table ob.audit_log). C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "core/model.hpp"

namespace ob::pg::store {

struct AuditLine {
	std::string_view action; // as in the SQL reference: TOKEN_EXCHANGED, SYNCED, …
	std::optional<ConnectionId> connection = {};
	std::string_view server = {};     // empty: the connection's
	std::string_view user_ref = {};   // whom it is about; empty: the connection's
	std::string_view request_id = {}; // the provider's; may be empty
	bool success = true;
	std::string_view details_json = {}; // facts only: never a secret, body or query string; empty for none
	std::string_view user_ip = {};      // the end user's address; may be empty
	std::string_view acting_json = {};  // who does it, as acting() has told; empty: this session
};

void audit(const AuditLine &line);

/// Who has this session do things: roles, end user, address. For a worker that does them on its behalf.
std::string acting();

} // namespace ob::pg::store
