// C++ regime.
#include "http/retry.hpp"

#include <algorithm>
#include <utility>

#include "core/pure.hpp"

namespace ob::http {

Backoff::Backoff(int tries, Random random)
    : tries_left_(tries), random_(random ? std::move(random) : system_random()) {}

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
