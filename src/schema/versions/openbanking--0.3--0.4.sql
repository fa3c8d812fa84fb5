-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION openbanking UPDATE TO '0.4'" to load this file. \quit

-- What is made here is revoked from PUBLIC here, too, by name: a REVOKE on all tables would take
-- away what users have granted.

ALTER TABLE ob.quarantine ADD COLUMN sync_attempt pg_catalog.int8 NOT NULL DEFAULT 0;
COMMENT ON COLUMN ob.quarantine.sync_attempt IS 'The attempt of a loop (ob.sync_state) that met it last.';

ALTER TABLE ob.sync_state ADD COLUMN health_read_at pg_catalog.timestamptz;
COMMENT ON COLUMN ob.sync_state.health_read_at IS 'When the provider was last asked how the connection is, by a call of its own.';

CREATE PROCEDURE ob.retry_quarantine()
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_retry_quarantine';
COMMENT ON PROCEDURE ob.retry_quarantine() IS
'Has connections with rows in quarantine read anew from the beginning, with their next sync: a bank tells each change once only.';

CREATE OR REPLACE FUNCTION ob.rights(level pg_catalog.text) RETURNS TABLE (privilege pg_catalog.text, object pg_catalog.text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
WITH rights (level, privilege, object) AS (VALUES
	('webhook', 'USAGE', 'SCHEMA ob'),
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
	('operate', 'EXECUTE', 'FUNCTION ob.schedule(interval, interval, interval)'),
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
	(SELECT pg_catalog.max(l.free_at) FROM ob.budgets_now(false) l WHERE l.server OPERATOR(pg_catalog.=) s.srvname) AS limited_until
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw
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
			FILTER (WHERE k.institution_id OPERATOR(pg_catalog.<>) '' AND k.open_until IS NOT NULL) AS institutions_down
	FROM ob.breakers k WHERE k.server OPERATOR(pg_catalog.=) s.srvname
) b
WHERE w.fdwname OPERATOR(pg_catalog.=) 'openbanking';
COMMENT ON VIEW ob.server_status IS 'Each server: its connections by state, since when it is paused, until when a budget of calls is used up, and since when and for whose user mapping the provider refuses the credentials.';

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

ALTER TABLE ob.sync_state ADD COLUMN loop_total pg_catalog.int8;
COMMENT ON COLUMN ob.sync_state.loop_total IS 'How many transactions that loop is expected to bring; NULL: unknown.';

CREATE OR REPLACE VIEW ob.sync_status WITH (security_invoker = true) AS
SELECT c.id AS connection_id, c.user_ref, c.server, c.institution_name,
	CASE
		WHEN c.state OPERATOR(pg_catalog.<>) 'active' THEN c.state
		WHEN NOT c.sync_enabled OR p.paused_at IS NOT NULL THEN 'paused'
		WHEN s.claimed_until OPERATOR(pg_catalog.>) pg_catalog.now() THEN 'syncing'
		WHEN EXISTS (SELECT FROM ob.breakers b WHERE b.server OPERATOR(pg_catalog.=) c.server AND b.open_until IS NOT NULL
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
	pg_catalog.round(s.loop_transactions OPERATOR(pg_catalog./) NULLIF(EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) s.loop_started_at), 0), 1)
		AS transactions_per_second,
	c.last_sync_at, c.last_sync_status, c.failing_since, s.attempts AS failures, s.next_sync_at,
	CASE WHEN s.loop_transactions OPERATOR(pg_catalog.>) 0 AND s.loop_total OPERATOR(pg_catalog.>=) s.loop_transactions THEN
		pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) ((pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) s.loop_started_at)
			OPERATOR(pg_catalog.*) ((s.loop_total OPERATOR(pg_catalog.-) s.loop_transactions)::pg_catalog.float8
				OPERATOR(pg_catalog./) s.loop_transactions::pg_catalog.float8))
	END AS estimated_end
FROM ob.connections c
JOIN ob.sync_state s ON s.connection_id OPERATOR(pg_catalog.=) c.id
LEFT JOIN ob.server_state p ON p.server OPERATOR(pg_catalog.=) c.server;
COMMENT ON VIEW ob.sync_status IS 'Where each connection''s sync stands: what it does now, how complete its history is, how far a first backfill has come, how fast and until when, failures in a row, when it is next.';

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

-- Nothing of what is new for PUBLIC, nor for those whom default privileges gave it.
REVOKE ALL ON ob.budgets, ob.budget_status FROM PUBLIC;
REVOKE ALL ON FUNCTION ob.budgets_now(pg_catalog.bool), ob.pause_account(pg_catalog.int8, pg_catalog.text),
	ob.resume_account(pg_catalog.int8, pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON PROCEDURE ob.retry_quarantine() FROM PUBLIC;
DO $$
DECLARE
	role pg_catalog.text;
BEGIN
	FOR role IN
		SELECT DISTINCT a.grantee::pg_catalog.regrole
		FROM (SELECT c.relacl FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ANY ('{ob.budgets,ob.budget_status}'::pg_catalog.regclass[])
			UNION ALL SELECT p.proacl FROM pg_catalog.pg_proc p
				WHERE p.oid OPERATOR(pg_catalog.=) ANY ('{ob.budgets_now(bool),ob.retry_quarantine()}'::pg_catalog.regprocedure[])
			) given (acl), pg_catalog.aclexplode(given.acl) a
		WHERE a.grantee OPERATOR(pg_catalog.<>) a.grantor
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON ob.budgets, ob.budget_status FROM %1$s;
			REVOKE ALL ON FUNCTION ob.budgets_now(pg_catalog.bool), ob.pause_account(pg_catalog.int8, pg_catalog.text),
				ob.resume_account(pg_catalog.int8, pg_catalog.text) FROM %1$s;
			REVOKE ALL ON PROCEDURE ob.retry_quarantine() FROM %1$s', role);
	END LOOP;
END
$$;
