// C++ regime.
#include "core/id_set.hpp"

#include <cstring>

#include "core/pure.hpp"

namespace ob {

namespace {

// Odd constants without pattern: digits of pi and e.
constexpr std::uint64_t kPi = 0x243F6A8885A308D3u;
constexpr std::uint64_t kE = 0xB7E151628AED2A6Bu;

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

bool IdSet::insert(std::string_view id) {
	const Hash h = hash(id);
	Table &table = tables_[h.high >> 56];
	// Seven eighths full at most: a look for what is not there then passes some thirty slots, all near each other.
	if ((table.used + 1) * 8 > table.slots.size() * 7)
		grow(table);
	Hash &slot = table.slots[find(table.slots, h)];
	if (slot == h)
		return false;
	slot = h;
	++table.used;
	++size_;
	return true;
}

bool IdSet::contains(std::string_view id) const noexcept {
	const Hash h = hash(id);
	const Table &table = tables_[h.high >> 56];
	return !table.slots.empty() && table.slots[find(table.slots, h)] == h;
}

void IdSet::clear() {
	for (Table &table : tables_)
		table = Table();
	size_ = 0;
}

/// The slot that holds `hash`, or the free one where it belongs. There is always a free one.
std::size_t IdSet::find(const std::vector<Hash> &slots, Hash hash) noexcept {
	// The low half, scaled to the table's size: no division, any size will do.
	auto place = static_cast<std::size_t>((static_cast<unsigned __int128>(hash.low) * slots.size()) >> 64);
	while (slots[place] != hash && slots[place] != Hash{0, 0})
		place = place + 1 == slots.size() ? 0 : place + 1;
	return place;
}

void IdSet::grow(Table &table) {
	std::vector<Hash> larger(table.slots.empty() ? 8 : table.slots.size() + table.slots.size() / 4, Hash{0, 0});
	for (const Hash h : table.slots)
		if (h != Hash{0, 0})
			larger[find(larger, h)] = h;
	table.slots.swap(larger);
}

/// Two chains over the same words with different constants, the length mixed in. Not meant to withstand someone who
/// chooses ids to collide: the provider chooses them.
IdSet::Hash IdSet::hash(std::string_view id) noexcept {
	std::uint64_t a = kPi ^ id.size();
	std::uint64_t b = kE + id.size();
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
	Hash h{finish(a ^ (b >> 7)), finish(b + mix(a, kPi))};
	if (h == Hash{0, 0})
		h.low = 1; // zero marks a free slot
	return h;
}

} // namespace ob

#include "core/pure.hpp"
