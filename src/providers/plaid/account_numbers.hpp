// /auth/get: account numbers in full. C++ regime.
#pragma once

#include <vector>

#include "core/task.hpp"
#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// The numbers of the item's accounts. Plaid would add the product `auth`, and bill it, where a call needs it: of an
/// item that was linked without it they are not asked for.
Task<std::vector<AccountNumber>> account_numbers(Session session, Credentials credentials);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
