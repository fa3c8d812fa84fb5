// ob.webhook_receive: a webhook is checked, stored once and has its effect, in one commit. C++ regime behind
// OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
}

#include "core/error.hpp"
#include "crypto/digest.hpp"
#include "pg/entry.hpp"
#include "pg/log.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/sqlapi/webhook_check.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/webhook_events.hpp"
#include "pg/subxact.hpp"
#include "pg/undone.hpp"
#include "pg/worker/sync_start.hpp"
#include "sync/failure.hpp"
#include "webhook/headers.hpp"
#include "webhook/reasons.hpp"
#include "json/document.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::WebhookDelivery;
using store::WebhookEffect;
using store::WebhookResult;
using store::WebhookRow;

constexpr std::size_t kLongestHeader = 200;

struct Received {
	std::optional<std::int64_t> event_id;
	std::string status;
	std::string reason;
	int http_status = 0;
};

// ---- what is stored ----

/// Not in the middle of a character.
std::string_view shortened(std::string_view text) {
	if (text.size() <= kLongestHeader)
		return text;
	std::size_t size = kLongestHeader;
	while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80)
		--size;
	return text.substr(0, size);
}

/// Who it says it is; others may hold secrets of the receiver's.
std::string kept_headers(const std::string &headers_json) {
	const webhook::Headers headers(headers_json);
	json::Object kept;
	for (const char *name : {"content-type", "user-agent"})
		if (const auto found = headers.one(name))
			kept.set(name, shortened(found.value));
	return kept.empty() ? std::string() : std::string(kept.dump());
}

store::WebhookTask task_of(const providers::WebhookEvent &event) {
	store::WebhookTask task;
	task.effect = event.effect;
	task.provider_connection_id = event.connection_id;
	if (!event.link_token.empty())
		task.link_digest = crypto::sha256_hex(event.link_token.reveal());
	task.account_id = event.account_id;
	task.expires_at = event.expires_at;
	task.reauth_reason = event.reauth_reason;
	task.is_dated = event.happened_at.has_value();
	if (event.effect == WebhookEffect::broken || event.effect == WebhookEffect::revoked)
		task.failure = sync::standing_failure(event.health);
	return task;
}

WebhookDelivery delivery_of(const WebhookArguments &arguments, const WebhookVerdict &verdict) {
	WebhookDelivery delivery;
	delivery.server = arguments.server;
	delivery.event_type = verdict.event.type;
	delivery.message_id = verdict.event.message_id;
	delivery.digest = crypto::sha256_hex(arguments.body);
	delivery.headers_json = kept_headers(arguments.headers_json);
	delivery.payload_json = verdict.event.payload_json;
	delivery.received_at = arguments.received_at;
	delivery.signed_at = verdict.signed_at;
	delivery.task = task_of(verdict.event);
	delivery.http_status = verdict.http_status;
	return delivery;
}

void audit_taken(std::string_view action, std::int64_t event_id, const WebhookDelivery &delivery,
                 const WebhookResult &result) {
	json::Object details;
	details.set("event_id", event_id).set("event_type", delivery.event_type).set("status", result.status);
	const std::string text(details.dump());
	store::audit({.action = action,
	              .connection = result.connection,
	              .server = delivery.server,
	              .user_ref = result.user_ref,
	              .details_json = text});
}

// ---- the effect ----

/// Things that a worker has to do once this has been committed.
void start_workers(const WebhookResult &result, bool is_sync_due) {
	if (is_sync_due)
		worker::sync_after_commit();
	if (result.try_soon)
		worker::webhooks_after_commit();
}

void have_effect(const WebhookDelivery &delivery, const WebhookResult &result) {
	const bool is_due = result.apply && store::apply_webhook(result, delivery.task);
	start_workers(result, is_due);
}

WebhookResult plan(const WebhookDelivery &delivery, bool had_effect) {
	return store::plan_webhook(delivery.server, delivery.task, delivery.signed_at, had_effect);
}

/// Whether what has become of an event stays so: of a link that has been completed, of a connection that has ended
/// since, or that somebody holds, where its effect must not be had again unseen.
bool is_settled(const std::string &status, const WebhookDelivery &delivery, const WebhookResult &result) {
	return status == "processed" && (delivery.task.effect == WebhookEffect::link || result.status == "ignored" ||
	                                 (result.status == "waiting" && store::is_once_only(delivery.task.effect)));
}

/// Whether it had its effect so lately that this may be the same delivery, sent again.
bool had_effect_lately(const std::string &status, const WebhookRow &known, const WebhookDelivery &delivery) {
	return status == "processed" && known.signed_at && delivery.signed_at < *known.signed_at + store::kRetriedFor;
}

/// The same news again: signed later they count again, since there may be more by now. The same delivery does not,
/// which its message id tells, too.
Received take_again(const WebhookDelivery &delivery, const std::optional<WebhookResult> &prescribed) {
	const std::optional<WebhookRow> known = store::find_webhook(delivery);
	if (!known)
		throw Error(ErrorCode::internal, "a webhook is stored and cannot be found");
	if (!delivery.message_id.empty())
		return {known->event_id, "duplicate", {}, delivery.http_status};
	if (const std::optional<std::string> status = store::note_webhook_again(known->event_id, delivery)) {
		const WebhookResult result =
		    prescribed ? *prescribed : plan(delivery, had_effect_lately(*status, *known, delivery));
		if (!is_settled(*status, delivery, result)) {
			have_effect(delivery, result);
			store::settle_webhook(known->event_id, result);
			audit_taken("WEBHOOK_REPEATED", known->event_id, delivery, result);
		}
	}
	return {known->event_id, "duplicate", {}, delivery.http_status};
}

Received take(const WebhookDelivery &delivery, const std::optional<WebhookResult> &prescribed) {
	const WebhookResult result = prescribed ? *prescribed : plan(delivery, false);
	const std::optional<std::int64_t> event_id = store::insert_webhook(delivery, result);
	if (!event_id)
		return take_again(delivery, prescribed);
	have_effect(delivery, result);
	audit_taken("WEBHOOK_ACCEPTED", *event_id, delivery, result);
	return {event_id, "accepted", result.reason, delivery.http_status};
}

/// Somebody holds what the effect has to change: the event is kept, and has it later.
bool is_in_the_way(const ServerError &error) {
	switch (error.data()->sqlerrcode) {
	case ERRCODE_LOCK_NOT_AVAILABLE:
	case ERRCODE_T_R_DEADLOCK_DETECTED:
	case ERRCODE_T_R_SERIALIZATION_FAILURE:
		return true;
	default:
		return false;
	}
}

Received isolated(const std::function<Received()> &body) {
	Received received;
	subtransaction([&] {
		store::as_owner([&] {
			store::limit_lock_waits();
			received = body();
		});
	});
	return received;
}

Received accept(const WebhookDelivery &delivery) {
	try {
		return isolated([&] { return take(delivery, std::nullopt); });
	} catch (const ServerError &error) {
		if (UndoneError::must_pass(error) || !is_in_the_way(error))
			throw;
	}
	const WebhookResult later{.status = "waiting", .reason = "connection_busy", .try_soon = true};
	return isolated([&] { return take(delivery, later); });
}

// ---- what is refused ----

void audit_rejected(const WebhookArguments &arguments, const WebhookVerdict &verdict) {
	json::Object details;
	details.set("reason", verdict.reason);
	const std::string text(details.dump());
	store::audit({.action = "WEBHOOK_REJECTED", .server = arguments.server, .success = false, .details_json = text});
}

/// Why and when, and a line in the audit log at most once a minute: whoever forges many is not to fill either.
Received reject(const WebhookArguments &arguments, const WebhookVerdict &verdict) {
	return isolated([&]() -> Received {
		if (!store::was_rejected_lately(arguments.server, verdict.reason))
			audit_rejected(arguments, verdict);
		const std::int64_t event_id =
		    store::insert_rejected_webhook(arguments.server, crypto::sha256_hex(arguments.body), verdict.reason,
		                                   arguments.received_at, verdict.http_status);
		return {event_id, "rejected", std::string(verdict.reason), verdict.http_status};
	});
}

// ---- ----

/// What cannot be stored was not taken in, and is sent again.
Received not_stored(const WebhookVerdict &verdict) {
	if (verdict.kind == WebhookVerdict::Kind::rejected)
		return {std::nullopt, "rejected", std::string(verdict.reason), verdict.http_status};
	return {std::nullopt, "unavailable", std::string(webhook::reason::not_stored), verdict.http_unavailable};
}

Received receive(const WebhookArguments &arguments) {
	const WebhookVerdict verdict = judge_webhook(arguments, true);
	if (verdict.kind == WebhookVerdict::Kind::unavailable)
		return {std::nullopt, "unavailable", std::string(verdict.reason), verdict.http_status};
	if (XactReadOnly)
		return not_stored(verdict);
	std::exception_ptr failure;
	try {
		if (verdict.kind == WebhookVerdict::Kind::verified)
			return accept(delivery_of(arguments, verdict));
		return reject(arguments, verdict);
	} catch (const ServerError &error) {
		if (UndoneError::must_pass(error))
			throw;
		failure = std::current_exception();
	} catch (const Error &) {
		failure = std::current_exception();
	}
	log_failure("webhook for server " + arguments.server, failure);
	return not_stored(verdict);
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_webhook_receive) {
	using namespace ob::pg::sqlapi;
	const Received received = receive(webhook_arguments(fcinfo, true));
	return return_row(fcinfo, {received.event_id ? field(*received.event_id) : Field(), field(received.status),
	                           field(received.reason), field(received.http_status)});
}
