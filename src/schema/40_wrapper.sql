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


-- Tokens are those of one provider, environment and server name; sealed secrets open under that name alone.
CREATE FUNCTION ob.check_server_changes() RETURNS pg_catalog.event_trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ob_check_server_changes';
COMMENT ON FUNCTION ob.check_server_changes() IS 'Refuses changes of a server that would make its connections or sealed secrets useless.';

CREATE EVENT TRIGGER openbanking_server_changes ON ddl_command_start WHEN TAG IN ('ALTER SERVER')
	EXECUTE FUNCTION ob.check_server_changes();
COMMENT ON EVENT TRIGGER openbanking_server_changes IS 'A server with connections keeps its name, provider and environment.';
CREATE EVENT TRIGGER openbanking_server_drops ON sql_drop WHEN TAG IN ('DROP SERVER', 'DROP OWNED')
	EXECUTE FUNCTION ob.check_server_changes();
COMMENT ON EVENT TRIGGER openbanking_server_drops IS 'A server with connections is not dropped.';
