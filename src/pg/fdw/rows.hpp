// Turns the neutral model into rows of datums, a block at a time. The structures are plain data in server memory;
// building is server regime, to be called in guard().
#pragma once

#include "pg/postgres.hpp"

#include <span>
#include <vector>

#include "core/clock.hpp"
#include "core/model.hpp"
#include "pg/fdw/columns.hpp"
#include "pg/store/connections.hpp"

namespace ob::pg::fdw {

/// Rows between two looks for interrupts.
inline constexpr std::size_t kBlockRows = 500;

/// A column that somebody looks at, and where it stands in the row.
struct Cell {
	int index;
	Column column;
};

/// Rows that wait to be handed out, one after another: `width` values each.
struct Block {
	int width;
	int count;
	int next;      // row that is handed out next
	int last_call; // row before which the next page is to be asked for; -1: it has been
	Datum *values;
	bool *nulls;
};

/// Fills `block` with one row each, in the current memory context. `read_at`: when the balances were read.
void build_accounts(Block *block, const std::vector<Cell> &cells, const store::Connection &connection,
                    std::span<const Account> rows, Timestamp read_at);
void build_transactions(Block *block, const std::vector<Cell> &cells, const store::Connection &connection,
                        std::span<const Transaction> rows);

/// Writes what is known of a connection before any call into one row; all other values become NULL.
void build_connection(Datum *values, bool *nulls, int width, const std::vector<Cell> &cells,
                      const store::Connection &connection);

} // namespace ob::pg::fdw
