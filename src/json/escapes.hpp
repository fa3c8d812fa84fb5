// Backslash escapes of JSON texts. C++ regime.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/pure.hpp"

namespace ob::json {

/// Checks all escapes in a JSON document and rewrites \u escapes of NUL and of lone surrogates to \ufffd in place.
/// Whether there was any escape. Throws Error(bad_reply) for a broken one.
bool fix_escapes(char *bytes, std::size_t size);

/// Writes what stands between a text's quotes, its escapes resolved, to `out`, which has room for inside.size() bytes:
/// an escape is never shorter than what it stands for. The escapes must have passed fix_escapes(). Returns the length.
std::size_t unescape(char *out, std::string_view inside) noexcept;

} // namespace ob::json

#include "core/pure.hpp"
