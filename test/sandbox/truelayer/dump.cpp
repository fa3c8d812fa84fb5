// The ledger as truth: what a client's tables are compared with.
#include "rows.hpp"
#include "state.hpp"

namespace ob::sandbox::truelayer {

namespace {

std::string connection_object(const State &state, const Connection &connection) {
	const Item &item = *connection.item;
	return ObjectText{}
	    .string("item_id", item.id)
	    .string("client_id", item.client_id)
	    .string("provider_id", item.institution_id)
	    .string("username", item.username)
	    .raw("scopes", json_strings(connection.scopes))
	    .string("authenticated_at", format_time(connection.authenticated, 3))
	    .string("consent_created_at", format_time(connection.consent_created, 3))
	    .string("consent_expires_at", format_time(connection.consent_expires, 3))
	    .string("refresh_used_at", format_time(connection.refresh_used, 3))
	    .boolean("expired", state.world.clock.now() >= connection.consent_expires)
	    .boolean("revoked", connection.revoked)
	    .boolean("removed", item.removed)
	    .string("access_token", connection.access_token)
	    .string("refresh_token", connection.refresh_token)
	    .nullable("error", connection.error)
	    .end();
}

void append_transactions(std::string &out, const Item &item) {
	const TransactionLog &transactions = item.transactions;
	out.push_back('[');
	bool first = true;
	for (auto index = transactions.at_or_after(0); index; index = transactions.at_or_after(*index + 1)) {
		const RowState row = transactions.state(*index);
		out.append(first ? "" : ",");
		first = false;
		ObjectText entry;
		entry.string("state", row.removed_at != 0 ? "removed" : "live").boolean("pending", row.pending);
		entry.string("account_id", item.accounts[row.account].id).boolean("card", item.accounts[row.account].card);
		transactions.append_to(entry.value("transaction"), *index, false);
		out.append(entry.end());
	}
	out.push_back(']');
}

std::string dump_item(const State &state, const Connection &connection, bool with_transactions) {
	const Time now = state.world.clock.now();
	std::vector<std::string> accounts;
	for (const Account &account : connection.item->accounts) {
		accounts.push_back(ObjectText{}
		                       .raw("account", account_object(account, now))
		                       .raw("balance", balance_object(account, now))
		                       .boolean("card", account.card)
		                       .boolean("closed", account.closed)
		                       .end());
	}
	ObjectText out;
	out.raw("item", connection_object(state, connection)).raw("accounts", json_array(accounts));
	if (with_transactions) {
		append_transactions(out.value("transactions"), *connection.item);
	}
	return out.end();
}

} // namespace

std::string dump_state(const State &state, const std::string &item_id, bool transactions) {
	std::vector<std::string> items;
	for (const auto &[number, connection] : state.connections) {
		if (item_id.empty() || connection.item->id == item_id) {
			items.push_back(dump_item(state, connection, transactions));
		}
	}
	return ObjectText{}.raw("items", json_array(items)).end();
}

} // namespace ob::sandbox::truelayer
