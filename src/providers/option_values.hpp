// Readers of option values: strict, without locale, the same for validation and for use. C++ regime.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/pure.hpp"

namespace ob::providers {

/// A number and a unit, such as "4 h", "30 minutes" or "1 day". Units: s, sec, second(s), m, min, minute(s), h, hr,
/// hour(s), d, day(s), w, week(s). Nothing for anything else, also for zero, signs and fractions.
std::optional<std::chrono::seconds> parse_interval(std::string_view text) noexcept;

/// true, false, on, off, yes, no, 1, 0, without regard to case.
std::optional<bool> parse_boolean(std::string_view text) noexcept;

/// Decimal digits with an optional minus, within 64 bits.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

/// An absolute http or https URL without user, blanks and fragment, with a host.
bool is_url(std::string_view text) noexcept;
bool is_https(std::string_view url) noexcept;

} // namespace ob::providers

#include "core/pure.hpp"
