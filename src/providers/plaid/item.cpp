// C++ regime.
#include "providers/plaid/item.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/time.hpp"
#include "providers/plaid/client.hpp"
#include "providers/plaid/errors.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr std::string_view kExchangeEndpoint = "/item/public_token/exchange";

[[noreturn]] void exchange_unknown(std::string detail) {
	throw Error(ErrorCode::outcome_unknown, "whether plaid exchanged the public token is unknown", std::move(detail),
	            "The bank may be linked at Plaid without us holding its token; it is tried once more while the public "
	            "token is valid, then link again.");
}

/// Whether the request may have been carried out although it failed. Plaid's own refusals (4xx with an error object)
/// say no for certain; so do limits. A refused address was never called.
bool may_have_happened(const ProviderError &error) {
	return error.reaction() == Reaction::retry;
}

/// Only what proves that nothing was sent says no; a lost connection, an answer that could not be kept for want of
/// memory or a failed wait may have come after the request.
bool may_have_happened(const Error &error) {
	switch (error.code()) {
	case ErrorCode::address_refused:
	case ErrorCode::not_configured:
	case ErrorCode::missing_option:
	case ErrorCode::invalid_argument:
	case ErrorCode::not_allowed:
	case ErrorCode::not_found:
		return false;
	default:
		return true;
	}
}

// What /item/remove answers where there is nothing left to remove. INVALID_ACCESS_TOKEN is not among them: the item may
// live on, and be billed, in another environment or under a newer token.
constexpr std::array<std::string_view, 3> kGone{"ITEM_NOT_FOUND", "ITEM_CONCURRENTLY_DELETED",
                                                "USER_PERMISSION_REVOKED"};

ConnectionHealth read_health(const json::Document &answer) {
	const json::Node item = answer.get("item");
	ConnectionHealth health;
	health.institution_id = item.text("institution_id");
	health.institution_name = item.text("institution_name");
	health.consent_expires_at = time::parse_timestamp(item.text("consent_expiration_time"));
	health.bank_updated_at =
	    time::parse_timestamp(answer.get("status").get("transactions").text("last_successful_update"));
	const json::Node error = item.get("error");
	if (!error.has("error_code") && !error.has("error_type"))
		return health;
	ErrorFacts facts;
	facts.type = error.text("error_type");
	facts.code = error.text("error_code");
	facts.code_reason = error.text("error_code_reason");
	const ErrorRule &rule = rule_for(facts);
	health.standing_error = rule.reaction;
	health.error_code = facts.code;
	health.error_hint = rule.hint;
	health.reauth_reason = reauth_reason(rule, facts.code_reason);
	return health;
}

} // namespace

Task<Established> exchange(Session session, LinkGrant grant) {
	json::Object body;
	body.set_secret("public_token", grant.value);
	Call call;
	call.endpoint = kExchangeEndpoint;
	call.body = body.dump();
	call.repeat = Repeat::never;
	std::optional<json::Document> answer;
	std::optional<std::string> lost;
	try {
		json::Document document = co_await ask(std::move(session), std::move(call));
		answer.emplace(std::move(document));
	} catch (const ProviderError &error) {
		if (!may_have_happened(error))
			throw;
		lost = error.detail();
	} catch (const Error &error) {
		if (!may_have_happened(error))
			throw;
		lost = error.detail();
	}
	if (lost)
		exchange_unknown(*lost);
	Established established;
	established.provider_connection_id = answer->text("item_id");
	established.request_id = answer->text("request_id");
	established.credentials.emplace("access_token", Secret(answer->text("access_token")));
	if (established.provider_connection_id.empty() || answer->text("access_token").empty())
		exchange_unknown(error_detail(kExchangeEndpoint, 200, {}, established.request_id));
	co_return std::move(established);
}

Task<void> remove(Session session, Credentials credentials) {
	Call call;
	call.endpoint = "/item/remove";
	call.body = body_with_token(credentials).dump();
	try {
		// Repeated: the second call of two that both arrived says that the item is gone.
		json::Document answer = co_await ask(std::move(session), std::move(call));
	} catch (const ProviderError &error) {
		if (std::find(kGone.begin(), kGone.end(), error.provider_code()) == kGone.end())
			throw;
	}
}

Task<ConnectionHealth> health(Session session, Credentials credentials) {
	Call call;
	call.endpoint = "/item/get";
	call.body = body_with_token(credentials).dump();
	json::Document answer = co_await ask(std::move(session), std::move(call));
	if (!answer.get("item").is_object())
		bad_answer("/item/get", "item is missing", answer.text("request_id"));
	co_return read_health(answer);
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
