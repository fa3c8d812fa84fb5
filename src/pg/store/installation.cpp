#include "pg/store/installation.hpp"

extern "C" {
#include "access/xlog.h"
#include "miscadmin.h"
}

#include "core/error.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

Param system_identifier() {
	return Param::integer(static_cast<std::int64_t>(GetSystemIdentifier()));
}

Param database() {
	return Param::integer(MyDatabaseId);
}

} // namespace

bool is_adopted() {
	static Statement select(
	    "SELECT FROM ob.installation WHERE singleton AND system_identifier = $1 AND database::int8 = $2");
	Result found;
	as_owner([&] { found = select.read_fresh({system_identifier(), database()}); });
	return !found.rows.empty();
}

void check_adopted() {
	if (!is_adopted())
		throw Error(
		    ErrorCode::not_configured, "this database is a copy and makes no calls to providers",
		    "it was restored from a dump, made from a template or upgraded: its tokens may be in use elsewhere",
		    "If it takes the place of the original, and that makes no calls any more: SELECT ob.adopt_database();");
}

void adopt() {
	static Statement installation("UPDATE ob.installation SET system_identifier = $1, database = $2::oid, "
	                              "adopted_at = clock_timestamp() WHERE singleton");
	static Statement claims("UPDATE ob.sync_state SET claimed_until = NULL, claimed_by = NULL "
	                        "WHERE claimed_until IS NOT NULL");
	installation.run({system_identifier(), database()});
	claims.run({});
}

} // namespace ob::pg::store
