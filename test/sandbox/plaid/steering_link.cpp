// /_control/plaid/link: what a person does in Link.
#include <algorithm>

#include "link_session.hpp"
#include "steering.hpp"

namespace ob::sandbox::plaid {

std::string steer_link(State &state, std::string_view what, const std::string &body) {
	const Command command(
	    body, {"link_token", "institution_id", "username", "password", "account_names", "finish", "status", "error"});
	const auto found = state.link_tokens.find(command.text("link_token"));
	if (found == state.link_tokens.end()) {
		throw ControlError{"no such link token"};
	}
	LinkToken &token = found->second;
	const bool continues = !token.sessions.empty() && !token.sessions.back().finished;
	LinkSession &session = continues ? token.sessions.back() : open_session(state, token);
	if (what == "complete") {
		LinkInput input;
		input.institution_id = command.text("institution_id", input.institution_id);
		if (const Item *updated = state.ledger.find(token.update_item)) {
			input.username = updated->username; // who repairs a login is who made it
		}
		input.username = command.text("username", input.username);
		input.password = command.text("password", input.password);
		input.finish = command.body.truth_of("finish", true);
		if (command.body.has("account_names")) {
			const auto names = command.body.get("account_names").texts();
			input.ticked = [names](std::size_t, const Account &account) {
				return std::find(names.begin(), names.end(), account.fields.text_of("name")) != names.end();
			};
		}
		complete_session(state, token, session, input);
	} else if (what == "exit") {
		std::optional<ApiError> error;
		if (command.body.has("error")) {
			error = make_error(command.text("error"));
		}
		exit_session(state, token, session, error, command.text("status", "requires_credentials"));
	} else if (what != "open") {
		unknown_command("link", what);
	}
	return ObjectText{}
	    .string("link_session_id", session.id)
	    .raw("public_tokens", json_strings(session.public_tokens))
	    .end();
}

} // namespace ob::sandbox::plaid
