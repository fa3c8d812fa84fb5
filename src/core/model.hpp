// The neutral model: what every provider's answers are turned into (rules: sign negative = money out or owed, money as
// decimal text, days as the provider gives them). C++ regime.
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"

#include "core/pure.hpp"

namespace ob {

using ConnectionId = std::int64_t;

/// An account. Amounts are canonical decimal text (see money.hpp) with our sign, empty where the provider gave none.
struct Account {
	std::string id;
	std::string name;
	std::string official_name;
	std::string type; // checking savings credit_card loan mortgage student_loan investment cash other
	std::string provider_type;
	std::string provider_subtype;
	std::string mask;
	std::string iban; // masked
	std::string currency;
	std::string balance_current;
	std::string balance_available;
	std::string credit_limit;
	std::optional<Timestamp> balance_at; // the provider's time of the balance
	std::string status;
	std::string raw; // the provider's object, card numbers cut
};

/// A transaction: views into the page that owns the bytes. Empty view = absent. Amounts as in Account.
struct Transaction {
	std::string_view id;
	std::string_view account_id;
	bool pending = false;
	std::string_view amount;
	std::string_view currency;
	Date date{};
	std::optional<Date> authorized_date;
	std::optional<Timestamp> booked_at; // only where a time of day was given
	std::string_view description;
	std::string_view merchant_name;
	std::string_view counterparty;
	std::string_view category;
	std::string_view category_detail;
	std::string_view type;
	std::string_view reference;
	std::string_view running_balance;
	std::string_view pending_transaction_id;
	std::string_view raw; // the provider's object
};

/// A row that cannot be stored (no id, no date, an amount beyond numeric). A sync quarantines it, a live scan raises.
struct RejectedRow {
	std::string_view transaction_id; // may be empty
	std::string_view account_id;     // may be empty
	std::string reason;              // says which field and why, without values
	std::string_view raw;
};

struct RemovedTransaction {
	std::string_view id;
	std::string_view account_id; // may be empty (older answers)
};

/// Keeps the bytes that a page's views point into.
class PageMemory {
public:
	virtual ~PageMemory() = default;
};

/// One page of transactions with the memory behind it. Move only.
struct TransactionPage {
	std::vector<Transaction> rows; // for changes: added and modified, in the provider's order
	std::vector<RejectedRow> rejected;
	std::vector<RemovedTransaction> removed;
	std::size_t bytes = 0; // of the answer
	std::unique_ptr<PageMemory> memory;
};

/// How complete the provider's own copy is.
enum class HistoryStatus { not_ready, initial, complete, unknown };

/// One page of a change feed.
struct ChangePage {
	TransactionPage transactions;
	std::string next_cursor;
	bool has_more = false;
	HistoryStatus status = HistoryStatus::unknown;
};

/// The provider's view of a connection.
struct ConnectionHealth {
	std::string institution_id;
	std::string institution_name;    // where the answer tells it
	std::vector<std::string> scopes; // granted; may be empty
	std::optional<Timestamp> consent_given_at;
	std::optional<Timestamp> consent_expires_at;
	std::optional<Timestamp> bank_updated_at; // when the provider last read the bank
	std::optional<Reaction> standing_error;   // the connection is broken although the call succeeded
	std::string error_code;
	std::string error_hint;    // what to do about it; may be empty
	std::string reauth_reason; // with standing_error reauth
};

struct AccountList {
	std::vector<Account> accounts;
	std::optional<ConnectionHealth> health; // as far as the same answer tells it
	std::size_t bytes = 0;
};

} // namespace ob

#include "core/pure.hpp"
