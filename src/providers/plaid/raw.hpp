// Calls that the extension does not model. C++ regime.
#pragma once

#include <string_view>

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// Sends the body as it is, with the item's token where it has none.
Task<http::Response> raw_call(Session session, RawCall call, Credentials credentials);

/// Whether it is a path of Plaid's in its one form: small letters, digits and underscores between single slashes.
bool is_plain_path(std::string_view path) noexcept;
/// Whether the call behind a plain path makes, hands out, changes or ends what gives access to an item, to a user or to
/// the client itself.
bool touches_tokens(std::string_view path) noexcept;

} // namespace ob::providers::plaid

#include "core/pure.hpp"
