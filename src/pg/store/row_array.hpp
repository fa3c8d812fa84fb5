// Transactions as rows of the table: a batch as one SQL value, and back. Server regime.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "access/htup.h"
#include "access/tupdesc.h"
}

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

/// Reads a row of the table, but for raw; its texts are in the tuple or in the current memory context.
void read_row(HeapTuple tuple, TupleDesc columns, Transaction *row);

} // namespace ob::pg::store
