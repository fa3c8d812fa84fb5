// The bank's truth: logins, their accounts and their transactions.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "json.hpp"
#include "text.hpp"
#include "transaction_log.hpp"

namespace ob::sandbox {

/// One account in the provider's wire form.
struct Account {
	std::string id;
	bool card = false; ///< where a provider has cards apart from accounts
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

	std::optional<std::string> error_code; ///< the standing error
	bool error_blocks = true;              ///< it makes calls fail; false: it only shows in the item
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

	/// The login stops working.
	void breaks(std::string code, Time now, std::optional<std::string> reason = std::nullopt);
	/// It works again.
	void heals();
	[[nodiscard]] bool blocked() const { return error_code && error_blocks; }

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
	/// The number that the next item will have.
	[[nodiscard]] std::uint64_t next_number() const { return next_number_; }
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
