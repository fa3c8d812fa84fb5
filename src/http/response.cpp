// C++ regime.
#include <algorithm>
#include <charconv>

#include <curl/curl.h>

#include "http/transport.hpp"

#include "core/pure.hpp"

namespace ob::http {

std::string_view Response::header(std::string_view name) const {
	auto it = std::find_if(headers.begin(), headers.end(), [&](const auto &h) { return h.first == name; });
	return it == headers.end() ? std::string_view() : std::string_view(it->second);
}

std::optional<std::chrono::seconds> Response::retry_after(Timestamp now) const {
	// A value that would overflow the arithmetic of callers means "very long": a year says so as well.
	constexpr std::int64_t kMost = 366LL * 24 * 3600;
	const std::string value(header("retry-after"));
	if (value.empty())
		return std::nullopt;

	if (value.find_first_not_of("0123456789") == std::string::npos) {
		std::int64_t number = 0;
		const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
		return std::chrono::seconds(error == std::errc() ? std::min(number, kMost) : kMost);
	}
	// curl_getdate also takes bare numbers such as 20251131 for a date and words for a time; HTTP's three forms all
	// begin with a day's name.
	if (!((value[0] >= 'A' && value[0] <= 'Z') || (value[0] >= 'a' && value[0] <= 'z')))
		return std::nullopt;
	const time_t date = curl_getdate(value.c_str(), nullptr);
	if (date == -1)
		return std::nullopt;
	const std::int64_t left = static_cast<std::int64_t>(date) -
	                          std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
	return std::chrono::seconds(std::clamp<std::int64_t>(left, 0, kMost));
}

} // namespace ob::http

#include "core/pure.hpp"
