-- Whatever a caller plants in front of pg_catalog is never called: neither functions, operators and types of the same names,
-- nor temporary tables.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
CREATE ROLE regress_ob_planter;
CREATE SCHEMA planted AUTHORIZATION regress_ob_planter;
GRANT USAGE ON SCHEMA planted TO PUBLIC;
-- Every function and operator of pg_catalog that can be written anew, each of which tells that it was called.
SET ROLE regress_ob_planter;
DO $$
DECLARE
	item record;
BEGIN
	FOR item IN
		SELECT p.oid, p.proname, p.proretset, pg_get_function_identity_arguments(p.oid) AS arguments, p.prorettype::regtype AS result
		FROM pg_proc p
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.provariadic = 0
		AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = ANY (p.prorettype || p.proargtypes::oid[]) AND t.typtype = 'p')
		AND p.proargmodes IS NULL
	LOOP
		EXECUTE format('CREATE FUNCTION planted.%I(%s) RETURNS %s %s LANGUAGE plpgsql COST 0.0001 AS %L', item.proname, item.arguments,
			CASE WHEN item.proretset THEN 'SETOF' ELSE '' END, item.result,
			format('BEGIN RAISE EXCEPTION USING MESSAGE = %L; END', 'called planted.' || item.proname));
	END LOOP;
	FOR item IN
		SELECT o.oprname, o.oprleft::regtype AS left_type, o.oprright::regtype AS right_type, p.proname
		FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
		WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprkind = 'b'
		AND to_regprocedure(format('planted.%I(%s, %s)', p.proname, o.oprleft::regtype, o.oprright::regtype)) IS NOT NULL
	LOOP
		EXECUTE format('CREATE OPERATOR planted.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = planted.%I)', item.oprname,
			item.left_type, item.right_type, item.proname);
	END LOOP;
	-- and exact matches where pg_catalog has to convert
	EXECUTE 'CREATE FUNCTION planted.differs(oid, int4) RETURNS bool LANGUAGE plpgsql AS ''BEGIN RAISE EXCEPTION ''''called planted.differs''''; END''';
	EXECUTE 'CREATE OPERATOR planted.= (LEFTARG = oid, RIGHTARG = int4, FUNCTION = planted.differs)';
	EXECUTE 'CREATE OPERATOR planted.<> (LEFTARG = oid, RIGHTARG = int4, FUNCTION = planted.differs)';
	FOR item IN SELECT unnest('{text,name,int8,int4,bool,jsonb,uuid,inet,interval,timestamptz,date,numeric,bytea,regrole,oid}'::text[]) AS type LOOP
		EXECUTE format('CREATE DOMAIN planted.%I AS pg_catalog.int2 CHECK (false)', item.type);
	END LOOP;
END
$$;
RESET ROLE;
SELECT count(*) > 1500 AS functions FROM pg_proc WHERE pronamespace = 'planted'::regnamespace;
SELECT count(*) > 500 AS operators FROM pg_operator WHERE oprnamespace = 'planted'::regnamespace;
CREATE SERVER planted FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url', client_name 'Test', products 'auth,transactions');
CREATE USER MAPPING FOR PUBLIC SERVER planted OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
CREATE SCHEMA planted_live;
IMPORT FOREIGN SCHEMA ob FROM SERVER planted INTO planted_live;
SELECT ob.grant_admin('regress_ob_planter');
GRANT USAGE ON FOREIGN SERVER planted TO regress_ob_planter;
GRANT USAGE ON SCHEMA planted_live TO regress_ob_planter;
GRANT SELECT ON ALL TABLES IN SCHEMA planted_live TO regress_ob_planter;
-- The whole database is bent, so that workers are, too. Sessions begin with nothing planned.
ALTER DATABASE contrib_regression SET search_path = planted, pg_temp, pg_catalog;
\c -
SET client_min_messages = warning;
CREATE TEMP TABLE connections (id int);
CREATE TEMP TABLE tokens (id int);
CREATE TEMP TABLE audit_log (id int);
CREATE TEMP TABLE pg_class (id int);
-- it works: this is not what it looks like
SELECT 'a' = 'b';
SELECT lower('A'::pg_catalog.text);
SET ROLE regress_ob_planter;
SELECT status FROM ob.sandbox_link('planted', 'planted-ann') \gset
SELECT :'status';
-- the sync worker
SET openbanking.sync_on_event = on;
SELECT connection_id AS id FROM ob.sandbox_link('planted', 'planted-dan') \gset
SET openbanking.sync_on_event = off;
DO $$
BEGIN
	FOR i IN 1 .. 1000 LOOP
		EXIT WHEN EXISTS (SELECT FROM ob.connections WHERE user_ref OPERATOR(pg_catalog.=) 'planted-dan' AND last_sync_status OPERATOR(pg_catalog.=) 'complete');
		PERFORM pg_catalog.pg_sleep(0.02);
		COMMIT;
	END LOOP;
END
$$;
SELECT last_sync_status FROM ob.connections WHERE id OPERATOR(pg_catalog.=) :id;
SELECT ob.erase_user('planted-dan') OPERATOR(pg_catalog.->) 'accounts' AS accounts;
SELECT connection_id AS id FROM ob.sandbox_link('planted', 'planted-ben') \gset
SELECT status FROM ob.sync(:id);
SELECT status FROM ob.sync(:id, true);
CALL ob.sync_now(:id);
CALL ob.sync_due(server => 'planted');
SELECT link_id, action FROM ob.link('planted', 'planted-ann') \gset
SELECT state FROM ob.link_status(:'link_id');
SELECT status FROM ob.link_complete(:'link_id');
SELECT ob.link_cancel(:'link_id');
SELECT action FROM ob.relink(:id);
SELECT name FROM ob.institutions('planted', 'Platypus') LIMIT 1;
SELECT ob.rotate_access_token(:id);
SELECT account_id AS account FROM planted_live.ob_accounts WHERE type OPERATOR(pg_catalog.=) 'checking' AND connection_id OPERATOR(pg_catalog.=) :id \gset
SELECT scheme FROM ob.account_number(:id, :'account');
SELECT status FROM ob.request('planted', 'POST', '/item/get', connection => :id);
SELECT pg_catalog.count(*) FROM planted_live.ob_accounts WHERE user_ref OPERATOR(pg_catalog.=) 'planted-ben';
SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 FROM planted_live.ob_transactions WHERE user_ref OPERATOR(pg_catalog.=) 'planted-ben';
SELECT pg_catalog.count(*) FROM planted_live.ob_balances WHERE user_ref OPERATOR(pg_catalog.=) 'planted-ben';
SELECT badge FROM ob.connection_status WHERE connection_id OPERATOR(pg_catalog.=) :id;
SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 FROM ob.transactions;
SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 FROM ob.accounts;
SELECT connections FROM ob.server_status WHERE server OPERATOR(pg_catalog.=) 'planted';
SELECT ob.retry_credentials('planted');
SELECT ob.pause(:id), ob.resume(:id), ob.retry(:id), ob.pause_server('planted'), ob.resume_server('planted');
SELECT ob.pause_account(:id, account_id), ob.resume_account(:id, account_id) FROM ob.accounts WHERE connection_id OPERATOR(pg_catalog.=) :id LIMIT 1;
CALL ob.check_consents();
SELECT activity FROM ob.sync_status WHERE user_ref OPERATOR(pg_catalog.=) 'planted-ben';
SELECT pg_catalog.count(*) FROM ob.consents_expiring;
SELECT pg_catalog.count(*) FROM ob.schedules;
SELECT accounts FROM ob.net_worth WHERE user_ref OPERATOR(pg_catalog.=) 'planted-ben';
SELECT ob.visible_user_refs(), ob.visible_connections(), ob.sees_all();
SELECT ob.allow('planted-cleo', 'planted-ben'), ob.allow('planted-cleo', 'planted-ann'), ob.disallow('planted-cleo', 'planted-ann');
SELECT pg_catalog.jsonb_typeof(ob.export_user('planted-ben'));
SELECT key_id FROM ob.keys();
SELECT pg_catalog.left(ob.seal('planted', 'client_secret', 'x'), 12);
CALL ob.rotate_key();
CALL ob.purge();
-- as who has only some rows
RESET ROLE;
SELECT ob.revoke_admin('regress_ob_planter'), ob.grant_read('regress_ob_planter');
SET ROLE regress_ob_planter;
SET openbanking.user_ref = 'planted-cleo';
SELECT user_ref FROM ob.connections;
SELECT DISTINCT user_ref FROM ob.transactions;
SELECT user_ref, pg_catalog.count(*) FROM planted_live.ob_accounts GROUP BY user_ref;
SELECT pg_catalog.cardinality(ob.visible_user_refs()), pg_catalog.cardinality(ob.visible_connections());
RESET ROLE;
RESET openbanking.user_ref;
SELECT ob.grant_admin('regress_ob_planter'), ob.grant_webhook('regress_ob_planter'), ob.revoke_webhook('regress_ob_planter'),
	ob.grant_admin('regress_ob_planter');
SET ROLE regress_ob_planter;
SELECT ob.disconnect(:id, true);
SELECT ob.erase_user('planted-ben'), ob.erase_user('planted-ann');
RESET ROLE;
ALTER SERVER planted OPTIONS (SET client_name 'Other');
ALTER SERVER planted RENAME TO planted_too;
DROP FOREIGN TABLE planted_live.ob_accounts, planted_live.ob_transactions, planted_live.ob_balances;
DROP SERVER planted_too CASCADE;
ALTER DATABASE contrib_regression RESET search_path;
-- Nor does the script call any of it when it installs.
CREATE DATABASE planted_before TEMPLATE template0;
\c planted_before
CREATE FUNCTION public.differs(oid, int4) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called public.differs'; END $$;
CREATE OPERATOR public.<> (LEFTARG = oid, RIGHTARG = int4, FUNCTION = public.differs);
CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called public.format'; END $$;
CREATE DOMAIN public.int8 AS int2;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_ob_planter;
CREATE EXTENSION openbanking;
SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'ob'::regnamespace) AND t.typnamespace = 'public'::regnamespace;
\c contrib_regression
DROP DATABASE planted_before;
SET client_min_messages = warning;
DROP SCHEMA planted_live CASCADE;
DROP OWNED BY regress_ob_planter CASCADE;
DROP ROLE regress_ob_planter;
