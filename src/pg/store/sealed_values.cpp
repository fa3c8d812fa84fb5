#include "pg/store/sealed_values.hpp"

extern "C" {
#include "miscadmin.h"
}

#include "crypto/seal.hpp"
#include "pg/guard.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

using KeyColumns = std::vector<SealedColumn::KeyColumn>;

// ---- the statements, which follow from the list ----

/// `between` the parts that `part` makes of the key's columns.
template <class Part>
std::string joined(const KeyColumns &key, const char *between, Part &&part) {
	std::string list;
	for (std::size_t i = 0; i < key.size(); ++i)
		list.append(i ? between : "").append(part(i));
	return list;
}

std::string names(const KeyColumns &key) {
	return joined(key, ", ", [&](std::size_t i) { return std::string(key[i].name); });
}

/// Parameters from $`first` on, as text, in the types of the key's columns.
std::string parameters(const KeyColumns &key, int first) {
	return joined(key, ", ", [&](std::size_t i) {
		return "$" + std::to_string(first + static_cast<int>(i)) + "::text::" + key[i].type;
	});
}

std::string select_text(const SealedColumn &column) {
	const std::string value = column.column;
	return "SELECT " + value + ", " +
	       joined(column.key, ", ", [&](std::size_t i) { return std::string(column.key[i].name) + "::text"; }) +
	       " FROM " + column.table + " WHERE " + value + " IS NOT NULL AND substr(" + value +
	       ", 1, octet_length($1)) <> $1 AND (" + names(column.key) + ") > (" + parameters(column.key, 3) +
	       ") ORDER BY " + names(column.key) + " LIMIT $2";
}

std::string update_text(const SealedColumn &column) {
	const std::string value = column.column;
	return std::string("UPDATE ") + column.table + " SET " + value + " = $1 WHERE " + value + " = $2 AND (" +
	       names(column.key) + ") = (" + parameters(column.key, 3) + ")";
}

/// The appended byte is for values too short to have a second one.
std::string count_text(const SealedColumn &column) {
	const std::string value = column.column;
	return "SELECT CASE WHEN substr(" + value + ", 1, 1) = '\\x01'::bytea THEN substr(" + value + ", 3, get_byte(" +
	       value + " || '\\x00'::bytea, 1)) END, count(*) FROM " + column.table + " WHERE " + value +
	       " IS NOT NULL GROUP BY 1";
}

struct Statements {
	explicit Statements(const SealedColumn &column)
	    : texts{select_text(column), update_text(column), count_text(column)} {}
	const std::array<std::string, 3> texts;
	Statement select{texts[0].c_str()};
	Statement update{texts[1].c_str()};
	Statement count{texts[2].c_str()};
};

Statements &statements(const SealedColumn &column) {
	static std::map<const SealedColumn *, Statements> all;
	return all.try_emplace(&column, column).first->second;
}

/// What every key is greater than.
std::vector<std::string> before_all(const SealedColumn &column) {
	std::vector<std::string> key;
	for (const auto &[name, type] : column.key)
		key.emplace_back(std::string_view(type) == "int8" ? "-9223372036854775808" : "");
	return key;
}

void add_texts(std::vector<Param> *params, const std::vector<std::string> &values) {
	for (const std::string &value : values)
		params->push_back(Param::text(value));
}

} // namespace

const std::vector<SealedColumn> &sealed_columns() {
	static const std::vector<SealedColumn> all = {
	    {"ob.tokens", "sealed", KeyUser::tokens, {{"server", "name"}, {"subject", "text"}, {"kind", "text"}}},
	    {"ob.links", "url_sealed", KeyUser::links, {{"link_id", "text"}}},
	    {"ob.links", "token_sealed", KeyUser::links, {{"link_id", "text"}}},
	    {"ob.links", "verifier_sealed", KeyUser::links, {{"link_id", "text"}}},
	    {"ob.outcomes", "sealed", KeyUser::outcomes, {{"call_id", "text"}}},
	    {"ob.accounts_all", "number_sealed", KeyUser::accounts, {{"connection_id", "int8"}, {"account_id", "text"}}},
	};
	return all;
}

std::string place_of(const SealedColumn &column, const SealedValue &value) {
	std::vector<std::string_view> parts{column.table, column.column};
	parts.insert(parts.end(), value.key.begin(), value.key.end());
	return crypto::associated(parts);
}

std::string describe(const SealedColumn &column, const SealedValue &value) {
	return column.name() + " (" +
	       joined(column.key, ", ", [&](std::size_t i) { return column.key[i].name + (" " + value.key[i]); }) + ")";
}

std::vector<SealedValue> not_sealed_with(const SealedColumn &column, std::string_view key_id,
                                         const std::vector<std::string> &after, std::int64_t limit) {
	const std::string head = crypto::sealed_head(key_id);
	const std::vector<std::string> from = after.empty() ? before_all(column) : after;
	std::vector<Param> params{Param::bytes(head), Param::integer(limit)};
	add_texts(&params, from);
	std::vector<SealedValue> values;
	for (const Row &row : statements(column).select.run(params).rows) {
		SealedValue value{{}, row.text(0)};
		for (std::size_t i = 1; i <= column.key.size(); ++i)
			value.key.push_back(row.text(i));
		values.push_back(std::move(value));
	}
	return values;
}

bool replace(const SealedColumn &column, const SealedValue &value, std::string_view fresh) {
	std::vector<Param> params{Param::bytes(fresh), Param::bytes(value.bytes)};
	add_texts(&params, value.key);
	return statements(column).update.run(params).processed == 1;
}

SealedOptions sealed_options() {
	// As the caller, whose search_path may be anything.
	static Statement select(
	    "SELECT m.srvname, CASE WHEN m.umuser OPERATOR(pg_catalog.<>) 0 THEN m.usename END, o.option_name, "
	    "o.option_value FROM pg_catalog.pg_user_mappings m "
	    "JOIN pg_catalog.pg_foreign_server s ON s.oid OPERATOR(pg_catalog.=) m.srvid "
	    "JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw "
	    "LEFT JOIN LATERAL pg_catalog.pg_options_to_table(m.umoptions) o ON true "
	    "WHERE w.fdwname OPERATOR(pg_catalog.=) 'openbanking' ORDER BY 1, 2, 3");
	SealedOptions options;
	const bool sees_all = guard([] { return superuser(); });
	for (const Row &row : select.read_fresh({}).rows) {
		if (row.is_null(2) && !sees_all)
			++options.hidden;
		if (!crypto::is_sealed_text(row.text(3)))
			continue;
		const std::optional<std::string> bytes = crypto::from_text(row.text(3));
		const std::string key_id = bytes ? crypto::sealed_key_id(*bytes).value_or("") : "";
		options.found.push_back({row.text(0), row.text(1), row.text(2), bytes.value_or(""), key_id});
	}
	return options;
}

std::map<std::string, KeyUse> count_key_uses(const SealedOptions &options) {
	std::map<std::string, KeyUse> uses;
	const auto add = [&](const std::string &id, KeyUser user, std::int64_t count) {
		uses[crypto::is_key_id(id) ? id : ""][static_cast<std::size_t>(user)] += count;
	};
	as_owner([&] {
		for (const SealedColumn &column : sealed_columns())
			for (const Row &row : statements(column).count.read_fresh({}).rows)
				add(row.text(0), column.user, row.integer(1));
	});
	for (const SealedOption &option : options.found)
		add(option.key_id, KeyUser::mapping_options, 1);
	return uses;
}

} // namespace ob::pg::store
