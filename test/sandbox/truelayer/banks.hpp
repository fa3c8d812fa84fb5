// The banks behind the simulated TrueLayer, each with ways of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ob::sandbox::truelayer {

struct Bank {
	/// How it refuses a history longer than it gives.
	enum class Refusal { sca_exceeded, access_denied, invalid_date_range, silence };

	std::string id;
	std::string name;
	std::string country; ///< as the providers list spells it: uk, not gb
	std::string group;   ///< of a link's `providers`; ob-monzo is in uk-ob-all
	std::vector<std::string> scopes;

	int history_days = 90;          ///< at any time
	int deep_days = 2190;           ///< right after the user has authenticated,
	int deep_minutes = 5;           ///< for so long
	bool refresh_ends_deep = false; ///< or until the token is refreshed
	Refusal refusal = Refusal::sca_exceeded;
	int info_minutes = 0;     ///< /info works so long after authentication; 0: always
	int daily_quota = 0;      ///< calls without the user, of an endpoint and account in 24 hours; 0: any number
	int token_seconds = 3600; ///< life of an access token at most
	bool fresh_transaction_ids = false; ///< every answer names its transactions anew
	bool normalised_ids = true;         ///< transactions have an id that never changes
	bool account_ids_change = false;    ///< with every new authentication
};

[[nodiscard]] std::vector<Bank> known_banks();
[[nodiscard]] std::string_view refusal_name(Bank::Refusal refusal);
/// Every scope there is.
[[nodiscard]] const std::vector<std::string> &known_scopes();

} // namespace ob::sandbox::truelayer
