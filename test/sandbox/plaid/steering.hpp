// The commands of /_control/plaid: what the bank, the person and Plaid do behind the client's back.
#pragma once

#include <string>
#include <string_view>

#include "../command.hpp"
#include "state.hpp"

namespace ob::sandbox::plaid {

/// The item that the command names by item_id or access_token, or the only one there is. Throws ControlError.
[[nodiscard]] Item &item_of(State &state, const Command &command);
/// The items of `items: "all"`, of item_ids, or item_of().
[[nodiscard]] std::vector<Item *> items_of(State &state, const Command &command);

[[nodiscard]] std::string steer_items(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_accounts(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_transactions(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_webhooks(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_limits(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_institutions(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_link(State &state, std::string_view what, const std::string &body);

} // namespace ob::sandbox::plaid
