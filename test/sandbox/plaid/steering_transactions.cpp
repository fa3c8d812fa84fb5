// /_control/plaid/transactions: what happens on the accounts.
#include "bulk_rows.hpp"
#include "events.hpp"
#include "rows.hpp"
#include "steering.hpp"

namespace ob::sandbox::plaid {

namespace {

Day today(const State &state) {
	return day_of(state.world.clock.now());
}

// True if a row of that day can be seen at the item's stage.
bool visible(const State &state, const Item &item, Day day) {
	return item.readiness == Readiness::historical ||
	       (item.readiness == Readiness::initial && day > today(state) - std::chrono::days{30});
}

RawObject live_row(const Item &item, const std::string &id) {
	const auto found = item.transactions.find(id);
	if (!found || !item.transactions.state(*found).live()) {
		no_such_transaction(id);
	}
	return row_of(item.transactions, *found);
}

// Plaid: every change at the bank is announced by webhook. Tests of lost webhooks switch that off.
void announce(State &state, Item &item, const Command &command, std::size_t added,
              const std::vector<std::string> &removed = {}) {
	if (command.body.truth_of("announce", true)) {
		announce_changes(state, item, added, removed);
	}
}

std::string ids_answer(const std::vector<std::string> &ids) {
	return ObjectText{}.raw("transaction_ids", json_strings(ids)).end();
}

/// The item of a command. Plaid: a change while a client is paging makes it start again; calm ones turn up on a later
/// page instead.
class ChangedItem {
public:
	ChangedItem(State &state, const Command &command) : item(item_of(state, command)) {
		item.transactions.be_calm(command.body.truth_of("calm"));
	}
	ChangedItem(const ChangedItem &) = delete;
	ChangedItem &operator=(const ChangedItem &) = delete;
	~ChangedItem() { item.transactions.be_calm(false); }

	Item &item;
};

std::string add(State &state, const std::string &text) {
	const Command command(text, {"item_id", "access_token", "announce", "calm", "account_id", "transactions", "omit"});
	const ChangedItem changed(state, command);
	Item &item = changed.item;
	std::vector<std::string> ids;
	for (const std::string &element : raw_elements(command.raw.get("transactions").value_or("[{}]"))) {
		RawObject row = row_from(state.world, item.accounts.empty() ? "" : item.accounts[account_of(item, command)].id,
		                         RawObject::parse(element).value_or(RawObject{}));
		omit_fields(row, command.body.get("omit"));
		Transaction transaction = make_transaction(item, row, today(state));
		if (transaction.id.empty()) {
			transaction.id = state.world.ids.alphanumeric(37); // the row goes out without an id; the ledger needs one
		}
		ids.push_back(transaction.id);
		const bool seen = visible(state, item, transaction.date);
		if (!item.transactions.add(std::move(transaction), seen)) {
			throw ControlError{"a transaction of that id exists already: " + ids.back()};
		}
	}
	announce(state, item, command, ids.size());
	return ids_answer(ids);
}

std::string modify(State &state, const std::string &text) {
	const Command command(
	    text, {"item_id", "access_token", "announce", "calm", "transaction_id", "transaction_ids", "set", "omit"});
	const ChangedItem changed(state, command);
	Item &item = changed.item;
	const auto ids = wanted_transactions(command);
	for (const std::string &id : ids) {
		RawObject row = live_row(item, id);
		row.merge(command.object("set"));
		omit_fields(row, command.body.get("omit"));
		item.transactions.replace(id, make_transaction(item, row, today(state)));
	}
	announce(state, item, command, 0);
	return ids_answer(ids);
}

std::string remove(State &state, const std::string &text) {
	const Command command(text,
	                      {"item_id", "access_token", "announce", "calm", "transaction_id", "transaction_ids", "all"});
	const ChangedItem changed(state, command);
	Item &item = changed.item;
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
	announce(state, item, command, 0, ids);
	return ids_answer(ids);
}

// Plaid: a pending transaction never keeps its id. The posting comes as added, the pending one as removed, on one page
// or on two, and names the pending one only if Plaid could match them.
std::string post(State &state, const std::string &text) {
	const Command command(text, {"item_id", "access_token", "announce", "calm", "transaction_id", "transaction_ids",
	                             "link", "split", "removed_first", "set", "omit"});
	const ChangedItem changed(state, command);
	Item &item = changed.item;
	const bool removed_first = command.body.truth_of("removed_first");
	std::vector<std::string> posted;
	for (const std::string &id : wanted_transactions(command)) {
		RawObject row = live_row(item, id);
		row.set("transaction_id", json_string(state.world.ids.alphanumeric(37)));
		row.set("pending", "false");
		row.set("pending_transaction_id", command.body.truth_of("link", true) ? json_string(id) : "null");
		row.set("authorized_date", row.get("date").value_or("null"));
		row.set("date", json_string(format_date(today(state))));
		row.merge(command.object("set"));
		omit_fields(row, command.body.get("omit"));
		Transaction transaction = make_transaction(item, row, today(state));
		posted.push_back(transaction.id);
		if (removed_first) {
			item.transactions.remove(id);
		} else {
			item.transactions.add(transaction, true);
		}
		if (command.body.truth_of("split")) {
			item.transactions.break_page();
		}
		if (removed_first) {
			item.transactions.add(std::move(transaction), true);
		} else {
			item.transactions.remove(id);
		}
	}
	announce(state, item, command, posted.size(), wanted_transactions(command));
	return ids_answer(posted);
}

std::string touch(State &state, const std::string &text) {
	const Command command(text, {"item_id", "access_token", "announce", "calm", "transaction_id", "transaction_ids"});
	const ChangedItem changed(state, command);
	Item &item = changed.item;
	const auto ids = wanted_transactions(command);
	for (const std::string &id : ids) {
		if (!item.transactions.touch(id)) {
			no_such_transaction(id);
		}
	}
	announce(state, item, command, 0);
	return ids_answer(ids);
}

std::string generate(State &state, const std::string &text) {
	const Command command(text, {"item_id", "access_token", "announce", "items", "account_id", "count", "bytes", "seed",
	                             "days", "until"});
	std::uint64_t made = 0;
	std::uint64_t n = 0;
	for (Item *item : items_of(state, command)) {
		BulkPlan plan = read_bulk_plan(command.body, *item, today(state));
		plan.seed += n++;
		if (command.body.has("account_id")) {
			plan.accounts = {account_of(*item, command)};
		}
		add_bulk_rows(*item, plan, today(state));
		made += plan.count;
		announce(state, *item, command, plan.count);
	}
	return ObjectText{}.number("count", static_cast<std::int64_t>(made)).end();
}

} // namespace

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
	if (what == "touch") {
		return touch(state, body);
	}
	if (what == "generate") {
		return generate(state, body);
	}
	unknown_command("transactions", what);
}

} // namespace ob::sandbox::plaid
