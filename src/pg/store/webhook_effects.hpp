// What a webhook does to its connection. C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <chrono>
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
	std::string provider_connection_id; // or the id of one of its accounts; may be empty
	std::string link_digest;            // of the link's token; may be empty
	std::string account_id;
	std::optional<Timestamp> expires_at;
	std::string reauth_reason;
	bool is_dated = false;              // its time is when it happened, not when it was sent
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
	std::string user_ref = {}; // of the connection; may be empty
	bool apply = false;        // the connection is to be changed
	bool ask = false;          // not before the bank has been asked: a sync is due instead
	bool try_soon = false;     // a worker is to look at it after the commit
};

/// An effect that is not had again without asking because its delivery is sent again: by then somebody may have done
/// something about it.
bool is_once_only(WebhookEffect effect);

/// For how long providers send a delivery again. Each time it is signed anew, so that its signature does not tell when
/// what it says has happened.
constexpr std::chrono::hours kRetriedFor{24};

/// What is to be done about it now; changes nothing, but locks what the effect is going to change, so that of two
/// events the second one sees what the first has done. `signed_at`: an event signed later, or a repair since, has the
/// last word on how a connection is. `had_effect`: this may be a delivery that has had it and is sent again.
WebhookResult plan_webhook(std::string_view server, const WebhookTask &task, std::optional<Timestamp> signed_at,
                           bool had_effect);

/// Does what was planned. True if a sync is due by that.
bool apply_webhook(const WebhookResult &plan, const WebhookTask &task);

} // namespace ob::pg::store
