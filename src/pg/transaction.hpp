// Transactions of a background worker, which has no caller's. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <functional>

namespace ob::pg {

/// Runs `body` in a transaction of its own and commits it. If it throws, the transaction is rolled back and the
/// exception passes on; a ServerError may then be handled like any other.
void transaction(const std::function<void()> &body);

} // namespace ob::pg
