// The dialog as a person sees it: a bank, a login, consent. Plain forms; POST step, action and the fields of the step.
#include <algorithm>

#include "../html.hpp"
#include "link.hpp"
#include "mock_users.hpp"

namespace ob::sandbox::truelayer {

namespace {

constexpr std::string_view kRefusingUser = "callback."; // the bank sends its user back with the error named next

std::string form(std::string_view step, const std::string &fields, std::string_view button) {
	return html_form(step, fields, button, {{"cancel", "Cancel"}, {"close", "Close"}});
}

Response leave(const Callback &callback) {
	if (!callback.post) {
		return redirect_to(callback.url);
	}
	std::string fields;
	for (const auto &[name, value] : callback.fields) {
		fields += html_hidden(name, value);
	}
	return html_page(
	    200, "Back to the application",
	    "<form id=\"back\" method=\"post\" action=\"" + html_escaped(callback.url) + "\">\n" + fields +
	        "<button>Continue</button>\n</form>\n<script>document.getElementById('back').submit()</script>");
}

Response bank_page(const State &state, const AuthSession &session) {
	std::string fields;
	for (const Bank &bank : state.banks) {
		if (std::find(session.banks.begin(), session.banks.end(), bank.id) != session.banks.end()) {
			fields += "<label><input type=\"radio\" name=\"provider_id\" value=\"" + html_escaped(bank.id) + "\"> " +
			          html_escaped(bank.name) + "</label><br>\n";
		}
	}
	return html_page(200, "Choose your bank", form("bank", fields, "Continue"));
}

Response login_page(State &state, const AuthSession &session, std::string_view problem) {
	return html_page(200, "Log in to " + state.find_bank(session.bank)->name,
	                 html_paragraph(problem) +
	                     form("login",
	                          "<label>User name <input name=\"username\" autocomplete=\"off\"></label><br>\n"
	                          "<label>Password <input name=\"password\" type=\"password\"></label><br>\n",
	                          "Log in"));
}

Response consent_page(const AuthSession &session) {
	return html_page(200, "Share your data",
	                 html_paragraph(session.client_id + " asks for: " + joined(session.scopes)) +
	                     form("consent", "", "Allow"));
}

Response show(State &state, const AuthSession &session) {
	if (session.step == "bank") {
		return bank_page(state, session);
	}
	return session.step == "login" ? login_page(state, session, "") : consent_page(session);
}

Response submit_login(State &state, AuthSession &session, const Form &given) {
	session.username = given.get("username");
	session.password = given.get("password");
	if (session.username.starts_with(kRefusingUser)) {
		return leave(refuse(session, session.username.substr(kRefusingUser.size()), "The bank has refused."));
	}
	const bool another = session.connection != 0 && state.ledger.find(session.connection)->username != session.username;
	if (another || !is_login(session.username, session.password)) {
		return login_page(state, session, "User name or password is not correct.");
	}
	session.step = "consent";
	return consent_page(session);
}

Response submit(State &state, AuthSession &session, const Form &given) {
	if (given.get("action") == "cancel") {
		return leave(refuse(session, "access_denied", "The user has cancelled."));
	}
	if (given.get("action") == "close") {
		return leave(close(state, session));
	}
	if (given.get("step") != session.step) {
		return html_page(409, "This page is out of date", "<p>Load it again.</p>");
	}
	if (session.step == "bank") {
		const std::string bank = given.get("provider_id");
		if (std::find(session.banks.begin(), session.banks.end(), bank) == session.banks.end()) {
			return bank_page(state, session);
		}
		session.bank = bank;
		session.step = "login";
		return login_page(state, session, "");
	}
	return session.step == "login" ? submit_login(state, session, given) : leave(allow(state, session));
}

} // namespace

Response answer_dialog(State &state, const Request &request, std::string_view path) {
	// TrueLayer: the authorization link begins here and goes on at another host; the dialog in no frame.
	if (path.empty() || path == "/") {
		try {
			return redirect_to(dialog_url(state, open_link(state, request.query)));
		} catch (const Callback &callback) {
			return leave(callback);
		} catch (const ApiError &error) {
			return html_page(400, "This link cannot be used", html_paragraph(error.code + ": " + error.description));
		}
	}
	path.remove_prefix(1);
	AuthSession *session = find_session(state, path);
	if (session == nullptr) {
		return html_page(404, "There is no such page", "");
	}
	if (session->step == "done") {
		return html_page(410, "This session has ended", "<p>Ask for a new link.</p>");
	}
	try {
		Response out = request.method == "POST" ? submit(state, *session, Form(request)) : show(state, *session);
		out.headers.emplace_back("X-Frame-Options", "deny");
		return out;
	} catch (const ApiError &error) {
		return html_page(400, "This does not work", html_paragraph(error.code + ": " + error.description));
	}
}

} // namespace ob::sandbox::truelayer
