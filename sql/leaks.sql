-- One who may type SQL as a reader of ann's rows tries to learn something of ben's.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
\set SHOW_CONTEXT never
CREATE ROLE regress_ob_thief LOGIN;
CREATE ROLE regress_ob_fence;
CREATE ROLE regress_ob_boss;
SELECT ob.grant_read('regress_ob_thief'), ob.grant_operate('regress_ob_boss');
CREATE SERVER leaks FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url', products 'transactions');
CREATE USER MAPPING FOR PUBLIC SERVER leaks OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
GRANT USAGE ON FOREIGN SERVER leaks TO regress_ob_thief, regress_ob_boss;
CREATE SCHEMA live;
IMPORT FOREIGN SCHEMA ob FROM SERVER leaks INTO live;
GRANT USAGE ON SCHEMA live TO regress_ob_thief, regress_ob_boss;
GRANT SELECT ON ALL TABLES IN SCHEMA live TO regress_ob_thief, regress_ob_boss;
CREATE SCHEMA thief AUTHORIZATION regress_ob_thief;
GRANT USAGE ON SCHEMA thief TO regress_ob_fence, regress_ob_boss;
SELECT connection_id AS ann FROM ob.sandbox_link('leaks', 'leaks-ann') \gset
SELECT connection_id AS ben FROM ob.sandbox_link('leaks', 'leaks-ben') \gset
SELECT status FROM ob.sync(:ann);
SELECT status FROM ob.sync(:ben);
UPDATE ob.connections SET consent_expires_at = now() + interval '1 day';
-- as if all was sampled
ANALYZE ob.connections, ob.sync_state, ob.accounts_all, ob.transactions_all;
SELECT set_config('thief.ben', :'ben', false) \g /dev/null
CREATE VIEW public.readable AS
SELECT c.oid::regclass AS relation, a.attname AS key FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace IN ('ob'::regnamespace, 'live'::regnamespace) AND a.attname = CASE c.relname WHEN 'connections' THEN 'id' ELSE 'connection_id' END
AND has_column_privilege('regress_ob_thief', c.oid, a.attnum, 'SELECT') ORDER BY c.relnamespace::regnamespace::text, c.relname;
GRANT SELECT ON public.readable TO regress_ob_thief;

SET ROLE regress_ob_thief;
SET openbanking.user_ref = 'leaks-ann';
-- It tells what it is shown, and is cheaper than anything else.
CREATE FUNCTION thief.looks(connection bigint) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	IF connection = current_setting('thief.ben')::bigint THEN
		RAISE WARNING 'leaked';
	END IF;
	RETURN true;
END $$;
CREATE FUNCTION thief.equal(bigint, bigint) RETURNS bool LANGUAGE sql COST 0.0000001 AS 'SELECT thief.looks($1)';
CREATE OPERATOR thief.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = thief.equal, RESTRICT = eqsel, JOIN = eqjoinsel, MERGES);
CREATE FUNCTION thief.sure(connection bigint) RETURNS bool LANGUAGE plpgsql COST 0.0000001 LEAKPROOF AS 'BEGIN RETURN true; END';
-- a trick, with %1$s the relation and %2$s the column of the connection; rows are ann's alone
CREATE TABLE thief.tricks (trick text);
INSERT INTO thief.tricks VALUES
	('SELECT %2$s FROM %1$s WHERE thief.looks(%2$s)'),
	('SELECT %2$s FROM %1$s WHERE %2$s OPERATOR(thief.=) 0::bigint'),
	('SELECT %2$s FROM %1$s ORDER BY thief.looks(%2$s), 1 LIMIT 100'),
	('SELECT min(%2$s) FILTER (WHERE thief.looks(%2$s)) FROM %1$s GROUP BY thief.looks(%2$s) HAVING bool_and(thief.looks(%2$s))'),
	('SELECT first_value(%2$s) OVER (PARTITION BY thief.looks(%2$s)) FROM %1$s'),
	('SELECT a.%2$s FROM %1$s a LEFT JOIN (VALUES (1)) v (n) ON thief.looks(a.%2$s)'),
	('SELECT v.n FROM (VALUES (1)) v (n), LATERAL (SELECT thief.looks(%2$s) FROM %1$s OFFSET 0) l'),
	('SELECT 1 FROM (VALUES (1)) v (n) WHERE EXISTS (SELECT FROM %1$s WHERE thief.looks(%2$s) AND v.n = 1)'),
	('WITH c AS MATERIALIZED (SELECT * FROM (SELECT %2$s FROM %1$s) s) SELECT 1 FROM c WHERE thief.looks(%2$s)'),
	('SELECT CASE WHEN thief.looks(%2$s) THEN 1 END FROM %1$s UNION ALL SELECT 1 FROM %1$s WHERE thief.looks(%2$s)'),
	('SELECT 1 FROM %1$s WHERE 1 / (%2$s - current_setting(''thief.ben'')::bigint) < 2'),
	('SELECT 1 FROM %1$s WHERE CASE WHEN user_ref <> ''leaks-ann'' THEN user_ref::int = 1 ELSE true END');
CREATE FUNCTION thief.try(trick text, relation regclass, key name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rows int8;
BEGIN
	EXECUTE format('SELECT count(*) FROM (' || trick || ') trick', relation, key) INTO rows;
	RETURN CASE WHEN rows > 0 THEN 'rows' ELSE 'none' END;
EXCEPTION WHEN undefined_column THEN
	RETURN 'no user_ref';
END $$;
SELECT t.trick, string_agg(DISTINCT thief.try(t.trick, r.relation, r.key), ', ') AS of_ann FROM thief.tricks t, public.readable r GROUP BY 1 ORDER BY 1;
SELECT relation FROM public.readable;
-- samples, copies
SELECT count(*) FROM ob.connections TABLESAMPLE SYSTEM (100) WHERE thief.looks(id);
SELECT count(*) > 0 FROM ob.transactions_all TABLESAMPLE BERNOULLI (100) REPEATABLE (1) WHERE thief.looks(connection_id);
COPY ob.connections (user_ref, server) TO STDOUT;
COPY ob.sync_state (initial_sync_done) TO STDOUT;
COPY ob.connections TO STDOUT;
COPY live.ob_accounts (user_ref) TO STDOUT;
COPY (SELECT DISTINCT user_ref FROM live.ob_accounts WHERE thief.looks(connection_id)) TO STDOUT;
-- plans name nobody whom the reader does not
CREATE FUNCTION thief.explained(relation regclass, key name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	lines text := '';
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (ANALYZE, VERBOSE, SETTINGS, FORMAT JSON) SELECT * FROM (SELECT %2$s AS key FROM %1$s) s WHERE thief.looks(key)', relation, key) LOOP
		lines := lines || line;
	END LOOP;
	RETURN lines;
END $$;
SELECT relation, explained ~ 'leaks-ben|sandbox' AS says_too_much FROM public.readable, thief.explained(relation, key) explained
UNION ALL SELECT NULL, explained ~ 'Connections' FROM thief.explained('live.ob_accounts', 'connection_id') explained;
-- cursors and plans that outlive the user they were made for
BEGIN;
DECLARE early CURSOR FOR SELECT user_ref FROM ob.connections;
DECLARE early_live CURSOR FOR SELECT DISTINCT user_ref FROM live.ob_accounts;
DECLARE held CURSOR WITH HOLD FOR SELECT user_ref FROM ob.connections;
SET openbanking.user_ref = '';
FETCH ALL FROM early;
FETCH ALL FROM early_live;
COMMIT;
FETCH ALL FROM held;
CLOSE held;
PREPARE kept AS SELECT user_ref, count(*) > 0 AS has_rows FROM ob.transactions WHERE server = 'leaks' GROUP BY 1 ORDER BY 1;
PREPARE kept_live AS SELECT user_ref, count(*) FROM live.ob_accounts GROUP BY 1 ORDER BY 1;
SET plan_cache_mode = force_generic_plan;
EXECUTE kept;
SET openbanking.user_ref = 'leaks-ann';
EXECUTE kept;
EXECUTE kept_live;
RESET ROLE;
SET ROLE regress_ob_boss;
EXECUTE kept;
EXECUTE kept_live;
RESET ROLE;
SET ROLE regress_ob_fence;
EXECUTE kept;
EXECUTE kept_live;
RESET ROLE;
SET ROLE regress_ob_thief;
EXECUTE kept;
EXECUTE kept_live;
RESET plan_cache_mode;
-- without policies: not at all
SET row_security = off;
SELECT count(*) FROM ob.connections;
SELECT count(*) FROM ob.transactions;
SELECT count(*) FROM live.ob_accounts;
SET row_security = on;
-- views upon views; rows that were kept
CREATE VIEW thief.one AS SELECT user_ref, connection_id FROM ob.transactions;
CREATE VIEW thief.two WITH (security_barrier) AS SELECT * FROM thief.one WHERE thief.looks(connection_id);
CREATE VIEW thief.three WITH (security_invoker) AS SELECT * FROM thief.two WHERE thief.looks(connection_id);
CREATE MATERIALIZED VIEW thief.kept AS SELECT user_ref FROM ob.connections;
CREATE FUNCTION thief.lent() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT DISTINCT user_ref FROM thief.three';
GRANT SELECT ON ALL TABLES IN SCHEMA thief TO regress_ob_fence, regress_ob_boss;
SELECT DISTINCT user_ref FROM thief.three;
SELECT * FROM thief.kept;
RESET ROLE;
-- who reads through them has no more than the two of them
SET ROLE regress_ob_fence;
SELECT DISTINCT user_ref FROM thief.one;
SELECT thief.lent();
RESET ROLE;
SET ROLE regress_ob_thief;
-- columns that are hidden, by any name
SELECT a FROM ob.accounts_all a LIMIT 1;
SELECT to_jsonb(a) FROM ob.accounts_all a LIMIT 1;
SELECT 1 FROM ob.accounts_all ORDER BY number_sealed LIMIT 1;
SELECT 1 FROM ob.connections WHERE consent_ip IS NULL LIMIT 1;
SELECT count(c.*) FROM ob.connections c NATURAL JOIN ob.accounts_all a;
TABLE ob.sync_state;
-- writing, by any name
UPDATE ob.transactions_all SET annotations = '{}' RETURNING *;
UPDATE ob.transactions SET annotations = '{}';
SELECT 1 FROM ob.connections FOR SHARE;
UPDATE live.ob_accounts SET name = '';
CREATE TABLE thief.child () INHERITS (ob.transactions_all);
CREATE TABLE thief.points (id bigint REFERENCES ob.connections (id));
ALTER FUNCTION thief.looks(bigint) LEAKPROOF;
CREATE STATISTICS thief.sums ON user_ref, state FROM ob.connections;
RESET ROLE;
SET ROLE regress_ob_boss;
UPDATE ob.accounts_all SET annotations = '{}' RETURNING number_sealed;
UPDATE ob.accounts_all SET annotations = to_jsonb(number_sealed);
UPDATE ob.connections SET annotations = '{}', state = 'active';
MERGE INTO ob.accounts_all a USING (VALUES (1)) v (n) ON a.connection_id = v.n WHEN MATCHED THEN DELETE;
MERGE INTO ob.connections c USING (VALUES (1)) v (n) ON c.id = v.n WHEN MATCHED THEN UPDATE SET user_ref = 'leaks-ann';
RESET ROLE;
-- who may read and write everything, but must obey policies
GRANT pg_read_all_data, pg_write_all_data TO regress_ob_fence;
SET ROLE regress_ob_fence;
SELECT count(*) FROM ob.tokens;
SELECT count(*) FROM ob.audit_persons;
SELECT count(*) FROM live.ob_accounts;
UPDATE ob.connections SET user_ref = 'regress_ob_fence';
INSERT INTO ob.access_grants (actor, user_ref) VALUES ('cleo', 'leaks-ben');
DELETE FROM ob.tokens;
RESET ROLE;
REVOKE pg_read_all_data, pg_write_all_data FROM regress_ob_fence;
SET ROLE regress_ob_thief;
-- what the planner has sampled
SELECT count(*) FROM pg_stats WHERE schemaname = 'ob';
SELECT count(*) FROM pg_stats_ext WHERE schemaname = 'ob';
SELECT stavalues1 FROM pg_statistic;
-- a server or mapping of one's own: nobody else's connection takes it
SELECT umoptions FROM pg_user_mappings WHERE srvname = 'leaks';
CREATE SERVER fake FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid');
ALTER SERVER leaks OPTIONS (SET api_url 'https://thief.example');
CREATE USER MAPPING FOR PUBLIC SERVER leaks OPTIONS (client_id 'x', client_secret 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER leaks OPTIONS (client_id 'x', client_secret 'x');
CREATE FOREIGN TABLE thief.own (who text OPTIONS (column_name 'user_ref'), connection_id bigint) SERVER leaks OPTIONS (object 'accounts');
SELECT who, count(*) FROM thief.own WHERE thief.looks(connection_id) GROUP BY 1;
-- what ails a bank of others
RESET ROLE;
SELECT ob.sandbox_reset_login(:ben);
\set VERBOSITY sqlstate
SELECT * FROM ob.sync(:ben);
\set VERBOSITY default
SET ROLE regress_ob_thief;
SELECT DISTINCT user_ref FROM live.ob_accounts;
SELECT count(*) FROM ob.connections WHERE state = 'reauth_required';
-- settings that are not his, not even before the library is there
SET openbanking.user_ref_source = 'jwt';
SET openbanking.allowed_hosts = 'https://thief.example';
SET openbanking.key_command = 'echo 1:…';
SHOW openbanking.key_file;
RESET ROLE;
\setenv PGOPTIONS '-c openbanking.user_ref_source=jwt -c request.jwt.claims={"sub":"leaks-ben"} -c openbanking.key_command=true'
\c - regress_ob_thief
\set VERBOSITY terse
SELECT user_ref FROM ob.connections;
SHOW openbanking.user_ref_source;
SET openbanking.user_ref = 'leaks-ann';
SELECT user_ref FROM ob.connections;
\setenv PGOPTIONS ''
\c - postgres
SET client_min_messages = warning;
SELECT ob.revoke_read('regress_ob_thief'), ob.revoke_operate('regress_ob_boss');
DROP VIEW public.readable;
DROP OWNED BY regress_ob_thief CASCADE;
DROP OWNED BY regress_ob_boss, regress_ob_fence;
DROP ROLE regress_ob_thief, regress_ob_fence, regress_ob_boss;
DROP SCHEMA live CASCADE;
SELECT ob.disconnect(id, true) FROM ob.connections WHERE server = 'leaks';
DROP SERVER leaks CASCADE;
