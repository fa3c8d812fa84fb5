#include "consent_page.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "../html.hpp"
#include "institutions.hpp"
#include "link_session.hpp"
#include "test_users.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::string_view kMfaCode = "1234";

std::string form(std::string_view step, const std::string &fields, std::string_view button) {
	return html_form(step, fields, button, {{"cancel", "Cancel"}});
}

std::string application_name(const LinkToken &token) {
	// Plaid: names of over 30 characters are replaced by a general one.
	return token.client_name.size() > 30 ? "This Application" : token.client_name;
}

std::string bank_name(const LinkSession &session) {
	const Institution *bank = session.institution_id ? find_institution(*session.institution_id) : nullptr;
	return std::string(bank == nullptr ? "your bank" : bank->name);
}

Response bank_page(const LinkToken &token) {
	std::string fields;
	for (const Institution &bank : institutions()) {
		const auto &countries = token.country_codes;
		if (std::find(countries.begin(), countries.end(), bank.country) != countries.end()) {
			fields += "<label><input type=\"radio\" name=\"institution_id\" value=\"" + std::string(bank.id) + "\"> " +
			          html_escaped(bank.name) + "</label><br>\n";
		}
	}
	return html_page(200, "Choose your bank",
	                 html_paragraph(application_name(token) + " wants to connect to your bank.") +
	                     form("bank", fields, "Continue"));
}

Response login_page(const LinkSession &session, std::string_view problem) {
	return html_page(200, "Log in to " + bank_name(session),
	                 html_paragraph(problem) +
	                     form("login",
	                          "<label>User name <input name=\"username\" autocomplete=\"off\"></label><br>\n"
	                          "<label>Password <input name=\"password\" type=\"password\"></label><br>\n",
	                          "Log in"));
}

Response mfa_page(const LinkSession &session, std::string_view problem) {
	return html_page(200, "Confirm that it is you",
	                 html_paragraph(problem) + html_paragraph(bank_name(session) + " has sent you a code.") +
	                     form("mfa", "<label>Code <input name=\"code\"></label><br>\n", "Confirm"));
}

Response accounts_page(State &state, const LinkToken &token, const LinkSession &session) {
	// Accounts of a throw-away login; the real ones are made on approval, in the same order.
	Item shown;
	shown.username = session.username;
	const Item *existing = state.ledger.find(token.update_item);
	if (existing == nullptr) {
		fill_item(shown, state.world, session.password);
	}
	const auto &accounts = existing != nullptr ? existing->accounts : shown.accounts;
	std::string fields;
	for (std::size_t index = 0; index < accounts.size(); ++index) {
		const Account &account = accounts[index];
		if (passes_filters(token, account) && !account.closed) {
			fields += "<label><input type=\"checkbox\" name=\"account\" value=\"" + std::to_string(index) +
			          "\" checked> " + html_escaped(account.fields.text_of("name")) + " (" +
			          html_escaped(account.fields.text_of("mask")) + ")</label><br>\n";
		}
	}
	if (token.multi_item) {
		fields += "<button name=\"action\" value=\"another\">Approve and add another bank</button>\n";
	}
	return html_page(200, "Choose accounts",
	                 html_paragraph("Choose what to share with " + application_name(token) + ".") +
	                     form("accounts", fields, "Approve"));
}

Response done(const LinkToken &token, bool success) {
	// Plaid: the redirect is made on success and on exit; it proves nothing.
	if (token.completion_redirect_uri) {
		return redirect_to(*token.completion_redirect_uri);
	}
	return html_page(200, success ? "Your bank is connected" : "You have left", "<p>You can close this page.</p>");
}

void note_problem(State &state, LinkSession &session, const ApiError &error) {
	session.last_error = error;
	add_event(state, session, "ERROR");
}

// Ends the session, or begins with another bank.
Response finish(State &state, LinkToken &token, LinkSession &session, const LinkInput &input) {
	try {
		complete_session(state, token, session, input);
	} catch (const ApiError &error) {
		note_problem(state, session, error);
		session.step = "login";
		return login_page(session, error.display_message.value_or(error.message));
	}
	if (!input.finish) {
		session.step = "bank";
		return bank_page(token);
	}
	return done(token, true);
}

LinkInput input_of(const LinkSession &session) {
	LinkInput input;
	input.institution_id = session.institution_id.value_or("");
	input.username = session.username;
	input.password = session.password;
	return input;
}

Response logged_in(State &state, LinkToken &token, LinkSession &session) {
	if (!shows_accounts(state, token)) {
		return finish(state, token, session, input_of(session));
	}
	session.step = "accounts";
	return accounts_page(state, token, session);
}

Response submit_accounts(State &state, LinkToken &token, LinkSession &session, const Form &given) {
	LinkInput input = input_of(session);
	const std::set<std::string> ticked = given.all("account");
	input.ticked = [ticked](std::size_t index, const Account &) { return ticked.contains(std::to_string(index)); };
	input.finish = !token.multi_item || given.get("action") != "another";
	return finish(state, token, session, input);
}

Response submit_login(State &state, LinkToken &token, LinkSession &session, const Form &given) {
	session.username = given.get("username");
	session.password = given.get("password");
	add_event(state, session, "SUBMIT_CREDENTIALS");
	try {
		static_cast<void>(state.open_bank(session.institution_id.value_or("")));
		check_login(session.username, session.password);
		if (session.password.starts_with("mfa_")) {
			session.step = "mfa";
			return mfa_page(session, "");
		}
		return logged_in(state, token, session);
	} catch (const ApiError &error) {
		note_problem(state, session, error);
		return login_page(session, error.display_message.value_or(error.message));
	}
}

Response submit(State &state, LinkToken &token, LinkSession &session, const Form &given) {
	if (given.get("action") == "cancel") {
		exit_session(state, token, session, session.last_error,
		             session.step == "bank"    ? "institution_not_found"
		             : session.step == "login" ? "requires_credentials"
		             : session.step == "mfa"   ? "requires_code"
		                                       : "requires_account_selection");
		return done(token, false);
	}
	if (given.get("step") != session.step) {
		return html_page(409, "This page is out of date", "<p>Load it again.</p>");
	}
	if (session.step == "bank") {
		const Institution *bank = find_institution(given.get("institution_id"));
		if (bank == nullptr) {
			return bank_page(token);
		}
		session.institution_id = bank->id;
		session.step = "login";
		add_event(state, session, "SELECT_INSTITUTION");
		return login_page(session, "");
	}
	if (session.step == "login") {
		return submit_login(state, token, session, given);
	}
	if (session.step == "mfa") {
		if (given.get("code") != kMfaCode) {
			note_problem(state, session, make_error("INVALID_MFA"));
			return mfa_page(session, "The code was not correct.");
		}
		return logged_in(state, token, session);
	}
	return submit_accounts(state, token, session, given);
}

Response show(State &state, const LinkToken &token, const LinkSession &session) {
	if (session.step == "bank") {
		return bank_page(token);
	}
	if (session.step == "login") {
		return login_page(session, "");
	}
	return session.step == "mfa" ? mfa_page(session, "") : accounts_page(state, token, session);
}

} // namespace

Response hosted_page(State &state, const Request &request, std::string_view hosted_id) {
	const auto found = std::find_if(state.link_tokens.begin(), state.link_tokens.end(),
	                                [hosted_id](const auto &entry) { return entry.second.hosted_id == hosted_id; });
	if (found == state.link_tokens.end() || hosted_id.empty()) {
		return html_page(404, "There is no such page", "");
	}
	LinkToken &token = found->second;
	try {
		const bool goes_on = !token.sessions.empty() && !token.sessions.back().finished;
		if (!goes_on && request.method != "GET") {
			return html_page(409, "This session has ended", "<p>Load the page again to start over.</p>");
		}
		if (goes_on && state.world.clock.now() >= token.expires) {
			fail("INVALID_LINK_TOKEN");
		}
		LinkSession &session = goes_on ? token.sessions.back() : open_session(state, token);
		if (!goes_on && token.update_item != 0) {
			session.institution_id = state.ledger.find(token.update_item)->institution_id;
			session.step = "login";
		}
		return request.method == "POST" ? submit(state, token, session, Form(request)) : show(state, token, session);
	} catch (const ApiError &) {
		return html_page(410, "This link is no longer valid", "<p>Ask for a new one.</p>");
	}
}

} // namespace ob::sandbox::plaid
