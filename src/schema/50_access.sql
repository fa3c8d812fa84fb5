-- Who may see whose rows, and who may do what. Policies name no role: a row is visible to roles that operate the
-- extension, and else to the present end user (or the one who acts) and to those whom he has been allowed to see.

CREATE TABLE ob.access_grants (
	actor pg_catalog.text COLLATE "C" NOT NULL,
	user_ref pg_catalog.text COLLATE "C" NOT NULL,
	until pg_catalog.timestamptz,
	granted_by pg_catalog.name NOT NULL DEFAULT SESSION_USER,
	created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (actor, user_ref)
);
COMMENT ON TABLE ob.access_grants IS 'Whom an end user may see besides himself, such as an accountant her clients; until NULL: without an end.';
SELECT pg_catalog.pg_extension_config_dump('ob.access_grants', '');

-- ---- the present end user ----

CREATE FUNCTION ob.current_user_ref() RETURNS pg_catalog.text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ob_current_user_ref';
COMMENT ON FUNCTION ob.current_user_ref() IS
'The end user that this session speaks for, from where openbanking.user_ref_source says: the setting openbanking.user_ref, or the claim "sub" of PostgREST''s request.jwt.claims. NULL: nobody.';

-- In no body of its own: only who may call it counts.
CREATE FUNCTION ob.all_rows() RETURNS pg_catalog.bool
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT true';
COMMENT ON FUNCTION ob.all_rows() IS 'A role that may execute this sees every row: ob.grant_operate and ob.grant_admin give it.';

CREATE FUNCTION ob.sees_all() RETURNS pg_catalog.bool
LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT pg_catalog.has_function_privilege('ob.all_rows()', 'EXECUTE') $$;
COMMENT ON FUNCTION ob.sees_all() IS 'Whether the current role sees the rows of all end users.';

-- As the owner, who alone may look at the grants; what they return is the caller's own business in any case.
CREATE FUNCTION ob.visible_user_refs() RETURNS pg_catalog.text[]
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT array_agg(visible.user_ref) FROM (
	SELECT ob.current_user_ref() AS user_ref
	UNION
	SELECT g.user_ref FROM ob.access_grants g
	WHERE g.actor = ob.current_user_ref() AND (g.until IS NULL OR g.until > clock_timestamp())
) visible WHERE visible.user_ref IS NOT NULL $$;
COMMENT ON FUNCTION ob.visible_user_refs() IS 'The end users whose rows the present one may see: himself and those in ob.access_grants.';

CREATE FUNCTION ob.visible_connections() RETURNS pg_catalog.int8[]
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT array_agg(c.id) FROM ob.connections c WHERE c.user_ref = ANY (ob.visible_user_refs()) $$;
COMMENT ON FUNCTION ob.visible_connections() IS 'The connections of those end users.';

-- ---- policies ----

-- The sub-selects are evaluated once a statement, not once a row.
CREATE POLICY visible ON ob.connections
	USING ((SELECT ob.sees_all()) OR user_ref OPERATOR(pg_catalog.=) ANY ((SELECT ob.visible_user_refs())::pg_catalog.text[]));
CREATE POLICY visible ON ob.sync_state
	USING ((SELECT ob.sees_all()) OR connection_id OPERATOR(pg_catalog.=) ANY ((SELECT ob.visible_connections())::pg_catalog.int8[]));
CREATE POLICY visible ON ob.accounts_all
	USING ((SELECT ob.sees_all()) OR connection_id OPERATOR(pg_catalog.=) ANY ((SELECT ob.visible_connections())::pg_catalog.int8[]));
CREATE POLICY visible ON ob.transactions_all
	USING ((SELECT ob.sees_all()) OR connection_id OPERATOR(pg_catalog.=) ANY ((SELECT ob.visible_connections())::pg_catalog.int8[]));
ALTER TABLE ob.connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.sync_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.accounts_all ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.transactions_all ENABLE ROW LEVEL SECURITY;

-- These are for operators alone: without a policy for others there is no row for them, whatever they were granted.
CREATE POLICY visible ON ob.quarantine USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.links USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.tokens USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.client_checks USING ((SELECT ob.sees_all()));
-- It says of a server what its users may know, whoever they are.
CREATE POLICY visible ON ob.server_state USING (true);
CREATE POLICY visible ON ob.breakers USING ((SELECT ob.sees_all()));
ALTER TABLE ob.breakers ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.server_state ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON ob.budgets USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.outcomes USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.access_grants USING ((SELECT ob.sees_all()));
ALTER TABLE ob.quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.links ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.client_checks ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.budgets ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.outcomes ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.access_grants ENABLE ROW LEVEL SECURITY;

-- ---- rights by kind of role ----

CREATE FUNCTION ob.columns_but(relation pg_catalog.regclass, hidden pg_catalog.text[]) RETURNS pg_catalog.text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (hidden) $$;
COMMENT ON FUNCTION ob.columns_but(pg_catalog.regclass, pg_catalog.text[]) IS 'The columns of a table but those, as GRANT wants them.';

-- Each level has the ones before it as well, webhook apart, which stands alone.
CREATE FUNCTION ob.rights(level pg_catalog.text) RETURNS TABLE (privilege pg_catalog.text, object pg_catalog.text)
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
COMMENT ON FUNCTION ob.rights(pg_catalog.text) IS 'What ob.grant_read, grant_operate, grant_admin and grant_webhook give.';

CREATE FUNCTION ob.change_rights(verb pg_catalog.text, level pg_catalog.text, role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	item record;
BEGIN
	FOR item IN SELECT * FROM ob.rights(level) LOOP
		EXECUTE format('%s %s ON %s %s %s', verb, item.privilege, item.object,
			CASE verb WHEN 'GRANT' THEN 'TO' ELSE 'FROM' END, role);
	END LOOP;
	PERFORM ob.record_audit(CASE verb WHEN 'GRANT' THEN 'ACCESS_GRANTED' ELSE 'ACCESS_REVOKED' END,
		details => jsonb_build_object('level', level, 'role', role::text));
END
$$;
COMMENT ON FUNCTION ob.change_rights(pg_catalog.text, pg_catalog.text, pg_catalog.regrole) IS 'What the grant_ and revoke_ functions do.';

CREATE FUNCTION ob.grant_read(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('GRANT', 'read', role) $$;
COMMENT ON FUNCTION ob.grant_read(pg_catalog.regrole) IS
'Lets a role read accounts, transactions and connections of the present end user (ob.current_user_ref) and of those he may see.';
CREATE FUNCTION ob.grant_operate(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('GRANT', 'operate', role) $$;
COMMENT ON FUNCTION ob.grant_operate(pg_catalog.regrole) IS
'Lets a role link and sync and see the rows of all end users: an application''s back end, a scheduler. It needs USAGE on the servers besides.';
CREATE FUNCTION ob.grant_admin(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('GRANT', 'admin', role) $$;
COMMENT ON FUNCTION ob.grant_admin(pg_catalog.regrole) IS
'As grant_operate; and lets a role end connections, seal secrets, read the audit log and say who may see whom.';
CREATE FUNCTION ob.grant_webhook(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('GRANT', 'webhook', role) $$;
COMMENT ON FUNCTION ob.grant_webhook(pg_catalog.regrole) IS 'Lets a role hand in webhooks and nothing else.';
CREATE FUNCTION ob.revoke_read(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('REVOKE', 'read', role) $$;
COMMENT ON FUNCTION ob.revoke_read(pg_catalog.regrole) IS 'Takes back what ob.grant_read gave.';
CREATE FUNCTION ob.revoke_operate(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('REVOKE', 'operate', role) $$;
COMMENT ON FUNCTION ob.revoke_operate(pg_catalog.regrole) IS 'Takes back what ob.grant_operate gave, reading included.';
CREATE FUNCTION ob.revoke_admin(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('REVOKE', 'admin', role) $$;
COMMENT ON FUNCTION ob.revoke_admin(pg_catalog.regrole) IS 'Takes back what ob.grant_admin gave, reading and operating included.';
CREATE FUNCTION ob.revoke_webhook(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('REVOKE', 'webhook', role) $$;
COMMENT ON FUNCTION ob.revoke_webhook(pg_catalog.regrole) IS 'Takes back what ob.grant_webhook gave.';

-- ---- who may see whom ----

CREATE FUNCTION ob.allow(actor pg_catalog.text, user_ref pg_catalog.text, until pg_catalog.timestamptz DEFAULT NULL)
RETURNS pg_catalog.void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS
$$
BEGIN
	-- The constraint would show the whole row, names included.
	IF COALESCE(allow.actor, '') = '' OR COALESCE(allow.user_ref, '') = '' THEN
		RAISE EXCEPTION 'arguments "actor" and "user_ref" must be given' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	INSERT INTO ob.access_grants AS g (actor, user_ref, until) VALUES (allow.actor, allow.user_ref, allow.until)
	ON CONFLICT ON CONSTRAINT access_grants_pkey
	DO UPDATE SET until = excluded.until, granted_by = SESSION_USER, created_at = clock_timestamp();
	PERFORM ob.record_audit('ACCESS_GRANTED', user_ref => allow.user_ref,
		details => jsonb_build_object('to_person', ob.pseudonym(allow.actor), 'until', allow.until));
END
$$;
COMMENT ON FUNCTION ob.allow(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS
'Lets the end user `actor` see the rows of `user_ref`, until a time or without an end; said again, the new end counts.';

CREATE FUNCTION ob.disallow(actor pg_catalog.text, user_ref pg_catalog.text) RETURNS pg_catalog.bool
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS
$$
BEGIN
	DELETE FROM ob.access_grants g WHERE g.actor = disallow.actor AND g.user_ref = disallow.user_ref;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM ob.record_audit('ACCESS_REVOKED', user_ref => disallow.user_ref,
		details => jsonb_build_object('to_person', ob.pseudonym(disallow.actor)));
	RETURN true;
END
$$;
COMMENT ON FUNCTION ob.disallow(pg_catalog.text, pg_catalog.text) IS 'Ends what ob.allow gave at once; false if there was nothing to end.';
