// Accounts whose ids have changed. C++ regime.
#pragma once

#include <string>
#include <vector>

#include "core/store.hpp"
#include "providers/window_provider.hpp"

#include "core/pure.hpp"

namespace ob::sync {

struct AccountMove {
	std::string from;
	std::string to;
};

/// Which listed accounts that are not stored are stored ones that are no longer listed: those that share a number in
/// full, of cards network and last digits, in the same currency, with nobody else. What several accounts share tells
/// nothing.
std::vector<AccountMove> find_moved_accounts(const std::vector<KeptAccount> &kept,
                                             const providers::AccountListing &listing);

} // namespace ob::sync

#include "core/pure.hpp"
