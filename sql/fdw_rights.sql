-- With whose rights a live table is read, and what a condition may see.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
\set SHOW_CONTEXT never
CREATE SERVER fdw_rights FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url');
CREATE USER MAPPING FOR PUBLIC SERVER fdw_rights OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
CREATE SCHEMA rights;
IMPORT FOREIGN SCHEMA ob FROM SERVER fdw_rights INTO rights;
SELECT status FROM ob.sandbox_link('fdw_rights', 'ann');
SELECT status FROM ob.sandbox_link('fdw_rights', 'ben');
SELECT FROM pg_temp.calls() \g /dev/null

CREATE ROLE regress_ob_reader;
GRANT USAGE ON SCHEMA rights TO regress_ob_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA rights TO regress_ob_reader;
CREATE SERVER fdw_rights_all FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'all');
CREATE FOREIGN TABLE rights.every (user_ref text, server name, name text) SERVER fdw_rights_all OPTIONS (object 'accounts');
GRANT SELECT ON rights.every TO regress_ob_reader;
GRANT USAGE ON FOREIGN SERVER fdw_rights_all TO regress_ob_reader;

-- USAGE on the server counts when the table is read, not only when it is made; also where nothing would be read
SET ROLE regress_ob_reader;
SELECT count(*) FROM rights.ob_accounts;
SELECT count(*) FROM rights.ob_accounts WHERE connection_id = (SELECT NULL::bigint);
EXPLAIN SELECT count(*) FROM rights.ob_accounts;
EXPLAIN VERBOSE SELECT count(*) FROM rights.ob_accounts;
-- the server that stands for all leaves out what the role may not use
SELECT count(*) FROM rights.every WHERE server = 'fdw_rights';
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER fdw_rights TO regress_ob_reader;
-- and so do rights on ob.connections
SET ROLE regress_ob_reader;
\set VERBOSITY sqlstate
SELECT count(*) FROM rights.ob_accounts;
\set VERBOSITY default
RESET ROLE;
SELECT * FROM pg_temp.calls();
SELECT ob.grant_operate('regress_ob_reader');
SET ROLE regress_ob_reader;
SELECT user_ref, count(*) FROM rights.ob_accounts GROUP BY 1 ORDER BY 1;
SELECT user_ref, count(*) FROM rights.every WHERE server = 'fdw_rights' GROUP BY 1 ORDER BY 1;
RESET ROLE;

-- row policies of ob.connections hold for live tables, plans that are kept included
BEGIN;
SELECT ob.revoke_operate('regress_ob_reader'), ob.grant_read('regress_ob_reader');
PREPARE mine AS SELECT user_ref, count(*) FROM rights.ob_accounts GROUP BY 1 ORDER BY 1;
SELECT FROM pg_temp.calls() \g /dev/null
SET ROLE regress_ob_reader;
SET openbanking.user_ref = 'ben';
EXECUTE mine;
SET openbanking.user_ref = 'ann';
EXECUTE mine;
RESET openbanking.user_ref;
EXECUTE mine;
RESET ROLE;
SELECT user_ref, call FROM pg_temp.calls();
EXECUTE mine;
ROLLBACK;

-- a view is read with its owner's rights, a security_invoker one with the reader's
CREATE VIEW rights.owners AS SELECT user_ref, name FROM rights.ob_accounts WHERE user_ref = 'ben';
CREATE VIEW rights.invokers WITH (security_invoker) AS SELECT user_ref, name FROM rights.ob_accounts WHERE user_ref = 'ben';
GRANT SELECT ON rights.owners, rights.invokers TO regress_ob_reader;
REVOKE USAGE ON FOREIGN SERVER fdw_rights FROM regress_ob_reader;
SELECT ob.revoke_operate('regress_ob_reader');
GRANT USAGE ON SCHEMA ob TO regress_ob_reader;
SELECT FROM pg_temp.calls() \g /dev/null
SET ROLE regress_ob_reader;
SELECT name FROM rights.owners ORDER BY name;
SELECT name FROM rights.invokers ORDER BY name;
CREATE FUNCTION pg_temp.names() RETURNS SETOF text LANGUAGE sql AS 'SELECT name FROM rights.ob_accounts';
SELECT pg_temp.names();
DROP FUNCTION pg_temp.names();
RESET ROLE;
SELECT user_ref, call FROM pg_temp.calls();
-- a function that runs as its owner
CREATE FUNCTION rights.names() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER
	AS 'SELECT name FROM rights.ob_accounts WHERE user_ref = ''ben''';
SET ROLE regress_ob_reader;
SELECT rights.names() ORDER BY 1;
RESET ROLE;
SELECT FROM pg_temp.calls() \g /dev/null

-- a leaky condition sees no more than the security barrier in front of it lets through
CREATE FUNCTION rights.leak(text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
	RAISE NOTICE 'saw %', $1;
	RETURN true;
END $$;
GRANT USAGE ON SCHEMA rights TO regress_ob_reader;
CREATE FOREIGN TABLE rights.slim (user_ref text, institution_name text, account_id text, mask text, name text)
	SERVER fdw_rights OPTIONS (object 'accounts');
CREATE VIEW rights.barrier WITH (security_barrier) AS SELECT * FROM rights.slim WHERE user_ref = 'ben' AND mask = '0000';
GRANT SELECT ON rights.barrier TO regress_ob_reader;
SET ROLE regress_ob_reader;
SELECT name FROM rights.barrier WHERE rights.leak(user_ref);
EXPLAIN (VERBOSE, COSTS OFF) SELECT name FROM rights.barrier
WHERE rights.leak(user_ref) AND account_id = 'x' AND rights.leak(institution_name);
RESET ROLE;
SELECT user_ref, call FROM pg_temp.calls();

SELECT ob.disconnect(id) FROM ob.connections WHERE server = 'fdw_rights' ORDER BY id;
\set VERBOSITY terse
DROP SCHEMA rights CASCADE;
DROP SERVER fdw_rights CASCADE;
DROP SERVER fdw_rights_all CASCADE;
REVOKE USAGE ON SCHEMA ob FROM regress_ob_reader;
DROP ROLE regress_ob_reader;
