// Tables of ids by hash, for millions of them: what IdSet and IdVersions share. C++ regime.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/pure.hpp"

namespace ob {

/// 128 bits that stand for an id. Two different ids are taken for one with a chance of n² / 2^129 over a whole set:
/// 10^-26 for a million ids, far below that of a wrong bit in memory. Callers still ask what a collision would cost,
/// and take care that it is never a row.
struct IdHash {
	std::uint64_t high = 0;
	std::uint64_t low = 0;
	bool is_zero() const noexcept { return (high | low) == 0; }
	friend bool operator==(const IdHash &, const IdHash &) = default;
};

/// Never zero. Differs from process to process.
IdHash id_hash(std::string_view id) noexcept;

/// `Entry` has a member `IdHash hash`, zero in an empty one. Pointers to entries last until the next insert.
template <class Entry>
class IdTable {
public:
	Entry *find(IdHash hash) noexcept {
		Part &part = part_of(hash);
		if (part.slots.empty())
			return nullptr;
		Entry &slot = part.slots[place(part.slots, hash)];
		return slot.hash.is_zero() ? nullptr : &slot;
	}
	/// The entry of `hash`, added empty but for the hash if it was not there.
	Entry &insert(IdHash hash) {
		Part &part = part_of(hash);
		// Seven eighths full at most: a look for what is not there then passes some thirty slots, all near each other.
		if ((part.used + 1) * 8 > part.slots.size() * 7)
			grow(part);
		Entry &slot = part.slots[place(part.slots, hash)];
		if (slot.hash.is_zero()) {
			slot.hash = hash;
			++part.used;
			++size_;
		}
		return slot;
	}
	std::size_t size() const noexcept { return size_; }

private:
	/// Open addressing. Many small parts instead of one, so that growing copies little at a time and the memory stays
	/// near what is used.
	struct Part {
		std::vector<Entry> slots;
		std::size_t used = 0;
	};

	Part &part_of(IdHash hash) noexcept { return parts_[hash.high >> 56]; }

	/// The slot that holds `hash`, or the free one where it belongs. There is always a free one.
	static std::size_t place(const std::vector<Entry> &slots, IdHash hash) noexcept {
		// The low half, scaled to the part's size: no division, any size will do.
		auto at = static_cast<std::size_t>((static_cast<unsigned __int128>(hash.low) * slots.size()) >> 64);
		while (!(slots[at].hash == hash) && !slots[at].hash.is_zero())
			at = at + 1 == slots.size() ? 0 : at + 1;
		return at;
	}

	static void grow(Part &part) {
		std::vector<Entry> larger(part.slots.empty() ? 8 : part.slots.size() + part.slots.size() / 4);
		for (const Entry &entry : part.slots)
			if (!entry.hash.is_zero())
				larger[place(larger, entry.hash)] = entry;
		part.slots.swap(larger);
	}

	static constexpr std::size_t kParts = 256;
	std::array<Part, kParts> parts_;
	std::size_t size_ = 0;
};

} // namespace ob

#include "core/pure.hpp"
