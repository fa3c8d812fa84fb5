// How often TrueLayer is called. It publishes no limits; these are ours, and the banks'. C++ regime.
#pragma once

#include <span>
#include <string_view>

#include "providers/limits.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// Calls a minute of all connections together. The server option `limits` says what holds.
std::span<const CallClass> call_classes();

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
