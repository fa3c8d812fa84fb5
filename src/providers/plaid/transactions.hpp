// Plaid's transaction objects in the neutral model. C++ regime.
#pragma once

#include <string_view>

#include "core/model.hpp"
#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// Whether rows carry the provider's object (card numbers cut). Rejected rows always do.
enum class Raw { keep, drop };

/// Reads one transaction object and appends it to `page`, to `rejected` if it cannot be stored. `body` owns the bytes
/// that `value` is part of.
void read_transaction(json::Value value, json::Body &body, Raw raw, TransactionPage &page);

/// Reads one element of `removed`: an object, the account's id optional.
void read_removed(json::Value value, json::Body &body, TransactionPage &page);

/// Makes each id occur once in a page of changes: of several versions the later stays, and a removal wins over all.
void settle_ids(TransactionPage &page);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
