// Tokens: had for a code, renewed, ended; and what the consent behind them is. C++ regime.
#pragma once

#include <string>

#include "core/task.hpp"
#include "providers/provider.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

inline constexpr std::string_view kTokenEndpoint = "/connect/token";

/// Without the connection's id where the access token does not name it.
Task<Established> exchange(Session session, LinkGrant grant);
Task<std::string> connection_id(Session session, Credentials credentials);
Task<Renewed> renew_tokens(Session session, Credentials credentials);
Task<void> remove(Session session, Credentials credentials);
Task<Adopted> adopt(Session session, std::string credentials_json);
Task<ConnectionHealth> health(Session session, Credentials credentials);

/// What an answer with tokens has of them; one without an access token is not understood.
Renewed read_tokens(const json::Document &answer, const Session &session, std::string_view endpoint);

/// The credentials id that an access token names, and the second since 1970 at which it ends; nothing of a token that
/// is no JWT. Not verified: TrueLayer gave it to us.
struct TokenClaims {
	std::string subject;
	std::optional<Timestamp> expires_at;
};
TokenClaims claims_of(const Secret &access_token);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
