// What would leave connections and sealed secrets without their server is refused: the event triggers on DDL. C++
// regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "commands/event_trigger.h"
#include "nodes/parsenodes.h"
}

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "pg/entry.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sealed_values.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/webhook_keys.hpp"
#include "providers/options.hpp"

namespace ob::pg::sqlapi {

namespace {

// Tokens are one provider's, of one environment.
constexpr std::array<std::string_view, 3> kFixed = {"provider", "environment", "region"};

void refuse_with_connections(const std::string &server, const std::string &what) {
	std::int64_t count = 0;
	store::as_owner([&] { count = store::count_live_connections(server); });
	if (count == 0)
		return;
	throw Error(ErrorCode::not_configured,
	            "server \"" + server + "\" cannot be " + what + " while connections belong to it",
	            std::to_string(count) + (count == 1 ? " connection is" : " connections are") + " not disconnected",
	            "Disconnect them first: SELECT ob.disconnect(id) FROM ob.connections WHERE server = '" + server +
	                "' AND state <> 'disconnected';");
}

void check_rename(const std::string &server) {
	refuse_with_connections(server, "renamed");
	store::SealedOptions options;
	store::as_owner([&] { options = store::sealed_options(); });
	for (const store::SealedOption &option : options.found)
		if (option.server == server)
			throw Error(ErrorCode::not_configured,
			            "server \"" + server + "\" cannot be renamed while a secret is sealed for it",
			            "option " + option.option + " of the user mapping for " +
			                (option.role.empty() ? "PUBLIC" : option.role),
			            "It would not open under the new name: drop the option, and seal the secret for the new name.");
}

void check_options(const std::string &server, const AlterForeignServerStmt *statement) {
	const providers::ServerConfig before = store::server_options(server);
	providers::ServerConfig after = before;
	for (int i = 0; i < list_length(statement->options); ++i) {
		const auto *option = static_cast<const DefElem *>(list_nth(statement->options, i));
		if (option->defaction == DEFELEM_DROP)
			after.options.erase(option->defname);
		else
			after.options[option->defname] = option->arg ? strVal(option->arg) : "";
	}
	after.provider = after.options["provider"];
	try {
		std::vector<std::pair<std::string_view, std::string_view>> list(after.options.begin(), after.options.end());
		providers::validate_server_options(list);
	} catch (const Error &) {
		return; // what is wrong the validator says
	}
	for (const std::string_view name : kFixed)
		if (before.option(name) != after.option(name))
			refuse_with_connections(server, "given another " + std::string(name));
}

/// Keys are those of one environment, and of the host that told them.
void forget_keys(const std::string &server) {
	store::as_owner([&] { store::forget_webhook_keys(server); });
}

/// A statement that is about to run.
void check_statement(Node *statement) {
	std::string server;
	if (IsA(statement, RenameStmt)) {
		const auto *rename = reinterpret_cast<RenameStmt *>(statement);
		if (rename->renameType == OBJECT_FOREIGN_SERVER)
			server = strVal(rename->object);
	} else if (IsA(statement, AlterForeignServerStmt)) {
		server = reinterpret_cast<AlterForeignServerStmt *>(statement)->servername;
	}
	// Whoever may not change it the server refuses, and tells nothing about its connections.
	if (server.empty() || !store::is_ours(server) || !store::owns(server))
		return;
	forget_keys(server);
	if (IsA(statement, RenameStmt))
		check_rename(server);
	else
		check_options(server, reinterpret_cast<AlterForeignServerStmt *>(statement));
}

void check(FunctionCallInfo fcinfo) {
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		throw Error(ErrorCode::invalid_argument, "ob.check_server_changes is an event trigger's function");
	const auto *data = reinterpret_cast<EventTriggerData *>(fcinfo->context);
	if (std::string_view(data->event) == "ddl_command_start") {
		check_statement(data->parsetree);
		return;
	}
	// By whatever command, CASCADE included. Not by DROP EXTENSION: then the trigger is gone, too.
	for (const std::string &server : store::dropped_servers()) {
		refuse_with_connections(server, "dropped");
		forget_keys(server);
	}
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_check_server_changes) {
	ob::pg::sqlapi::check(fcinfo);
	return 0;
}
