// Data calls about the connection, its user, accounts and cards.
#include "rows.hpp"
#include "state.hpp"

namespace ob::sandbox::truelayer {

namespace {

std::string list_of(const std::string &object) {
	return "[" + object + "]";
}

std::string get_me(DataCall &call) {
	const Connection &connection = call.connection;
	const auto time = [](Time t) { return format_time(t, 3); };
	return list_of(
	    ObjectText{}
	        .string("client_id", call.item.client_id)
	        .string("credentials_id", call.item.id)
	        .string("consent_status", "Authorised")
	        .string("consent_status_updated_at", time(connection.consent_updated))
	        .string("consent_created_at", time(connection.consent_created))
	        .string("consent_expires_at", time(connection.consent_expires))
	        .raw("provider", ObjectText{}
	                             .string("display_name", call.bank.name)
	                             .string("logo_uri", "https://logos.banking.example/" + call.bank.id + ".svg")
	                             .string("provider_id", call.bank.id)
	                             .end())
	        .raw("scopes", json_strings(connection.scopes))
	        .string("privacy_policy", "Feb2019")
	        .end());
}

std::string get_info(DataCall &call) {
	const Time now = call.state.world.clock.now();
	const int minutes = call.bank.info_minutes;
	if (minutes != 0 && now > call.connection.authenticated + std::chrono::minutes{minutes}) {
		fail("sca_exceeded");
	}
	return list_of(ObjectText{}.string("full_name", "John Doe").string("update_timestamp", format_time(now)).end());
}

std::string list_accounts(DataCall &call, bool cards) {
	std::vector<std::string> out;
	for (const Account &account : call.item.accounts) {
		if (account.card == cards && account.open()) {
			out.push_back(account_object(account, call.state.world.clock.now()));
		}
	}
	return json_array(out);
}

std::string get_accounts(DataCall &call) {
	return list_accounts(call, false);
}
std::string get_cards(DataCall &call) {
	return list_accounts(call, true);
}

std::string one_account(DataCall &call, bool card) {
	return list_of(account_object(call.item.accounts[call.account(card)], call.state.world.clock.now()));
}

std::string get_account(DataCall &call) {
	return one_account(call, false);
}
std::string get_card(DataCall &call) {
	return one_account(call, true);
}

std::string balance(DataCall &call, bool card) {
	return list_of(balance_object(call.item.accounts[call.account(card)], call.state.world.clock.now()));
}

std::string get_balance(DataCall &call) {
	return balance(call, false);
}
std::string get_card_balance(DataCall &call) {
	return balance(call, true);
}

std::string get_standing_orders(DataCall &call) {
	return json_array(call.connection.standing_orders[call.account(false)]);
}

// TrueLayer: the id may change between requests.
std::string get_direct_debits(DataCall &call) {
	std::vector<std::string> out;
	++call.state.answers;
	for (const std::string &text : call.connection.direct_debits[call.account(false)]) {
		RawObject debit = RawObject::parse(text).value_or(RawObject{});
		const std::string id = hex(sha256(text + std::to_string(call.state.answers))).substr(0, 32);
		debit.set("direct_debit_id", json_string(id));
		out.push_back(debit.dump());
	}
	return json_array(out);
}

} // namespace

std::vector<DataRoute> account_routes() {
	return {
	    {"/me", get_me, {}, false, false},
	    {"/info", get_info, {"info"}},
	    {"/accounts", get_accounts, {"accounts"}},
	    {"/accounts/{id}", get_account, {"accounts"}},
	    {"/accounts/{id}/balance", get_balance, {"accounts", "balance"}},
	    {"/accounts/{id}/standing_orders", get_standing_orders, {"accounts", "standing_orders"}},
	    {"/accounts/{id}/direct_debits", get_direct_debits, {"accounts", "direct_debits"}},
	    {"/cards", get_cards, {"cards"}},
	    {"/cards/{id}", get_card, {"cards"}},
	    {"/cards/{id}/balance", get_card_balance, {"cards", "balance"}},
	};
}

} // namespace ob::sandbox::truelayer
