// The webhooks of the simulated Plaid: which event sends which.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "state.hpp"

namespace ob::sandbox::plaid {

/// New data were found; kept back while the login is broken. Otherwise DEFAULT_UPDATE, TRANSACTIONS_REMOVED if any, and
/// SYNC_UPDATES_AVAILABLE if sync was ever called.
void announce_changes(State &state, Item &item, std::size_t added, const std::vector<std::string> &removed);

/// A stage of the history was reached: INITIAL_UPDATE or HISTORICAL_UPDATE, and SYNC_UPDATES_AVAILABLE as above.
void announce_stage(State &state, Item &item, std::size_t revealed);

/// Plaid: INITIAL_UPDATE and HISTORICAL_UPDATE fire again when the choice of accounts changes.
void announce_new_selection(State &state, Item &item, std::size_t revealed);

/// The item works again: LOGIN_REPAIRED if that came by itself, and what was missed in the meantime.
void announce_repair(State &state, Item &item, bool by_itself);

/// The item broke: ITEM ERROR with its error, or USER_PERMISSION_REVOKED.
void announce_error(State &state, Item &item);

/// WEBHOOK_UPDATE_ACKNOWLEDGED, to the new URL.
void announce_webhook_update(State &state, Item &item);

/// One webhook by name, with what the contract gives it. False if the name is none that can be sent for an item.
bool fire(State &state, Item &item, std::string_view type, std::string_view code);

/// ITEM_ADD_RESULT of one added item, of hosted and multi-item sessions only.
void announce_item_added(State &state, const LinkToken &token, const LinkSession &session,
                         const std::string &public_token);
/// SESSION_FINISHED and EVENTS, likewise.
void announce_session_end(State &state, const LinkToken &token, const LinkSession &session);

} // namespace ob::sandbox::plaid
