-- ob_balances: the bank itself is asked, once for each connection.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
SELECT pg_temp.control('clock', '{"set": "2026-03-07T10:00:00Z", "frozen": true}') \g /dev/null
SET openbanking.test_clock = '2026-03-07T10:00:00Z';
CREATE SERVER fdw_balances FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url');
CREATE USER MAPPING FOR PUBLIC SERVER fdw_balances OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
CREATE SCHEMA balances;
IMPORT FOREIGN SCHEMA ob LIMIT TO (ob_balances, ob_accounts) FROM SERVER fdw_balances INTO balances;
SET search_path = balances;
SELECT count(*) FROM ob_balances;
SELECT status FROM ob.sandbox_link('fdw_balances', 'ann', jsonb_build_object('username', 'user_custom',
	'password', $${"override_accounts": [
		{"type": "depository", "subtype": "checking", "starting_balance": 1200.5, "meta": {"name": "Everyday"}},
		{"type": "credit", "subtype": "credit card", "starting_balance": 410, "meta": {"name": "Card", "limit": 2000}},
		{"type": "loan", "subtype": "mortgage", "starting_balance": 250000, "meta": {"name": "House"}}]}$$));
SELECT status FROM ob.sandbox_link('fdw_balances', 'ben', jsonb_build_object('username', 'user_custom',
	'institution_id', 'ins_109511', 'password', $${"override_accounts": [
		{"type": "depository", "subtype": "savings", "starting_balance": 80, "currency": "EUR", "meta": {"name": "Nest"}}]}$$));
SELECT id AS ann, provider_connection_id AS ann_item FROM ob.connections WHERE server = 'fdw_balances' AND user_ref = 'ann' \gset
SELECT id AS ben FROM ob.connections WHERE server = 'fdw_balances' AND user_ref = 'ben' \gset
SELECT account_id AS everyday FROM ob_accounts WHERE name = 'Everyday' \gset
SELECT account_id AS card FROM ob_accounts WHERE name = 'Card' \gset
SELECT account_id AS nest FROM ob_accounts WHERE name = 'Nest' \gset
-- Plaid's own copy is older than the bank: the card has been overpaid since.
SELECT pg_temp.control('plaid/accounts/set', jsonb_build_object('item_id', :'ann_item', 'account_id', :'everyday',
	'live_balances', '{"current": 1150.25, "available": 1100, "last_updated_datetime": "2026-03-07T09:59:00Z"}'::jsonb)) \g /dev/null
SELECT pg_temp.control('plaid/accounts/set', jsonb_build_object('item_id', :'ann_item', 'account_id', :'card',
	'live_balances', '{"current": -20, "available": 2020}'::jsonb)) \g /dev/null
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- rows ----

SELECT b.server, b.provider, b.user_ref, b.institution_name, b.connection_state, name, b.currency, current, available,
	b.credit_limit, as_of, b.raw ->> 'account_id' = account_id AS raw
FROM ob_balances b JOIN ob_accounts a USING (connection_id, account_id) ORDER BY b.user_ref, name \gx
SELECT user_ref, call FROM pg_temp.calls() ORDER BY 2, 1;
SELECT name, balance_current FROM ob_accounts WHERE user_ref = 'ann' ORDER BY name;
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- conditions in the calls ----

SELECT current FROM ob_balances WHERE connection_id = :ben;
SELECT current FROM ob_balances WHERE user_ref = 'ben' AND currency = 'EUR';
SELECT user_ref, call FROM pg_temp.calls();
SELECT current FROM ob_balances WHERE user_ref LIKE 'a%' AND account_id = :'card';
SELECT user_ref, call, parameters #>> '{options,account_ids}' = format('["%s"]', :'card') AS by_id FROM pg_temp.calls();
SELECT current FROM ob_balances WHERE connection_id = :ann AND connection_id = :ben;
SELECT count(*) FROM pg_temp.calls();
-- of several accounts each bank is asked for its own, once ob_accounts' call has told which those are
SELECT user_ref, current FROM ob_balances WHERE account_id IN (:'everyday', :'nest', 'nobodys') ORDER BY 1;
SELECT user_ref, call, status, jsonb_array_length(parameters #> '{options,account_ids}') AS ids FROM pg_temp.calls() ORDER BY user_ref, status DESC, call;
\set VERBOSITY sqlstate
SELECT current FROM ob_balances WHERE account_id = 'nobodys';
SELECT current FROM ob_balances WHERE account_id IN ('nobodys', 'either');
\set VERBOSITY default
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- EXPLAIN: who would be asked, and how often ----

EXPLAIN (VERBOSE, COSTS OFF) SELECT current FROM ob_balances WHERE user_ref = 'ann' AND account_id = 'a' AND current > 0;
EXPLAIN (COSTS OFF) SELECT current FROM ob_balances;
CREATE FUNCTION pg_temp.expected(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN jsonb_path_query_first(plan, 'strict $.**."Expected Calls"');
END $$;
PREPARE mine (text) AS SELECT current FROM ob_balances WHERE user_ref = $1;
SELECT pg_temp.expected('SELECT FROM ob_balances WHERE connection_id = ' || :ann) AS one,
	pg_temp.expected($$SELECT FROM ob_balances WHERE user_ref IN ('ann', 'ben', 'cy')$$) AS two,
	pg_temp.expected($$SELECT FROM ob_balances WHERE user_ref = 'nobody'$$) AS none,
	pg_temp.expected($$SELECT FROM ob_balances WHERE connection_id = NULL::bigint$$) AS nothing,
	pg_temp.expected($$SELECT FROM ob_balances WHERE connection_state = 'revoked'$$) AS ended,
	pg_temp.expected($$EXECUTE mine('ann')$$) AS value,
	-- only the execution finds out
	pg_temp.expected($$SELECT FROM ob_balances WHERE user_ref = (SELECT 'ann')$$) AS subquery,
	pg_temp.expected($$SELECT FROM ob_balances WHERE user_ref LIKE 'a%'$$) AS pattern,
	pg_temp.expected($$SELECT FROM ob_accounts$$) AS not_billed;
SET plan_cache_mode = force_generic_plan;
SELECT pg_temp.expected($$EXECUTE mine('ann')$$) AS parameter;
RESET plan_cache_mode;
SELECT * FROM pg_temp.calls();
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT current FROM ob_balances WHERE user_ref = 'ann';
SELECT FROM pg_temp.calls() \g /dev/null
-- a plan that is made into text after it has run does no harm
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_level = 'debug1';
SELECT current FROM ob_balances WHERE user_ref = 'ben';
RESET auto_explain.log_min_duration;
-- rights count for EXPLAIN too
CREATE ROLE regress_ob_balances;
GRANT USAGE ON SCHEMA balances TO regress_ob_balances;
GRANT SELECT ON ob_balances TO regress_ob_balances;
SET ROLE regress_ob_balances;
EXPLAIN (COSTS OFF) SELECT current FROM ob_balances;
RESET ROLE;
SELECT ob.grant_read('regress_ob_balances');
GRANT USAGE ON FOREIGN SERVER fdw_balances TO regress_ob_balances;
SET ROLE regress_ob_balances;
SET openbanking.user_ref = 'ben';
EXPLAIN (COSTS OFF) SELECT current FROM ob_balances;
SELECT user_ref, current FROM ob_balances;
RESET ROLE;
DROP OWNED BY regress_ob_balances;
DROP ROLE regress_ob_balances;

-- ---- complete or an error ----

SELECT pg_temp.control('faults', jsonb_build_object('kind', 'error', 'code', 'INSTITUTION_DOWN', 'item_id', :'ann_item',
	'path', '/plaid/accounts/balance/get', 'count', 0)) \g /dev/null
\set VERBOSITY sqlstate
SELECT user_ref, current FROM ob_balances;
\set VERBOSITY default
SELECT user_ref, current FROM ob_balances WHERE user_ref = 'ben';
SELECT pg_temp.control('faults', '{"clear": true}') \g /dev/null
-- by hand, under other names
CREATE FOREIGN TABLE cash (now numeric OPTIONS (column_name 'current'), user_ref text) SERVER fdw_balances OPTIONS (object 'balances');
SELECT user_ref, now FROM cash WHERE user_ref = 'ben';
ALTER FOREIGN TABLE cash ADD balance_current numeric;
SELECT now FROM cash;
BEGIN READ ONLY;
SELECT current FROM ob_balances WHERE user_ref = 'ben';
COMMIT;

SELECT ob.disconnect(id) FROM ob.connections WHERE server = 'fdw_balances' ORDER BY id;
\set VERBOSITY terse
RESET search_path;
DROP SCHEMA balances CASCADE;
DROP SERVER fdw_balances CASCADE;
SELECT pg_temp.control('clock', '{"real": true}') \g /dev/null
