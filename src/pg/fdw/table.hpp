// What a foreign table holds, as its options and columns say. C++ regime; the results are plain data.
#pragma once

#include "pg/postgres.hpp"

#include <span>

#include "pg/fdw/columns.hpp"

namespace ob::pg::fdw {

/// Options of a foreign table and of its columns.
inline constexpr std::string_view kObjectOption = "object";
inline constexpr std::string_view kColumnNameOption = "column_name";

struct Attribute {
	const char *name;
	const char *source; // option column_name, else the name
	Oid type;
	std::int32_t typmod;
	bool dropped;
	const ColumnSpec *column; // null: dropped, or none of ours
};

/// A foreign table's shape, in the memory context that was current.
struct Shape {
	Object object;
	const char *name;
	int count;
	Attribute *attributes; // by attribute number - 1

	std::span<const Attribute> all() const { return {attributes, static_cast<std::size_t>(count)}; }
	/// Null for system columns, dropped ones and what is none of ours.
	const ColumnSpec *column(int attribute_number) const {
		return attribute_number > 0 && attribute_number <= count ? attributes[attribute_number - 1].column : nullptr;
	}
};

/// Reads the shape of a foreign table that the caller holds a lock on. Throws missing_option if it does not say what it
/// holds, ServerError.
Shape read_shape(Oid relation);

/// Throws unknown_column (with the nearest name as hint) or wrong_column_type.
void check_columns(const Shape &shape);

/// The object of that name (value of option `object`). Throws invalid_argument.
Object object_of(std::string_view name);

} // namespace ob::pg::fdw
