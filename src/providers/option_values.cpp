// C++ regime.
#include "providers/option_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text.hpp"

#include "core/pure.hpp"

namespace ob::providers {

namespace {

struct Unit {
	std::string_view name;
	std::int64_t seconds;
};

constexpr std::array kUnits = std::to_array<Unit>({
    {"s", 1},
    {"sec", 1},
    {"second", 1},
    {"seconds", 1},
    {"m", 60},
    {"min", 60},
    {"minute", 60},
    {"minutes", 60},
    {"h", 3600},
    {"hr", 3600},
    {"hour", 3600},
    {"hours", 3600},
    {"d", 86'400},
    {"day", 86'400},
    {"days", 86'400},
    {"w", 604'800},
    {"week", 604'800},
    {"weeks", 604'800},
});

// Ten years: far beyond any sensible interval, far inside 64 bits.
constexpr std::int64_t kMaxSeconds = std::int64_t{3660} * 86'400;

bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

} // namespace

std::optional<std::chrono::seconds> parse_interval(std::string_view text) noexcept {
	text = text::trim(text);
	const auto *end = std::find_if_not(text.begin(), text.end(), is_digit);
	const auto digits = static_cast<std::size_t>(end - text.begin());
	const auto number = parse_integer(text.substr(0, digits));
	const std::string_view name = text::trim(text.substr(digits));
	const auto *unit =
	    std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit &u) { return text::iequals_ascii(u.name, name); });
	if (!number || unit == kUnits.end() || *number <= 0 || *number > kMaxSeconds / unit->seconds)
		return std::nullopt;
	return std::chrono::seconds(*number * unit->seconds);
}

std::optional<bool> parse_boolean(std::string_view text) noexcept {
	for (const std::string_view yes : {"true", "on", "yes", "1"})
		if (text::iequals_ascii(text, yes))
			return true;
	for (const std::string_view no : {"false", "off", "no", "0"})
		if (text::iequals_ascii(text, no))
			return false;
	return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
	std::int64_t value = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
	if (error != std::errc() || end != text.data() + text.size())
		return std::nullopt;
	return value;
}

bool is_url(std::string_view text) noexcept {
	const std::size_t scheme = text.find("://");
	if (scheme == std::string_view::npos)
		return false;
	if (!text::iequals_ascii(text.substr(0, scheme), "https") && !text::iequals_ascii(text.substr(0, scheme), "http"))
		return false;
	const auto printable = [](char c) { return c > ' ' && c < '\x7f'; };
	if (!std::all_of(text.begin(), text.end(), printable) || text.find_first_of("#\"<>\\^`{|}") != text.npos)
		return false;
	const std::string_view rest = text.substr(scheme + 3);
	const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
	return !authority.empty() && authority.front() != ':' && authority.find('@') == authority.npos;
}

bool is_https(std::string_view url) noexcept {
	return url.size() >= 8 && text::iequals_ascii(url.substr(0, 8), "https://");
}

} // namespace ob::providers

#include "core/pure.hpp"
