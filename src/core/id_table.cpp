// C++ regime.
#include "core/id_table.hpp"

#include <cstring>
#include <random>

#include "core/pure.hpp"

namespace ob {

namespace {

// Odd constants without pattern: digits of pi and e.
constexpr std::uint64_t kPi = 0x243F6A8885A308D3u;
constexpr std::uint64_t kE = 0xB7E151628AED2A6Bu;

// Texts come from whoever names a payment: nobody must be able to prepare two with one hash. No hash outlives the
// process.
const std::uint64_t kSeed = [] {
	std::random_device device;
	return static_cast<std::uint64_t>(device()) << 32 | device();
}();

/// Both halves of the 128-bit product: every bit of either factor reaches the result.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
	const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
	return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t finish(std::uint64_t h) noexcept {
	h ^= h >> 33;
	h *= 0xFF51AFD7ED558CCDu;
	h ^= h >> 33;
	h *= 0xC4CEB9FE1A85EC53u;
	return h ^ (h >> 33);
}

} // namespace

/// Two chains over the same words with different constants, the length mixed in.
IdHash id_hash(std::string_view id) noexcept {
	std::uint64_t a = kPi ^ kSeed ^ id.size();
	std::uint64_t b = kE + kSeed + id.size();
	const char *at = id.data();
	std::size_t left = id.size();
	while (left > 0) {
		std::uint64_t word = 0;
		const std::size_t take = left < 8 ? left : 8;
		std::memcpy(&word, at, take);
		at += take;
		left -= take;
		a = mix(a ^ word, kE) + word;
		b = mix(b + word, kPi) ^ (word << 1 | word >> 63);
	}
	IdHash h{finish(a ^ (b >> 7)), finish(b + mix(a, kPi))};
	if (h.is_zero())
		h.low = 1; // zero marks a free slot
	return h;
}

} // namespace ob

#include "core/pure.hpp"
