-- Receives webhooks through PostgREST: POST /rpc/webhook_<server>, one function for each server.
--
-- A function of one unnamed json parameter gets the body as it is: the text of a json value is the text that came in. Of
-- jsonb it would not be, and no signature fits what was written anew.
--
-- TrueLayer signs the path it sends to: where a proxy changes that, give webhook_receive the one that the provider knows.
--
--   psql -f postgrest.sql
--   GRANT EXECUTE ON FUNCTION api.webhook_plaid(json) TO <role of db-anon-role>;  -- whose schema api is in db-schemas

CREATE FUNCTION api.webhook_plaid(json) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	event record;
BEGIN
	SELECT status, reason, http_status INTO event
	FROM ob.webhook_receive('plaid', current_setting('request.headers')::jsonb, convert_to($1::text, 'UTF8'),
		method => current_setting('request.method'), path => current_setting('request.path'));
	PERFORM set_config('response.status', event.http_status::text, true);
END
$$;
COMMENT ON FUNCTION api.webhook_plaid(json) IS 'Takes a webhook of the server plaid as PostgREST hands it over.';
REVOKE ALL ON FUNCTION api.webhook_plaid(json) FROM PUBLIC;
