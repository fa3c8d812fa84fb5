// C++ regime.
#include "providers/plaid/raw.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "core/text.hpp"
#include "providers/plaid/arguments.hpp"
#include "providers/plaid/client.hpp"
#include "providers/plaid/errors.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr std::string_view kToken = "access_token";

// Besides every path with "token" in it.
constexpr std::array<std::string_view, 19> kTokenCalls{
    "/bank_transfer/migrate_account",
    "/beta/partner/customer/v1/create",
    "/beta/partner/customer/v1/enable",
    "/credit/sessions/get",
    "/item/application/scopes/update",
    "/item/application/unlink",
    "/item/import",
    "/item/products/terminate",
    "/item/remove",
    "/link/oauth/correlation_id/exchange",
    "/link_delivery/get",
    "/oauth/revoke",
    "/partner/customer/create",
    "/partner/customer/enable",
    "/transfer/migrate_account",
    "/user/create",
    "/user/items/remove",
    "/user/remove",
    "/user_account/session/get",
};

[[noreturn]] void invalid(const char *message, const char *hint = "") {
	throw Error(ErrorCode::invalid_argument, message, {}, hint);
}

void check(const RawCall &call) {
	if (!text::iequals_ascii(call.method, "POST"))
		invalid("plaid is called by POST only");
	if (!parse_object(call.query_json, "the query").root().members().empty())
		invalid("plaid's calls have no query", "Put the fields into the body.");
	if (!is_plain_path(call.path))
		invalid("not a path of plaid's", "Paths look like /accounts/get: small letters, digits and underscores.");
	if (touches_tokens(call.path))
		throw Error(ErrorCode::not_allowed, "calls that make, change or end tokens are not made this way",
		            "provider plaid, endpoint " + call.path,
		            "Use the functions for linking, disconnecting and rotating tokens.");
}

/// The caller's text, to the last digit of its numbers; only the token is put in front.
WipedString body_of(const RawCall &call, const Credentials &credentials) {
	const json::Document body = parse_object(call.body_json, "the body");
	for (const std::string_view name : {"client_id", "secret"})
		if (names(body, name))
			bad_option(name, "comes from the user mapping");
	const std::string_view given = call.body_json.empty() ? "{}" : std::string_view(call.body_json);
	if (credentials.empty() || names(body, kToken))
		return WipedString(given);
	WipedString text = body_with_token(credentials).dump();
	text.back() = body.root().size() > 0 ? ',' : ' '; // was the closing bracket
	text += given.substr(given.find('{') + 1);
	return text;
}

/// Answers that are no JSON have none.
std::string request_id(const http::Response &response) {
	try {
		return std::string(json::Document::parse(response.body).text("request_id"));
	} catch (const Error &) {
		return {};
	}
}

} // namespace

Task<http::Response> raw_call(Session session, RawCall call, Credentials credentials) {
	check(call);
	Call sent;
	sent.endpoint = call.path;
	sent.body = body_of(call, credentials);
	CallStats *stats = session.stats;
	http::Response response = co_await send_raw(std::move(session), std::move(sent));
	if (stats)
		stats->last_request_id = presentable_request_id(request_id(response));
	co_return std::move(response);
}

bool is_plain_path(std::string_view path) noexcept {
	const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/'; };
	return path.size() > 1 && path.front() == '/' && path.back() != '/' && path.find("//") == path.npos &&
	       std::all_of(path.begin(), path.end(), plain);
}

bool touches_tokens(std::string_view path) noexcept {
	return path.find("token") != path.npos ||
	       std::find(kTokenCalls.begin(), kTokenCalls.end(), path) != kTokenCalls.end();
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
