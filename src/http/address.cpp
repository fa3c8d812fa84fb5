// C++ regime.
#include "http/address.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>
#include <span>

#include "core/pure.hpp"

namespace ob::http {

namespace {

struct Range4 {
	std::array<std::uint8_t, 4> prefix;
	int bits;
};

// The IANA registry of special-purpose addresses (RFC 6890 and successors), multicast, and one cloud's metadata
// service that sits in public space.
constexpr Range4 kSpecial4[] = {
    {{0, 0, 0, 0}, 8},        // this network
    {{10, 0, 0, 0}, 8},       // private
    {{100, 64, 0, 0}, 10},    // shared (carrier NAT)
    {{127, 0, 0, 0}, 8},      // loopback
    {{168, 63, 129, 16}, 32}, // Azure's metadata and host service
    {{169, 254, 0, 0}, 16},   // link-local, metadata
    {{172, 16, 0, 0}, 12},    // private
    {{192, 0, 0, 0}, 24},     // protocol assignments
    {{192, 0, 2, 0}, 24},     // documentation
    {{192, 88, 99, 0}, 24},   // 6to4 relays
    {{192, 168, 0, 0}, 16},   // private
    {{198, 18, 0, 0}, 15},    // benchmarking
    {{198, 51, 100, 0}, 24},  // documentation
    {{203, 0, 113, 0}, 24},   // documentation
    {{224, 0, 0, 0}, 4},      // multicast
    {{240, 0, 0, 0}, 4},      // reserved, broadcast
};

struct Range6 {
	std::array<std::uint8_t, 16> prefix;
	int bits;
};

// Within 2000::/3, the only block that is assigned to the Internet.
constexpr Range6 kSpecial6[] = {
    {{0x20, 0x01, 0x00}, 23},       // protocol assignments: Teredo, benchmarking, ORCHID
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, // documentation
    {{0x3f, 0xff, 0x00}, 20},       // documentation
};

bool within(std::span<const std::uint8_t> address, std::span<const std::uint8_t> prefix, int bits) noexcept {
	const auto whole = static_cast<std::size_t>(bits / 8);
	if (!std::equal(prefix.begin(), prefix.begin() + static_cast<std::ptrdiff_t>(whole), address.begin()))
		return false;
	const int rest = bits % 8;
	return rest == 0 || ((address[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

bool is_public4(std::span<const std::uint8_t, 4> a) noexcept {
	return std::none_of(std::begin(kSpecial4), std::end(kSpecial4),
	                    [&](const Range4 &r) { return within(a, r.prefix, r.bits); });
}

bool is_public6(std::span<const std::uint8_t, 16> a) noexcept {
	constexpr std::array<std::uint8_t, 16> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	constexpr std::array<std::uint8_t, 16> kNat64{0, 0x64, 0xff, 0x9b};
	constexpr std::array<std::uint8_t, 16> k6to4{0x20, 0x02};
	if (within(a, kMapped, 96) || within(a, kNat64, 96))
		return is_public4(a.subspan<12, 4>());
	if (within(a, k6to4, 16))
		return is_public4(a.subspan<2, 4>());
	if ((a[0] & 0xe0) != 0x20)
		return false;
	return std::none_of(std::begin(kSpecial6), std::end(kSpecial6),
	                    [&](const Range6 &r) { return within(a, r.prefix, r.bits); });
}

} // namespace

bool is_public_address(const sockaddr &address) noexcept {
	// Copied out of the caller's buffer, which need not be aligned for the larger types.
	if (address.sa_family == AF_INET) {
		sockaddr_in in;
		std::memcpy(&in, &address, sizeof in);
		std::array<std::uint8_t, 4> bytes;
		std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
		return is_public4(bytes);
	}
	if (address.sa_family == AF_INET6) {
		sockaddr_in6 in;
		std::memcpy(&in, &address, sizeof in);
		std::array<std::uint8_t, 16> bytes;
		std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
		return is_public6(bytes);
	}
	return false;
}

} // namespace ob::http

#include "core/pure.hpp"
