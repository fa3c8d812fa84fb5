// JSON web signatures (RFC 7515) as far as webhooks have them: compact, or detached with the payload cut out. C++
// regime.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::webhook {

/// Views into the token. Segments are not decoded yet.
struct JwsParts {
	std::string_view header;
	std::string_view payload; ///< empty in a detached one
	std::string_view signature;
	std::string_view signed_text; ///< header and payload with the dot between; empty in a detached one
};

/// Exactly three segments, none of them empty.
std::optional<JwsParts> split_compact(std::string_view token) noexcept;
/// Exactly two with two dots between.
std::optional<JwsParts> split_detached(std::string_view token) noexcept;

/// A segment decoded, base64url in its only form, and read as a JSON object without doubled members; otherwise nothing.
std::optional<json::Document> decode_object(std::string_view segment);

/// A JOSE header. Nothing of it is trusted, it only has to say what it must. Keys and URLs in it are not looked at.
struct JoseHeader {
	std::optional<json::Document> members;
	std::string_view reason; ///< empty if it can be gone on with

	std::string_view key_id() const noexcept { return members->text("kid"); }
};

/// `algorithm` is the only one that is taken. Members that must be understood (`crit`) are not.
JoseHeader read_jose_header(std::string_view segment, std::string_view algorithm);

} // namespace ob::webhook

#include "core/pure.hpp"
