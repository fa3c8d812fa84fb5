// A set of ids that keeps 16 bytes an id, for millions of them. C++ regime.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/pure.hpp"

namespace ob {

/// Holds 128-bit hashes instead of the ids, about 20 bytes each. Two different ids are taken for one with a chance of
/// n² / 2^129 over the whole set: 10^-26 for a million ids, far below that of a wrong bit in memory. Callers still ask
/// what a collision would cost, and take care that it is never a row.
class IdSet {
public:
	/// False if it was there.
	bool insert(std::string_view id);
	bool contains(std::string_view id) const noexcept;
	std::size_t size() const noexcept { return size_; }
	void clear();

private:
	struct Hash {
		std::uint64_t high;
		std::uint64_t low;
		friend bool operator==(const Hash &, const Hash &) = default;
	};
	/// Open addressing. Many small tables instead of one, so that growing copies little at a time and the memory
	/// stays near what is used.
	struct Table {
		std::vector<Hash> slots;
		std::size_t used = 0;
	};

	static Hash hash(std::string_view id) noexcept;
	static std::size_t find(const std::vector<Hash> &slots, Hash hash) noexcept;
	static void grow(Table &table);

	static constexpr std::size_t kTables = 256;
	std::array<Table, kTables> tables_;
	std::size_t size_ = 0;
};

} // namespace ob

#include "core/pure.hpp"
