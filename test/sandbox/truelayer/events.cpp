#include "events.hpp"

#include <algorithm>

namespace ob::sandbox::truelayer {

namespace {

constexpr std::string_view kNotice = "task";
constexpr std::string_view kTimestamp = "X-Tl-Webhook-Timestamp";

} // namespace

void send_event(State &state, std::string_view type, const std::string &resource_id, std::string_view resource_type,
                const RawObject &more) {
	RawObject event;
	event.set("type", json_string(type));
	event.set("event_id", json_string(state.world.ids.uuid()));
	event.set("event_timestamp", json_string(format_time(state.world.clock.now(), 3)));
	event.set("resource_id", json_string(resource_id));
	event.set("resource_type", json_string(resource_type));
	event.merge(more);
	state.world.webhooks.add("truelayer", state.settings.webhook_url, std::string(type), event.dump(),
	                         state.world.clock.now());
}

void announce_task(State &state, const Task &task, bool failed) {
	const std::string body = ObjectText{}
	                             .string("request_timestamp", format_time(task.created, 3))
	                             .string("request_uri", task.request_uri)
	                             .string("results_uri", task.results_uri)
	                             .string("credentials_id", state.connections.at(task.connection).item->id)
	                             .string("task_id", task.id)
	                             .string("status", failed ? "Failed" : "Succeeded")
	                             .end();
	state.world.webhooks.add("truelayer", task.webhook_uri, std::string(kNotice), body, state.world.clock.now());
}

HeaderList sign_delivery(State &state, const Webhook &webhook) {
	const std::string &scheme = state.settings.webhook_scheme;
	if (scheme == "none" || (webhook.label == kNotice && !state.settings.sign_notices)) {
		return {};
	}
	if (scheme == "hmac") {
		return {{"tl-signature", hmac_hex(state.settings.webhook_secret, webhook.body)}};
	}
	SignedParts parts;
	parts.path = path_of(webhook.url);
	parts.headers = {{std::string(kTimestamp), format_time(state.world.clock.now())}};
	parts.body = webhook.body;
	parts.jku = key_set_url(state);
	return {parts.headers.front(), {"Tl-Signature", state.keys.sign(parts, state.world)}};
}

std::string path_of(const std::string &url) {
	const std::size_t scheme = url.find("://");
	const std::size_t slash = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
	return slash == std::string::npos ? "/" : url.substr(slash, std::min(url.find('?', slash), url.size()) - slash);
}

std::string key_set_url(const State &state) {
	return state.settings.jku.empty() ? state.world.base_url + "/truelayer/webhooks/.well-known/jwks"
	                                  : state.settings.jku;
}

} // namespace ob::sandbox::truelayer
