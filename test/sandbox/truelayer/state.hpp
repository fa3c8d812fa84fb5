// What the simulated TrueLayer remembers besides the ledger: connections, tokens, dialogs and tasks.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "../fields.hpp"
#include "../ledger.hpp"
#include "../message.hpp"
#include "../provider.hpp"
#include "../world.hpp"
#include "banks.hpp"
#include "errors.hpp"
#include "signing.hpp"

namespace ob::sandbox::truelayer {

/// Settings of /_control/truelayer/config. The defaults are what the documentation says, or else the stricter reading.
struct Settings {
	/// What becomes of the refresh token when it is used: rotate (a new one, the old one is dead), rotate_keep (a new
	/// one, old ones go on working), stable (it stays), omit (it stays, and the answer does not name it).
	std::string refresh_tokens = "rotate";
	int code_seconds = 300;
	int consent_days = 90;
	int idle_days = 30;           ///< a refresh token unused for so long is dead
	bool require_nonce = false;   ///< in links
	std::string cancellation_uri; ///< where a closed dialog leads; empty: the redirect URI
	bool extend_approved = true;  ///< user_has_reconfirmed_consent may be true
	std::chrono::milliseconds async_queued{0};
	std::chrono::milliseconds async_running{0};
	int async_keep_seconds = 3600;             ///< results are forgotten after that
	std::string results_base;                  ///< instead of our own address in results_uri
	std::string envelope_status = "Succeeded"; ///< of a final answer; empty: left out
	std::string webhook_url;                   ///< the console's one; empty: no events
	std::string webhook_scheme = "jws";        ///< or hmac, or none
	std::string webhook_secret;                ///< of hmac
	bool sign_notices = false;                 ///< notices of completion are signed too
	std::string jku;                           ///< instead of our own key set's address
};

/// An authorization code on its way through the browser.
struct Code {
	std::uint64_t connection = 0; ///< item number
	std::string redirect_uri;
	std::string challenge; ///< empty: none was sent
	Time expires;
	bool used = false;
};

/// What TrueLayer knows of a login. The item's id is the credentials_id.
struct Connection {
	Item *item = nullptr;
	std::string redirect_uri;
	std::vector<std::string> scopes; ///< granted
	std::string consent_id;
	Time authenticated;
	Time consent_created;
	Time consent_updated;
	Time consent_expires;
	bool refreshed_since = false; ///< since the user has authenticated
	std::string access_token;     ///< the latest; others do not work
	Time access_expires;
	std::string refresh_token;
	Time refresh_used;
	bool extends_alone = false; ///< an extension needs nobody at the bank
	bool revoked = false;       ///< the user has withdrawn consent at the bank

	std::optional<std::string> error; ///< code that all its data calls fail with
	std::string answer_status;        ///< Queued, Running or Failed: so data calls answer, without results,
	int answer_status_count = 0;      ///< this many times
	std::map<std::string, std::deque<Time>> unattended;                ///< by endpoint and account
	std::map<std::uint32_t, std::vector<std::string>> standing_orders; ///< JSON objects by account
	std::map<std::uint32_t, std::vector<std::string>> direct_debits;

	[[nodiscard]] bool has_scope(std::string_view scope) const;
};

/// A person's way through the dialog.
struct AuthSession {
	std::string id; ///< last part of the dialog's path
	std::string client_id;
	std::string redirect_uri;
	std::optional<std::string> state;
	std::string nonce;
	bool form_post = false;
	std::string challenge;
	std::vector<std::string> scopes;
	std::vector<std::string> banks; ///< ids to choose from
	std::string bank;               ///< the chosen one
	std::uint64_t connection = 0;   ///< number of the item that is authenticated again; 0: a new one
	std::string link;               ///< the query of the link; empty for others
	std::string step = "bank";      ///< bank, login, consent, done
	std::string username;
	std::string password;
	std::string outcome; ///< once done: allowed, cancelled, closed, or the error
};

/// A data call whose answer may be wanted later.
struct DataCall;
using DataHandler = std::string (*)(DataCall &);
struct DataRoute {
	std::string_view path; ///< below /data/v1; {id} stands for an account
	DataHandler handler;
	std::vector<std::string_view> scopes;
	bool ranged = false; ///< takes from and to
	bool bank = true;    ///< goes to the bank: counts against its quota, can be asynchronous
};

struct DataRequest {
	const DataRoute *route = nullptr;
	std::string account_id;
	std::optional<std::string> from;
	std::optional<std::string> to;
	bool attended = false; ///< the user's address was sent
};

struct DataCall {
	class State &state;
	Connection &connection;
	Item &item;
	const Bank &bank;
	const DataRequest &request;

	/// Index of the account, or card, that the path names. Throws ApiError.
	[[nodiscard]] std::uint32_t account(bool card) const;
};

/// An asynchronous call.
struct Task {
	std::string id;
	std::uint64_t connection = 0;
	std::string request_uri;
	std::string results_uri;
	Time created;
	std::optional<std::string> webhook_uri;
	std::string batch; ///< JSON of a batch request; empty: a data call
	DataRequest request;
	std::optional<std::string> answer; ///< once finished: the body
};

class State {
public:
	explicit State(World &w) : world(w), banks(known_banks()) {}

	World &world;
	Settings settings;
	Ledger ledger;
	std::vector<Bank> banks;
	std::map<std::uint64_t, Connection> connections;              ///< by item number
	std::unordered_map<std::string, std::uint64_t> access_tokens; ///< the latest of each connection
	std::unordered_map<std::string, std::uint64_t> refresh_tokens;
	std::unordered_map<std::string, Code> codes;
	std::deque<AuthSession> sessions;
	std::map<std::string, Task> tasks;
	std::map<std::string, std::string> debug_ids; ///< by credentials_id
	WebhookKeys keys;
	std::uint64_t answers = 0; ///< counts answers, so that each can name its transactions anew

	[[nodiscard]] Bank *find_bank(std::string_view id);
	/// The bank of an item.
	[[nodiscard]] const Bank &bank_of(const Item &item);
	/// True if the id is a client's in this environment.
	[[nodiscard]] bool knows_client(std::string_view client_id, const std::string *secret = nullptr) const;
	[[nodiscard]] bool allows_redirect(const std::string &uri) const;

	/// A new login of a mock user, authenticated and consented to now; without an id it gets one. Throws ApiError.
	Connection &make_connection(const std::string &client_id, const Bank &bank, const std::string &username,
	                            const std::string &password, const std::vector<std::string> &scopes,
	                            std::string id = {});
	/// The user has authenticated again.
	void renew(Connection &connection);
	std::string make_code(const Connection &connection, const std::string &redirect_uri, const std::string &challenge);
	/// A new access token; the one before stops working.
	const std::string &make_access_token(Connection &connection);
	/// The refresh token to hand out, by the settings' ways; empty: none.
	std::string turn_refresh_token(Connection &connection);
	/// A refresh token beside those that it has, a new one unless it is given.
	void set_refresh_token(Connection &connection, std::string token = {});
	/// All that could be used for a connection stops working.
	void forget_tokens(Connection &connection);
	/// The answer of the token endpoint and of an extension.
	[[nodiscard]] ObjectText token_answer(Connection &connection, const std::string &refresh_token);

	[[nodiscard]] Connection *find_by_refresh_token(const std::string &token);
	/// The connection of a Bearer token that works. Throws ApiError.
	[[nodiscard]] Connection &authorized(const Request &request);
	[[nodiscard]] Item *find_by_access_token(const std::string &token);
	void clear();
};

/// The JSON object of a request, of known fields only; or its form as such. Throws ApiError.
[[nodiscard]] Json read_body(const Request &request, const Schema &schema, bool form_too);
/// Words between blanks.
[[nodiscard]] std::vector<std::string> words_of(std::string_view text);
[[nodiscard]] std::string joined(const std::vector<std::string> &words);

// Handlers of the hosts; each throws ApiError. `path` is below the host's prefix.
[[nodiscard]] Response answer_auth(State &state, const Request &request, std::string_view path);
[[nodiscard]] Response answer_dialog(State &state, const Request &request, std::string_view path);
[[nodiscard]] Response answer_data(State &state, const Request &request, std::string_view path);
[[nodiscard]] Response extend_connection(State &state, const Request &request);

/// The route of a path below /data/v1, and the account it names; null if there is none.
[[nodiscard]] const DataRoute *find_route(std::string_view path, std::string &account_id);
/// Runs a data call at the bank. Returns the JSON array of results. Throws ApiError.
[[nodiscard]] std::string run_call(State &state, Connection &connection, const DataRequest &request);

[[nodiscard]] std::vector<DataRoute> account_routes();
[[nodiscard]] std::vector<DataRoute> transaction_routes();

/// Starts a task and answers 202.
[[nodiscard]] Response start_task(State &state, const Request &request, Task task);
[[nodiscard]] Response answer_batch(State &state, const Request &request, Connection &connection);
[[nodiscard]] Response answer_results(State &state, const Connection &connection, const std::string &task_id);
[[nodiscard]] Response answer_batch_results(State &state, const Connection &connection);
/// Finishes the tasks that are due, forgets old ones.
void advance_tasks(State &state);

/// An answer in the shape of a data call's.
[[nodiscard]] Response data_response(State &state, const Connection &connection, int status, std::string body);

/// Runs /_control/truelayer/`what`.
[[nodiscard]] std::string steer(State &state, std::string_view what, const std::string &body);
[[nodiscard]] std::string dump_state(const State &state, const std::string &item_id, bool transactions);
/// Answers /_control/truelayer/rows.
[[nodiscard]] std::function<std::string()> stream_rows(State &state, const std::string &body);

} // namespace ob::sandbox::truelayer
