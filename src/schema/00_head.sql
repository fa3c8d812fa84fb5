-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION openbanking" to load this file. \quit

-- Plain CREATE throughout: an object planted under one of these names must make the installation fail.
CREATE SCHEMA ob;
COMMENT ON SCHEMA ob IS 'Open-banking client: linked banks, their accounts and transactions.';

