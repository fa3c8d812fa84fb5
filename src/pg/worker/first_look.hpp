// What is asked of a bank as soon as it is linked. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>

#include "core/task.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/servers.hpp"

namespace ob::pg::worker {

/// Name, dates and accounts, with the tokens that have just come; `user_ip` is where their user sits. What cannot be
/// had now is left empty: the next sync brings it. Throws nothing but Interrupted and what the server raises.
Task<store::FirstLook> look_at(store::LoadedServer server, providers::Credentials credentials, std::string user_ip);

} // namespace ob::pg::worker
