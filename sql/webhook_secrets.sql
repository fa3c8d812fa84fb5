-- Webhooks signed with what provider and receiver share: a secret, or the provider's public keys, in the user mapping.
SET timezone = 'UTC';
SET openbanking.sync_on_event = off;
CREATE SERVER shared FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', environment 'sandbox', webhook_scheme 'hmac_sha256');
CREATE USER MAPPING FOR PUBLIC SERVER shared OPTIONS (client_id 'id', client_secret 'secret');
\set body '{"webhook_type":"LINK","webhook_code":"EVENTS","environment":"sandbox"}'
CREATE TEMP TABLE signed (by_key text, headers jsonb);
INSERT INTO signed VALUES
	('old', '{"X-Finicity-Signature": "370d487ce4e422a2b34070c6615cef4e64a41deab2e2eef149d33e813a45a6d6"}'),
	('new', '{"X-Finicity-Signature": "4e775063eb2ac168542a03fbde64b9cb9ca3390d7def6c7fd6e2055044ae9cb8"}'),
	('none', '{"X-Finicity-Signature": "0000000000000000000000000000000000000000000000000000000000000000"}'),
	('new', '{"X-Mastercard-Signature": "MEUCIBjwo+NjmTQE7boxWF2n7i9U9/1a/SBIaP5mTKFSUsbRAiEAnbe1JfyrPm3N2GsrFIRKOLsVPCr0p9hbbsrZfe5N+Yo=", "X-Mastercard-Signature-Timestamp": "1767268800"}'),
	('old', '{"X-Mastercard-Signature": "MEYCIQCKsK3ZPc5QiNNwEHRicY0xhRasFViYtGD/Eezk0LNKIAIhAN+j1erafAclkP1/1fwanpf3PHwtINo79yH1yZXYeLop", "X-Mastercard-Signature-Timestamp": "1767268800"}');
\set checked 'SELECT by_key, c.verified, c.reason FROM signed, ob.webhook_check(''shared'', headers, convert_to(:''body'', ''UTF8''), received_at => ''2026-01-01 12:00:30Z'') c WHERE headers ? :''header'' ORDER BY 1'
\set header X-Finicity-Signature

-- ---- a secret ----
:checked;
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (ADD webhook_secret 'secret-of-old');
:checked;
-- Another hash, with a label before it.
ALTER SERVER shared OPTIONS (SET webhook_scheme 'hmac_sha512');
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (SET webhook_secret 'secret-of-new');
SELECT c.verified, c.reason FROM ob.webhook_check('shared', '{"Lean-Signature": "sha512=45806aa060231d471ccbd68e1187d8cf7bff9b894df1f00f98e8f3ce5e3a6cfc37f19639365ac948028042d730d2bc16d05a4462009783e3f15069b0be6c3dff"}', convert_to(:'body', 'UTF8')) c;
SELECT c.verified, c.reason FROM ob.webhook_check('shared', '{"Lean-Signature": "sha512=45806aa060231d471ccbd68e1187d8cf7bff9b894df1f00f98e8f3ce5e3a6cfc37f19639365ac948028042d730d2bc16d05a4462009783e3f15069b0be6c3dff"}', convert_to(:'body' || ' ', 'UTF8')) c;
ALTER SERVER shared OPTIONS (SET webhook_scheme 'hmac_sha256');
-- From one to the other.
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (SET webhook_secret 'secret-of-new, secret-of-old');
:checked;
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (SET webhook_secret 'secret-of-new');
:checked;
-- Sealed, both of them together.
SELECT ob.seal('shared', 'webhook_secret', 'secret-of-new,secret-of-old') AS sealed \gset
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (SET webhook_secret :'sealed');
:checked;
SELECT option_value ~ 'secret' AS is_shown FROM pg_user_mappings, pg_options_to_table(umoptions) WHERE srvname = 'shared' AND option_name = 'webhook_secret';
-- What was sealed for another place does not open here.
SELECT ob.seal('shared', 'client_secret', 'secret-of-new') AS sealed \gset
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (SET webhook_secret :'sealed');
:checked;
SELECT status, reason, http_status FROM signed, ob.webhook_receive('shared', headers, convert_to(:'body', 'UTF8')) WHERE by_key = 'new' AND headers ? 'X-Finicity-Signature';
-- Nor does one in clear count where there is real money.
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (SET webhook_secret 'secret-of-new');
ALTER SERVER shared OPTIONS (SET environment 'production');
:checked;
ALTER SERVER shared OPTIONS (SET environment 'sandbox');
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (DROP webhook_secret);
:checked;

-- ---- public keys ----
\set header X-Mastercard-Signature
\set old_key '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEXsZDpqA0pq+RKLk5Y0WgJmtht2RJ\nZr5Qgt3CzJgbt4tE5d2JhGOZFFZ+MxCE5NaclDPESnFVDqlzT3KbEMkZNw==\n-----END PUBLIC KEY-----\n'
\set new_key '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBeVuiqXKikWqmO1bAANhMNJ6Q3Fq\nShl0LC4d1d/fxDaE6gzoKjYxeGeI55Fs+tifp9qbEunMV5pDzL5oAzK4dg==\n-----END PUBLIC KEY-----\n'
\set both_keys :new_key :old_key
ALTER SERVER shared OPTIONS (SET webhook_scheme 'ecdsa_sha256');
:checked;
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (ADD webhook_public_key :'old_key');
:checked;
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (SET webhook_public_key :'both_keys');
:checked;
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (SET webhook_public_key :'new_key');
:checked;

-- ---- of the wrong form: said at once, without the value ----
\set VERBOSITY default
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (ADD webhook_secret ' , ');
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (ADD webhook_secret 'obsealed:v1:damaged!');
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (ADD webhook_secret 'obsealed:v1:AQEx,obsealed:v1:AQEx');
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (ADD webhook_secrets 'secret-of-old');
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (SET webhook_public_key 'secret-of-old');
ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (SET webhook_public_key '-----BEGIN EC PRIVATE KEY-----');
ALTER SERVER shared OPTIONS (ADD webhook_secret 'secret-of-old');
SELECT ob.seal('shared', 'webhook_secret', ',');

DELETE FROM ob.webhook_events WHERE server = 'shared';
DROP SERVER shared CASCADE;
