#include "core/text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>

#include "core/pure.hpp"

namespace ob::text {
namespace {

char lower(char c) {
	return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
bool is_digit(char c) {
	return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

std::size_t levenshtein(std::string_view a, std::string_view b) {
	std::vector<std::size_t> row(b.size() + 1);
	std::iota(row.begin(), row.end(), std::size_t{0});
	for (std::size_t i = 0; i < a.size(); ++i) {
		std::size_t diagonal = row[0];
		row[0] = i + 1;
		for (std::size_t j = 0; j < b.size(); ++j) {
			const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
			diagonal = row[j + 1];
			row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
		}
	}
	return row[b.size()];
}

} // namespace

std::string lower_ascii(std::string_view text) {
	std::string result(text);
	std::transform(result.begin(), result.end(), result.begin(), lower);
	return result;
}

bool iequals_ascii(std::string_view a, std::string_view b) noexcept {
	return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) noexcept {
	constexpr std::string_view kBlank = " \t\n\r";
	const std::size_t first = text.find_first_not_of(kBlank);
	if (first == std::string_view::npos)
		return {};
	return text.substr(first, text.find_last_not_of(kBlank) + 1 - first);
}

std::vector<std::string_view> split(std::string_view list, char separator) {
	std::vector<std::string_view> parts;
	for (;;) {
		const std::size_t end = list.find(separator);
		if (const std::string_view part = trim(list.substr(0, end)); !part.empty())
			parts.push_back(part);
		if (end == std::string_view::npos)
			return parts;
		list.remove_prefix(end + 1);
	}
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> names) {
	constexpr std::size_t kFarthest = 4;
	std::string_view best;
	std::size_t best_distance = std::min(kFarthest, word.size() / 2) + 1;
	for (std::string_view name : names) {
		const std::size_t gap = name.size() > word.size() ? name.size() - word.size() : word.size() - name.size();
		if (gap >= best_distance)
			continue;
		if (const std::size_t distance = levenshtein(word, name); distance < best_distance) {
			best = name;
			best_distance = distance;
		}
	}
	return best;
}

std::string mask_last4(std::string_view number) {
	if (number.empty())
		return {};
	std::string shown;
	std::copy_if(number.begin(), number.end(), std::back_inserter(shown), is_alnum);
	return shown.size() <= 4 ? "****" : "****" + shown.substr(shown.size() - 4);
}

// ---- card numbers ----

namespace {

constexpr std::size_t kShortestPan = 13;
constexpr std::size_t kLongestPan = 19;
/// All groups but the last of a grouped card number have at least this many digits (4-4-4-4, 4-6-5, 6-13 and so on);
/// it tells them from dates, sort codes and telephone numbers.
constexpr std::size_t kLeastGroup = 4;

bool may_be_in_pan(char c) {
	return is_digit(c) || c == ' ' || c == '-';
}

bool luhn(std::string_view text) {
	unsigned sum = 0;
	bool twice = false;
	for (auto it = text.rbegin(); it != text.rend(); ++it) {
		if (!is_digit(*it))
			continue;
		const auto digit = static_cast<unsigned>(*it - '0');
		const unsigned doubled = digit * 2;
		sum += !twice ? digit : doubled > 9 ? doubled - 9 : doubled;
		twice = !twice;
	}
	return sum % 10 == 0;
}

struct Span {
	std::size_t begin;
	std::size_t end;
};

/// The end of the longest card number that begins with the group at `begin`; 0 if none does.
std::size_t pan_end(std::string_view text, std::size_t begin) {
	if (text[begin] == '0')
		return 0;
	std::size_t found = 0;
	std::size_t digits = 0;
	std::size_t p = begin;
	for (;;) {
		const std::size_t group = p;
		while (p < text.size() && is_digit(text[p]))
			++p;
		digits += p - group;
		if (p == group || digits > kLongestPan)
			return found;
		if (digits >= kShortestPan && luhn(text.substr(begin, p - begin)))
			found = p;
		if (p - group < kLeastGroup || p >= text.size() || is_digit(text[p]) || !may_be_in_pan(text[p]))
			return found;
		++p;
	}
}

/// The next card number at or after `from`, overlapping ones as one; an empty span at the end if there is none.
Span next_pan(std::string_view text, std::size_t from) {
	// A card number has a byte at each 13th place, so only those are looked at until one could belong to it.
	for (std::size_t probe = from + kShortestPan - 1; probe < text.size();) {
		if (!may_be_in_pan(text[probe])) {
			probe += kShortestPan;
			continue;
		}
		std::size_t begin = probe;
		while (begin > from && may_be_in_pan(text[begin - 1]))
			--begin;
		Span span{0, 0};
		std::size_t p = begin;
		for (; p < text.size() && may_be_in_pan(text[p]) && (span.end == 0 || p < span.end); ++p) {
			const bool group_begins = is_digit(text[p]) && (p == begin || !is_digit(text[p - 1]));
			const std::size_t found = group_begins ? pan_end(text, p) : 0;
			if (found != 0 && span.end == 0)
				span.begin = p;
			span.end = std::max(span.end, found);
		}
		if (span.end != 0)
			return span;
		probe = p + kShortestPan;
	}
	return {text.size(), text.size()};
}

} // namespace

bool may_hold_pan(std::string_view text) noexcept {
	for (std::size_t probe = kShortestPan - 1; probe < text.size();) {
		if (!may_be_in_pan(text[probe])) {
			probe += kShortestPan;
			continue;
		}
		std::size_t digits = 0;
		// Ends at the latest at the probe before this one.
		for (std::size_t p = probe + 1; p > 0 && may_be_in_pan(text[p - 1]); --p)
			digits += is_digit(text[p - 1]) ? 1 : 0;
		for (++probe; probe < text.size() && may_be_in_pan(text[probe]); ++probe)
			digits += is_digit(text[probe]) ? 1 : 0;
		if (digits >= kShortestPan)
			return true;
		probe += kShortestPan;
	}
	return false;
}

bool has_pan(std::string_view text) noexcept {
	return next_pan(text, 0).begin < text.size();
}

std::string cut_pans(std::string text) {
	Span pan = next_pan(text, 0);
	if (pan.begin == text.size())
		return text;
	std::string result;
	result.reserve(text.size() + 8);
	std::size_t copied = 0;
	while (pan.begin < text.size()) {
		result.append(text, copied, pan.begin - copied);
		result.append("************");
		std::string last4;
		for (std::size_t p = pan.end; last4.size() < 4; --p)
			if (is_digit(text[p - 1]))
				last4.insert(last4.begin(), text[p - 1]);
		result.append(last4);
		copied = pan.end;
		pan = next_pan(text, copied);
	}
	result.append(text, copied);
	return result;
}

// ---- UTF-8 ----

bool valid_utf8(std::string_view text) noexcept {
	const auto *p = reinterpret_cast<const unsigned char *>(text.data());
	const auto *const end = p + text.size();
	const auto continues = [](unsigned char c) { return (c & 0xC0) == 0x80; };
	while (p != end) {
		if (end - p >= 8) {
			std::uint64_t eight;
			std::memcpy(&eight, p, 8);
			if ((eight & 0x8080808080808080u) == 0) {
				p += 8;
				continue;
			}
		}
		const unsigned char c = *p;
		const auto left = end - p;
		if (c < 0x80) {
			p += 1;
		} else if (c >= 0xC2 && c <= 0xDF) {
			if (left < 2 || !continues(p[1]))
				return false;
			p += 2;
		} else if (c >= 0xE0 && c <= 0xEF) {
			if (left < 3 || !continues(p[1]) || !continues(p[2]))
				return false;
			if ((c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] > 0x9F))
				return false; // overlong, surrogate
			p += 3;
		} else if (c >= 0xF0 && c <= 0xF4) {
			if (left < 4 || !continues(p[1]) || !continues(p[2]) || !continues(p[3]))
				return false;
			if ((c == 0xF0 && p[1] < 0x90) || (c == 0xF4 && p[1] > 0x8F))
				return false; // overlong, above U+10FFFF
			p += 4;
		} else {
			return false;
		}
	}
	return true;
}

} // namespace ob::text

#include "core/pure.hpp"
