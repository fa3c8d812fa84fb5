// Plaid's accounts in the neutral model. C++ regime.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model.hpp"
#include "core/task.hpp"
#include "providers/kept_texts.hpp"
#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

inline constexpr std::string_view kAccountsEndpoint = "/accounts/get";
inline constexpr std::string_view kBalancesEndpoint = "/accounts/balance/get";

/// The item's accounts with cached balances; empty `account_ids`: all.
Task<AccountList> get_accounts(Session session, Credentials credentials, std::vector<std::string> account_ids);

/// As get_accounts(), but the bank is asked; where it has nothing recent, the cached balances.
Task<AccountList> get_balances(Session session, Credentials credentials, std::vector<std::string> account_ids);

/// Reads an answer of either endpoint. Ids are unique: of equal ones the last counts.
AccountList read_accounts(std::string body, std::string_view endpoint = kAccountsEndpoint,
                          std::string *request_id = nullptr);

/// Our type for Plaid's type and subtype; `other` for what this code does not know.
std::string_view account_type(std::string_view type, std::string_view subtype);
/// Credit and loan: a positive balance is what the holder owes.
bool is_liability(std::string_view type);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
