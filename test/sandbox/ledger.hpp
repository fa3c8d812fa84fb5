// The bank's truth: logins, accounts, transactions, and per login a log of changes that cursors point into.
//
// Transactions and accounts are kept in the provider's own wire form, rendered to text when they change, so that
// serving a page is copying text.
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
#include <vector>

#include "json.hpp"
#include "text.hpp"

namespace ob::sandbox {

/// One transaction as the bank holds it.
struct Transaction {
	std::string id;
	std::uint32_t account = 0; ///< index into the item's accounts
	Day date;
	bool pending = false;
	bool hidden = false; ///< of an account that is not shared; nobody is told of it
	/// The wire form without its closing brace, in two parts: bulk rows share their second part.
	std::string head;
	std::shared_ptr<const std::string> tail;
	std::string original_description; ///< JSON value, sent only on request

	// Positions in the change log, 0 = never.
	std::uint64_t added_at = 0;
	std::uint64_t changed_at = 0; ///< of the last change, whatever it was
	std::uint64_t removed_at = 0;

	[[nodiscard]] bool live() const { return added_at != 0 && removed_at == 0 && !hidden; }
	/// Takes over everything but the id and the positions in the log.
	void take_form(Transaction &&other);
	/// Appends the closed JSON object.
	void append_to(std::string &out, bool with_original_description) const;
};

/// What a transaction is to somebody who knows everything up to a position of the log.
enum class Change { none, added, modified, removed };

/// The transactions of one item and the log of their changes. Position n of the log is the n-th change.
class TransactionLog {
public:
	static constexpr std::uint32_t kAllAccounts = std::numeric_limits<std::uint32_t>::max();
	/// Account of a transaction whose wire form names an account that the item does not have.
	static constexpr std::uint32_t kForeignAccount = kAllAccounts - 1;

	/// Adds a transaction. Not visible ones enter the log later with reveal(). False if the id is in use and live.
	bool add(Transaction transaction, bool visible);
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
	/// The next page of sync ends at the present end of the log, however few changes it then holds.
	void break_page() { page_breaks_.insert(end()); }

	[[nodiscard]] const Transaction *find(std::string_view id) const;
	[[nodiscard]] const Transaction &at(std::uint32_t index) const { return transactions_[index]; }
	[[nodiscard]] std::size_t size() const { return transactions_.size(); }
	[[nodiscard]] const std::deque<Transaction> &all() const { return transactions_; }

	/// Position of the last change; with an account, of the last change that concerns it.
	[[nodiscard]] std::uint64_t end(std::uint32_t account = kAllAccounts) const;

	/// What has happened to a transaction since `base`.
	[[nodiscard]] static Change change_since(const Transaction &transaction, std::uint64_t base);

	struct Page {
		std::vector<std::pair<Change, std::uint32_t>> changes; ///< ascending by last change
		std::uint64_t position = 0;                            ///< where the next page begins
		bool more = false;
	};
	/// Net changes since `base` that follow `position`, at most `count`, of one account or of all.
	[[nodiscard]] Page page(std::uint64_t base, std::uint64_t position, std::size_t count, std::uint32_t account) const;

	/// Indexes of live transactions from `first` to `last`, newest first. Sorted anew only after a change.
	[[nodiscard]] const std::vector<std::uint32_t> &newest_first() const;

private:
	void log(std::uint32_t index);

	std::deque<Transaction> transactions_; // a deque: the index below points at its strings
	std::unordered_map<std::string_view, std::uint32_t> by_id_;
	std::vector<std::uint32_t> log_; // log_[n-1]: the transaction changed at position n
	std::map<std::uint32_t, std::uint64_t> account_end_;
	std::set<std::uint64_t> page_breaks_;
	mutable std::vector<std::uint32_t> newest_first_;
	mutable bool newest_first_valid_ = false;
};

/// One account in the provider's wire form.
struct Account {
	std::string id;
	bool closed = false;
	bool shared = true;      ///< the person chose to show it
	RawObject fields;        ///< wire form without the balances
	RawObject balances;      ///< what the provider has cached
	RawObject live_balances; ///< what the bank itself would say now

	[[nodiscard]] bool open() const { return !closed && shared; }
};

/// How much of the history the provider has fetched.
enum class Readiness { not_ready, initial, historical };

/// One login of one person at one bank.
struct Item {
	std::uint64_t number = 0; ///< never used twice
	std::string id;
	std::string client_id;
	std::string institution_id;
	std::string username;
	std::optional<std::string> webhook;
	std::vector<std::string> products;
	std::vector<std::string> consented_products;
	Time created;
	int days_requested = 90;

	Readiness readiness = Readiness::not_ready;
	std::optional<Time> initial_at; ///< when the stage is reached; nothing: only when told
	std::optional<Time> historical_at;
	std::optional<std::string> status_text; ///< sent instead of the stage's own name

	std::optional<std::string> error_code; ///< what makes calls fail
	std::optional<std::string> error_reason;
	bool login_expires = true;
	bool removed = false;
	std::string access_token; ///< the one that works; empty: not exchanged yet
	bool sync_called = false;
	bool changed_while_broken = false; ///< to be announced once the login works again
	std::optional<Time> consent_expires;
	bool expiry_announced = false;
	std::optional<Time> last_successful_update;
	std::optional<Time> last_failed_update;
	std::optional<Time> last_webhook_at;
	std::string last_webhook_code;

	std::deque<Account> accounts;
	TransactionLog transactions;
	std::uint64_t poisoned_before = 0; ///< cursors with a lower serial number fail for ever
	int refreshes = 0;

	[[nodiscard]] bool has_product(std::string_view product) const;
	[[nodiscard]] std::optional<std::uint32_t> account_index(std::string_view account_id) const;
};

/// All items of one provider, by id.
class Ledger {
public:
	/// A new item with a number of its own. Null if the id is in use.
	Item *create(std::string id);
	[[nodiscard]] Item *find(std::string_view id);
	[[nodiscard]] Item *find(std::uint64_t number);
	[[nodiscard]] std::deque<Item> &items() { return items_; }
	[[nodiscard]] const std::deque<Item> &items() const { return items_; }
	void clear();

private:
	std::deque<Item> items_;
	std::unordered_map<std::string_view, Item *> by_id_;
	std::unordered_map<std::uint64_t, Item *> by_number_;
	std::uint64_t next_number_ = 1;
};

} // namespace ob::sandbox
