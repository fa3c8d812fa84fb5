#include "ledger.hpp"

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
	const auto known = by_id_.find(transaction.id);
	std::uint32_t index = 0;
	if (known == by_id_.end()) {
		index = static_cast<std::uint32_t>(transactions_.size());
		transactions_.push_back(std::move(transaction));
		by_id_.emplace(transactions_.back().id, index);
	} else {
		// An id may come back after its removal; it takes its old place, whose string the index points at.
		index = known->second;
		Transaction &old = transactions_[index];
		if (old.removed_at == 0) {
			return false;
		}
		old.take_form(std::move(transaction));
		old.added_at = old.removed_at = 0;
	}
	if (visible) {
		log(index);
		transactions_[index].added_at = end();
	}
	return true;
}

std::size_t TransactionLog::reveal(Day since) {
	std::size_t revealed = 0;
	for (std::uint32_t index = 0; index < transactions_.size(); ++index) {
		Transaction &transaction = transactions_[index];
		if (transaction.added_at == 0 && !transaction.hidden && transaction.date >= since) {
			log(index);
			transaction.added_at = end();
			++revealed;
		}
	}
	return revealed;
}

bool TransactionLog::replace(std::string_view id, Transaction transaction) {
	const auto known = by_id_.find(id);
	if (known == by_id_.end() || !transactions_[known->second].live()) {
		return false;
	}
	transactions_[known->second].take_form(std::move(transaction));
	log(known->second);
	return true;
}

bool TransactionLog::touch(std::string_view id) {
	const auto known = by_id_.find(id);
	if (known == by_id_.end() || !transactions_[known->second].live()) {
		return false;
	}
	log(known->second);
	return true;
}

bool TransactionLog::remove(std::string_view id) {
	const auto known = by_id_.find(id);
	if (known == by_id_.end() || !transactions_[known->second].live()) {
		return false;
	}
	log(known->second);
	transactions_[known->second].removed_at = end();
	return true;
}

void TransactionLog::hide_account(std::uint32_t account, bool hidden) {
	for (Transaction &transaction : transactions_) {
		if (transaction.account == account && transaction.hidden != hidden) {
			transaction.hidden = hidden;
			if (!hidden && transaction.removed_at == 0) {
				transaction.added_at = 0;
			}
		}
	}
	newest_first_valid_ = false;
}

const Transaction *TransactionLog::find(std::string_view id) const {
	const auto known = by_id_.find(id);
	return known == by_id_.end() ? nullptr : &transactions_[known->second];
}

std::uint64_t TransactionLog::end(std::uint32_t account) const {
	if (account == kAllAccounts) {
		return log_.size();
	}
	const auto found = account_end_.find(account);
	return found == account_end_.end() ? 0 : found->second;
}

void TransactionLog::log(std::uint32_t index) {
	newest_first_valid_ = false;
	log_.push_back(index);
	Transaction &transaction = transactions_[index];
	transaction.changed_at = log_.size();
	account_end_[transaction.account] = log_.size();
}

Change TransactionLog::change_since(const Transaction &transaction, std::uint64_t base) {
	const bool known = transaction.added_at <= base;
	if (transaction.added_at == 0 || transaction.hidden || transaction.changed_at <= base) {
		return Change::none;
	}
	if (transaction.removed_at != 0) {
		return known ? Change::removed : Change::none;
	}
	return known ? Change::modified : Change::added;
}

TransactionLog::Page TransactionLog::page(std::uint64_t base, std::uint64_t position, std::size_t count,
                                          std::uint32_t account) const {
	Page out;
	out.position = position;
	bool full = false;
	for (std::uint64_t at = position + 1; at <= log_.size(); ++at) {
		const std::uint32_t index = log_[at - 1];
		const Transaction &transaction = transactions_[index];
		// Every transaction counts once, at its last change; earlier entries are passed over.
		const bool latest = transaction.changed_at == at && (account == kAllAccounts || transaction.account == account);
		const Change change = latest ? change_since(transaction, base) : Change::none;
		if (change != Change::none) {
			if (full) {
				out.more = true;
				return out;
			}
			out.changes.emplace_back(change, index);
		}
		if (!full) {
			out.position = at;
			full = out.changes.size() == count || (page_breaks_.contains(at) && !out.changes.empty());
		}
	}
	out.position = log_.size();
	return out;
}

const std::vector<std::uint32_t> &TransactionLog::newest_first() const {
	if (!newest_first_valid_) {
		newest_first_.clear();
		for (std::uint32_t index = 0; index < transactions_.size(); ++index) {
			if (transactions_[index].live()) {
				newest_first_.push_back(index);
			}
		}
		std::sort(newest_first_.begin(), newest_first_.end(), [this](std::uint32_t a, std::uint32_t b) {
			const Transaction &x = transactions_[a];
			const Transaction &y = transactions_[b];
			return x.date != y.date ? x.date > y.date : a > b;
		});
		newest_first_valid_ = true;
	}
	return newest_first_;
}

bool Item::has_product(std::string_view product) const {
	return std::find(products.begin(), products.end(), product) != products.end();
}

std::optional<std::uint32_t> Item::account_index(std::string_view account_id) const {
	for (std::uint32_t index = 0; index < accounts.size(); ++index) {
		if (accounts[index].id == account_id) {
			return index;
		}
	}
	return std::nullopt;
}

Item *Ledger::create(std::string id) {
	if (by_id_.contains(id)) {
		return nullptr;
	}
	Item &item = items_.emplace_back();
	item.number = next_number_++;
	item.id = std::move(id);
	by_id_.emplace(item.id, &item);
	by_number_.emplace(item.number, &item);
	return &item;
}

Item *Ledger::find(std::string_view id) {
	const auto found = by_id_.find(id);
	return found == by_id_.end() ? nullptr : found->second;
}

Item *Ledger::find(std::uint64_t number) {
	const auto found = by_number_.find(number);
	return found == by_number_.end() ? nullptr : found->second;
}

void Ledger::clear() {
	by_id_.clear();
	by_number_.clear();
	items_.clear();
}

} // namespace ob::sandbox
