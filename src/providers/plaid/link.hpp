// Starting a link. C++ regime.
#pragma once

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// /link/token/create: for a new item, or in update mode for the one of `request.credentials`.
Task<LinkOffer> start_link(Session session, LinkRequest request);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
