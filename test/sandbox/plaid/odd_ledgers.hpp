// Small ledgers of odd data, one for each way of being odd: what user_odd has, named by his password.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../ledger.hpp"
#include "../world.hpp"

namespace ob::sandbox::plaid {

[[nodiscard]] std::vector<std::string_view> odd_ledger_names();
/// Throws ApiError if there is no ledger of that name.
void fill_odd_item(Item &item, World &world, const std::string &ledger);

} // namespace ob::sandbox::plaid
