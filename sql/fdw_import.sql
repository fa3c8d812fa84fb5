-- IMPORT FOREIGN SCHEMA and live tables made by hand.
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE SERVER fdw_import FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid');
CREATE SCHEMA fdw_live;

IMPORT FOREIGN SCHEMA public FROM SERVER fdw_import INTO fdw_live;
IMPORT FOREIGN SCHEMA ob FROM SERVER fdw_import INTO fdw_live OPTIONS (max_age '1 h');

-- whatever the search_path
CREATE SCHEMA fdw_shadow;
CREATE DOMAIN fdw_shadow.text AS pg_catalog.int4;
SET search_path = fdw_shadow, pg_catalog;
IMPORT FOREIGN SCHEMA ob FROM SERVER fdw_import INTO fdw_live;
RESET search_path;
\d fdw_live.ob_accounts
\d fdw_live.ob_transactions
\d fdw_live.ob_balances

-- the columns of the synced views, in their order
SELECT v.relname, v.attname, v.type, l.type, v.attcollation = l.attcollation AS same_collation
FROM (SELECT relname, attnum, attname, atttypid::regtype AS type, attcollation
	FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
	WHERE attrelid IN ('ob.accounts'::regclass, 'ob.transactions'::regclass) AND attnum > 0) v
FULL JOIN (SELECT substr(relname, 4) AS relname, attnum, attname, atttypid::regtype AS type, attcollation
	FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
	WHERE attrelid IN ('fdw_live.ob_accounts'::regclass, 'fdw_live.ob_transactions'::regclass) AND attnum > 0) l
	USING (relname, attnum)
WHERE v.attname IS DISTINCT FROM l.attname OR v.type IS DISTINCT FROM l.type
	OR v.attcollation IS DISTINCT FROM l.attcollation;

CREATE SCHEMA fdw_some;
IMPORT FOREIGN SCHEMA ob LIMIT TO (ob_accounts) FROM SERVER fdw_import INTO fdw_some;
IMPORT FOREIGN SCHEMA ob EXCEPT (ob_accounts) FROM SERVER fdw_import INTO fdw_some;
IMPORT FOREIGN SCHEMA ob LIMIT TO (other) FROM SERVER fdw_import INTO fdw_some;
SELECT relname FROM pg_class WHERE relnamespace = 'fdw_some'::regnamespace ORDER BY 1;

-- by hand: some of the columns, under other names, in another order
CREATE FOREIGN TABLE fdw_some.mine (balance numeric OPTIONS (column_name 'balance_current'), name text)
	SERVER fdw_import OPTIONS (object 'accounts');
SELECT * FROM fdw_some.mine;
-- an imported table may be renamed, a hand-made one may be known by its name
ALTER FOREIGN TABLE fdw_some.ob_transactions RENAME TO movements;
SELECT amount FROM fdw_some.movements;
ALTER FOREIGN TABLE fdw_some.mine OPTIONS (DROP object);
SELECT * FROM fdw_some.mine;
ALTER FOREIGN TABLE fdw_some.mine RENAME TO ob_transactions;
SELECT * FROM fdw_some.ob_transactions;
ALTER FOREIGN TABLE fdw_some.ob_transactions OPTIONS (ADD object 'accounts');
SELECT * FROM fdw_some.ob_transactions;

-- what does not fit is refused before any call, EXPLAIN included
ALTER FOREIGN TABLE fdw_some.ob_transactions RENAME name TO nam;
SELECT balance FROM fdw_some.ob_transactions;
EXPLAIN SELECT balance FROM fdw_some.ob_transactions;
ALTER FOREIGN TABLE fdw_some.ob_transactions RENAME nam TO name;
ALTER FOREIGN TABLE fdw_some.ob_transactions ALTER balance TYPE float8;
SELECT name FROM fdw_some.ob_transactions;
ALTER FOREIGN TABLE fdw_some.ob_transactions ALTER balance TYPE numeric(12, 2);
SELECT name FROM fdw_some.ob_transactions;
\set VERBOSITY sqlstate
SELECT name FROM fdw_some.ob_transactions;
ALTER FOREIGN TABLE fdw_some.ob_transactions DROP balance;
SELECT name FROM fdw_some.ob_transactions;
ALTER FOREIGN TABLE fdw_some.ob_transactions ADD other text;
SELECT name FROM fdw_some.ob_transactions;

-- read only
\set VERBOSITY default
INSERT INTO fdw_live.ob_accounts (name) VALUES ('x');
UPDATE fdw_live.ob_accounts SET name = 'x';
DELETE FROM fdw_live.ob_transactions;
TRUNCATE fdw_live.ob_transactions;

\set VERBOSITY terse
DROP SERVER fdw_import CASCADE;
DROP SCHEMA fdw_live, fdw_some, fdw_shadow CASCADE;
