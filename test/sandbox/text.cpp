#include "text.hpp"

#include <array>
#include <cstdio>

#include <openssl/evp.h>
#include <openssl/sha.h>

namespace ob::sandbox {

void append_json_string(std::string &out, std::string_view value) {
	out.push_back('"');
	for (const char c : value) {
		switch (c) {
		case '"':
			out.append("\\\"");
			break;
		case '\\':
			out.append("\\\\");
			break;
		case '\n':
			out.append("\\n");
			break;
		case '\t':
			out.append("\\t");
			break;
		default:
			if (static_cast<unsigned char>(c) < 0x20) {
				std::array<char, 8> escape{};
				std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
				out.append(escape.data());
			} else {
				out.push_back(c);
			}
		}
	}
	out.push_back('"');
}

std::string json_string(std::string_view value) {
	std::string out;
	append_json_string(out, value);
	return out;
}

void ObjectText::key(std::string_view name) {
	if (text_.size() > 1) {
		text_.push_back(',');
	}
	append_json_string(text_, name);
	text_.push_back(':');
}

ObjectText &ObjectText::string(std::string_view name, std::string_view value) {
	key(name);
	append_json_string(text_, value);
	return *this;
}

ObjectText &ObjectText::nullable(std::string_view name, const std::optional<std::string> &value) {
	return value ? string(name, *value) : null(name);
}

ObjectText &ObjectText::number(std::string_view name, std::int64_t value) {
	return raw(name, std::to_string(value));
}

ObjectText &ObjectText::boolean(std::string_view name, bool value) {
	return raw(name, value ? "true" : "false");
}

ObjectText &ObjectText::null(std::string_view name) {
	return raw(name, "null");
}

ObjectText &ObjectText::raw(std::string_view name, std::string_view json) {
	key(name);
	text_.append(json);
	return *this;
}

std::string &ObjectText::value(std::string_view name) {
	key(name);
	return text_;
}

std::string ObjectText::end() {
	text_.push_back('}');
	return std::move(text_);
}

std::string base64(std::string_view bytes) {
	std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
	const int written =
	    EVP_EncodeBlock(reinterpret_cast<unsigned char *>(out.data()),
	                    reinterpret_cast<const unsigned char *>(bytes.data()), static_cast<int>(bytes.size()));
	out.resize(static_cast<std::size_t>(written));
	return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
	if (text.empty() || text.size() % 4 != 0) {
		return std::nullopt;
	}
	std::string out(text.size() / 4 * 3, '\0');
	const int written =
	    EVP_DecodeBlock(reinterpret_cast<unsigned char *>(out.data()),
	                    reinterpret_cast<const unsigned char *>(text.data()), static_cast<int>(text.size()));
	if (written < 0) {
		return std::nullopt;
	}
	const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
	out.resize(static_cast<std::size_t>(written) - padding);
	// The decoder lets blanks and stray bits pass; a second encoding shows whether this is what we wrote.
	if (base64(out) != text) {
		return std::nullopt;
	}
	return out;
}

std::string base64_url(std::string_view bytes) {
	std::string out = base64(bytes);
	while (out.ends_with('=')) {
		out.pop_back();
	}
	for (char &c : out) {
		c = c == '+' ? '-' : c == '/' ? '_' : c;
	}
	return out;
}

std::string sha256(std::string_view bytes) {
	std::string out(SHA256_DIGEST_LENGTH, '\0');
	SHA256(reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(),
	       reinterpret_cast<unsigned char *>(out.data()));
	return out;
}

std::string hex(std::string_view bytes) {
	static constexpr std::string_view kDigits = "0123456789abcdef";
	std::string out;
	for (const char c : bytes) {
		const auto byte = static_cast<unsigned char>(c);
		out.push_back(kDigits[byte >> 4U]);
		out.push_back(kDigits[byte & 15U]);
	}
	return out;
}

std::string format_date(Day day) {
	const std::chrono::year_month_day date{day};
	std::array<char, 16> out{};
	std::snprintf(out.data(), out.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
	              static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
	return out.data();
}

namespace {

// Reads exactly `digits` digits at `at` and moves on; -1 if there are fewer.
int take_digits(std::string_view text, std::size_t &at, std::size_t digits) {
	int value = 0;
	for (std::size_t i = 0; i < digits; ++i, ++at) {
		if (at >= text.size() || text[at] < '0' || text[at] > '9') {
			return -1;
		}
		value = value * 10 + (text[at] - '0');
	}
	return value;
}

bool take(std::string_view text, std::size_t &at, char wanted) {
	return at < text.size() && text[at] == wanted && ++at != 0;
}

std::optional<Day> take_date(std::string_view text, std::size_t &at) {
	const int year = take_digits(text, at, 4);
	const bool dash1 = take(text, at, '-');
	const int month = take_digits(text, at, 2);
	const bool dash2 = take(text, at, '-');
	const int day = take_digits(text, at, 2);
	if (year < 0 || month < 0 || day < 0 || !dash1 || !dash2) {
		return std::nullopt;
	}
	const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
	                                       std::chrono::day{static_cast<unsigned>(day)}};
	return date.ok() ? std::optional<Day>{Day{date}} : std::nullopt;
}

} // namespace

std::optional<Day> parse_date(std::string_view text) {
	std::size_t at = 0;
	const auto day = take_date(text, at);
	return at == text.size() ? day : std::nullopt;
}

std::string format_time(Time time, int fraction_digits) {
	const Day day = day_of(time);
	const std::chrono::hh_mm_ss clock{time - day};
	std::array<char, 32> out{};
	std::snprintf(out.data(), out.size(), "T%02d:%02d:%02d", static_cast<int>(clock.hours().count()),
	              static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
	std::string text = format_date(day) + out.data();
	if (fraction_digits > 0) {
		std::snprintf(out.data(), out.size(), ".%09d", static_cast<int>(clock.subseconds().count()));
		text.append(out.data(), static_cast<std::size_t>(fraction_digits) + 1);
	}
	return text + "Z";
}

std::optional<Time> parse_time(std::string_view text) {
	using namespace std::chrono;
	std::size_t at = 0;
	const auto day = take_date(text, at);
	if (!day || !take(text, at, 'T')) {
		return std::nullopt;
	}
	const int hour = take_digits(text, at, 2);
	const bool colon1 = take(text, at, ':');
	const int minute = take_digits(text, at, 2);
	const bool colon2 = take(text, at, ':');
	const int second = take_digits(text, at, 2);
	if (!colon1 || !colon2 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
		return std::nullopt;
	}
	nanoseconds fraction{0};
	if (take(text, at, '.')) {
		std::int64_t unit = 100'000'000;
		const std::size_t start = at;
		for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) {
			fraction += nanoseconds{unit * (text[at] - '0')};
		}
		if (at == start || at - start > 9) {
			return std::nullopt;
		}
	}
	minutes offset{0};
	if (!take(text, at, 'Z')) {
		const bool east = take(text, at, '+');
		if (!east && !take(text, at, '-')) {
			return std::nullopt;
		}
		const int offset_hours = take_digits(text, at, 2);
		const bool colon = take(text, at, ':');
		const int offset_minutes = take_digits(text, at, 2);
		if (offset_hours < 0 || offset_minutes < 0 || !colon) {
			return std::nullopt;
		}
		offset = hours{offset_hours} + minutes{offset_minutes};
		offset = east ? offset : -offset;
	}
	if (at != text.size()) {
		return std::nullopt;
	}
	return Time{*day} + hours{hour} + minutes{minute} + seconds{second} + fraction - offset;
}

Day day_of(Time time) {
	return std::chrono::floor<std::chrono::days>(time);
}

} // namespace ob::sandbox
