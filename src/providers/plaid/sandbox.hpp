// What Plaid's sandbox offers to tests. All of it refuses servers of another environment. C++ regime.
#pragma once

#include <string>

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// /sandbox/public_token/create: what Link would bring, without a person.
Task<LinkGrant> sandbox_grant(Session session, std::string options_json);
/// /sandbox/item/fire_webhook. ERROR and PRODUCT_READY are those of asset reports, not of the item.
Task<void> sandbox_fire_webhook(Session session, Credentials credentials, std::string code);
/// /sandbox/item/reset_login: the item asks for its user from now on.
Task<void> sandbox_reset_login(Session session, Credentials credentials);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
