// IMPORT FOREIGN SCHEMA ob: the live tables, as statements for the server to run. C++ regime.
#include "pg/entry.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
}

#include <string>
#include <vector>

#include "core/error.hpp"
#include "pg/fdw/callbacks.hpp"
#include "pg/fdw/columns.hpp"
#include "pg/fdw/table.hpp"

namespace ob::pg::fdw {

namespace {

constexpr std::string_view kRemoteSchema = "ob";

/// Types and collations by schema, because the importer's search_path decides nothing here.
std::string create_statement(Object object, const char *quoted_server) {
	std::string sql = "CREATE FOREIGN TABLE ";
	sql.append(import_name(object)).append(" (");
	const char *separator = "\n\t";
	for (const ColumnSpec &column : columns_of(object)) {
		sql.append(separator).append("\"").append(column.name).append("\" ").append(type_name(column.type));
		if (column.bytewise)
			sql.append(" COLLATE pg_catalog.\"C\"");
		separator = ",\n\t";
	}
	sql.append("\n) SERVER ").append(quoted_server).append(" OPTIONS (").append(kObjectOption).append(" '");
	return sql.append(object_name(object)).append("')");
}

/// Whether LIMIT TO or EXCEPT leaves the table in. Plain reads.
bool wanted(const ImportForeignSchemaStmt *statement, const char *table) {
	if (statement->list_type == FDW_IMPORT_SCHEMA_ALL)
		return true;
	bool listed = false;
	for (int i = 0; i < list_length(statement->table_list); ++i)
		listed =
		    listed || std::string_view(static_cast<RangeVar *>(list_nth(statement->table_list, i))->relname) == table;
	return listed == (statement->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO);
}

List *import(const ImportForeignSchemaStmt *statement) {
	if (statement->remote_schema != kRemoteSchema)
		throw Error(ErrorCode::not_found,
		            "remote schema \"" + std::string(statement->remote_schema) + "\" does not exist", {},
		            "IMPORT FOREIGN SCHEMA ob FROM SERVER … INTO …;");
	if (statement->options != NIL) {
		const auto *option = static_cast<DefElem *>(linitial(statement->options));
		throw Error(ErrorCode::unknown_option, "invalid option \"" + std::string(option->defname) + "\"", {},
		            "IMPORT FOREIGN SCHEMA has no options here.");
	}
	const char *server = guard([&] { return quote_identifier(statement->server_name); });
	std::vector<std::string> statements;
	for (const Object object : kObjects)
		if (wanted(statement, import_name(object)))
			statements.push_back(create_statement(object, server));
	return guard([&] {
		List *list = NIL;
		for (const std::string &sql : statements)
			list = lappend(list, pstrdup(sql.c_str()));
		return list;
	});
}

} // namespace

List *import_foreign_schema(ImportForeignSchemaStmt *statement, [[maybe_unused]] Oid server) {
	return entry([&] { return import(statement); });
}

} // namespace ob::pg::fdw
