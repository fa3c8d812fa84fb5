// Whether a signed time is near enough to the arrival. C++ regime.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/clock.hpp"

#include "core/pure.hpp"

namespace ob::webhook {

/// Seconds since 1970; nothing before, nor beyond the year 9999.
std::optional<Timestamp> from_unix_seconds(std::int64_t seconds) noexcept;

/// How far from the arrival a signed time may be.
struct Tolerance {
	std::chrono::seconds past;
	std::chrono::seconds ahead;
};

/// `configured` where it is more than zero, but not more than a year.
std::chrono::seconds tolerance_or(std::chrono::seconds configured, std::chrono::seconds otherwise) noexcept;

/// A word of webhook/reasons.hpp; empty if it is near enough.
std::string_view check_time(Timestamp signed_at, Timestamp received_at, const Tolerance &tolerance) noexcept;

} // namespace ob::webhook

#include "core/pure.hpp"
