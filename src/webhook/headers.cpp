#include "webhook/headers.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "webhook/reasons.hpp"
#include "json/body.hpp"
#include "json/reader.hpp"

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
	json::Body body{std::string(json)};
	json::Reader reader(body);
	reader.root().object([this](std::string_view name, json::Value value) {
		const auto add = [&](json::Value one) {
			std::optional<std::string> text;
			if (one.kind() == json::Kind::text)
				text = one.text();
			headers_.push_back({std::string(name), std::move(text)});
		};
		if (value.kind() == json::Kind::array)
			value.array(add);
		else
			add(value);
	});
	reader.finish();
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
