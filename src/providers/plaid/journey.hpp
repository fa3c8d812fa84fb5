// What comes of a link that was started. C++ regime.
#pragma once

#include <string_view>
#include <vector>

#include "core/secret.hpp"
#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// /link/token/get.
Task<Journey> follow_link(Session session, Secret token);
/// The public tokens in what the application, the browser or a webhook brought.
std::vector<LinkGrant> grants_from_response(std::string_view response_json);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
