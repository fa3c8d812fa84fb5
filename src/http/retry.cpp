// C++ regime.
#include "http/retry.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "core/pure.hpp"

namespace ob::http {

namespace {

std::uint64_t system_random(std::uint64_t upper) {
	// Seeded on first use, so after the fork: two backends must not draw the same pauses.
	static std::mt19937_64 engine{std::random_device{}()};
	return std::uniform_int_distribution<std::uint64_t>(0, upper)(engine);
}

} // namespace

Backoff::Backoff(int tries, Random random)
    : tries_left_(tries), random_(random ? std::move(random) : Random(system_random)) {}

std::optional<std::chrono::milliseconds> Backoff::next(std::optional<std::chrono::seconds> retry_after) {
	if (--tries_left_ <= 0)
		return std::nullopt;
	if (retry_after && *retry_after > kLongestWait)
		return std::nullopt;
	const auto jitter = std::chrono::milliseconds(random_(static_cast<std::uint64_t>(limit_.count())));
	limit_ = std::min(limit_ * 2, kCap);
	// The jitter comes on top: all who were told the same second would meet again at its end.
	return retry_after ? std::max(*retry_after, std::chrono::seconds(0)) + jitter : jitter;
}

} // namespace ob::http

#include "core/pure.hpp"
