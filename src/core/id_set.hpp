// A set of ids that keeps some 20 bytes an id, for millions of them. C++ regime.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/id_table.hpp"

#include "core/pure.hpp"

namespace ob {

/// Holds hashes instead of the ids (see IdHash on collisions).
class IdSet {
public:
	/// False if it was there.
	bool insert(std::string_view id) {
		const std::size_t before = size();
		table_.insert(id_hash(id));
		return size() != before;
	}
	bool contains(std::string_view id) { return table_.find(id_hash(id)) != nullptr; }
	std::size_t size() const noexcept { return table_.size(); }
	void clear() { table_ = {}; }

private:
	struct Entry {
		IdHash hash;
	};
	IdTable<Entry> table_;
};

} // namespace ob

#include "core/pure.hpp"
