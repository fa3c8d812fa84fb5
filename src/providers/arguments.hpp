// The JSON objects that callers pass: reading them, refusing what is wrong. C++ regime.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// Throws Error(invalid_argument): option "name" why.
[[noreturn]] void bad_option(std::string_view name, std::string_view why, std::string hint = {});

/// An object; empty text is an empty one. Throws Error(invalid_argument): `what` must be a JSON object.
json::Document parse_object(std::string_view text, std::string_view what = "options");
/// Whether the caller named the option, be it as null.
bool names(const json::Document &options, std::string_view option);
/// "Perhaps you meant …", or all that are known.
std::string known_names_hint(std::string_view name, std::span<const std::string_view> known);

/// Whether a list of texts has this one.
bool holds(json::Node list, std::string_view word);
/// The words of a list option, such as "US,CA".
json::Array words(std::string_view list);

} // namespace ob::providers

#include "core/pure.hpp"
