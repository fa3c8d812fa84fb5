// Times as TrueLayer tells them: often without a zone, sometimes a day alone, now and then nonsense. C++ regime.
#pragma once

#include <optional>
#include <string_view>

#include "core/clock.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// The instant; without a zone it is UTC. Nothing for a day alone, for what is no time, and for the year 1, which
/// stands for "no date".
std::optional<Timestamp> parse_time(std::string_view text);
/// The day that is written there, in whatever zone; nothing as above, a day alone apart.
std::optional<Date> parse_day(std::string_view text);
/// Whether a time of day is told: banks without one send midnight.
bool has_time_of_day(std::string_view text) noexcept;

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
