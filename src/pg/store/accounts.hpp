// Rows of ob.accounts_all. C++ regime; callers act as owner, inside a commit unit.
#pragma once

#include "pg/postgres.hpp"

#include <string_view>

#include "core/store.hpp"

namespace ob::pg::store {

/// See SyncStore::write_accounts.
AccountCounts write_accounts(ConnectionId id, const AccountList &list, bool keep_raw);

/// See SyncStore::move_account.
bool move_account(ConnectionId id, std::string_view from, std::string_view to);

} // namespace ob::pg::store
