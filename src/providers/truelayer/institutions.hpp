// The banks TrueLayer reaches. C++ regime.
#pragma once

#include <string>
#include <vector>

#include "core/task.hpp"
#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// Those open to this client, of the server's country_codes if it has any, whose name or id has `search` in it.
Task<std::vector<Institution>> institutions(Session session, std::string search);
Task<Institution> institution(Session session, std::string id);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
