// ob.current_user_ref. C++ regime behind OB_FUNCTION. In C because it decides who sees which rows: in SQL it would read
// settings that, in a session that has not loaded this library yet, anybody could make up.

#include "pg/store/user_ref.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"

using namespace ob::pg;

OB_FUNCTION(ob_current_user_ref) {
	const std::string user_ref = store::current_user_ref();
	if (!user_ref.empty())
		return sqlapi::return_text(user_ref);
	fcinfo->isnull = true;
	return 0;
}
