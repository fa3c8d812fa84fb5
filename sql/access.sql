-- Who may do what, and whose rows he sees.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
CREATE ROLE regress_ob_plain;
CREATE ROLE regress_ob_read;
CREATE ROLE regress_ob_operate;
CREATE ROLE regress_ob_admin;
CREATE ROLE regress_ob_webhook;
SELECT ob.grant_read('regress_ob_read'), ob.grant_operate('regress_ob_operate'), ob.grant_admin('regress_ob_admin'),
	ob.grant_webhook('regress_ob_webhook');
SELECT ob.grant_read('regress_ob_nobody');

-- Every function and every relation against every kind of role.
SELECT p.oid::regprocedure AS function,
	has_function_privilege('regress_ob_plain', p.oid, 'EXECUTE') AS plain,
	has_function_privilege('regress_ob_webhook', p.oid, 'EXECUTE') AS webhook,
	has_function_privilege('regress_ob_read', p.oid, 'EXECUTE') AS read,
	has_function_privilege('regress_ob_operate', p.oid, 'EXECUTE') AS operate,
	has_function_privilege('regress_ob_admin', p.oid, 'EXECUTE') AS admin
FROM pg_proc p WHERE p.pronamespace = 'ob'::regnamespace ORDER BY p.proname, p.pronargs;
SELECT c.relname AS relation, substr(r.rolname, 12) AS role,
	COALESCE((SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0
		AND NOT has_column_privilege(r.oid, c.oid, attnum, 'SELECT')), '') AS reads_all_but,
	COALESCE((SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0
		AND has_column_privilege(r.oid, c.oid, attnum, 'INSERT, UPDATE')), '') AS writes
FROM pg_class c, pg_roles r
WHERE c.relnamespace = 'ob'::regnamespace AND c.relkind IN ('r', 'v') AND r.rolname ~ '^regress_ob_(plain|webhook|read|operate|admin)$'
AND has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE') ORDER BY c.relname, r.rolname DESC;
-- Nobody writes or deletes but in annotations; nobody truncates.
SELECT c.relname, r.rolname FROM pg_class c, pg_roles r
WHERE c.relnamespace = 'ob'::regnamespace AND c.relkind IN ('r', 'v') AND r.rolname ~ '^regress_ob_'
AND has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
-- Every table has policies.
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'ob'::regnamespace AND c.relkind = 'r'
AND (NOT c.relrowsecurity OR NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid));

-- What is refused is refused when it is called, too: every function and procedure, with NULL for everything.
CREATE FUNCTION pg_temp.is_refused(role text, statement text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE statement;
	RESET ROLE;
	RETURN false;
EXCEPTION
	WHEN insufficient_privilege THEN
		RETURN true;
	WHEN OTHERS THEN
		RETURN false;
END $$;
SELECT r.rolname, bool_or(refused) AS refused_some, bool_or(NOT refused) AS allowed_some, string_agg(f.call, ' ') FILTER (WHERE refused = may) AS wrong
FROM pg_roles r, LATERAL (
	SELECT pg_temp.is_refused(r.rolname, f.call) AS refused, has_function_privilege(r.oid, f.oid, 'EXECUTE') AS may, f.call
	FROM (SELECT p.oid, format('%s %s(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, p.oid::regproc,
		-- what is strict would not be called at all with a constant NULL
		(SELECT string_agg(format(CASE p.prokind WHEN 'p' THEN 'NULL::%s' ELSE '(SELECT NULL::%s)' END, t::regtype), ', ')
			FROM unnest(p.proargtypes) t)) AS call
		FROM pg_proc p WHERE p.pronamespace = 'ob'::regnamespace AND p.prorettype <> 'trigger'::regtype) f) f
WHERE r.rolname ~ '^regress_ob_(plain|webhook|read|operate|admin)$' GROUP BY 1 ORDER BY 1;
-- Every column of every relation, and every way to write.
SELECT r.rolname, bool_or(refused) AS refused_some, bool_or(NOT refused) AS allowed_some,
	string_agg(s.statement, '; ') FILTER (WHERE refused = may) AS wrong,
	string_agg(s.statement, '; ' ORDER BY s.statement) FILTER (WHERE NOT refused AND s.statement !~ '^SELECT') AS writes
FROM pg_roles r, LATERAL (
	SELECT s.statement, s.may, pg_temp.is_refused(r.rolname, s.statement) AS refused FROM (
		SELECT format('SELECT %I FROM %s LIMIT 0', a.attname, c.oid::regclass), has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'ob'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
		UNION ALL
		SELECT format('UPDATE %s SET %I = DEFAULT WHERE false', c.oid::regclass, a.attname),
			a.attname = 'annotations' AND r.rolname ~ 'operate|admin'
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'ob'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
		UNION ALL
		SELECT format(w.statement, c.oid::regclass), false
		FROM pg_class c, (VALUES ('INSERT INTO %s DEFAULT VALUES'), ('DELETE FROM %s'), ('TRUNCATE %s'),
			('LOCK TABLE %s IN SHARE MODE'), ('ALTER TABLE %s DISABLE ROW LEVEL SECURITY'), ('CREATE POLICY mine ON %s USING (true)'),
			('CREATE INDEX ON %s ((1))'), ('CREATE RULE mine AS ON UPDATE TO %s DO INSTEAD NOTHING'), ('DROP TABLE %s'),
			('CREATE TABLE pg_temp.child () INHERITS (%s)'),
			('CREATE TRIGGER mine BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()')) w (statement)
		WHERE c.relnamespace = 'ob'::regnamespace AND c.relkind = 'r'
	) s (statement, may)) s
WHERE r.rolname ~ '^regress_ob_(plain|webhook|read|operate|admin)$' GROUP BY 1 ORDER BY 1;

-- Rows. Three people, one of them an accountant.
CREATE SERVER access FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url');
CREATE USER MAPPING FOR PUBLIC SERVER access OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
GRANT USAGE ON FOREIGN SERVER access TO regress_ob_read, regress_ob_operate;
CREATE SCHEMA access_live;
IMPORT FOREIGN SCHEMA ob LIMIT TO (ob_accounts) FROM SERVER access INTO access_live;
GRANT USAGE ON SCHEMA access_live TO regress_ob_read;
GRANT SELECT ON access_live.ob_accounts TO regress_ob_read;
SET ROLE regress_ob_operate;
SELECT status FROM ob.sandbox_link('access', 'ann');
SELECT status FROM ob.sandbox_link('access', 'ben');
RESET ROLE;
SELECT FROM ob.connections c, ob.sync(c.id) WHERE c.server = 'access' \g /dev/null
UPDATE ob.connections SET consent_expires_at = now() + interval '1 day';
-- Every relation with rows of people, live or synced, against every kind of role that may use the server: whom it shows while
-- the session speaks for ann.
CREATE FUNCTION pg_temp.shown(role text, relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	people text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE format('SELECT string_agg(DISTINCT user_ref, '' '') FROM %s WHERE user_ref ~ ''ann|ben''', relation) INTO people;
	RESET ROLE;
	RETURN COALESCE(people, 'nobody');
EXCEPTION
	WHEN insufficient_privilege THEN
		RETURN 'refused';
END $$;
IMPORT FOREIGN SCHEMA ob LIMIT TO (ob_transactions, ob_balances) FROM SERVER access INTO access_live;
BEGIN;
GRANT USAGE ON FOREIGN SERVER access TO PUBLIC;
GRANT USAGE ON SCHEMA access_live TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA access_live TO PUBLIC;
SET LOCAL openbanking.user_ref = 'ann';
SELECT relation, pg_temp.shown('regress_ob_plain', relation) AS plain, pg_temp.shown('regress_ob_webhook', relation) AS webhook,
	pg_temp.shown('regress_ob_read', relation) AS read, pg_temp.shown('regress_ob_operate', relation) AS operate,
	pg_temp.shown('regress_ob_admin', relation) AS admin
FROM (SELECT DISTINCT attrelid::regclass::text AS relation FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
	WHERE attname = 'user_ref' AND c.relkind IN ('r', 'v', 'f') AND c.relnamespace IN ('ob'::regnamespace, 'access_live'::regnamespace)) r
ORDER BY 1;
ROLLBACK;
SET ROLE regress_ob_read;
-- nobody: no rows, tables, views and live tables alike
SELECT count(*) FROM ob.connections WHERE server = 'access';
SELECT count(*) FROM ob.transactions WHERE server = 'access';
SELECT count(*) FROM access_live.ob_accounts;
SET openbanking.user_ref = 'ann';
SELECT user_ref, count(*) FROM ob.connections WHERE server = 'access' GROUP BY 1;
SELECT user_ref, count(*) > 0 AS rows FROM ob.accounts WHERE server = 'access' GROUP BY 1;
SELECT user_ref, count(*) > 0 AS rows FROM ob.transactions WHERE server = 'access' GROUP BY 1;
SELECT user_ref, count(*) > 0 AS rows FROM access_live.ob_accounts GROUP BY 1;
SELECT user_ref, badge FROM ob.connection_status WHERE server = 'access';
SELECT ob.visible_user_refs();
-- what a reader may not have
SELECT number_sealed FROM ob.accounts_all;
SELECT consent_ip FROM ob.connections;
SELECT cursor FROM ob.sync_state;
SELECT * FROM ob.tokens;
SELECT ob.allow('ann', 'ben');
UPDATE ob.transactions_all SET annotations = '{}';
SET openbanking.user_ref_source = 'jwt';
RESET ROLE;
-- an accountant sees her client until the end that was said
SELECT ob.allow('cleo', 'ann'), ob.allow('cleo', 'ben', now() - interval '1 second');
SET ROLE regress_ob_read;
SET openbanking.user_ref = 'cleo';
SELECT user_ref, count(*) FROM ob.connections WHERE server = 'access' GROUP BY 1;
SELECT DISTINCT user_ref FROM ob.transactions;
SELECT DISTINCT user_ref FROM access_live.ob_accounts;
RESET ROLE;
SELECT ob.disallow('cleo', 'ann'), ob.disallow('cleo', 'ann');
SELECT ob.allow(NULL, 'ann');
SELECT ob.allow('cleo', '');
SET ROLE regress_ob_read;
SELECT count(*) FROM ob.connections WHERE server = 'access';

-- A function that tells what it is shown is shown nothing of others: conditions, COPY, EXPLAIN, cursors.
SET openbanking.user_ref = 'ann';
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
$$ BEGIN IF $1 <> 'ann' THEN RAISE NOTICE 'leaked %', $1; END IF; RETURN true; END $$;
SELECT count(*) FROM ob.connections WHERE pg_temp.leak(user_ref) AND server = 'access';
SELECT count(*) > 0 FROM ob.transactions WHERE pg_temp.leak(user_ref);
SELECT count(*) > 0 FROM access_live.ob_accounts WHERE pg_temp.leak(user_ref);
COPY (SELECT user_ref FROM ob.connections WHERE server = 'access') TO STDOUT;
BEGIN;
DECLARE mine CURSOR FOR SELECT user_ref FROM ob.connections WHERE server = 'access';
FETCH ALL FROM mine;
COMMIT;
RESET ROLE;

-- PostgREST's claims
SET openbanking.user_ref_source = 'jwt';
SET openbanking.user_ref = 'ann';
SELECT ob.current_user_ref();
SET request.jwt.claims = '{"sub": "ben", "role": "web"}';
SELECT ob.current_user_ref();
SET ROLE regress_ob_read;
SELECT user_ref FROM ob.connections WHERE server = 'access';
SET request.jwt.claims = '{"sub": ';
SELECT user_ref FROM ob.connections WHERE server = 'access';
RESET ROLE;
RESET openbanking.user_ref_source;

-- Taken back, nothing remains.
SELECT ob.revoke_read('regress_ob_read'), ob.revoke_operate('regress_ob_operate'), ob.revoke_admin('regress_ob_admin'),
	ob.revoke_webhook('regress_ob_webhook');
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'ob'::regnamespace AND a.grantee::regrole::text ~ 'regress_ob';
SELECT count(*) FROM pg_attribute c, aclexplode(c.attacl) a WHERE a.grantee::regrole::text ~ 'regress_ob_';
SELECT count(*) FROM pg_proc c, aclexplode(c.proacl) a WHERE a.grantee::regrole::text ~ 'regress_ob_';
SELECT action, count(*) FROM ob.audit_log WHERE action LIKE 'ACCESS%' GROUP BY 1 ORDER BY 1;
DROP OWNED BY regress_ob_read, regress_ob_operate;
DROP ROLE regress_ob_plain, regress_ob_read, regress_ob_operate, regress_ob_admin, regress_ob_webhook;
\set VERBOSITY terse
DROP SCHEMA access_live CASCADE;
SELECT ob.disconnect(id, true) FROM ob.connections WHERE server = 'access';
DROP SERVER access CASCADE;
