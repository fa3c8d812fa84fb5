// The commands of /_control/truelayer: what the bank, the person and TrueLayer do behind the client's back.
#pragma once

#include "../command.hpp"
#include "state.hpp"

namespace ob::sandbox::truelayer {

[[nodiscard]] Item &item_of(State &state, const Command &command);
[[nodiscard]] std::vector<Item *> items_of(State &state, const Command &command);

[[nodiscard]] std::string steer_items(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_accounts(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_transactions(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_providers(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_link(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_webhooks(State &state, std::string_view what, const std::string &body);

} // namespace ob::sandbox::truelayer
