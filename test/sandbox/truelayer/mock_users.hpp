// The users of the mock bank, who exist at every bank of the simulator, and what they have.
#pragma once

#include <string>

#include "state.hpp"

namespace ob::sandbox::truelayer {

/// True if one can log in so.
[[nodiscard]] bool is_login(const std::string &username, const std::string &password);

/// Gives a new item of that user (item.username) its accounts, transactions and whatever else is his. Throws ApiError.
void fill_item(Item &item, Connection &connection, World &world, const Bank &bank, const std::string &password);

/// Adds that many settled transactions to an account, spread over `days` days until `until`; the same seed makes the
/// same.
void add_generated(Item &item, World &world, const Bank &bank, std::uint32_t account, const Json &words);

} // namespace ob::sandbox::truelayer
