// ob.record_audit and ob.acting: the audit log, for functions that are written in SQL. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "utils/fmgrprotos.h"
}

#include "pg/entry.hpp"
#include "pg/guard.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/owner.hpp"

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_record_audit) {
	const std::string action = required(text_argument(fcinfo, 0), "action");
	const std::string server = name_argument(fcinfo, 2).value_or("");
	const std::string user_ref = text_argument(fcinfo, 3).value_or("");
	const std::string details = output_argument(fcinfo, 5).value_or("");
	const std::string request_id = text_argument(fcinfo, 6).value_or("");
	const std::string user_ip = output_argument(fcinfo, 7).value_or("");
	const std::string acting = output_argument(fcinfo, 8).value_or("");
	ob::pg::store::as_owner([&] {
		ob::pg::store::audit({.action = action,
		                      .connection = integer_argument(fcinfo, 1),
		                      .server = server,
		                      .user_ref = user_ref,
		                      .request_id = request_id,
		                      .success = boolean_argument(fcinfo, 4).value_or(true),
		                      .details_json = details,
		                      .user_ip = user_ip,
		                      .acting_json = acting});
	});
	return 0;
}

OB_FUNCTION(ob_acting) {
	const std::string acting = ob::pg::store::acting();
	return ob::pg::guard([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(acting.c_str())); });
}
