// Sealed tokens (table ob.tokens). C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.hpp"
#include "core/model.hpp"
#include "providers/provider.hpp"

namespace ob::pg::store {

/// The subject under which a connection's tokens are kept.
std::string token_subject(ConnectionId id);

/// Stores or replaces tokens, sealed with the current key. Throws not_configured without a key. `expires_at`: of the
/// access token, if it does; the others are then to be used now and then to stay good.
void save_tokens(std::string_view server, std::string_view subject, const providers::Credentials &tokens,
                 std::optional<Timestamp> expires_at = std::nullopt);

/// Whether these are still the subject's tokens, as a provider tells them apart. Nobody changes them before the
/// transaction ends.
bool hold_tokens(std::string_view server, std::string_view subject, const providers::Credentials &tokens);

/// As save_tokens(), after a renewal with tokens that are there already: they have been of use.
void save_renewed(std::string_view server, std::string_view subject, const providers::Renewed &renewed);

/// All tokens of a subject, unsealed; empty if there are none. Throws unseal_failed.
providers::Credentials read_tokens(std::string_view server, std::string_view subject);

/// Whose tokens.
struct TokenOwner {
	std::string server;
	std::string subject;
};
/// Tokens, or what speaks against them.
using TokensOrError = std::variant<providers::Credentials, Error>;
/// As read_tokens() of each owner, in one statement and with one look at the keys.
std::vector<TokensOrError> read_tokens(const std::vector<TokenOwner> &owners);
struct AccessToken {
	Secret token; // empty: there is none
	std::optional<Timestamp> expires_at;
	std::optional<Timestamp> renew_at; // nothing: it does not expire
};
/// Under a fresh snapshot. Throws unseal_failed.
AccessToken read_access_token(std::string_view server, std::string_view subject);

/// Connections in use through these servers with an access token whose time is over at `until`, or with a token that
/// has to be used by `now` to stay good; those first. Not where there is nothing to renew it with.
std::vector<ConnectionId> expiring_tokens(const std::vector<std::string> &servers, Timestamp until, Timestamp now);

void erase_tokens(std::string_view server, std::string_view subject);

} // namespace ob::pg::store
