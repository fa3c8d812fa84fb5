-- However many connections are read at once, their pages together have a bound.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
CREATE SERVER fdw_memory FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url');
CREATE USER MAPPING FOR PUBLIC SERVER fdw_memory OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
CREATE SCHEMA memory;
IMPORT FOREIGN SCHEMA ob FROM SERVER fdw_memory INTO memory;
SET search_path = memory;
SELECT count(*) FROM generate_series(1, 40) g, ob.sandbox_link('fdw_memory', 'user ' || g);
SELECT pg_temp.control('plaid/transactions/generate', jsonb_build_object('item_id', provider_connection_id, 'count', 60,
	'bytes', 1200, 'days', 50, 'announce', false)) ->> 'count' AS made FROM ob.connections WHERE server = 'fdw_memory' \g /dev/null
-- All requests that have gone out have arrived before the first is answered.
SELECT pg_temp.control('latency', '{"ms": 300}') \g /dev/null
SET openbanking.max_parallel = 100;

-- room for four of the largest answers: 16 requests at a quarter of one each, and as these bring more, no other
SET openbanking.max_response_size = '256kB';
SELECT FROM pg_temp.calls() \g /dev/null
BEGIN;
DECLARE rows CURSOR FOR SELECT user_ref FROM ob_transactions;
FETCH rows \g /dev/null
SELECT count(*) AS early FROM pg_temp.calls() \gset
SELECT :early <= 16 AS bounded;
MOVE ALL FROM rows;
COMMIT;
SELECT count(*) + :early AS calls FROM pg_temp.calls();
SELECT pg_temp.control('latency', '{"ms": 0}') \g /dev/null
SELECT count(DISTINCT connection_id) FROM ob_accounts;
SELECT count(DISTINCT connection_id), count(*) >= 1600 AS rows FROM ob_transactions;
RESET openbanking.max_response_size;
SELECT count(DISTINCT connection_id), count(*) >= 1600 AS rows FROM ob_transactions;

SELECT FROM ob.connections c, ob.disconnect(c.id) WHERE server = 'fdw_memory' \g /dev/null
\set VERBOSITY terse
RESET search_path;
DROP SCHEMA memory CASCADE;
DROP SERVER fdw_memory CASCADE;
