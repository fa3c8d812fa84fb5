// What the linking functions share. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "pg/sqlapi/call.hpp"
#include "pg/store/links.hpp"
#include "pg/store/servers.hpp"
#include "json/document.hpp"

namespace ob::pg::sqlapi {

// ---- arguments ----

std::string user_ref_argument(FunctionCallInfo fcinfo, int index);

// ---- links ----

std::string new_link_id();
/// Throws not_found, and not_allowed without USAGE on its server.
store::Link find_link(std::string_view link_id);

// ---- rows of (connection_id, status, institution_name, duplicate_of, notice) ----

/// A connection as it is now. Where its accounts are linked a second time, the row says so.
Fields connection_row(ConnectionId id, std::string notice = {});
Fields status_row(std::string_view status, std::string_view notice);
Fields duplicate_row(ConnectionId of, const std::string &institution_name);

} // namespace ob::pg::sqlapi
