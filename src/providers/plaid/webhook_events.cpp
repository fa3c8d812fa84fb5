// What each of Plaid's webhooks asks of us, in one table. C++ regime.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "core/text.hpp"
#include "core/time.hpp"
#include "providers/plaid/errors.hpp"
#include "providers/plaid/item.hpp"
#include "providers/plaid/webhooks.hpp"
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

// Texts under these names are ids, codes and times, if they look like one. All others may be tokens, numbers of accounts, names of people or
// what a provider says in words of its own, and become kCut.
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
constexpr std::string_view kCut = "[not kept]";
// An id or a word of Plaid's is no longer.
constexpr std::size_t kLongestText = 100;
constexpr std::size_t kLongestPayload = std::size_t{32} << 10;
// Numbers of Plaid's webhooks count something; longer ones may be those of accounts.
constexpr std::int64_t kLargestNumber = 9'999'999;

bool is_plain(std::string_view name) {
	return std::find(kPlain.begin(), kPlain.end(), name) != kPlain.end();
}

/// Plaid's have no digits and no capitals: a number or somebody's name is none.
bool is_name(std::string_view name) {
	return !name.empty() && name.size() <= kLongestText &&
	       std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

/// Tokens name their environment: access-sandbox-….
bool is_token(std::string_view text) {
	return text.find("-sandbox-") != text.npos || text.find("-production-") != text.npos;
}

/// The text if it looks like an id, a code or a time; a sentence, a token or the number of a card does not.
std::string_view presentable(std::string_view text) {
	const bool is_one_word = text.size() <= kLongestText && std::all_of(text.begin(), text.end(), [](char c) {
		                         return c > ' ' && c < 0x7f;
	                         });
	return is_one_word && !is_token(text) && !text::has_pan(text) ? text : kCut;
}

json::Object kept_members(const json::Node &object);
json::Array kept_items(const json::Node &array, bool plain);

template <class Put>
void keep(const json::Node &value, bool plain, Put put) {
	if (value.is_text())
		put(plain ? presentable(value.text()) : kCut);
	else if (value.is_integer() && *value.integer() >= -kLargestNumber && *value.integer() <= kLargestNumber)
		put(*value.integer());
	else if (value.is_boolean())
		put(*value.boolean());
	else if (value.is_object())
		put(kept_members(value));
	else if (value.is_array())
		put(kept_items(value, plain));
}

json::Object kept_members(const json::Node &object) {
	json::Object kept;
	for (const auto &[name, value] : object.members())
		if (is_name(name))
			keep(value, is_plain(name), [&, key = name](const auto &part) { kept.set(key, part); });
	return kept;
}

json::Array kept_items(const json::Node &array, bool plain) {
	json::Array kept;
	for (const json::Node &value : array.items())
		keep(value, plain, [&](const auto &part) { kept.add(part); });
	return kept;
}

std::string payload(const json::Document &body) {
	std::string kept(kept_members(body.root()).dump());
	if (kept.size() <= kLongestPayload)
		return kept;
	json::Object head;
	for (const std::string_view name : {"webhook_type", "webhook_code", "environment", "item_id"})
		head.set_if(name, presentable(body.text(name)));
	return std::string(head.set("cut", true).dump());
}

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

WebhookEvent read_event(std::string_view text) {
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
	event.payload_json = payload(body);
	return event;
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
