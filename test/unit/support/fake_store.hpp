// The sync engine's database as a few maps. Units roll back by copy; every rule of the interface is checked.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/money.hpp"
#include "core/store.hpp"
#include "providers/row_identity.hpp"

namespace ob::test {

struct StoredTransaction {
	std::string account_id;
	std::string id;
	std::string amount;
	std::string currency;
	std::string description;
	std::string pending_transaction_id;
	std::string raw;
	std::string annotations; // the user's; the engine only moves them along
	Date date{};
	bool pending = false;
	bool live = true;
	std::int64_t stamp = 0;
	int writes = 1;

	bool shows(const Transaction &row, bool keep_raw) const {
		return amount == row.amount && currency == row.currency && description == row.description &&
		       pending_transaction_id == row.pending_transaction_id && date == row.date && pending == row.pending &&
		       (!keep_raw || raw == row.raw);
	}
};

struct StoredRejection {
	std::string account_id;
	std::string id;
	std::string reason;
	std::int64_t stamp = 0;
};

struct StoredAccount {
	std::string balance;
	std::string type;
	bool live = true;
	std::string currency;
	int ref = 0; // ours, for good
	std::vector<Secret> numbers;
	bool paused = false;
	std::string card;
	bool sign_suspect = false;
};

/// One connection's rows.
struct StoredConnection {
	std::map<std::pair<std::string, std::string>, StoredTransaction> transactions;
	std::map<std::string, StoredAccount> accounts;
	std::map<std::string, StoredRejection> quarantine; // by raw
	SyncState state;
	std::vector<SyncReport> finished;
	std::optional<Timestamp> health_read_at;

	std::set<std::string, std::less<>> paused_accounts() const {
		std::set<std::string, std::less<>> ids;
		for (const auto &[id, account] : accounts)
			if (account.paused)
				ids.insert(id);
		return ids;
	}
	std::vector<std::string> live_ids() const {
		std::vector<std::string> ids;
		for (const auto &[key, row] : transactions)
			if (row.live)
				ids.push_back(row.id);
		return ids;
	}
};

class MemorySpool final : public Spool {
public:
	/// `written` becomes the number of bytes.
	explicit MemorySpool(std::shared_ptr<std::size_t> written) : written_(std::move(written)) {}

	void write(std::string_view bytes) override {
		bytes_.append(bytes);
		*written_ = bytes_.size();
	}
	void rewind() override { at_ = 0; }
	bool read(char *out, std::size_t size) override {
		if (at_ == bytes_.size())
			return false;
		if (bytes_.size() - at_ < size)
			throw std::logic_error("the spool was read beyond its end");
		bytes_.copy(out, size, at_);
		at_ += size;
		return true;
	}

private:
	std::string bytes_;
	std::size_t at_ = 0;
	std::shared_ptr<std::size_t> written_;
};

class FakeStore final : public SyncStore {
public:
	/// Ends every unit, before it commits. May throw.
	std::function<void()> before_commit;
	std::set<ConnectionId> unwritable; // whose ends of syncs are refused
	std::map<ConnectionId, StoredConnection> connections;
	std::map<ConnectionId, std::vector<SyncFailure>> failures;
	int commits = 0;
	int rollbacks = 0;
	int rows_offered = 0;                              // transactions that came to be written, changed or not
	std::vector<std::shared_ptr<std::size_t>> spooled; // bytes of each spool, whether it is there still
	int row_writes = 0;                                // rows of accounts and transactions that a statement changed

	StoredConnection &connection(ConnectionId id = 1) { return connections[id]; }

	void unit(const std::function<void()> &body, Durability durability = Durability::at_once) override {
		check(!in_unit_, "a unit within a unit");
		const auto saved = connections;
		const int writes = row_writes;
		in_unit_ = true;
		try {
			body();
			if (before_commit)
				before_commit();
		} catch (...) {
			connections = saved;
			row_writes = writes;
			in_unit_ = false;
			++rollbacks;
			throw;
		}
		in_unit_ = false;
		++commits;
		if (durability == Durability::at_once)
			flushed_ = connections;
	}

	/// The server crashes: what need not have reached the disk has not.
	void crash() { connections = flushed_; }

	AccountCounts write_accounts(ConnectionId id, const AccountList &list, AccountKinds told, bool) override {
		check(in_unit_, "write_accounts outside a unit");
		auto &accounts = connection(id).accounts;
		AccountCounts counts;
		std::set<std::string> named;
		for (const Account &account : list.accounts) {
			check(named.insert(account.id).second, "an account twice");
			auto [place, is_new] = accounts.try_emplace(account.id);
			StoredAccount &row = place->second;
			if (is_new)
				row.ref = ++last_ref_;
			if (is_new || !row.live || row.balance != account.balance_current || row.type != account.type) {
				row.balance = account.balance_current;
				row.type = account.type;
				row.currency = account.currency;
				row.card = providers::card_key(account);
				row.live = true;
				++counts.changed;
			}
		}
		for (auto &[key, row] : accounts)
			if (row.live && !named.contains(key) && tells_of(told, row.type)) {
				row.live = false;
				++counts.changed;
			}
		counts.total = static_cast<std::int64_t>(list.accounts.size());
		row_writes += static_cast<int>(counts.changed);
		return counts;
	}

	TransactionCounts write_transactions(ConnectionId id, std::span<const Transaction> rows, AttemptStamp stamp,
	                                     bool keep_raw) override {
		check(in_unit_, "write_transactions outside a unit");
		check(!rows.empty() && rows.size() <= 500, "a batch of wrong size");
		rows_offered += static_cast<int>(rows.size());
		TransactionCounts counts;
		std::set<std::pair<std::string_view, std::string_view>> named;
		for (const Transaction &row : rows) {
			check(named.emplace(row.account_id, row.id).second, "a transaction twice");
			check(!row.id.empty() && !row.account_id.empty() && money::valid(row.amount),
			      "a row that cannot be stored");
			auto [place, is_new] =
			    connection(id).transactions.try_emplace({std::string(row.account_id), std::string(row.id)});
			write(place->second, is_new, row, stamp, keep_raw, counts);
			if (!row.pending_transaction_id.empty() && place->second.annotations.empty())
				place->second.annotations = annotations_of(id, row.account_id, row.pending_transaction_id);
			settle(id, row.account_id, row.id);
		}
		row_writes += static_cast<int>(counts.added + counts.modified);
		return counts;
	}

	std::int64_t remove_transactions(ConnectionId id, std::span<const RemovedTransaction> removed) override {
		check(in_unit_, "remove_transactions outside a unit");
		check(!removed.empty() && removed.size() <= 500, "a batch of wrong size");
		std::int64_t count = 0;
		for (const RemovedTransaction &gone : removed) {
			settle(id, gone.account_id, gone.id);
			for (auto &[key, row] : connection(id).transactions)
				if (row.live && row.id == gone.id && (gone.account_id.empty() || row.account_id == gone.account_id)) {
					row.live = false;
					++count;
				}
		}
		row_writes += static_cast<int>(count);
		return count;
	}

	std::int64_t remove_ghosts(ConnectionId id, AttemptStamp stamp) override {
		check(in_unit_, "remove_ghosts outside a unit");
		const auto paused = connection(id).paused_accounts();
		std::int64_t count = 0;
		for (auto &[key, row] : connection(id).transactions)
			if (row.live && row.stamp >= stamp.loop_first && row.stamp < stamp.attempt && !paused.contains(key.first)) {
				row.live = false;
				++count;
			}
		std::erase_if(connection(id).quarantine, [&](const auto &entry) {
			return entry.second.stamp >= stamp.loop_first && entry.second.stamp < stamp.attempt &&
			       !paused.contains(entry.second.account_id);
		});
		row_writes += static_cast<int>(count);
		return count;
	}

	std::int64_t quarantine(ConnectionId id, std::span<const RejectedRow> rows, AttemptStamp stamp) override {
		check(in_unit_, "quarantine outside a unit");
		check(!rows.empty() && rows.size() <= 500, "a batch of wrong size");
		for (const RejectedRow &row : rows)
			connection(id).quarantine[std::string(row.raw)] = {
			    std::string(row.account_id), std::string(row.transaction_id), row.reason, stamp.attempt};
		return static_cast<std::int64_t>(rows.size());
	}

	void sweep_quarantine(ConnectionId id, AttemptStamp stamp) override {
		check(in_unit_, "sweep_quarantine outside a unit");
		const auto paused = connection(id).paused_accounts();
		std::erase_if(connection(id).quarantine, [&](const auto &entry) {
			return entry.second.stamp < stamp.attempt && !paused.contains(entry.second.account_id);
		});
	}

	void each_live_transaction(ConnectionId id, const std::function<void(const Transaction &)> &fn) override {
		check(in_unit_, "each_live_transaction outside a unit");
		for (const auto &[key, stored] : connection(id).transactions) {
			if (!stored.live)
				continue;
			fn(as_row(stored));
		}
	}

	void each_live_transaction_since(ConnectionId id, std::string_view account_id, Date since,
	                                 const std::function<void(const Transaction &)> &fn) override {
		check(in_unit_, "each_live_transaction_since outside a unit");
		for (const auto &[key, stored] : connection(id).transactions)
			if (stored.live && stored.account_id == account_id && stored.date >= since)
				fn(as_row(stored));
	}

	std::vector<KeptAccount> kept_accounts(ConnectionId id) override {
		check(in_unit_, "kept_accounts outside a unit");
		std::vector<KeptAccount> kept;
		for (const auto &[key, account] : connection(id).accounts)
			kept.push_back({key, account.currency, account.live, account.numbers, account.card});
		return kept;
	}

	bool move_account(ConnectionId id, std::string_view from, std::string_view to) override {
		check(in_unit_, "move_account outside a unit");
		StoredConnection &stored = connection(id);
		const bool taken = stored.accounts.contains(std::string(to)) ||
		                   std::any_of(stored.transactions.begin(), stored.transactions.end(),
		                               [&](const auto &entry) { return entry.first.first == to; });
		if (taken || !stored.accounts.contains(std::string(from)))
			return false;
		auto account = stored.accounts.extract(std::string(from));
		account.key() = to;
		account.mapped().numbers.clear();
		stored.accounts.insert(std::move(account));
		for (auto it = stored.transactions.begin(); it != stored.transactions.end();) {
			auto next = std::next(it);
			if (it->first.first == from) {
				auto row = stored.transactions.extract(it);
				row.key().first = row.mapped().account_id = to;
				stored.transactions.insert(std::move(row));
			}
			it = next;
		}
		for (auto &[raw, rejection] : stored.quarantine)
			if (rejection.account_id == from)
				rejection.account_id = to;
		return true;
	}

	void keep_account_numbers(ConnectionId id, const std::vector<providers::AccountNumber> &numbers) override {
		check(in_unit_, "keep_account_numbers outside a unit");
		std::map<std::string, std::vector<Secret>> kept;
		for (const providers::AccountNumber &number : numbers)
			kept[number.account_id].push_back(providers::number_key(number).value());
		for (auto &[key, account] : connection(id).accounts)
			if (account.numbers.empty() && kept.contains(key))
				account.numbers = kept.at(key);
	}

	void mark_signs(ConnectionId id, std::string_view account_id, bool suspect) override {
		check(in_unit_, "mark_signs outside a unit");
		connection(id).accounts.at(std::string(account_id)).sign_suspect = suspect;
	}

	void save_state(ConnectionId id, const SyncState &before, const SyncState &now) override {
		check(in_unit_, "save_state outside a unit");
		SyncState &state = connection(id).state;
		if (state.cursor != before.cursor)
			throw Error(ErrorCode::internal, "the stored cursor is another one");
		check(state.loop_cursor == before.loop_cursor && state.sync_attempt == before.sync_attempt &&
		          state.history_complete == before.history_complete,
		      "the engine's idea of the stored state is wrong");
		check(now.sync_attempt >= state.sync_attempt, "sync_attempt falls");
		check(now.transactions == static_cast<std::int64_t>(connection(id).live_ids().size()),
		      "the number of transactions is wrong");
		state = now;
	}

	void finish(ConnectionId id, const SyncReport &report) override {
		check(in_unit_, "finish outside a unit");
		if (unwritable.contains(id))
			throw Error(ErrorCode::internal, "the row cannot be written");
		connection(id).finished.push_back(report);
		if (report.health_read_at)
			connection(id).health_read_at = report.health_read_at;
	}

	void record_failure(ConnectionId id, const SyncFailure &failure) override {
		check(!in_unit_, "record_failure inside a unit");
		failures[id].push_back(failure);
		++connection(id).state.attempts;
		flushed_ = connections;
	}

	std::unique_ptr<Spool> make_spool() override {
		spooled.push_back(std::make_shared<std::size_t>(0));
		return std::make_unique<MemorySpool>(spooled.back());
	}

private:
	static void check(bool good, const char *what) {
		if (!good)
			throw std::logic_error(what);
	}

	static Transaction as_row(const StoredTransaction &stored) {
		Transaction row;
		row.id = stored.id;
		row.account_id = stored.account_id;
		row.pending = stored.pending;
		row.amount = stored.amount;
		row.currency = stored.currency;
		row.date = stored.date;
		row.description = stored.description;
		row.pending_transaction_id = stored.pending_transaction_id;
		return row;
	}

	std::string annotations_of(ConnectionId id, std::string_view account_id, std::string_view transaction_id) {
		const auto &rows = connection(id).transactions;
		const auto found = rows.find({std::string(account_id), std::string(transaction_id)});
		return found == rows.end() ? std::string() : found->second.annotations;
	}

	void settle(ConnectionId id, std::string_view account_id, std::string_view transaction_id) {
		std::erase_if(connection(id).quarantine, [&](const auto &entry) {
			const StoredRejection &kept = entry.second;
			return kept.id == transaction_id &&
			       (account_id.empty() || kept.account_id.empty() || kept.account_id == account_id);
		});
	}

	static void write(StoredTransaction &stored, bool is_new, const Transaction &row, const AttemptStamp &stamp,
	                  bool keep_raw, TransactionCounts &counts) {
		const bool of_this_loop = stored.stamp >= stamp.loop_first && stored.stamp < stamp.attempt;
		const bool first_written = is_new || !stored.live;
		if (!first_written && stamp.restamp && of_this_loop)
			stored.stamp = stamp.attempt;
		if (!first_written && stored.shows(row, keep_raw)) {
			++counts.unchanged;
			return;
		}
		++(first_written ? counts.added : counts.modified);
		stored.account_id = row.account_id;
		stored.id = row.id;
		stored.amount = row.amount;
		stored.currency = row.currency;
		stored.description = row.description;
		stored.pending_transaction_id = row.pending_transaction_id;
		stored.date = row.date;
		stored.pending = row.pending;
		if (keep_raw)
			stored.raw = row.raw;
		if (first_written)
			stored.stamp = stamp.attempt;
		stored.live = true;
		++stored.writes;
	}

	bool in_unit_ = false;
	int last_ref_ = 0;
	std::map<ConnectionId, StoredConnection> flushed_;
};

} // namespace ob::test
