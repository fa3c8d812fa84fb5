// Numbers in raw JSON that no database takes. C++ regime.
#pragma once

#include <string_view>

#include "core/pure.hpp"

namespace ob::json {

/// Whether jsonb holds every number of `raw` (well-formed JSON) with room to spare: at most 1,000 characters, and an
/// exponent of at most three digits. JSON itself knows no limit.
bool numbers_fit(std::string_view raw) noexcept;

} // namespace ob::json

#include "core/pure.hpp"
