// Transactions and accounts in Plaid's wire form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "../ledger.hpp"
#include "../world.hpp"

namespace ob::sandbox::plaid {

/// A merchant of the invented economy that the test data come from.
struct Merchant {
	std::string_view name;     ///< cleaned name; empty: none recognized
	std::string_view raw_name; ///< as it stands on the statement
	std::string_view channel;  ///< payment_channel
	std::string_view category; ///< primary of the personal finance category
	std::string_view detailed;
	std::string_view city; ///< empty: no location
};

[[nodiscard]] std::size_t merchant_count();
[[nodiscard]] const Merchant &merchant(std::size_t index);

/// What a row needs; everything else gets its usual value.
struct RowValues {
	std::string id;
	std::string account_id;
	std::string amount = "1.00"; ///< JSON number, written as it stands
	std::string currency = "USD";
	Day date;
	std::optional<Day> authorized;
	std::string name; ///< empty: the merchant's
	bool pending = false;
	std::optional<std::string> pending_transaction_id;
	std::size_t merchant = 0;
};

/// All fields of the contract's transaction object, in the order of the wire, original_description included.
[[nodiscard]] RawObject make_row(const RowValues &values);

/// A row of these fields on an account; what is missing gets its usual value.
[[nodiscard]] RawObject row_from(World &world, std::string_view account_id, const RawObject &given);

/// Renders a row. Takes id, account, date and state from the object; what it lacks or has in a wrong form gets a
/// stand-in for the simulator's own use only: the object goes out as it is.
[[nodiscard]] Transaction make_transaction(const Item &item, const RawObject &row, Day today);

/// The same from values, without the detour over an object.
[[nodiscard]] Transaction make_transaction(const Item &item, const RowValues &values);

/// The row of a transaction as an object again, original_description included.
[[nodiscard]] RawObject row_of(const TransactionLog &transactions, std::uint32_t index);

/// Whole cents as a JSON number without needless zeros: 8940 is 89.4.
[[nodiscard]] std::string amount_text(std::int64_t cents);

/// A new account in wire form. Balances are JSON numbers or null.
[[nodiscard]] Account make_account(std::string id, std::string_view type, std::string_view subtype,
                                   std::string_view name, std::optional<std::string> official_name,
                                   std::optional<std::string> mask, std::string_view available,
                                   std::string_view current, std::string_view limit, std::string_view currency = "USD");

/// An account of these fields and balances; what is missing gets its usual value.
[[nodiscard]] Account account_from(World &world, const RawObject &given);

} // namespace ob::sandbox::plaid
