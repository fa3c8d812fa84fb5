// Planning a live table's scan: what is asked for, what it might cost. Makes no call and reads no connection. Server
// regime behind the doors.
#include "pg/entry.hpp"

extern "C" {
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/date.h"
}

#include <algorithm>
#include <string_view>

#include "pg/fdw/callbacks.hpp"
#include "pg/fdw/conditions.hpp"
#include "pg/fdw/plan.hpp"

namespace ob::pg::fdw {

namespace {

// Nothing is known without asking, so these are typical figures of people with a few banks.
constexpr double kConnections = 10;
constexpr double kAccounts = 4;   // of one connection
constexpr double kDays = 90;      // of a window without dates
constexpr double kDaysSince = 30; // of a window with a beginning or an end
constexpr double kRowsADay = 1.5; // of one account
constexpr double kPageRows = 500;
// A request is dear enough that reading twice is avoided wherever the planner can, and cheap enough that no plan looks
// worth compiling just because it waits.
constexpr Cost kFirstAnswerCost = 1000;
constexpr Cost kPageCost = 100;

/// What planning keeps between its callbacks.
struct Planned {
	Shape shape;
	List *conditions;       // clauses for as_condition()
	List *about_connection; // clauses for is_about_connection()
	double connections;
	double remote_rows;
};

/// The day that a constant names, if it is one.
bool constant_day(const Condition &condition, double *day) {
	if (!IsA(condition.value, Const) || condition.value_type != DATEOID)
		return false;
	const Const *value = reinterpret_cast<Const *>(condition.value);
	const DateADT date = DatumGetDateADT(value->constvalue);
	if (value->constisnull || DATE_NOT_FINITE(date))
		return false;
	*day = date;
	return true;
}

/// How many connections, accounts and days the conditions leave.
struct Estimate {
	double connections = kConnections;
	double accounts = kAccounts;
	bool has_from = false, has_to = false, one_day = false;
	double from = 0, to = 0; // days, where constant
	bool from_known = false, to_known = false;

	void narrow(const Condition &condition) {
		switch (condition.column) {
		case Column::connection_id:
			connections = std::min(connections, condition.any ? 3.0 : 1.0);
			break;
		case Column::account_id:
			accounts = std::min(accounts, condition.any ? 2.0 : 1.0);
			break;
		case Column::date:
			one_day = one_day || (condition.strategy == BTEqualStrategyNumber && !condition.any);
			if (condition.strategy >= BTGreaterEqualStrategyNumber) {
				has_from = true;
				from_known = constant_day(condition, &from);
			} else if (condition.strategy <= BTLessEqualStrategyNumber) {
				has_to = true;
				to_known = constant_day(condition, &to);
			}
			break;
		default:
			connections = std::min(connections, condition.any ? 4.0 : 2.0);
		}
	}
	double days() const {
		if (one_day)
			return 1;
		if (from_known && to_known)
			return std::max(to - from + 1, 1.0);
		return has_from || has_to ? kDaysSince : kDays;
	}
	double rows(Object object) const {
		const double found = connections * accounts;
		return object == Object::transactions ? found * days() * kRowsADay : found;
	}
};

void size(PlannerInfo *root, RelOptInfo *rel, const Shape &shape) {
	auto *planned = static_cast<Planned *>(palloc0(sizeof(Planned)));
	planned->shape = shape;
	Estimate estimate;
	List *local = NIL;
	for (int i = 0; i < list_length(rel->baserestrictinfo); ++i) {
		auto *info = static_cast<RestrictInfo *>(list_nth(rel->baserestrictinfo, i));
		auto *clause = reinterpret_cast<Node *>(info->clause);
		Condition condition;
		// A leaky clause must not see what a security barrier in front of it would have kept from it.
		const bool early = !info->pseudoconstant && restriction_is_securely_promotable(info, rel);
		if (early && as_condition(clause, static_cast<int>(rel->relid), shape, &condition)) {
			planned->conditions = lappend(planned->conditions, clause);
			estimate.narrow(condition);
		} else if (early && is_about_connection(clause, static_cast<int>(rel->relid), shape)) {
			planned->about_connection = lappend(planned->about_connection, clause);
			local = lappend(local, info);
		} else {
			local = lappend(local, info);
		}
	}
	planned->connections = estimate.connections;
	planned->remote_rows = clamp_row_est(estimate.rows(shape.object));
	rel->tuples = planned->remote_rows;
	rel->rows = clamp_row_est(planned->remote_rows * clauselist_selectivity(root, local, 0, JOIN_INNER, nullptr));
	rel->fdw_private = planned;
}

void add_paths(PlannerInfo *root, RelOptInfo *rel) {
	const auto *planned = static_cast<Planned *>(rel->fdw_private);
	const Cost startup = kFirstAnswerCost + rel->baserestrictcost.startup + rel->reltarget->cost.startup;
	const double pages = planned->connections + planned->remote_rows / kPageRows;
	const Cost a_row = cpu_tuple_cost + rel->baserestrictcost.per_tuple;
	const Cost total =
	    startup + pages * kPageCost + planned->remote_rows * a_row + rel->rows * rel->reltarget->cost.per_tuple;
	add_path(rel, reinterpret_cast<Path *>(compat::create_scan_path(root, rel, rel->rows, startup, total)));
}

/// Attribute numbers that the query looks at, whole-row references spelled out.
List *used_attributes(RelOptInfo *rel, const Shape &shape) {
	Bitmapset *used = nullptr;
	pull_varattnos(reinterpret_cast<Node *>(rel->reltarget->exprs), rel->relid, &used);
	for (int i = 0; i < list_length(rel->baserestrictinfo); ++i) {
		auto *info = static_cast<RestrictInfo *>(list_nth(rel->baserestrictinfo, i));
		pull_varattnos(reinterpret_cast<Node *>(info->clause), rel->relid, &used);
	}
	const bool whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used);
	List *numbers = NIL;
	for (int number = 1; number <= shape.count; ++number)
		if (whole_row || bms_is_member(number - FirstLowInvalidHeapAttributeNumber, used))
			numbers = lappend_int(numbers, number);
	return numbers;
}

/// Whether the rows of the scan go straight to a LIMIT.
bool is_limited(const Query *query) {
	return query->limitCount && !query->sortClause && !query->groupClause && !query->distinctClause &&
	       !query->hasAggs && !query->hasWindowFuncs && !query->setOperations;
}

ForeignScan *make_plan(PlannerInfo *root, RelOptInfo *rel, List *targets, List *clauses, Plan *outer) {
	const auto *planned = static_cast<Planned *>(rel->fdw_private);
	const PlanNote note{used_attributes(rel, planned->shape), list_length(planned->conditions),
	                    is_limited(root->parse)};
	List *expressions = list_concat_copy(planned->conditions, planned->about_connection);
	return make_foreignscan(targets, extract_actual_clauses(clauses, false), rel->relid, expressions, write_note(note),
	                        NIL, NIL, outer);
}

List *add_note(List *list, const char *name, Node *value) {
	return lappend(list, makeDefElem(pstrdup(name), value, -1));
}

} // namespace

List *write_note(const PlanNote &note) {
	List *list = add_note(NIL, "attributes", reinterpret_cast<Node *>(note.attributes));
	list = add_note(list, "conditions", reinterpret_cast<Node *>(makeInteger(note.conditions)));
	return add_note(list, "limited", reinterpret_cast<Node *>(makeInteger(note.limited)));
}

PlanNote read_note(const ForeignScan *scan) {
	PlanNote note{};
	for (int i = 0; i < list_length(scan->fdw_private); ++i) {
		const auto *item = static_cast<DefElem *>(list_nth(scan->fdw_private, i));
		const std::string_view name = item->defname;
		if (name == "attributes")
			note.attributes = reinterpret_cast<List *>(item->arg);
		else if (name == "conditions")
			note.conditions = intVal(item->arg);
		else if (name == "limited")
			note.limited = intVal(item->arg) != 0;
	}
	return note;
}

void get_foreign_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relation) {
	entry([&] {
		const Shape shape = read_shape(relation);
		guard([&] { size(root, rel, shape); });
	});
}

void get_foreign_paths(PlannerInfo *root, RelOptInfo *rel, [[maybe_unused]] Oid relation) {
	entry([&] { guard([&] { add_paths(root, rel); }); });
}

ForeignScan *get_foreign_plan(PlannerInfo *root, RelOptInfo *rel, [[maybe_unused]] Oid relation,
                              [[maybe_unused]] ForeignPath *path, List *targets, List *clauses, Plan *outer) {
	return entry([&] { return guard([&] { return make_plan(root, rel, targets, clauses, outer); }); });
}

} // namespace ob::pg::fdw
