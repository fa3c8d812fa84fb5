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

json::Object provider_error_object(const ProviderError &error) {
	json::Object object = error_object(error);
	object.set("reaction", static_cast<int>(error.reaction())).set_if("provider_code", error.provider_code());
	object.set_if("reauth_reason", error.reauth_reason());
	if (error.retry_after())
		object.set("retry_after", error.retry_after()->count());
	return object;
}

ProviderError provider_error_from(json::Node object) {
	const Error error = error_from(object);
	std::optional<std::chrono::seconds> retry_after;
	if (const auto seconds = object.integer("retry_after"))
		retry_after.emplace(*seconds);
	return ProviderError(error.code(), static_cast<Reaction>(object.integer("reaction").value_or(0)),
	                     std::string(object.text("provider_code")), error.message(), error.detail(), error.hint(),
	                     retry_after, std::string(object.text("reauth_reason")));
}

ErrorCode code_of(std::string_view state) {
	for (int code = 0; code < static_cast<int>(ErrorCode::internal); ++code)
		if (state == sqlstate(static_cast<ErrorCode>(code)))
			return static_cast<ErrorCode>(code);
	return ErrorCode::internal;
}

} // namespace ob::pg::store
