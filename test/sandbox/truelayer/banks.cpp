#include "banks.hpp"

namespace ob::sandbox::truelayer {

namespace {

const std::vector<std::string> kAccounts = {"info", "accounts", "balance", "transactions", "offline_access"};
const std::vector<std::string> kEverything = {"info",  "accounts",      "balance",         "transactions",
                                              "cards", "direct_debits", "standing_orders", "offline_access"};

Bank make_bank(std::string id, std::string name, std::string country, std::string group,
               const std::vector<std::string> &scopes) {
	Bank bank;
	bank.id = std::move(id);
	bank.name = std::move(name);
	bank.country = std::move(country);
	bank.group = std::move(group);
	bank.scopes = scopes;
	return bank;
}

// Banks of the EU: strong authentication for everything old, four calls a day without the user.
Bank make_eu_bank(std::string id, std::string name, std::string country, std::string group) {
	Bank bank = make_bank(std::move(id), std::move(name), std::move(country), std::move(group), kAccounts);
	bank.daily_quota = 4;
	bank.info_minutes = 5;
	bank.deep_days = 730;
	bank.fresh_transaction_ids = true;
	bank.normalised_ids = false;
	return bank;
}

} // namespace

std::vector<Bank> known_banks() {
	std::vector<Bank> banks;
	banks.push_back(make_bank("mock", "Mock", "uk", "uk-cs-mock", kEverything));

	Bank monzo = make_bank("ob-monzo", "Monzo", "uk", "uk-ob-all", kAccounts);
	monzo.history_days = 88;
	monzo.refusal = Bank::Refusal::silence;
	monzo.fresh_transaction_ids = true;
	banks.push_back(monzo);

	Bank direct = make_bank("ob-first-direct", "First Direct", "uk", "uk-ob-all", kEverything);
	direct.refusal = Bank::Refusal::access_denied;
	direct.deep_days = 1830; // 60 months are served, 72 refused
	direct.deep_minutes = 60;
	direct.refresh_ends_deep = true;
	banks.push_back(direct);

	Bank lloyds = make_bank("ob-lloyds-business", "Lloyds Business", "uk", "uk-ob-all", kEverything);
	lloyds.refusal = Bank::Refusal::invalid_date_range;
	lloyds.daily_quota = 4;
	lloyds.token_seconds = 1800;
	banks.push_back(lloyds);

	banks.push_back(make_bank("ob-amex", "American Express", "uk", "uk-ob-all",
	                          {"info", "cards", "balance", "transactions", "offline_access"}));

	Bank boi = make_eu_bank("ob-boi", "Bank of Ireland", "ie", "ie-ob-all");
	boi.account_ids_change = true;
	boi.normalised_ids = true;
	banks.push_back(boi);

	Bank sparkasse = make_eu_bank("xs2a-sparkasse", "Sparkasse", "de", "de-xs2a-all");
	sparkasse.account_ids_change = true;
	banks.push_back(sparkasse);
	banks.push_back(make_eu_bank("xs2a-erste", "Erste Bank", "at", "at-xs2a-all"));
	banks.push_back(make_eu_bank("stet-credit-agricole", "Crédit Agricole", "fr", "fr-stet-all"));
	return banks;
}

std::string_view refusal_name(Bank::Refusal refusal) {
	switch (refusal) {
	case Bank::Refusal::sca_exceeded:
		return "sca_exceeded";
	case Bank::Refusal::access_denied:
		return "access_denied";
	case Bank::Refusal::invalid_date_range:
		return "invalid_date_range";
	case Bank::Refusal::silence:
		break;
	}
	return "silence";
}

const std::vector<std::string> &known_scopes() {
	return kEverything;
}

} // namespace ob::sandbox::truelayer
