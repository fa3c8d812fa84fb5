-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION openbanking UPDATE TO '0.4'" to load this file. \quit

-- What is made here is revoked from PUBLIC here, too, by name: a REVOKE on all tables would take
-- away what users have granted.

ALTER TABLE ob.quarantine ADD COLUMN sync_attempt pg_catalog.int8 NOT NULL DEFAULT 0;
COMMENT ON COLUMN ob.quarantine.sync_attempt IS 'The attempt of a loop (ob.sync_state) that met it last.';
