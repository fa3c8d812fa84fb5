// ob.current_user_ref. C++ regime behind OB_FUNCTION. In C because it decides who sees which rows: in SQL it would read
// settings that, in a session that has not loaded this library yet, anybody could make up.

#include "pg/postgres.hpp"

extern "C" {
#include "utils/guc.h"
}

#include "json/document.hpp"
#include "pg/entry.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "pg/sqlapi/call.hpp"

namespace ob::pg::sqlapi {

namespace {

/// The claim sub of what PostgREST has verified; empty if there is none. Throws invalid_argument for what is no JSON.
std::string jwt_subject() {
	const char *claims = guard([] { return GetConfigOption("request.jwt.claims", true, false); });
	if (!claims || !*claims)
		return {};
	const json::Document document = json::Document::parse(claims, {.error = ErrorCode::invalid_argument});
	return std::string(document.text("sub"));
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg;

OB_FUNCTION(ob_current_user_ref) {
	const bool jwt = settings::user_ref_source() == settings::UserRefSource::jwt;
	const std::string user_ref = jwt ? sqlapi::jwt_subject() : settings::user_ref();
	if (!user_ref.empty())
		return sqlapi::return_text(user_ref);
	fcinfo->isnull = true;
	return 0;
}
