// Answers about accounts, cards and their balances. C++ regime.
#pragma once

#include <string>

#include "core/model.hpp"
#include "providers/window_provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

enum class Resource { accounts, cards };

/// Appends what an answer lists: accounts and, in full, their numbers. Of equal ids the last counts.
void read_list(std::string body, Resource resource, AccountListing *listing);

/// Takes over what an answer says of the account's balance.
void read_balance(std::string body, Account *account);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
