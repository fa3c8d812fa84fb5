// The last few results of something that costs, by the text they were made of. C++ regime.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/pure.hpp"

namespace ob::webhook {

template <class Value>
class Memo {
public:
	/// What `make` gave for that text, or gives now. Nothing it does not give is remembered.
	template <class Make>
	std::optional<Value> get(std::string_view text, Make make) {
		const auto known = std::find_if(entries_.begin(), entries_.end(),
		                                [&](const Entry &entry) { return entry.value && entry.text == text; });
		if (known != entries_.end()) {
			std::rotate(entries_.begin(), known, known + 1);
			return entries_.front().value;
		}
		std::optional<Value> made = make();
		if (made) {
			std::rotate(entries_.begin(), entries_.end() - 1, entries_.end());
			entries_.front() = {std::string(text), made};
		}
		return made;
	}

private:
	struct Entry {
		std::string text;
		std::optional<Value> value;
	};
	std::array<Entry, 8> entries_; // the one used last in front
};

} // namespace ob::webhook

#include "core/pure.hpp"
