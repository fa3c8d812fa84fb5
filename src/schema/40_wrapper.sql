-- The foreign data wrapper.

CREATE FUNCTION ob.fdw_handler() RETURNS pg_catalog.fdw_handler
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ob_fdw_handler';
COMMENT ON FUNCTION ob.fdw_handler() IS 'Handler of the foreign data wrapper openbanking.';

CREATE FUNCTION ob.fdw_validator(pg_catalog.text[], pg_catalog.oid) RETURNS pg_catalog.void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ob_fdw_validator';
COMMENT ON FUNCTION ob.fdw_validator(pg_catalog.text[], pg_catalog.oid) IS 'Checks options of servers, user mappings and live tables.';

CREATE FOREIGN DATA WRAPPER openbanking HANDLER ob.fdw_handler VALIDATOR ob.fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER openbanking IS
'Live tables ob_accounts, ob_transactions and ob_balances of linked banks. ob_balances asks the banks themselves, which providers may bill for each connection.';

