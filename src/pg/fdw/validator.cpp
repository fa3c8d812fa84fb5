// Checks options of servers, user mappings, foreign tables and their columns when they are set. C++ regime.
#include "pg/entry.hpp"

extern "C" {
#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
}

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "pg/fdw/table.hpp"
#include "providers/options.hpp"

namespace ob::pg::fdw {

namespace {

using providers::OptionCatalog;
using Options = std::vector<std::pair<std::string_view, std::string_view>>;

struct RawOption {
	const char *name;
	const char *value;
};

/// The list as the server hands it over: all options as they will be, also on ALTER. Views into server memory.
Options read_options(Datum list) {
	struct Raw {
		int count;
		RawOption *options;
	};
	const Raw raw = guard([&] {
		List *items = untransformRelOptions(list);
		Raw result{list_length(items), nullptr};
		result.options = static_cast<RawOption *>(palloc(sizeof(RawOption) * static_cast<Size>(result.count + 1)));
		for (int i = 0; i < result.count; ++i) {
			auto *item = static_cast<DefElem *>(list_nth(items, i));
			result.options[i] = {item->defname, item->arg ? strVal(item->arg) : ""};
		}
		return result;
	});
	Options options;
	options.reserve(static_cast<std::size_t>(raw.count));
	for (const RawOption &option : std::span(raw.options, static_cast<std::size_t>(raw.count)))
		options.emplace_back(option.name, option.value);
	return options;
}

/// What picks a file to read is the superuser's: others could have the server's account read it for them.
void check_superuser(OptionCatalog catalog, const Options &options) {
	for (const auto &[name, value] : options) {
		const providers::OptionSpec *spec = providers::find_option(catalog, name);
		if (spec && spec->superuser_only && !guard([] { return superuser(); }))
			throw Error(ErrorCode::not_allowed, "only a superuser may set option \"" + std::string(name) + "\"", {},
			            "It names a file that the server's account reads.");
	}
}

/// Throws unknown_option unless `name` is in `known`.
void check_known(std::string_view name, std::span<const std::string_view> known, std::string_view place) {
	for (const std::string_view one : known)
		if (name == one)
			return;
	std::string hint;
	if (const std::string_view near = text::nearest(name, known); !near.empty()) {
		hint = "Perhaps you meant the option \"" + std::string(near) + "\".";
	} else if (known.empty()) {
		hint = "There are no options of a " + std::string(place) + ".";
	} else {
		hint = "Valid options: ";
		for (std::size_t i = 0; i < known.size(); ++i)
			hint.append(i ? ", " : "").append(known[i]);
		hint += ".";
	}
	throw Error(ErrorCode::unknown_option, "invalid option \"" + std::string(name) + "\"", {}, std::move(hint));
}

void validate(const Options &options, Oid catalog) {
	static constexpr std::array kTableOptions{kObjectOption};
	static constexpr std::array kColumnOptions{kColumnNameOption};
	switch (catalog) {
	case ForeignServerRelationId:
		// First the names: a misspelt "provider" is not to be reported as a missing one.
		for (const auto &[name, value] : options)
			if (!providers::find_option(OptionCatalog::server, name))
				providers::validate_option(OptionCatalog::server, {}, name, value);
		providers::validate_server_options(options);
		check_superuser(OptionCatalog::server, options);
		break;
	case UserMappingRelationId:
		for (const auto &[name, value] : options)
			providers::validate_option(OptionCatalog::user_mapping, {}, name, value);
		check_superuser(OptionCatalog::user_mapping, options);
		break;
	case ForeignTableRelationId:
		for (const auto &[name, value] : options) {
			check_known(name, kTableOptions, "foreign table");
			object_of(value);
		}
		break;
	case AttributeRelationId:
		for (const auto &[name, value] : options) {
			check_known(name, kColumnOptions, "column");
			if (value.empty())
				throw Error(ErrorCode::invalid_argument, "invalid value for option \"column_name\": must not be empty");
		}
		break;
	default:
		for (const auto &[name, value] : options)
			check_known(name, {}, "foreign data wrapper");
	}
}

} // namespace

} // namespace ob::pg::fdw

OB_FUNCTION(ob_fdw_validator) {
	ob::pg::fdw::validate(ob::pg::fdw::read_options(PG_GETARG_DATUM(0)), PG_GETARG_OID(1));
	PG_RETURN_VOID();
}
