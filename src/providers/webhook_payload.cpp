// C++ regime.
#include "providers/webhook_payload.hpp"

#include <algorithm>
#include <cstdint>

#include "core/text.hpp"

#include "core/pure.hpp"

namespace ob::providers {

namespace {

using Names = std::span<const std::string_view>;

constexpr std::string_view kCut = "[not kept]";
// An id or a word of a provider's is no longer.
constexpr std::size_t kLongestWord = 100;
constexpr std::size_t kLongestPayload = std::size_t{32} << 10;
// Numbers in webhooks count something; longer ones may be those of accounts.
constexpr std::int64_t kLargestNumber = 9'999'999;

/// Providers' have no digits and no capitals: a number or somebody's name is none.
bool is_name(std::string_view name) {
	return !name.empty() && name.size() <= kLongestWord &&
	       std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

/// Plaid's tokens name their environment: access-sandbox-….
bool is_token(std::string_view text) {
	return text.find("-sandbox-") != text.npos || text.find("-production-") != text.npos;
}

json::Object kept_members(const json::Node &object, Names plain);
json::Array kept_items(const json::Node &array, Names plain, bool is_plain);

template <class Put>
void keep(const json::Node &value, Names plain, bool is_plain, Put put) {
	if (value.is_text())
		put(is_plain ? presentable(value.text()) : kCut);
	else if (value.is_integer() && *value.integer() >= -kLargestNumber && *value.integer() <= kLargestNumber)
		put(*value.integer());
	else if (value.is_boolean())
		put(*value.boolean());
	else if (value.is_object())
		put(kept_members(value, plain));
	else if (value.is_array())
		put(kept_items(value, plain, is_plain));
}

json::Object kept_members(const json::Node &object, Names plain) {
	json::Object kept;
	for (const auto &[name, value] : object.members()) {
		const bool is_plain = std::find(plain.begin(), plain.end(), name) != plain.end();
		if (is_name(name))
			keep(value, plain, is_plain, [&, key = name](const auto &part) { kept.set(key, part); });
	}
	return kept;
}

json::Array kept_items(const json::Node &array, Names plain, bool is_plain) {
	json::Array kept;
	for (const json::Node &value : array.items())
		keep(value, plain, is_plain, [&](const auto &part) { kept.add(part); });
	return kept;
}

} // namespace

std::string_view presentable(std::string_view text) {
	const bool is_one_word = text.size() <= kLongestWord &&
	                         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
	return is_one_word && !is_token(text) && !text::has_pan(text) ? text : kCut;
}

std::string kept_payload(const json::Document &body, Names plain, Names head) {
	std::string kept(kept_members(body.root(), plain).dump());
	if (kept.size() <= kLongestPayload)
		return kept;
	json::Object part;
	for (const std::string_view name : head)
		part.set_if(name, presentable(body.text(name)));
	return std::string(part.set("cut", true).dump());
}

} // namespace ob::providers

#include "core/pure.hpp"
