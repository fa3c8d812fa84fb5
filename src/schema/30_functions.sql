-- Functions and procedures. SECURITY INVOKER: C switches to the extension's owner where it reads or writes our tables,
-- after it has checked the caller's rights (USAGE on the server), and back.

CREATE FUNCTION ob.version() RETURNS pg_catalog.text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ob_version';
COMMENT ON FUNCTION ob.version() IS 'Version of the library that is loaded.';

-- ---- linking ----

CREATE FUNCTION ob.link(server pg_catalog.name, user_ref pg_catalog.text, options pg_catalog.jsonb DEFAULT '{}',
	user_ip pg_catalog.inet DEFAULT NULL,
	OUT link_id pg_catalog.text, OUT action pg_catalog.text, OUT url pg_catalog.text, OUT token pg_catalog.text,
	OUT sdk pg_catalog.jsonb, OUT expires_at pg_catalog.timestamptz)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_link';
COMMENT ON FUNCTION ob.link(pg_catalog.name, pg_catalog.text, pg_catalog.jsonb, pg_catalog.inet) IS
'Starts linking a bank for user_ref: what an app or a browser needs to go on. An open link of the same server, user and options is returned again. Options: mode (embedded), and the provider''s own.';

CREATE FUNCTION ob.link_complete(link_id pg_catalog.text DEFAULT NULL, response pg_catalog.jsonb DEFAULT '{}',
	user_ip pg_catalog.inet DEFAULT NULL)
RETURNS TABLE (connection_id pg_catalog.int8, status pg_catalog.text, institution_name pg_catalog.text,
	duplicate_of pg_catalog.int8, notice pg_catalog.text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_link_complete';
COMMENT ON FUNCTION ob.link_complete(pg_catalog.text, pg_catalog.jsonb, pg_catalog.inet) IS
'Finishes a link with what the app got back ({"public_token": …}); without it the provider is asked how far the user has come. A response {"error": …} ends the link as cancelled. What the provider did is recorded even if this transaction rolls back.';

CREATE FUNCTION ob.link_status(link_id pg_catalog.text,
	OUT state pg_catalog.text, OUT reason pg_catalog.text, OUT connection_id pg_catalog.int8,
	OUT expires_at pg_catalog.timestamptz)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_link_status';
COMMENT ON FUNCTION ob.link_status(pg_catalog.text) IS
'Where a link stands (open, completed, cancelled, expired, failed); finishes what a crash interrupted.';

CREATE FUNCTION ob.link_cancel(link_id pg_catalog.text) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_link_cancel';
COMMENT ON FUNCTION ob.link_cancel(pg_catalog.text) IS
'Ends an open link: nothing that comes of it is taken any more.';

CREATE FUNCTION ob.relink(connection pg_catalog.int8, options pg_catalog.jsonb DEFAULT '{}',
	user_ip pg_catalog.inet DEFAULT NULL,
	OUT link_id pg_catalog.text, OUT action pg_catalog.text, OUT url pg_catalog.text, OUT token pg_catalog.text,
	OUT sdk pg_catalog.jsonb, OUT expires_at pg_catalog.timestamptz)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_relink';
COMMENT ON FUNCTION ob.relink(pg_catalog.int8, pg_catalog.jsonb, pg_catalog.inet) IS
'Has the user log in or consent again for a connection, which keeps its id and history. Returns as ob.link; finish with ob.link_complete.';

CREATE FUNCTION ob.adopt_connection(server pg_catalog.name, user_ref pg_catalog.text, credentials pg_catalog.jsonb)
RETURNS TABLE (connection_id pg_catalog.int8, status pg_catalog.text, institution_name pg_catalog.text,
	duplicate_of pg_catalog.int8, notice pg_catalog.text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_adopt_connection';
COMMENT ON FUNCTION ob.adopt_connection(pg_catalog.name, pg_catalog.text, pg_catalog.jsonb) IS
'Takes over a bank login that was linked elsewhere, without its user: {"access_token": …}, perhaps with "cursor".';

CREATE FUNCTION ob.rotate_access_token(connection pg_catalog.int8) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_rotate_access_token';
COMMENT ON FUNCTION ob.rotate_access_token(pg_catalog.int8) IS
'Has the provider replace the connection''s access token. Recorded even if this transaction rolls back.';

CREATE FUNCTION ob.refresh_token(connection pg_catalog.int8) RETURNS pg_catalog.timestamptz
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_refresh_token';
COMMENT ON FUNCTION ob.refresh_token(pg_catalog.int8) IS
'Renews the connection''s tokens now and says until when the new access token is good. Recorded even if this transaction rolls back. Of providers whose tokens expire.';

CREATE PROCEDURE ob.refresh_tokens(within pg_catalog.interval DEFAULT '12 hours')
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_refresh_tokens';
COMMENT ON PROCEDURE ob.refresh_tokens(pg_catalog.interval) IS
'Renews, one after the other and within the provider''s limits, the tokens that expire within that time, and those that would die unused. One that fails does not fail the call.';

CREATE FUNCTION ob.disconnect(connection pg_catalog.int8, purge pg_catalog.bool DEFAULT false) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_disconnect';
COMMENT ON FUNCTION ob.disconnect(pg_catalog.int8, pg_catalog.bool) IS
'Revokes the connection at the provider, erases its tokens and returns its new state; with purge also deletes its accounts and transactions.';

CREATE FUNCTION ob.sandbox_link(server pg_catalog.name, user_ref pg_catalog.text, options pg_catalog.jsonb DEFAULT '{}')
RETURNS TABLE (connection_id pg_catalog.int8, status pg_catalog.text, institution_name pg_catalog.text,
	duplicate_of pg_catalog.int8, notice pg_catalog.text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_sandbox_link';
COMMENT ON FUNCTION ob.sandbox_link(pg_catalog.name, pg_catalog.text, pg_catalog.jsonb) IS
'Links a test bank without a person; the provider''s sandbox only. Options: institution_id, username, password.';

-- ---- syncing ----

CREATE FUNCTION ob.sync(connection pg_catalog.int8, "full" pg_catalog.bool DEFAULT false,
	user_ip pg_catalog.inet DEFAULT NULL,
	OUT status pg_catalog.text, OUT added pg_catalog.int8, OUT modified pg_catalog.int8, OUT removed pg_catalog.int8,
	OUT unchanged pg_catalog.int8, OUT quarantined pg_catalog.int8, OUT accounts pg_catalog.int8,
	OUT requests pg_catalog.int8, OUT duration pg_catalog.interval, OUT retry_at pg_catalog.timestamptz)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_sync';
COMMENT ON FUNCTION ob.sync(pg_catalog.int8, pg_catalog.bool, pg_catalog.inet) IS
'Syncs one connection in the caller''s transaction. Status: complete, waiting (the provider has no data yet), deferred (told to wait until retry_at), busy (another session syncs it). Anything else raises.';

CREATE PROCEDURE ob.sync_now(connection pg_catalog.int8, "full" pg_catalog.bool DEFAULT false)
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_sync_now';
COMMENT ON PROCEDURE ob.sync_now(pg_catalog.int8, pg_catalog.bool) IS
'Syncs one connection, committing by itself; says what it did as a notice. What a first backfill wants.';

CREATE PROCEDURE ob.sync_due(max_connections pg_catalog.int4 DEFAULT NULL, parallel pg_catalog.int4 DEFAULT NULL,
	server pg_catalog.name DEFAULT NULL, user_ref pg_catalog.text DEFAULT NULL,
	max_duration pg_catalog.interval DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_sync_due';
COMMENT ON PROCEDURE ob.sync_due(pg_catalog.int4, pg_catalog.int4, pg_catalog.name, pg_catalog.text, pg_catalog.interval) IS
'Syncs every active connection that is due, several at once, committing each by itself. One failing connection never fails the call.';

-- ---- operating ----

CREATE FUNCTION ob.pause(connection pg_catalog.int8) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_pause';
COMMENT ON FUNCTION ob.pause(pg_catalog.int8) IS
'Keeps a connection from being synced by itself; ob.sync still does. False if it was so already.';

CREATE FUNCTION ob.resume(connection pg_catalog.int8) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_resume';
COMMENT ON FUNCTION ob.resume(pg_catalog.int8) IS
'Ends ob.pause: the connection is due at once. False if it was not paused.';

CREATE FUNCTION ob.pause_account(connection pg_catalog.int8, account_id pg_catalog.text) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_pause_account';
COMMENT ON FUNCTION ob.pause_account(pg_catalog.int8, pg_catalog.text) IS
'Leaves the transactions of an account as they are stored, whoever syncs; the account itself is still read. False if it was so already.';

CREATE FUNCTION ob.resume_account(connection pg_catalog.int8, account_id pg_catalog.text) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_resume_account';
COMMENT ON FUNCTION ob.resume_account(pg_catalog.int8, pg_catalog.text) IS
'Ends ob.pause_account: the connection is due at once, and what was passed over is read. False if the account was not paused.';

CREATE FUNCTION ob.retry(connection pg_catalog.int8) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_retry';
COMMENT ON FUNCTION ob.retry(pg_catalog.int8) IS
'Takes a connection out of state error or of its waiting after failures: it is due at once. Returns its state.';

CREATE FUNCTION ob.pause_server(server pg_catalog.name) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_pause_server';
COMMENT ON FUNCTION ob.pause_server(pg_catalog.name) IS
'Keeps all connections of a server from being synced by themselves. False if it was so already.';

CREATE FUNCTION ob.resume_server(server pg_catalog.name) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_resume_server';
COMMENT ON FUNCTION ob.resume_server(pg_catalog.name) IS
'Ends ob.pause_server: what has become due meanwhile is synced. False if it was not paused.';

CREATE PROCEDURE ob.check_consents()
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_check_consents';
COMMENT ON PROCEDURE ob.check_consents() IS
'Marks connections whose consent ends within seven days (requires_reauth), tells those who listen, and has those asked about whose consent should have ended by now.';

CREATE PROCEDURE ob.retry_quarantine()
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_retry_quarantine';
COMMENT ON PROCEDURE ob.retry_quarantine() IS
'Has connections with rows in quarantine read anew from the beginning, with their next sync: a bank tells each change once only.';

-- ---- secrets ----

CREATE FUNCTION ob.seal(server pg_catalog.name, option pg_catalog.text, secret pg_catalog.text) RETURNS pg_catalog.text
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_seal';
COMMENT ON FUNCTION ob.seal(pg_catalog.name, pg_catalog.text, pg_catalog.text) IS
'Seals a secret for that option of that server''s user mapping; the result opens nowhere else.';

CREATE FUNCTION ob.keys()
RETURNS TABLE (key_id pg_catalog.text, current pg_catalog.bool, in_ring pg_catalog.bool, tokens pg_catalog.int8,
	accounts pg_catalog.int8, links pg_catalog.int8, outcomes pg_catalog.int8, mapping_options pg_catalog.int8)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_keys';
COMMENT ON FUNCTION ob.keys() IS
'The keys of the ring and those that values need, and how many values each seals. Of user mappings those that you may see.';

CREATE PROCEDURE ob.rotate_key(batch pg_catalog.int4 DEFAULT 500)
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_rotate_key';
COMMENT ON PROCEDURE ob.rotate_key(pg_catalog.int4) IS
'Seals everything anew that is not sealed with the current key, a batch per commit, while all else goes on. Says which keys may then be removed.';

CREATE FUNCTION ob.retry_credentials(server pg_catalog.name) RETURNS pg_catalog.int8
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_retry_credentials';
COMMENT ON FUNCTION ob.retry_credentials(pg_catalog.name) IS
'Lets credentials be sent again that the server''s provider has refused, for when that was mended there; says how many those are.';

-- ---- keeping and forgetting ----

CREATE PROCEDURE ob.purge()
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_purge';
COMMENT ON PROCEDURE ob.purge() IS
'Deletes what is older than the retention in ob.installation says, a batch per commit; without one nothing.';

-- ---- copies ----

CREATE FUNCTION ob.adopt_database(without_keys pg_catalog.bool DEFAULT false) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_adopt_database';
COMMENT ON FUNCTION ob.adopt_database(pg_catalog.bool) IS
'Lets a restored dump call providers, which a copy does not: for when it takes the place of the original. Makes sure that the keys open what is sealed here, unless without_keys.';

-- ---- people ----

CREATE FUNCTION ob.account_number(connection pg_catalog.int8, account_id pg_catalog.text,
	refresh pg_catalog.bool DEFAULT false)
RETURNS TABLE (scheme pg_catalog.text, number pg_catalog.text, bank_code pg_catalog.text, branch_code pg_catalog.text,
	wire_code pg_catalog.text, bic pg_catalog.text, tokenized pg_catalog.bool)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_account_number';
COMMENT ON FUNCTION ob.account_number(pg_catalog.int8, pg_catalog.text, pg_catalog.bool) IS
'The full numbers of an account (ach, eft, bacs, iban); the audit log says who has read them, even after a rollback. Asked for at the provider once and kept sealed; again with refresh.';

CREATE FUNCTION ob.export_user(user_ref pg_catalog.text) RETURNS pg_catalog.jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_export_user';
COMMENT ON FUNCTION ob.export_user(pg_catalog.text) IS
'All that is kept about an end user, as JSON; sealed values apart. The audit log says who has asked, even after a rollback.';

CREATE FUNCTION ob.erase_user(user_ref pg_catalog.text, force pg_catalog.bool DEFAULT false) RETURNS pg_catalog.jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_erase_user';
COMMENT ON FUNCTION ob.erase_user(pg_catalog.text, pg_catalog.bool) IS
'Ends an end user''s connections at their providers and deletes all that is kept about him; returns how much that was. What a provider does not let be ended raises, unless force: then it is forgotten here all the same.';

-- ---- other calls ----

CREATE FUNCTION ob.request(server pg_catalog.name, method pg_catalog.text, path pg_catalog.text,
	query pg_catalog.jsonb DEFAULT NULL, body pg_catalog.jsonb DEFAULT NULL, connection pg_catalog.int8 DEFAULT NULL,
	OUT status pg_catalog.int4, OUT headers pg_catalog.jsonb, OUT content_type pg_catalog.text,
	OUT body pg_catalog.text, OUT body_raw pg_catalog.bytea)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_request';
COMMENT ON FUNCTION ob.request(pg_catalog.name, pg_catalog.text, pg_catalog.text, pg_catalog.jsonb, pg_catalog.jsonb, pg_catalog.int8) IS
'Makes a call that has no function of its own, with the server''s credentials and, given a connection, its tokens. Any HTTP status is a row. What it does at the provider is not undone by a rollback.';

CREATE FUNCTION ob.institutions(server pg_catalog.name, search pg_catalog.text DEFAULT NULL)
RETURNS TABLE (institution_id pg_catalog.text, name pg_catalog.text, countries pg_catalog.text[],
	products pg_catalog.text[], oauth pg_catalog.bool, status pg_catalog.text, url pg_catalog.text, raw pg_catalog.jsonb)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_institutions';
COMMENT ON FUNCTION ob.institutions(pg_catalog.name, pg_catalog.text) IS
'Banks that can be linked through the server, by the provider''s search or all of them.';

CREATE FUNCTION ob.sandbox_fire_webhook(connection pg_catalog.int8, code pg_catalog.text) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_sandbox_fire_webhook';
COMMENT ON FUNCTION ob.sandbox_fire_webhook(pg_catalog.int8, pg_catalog.text) IS
'Has the provider send a webhook of that code for the connection; the provider''s sandbox only.';

CREATE FUNCTION ob.sandbox_reset_login(connection pg_catalog.int8) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_sandbox_reset_login';
COMMENT ON FUNCTION ob.sandbox_reset_login(pg_catalog.int8) IS
'Puts the connection at the provider into the state in which its user must log in again; the provider''s sandbox only.';
