-- What is said of tokens that expire and of longer consents where a provider has neither; the rest is in test/tap/t/120_tokens.pl.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
\set SHOW_CONTEXT never
CREATE SERVER tokens FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url');
CREATE USER MAPPING FOR PUBLIC SERVER tokens OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
SELECT status FROM ob.sandbox_link('tokens', 'ann');
SELECT id AS ann FROM ob.connections WHERE server = 'tokens' \gset

SELECT user_ref, server, state, access_token, renewed_at IS NOT NULL AS renewed, expires_at, has_refresh_token, keep_alive_at
FROM ob.token_status WHERE connection_id = :ann;
SELECT ob.refresh_token(:ann);
SELECT ob.refresh_token(0);
SELECT ob.refresh_token(NULL);
CALL ob.refresh_tokens();
CALL ob.refresh_tokens('-1 hour');
BEGIN;
CALL ob.refresh_tokens();
ROLLBACK;

SELECT ob.relink(:ann, '{"extend": true}');
SELECT ob.relink(:ann, '{"extend": true, "user_has_reconfirmed_consent": "yes"}');
SELECT ob.relink(:ann, '{"extend": true, "user_has_reconfirmed_consent": true}');

SELECT ob.disconnect(:ann);
SELECT count(*) FROM ob.token_status WHERE connection_id = :ann;
DROP SERVER tokens CASCADE;
