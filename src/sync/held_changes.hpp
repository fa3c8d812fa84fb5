// The changes of one loop, packed, until the loop has ended and all of them can be applied together. C++ regime.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/model.hpp"
#include "core/store.hpp"
#include "sync/row_writer.hpp"

#include "core/pure.hpp"

namespace ob::sync {

class HeldChanges {
public:
	/// Without `keep_raw` the rows' raw objects, most of their bytes, are left out.
	HeldChanges(std::unique_ptr<Spool> spool, bool keep_raw) : spool_(std::move(spool)), keep_raw_(keep_raw) {}

	void add(const TransactionPage &page);
	bool empty() const noexcept { return empty_; }
	/// Adds everything to `writer`, in order, but for the rows that `skip` names, and flushes it.
	void replay(RowWriter &writer, const std::function<bool(const Transaction &)> &skip);

private:
	std::unique_ptr<Spool> spool_;
	bool keep_raw_;
	bool empty_ = true;
	std::string packed_; // of one page
};

} // namespace ob::sync

#include "core/pure.hpp"
