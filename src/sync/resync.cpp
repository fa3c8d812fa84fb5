// C++ regime.
#include "sync/resync.hpp"

#include <algorithm>

#include "core/packed.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// Rejected rows count as met: they exist, only not in a form that can be stored.
void Resync::note(const TransactionPage &page) {
	only_rows_ = only_rows_ && page.rejected.empty() && page.removed.empty();
	for (const Transaction &row : page.rows)
		met_.insert(key(row.account_id, row.id)).version = version(row);
	for (const RejectedRow &row : page.rejected) {
		if (row.transaction_id.empty() || row.account_id.empty())
			unnamed_ = true;
		else
			met_.insert(key(row.account_id, row.transaction_id)).version = kUnstorable;
	}
}

void Resync::compare(SyncStore &store, ConnectionId id, Questions questions) {
	const bool settle = questions.settle && only_rows_;
	if (questions.sweep && !unnamed_)
		gone_.emplace(store.make_spool(), false);
	store.each_live_transaction(id, [&](const Transaction &stored) {
		Met *met = met_.find(key(stored.account_id, stored.id));
		if (!met) {
			if (gone_ && !questions.paused->contains(stored.account_id))
				gone_->add(RemovedTransaction{stored.id, stored.account_id});
		} else if (settle && met->version == version(stored)) {
			met->version = kSettled;
			++settled_;
		}
	});
}

bool Resync::is_settled(const Transaction &row) {
	if (settled_ == 0)
		return false;
	const Met *met = met_.find(key(row.account_id, row.id));
	return met && met->version == kSettled;
}

void Resync::sweep(RowWriter &writer) {
	if (gone_)
		gone_->replay(writer, [](const Transaction &) { return false; });
}

/// An id is only unique within its account.
IdHash Resync::key(std::string_view account_id, std::string_view id) {
	scratch_.assign(account_id);
	scratch_.push_back('\0');
	scratch_.append(id);
	return id_hash(scratch_);
}

/// Of everything that is stored of a row but for the provider's object. Equal values may have different versions (1.0
/// and 1.00), which merely means that they are compared by the table.
std::uint64_t Resync::version(const Transaction &row) {
	Transaction bare = row;
	bare.raw = {};
	scratch_.clear();
	packed::Writer(scratch_).add(bare);
	return std::max(id_hash(scratch_).low, kUnstorable + 1);
}

} // namespace ob::sync

#include "core/pure.hpp"
