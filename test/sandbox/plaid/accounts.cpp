// Account endpoints: cached and live balances.
#include <algorithm>

#include "state.hpp"

namespace ob::sandbox::plaid {

namespace {

std::string account_list(const Item &item, const std::vector<std::uint32_t> &chosen, bool live) {
	std::vector<std::string> accounts;
	for (const std::uint32_t index : chosen) {
		accounts.push_back(account_object(item.accounts[index], live));
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

bool has_non_depository(const Item &item, const std::vector<std::uint32_t> &chosen) {
	return std::any_of(chosen.begin(), chosen.end(), [&](std::uint32_t index) {
		return item.accounts[index].fields.text_of("type") != "depository";
	});
}

// Plaid: real-time; Capital One needs min_last_updated_datetime for accounts that are no deposits, and refuses one that
// cannot be met.
ObjectText get_balances(Call &call) {
	const Item &item = call.healthy_item();
	call.delay += call.world.config.bank_latency;
	const auto chosen = chosen_accounts(item, call.options().get("account_ids"));
	if (chosen.empty()) {
		fail("NO_ACCOUNTS");
	}
	if (item.institution_id == "ins_128026" && has_non_depository(item, chosen)) {
		if (!call.options().has("min_last_updated_datetime")) {
			fail("INVALID_FIELD", "options.min_last_updated_datetime is required for this institution");
		}
		const auto wanted = parse_time(call.options().text_of("min_last_updated_datetime"));
		if (wanted > item.last_successful_update) {
			fail("LAST_UPDATED_DATETIME_OUT_OF_RANGE");
		}
	}
	ObjectText out;
	out.raw("accounts", account_list(item, chosen, true)).raw("item", item_object(item, false));
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

std::string account_object(const Account &account, bool live) {
	RawObject out = account.fields;
	out.set("balances", (live ? account.live_balances : account.balances).dump());
	return out.dump();
}

} // namespace ob::sandbox::plaid
