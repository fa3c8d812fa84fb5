#include "pg/store/servers.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "foreign/foreign.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

#include "core/error.hpp"
#include "crypto/digest.hpp"
#include "crypto/seal.hpp"
#include "crypto/secret_file.hpp"
#include "pg/guard.hpp"
#include "pg/store/client_checks.hpp"
#include "pg/store/installation.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/server_budget.hpp"
#include "pg/store/sql.hpp"
#include "providers/sealed_option.hpp"

namespace ob::pg::store {

namespace {

using providers::OptionCatalog;
using providers::ServerConfig;

constexpr const char *kWrapper = "openbanking";

/// Catalog rows as plain data, in the current memory context.
struct CatalogRows {
	Oid server;
	TransactionId server_version;
	List *server_options;
	Oid mapping;
	TransactionId mapping_version;
	List *mapping_options;
};

/// The server's id, InvalidOid if there is none of that name or it is not ours. Server regime.
Oid find_server(const char *name) {
	ForeignServer *server = GetForeignServerByName(name, true);
	if (!server || strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, kWrapper) != 0)
		return InvalidOid;
	return server->serverid;
}

Oid server_oid(std::string_view name) {
	const std::string text(name);
	const Oid oid = guard([&] { return find_server(text.c_str()); });
	if (oid == InvalidOid)
		throw Error(
		    ErrorCode::not_found, "server \"" + text + "\" does not exist", {},
		    "CREATE SERVER … FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', environment 'sandbox');");
	return oid;
}

HeapTuple find_mapping(Oid role, Oid server) {
	HeapTuple tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role), ObjectIdGetDatum(server));
	if (!HeapTupleIsValid(tuple))
		tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server));
	return tuple;
}

/// Reads both catalog rows; a missing mapping leaves `mapping` invalid. Server regime.
CatalogRows read_catalog(Oid server, const char *role_name) {
	CatalogRows rows{};
	HeapTuple tuple = SearchSysCache1(FOREIGNSERVEROID, ObjectIdGetDatum(server));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for foreign server %u", server);
	rows.server = server;
	rows.server_version = HeapTupleHeaderGetRawXmin(tuple->t_data);
	ReleaseSysCache(tuple);
	rows.server_options = GetForeignServer(server)->options;

	tuple = find_mapping(get_role_oid(role_name, true), server);
	if (!HeapTupleIsValid(tuple))
		return rows;
	rows.mapping = reinterpret_cast<Form_pg_user_mapping>(GETSTRUCT(tuple))->oid;
	rows.mapping_version = HeapTupleHeaderGetRawXmin(tuple->t_data);
	bool is_null;
	Datum options = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &is_null);
	rows.mapping_options = is_null ? NIL : untransformRelOptions(options);
	ReleaseSysCache(tuple);
	return rows;
}

const char *option_value(DefElem *option) {
	return option->arg ? strVal(option->arg) : "";
}

Secret read_file_option(const ServerConfig &config, const std::string &option, const std::string &path) {
	const std::string named_by = "server: " + config.name + ", option: " + option;
	WipedString text = crypto::read_secret_file(path, "file with a secret", named_by);
	while (text.ends_with('\n') || text.ends_with('\r'))
		text.pop_back();
	if (text.empty())
		throw Error(ErrorCode::not_configured, "the file with a secret is empty", named_by);
	return Secret(std::move(text));
}

/// Opens a secret option, or accepts a clear one in sandbox.
Secret open_secret(const ServerConfig &config, const std::string &option, const std::string &value) {
	if (auto sealed = crypto::from_text(value))
		return unseal(*sealed, providers::option_place(config.name, option),
		              "option " + option + " of the user mapping for server " + config.name);
	if (crypto::is_sealed_text(value))
		throw Error(ErrorCode::unseal_failed, "a sealed option is damaged",
		            "server: " + config.name + ", option: " + option, "Seal the secret again.");
	if (config.option("environment") == "production")
		throw Error(ErrorCode::not_configured, "a clear secret in a user mapping is refused in production",
		            "server: " + config.name + ", option: " + option,
		            "ALTER USER MAPPING … OPTIONS (SET " + option + " '…') with what \"openbanking-seal --server " +
		                config.name + " --option " + option + "\" prints, or ob.seal returns.");
	return Secret(value);
}

// Reading these plain C lists cannot raise.
void read_server_options(ServerConfig &config, List *options) {
	for (int i = 0; i < list_length(options); ++i) {
		auto *option = static_cast<DefElem *>(list_nth(options, i));
		config.options.emplace(option->defname, option_value(option));
	}
	config.provider = config.options["provider"];
}

void read_credentials(ServerConfig &config, List *options) {
	for (int i = 0; i < list_length(options); ++i) {
		auto *option = static_cast<DefElem *>(list_nth(options, i));
		const std::string name = option->defname;
		const std::string value = option_value(option);
		constexpr std::string_view kFileSuffix = "_file";
		const auto *spec = providers::find_option(OptionCatalog::user_mapping, name);
		if (name.ends_with(kFileSuffix))
			config.credentials.emplace(name.substr(0, name.size() - kFileSuffix.size()),
			                           read_file_option(config, name, value));
		else if (spec && spec->secret)
			config.credentials.emplace(name, open_secret(config, name, value));
		else
			config.credentials.emplace(name, Secret(value));
	}
}

} // namespace

LoadedServer load_server(std::string_view server, std::string_view role) {
	check_adopted();
	const Oid oid = server_oid(server);
	const std::string role_name(role);
	const CatalogRows rows = guard([&] { return read_catalog(oid, role_name.c_str()); });

	auto config = std::make_shared<ServerConfig>();
	config->name = std::string(server);
	read_server_options(*config, rows.server_options);
	if (rows.mapping == InvalidOid)
		throw Error(ErrorCode::missing_option, "no user mapping for server \"" + config->name + "\"",
		            "role: " + role_name,
		            "CREATE USER MAPPING FOR \"" + role_name + "\" SERVER \"" + config->name +
		                "\" OPTIONS (client_id '…', client_secret '…');");
	read_credentials(*config, rows.mapping_options);

	LoadedServer loaded;
	loaded.version = std::to_string(rows.server) + ":" + std::to_string(rows.server_version) + ":" +
	                 std::to_string(rows.mapping) + ":" + std::to_string(rows.mapping_version);
	// Two versions that hash alike would only share idle connections to the same host.
	config->pool = std::hash<std::string>{}(loaded.version);
	loaded.provider = providers::find_provider(config->provider);
	if (!loaded.provider)
		throw Error(ErrorCode::not_found, "server \"" + config->name + "\" has no provider of its own",
		            "provider: " + config->provider);
	config->gate = client_gate(client_of(*config, role_name));
	config->budget = server_budget(*config);
	loaded.config = std::move(config);
	return loaded;
}

providers::ServerConfig server_options(std::string_view server) {
	const Oid oid = server_oid(server);
	List *options = guard([&] { return GetForeignServer(oid)->options; });
	ServerConfig config;
	config.name = std::string(server);
	read_server_options(config, options);
	return config;
}

bool is_ours(std::string_view server) {
	const std::string name(server);
	return guard([&] { return find_server(name.c_str()); }) != InvalidOid;
}

bool owns(std::string_view server) {
	const Oid oid = server_oid(server);
	return guard([&] { return has_privs_of_role(GetUserId(), GetForeignServer(oid)->owner); });
}

std::vector<std::string> dropped_servers() {
	static Statement select("SELECT object_name FROM pg_catalog.pg_event_trigger_dropped_objects() "
	                        "WHERE object_type OPERATOR(pg_catalog.=) 'server'");
	std::vector<std::string> names;
	for (const Row &row : select.run({}).rows)
		names.push_back(row.text(0));
	return names;
}

std::string provider_of(std::string_view server) {
	return server_options(server).provider;
}

void check_usage(std::string_view server) {
	const Oid oid = server_oid(server);
	const bool allowed = guard([&] { return compat::server_aclcheck(oid, GetUserId(), ACL_USAGE) == ACLCHECK_OK; });
	if (!allowed)
		throw Error(ErrorCode::not_allowed, "permission denied for foreign server " + std::string(server), {},
		            "GRANT USAGE ON FOREIGN SERVER … TO …;");
}

std::vector<std::string> usable_servers() {
	struct Names {
		int count;
		const char **names;
	};
	const Names found = guard([] {
		Relation relation = table_open(ForeignServerRelationId, AccessShareLock);
		SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
		List *oids = NIL;
		while (HeapTuple tuple = systable_getnext(scan))
			oids = lappend_oid(oids, reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(tuple))->oid);
		systable_endscan(scan);
		table_close(relation, AccessShareLock);
		Names result{0, static_cast<const char **>(palloc(sizeof(char *) * static_cast<Size>(list_length(oids) + 1)))};
		for (int i = 0; i < list_length(oids); ++i) {
			ForeignServer *server = GetForeignServer(list_nth_oid(oids, i));
			if (strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, kWrapper) == 0 &&
			    compat::server_aclcheck(server->serverid, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
				result.names[result.count++] = server->servername;
		}
		return result;
	});
	std::vector<std::string> names;
	for (int i = 0; i < found.count; ++i)
		if (std::string name = found.names[i]; provider_of(name) != "all")
			names.push_back(std::move(name));
	return names;
}

} // namespace ob::pg::store
