// Which posted transaction a pending one has become, where the bank does not say. C++ regime.
//
// A link moves the user's annotations along and tells the lineage; rows are neither merged nor left out for it. It is
// made only where nothing else fits: one pending row that has gone and one posted row that has come with it, of the
// same amount and currency, a few days apart at most, with descriptions that tell of the same thing.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/model.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// A row on its own: what is needed of one after the page it came with.
struct LooseRow {
	LooseRow() = default;
	explicit LooseRow(const Transaction &row);

	std::string id;
	std::string amount;
	std::string currency;
	std::string description;
	std::string merchant_name;
	Date date{};
	bool pending = false;
};

class PendingMatch {
public:
	/// A pending row of the account that was there and is gone.
	void add_gone(LooseRow row) { gone_.push_back(std::move(row)); }
	bool wanted() const noexcept { return !gone_.empty(); }
	/// A posted row of the account that was not there.
	void add_new(const Transaction &posted);
	/// Calls `fn` with the ids of each pair that is the only one possible for both.
	void each_pair(const std::function<void(const std::string &posted, const std::string &pending)> &fn) const;

private:
	std::vector<LooseRow> gone_;
	std::map<std::string, std::vector<std::size_t>> fitting_; // by posted id, which may come twice: places in gone_
};

/// Whether two descriptions may be the bank's early and late words for one purchase: the words of the shorter, numbers
/// apart, are all in the longer, be they cut off.
bool alike(std::string_view a, std::string_view b);

} // namespace ob::sync

#include "core/pure.hpp"
