// What the simulated Plaid remembers besides the ledger: tokens and link sessions. And what a handler works with.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "../ledger.hpp"
#include "../message.hpp"
#include "../provider.hpp"
#include "../world.hpp"
#include "errors.hpp"
#include "fields.hpp"
#include "institutions.hpp"
#include "limits.hpp"
#include "signing.hpp"

namespace ob::sandbox::plaid {

struct PublicToken {
	std::uint64_t item = 0; ///< number
	std::string client_id;
	Time expires;
	bool used = false;
};

/// One run of Link. Ends with results, or with an exit.
struct LinkSession {
	std::string id;
	Time started;
	std::optional<Time> finished;
	std::vector<std::string> public_tokens;
	std::vector<std::uint64_t> items; ///< numbers, one for each public token
	bool exited = false;
	std::optional<ApiError> exit_error;
	std::string exit_status;
	std::optional<std::string> institution_id;
	std::vector<std::string> events; ///< JSON objects

	// How far the person has come on the hosted page.
	std::string step = "bank";
	std::optional<ApiError> last_error;
	std::string username;
	std::string password;
};

struct LinkToken {
	std::string token;
	std::string client_id;
	Time created;
	Time expires;
	std::string client_name;
	std::string language;
	std::vector<std::string> country_codes;
	std::vector<std::string> products;
	std::vector<std::string> further_products;   ///< required if supported, and optional
	std::vector<std::string> consented_products; ///< additionally consented
	std::optional<std::string> webhook;
	std::optional<std::string> redirect_uri;
	std::optional<std::string> account_filters;  ///< JSON
	std::optional<std::string> institution_data; ///< JSON
	int days_requested = 90;
	std::uint64_t update_item = 0; ///< number of the item to repair, 0: a new item
	bool account_selection = false;
	bool multi_item = false;
	std::string hosted_id; ///< last part of the hosted page's path; empty: not hosted
	std::optional<std::string> completion_redirect_uri;
	std::vector<LinkSession> sessions;
};

/// What a new item is made from.
struct Login {
	std::string client_id;
	std::string institution_id;
	std::string username = "user_good";
	std::string password = "pass_good";
	int days_requested = 90;
	std::vector<std::string> products;
	std::vector<std::string> consented; ///< further products that may be added later
	std::optional<std::string> webhook;
	/// Which accounts the person shares; without it all of them.
	std::function<bool(std::size_t index, const Account &)> shares;
};

/// What is the matter with a bank.
struct BankTrouble {
	std::string error;       ///< code that the calls which go there fail with
	bool cached_too = false; ///< those that need only what Plaid has stored fail as well
};

class State {
public:
	explicit State(World &w) : world(w) {}

	World &world;
	Ledger ledger;
	std::unordered_map<std::string, std::uint64_t> access_tokens; ///< token to item number; rotated ones are gone
	std::unordered_map<std::string, PublicToken> public_tokens;
	std::map<std::string, LinkToken> link_tokens;
	std::uint64_t next_cursor_serial = 1;
	SigningKeys keys;
	Limits limits;
	std::map<std::string, BankTrouble> troubled_banks; ///< by institution id

	/// Throws ApiError if the bank is in a trouble that hits calls which go there, or others too.
	void need_bank(const std::string &institution_id, bool live) const;
	/// Throws ApiError unless one can log in there for the first time now.
	[[nodiscard]] const Institution &open_bank(const std::string &institution_id) const;
	/// A new item with the data of a test user, its history on the way. Throws ApiError for wrong users and
	/// institutions.
	Item &link_item(const Login &login);
	/// Sandbox: public tokens are good for 30 minutes.
	std::string make_public_token(const Item &item);
	/// A fresh access token of the environment; an older one of the item stops working.
	const std::string &make_access_token(Item &item);
	/// Starts the time line of the transactions: not ready, the last 30 days, everything.
	void start_history(Item &item);
	/// Moves the item to the stages that are due, and breaks logins that have become too old.
	void advance(Item &item);
	/// advance() of every item, if anything can be due; `always` after settings have changed.
	void advance_all(bool always);
	/// Goes to a stage now. Makes the transactions visible that belong to it.
	void reach(Item &item, Readiness stage);
	/// False for a token that another environment has made.
	[[nodiscard]] bool is_of_environment(std::string_view kind, std::string_view token) const;
	void clear();

private:
	/// When something next happens to the item by itself.
	[[nodiscard]] Time due(const Item &item) const;
	Time next_due_ = Time::max(); ///< of all items; a scan of thousands on every tick would be felt
};

/// One request on its way through a handler.
struct Call {
	State &state;
	World &world;
	const Request &request;
	const Directives &directives;
	Json body;
	std::string client_id;
	std::chrono::milliseconds delay{0}; ///< handlers that go to the bank add their wait

	/// The item of the request's access_token. Plaid: an unknown, foreign or rotated token gives INVALID_ACCESS_TOKEN,
	/// that of a removed item ITEM_NOT_FOUND.
	[[nodiscard]] Item &item();
	/// The same, and its standing error, if it has one, is thrown; `live`: the bank itself must be in order too.
	[[nodiscard]] Item &healthy_item(bool live = false);
	[[nodiscard]] Json options() const { return body.get("options"); }
};

using Handler = ObjectText (*)(Call &);

struct Route {
	std::string_view path; ///< below the provider's prefix
	Handler handler;
	Schema schema;
	bool sandbox_only = false;
};

// One list of routes per file of handlers; routes.cpp joins them.
[[nodiscard]] std::vector<Route> link_routes();
[[nodiscard]] std::vector<Route> item_routes();
[[nodiscard]] std::vector<Route> account_routes();
[[nodiscard]] std::vector<Route> transaction_routes();
[[nodiscard]] std::vector<Route> institution_routes();
[[nodiscard]] std::vector<Route> webhook_routes();
[[nodiscard]] std::vector<Route> sandbox_routes();

/// An error of an item as `item.error` shows it and as calls on the item fail with it.
[[nodiscard]] ApiError item_error(const Item &item);
/// The `item` object. /item/get sends more of it than the others.
[[nodiscard]] std::string item_object(const Item &item, bool with_consent);
/// An account object, with cached balances or with those of this moment.
[[nodiscard]] std::string account_object(const Item &item, const Account &account, bool live);
/// Accounts by id, or all that are open. Plaid: an unknown id gives INVALID_ACCOUNT_ID.
[[nodiscard]] std::vector<std::uint32_t> chosen_accounts(const Item &item, const Json &account_ids);

/// Runs /_control/plaid/`what`.
[[nodiscard]] std::string steer(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string dump_state(const State &state, const std::string &item_id, bool transactions);
/// Answers /_control/plaid/rows.
[[nodiscard]] std::function<std::string()> stream_rows(State &state, const std::string &body);

} // namespace ob::sandbox::plaid
