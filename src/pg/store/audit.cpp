#include "pg/store/audit.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include "pg/store/sql.hpp"

namespace ob::pg::store {

void audit(const AuditLine &line) {
	static Statement record("SELECT ob.record_audit($1, $2, $3, $4, $5, $6::jsonb, $7, $8::inet, $9::jsonb)");
	record.run({Param::text(line.action), line.connection ? Param::integer(*line.connection) : Param::null(INT8OID),
	            line.server.empty() ? Param::null(NAMEOID) : Param::name(line.server),
	            Param::text_or_null(line.user_ref), Param::boolean(line.success), Param::text_or_null(line.details_json),
	            Param::text_or_null(line.request_id), Param::text_or_null(line.user_ip),
	            Param::text_or_null(line.acting_json)});
}

std::string acting() {
	static Statement select("SELECT ob.acting()::text");
	return select.read_fresh({}).rows.front().text(0);
}

} // namespace ob::pg::store
