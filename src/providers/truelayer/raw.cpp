// C++ regime.
#include "providers/truelayer/raw.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/text.hpp"
#include "providers/arguments.hpp"
#include "providers/truelayer/client.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

/// Nothing that a server could take for another path.
bool is_plain_path(std::string_view path) noexcept {
	const auto plain = [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
		       c == '/';
	};
	return path.find("//") == path.npos && std::all_of(path.begin(), path.end(), plain);
}

Call call_for(const RawCall &asked) {
	const std::string prefix = std::string(kDataPrefix) + "/";
	if (!is_plain_path(asked.path))
		throw Error(ErrorCode::invalid_argument, "not a path of truelayer's", {},
		            "Paths look like /data/v1/accounts; parameters go into the query.");
	const bool is_data = asked.path.starts_with(prefix);
	if (!is_data && asked.path != "/api/providers")
		throw Error(ErrorCode::not_allowed, "calls that make, change or end tokens are not made this way",
		            "provider truelayer, endpoint " + asked.path,
		            "Use the functions for linking, disconnecting and renewing tokens; the Data API is below " +
		                prefix + ".");
	Call call;
	call.repeat = Repeat::never;
	call.host = is_data ? Host::api : Host::auth;
	call.proof = is_data ? Proof::bearer : Proof::nothing;
	call.method = asked.method;
	std::transform(call.method.begin(), call.method.end(), call.method.begin(),
	               [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
	if (call.method != "GET" && (call.method != "POST" || !is_data))
		throw Error(ErrorCode::invalid_argument, "truelayer's data are read by GET, in batches by POST");
	call.path = call.endpoint = asked.path;
	if (is_data) {
		call.call_class = "accounts";
		call.resource = asked.path.substr(prefix.size());
	}
	const json::Document query = parse_object(asked.query_json, "the query");
	for (const auto &[name, value] : query.root().members()) {
		if (!value.is_text())
			bad_option(name, "must be a text: the query is sent as it is");
		call.query.emplace_back(name, value.text());
	}
	if (!asked.body_json.empty()) {
		(void)parse_object(asked.body_json, "the body");
		call.body = WipedString(asked.body_json);
		call.body_type = "application/json";
	}
	return call;
}

} // namespace

Task<http::Response> raw_call(Session session, RawCall call, Credentials credentials) {
	return send_raw(std::move(session), std::move(credentials), call_for(call));
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
