// Money as decimal text: from a JSON number's own digits, never through binary floating point. C++ regime.
//
// Canonical text is `-?(0|[1-9][0-9]*)(\.[0-9]+)?` with at most 30 integer and 18 fraction digits. It keeps the scale
// that was sent (12.30 stays 12.30) and never shows minus zero (-0.00 becomes 0.00).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/pure.hpp"

namespace ob::money {

/// Bounds of what the tables hold exactly: wide enough for crypto currencies, far inside numeric.
inline constexpr std::size_t kMaxIntegerDigits = 30;
inline constexpr std::size_t kMaxFractionDigits = 18;
/// Sign, digits and point: what a buffer for canonical_to() must hold.
inline constexpr std::size_t kMaxLength = 1 + kMaxIntegerDigits + 1 + kMaxFractionDigits;

/// The canonical text of a JSON number (RFC 8259, section 6: no leading zeros, no plus sign). Exponents are expanded
/// exactly; zeros after the 18th fraction digit are dropped. Throws Error(bad_reply), without the value, for what is no
/// JSON number or does not fit.
std::string canonical(std::string_view json_number);

/// As canonical(), negated if `negate`, written to `out` (at least kMaxLength bytes, not terminated). Returns the
/// length. For the hot path: allocates nothing unless it throws.
std::size_t canonical_to(char *out, std::string_view json_number, bool negate = false);

/// The canonical text with the other sign; zero stays as it is. `amount` must be canonical or empty (stays empty).
std::string negated(std::string_view amount);

/// Whether canonical() takes it.
bool valid(std::string_view json_number) noexcept;

} // namespace ob::money

#include "core/pure.hpp"
