// What a plan carries for the executor: plain lists, because plans are copied, cached and written out.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/plannodes.h"
}

namespace ob::pg::fdw {

/// ForeignScan::fdw_private, read back. ForeignScan::fdw_exprs holds the clauses that narrow what is asked for: first
/// those that as_condition() reads, then those that is_about_connection() holds for.
struct PlanNote {
	/// Attribute numbers whose values somebody looks at.
	List *attributes;
	int conditions; // how many of fdw_exprs are conditions
	/// The query stops after some rows, so reading everything at once would be wasted calls.
	bool limited;
};

List *write_note(const PlanNote &note);
PlanNote read_note(const ForeignScan *scan);

} // namespace ob::pg::fdw
