// Which conditions of a query narrow what is asked of providers. Server regime: plain data, no object with a
// destructor.
//
// Planner and executor sort the same clauses with the same functions, so nothing about them has to be written into the
// plan but the clauses themselves. All of them are checked again on every row.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/pathnodes.h"
#include "nodes/pg_list.h"
}

#include "pg/fdw/table.hpp"

namespace ob::pg::fdw {

/// `column <operator> value`: the value has no columns in it and is the same throughout one scan.
struct Condition {
	Column column;
	int strategy; // BTLessStrategyNumber and so on
	bool any;     // = ANY (value)
	Node *value;
	Oid value_type; // with `any`: of the elements
};

/// Whether `clause` is such a condition on a column that calls can be narrowed by: connection_id, user_ref,
/// institution_name, connection_state (=, = ANY), account_id (likewise), date (=, <, <=, >, >=, = ANY).
bool as_condition(Node *clause, int relation, const Shape &shape, Condition *condition);

/// Whether the value of `condition` can be had before anything of the query has run.
bool is_known_early(const Condition &condition);

/// Whether `clause` depends on nothing but what is known of a connection before any call is made.
bool is_about_connection(Node *clause, int relation, const Shape &shape);

} // namespace ob::pg::fdw
