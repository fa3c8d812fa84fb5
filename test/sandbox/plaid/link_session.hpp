// What happens in Link: sessions of a link token and how they end. Used by the hosted page and by /_control.
#pragma once

#include <functional>
#include <string>

#include "state.hpp"

namespace ob::sandbox::plaid {

/// What the person entered.
struct LinkInput {
	std::string institution_id = "ins_109508";
	std::string username = "user_good";
	std::string password = "pass_good";
	/// Which accounts were ticked; without it all that the token's filters let through.
	std::function<bool(std::size_t index, const Account &)> ticked;
	bool finish = true; ///< false: the session stays open for another bank
};

/// Plaid: production takes a link token once, the sandbox again and again; an expired one is INVALID_LINK_TOKEN.
LinkSession &open_session(State &state, LinkToken &token);

/// Ends a session well: a new item and its public token, or the repair of the item that the token names. Throws
/// ApiError for what the person would see as an error; the session stays open then.
void complete_session(State &state, LinkToken &token, LinkSession &session, const LinkInput &input);

/// Ends a session without a result.
void exit_session(State &state, const LinkToken &token, LinkSession &session, const std::optional<ApiError> &error,
                  const std::string &status);

/// Adds an event to the session's list.
void add_event(State &state, LinkSession &session, std::string_view name);

/// True if the person gets to choose accounts.
[[nodiscard]] bool shows_accounts(State &state, const LinkToken &token);

/// True if the token's account filters let the account through; without filters every account passes.
[[nodiscard]] bool passes_filters(const LinkToken &token, const Account &account);

} // namespace ob::sandbox::plaid
