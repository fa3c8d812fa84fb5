// What a webhook does to its connection. C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "core/model.hpp"
#include "core/store.hpp"
#include "providers/webhook_source.hpp"

namespace ob::pg::store {

using providers::WebhookEffect;

/// What an event asks for, without anything secret: kept with it for a later try.
struct WebhookTask {
	WebhookEffect effect = WebhookEffect::none;
	std::string provider_connection_id; // may be empty
	std::string link_digest;            // of the link's token; may be empty
	std::string account_id;
	std::optional<Timestamp> expires_at;
	std::string reauth_reason;
	std::optional<SyncFailure> failure; // with broken and revoked; nothing: passing trouble

	std::string to_json() const;
	/// Of the columns effect, provider_connection_id and link_digest.
	static WebhookTask from_columns(std::string_view json, std::string connection_id, std::string link_digest);
};

/// What has become of an event, in the words of ob.webhook_events.
struct WebhookResult {
	std::string status;      // processed, waiting, ignored, failed
	std::string reason = {}; // may be empty
	std::optional<ConnectionId> connection = {};
	bool apply = false;    // the connection is to be changed
	bool try_soon = false; // a worker is to look at it after the commit
};

/// What is to be done about it now; changes nothing, but for a lock that it may take. `signed_at`: an event signed
/// later has the last word on how a connection is.
WebhookResult plan_webhook(std::string_view server, const WebhookTask &task, std::optional<Timestamp> signed_at);

/// Does it. True if a sync is due by that.
bool apply_webhook(ConnectionId id, const WebhookTask &task);

} // namespace ob::pg::store
