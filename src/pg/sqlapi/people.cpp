// ob.export_user and ob.erase_user. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
}

#include <iterator>

#include "pg/entry.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/sqlapi/ending.hpp"
#include "pg/sqlapi/linking.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sql.hpp"
#include "pg/worker/client.hpp"
#include "json/document.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Connection;

Datum return_jsonb(const std::string &text) {
	return guard([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.c_str())); });
}

/// What one of our own functions says of an end user.
std::string ask(store::Statement &statement, const std::string &user_ref) {
	std::string answer;
	store::as_owner([&] { answer = statement.run({store::Param::text(user_ref)}).rows.front().text(0); });
	return answer;
}

/// A server that was dropped keeps nobody from his data.
void check_usage_if_there(const std::string &server) {
	try {
		store::check_usage(server);
	} catch (const Error &error) {
		if (error.code() != ErrorCode::not_found)
			throw;
	}
}

/// Throws not_allowed without USAGE on the server of one of them.
std::vector<Connection> connections_of(const std::string &user_ref) {
	static store::Statement select("SELECT id FROM ob.connections WHERE user_ref = $1 ORDER BY id");
	store::Result found;
	store::as_owner([&] { found = select.read_fresh({store::Param::text(user_ref)}); });
	std::vector<Connection> connections;
	for (const store::Row &row : found.rows)
		connections.push_back(store::find_connection(row.integer(0)));
	for (const Connection &connection : connections)
		check_usage_if_there(connection.server);
	return connections;
}

std::string export_user(const std::string &user_ref) {
	static store::Statement select("SELECT ob.person_data($1)::text");
	(void)connections_of(user_ref);
	run(worker::commit_audit({.action = "EXPORTED", .user_ref = user_ref}));
	return ask(select, user_ref);
}

/// Under the connection's lock, held to the end of the transaction: no sync brings back what is deleted.
void end_connection(const Connection &connection, bool force) {
	std::optional<Error> failure;
	try {
		disconnect(connection, false);
	} catch (const Error &error) {
		failure.emplace(error);
	}
	if (failure && !force)
		throw *failure;
	if (failure)
		guard([&] {
			ereport(WARNING, (errmsg("connection " INT64_FORMAT " could not be ended at its provider", connection.id),
			                  errhint("It is forgotten here; end it in the provider's dashboard.")));
		});
	if (!run(wait_for_lock(connection.id, LockScope::transaction)))
		throw Error(ErrorCode::not_configured, "another session works on connection " + std::to_string(connection.id),
		            {}, "Try again later.");
}

std::string erase_user(const std::string &user_ref, bool force) {
	static store::Statement forget("SELECT ob.forget_person($1)::text");
	guard([] { PreventCommandIfReadOnly("ob.erase_user()"); });
	// What the worker writes meanwhile must be seen to be deleted.
	if (guard([] { return IsolationUsesXactSnapshot(); }))
		throw Error(ErrorCode::not_configured, "ob.erase_user() needs isolation level READ COMMITTED");
	const std::vector<Connection> connections = connections_of(user_ref);
	for (const Connection &connection : connections)
		end_connection(connection, force);
	std::string forgotten = ask(forget, user_ref);
	// The tokens of one that nobody has ended must not be lost.
	if (json::Document::parse(forgotten).integer("connections") != std::ssize(connections))
		throw Error(ErrorCode::not_configured, "a bank of this end user has been linked or erased meanwhile", {},
		            "Try again.");
	return forgotten;
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_export_user) {
	return return_jsonb(export_user(user_ref_argument(fcinfo, 0)));
}

OB_FUNCTION(ob_erase_user) {
	return return_jsonb(erase_user(user_ref_argument(fcinfo, 0), boolean_argument(fcinfo, 1).value_or(false)));
}
