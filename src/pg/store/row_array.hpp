// A batch of transactions as one SQL value. Server regime.
#pragma once

#include "pg/postgres.hpp"

#include <span>

#include "core/model.hpp"

namespace ob::pg::store {

/// An array of ob.transactions_all, the table's own row type: unnest() of one such array costs a third of what it costs
/// of one array for each column, and its type is known wherever the table is. Filled are the columns that a provider
/// knows, from account_id to raw.
struct RowArray {
	Oid type;
	Datum value;
};

/// Builds it in the current memory context.
RowArray build_row_array(std::span<const Transaction> rows, bool keep_raw);

} // namespace ob::pg::store
