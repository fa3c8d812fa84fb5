// How rows and accounts are known again whose bank gives them no id that lasts. C++ regime.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model.hpp"
#include "core/secret.hpp"
#include "providers/account_number.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// The beginning of an id for a transaction without one: the same for the same state, day, amount, currency and
/// description. Transactions that are alike in all of them share it; what follows tells them apart.
std::string content_key(const Transaction &row);

/// Of a canonical amount, without zeros that end its fraction: equal amounts are equal texts.
std::string_view plain_amount(std::string_view amount);

/// A number as it is compared, whatever blanks and dashes it was written with; nothing if it is masked or too short to
/// stand for one account.
std::optional<Secret> number_key(const AccountNumber &number);

/// What a card is known by whose number nobody tells in full: its network and last digits. Empty for other accounts,
/// and where either is missing. Several cards may share it.
std::string card_key(const Account &account);

} // namespace ob::providers

#include "core/pure.hpp"
