-- Reading live tables: rows, and which calls they cost.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
SELECT pg_temp.control('clock', '{"set": "2026-03-07T10:00:00Z"}') \g /dev/null
SET openbanking.test_clock = '2026-03-07T10:00:00Z';
CREATE SERVER fdw_scan FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url', history_days '60');
CREATE USER MAPPING FOR PUBLIC SERVER fdw_scan OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
CREATE SCHEMA scan;
IMPORT FOREIGN SCHEMA ob FROM SERVER fdw_scan INTO scan;
SET search_path = scan;

-- nothing linked: nothing to ask
SELECT count(*) FROM ob_accounts;
SELECT * FROM pg_temp.calls();

-- Two users with banks of their own making.
SELECT status, institution_name FROM ob.sandbox_link('fdw_scan', 'ann', jsonb_build_object('username', 'user_custom',
	'password', $${"override_accounts": [
		{"type": "depository", "subtype": "checking", "starting_balance": 1200.5, "force_available_balance": 1100,
			"meta": {"name": "Everyday", "official_name": "Everyday Checking", "mask": "0042"},
			"transactions": [
				{"date_transacted": "2026-03-01", "date_posted": "2026-03-02", "amount": 12.30, "description": "COFFEE"},
				{"date_transacted": "2026-02-20", "date_posted": "2026-02-20", "amount": -2500, "description": "SALARY"},
				{"date_transacted": "2026-01-10", "date_posted": "2026-01-11", "amount": 0.1, "description": "FEE"},
				{"date_transacted": "2026-03-06", "date_posted": "2026-03-09", "amount": 7, "description": "BAKERY"}]},
		{"type": "credit", "subtype": "credit card", "starting_balance": 410, "meta": {"name": "Card", "limit": 2000},
			"transactions": [
				{"date_transacted": "2026-03-03", "date_posted": "2026-03-04", "amount": 99.99, "description": "SHOES"}]}]}$$));
SELECT status, institution_name FROM ob.sandbox_link('fdw_scan', 'ben', jsonb_build_object('username', 'user_custom',
	'institution_id', 'ins_109511',
	'password', $${"override_accounts": [
		{"type": "depository", "subtype": "savings", "starting_balance": 80, "currency": "EUR", "meta": {"name": "Nest"},
			"transactions": [
				{"date_transacted": "2026-03-01", "date_posted": "2026-03-01", "amount": -5.5, "description": "INTEREST"}]}]}$$));
SELECT id AS ann FROM ob.connections WHERE server = 'fdw_scan' AND user_ref = 'ann' \gset
SELECT id AS ben FROM ob.connections WHERE server = 'fdw_scan' AND user_ref = 'ben' \gset
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- rows ----

SELECT server, provider, user_ref, institution_name, connection_state, name, official_name, type, provider_type,
	provider_subtype, mask, iban, currency, balance_current, balance_available, credit_limit, balance_at, sign_suspect, status
FROM ob_accounts ORDER BY user_ref, name \gx
SELECT user_ref, a.name AS account, t.status, amount, t.currency, date, authorized_date, booked_at, description, merchant_name
FROM ob_transactions t JOIN ob_accounts a USING (user_ref, connection_id, account_id) ORDER BY date, amount;
-- what only stored rows have
SELECT bool_and(account_ref IS NULL AND annotations IS NULL AND first_seen_at IS NULL AND updated_at IS NULL) AS unknown,
	bool_and(raw->>'account_id' = account_id) AS raw FROM ob_accounts;
SELECT bool_and(annotations IS NULL AND created_at IS NULL AND updated_at IS NULL) AS unknown,
	bool_and(raw->>'transaction_id' = transaction_id) AS raw FROM ob_transactions;
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- conditions in the calls ----

PREPARE amounts AS SELECT user_ref, date, amount FROM ob_transactions ORDER BY date, amount;
EXECUTE amounts;
SELECT * FROM pg_temp.calls() ORDER BY user_ref;
SELECT date, amount FROM ob_transactions WHERE connection_id = :ann AND date BETWEEN '2026-03-01' AND '2026-03-03';
SELECT * FROM pg_temp.calls();
SELECT date, amount FROM ob_transactions WHERE user_ref = 'ann' AND '2026-02-01' > date;
SELECT * FROM pg_temp.calls();
SELECT amount FROM ob_transactions WHERE institution_name IN ('Tartan Bank', 'Another') AND date = '2026-03-01';
SELECT * FROM pg_temp.calls();
SELECT amount FROM ob_transactions WHERE date > '2026-03-02' AND date < '2026-03-05' AND date = ANY ('{2026-03-04,2026-03-01}');
SELECT * FROM pg_temp.calls() ORDER BY user_ref;
-- a moment is wider than a day: the executor cuts the rest
SELECT date, amount FROM ob_transactions WHERE user_ref = 'ann' AND date > '2026-03-02 00:00'::timestamp
	AND date < '2026-03-04 12:00+00'::timestamptz;
SELECT * FROM pg_temp.calls();
-- a day that is known only now
SELECT count(*) FROM ob_transactions WHERE user_ref = 'ann' AND date >= (SELECT max(d) FROM (VALUES ('2026-03-04'::date)) v (d));
SELECT * FROM pg_temp.calls();
SELECT user_ref, mask FROM ob_accounts WHERE user_ref LIKE 'a%' AND server <> 'other' AND provider = 'plaid' AND connection_state = 'active';
SELECT * FROM pg_temp.calls();

-- parameters, once planned for all values
SET plan_cache_mode = force_generic_plan;
PREPARE movements (bigint[], date) AS SELECT amount FROM ob_transactions WHERE connection_id = ANY ($1) AND date >= $2;
EXECUTE movements (ARRAY[:ann, :ben, NULL], '2026-03-04');
EXECUTE movements (ARRAY[:ben], '2026-03-01');
SELECT * FROM pg_temp.calls() ORDER BY user_ref, parameters->>'start_date' DESC;
RESET plan_cache_mode;

-- what cannot be true costs no call
EXECUTE movements (NULL, '2026-03-04');
EXECUTE movements ('{}', '2026-03-04');
EXECUTE movements (ARRAY[:ben], NULL);
EXECUTE movements (ARRAY[:ben], 'infinity');
SELECT amount FROM ob_transactions WHERE date > '2026-03-05' AND date < '2026-03-06';
SELECT name FROM ob_accounts WHERE connection_id = :ann AND connection_id = :ben;
SELECT name FROM ob_accounts WHERE user_ref = 'nobody';
SELECT name FROM ob_accounts WHERE connection_id = -1;
SELECT name FROM ob_accounts WHERE provider = 'lean';
SELECT * FROM pg_temp.calls();

-- accounts: asked for by id; the others are not ours to know
SELECT account_id AS everyday FROM ob_accounts WHERE name = 'Everyday' \gset
SELECT account_id AS nest FROM ob_accounts WHERE name = 'Nest' \gset
SELECT FROM pg_temp.calls() \g /dev/null
SELECT name FROM ob_accounts WHERE account_id = :'everyday';
SELECT user_ref, call, status FROM pg_temp.calls() ORDER BY user_ref;
SELECT amount FROM ob_transactions WHERE connection_id = :ann AND account_id = :'everyday' AND date = '2026-03-02';
SELECT user_ref, parameters #>> '{options,account_ids}' = format('["%s"]', :'everyday') AS by_id FROM pg_temp.calls();
-- each bank is asked for its own
SELECT name FROM ob_accounts WHERE account_id IN (:'everyday', :'nest') ORDER BY name;
SELECT amount FROM ob_transactions WHERE account_id IN (:'everyday', :'nest') AND date BETWEEN '2026-03-01' AND '2026-03-02' ORDER BY 1;
SELECT FROM pg_temp.calls() \g /dev/null
-- nobody's account is a mistake
\set VERBOSITY sqlstate
SELECT name FROM ob_accounts WHERE account_id = 'nobodys';
SELECT amount FROM ob_transactions WHERE account_id IN ('nobodys', 'either') AND connection_id = :ben;
SELECT amount FROM ob_transactions WHERE account_id = :'nest' AND connection_id = :ann;
\set VERBOSITY default
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- EXPLAIN calls nobody ----

EXPLAIN (VERBOSE, COSTS OFF) SELECT name FROM ob_accounts;
EXPLAIN (VERBOSE, COSTS OFF) SELECT amount FROM ob_transactions
WHERE user_ref = 'ann' AND date >= current_date - 30 AND institution_name ~ 'First' AND amount < 0 AND random() > -1;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE movements (ARRAY[1, 2], '2026-03-01');
SELECT * FROM pg_temp.calls();
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT amount FROM ob_transactions WHERE user_ref = 'ann' AND amount < 0;
SELECT FROM pg_temp.calls() \g /dev/null
-- estimates: fewer rows with more conditions
CREATE FUNCTION pg_temp.estimate(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
SELECT pg_temp.estimate('SELECT * FROM ob_transactions') AS everything,
	pg_temp.estimate($$SELECT * FROM ob_transactions WHERE date >= '2026-01-01'$$) AS since,
	pg_temp.estimate($$SELECT * FROM ob_transactions WHERE connection_id = 1 AND date BETWEEN '2026-01-01' AND '2026-01-07'$$) AS week,
	pg_temp.estimate('SELECT * FROM ob_accounts') AS accounts,
	pg_temp.estimate($$SELECT * FROM ob_accounts WHERE connection_id = 1 AND account_id = 'x'$$) AS account;

-- ---- LIMIT, cursors, rescans ----

SELECT pg_temp.control('plaid/transactions/generate', jsonb_build_object('item_id', provider_connection_id, 'count', 2100,
	'days', 50, 'announce', false)) ->> 'count' AS made FROM ob.connections WHERE id = :ben;
SELECT FROM pg_temp.calls() \g /dev/null
SELECT count(*) FROM ob_transactions WHERE connection_id = :ben;
SELECT user_ref, parameters #>> '{options,offset}' AS "offset" FROM pg_temp.calls();
SELECT count(*) FROM (SELECT FROM ob_transactions WHERE connection_id = :ben LIMIT 200) s;
SELECT user_ref, parameters #>> '{options,offset}' AS "offset" FROM pg_temp.calls();
SELECT count(*) FROM (SELECT FROM ob_transactions WHERE connection_id = :ben LIMIT 501) s;
SELECT user_ref, parameters #>> '{options,offset}' AS "offset" FROM pg_temp.calls();
-- one connection after another, as long as that is enough
SELECT count(*) FROM (SELECT FROM ob_accounts LIMIT 1) s;
SELECT user_ref, call FROM pg_temp.calls();
-- a cursor takes what it is asked for
BEGIN;
DECLARE few CURSOR FOR SELECT 1 FROM ob_transactions WHERE connection_id = :ben;
SELECT count(*) FROM pg_temp.calls();
MOVE 10 FROM few;
SELECT count(*) FROM pg_temp.calls();
MOVE 1000 FROM few;
SELECT count(*) FROM pg_temp.calls();
SAVEPOINT a;
DECLARE other CURSOR FOR SELECT 1 FROM ob_accounts WHERE connection_id = :ann;
FETCH other;
ROLLBACK TO a;
FETCH few;
MOVE ALL FROM few;
COMMIT;
SELECT FROM pg_temp.calls() \g /dev/null
-- an inner side that is read again and again
SET enable_material = off;
SELECT count(*) FROM generate_series(1, 3) g LEFT JOIN ob_accounts a ON a.connection_id = :ann AND length(a.name) > g;
SELECT user_ref, call FROM pg_temp.calls();
RESET enable_material;
SELECT id = :ann AS is_ann, (SELECT count(*) FROM ob_transactions t WHERE t.connection_id = c.id AND date > '2026-03-01') AS n
FROM ob.connections c WHERE server = 'fdw_scan' AND user_ref = 'ann';
SELECT user_ref, parameters->>'start_date' AS start_date FROM pg_temp.calls();
-- beside parallel workers
CREATE TABLE scan.numbers AS SELECT i FROM generate_series(1, 1000) i;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT count(*) FROM scan.numbers n JOIN ob_accounts a ON length(a.name) = n.i;
SELECT count(*) FROM scan.numbers n JOIN ob_accounts a ON length(a.name) = n.i;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
-- whole rows, locks, transaction modes
SELECT count(a), count(DISTINCT a.tableoid::regclass) FROM ob_accounts a;
SELECT name FROM ob_accounts WHERE connection_id = :ben FOR UPDATE;
BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT name FROM ob_accounts WHERE connection_id = :ben;
COMMIT;
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- the server that stands for all ----

CREATE SERVER fdw_every FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'all');
CREATE SCHEMA scan_every;
IMPORT FOREIGN SCHEMA ob FROM SERVER fdw_every INTO scan_every;
SELECT name FROM scan_every.ob_accounts WHERE server = 'fdw_scan' ORDER BY name;
EXPLAIN (VERBOSE, COSTS OFF) SELECT name FROM scan_every.ob_accounts WHERE server = 'fdw_scan';
SELECT user_ref, call FROM pg_temp.calls() ORDER BY user_ref;

SELECT ob.disconnect(id) FROM ob.connections WHERE server = 'fdw_scan' ORDER BY id;
SELECT count(*) FROM ob_accounts;
\set VERBOSITY terse
RESET search_path;
DROP SCHEMA scan, scan_every CASCADE;
DROP SERVER fdw_scan CASCADE;
DROP SERVER fdw_every CASCADE;
SELECT pg_temp.control('clock', '{"real": true}') \g /dev/null
