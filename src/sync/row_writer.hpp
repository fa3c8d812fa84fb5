// Hands rows to the store in batches, in the order in which they came. C++ regime.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "core/store.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// Inside a commit unit. Views in what is added stay valid until it has been flushed.
class RowWriter {
public:
	/// Large enough to spread a statement's cost, small enough for cancel and memory.
	static constexpr std::size_t kBatch = 500;

	RowWriter(SyncStore &store, ConnectionId id, AttemptStamp stamp, bool keep_raw)
	    : store_(store), id_(id), stamp_(stamp), keep_raw_(keep_raw) {}

	/// A later version of a row replaces an earlier one, rejected or not.
	void add(const Transaction &row);
	void add(const RemovedTransaction &removed);
	void add(const RejectedRow &rejected);
	void add(const TransactionPage &page);
	void flush();

	const TransactionCounts &counts() const noexcept { return counts_; }

private:
	void flush_rows();
	void flush_removed();
	void flush_rejected();

	SyncStore &store_;
	ConnectionId id_;
	AttemptStamp stamp_;
	bool keep_raw_;
	TransactionCounts counts_;
	// The later word on an id counts: nothing waits when a removal comes, and no removal when a row does.
	std::vector<Transaction> rows_;
	std::unordered_multimap<std::string_view, std::size_t> places_; // of rows_, by transaction id
	std::vector<RemovedTransaction> removed_;
	std::vector<RejectedRow> rejected_;
};

} // namespace ob::sync

#include "core/pure.hpp"
