// What each of Plaid's webhooks asks of us, in one table. C++ regime.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "core/time.hpp"
#include "providers/plaid/errors.hpp"
#include "providers/plaid/item.hpp"
#include "providers/plaid/webhooks.hpp"
#include "providers/webhook_payload.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

struct CodeRow {
	std::string_view type;
	std::string_view code;
	WebhookEffect effect;
};

// What is not here is kept and has no effect. The old codes come beside SYNC_UPDATES_AVAILABLE for the same change.
constexpr std::array kCodes = std::to_array<CodeRow>({
    {"TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", WebhookEffect::sync},
    {"TRANSACTIONS", "INITIAL_UPDATE", WebhookEffect::sync_first},
    {"TRANSACTIONS", "HISTORICAL_UPDATE", WebhookEffect::sync_first},
    {"TRANSACTIONS", "DEFAULT_UPDATE", WebhookEffect::none},
    {"TRANSACTIONS", "TRANSACTIONS_REMOVED", WebhookEffect::none},
    {"TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE", WebhookEffect::none},

    {"ITEM", "ERROR", WebhookEffect::broken},
    {"ITEM", "ITEM_LOGIN_REQUIRED", WebhookEffect::broken},
    {"ITEM", "LOGIN_REQUIRED", WebhookEffect::broken},
    {"ITEM", "LOGIN_REPAIRED", WebhookEffect::repaired},
    {"ITEM", "PENDING_EXPIRATION", WebhookEffect::expiring},
    {"ITEM", "PENDING_DISCONNECT", WebhookEffect::expiring},
    {"ITEM", "NEW_ACCOUNTS_AVAILABLE", WebhookEffect::new_accounts},
    {"ITEM", "USER_PERMISSION_REVOKED", WebhookEffect::revoked},
    {"ITEM", "USER_ACCOUNT_REVOKED", WebhookEffect::account_revoked},
    {"ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED", WebhookEffect::acknowledged},

    {"LINK", "SESSION_FINISHED", WebhookEffect::link},
    {"LINK", "ITEM_ADD_RESULT", WebhookEffect::link},
    {"LINK", "EVENTS", WebhookEffect::none},
});

WebhookEffect effect_of(std::string_view type, std::string_view code) {
	const auto *found = std::find_if(kCodes.begin(), kCodes.end(),
	                                 [&](const CodeRow &row) { return row.type == type && row.code == code; });
	return found == kCodes.end() ? WebhookEffect::none : found->effect;
}

// ---- what is kept of a body ----

constexpr std::array<std::string_view, 24> kPlain{"webhook_type",
                                                  "webhook_code",
                                                  "environment",
                                                  "item_id",
                                                  "account_id",
                                                  "account_ids",
                                                  "status",
                                                  "reason",
                                                  "disconnect_time",
                                                  "consent_expiration_time",
                                                  "removed_transactions",
                                                  "error_type",
                                                  "error_code",
                                                  "error_code_reason",
                                                  "request_id",
                                                  "link_session_id",
                                                  "event_id",
                                                  "event_name",
                                                  "timestamp",
                                                  "user_id",
                                                  "new_accounts",
                                                  "updated_accounts",
                                                  "asset_report_id",
                                                  "product"};
constexpr std::array<std::string_view, 4> kHead{"webhook_type", "webhook_code", "environment", "item_id"};

// ---- what it says ----

/// The error object, or what the code stands for.
void read_error(const json::Document &body, WebhookEvent &event) {
	const json::Node error = body.get("error");
	ErrorFacts facts;
	facts.type = error.text("error_type");
	facts.code = error.text("error_code");
	facts.code_reason = error.text("error_code_reason");
	if (event.effect == WebhookEffect::revoked)
		facts.code = "USER_PERMISSION_REVOKED";
	else if (facts.type.empty() && facts.code.empty())
		facts.code = "ITEM_LOGIN_REQUIRED";
	set_standing_error(facts, event.health);
}

void read_expiry(const json::Document &body, WebhookEvent &event) {
	const bool consent = body.text("webhook_code") == "PENDING_EXPIRATION";
	event.reauth_reason = consent ? "consent_expired" : "pending_disconnect";
	event.expires_at = time::parse_timestamp(body.text(consent ? "consent_expiration_time" : "disconnect_time"));
}

/// Nothing has come of a session that the user has left, and he may begin again.
bool brings_nothing(const json::Document &body) {
	return body.text("webhook_code") == "SESSION_FINISHED" && body.text("status") == "EXITED" &&
	       body.get("public_tokens").size() == 0;
}

[[noreturn]] void no_webhook(const char *what) {
	throw Error(ErrorCode::bad_reply, std::string("the body is no webhook of plaid: ") + what);
}

} // namespace

WebhookEvent read_event(std::string_view text, bool with_payload) {
	const json::Document body = json::Document::parse(text);
	const std::string_view type = body.text("webhook_type");
	const std::string_view code = body.text("webhook_code");
	if (!body.is_object())
		no_webhook("it is no object");
	if (type.empty() || code.empty())
		no_webhook("webhook_type or webhook_code is missing");
	WebhookEvent event;
	event.type = std::string(presentable(type)).append("/").append(presentable(code));
	event.effect = effect_of(type, code);
	event.environment = body.text("environment");
	event.connection_id = body.text("item_id");
	event.link_token = Secret(body.text("link_token"));
	event.account_id = body.text("account_id");
	if (event.effect == WebhookEffect::broken || event.effect == WebhookEffect::revoked)
		read_error(body, event);
	else if (event.effect == WebhookEffect::expiring)
		read_expiry(body, event);
	else if (event.effect == WebhookEffect::link && (event.link_token.empty() || brings_nothing(body)))
		event.effect = WebhookEffect::none;
	if (with_payload)
		event.payload_json = kept_payload(body, kPlain, kHead);
	return event;
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
