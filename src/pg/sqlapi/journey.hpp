// How far a user has come with a link, and how his journey ends. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string_view>

#include "core/task.hpp"
#include "pg/sqlapi/linking.hpp"
#include "providers/provider.hpp"

namespace ob::pg::sqlapi {

/// Asks the provider about the link of that token.
Task<providers::Journey> follow(store::LoadedServer server, Secret token);

/// Ends the link as cancelled, and says so. A provider's code is kept as the reason, its text never.
Fields cancel_row(const store::Link &link, std::string_view reason);

/// What a journey that has brought nothing means for its link. Throws not_configured for one that has expired so.
Fields ungranted_row(const store::Link &link, const providers::Journey &journey);

} // namespace ob::pg::sqlapi
