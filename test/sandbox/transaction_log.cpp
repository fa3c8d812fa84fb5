#include "transaction_log.hpp"

#include <algorithm>

namespace ob::sandbox {

void Transaction::append_to(std::string &out, bool with_original_description) const {
	out.append(head);
	if (tail) {
		out.append(*tail);
	}
	if (with_original_description) {
		out.append(",\"original_description\":").append(original_description.empty() ? "null" : original_description);
	}
	out.push_back('}');
}

void Transaction::take_form(Transaction &&other) {
	account = other.account;
	date = other.date;
	pending = other.pending;
	head = std::move(other.head);
	tail = std::move(other.tail);
	original_description = std::move(other.original_description);
}

bool TransactionLog::add(Transaction transaction, bool visible) {
	std::uint32_t index = 0;
	if (const auto known = find(transaction.id)) {
		// An id may come back after its removal; it takes its old place, whose string the index points at.
		index = *known;
		if (state(index).removed_at == 0) {
			return false;
		}
		Transaction &old = keep(index);
		old.take_form(std::move(transaction));
		old.first_added_at = old.first_added_at != 0 ? old.first_added_at : old.added_at;
		old.added_at = old.removed_at = 0;
	} else {
		index = static_cast<std::uint32_t>(transactions_.size());
		transactions_.push_back(std::move(transaction));
		by_id_.emplace(transactions_.back().id, index);
	}
	if (visible) {
		mark_added(index);
	}
	return true;
}

void TransactionLog::add_bulk(std::shared_ptr<const BulkRows> rows, Day visible_since) {
	const auto first = static_cast<std::uint32_t>(bulk_seen_at_.size());
	const std::uint32_t count = rows->count();
	bulk_seen_at_.resize(first + count);
	log_.reserve(log_.size() + count);
	bulks_.push_back({first, std::move(rows)});
	for (std::uint32_t number = first; number < first + count; ++number) {
		if (state(kFirstBulk + number).date >= visible_since) {
			mark_added(kFirstBulk + number);
		}
	}
}

std::size_t TransactionLog::reveal(Day since) {
	std::size_t revealed = 0;
	for (auto index = at_or_after(0); index; index = at_or_after(*index + 1)) {
		const RowState row = state(*index);
		if (row.added_at == 0 && !row.hidden && row.date >= since) {
			mark_added(*index);
			++revealed;
		}
	}
	return revealed;
}

bool TransactionLog::replace(std::string_view id, Transaction transaction) {
	const auto index = find_live(id);
	if (!index) {
		return false;
	}
	keep(*index).take_form(std::move(transaction));
	mark_modified(*index);
	return true;
}

bool TransactionLog::touch(std::string_view id) {
	const auto index = find_live(id);
	if (!index) {
		return false;
	}
	mark_modified(*index);
	return true;
}

bool TransactionLog::remove(std::string_view id) {
	const auto index = find_live(id);
	if (!index) {
		return false;
	}
	mark_modified(*index);
	keep(*index).removed_at = end();
	return true;
}

void TransactionLog::hide_account(std::uint32_t account, bool hidden) {
	newest_first_valid_ = false;
	if (hidden) {
		hidden_accounts_.insert(account);
		return;
	}
	if (hidden_accounts_.erase(account) == 0) {
		return;
	}
	for (auto index = at_or_after(0); index; index = at_or_after(*index + 1)) {
		const RowState row = state(*index);
		if (row.account != account || row.removed_at != 0) {
			continue;
		}
		if (kept(*index) != nullptr) {
			keep(*index).added_at = 0;
		} else {
			bulk_seen_at_[*index - kFirstBulk] = 0;
		}
	}
}

std::optional<std::uint32_t> TransactionLog::find(std::string_view id) const {
	if (const auto known = by_id_.find(id); known != by_id_.end()) {
		return known->second;
	}
	for (const Bulk &bulk : bulks_) {
		if (const auto number = bulk.rows->find(id)) {
			return kFirstBulk + bulk.first + *number;
		}
	}
	return std::nullopt;
}

RowState TransactionLog::state(std::uint32_t index) const {
	RowState row;
	if (const Transaction *transaction = kept(index)) {
		row = *transaction;
	} else {
		const std::uint32_t number = index - kFirstBulk;
		const Bulk &bulk = bulk_of(number);
		row = bulk.rows->state(number - bulk.first);
		row.added_at = row.changed_at = bulk_seen_at_[number];
	}
	row.hidden = !hidden_accounts_.empty() && hidden_accounts_.contains(row.account);
	return row;
}

std::string TransactionLog::id(std::uint32_t index) const {
	if (index < kFirstBulk) {
		return transactions_[index].id;
	}
	const Bulk &bulk = bulk_of(index - kFirstBulk);
	std::string out;
	bulk.rows->append_id(out, index - kFirstBulk - bulk.first);
	return out;
}

void TransactionLog::append_to(std::string &out, std::uint32_t index, bool with_original_description) const {
	const Transaction *transaction = kept(index);
	if (transaction != nullptr && !transaction->head.empty()) {
		transaction->append_to(out, with_original_description);
		return;
	}
	const Bulk &bulk = bulk_of(index - kFirstBulk);
	bulk.rows->append_to(out, index - kFirstBulk - bulk.first, with_original_description);
}

std::optional<std::uint32_t> TransactionLog::at_or_after(std::uint32_t index) const {
	if (index < transactions_.size()) {
		return index;
	}
	index = std::max(index, kFirstBulk);
	return index - kFirstBulk < bulk_seen_at_.size() ? std::optional(index) : std::nullopt;
}

std::uint64_t TransactionLog::end(std::uint32_t account) const {
	const auto found = account_end_.find(account);
	return found == account_end_.end() ? 0 : found->second;
}

std::uint64_t TransactionLog::disturbed_at(std::uint32_t account) const {
	const auto found = disturbed_at_.find(account);
	return found == disturbed_at_.end() ? 0 : found->second;
}

Change TransactionLog::change_since(const RowState &row, std::uint64_t base) {
	const bool known = row.added_at <= base;
	if (row.added_at == 0 || row.hidden || row.changed_at <= base) {
		return Change::none;
	}
	if (row.removed_at != 0) {
		// Gone, back and gone again: who knew it before has still to hear that it is gone.
		const bool once_known = row.first_added_at != 0 && row.first_added_at <= base;
		return known || once_known ? Change::removed : Change::none;
	}
	return known ? Change::modified : Change::added;
}

TransactionLog::Page TransactionLog::page(const Part &part) const {
	Page out;
	out.position = part.position;
	bool full = false;
	std::vector<Entry> found;
	for (std::uint64_t at = part.position + 1; at <= log_.size(); ++at) {
		const std::uint32_t index = log_[at - 1];
		const RowState row = state(index);
		// Every transaction counts once, at its last change; earlier entries are passed over.
		found.clear();
		if (row.changed_at == at && (part.account == kAllAccounts || row.account == part.account)) {
			add_entries(found, part, index, row);
		}
		if (!found.empty() && (full || (out.changes.size() + found.size() > part.count && !out.changes.empty()))) {
			out.more = true;
			return out;
		}
		out.changes.insert(out.changes.end(), found.begin(), found.end());
		if (!full) {
			out.position = at;
			full = out.changes.size() >= part.count || (page_breaks_.contains(at) && !out.changes.empty());
		}
	}
	out.position = log_.size();
	return out;
}

void TransactionLog::add_entries(std::vector<Entry> &changes, const Part &part, std::uint32_t index,
                                 const RowState &row) {
	Change change = change_since(row, part.base);
	// Taken away without disturbing the loop, which has handed it out on an earlier page.
	if (row.removed_at > part.end && !row.hidden && row.added_at <= part.position) {
		change = Change::removed;
	}
	const bool is_new = row.added_at > part.base && !row.hidden;
	if (!part.net && is_new && row.removed_at != 0) {
		changes.push_back({Change::added, index, row.account});
		changes.push_back({Change::removed, index, row.account});
	} else if (change != Change::none) {
		changes.push_back({change, index, row.account});
		if (!part.net && change == Change::added && row.changed_at != row.added_at) {
			changes.push_back({Change::modified, index, row.account});
		}
	}
}

const std::vector<std::uint32_t> &TransactionLog::newest_first() const {
	if (!newest_first_valid_) {
		std::vector<std::pair<Day, std::uint32_t>> live;
		for (auto index = at_or_after(0); index; index = at_or_after(*index + 1)) {
			if (const RowState row = state(*index); row.live()) {
				live.emplace_back(row.date, *index);
			}
		}
		std::sort(live.begin(), live.end(), std::greater{});
		newest_first_.clear();
		newest_first_.reserve(live.size());
		for (const auto &[date, index] : live) {
			newest_first_.push_back(index);
		}
		newest_first_valid_ = true;
	}
	return newest_first_;
}

const TransactionLog::Bulk &TransactionLog::bulk_of(std::uint32_t number) const {
	const auto next = std::upper_bound(bulks_.begin(), bulks_.end(), number,
	                                   [](std::uint32_t n, const Bulk &bulk) { return n < bulk.first; });
	return *std::prev(next);
}

const Transaction *TransactionLog::kept(std::uint32_t index) const {
	if (index < kFirstBulk) {
		return &transactions_[index];
	}
	const auto found = changed_bulk_.find(index - kFirstBulk);
	return found == changed_bulk_.end() ? nullptr : &found->second;
}

Transaction &TransactionLog::keep(std::uint32_t index) {
	if (index < kFirstBulk) {
		return transactions_[index];
	}
	const auto [place, made] = changed_bulk_.try_emplace(index - kFirstBulk);
	if (made) {
		const std::uint32_t number = index - kFirstBulk;
		const Bulk &bulk = bulk_of(number);
		static_cast<RowState &>(place->second) = bulk.rows->state(number - bulk.first);
		place->second.added_at = place->second.changed_at = bulk_seen_at_[number];
	}
	return place->second;
}

std::optional<std::uint32_t> TransactionLog::find_live(std::string_view id) const {
	const auto index = find(id);
	return index && state(*index).live() ? index : std::nullopt;
}

std::uint64_t TransactionLog::log(std::uint32_t index, std::uint32_t account) {
	newest_first_valid_ = false;
	log_.push_back(index);
	account_end_[account] = account_end_[kAllAccounts] = log_.size();
	if (!calm_) {
		disturbed_at_[account] = disturbed_at_[kAllAccounts] = log_.size();
	}
	return log_.size();
}

void TransactionLog::mark_added(std::uint32_t index) {
	const std::uint64_t position = log(index, state(index).account);
	if (kept(index) != nullptr) {
		keep(index).added_at = keep(index).changed_at = position;
	} else {
		bulk_seen_at_[index - kFirstBulk] = static_cast<std::uint32_t>(position);
	}
}

void TransactionLog::mark_modified(std::uint32_t index) {
	Transaction &transaction = keep(index);
	transaction.changed_at = log(index, transaction.account);
}

} // namespace ob::sandbox
