// The transactions of one login and the log of their changes that cursors point into.
//
// Transactions are kept in the provider's own wire form, rendered to text when they change, so that serving a page is
// copying text. Bulk rows are not kept at all: their text is made up anew each time.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text.hpp"

namespace ob::sandbox {

/// Where a transaction stands.
struct RowState {
	std::uint32_t account = 0; ///< index into the item's accounts
	Day date;
	bool pending = false;
	bool hidden = false; ///< of an account that is not shared; nobody is told of it

	// Positions in the change log, 0 = never.
	std::uint64_t added_at = 0;
	std::uint64_t changed_at = 0; ///< of the last change, whatever it was
	std::uint64_t removed_at = 0;
	std::uint64_t first_added_at = 0; ///< of one that came back after its removal

	[[nodiscard]] bool live() const { return added_at != 0 && removed_at == 0 && !hidden; }
};

/// One transaction as the bank holds it.
struct Transaction : RowState {
	std::string id;
	/// The wire form without its closing brace, in two parts: rows of a merchant share their second part. Empty for a
	/// bulk row that has kept its form.
	std::string head;
	std::shared_ptr<const std::string> tail;
	std::string original_description; ///< JSON value, sent only on request

	/// Takes over everything but the id and the positions in the log.
	void take_form(Transaction &&other);
	/// Appends the closed JSON object.
	void append_to(std::string &out, bool with_original_description) const;
};

/// Many transactions that are functions of their number, so that a million of them need no memory.
class BulkRows {
public:
	BulkRows() = default;
	BulkRows(const BulkRows &) = delete;
	BulkRows &operator=(const BulkRows &) = delete;
	virtual ~BulkRows() = default;

	[[nodiscard]] virtual std::uint32_t count() const = 0;
	/// Account, date and pending.
	[[nodiscard]] virtual RowState state(std::uint32_t number) const = 0;
	virtual void append_id(std::string &out, std::uint32_t number) const = 0;
	/// The number of the row of that id.
	[[nodiscard]] virtual std::optional<std::uint32_t> find(std::string_view id) const = 0;
	/// Appends the closed JSON object.
	virtual void append_to(std::string &out, std::uint32_t number, bool with_original_description) const = 0;
};

/// What a transaction is to somebody who knows everything up to a position of the log.
enum class Change { none, added, modified, removed };

/// Position n of the log is the n-th change. Transactions are named by an index that stays theirs for ever.
class TransactionLog {
public:
	static constexpr std::uint32_t kAllAccounts = std::numeric_limits<std::uint32_t>::max();
	/// Account of a transaction whose wire form names an account that the item does not have.
	static constexpr std::uint32_t kForeignAccount = kAllAccounts - 1;

	/// Adds a transaction. Not visible ones enter the log later with reveal(). False if the id is in use and live.
	bool add(Transaction transaction, bool visible);
	/// Adds bulk rows; those dated before `visible_since` enter the log later with reveal().
	void add_bulk(std::shared_ptr<const BulkRows> rows, Day visible_since);
	/// Makes those transactions visible that are not and are dated `since` or later. Returns how many.
	std::size_t reveal(Day since);
	/// Replaces the wire form of a live transaction and logs it as modified. False if there is none of that id.
	bool replace(std::string_view id, Transaction transaction);
	/// Logs a live transaction as modified without changing it.
	bool touch(std::string_view id);
	/// Takes a live transaction away. False if there is none of that id.
	bool remove(std::string_view id);
	/// Silently takes the transactions of an account out of sight, or makes them wait for reveal() again.
	void hide_account(std::uint32_t account, bool hidden);
	/// Changes made from now on, if `calm`, do not disturb whoever is paging; they turn up on a later page.
	void be_calm(bool calm) { calm_ = calm; }
	/// The next page of sync ends at the present end of the log, however few changes it then holds.
	void break_page() { page_breaks_.insert(end()); }

	[[nodiscard]] std::optional<std::uint32_t> find(std::string_view id) const;
	[[nodiscard]] RowState state(std::uint32_t index) const;
	[[nodiscard]] std::string id(std::uint32_t index) const;
	/// Appends the closed JSON object of the wire form.
	void append_to(std::string &out, std::uint32_t index, bool with_original_description) const;
	[[nodiscard]] std::size_t size() const { return transactions_.size() + bulk_seen_at_.size(); }
	/// The first index at or after `index`, removed and hidden transactions included; bulk rows come last.
	[[nodiscard]] std::optional<std::uint32_t> at_or_after(std::uint32_t index) const;

	/// Position of the last change; with an account, of the last change that concerns it.
	[[nodiscard]] std::uint64_t end(std::uint32_t account = kAllAccounts) const;

	/// The same, of changes that disturb who is paging.
	[[nodiscard]] std::uint64_t disturbed_at(std::uint32_t account = kAllAccounts) const;

	/// What has happened to a transaction since `base`.
	[[nodiscard]] static Change change_since(const RowState &row, std::uint64_t base);

	struct Entry {
		Change change = Change::none;
		std::uint32_t index = 0;
		std::uint32_t account = 0;
	};
	struct Page {
		std::vector<Entry> changes; ///< ascending by last change
		std::uint64_t position = 0; ///< where the next page begins
		bool more = false;
	};
	/// Which changes a page is made of.
	struct Part {
		std::uint64_t base = 0;     ///< those since then,
		std::uint64_t position = 0; ///< that follow this,
		std::uint64_t end = 0;      ///< of a loop that began when the log ended here,
		std::size_t count = 0;      ///< and so many of them at most
		std::uint32_t account = kAllAccounts;
		bool net = true; ///< false: what came and went is both added and removed, what came and changed modified too
	};
	[[nodiscard]] Page page(const Part &part) const;

	/// Indexes of live transactions, newest first. Sorted anew only after a change.
	[[nodiscard]] const std::vector<std::uint32_t> &newest_first() const;

private:
	/// Bulk rows are numbered through from here on, over all that were ever added.
	static constexpr std::uint32_t kFirstBulk = 1U << 31U;

	struct Bulk {
		std::uint32_t first = 0;
		std::shared_ptr<const BulkRows> rows;
	};
	[[nodiscard]] const Bulk &bulk_of(std::uint32_t number) const;
	static void add_entries(std::vector<Entry> &changes, const Part &part, std::uint32_t index, const RowState &row);
	/// The kept form of a transaction; null for a bulk row that nobody has touched.
	[[nodiscard]] const Transaction *kept(std::uint32_t index) const;
	/// The same, made if there is none.
	[[nodiscard]] Transaction &keep(std::uint32_t index);
	[[nodiscard]] std::optional<std::uint32_t> find_live(std::string_view id) const;
	/// Writes a change into the log. Returns its position.
	std::uint64_t log(std::uint32_t index, std::uint32_t account);
	void mark_added(std::uint32_t index);
	void mark_modified(std::uint32_t index);

	std::deque<Transaction> transactions_; // a deque: the index below points at its strings
	std::unordered_map<std::string_view, std::uint32_t> by_id_;
	std::vector<Bulk> bulks_;
	std::vector<std::uint32_t> bulk_seen_at_;                     // position at which each bulk row was added
	std::unordered_map<std::uint32_t, Transaction> changed_bulk_; // by number; those that more has happened to
	std::vector<std::uint32_t> log_;                              // log_[n-1]: the transaction changed at position n
	std::map<std::uint32_t, std::uint64_t> account_end_;          // of all accounts under kAllAccounts
	std::map<std::uint32_t, std::uint64_t> disturbed_at_;
	bool calm_ = false;
	std::set<std::uint32_t> hidden_accounts_;
	std::set<std::uint64_t> page_breaks_;
	mutable std::vector<std::uint32_t> newest_first_;
	mutable bool newest_first_valid_ = false;
};

} // namespace ob::sandbox
