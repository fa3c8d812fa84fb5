// Sealed tokens (table ob.tokens). C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <string>
#include <string_view>

#include "core/model.hpp"
#include "providers/provider.hpp"

namespace ob::pg::store {

/// The subject under which a connection's tokens are kept.
std::string token_subject(ConnectionId id);

/// Stores or replaces tokens, sealed with the current key. Throws not_configured without a key.
void save_tokens(std::string_view server, std::string_view subject, const providers::Credentials &tokens);

/// All tokens of a subject, unsealed; empty if there are none. Throws unseal_failed.
providers::Credentials read_tokens(std::string_view server, std::string_view subject);

void erase_tokens(std::string_view server, std::string_view subject);

} // namespace ob::pg::store
