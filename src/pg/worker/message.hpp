// What a caller and its outcome worker say to each other: JSON, with secrets only as sealed bytes. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/model.hpp"

namespace ob::pg::worker {

/// One call on behalf of a caller.
struct Request {
	std::string call_id; // unguessable; names the call in ob.outcomes
	std::string kind;    // exchange, remove, rotate, renew, extend, failure, refusal, audit, recover, budget,
	                     // webhook_key
	std::string server;
	std::string server_version; // LoadedServer::version as the caller sees it; empty: no call goes out
	std::string mapping_role;
	std::string acting_json; // on whose behalf, for the audit log; not who the worker is
	std::optional<ConnectionId> connection;
	// exchange
	std::string link_id;
	std::string link_kind; // empty: an open link of that id exists; else the worker makes it
	std::string user_ref;
	std::string user_ip;
	std::string grant_kind;
	std::string grant_digest;
	std::string sealed_grant; // sealed for this call_id
	bool keep_open = false;   // more is to come of this link
	// remove
	bool purge = false;
	// renew: the access token that is no longer good; empty: whichever it is
	std::string token_digest;
	// extend, besides the link's id, its user and address: what the link keeps; all options, sealed, are the grant
	std::string options_json;
	// failure: a SyncFailure as JSON; refusal: the error
	std::string failure_json;
	std::string client_digest; // refusal: of the credentials
	// audit: a line as JSON, but for what other fields say
	std::string line_json;
	// recover
	std::vector<std::int64_t> outcomes;
	// budget: what is asked for, as JSON
	std::string budgets_json;
	// webhook_key: and what of ours the delivery is about
	std::string key_id;
	std::string subject;

	std::string to_json() const;
	static Request from_json(std::string_view text);
};

/// What surrounds requests: the caller's transaction, which the worker waits for, and its settings.
struct Envelope {
	int backend = 0;
	std::uint32_t local_transaction = 0;
	std::vector<std::pair<std::string, std::string>> settings;
	Request request;

	std::string to_json() const;
	static Envelope from_json(std::string_view text);
};

struct Reply {
	std::string call_id;
	std::string result_json; // on success
	std::optional<Error> error;

	std::string to_json() const;
	static Reply from_json(std::string_view text);
};

/// What binds the sealed bytes of an outcome to it.
std::string outcome_place(std::string_view call_id);

} // namespace ob::pg::worker
