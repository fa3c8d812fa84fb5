// The authentication server: tokens, links, providers, deletion.
#include <algorithm>
#include <map>

#include "link.hpp"

namespace ob::sandbox::truelayer {

namespace {

Response json_response(std::string body) {
	Response out;
	out.body = std::move(body);
	// RFC 6749: what holds tokens is not to be stored on its way.
	out.headers = {{"Cache-Control", "no-store"}};
	return out;
}

std::string challenge_of(const std::string &verifier) {
	return base64_url(sha256(verifier));
}

// RFC 7636
bool is_verifier(const std::string &text) {
	return text.size() >= 43 && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
		       return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~';
	       });
}

Response exchange_code(State &state, const Json &body) {
	const auto found = state.codes.find(body.text_of("code"));
	const Time now = state.world.clock.now();
	if (found == state.codes.end() || found->second.used || now >= found->second.expires) {
		fail("invalid_authorization_code");
	}
	Code &code = found->second;
	Connection &connection = state.connections.at(code.connection);
	const std::string verifier = body.text_of("code_verifier");
	const bool proven =
	    code.challenge.empty() ? verifier.empty() : is_verifier(verifier) && challenge_of(verifier) == code.challenge;
	if (connection.item->client_id != body.text_of("client_id") || code.redirect_uri != body.text_of("redirect_uri") ||
	    !proven) {
		fail("invalid_grant");
	}
	code.used = true;
	if (connection.has_scope("offline_access") && connection.refresh_token.empty()) {
		state.set_refresh_token(connection);
	}
	// TrueLayer: who authenticates again gets the same refresh token.
	return json_response(
	    state.token_answer(connection, connection.refresh_token).string("scope", joined(connection.scopes)).end());
}

Response refresh(State &state, const Json &body) {
	const Time now = state.world.clock.now();
	Connection *connection = state.find_by_refresh_token(body.text_of("refresh_token"));
	if (connection == nullptr || connection->item->client_id != body.text_of("client_id") || connection->revoked ||
	    now >= connection->consent_expires ||
	    now >= connection->refresh_used + std::chrono::days{state.settings.idle_days}) {
		fail("invalid_grant");
	}
	connection->refresh_used = now;
	connection->refreshed_since = true;
	const std::string token = state.turn_refresh_token(*connection);
	return json_response(state.token_answer(*connection, token).string("scope", joined(connection->scopes)).end());
}

// TrueLayer: for payments and later versions; its token opens nothing here.
Response client_token(State &state, const Json &body) {
	static const std::vector<std::string> known = {
	    "payments", "recurring_payments:sweeping", "recurring_payments:commercial", "signupplus", "payouts",
	    "paydirect"};
	for (const std::string &scope : words_of(body.text_of("scope"))) {
		if (std::find(known.begin(), known.end(), scope) == known.end()) {
			fail("invalid_scope");
		}
	}
	return json_response(ObjectText{}
	                         .string("access_token", state.world.ids.alphanumeric(64))
	                         .number("expires_in", 3600)
	                         .string("token_type", "Bearer")
	                         .string("scope", body.text_of("scope"))
	                         .end());
}

struct Grant {
	Schema fields;
	Response (*handler)(State &, const Json &);
};

const std::map<std::string, Grant, std::less<>> &grants() {
	static const auto fields = [](const std::vector<const char *> &own) {
		Schema schema;
		for (const char *name : {"grant_type", "client_id", "client_secret"}) {
			schema.push_back(string_field(name).required());
		}
		for (const char *name : own) {
			schema.push_back(string_field(name).required());
		}
		return schema;
	};
	static const std::map<std::string, Grant, std::less<>> all = [] {
		Schema exchange = fields({"code", "redirect_uri"});
		exchange.push_back(string_field("code_verifier"));
		return std::map<std::string, Grant, std::less<>>{
		    {"authorization_code", {std::move(exchange), exchange_code}},
		    {"refresh_token", {fields({"refresh_token"}), refresh}},
		    {"client_credentials", {fields({"scope"}), client_token}},
		};
	}();
	return all;
}

Response answer_token(State &state, const Request &request) {
	if (!request.header("Authorization").empty()) {
		fail("invalid_request", "credentials belong into the body");
	}
	// Which fields there may be depends on one of them.
	const Json any = [&] {
		Schema all;
		for (const char *name : {"grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier",
		                         "refresh_token", "scope"}) {
			all.push_back(string_field(name));
		}
		return read_body(request, all, true);
	}();
	if (!any.has("grant_type")) {
		fail("invalid_request", "grant_type is required");
	}
	const auto grant = grants().find(any.text_of("grant_type"));
	if (grant == grants().end()) {
		fail("unsupported_grant_type");
	}
	const Json body = read_body(request, grant->second.fields, true);
	const std::string secret = body.text_of("client_secret");
	if (!state.knows_client(body.text_of("client_id"), &secret)) {
		fail("invalid_client");
	}
	return grant->second.handler(state, body);
}

Response answer_delete(State &state, const Request &request) {
	Connection &connection = state.authorized(request);
	connection.item->removed = true;
	state.forget_tokens(connection);
	Response out;
	out.content_type = "";
	return out;
}

Response answer_debug(State &state, const Request &request) {
	const Json body = read_body(request, {string_field("access_token").required()}, false);
	const Item *item = state.find_by_access_token(body.text_of("access_token"));
	if (item == nullptr) {
		fail("unauthorized", "", "Invalid token");
	}
	const Connection &connection = state.connections.at(item->number);
	if (connection.revoked || state.world.clock.now() >= connection.consent_expires) {
		fail("invalid_request", "", "Consent expired or revoked");
	}
	std::string &id = state.debug_ids[item->id];
	if (id.empty()) {
		id = item->institution_id + "|" + base64_url(item->id);
	}
	const std::string answer = ObjectText{}
	                               .string("credentials_id", item->id)
	                               .string("debug_id", id)
	                               .string("provider_id", item->institution_id)
	                               .end();
	if (request.method == "DELETE") {
		state.debug_ids.erase(item->id);
	}
	return json_response(answer);
}

// TrueLayer: a bare list.
Response answer_providers(State &state, const Request &request) {
	std::map<std::string, std::string> given;
	for (const auto &[name, value] : parse_form(request.query)) {
		if (name != "clientId" && name != "scopes" && name != "country") {
			fail("invalid_request", "unknown parameter: " + name);
		}
		given[name] = value;
	}
	const std::vector<std::string> scopes = words_of(given["scopes"]);
	const std::vector<std::string> countries = words_of(given["country"]);
	std::vector<std::string> found;
	for (const Bank &bank : state.banks) {
		const bool in_country =
		    countries.empty() || std::find(countries.begin(), countries.end(), bank.country) != countries.end();
		const bool has_scopes = std::all_of(scopes.begin(), scopes.end(), [&](const std::string &scope) {
			return std::find(bank.scopes.begin(), bank.scopes.end(), scope) != bank.scopes.end();
		});
		if (!in_country || !has_scopes) {
			continue;
		}
		const std::string now = format_time(state.world.clock.now(), 3);
		found.push_back(ObjectText{}
		                    .string("provider_id", bank.id)
		                    .string("display_name", bank.name)
		                    .string("country", bank.country)
		                    .string("logo_url", "https://logos.banking.example/" + bank.id + ".svg")
		                    .raw("scopes", json_strings(bank.scopes))
		                    .raw("availability",
		                         ObjectText{}.string("recommended_status", "healthy").string("updated_at", now).end())
		                    .end());
	}
	Response out;
	out.body = json_array(found);
	return out;
}

struct AuthRoute {
	std::string_view path;
	std::string_view method;
	Response (*handler)(State &, const Request &);
};

constexpr AuthRoute kRoutes[] = {
    {"/connect/token", "POST", answer_token},     {"/v1/authuri", "POST", answer_auth_uri},
    {"/v1/reauthuri", "POST", answer_reauth_uri}, {"/api/delete", "DELETE", answer_delete},
    {"/api/debug", "POST", answer_debug},         {"/api/debug", "DELETE", answer_debug},
    {"/api/providers", "GET", answer_providers},
};

} // namespace

Response answer_auth(State &state, const Request &request, std::string_view path) {
	if (path.empty() || path == "/") {
		return answer_dialog(state, request, path);
	}
	bool known = false;
	for (const AuthRoute &route : kRoutes) {
		if (route.path == path) {
			if (route.method == request.method) {
				return route.handler(state, request);
			}
			known = true;
		}
	}
	fail(known ? "method_not_allowed" : "not_found");
}

} // namespace ob::sandbox::truelayer
