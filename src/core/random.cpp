// C++ regime.
#include "core/random.hpp"

#include <random>

#include "core/pure.hpp"

namespace ob {

Random system_random() {
	return [](std::uint64_t upper) {
		// Seeded on first use, so after the fork: two backends must not draw the same pauses.
		static std::mt19937_64 engine{std::random_device{}()};
		return std::uniform_int_distribution<std::uint64_t>(0, upper)(engine);
	};
}

} // namespace ob

#include "core/pure.hpp"
