// /_control/plaid/accounts: what happens to accounts.
#include "events.hpp"
#include "rows.hpp"
#include "steering.hpp"

namespace ob::sandbox::plaid {

namespace {

// Plaid: after a strong change of name or mask an account has a new id, and its transactions have new ones too.
std::string churn_account(State &state, const std::string &text) {
	const Command command(text, {"item_id", "access_token", "account_id", "set"});
	Item &item = item_of(state, command);
	const std::uint32_t old_index = account_of(item, command);
	Account fresh = item.accounts[old_index];
	fresh.fields.set("account_id", json_string(state.world.ids.alphanumeric(37)));
	fresh.fields.merge(command.object("set"));
	fresh.id = fresh.fields.text_of("account_id");
	item.accounts[old_index].closed = true;
	item.accounts.push_back(fresh);
	std::vector<std::string> old_ids;
	for (const std::uint32_t index : item.transactions.newest_first()) {
		if (item.transactions.state(index).account == old_index) {
			old_ids.push_back(item.transactions.id(index));
		}
	}
	const Day today = day_of(state.world.clock.now());
	for (const std::string &id : old_ids) {
		RawObject row = row_of(item.transactions, *item.transactions.find(id));
		row.set("transaction_id", json_string(state.world.ids.alphanumeric(37)));
		row.set("account_id", json_string(fresh.id));
		item.transactions.remove(id);
		item.transactions.add(make_transaction(item, row, today), true);
	}
	announce_changes(state, item, old_ids.size(), old_ids);
	return ObjectText{}.string("account_id", fresh.id).end();
}

} // namespace

std::string steer_accounts(State &state, std::string_view what, const std::string &body) {
	if (what == "add") {
		const Command command(body, {"item_id", "access_token", "account"});
		Item &item = item_of(state, command);
		item.accounts.push_back(account_from(state.world, command.object("account")));
		return ObjectText{}.string("account_id", item.accounts.back().id).end();
	}
	if (what == "set") {
		const Command command(body, {"item_id", "access_token", "account_id", "set", "omit", "balances",
		                             "live_balances", "closed", "shared"});
		Item &item = item_of(state, command);
		const std::uint32_t index = account_of(item, command);
		Account &account = item.accounts[index];
		account.fields.merge(command.object("set"));
		account.id = account.fields.text_of("account_id");
		account.balances.merge(command.object("balances"));
		account.live_balances.merge(command.object("balances"));
		account.live_balances.merge(command.object("live_balances"));
		for (const std::string &field : command.body.get("omit").texts()) {
			account.fields.erase(field);
			account.balances.erase(field);
			account.live_balances.erase(field);
		}
		account.closed = command.body.truth_of("closed", account.closed);
		if (command.body.has("shared") && command.body.truth_of("shared") != account.shared) {
			account.shared = !account.shared;
			item.transactions.hide_account(index, !account.shared);
			if (account.shared && item.readiness != Readiness::not_ready) {
				item.transactions.reveal(day_of(state.world.clock.now()) - std::chrono::days{item.days_requested});
			}
		}
		return ObjectText{}.raw("account", account_object(item, account, false)).end();
	}
	if (what == "churn") {
		return churn_account(state, body);
	}
	unknown_command("accounts", what);
}

} // namespace ob::sandbox::plaid
