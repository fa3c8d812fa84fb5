// Accounts, cards and transactions in TrueLayer's wire form.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "../ledger.hpp"
#include "../world.hpp"
#include "banks.hpp"

namespace ob::sandbox::truelayer {

/// A transaction of these fields on an account; what is missing gets its usual value. The sign that belongs to a type,
/// or the type that belongs to a sign, follows from the one that is given.
[[nodiscard]] RawObject row_from(World &world, const Item &item, const Bank &bank, std::uint32_t account, bool pending,
                                 const RawObject &given);

/// Renders a row. Its transaction_id is its name in the ledger, its timestamp its day (`today`, if it has none); the
/// object goes out as it is.
[[nodiscard]] Transaction make_transaction(const RawObject &row, std::uint32_t account, bool pending, Day today);

/// The row of a transaction as an object again.
[[nodiscard]] RawObject row_of(const TransactionLog &transactions, std::uint32_t index);

/// Appends the row as it is answered: with `salt`, its transaction_id is one of this answer only.
void append_row(std::string &out, const TransactionLog &transactions, std::uint32_t index, std::string_view salt);

/// An account or card of these fields; what is missing gets its usual value. `balance` in it is the balance.
[[nodiscard]] Account account_from(World &world, const Bank &bank, bool card, const RawObject &given);

/// As answered now: update_timestamp is the present time unless it was given.
[[nodiscard]] std::string account_object(const Account &account, Time now);
[[nodiscard]] std::string balance_object(const Account &account, Time now);

/// A valid IBAN from a country's two letters and what follows the check digits.
[[nodiscard]] std::string make_iban(std::string_view country, std::string_view number);
/// An account number as a bank of that country (in TrueLayer's spelling) has it behind the check digits, made up.
[[nodiscard]] std::string make_national_number(World &world, std::string_view country);

/// Whole cents with two decimals.
[[nodiscard]] std::string amount_text(std::int64_t cents);

} // namespace ob::sandbox::truelayer
