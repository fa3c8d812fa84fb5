-- How much of the providers' rate limits is used.

CREATE FUNCTION ob.budgets_now(by_connection pg_catalog.bool)
RETURNS TABLE (server pg_catalog.name, connection_id pg_catalog.int8, class pg_catalog.text, allowed pg_catalog.int8,
	per pg_catalog.interval, used pg_catalog.int8, free_at pg_catalog.timestamptz)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_budgets_now';
COMMENT ON FUNCTION ob.budgets_now(pg_catalog.bool) IS
'What the view ob.budget_status shows; without those of single connections if `by_connection` is false.';

CREATE VIEW ob.budget_status WITH (security_invoker = true) AS SELECT * FROM ob.budgets_now(true);
COMMENT ON VIEW ob.budget_status IS
'How many calls of each class the provider allows in a period, how many of them are used, and, if that is all of them, when there is one again. connection_id NULL: of all calls through the server. Of the servers that the caller may use; of connections, what was called lately.';
