// Plaid's published rate limits. C++ regime.
#pragma once

#include <span>
#include <string_view>

#include "providers/limits.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// As published in March 2026, calls a minute. They differ by customer and change: the server option `limits` says what
/// holds.
std::span<const CallClass> call_classes();

/// The class of a path; empty where no limit is known.
std::string_view class_of(std::string_view endpoint);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
