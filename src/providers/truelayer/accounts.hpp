// TrueLayer's accounts and cards in the neutral model. C++ regime.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model.hpp"
#include "core/task.hpp"
#include "providers/provider.hpp"
#include "providers/window_provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

inline constexpr std::string_view kAccountsEndpoint = "/data/v1/accounts";
inline constexpr std::string_view kCardsEndpoint = "/data/v1/cards";
inline constexpr std::string_view kBalanceEndpoint = "/data/v1/accounts/{account_id}/balance";

/// All accounts and cards of the connection, without balances. A bank that has none of one kind refuses that list;
/// both refused, it is the connection that is.
Task<AccountListing> list_only(Session session, Credentials credentials);

/// For a sync: with balances; what is not told of one account alone is left out. The time of a balance that is merely
/// the time of asking is left out as well: an account that is the same as before is then not written again.
Task<AccountListing> list_with_balances(Session session, Credentials credentials);

/// Those of `account_ids` (empty: all) with balances. Throws ProviderError of code not_found for one that is not the
/// connection's.
Task<AccountList> get_accounts(Session session, Credentials credentials, std::vector<std::string> account_ids);

/// Keeps the accounts named, in their order in the list. Throws as get_accounts().
void keep_only(std::vector<Account> &accounts, const std::vector<std::string> &account_ids);

/// Cards have other paths, and signs from the issuer's side.
bool is_card(const Account &account);
/// "/data/v1/accounts/ID" or "/data/v1/cards/ID", and the same without the id for errors.
std::string path_of(const Account &account);
std::string endpoint_of(const Account &account);
/// What banks count by, such as "accounts/ID/balance".
std::string resource_of(const Account &account, std::string_view what);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
