#include "pg/store/audit.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include "pg/store/sql.hpp"

namespace ob::pg::store {

void audit(const AuditLine &line) {
	static Statement insert(
	    "INSERT INTO ob.audit_log (action, connection_id, server, login_role, request_id, success, details) "
	    "VALUES ($1, $2, COALESCE($3::name, (SELECT server FROM ob.connections WHERE id = $2)), "
	    "COALESCE($4::name, session_user), $5, $6, $7::jsonb)");
	insert.run({Param::text(line.action), line.connection ? Param::integer(*line.connection) : Param::null(INT8OID),
	            Param::text_or_null(line.server), Param::text_or_null(line.login_role),
	            Param::text_or_null(line.request_id), Param::boolean(line.success),
	            Param::text_or_null(line.details_json)});
}

} // namespace ob::pg::store
