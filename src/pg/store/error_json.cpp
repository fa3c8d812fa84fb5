#include "pg/store/error_json.hpp"

namespace ob::pg::store {

json::Object error_object(const Error &error) {
	json::Object object;
	object.set("sqlstate", sqlstate(error.code())).set("message", error.message());
	object.set_if("detail", error.detail()).set_if("hint", error.hint());
	return object;
}

std::string error_to_json(const Error &error) {
	return std::string(error_object(error).dump());
}

Error error_from(json::Node object) {
	return Error(code_of(object.text("sqlstate")), std::string(object.text("message")),
	             std::string(object.text("detail")), std::string(object.text("hint")));
}

Error error_from_json(std::string_view text) {
	return error_from(json::Document::parse(text).root());
}

ErrorCode code_of(std::string_view state) {
	for (int code = 0; code < static_cast<int>(ErrorCode::internal); ++code)
		if (state == sqlstate(static_cast<ErrorCode>(code)))
			return static_cast<ErrorCode>(code);
	return ErrorCode::internal;
}

} // namespace ob::pg::store
