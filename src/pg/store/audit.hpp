// The audit log (table ob.audit_log). C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string_view>

#include "core/model.hpp"

namespace ob::pg::store {

struct AuditLine {
	std::string_view action; // as in the SQL reference: TOKEN_EXCHANGED, SYNCED, …
	std::optional<ConnectionId> connection;
	std::string_view server;     // empty: the connection's
	std::string_view login_role; // empty: the session's
	std::string_view request_id; // the provider's; may be empty
	bool success = true;
	std::string_view details_json; // facts only: never a secret, body or query string; empty for none
};

void audit(const AuditLine &line);

} // namespace ob::pg::store
