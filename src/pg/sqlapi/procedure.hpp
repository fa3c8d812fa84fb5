// What procedures that commit by themselves share. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <functional>

namespace ob::pg::sqlapi {

/// Runs `body` with SPI connected so that it may commit. Throws invalid_transaction (2D000) if the caller's context does
/// not allow that, before `body` does anything.
void in_procedure(FunctionCallInfo fcinfo, const char *name, const std::function<void()> &body);

} // namespace ob::pg::sqlapi
