// Banks, as Plaid lists them. C++ regime.
#pragma once

#include <string>
#include <vector>

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// /institutions/get_by_id, with the logo.
Task<Institution> institution(Session session, std::string id);
/// /institutions/search, or all pages of /institutions/get if `search` is empty: banks in the server's country_codes
/// that have all of its products.
Task<std::vector<Institution>> institutions(Session session, std::string search);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
