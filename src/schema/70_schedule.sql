-- Schedules with pg_cron. That is another extension, which may be missing or live in another database: nothing here
-- names its objects before it is called. SECURITY INVOKER: a job runs with the rights of whoever made it.

CREATE FUNCTION ob.cron_expression(every pg_catalog.interval, job pg_catalog.text) RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	minutes numeric := EXTRACT(epoch FROM every) / 60;
	-- Not all databases of the world at the same minute.
	spread int := (hashtext(current_database() || job || (SELECT c.system_identifier FROM pg_control_system() c)) & 2147483647) % 360;
	minute int := spread % 60;
	hour int := spread / 60;
BEGIN
	IF every = '1 minute' THEN
		RETURN '* * * * *';
	ELSIF minutes IN (2, 3, 4, 5, 6, 10, 12, 15, 20, 30) THEN
		RETURN format('%s-59/%s * * * *', minute % minutes::int, minutes::int);
	ELSIF every = '1 hour' THEN
		RETURN format('%s * * * *', minute);
	ELSIF minutes / 60 IN (2, 3, 4, 6, 8, 12) THEN
		RETURN format('%s %s-23/%s * * *', minute, hour % (minutes / 60)::int, (minutes / 60)::int);
	ELSIF every = '1 day' THEN
		RETURN format('%s %s * * *', minute, hour);
	ELSIF every = '7 days' THEN
		RETURN format('%s %s * * %s', minute, hour, spread % 7);
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
		MESSAGE = format('pg_cron cannot run something every %s', every),
		HINT = 'Take 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 minutes, 1, 2, 3, 4, 6, 8 or 12 hours, 1 or 7 days, or 0 for never.';
END
$$;
COMMENT ON FUNCTION ob.cron_expression(pg_catalog.interval, pg_catalog.text) IS 'An interval as pg_cron wants it, at a minute that differs from database to database.';

CREATE FUNCTION ob.check_cron(jobs pg_catalog.jsonb) RETURNS pg_catalog.void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	home text;
BEGIN
	IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
		RETURN;
	END IF;
	BEGIN
		home := COALESCE(current_setting('cron.database_name', true), '');
	EXCEPTION WHEN insufficient_privilege THEN
		home := current_database(); -- as much as this role may know
	END;
	IF home = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'pg_cron is not loaded',
			HINT = format('Install it (Debian: postgresql-%s-cron), set shared_preload_libraries = ''pg_cron'' and cron.database_name = %L, restart the server, then CREATE EXTENSION pg_cron. Any other scheduler will do as well that runs CALL ob.sync_due().',
				current_setting('server_version_num')::int / 10000, current_database());
	ELSIF home <> current_database() THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('pg_cron keeps its jobs in database "%s"', home),
			HINT = COALESCE(E'Connect to that database and run there:\n' || (SELECT string_agg(format('SELECT cron.schedule_in_database(%L, %L, %L, %L);', 'openbanking ' || (j ->> 'job') || ' in ' || current_database(),
				j ->> 'schedule', j ->> 'command', current_database()), E'\n') FROM jsonb_array_elements(jobs) j),
				'Connect to that database: its table cron.job has them.');
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'pg_cron is not installed in this database',
		HINT = 'CREATE EXTENSION pg_cron;';
END
$$;
COMMENT ON FUNCTION ob.check_cron(pg_catalog.jsonb) IS 'Raises with advice if pg_cron cannot take jobs here.';

CREATE FUNCTION ob.schedule(sync pg_catalog.interval DEFAULT NULL, refresh pg_catalog.interval DEFAULT NULL,
	check_consents pg_catalog.interval DEFAULT NULL, sweep_webhooks pg_catalog.interval DEFAULT NULL, purge pg_catalog.interval DEFAULT NULL)
RETURNS TABLE (job pg_catalog.text, schedule pg_catalog.text, command pg_catalog.text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	wanted jsonb;
	refused text;
	absent text;
BEGIN
	-- The arguments are those of every version; what this one has no procedure for is no job of it.
	SELECT jsonb_agg(jsonb_build_object('job', w.name, 'schedule', ob.cron_expression(w.every, w.name), 'command', 'CALL ' || w.call))
			FILTER (WHERE w.procedure IS NOT NULL),
		min(w.call) FILTER (WHERE NOT has_function_privilege(w.procedure::oid, 'EXECUTE')),
		min(w.call) FILTER (WHERE w.procedure IS NULL AND w.is_asked_for)
	INTO wanted, refused, absent
	FROM (
		SELECT j.name, COALESCE(j.every, j.usually) AS every, j.every IS NOT NULL AS is_asked_for, j.call, to_regprocedure(j.signature) AS procedure
		FROM (VALUES
			('sync', schedule.sync, interval '5 minutes', 'ob.sync_due()', 'ob.sync_due(int4, int4, name, text, interval)'),
			('refresh', schedule.refresh, '6 hours', 'ob.refresh_tokens()', 'ob.refresh_tokens(interval)'),
			('check_consents', schedule.check_consents, '1 day', 'ob.check_consents()', 'ob.check_consents()'),
			('sweep_webhooks', schedule.sweep_webhooks, '10 minutes', 'ob.sweep_webhooks()', 'ob.sweep_webhooks()'),
			('purge', schedule.purge, '1 day', 'ob.purge()', 'ob.purge()')) j (name, every, usually, call, signature)
	) w
	WHERE w.every <> '0';
	PERFORM ob.check_cron(COALESCE(wanted, '[]'));
	IF absent IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = format('this version has no %s', absent),
			HINT = 'Leave that job out.';
	END IF;
	IF refused IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('role "%s" may not CALL %s', current_user, refused),
			HINT = 'A job runs with the rights of the role that schedules it: see ob.grant_admin; or leave the job out with 0.';
	END IF;
	PERFORM cron.unschedule(c.jobid) FROM cron.job c
	WHERE c.jobname ~ '^openbanking ' AND c.database = current_database() AND c.username = current_user
	AND NOT EXISTS (SELECT FROM jsonb_array_elements(wanted) j WHERE c.jobname = 'openbanking ' || (j ->> 'job'));
	FOR job, schedule, command IN SELECT j ->> 'job', j ->> 'schedule', j ->> 'command' FROM jsonb_array_elements(wanted) j LOOP
		PERFORM cron.schedule('openbanking ' || job, schedule, command);
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION ob.schedule(pg_catalog.interval, pg_catalog.interval, pg_catalog.interval, pg_catalog.interval, pg_catalog.interval) IS
'Has pg_cron sync what is due, renew tokens, check consents, take up webhooks and purge, each at its interval; 0 for never, NULL for the default. Said again, the new intervals hold. Jobs run with the caller''s rights.';

CREATE FUNCTION ob.unschedule() RETURNS pg_catalog.int8
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	ended int8;
BEGIN
	PERFORM ob.check_cron('[]');
	SELECT count(*) FILTER (WHERE cron.unschedule(c.jobid)) INTO ended FROM cron.job c
	WHERE c.jobname ~ '^openbanking ' AND c.database = current_database() AND c.username = current_user;
	RETURN ended;
END
$$;
COMMENT ON FUNCTION ob.unschedule() IS 'Ends the jobs that the caller has made with ob.schedule; says how many those were.';

CREATE FUNCTION ob.scheduled_jobs()
RETURNS TABLE (job pg_catalog.text, schedule pg_catalog.text, command pg_catalog.text, role pg_catalog.text, active pg_catalog.bool,
	last_start pg_catalog.timestamptz, last_end pg_catalog.timestamptz, last_status pg_catalog.text, last_message pg_catalog.text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
	PERFORM FROM pg_extension WHERE extname = 'pg_cron';
	IF NOT FOUND THEN
		RETURN;
	END IF;
	RETURN QUERY SELECT substr(c.jobname, 13), c.schedule, c.command, c.username, c.active,
		r.start_time, r.end_time, r.status, r.return_message
	FROM cron.job c
	LEFT JOIN LATERAL (SELECT * FROM cron.job_run_details d WHERE d.jobid = c.jobid ORDER BY d.runid DESC LIMIT 1) r ON true
	WHERE c.jobname ~ '^openbanking ' AND c.database = current_database();
END
$$;
COMMENT ON FUNCTION ob.scheduled_jobs() IS 'What the view ob.schedules shows.';

CREATE VIEW ob.schedules WITH (security_invoker = true) AS SELECT * FROM ob.scheduled_jobs();
COMMENT ON VIEW ob.schedules IS 'Jobs made with ob.schedule, and how they last went; of those that pg_cron lets you see.';
