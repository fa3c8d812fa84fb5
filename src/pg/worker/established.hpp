// What an answered exchange becomes: a connection. C++ regime; a transaction of record() in the outcome worker.
#pragma once

#include "pg/postgres.hpp"

#include "core/error.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/worker/operations.hpp"

namespace ob::pg::worker {

/// Stores the connection, its tokens and accounts, and completes link and outcome. If the database does not take what
/// was looked at, that is left out: the first sync brings it. A bank login that the same user has linked before keeps
/// its connection and takes the new tokens: its row changes once the caller's transaction has ended. Throws
/// store::LinkedElsewhere.
Done establish(const store::Outcome &outcome, const providers::Established &established, const store::FirstLook &look);

} // namespace ob::pg::worker
