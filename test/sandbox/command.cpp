#include "command.hpp"

#include <algorithm>

#include "provider.hpp"

namespace ob::sandbox {

Command::Command(const std::string &text, std::initializer_list<std::string_view> words)
    : body(Json::parse_lenient(text)), raw(RawObject::parse(text).value_or(RawObject{})) {
	if (!body.is_object()) {
		throw ControlError{"the body must be a JSON object"};
	}
	for (const auto &[word, value] : raw.members()) {
		if (std::find(words.begin(), words.end(), word) == words.end()) {
			throw ControlError{"unknown word: " + word};
		}
	}
}

std::string Command::text(const char *word, std::string otherwise) const {
	return body.has(word) ? body.text_of(word) : std::move(otherwise);
}

RawObject Command::object(const char *word) const {
	const auto text = raw.get(word);
	return text ? RawObject::parse(*text).value_or(RawObject{}) : RawObject{};
}

std::optional<Time> Command::time(const char *word) const {
	if (body.get(word).is_null()) {
		return std::nullopt;
	}
	const auto time = parse_time(text(word));
	if (!time) {
		throw ControlError{std::string(word) + " must be a time such as 2026-03-07T10:00:00Z, or null"};
	}
	return time;
}

Item &item_of(Ledger &ledger, const ItemOfToken &of_token, const Command &command) {
	Item *found = nullptr;
	if (command.body.has("item_id")) {
		found = ledger.find(command.text("item_id"));
	} else if (command.body.has("access_token")) {
		found = of_token(command.text("access_token"));
	} else if (ledger.items().size() == 1) {
		found = &ledger.items().front();
	} else {
		throw ControlError{"item_id is needed unless there is exactly one item"};
	}
	if (found == nullptr) {
		throw ControlError{"no such item"};
	}
	return *found;
}

std::vector<Item *> items_of(Ledger &ledger, const ItemOfToken &of_token, const Command &command) {
	std::vector<Item *> out;
	if (command.text("items") == "all") {
		for (Item &item : ledger.items()) {
			out.push_back(&item);
		}
	} else {
		out.push_back(&item_of(ledger, of_token, command));
	}
	return out;
}

std::uint32_t account_of(const Item &item, const Command &command) {
	if (!command.body.has("account_id")) {
		if (item.accounts.empty()) {
			throw ControlError{"the item has no account"};
		}
		return 0;
	}
	const auto index = item.account_index(command.text("account_id"));
	if (!index) {
		throw ControlError{"no such account"};
	}
	return *index;
}

std::vector<std::string> wanted_transactions(const Command &command) {
	std::vector<std::string> ids = command.body.get("transaction_ids").texts();
	if (command.body.has("transaction_id")) {
		ids.push_back(command.text("transaction_id"));
	}
	if (ids.empty()) {
		throw ControlError{"transaction_id or transaction_ids is needed"};
	}
	return ids;
}

void omit_fields(RawObject &object, const Json &names) {
	for (const std::string &name : names.texts()) {
		object.erase(name);
	}
}

void unknown_command(std::string_view area, std::string_view what) {
	throw ControlError{"unknown command: " + std::string(area) + "/" + std::string(what)};
}

void no_such_transaction(const std::string &id) {
	throw ControlError{"no such transaction: " + id};
}

} // namespace ob::sandbox
