// The changes of one loop, packed, until the loop has ended and all of them can be applied together. C++ regime.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/model.hpp"
#include "core/packed.hpp"
#include "core/store.hpp"
#include "sync/row_writer.hpp"

#include "core/pure.hpp"

namespace ob::sync {

class HeldChanges {
public:
	/// Without `keep_raw` the rows' raw objects, most of their bytes, are left out.
	HeldChanges(std::unique_ptr<Spool> spool, bool keep_raw) : spool_(std::move(spool)), keep_raw_(keep_raw) {}

	void add(const TransactionPage &page);
	void add(const RemovedTransaction &row);
	bool empty() const noexcept { return empty_; }
	/// Adds everything to `writer`, in order, and flushes it. Of the rows only those that `take` wants, as it leaves
	/// them: what it puts into one lasts until the end.
	void replay(RowWriter &writer, const std::function<bool(Transaction &)> &take);
	/// Shows the rows, in order. They last as long as the call.
	void each_row(const std::function<void(Transaction &)> &look);

private:
	void write_packed();
	void each_record(const std::function<void(packed::Record &)> &look, const std::function<void()> &end_batch);

	std::unique_ptr<Spool> spool_;
	bool keep_raw_;
	bool empty_ = true;
	std::string packed_; // what was added last
};

} // namespace ob::sync

#include "core/pure.hpp"
