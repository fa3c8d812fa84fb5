// What SQL functions share: arguments, results, running a coroutine to its end. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/loop.hpp"
#include "pg/runtime.hpp"
#include "pg/store/servers.hpp"
#include "json/document.hpp"

namespace ob::pg::sqlapi {

/// Runs a task on the process's reactor, watching for cancel and terminate.
template <class T>
T run(Task<T> task) {
	Runtime &runtime = Runtime::get();
	Loop loop(runtime.reactor(), runtime.waiter());
	return loop.run(std::move(task));
}

// ---- arguments; nothing for NULL ----

std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int index);
std::optional<std::string> name_argument(FunctionCallInfo fcinfo, int index);
/// As text in the type's own form: jsonb, inet.
std::optional<std::string> output_argument(FunctionCallInfo fcinfo, int index);
std::optional<std::int64_t> integer_argument(FunctionCallInfo fcinfo, int index); // int8
std::optional<bool> boolean_argument(FunctionCallInfo fcinfo, int index);

/// For an argument without which the function makes no sense. Throws invalid_argument naming it.
template <class T>
T required(std::optional<T> value, const char *name) {
	if (!value)
		throw Error(ErrorCode::invalid_argument, std::string("argument \"") + name + "\" must not be null");
	return std::move(*value);
}

/// A JSON argument that must be an object. Throws invalid_argument naming it.
json::Document parse_object(const std::string &text, const char *name);

/// Throws not_configured if no provider may be called at all: that is no failure of a connection.
void check_calls_allowed();

/// The server of that name, for calls with the caller's own user mapping. Throws as store::check_usage and load_server.
store::LoadedServer usable_server(const std::string &name);

// ---- results: text forms, which the column types read ----

using Field = std::optional<std::string>;
using Fields = std::vector<Field>;

Datum return_row(FunctionCallInfo fcinfo, const Fields &fields);
/// For a function that returns a table.
Datum return_rows(FunctionCallInfo fcinfo, const std::vector<Fields> &rows);
/// As above, for many: `row` makes one at a time, from 0 to count - 1.
Datum return_rows(FunctionCallInfo fcinfo, std::size_t count, const std::function<Fields(std::size_t)> &row);
Datum return_text(const std::string &value);

Field field(std::string_view text); // NULL if empty
Field field(std::int64_t value);
Field field(const std::optional<Timestamp> &at);
Field boolean_field(std::optional<bool> value);
Field array_field(std::span<const std::string> values); // text[]

} // namespace ob::pg::sqlapi
