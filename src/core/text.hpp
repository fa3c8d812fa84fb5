// Small text tools that depend on no locale. C++ regime.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/pure.hpp"

namespace ob::text {

/// A-Z to a-z; every other byte stays.
std::string lower_ascii(std::string_view text);
bool iequals_ascii(std::string_view a, std::string_view b) noexcept;
/// Without leading and trailing blanks, tabs, line feeds and carriage returns.
std::string_view trim(std::string_view text) noexcept;
/// The trimmed, non-empty parts between separators: "a, b,,c" gives a, b, c. Views into `list`.
std::vector<std::string_view> split(std::string_view list, char separator = ',');

/// The name nearest to `word` for a hint "perhaps you meant"; empty if none is close. The rule is that of PostgreSQL 16
/// (ClosestMatch): Levenshtein distance in bytes at most 4 and at most half the word's length; the first of equals.
std::string_view nearest(std::string_view word, std::span<const std::string_view> names);

/// `****6789`: the last four characters of an account number, of its letters and digits alone. Of four or fewer
/// characters nothing is shown: `****`. Empty stays empty.
std::string mask_last4(std::string_view number);

/// Cuts card numbers to `************1234`: 13 to 19 digits in one run, or in groups parted by single blanks or dashes
/// (at least four digits in all groups but the last, which dates and telephone numbers rarely have), not beginning with
/// 0, with a right check digit (Luhn, ISO/IEC 7812-1). Longer runs are no card numbers and stay. One in ten other
/// numbers of such a length is taken for one, so ids must not come here. For plain text; JSON goes through
/// json::cut_pans.
std::string cut_pans(std::string text);
/// Whether cut_pans would change anything.
bool has_pan(std::string_view text) noexcept;
/// Whether there are 13 digits with nothing but blanks and dashes between them: without, there is no card number,
/// whatever else is digits in `text`. Very fast.
bool may_hold_pan(std::string_view text) noexcept;

/// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. NUL is valid here.
bool valid_utf8(std::string_view text) noexcept;

} // namespace ob::text

#include "core/pure.hpp"
