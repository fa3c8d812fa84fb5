// What providers have sent (table ob.webhook_events). C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/model.hpp"
#include "pg/store/webhook_effects.hpp"

namespace ob::pg::store {

/// A delivery that verified.
struct WebhookDelivery {
	std::string server;
	std::string event_type;
	std::string message_id; // may be empty
	std::string digest;
	std::string headers_json; // the few that are kept
	std::string payload_json;
	Timestamp received_at;
	std::optional<Timestamp> signed_at;
	WebhookTask task;
	int http_status = 200;
};

/// An event as it is stored.
struct WebhookRow {
	std::int64_t event_id = 0;
	std::string server;
	std::string status; // processed, waiting, ignored, failed, rejected
	bool verified = false;
	std::optional<Timestamp> signed_at;
	WebhookTask task;
};

/// Stores it with what has become of it; nothing if it is there already.
std::optional<std::int64_t> insert_webhook(const WebhookDelivery &delivery, const WebhookResult &result);
/// The one that insert_webhook() met. Under a fresh snapshot.
std::optional<WebhookRow> find_webhook(const WebhookDelivery &delivery);
/// The same news, signed anew: its status until now, if nobody has noted that before.
std::optional<std::string> note_webhook_again(std::int64_t event_id, const WebhookDelivery &delivery);

/// What did not verify: why and when. The oldest beyond the last 1,000 of the server go.
std::int64_t insert_rejected_webhook(std::string_view server, std::string_view digest, std::string_view reason,
                                     Timestamp received_at, int http_status);
/// Whether the same was noted of the server within the last minute.
bool was_rejected_lately(std::string_view server, std::string_view reason);

// ---- later ----

/// Under a fresh snapshot.
std::optional<WebhookRow> read_webhook(std::int64_t event_id);
/// What has become of it now. What is to be tried soon is tried as if it had just come.
void settle_webhook(std::int64_t event_id, const WebhookResult &result);

/// Events of these servers that wait and are due: of links, which need calls, or the others.
std::vector<std::int64_t> waiting_webhooks(const std::vector<std::string> &servers, bool of_links);
/// Takes one that waits, so that it is tried again only after a pause; nothing if somebody else has it.
std::optional<WebhookRow> claim_webhook(std::int64_t event_id);
/// Holds one until the end of the transaction; false if it waits no longer.
bool hold_webhook(std::int64_t event_id);
/// Gives up what has waited for a day. What nothing here was ever known of, or no longer is, goes after a month: it may
/// be about somebody who has been erased.
std::int64_t give_up_webhooks(const std::vector<std::string> &servers);
/// Whether a later try is likely to do something: a link is still open, or somebody holds a connection.
bool is_try_promising(const std::vector<std::string> &servers);
/// Events that came before their connection did have their effect on it.
void apply_waiting_webhooks(ConnectionId id);

} // namespace ob::pg::store
