// What a resync has met, held against what is stored: which rows are gone, and which are stored already just as they
// came, so that writing them again can be left out. C++ regime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "core/id_table.hpp"
#include "core/store.hpp"
#include "sync/held_changes.hpp"
#include "sync/row_writer.hpp"

#include "core/pure.hpp"

namespace ob::sync {

class Resync {
public:
	void note(const TransactionPage &page);

	struct Questions {
		bool settle = false; // find rows that need no writing
		bool sweep = false;  // find rows that are gone
		const std::set<std::string, std::less<>> *paused = nullptr; // accounts of which nothing was to come
	};
	/// Reads all live rows once; within the unit that then writes. Rows of which anything but the row itself came as
	/// well, a removal or a version that cannot be stored, are all left to the order in which they came.
	void compare(SyncStore &store, ConnectionId id, Questions questions);

	/// Live already, just as the last version that came. To be asked after compare().
	bool is_settled(const Transaction &row);
	std::int64_t settled() const noexcept { return settled_; }
	/// Marks removed what was not met. Nothing if a row came that cannot be told from stored ones.
	void sweep(RowWriter &writer);

private:
	/// Met under its account and id. A collision keeps a row that the bank has removed until the next resync; it never
	/// removes one that is there.
	struct Met {
		IdHash hash;
		std::uint64_t version = 0;
	};
	static constexpr std::uint64_t kSettled = 0;
	static constexpr std::uint64_t kUnstorable = 1;

	IdHash key(std::string_view account_id, std::string_view id);
	std::uint64_t version(const Transaction &row);

	IdTable<Met> met_;
	bool only_rows_ = true;
	bool unnamed_ = false;
	std::int64_t settled_ = 0;
	std::optional<HeldChanges> gone_; // removals: a bank may have taken away any number of rows
	std::string scratch_;
};

} // namespace ob::sync

#include "core/pure.hpp"
