// What the sessions of our background workers have in common. Server regime.
#pragma once

#include "pg/postgres.hpp"

namespace ob::pg::worker {

/// Connects this background worker to its database, free from what an administrator has set for the sessions of users.
void begin_worker_session(Oid database);

/// Whether somebody is about to drop, move or copy the database, which cannot be done while this process is in it.
bool database_is_wanted();

} // namespace ob::pg::worker
