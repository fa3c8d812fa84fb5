// The person who waits for an answer. C++ regime.
#pragma once

#include <string>

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// A single IPv4 or IPv6 address in its own notation: what a bank takes for somebody being there.
bool is_address(const std::string &text) noexcept;

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
