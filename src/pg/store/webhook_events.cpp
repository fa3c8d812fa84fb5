#include "pg/store/webhook_events.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

#define OB_WEBHOOK_COLUMNS                                                                                             \
	"event_id, server, status, verified, (extract(epoch from signed_at) * 1000000)::bigint, effect::text, "            \
	"provider_connection_id, link_digest"

WebhookRow from_row(const Row &row) {
	WebhookRow event;
	event.event_id = row.integer(0);
	event.server = row.text(1);
	event.status = row.text(2);
	event.verified = row.boolean(3);
	event.signed_at = row.timestamp(4);
	event.task = WebhookTask::from_columns(row.text(5), row.text(6), row.text(7));
	return event;
}

std::optional<WebhookRow> first(const Result &found) {
	if (found.rows.empty())
		return std::nullopt;
	return from_row(found.rows.front());
}

Param connection_param(const std::optional<ConnectionId> &id) {
	return id ? Param::integer(*id) : Param::null(INT8OID);
}

} // namespace

std::optional<std::int64_t> insert_webhook(const WebhookDelivery &delivery, const WebhookResult &result) {
	static Statement insert(
	    "INSERT INTO ob.webhook_events (server, message_id, digest, event_type, connection_id, "
	    "headers, payload, verified, "
	    "status, reason, received_at, processed_at, http_status, signed_at, "
	    "provider_connection_id, link_digest, effect, "
	    "next_try_at, last_received_at) VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, true, $8, "
	    "$9, $10, "
	    "CASE WHEN $8 <> 'waiting' THEN clock_timestamp() END, $11, $12, $13, $14, $15::jsonb, "
	    "CASE WHEN $16 THEN clock_timestamp() END, $10) ON CONFLICT DO NOTHING RETURNING event_id");
	const std::string effect = delivery.task.to_json();
	const Result inserted = insert.run(
	    {Param::name(delivery.server), Param::text_or_null(delivery.message_id), Param::text(delivery.digest),
	     Param::text(delivery.event_type), connection_param(result.connection),
	     Param::text_or_null(delivery.headers_json), Param::text(delivery.payload_json), Param::text(result.status),
	     Param::text_or_null(result.reason), Param::timestamp(delivery.received_at),
	     Param::small_integer(delivery.http_status), Param::timestamp(delivery.signed_at),
	     Param::text_or_null(delivery.task.provider_connection_id), Param::text_or_null(delivery.task.link_digest),
	     Param::text(effect), Param::boolean(result.try_soon)});
	if (inserted.rows.empty())
		return std::nullopt;
	return inserted.rows.front().integer(0);
}

std::optional<WebhookRow> find_webhook(const WebhookDelivery &delivery) {
	static Statement by_message("SELECT " OB_WEBHOOK_COLUMNS
	                            " FROM ob.webhook_events WHERE server = $1 AND message_id = $2 AND verified");
	static Statement by_digest("SELECT " OB_WEBHOOK_COLUMNS " FROM ob.webhook_events WHERE server = $1 AND digest = $2 "
	                           "AND verified AND message_id IS NULL");
	if (!delivery.message_id.empty())
		return first(by_message.read_fresh({Param::name(delivery.server), Param::text(delivery.message_id)}));
	return first(by_digest.read_fresh({Param::name(delivery.server), Param::text(delivery.digest)}));
}

std::optional<std::string> note_webhook_again(std::int64_t event_id, const WebhookDelivery &delivery) {
	static Statement update("UPDATE ob.webhook_events SET signed_at = $2, deliveries = deliveries + 1, "
	                        "last_received_at = greatest(last_received_at, $3) "
	                        "WHERE event_id = $1 AND signed_at < $2 RETURNING status");
	if (!delivery.signed_at)
		return std::nullopt;
	const Result updated = update.run(
	    {Param::integer(event_id), Param::timestamp(delivery.signed_at), Param::timestamp(delivery.received_at)});
	if (updated.rows.empty())
		return std::nullopt;
	return updated.rows.front().text(0);
}

std::int64_t insert_rejected_webhook(std::string_view server, std::string_view digest, std::string_view reason,
                                     Timestamp received_at, int http_status) {
	static Statement insert(
	    "INSERT INTO ob.webhook_events (server, digest, status, reason, received_at, last_received_at, processed_at, "
	    "http_status) VALUES ($1, $2, 'rejected', $3, $4, $4, clock_timestamp(), $5) RETURNING event_id");
	static Statement cap(
	    "DELETE FROM ob.webhook_events WHERE event_id = ANY (ARRAY(SELECT event_id FROM ob.webhook_events "
	    "WHERE server = $1 AND NOT verified ORDER BY event_id DESC OFFSET 1000 LIMIT 10 FOR UPDATE SKIP LOCKED))");
	const Result inserted = insert.run({Param::name(server), Param::text(digest), Param::text(reason),
	                                    Param::timestamp(received_at), Param::small_integer(http_status)});
	cap.run({Param::name(server)});
	return inserted.rows.front().integer(0);
}

bool was_rejected_lately(std::string_view server, std::string_view reason) {
	static Statement select(
	    "SELECT EXISTS (SELECT FROM (SELECT e.reason, e.processed_at FROM ob.webhook_events e WHERE e.server = $1 "
	    "AND NOT e.verified ORDER BY e.event_id DESC LIMIT 1000) lately "
	    "WHERE lately.reason = $2 AND lately.processed_at > clock_timestamp() - interval '1 minute')");
	return select.read_fresh({Param::name(server), Param::text(reason)}).rows.front().boolean(0);
}

std::optional<WebhookRow> read_webhook(std::int64_t event_id) {
	static Statement select("SELECT " OB_WEBHOOK_COLUMNS " FROM ob.webhook_events WHERE event_id = $1");
	return first(select.read_fresh({Param::integer(event_id)}));
}

void settle_webhook(std::int64_t event_id, const WebhookResult &result) {
	static Statement update(
	    "UPDATE ob.webhook_events SET status = $2, reason = $3, connection_id = COALESCE($4, connection_id), "
	    "processed_at = CASE WHEN $2 <> 'waiting' THEN clock_timestamp() END, "
	    "attempts = CASE WHEN $5 THEN 0 ELSE attempts END, "
	    "next_try_at = CASE WHEN $2 <> 'waiting' THEN NULL WHEN $5 THEN clock_timestamp() "
	    "ELSE COALESCE(next_try_at, clock_timestamp() + interval '1 minute') END "
	    "WHERE event_id = $1");
	update.run({Param::integer(event_id), Param::text(result.status), Param::text_or_null(result.reason),
	            connection_param(result.connection), Param::boolean(result.try_soon)});
}

std::vector<std::int64_t> waiting_webhooks(const std::vector<std::string> &servers, bool of_links) {
	static Statement select("SELECT event_id FROM ob.webhook_events WHERE next_try_at <= clock_timestamp() "
	                        "AND status = 'waiting' AND server::text = ANY ($1) "
	                        "AND (effect ->> 'effect' = 'link') = $2 ORDER BY event_id LIMIT 1000");
	std::vector<std::int64_t> ids;
	for (const Row &row : select.read_fresh({Param::text_array(servers), Param::boolean(of_links)}).rows)
		ids.push_back(row.integer(0));
	return ids;
}

// Whoever holds an event in a transaction that stays open is not waited for by those who look after all of them.

std::optional<WebhookRow> claim_webhook(std::int64_t event_id) {
	// Ten seconds at first, an hour in the end; five minutes for a link, whose user waits.
	static Statement update(
	    "UPDATE ob.webhook_events SET attempts = attempts + 1, next_try_at = clock_timestamp() + "
	    "LEAST(CASE WHEN effect ->> 'effect' = 'link' THEN interval '5 minutes' ELSE interval '1 hour' END, "
	    "interval '10 seconds' * power(2, LEAST(attempts, 20))) WHERE event_id = "
	    "(SELECT w.event_id FROM ob.webhook_events w WHERE w.event_id = $1 AND w.status = 'waiting' "
	    "AND w.next_try_at <= clock_timestamp() FOR UPDATE SKIP LOCKED) RETURNING " OB_WEBHOOK_COLUMNS);
	return first(update.run({Param::integer(event_id)}));
}

bool hold_webhook(std::int64_t event_id) {
	static Statement select("SELECT FROM ob.webhook_events WHERE event_id = $1 AND status = 'waiting' FOR UPDATE");
	return select.run({Param::integer(event_id)}).processed == 1;
}

std::int64_t give_up_webhooks(const std::vector<std::string> &servers) {
	static Statement update(
	    "UPDATE ob.webhook_events SET status = 'failed', processed_at = clock_timestamp(), next_try_at = NULL "
	    "WHERE event_id IN (SELECT w.event_id FROM ob.webhook_events w WHERE w.next_try_at IS NOT NULL "
	    "AND w.status = 'waiting' AND w.server::text = ANY ($1) "
	    "AND w.last_received_at < clock_timestamp() - interval '1 day' AND w.attempts > 3 FOR UPDATE SKIP LOCKED)");
	static Statement forget(
	    "DELETE FROM ob.webhook_events WHERE event_id IN (SELECT w.event_id FROM ob.webhook_events w "
	    "WHERE w.status = 'failed' AND w.reason IN ('connection_unknown', 'link_unknown') "
	    "AND w.server::text = ANY ($1) AND w.last_received_at < clock_timestamp() - interval '30 days' "
	    "FOR UPDATE SKIP LOCKED)");
	forget.run({Param::text_array(servers)});
	return static_cast<std::int64_t>(update.run({Param::text_array(servers)}).processed);
}

bool is_try_promising(const std::vector<std::string> &servers) {
	static Statement select(
	    "SELECT EXISTS (SELECT FROM ob.webhook_events e WHERE e.next_try_at IS NOT NULL AND e.status = 'waiting' "
	    "AND e.server::text = ANY ($1) AND (e.reason = 'connection_busy' OR EXISTS (SELECT FROM ob.links l "
	    "WHERE l.token_digest = e.link_digest AND l.server = e.server AND l.state = 'open' "
	    "AND l.expires_at > clock_timestamp())))");
	return select.read_fresh({Param::text_array(servers)}).rows.front().boolean(0);
}

void apply_waiting_webhooks(ConnectionId id) {
	static Statement select(
	    "SELECT " OB_WEBHOOK_COLUMNS " FROM ob.webhook_events WHERE server = (SELECT c.server FROM ob.connections c "
	    "WHERE c.id = $1) AND provider_connection_id = ANY (ARRAY(SELECT c.provider_connection_id FROM ob.connections "
	    "c "
	    "WHERE c.id = $1 UNION ALL SELECT a.account_id FROM ob.accounts_all a WHERE a.connection_id = $1)) "
	    "AND status = 'waiting' ORDER BY signed_at, event_id");
	for (const Row &row : select.run({Param::integer(id)}).rows) {
		const WebhookRow event = from_row(row);
		const WebhookResult result = plan_webhook(event.server, event.task, event.signed_at, false);
		if (result.apply)
			apply_webhook(result, event.task);
		settle_webhook(event.event_id, result);
	}
}

} // namespace ob::pg::store
