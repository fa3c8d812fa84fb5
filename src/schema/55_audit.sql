-- The audit log. Lines are added and never changed; they go by retention alone. Whom a line is about it says by a
-- pseudonym, and from where in a table of its own, so that an end user can be forgotten without touching the log.

CREATE TABLE ob.installation (
	singleton pg_catalog.bool PRIMARY KEY DEFAULT true CHECK (singleton),
	system_identifier pg_catalog.int8 NOT NULL,
	database pg_catalog.oid NOT NULL,
	adopted_at pg_catalog.timestamptz,
	retention pg_catalog.jsonb NOT NULL DEFAULT '{}'
		CHECK (pg_catalog.jsonb_typeof(retention) OPERATOR(pg_catalog.=) 'object')
);
COMMENT ON TABLE ob.installation IS 'One row: what holds for this database.';
COMMENT ON COLUMN ob.installation.system_identifier IS 'The cluster that may call providers with what is stored here; with `database` it tells a copy from the original.';
COMMENT ON COLUMN ob.installation.adopted_at IS 'When ob.adopt_database made this copy the original.';
COMMENT ON COLUMN ob.installation.retention IS 'How long what is kept, as intervals by name, such as {"audit_log": "7 years"}; without a name it is kept for ever.';

CREATE TABLE ob.audit_log (
	id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	action pg_catalog.text NOT NULL,
	connection_id pg_catalog.int8,
	server pg_catalog.name,
	person pg_catalog.uuid,
	actor pg_catalog.name NOT NULL,
	login_role pg_catalog.name NOT NULL,
	acting_person pg_catalog.uuid,
	request_id pg_catalog.text,
	success pg_catalog.bool NOT NULL,
	details pg_catalog.jsonb
);
CREATE INDEX audit_log_connection_idx ON ob.audit_log (connection_id, at);
CREATE INDEX audit_log_person_idx ON ob.audit_log (person) WHERE person IS NOT NULL;
CREATE INDEX audit_log_acting_person_idx ON ob.audit_log (acting_person) WHERE acting_person IS NOT NULL;
COMMENT ON TABLE ob.audit_log IS 'What was done at providers and with connections; append only. Never a secret, body or query string.';
COMMENT ON COLUMN ob.audit_log.person IS 'Pseudonym of the end user it is about (ob.audit_persons).';
COMMENT ON COLUMN ob.audit_log.actor IS 'The role with whose rights it was done.';
COMMENT ON COLUMN ob.audit_log.login_role IS 'The role that the session had logged in as.';
COMMENT ON COLUMN ob.audit_log.acting_person IS 'Pseudonym of the end user for whom the session spoke (ob.current_user_ref).';
COMMENT ON COLUMN ob.audit_log.request_id IS 'The provider''s name for the call, for its support.';

-- Not unique by user_ref: whoever writes a line must not wait for another transaction that writes one.
CREATE TABLE ob.audit_persons (
	pseudonym pg_catalog.uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
	user_ref pg_catalog.text COLLATE "C" NOT NULL
);
CREATE INDEX audit_persons_user_ref_idx ON ob.audit_persons (user_ref, pseudonym);
COMMENT ON TABLE ob.audit_persons IS 'Who is behind a pseudonym of the audit log. They are random: without this row nobody can tell.';

CREATE TABLE ob.audit_addresses (
	audit_id pg_catalog.int8 PRIMARY KEY,
	user_ip pg_catalog.inet,
	client_addr pg_catalog.inet
);
COMMENT ON TABLE ob.audit_addresses IS 'From where a line of the audit log came.';
COMMENT ON COLUMN ob.audit_addresses.user_ip IS 'The end user''s address, as the application gave it.';
COMMENT ON COLUMN ob.audit_addresses.client_addr IS 'The address that the session was connected from.';

SELECT pg_catalog.pg_extension_config_dump('ob.installation', '');
SELECT pg_catalog.pg_extension_config_dump('ob.audit_log', '');
SELECT pg_catalog.pg_extension_config_dump('ob.audit_log_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('ob.audit_persons', '');
SELECT pg_catalog.pg_extension_config_dump('ob.audit_addresses', '');

CREATE POLICY visible ON ob.installation USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.audit_log USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.audit_persons USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.audit_addresses USING ((SELECT ob.sees_all()));
ALTER TABLE ob.installation ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.audit_persons ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.audit_addresses ENABLE ROW LEVEL SECURITY;

-- ---- one row ----

-- A restored row takes the place of the one that the script has made.
CREATE FUNCTION ob.replace_installation() RETURNS pg_catalog.trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
	DELETE FROM ob.installation;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION ob.replace_installation() IS 'Trigger: ob.installation has one row, the last one that came.';
CREATE TRIGGER replace_installation BEFORE INSERT ON ob.installation
	FOR EACH ROW EXECUTE FUNCTION ob.replace_installation();
ALTER TABLE ob.installation ENABLE ALWAYS TRIGGER replace_installation;
INSERT INTO ob.installation (system_identifier, database)
SELECT c.system_identifier, d.oid FROM pg_catalog.pg_control_system() c, pg_catalog.pg_database d
WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database();

-- ---- append only ----

CREATE FUNCTION ob.keep_audit_log() RETURNS pg_catalog.trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
	IF TG_OP = 'DELETE' THEN
		IF OLD.at < now() - (SELECT (i.retention ->> 'audit_log')::interval FROM ob.installation i) THEN
			RETURN OLD;
		END IF;
	END IF;
	RAISE EXCEPTION 'the audit log is append only' USING ERRCODE = 'insufficient_privilege',
		DETAIL = 'No line may be changed, and none removed that is younger than the retention "audit_log" in ob.installation.';
END
$$;
COMMENT ON FUNCTION ob.keep_audit_log() IS 'Trigger: no line of the audit log is changed, or removed before its time.';
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON ob.audit_log FOR EACH ROW EXECUTE FUNCTION ob.keep_audit_log();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON ob.audit_log FOR EACH STATEMENT EXECUTE FUNCTION ob.keep_audit_log();
ALTER TABLE ob.audit_log ENABLE ALWAYS TRIGGER keep_rows;
ALTER TABLE ob.audit_log ENABLE ALWAYS TRIGGER keep_all;

-- ---- writing lines ----

-- Functions in PL/pgSQL that are given names or addresses of people plan with parameters only (plan_cache_mode): a plan for
-- one value would have auto_explain write that value into the server log.

CREATE FUNCTION ob.acting() RETURNS pg_catalog.jsonb
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_acting';
COMMENT ON FUNCTION ob.acting() IS 'Who has this session do things, as ob.record_audit wants it.';

CREATE FUNCTION ob.pseudonym(of_user pg_catalog.text) RETURNS pg_catalog.uuid
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS
$$
DECLARE
	known uuid;
BEGIN
	SELECT p.pseudonym INTO known FROM ob.audit_persons p WHERE p.user_ref = of_user ORDER BY p.pseudonym LIMIT 1;
	IF NOT FOUND THEN
		INSERT INTO ob.audit_persons (user_ref) VALUES (of_user) RETURNING pseudonym INTO known;
	END IF;
	RETURN known;
END
$$;
COMMENT ON FUNCTION ob.pseudonym(pg_catalog.text) IS 'The pseudonym of an end user in the audit log, made at need.';

CREATE FUNCTION ob.record_audit(action pg_catalog.text, connection_id pg_catalog.int8 DEFAULT NULL,
	server pg_catalog.name DEFAULT NULL, user_ref pg_catalog.text DEFAULT NULL, success pg_catalog.bool DEFAULT true,
	details pg_catalog.jsonb DEFAULT NULL, request_id pg_catalog.text DEFAULT NULL, user_ip pg_catalog.inet DEFAULT NULL,
	acting pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_record_audit';
COMMENT ON FUNCTION ob.record_audit(pg_catalog.text, pg_catalog.int8, pg_catalog.name, pg_catalog.text, pg_catalog.bool, pg_catalog.jsonb, pg_catalog.text, pg_catalog.inet, pg_catalog.jsonb) IS
'Adds a line to the audit log. Server and person are those of the connection, unless given; who acts is this session, unless a worker says for whom.';
