-- Calls that are no links, syncs and scans: ob.request, ob.institutions and what sandboxes offer.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
\set SHOW_CONTEXT never
CREATE SERVER other FOREIGN DATA WRAPPER openbanking
	OPTIONS (provider 'plaid', api_url :'api_url', webhook_url 'https://hooks.example.com/plaid');
CREATE SERVER other_two FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url');
CREATE USER MAPPING FOR PUBLIC SERVER other OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
SELECT status FROM ob.sandbox_link('other', 'ann');
SELECT id AS ann FROM ob.connections WHERE server = 'other' \gset
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- ob.request: what is refused before any call ----

SELECT ob.request('nowhere', 'POST', '/item/get');
SELECT ob.request('other', NULL, '/item/get');
SELECT ob.request('other', 'post', '/item/get');
SELECT ob.request('other', 'TRACE', '/item/get');
SELECT path, ob.request('other', 'POST', path) FROM (VALUES ('item/get')) v (path);
-- one spelling for each path, so that nothing that is refused has another
DO $$
DECLARE
	path text;
BEGIN
	FOREACH path IN ARRAY '{"", "/", "//item/get", "/item//get", "/item/get/", "/item/./get", "/item/../item/get",
		"/.hidden", "/item/get?a=b", "/item/get#a", "/item%2fget", "/item get", "/item\\get", "/ïtem"}'::text[] LOOP
		BEGIN
			PERFORM ob.request('other', 'POST', path);
			RAISE NOTICE 'let through: %', path;
		EXCEPTION WHEN invalid_parameter_value THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT ob.request('other', 'POST', '/item/get', query => '[]');
SELECT ob.request('other', 'POST', '/item/get', body => '"access-sandbox-secret"');
SELECT ob.request('other', 'POST', '/item/get', connection => -1);
SELECT ob.request('other_two', 'POST', '/item/get');
\set VERBOSITY sqlstate
SELECT ob.request('other_two', 'POST', '/item/get', connection => :ann);
\set VERBOSITY default
BEGIN READ ONLY;
SELECT ob.request('other', 'POST', '/item/get', body => '{}', connection => :ann);
ROLLBACK;
SELECT * FROM pg_temp.calls();
SELECT action, success FROM ob.audit_log WHERE action LIKE 'REQUEST%' ORDER BY id;

-- ---- rights ----

CREATE ROLE regress_ob_caller;
SELECT ob.grant_operate('regress_ob_caller');
SET ROLE regress_ob_caller;
SELECT ob.request('other', 'POST', '/item/get');
SELECT * FROM ob.institutions('other', 'bank');
SELECT ob.sandbox_fire_webhook(:ann, 'DEFAULT_UPDATE');
SELECT ob.sandbox_reset_login(:ann);
RESET ROLE;
SELECT ob.grant_admin('regress_ob_caller');
SET ROLE regress_ob_caller;
SELECT ob.request('other', 'POST', '/item/get');
SELECT ob.request('other', 'POST', '/item/get', connection => :ann);
RESET ROLE;
SELECT * FROM pg_temp.calls();

-- ---- ob.request ----

SELECT status, content_type, body::jsonb #>> '{item,institution_id}' AS bank, convert_from(body_raw, 'UTF8') = body AS same,
	jsonb_typeof(headers) AS headers, headers ->> 'content-type' = content_type AS type
FROM ob.request('other', 'POST', '/item/get', body => '{}', connection => :ann);
-- without a connection; numbers keep their digits
SELECT status, body::jsonb #>> '{institution,name}' AS bank
FROM ob.request('other', 'POST', '/institutions/get_by_id', body => '{"institution_id": "ins_109508", "country_codes": ["US"]}');
SELECT user_ref, call, status FROM pg_temp.calls();
-- what a bank or a gateway refuses is an answer
SELECT status, body::jsonb ->> 'error_code' AS code
FROM ob.request('other', 'POST', '/institutions/get_by_id', body => '{"institution_id": "ins_0", "country_codes": ["US"]}');
SELECT status, body::jsonb ->> 'error_code' AS code FROM ob.request('other', 'POST', '/no/such/call', body => '{}');
SELECT pg_temp.control('faults', '{"kind": "status", "status": 503, "body": "closed", "content_type": "text/plain",
	"headers": {"X-Twice": "a", "x-twice": "b", "Set-Cookie": "session=1"}}') \g /dev/null
SELECT status, content_type, body, headers ? 'set-cookie' AS cookie, headers ->> 'x-twice' AS twice
FROM ob.request('other', 'POST', '/item/get', connection => :ann);
SELECT pg_temp.control('faults', '{"kind": "empty"}') \g /dev/null
SELECT status, body, body_raw FROM ob.request('other', 'POST', '/item/get', connection => :ann);
-- bytes that are no text
SELECT pg_temp.control('faults', '{"kind": "invalid_utf8", "field": "name"}') \g /dev/null
SELECT status, body IS NULL AS no_text, length(body_raw) > 100 AS bytes
FROM ob.request('other', 'POST', '/institutions/get_by_id', body => '{"institution_id": "ins_109508", "country_codes": ["US"]}');
-- a lost answer raises, and nobody tries again
SELECT FROM pg_temp.calls() \g /dev/null
SELECT pg_temp.control('faults', '{"kind": "cut", "where": "before", "count": 0}') \g /dev/null
\set VERBOSITY sqlstate
SELECT status FROM ob.request('other', 'POST', '/item/get', connection => :ann);
\set VERBOSITY default
SELECT pg_temp.control('faults', '{"clear": true}') \g /dev/null
SELECT count(*) FROM pg_temp.calls();
SELECT pg_temp.control('latency', '{"ms": 5000}') \g /dev/null
SET statement_timeout = 200;
SELECT status FROM ob.request('other', 'POST', '/item/get', connection => :ann);
SELECT name FROM ob.institutions('other', 'bank');
RESET statement_timeout;
SELECT pg_temp.control('latency', '{"ms": 0}') \g /dev/null
SELECT FROM pg_temp.calls() \g /dev/null
-- what would change tokens behind our back
SELECT ob.request('other', 'POST', '/item/remove', connection => :ann);
SELECT ob.request('other', 'POST', '/item/public_token/exchange', body => '{"public_token": "public-sandbox-secret"}');
SELECT * FROM pg_temp.calls();
-- the audit log: no body, no query
SELECT action, connection_id = :ann AS ann, server, success, request_id <> '' AS request, details - '{detail,hint}'::text[] AS details
FROM ob.audit_log WHERE action LIKE 'REQUEST%' ORDER BY id;
-- whatever becomes of the caller's transaction: the call is not undone with it
BEGIN;
SELECT status FROM ob.request('other', 'POST', '/item/get', connection => :ann);
ROLLBACK;
SELECT count(*) FROM ob.audit_log WHERE action = 'REQUEST';
SELECT count(*) FROM pg_temp.calls();

-- ---- ob.institutions ----

SELECT institution_id, name, countries, products, oauth, status, url, raw ->> 'institution_id' = institution_id AS raw
FROM ob.institutions('other', 'first platypus') ORDER BY name;
SELECT name FROM ob.institutions('other') WHERE name LIKE 'T%' ORDER BY name;
SELECT count(*) FROM ob.institutions('other', 'no bank is called so');
BEGIN READ ONLY;
SELECT count(*) > 0 AS some FROM ob.institutions('other', 'bank');
COMMIT;
SELECT FROM pg_temp.calls() \g /dev/null

-- ---- sandboxes ----

SELECT ob.sandbox_fire_webhook(:ann, 'DEFAULT_UPDATE');
SELECT ob.sandbox_fire_webhook(:ann, 'DEFAULT_UPDTE');
SELECT ob.sandbox_fire_webhook(:ann, NULL);
SELECT ob.sandbox_reset_login(:ann);
SELECT user_ref, call, status FROM pg_temp.calls();
\set VERBOSITY sqlstate
SELECT ob.sync(:ann);
\set VERBOSITY default
DO $$
BEGIN
	FOR tries IN 1..200 LOOP
		EXIT WHEN EXISTS (SELECT FROM ob.connections WHERE server = 'other' AND state <> 'active');
		PERFORM pg_sleep(0.05);
	END LOOP;
END $$;
SELECT state, reauth_reason FROM ob.connections WHERE id = :ann;
ALTER EVENT TRIGGER openbanking_server_changes DISABLE;
ALTER SERVER other OPTIONS (ADD environment 'production');
ALTER EVENT TRIGGER openbanking_server_changes ENABLE;
ALTER USER MAPPING FOR PUBLIC SERVER other OPTIONS (DROP client_secret);
SELECT ob.seal('other', 'client_secret', 'sandbox-secret') AS sealed \gset
ALTER USER MAPPING FOR PUBLIC SERVER other OPTIONS (ADD client_secret :'sealed');
SELECT ob.sandbox_fire_webhook(:ann, 'DEFAULT_UPDATE');
SELECT ob.sandbox_reset_login(:ann);

DROP OWNED BY regress_ob_caller;
DROP ROLE regress_ob_caller;
SELECT ob.disconnect(:ann);
\set VERBOSITY terse
DROP SERVER other CASCADE;
DROP SERVER other_two CASCADE;
