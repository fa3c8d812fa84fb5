// Starting a link, and the tokens that come of it. C++ regime.
#pragma once

#include <string>
#include <string_view>

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// /link/token/create: for a new item, or in update mode for the one of `request.credentials`.
Task<LinkOffer> start_link(Session session, LinkRequest request);
/// The public tokens in what the application, the browser or a webhook brought.
std::vector<LinkGrant> grants_from_response(std::string_view response_json);
/// /sandbox/public_token/create.
Task<LinkGrant> sandbox_grant(Session session, std::string options_json);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
