// Bodies of webhooks. Whatever they are, they are read or refused, and what is kept of one has no text that nobody knows.
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "core/error.hpp"
#include "providers/plaid/webhooks.hpp"
#include "json/document.hpp"

using namespace ob;

namespace {

void require(bool good) {
	if (!good)
		std::abort();
}

std::optional<providers::WebhookEvent> read(std::string_view body) {
	try {
		return providers::plaid::read_event(body);
	} catch (const Error &error) {
		require(error.code() == ErrorCode::bad_reply);
		return std::nullopt;
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
	const std::optional<providers::WebhookEvent> event = read({reinterpret_cast<const char *>(data), size});
	if (!event)
		return 0;
	using Effect = providers::WebhookEffect;
	require(event->type.find('/') != std::string::npos);
	require(event->effect != Effect::link || !event->link_token.empty());
	require(event->effect != Effect::revoked || event->health.standing_error.has_value());
	const json::Document payload = json::Document::parse(event->payload_json);
	require(payload.is_object());
	for (const char *name : {"link_token", "public_token", "error_message", "display_message", "new_webhook_url"})
		require(payload.text(name).empty() || payload.text(name) == "[not kept]");
	// What is kept is a webhook itself, and all of it is kept.
	const std::optional<providers::WebhookEvent> again = read(event->payload_json);
	require(again && again->type == event->type && again->payload_json == event->payload_json);
	return 0;
}
