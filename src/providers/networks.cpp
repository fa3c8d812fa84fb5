// C++ regime.
#include "providers/networks.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <string>

#include "providers/option_values.hpp"

#include "core/pure.hpp"

namespace ob::providers {

namespace {

constexpr int kWrappedBits = 96; // in front of an IPv4 address that is written as IPv6

std::uint8_t masked(std::uint8_t byte, int index, int bits) noexcept {
	const int kept = std::clamp(bits - index * 8, 0, 8);
	return static_cast<std::uint8_t>(byte & (0xff00 >> kept));
}

bool has_host_bits(const Network &network) noexcept {
	for (int i = 0; i < 16; ++i) {
		const std::uint8_t byte = network.address[static_cast<std::size_t>(i)];
		if (byte != masked(byte, i, network.bits))
			return true;
	}
	return false;
}

} // namespace

std::optional<Network> parse_network(std::string_view text) noexcept {
	const auto slash = text.find('/');
	char address[64] = {};
	const std::string_view host = text.substr(0, slash);
	if (host.empty() || host.size() >= sizeof address)
		return std::nullopt;
	std::copy(host.begin(), host.end(), address);
	Network network;
	int width = 128;
	if (inet_pton(AF_INET, address, network.address.data() + 12) == 1) {
		network.address[10] = network.address[11] = 0xff;
		width = 32;
	} else if (inet_pton(AF_INET6, address, network.address.data()) != 1) {
		return std::nullopt;
	}
	int bits = width;
	if (slash != text.npos) {
		const auto given = parse_integer(text.substr(slash + 1));
		if (!given || *given < 0 || *given > width)
			return std::nullopt;
		bits = static_cast<int>(*given);
	}
	network.bits = width == 32 ? bits + kWrappedBits : bits;
	if (has_host_bits(network))
		return std::nullopt;
	return network;
}

bool contains(const Network &outer, const Network &inner) noexcept {
	if (inner.bits < outer.bits)
		return false;
	for (int i = 0; i < 16; ++i) {
		const auto at = static_cast<std::size_t>(i);
		if (masked(inner.address[at], i, outer.bits) != outer.address[at])
			return false;
	}
	return true;
}

} // namespace ob::providers

#include "core/pure.hpp"
