// Server regime.
#include "pg/fdw/conditions.hpp"

extern "C" {
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
}

namespace ob::pg::fdw {

namespace {

// datetime_ops of btree: a fixed id that has no macro.
constexpr Oid kDatetimeFamily = 434;

/// The operator family whose strategies say what an operator on the column means; InvalidOid: never narrowed by.
Oid family_of(Column column) {
	switch (column) {
	case Column::connection_id:
		return INTEGER_BTREE_FAM_OID;
	case Column::user_ref:
	case Column::institution_name:
	case Column::connection_state:
	case Column::account_id:
		return TEXT_BTREE_FAM_OID;
	case Column::date:
		return kDatetimeFamily;
	default:
		return InvalidOid;
	}
}

/// Types that read_values knows how to read.
bool readable(Oid family, Oid type) {
	switch (family) {
	case INTEGER_BTREE_FAM_OID:
		return type == INT2OID || type == INT4OID || type == INT8OID;
	case TEXT_BTREE_FAM_OID:
		return type == TEXTOID;
	default:
		return type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID;
	}
}

/// The column that `node` is, null for anything else.
const ColumnSpec *column_of(Node *node, int relation, const Shape &shape) {
	if (!IsA(node, Var))
		return nullptr;
	const Var *var = reinterpret_cast<Var *>(node);
	if (var->varno != relation || var->varlevelsup != 0)
		return nullptr;
	const ColumnSpec *column = shape.column(var->varattno);
	return column && column->type == var->vartype ? column : nullptr;
}

/// A value that is the same for every row of one scan.
bool is_steady(Node *value) {
	return !contain_var_clause(value) && !contain_volatile_functions(value) && !contain_subplans(value);
}

/// Under another collation than a deterministic one, equal texts may differ in bytes, and providers compare bytes.
bool compares_bytes(Oid collation) {
	return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

bool complete(const ColumnSpec *column, Oid op, Oid collation, Node *value, Oid value_type, Condition *condition) {
	const Oid family = family_of(column->column);
	if (!OidIsValid(family) || !OidIsValid(op) || !readable(family, value_type) || !compares_bytes(collation))
		return false;
	const int strategy = get_op_opfamily_strategy(op, family);
	const bool ordered = column->column == Column::date && !condition->any;
	if (strategy != BTEqualStrategyNumber && !(ordered && strategy != InvalidStrategy))
		return false;
	if (!is_steady(value))
		return false;
	condition->column = column->column;
	condition->strategy = strategy;
	condition->value = value;
	condition->value_type = value_type;
	return true;
}

} // namespace

bool as_condition(Node *clause, int relation, const Shape &shape, Condition *condition) {
	if (IsA(clause, OpExpr)) {
		const OpExpr *op = reinterpret_cast<OpExpr *>(clause);
		if (list_length(op->args) != 2)
			return false;
		auto *left = static_cast<Node *>(linitial(op->args));
		auto *right = static_cast<Node *>(lsecond(op->args));
		condition->any = false;
		if (const ColumnSpec *column = column_of(left, relation, shape))
			return complete(column, op->opno, op->inputcollid, right, exprType(right), condition);
		if (const ColumnSpec *column = column_of(right, relation, shape))
			return complete(column, get_commutator(op->opno), op->inputcollid, left, exprType(left), condition);
		return false;
	}
	if (IsA(clause, ScalarArrayOpExpr)) {
		const ScalarArrayOpExpr *op = reinterpret_cast<ScalarArrayOpExpr *>(clause);
		if (!op->useOr || list_length(op->args) != 2)
			return false;
		auto *right = static_cast<Node *>(lsecond(op->args));
		condition->any = true;
		if (const ColumnSpec *column = column_of(static_cast<Node *>(linitial(op->args)), relation, shape))
			return complete(column, op->opno, op->inputcollid, right, get_element_type(exprType(right)), condition);
	}
	return false;
}

bool is_known_early(const Condition &condition) {
	// Only of parameters that the executor fills by running something; the caller's are there.
	return bms_is_empty(pull_paramids(reinterpret_cast<Expr *>(condition.value)));
}

bool is_about_connection(Node *clause, int relation, const Shape &shape) {
	if (contain_volatile_functions(clause) || contain_subplans(clause))
		return false;
	Bitmapset *attributes = nullptr;
	pull_varattnos(clause, static_cast<Index>(relation), &attributes);
	bool about = !bms_is_empty(attributes);
	for (int bit = -1; (bit = bms_next_member(attributes, bit)) >= 0;) {
		const ColumnSpec *column = shape.column(bit + FirstLowInvalidHeapAttributeNumber);
		about = about && column && is_of_connection(column->column);
	}
	bms_free(attributes);
	return about;
}

} // namespace ob::pg::fdw
