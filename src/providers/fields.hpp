// Fields that may be missing: one of an unexpected type must not stop a whole connection, so it counts as absent. What
// says how much money there is, and whose, is read strictly instead. C++ regime.
#pragma once

#include <string_view>

#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::providers {

inline std::string_view text_of(json::Value value) {
	return value.kind() == json::Kind::text ? value.text() : std::string_view{};
}

template <class F>
void members_of(json::Value value, F &&on_field) {
	if (value.kind() == json::Kind::object)
		value.object(on_field);
}

template <class F>
void elements_of(json::Value value, F &&on_item) {
	if (value.kind() == json::Kind::array)
		value.array(on_item);
}

} // namespace ob::providers

#include "core/pure.hpp"
