-- Webhooks checked and taken in with a key that is known: fixed messages, signed on 2026-01-01 at 12:00 UTC.
SET timezone = 'UTC';
SET openbanking.sync_on_event = off;
CREATE SERVER hooks FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', environment 'sandbox');
INSERT INTO ob.webhook_keys (server, key_id, key) VALUES ('hooks', '3f1d2c4b-5a69-4788-96a5-b4c3d2e1f001',
	'{"alg": "ES256", "created_at": 1767225600, "crv": "P-256", "expired_at": null, "kid": "3f1d2c4b-5a69-4788-96a5-b4c3d2e1f001", "kty": "EC", "use": "sig", "x": "IrHE8vw9EoIiIPuSbrlnu0hlqL8--8KYKi-Sp7kA9eI", "y": "E9ys0QaaAVcPe7nB1Th5pUGf22Pb0uWu4TCxT4rRwpU"}');
INSERT INTO ob.connections (server, provider, user_ref, provider_connection_id, state, mapping_role)
VALUES ('hooks', 'plaid', 'ann', 'item-of-ann', 'active', 'nobody') RETURNING id AS ann \gset
INSERT INTO ob.sync_state (connection_id, next_sync_at, initial_sync_done) VALUES (:ann, 'infinity', true);
CREATE TEMP TABLE message (name text, token text, body bytea);
INSERT INTO message VALUES ('sync', 'eyJhbGciOiJFUzI1NiIsImtpZCI6IjNmMWQyYzRiLTVhNjktNDc4OC05NmE1LWI0YzNkMmUxZjAwMSIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3NjcyNjg4MDAsInJlcXVlc3RfYm9keV9zaGEyNTYiOiI4ZGZkMTA0MWQ2NjVkMGVmOWIxMTIyZmQ3NDJhYjE2NTg5YjkyNmIwMDkyZDZiMDk3NzgzNDRlOTdmYWUzOThiIn0.fTtad2xCn9rD07uzaTCBDKFtc-5K4dImeq3rVcTN2srKDbU0JG4b8Y5I0ldr7vTIi49hFqYjV-V3pxdRnJ7KKA',
convert_to('{
  "environment": "sandbox",
  "historical_update_complete": true,
  "initial_update_complete": true,
  "item_id": "item-of-ann",
  "webhook_code": "SYNC_UPDATES_AVAILABLE",
  "webhook_type": "TRANSACTIONS"
}', 'UTF8')),
('error', 'eyJhbGciOiJFUzI1NiIsImtpZCI6IjNmMWQyYzRiLTVhNjktNDc4OC05NmE1LWI0YzNkMmUxZjAwMSIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3NjcyNjg4MDAsInJlcXVlc3RfYm9keV9zaGEyNTYiOiJkZjA2MTY4OGMwM2E3YzYyMzQ0ZTI4OWM4OWIyOWNlOTY5N2FkMzE0ZTJmOTg4YTQ4ZjA0YmQwMTgzYTkwYzZkIn0.f2RfH3KgBOl0LpwNWrj2orTKg5A410pLYxqzbhR7cMK6hy1WRixiDfAKhaBh13n0E0287XJSBVWZJYeXXQh2_A',
convert_to('{
  "environment": "sandbox",
  "error": {
    "error_code": "ITEM_LOGIN_REQUIRED",
    "error_message": "the login details of this item have changed",
    "error_type": "ITEM_ERROR",
    "status": 400
  },
  "item_id": "item-of-ann",
  "webhook_code": "ERROR",
  "webhook_type": "ITEM"
}', 'UTF8'));

-- ---- checks ----
SELECT name, ob.webhook_verify('hooks', jsonb_build_object('Plaid-Verification', token), body, received_at => '2026-01-01 12:00:30Z') FROM message;
SELECT c.* FROM message, ob.webhook_check('hooks', jsonb_build_object('plaid-verification', jsonb_build_array(token)), body,
	received_at => '2026-01-01 12:04:59Z', remote_addr => '192.0.2.1') c;
-- By the second, both ways.
SELECT received_at, c.verified, c.reason FROM message, unnest('{2026-01-01 11:54:59Z,2026-01-01 11:55:00Z,2026-01-01 12:05:00Z,2026-01-01 12:05:01Z}'::timestamptz[]) received_at,
	ob.webhook_check('hooks', jsonb_build_object('Plaid-Verification', token), body, received_at => received_at) c WHERE name = 'sync' ORDER BY 1;
-- What else may be wrong.
SELECT what, c.* FROM message, LATERAL (VALUES
	('another body', jsonb_build_object('Plaid-Verification', token), body || '\x20'),
	('read and written again', jsonb_build_object('Plaid-Verification', token), convert_to(convert_from(body, 'UTF8')::jsonb::text, 'UTF8')),
	('twice', jsonb_build_object('Plaid-Verification', token, 'PLAID-VERIFICATION', token), body),
	('a list of two', jsonb_build_object('Plaid-Verification', jsonb_build_array(token, token)), body),
	('missing', '{"Content-Type": "application/json"}', body),
	('no object', '["Plaid-Verification"]', body),
	('not signed', jsonb_build_object('Plaid-Verification', regexp_replace(token, '[^.]*$', '')), body),
	('signed by another', jsonb_build_object('Plaid-Verification', regexp_replace(token, '.{6}$', 'AAAAAA')), body),
	('nothing', NULL, NULL)) v (what, headers, bytes),
	ob.webhook_check('hooks', headers, bytes, received_at => '2026-01-01 12:00:30Z') c WHERE name = 'sync';

-- ---- taking in ----
SELECT r.status, r.reason, r.http_status FROM message, ob.webhook_receive('hooks', jsonb_build_object('Plaid-Verification', token), body, received_at => '2026-01-01 12:00:30Z') r WHERE name = 'sync';
SELECT next_sync_at <= now() AS is_due FROM ob.sync_state WHERE connection_id = :ann;
SELECT r.status, r.reason, r.http_status FROM message, ob.webhook_receive('hooks', jsonb_build_object('Plaid-Verification', token), body, received_at => '2026-01-01 12:01Z') r WHERE name = 'sync';
BEGIN;
SELECT r.status, r.reason, r.http_status FROM message, ob.webhook_receive('hooks', jsonb_build_object('Plaid-Verification', token), body, received_at => '2026-01-01 12:01Z') r WHERE name = 'error';
SELECT state, reauth_reason, error_code FROM ob.connections WHERE id = :ann;
SELECT event_type, status, reason, connection_id = :ann AS is_hers, payload, received_at, signed_at, http_status FROM ob.webhook_events ORDER BY event_id;
ROLLBACK;
SELECT state FROM ob.connections WHERE id = :ann;
SELECT r.status, r.reason, r.http_status FROM message, ob.webhook_receive('hooks', jsonb_build_object('Plaid-Verification', token), body, received_at => '2026-01-02') r WHERE name = 'error';
SELECT server, accepted, waiting, failed, last_accepted_at, last_rejected_for, keys FROM ob.webhook_status WHERE server = 'hooks';

-- ---- what is the caller's ----
SELECT ob.webhook_receive('nobody', '{}', '\x');
SELECT ob.webhook_receive('hooks', '{}', '\x', received_at => 'infinity');
SELECT ob.webhook_retry(0);
SELECT ob.webhook_retry(event_id) FROM ob.webhook_events WHERE status = 'rejected';
ALTER SERVER hooks OPTIONS (ADD webhook_tolerance 'soon');
ALTER SERVER hooks OPTIONS (ADD webhook_scheme 'trust');
ALTER SERVER hooks OPTIONS (ADD webhook_sources '52.21.26.131 52.21.47.157');
ALTER SERVER hooks OPTIONS (ADD webhook_secret 'in the wrong place');

-- ---- a key that has been withdrawn ----
UPDATE ob.webhook_keys SET key = key || '{"expired_at": 1767268801}' WHERE server = 'hooks';
SELECT c.verified, c.reason FROM message, ob.webhook_check('hooks', jsonb_build_object('Plaid-Verification', token), body, received_at => '2026-01-01 12:00:30Z') c WHERE name = 'error';

-- ---- tolerance ----
ALTER SERVER hooks OPTIONS (ADD webhook_tolerance '1 hour');
SELECT count(*) AS keys_of_a_server_that_was_altered FROM ob.webhook_keys WHERE server = 'hooks';
INSERT INTO ob.webhook_keys (server, key_id, key) VALUES ('hooks', '3f1d2c4b-5a69-4788-96a5-b4c3d2e1f001',
	'{"alg": "ES256", "created_at": 1767225600, "crv": "P-256", "expired_at": null, "kid": "3f1d2c4b-5a69-4788-96a5-b4c3d2e1f001", "kty": "EC", "use": "sig", "x": "IrHE8vw9EoIiIPuSbrlnu0hlqL8--8KYKi-Sp7kA9eI", "y": "E9ys0QaaAVcPe7nB1Th5pUGf22Pb0uWu4TCxT4rRwpU"}');
SELECT c.verified, c.reason FROM message, ob.webhook_check('hooks', jsonb_build_object('Plaid-Verification', token), body, received_at => '2026-01-01 12:59Z') c WHERE name = 'error';

DELETE FROM ob.webhook_events WHERE server = 'hooks';
DELETE FROM ob.sync_state WHERE connection_id = :ann;
DELETE FROM ob.connections WHERE id = :ann;
DROP SERVER hooks;
SELECT count(*) AS keys_of_a_server_that_was_dropped FROM ob.webhook_keys WHERE server = 'hooks';
