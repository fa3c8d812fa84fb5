// C++ regime.
#include "sync/row_writer.hpp"

#include "core/pure.hpp"

namespace ob::sync {

void RowWriter::add(const Transaction &row) {
	flush_removed();
	std::erase_if(rejected_, [&](const RejectedRow &earlier) {
		return earlier.transaction_id == row.id && (earlier.account_id.empty() || earlier.account_id == row.account_id);
	});
	const auto [first, last] = places_.equal_range(row.id);
	for (auto it = first; it != last; ++it) {
		Transaction &earlier = rows_[it->second];
		if (earlier.account_id == row.account_id) {
			earlier = row;
			return;
		}
	}
	places_.emplace(row.id, rows_.size());
	rows_.push_back(row);
	if (rows_.size() == kBatch)
		flush_rows();
}

void RowWriter::add(const RemovedTransaction &removed) {
	flush_rows();
	flush_rejected(); // what is removed leaves quarantine as well
	removed_.push_back(removed);
	if (removed_.size() == kBatch)
		flush_removed();
}

void RowWriter::add(const RejectedRow &rejected) {
	flush_rows(); // an earlier version, which can be stored, settles nothing
	rejected_.push_back(rejected);
	if (rejected_.size() == kBatch)
		flush_rejected();
}

void RowWriter::add(const TransactionPage &page) {
	for (const Transaction &row : page.rows)
		add(row);
	for (const RejectedRow &row : page.rejected)
		add(row);
	for (const RemovedTransaction &row : page.removed)
		add(row);
}

void RowWriter::flush() {
	flush_rows();
	flush_removed();
	flush_rejected();
}

void RowWriter::flush_rows() {
	if (rows_.empty())
		return;
	counts_ += store_.write_transactions(id_, rows_, stamp_, keep_raw_);
	rows_.clear();
	places_.clear();
}

void RowWriter::flush_removed() {
	if (removed_.empty())
		return;
	counts_.removed += store_.remove_transactions(id_, removed_);
	removed_.clear();
}

void RowWriter::flush_rejected() {
	if (rejected_.empty())
		return;
	counts_.quarantined += store_.quarantine(id_, rejected_, stamp_);
	rejected_.clear();
}

} // namespace ob::sync

#include "core/pure.hpp"
