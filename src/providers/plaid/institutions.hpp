// Banks, as Plaid lists them. C++ regime.
#pragma once

#include <string>

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// /institutions/get_by_id, with the logo.
Task<Institution> institution(Session session, std::string id);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
