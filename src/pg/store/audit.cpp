#include "pg/store/audit.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

// Who is known already is found without the function that makes pseudonyms.
#define OB_PSEUDONYM_OF "COALESCE((SELECT p.pseudonym FROM ob.audit_persons p WHERE p.user_ref = "
#define OB_OR_MADE_OF " ORDER BY p.pseudonym LIMIT 1), ob.pseudonym"

/// What a line is about, as far as its connection tells.
struct About {
	std::string server;
	std::string user_ref;
};

About about(const AuditLine &line) {
	static Statement select("SELECT server, user_ref FROM ob.connections WHERE id = $1");
	About about{std::string(line.server), std::string(line.user_ref)};
	if (!line.connection || (!about.server.empty() && !about.user_ref.empty()))
		return about;
	const Result bank = select.run({Param::integer(*line.connection)});
	if (bank.rows.empty())
		return about;
	if (about.server.empty())
		about.server = bank.rows.front().text(0);
	if (about.user_ref.empty())
		about.user_ref = bank.rows.front().text(1);
	return about;
}

/// A session's address stays as it is.
bool session_has_address() {
	static Statement select("SELECT inet_client_addr() IS NOT NULL");
	static const bool has = select.read_fresh({}).rows.front().boolean(0);
	return has;
}

void record_address(std::int64_t id, const AuditLine &line) {
	static Statement record(
	    "INSERT INTO ob.audit_addresses (audit_id, user_ip, client_addr) "
	    "SELECT $1, $2::inet, told.client_addr "
	    "FROM (SELECT (COALESCE($3::jsonb, ob.acting()) ->> 'client_addr')::inet) told (client_addr) "
	    "WHERE $2 IS NOT NULL OR told.client_addr IS NOT NULL");
	record.run({Param::integer(id), Param::text_or_null(line.user_ip), Param::text_or_null(line.acting_json)});
}

} // namespace

void audit(const AuditLine &line) {
	static Statement record(
	    "INSERT INTO ob.audit_log (action, connection_id, server, person, actor, login_role, acting_person, "
	    "request_id, success, details) SELECT $1, $2, $3, " OB_PSEUDONYM_OF "$4" OB_OR_MADE_OF "($4)), "
	    "told.who ->> 'actor', told.who ->> 'login_role', " OB_PSEUDONYM_OF "told.who ->> 'user_ref'" OB_OR_MADE_OF
	    "(told.who ->> 'user_ref')), $5, $6, $7::jsonb "
	    "FROM (SELECT COALESCE($8::jsonb, ob.acting()) AS who OFFSET 0) told RETURNING id");
	const auto [server, user_ref] = about(line);
	const Result recorded =
	    record.run({Param::text(line.action), line.connection ? Param::integer(*line.connection) : Param::null(INT8OID),
	                server.empty() ? Param::null(NAMEOID) : Param::name(server), Param::text_or_null(user_ref),
	                Param::text_or_null(line.request_id), Param::boolean(line.success),
	                Param::text_or_null(line.details_json), Param::text_or_null(line.acting_json)});
	if (!line.user_ip.empty() || !line.acting_json.empty() || session_has_address())
		record_address(recorded.rows.front().integer(0), line);
}

std::string acting() {
	static Statement select("SELECT ob.acting()::text");
	return select.read_fresh({}).rows.front().text(0);
}

} // namespace ob::pg::store
