#include "webhook/jws.hpp"

#include <algorithm>
#include <cstddef>

#include "core/error.hpp"
#include "crypto/base64.hpp"
#include "webhook/reasons.hpp"

#include "core/pure.hpp"

namespace ob::webhook {
namespace {

constexpr std::size_t kMaxKeyIdBytes = 128;

/// It is looked up, sent to the provider and shown.
bool is_key_id(std::string_view text) noexcept {
	return !text.empty() && text.size() <= kMaxKeyIdBytes &&
	       std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

bool names(const json::Document &document, std::string_view key) {
	const auto members = document.root().members();
	return std::any_of(members.begin(), members.end(), [&](const auto &member) { return member.first == key; });
}

} // namespace

std::optional<JwsParts> split_compact(std::string_view token) noexcept {
	const std::size_t first = token.find('.');
	const std::size_t last = token.rfind('.');
	if (first == token.npos || first == last)
		return std::nullopt;
	const JwsParts parts{token.substr(0, first), token.substr(first + 1, last - first - 1), token.substr(last + 1),
	                     token.substr(0, last)};
	if (parts.header.empty() || parts.payload.empty() || parts.signature.empty() ||
	    parts.payload.find('.') != token.npos)
		return std::nullopt;
	return parts;
}

std::optional<JwsParts> split_detached(std::string_view token) noexcept {
	const std::size_t dots = token.find("..");
	if (dots == token.npos)
		return std::nullopt;
	const JwsParts parts{token.substr(0, dots), {}, token.substr(dots + 2), {}};
	if (parts.header.empty() || parts.signature.empty() || parts.header.find('.') != token.npos ||
	    parts.signature.find('.') != token.npos)
		return std::nullopt;
	return parts;
}

std::optional<json::Document> decode_object(std::string_view segment) {
	const std::optional<std::string> text = crypto::base64url_decode(segment);
	if (!text)
		return std::nullopt;
	try {
		json::Document document = json::Document::parse(*text);
		if (!document.is_object())
			return std::nullopt;
		return document;
	} catch (const Error &) {
		return std::nullopt;
	}
}

JoseHeader read_jose_header(std::string_view segment, std::string_view algorithm) {
	JoseHeader header{decode_object(segment), {}};
	if (!header.members || names(*header.members, "crit"))
		header.reason = reason::token_malformed;
	else if (header.members->text("alg") != algorithm)
		header.reason = reason::wrong_algorithm;
	else if (!is_key_id(header.key_id()))
		header.reason = reason::key_id_malformed;
	return header;
}

} // namespace ob::webhook

#include "core/pure.hpp"
