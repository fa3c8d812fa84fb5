// The table of Plaid's errors. Decided by code; type and HTTP status are coarse and have changed over time. C++ regime.
#include "providers/plaid/errors.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "core/text.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

using enum Reaction;
using namespace std::chrono_literals;

constexpr auto kRefused = ErrorCode::refused;
constexpr auto kDown = ErrorCode::provider_down;
constexpr auto kReauth = ErrorCode::reauth_required;
constexpr auto kKeys = ErrorCode::credentials_refused;
constexpr auto kLimited = ErrorCode::rate_limited;

constexpr std::string_view kReconnect = "Please reconnect your bank.";
constexpr std::string_view kLinkAgain = "Please link your bank again.";
constexpr std::string_view kBankLater = "The bank cannot be reached at the moment; it is tried again later.";
constexpr std::string_view kDashboard = "Check products, institutions and environments in Plaid's dashboard.";
constexpr std::string_view kReport = "This is a defect of the extension or of the options given; please report it.";
constexpr std::string_view kBadRequest = "plaid did not accept the request";

// No limit names its length; a minute lets every per-minute window pass.
constexpr auto kMinute = 60s;
// The bank itself is overloaded: slower.
constexpr auto kBankWait = 300s;

constexpr std::array kRules = std::to_array<ErrorRule>({
    // paging
    {"TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", restart, kDown, "", "the bank's data changed while being read",
     "Try again."},

    // Plaid or the bank is away
    {"INTERNAL_SERVER_ERROR", retry, kDown, "", "plaid had an internal error", "Try again later."},
    {"plaid-internal-error", retry, kDown, "", "plaid had an internal error", "Try again later."},
    {"PLANNED_MAINTENANCE", institution_down, kDown, "", "plaid is under maintenance", "Try again later."},
    {"INSTITUTION_DOWN", institution_down, kDown, "", "the bank is down", kBankLater},
    {"INSTITUTION_NOT_RESPONDING", institution_down, kDown, "", "the bank does not respond", kBankLater},
    {"INSTITUTION_NOT_AVAILABLE", institution_down, kDown, "", "the bank is not available", kBankLater},

    // limits
    {"INSTITUTION_RATE_LIMIT", rate_limited, kLimited, "", "the bank limits the number of calls", "Try again later.",
     kBankWait},
    {"CREDITS_EXHAUSTED", configuration, kLimited, "", "the allowance of calls at plaid is used up",
     "Ask Plaid for full production access."},

    // the item asks for its user
    {"ITEM_LOGIN_REQUIRED", reauth, kReauth, "login", "the bank asks the user to log in again", kReconnect},
    {"ITEM_LOCKED", reauth, kReauth, "login", "the bank has locked the user's login",
     "Please unlock your login at the bank, then reconnect your bank."},
    {"PASSWORD_RESET_REQUIRED", reauth, kReauth, "login", "the bank asks the user for a new password",
     "Please set a new password at the bank, then reconnect your bank."},
    {"USER_SETUP_REQUIRED", reauth, kReauth, "login", "the bank asks the user to complete the login's set-up",
     "Please log in at the bank's own site and answer what it asks, then reconnect your bank."},
    {"INVALID_CREDENTIALS", reauth, kReauth, "login", "the bank refused the user's login", kReconnect},
    {"INSUFFICIENT_CREDENTIALS", reauth, kReauth, "login", "the user's login was not completed", kReconnect},
    {"INVALID_UPDATED_USERNAME", reauth, kReauth, "login", "the bank does not know the user name", kReconnect},
    {"INVALID_PHONE_NUMBER", reauth, kReauth, "login", "the bank does not know the phone number", kReconnect},
    {"INVALID_MFA", reauth, kReauth, "mfa", "the bank refused the second factor", kReconnect},
    {"INVALID_OTP", reauth, kReauth, "mfa", "the bank refused the one-time code", kReconnect},
    {"INVALID_SEND_METHOD", reauth, kReauth, "mfa", "the bank could not send a one-time code", kReconnect},
    {"MFA_NOT_SUPPORTED", reauth, kReauth, "mfa", "the login's second factor is not supported",
     "Please choose another second factor at the bank, then reconnect your bank."},
    {"USER_INPUT_TIMEOUT", reauth, kReauth, "mfa", "the user did not answer in time", kReconnect},
    {"ACCESS_NOT_GRANTED", reauth, kReauth, "login", "the user did not grant the access needed",
     "Please reconnect your bank and allow access to transactions."},
    {"ADDITIONAL_CONSENT_REQUIRED", reauth, kReauth, "login", "the user has not consented to this product",
     "Please reconnect your bank and consent to share transactions."},
    {"NO_ACCOUNTS", reauth, kReauth, "login", "no account is shared",
     "Please reconnect your bank and choose the accounts to share."},

    // the item is gone
    {"ITEM_NOT_FOUND", revoked, kReauth, "", "plaid no longer knows this connection", kLinkAgain},
    {"USER_PERMISSION_REVOKED", revoked, kReauth, "", "the user has withdrawn the permission", kLinkAgain},
    {"ITEM_CONCURRENTLY_DELETED", revoked, kReauth, "", "the connection was removed meanwhile", kLinkAgain},
    {"ITEM_NOT_SUPPORTED", permanent, kRefused, "", "plaid does not support this connection", ""},
    {"INSTITUTION_NO_LONGER_SUPPORTED", permanent, kRefused, "", "plaid no longer supports this bank",
     "Please link your bank again if it moved to another way of login."},
    {"UNSUPPORTED_RESPONSE", permanent, kRefused, "", "plaid does not understand the bank's answer",
     "Please link your bank again if it moved to another way of login."},

    // tokens
    {"INVALID_ACCESS_TOKEN", permanent, kRefused, "", "plaid refused the access token",
     "It belongs to another environment or client, or was replaced; check the server's options."},
    {"INVALID_PUBLIC_TOKEN", permanent, kRefused, "", "plaid refused the public token",
     "It is used up, older than 30 minutes or of another environment; start a new link."},
    {"INVALID_LINK_TOKEN", permanent, kRefused, "", "plaid refused the link token", "Start a new link."},
    {"INVALID_ACCOUNT_ID", permanent, ErrorCode::not_found, "", "plaid does not know this account in this connection",
     "Look the account up again: the user may have withdrawn it."},

    // the operator must act
    {"INVALID_API_KEYS", configuration, kKeys, "", "plaid refused client id and secret",
     "Check client_id and client_secret of the user mapping; the secret differs between environments."},
    {"UNAUTHORIZED_ENVIRONMENT", configuration, kKeys, "", "the client is not enabled in this environment", kDashboard},
    {"UNAUTHORIZED_ROUTE_ACCESS", configuration, kRefused, "", "the client is not enabled for this call", kDashboard},
    {"INVALID_PRODUCT", configuration, kRefused, "", "the client is not enabled for this product", kDashboard},
    {"DIRECT_INTEGRATION_NOT_ENABLED", configuration, kRefused, "", "the client may not call plaid directly",
     kDashboard},
    {"INVALID_LINK_CUSTOMIZATION", configuration, kRefused, "", "the link customization does not fit", kDashboard},
    {"UNAUTHORIZED_INSTITUTION", configuration, kRefused, "", "the client is not enabled for this bank", kDashboard},
    {"INSTITUTION_REGISTRATION_REQUIRED", configuration, kRefused, "", "the client is not registered at this bank",
     kDashboard},
    {"INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT", configuration, kRefused, "",
     "the bank is not available in this environment", kDashboard},
    {"SANDBOX_PRODUCT_NOT_ENABLED", configuration, kRefused, "", "the sandbox connection lacks this product",
     "Link it with the product."},
    {"SANDBOX_WEBHOOK_INVALID", configuration, kRefused, "", "the sandbox connection has no valid webhook URL",
     "Set webhook_url on the server and link again."},

    // this call
    {"PRODUCT_NOT_READY", not_ready, kDown, "", "the bank's transactions are not ready yet",
     "Try again in a minute: the first pull after linking is still running."},
    {"PRODUCT_NOT_ENABLED", permanent, kRefused, "", "the connection lacks this product", "Link it with the product."},
    {"PRODUCTS_NOT_SUPPORTED", permanent, kRefused, "", "the bank does not support this product", ""},
    {"LAST_UPDATED_DATETIME_OUT_OF_RANGE", permanent, kRefused, "", "the bank has no balance that recent",
     "Use the cached balance."},
    {"INVALID_INSTITUTION", permanent, kRefused, "", "plaid does not know this institution", ""},
    {"INVALID_WEBHOOK_VERIFICATION_KEY_ID", permanent, kRefused, "", "plaid does not know this verification key", ""},
    {"MISSING_FIELDS", permanent, kRefused, "", kBadRequest, kReport},
    {"UNKNOWN_FIELDS", permanent, kRefused, "", kBadRequest, kReport},
    {"INVALID_FIELD", permanent, kRefused, "", kBadRequest, kReport},
    {"INVALID_BODY", permanent, kRefused, "", kBadRequest, kReport},
    {"INVALID_HEADERS", permanent, kRefused, "", kBadRequest, kReport},
    {"INVALID_CONFIGURATION", permanent, kRefused, "", kBadRequest, kReport},
    {"INCOMPATIBLE_API_VERSION", permanent, kRefused, "", kBadRequest, kReport},
    {"NOT_FOUND", permanent, kRefused, "", "plaid does not know this address", "Check api_url of the server."},
    {"NO_LONGER_AVAILABLE", permanent, kRefused, "", "plaid no longer offers this call", kReport},
    {"SANDBOX_ONLY", permanent, kRefused, "", "this call works in the sandbox only", ""},
});

// INVALID_FIELD that names the cursor: it is not this item's, or no longer valid.
constexpr ErrorRule kCursor{"INVALID_FIELD",
                            cursor_invalid,
                            kRefused,
                            "",
                            "plaid refused the stored cursor",
                            "The history is read again from its beginning."};

// By type, for codes that appeared after this table was written. Types that are not here say too little.
constexpr std::array kTypes = std::to_array<ErrorRule>({
    {"RATE_LIMIT_EXCEEDED", rate_limited, kLimited, "", "plaid limits the number of calls", "Try again later.",
     kMinute},
    {"API_ERROR", retry, kDown, "", "plaid had an internal error", "Try again later."},
    {"INSTITUTION_ERROR", institution_down, kDown, "", "the bank had an error", kBankLater},
    {"ITEM_ERROR", reauth, kReauth, "login", "the connection needs its user", kReconnect},
});

constexpr ErrorRule kTooMany{"",     rate_limited, kLimited, "", "plaid limits the number of calls", "Try again later.",
                             kMinute};
constexpr ErrorRule kServerError{"", retry, kDown, "", "plaid had an internal error", "Try again later."};
constexpr ErrorRule kOther{"", permanent, kRefused, "", "plaid refused the request", ""};
// Not Plaid's own words: something between us and Plaid answered.
constexpr ErrorRule kGateway{"",
                             retry,
                             ErrorCode::bad_reply,
                             "",
                             "the answer did not come from plaid's service",
                             "Check api_url of the server and proxies on the way."};

const ErrorRule *find(std::span<const ErrorRule> rules, std::string_view code) {
	const auto it = std::find_if(rules.begin(), rules.end(), [&](const ErrorRule &rule) { return rule.code == code; });
	return it == rules.end() ? nullptr : &*it;
}

const ErrorRule &by_status(int status) {
	if (status == 429)
		return kTooMany;
	return status >= 500 ? kServerError : kOther;
}

std::optional<json::Document> parse_error(std::string_view body) {
	try {
		return json::Document::parse(body);
	} catch (const Error &) {
		return std::nullopt;
	}
}

bool names_cursor(std::string_view message) {
	return text::lower_ascii(message).find("cursor") != std::string::npos;
}

} // namespace

std::span<const ErrorRule> error_rules() {
	return kRules;
}

const ErrorRule &rule_for(const ErrorFacts &facts) {
	if (const ErrorRule *rule = find(kRules, facts.code))
		return *rule;
	if (const ErrorRule *rule = find(kTypes, facts.type))
		return *rule;
	if (facts.code == "RATE_LIMIT" || facts.code.ends_with("_LIMIT"))
		return kTooMany;
	return by_status(facts.status);
}

std::string_view reauth_reason(const ErrorRule &rule, std::string_view code_reason) {
	if (rule.reaction != reauth)
		return {};
	if (code_reason == "OAUTH_CONSENT_EXPIRED" || code_reason == "OAUTH_USER_REVOKED")
		return "consent_expired";
	if (code_reason == "OAUTH_INVALID_TOKEN")
		return "token_rejected";
	return rule.reauth_reason;
}

std::string_view presentable_code(std::string_view code) {
	constexpr std::size_t kLongest = 64; // the longest code has 44
	const auto good = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
	const bool looks_right = !code.empty() && code.size() <= kLongest && code.front() >= 'A' &&
	                         std::all_of(code.begin(), code.end(), good);
	return looks_right || find(kRules, code) ? code : std::string_view{};
}

std::string_view presentable_request_id(std::string_view id) {
	constexpr std::size_t kLongest = 20; // they have 15; every token, secret and IBAN has more
	const auto good = [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
	};
	const bool looks_right = id.size() <= kLongest && std::all_of(id.begin(), id.end(), good) && !text::has_pan(id);
	return looks_right ? id : std::string_view{};
}

ProviderError error_from(const http::Response &response, std::string_view endpoint, Timestamp now) {
	const std::optional<json::Document> body = parse_error(response.body);
	ErrorFacts facts;
	facts.status = response.status;
	std::string_view message;
	std::string_view request_id;
	if (body) {
		facts.type = body->text("error_type");
		facts.code = body->text("error_code");
		facts.code_reason = body->text("error_code_reason");
		message = body->text("error_message");
		request_id = body->text("request_id");
	}
	const ErrorRule *rule = nullptr;
	if (facts.type.empty() && facts.code.empty())
		rule = response.status == 429 ? &kTooMany : response.status >= 500 ? &kServerError : &kGateway;
	else if (facts.code == kCursor.code && endpoint == "/transactions/sync" && names_cursor(message))
		rule = &kCursor; // the one place where the message decides: nothing else tells it from a wrong request
	else
		rule = &rule_for(facts);

	auto wait = response.retry_after(now);
	if (!wait && rule->wait > std::chrono::seconds(0))
		wait = rule->wait;
	const std::string_view code = presentable_code(facts.code);
	return ProviderError(rule->error, rule->reaction, std::string(code), std::string(rule->message),
	                     error_detail(endpoint, response.status, code, request_id), std::string(rule->hint), wait,
	                     std::string(reauth_reason(*rule, facts.code_reason)));
}

void set_standing_error(const ErrorFacts &facts, ConnectionHealth &health) {
	const ErrorRule &rule = rule_for(facts);
	health.standing_error = rule.reaction;
	health.error_code = presentable_code(facts.code);
	health.error_hint = rule.hint;
	health.reauth_reason = reauth_reason(rule, facts.code_reason);
}

std::string error_detail(std::string_view endpoint, int status, std::string_view code, std::string_view request_id) {
	std::string detail = "provider plaid, endpoint ";
	detail += endpoint;
	if (status != 0)
		detail.append(", HTTP status ").append(std::to_string(status));
	if (const auto shown = presentable_code(code); !shown.empty())
		detail.append(", code ").append(shown);
	if (const auto shown = presentable_request_id(request_id); !shown.empty())
		detail.append(", request id ").append(shown);
	return detail;
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
