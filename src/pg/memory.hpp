// Short-lived server memory for C++ code. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <functional>

namespace ob::pg {

/// Runs `body` with a fresh memory context as the current one and frees all that was allocated in it: a procedure that
/// works for hours must not collect what each step leaves behind.
void with_scratch_memory(const std::function<void()> &body);

} // namespace ob::pg
