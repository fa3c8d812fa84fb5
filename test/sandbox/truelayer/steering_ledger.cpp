// /_control/truelayer/accounts and transactions: what happens at the bank.
#include "../row_stream.hpp"
#include "events.hpp"
#include "mock_users.hpp"
#include "rows.hpp"
#include "steering.hpp"

namespace ob::sandbox::truelayer {

namespace {

Day today(const State &state) {
	return day_of(state.world.clock.now());
}

void announce(State &state, const Command &command, std::string_view type, const std::string &account_id) {
	if (command.body.truth_of("announce", true)) {
		send_event(state, type, account_id, "account");
	}
}

std::string add_account(State &state, const std::string &text) {
	const Command command(text, {"item_id", "access_token", "announce", "account", "card", "omit"});
	Item &item = item_of(state, command);
	Account account =
	    account_from(state.world, state.bank_of(item), command.body.truth_of("card"), command.object("account"));
	if (item.account_index(account.id)) {
		throw ControlError{"an account of that id exists already"};
	}
	omit_fields(account.fields, command.body.get("omit"));
	item.accounts.push_back(std::move(account));
	announce(state, command, "account.updated", item.accounts.back().id);
	return ObjectText{}.string("account_id", item.accounts.back().id).end();
}

std::string set_account(State &state, const std::string &text) {
	const Command command(text, {"item_id", "access_token", "announce", "account_id", "set", "omit", "balance",
	                             "closed", "standing_orders", "direct_debits"});
	Item &item = item_of(state, command);
	const std::uint32_t index = account_of(item, command);
	Account &account = item.accounts[index];
	account.fields.merge(command.object("set"));
	account.id = account.fields.text_of("account_id");
	account.balances.merge(command.object("balance"));
	for (const std::string &field : command.body.get("omit").texts()) {
		account.fields.erase(field);
		account.balances.erase(field);
	}
	account.closed = command.body.truth_of("closed", account.closed);
	Connection &connection = state.connections.at(item.number);
	if (const auto orders = command.raw.get("standing_orders")) {
		connection.standing_orders[index] = raw_elements(*orders);
	}
	if (const auto debits = command.raw.get("direct_debits")) {
		connection.direct_debits[index] = raw_elements(*debits);
	}
	if (command.body.has("set") || command.body.has("closed")) {
		announce(state, command, "account.updated", account.id);
	}
	if (command.body.has("balance")) {
		announce(state, command, "balance.updated", account.id);
	}
	return ObjectText{}.raw("account", account.fields.dump()).raw("balance", account.balances.dump()).end();
}

// TrueLayer: an account's id may change, all else of it stays.
std::string churn_account(State &state, const std::string &text) {
	const Command command(text, {"item_id", "access_token", "account_id", "new_id"});
	Item &item = item_of(state, command);
	Account &account = item.accounts[account_of(item, command)];
	account.id = command.text("new_id", hex(sha256(state.world.ids.uuid())).substr(0, 32));
	account.fields.set("account_id", json_string(account.id));
	return ObjectText{}.string("account_id", account.id).end();
}

/// A live row with where it stands.
struct LiveRow {
	RowState state;
	RawObject row;
};

LiveRow live_row(const Item &item, const std::string &id) {
	const auto found = item.transactions.find(id);
	if (!found || !item.transactions.state(*found).live()) {
		no_such_transaction(id);
	}
	return {item.transactions.state(*found), row_of(item.transactions, *found)};
}

std::string ids_answer(const std::vector<std::string> &ids) {
	return ObjectText{}.raw("transaction_ids", json_strings(ids)).end();
}

std::string add(State &state, const std::string &text) {
	const Command command(text, {"item_id", "access_token", "announce", "account_id", "transactions", "omit"});
	Item &item = item_of(state, command);
	const std::uint32_t usual = account_of(item, command);
	std::vector<std::string> ids;
	for (const std::string &element : raw_elements(command.raw.get("transactions").value_or("[{}]"))) {
		const RawObject given = RawObject::parse(element).value_or(RawObject{});
		const auto named = item.account_index(given.text_of("account_id"));
		if (given.get("account_id") && !named) {
			throw ControlError{"no such account"};
		}
		const std::uint32_t account = named.value_or(usual);
		const bool pending = given.get("pending") == "true";
		RawObject row = row_from(state.world, item, state.bank_of(item), account, pending, given);
		const std::string id = row.text_of("transaction_id");
		omit_fields(row, command.body.get("omit"));
		Transaction transaction = make_transaction(row, account, pending, today(state));
		transaction.id = id; // also of a row that goes out without
		ids.push_back(id);
		if (!item.transactions.add(std::move(transaction), true)) {
			throw ControlError{"a transaction of that id exists already: " + id};
		}
		announce(state, command, "transaction.created", item.accounts[account].id);
	}
	return ids_answer(ids);
}

std::string modify(State &state, const std::string &text) {
	const Command command(text,
	                      {"item_id", "access_token", "announce", "transaction_id", "transaction_ids", "set", "omit"});
	Item &item = item_of(state, command);
	const auto ids = wanted_transactions(command);
	for (const std::string &id : ids) {
		LiveRow live = live_row(item, id);
		RawObject set = command.object("set");
		const bool pending = set.get("pending") ? set.get("pending") == "true" : live.state.pending;
		set.erase("pending");
		set.erase("account_id");
		live.row.merge(set);
		omit_fields(live.row, command.body.get("omit"));
		item.transactions.replace(id, make_transaction(live.row, live.state.account, pending, today(state)));
	}
	return ids_answer(ids);
}

std::string remove(State &state, const std::string &text) {
	const Command command(text, {"item_id", "access_token", "announce", "transaction_id", "transaction_ids", "all"});
	Item &item = item_of(state, command);
	std::vector<std::string> ids;
	if (command.body.truth_of("all")) {
		for (const std::uint32_t index : item.transactions.newest_first()) {
			ids.push_back(item.transactions.id(index));
		}
	} else {
		ids = wanted_transactions(command);
	}
	for (const std::string &id : ids) {
		if (!item.transactions.remove(id)) {
			no_such_transaction(id);
		}
	}
	return ids_answer(ids);
}

// TrueLayer: what has settled has other ids than what was pending, and often another day and amount; nothing links
// them.
std::string post(State &state, const std::string &text) {
	const Command command(text,
	                      {"item_id", "access_token", "announce", "transaction_id", "transaction_ids", "set", "omit"});
	Item &item = item_of(state, command);
	std::vector<std::string> posted;
	for (const std::string &id : wanted_transactions(command)) {
		LiveRow live = live_row(item, id);
		live.row.erase("transaction_id");
		live.row.set("timestamp", json_string(format_date(today(state)) + "T00:00:00"));
		live.row.merge(command.object("set"));
		RawObject row = row_from(state.world, item, state.bank_of(item), live.state.account, false, live.row);
		const std::string fresh = row.text_of("transaction_id");
		omit_fields(row, command.body.get("omit"));
		Transaction transaction = make_transaction(row, live.state.account, false, today(state));
		transaction.id = fresh;
		item.transactions.remove(id);
		if (!item.transactions.add(std::move(transaction), true)) {
			throw ControlError{"a transaction of that id exists already: " + fresh};
		}
		posted.push_back(fresh);
		announce(state, command, "transaction.created", item.accounts[live.state.account].id);
	}
	return ids_answer(posted);
}

std::string generate(State &state, const std::string &text) {
	const Command command(
	    text, {"item_id", "access_token", "announce", "items", "account_id", "count", "seed", "days", "until"});
	std::int64_t made = 0;
	for (Item *item : items_of(state, command)) {
		const std::uint32_t account = account_of(*item, command);
		add_generated(*item, state.world, state.bank_of(*item), account, command.body);
		made += command.body.integer_of("count", 1000);
		announce(state, command, "transaction.created", item->accounts[account].id);
	}
	return ObjectText{}.number("count", made).end();
}

} // namespace

std::string steer_accounts(State &state, std::string_view what, const std::string &body) {
	if (what == "add") {
		return add_account(state, body);
	}
	if (what == "set") {
		return set_account(state, body);
	}
	if (what == "churn") {
		return churn_account(state, body);
	}
	unknown_command("accounts", what);
}

std::string steer_transactions(State &state, std::string_view what, const std::string &body) {
	if (what == "add") {
		return add(state, body);
	}
	if (what == "modify") {
		return modify(state, body);
	}
	if (what == "remove") {
		return remove(state, body);
	}
	if (what == "post") {
		return post(state, body);
	}
	if (what == "generate") {
		return generate(state, body);
	}
	unknown_command("transactions", what);
}

std::function<std::string()> stream_rows(State &state, const std::string &body) {
	const Command command(body, {"item_id", "access_token", "format", "columns"});
	const bool one = command.body.has("item_id") || command.body.has("access_token");
	return sandbox::stream_rows(
	    state.ledger, one ? item_of(state, command).id : "", command,
	    {"transaction_id", "normalised_provider_transaction_id", "account_id", "timestamp", "amount", "currency",
	     "transaction_type", "pending", "description"},
	    [](std::string &out, const Item &item, std::uint32_t index) {
		    // Which account, and whether it is pending, the wire form leaves to the path.
		    const RowState row = item.transactions.state(index);
		    ObjectText own;
		    own.string("account_id", item.accounts[row.account].id).boolean("pending", row.pending);
		    out.append(own.end()).back() = ',';
		    std::string wire;
		    item.transactions.append_to(wire, index, false);
		    out.append(wire, 1);
	    });
}

} // namespace ob::sandbox::truelayer
