// Text the simulator writes and reads: JSON strings and objects, base64, digests, dates and times.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ob::sandbox {

using Time = std::chrono::sys_time<std::chrono::nanoseconds>;
using Day = std::chrono::sys_days;

/// Appends `value` as a JSON string, quotes included. Bytes above 127 go out as they are.
void append_json_string(std::string &out, std::string_view value);
[[nodiscard]] std::string json_string(std::string_view value);

/// Writes one JSON object key by key; the text is taken with end().
class ObjectText {
public:
	ObjectText &string(std::string_view key, std::string_view value);
	ObjectText &nullable(std::string_view key, const std::optional<std::string> &value);
	ObjectText &number(std::string_view key, std::int64_t value);
	ObjectText &boolean(std::string_view key, bool value);
	ObjectText &null(std::string_view key);
	/// `json` must be a JSON value already; it is copied as it stands.
	ObjectText &raw(std::string_view key, std::string_view json);
	/// Writes the key and hands out the text; the caller appends exactly one JSON value.
	[[nodiscard]] std::string &value(std::string_view key);
	[[nodiscard]] std::string end();

private:
	void key(std::string_view name);
	std::string text_ = "{";
};

/// Joins JSON values to an array.
template <typename Range>
[[nodiscard]] std::string json_array(const Range &values) {
	std::string out = "[";
	for (const auto &value : values) {
		if (out.size() > 1) {
			out.push_back(',');
		}
		out.append(value);
	}
	out.push_back(']');
	return out;
}

/// Joins texts to an array of JSON strings.
template <typename Range>
[[nodiscard]] std::string json_strings(const Range &values) {
	std::string out = "[";
	for (const auto &value : values) {
		if (out.size() > 1) {
			out.push_back(',');
		}
		append_json_string(out, value);
	}
	out.push_back(']');
	return out;
}

/// Standard base64 with padding.
[[nodiscard]] std::string base64(std::string_view bytes);
/// Nothing if the text is not canonical base64 with padding.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);
/// base64url without padding, as in JWTs.
[[nodiscard]] std::string base64_url(std::string_view bytes);
[[nodiscard]] std::string sha256(std::string_view bytes);
[[nodiscard]] std::string hex(std::string_view bytes);

/// 2026-03-07
[[nodiscard]] std::string format_date(Day day);
/// Only YYYY-MM-DD of a day that exists.
[[nodiscard]] std::optional<Day> parse_date(std::string_view text);
/// 2026-03-07T10:20:30Z, with `fraction_digits` (0 to 9) digits after the second.
[[nodiscard]] std::string format_time(Time time, int fraction_digits = 0);
/// ISO 8601 with Z or an offset and at most nine digits of fraction.
[[nodiscard]] std::optional<Time> parse_time(std::string_view text);
[[nodiscard]] Day day_of(Time time);

} // namespace ob::sandbox
