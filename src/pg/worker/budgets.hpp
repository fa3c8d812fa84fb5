// Calls are counted in ob.budgets for a backend whose own transaction cannot do that. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>

#include "pg/worker/message.hpp"

namespace ob::pg::worker {

/// In the worker: takes what is asked for, in a transaction of its own. Returns the grants as JSON.
std::string take_budgets(const Request &request);

} // namespace ob::pg::worker
