-- What a user meets: functions, tables and views by name, and that nobody was granted anything.
SELECT p.prokind AS kind, p.oid::regprocedure AS signature, pg_get_function_result(p.oid) AS result
FROM pg_proc p WHERE p.pronamespace = 'ob'::regnamespace ORDER BY p.proname;
SELECT c.relkind AS kind, c.relname AS name FROM pg_class c
WHERE c.relnamespace = 'ob'::regnamespace AND c.relkind IN ('r', 'v') ORDER BY 1, 2;
-- Views show what live tables show.
SELECT count(*) AS view_columns FROM pg_attribute WHERE attrelid = 'ob.transactions'::regclass AND attnum > 0;
SELECT count(*) AS view_columns FROM pg_attribute WHERE attrelid = 'ob.accounts'::regclass AND attnum > 0;
-- Nothing for PUBLIC.
SELECT proname FROM pg_proc WHERE pronamespace = 'ob'::regnamespace
AND (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0));
SELECT relname FROM pg_class c WHERE relnamespace = 'ob'::regnamespace
AND EXISTS (SELECT FROM aclexplode(c.relacl) WHERE grantee = 0);
SELECT nspname FROM pg_namespace n WHERE nspname = 'ob' AND EXISTS (SELECT FROM aclexplode(n.nspacl) WHERE grantee = 0);
-- Everything has a comment.
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'ob'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'ob'::regnamespace AND c.relkind IN ('r', 'v')
AND obj_description(c.oid, 'pg_class') IS NULL;
-- Our data are in dumps. Not how many calls were made lately.
SELECT c.oid::regclass AS not_dumped FROM pg_class c
WHERE c.relnamespace = 'ob'::regnamespace AND c.relkind IN ('r', 'S')
AND c.oid <> ALL (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'openbanking') ORDER BY 1;
-- A schema of that name that is already there is not taken over.
CREATE DATABASE planted;
\c planted
CREATE SCHEMA ob;
CREATE EXTENSION openbanking;
\c contrib_regression
DROP DATABASE planted;
-- Nor do default privileges of the installing role give anything.
CREATE ROLE regress_ob_by_default;
CREATE DATABASE by_default;
\c by_default
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_ob_by_default, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_ob_by_default, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO regress_ob_by_default, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO regress_ob_by_default WITH GRANT OPTION;
CREATE EXTENSION openbanking;
SELECT o.object, a.grantee::regrole, a.privilege_type FROM (
	SELECT oid::regnamespace::text, nspacl FROM pg_namespace WHERE nspname = 'ob'
	UNION ALL SELECT oid::regclass::text, relacl FROM pg_class WHERE relnamespace = 'ob'::regnamespace
	UNION ALL SELECT oid::regprocedure::text, proacl FROM pg_proc WHERE pronamespace = 'ob'::regnamespace) o (object, acl),
	aclexplode(o.acl) a WHERE a.grantee <> a.grantor;
\c contrib_regression
DROP DATABASE by_default;
DROP ROLE regress_ob_by_default;
-- A drop leaves nothing, and a fresh start works in the same session.
BEGIN;
DROP EXTENSION openbanking CASCADE;
SELECT count(*) FROM pg_namespace WHERE nspname = 'ob';
CREATE EXTENSION openbanking;
SELECT ob.version();
ROLLBACK;
SELECT ob.version() = (SELECT extversion FROM pg_extension WHERE extname = 'openbanking') AS same_version;
