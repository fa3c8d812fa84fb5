// Sealed tokens (table ob.tokens). C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

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

/// Stores or replaces tokens, sealed with the current key. Throws not_configured without a key.
void save_tokens(std::string_view server, std::string_view subject, const providers::Credentials &tokens);

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

void erase_tokens(std::string_view server, std::string_view subject);

} // namespace ob::pg::store
