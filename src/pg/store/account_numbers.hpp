// Account numbers, sealed (ob.accounts_all.number_sealed). C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string_view>
#include <vector>

#include "core/store.hpp"
#include "providers/account_number.hpp"

namespace ob::pg::store {

/// The account's numbers, unsealed; nothing if they were never fetched. Throws unseal_failed.
std::optional<std::vector<providers::AccountNumber>> read_account_numbers(ConnectionId id, std::string_view account_id);

/// See SyncStore. Numbers that cannot be opened any more tell nothing.
/// By which accounts of a connection are known again, as providers::number_key() writes them. Under a fresh snapshot.
std::vector<Secret> account_number_keys(ConnectionId id);

std::vector<KeptAccount> kept_accounts(ConnectionId id);
void keep_account_numbers(ConnectionId id, const std::vector<providers::AccountNumber> &numbers);

/// Stores what was fetched for a connection, with every account of it: one that is not named has no number.
void save_account_numbers(ConnectionId id, const std::vector<providers::AccountNumber> &numbers);

} // namespace ob::pg::store
