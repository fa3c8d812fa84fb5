// Network addresses and the networks they are in, for lists of allowed senders. C++ regime.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/pure.hpp"

namespace ob::providers {

/// "52.21.26.131", "10.0.0.0/8", "2001:db8::/32". IPv4 is kept as IPv6 that wraps it, so that both ways of writing one
/// sender are alike.
struct Network {
	std::array<std::uint8_t, 16> address{};
	int bits = 128;
};

/// Nothing for what is none, and for a network with bits set beyond its length: that is a slip of whoever wrote it.
std::optional<Network> parse_network(std::string_view text) noexcept;

/// Whether `inner` lies within `outer`.
bool contains(const Network &outer, const Network &inner) noexcept;

} // namespace ob::providers

#include "core/pure.hpp"
