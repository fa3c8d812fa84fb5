// C++ regime.
#include "pg/fdw/table.hpp"

extern "C" {
#include "access/table.h"
#include "foreign/foreign.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/rel.h"
}

#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "pg/guard.hpp"

namespace ob::pg::fdw {

namespace {

struct RawShape {
	Shape shape;
	const char *object; // option, null if not set
};

/// The option's value, null if it is not set. Server regime.
const char *option(List *options, std::string_view name) {
	for (int i = 0; i < list_length(options); ++i) {
		auto *item = static_cast<DefElem *>(list_nth(options, i));
		if (name == item->defname)
			return item->arg ? strVal(item->arg) : "";
	}
	return nullptr;
}

RawShape read_raw(Oid relation_id) {
	RawShape raw{};
	Relation relation = table_open(relation_id, NoLock);
	TupleDesc columns = RelationGetDescr(relation);
	raw.object = option(GetForeignTable(relation_id)->options, kObjectOption);
	raw.shape.name = pstrdup(RelationGetRelationName(relation));
	raw.shape.count = columns->natts;
	raw.shape.attributes = static_cast<Attribute *>(palloc0(sizeof(Attribute) * static_cast<Size>(columns->natts + 1)));
	for (int i = 0; i < columns->natts; ++i) {
		const FormData_pg_attribute *from = TupleDescAttr(columns, i);
		Attribute &to = raw.shape.attributes[i];
		to.dropped = from->attisdropped;
		if (to.dropped)
			continue;
		to.name = pstrdup(NameStr(from->attname));
		const char *source = option(GetForeignColumnOptions(relation_id, from->attnum), kColumnNameOption);
		to.source = source ? source : to.name;
		to.type = from->atttypid;
		to.typmod = from->atttypmod;
	}
	table_close(relation, NoLock);
	return raw;
}

Object object_of_table(const RawShape &raw) {
	if (raw.object)
		return object_of(raw.object);
	for (const Object object : kObjects)
		if (std::string_view(raw.shape.name) == import_name(object))
			return object;
	throw Error(ErrorCode::missing_option,
	            "foreign table \"" + std::string(raw.shape.name) + "\" does not say what it holds", {},
	            "ALTER FOREIGN TABLE … OPTIONS (ADD object 'accounts'), or use IMPORT FOREIGN SCHEMA.");
}

[[noreturn]] void unknown_column(const Shape &shape, const Attribute &attribute) {
	std::vector<std::string_view> names;
	for (const ColumnSpec &spec : columns_of(shape.object))
		names.emplace_back(spec.name);
	const std::string_view near = text::nearest(attribute.source, names);
	std::string hint = near.empty() ? "" : "Perhaps you meant the column \"" + std::string(near) + "\". ";
	hint += "IMPORT FOREIGN SCHEMA makes the table as it should be.";
	throw Error(ErrorCode::unknown_column,
	            std::string(object_name(shape.object)) + " have no column \"" + attribute.source + "\"",
	            "foreign table: " + std::string(shape.name) + ", column: " + attribute.name, std::move(hint));
}

[[noreturn]] void wrong_type(const Shape &shape, const Attribute &attribute) {
	// Without the schema: what a reader of the message would write.
	const std::string_view wanted =
	    std::string_view(type_name(attribute.column->type)).substr(sizeof("pg_catalog.") - 1);
	throw Error(ErrorCode::wrong_column_type,
	            "column \"" + std::string(attribute.name) + "\" of foreign table \"" + shape.name +
	                "\" must be of type " + std::string(wanted),
	            {}, "No length and no precision: values are handed over as the bank gives them.");
}

} // namespace

Shape read_shape(Oid relation) {
	RawShape raw = guard([&] { return read_raw(relation); });
	raw.shape.object = object_of_table(raw);
	for (int i = 0; i < raw.shape.count; ++i)
		if (Attribute &attribute = raw.shape.attributes[i]; !attribute.dropped)
			attribute.column = find_column(raw.shape.object, attribute.source);
	return raw.shape;
}

void check_columns(const Shape &shape) {
	for (const Attribute &attribute : shape.all()) {
		if (attribute.dropped)
			continue;
		if (!attribute.column)
			unknown_column(shape, attribute);
		if (attribute.type != attribute.column->type || attribute.typmod != -1)
			wrong_type(shape, attribute);
	}
}

Object object_of(std::string_view name) {
	for (const Object object : kObjects)
		if (name == object_name(object))
			return object;
	throw Error(ErrorCode::invalid_argument, "invalid value for option \"object\"", {},
	            "Valid values: accounts, transactions, balances.");
}

} // namespace ob::pg::fdw
