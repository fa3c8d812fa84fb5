#include "pg/store/user_ref.hpp"

extern "C" {
#include "utils/guc.h"
}

#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "json/document.hpp"

namespace ob::pg::store {

namespace {

/// The claim sub of what PostgREST has verified; empty if there is none.
std::string jwt_subject() {
	const char *claims = guard([] { return GetConfigOption("request.jwt.claims", true, false); });
	if (!claims || !*claims)
		return {};
	const json::Document document = json::Document::parse(claims, {.error = ErrorCode::invalid_argument});
	return std::string(document.text("sub"));
}

} // namespace

std::string current_user_ref() {
	const bool jwt = settings::user_ref_source() == settings::UserRefSource::jwt;
	return jwt ? jwt_subject() : settings::user_ref();
}

} // namespace ob::pg::store
