// The one place that builds a request to Plaid, sends it and understands refusals. C++ regime.
#pragma once

#include <string>

#include "core/secret.hpp"
#include "core/task.hpp"
#include "http/transport.hpp"
#include "providers/provider.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// Whether a call that failed in passing is made again.
enum class Repeat { allowed, never };

struct Call {
	std::string endpoint; // the path, such as /accounts/get
	WipedString body;     // a JSON object
	Repeat repeat = Repeat::allowed;
};

/// Sends once and returns what is answered, whatever status and media type.
Task<http::Response> send_raw(Session session, Call call);

/// Sends and returns the 200 answer. Throws ProviderError for every other status, Error as http::Transport says.
/// Passing failures (network, 5xx, answers of a gateway in between, a short Retry-After) are repeated up to three tries
/// if the call allows it. Counts into session.stats.
Task<http::Response> send(Session session, Call call);

/// As send(), for small answers: parsed, an object for certain.
Task<json::Document> ask(Session session, Call call);

/// Base URL without a slash at the end: api_url, else by environment.
std::string base_url(const ServerConfig &server);

/// A request body that begins with the item's token. Throws if `credentials` has none.
json::Object body_with_token(const Credentials &credentials);

/// The error for a 200 answer that is not what the contract says; `what` names the field.
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

} // namespace ob::providers::plaid

#include "core/pure.hpp"
