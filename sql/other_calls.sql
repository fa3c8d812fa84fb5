-- Calls that are no links, syncs and scans: ob.request, ob.institutions and what sandboxes offer.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
\set SHOW_CONTEXT never
CREATE SERVER other FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url');
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
SELECT action, success FROM ob.audit_log WHERE action = 'REQUEST';

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

DROP OWNED BY regress_ob_caller;
DROP ROLE regress_ob_caller;
SELECT ob.disconnect(:ann);
\set VERBOSITY terse
DROP SERVER other CASCADE;
DROP SERVER other_two CASCADE;
