// Rows of ob.accounts_all. C++ regime; callers act as owner, inside a commit unit.
#pragma once

#include "pg/postgres.hpp"

#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "core/store.hpp"

namespace ob::pg::store {

/// See SyncStore::write_accounts.
AccountCounts write_accounts(ConnectionId id, const AccountList &list, bool keep_raw);

/// What is stored of the accounts of these connections that are not marked removed, without raw objects. A query.
std::map<ConnectionId, std::vector<Account>> live_accounts(std::span<const ConnectionId> ids);
/// Whether that is what `list` says, so that writing it without raw objects would change nothing. False where it cannot be
/// told at a glance.
bool shows(const std::vector<Account> &stored, const AccountList &list);

/// See SyncStore::move_account.
bool move_account(ConnectionId id, std::string_view from, std::string_view to);

} // namespace ob::pg::store
