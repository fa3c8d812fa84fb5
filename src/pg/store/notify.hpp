// Telling who listens that something changed. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string_view>

#include "core/model.hpp"

namespace ob::pg::store {

/// NOTIFY openbanking, '{"connection_id": …, "event": …}' once this transaction has committed; said twice it is sent once.
/// Never data: whoever listens may not be allowed to see them. Events: synced (rows changed), connected, and a state that
/// begins (active, reauth_required, revoked, error, disconnected), expiring (a consent).
void notify(ConnectionId id, std::string_view event);

} // namespace ob::pg::store
