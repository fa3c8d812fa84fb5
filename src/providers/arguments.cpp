// C++ regime.
#include "providers/arguments.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

#include "core/pure.hpp"

namespace ob::providers {

void bad_option(std::string_view name, std::string_view why, std::string hint) {
	throw Error(ErrorCode::invalid_argument, "option \"" + std::string(name) + "\" " + std::string(why), {},
	            std::move(hint));
}

json::Document parse_object(std::string_view text, std::string_view what) {
	json::ParseLimits limits;
	limits.error = ErrorCode::invalid_argument;
	json::Document object = json::Document::parse(text.empty() ? "{}" : text, limits);
	if (!object.is_object())
		throw Error(ErrorCode::invalid_argument, std::string(what) + " must be a JSON object");
	return object;
}

bool names(const json::Document &options, std::string_view option) {
	const auto members = options.root().members();
	return std::any_of(members.begin(), members.end(), [&](const auto &member) { return member.first == option; });
}

std::string known_names_hint(std::string_view name, std::span<const std::string_view> known) {
	if (const std::string_view near = text::nearest(name, known); !near.empty())
		return "Perhaps you meant \"" + std::string(near) + "\".";
	std::string hint = "Known are ";
	for (std::size_t i = 0; i < known.size(); ++i)
		hint.append(i ? ", " : "").append(known[i]);
	return hint + ".";
}

bool holds(json::Node list, std::string_view word) {
	const auto items = list.items();
	return std::any_of(items.begin(), items.end(), [&](json::Node item) { return item.text() == word; });
}

json::Array words(std::string_view list) {
	json::Array array;
	for (const std::string_view word : text::split(list))
		array.add(word);
	return array;
}

} // namespace ob::providers

#include "core/pure.hpp"
