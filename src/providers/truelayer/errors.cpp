// The table of TrueLayer's errors, of its data calls and of its tokens. Decided by code; where there is none, by HTTP
// status. C++ regime.
#include "providers/truelayer/errors.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/text.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

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
constexpr std::string_view kReport = "This is a defect of the extension or of the options given; please report it.";
constexpr std::string_view kKeysHint =
    "Check client_id and client_secret of the user mapping; they differ between sandbox and production.";
constexpr std::string_view kQuotaHint = "The bank allows few calls a day while nobody is there: it is tried again in a "
                                        "day, or at once with the address of the person who asks.";

// What a bank allows is counted over a day.
constexpr auto kQuotaWait = 24h;
// A 429 of which nobody says whose it is.
constexpr auto kUnknownLimitWait = 1h;
constexpr auto kBankWait = 300s;
constexpr auto kLockedWait = 3h;

constexpr std::array kRules = std::to_array<ErrorRule>({
    // the user's consent
    {"access_denied", reauth, kReauth, "consent_expired", "the bank denies access", kReconnect},
    {"invalid_credentials_key", reauth, kReauth, "login", "the bank's credentials are of no use any more", kReconnect},
    {"invalid_token", reauth, kReauth, "token_rejected", "truelayer refused the access token", kReconnect},
    {"unauthorized", reauth, kReauth, "token_rejected", "truelayer refused the access token", kReconnect},
    {"invalid_grant", reauth, kReauth, "consent_expired", "the consent has ended", kReconnect},
    {"account_permanently_locked", reauth, kReauth, "login", "the bank has locked the user's login",
     "Please unlock your login at the bank, then reconnect your bank."},
    {"user_input_required", reauth, kReauth, "login", "the bank asks the user for something", kReconnect},
    {"wrong_credentials", reauth, kReauth, "login", "the bank refused the user's login", kReconnect},
    {"account_temporarily_locked", rate_limited, kRefused, "", "the bank has locked the user's login for a while",
     "It is tried again in some hours.", kLockedWait},
    {"sca_exceeded", rate_limited, kRefused, "", "the bank shows this only right after the user has logged in",
     "Ask for at most 88 days, or let the user log in again.", kQuotaWait},

    // the bank or TrueLayer is away
    {"provider_error", institution_down, kDown, "", "the bank is under maintenance", kBankLater},
    {"temporarily_unavailable", institution_down, kDown, "", "the bank is down", kBankLater},
    {"internal_server_error", retry, kDown, "", "truelayer had an internal error", "Try again later."},
    {"internal_error", retry, kDown, "", "truelayer had an internal error", "Try again later."},
    {"connector_overload", retry, kDown, "", "truelayer's way to the bank is overloaded", "Try again later."},
    {"provider_timeout", retry, kDown, "", "the bank does not respond", kBankLater},
    {"connector_timeout", retry, kDown, "", "truelayer's way to the bank does not respond", kBankLater},

    // limits
    {"provider_too_many_requests", rate_limited, kLimited, "", "the bank limits the number of calls",
     "Try again later.", kBankWait},
    {kQuotaCode, rate_limited, kLimited, "", "the bank's calls of this day are used up", kQuotaHint, kQuotaWait},

    // this call
    {"account_not_found", restart, ErrorCode::not_found, "", "the bank does not know this account any more",
     "Look the account up again: its id may have changed."},
    {"invalid_date_range", permanent, kRefused, "", "the bank does not show these days", "Ask for fewer days."},
    {"endpoint_not_supported", permanent, kRefused, "", "the bank does not offer this", ""},
    {"deprecated_provider", permanent, kRefused, "", "truelayer no longer supports this bank", kLinkAgain},
    {"validation_error", permanent, kRefused, "", "truelayer did not accept the request", kReport},
    {"invalid_request", permanent, kRefused, "", "truelayer did not accept the request", kReport},
    {"invalid_authorization_code", permanent, kRefused, "", "truelayer refused the authorization code",
     "It is used up or older than 5 minutes; start a new link."},
    {"not_found", permanent, kRefused, "", "truelayer does not know this address",
     "Check api_url and auth_url of the server."},

    // the operator must act
    {"invalid_client", configuration, kKeys, "", "truelayer refused client id and secret", kKeysHint},
    {"unauthorized_client", configuration, kKeys, "", "truelayer refused client id and secret", kKeysHint},
    {"invalid_scope", configuration, kRefused, "", "truelayer refused a scope",
     "Check the server option scopes, and what the console allows the client."},
});

// A refusal of a request whose reason is the consent.
constexpr ErrorRule kConsentOver{"", reauth, kReauth, "consent_expired", "the consent has ended", kReconnect};

// By HTTP status, for answers without a code and for codes that appeared after this table was written.
constexpr ErrorRule kUnauthorized{"",        reauth, kReauth, "token_rejected", "truelayer refused the access token",
                                  kReconnect};
constexpr ErrorRule kTooMany{
    "", rate_limited, kLimited, "", "truelayer limits the number of calls", "Try again later.", kUnknownLimitWait};
constexpr ErrorRule kServerError{"", retry, kDown, "", "truelayer had an internal error", "Try again later."};
constexpr ErrorRule kNotExtended{"",
                                 permanent,
                                 kRefused,
                                 "",
                                 "truelayer cannot prolong this consent",
                                 "Use ob.relink without extend: the user logs in again."};
constexpr ErrorRule kOther{"", permanent, kRefused, "", "truelayer refused the request", ""};
// Not TrueLayer's own words, so they end no connection.
constexpr ErrorRule kGateway{"",
                             retry,
                             ErrorCode::bad_reply,
                             "",
                             "the answer did not come from truelayer's service",
                             "Check api_url and auth_url of the server, and proxies on the way."};

const ErrorRule *find(std::string_view code) {
	const auto *it =
	    std::find_if(kRules.begin(), kRules.end(), [&](const ErrorRule &rule) { return rule.code == code; });
	return code.empty() || it == kRules.end() ? nullptr : it;
}

const ErrorRule &by_status(const ErrorFacts &facts) {
	switch (facts.status) {
	case 401:
		return kUnauthorized;
	case 403:
		// A reason that was given and is not known need not be the consent.
		return facts.code.empty() ? *find("access_denied") : kOther;
	case 404:
		return *find("not_found");
	case 408:
		return kServerError;
	case 422: // of an extension only
		return kNotExtended;
	case 429:
		return kTooMany;
	case 501:
		return *find("endpoint_not_supported");
	default:
		return facts.status >= 500 ? kServerError : kOther;
	}
}

std::optional<json::Document> parse_error(std::string_view body) {
	try {
		return json::Document::parse(body);
	} catch (const Error &) {
		return std::nullopt;
	}
}

bool mentions(std::string_view reason, std::string_view word) {
	return text::lower_ascii(reason).find(word) != std::string::npos;
}

/// Names only: a message may repeat what was sent.
std::string fields_of(json::Node errors) {
	constexpr std::size_t kLongest = 40;
	constexpr std::size_t kMost = 5;
	const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.'; };
	std::string fields;
	std::size_t count = 0;
	for (const auto &[name, messages] : errors.members())
		if (name.size() <= kLongest && std::all_of(name.begin(), name.end(), good) && ++count <= kMost)
			fields.append(fields.empty() ? "" : " ").append(name);
	return fields;
}

} // namespace

ErrorFacts facts_of(const http::Response &response) {
	ErrorFacts facts;
	facts.status = response.status;
	facts.request_id = request_id(response);
	if (text::trim(response.body).empty())
		return facts;
	const std::optional<json::Document> body = parse_error(response.body);
	facts.foreign = !body || !body->is_object();
	if (facts.foreign)
		return facts;
	facts.code = body->text("error");
	facts.reason = body->get("error_details").text("reason");
	// Of problem+json:
	facts.fields = fields_of(body->get("errors"));
	if (facts.request_id.empty())
		facts.request_id = presentable_request_id(body->text("trace_id"));
	return facts;
}

std::span<const ErrorRule> error_rules() {
	return kRules;
}

const ErrorRule &rule_for(const ErrorFacts &facts) {
	if (facts.code == "invalid_request" && mentions(facts.reason, "consent"))
		return kConsentOver;
	if (const ErrorRule *rule = find(facts.code))
		return *rule;
	if (facts.foreign && facts.status < 500 && facts.status != 408 && facts.status != 429)
		return kGateway;
	return by_status(facts);
}

std::string_view presentable_code(std::string_view code) {
	constexpr std::size_t kLongest = 64; // the longest code has 31
	const auto good = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
	const bool looks_right = code.size() <= kLongest && std::all_of(code.begin(), code.end(), good);
	return looks_right ? code : std::string_view{};
}

std::string_view presentable_request_id(std::string_view id) {
	constexpr std::size_t kLongest = 40; // a UUID has 36; every token has more
	const auto good = [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
	};
	const bool looks_right = id.size() <= kLongest && std::all_of(id.begin(), id.end(), good) && !text::has_pan(id);
	return looks_right ? id : std::string_view{};
}

std::string_view request_id(const http::Response &response) {
	return presentable_request_id(response.header("x-tl-correlation-id"));
}

ProviderError error_from(const http::Response &response, std::string_view endpoint, Timestamp now) {
	const ErrorFacts facts = facts_of(response);
	ErrorRule rule = rule_for(facts);
	// A day's calls are not there again because the next second's are.
	if (const auto told = response.retry_after(now))
		rule.wait = rule.code == kQuotaCode ? std::max<std::chrono::seconds>(rule.wait, *told) : *told;
	return error_by(rule, facts, endpoint);
}

ProviderError error_by(const ErrorRule &rule, const ErrorFacts &facts, std::string_view endpoint) {
	const std::string_view code = presentable_code(facts.code);
	std::optional<std::chrono::seconds> wait;
	if (rule.wait > std::chrono::seconds(0))
		wait = rule.wait;
	std::string detail = error_detail(endpoint, facts.status, code, facts.request_id);
	if (!facts.fields.empty())
		detail.append(", fields ").append(facts.fields);
	return ProviderError(rule.error, rule.reaction, std::string(code), std::string(rule.message), std::move(detail),
	                     std::string(rule.hint), wait, std::string(rule.reauth_reason));
}

std::string error_detail(std::string_view endpoint, int status, std::string_view code, std::string_view request_id) {
	std::string detail = "provider truelayer, endpoint ";
	detail += endpoint;
	if (status != 0)
		detail.append(", HTTP status ").append(std::to_string(status));
	if (const auto shown = presentable_code(code); !shown.empty())
		detail.append(", code ").append(shown);
	if (const auto shown = presentable_request_id(request_id); !shown.empty())
		detail.append(", request id ").append(shown);
	return detail;
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
