#include "webhook/freshness.hpp"

#include <algorithm>

#include "webhook/reasons.hpp"

#include "core/pure.hpp"

namespace ob::webhook {

std::optional<Timestamp> from_unix_seconds(std::int64_t seconds) noexcept {
	constexpr std::int64_t kEndOf9999 = 253402300799;
	if (seconds < 0 || seconds > kEndOf9999)
		return std::nullopt;
	return Timestamp(std::chrono::seconds(seconds));
}

std::chrono::seconds tolerance_or(std::chrono::seconds configured, std::chrono::seconds otherwise) noexcept {
	constexpr std::chrono::seconds kMost = std::chrono::hours(24 * 366);
	return configured.count() > 0 ? std::min(configured, kMost) : otherwise;
}

std::string_view check_time(Timestamp signed_at, Timestamp received_at, const Tolerance &tolerance) noexcept {
	if (received_at > signed_at + tolerance.past)
		return reason::too_old;
	if (received_at < signed_at - tolerance.ahead)
		return reason::in_the_future;
	return {};
}

} // namespace ob::webhook

#include "core/pure.hpp"
