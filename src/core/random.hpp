// Random numbers for pauses, so that many who fail together do not come back together. Not for secrets: see
// crypto/random.hpp. C++ regime.
#pragma once

#include <cstdint>
#include <functional>

#include "core/pure.hpp"

namespace ob {

/// Yields a number in [0, upper], evenly. Tests inject their own.
using Random = std::function<std::uint64_t(std::uint64_t upper)>;

/// Seeded per process.
Random system_random();

} // namespace ob

#include "core/pure.hpp"
