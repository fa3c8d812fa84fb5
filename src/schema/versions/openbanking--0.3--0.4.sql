-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION openbanking UPDATE TO '0.4'" to load this file. \quit

-- Nothing has changed yet. What is made here is revoked from PUBLIC here, too, by name: a REVOKE on all tables would take
-- away what users have granted.
