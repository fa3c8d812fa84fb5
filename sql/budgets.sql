-- The server option limits, and what the views show of budgets.
\getenv abs_srcdir PG_ABS_SRCDIR
\set simulator :abs_srcdir '/sql/support/simulator.psql'
\i :simulator
\set SHOW_CONTEXT never
CREATE SERVER budgets_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', limits '');
CREATE SERVER budgets_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', limits 'on');
CREATE SERVER budgets_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', limits 'transaction_sync=50');
CREATE SERVER budgets_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', limits 'everything=50');
CREATE SERVER budgets_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', limits 'accounts=0');
CREATE SERVER budgets_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', limits 'accounts=15/many');
CREATE SERVER budgets_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', limits 'accounts=15/');
CREATE SERVER budgets_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'all', limits 'off');
CREATE SERVER budgets_production FOREIGN DATA WRAPPER openbanking
	OPTIONS (provider 'plaid', environment 'production', limits 'transactions_sync=off/9999, item = 20');
CREATE SERVER budgets FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url :'api_url', limits 'accounts=3');
CREATE USER MAPPING FOR PUBLIC SERVER budgets OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
SELECT server, class, allowed, per, used, free_at FROM ob.budget_status
	WHERE server = 'budgets_production' AND connection_id IS NULL ORDER BY class;
DROP SERVER budgets_production;
CREATE SCHEMA budgets;
IMPORT FOREIGN SCHEMA ob FROM SERVER budgets INTO budgets;
SELECT status FROM ob.sandbox_link('budgets', 'ann');
SELECT count(*) FROM budgets.ob_accounts;
SELECT count(*) FROM budgets.ob_accounts;
BEGIN READ ONLY;
SELECT count(*) FROM budgets.ob_accounts;
COMMIT;
SELECT u.class, u.allowed, u.per, u.used, u.free_at BETWEEN now() + '30 s' AND now() + '72 s' AS free_in_time
	FROM ob.budget_status u WHERE u.connection_id IS NOT NULL AND u.server = 'budgets' ORDER BY class;
\set VERBOSITY sqlstate
SELECT count(*) FROM budgets.ob_accounts;
\set VERBOSITY default
SELECT limited_until FROM ob.server_status WHERE server = 'budgets';
ALTER SERVER budgets OPTIONS (SET limits 'off');
SELECT count(*) FROM budgets.ob_accounts;
SELECT count(*) FROM ob.budget_status WHERE server = 'budgets';
-- only those who operate it see them
CREATE ROLE regress_ob_budget_reader;
CREATE ROLE regress_ob_budget_operator;
SELECT ob.grant_read('regress_ob_budget_reader');
SELECT ob.grant_operate('regress_ob_budget_operator');
ALTER SERVER budgets OPTIONS (SET limits 'accounts=3');
SET ROLE regress_ob_budget_reader;
SELECT FROM ob.budget_status;
RESET ROLE;
SET ROLE regress_ob_budget_operator;
SELECT count(*) FROM ob.budget_status WHERE server = 'budgets';
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER budgets TO regress_ob_budget_operator;
SET ROLE regress_ob_budget_operator;
SELECT count(*) FROM ob.budget_status WHERE server = 'budgets';
SELECT FROM ob.budgets;
RESET ROLE;
SELECT ob.erase_user('ann') IS NOT NULL AS erased;
SELECT count(*) FROM ob.budgets WHERE server = 'budgets' AND connection_id <> 0;
DROP SCHEMA budgets CASCADE;
DROP SERVER budgets CASCADE;
DELETE FROM ob.budgets WHERE server = 'budgets';
SELECT ob.revoke_operate('regress_ob_budget_operator');
SELECT ob.revoke_read('regress_ob_budget_reader');
DROP ROLE regress_ob_budget_reader, regress_ob_budget_operator;
