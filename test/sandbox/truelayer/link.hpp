// Ways into the dialog, through it and out of it, whoever walks them: a browser or a control.
#pragma once

#include "state.hpp"

namespace ob::sandbox::truelayer {

/// Where the browser is sent in the end.
struct Callback {
	std::string url;
	std::vector<std::pair<std::string, std::string>> fields; ///< to be POSTed; else they are in the URL
	bool post = false;
};

/// Begins a journey from the query of an authorization link. Throws ApiError for a link that leads nowhere, Callback
/// for one that is refused at once.
[[nodiscard]] AuthSession &open_link(State &state, const std::string &query);
/// Begins one that goes straight to the login of a bank.
[[nodiscard]] AuthSession &open_direct(State &state, AuthSession session);
/// The address of its dialog.
[[nodiscard]] std::string dialog_url(const State &state, const AuthSession &session);
[[nodiscard]] AuthSession *find_session(State &state, std::string_view id);

/// The person has agreed. Throws ApiError if the user's ledger cannot be made.
[[nodiscard]] Callback allow(State &state, AuthSession &session);
/// The bank, or the person there, has refused.
[[nodiscard]] Callback refuse(AuthSession &session, const std::string &error, const std::string &description);
/// The person has closed the dialog.
[[nodiscard]] Callback close(const State &state, AuthSession &session);

/// What the requests for such a journey have in common. Throws ApiError.
void read_journey(const State &state, AuthSession &session, const Json &body);
[[nodiscard]] Response answer_auth_uri(State &state, const Request &request);
[[nodiscard]] Response answer_reauth_uri(State &state, const Request &request);
/// A user can authenticate again so long after consent has ended.
[[nodiscard]] bool can_authenticate_again(const State &state, const Connection &connection);

} // namespace ob::sandbox::truelayer
