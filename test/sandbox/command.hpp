// Commands of /_control that are about a provider's ledger: their bodies, and what they name.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"
#include "ledger.hpp"

namespace ob::sandbox {

/// The body of a command in two readings: as a tree, and with the text of every value as it was written.
struct Command {
	Json body;
	RawObject raw;

	/// Throws ControlError unless the text is a JSON object made of these words only.
	Command(const std::string &text, std::initializer_list<std::string_view> words);
	[[nodiscard]] std::string text(const char *word, std::string otherwise = {}) const;
	[[nodiscard]] RawObject object(const char *word) const;
	/// A time, or nothing for null. Throws ControlError for everything else.
	[[nodiscard]] std::optional<Time> time(const char *word) const;
};

/// The item an access token belongs to, or null.
using ItemOfToken = std::function<Item *(const std::string &)>;

/// The item that the command names by item_id or access_token, or the only one there is. Throws ControlError.
[[nodiscard]] Item &item_of(Ledger &ledger, const ItemOfToken &of_token, const Command &command);
/// The items of `items: "all"`, or item_of().
[[nodiscard]] std::vector<Item *> items_of(Ledger &ledger, const ItemOfToken &of_token, const Command &command);
/// Index of the account that account_id names, or of the first one. Throws ControlError.
[[nodiscard]] std::uint32_t account_of(const Item &item, const Command &command);

/// The ids of transaction_id and transaction_ids. Throws ControlError if there is none.
[[nodiscard]] std::vector<std::string> wanted_transactions(const Command &command);
/// Takes the fields away that a command's `omit` names.
void omit_fields(RawObject &object, const Json &names);

/// Throws ControlError.
[[noreturn]] void unknown_command(std::string_view area, std::string_view what);
/// Throws ControlError.
[[noreturn]] void no_such_transaction(const std::string &id);

} // namespace ob::sandbox
