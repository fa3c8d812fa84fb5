-- What `make demo` shows: one Plaid bank from linking to disconnecting. Run by psql against a private cluster and the
-- simulator, whose address is in OB_SANDBOX_URL.
\set QUIET on
\set ON_ERROR_STOP on
\pset footer off
\pset linestyle unicode
\pset border 1
\pset null '-'
\getenv sandbox OB_SANDBOX_URL
SELECT :'sandbox' || '/plaid' AS api_url \gset
\set ECHO queries

\echo '\n--- A bank provider is a foreign server; its credentials are a user mapping.\n'
CREATE EXTENSION openbanking;
CREATE SERVER plaid FOREIGN DATA WRAPPER openbanking
    OPTIONS (provider 'plaid', environment 'sandbox', api_url :'api_url', client_name 'Demo');
CREATE USER MAPPING FOR CURRENT_USER SERVER plaid
    OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');

\echo '\n--- Link a test bank for the user alice (with a real user: ob.link, then ob.link_complete).\n'
SELECT connection_id, status, institution_name FROM ob.sandbox_link('plaid', 'alice');

\echo '\n--- Read live: each row comes from the bank''s API while the query runs.\n'
CREATE SCHEMA live;
IMPORT FOREIGN SCHEMA ob FROM SERVER plaid INTO live;
SELECT name, type, mask, currency, balance_current FROM live.ob_accounts ORDER BY name;
SELECT date, amount, description FROM live.ob_transactions
    WHERE date >= current_date - 7 ORDER BY date DESC, description LIMIT 5;

\echo '\n--- EXPLAIN shows the call and what is pushed into it, and calls nobody.\n'
EXPLAIN (VERBOSE, COSTS OFF) SELECT amount FROM live.ob_transactions
    WHERE connection_id = 1 AND date >= current_date - 7;

\echo '\n--- Sync into tables: rows and cursor in one commit.\n'
CALL ob.sync_now(1);
SELECT a.name, count(*) AS transactions, sum(t.amount) AS total
    FROM ob.transactions t JOIN ob.accounts a USING (connection_id, account_id) GROUP BY a.name ORDER BY a.name;

\echo '\n--- The bank changes: a coffee is bought, and a pending payment appears (the simulator is told to).\n'
\set ECHO none
SELECT (json_build_object('item_id', provider_connection_id, 'transactions', json_build_array(
        json_build_object('name', 'Corner Coffee', 'amount', 3.80),
        json_build_object('name', 'Book Shop', 'amount', 21.50, 'pending', true))))::text AS change
    FROM ob.connections WHERE id = 1 \gset
\setenv CHANGE :change
\! curl -fsS -X POST -H 'Content-Type: application/json' -d "$CHANGE" "$OB_SANDBOX_URL/_control/plaid/transactions/add" > /dev/null
\set ECHO queries
SELECT status, added, modified, removed, unchanged, requests FROM ob.sync(1);
SELECT status, date, amount, currency, description FROM ob.transactions
    WHERE date = current_date ORDER BY amount;

\echo '\n--- What a schedule calls: everything that is due, many connections at once, each committed by itself.\n'
SELECT connection_id, user_ref FROM unnest(ARRAY['bob', 'carol']) AS u(user_ref), ob.sandbox_link('plaid', user_ref);
CALL ob.sync_due();
SELECT connection_id, user_ref, institution_name, badge, what_to_do, transactions_synced FROM ob.connection_status
    ORDER BY connection_id;

\echo '\n--- The token is sealed; here is all that the table shows of it.\n'
SELECT subject, kind, length(sealed) AS sealed_bytes FROM ob.tokens ORDER BY subject;

\echo '\n--- Disconnect: revoked at Plaid, token erased; the history stays unless purge => true.\n'
SELECT ob.disconnect(1);
SELECT connection_id, user_ref, badge, state FROM ob.connection_status ORDER BY connection_id;
SELECT action, success FROM ob.audit_log WHERE connection_id = 1 ORDER BY id;
