-- Webhooks: what providers have sent, the keys they sign with, and the functions that take them in.

CREATE TABLE ob.webhook_events (
	event_id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	server pg_catalog.name NOT NULL,
	message_id pg_catalog.text COLLATE "C",
	digest pg_catalog.text COLLATE "C" NOT NULL,
	event_type pg_catalog.text,
	connection_id pg_catalog.int8,
	customer pg_catalog.text COLLATE "C",
	headers pg_catalog.jsonb,
	payload pg_catalog.jsonb,
	verified pg_catalog.bool NOT NULL DEFAULT false,
	status pg_catalog.text NOT NULL CHECK (status IN ('processed', 'waiting', 'ignored', 'failed', 'rejected')),
	reason pg_catalog.text,
	received_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	processed_at pg_catalog.timestamptz,
	http_status pg_catalog.int4 NOT NULL,
	signed_at pg_catalog.timestamptz,
	deliveries pg_catalog.int8 NOT NULL DEFAULT 1,
	provider_connection_id pg_catalog.text COLLATE "C",
	link_digest pg_catalog.text COLLATE "C",
	effect pg_catalog.jsonb NOT NULL DEFAULT '{}',
	attempts pg_catalog.int4 NOT NULL DEFAULT 0,
	next_try_at pg_catalog.timestamptz,
	last_received_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
-- The same delivery is acted on once, whoever brings it how often.
CREATE UNIQUE INDEX webhook_events_message_idx ON ob.webhook_events (server, message_id)
	WHERE verified AND message_id IS NOT NULL;
CREATE UNIQUE INDEX webhook_events_digest_idx ON ob.webhook_events (server, digest)
	WHERE verified AND message_id IS NULL;
CREATE INDEX webhook_events_connection_idx ON ob.webhook_events (connection_id, event_id);
CREATE INDEX webhook_events_waiting_idx ON ob.webhook_events (server, provider_connection_id) WHERE status = 'waiting';
CREATE INDEX webhook_events_next_try_idx ON ob.webhook_events (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX webhook_events_rejected_idx ON ob.webhook_events (server, event_id) WHERE NOT verified;
COMMENT ON TABLE ob.webhook_events IS 'What providers have sent, each once; of what did not verify only why, when and the digest, the last 1,000 of each server.';
COMMENT ON COLUMN ob.webhook_events.digest IS 'SHA-256 of the body as it was received.';
COMMENT ON COLUMN ob.webhook_events.payload IS 'What the provider says, without tokens, numbers of accounts and texts of its own.';
COMMENT ON COLUMN ob.webhook_events.status IS 'processed (it had its effect), waiting (for the connection to appear, or for work that goes on after the commit), ignored (there is nothing to do), failed, rejected (it did not verify).';
COMMENT ON COLUMN ob.webhook_events.signed_at IS 'When the provider signed it last: the same news signed later have their effect again. Of events that tell it when they happened.';
COMMENT ON COLUMN ob.webhook_events.effect IS 'What it asks for, for a later try.';
COMMENT ON COLUMN ob.webhook_events.message_id IS 'The provider''s own, the same in each delivery.';
COMMENT ON COLUMN ob.webhook_events.provider_connection_id IS 'What it is about, in the provider''s words: a connection, or an account of one.';
COMMENT ON COLUMN ob.webhook_events.next_try_at IS 'When what is waiting is tried again.';
COMMENT ON COLUMN ob.webhook_events.received_at IS 'When it first came.';
COMMENT ON COLUMN ob.webhook_events.last_received_at IS 'When it last came: a provider says the same in the same words each time.';

CREATE TABLE ob.webhook_keys (
	server pg_catalog.name NOT NULL,
	key_id pg_catalog.text COLLATE "C" NOT NULL,
	key pg_catalog.jsonb,
	asked_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	checked_at pg_catalog.timestamptz DEFAULT pg_catalog.clock_timestamp(),
	failure pg_catalog.jsonb,
	turned_away_at pg_catalog.timestamptz,
	subject pg_catalog.text COLLATE "C",
	PRIMARY KEY (server, key_id)
);
COMMENT ON TABLE ob.webhook_keys IS 'Public keys that providers sign webhooks with. Not dumped: they are fetched again.';
COMMENT ON COLUMN ob.webhook_keys.key IS 'NULL: the provider has no key of that id, or has not answered yet.';
COMMENT ON COLUMN ob.webhook_keys.asked_at IS 'When the provider was last asked for it.';
COMMENT ON COLUMN ob.webhook_keys.checked_at IS 'When it last answered; a key is good for a day from then on.';
COMMENT ON COLUMN ob.webhook_keys.failure IS 'Why the last call failed, if it did.';
COMMENT ON COLUMN ob.webhook_keys.turned_away_at IS 'When it was first not asked for, because so many unknown ones had been (too_many_keys).';
COMMENT ON COLUMN ob.webhook_keys.subject IS 'The connection or link of ours that the delivery was about which it was asked for: not everybody can name one.';

SELECT pg_catalog.pg_extension_config_dump('ob.webhook_events', '');
SELECT pg_catalog.pg_extension_config_dump('ob.webhook_events_event_id_seq', '');

CREATE POLICY visible ON ob.webhook_events USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.webhook_keys USING ((SELECT ob.sees_all()));
ALTER TABLE ob.webhook_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.webhook_keys ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION ob.tell_of_webhook_keys() RETURNS pg_catalog.trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ob_tell_of_webhook_keys';
COMMENT ON FUNCTION ob.tell_of_webhook_keys() IS 'Trigger: sessions that remember a key read it again once this has been committed.';
CREATE TRIGGER tell_rows AFTER INSERT OR UPDATE OR DELETE ON ob.webhook_keys
	FOR EACH ROW EXECUTE FUNCTION ob.tell_of_webhook_keys();
CREATE TRIGGER tell_all AFTER TRUNCATE ON ob.webhook_keys
	FOR EACH STATEMENT EXECUTE FUNCTION ob.tell_of_webhook_keys();
ALTER TABLE ob.webhook_keys ENABLE ALWAYS TRIGGER tell_rows;
ALTER TABLE ob.webhook_keys ENABLE ALWAYS TRIGGER tell_all;

-- Planner statistics would keep samples of what has been deleted.
ALTER TABLE ob.webhook_events ALTER message_id SET STATISTICS 0, ALTER digest SET STATISTICS 0,
	ALTER customer SET STATISTICS 0, ALTER headers SET STATISTICS 0, ALTER payload SET STATISTICS 0,
	ALTER provider_connection_id SET STATISTICS 0, ALTER link_digest SET STATISTICS 0, ALTER effect SET STATISTICS 0;

-- ---- functions ----

CREATE FUNCTION ob.webhook_verify(server pg_catalog.name, headers pg_catalog.jsonb, body pg_catalog.bytea,
	method pg_catalog.text DEFAULT 'POST', path pg_catalog.text DEFAULT NULL,
	received_at pg_catalog.timestamptz DEFAULT pg_catalog.clock_timestamp())
RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_webhook_verify';
COMMENT ON FUNCTION ob.webhook_verify(pg_catalog.name, pg_catalog.jsonb, pg_catalog.bytea, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS
'Whether the provider has signed this body, given as the bytes that came. False also if that cannot be told now.';

CREATE FUNCTION ob.webhook_check(server pg_catalog.name, headers pg_catalog.jsonb, body pg_catalog.bytea,
	method pg_catalog.text DEFAULT 'POST', path pg_catalog.text DEFAULT NULL,
	received_at pg_catalog.timestamptz DEFAULT pg_catalog.clock_timestamp(), remote_addr pg_catalog.inet DEFAULT NULL,
	OUT verified pg_catalog.bool, OUT reason pg_catalog.text, OUT event_type pg_catalog.text, OUT message_id pg_catalog.text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_webhook_check';
COMMENT ON FUNCTION ob.webhook_check(pg_catalog.name, pg_catalog.jsonb, pg_catalog.bytea, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.inet) IS
'As ob.webhook_verify, with the reason why not, or what kind of event it is. Stores nothing.';

CREATE FUNCTION ob.webhook_receive(server pg_catalog.name, headers pg_catalog.jsonb, body pg_catalog.bytea,
	method pg_catalog.text DEFAULT 'POST', path pg_catalog.text DEFAULT NULL,
	received_at pg_catalog.timestamptz DEFAULT pg_catalog.clock_timestamp(), remote_addr pg_catalog.inet DEFAULT NULL,
	OUT event_id pg_catalog.int8, OUT status pg_catalog.text, OUT reason pg_catalog.text, OUT http_status pg_catalog.int4)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_webhook_receive';
COMMENT ON FUNCTION ob.webhook_receive(pg_catalog.name, pg_catalog.jsonb, pg_catalog.bytea, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.inet) IS
'Takes in a webhook: checks it, keeps it once and lets it have its effect, all in this transaction. Status: accepted, duplicate, rejected, unavailable (it cannot be told now). Answer the sender with http_status. What somebody sends never raises.';

CREATE FUNCTION ob.webhook_retry(event_id pg_catalog.int8) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_webhook_retry';
COMMENT ON FUNCTION ob.webhook_retry(pg_catalog.int8) IS
'Lets an event that was accepted have its effect once more; returns its status.';

CREATE PROCEDURE ob.sweep_webhooks()
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_sweep_webhooks';
COMMENT ON PROCEDURE ob.sweep_webhooks() IS
'Takes up events that are still waiting, each in a commit of its own; gives up those that have waited for a day.';

CREATE FUNCTION ob.webhook_subscribe(server pg_catalog.name, url pg_catalog.text DEFAULT NULL)
RETURNS TABLE (connection_id pg_catalog.int8, status pg_catalog.text, reason pg_catalog.text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_webhook_subscribe';
COMMENT ON FUNCTION ob.webhook_subscribe(pg_catalog.name, pg_catalog.text) IS
'Has the provider send the webhooks of every connection of the server to url, or to the server''s webhook_url. One row each: updated or failed; it may be repeated.';

CREATE VIEW ob.webhook_status WITH (security_invoker = true) AS
SELECT s.srvname AS server,
	(SELECT o.option_value FROM pg_catalog.pg_options_to_table(s.srvoptions) o WHERE o.option_name OPERATOR(pg_catalog.=) 'webhook_url') AS webhook_url,
	e.accepted, e.accepted_last_day, e.last_accepted_at, e.waiting, e.failed, e.rejected_last_day, e.last_rejected_at,
	(SELECT r.reason FROM ob.webhook_events r WHERE r.server OPERATOR(pg_catalog.=) s.srvname AND NOT r.verified
		ORDER BY r.event_id DESC LIMIT 1) AS last_rejected_for,
	k.keys, k.keys_unknown, k.key_failure, k.keys_turned_away
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw
CROSS JOIN LATERAL (
	SELECT COALESCE(pg_catalog.sum(v.deliveries) FILTER (WHERE v.verified), 0)::pg_catalog.int8 AS accepted,
		pg_catalog.count(*) FILTER (WHERE v.verified AND v.last_received_at OPERATOR(pg_catalog.>) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::pg_catalog.interval)) AS accepted_last_day,
		pg_catalog.max(v.last_received_at) FILTER (WHERE v.verified) AS last_accepted_at,
		pg_catalog.count(*) FILTER (WHERE v.status OPERATOR(pg_catalog.=) 'waiting') AS waiting,
		pg_catalog.count(*) FILTER (WHERE v.status OPERATOR(pg_catalog.=) 'failed') AS failed,
		pg_catalog.count(*) FILTER (WHERE NOT v.verified AND v.received_at OPERATOR(pg_catalog.>) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::pg_catalog.interval)) AS rejected_last_day,
		pg_catalog.max(v.received_at) FILTER (WHERE NOT v.verified) AS last_rejected_at
	FROM ob.webhook_events v WHERE v.server OPERATOR(pg_catalog.=) s.srvname
) e
CROSS JOIN LATERAL (
	SELECT pg_catalog.count(*) FILTER (WHERE y.key IS NOT NULL) AS keys,
		pg_catalog.count(*) FILTER (WHERE y.key IS NULL AND y.turned_away_at IS NULL) AS keys_unknown,
		(pg_catalog.array_agg(y.failure OPERATOR(pg_catalog.->>) 'message' ORDER BY y.asked_at DESC) FILTER (WHERE y.failure IS NOT NULL))[1] AS key_failure,
		pg_catalog.count(y.turned_away_at) AS keys_turned_away
	FROM ob.webhook_keys y WHERE y.server OPERATOR(pg_catalog.=) s.srvname
) k
WHERE w.fdwname OPERATOR(pg_catalog.=) 'openbanking';
COMMENT ON VIEW ob.webhook_status IS 'Each server: webhooks accepted and rejected, the last ones and why, those that wait or failed, and the keys they are checked with.';
