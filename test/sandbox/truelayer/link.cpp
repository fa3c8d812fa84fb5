#include "link.hpp"

#include <algorithm>
#include <map>

namespace ob::sandbox::truelayer {

namespace {

constexpr std::size_t kChallengeSize = 43; // of 32 bytes in base64url
constexpr std::size_t kKeptSessions = 10'000;
constexpr std::chrono::days kReauthDays{90};

bool is_challenge(const std::string &text) {
	return text.size() == kChallengeSize && std::all_of(text.begin(), text.end(), [](unsigned char c) {
		       return std::isalnum(c) != 0 || c == '-' || c == '_';
	       });
}

// TrueLayer: `plain` is not offered.
void check_challenge(const std::string &challenge, const std::string &method) {
	if (challenge.empty() && method.empty()) {
		return;
	}
	if (method != "S256" || !is_challenge(challenge)) {
		fail("invalid_request", "code_challenge_method must be S256 and code_challenge made so");
	}
}

Callback back(AuthSession &session, std::string outcome, std::vector<std::pair<std::string, std::string>> fields) {
	session.step = "done";
	session.outcome = std::move(outcome);
	if (session.state) {
		fields.emplace_back("state", *session.state);
	}
	if (session.form_post) {
		return {session.redirect_uri, std::move(fields), true};
	}
	std::string url = session.redirect_uri;
	for (const auto &[name, value] : fields) {
		url.push_back(url.find('?') == std::string::npos ? '?' : '&');
		url.append(name).append("=").append(percent_encoded(value));
	}
	return {std::move(url), {}, false};
}

AuthSession &begin(State &state, AuthSession session) {
	session.id = "auth-" + state.world.ids.alphanumeric(32);
	state.sessions.push_back(std::move(session));
	while (state.sessions.size() > kKeptSessions) {
		state.sessions.pop_front();
	}
	return state.sessions.back();
}

std::vector<std::string> checked_scopes(const std::string &text) {
	std::vector<std::string> scopes = words_of(text);
	const auto &known = known_scopes();
	for (const std::string &scope : scopes) {
		if (std::find(known.begin(), known.end(), scope) == known.end()) {
			fail("invalid_scope", "unknown scope: " + scope);
		}
	}
	if (scopes.empty()) {
		fail("invalid_scope", "scope is needed");
	}
	return scopes;
}

// TrueLayer: groups and ids; without any, all banks that support one of the scopes.
std::vector<std::string> chosen_banks(const State &state, const std::string &filter, const std::string &disabled) {
	const std::vector<std::string> wanted = words_of(filter);
	const std::vector<std::string> hidden = words_of(disabled);
	const auto names = [](const std::vector<std::string> &list, const Bank &bank) {
		return std::find(list.begin(), list.end(), bank.id) != list.end() ||
		       std::find(list.begin(), list.end(), bank.group) != list.end();
	};
	std::vector<std::string> out;
	for (const Bank &bank : state.banks) {
		if ((wanted.empty() || names(wanted, bank)) && !names(hidden, bank)) {
			out.push_back(bank.id);
		}
	}
	return out;
}

} // namespace

AuthSession &open_link(State &state, const std::string &query) {
	std::map<std::string, std::string> given;
	for (const auto &[name, value] : parse_form(query)) {
		if (!given.emplace(name, value).second) {
			fail("invalid_request", name + " is given twice");
		}
	}
	AuthSession session;
	session.client_id = given["client_id"];
	session.redirect_uri = given["redirect_uri"];
	session.link = query;
	// Whoever is not known, or where to go back to, is told in the dialog only.
	if (!state.knows_client(session.client_id)) {
		fail("unauthorized_client");
	}
	if (!state.allows_redirect(session.redirect_uri)) {
		fail("invalid_request", "redirect_uri is not registered");
	}
	// TrueLayer: one link is good for one authentication.
	if (std::any_of(state.sessions.begin(), state.sessions.end(),
	                [&](const AuthSession &other) { return other.link == query && other.outcome == "allowed"; })) {
		fail("invalid_request", "this link has been used");
	}
	if (given.contains("state")) {
		session.state = given["state"];
	}
	session.nonce = given["nonce"];
	session.form_post = given["response_mode"] == "form_post";
	session.challenge = given["code_challenge"];
	try {
		if (given["response_type"] != "code") {
			fail("unsupported_response_type", "response_type must be code");
		}
		if (!session.form_post && !given["response_mode"].empty() && given["response_mode"] != "query") {
			fail("invalid_request", "response_mode must be query or form_post");
		}
		check_challenge(session.challenge, given["code_challenge_method"]);
		if (state.settings.require_nonce && session.nonce.empty()) {
			fail("invalid_request", "nonce is needed");
		}
		session.scopes = checked_scopes(given["scope"]);
		session.banks = chosen_banks(state, given["providers"], given["disable_providers"]);
		if (const std::string &bank = given["provider_id"]; !bank.empty()) {
			// TrueLayer: the bank must also be covered by `providers`.
			if (std::find(session.banks.begin(), session.banks.end(), bank) == session.banks.end()) {
				fail("invalid_request", "provider_id is not covered by providers");
			}
			session.bank = bank;
			session.step = "login";
		}
		if (session.banks.empty()) {
			fail("invalid_request", "no provider is left to choose from");
		}
	} catch (const ApiError &error) {
		throw refuse(begin(state, session), error.code, error.description);
	}
	return begin(state, std::move(session));
}

AuthSession &open_direct(State &state, AuthSession session) {
	session.step = "login";
	return begin(state, std::move(session));
}

std::string dialog_url(const State &state, const AuthSession &session) {
	return state.world.base_url + "/truelayer/login/" + session.id;
}

AuthSession *find_session(State &state, std::string_view id) {
	const auto found = std::find_if(state.sessions.begin(), state.sessions.end(),
	                                [id](const AuthSession &session) { return session.id == id; });
	return found == state.sessions.end() ? nullptr : &*found;
}

Callback allow(State &state, AuthSession &session) {
	Connection *connection = nullptr;
	if (session.connection == 0) {
		connection = &state.make_connection(session.client_id, *state.find_bank(session.bank), session.username,
		                                    session.password, session.scopes);
		connection->redirect_uri = session.redirect_uri;
	} else {
		connection = &state.connections.at(session.connection);
		state.renew(*connection);
		if (state.bank_of(*connection->item).account_ids_change) {
			for (Account &account : connection->item->accounts) {
				account.id = hex(sha256(account.id + session.id)).substr(0, account.id.size());
				account.fields.set("account_id", json_string(account.id));
			}
		}
	}
	return back(session, "allowed",
	            {{"code", state.make_code(*connection, session.redirect_uri, session.challenge)},
	             {"scope", joined(connection->scopes)}});
}

Callback refuse(AuthSession &session, const std::string &error, const std::string &description) {
	std::vector<std::pair<std::string, std::string>> fields = {{"error", error}};
	if (!description.empty()) {
		fields.emplace_back("error_description", description);
	}
	return back(session, error, std::move(fields));
}

// TrueLayer: neither code nor error nor state comes back, unless the address itself has them.
Callback close(const State &state, AuthSession &session) {
	session.step = "done";
	session.outcome = "closed";
	const std::string &elsewhere = state.settings.cancellation_uri;
	return {elsewhere.empty() ? session.redirect_uri : elsewhere, {}, false};
}

bool can_authenticate_again(const State &state, const Connection &connection) {
	return !connection.item->removed && state.world.clock.now() < connection.consent_expires + kReauthDays;
}

void read_journey(const State &state, AuthSession &session, const Json &body) {
	session.redirect_uri = body.text_of("redirect_uri");
	if (!state.allows_redirect(session.redirect_uri)) {
		fail("unauthorized_client", "redirect_uri is not registered");
	}
	if (body.has("state")) {
		session.state = body.text_of("state");
	}
	session.form_post = body.has("response_mode");
	session.challenge = body.text_of("code_challenge");
}

namespace {

Response link_answer(const State &state, const AuthSession &session) {
	Response out;
	out.body = ObjectText{}.string("result", dialog_url(state, session)).boolean("success", true).end();
	return out;
}

Schema journey_fields() {
	return {string_field("response_type").required().one_of({"code"}),
	        string_field("redirect_uri").required(),
	        string_field("state"),
	        string_field("code_challenge"),
	        string_field("code_challenge_method").one_of({"S256"}),
	        string_field("response_mode").one_of({"form_post"})};
}

} // namespace

Response answer_auth_uri(State &state, const Request &request) {
	Schema schema = journey_fields();
	for (const char *name : {"client_id", "scope", "consent_id", "provider_id"}) {
		schema.push_back(string_field(name).required());
	}
	schema.push_back(string_field("data_use_description"));
	schema.push_back(string_field("tracking_id"));
	schema.push_back(opaque_field("auth_inputs"));
	schema.push_back(object_field(
	    "user", {string_field("id"), string_field("name").required(), string_field("email"), string_field("phone")}));
	const Json body = read_body(request, schema, false);
	AuthSession session;
	session.client_id = body.text_of("client_id");
	if (!state.knows_client(session.client_id)) {
		fail("unauthorized_client");
	}
	read_journey(state, session, body);
	check_challenge(session.challenge, body.text_of("code_challenge_method"));
	session.scopes = checked_scopes(body.text_of("scope"));
	session.bank = body.text_of("provider_id");
	if (state.find_bank(session.bank) == nullptr) {
		fail("invalid_request", "", "Unknown provider_id");
	}
	return link_answer(state, open_direct(state, std::move(session)));
}

// TrueLayer: for the United Kingdom only; 401 with a reason for a refresh token that is not good for it.
Response answer_reauth_uri(State &state, const Request &request) {
	Schema schema = journey_fields();
	schema.push_back(string_field("refresh_token").required());
	const Json body = read_body(request, schema, false);
	const auto refused = [](std::string_view reason) {
		ApiError error = make_error("invalid_request", "", reason);
		error.status = 401;
		return error;
	};
	const Connection *connection = state.find_by_refresh_token(body.text_of("refresh_token"));
	if (connection == nullptr || !can_authenticate_again(state, *connection)) {
		throw refused("Invalid refresh_token");
	}
	if (state.bank_of(*connection->item).country != "uk") {
		throw refused("Provider not supported");
	}
	AuthSession session;
	session.client_id = connection->item->client_id;
	read_journey(state, session, body);
	if (!connection->redirect_uri.empty() && session.redirect_uri != connection->redirect_uri) {
		fail("unauthorized_client", "redirect_uri is not the one of the first authentication");
	}
	check_challenge(session.challenge, body.text_of("code_challenge_method"));
	session.scopes = connection->scopes;
	session.bank = connection->item->institution_id;
	session.connection = connection->item->number;
	return link_answer(state, open_direct(state, std::move(session)));
}

} // namespace ob::sandbox::truelayer
