// The data that the sandbox's test users have.
#pragma once

#include <string>
#include <vector>

#include "../ledger.hpp"
#include "../world.hpp"

namespace ob::sandbox::plaid {

/// Plaid: a wrong user or password gives INVALID_CREDENTIALS, the password error_<CODE> that error. Throws ApiError.
void check_login(const std::string &username, const std::string &password);

/// Gives a new item the accounts and transactions of its user; the transactions are not visible yet. Throws ApiError
/// for a custom configuration that breaks the rules.
void fill_item(Item &item, World &world, const std::string &password);

struct Refreshed {
	std::size_t added = 0;
	std::size_t modified = 0;
	std::vector<std::string> removed;
};

/// What /transactions/refresh finds at the bank, by user: the dynamic one posts its pending rows, adds new pending ones
/// and raises one older amount by 1.00; the personas have something new now and then; the others never.
Refreshed refresh_item(Item &item, World &world);

} // namespace ob::sandbox::plaid
