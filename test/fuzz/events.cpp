// Bodies of webhooks. Whatever they are, they are read or refused, and what is kept of one has no text that nobody
// knows.
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "core/error.hpp"
#include "providers/plaid/webhooks.hpp"
#include "providers/truelayer/webhooks.hpp"
#include "json/document.hpp"

using namespace ob;

namespace {

void require(bool good) {
	if (!good)
		std::abort();
}

using Read = providers::WebhookEvent (*)(std::string_view, bool with_payload);

std::optional<providers::WebhookEvent> read(Read read_event, std::string_view body) {
	try {
		return read_event(body, true);
	} catch (const Error &error) {
		require(error.code() == ErrorCode::bad_reply);
		return std::nullopt;
	}
}

void check(Read read_event, std::string_view body) {
	const std::optional<providers::WebhookEvent> event = read(read_event, body);
	if (!event)
		return;
	using Effect = providers::WebhookEffect;
	require(!event->type.empty());
	require(event->effect != Effect::link || !event->link_token.empty());
	require(event->effect != Effect::revoked || event->health.standing_error.has_value());
	const json::Document payload = json::Document::parse(event->payload_json);
	require(payload.is_object());
	for (const char *name : {"link_token", "public_token", "error_message", "display_message", "new_webhook_url",
	                         "resource_token", "results_uri", "event_body"})
		require(payload.text(name).empty() || payload.text(name) == "[not kept]");
	// What is kept of one is a webhook itself, and all of it is kept.
	const std::optional<providers::WebhookEvent> again = read(read_event, event->payload_json);
	require(again && again->type == event->type && again->payload_json == event->payload_json);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
	const std::string_view body(reinterpret_cast<const char *>(data), size);
	check(providers::plaid::read_event, body);
	check(providers::truelayer::read_event, body);
	return 0;
}
