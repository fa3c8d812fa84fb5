-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION openbanking UPDATE TO '0.4'" to load this file. \quit

-- What is made here is revoked from PUBLIC here, too, by name: a REVOKE on all tables would take
-- away what users have granted.

ALTER TABLE ob.quarantine ADD COLUMN sync_attempt pg_catalog.int8 NOT NULL DEFAULT 0;
COMMENT ON COLUMN ob.quarantine.sync_attempt IS 'The attempt of a loop (ob.sync_state) that met it last.';

CREATE PROCEDURE ob.retry_quarantine()
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_retry_quarantine';
COMMENT ON PROCEDURE ob.retry_quarantine() IS
'Has connections with rows in quarantine read anew from the beginning, with their next sync: a bank tells each change once only.';
REVOKE ALL ON PROCEDURE ob.retry_quarantine() FROM PUBLIC;

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
