// POST /connections/extend: consent goes on, with or without the user at the bank.
#include <algorithm>

#include "link.hpp"

namespace ob::sandbox::truelayer {

namespace {

constexpr std::string_view kPath = "/connections/extend";

[[noreturn]] void fail_problem(int status, std::string title, std::string detail, std::string fields = {}) {
	ApiError error;
	error.status = status;
	error.code = kPath;
	error.problem = std::move(title);
	error.description = std::move(detail);
	error.fields = std::move(fields);
	throw error;
}

[[noreturn]] void fail_field(const std::string &name, const std::string &what) {
	const std::vector<std::string> messages = {name + " " + what};
	fail_problem(400, "One or more validation errors occurred.", "",
	             ObjectText{}.raw(name, json_strings(messages)).end());
}

Schema fields() {
	return {
	    boolean_field("user_has_reconfirmed_consent").required(),
	    string_field("client_id").required(),
	    string_field("client_secret").required(),
	    string_field("refresh_token").required(),
	    string_field("redirect_uri").required(),
	    object_field("user", {string_field("id"), string_field("name"), string_field("email"), string_field("phone")})
	        .required(),
	    string_field("state"),
	    string_field("code_challenge"),
	    string_field("response_mode").one_of({"form_post"})};
}

Json read_request(const Request &request) {
	std::string type(request.header("Content-Type"));
	type.resize(std::min(type.find(';'), type.size()));
	const Json body = Json::parse(request.body);
	if (!equal_fold(type, "application/json") || !body.is_object()) {
		fail_problem(400, "The body must be a JSON object.", "");
	}
	if (const auto problem = problem_of(body, fields())) {
		fail_field(problem->fields, problem->what);
	}
	return body;
}

// TrueLayer: who the user is has to be said by clients that are not regulated.
void check_user(const Json &user) {
	if (user.text_of("name").empty()) {
		fail_field("user.name", "is required");
	}
	if (user.text_of("email").empty() && user.text_of("phone").empty()) {
		fail_field("user.email", "or user.phone is required");
	}
}

} // namespace

Response extend_connection(State &state, const Request &request) {
	const Json body = read_request(request);
	check_user(body.get("user"));
	const std::string secret = body.text_of("client_secret");
	if (!state.knows_client(body.text_of("client_id"), &secret)) {
		fail_problem(401, "Unauthorized", "Client credentials are missing or invalid.");
	}
	if (!body.truth_of("user_has_reconfirmed_consent")) {
		fail_field("user_has_reconfirmed_consent", "must be true: false is not supported");
	}
	if (!state.settings.extend_approved) {
		fail_field("user_has_reconfirmed_consent", "must not be true before the consent screen has been approved");
	}
	Connection *connection = state.find_by_refresh_token(body.text_of("refresh_token"));
	if (connection == nullptr || connection->item->client_id != body.text_of("client_id")) {
		fail_problem(401, "Unauthorized", "Refresh token missing or invalid.");
	}
	if (state.bank_of(*connection->item).country != "uk" || !can_authenticate_again(state, *connection)) {
		fail_problem(422, "No way to extend this connection", "This connection cannot be extended.");
	}
	if (!state.allows_redirect(body.text_of("redirect_uri"))) {
		fail_field("redirect_uri", "is not registered");
	}
	AuthSession session;
	session.client_id = connection->item->client_id;
	read_journey(state, session, body);
	Response out;
	// The mock bank's user who never has to come back.
	if (connection->extends_alone) {
		const Time authenticated = connection->authenticated;
		state.renew(*connection);
		connection->authenticated = authenticated; // nobody was at the bank
		const std::string token = state.turn_refresh_token(*connection);
		ObjectText tokens = state.token_answer(*connection, token.empty() ? connection->refresh_token : token);
		out.body = tokens.string("action_needed", "no_action_needed").end();
		return out;
	}
	session.scopes = connection->scopes;
	session.bank = connection->item->institution_id;
	session.connection = connection->item->number;
	const AuthSession &opened = open_direct(state, std::move(session));
	out.body = ObjectText{}
	               .string("action_needed", "authentication_needed")
	               .string("user_input_link", dialog_url(state, opened))
	               .end();
	return out;
}

} // namespace ob::sandbox::truelayer
