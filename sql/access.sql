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
DROP SCHEMA access_live CASCADE;
SELECT ob.disconnect(id, true) FROM ob.connections WHERE server = 'access';
DROP SERVER access CASCADE;
