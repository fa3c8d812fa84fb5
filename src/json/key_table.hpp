// Finding a key among a provider's field names: a perfect hash made at compile time, because a chain of comparisons
// costs more than parsing. C++ regime.
//
//	enum class Field { id, amount, date };
//	constexpr json::KeyTable kFields({"transaction_id", "amount", "date"});
//	switch (static_cast<Field>(kFields.find(key))) { case Field::id: ... default: /* not ours */ }
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/pure.hpp"

namespace ob::json {

template <std::size_t N>
class KeyTable {
public:
	/// Names that differ, none empty. Does not compile where no hash can tell them apart.
	consteval explicit KeyTable(const std::string_view (&names)[N]) {
		for (std::size_t i = 0; i < N; ++i)
			names_[i] = names[i];
		seed_ = 0x9E3779B97F4A7C15u;
		for (int tries = 0; !place(); ++tries) {
			if (tries == 2000)
				throw "no seed tells these names apart";
			seed_ = seed_ * 6364136223846793005u + 1442695040888963407u;
		}
	}

	/// The index of `key` among the names, -1 if it is none of them.
	int find(std::string_view key) const noexcept {
		if (key.empty())
			return -1;
		const std::uint8_t slot = slots_[hash(key)];
		return slot != kFree && names_[slot] == key ? slot : -1;
	}

private:
	static_assert(N > 0 && N < 128);
	static constexpr std::uint8_t kFree = 0xFF;
	static constexpr std::size_t kSlots = std::bit_ceil(N * 4);
	static constexpr int kShift = 64 - std::countr_zero(kSlots);

	constexpr std::size_t hash(std::string_view key) const noexcept {
		const std::size_t n = key.size();
		const auto byte = [&](std::size_t i) { return static_cast<std::uint64_t>(static_cast<unsigned char>(key[i])); };
		const std::uint64_t mix = byte(0) | byte(n / 4) << 8 | byte(n / 2) << 16 | byte(n - n / 4 - 1) << 24 |
		                          byte(n - 1) << 32 | static_cast<std::uint64_t>(n) << 40;
		return static_cast<std::size_t>((mix * seed_) >> kShift);
	}

	constexpr bool place() {
		slots_.fill(kFree);
		for (std::size_t i = 0; i < N; ++i) {
			std::uint8_t &slot = slots_[hash(names_[i])];
			if (slot != kFree)
				return false;
			slot = static_cast<std::uint8_t>(i);
		}
		return true;
	}

	std::array<std::string_view, N> names_{};
	std::array<std::uint8_t, kSlots> slots_{};
	std::uint64_t seed_ = 0;
};

} // namespace ob::json

#include "core/pure.hpp"
