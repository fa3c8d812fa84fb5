#include "errors.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "../text.hpp"

namespace ob::sandbox::plaid {

namespace {

struct KnownError {
	std::string_view code;
	std::string_view type;
	int status;
	std::string_view message;
	std::string_view display; ///< empty: null
};

constexpr std::string_view kInput = "INVALID_INPUT";
constexpr std::string_view kRequest = "INVALID_REQUEST";
constexpr std::string_view kItem = "ITEM_ERROR";
constexpr std::string_view kInstitution = "INSTITUTION_ERROR";
constexpr std::string_view kRate = "RATE_LIMIT_EXCEEDED";
constexpr std::string_view kApi = "API_ERROR";

constexpr std::string_view kLoginDisplay = "Your login details have changed or access has ended. Please log in again.";
constexpr std::string_view kBankDisplay = "This bank cannot be reached at the moment. Please try again later.";

constexpr std::array kErrors = {
    KnownError{"TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", "TRANSACTIONS_ERROR", 400,
               "the transactions changed while they were being paged through; begin again with the first cursor", ""},
    KnownError{"INTERNAL_SERVER_ERROR", kApi, 500, "an unexpected error occurred", ""},
    KnownError{"PLANNED_MAINTENANCE", kApi, 503, "the API is down for planned maintenance", ""},
    KnownError{"RATE_LIMIT", kRate, 429, "rate limit exceeded", ""},
    KnownError{"TRANSACTIONS_SYNC_LIMIT", kRate, 429, "rate limit exceeded for sync of this item", ""},
    KnownError{"TRANSACTIONS_LIMIT", kRate, 429, "rate limit exceeded for transactions", ""},
    KnownError{"TRANSACTIONS_REFRESH_LIMIT", kRate, 429, "rate limit exceeded for refresh", ""},
    KnownError{"ACCOUNTS_LIMIT", kRate, 429, "rate limit exceeded for accounts", ""},
    KnownError{"BALANCE_LIMIT", kRate, 429, "rate limit exceeded for balances of this item", ""},
    KnownError{"ACCOUNTS_BALANCE_GET_LIMIT", kRate, 429, "rate limit exceeded for balances of this client", ""},
    KnownError{"ITEM_GET_LIMIT", kRate, 429, "rate limit exceeded for items", ""},
    KnownError{"INSTITUTIONS_GET_BY_ID_LIMIT", kRate, 429, "rate limit exceeded for institutions by id", ""},
    KnownError{"INSTITUTIONS_GET_LIMIT", kRate, 429, "rate limit exceeded for institutions", ""},
    KnownError{"INSTITUTION_RATE_LIMIT", kRate, 429, "too many requests to this institution at the moment", ""},
    KnownError{"CREDITS_EXHAUSTED", kRate, 429, "the allowance of the account is used up", ""},
    KnownError{"INSTITUTION_DOWN", kInstitution, 400, "this institution is down", kBankDisplay},
    KnownError{"INSTITUTION_NOT_RESPONDING", kInstitution, 400, "this institution does not respond", kBankDisplay},
    KnownError{"INSTITUTION_NOT_AVAILABLE", kInstitution, 400, "this institution is not available", kBankDisplay},
    KnownError{"INSTITUTION_NO_LONGER_SUPPORTED", kInstitution, 400, "this institution is no longer supported",
               kBankDisplay},
    KnownError{"UNSUPPORTED_RESPONSE", kInstitution, 400, "the institution's data could not be understood", ""},
    KnownError{"UNAUTHORIZED_INSTITUTION", kInstitution, 400, "not authorized to use this institution", ""},
    KnownError{"INSTITUTION_REGISTRATION_REQUIRED", kInstitution, 400, "registration with this institution is missing",
               ""},
    KnownError{"INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT", kInstitution, 400,
               "institution not enabled in this environment", ""},
    KnownError{"ITEM_LOGIN_REQUIRED", kItem, 400,
               "the login details of this item have changed and the user must log in again in update mode",
               kLoginDisplay},
    KnownError{"ITEM_LOCKED", kItem, 400, "the account is locked at the institution", kLoginDisplay},
    KnownError{"PASSWORD_RESET_REQUIRED", kItem, 400, "the user must reset the password at the institution",
               kLoginDisplay},
    KnownError{"USER_SETUP_REQUIRED", kItem, 400, "the user must act at the institution first", kLoginDisplay},
    KnownError{"INVALID_CREDENTIALS", kItem, 400, "the credentials were not correct",
               "The credentials were not correct."},
    KnownError{"INVALID_MFA", kItem, 400, "the answer to the extra question was not correct", ""},
    KnownError{"INSUFFICIENT_CREDENTIALS", kItem, 400, "the user did not give all credentials", ""},
    KnownError{"INVALID_UPDATED_USERNAME", kItem, 400, "the user name must be the one of the first login", ""},
    KnownError{"INVALID_SEND_METHOD", kItem, 400, "the method of delivery is not valid", ""},
    KnownError{"MFA_NOT_SUPPORTED", kItem, 400, "the login needs a question that is not supported", ""},
    KnownError{"USER_INPUT_TIMEOUT", kItem, 400, "the user did not answer in time", ""},
    KnownError{"INVALID_OTP", kItem, 400, "the one-time password was not correct", ""},
    KnownError{"INVALID_PHONE_NUMBER", kItem, 400, "the phone number was not correct", ""},
    KnownError{"ACCESS_NOT_GRANTED", kItem, 400, "the user did not grant the needed access", ""},
    KnownError{"NO_ACCOUNTS", kItem, 400, "there are no accounts for this item", ""},
    KnownError{"NO_AUTH_ACCOUNTS", kItem, 400, "there are no checking or savings accounts for this item", ""},
    KnownError{"ITEM_NOT_FOUND", kItem, 400, "the item cannot be found; it may have been removed", ""},
    KnownError{"ITEM_CONCURRENTLY_DELETED", kItem, 400, "the item was removed during this request", ""},
    KnownError{"ITEM_NOT_SUPPORTED", kItem, 400, "this account is not supported", ""},
    KnownError{"PRODUCT_NOT_READY", kItem, 400, "the requested product is not ready yet; try again later", ""},
    KnownError{"PRODUCT_NOT_ENABLED", kItem, 400, "the product is not enabled for this item", ""},
    KnownError{"PRODUCTS_NOT_SUPPORTED", kItem, 400, "the products are not supported by this institution", ""},
    KnownError{"USER_PERMISSION_REVOKED", kInput, 400, "the user has withdrawn the permission", ""},
    KnownError{"ADDITIONAL_CONSENT_REQUIRED", kInput, 400, "the user has not consented to this product", ""},
    KnownError{"INVALID_ACCESS_TOKEN", kInput, 400, "could not find matching access token", ""},
    KnownError{"INVALID_PUBLIC_TOKEN", kInput, 400, "could not find matching public token", ""},
    KnownError{"INVALID_LINK_TOKEN", kInput, 400, "could not find matching link token", ""},
    KnownError{"INVALID_ACCOUNT_ID", kInput, 400, "could not find matching account", ""},
    KnownError{"INVALID_API_KEYS", kInput, 400, "invalid client_id or secret provided", ""},
    KnownError{"UNAUTHORIZED_ENVIRONMENT", kInput, 400, "not authorized for this environment", ""},
    KnownError{"UNAUTHORIZED_ROUTE_ACCESS", kInput, 400, "not authorized for this endpoint", ""},
    KnownError{"INVALID_PRODUCT", kInput, 400, "not authorized for these products", ""},
    KnownError{"DIRECT_INTEGRATION_NOT_ENABLED", kInput, 400, "direct integration is not enabled", ""},
    KnownError{"INVALID_LINK_CUSTOMIZATION", kInput, 400, "the Link customization is not valid for this request", ""},
    KnownError{"INVALID_INSTITUTION", kInput, 400, "invalid institution_id provided", ""},
    KnownError{"INVALID_WEBHOOK_VERIFICATION_KEY_ID", kInput, 400, "invalid key_id provided", ""},
    KnownError{"LAST_UPDATED_DATETIME_OUT_OF_RANGE", "INVALID_RESULT", 400,
               "no balance as recent as min_last_updated_datetime is available", ""},
    KnownError{"MISSING_FIELDS", kRequest, 400, "the following required fields are missing", ""},
    KnownError{"UNKNOWN_FIELDS", kRequest, 400, "the following fields are not recognized by this endpoint", ""},
    KnownError{"INVALID_FIELD", kRequest, 400, "a field is not valid", ""},
    KnownError{"INVALID_BODY", kRequest, 400, "body could not be parsed as JSON", ""},
    KnownError{"INVALID_HEADERS", kRequest, 400, "Content-Type must be application/json", ""},
    KnownError{"INVALID_CONFIGURATION", kRequest, 400, "the configuration is not valid", ""},
    KnownError{"INCOMPATIBLE_API_VERSION", kRequest, 400, "the API version is not compatible with this endpoint", ""},
    KnownError{"NOT_FOUND", kRequest, 404, "the requested resource could not be found", ""},
    KnownError{"NO_LONGER_AVAILABLE", kRequest, 404, "the requested resource is no longer available", ""},
    KnownError{"SANDBOX_ONLY", kRequest, 400, "this endpoint is only available in the sandbox environment", ""},
    KnownError{"SANDBOX_PRODUCT_NOT_ENABLED", "SANDBOX_ERROR", 400, "the product is not enabled for this item", ""},
    KnownError{"SANDBOX_WEBHOOK_INVALID", "SANDBOX_ERROR", 400, "the item has no valid webhook URL", ""},
};

std::string documentation_url(const ApiError &error) {
	std::string page = error.type;
	std::transform(page.begin(), page.end(), page.begin(),
	               [](unsigned char c) { return c == '_' ? '-' : static_cast<char>(std::tolower(c)); });
	std::string anchor = error.code;
	std::transform(anchor.begin(), anchor.end(), anchor.begin(),
	               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
	return "https://plaid.com/docs/errors/" + page + "/#" + anchor;
}

} // namespace

ApiError make_error(std::string_view code, std::string_view message) {
	if (const std::size_t colon = code.find(':'); colon != std::string_view::npos) {
		return {400,
		        std::string(code.substr(0, colon)),
		        std::string(code.substr(colon + 1)),
		        message.empty() ? "an error of a new kind" : std::string(message),
		        std::nullopt,
		        std::nullopt};
	}
	const auto *known =
	    std::find_if(kErrors.begin(), kErrors.end(), [code](const KnownError &e) { return e.code == code; });
	if (known == kErrors.end()) {
		return {400, std::string(kRequest), std::string(code), std::string(message), std::nullopt, std::nullopt};
	}
	ApiError error{known->status,     std::string(known->type),
	               std::string(code), std::string(message.empty() ? known->message : message),
	               std::nullopt,      std::nullopt};
	if (!known->display.empty()) {
		error.display_message = known->display;
	}
	return error;
}

void fail(std::string_view code, std::string_view message) {
	throw make_error(code, message);
}

std::string error_object(const ApiError &error, const std::optional<std::string> &request_id, bool with_status) {
	ObjectText out;
	out.raw("causes", "[]").nullable("display_message", error.display_message);
	out.string("documentation_url", documentation_url(error)).string("error_code", error.code);
	if (error.reason) {
		out.string("error_code_reason", *error.reason);
	}
	out.string("error_message", error.message).string("error_type", error.type);
	if (request_id) {
		out.string("request_id", *request_id);
	}
	if (with_status) {
		out.number("status", error.status);
	}
	out.null("suggested_action");
	return out.end();
}

} // namespace ob::sandbox::plaid
