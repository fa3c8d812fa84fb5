// Which connections a scan reads, and with whose rights. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <functional>
#include <string>
#include <vector>

#include "pg/store/connections.hpp"

namespace ob::pg::fdw {

/// Runs `body` with the rights of `user`; the old user is back before it returns or throws.
void as_user(Oid user, const std::function<void()> &body);

/// Name of a foreign server.
std::string server_name(Oid server);

/// The servers that a live table of `server` reads from: the server itself, or, if its provider is `all`, every
/// provider's server that the current user may use. Throws not_allowed.
std::vector<std::string> servers_behind(const std::string &server);

/// The connections behind `server` that `user` may see and `filter` lets through (its servers are filled in here), by
/// id. Throws not_allowed, ServerError.
std::vector<store::Connection> choose_connections(const std::string &server, Oid user, store::ConnectionFilter filter);

} // namespace ob::pg::fdw
