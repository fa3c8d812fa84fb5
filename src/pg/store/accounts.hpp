// Rows of ob.accounts_all. C++ regime; callers act as owner, inside a commit unit.
#pragma once

#include "pg/postgres.hpp"

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/store.hpp"

namespace ob::pg::store {

/// See SyncStore::write_accounts.
AccountCounts write_accounts(ConnectionId id, const AccountList &list, AccountKinds told, bool keep_raw);

/// What is stored of the accounts of these connections that are not marked removed, without raw objects. A query.
std::map<ConnectionId, std::vector<Account>> live_accounts(std::span<const ConnectionId> ids);
/// Whether that is what `list` says of the kinds it tells of, so that writing it without raw objects would change
/// nothing. False where it cannot be told at a glance.
bool shows(const std::vector<Account> &stored, const AccountList &list, AccountKinds told);

/// See SyncStore::move_account.
bool move_account(ConnectionId id, std::string_view from, std::string_view to);

/// Accounts that were paused, under a fresh snapshot.
std::set<std::string, std::less<>> paused_accounts(ConnectionId id);
/// Whether the account's transactions are synced; false if it was so already.
bool set_account_enabled(ConnectionId id, std::string_view account_id, bool enabled);

/// Our name of an account (account_ref), read with the caller's own rights, not the owner's: policies hold for what is
/// done with it as well. Throws not_found.
std::string account_ref_for_caller(ConnectionId id, const std::string &account_id);

/// See SyncStore::mark_signs. Whether that is new.
bool mark_signs(ConnectionId id, std::string_view account_id, bool suspect);

} // namespace ob::pg::store
