#include "pg/sqlapi/call.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
}

#include "core/time.hpp"
#include "pg/guard.hpp"
#include "pg/store/installation.hpp"
#include "pg/store/owner.hpp"

namespace ob::pg::sqlapi {

namespace {

// Rows between two looks for interrupts.
constexpr std::size_t kRowsPerLook = 500;

/// `fields` as C strings in the current memory context; NULL for none. Plain memory, so that the guarded code that
/// follows sees no C++ object.
char **c_strings(const Fields &fields) {
	char **values = static_cast<char **>(guard([&] { return palloc0(sizeof(char *) * (fields.size() + 1)); }));
	for (std::size_t i = 0; i < fields.size(); ++i)
		if (fields[i])
			values[i] = guard([&] { return pnstrdup(fields[i]->data(), fields[i]->size()); });
	return values;
}

} // namespace

std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int index) {
	if (PG_ARGISNULL(index))
		return std::nullopt;
	const text *value = guard([&] { return PG_GETARG_TEXT_PP(index); });
	return std::string(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

std::optional<std::string> name_argument(FunctionCallInfo fcinfo, int index) {
	if (PG_ARGISNULL(index))
		return std::nullopt;
	return std::string(NameStr(*PG_GETARG_NAME(index)));
}

std::optional<std::string> output_argument(FunctionCallInfo fcinfo, int index) {
	if (PG_ARGISNULL(index))
		return std::nullopt;
	const char *value = guard([&] {
		Oid output;
		bool is_varlena;
		getTypeOutputInfo(get_fn_expr_argtype(fcinfo->flinfo, index), &output, &is_varlena);
		return OidOutputFunctionCall(output, PG_GETARG_DATUM(index));
	});
	return std::string(value);
}

std::optional<std::int64_t> integer_argument(FunctionCallInfo fcinfo, int index) {
	if (PG_ARGISNULL(index))
		return std::nullopt;
	return PG_GETARG_INT64(index);
}

std::optional<bool> boolean_argument(FunctionCallInfo fcinfo, int index) {
	if (PG_ARGISNULL(index))
		return std::nullopt;
	return PG_GETARG_BOOL(index);
}

json::Document parse_object(const std::string &text, const char *name) {
	json::Document document = json::Document::parse(text, {.error = ErrorCode::invalid_argument});
	if (!document.is_object())
		throw Error(ErrorCode::invalid_argument, std::string("argument \"") + name + "\" must be a JSON object");
	return document;
}

void check_calls_allowed() {
	store::check_adopted();
	(void)Runtime::get().transport();
}

store::LoadedServer usable_server(const std::string &name) {
	store::check_usage(name);
	return store::load_server(name, store::current_role());
}

Datum return_row(FunctionCallInfo fcinfo, const Fields &fields) {
	char **values = c_strings(fields);
	return guard([&] {
		TupleDesc columns;
		if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "the function does not return a row");
		HeapTuple tuple = BuildTupleFromCStrings(TupleDescGetAttInMetadata(BlessTupleDesc(columns)), values);
		return HeapTupleGetDatum(tuple);
	});
}

Datum return_rows(FunctionCallInfo fcinfo, const std::vector<Fields> &rows) {
	return return_rows(fcinfo, rows.size(), [&](std::size_t i) { return rows[i]; });
}

Datum return_rows(FunctionCallInfo fcinfo, std::size_t count, const std::function<Fields(std::size_t)> &row) {
	guard([&] { InitMaterializedSRF(fcinfo, 0); });
	auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	AttInMetadata *columns = guard([&] { return TupleDescGetAttInMetadata(result->setDesc); });
	const MemoryContext memory =
	    guard([&] { return AllocSetContextCreate(CurrentMemoryContext, "openbanking row", ALLOCSET_DEFAULT_SIZES); });
	const MemoryContext before = MemoryContextSwitchTo(memory);
	for (std::size_t i = 0; i < count; ++i) {
		if (i % kRowsPerLook == 0)
			Runtime::get().waiter().check();
		char **values = c_strings(row(i));
		guard([&] {
			tuplestore_puttuple(result->setResult, BuildTupleFromCStrings(columns, values));
			MemoryContextReset(memory);
		});
	}
	MemoryContextSwitchTo(before);
	guard([&] { MemoryContextDelete(memory); });
	return 0;
}

Datum return_text(const std::string &value) {
	return guard(
	    [&] { return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size()))); });
}

Field field(std::string_view value) {
	return value.empty() ? Field() : Field(std::string(value));
}
Field field(std::int64_t value) {
	return std::to_string(value);
}
Field field(const std::optional<Timestamp> &at) {
	return at ? Field(time::format_timestamp(*at)) : Field();
}
Field boolean_field(std::optional<bool> value) {
	return value ? Field(*value ? "t" : "f") : Field();
}

Field array_field(std::span<const std::string> values) {
	std::string literal = "{";
	for (const std::string &value : values) {
		literal += literal.size() > 1 ? ",\"" : "\"";
		for (const char c : value) {
			if (c == '"' || c == '\\')
				literal += '\\';
			literal += c;
		}
		literal += '"';
	}
	return literal + "}";
}

} // namespace ob::pg::sqlapi
