// C++ regime.
#include "providers/truelayer/times.hpp"

#include <string>

#include "core/time.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

constexpr std::string_view kNoDate = "0001-01-01";
constexpr std::size_t kDayLength = kNoDate.size();

} // namespace

std::optional<Timestamp> parse_time(std::string_view text) {
	if (text.starts_with(kNoDate))
		return std::nullopt;
	if (const auto instant = time::parse_timestamp(text))
		return instant;
	return time::parse_timestamp(std::string(text) + "Z");
}

std::optional<Date> parse_day(std::string_view text) {
	const bool is_time = text.size() > kDayLength;
	if (text.starts_with(kNoDate) || (is_time && !parse_time(text)))
		return std::nullopt;
	return time::parse_date(text.substr(0, kDayLength));
}

bool has_time_of_day(std::string_view text) noexcept {
	constexpr std::size_t kTime = kDayLength + 1; // behind the T
	return text.size() >= kTime + 8 && text.substr(kTime, 8) != "00:00:00";
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
