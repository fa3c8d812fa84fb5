// The commands of /_control/plaid: what the bank, the person and Plaid do behind the client's back.
#pragma once

#include <string>
#include <string_view>

#include "state.hpp"

namespace ob::sandbox::plaid {

/// The body of a command in two readings: as a tree, and with the text of every value as it was written.
struct Command {
	Json body;
	RawObject raw;

	/// Throws ControlError unless the text is a JSON object made of these words only.
	Command(const std::string &text, std::initializer_list<std::string_view> words);
	[[nodiscard]] std::string text(const char *word, std::string otherwise = {}) const;
	[[nodiscard]] RawObject object(const char *word) const;
};

/// The item that the command names by item_id or access_token, or the only one there is. Throws ControlError.
[[nodiscard]] Item &item_of(State &state, const Command &command);
/// The items of `items: "all"`, of item_ids, or item_of().
[[nodiscard]] std::vector<Item *> items_of(State &state, const Command &command);
/// Index of the account that account_id names, or of the first one.
[[nodiscard]] std::uint32_t account_of(const Item &item, const Command &command);

/// Throws ControlError.
[[noreturn]] void unknown(std::string_view area, std::string_view what);

[[nodiscard]] std::string steer_items(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_accounts(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_transactions(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_webhooks(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_limits(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_institutions(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string steer_link(State &state, std::string_view what, const std::string &body);

} // namespace ob::sandbox::plaid
