#include "core/time.hpp"

#include <cstdint>

#include "core/pure.hpp"

namespace ob::time {
namespace {

/// Reads `count` digits at `p`; -1 if one is none.
int digits(const char *p, int count) {
	int value = 0;
	for (int i = 0; i < count; ++i) {
		const auto digit = static_cast<unsigned>(p[i]) - '0';
		if (digit > 9)
			return -1;
		value = value * 10 + static_cast<int>(digit);
	}
	return value;
}

constexpr std::size_t kDateLength = 10;    // YYYY-MM-DD
constexpr std::size_t kSecondsLength = 19; // YYYY-MM-DDThh:mm:ss

std::optional<Date> date_at(const char *p) {
	const int year = digits(p, 4);
	const int month = digits(p + 5, 2);
	const int day = digits(p + 8, 2);
	if (year < 1 || month < 1 || day < 1 || p[4] != '-' || p[7] != '-')
		return std::nullopt;
	const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
	                                       std::chrono::day(static_cast<unsigned>(day))};
	if (!date.ok())
		return std::nullopt;
	return Date(date);
}

/// The microseconds of a fraction, `p` behind its point and moved behind its digits; -1 if it has no digit.
int take_fraction(const char *&p, const char *end) {
	int micros = 0;
	int unit = 100'000;
	const char *begin = p;
	for (; p != end; ++p, unit /= 10) {
		const auto digit = static_cast<unsigned>(*p) - '0';
		if (digit > 9)
			break;
		micros += static_cast<int>(digit) * unit;
	}
	return p == begin ? -1 : micros;
}

/// The whole of `text` from `p` on as a zone: its offset in minutes.
std::optional<int> zone(const char *p, const char *end) {
	if (end - p == 1 && (*p == 'Z' || *p == 'z'))
		return 0;
	if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':')
		return std::nullopt;
	const int hours = digits(p + 1, 2);
	const int minutes = digits(p + 4, 2);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return std::nullopt;
	return (*p == '-' ? -1 : 1) * (hours * 60 + minutes);
}

void append(std::string &out, unsigned value, int width) {
	char buffer[10];
	for (int i = width; i-- > 0; value /= 10)
		buffer[i] = static_cast<char>('0' + value % 10);
	out.append(buffer, static_cast<std::size_t>(width));
}

} // namespace

std::optional<Date> parse_date(std::string_view text) noexcept {
	if (text.size() != kDateLength)
		return std::nullopt;
	return date_at(text.data());
}

std::optional<Timestamp> parse_timestamp(std::string_view text) noexcept {
	if (text.size() <= kSecondsLength)
		return std::nullopt;
	const char *p = text.data();
	const char *const end = p + text.size();
	const std::optional<Date> date = date_at(p);
	if (!date || (p[10] != 'T' && p[10] != 't' && p[10] != ' ') || p[13] != ':' || p[16] != ':')
		return std::nullopt;
	const int hour = digits(p + 11, 2);
	const int minute = digits(p + 14, 2);
	const int second = digits(p + 17, 2);
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return std::nullopt;
	p += kSecondsLength;
	int micros = 0;
	if (*p == '.') {
		++p;
		micros = take_fraction(p, end);
		if (micros < 0)
			return std::nullopt;
	}
	const std::optional<int> offset = zone(p, end);
	if (!offset)
		return std::nullopt;
	const Timestamp time = *date + std::chrono::hours(hour) + std::chrono::minutes(minute - *offset) +
	                       std::chrono::seconds(second) + std::chrono::microseconds(micros);
	// An offset or a leap second may lead out of the years that can be written.
	using namespace std::chrono_literals;
	constexpr Date kFirst = std::chrono::year(1) / 1 / 1;
	constexpr Date kEnd = std::chrono::year(10000) / 1 / 1;
	if (time < kFirst || time >= kEnd)
		return std::nullopt;
	return time;
}

std::optional<Date> parse_timestamp_day(std::string_view text) noexcept {
	if (!parse_timestamp(text))
		return std::nullopt;
	return parse_date(text.substr(0, kDateLength));
}

std::string format_date(Date date) {
	const std::chrono::year_month_day ymd(date);
	std::string result;
	result.reserve(kDateLength);
	append(result, static_cast<unsigned>(static_cast<int>(ymd.year())), 4);
	result += '-';
	append(result, static_cast<unsigned>(ymd.month()), 2);
	result += '-';
	append(result, static_cast<unsigned>(ymd.day()), 2);
	return result;
}

std::string format_timestamp(Timestamp time) {
	const Date date = std::chrono::floor<std::chrono::days>(time);
	const std::chrono::hh_mm_ss clock(time - date);
	std::string result = format_date(date);
	result += 'T';
	append(result, static_cast<unsigned>(clock.hours().count()), 2);
	result += ':';
	append(result, static_cast<unsigned>(clock.minutes().count()), 2);
	result += ':';
	append(result, static_cast<unsigned>(clock.seconds().count()), 2);
	if (const auto micros = clock.subseconds().count(); micros != 0) {
		result += '.';
		append(result, static_cast<unsigned>(micros), 6);
		result.erase(result.find_last_not_of('0') + 1);
	}
	result += 'Z';
	return result;
}

} // namespace ob::time

#include "core/pure.hpp"
