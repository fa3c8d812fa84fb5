#include "webhook/headers.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "webhook/reasons.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::webhook {
namespace {

/// Optional blanks around a value are none of it (RFC 9110, 5.5).
std::string_view without_blanks(std::string_view value) noexcept {
	constexpr std::string_view kBlank = " \t";
	const std::size_t first = value.find_first_not_of(kBlank);
	if (first == std::string_view::npos)
		return {};
	return value.substr(first, value.find_last_not_of(kBlank) + 1 - first);
}

/// No HTTP server lets these through. Where a signature covers headers line by line, they could move the lines.
bool has_controls(std::string_view value) noexcept {
	return std::any_of(value.begin(), value.end(), [](char c) {
		const auto byte = static_cast<unsigned char>(c);
		return (byte < 0x20 && c != '\t') || byte == 0x7F;
	});
}

} // namespace

Headers::Headers(std::string_view json) {
	if (json.size() > kMaxHeadersBytes) {
		reason_ = reason::header_too_large;
		return;
	}
	try {
		read(json);
	} catch (const Error &) {
		reason_ = reason::headers_malformed;
	}
}

void Headers::read(std::string_view json) {
	const json::Document document = json::Document::parse(json);
	if (!document.is_object()) {
		reason_ = reason::headers_malformed;
		return;
	}
	for (const auto &[name, node] : document.root().members()) {
		const auto add = [this, &name = name](json::Node value) {
			headers_.push_back(
			    {text::lower_ascii(name), value.is_text() ? std::optional<std::string>(value.text()) : std::nullopt});
		};
		if (!node.is_array())
			add(node);
		else
			for (const json::Node item : node.items())
				add(item);
	}
}

Headers::Found Headers::one(std::string_view name) const noexcept {
	if (!reason_.empty())
		return {{}, reason_};
	const Header *found = nullptr;
	for (const Header &header : headers_) {
		if (!text::iequals_ascii(header.name, name))
			continue;
		if (found)
			return {{}, reason::header_doubled};
		found = &header;
	}
	if (!found)
		return {{}, reason::header_missing};
	if (!found->value || has_controls(*found->value))
		return {{}, reason::header_malformed};
	if (found->value->size() > kMaxHeaderBytes)
		return {{}, reason::header_too_large};
	return {without_blanks(*found->value), {}};
}

} // namespace ob::webhook

#include "core/pure.hpp"
