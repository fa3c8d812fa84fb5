#include "json/numbers.hpp"

#include <algorithm>
#include <cstddef>

#include "core/pure.hpp"

namespace ob::json {
namespace {

constexpr std::size_t kMostCharacters = 1000;
constexpr std::size_t kMostExponentDigits = 3;

bool fits(std::string_view number) {
	if (number.size() > kMostCharacters)
		return false;
	const std::size_t exponent = number.find_first_of("eE");
	if (exponent == std::string_view::npos)
		return true;
	const std::size_t digits = number.find_first_not_of("+-0", exponent + 1);
	return digits == std::string_view::npos || number.size() - digits <= kMostExponentDigits;
}

/// Behind the text that begins at `at`.
std::size_t text_end(std::string_view raw, std::size_t at) {
	for (++at; at < raw.size() && raw[at] != '"'; ++at)
		at += raw[at] == '\\' ? 1 : 0;
	return at + 1;
}

} // namespace

bool numbers_fit(std::string_view raw) noexcept {
	for (std::size_t at = 0; at < raw.size();) {
		const char c = raw[at];
		if (c == '"') {
			at = text_end(raw, at);
		} else if (c >= '0' && c <= '9') {
			const std::size_t end = std::min(raw.find_first_not_of("0123456789.eE+-", at), raw.size());
			if (!fits(raw.substr(at, end - at)))
				return false;
			at = end;
		} else {
			++at;
		}
	}
	return true;
}

} // namespace ob::json

#include "core/pure.hpp"
