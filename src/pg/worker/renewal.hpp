// Renewing tokens that expire, in the outcome worker. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/task.hpp"
#include "pg/locks.hpp"
#include "pg/store/servers.hpp"
#include "pg/worker/context.hpp"
#include "pg/worker/message.hpp"
#include "pg/worker/operations.hpp"
#include "providers/token_keeper.hpp"

namespace ob::pg::worker {

/// Names an access token in a request; nothing can be done with it.
std::string token_digest(const Secret &token);

/// Whoever renews may have been left alone by who asked for it: the lock tells that he is still at it. It is waited for
/// up to claim_timeout. Throws no_worker.
Task<HeldLock> wait_for_renewals(ConnectionId connection);

/// Renews the tokens of the request's connection, unless they are others by now than the request names. No intent: a
/// call whose answer was lost is repeated with the same refresh token. The new tokens are committed before anybody uses
/// them. What the provider says to it is in the result; a user who must log in again is recorded: `locked` becomes that
/// outcome's id.
Task<Done> renew(Request request, Context *context, std::int64_t *locked);

/// The provider's refusal in a result of renew(), thrown; nothing if there is none.
void throw_refusal(std::string_view result_json);

/// The tokens of a connection for calls that this worker makes itself; null where they do not expire. `context`
/// outlives it.
std::shared_ptr<providers::TokenKeeper> own_token_keeper(const store::LoadedServer &server, ConnectionId connection,
                                                         std::string_view mapping_role, Context *context);

} // namespace ob::pg::worker
