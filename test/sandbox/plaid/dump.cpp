// The ledger as truth: what a client's tables are compared with.
#include "state.hpp"

namespace ob::sandbox::plaid {

namespace {

std::string_view stage_name(Readiness stage) {
	switch (stage) {
	case Readiness::not_ready:
		return "not_ready";
	case Readiness::initial:
		return "initial";
	case Readiness::historical:
		break;
	}
	return "historical";
}

std::string dump_item(const Item &item, bool with_transactions) {
	std::vector<std::string> accounts;
	for (const Account &account : item.accounts) {
		accounts.push_back(ObjectText{}
		                       .raw("account", account_object(item, account, false))
		                       .raw("live_balances", account.live_balances.dump())
		                       .boolean("closed", account.closed)
		                       .boolean("shared", account.shared)
		                       .end());
	}
	ObjectText out;
	out.raw("item", item_object(item, true)).string("username", item.username).boolean("removed", item.removed);
	out.boolean("exchanged", !item.access_token.empty()).string("stage", stage_name(item.readiness));
	out.boolean("sync_called", item.sync_called).number("days_requested", item.days_requested);
	out.raw("accounts", json_array(accounts));
	if (!with_transactions) {
		return out.end();
	}
	std::string &text = out.value("transactions");
	text.push_back('[');
	bool first = true;
	const TransactionLog &transactions = item.transactions;
	for (auto index = transactions.at_or_after(0); index; index = transactions.at_or_after(*index + 1)) {
		const RowState row = transactions.state(*index);
		text.append(first ? "" : ",");
		first = false;
		text.append("{\"state\":");
		append_json_string(text, row.removed_at != 0 ? "removed"
		                         : row.hidden        ? "hidden"
		                         : row.added_at == 0 ? "not_yet"
		                                             : "live");
		text.append(",\"transaction\":");
		transactions.append_to(text, *index, true);
		text.push_back('}');
	}
	text.push_back(']');
	return out.end();
}

} // namespace

std::string dump_state(const State &state, const std::string &item_id, bool transactions) {
	std::string out = "{\"items\":[";
	bool first = true;
	for (const Item &item : state.ledger.items()) {
		if (!item_id.empty() && item.id != item_id) {
			continue;
		}
		out.append(first ? "" : ",").append(dump_item(item, transactions));
		first = false;
	}
	return out.append("]}");
}

} // namespace ob::sandbox::plaid
