// Completing a link that repairs a connection. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include "core/task.hpp"
#include "pg/sqlapi/linking.hpp"

namespace ob::pg::sqlapi {

/// Nothing is exchanged: the provider is asked whether the connection works again; of one that did all the while,
/// whether the user has finished. Its row changes in the caller's transaction, under the connection's lock.
Task<Fields> complete_repair(store::Link link, std::string user_ip);

} // namespace ob::pg::sqlapi
