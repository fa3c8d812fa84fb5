// The life of an item: exchange or adoption, health, rotation, removal. C++ regime.
#pragma once

#include <string>

#include "providers/plaid/errors.hpp"
#include "providers/provider.hpp"
#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// /item/public_token/exchange, never repeated.
Task<Established> exchange(Session session, LinkGrant grant);
/// Takes over an item made elsewhere: {"access_token", "cursor"?, "item_id"?}, checked with /item/get.
Task<Adopted> adopt(Session session, std::string credentials_json);
/// /item/access_token/invalidate, never repeated.
Task<Credentials> rotate(Session session, Credentials credentials);
/// /item/remove.
Task<void> remove(Session session, Credentials credentials);
/// /item/get.
Task<ConnectionHealth> health(Session session, Credentials credentials);
/// What an item object tells, which other answers have too; only /item/get says when the bank was last read.
ConnectionHealth read_item(json::Value item);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
