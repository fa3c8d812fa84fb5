// The one place that builds a request to TrueLayer, sends it and understands refusals. C++ regime.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/secret.hpp"
#include "core/task.hpp"
#include "http/transport.hpp"
#include "providers/provider.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// What every path of the Data API begins with.
inline constexpr std::string_view kDataPrefix = "/data/v1";

enum class Host {
	api,
	auth,
	keys, // those that webhooks are signed with; its URL is whole
};

/// What proves that we may make a call.
enum class Proof {
	nothing,
	bearer, // the connection's access token
	secret, // client id and secret, which stand in the body
};

/// Whether a call that failed in passing is made again.
enum class Repeat { allowed, never };

struct Call {
	Host host = Host::api;
	Proof proof = Proof::bearer;
	Repeat repeat = Repeat::allowed;
	std::string method = "GET";
	std::string path;     // behind the base URL, ids in it encoded
	std::string endpoint; // the path without ids, for errors
	std::vector<std::pair<std::string, std::string>> query;
	WipedString body;
	std::string body_type;
	std::string call_class; // of limits.cpp; may be empty
	/// What banks count of it while nobody is there, such as "accounts/A1/balance"; empty: nothing.
	std::string resource;
	/// Refusals that the caller judges: returned, not thrown.
	std::vector<int> judged;
};

/// Sends once and returns what is answered, whatever status. `credentials` as for send().
Task<http::Response> send_raw(Session session, Credentials credentials, Call call);

/// Sends and returns a 2xx answer, or one that the call judges. Throws ProviderError for every other status, Error as
/// http::Transport says. A refused access token is renewed, once, where the session can. Passing failures are repeated
/// if the call allows it: up to three tries; of calls that banks count, while nobody is there, one more at most reaches
/// the bank. Counts into session.stats.
Task<http::Response> send(Session session, Credentials credentials, Call call);

/// As send(), for small answers: parsed, an object for certain.
Task<json::Document> ask(Session session, Credentials credentials, Call call);

/// Base URLs without a slash at the end: the server's options, else by environment.
std::string api_url(const ServerConfig &server);
std::string auth_url(const ServerConfig &server);
/// Of the keys that webhooks are signed with: the option webhook_jku, else by environment.
std::string key_set_url(const ServerConfig &server);

/// Throws not_configured if the client id is of another environment than TrueLayer's host: it would be refused there
/// without saying why.
void check_client(const ServerConfig &server);

/// A person waits for the answers, or has just been at the bank.
bool is_attended(const Session &session);
/// The user has been at the bank so lately that it shows all of its history.
bool in_deep_window(const Session &session);

/// A form's or an object's fields by which the client shows who it is.
void add_client(const ServerConfig &server, WipedString &form);
void add_client(const ServerConfig &server, json::Object &body);

/// A token of the connection; throws not_configured if there is none.
const Secret &token_of(const Credentials &credentials, std::string_view kind);

/// The error for a 2xx answer that is not what the contract says; `what` names the field.
[[noreturn]] void bad_answer(std::string_view endpoint, std::string_view what, std::string_view request_id = {});

/// In a catch block: throws the error on; if an answer's form is wrong, with whose answer that was.
[[noreturn]] void rethrow_from(std::string_view endpoint);

/// What `read` makes of an answer of `endpoint`.
template <class Read>
auto read_form(std::string_view endpoint, Read read) {
	try {
		return read();
	} catch (const Error &) {
		rethrow_from(endpoint);
	}
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
