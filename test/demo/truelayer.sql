-- What `make demo` shows of TrueLayer, after plaid.sql in the same database: a link that a person walks through in the
-- browser (here the simulator is told to), accounts and a card, transactions of both providers side by side.
\set QUIET on
\set ON_ERROR_STOP on
\pset footer off
\pset linestyle unicode
\pset border 1
\pset null '-'
\getenv sandbox OB_SANDBOX_URL
SELECT :'sandbox' || '/truelayer/api' AS api_url, :'sandbox' || '/truelayer/auth' AS auth_url \gset
\set ECHO queries

\echo '\n--- Another provider is another server; functions, tables and views are the same.\n'
CREATE SERVER truelayer FOREIGN DATA WRAPPER openbanking
    OPTIONS (provider 'truelayer', environment 'sandbox', redirect_uri 'https://app.example/callback', providers 'uk-cs-mock',
        scopes 'info accounts cards balance transactions offline_access', api_url :'api_url', auth_url :'auth_url');
CREATE USER MAPPING FOR CURRENT_USER SERVER truelayer
    OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');

\echo '\n--- A link: the user opens its url, chooses a bank, logs in, allows. The state is good once, the proof (PKCE) is sealed.\n'
\set ECHO none
\echo 'SELECT action, url, expires_at FROM ob.link(\'truelayer\', \'bob\');'
SELECT action, url, substr(url, 1, strpos(url, '&scope') - 1) || '…' AS shown, expires_at FROM ob.link('truelayer', 'bob') \gset
SELECT :'action' AS action, :'shown' AS url, :'expires_at'::timestamptz(0) AS expires_at;
-- The person and the browser.
\setenv LINK_URL :url
\set back `curl -fsS -H 'Content-Type: application/json' -d "{\"url\": \"$LINK_URL\", \"provider_id\": \"mock\", \"username\": \"john\", \"password\": \"iban\"}" "$OB_SANDBOX_URL/_control/truelayer/link/complete"`
SELECT json_object_agg(split_part(p, '=', 1), split_part(p, '=', 2)) AS response, :'back'::json ->> 'url' AS callback
    FROM regexp_split_to_table(split_part(:'back'::json ->> 'url', '?', 2), '&') p WHERE p !~ '^scope=' \gset
SELECT regexp_replace(:'callback', '(code|state)=([^&]{8})[^&]*', '\1=\2…', 'g') AS callback,
    regexp_replace(:'response', '" : "([^"]{8})[^"]*', '": "\1…', 'g') AS shown \gset
\echo The browser comes back to :callback

\echo '\n--- The application hands on what it brought. (Tokens of an hour are renewed when they are needed.)\n'
\echo SELECT connection_id, status, institution_name FROM ob.link_complete(NULL, '\'':shown'\'');
SELECT connection_id, status, institution_name FROM ob.link_complete(NULL, :'response');
SELECT id AS bank FROM ob.connections WHERE server = 'truelayer' \gset
\set ECHO queries
SELECT state, scopes, consent_expires_at::date - current_date AS consent_days FROM ob.connections WHERE id = :bank;

\echo '\n--- Sync: right after a login banks show all of their history, later 88 days.\n'
CALL ob.sync_now(:bank);
SELECT a.name, min(t.date) AS oldest, count(*) AS transactions
    FROM ob.transactions t JOIN ob.accounts a USING (connection_id, account_id)
    WHERE t.connection_id = :bank GROUP BY a.name ORDER BY a.name;

\echo '\n--- Accounts and cards: what is owed is negative. The IBAN is masked; whoever may sees it by ob.account_number.\n'
SELECT name, type, mask, iban, currency, balance_current, credit_limit FROM ob.accounts
    WHERE connection_id = :bank ORDER BY type, name;

\echo '\n--- Transactions: on a card TrueLayer counts a purchase as positive; here money out is negative everywhere.\n'
SELECT t.date, t.status, a.type AS account, t.amount, t.currency, t.description
    FROM ob.transactions t JOIN ob.accounts a USING (connection_id, account_id)
    WHERE t.connection_id = :bank ORDER BY t.date DESC, t.status, a.type, t.description LIMIT 8;

\echo '\n--- Live, from the bank''s API; the days go into the call.\n'
CREATE SCHEMA live_uk;
IMPORT FOREIGN SCHEMA ob FROM SERVER truelayer INTO live_uk;
SELECT date, amount, description FROM live_uk.ob_transactions
    WHERE connection_id = :bank AND date BETWEEN current_date - 3 AND current_date ORDER BY date DESC, description LIMIT 5;

\echo '\n--- One user, two banks of two countries, by two providers.\n'
SELECT server, institution_name, badge, what_to_do, transactions_synced FROM ob.connection_status
    WHERE user_ref = 'bob' ORDER BY server;
SELECT user_ref, currency, net_worth, assets, debts, accounts FROM ob.net_worth WHERE user_ref = 'bob' ORDER BY currency;

\echo '\n--- Disconnect: the consent ends at TrueLayer, the tokens are erased.\n'
SELECT ob.disconnect(:bank);
SELECT action, success FROM ob.audit_log WHERE connection_id = :bank ORDER BY id;
