-- Live reads that fail: never a short result, the cause by SQLSTATE, the connection in the context.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
\set VERBOSITY sqlstate
CREATE SERVER fdw_errors FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url');
CREATE USER MAPPING FOR PUBLIC SERVER fdw_errors OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
CREATE SCHEMA errors;
IMPORT FOREIGN SCHEMA ob FROM SERVER fdw_errors INTO errors;
SET search_path = errors;
SELECT status FROM ob.sandbox_link('fdw_errors', 'ann');
SELECT status FROM ob.sandbox_link('fdw_errors', 'ben');
SELECT id AS ann, provider_connection_id AS ann_item FROM ob.connections WHERE server = 'fdw_errors' AND user_ref = 'ann' \gset
SELECT id AS ben FROM ob.connections WHERE server = 'fdw_errors' AND user_ref = 'ben' \gset
SELECT pg_temp.control('plaid/transactions/generate', jsonb_build_object('item_id', :'ann_item', 'count', 1500, 'announce', false)) \g /dev/null
CREATE FUNCTION pg_temp.fault(rule jsonb) RETURNS void LANGUAGE sql AS $$
	SELECT FROM pg_temp.control('faults', '{"clear": true}'), LATERAL (SELECT pg_temp.control('faults', rule)) s
$$;
-- Message parts of what a statement raises, without what differs from run to run.
CREATE FUNCTION pg_temp.failure(statement text, OUT code text, OUT message text, OUT hint text, OUT context text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT,
		context = PG_EXCEPTION_CONTEXT;
	context := substring(context FROM 'reading.*?connection ') || (SELECT user_ref FROM ob.connections
		WHERE id = substring(context FROM 'connection (\d+)')::bigint) || substring(context FROM ' through [^\n]*');
END $$;
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- one page of several is bad ----

\set whole 'SELECT count(*) FROM ob_transactions WHERE connection_id = ' :ann
SELECT pg_temp.fault('{"kind": "truncate", "path": "/plaid/transactions/get", "nth": 3, "count": 0}') \g /dev/null
:whole;
SELECT pg_temp.fault('{"kind": "malformed", "path": "/plaid/transactions/get", "nth": 2, "count": 0}') \g /dev/null
:whole;
SELECT pg_temp.fault('{"kind": "html", "status": 502, "path": "/plaid/transactions/get", "nth": 2, "count": 0}') \g /dev/null
:whole;
SELECT pg_temp.fault('{"kind": "empty", "path": "/plaid/transactions/get", "nth": 2, "count": 0}') \g /dev/null
:whole;
SELECT pg_temp.fault('{"kind": "invalid_utf8", "path": "/plaid/transactions/get", "nth": 2, "count": 0}') \g /dev/null
:whole;
SELECT pg_temp.fault('{"kind": "content_type", "content_type": "text/plain", "path": "/plaid/transactions/get", "count": 0}') \g /dev/null
:whole;
SELECT pg_temp.fault('{"kind": "huge", "bytes": 20000000, "path": "/plaid/transactions/get", "nth": 2, "count": 0}') \g /dev/null
:whole;
SELECT pg_temp.fault('{"kind": "cut", "where": "body", "after": 5000, "path": "/plaid/transactions/get", "nth": 2, "count": 0}') \g /dev/null
:whole;
SELECT pg_temp.fault('{"kind": "change_total", "path": "/plaid/transactions/get", "nth": 3}') \g /dev/null
:whole;
SELECT pg_temp.fault('{"kind": "status", "status": 503, "path": "/plaid/transactions/get", "count": 0}') \g /dev/null
:whole;
-- what is over soon is tried again
SELECT pg_temp.fault('{"kind": "status", "status": 503, "path": "/plaid/transactions/get", "nth": 2}') \g /dev/null
:whole;
SELECT pg_temp.control('faults', '{"clear": true}') \g /dev/null
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- which connection it was ----

SELECT pg_temp.fault(jsonb_build_object('kind', 'error', 'code', 'INVALID_ACCESS_TOKEN', 'item_id', :'ann_item', 'count', 0)) \g /dev/null
SELECT * FROM pg_temp.failure('SELECT * FROM ob_accounts') \gx
SELECT state, error_code FROM ob.connections WHERE id = :ann;
-- enough without it
SELECT count(*) FROM ob_accounts WHERE user_ref = 'ben';
SELECT pg_temp.control('faults', '{"clear": true}') \g /dev/null

-- ---- a row that cannot be shown ----

SELECT pg_temp.control('plaid/transactions/add', jsonb_build_object('item_id', :'ann_item', 'announce', false, 'transactions',
	'[{"transaction_id": "too-much", "amount": 12345678901234567890123456789012345}]'::jsonb)) \g /dev/null
SELECT code, message, hint, context FROM pg_temp.failure('SELECT * FROM ob_transactions WHERE user_ref = ''ann''') \gx
SELECT pg_temp.control('plaid/transactions/remove', jsonb_build_object('item_id', :'ann_item', 'announce', false,
	'transaction_id', 'too-much')) \g /dev/null
:whole;

-- ---- the bank wants its user ----

SELECT pg_temp.control('plaid/items/set', jsonb_build_object('item_id', :'ann_item', 'error', 'ITEM_LOGIN_REQUIRED', 'announce', false)) \g /dev/null
SELECT FROM pg_temp.calls() \g /dev/null
SELECT * FROM pg_temp.failure('SELECT * FROM ob_accounts') \gx
-- the state outlives the statement: it is written as soon as that has ended
DO $$
BEGIN
	FOR tries IN 1..200 LOOP
		EXIT WHEN EXISTS (SELECT FROM ob.connections WHERE server = 'fdw_errors' AND state <> 'active');
		PERFORM pg_sleep(0.05);
	END LOOP;
END $$;
SELECT state, reauth_reason, error_code FROM ob.connections WHERE id = :ann;
SELECT FROM pg_temp.calls() \g /dev/null
-- known now: no call, unless the connection is left out
SELECT count(*) FROM ob_accounts;
SELECT * FROM pg_temp.calls();
SELECT user_ref, count(*) FROM ob_accounts WHERE connection_state <> 'reauth_required' GROUP BY 1;
SELECT user_ref, call FROM pg_temp.calls();
-- nothing can be read through these, which is no mistake
UPDATE ob.connections SET state = 'revoked' WHERE id = :ann;
SELECT user_ref, count(*) FROM ob_accounts GROUP BY 1;
SELECT count(*) FROM ob_accounts WHERE connection_id = :ann;
-- these are tried
UPDATE ob.connections SET state = 'error' WHERE id = :ann;
SELECT pg_temp.control('plaid/items/set', jsonb_build_object('item_id', :'ann_item', 'error', NULL, 'announce', false)) \g /dev/null
SELECT user_ref, connection_state, count(*) FROM ob_accounts GROUP BY 1, 2 ORDER BY 1;
UPDATE ob.connections SET state = 'active' WHERE id = :ann;

-- what a worker has recorded holds before it is applied: here, as long as this transaction lasts
SELECT status FROM ob.sandbox_link('fdw_errors', 'cy');
SELECT id AS cy FROM ob.connections WHERE server = 'fdw_errors' AND user_ref = 'cy' \gset
BEGIN READ ONLY;
SELECT ob.disconnect(:cy);
SELECT state FROM ob.connections WHERE id = :cy;
SELECT user_ref, connection_state, count(*) FROM ob_accounts GROUP BY 1, 2 ORDER BY 1;
SELECT count(*) FROM ob_transactions WHERE connection_id = :cy;
COMMIT;
SELECT pg_temp.control('plaid/items/set', jsonb_build_object('item_id', :'ann_item', 'error', 'ITEM_LOGIN_REQUIRED', 'announce', false)) \g /dev/null
BEGIN;
SAVEPOINT a;
SELECT count(*) FROM ob_accounts WHERE user_ref = 'ann';
ROLLBACK TO a;
SELECT state FROM ob.connections WHERE id = :ann;
SELECT FROM pg_temp.calls() \g /dev/null
SELECT code, hint, context FROM pg_temp.failure('SELECT * FROM ob_accounts') \gx
SELECT user_ref, connection_state, count(*) FROM ob_accounts WHERE connection_state = 'active' GROUP BY 1, 2;
SELECT count(*) FROM ob_accounts WHERE connection_state = 'reauth_required';
ROLLBACK TO a;
SELECT user_ref, call FROM pg_temp.calls();
COMMIT;
DO $$
BEGIN
	FOR tries IN 1..200 LOOP
		EXIT WHEN NOT EXISTS (SELECT FROM ob.connections WHERE server = 'fdw_errors' AND user_ref IN ('ann', 'cy') AND state = 'active');
		PERFORM pg_sleep(0.05);
	END LOOP;
END $$;
SELECT user_ref, state FROM ob.connections WHERE server = 'fdw_errors' ORDER BY 1;
SELECT pg_temp.control('plaid/items/set', jsonb_build_object('item_id', :'ann_item', 'error', NULL, 'announce', false)) \g /dev/null
UPDATE ob.connections SET state = 'active' WHERE id = :ann;

-- ---- caught, cancelled ----

DO $$
BEGIN
	PERFORM count(*) FROM errors.ob_accounts WHERE account_id = 'nobodys';
EXCEPTION WHEN undefined_object THEN
	RAISE WARNING 'caught %', sqlerrm;
END $$;
SELECT pg_temp.control('latency', '{"ms": 5000}') \g /dev/null
SET statement_timeout = 200;
SELECT count(*) FROM ob_transactions;
-- a statement that leaves off half-way
RESET statement_timeout;
SELECT pg_temp.control('latency', '{"ms": 0}') \g /dev/null
BEGIN;
DECLARE part CURSOR FOR SELECT 1 FROM ob_transactions WHERE connection_id = :ann;
MOVE 300 FROM part;
SELECT 1 / 0;
ROLLBACK;
BEGIN;
DECLARE part CURSOR FOR SELECT 1 FROM ob_transactions WHERE connection_id = :ann;
MOVE 300 FROM part;
CLOSE part;
COMMIT;
:whole;

-- ---- not set up ----

SET openbanking.enabled = off;
SELECT count(*) FROM ob_accounts;
RESET openbanking.enabled;
DROP USER MAPPING FOR PUBLIC SERVER fdw_errors;
SELECT count(*) FROM ob_accounts;
CREATE USER MAPPING FOR PUBLIC SERVER fdw_errors OPTIONS (client_id 'sandbox-client');
SELECT count(*) FROM ob_accounts;
ALTER USER MAPPING FOR PUBLIC SERVER fdw_errors OPTIONS (ADD client_secret 'wrong');
SELECT count(*) FROM ob_accounts;
-- the operator's trouble is not the connection's
SELECT user_ref, state FROM ob.connections WHERE server = 'fdw_errors' ORDER BY 1;
ALTER USER MAPPING FOR PUBLIC SERVER fdw_errors OPTIONS (SET client_secret 'sandbox-secret');
ALTER SERVER fdw_errors OPTIONS (SET api_url 'http://192.0.2.1/plaid');
SELECT count(*) FROM ob_accounts;
ALTER SERVER fdw_errors OPTIONS (SET api_url :'api_url');
SELECT count(*) FROM ob_accounts;

SELECT ob.disconnect(id) FROM ob.connections WHERE server = 'fdw_errors' ORDER BY id;
\set VERBOSITY terse
RESET search_path;
DROP SCHEMA errors CASCADE;
DROP SERVER fdw_errors CASCADE;
