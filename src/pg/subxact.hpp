// Internal subtransactions: the only way to go on after a server error. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <functional>

namespace ob::pg {

/// Runs `body` in a subtransaction. If it throws, everything the server did in it is undone and the exception passes on;
/// a ServerError may then be handled like any other.
void subtransaction(const std::function<void()> &body);

} // namespace ob::pg
