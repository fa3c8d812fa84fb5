// What the engine, the live tables and the link functions need of a provider. A provider turns (request, credentials)
// into HTTP calls and answers into the neutral model; it knows no tables. C++ regime.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/model.hpp"
#include "core/secret.hpp"
#include "core/task.hpp"
#include "http/transport.hpp"
#include "providers/account_number.hpp"
#include "providers/limits.hpp"
#include "providers/options.hpp"

#include "core/pure.hpp"

namespace ob {
class Budget;
}

namespace ob::providers {

class SecretGate;
class TokenKeeper;

/// A foreign server as a call needs it: options and credentials of the user mapping, already unsealed.
struct ServerConfig {
	std::string name;
	std::string provider;
	std::map<std::string, std::string, std::less<>> options;
	std::map<std::string, Secret, std::less<>> credentials;
	std::uint64_t pool = 0;           // see http::Request::pool
	std::shared_ptr<SecretGate> gate; // of the credentials; may be null
	std::shared_ptr<Budget> budget;   // of calls; null: no limits

	/// The option's value, or the default of its OptionSpec for this provider; empty if it has none.
	std::string_view option(std::string_view name) const;
	/// Throws Error(missing_option, HV00J) naming option and server.
	std::string_view required_option(std::string_view name) const;
	const Secret &required_credential(std::string_view name) const;
};

/// Counters of one statement, for EXPLAIN ANALYZE, sync reports and audit.
struct CallStats {
	std::int64_t requests = 0;
	std::int64_t retries = 0;
	std::int64_t pages = 0;
	std::int64_t bytes = 0;
	std::chrono::microseconds remote_time{};
	std::string last_request_id;
};

/// Everything a call needs besides its arguments. The pointers outlive the call.
struct Session {
	std::shared_ptr<const ServerConfig> server;
	http::Transport *transport = nullptr;
	const Clock *clock = nullptr;
	CallStats *stats = nullptr;
	/// Whose tokens the calls are made with; nothing before it is stored.
	std::optional<ConnectionId> connection;
	/// Of that connection's tokens, where they expire; null: the credentials given are all there is.
	std::shared_ptr<TokenKeeper> tokens;
	/// Where the person sits who waits for the answers: one IPv4 or IPv6 address. Empty: nobody does.
	std::string user_ip;
	/// When that connection's user was last at the bank and let us in.
	std::optional<Timestamp> authenticated_at;
};

/// Tokens of one connection, by kind ("access_token", "refresh_token").
using Credentials = std::map<std::string, Secret, std::less<>>;

/// What came of renewing tokens: those that are not there stay as they are.
struct Renewed {
	Credentials credentials;
	std::optional<Timestamp> expires_at; // of the access token
	std::string request_id;
};

struct LinkRequest {
	std::string link_id; // ours: OAuth's state
	std::string user_ref;
	std::string mode = "hosted"; // hosted or embedded
	std::string options_json;    // the caller's options object, already parsed once: valid JSON
	/// Tokens of the connection to repair (update mode, reauth); empty: a new connection.
	Credentials credentials;
	std::string error_code; // what that connection's last error was; may be empty
};

/// What the application or a browser needs to let the user link a bank.
struct LinkOffer {
	std::string action; // redirect, sdk, email_sent, none
	Secret url;
	Secret token;
	std::string sdk_json; // parameters of an SDK; may be empty
	std::optional<Timestamp> expires_at;
	Secret verifier; // PKCE's, for the exchange; may be empty
};

/// What came of prolonging a consent: tokens (the offer's action is "none"), or where to send the user first.
struct Extension {
	Renewed renewed;
	LinkOffer offer;
};

/// An account as a journey shows it before anything is exchanged: enough to notice a bank that is linked already.
struct JourneyAccount {
	std::string name;
	std::string mask;
};

/// Something that can be turned into a connection, once.
struct LinkGrant {
	std::string kind; // "public_token", "code"
	Secret value;
	// Of the link that it came of:
	Secret verifier;          // its offer's
	std::string options_json; // the caller's; may be empty
	// Empty where the answer that brought the grant does not tell:
	std::string institution_id;
	std::string institution_name;
	std::vector<JourneyAccount> accounts;
};

/// How far the user has come with a link, as the provider tells it.
struct Journey {
	enum class State {
		open,    // nothing has come of it yet
		granted, // the user is through, `grants` are there; none where a connection was to be repaired
		left,    // the user gave up, or the bank said no; he may begin again while the link lasts
	};
	State state = State::open;
	std::vector<LinkGrant> grants;
	std::string reason; // of `left`: the provider's code
};

/// What an exchange yields: must be recorded before anything else happens.
struct Established {
	std::string provider_connection_id;
	Credentials credentials;
	std::string request_id;
	std::optional<Timestamp> expires_at; // of the access token; nothing: it does not expire
	std::vector<std::string> scopes;     // granted; may be empty
};

/// A connection made elsewhere, checked with the provider.
struct Adopted {
	Established established;
	std::string cursor; // where its changes were last read; may be empty
};

/// A bank that can be linked.
struct Institution {
	std::string id;
	std::string name;
	std::vector<std::string> countries;
	std::vector<std::string> products;
	std::optional<bool> oauth;
	std::string status; // the provider's word for its availability; may be empty
	std::string url;
	std::string logo; // base64 of a PNG; only from institution(), may be empty
	std::string raw;  // the provider's object
};

/// A call that the extension does not model. `query_json` and `body_json`: an object, or empty.
struct RawCall {
	std::string method;
	std::string path; // begins with a slash
	std::string query_json;
	std::string body_json;
};

using ob::ConnectionHealth;

/// Which transactions a live scan wants. Both days inclusive. Empty account_ids: all.
struct Window {
	std::optional<Date> from;
	std::optional<Date> to;
	std::vector<std::string> account_ids;
};

/// Pages of a window, in order. `next()` yields nothing after the last page; throws if the window could not be read
/// to its end.
class WindowReader {
public:
	virtual ~WindowReader() = default;
	virtual Task<std::optional<TransactionPage>> next() = 0;
};

/// Pages of a change feed from a cursor on. Stops by `has_more`; throws bad_reply on a repeated cursor or endless
/// pages. A ProviderError with Reaction::restart or cursor_invalid ends the loop: the engine begins anew. After one
/// with Reaction::rate_limited `next()` may be called again and asks for the same page.
class ChangeReader {
public:
	virtual ~ChangeReader() = default;
	virtual Task<ChangePage> next() = 0;
};

/// One provider. Stateless: one object per process, shared by all servers. Calls throw ProviderError, or Error as
/// http::Transport says; idempotent ones retry transient failures by themselves (three tries, back-off with jitter).
/// What is not pure need not be offered: then it throws unsupported, naming the provider.
class Provider {
public:
	virtual ~Provider() = default;
	virtual std::string_view name() const = 0;
	/// "plaid.com/…" style base URLs by environment are known here; `api_url` overrides. Used by EXPLAIN and policy.
	virtual std::vector<std::string> known_hosts() const = 0;

	/// Call names for EXPLAIN: the path of the accounts call and of the window call.
	virtual std::string_view accounts_endpoint() const = 0;
	virtual std::string_view transactions_endpoint() const = 0;
	virtual std::string_view balances_endpoint() const { return {}; }
	/// What the provider limits the rate of.
	virtual std::span<const CallClass> call_classes() const { return {}; }

	virtual Task<LinkOffer> start_link(Session session, LinkRequest request) const = 0;
	/// Whether journeys end with the browser's call of the application: with the link's id as `state` and a grant, else
	/// the user has given up. Each is walked once.
	virtual bool by_callback() const { return false; }
	/// Not idempotent, never retried: a lost answer is outcome_unknown. `request` as start_link() takes it for a
	/// connection that is there.
	virtual Task<Extension> extend(Session session, LinkRequest request) const;
	/// Finds the grants in what the application or a webhook brought ({"public_token": …}); none if there are none.
	virtual std::vector<LinkGrant> grants_from_response(std::string_view response_json) const = 0;
	/// Asks how far the user has come; `token` is the offer's.
	virtual Task<Journey> follow_link(Session session, Secret token) const;
	/// Not idempotent, never retried: a lost answer is outcome_unknown.
	virtual Task<Established> exchange(Session session, LinkGrant grant) const = 0;
	/// Idempotent in effect: a connection the provider no longer knows counts as removed.
	virtual Task<void> remove(Session session, Credentials credentials) const = 0;
	/// Not idempotent, never retried: a lost answer is outcome_unknown, and the old tokens may be dead. Returns the new
	/// ones.
	virtual Task<Credentials> rotate(Session session, Credentials credentials) const;
	/// Access tokens are good for a while; then new ones are to be had for the refresh token.
	virtual bool tokens_expire() const { return false; }
	/// May be repeated with the same tokens as long as no answer came.
	virtual Task<Renewed> renew_tokens(Session session, Credentials credentials) const;
	/// One call, and a cheap one: beside a sync. It names the bank by its id; what that id stands for hardly changes,
	/// so who needs a name that is missing here, or the logo, asks institution() once and keeps the answer.
	virtual Task<ConnectionHealth> health(Session session, Credentials credentials) const = 0;
	/// Whether accounts() tells that too, but for when the bank was last read: not every sync has to ask for it then.
	virtual bool accounts_tell_health() const { return false; }
	/// Takes over tokens that were made elsewhere: `credentials_json` as ob.adopt_connection documents it.
	virtual Task<Adopted> adopt(Session session, std::string credentials_json) const;

	// Provider sandbox only; `options_json` as in ob.sandbox_link.
	virtual Task<LinkGrant> sandbox_grant(Session session, std::string options_json) const;
	virtual Task<void> sandbox_fire_webhook(Session session, Credentials credentials, std::string code) const;
	virtual Task<void> sandbox_reset_login(Session session, Credentials credentials) const;

	/// One bank, with its logo.
	virtual Task<Institution> institution(Session session, std::string id) const;
	/// Banks whose name fits `search`; empty: all. Without logos.
	virtual Task<std::vector<Institution>> institutions(Session session, std::string search) const;
	/// Sends it with the server's credentials, and the connection's where there are any. Any HTTP status is an answer.
	/// Throws not_allowed for paths that make, change or end tokens. Never repeated.
	virtual Task<http::Response> raw_call(Session session, RawCall call, Credentials credentials) const;

	/// This and the first page of a window throw a ProviderError of code not_found if one of the account ids is not the
	/// connection's.
	virtual Task<AccountList> accounts(Session session, Credentials credentials,
	                                   std::vector<std::string> account_ids) const = 0;
	/// As accounts(), but the bank itself is asked: slow, and billed by some providers.
	virtual Task<AccountList> balances(Session session, Credentials credentials,
	                                   std::vector<std::string> account_ids) const;
	/// The numbers of all accounts that have one. What would be billed and was not asked for at linking is not fetched:
	/// throws not_configured.
	virtual Task<std::vector<AccountNumber>> account_numbers(Session session, Credentials credentials) const;
	virtual std::unique_ptr<WindowReader> read_window(Session session, Credentials credentials,
	                                                  Window window) const = 0;
	virtual std::unique_ptr<ChangeReader> read_changes(Session session, Credentials credentials,
	                                                   std::string cursor) const = 0;
};

/// The provider of that name, or nullptr.
const Provider *find_provider(std::string_view name);
/// All names, for hints.
std::span<const std::string_view> provider_names();

} // namespace ob::providers

#include "core/pure.hpp"
