#include "errors.hpp"

#include <algorithm>
#include <array>

#include "../text.hpp"

namespace ob::sandbox::truelayer {

namespace {

struct KnownError {
	std::string_view code;
	int status;
	std::string_view description;
};

constexpr std::array kErrors = {
    // of the Data API
    KnownError{"validation_error", 400, "A parameter of the request is not valid."},
    KnownError{"invalid_date_range", 400, "The range of dates is not valid."},
    KnownError{"deprecated_provider", 400, "This provider is no longer supported."},
    KnownError{"invalid_token", 401, "The token has expired."},
    KnownError{"unauthorized", 401, "Not authorized."},
    KnownError{"access_denied", 403, "Access to this resource has been denied."},
    KnownError{"sca_exceeded", 403, "This resource is only available shortly after the user has authenticated."},
    KnownError{"invalid_credentials_key", 403, "The stored credentials can no longer be used."},
    KnownError{"account_not_found", 404, "There is no such account."},
    KnownError{"not_found", 404, "There is no such resource."},
    KnownError{"method_not_allowed", 405, "The method is not allowed here."},
    KnownError{"provider_too_many_requests", 429, "The provider has had too many requests."},
    KnownError{"provider_request_limit_exceeded", 429, "The provider's daily allowance without the user is used up."},
    KnownError{"internal_server_error", 500, "Something went wrong on our side."},
    KnownError{"endpoint_not_supported", 501, "The provider does not support this."},
    KnownError{"provider_error", 503, "The provider is down as planned."},
    KnownError{"temporarily_unavailable", 503, "The provider is down."},
    KnownError{"connector_overload", 503, "The connector is overloaded."},
    KnownError{"provider_timeout", 504, "The provider did not answer in time."},
    KnownError{"connector_timeout", 504, "The connector did not answer in time."},
    // of the mock bank; their statuses are not documented
    KnownError{"account_permanently_locked", 403, "The account has been locked for good."},
    KnownError{"account_temporarily_locked", 403, "The account has been locked for a while."},
    KnownError{"user_input_required", 403, "The user has something to do at the provider."},
    KnownError{"wrong_credentials", 403, "The credentials are wrong."},
    KnownError{"internal_error", 500, "An internal error."},
    // of the authentication server
    KnownError{"invalid_grant", 400, ""},
    KnownError{"invalid_authorization_code", 400, ""},
    KnownError{"invalid_client", 400, ""},
    KnownError{"invalid_request", 400, "The request is not valid."},
    KnownError{"invalid_scope", 400, "A scope is not known."},
    KnownError{"unsupported_grant_type", 400, ""},
    KnownError{"unauthorized_client", 401, "The client's credentials are not correct."},
};

} // namespace

ApiError make_error(std::string_view code, std::string_view description, std::string_view reason) {
	ApiError error;
	error.code = code;
	error.description = description;
	error.reason = reason;
	if (const std::size_t colon = code.find(':'); colon != std::string_view::npos) {
		error.status = std::max(400, std::atoi(std::string(code.substr(0, colon)).c_str()));
		error.code = code.substr(colon + 1);
		return error;
	}
	const auto *known =
	    std::find_if(kErrors.begin(), kErrors.end(), [code](const KnownError &e) { return e.code == code; });
	if (known != kErrors.end()) {
		error.status = known->status;
		error.description = description.empty() ? known->description : description;
	}
	return error;
}

void fail(std::string_view code, std::string_view description, std::string_view reason) {
	throw make_error(code, description, reason);
}

Response error_response(const ApiError &error, World &world) {
	Response out;
	out.status = error.status;
	ObjectText body;
	if (!error.problem.empty()) {
		out.content_type = "application/problem+json";
		body.string("type", "https://docs.truelayer.com/#connection-api-errors").string("title", error.problem);
		body.number("status", error.status);
		if (!error.description.empty()) {
			body.string("detail", error.description);
		}
		body.string("instance", error.code).string("trace_id", world.ids.uuid());
		if (!error.fields.empty()) {
			body.raw("errors", error.fields);
		}
		out.body = body.end();
		return out;
	}
	out.content_type = "application/json; charset=utf-8";
	if (!error.description.empty()) {
		body.string("error_description", error.description);
	}
	body.string("error", error.code);
	if (!error.reason.empty()) {
		body.raw("error_details", ObjectText{}.string("reason", error.reason).end());
	} else if (!error.description.empty()) {
		body.raw("error_details", "{}");
	}
	out.body = body.end();
	return out;
}

} // namespace ob::sandbox::truelayer
