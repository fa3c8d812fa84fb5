-- Nothing for PUBLIC.

REVOKE ALL ON SCHEMA ob FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA ob FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA ob FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ob FROM PUBLIC;
REVOKE ALL ON ALL PROCEDURES IN SCHEMA ob FROM PUBLIC;

-- Nor for roles that ALTER DEFAULT PRIVILEGES gives all that the installing role makes.
DO $$
DECLARE
	role pg_catalog.text;
BEGIN
	FOR role IN
		SELECT DISTINCT a.grantee::pg_catalog.regrole
		FROM (SELECT n.nspacl FROM pg_catalog.pg_namespace n WHERE n.oid OPERATOR(pg_catalog.=) 'ob'::pg_catalog.regnamespace
			UNION ALL SELECT c.relacl FROM pg_catalog.pg_class c WHERE c.relnamespace OPERATOR(pg_catalog.=) 'ob'::pg_catalog.regnamespace
			UNION ALL SELECT p.proacl FROM pg_catalog.pg_proc p WHERE p.pronamespace OPERATOR(pg_catalog.=) 'ob'::pg_catalog.regnamespace
			) given (acl), pg_catalog.aclexplode(given.acl) a
		WHERE a.grantee OPERATOR(pg_catalog.<>) a.grantor
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA ob FROM %1$s;
			REVOKE ALL ON ALL TABLES IN SCHEMA ob FROM %1$s;
			REVOKE ALL ON ALL SEQUENCES IN SCHEMA ob FROM %1$s;
			REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ob FROM %1$s;
			REVOKE ALL ON ALL PROCEDURES IN SCHEMA ob FROM %1$s', role);
	END LOOP;
END
$$;
