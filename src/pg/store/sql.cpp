#include "pg/store/sql.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

#include <charconv>

#include "pg/guard.hpp"
#include "pg/time.hpp"

namespace ob::pg::store {

namespace {

/// A result as the guarded call leaves it: values in `memory`, to be copied once no jump can happen.
struct RawResult {
	MemoryContext memory;
	std::uint64_t processed;
	std::uint64_t rows;
	int columns;
	char **values; // rows × columns, null for NULL
	int *lengths;
};

/// Reads all rows of SPI_tuptable into `raw`. Server regime.
void collect(RawResult *raw) {
	raw->processed = SPI_processed;
	raw->rows = 0;
	if (SPI_tuptable == nullptr)
		return;
	TupleDesc columns = SPI_tuptable->tupdesc;
	MemoryContext previous = MemoryContextSwitchTo(raw->memory);
	raw->rows = SPI_tuptable->numvals;
	raw->columns = columns->natts;
	const std::size_t cells = raw->rows * static_cast<std::size_t>(raw->columns);
	raw->values = static_cast<char **>(palloc0(cells * sizeof(char *) + 1));
	raw->lengths = static_cast<int *>(palloc0(cells * sizeof(int) + 1));
	std::size_t cell = 0;
	for (std::uint64_t row = 0; row < raw->rows; ++row) {
		for (int column = 1; column <= raw->columns; ++column, ++cell) {
			bool is_null;
			Datum value = SPI_getbinval(SPI_tuptable->vals[row], columns, column, &is_null);
			if (is_null)
				continue;
			const Oid type = SPI_gettypeid(columns, column);
			if (type == BYTEAOID || type == TEXTOID) {
				text *bytes = DatumGetTextPP(value);
				raw->lengths[cell] = static_cast<int>(VARSIZE_ANY_EXHDR(bytes));
				raw->values[cell] = static_cast<char *>(palloc(static_cast<Size>(raw->lengths[cell]) + 1));
				memcpy(raw->values[cell], VARDATA_ANY(bytes), static_cast<Size>(raw->lengths[cell]));
			} else {
				raw->values[cell] = SPI_getvalue(SPI_tuptable->vals[row], columns, column);
				raw->lengths[cell] = static_cast<int>(strlen(raw->values[cell]));
			}
		}
	}
	MemoryContextSwitchTo(previous);
}

/// What is committed now. GetLatestSnapshot() refuses while the query runs parallel workers beside a live table, which
/// the snapshot for catalogs does not. Server regime.
Snapshot fresh_snapshot() { return IsInParallelMode() ? GetCatalogSnapshot(InvalidOid) : GetLatestSnapshot(); }

Result copy_out(const RawResult &raw) {
	Result result;
	result.processed = raw.processed;
	result.rows.reserve(raw.rows);
	std::size_t cell = 0;
	for (std::uint64_t row = 0; row < raw.rows; ++row) {
		std::vector<Cell> cells;
		cells.reserve(static_cast<std::size_t>(raw.columns));
		for (int column = 0; column < raw.columns; ++column, ++cell) {
			if (raw.values[cell])
				cells.emplace_back(std::in_place, raw.values[cell], static_cast<std::size_t>(raw.lengths[cell]));
			else
				cells.emplace_back(std::nullopt);
		}
		result.rows.emplace_back(std::move(cells));
	}
	return result;
}

} // namespace

// ---- Statement ----

Result Statement::execute(std::span<const Param> params, bool fresh) {
	RawResult raw{};
	guard([&] {
		raw.memory = AllocSetContextCreate(CurTransactionContext, "openbanking result", ALLOCSET_SMALL_SIZES);
		SPI_connect();
		const auto [values, nulls] = prepare(params);
		const int rc =
			fresh ? SPI_execute_snapshot(plan_, values, nulls, fresh_snapshot(), InvalidSnapshot, true, false, 0)
				  : SPI_execute_plan(plan_, values, nulls, false, 0);
		if (rc < 0)
			elog(ERROR, "could not execute statement: %s", SPI_result_code_string(rc));
		collect(&raw);
		SPI_finish();
	});
	try {
		Result result = copy_out(raw);
		guard([&] { MemoryContextDelete(raw.memory); });
		return result;
	} catch (const std::bad_alloc &) {
		guard([&] { MemoryContextDelete(raw.memory); });
		throw;
	}
}

Statement::Arguments Statement::prepare(std::span<const Param> params) {
	const int count = static_cast<int>(params.size());
	Oid *types = static_cast<Oid *>(palloc(sizeof(Oid) * (params.size() + 1)));
	bool same_types = plan_ != nullptr;
	for (int i = 0; i < count; ++i) {
		types[i] = params[static_cast<std::size_t>(i)].type();
		same_types = same_types && types[i] == SPI_getargtypeid(plan_, i);
	}
	// Types of our own get other oids when the extension is created anew.
	if (plan_ != nullptr && !same_types) {
		SPI_freeplan(plan_);
		plan_ = nullptr;
	}
	if (plan_ == nullptr) {
		SPIPlanPtr plan = SPI_prepare_cursor(text_, count, types, CURSOR_OPT_GENERIC_PLAN);
		if (plan == nullptr)
			elog(ERROR, "could not prepare statement: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		plan_ = plan;
	}
	Datum *values = static_cast<Datum *>(palloc(sizeof(Datum) * (params.size() + 1)));
	char *nulls = static_cast<char *>(palloc(params.size() + 1));
	for (int i = 0; i < count; ++i) {
		const Param &param = params[static_cast<std::size_t>(i)];
		nulls[i] = param.is_null() ? 'n' : ' ';
		values[i] = param.is_null() ? static_cast<Datum>(0) : param.build();
	}
	return {values, nulls};
}

// ---- Cursor ----

Cursor::Cursor(Statement &query, std::initializer_list<Param> params) {
	guard([&] {
		MemoryContext previous = CurrentMemoryContext;
		SPI_connect();
		const auto [values, nulls] = query.prepare({params.begin(), params.size()});
		// What a large scan would be compiled with takes 70 MB, more than all else here, and saves nothing.
		const int settings = NewGUCNestLevel();
		(void)set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		portal_ = SPI_cursor_open(nullptr, query.plan_, values, nulls, false);
		AtEOXact_GUC(false, settings);
		MemoryContextSwitchTo(previous);
	});
}

Cursor::Batch Cursor::fetch(std::size_t limit) {
	return guard([&] {
		MemoryContext previous = CurrentMemoryContext;
		if (batch_)
			SPI_freetuptable(batch_);
		batch_ = nullptr;
		SPI_cursor_fetch(portal_, true, static_cast<long>(limit));
		batch_ = SPI_tuptable;
		MemoryContextSwitchTo(previous);
		return Batch{batch_->vals, batch_->tupdesc, batch_->tuptabcxt, batch_->numvals};
	});
}

void Cursor::close() {
	guard([&] {
		SPI_cursor_close(portal_);
		SPI_finish();
	});
}

// ---- Row ----

const std::string &Row::text(std::size_t column) const {
	static const std::string empty;
	return cells_[column] ? *cells_[column] : empty;
}

std::int64_t Row::integer(std::size_t column) const {
	const std::string &digits = text(column);
	std::int64_t value = 0;
	std::from_chars(digits.data(), digits.data() + digits.size(), value);
	return value;
}

std::optional<Timestamp> Row::timestamp(std::size_t column) const {
	if (is_null(column))
		return std::nullopt;
	return Timestamp(std::chrono::microseconds(integer(column)));
}

// ---- Param ----

Param Param::boolean(bool value) { return datum(BOOLOID, BoolGetDatum(value)); }
Param Param::integer(std::int64_t value) { return datum(INT8OID, Int64GetDatum(value)); }
Param Param::small_integer(std::int32_t value) { return datum(INT4OID, Int32GetDatum(value)); }

Param Param::text(std::string_view value) {
	Param param(TEXTOID);
	param.kind_ = Kind::text;
	param.text_ = value;
	return param;
}

Param Param::text_or_null(std::string_view value) { return value.empty() ? null(TEXTOID) : text(value); }

Param Param::bytes(std::string_view value) {
	Param param(BYTEAOID);
	param.kind_ = Kind::bytes;
	param.text_ = value;
	return param;
}

Param Param::name(std::string_view value) {
	Param param(NAMEOID);
	param.kind_ = Kind::name;
	param.text_ = value;
	return param;
}

Param Param::timestamp(std::optional<Timestamp> value) {
	if (!value)
		return null(TIMESTAMPTZOID);
	return datum(TIMESTAMPTZOID, TimestampTzGetDatum(to_server(*value)));
}

Param Param::text_array(std::span<const std::string> values) {
	Param param(TEXTARRAYOID);
	param.kind_ = Kind::text_array;
	param.texts_ = values;
	return param;
}

Param Param::text_array_or_null(std::span<const std::string> values) {
	return values.empty() ? null(TEXTARRAYOID) : text_array(values);
}

Param Param::integer_array(std::span<const std::int64_t> values) {
	Param param(INT8ARRAYOID);
	param.kind_ = Kind::integer_array;
	param.integers_ = values;
	return param;
}

Param Param::datum(Oid type, Datum value) {
	Param param(type);
	param.kind_ = Kind::value;
	param.value_ = value;
	return param;
}

Datum Param::build() const {
	const auto text_datum = [](std::string_view value) {
		return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size())));
	};
	switch (kind_) {
	case Kind::null:
		break;
	case Kind::value:
		return value_;
	case Kind::text:
	case Kind::bytes: // the same varlena layout
		return text_datum(text_);
	case Kind::name: {
		if (text_.size() >= NAMEDATALEN)
			ereport(ERROR, (errcode(ERRCODE_NAME_TOO_LONG), errmsg("identifier too long")));
		Name value = static_cast<Name>(palloc0(NAMEDATALEN));
		memcpy(NameStr(*value), text_.data(), text_.size());
		return NameGetDatum(value);
	}
	case Kind::text_array: {
		Datum *elements = static_cast<Datum *>(palloc(sizeof(Datum) * (texts_.size() + 1)));
		for (std::size_t i = 0; i < texts_.size(); ++i)
			elements[i] = text_datum(texts_[i]);
		return PointerGetDatum(construct_array(elements, static_cast<int>(texts_.size()), TEXTOID, -1, false, TYPALIGN_INT));
	}
	case Kind::integer_array: {
		Datum *elements = static_cast<Datum *>(palloc(sizeof(Datum) * (integers_.size() + 1)));
		for (std::size_t i = 0; i < integers_.size(); ++i)
			elements[i] = Int64GetDatum(integers_[i]);
		return PointerGetDatum(
			construct_array(elements, static_cast<int>(integers_.size()), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	}
	}
	return 0;
}

} // namespace ob::pg::store
