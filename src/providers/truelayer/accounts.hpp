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

// There are two lists, of accounts and of cards. A bank may have one of them only; if it refuses both, it is the
// connection that is refused.

/// For a sync: with balances; what is not told of one account alone is left out, and so is a list that is refused. The
/// time of a balance that is merely the time of asking is left out as well: an account that is the same as before is
/// then not written again.
Task<AccountListing> list_with_balances(Session session, Credentials credentials);

/// Those of `account_ids` (empty: all), without balances. Throws ProviderError of code not_found for one that is not
/// the connection's, and of code refused where the bank denies a list that may have what is asked for.
Task<AccountList> list_whole(Session session, Credentials credentials, std::vector<std::string> account_ids);

/// As that, with balances.
Task<AccountList> get_accounts(Session session, Credentials credentials, std::vector<std::string> account_ids);

/// In full, of all accounts; cards have none.
Task<std::vector<AccountNumber>> get_numbers(Session session, Credentials credentials);

/// Cards have other paths, and signs from the issuer's side.
bool is_card(const Account &account);
/// "/data/v1/accounts/ID" or "/data/v1/cards/ID", and the same without the id for errors.
std::string path_of(const Account &account);
std::string endpoint_of(const Account &account);
/// What banks count by, such as "accounts/ID/balance".
std::string resource_of(const Account &account, std::string_view what);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
