// ISO 8601 in and out, independent of session time zone and locale. C++ regime.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"

#include "core/pure.hpp"

namespace ob::time {

/// Exactly "YYYY-MM-DD", a real day of the years 0001 to 9999; otherwise nothing.
std::optional<Date> parse_date(std::string_view text) noexcept;

/// An RFC 3339 instant: date, `T`, `t` or a blank, hh:mm:ss, an optional fraction of any length (cut, not rounded, to
/// microseconds), then `Z`, `z` or an offset ±hh:mm. Without an offset it is no instant: nothing. A leap second (:60)
/// is the first of the next minute.
std::optional<Timestamp> parse_timestamp(std::string_view text) noexcept;

/// The calendar day an RFC 3339 text names in its own offset; nothing where parse_timestamp gives nothing.
std::optional<Date> parse_timestamp_day(std::string_view text) noexcept;

/// "YYYY-MM-DD". Years outside 0001 to 9999 do not occur: they cannot be parsed.
std::string format_date(Date date);
/// UTC, with `Z`; the fraction only where there is one and without trailing zeros: "2024-02-29T23:59:59.5Z".
std::string format_timestamp(Timestamp time);

} // namespace ob::time

#include "core/pure.hpp"
