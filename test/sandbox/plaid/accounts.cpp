// Account endpoints: cached and live balances, account numbers.
#include <algorithm>

#include "state.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::string_view kCapitalOne = "ins_128026";

std::optional<Time> last_updated(const Item &item, const RawObject &balances) {
	return balances.get("last_updated_datetime") ? parse_time(balances.text_of("last_updated_datetime"))
	                                             : item.last_successful_update;
}

std::string account_list(const Item &item, const std::vector<std::uint32_t> &chosen, bool live) {
	std::vector<std::string> accounts;
	for (const std::uint32_t index : chosen) {
		accounts.push_back(account_object(item, item.accounts[index], live));
	}
	return json_array(accounts);
}

// Plaid: cached data; closed accounts are not returned.
ObjectText get_accounts(Call &call) {
	const Item &item = call.healthy_item();
	const auto chosen = chosen_accounts(item, call.options().get("account_ids"));
	if (chosen.empty()) {
		fail("NO_ACCOUNTS");
	}
	ObjectText out;
	out.raw("accounts", account_list(item, chosen, false)).raw("item", item_object(item, false));
	return out;
}

// Plaid: Capital One needs min_last_updated_datetime for accounts that are no deposits, and refuses one that cannot be
// met. Elsewhere it is ignored.
void check_freshness(const Item &item, const Account &account, const Json &options) {
	if (item.institution_id != kCapitalOne || account.fields.text_of("type") == "depository") {
		return;
	}
	if (!options.has("min_last_updated_datetime")) {
		fail("INVALID_FIELD", "options.min_last_updated_datetime is required for this institution");
	}
	if (parse_time(options.text_of("min_last_updated_datetime")) > last_updated(item, account.live_balances)) {
		fail("LAST_UPDATED_DATETIME_OUT_OF_RANGE");
	}
}

// Plaid: real-time.
ObjectText get_balances(Call &call) {
	const Item &item = call.healthy_item(true);
	call.delay += call.world.config.bank_latency;
	const auto chosen = chosen_accounts(item, call.options().get("account_ids"));
	if (chosen.empty()) {
		fail("NO_ACCOUNTS");
	}
	for (const std::uint32_t index : chosen) {
		check_freshness(item, item.accounts[index], call.options());
	}
	ObjectText out;
	out.raw("accounts", account_list(item, chosen, true)).raw("item", item_object(item, false));
	return out;
}

// ---- /auth/get ----

// Plaid: checking, savings and cash management accounts have numbers.
bool has_numbers(const Account &account) {
	const std::string subtype = account.fields.text_of("subtype");
	return account.fields.text_of("type") == "depository" &&
	       (subtype == "checking" || subtype == "savings" || subtype == "cash management");
}

// Plaid: a first call adds Auth to an item that was linked without it, if the user consented.
void need_auth(Item &item) {
	if (item.has_product("auth")) {
		return;
	}
	if (std::find(item.consented_products.begin(), item.consented_products.end(), "auth") ==
	    item.consented_products.end()) {
		fail("ADDITIONAL_CONSENT_REQUIRED");
	}
	item.products.emplace_back("auth");
}

std::string account_number(const Account &account) {
	return "111122223333" + account.fields.text_of("mask");
}

// By country, as the banks of each are addressed.
std::string numbers_of(const Item &item, const std::vector<std::uint32_t> &chosen) {
	std::vector<std::string> ach, eft, bacs, international;
	const Institution *bank = find_institution(item.institution_id);
	const std::string_view country = bank ? bank->country : "US";
	for (const std::uint32_t index : chosen) {
		const Account &account = item.accounts[index];
		if (!has_numbers(account)) {
			continue;
		}
		ObjectText number;
		number.string("account_id", account.id);
		if (country == "GB") {
			ObjectText iban = number;
			international.push_back(iban.string("bic", "NWBKGB21")
			                            .string("iban", "GB29NWBK6016133192" + account.fields.text_of("mask"))
			                            .end());
			bacs.push_back(
			    number.string("account", "3192" + account.fields.text_of("mask")).string("sort_code", "601613").end());
		} else if (country == "CA") {
			eft.push_back(number.string("account", account_number(account))
			                  .string("branch", "01140")
			                  .string("institution", "021")
			                  .end());
		} else {
			ach.push_back(number.string("account", account_number(account))
			                  .raw("is_tokenized_account_number", "false")
			                  .string("routing", "011401533")
			                  .string("wire_routing", "021000021")
			                  .end());
		}
	}
	ObjectText out;
	out.raw("ach", json_array(ach)).raw("bacs", json_array(bacs)).raw("eft", json_array(eft));
	return out.raw("international", json_array(international)).end();
}

ObjectText get_numbers(Call &call) {
	Item &item = call.healthy_item();
	need_auth(item);
	const auto chosen = chosen_accounts(item, call.options().get("account_ids"));
	if (std::none_of(chosen.begin(), chosen.end(),
	                 [&](std::uint32_t index) { return has_numbers(item.accounts[index]); })) {
		fail("NO_AUTH_ACCOUNTS");
	}
	ObjectText out;
	out.raw("accounts", account_list(item, chosen, false)).raw("item", item_object(item, false));
	out.raw("numbers", numbers_of(item, chosen));
	return out;
}

} // namespace

std::vector<Route> account_routes() {
	return {
	    {"/accounts/get",
	     get_accounts,
	     {string_field("access_token").required(), object_field("options", {strings_field("account_ids")})}},
	    {"/accounts/balance/get",
	     get_balances,
	     {string_field("access_token").required(),
	      object_field("options", {strings_field("account_ids"), time_field("min_last_updated_datetime")})}},
	    {"/auth/get",
	     get_numbers,
	     {string_field("access_token").required(), object_field("options", {strings_field("account_ids")})}},
	};
}

std::vector<std::uint32_t> chosen_accounts(const Item &item, const Json &account_ids) {
	std::vector<std::uint32_t> chosen;
	if (!account_ids.is_array()) {
		for (std::uint32_t index = 0; index < item.accounts.size(); ++index) {
			if (item.accounts[index].open()) {
				chosen.push_back(index);
			}
		}
		return chosen;
	}
	for (const std::string &id : account_ids.texts()) {
		const auto index = item.account_index(id);
		if (!index || !item.accounts[*index].open()) {
			fail("INVALID_ACCOUNT_ID", "one or more of the account IDs is not valid: " + id);
		}
		chosen.push_back(*index);
	}
	return chosen;
}

std::string account_object(const Item &item, const Account &account, bool live) {
	RawObject out = account.fields;
	RawObject balances = live ? account.live_balances : account.balances;
	// Plaid: told at Capital One only.
	if (item.institution_id == kCapitalOne && !balances.get("last_updated_datetime")) {
		const auto updated = last_updated(item, balances);
		balances.set("last_updated_datetime", updated ? json_string(format_time(*updated)) : "null");
	}
	out.set("balances", balances.dump());
	return out.dump();
}

} // namespace ob::sandbox::plaid
