-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION openbanking UPDATE TO '0.4'" to load this file. \quit

-- What is made here is revoked from PUBLIC here, too, by name: a REVOKE on all tables would take
-- away what users have granted.

ALTER TABLE ob.quarantine ADD COLUMN sync_attempt pg_catalog.int8 NOT NULL DEFAULT 0;
COMMENT ON COLUMN ob.quarantine.sync_attempt IS 'The attempt of a loop (ob.sync_state) that met it last.';

ALTER TABLE ob.sync_state ADD COLUMN health_read_at pg_catalog.timestamptz;
COMMENT ON COLUMN ob.sync_state.sweep_owed IS 'All is to be read again, and what is gone removed: a full sync met an incomplete history, which comes first, or ob.retry_quarantine has asked for it where banks are read by days.';
COMMENT ON COLUMN ob.sync_state.health_read_at IS 'When the provider was last asked how the connection is, by a call of its own.';

ALTER TABLE ob.outcomes DROP CONSTRAINT outcomes_kind_check,
	ADD CONSTRAINT outcomes_kind_check CHECK (kind IN ('exchange', 'remove', 'rotate', 'extend', 'failure'));

CREATE PROCEDURE ob.retry_quarantine()
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_retry_quarantine';
COMMENT ON PROCEDURE ob.retry_quarantine() IS
'Has connections with rows in quarantine read anew from the beginning, with their next sync: a bank tells each change once only.';

CREATE OR REPLACE FUNCTION ob.rights(level pg_catalog.text) RETURNS TABLE (privilege pg_catalog.text, object pg_catalog.text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
WITH rights (level, privilege, object) AS (VALUES
	('webhook', 'USAGE', 'SCHEMA ob'),
	('webhook', 'EXECUTE', 'FUNCTION ob.webhook_verify(name, jsonb, bytea, text, text, timestamptz)'),
	('webhook', 'EXECUTE', 'FUNCTION ob.webhook_check(name, jsonb, bytea, text, text, timestamptz, inet)'),
	('webhook', 'EXECUTE', 'FUNCTION ob.webhook_receive(name, jsonb, bytea, text, text, timestamptz, inet)'),
	('read', 'USAGE', 'SCHEMA ob'),
	('read', 'SELECT (' || ob.columns_but('ob.connections', '{consent_ip}') || ')', 'ob.connections'),
	('read', 'SELECT (connection_id, initial_sync_done, history_from, history_complete, next_sync_at)', 'ob.sync_state'),
	('read', 'SELECT (' || ob.columns_but('ob.accounts_all', '{number_sealed}') || ')', 'ob.accounts_all'),
	('read', 'SELECT', 'ob.transactions_all'),
	('read', 'SELECT', 'ob.accounts'),
	('read', 'SELECT', 'ob.transactions'),
	('read', 'SELECT', 'ob.connection_status'),
	('read', 'SELECT', 'ob.net_worth'),
	('read', 'SELECT (server, paused_at)', 'ob.server_state'),
	('read', 'SELECT', 'ob.consents_expiring'),
	('read', 'EXECUTE', 'FUNCTION ob.version()'),
	('read', 'EXECUTE', 'FUNCTION ob.sees_all()'),
	('read', 'EXECUTE', 'FUNCTION ob.current_user_ref()'),
	('read', 'EXECUTE', 'FUNCTION ob.visible_user_refs()'),
	('read', 'EXECUTE', 'FUNCTION ob.visible_connections()'),
	('operate', 'EXECUTE', 'FUNCTION ob.all_rows()'),
	('operate', 'SELECT (consent_ip), UPDATE (annotations)', 'ob.connections'),
	('operate', 'SELECT', 'ob.sync_state'),
	('operate', 'UPDATE (annotations)', 'ob.accounts_all'),
	('operate', 'UPDATE (annotations)', 'ob.transactions_all'),
	('operate', 'SELECT', 'ob.quarantine'),
	('operate', 'SELECT (' || ob.columns_but('ob.client_checks', '{digest}') || ')', 'ob.client_checks'),
	('operate', 'SELECT (' || ob.columns_but('ob.tokens', '{sealed}') || ')', 'ob.tokens'),
	('operate', 'SELECT', 'ob.token_status'),
	('operate', 'EXECUTE', 'FUNCTION ob.refresh_token(int8)'),
	('operate', 'EXECUTE', 'PROCEDURE ob.refresh_tokens(interval)'),
	('operate', 'SELECT', 'ob.server_status'),
	('operate', 'SELECT', 'ob.budget_status'),
	('operate', 'EXECUTE', 'FUNCTION ob.budgets_now(bool)'),
	('operate', 'EXECUTE', 'FUNCTION ob.link(name, text, jsonb, inet)'),
	('operate', 'EXECUTE', 'FUNCTION ob.link_complete(text, jsonb, inet)'),
	('operate', 'EXECUTE', 'FUNCTION ob.link_status(text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.link_cancel(text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.relink(int8, jsonb, inet)'),
	('operate', 'EXECUTE', 'FUNCTION ob.sandbox_link(name, text, jsonb)'),
	('operate', 'EXECUTE', 'FUNCTION ob.sync(int8, bool, inet)'),
	('operate', 'EXECUTE', 'PROCEDURE ob.sync_now(int8, bool)'),
	('operate', 'EXECUTE', 'PROCEDURE ob.sync_due(int4, int4, name, text, interval)'),
	('operate', 'SELECT', 'ob.breakers'),
	('operate', 'SELECT', 'ob.sync_status'),
	('operate', 'SELECT', 'ob.schedules'),
	('operate', 'EXECUTE', 'FUNCTION ob.scheduled_jobs()'),
	('operate', 'EXECUTE', 'FUNCTION ob.unschedule()'),
	('operate', 'EXECUTE', 'FUNCTION ob.check_cron(jsonb)'),
	('operate', 'EXECUTE', 'FUNCTION ob.cron_expression(interval, text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.schedule(interval, interval, interval, interval, interval)'),
	('operate', 'EXECUTE', 'FUNCTION ob.pause(int8)'),
	('operate', 'EXECUTE', 'FUNCTION ob.resume(int8)'),
	('operate', 'EXECUTE', 'FUNCTION ob.pause_account(int8, text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.resume_account(int8, text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.retry(int8)'),
	('operate', 'EXECUTE', 'FUNCTION ob.pause_server(name)'),
	('operate', 'EXECUTE', 'FUNCTION ob.resume_server(name)'),
	('operate', 'EXECUTE', 'PROCEDURE ob.check_consents()'),
	('operate', 'EXECUTE', 'PROCEDURE ob.retry_quarantine()'),
	('operate', 'EXECUTE', 'FUNCTION ob.institutions(name, text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.sandbox_fire_webhook(int8, text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.sandbox_reset_login(int8)'),
	('operate', 'SELECT', 'ob.webhook_events'),
	('operate', 'SELECT', 'ob.webhook_keys'),
	('operate', 'SELECT', 'ob.webhook_status'),
	('operate', 'EXECUTE', 'FUNCTION ob.webhook_retry(int8)'),
	('operate', 'EXECUTE', 'FUNCTION ob.webhook_subscribe(name, text)'),
	('operate', 'EXECUTE', 'PROCEDURE ob.sweep_webhooks()'),
	('admin', 'SELECT', 'ob.access_grants'),
	('admin', 'SELECT', 'ob.audit_log'),
	('admin', 'SELECT', 'ob.audit_persons'),
	('admin', 'SELECT', 'ob.audit_addresses'),
	('admin', 'SELECT', 'ob.installation'),
	('admin', 'EXECUTE', 'FUNCTION ob.adopt_connection(name, text, jsonb)'),
	('admin', 'EXECUTE', 'FUNCTION ob.disconnect(int8, bool)'),
	('admin', 'EXECUTE', 'FUNCTION ob.rotate_access_token(int8)'),
	('admin', 'EXECUTE', 'FUNCTION ob.account_number(int8, text, bool)'),
	('admin', 'EXECUTE', 'PROCEDURE ob.purge()'),
	('admin', 'EXECUTE', 'FUNCTION ob.adopt_database(bool)'),
	('admin', 'EXECUTE', 'FUNCTION ob.export_user(text)'),
	('admin', 'EXECUTE', 'FUNCTION ob.erase_user(text, bool)'),
	('admin', 'EXECUTE', 'FUNCTION ob.seal(name, text, text)'),
	('admin', 'EXECUTE', 'FUNCTION ob.keys()'),
	('admin', 'EXECUTE', 'FUNCTION ob.retry_credentials(name)'),
	('admin', 'EXECUTE', 'PROCEDURE ob.rotate_key(int4)'),
	('admin', 'EXECUTE', 'FUNCTION ob.request(name, text, text, jsonb, jsonb, int8)'),
	('admin', 'EXECUTE', 'FUNCTION ob.allow(text, text, timestamptz)'),
	('admin', 'EXECUTE', 'FUNCTION ob.disallow(text, text)')
)
SELECT r.privilege, r.object FROM rights r
WHERE r.level = ANY (CASE $1 WHEN 'webhook' THEN '{webhook}' WHEN 'read' THEN '{read}' WHEN 'operate' THEN '{read,operate}'
	WHEN 'admin' THEN '{read,operate,admin}' END::text[])
$$;

-- ---- budgets of calls ----

CREATE TABLE ob.budgets (
	server pg_catalog.name NOT NULL,
	connection_id pg_catalog.int8 NOT NULL,
	spent pg_catalog.jsonb NOT NULL DEFAULT '{}',
	updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (server, connection_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE ob.budgets IS 'Calls handed out under a provider''s rate limits; ob.budget_status shows them. Not dumped: a copy calls nobody at first.';
COMMENT ON COLUMN ob.budgets.connection_id IS '0: all calls through the server.';
COMMENT ON COLUMN ob.budgets.spent IS 'By class of calls: a second since 1970, how many calls were handed out from then on, and so on.';

CREATE POLICY visible ON ob.budgets USING ((SELECT ob.sees_all()));
ALTER TABLE ob.budgets ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION ob.budgets_now(by_connection pg_catalog.bool)
RETURNS TABLE (server pg_catalog.name, connection_id pg_catalog.int8, class pg_catalog.text, allowed pg_catalog.int8,
	per pg_catalog.interval, used pg_catalog.int8, free_at pg_catalog.timestamptz)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_budgets_now';
COMMENT ON FUNCTION ob.budgets_now(pg_catalog.bool) IS
'What the view ob.budget_status shows; without those of single connections if `by_connection` is false.';

CREATE VIEW ob.budget_status WITH (security_invoker = true) AS SELECT * FROM ob.budgets_now(true);
COMMENT ON VIEW ob.budget_status IS
'How many calls of each class the provider allows in a period, how many of them are used, and, if that is all of them, when there is one again. connection_id NULL: of all calls through the server. Of the servers that the caller may use; of connections, what was called lately.';

CREATE OR REPLACE VIEW ob.server_status WITH (security_invoker = true) AS
SELECT s.srvname AS server,
	(SELECT o.option_value FROM pg_catalog.pg_options_to_table(s.srvoptions) o WHERE o.option_name OPERATOR(pg_catalog.=) 'provider') AS provider,
	c.connections, c.active, c.failing, c.reauth_required, c.error,
	(SELECT p.paused_at FROM ob.server_state p WHERE p.server OPERATOR(pg_catalog.=) s.srvname) AS paused_at,
	b.breaker_until, b.institutions_down, r.refused_at, r.refused_for, r.what_to_do,
	l.limited_until
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw
LEFT JOIN (
	SELECT n.server, pg_catalog.max(n.free_at) AS limited_until FROM ob.budgets_now(false) n GROUP BY n.server
) l ON l.server OPERATOR(pg_catalog.=) s.srvname
CROSS JOIN LATERAL (
	SELECT pg_catalog.count(*) FILTER (WHERE k.state OPERATOR(pg_catalog.<>) 'disconnected') AS connections,
		pg_catalog.count(*) FILTER (WHERE k.state OPERATOR(pg_catalog.=) 'active') AS active,
		pg_catalog.count(*) FILTER (WHERE k.failing_since IS NOT NULL) AS failing,
		pg_catalog.count(*) FILTER (WHERE k.state OPERATOR(pg_catalog.=) 'reauth_required') AS reauth_required,
		pg_catalog.count(*) FILTER (WHERE k.state OPERATOR(pg_catalog.=) 'error') AS error
	FROM ob.connections k WHERE k.server OPERATOR(pg_catalog.=) s.srvname
) c
CROSS JOIN LATERAL (
	SELECT pg_catalog.min(k.refused_at) AS refused_at, pg_catalog.array_agg(k.mapping_role ORDER BY k.mapping_role) AS refused_for,
		pg_catalog.min(k.refusal OPERATOR(pg_catalog.->>) 'hint') AS what_to_do
	FROM ob.client_checks k WHERE k.server OPERATOR(pg_catalog.=) s.srvname AND k.refused_at IS NOT NULL
) r
CROSS JOIN LATERAL (
	SELECT pg_catalog.max(k.open_until) FILTER (WHERE k.institution_id OPERATOR(pg_catalog.=) '') AS breaker_until,
		pg_catalog.array_agg(k.institution_id ORDER BY k.institution_id)
			FILTER (WHERE k.institution_id OPERATOR(pg_catalog.<>) '' AND k.open_until OPERATOR(pg_catalog.>) pg_catalog.now()) AS institutions_down
	FROM ob.breakers k WHERE k.server OPERATOR(pg_catalog.=) s.srvname
) b
WHERE w.fdwname OPERATOR(pg_catalog.=) 'openbanking';
COMMENT ON VIEW ob.server_status IS 'Each server: its connections by state, since when it is paused, until when a budget of calls is used up, and since when and for whose user mapping the provider refuses the credentials.';

-- ---- webhooks ----

-- A webhook may name an account and nothing else.
CREATE INDEX accounts_account_idx ON ob.accounts_all (account_id);

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

-- Also those that came before the connection, or the link, was known here.
CREATE FUNCTION ob.person_events(of_user pg_catalog.text) RETURNS pg_catalog.int8[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
SELECT COALESCE(array_agg(found.event_id), '{}') FROM (
	SELECT e.event_id FROM ob.connections c JOIN ob.webhook_events e ON e.connection_id = c.id WHERE c.user_ref = of_user
	UNION
	SELECT e.event_id FROM ob.connections c
	JOIN ob.webhook_events e ON e.server = c.server AND e.provider_connection_id = c.provider_connection_id WHERE c.user_ref = of_user
	UNION
	SELECT e.event_id FROM ob.connections c JOIN ob.accounts_all a ON a.connection_id = c.id
	JOIN ob.webhook_events e ON e.server = c.server AND e.provider_connection_id = a.account_id WHERE c.user_ref = of_user
	UNION
	SELECT e.event_id FROM ob.links l JOIN ob.webhook_events e ON e.server = l.server AND e.link_digest = l.token_digest
	WHERE l.user_ref = of_user) found
$$;
COMMENT ON FUNCTION ob.person_events(pg_catalog.text) IS 'The events in ob.webhook_events that are about an end user.';

CREATE OR REPLACE FUNCTION ob.person_data(of_user pg_catalog.text) RETURNS pg_catalog.jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
WITH banks AS (SELECT c.id FROM ob.connections c WHERE c.user_ref = of_user),
	names AS (SELECT p.pseudonym FROM ob.audit_persons p WHERE p.user_ref = of_user)
SELECT jsonb_build_object('user_ref', of_user,
	'connections', (SELECT COALESCE(jsonb_agg(to_jsonb(c) ORDER BY c.id), '[]') FROM ob.connections c WHERE c.user_ref = of_user),
	'accounts', (SELECT COALESCE(jsonb_agg(to_jsonb(a) - 'number_sealed' ORDER BY a.connection_id, a.account_id), '[]')
		FROM banks b JOIN ob.accounts_all a ON a.connection_id = b.id),
	'transactions', (SELECT COALESCE(jsonb_agg(to_jsonb(t) - 'sync_attempt' ORDER BY t.connection_id, t.account_id, t.date, t.transaction_id), '[]')
		FROM banks b JOIN ob.transactions_all t ON t.connection_id = b.id),
	'quarantine', (SELECT COALESCE(jsonb_agg(to_jsonb(q) - 'digest' ORDER BY q.connection_id, q.id), '[]')
		FROM banks b JOIN ob.quarantine q ON q.connection_id = b.id),
	'links', (SELECT COALESCE(jsonb_agg(to_jsonb(l) - '{url_sealed,token_sealed,verifier_sealed,token_digest,server_version}'::text[] ORDER BY l.created_at), '[]')
		FROM ob.links l WHERE l.user_ref = of_user),
	'webhook_events', (SELECT COALESCE(jsonb_agg(to_jsonb(e) - '{effect,link_digest}'::text[] ORDER BY e.event_id), '[]')
		FROM ob.webhook_events e WHERE e.event_id = ANY (ob.person_events(of_user))),
	'access_grants', (SELECT COALESCE(jsonb_agg(to_jsonb(g) ORDER BY g.actor, g.user_ref), '[]')
		FROM ob.access_grants g WHERE of_user IN (g.actor, g.user_ref)),
	'audit_log', (SELECT COALESCE(jsonb_agg(to_jsonb(l) || jsonb_build_object('user_ip', a.user_ip, 'client_addr', a.client_addr) ORDER BY l.id), '[]')
		FROM ob.audit_log l LEFT JOIN ob.audit_addresses a ON a.audit_id = l.id
		WHERE l.person IN (SELECT n.pseudonym FROM names n) OR l.acting_person IN (SELECT n.pseudonym FROM names n)))
$$;

CREATE OR REPLACE FUNCTION ob.forget_person(of_user pg_catalog.text) RETURNS pg_catalog.jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS
$$
DECLARE
	journeys text[];
	banks int8[];
	who jsonb := ob.acting();
	counts jsonb;
	accounts int8 := 0;
	transactions int8 := 0;
	bank int8;
	removed int8;
BEGIN
	-- First: they are found through what is deleted next.
	DELETE FROM ob.webhook_events e WHERE e.event_id = ANY (ob.person_events(of_user));
	-- A worker holds the row of a link until the exchange of what it brought has begun: from here on none begins, and those
	-- that began before are seen.
	WITH gone AS (
		DELETE FROM ob.links l WHERE l.user_ref = of_user
			OR l.connection_id IN (SELECT c.id FROM ob.connections c WHERE c.user_ref = of_user)
		RETURNING l.link_id)
	SELECT COALESCE(array_agg(g.link_id), '{}') INTO journeys FROM gone g;
	PERFORM FROM ob.outcomes o WHERE o.link_id = ANY (journeys) AND o.kind = 'exchange' AND o.phase IN ('intent', 'answered');
	IF FOUND THEN
		RAISE EXCEPTION 'a bank is being linked for this end user' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Try again when ob.link_status says how it ended.';
	END IF;
	banks := ARRAY(SELECT c.id FROM ob.connections c WHERE c.user_ref = of_user);
	SELECT count(*) INTO removed FROM ob.outcomes o
	WHERE o.link_id = ANY (journeys) AND o.phase = 'failed' AND o.sealed IS NOT NULL;
	IF removed > 0 THEN
		RAISE WARNING '% banks were linked at a provider and could not be stored here', removed
			USING HINT = 'Their tokens are forgotten with them; end them in the provider''s dashboard.';
	END IF;
	FOREACH bank IN ARRAY banks LOOP
		DELETE FROM ob.transactions_all t WHERE t.connection_id = bank;
		GET DIAGNOSTICS removed = ROW_COUNT;
		transactions := transactions + removed;
		DELETE FROM ob.accounts_all a WHERE a.connection_id = bank;
		GET DIAGNOSTICS removed = ROW_COUNT;
		accounts := accounts + removed;
		DELETE FROM ob.quarantine q WHERE q.connection_id = bank;
		DELETE FROM ob.sync_state s WHERE s.connection_id = bank;
		DELETE FROM ob.budgets b USING ob.connections c WHERE c.id = bank AND b.server = c.server AND b.connection_id = bank;
		DELETE FROM ob.tokens k WHERE k.subject = 'connection:' || bank;
	END LOOP;
	DELETE FROM ob.outcomes o WHERE o.connection_id = ANY (banks) OR o.link_id = ANY (journeys)
		OR (o.result ->> 'connection_id')::int8 = ANY (banks);
	DELETE FROM ob.access_grants g WHERE of_user IN (g.actor, g.user_ref);
	DELETE FROM ob.connections c WHERE c.id = ANY (banks);
	DELETE FROM ob.audit_addresses a USING ob.audit_log l, ob.audit_persons p
	WHERE p.user_ref = of_user AND p.pseudonym IN (l.person, l.acting_person) AND a.audit_id = l.id;
	DELETE FROM ob.audit_persons p WHERE p.user_ref = of_user;
	counts := jsonb_build_object('connections', cardinality(banks), 'accounts', accounts, 'transactions', transactions,
		'links', cardinality(journeys));
	-- Who asks for his own end leaves no name behind by that.
	IF who ->> 'user_ref' = of_user THEN
		who := who - '{user_ref,client_addr}'::text[];
	END IF;
	PERFORM ob.record_audit('ERASED', details => counts, acting => who);
	RETURN counts;
END
$$;

-- ---- the end of a first backfill ----

ALTER TABLE ob.breakers ADD COLUMN failed_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp();
COMMENT ON COLUMN ob.breakers.failed_at IS 'The last failure. A day after it, and after open_until, the row means nothing any more.';
COMMENT ON COLUMN ob.sync_state.last_report IS 'What the last sync has told its caller, or how it failed.';

ALTER TABLE ob.sync_state ADD COLUMN loop_total pg_catalog.int8;
COMMENT ON COLUMN ob.sync_state.loop_total IS 'How many transactions that loop is expected to bring; NULL: unknown.';
ALTER TABLE ob.connections ADD COLUMN repaired_at pg_catalog.timestamptz;
COMMENT ON COLUMN ob.connections.repaired_at IS 'When it was last known to have been mended, by the user or in the provider''s words: what was wrong before is over.';
ALTER TABLE ob.sync_state ADD COLUMN news_at pg_catalog.timestamptz;
COMMENT ON COLUMN ob.sync_state.news_at IS 'When the provider last said that there is something new: a sync that began before does not settle that.';
ALTER TABLE ob.sync_state ADD COLUMN loop_page_at pg_catalog.timestamptz, ADD COLUMN loop_time pg_catalog.interval;
COMMENT ON COLUMN ob.sync_state.loop_page_at IS 'When the last page of that loop was stored.';
COMMENT ON COLUMN ob.sync_state.loop_time IS 'For how long that loop has been worked on; what lies between two pages counts a minute at most.';

CREATE OR REPLACE VIEW ob.sync_status WITH (security_invoker = true) AS
SELECT c.id AS connection_id, c.user_ref, c.server, c.institution_name,
	CASE
		WHEN c.state OPERATOR(pg_catalog.<>) 'active' THEN c.state
		WHEN d.syncing THEN 'syncing'
		WHEN NOT c.sync_enabled OR p.paused_at IS NOT NULL THEN 'paused'
		WHEN EXISTS (SELECT FROM ob.breakers b WHERE b.server OPERATOR(pg_catalog.=) c.server AND b.open_until OPERATOR(pg_catalog.>) pg_catalog.now()
			AND b.institution_id OPERATOR(pg_catalog.=) ANY (ARRAY['', c.institution_id])) THEN 'held back'
		WHEN s.next_sync_at OPERATOR(pg_catalog.<=) pg_catalog.now() THEN 'due'
		ELSE 'scheduled'
	END AS activity,
	CASE
		WHEN s.history_complete THEN 'complete'
		WHEN s.initial_sync_done THEN 'partial'
		ELSE 'none'
	END AS history,
	s.history_from, c.transactions_synced,
	s.loop_started_at AS backfill_started_at, s.loop_pages AS pages, s.loop_transactions AS transactions_read,
	pg_catalog.round(s.loop_transactions OPERATOR(pg_catalog./) NULLIF(EXTRACT(epoch FROM s.loop_time), 0), 1) AS transactions_per_second,
	c.last_sync_at, c.last_sync_status, c.failing_since, s.attempts AS failures, s.next_sync_at,
	CASE WHEN d.syncing AND s.loop_transactions OPERATOR(pg_catalog.>) 0 AND s.loop_total OPERATOR(pg_catalog.>=) s.loop_transactions THEN
		GREATEST(pg_catalog.clock_timestamp(), s.loop_page_at OPERATOR(pg_catalog.+) (s.loop_time
			OPERATOR(pg_catalog.*) ((s.loop_total OPERATOR(pg_catalog.-) s.loop_transactions)::pg_catalog.float8
				OPERATOR(pg_catalog./) s.loop_transactions::pg_catalog.float8)))
	END AS estimated_end
FROM ob.connections c
JOIN ob.sync_state s ON s.connection_id OPERATOR(pg_catalog.=) c.id
LEFT JOIN ob.server_state p ON p.server OPERATOR(pg_catalog.=) c.server
-- By the lock of whoever works on it (LockClass::connection in src/pg/locks.hpp): a lease outlives a session that was killed.
CROSS JOIN LATERAL (
	SELECT c.id OPERATOR(pg_catalog.=) ANY (
		SELECT (l.classid::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) l.objid::pg_catalog.int8
		FROM pg_catalog.pg_locks l
		WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.objsubid OPERATOR(pg_catalog.=) 2817 AND l.granted
		AND l.mode OPERATOR(pg_catalog.=) 'ExclusiveLock' AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
		AND l.database OPERATOR(pg_catalog.=) (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
	) AS syncing
) d;
COMMENT ON VIEW ob.sync_status IS 'Where each connection''s sync stands: what it does now, how complete its history is, how far a first backfill has come, how fast and until when, failures in a row, when it is next.';

-- ---- what was not read lately ----

CREATE OR REPLACE VIEW ob.connection_status WITH (security_invoker = true) AS
SELECT c.id AS connection_id, c.user_ref, c.server, c.institution_name,
	CASE
		-- Trouble that lasts: nobody should take the data for today's.
		WHEN c.failing_since OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::pg_catalog.interval) THEN 'Error'
		WHEN d.overdue AND d.synced THEN 'Error'
		WHEN c.state OPERATOR(pg_catalog.=) 'active' THEN 'Linked'
		WHEN c.state OPERATOR(pg_catalog.=) 'pending' THEN 'Pending'
		WHEN c.state OPERATOR(pg_catalog.=) 'disconnected' THEN 'Not linked'
		ELSE 'Error'
	END AS badge,
	c.state, c.reauth_reason, c.requires_reauth, c.state_since, c.error_code,
	CASE
		WHEN c.state OPERATOR(pg_catalog.=) 'reauth_required' THEN COALESCE(c.error_message, 'Please reconnect your bank.')
		WHEN c.state OPERATOR(pg_catalog.=) 'revoked' THEN 'Access was withdrawn. Please link your bank again.'
		WHEN c.state OPERATOR(pg_catalog.=) 'error' THEN COALESCE(c.error_message, 'The connection does not work.')
		WHEN c.state OPERATOR(pg_catalog.=) 'disconnected' THEN 'Link your bank to see its accounts.'
		WHEN NOT d.synced THEN 'Syncing is paused.'
		WHEN c.failing_since IS NOT NULL THEN COALESCE(c.error_message, 'The bank cannot be reached at the moment.')
		WHEN c.requires_reauth THEN 'Please renew your consent soon.'
		WHEN c.last_sync_at IS NULL THEN 'Waiting for the first sync.'
		WHEN c.last_sync_status OPERATOR(pg_catalog.=) 'deferred' THEN pg_catalog.format(
			'The provider limits the number of calls. Your data are from %s.', pg_catalog.to_char(c.last_sync_at, 'YYYY-MM-DD HH24:MI TZ'))
		WHEN d.overdue THEN pg_catalog.format('Your data are from %s.', pg_catalog.to_char(c.last_sync_at, 'YYYY-MM-DD HH24:MI TZ'))
		WHEN c.last_sync_status OPERATOR(pg_catalog.=) 'waiting' THEN 'The bank is still preparing your data.'
		WHEN NOT s.history_complete THEN 'Older transactions may still be missing.'
		-- Synced is not fresh: a sync reads the provider's copy.
		WHEN c.bank_updated_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '2 days'::pg_catalog.interval)
			THEN pg_catalog.format('The bank''s data are from %s.', pg_catalog.to_char(c.bank_updated_at, 'YYYY-MM-DD HH24:MI TZ'))
		ELSE 'Up to date.'
	END AS what_to_do,
	c.failing_since, c.last_sync_at, c.last_sync_status, c.bank_updated_at, c.transactions_synced, s.next_sync_at
FROM ob.connections c
LEFT JOIN ob.sync_state s ON s.connection_id OPERATOR(pg_catalog.=) c.id
LEFT JOIN ob.server_state p ON p.server OPERATOR(pg_catalog.=) c.server
CROSS JOIN LATERAL (
	SELECT c.sync_enabled AND p.paused_at IS NULL AS synced,
		-- Due for a day, or put off since a day after it should have been read.
		c.state OPERATOR(pg_catalog.=) 'active' AND LEAST(s.next_sync_at, CASE WHEN c.last_sync_status OPERATOR(pg_catalog.=) 'deferred' THEN
			COALESCE(c.last_sync_at OPERATOR(pg_catalog.+) COALESCE(c.sync_interval, '0'::pg_catalog.interval), c.created_at) END)
			OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::pg_catalog.interval) AS overdue
) d;
COMMENT ON VIEW ob.connection_status IS 'Each connection with a badge (Not linked, Pending, Linked, Error) and a sentence what to do.';

-- ---- accounts that are not synced ----

COMMENT ON COLUMN ob.accounts_all.sync_enabled IS 'False: its transactions are left as they are stored (ob.pause_account).';

CREATE FUNCTION ob.pause_account(connection pg_catalog.int8, account_id pg_catalog.text) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_pause_account';
COMMENT ON FUNCTION ob.pause_account(pg_catalog.int8, pg_catalog.text) IS
'Leaves the transactions of an account as they are stored, whoever syncs; the account itself is still read. False if it was so already.';

CREATE FUNCTION ob.resume_account(connection pg_catalog.int8, account_id pg_catalog.text) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_resume_account';
COMMENT ON FUNCTION ob.resume_account(pg_catalog.int8, pg_catalog.text) IS
'Ends ob.pause_account: the connection is due at once, and what was passed over is read. False if the account was not paused.';

-- ---- tokens that expire, links with a verifier ----

ALTER TABLE ob.connections ADD COLUMN authenticated_at pg_catalog.timestamptz;
COMMENT ON COLUMN ob.connections.authenticated_at IS 'When the user was last at the bank for us: banks show old transactions only soon after.';
ALTER TABLE ob.links ADD COLUMN verifier_sealed pg_catalog.bytea;
ALTER TABLE ob.links ALTER verifier_sealed SET STATISTICS 0;
COMMENT ON COLUMN ob.links.verifier_sealed IS 'What the exchange has to prove (PKCE), until the link has ended.';
COMMENT ON COLUMN ob.tokens.renew_at IS 'When it is to be renewed (an access token) or used once more to stay good (a refresh token); NULL: it lasts.';

CREATE VIEW ob.token_status WITH (security_invoker = true) AS
SELECT c.id AS connection_id, c.user_ref, c.server, c.institution_name, c.state,
	CASE
		WHEN a.expires_at IS NULL THEN 'lasting'
		WHEN a.expires_at OPERATOR(pg_catalog.<=) pg_catalog.now() THEN 'expired'
		WHEN a.renew_at OPERATOR(pg_catalog.<=) pg_catalog.now() THEN 'due'
		ELSE 'good'
	END AS access_token,
	a.created_at AS renewed_at, a.expires_at, r.kind IS NOT NULL AS has_refresh_token, r.renew_at AS keep_alive_at
FROM ob.connections c
JOIN ob.tokens a ON a.server OPERATOR(pg_catalog.=) c.server AND a.kind OPERATOR(pg_catalog.=) 'access_token'
	AND a.subject OPERATOR(pg_catalog.=) pg_catalog.concat('connection:', c.id)
LEFT JOIN ob.tokens r ON r.server OPERATOR(pg_catalog.=) a.server AND r.subject OPERATOR(pg_catalog.=) a.subject
	AND r.kind OPERATOR(pg_catalog.=) 'refresh_token';
COMMENT ON VIEW ob.token_status IS 'The access token of each connection: whether it is good, due to be renewed, expired (it is renewed when it is needed) or does not expire at all; when it was last renewed; when its refresh token is used at the latest, so that it does not die unused.';

CREATE FUNCTION ob.refresh_token(connection pg_catalog.int8) RETURNS pg_catalog.timestamptz
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_refresh_token';
COMMENT ON FUNCTION ob.refresh_token(pg_catalog.int8) IS
'Renews the connection''s tokens now and says until when the new access token is good. Recorded even if this transaction rolls back. Of providers whose tokens expire.';

CREATE PROCEDURE ob.refresh_tokens(within pg_catalog.interval DEFAULT '12 hours')
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_refresh_tokens';
COMMENT ON PROCEDURE ob.refresh_tokens(pg_catalog.interval) IS
'Renews, one after the other and within the provider''s limits, the tokens that expire within that time, and those that would die unused. One that fails does not fail the call.';

-- ---- schedules ----

CREATE OR REPLACE FUNCTION ob.cron_expression(every pg_catalog.interval, job pg_catalog.text) RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	minutes numeric := EXTRACT(epoch FROM every) / 60;
	-- Not all databases of the world at the same minute.
	spread int := (hashtext(current_database() || job || (SELECT c.system_identifier FROM pg_control_system() c)) & 2147483647) % 360;
	minute int := spread % 60;
	hour int := spread / 60;
BEGIN
	IF every = '1 minute' THEN
		RETURN '* * * * *';
	ELSIF minutes IN (2, 3, 4, 5, 6, 10, 12, 15, 20, 30) THEN
		RETURN format('%s-59/%s * * * *', minute % minutes::int, minutes::int);
	ELSIF every = '1 hour' THEN
		RETURN format('%s * * * *', minute);
	ELSIF minutes / 60 IN (2, 3, 4, 6, 8, 12) THEN
		RETURN format('%s %s-23/%s * * *', minute, hour % (minutes / 60)::int, (minutes / 60)::int);
	ELSIF every = '1 day' THEN
		RETURN format('%s %s * * *', minute, hour);
	ELSIF every = '7 days' THEN
		RETURN format('%s %s * * %s', minute, hour, spread % 7);
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
		MESSAGE = format('pg_cron cannot run something every %s', every),
		HINT = 'Take 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 minutes, 1, 2, 3, 4, 6, 8 or 12 hours, 1 or 7 days, or 0 for never.';
END
$$;

-- Its arguments are named from now on as those of every version to come.
DROP FUNCTION ob.schedule(pg_catalog.interval, pg_catalog.interval, pg_catalog.interval);
CREATE FUNCTION ob.schedule(sync pg_catalog.interval DEFAULT NULL, refresh pg_catalog.interval DEFAULT NULL,
	check_consents pg_catalog.interval DEFAULT NULL, sweep_webhooks pg_catalog.interval DEFAULT NULL, purge pg_catalog.interval DEFAULT NULL)
RETURNS TABLE (job pg_catalog.text, schedule pg_catalog.text, command pg_catalog.text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	wanted jsonb;
	refused text;
	absent text;
BEGIN
	-- The arguments are those of every version; what this one has no procedure for is no job of it.
	SELECT jsonb_agg(jsonb_build_object('job', w.name, 'schedule', ob.cron_expression(w.every, w.name), 'command', 'CALL ' || w.call))
			FILTER (WHERE w.procedure IS NOT NULL),
		min(w.call) FILTER (WHERE NOT has_function_privilege(w.procedure::oid, 'EXECUTE')),
		min(w.call) FILTER (WHERE w.procedure IS NULL AND w.is_asked_for)
	INTO wanted, refused, absent
	FROM (
		SELECT j.name, COALESCE(j.every, j.usually) AS every, j.every IS NOT NULL AS is_asked_for, j.call, to_regprocedure(j.signature) AS procedure
		FROM (VALUES
			('sync', schedule.sync, interval '5 minutes', 'ob.sync_due()', 'ob.sync_due(int4, int4, name, text, interval)'),
			('refresh', schedule.refresh, '6 hours', 'ob.refresh_tokens()', 'ob.refresh_tokens(interval)'),
			('check_consents', schedule.check_consents, '1 day', 'ob.check_consents()', 'ob.check_consents()'),
			('sweep_webhooks', schedule.sweep_webhooks, '10 minutes', 'ob.sweep_webhooks()', 'ob.sweep_webhooks()'),
			('purge', schedule.purge, '1 day', 'ob.purge()', 'ob.purge()')) j (name, every, usually, call, signature)
	) w
	WHERE w.every <> '0';
	PERFORM ob.check_cron(COALESCE(wanted, '[]'));
	IF absent IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = format('this version has no %s', absent),
			HINT = 'Leave that job out.';
	END IF;
	IF refused IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('role "%s" may not CALL %s', current_user, refused),
			HINT = 'A job runs with the rights of the role that schedules it: see ob.grant_admin; or leave the job out with 0.';
	END IF;
	PERFORM cron.unschedule(c.jobid) FROM cron.job c
	WHERE c.jobname ~ '^openbanking ' AND c.database = current_database() AND c.username = current_user
	AND NOT EXISTS (SELECT FROM jsonb_array_elements(wanted) j WHERE c.jobname = 'openbanking ' || (j ->> 'job'));
	FOR job, schedule, command IN SELECT j ->> 'job', j ->> 'schedule', j ->> 'command' FROM jsonb_array_elements(wanted) j LOOP
		PERFORM cron.schedule('openbanking ' || job, schedule, command);
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION ob.schedule(pg_catalog.interval, pg_catalog.interval, pg_catalog.interval, pg_catalog.interval, pg_catalog.interval) IS
'Has pg_cron sync what is due, renew tokens, check consents, take up webhooks and purge, each at its interval; 0 for never, NULL for the default. Said again, the new intervals hold. Jobs run with the caller''s rights.';

DROP INDEX ob.audit_persons_user_ref_idx;
CREATE INDEX audit_persons_user_ref_idx ON ob.audit_persons (user_ref, pseudonym);

CREATE OR REPLACE FUNCTION ob.acting() RETURNS pg_catalog.jsonb
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_acting';

CREATE OR REPLACE FUNCTION ob.record_audit(action pg_catalog.text, connection_id pg_catalog.int8 DEFAULT NULL,
	server pg_catalog.name DEFAULT NULL, user_ref pg_catalog.text DEFAULT NULL, success pg_catalog.bool DEFAULT true,
	details pg_catalog.jsonb DEFAULT NULL, request_id pg_catalog.text DEFAULT NULL, user_ip pg_catalog.inet DEFAULT NULL,
	acting pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_record_audit';

-- Nothing of what is new for PUBLIC, nor for those whom default privileges gave it.
REVOKE ALL ON ob.budgets, ob.budget_status, ob.webhook_events, ob.webhook_events_event_id_seq, ob.webhook_keys, ob.webhook_status,
	ob.token_status FROM PUBLIC;
REVOKE ALL ON FUNCTION ob.budgets_now(pg_catalog.bool), ob.pause_account(pg_catalog.int8, pg_catalog.text),
	ob.resume_account(pg_catalog.int8, pg_catalog.text),
	ob.person_events(pg_catalog.text),
	ob.tell_of_webhook_keys(),
	ob.webhook_verify(pg_catalog.name, pg_catalog.jsonb, pg_catalog.bytea, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz),
	ob.webhook_check(pg_catalog.name, pg_catalog.jsonb, pg_catalog.bytea, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.inet),
	ob.webhook_receive(pg_catalog.name, pg_catalog.jsonb, pg_catalog.bytea, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.inet),
	ob.webhook_retry(pg_catalog.int8),
	ob.webhook_subscribe(pg_catalog.name, pg_catalog.text),
	ob.refresh_token(pg_catalog.int8),
	ob.schedule(pg_catalog.interval, pg_catalog.interval, pg_catalog.interval, pg_catalog.interval, pg_catalog.interval) FROM PUBLIC;
REVOKE ALL ON PROCEDURE ob.retry_quarantine(), ob.sweep_webhooks(), ob.refresh_tokens(pg_catalog.interval) FROM PUBLIC;
DO $$
DECLARE
	role pg_catalog.text;
BEGIN
	FOR role IN
		SELECT DISTINCT a.grantee::pg_catalog.regrole
		FROM (SELECT c.relacl FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ANY ('{ob.budgets,ob.budget_status,ob.webhook_events,ob.webhook_events_event_id_seq,ob.webhook_keys,ob.webhook_status,ob.token_status}'::pg_catalog.regclass[])
			UNION ALL SELECT p.proacl FROM pg_catalog.pg_proc p
				WHERE p.pronamespace OPERATOR(pg_catalog.=) 'ob'::pg_catalog.regnamespace AND p.proname OPERATOR(pg_catalog.=) ANY
					('{budgets_now,retry_quarantine,pause_account,resume_account,person_events,tell_of_webhook_keys,webhook_verify,webhook_check,webhook_receive,webhook_retry,webhook_subscribe,sweep_webhooks,schedule,refresh_token,refresh_tokens}'::pg_catalog.name[])
			) given (acl), pg_catalog.aclexplode(given.acl) a
		WHERE a.grantee OPERATOR(pg_catalog.<>) a.grantor
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON ob.budgets, ob.budget_status, ob.webhook_events, ob.webhook_events_event_id_seq, ob.webhook_keys, ob.webhook_status,
	ob.token_status FROM %1$s;
			REVOKE ALL ON FUNCTION ob.budgets_now(pg_catalog.bool), ob.pause_account(pg_catalog.int8, pg_catalog.text),
	ob.resume_account(pg_catalog.int8, pg_catalog.text),
	ob.person_events(pg_catalog.text),
	ob.tell_of_webhook_keys(),
	ob.webhook_verify(pg_catalog.name, pg_catalog.jsonb, pg_catalog.bytea, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz),
	ob.webhook_check(pg_catalog.name, pg_catalog.jsonb, pg_catalog.bytea, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.inet),
	ob.webhook_receive(pg_catalog.name, pg_catalog.jsonb, pg_catalog.bytea, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.inet),
	ob.webhook_retry(pg_catalog.int8),
	ob.webhook_subscribe(pg_catalog.name, pg_catalog.text),
	ob.refresh_token(pg_catalog.int8),
	ob.schedule(pg_catalog.interval, pg_catalog.interval, pg_catalog.interval, pg_catalog.interval, pg_catalog.interval) FROM %1$s;
			REVOKE ALL ON PROCEDURE ob.retry_quarantine(), ob.sweep_webhooks(), ob.refresh_tokens(pg_catalog.interval) FROM %1$s', role);
	END LOOP;
END
$$;
