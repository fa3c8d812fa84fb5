// SQL statements from C++: cached plans, typed parameters, results as plain C++ values. Only store/ knows SPI. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"

struct _SPI_plan;
struct HeapTupleData;
struct MemoryContextData;
struct PortalData;
struct SPITupleTable;
struct TupleDescData;

namespace ob::pg::store {

/// A parameter. Refers to the caller's bytes; trivially destructible, so that it may be read inside guard().
class Param {
public:
	static Param null(Oid type) { return Param(type); }
	static Param boolean(bool value);
	static Param integer(std::int64_t value);
	static Param small_integer(std::int32_t value);
	/// `text(…)` keeps an empty string, `text_or_null(…)` makes it NULL (absent, null and "" are alike).
	static Param text(std::string_view value);
	static Param text_or_null(std::string_view value);
	static Param bytes(std::string_view value);
	/// A name (63 bytes at most, else the server raises).
	static Param name(std::string_view value);
	static Param timestamp(std::optional<Timestamp> value);
	static Param text_array(std::span<const std::string> values);
	static Param text_array_or_null(std::span<const std::string> values); // NULL if there are none
	static Param integer_array(std::span<const std::int64_t> values);
	/// A datum that is already built, in memory that lives as long as the call.
	static Param datum(Oid type, Datum value);

	Oid type() const { return type_; }
	bool is_null() const { return kind_ == Kind::null; }
	/// Builds the datum in the current memory context. Server regime.
	Datum build() const;

private:
	enum class Kind { null, value, text, bytes, name, text_array, integer_array };
	explicit Param(Oid type) : type_(type) {}

	Kind kind_ = Kind::null;
	Oid type_;
	Datum value_ = 0;
	std::string_view text_;
	std::span<const std::string> texts_;
	std::span<const std::int64_t> integers_;
};

/// One cell: the value's text form (bytea: its bytes), nothing for NULL.
using Cell = std::optional<std::string>;

class Row {
public:
	explicit Row(std::vector<Cell> cells) : cells_(std::move(cells)) {}
	bool is_null(std::size_t column) const { return !cells_[column].has_value(); }
	/// Empty for NULL.
	const std::string &text(std::size_t column) const;
	/// 0 for NULL.
	std::int64_t integer(std::size_t column) const;
	/// false for NULL.
	bool boolean(std::size_t column) const { return text(column) == "t"; }
	/// Of a column selected as microseconds since 1970 (see kMicroseconds).
	std::optional<Timestamp> timestamp(std::size_t column) const;

private:
	std::vector<Cell> cells_;
};

struct Result {
	std::vector<Row> rows;
	std::uint64_t processed = 0;
};

/// A statement with a plan that is kept. Declare as static; the text names everything by schema, because the plan
/// outlives any search_path.
class Statement {
public:
	explicit Statement(const char *text) : text_(text) {}
	Statement(const Statement &) = delete;
	Statement &operator=(const Statement &) = delete;

	/// Runs it under the transaction's snapshot and returns all rows. Throws ServerError.
	Result run(std::initializer_list<Param> params) { return execute({params.begin(), params.size()}, false); }
	Result run(std::span<const Param> params) { return execute(params, false); }
	/// A query under a fresh snapshot: sees what committed meanwhile, whatever the isolation level, and is allowed in
	/// a read-only transaction.
	Result read_fresh(std::initializer_list<Param> params) { return execute({params.begin(), params.size()}, true); }

private:
	friend class Cursor;
	/// What the server takes, in its current memory context.
	struct Arguments {
		Datum *values;
		char *nulls;
	};

	Result execute(std::span<const Param> params, bool fresh);
	/// Within SPI: makes the plan, if there is none for these types. Server regime.
	Arguments prepare(std::span<const Param> params);

	const char *text_;
	_SPI_plan *plan_ = nullptr;
};

/// The rows of a query, a batch at a time, for what is too much to hold at once. No other statement may run before
/// close(); if something throws, the subtransaction's end closes it.
class Cursor {
public:
	struct Batch {
		HeapTupleData **tuples;
		TupleDescData *columns;
		MemoryContextData *memory; // lasts as long as the tuples: until the next call
		std::size_t count;         // 0 at the end
	};

	/// Throws ServerError, as all of it does.
	Cursor(Statement &query, std::initializer_list<Param> params);
	Cursor(const Cursor &) = delete;
	Cursor &operator=(const Cursor &) = delete;

	Batch fetch(std::size_t limit);
	void close();

private:
	PortalData *portal_;
	SPITupleTable *batch_ = nullptr;
};

} // namespace ob::pg::store
