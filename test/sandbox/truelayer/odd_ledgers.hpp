// Small ledgers of odd data, one for each way of being odd: what user_odd has, named by his password.
#pragma once

#include <string>

#include "../ledger.hpp"
#include "../world.hpp"
#include "banks.hpp"

namespace ob::sandbox::truelayer {

[[nodiscard]] bool is_odd_ledger(const std::string &name);
void fill_odd_item(Item &item, World &world, const Bank &bank, const std::string &ledger);

} // namespace ob::sandbox::truelayer
