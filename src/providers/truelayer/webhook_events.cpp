// What each of TrueLayer's webhooks asks of us, in one table. C++ regime.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "providers/truelayer/times.hpp"
#include "providers/truelayer/webhooks.hpp"
#include "providers/webhook_payload.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

struct TypeRow {
	std::string_view type;
	WebhookEffect effect;
};

// What is not here is kept and has no effect: events of payments, and of the other version of the Data API.
constexpr std::array kTypes = std::to_array<TypeRow>({
    {"transaction.created", WebhookEffect::sync},
    {"account.updated", WebhookEffect::sync},
    {"balance.updated", WebhookEffect::sync},
    {"consent.revoked", WebhookEffect::revoked},
});

WebhookEffect effect_of(std::string_view type) {
	const auto *found =
	    std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow &row) { return row.type == type; });
	return found == kTypes.end() ? WebhookEffect::none : found->effect;
}

constexpr std::array<std::string_view, 18> kPlain{"type",
                                                  "event_type",
                                                  "event_id",
                                                  "event_version",
                                                  "event_schema_version",
                                                  "event_timestamp",
                                                  "resource_id",
                                                  "resource_type",
                                                  "credentials_id",
                                                  "connection_id",
                                                  "account_id",
                                                  "provider_id",
                                                  "request_id",
                                                  "request_timestamp",
                                                  "task_id",
                                                  "payment_id",
                                                  "status",
                                                  "completed_at"};
constexpr std::array<std::string_view, 8> kHead{"type",        "event_type",    "event_id", "event_timestamp",
                                                "resource_id", "resource_type", "task_id",  "status"};

[[noreturn]] void no_webhook(const char *what) {
	throw Error(ErrorCode::bad_reply, std::string("the body is no webhook of truelayer: ") + what);
}

// Longer ones would not fit an index.
constexpr std::size_t kLongestId = 200;

std::string word(const json::Document &body, std::string_view name) {
	const std::string_view text = body.text(name);
	if (text.size() > kLongestId)
		no_webhook("an id is too long");
	return std::string(text);
}

std::string type_of(const json::Document &body) {
	std::string type = word(body, "type");
	if (type.empty())
		type = word(body, "event_type"); // older ones
	// The notice that an asynchronous call has ended. Whoever made that call looks himself.
	if (type.empty() && !word(body, "task_id").empty() && !body.text("status").empty())
		type = "task/" + word(body, "status");
	if (type.empty())
		no_webhook("type is missing");
	return type;
}

/// An event's resource may be the connection or one of its accounts.
std::string resource_of(const json::Document &body) {
	std::string resource = word(body, "resource_id");
	return resource.empty() ? word(body, "credentials_id") : resource;
}

void set_revoked(ConnectionHealth &health) {
	health.standing_error = Reaction::revoked;
	health.error_code = "consent.revoked";
}

} // namespace

WebhookEvent read_event(std::string_view text, bool with_payload) {
	const json::Document body = json::Document::parse(text);
	if (!body.is_object())
		no_webhook("it is no object");
	WebhookEvent event;
	const std::string type = type_of(body);
	event.type = presentable(type);
	event.effect = effect_of(type);
	event.message_id = word(body, "event_id");
	event.connection_id = resource_of(body);
	event.happened_at = parse_time(body.text("event_timestamp"));
	if (event.effect == WebhookEffect::revoked)
		set_revoked(event.health);
	if (with_payload)
		event.payload_json = kept_payload(body, kPlain, kHead);
	return event;
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
