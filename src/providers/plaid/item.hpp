// The life of an item: exchange, health, removal. C++ regime.
#pragma once

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// /item/public_token/exchange, never repeated.
Task<Established> exchange(Session session, LinkGrant grant);
/// /item/remove.
Task<void> remove(Session session, Credentials credentials);
/// /item/get.
Task<ConnectionHealth> health(Session session, Credentials credentials);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
