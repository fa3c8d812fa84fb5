// /_control/truelayer/link: what a person does with a link, and which links have been opened.
#include <algorithm>

#include "link.hpp"
#include "mock_users.hpp"
#include "steering.hpp"

namespace ob::sandbox::truelayer {

namespace {

std::string query_of(const std::string &url) {
	const std::size_t question = url.find('?');
	return question == std::string::npos ? "" : url.substr(question + 1);
}

// A link of ours is one of the dialog already, or an authorization link.
AuthSession &session_of(State &state, const std::string &url) {
	if (AuthSession *session = find_session(state, url.substr(url.rfind('/') + 1))) {
		return *session;
	}
	return open_link(state, query_of(url));
}

Callback walk(State &state, AuthSession &session, const Command &command) {
	if (session.step == "done") {
		throw ControlError{"this session has ended"};
	}
	const std::string outcome = command.text("outcome", "allow");
	if (outcome == "close") {
		return close(state, session);
	}
	if (outcome != "allow") {
		return refuse(session, outcome == "cancel" ? "access_denied" : outcome, command.text("description"));
	}
	if (session.bank.empty()) {
		session.bank = command.text("provider_id", session.banks.empty() ? "" : session.banks.front());
		if (std::find(session.banks.begin(), session.banks.end(), session.bank) == session.banks.end()) {
			throw ControlError{"the link does not offer this provider"};
		}
	}
	const Item *again = state.ledger.find(session.connection);
	session.username = command.text("username", again != nullptr ? again->username : "john");
	session.password = command.text("password", "doe");
	if (again == nullptr && !is_login(session.username, session.password)) {
		throw ControlError{"nobody can log in so"};
	}
	return allow(state, session);
}

std::string complete(State &state, const std::string &text) {
	const Command command(text, {"url", "provider_id", "username", "password", "outcome", "description"});
	Callback callback;
	try {
		callback = walk(state, session_of(state, command.text("url")), command);
	} catch (const Callback &refused) {
		callback = refused;
	}
	ObjectText fields;
	for (const auto &[name, value] : callback.fields) {
		fields.string(name, value);
	}
	return ObjectText{}
	    .string("url", callback.url)
	    .string("method", callback.post ? "POST" : "GET")
	    .raw("fields", fields.end())
	    .end();
}

std::string list(const State &state) {
	std::vector<std::string> out;
	for (const AuthSession &session : state.sessions) {
		ObjectText entry;
		entry.string("session", session.id).string("client_id", session.client_id);
		entry.string("redirect_uri", session.redirect_uri).raw("scopes", json_strings(session.scopes));
		entry.raw("offered", json_strings(session.banks)).string("provider_id", session.bank);
		entry.boolean("has_state", session.state.has_value()).boolean("has_nonce", !session.nonce.empty());
		entry.boolean("has_challenge", !session.challenge.empty()).boolean("again", session.connection != 0);
		out.push_back(entry.string("step", session.step).string("outcome", session.outcome).end());
	}
	return ObjectText{}.raw("sessions", json_array(out)).end();
}

} // namespace

std::string steer_link(State &state, std::string_view what, const std::string &body) {
	if (what == "complete") {
		return complete(state, body);
	}
	if (what == "list") {
		return list(state);
	}
	unknown_command("link", what);
}

} // namespace ob::sandbox::truelayer
