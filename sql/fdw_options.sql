-- Options of servers, user mappings, live tables and their columns: each mistake with its code and the nearest name.
\set VERBOSITY default
\set SHOW_CONTEXT never

-- servers
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking;
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provder 'plaid');
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plad');
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', enviroment 'sandbox');
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', environment 'development');
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', api_url 'ftp://bank');
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', zzzzzzzzzzzzzzz '1');
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'all', environment 'sandbox');
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', client_secret 'not-here');

CREATE SERVER fdw_options FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', environment 'sandbox');
ALTER SERVER fdw_options OPTIONS (ADD days_requested '1000');
ALTER SERVER fdw_options OPTIONS (ADD days_requested '30', SET environment 'production', ADD webhook_url 'http://app.example/');
ALTER SERVER fdw_options OPTIONS (DROP provider);

-- user mappings
CREATE USER MAPPING FOR PUBLIC SERVER fdw_options OPTIONS (client_id 'id', client_secrt 'x');
CREATE USER MAPPING FOR PUBLIC SERVER fdw_options OPTIONS (client_id '');
CREATE USER MAPPING FOR PUBLIC SERVER fdw_options OPTIONS (environment 'sandbox');
CREATE USER MAPPING FOR PUBLIC SERVER fdw_options OPTIONS (client_id 'id', client_secret 'secret');

-- what names a file is for superusers
CREATE ROLE regress_ob_user;
GRANT USAGE ON FOREIGN DATA WRAPPER openbanking TO regress_ob_user;
GRANT USAGE ON FOREIGN SERVER fdw_options TO regress_ob_user;
SET ROLE regress_ob_user;
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', ca_file '/etc/passwd');
CREATE USER MAPPING FOR regress_ob_user SERVER fdw_options OPTIONS (client_id 'id', client_secret_file '/etc/passwd');
CREATE USER MAPPING FOR regress_ob_user SERVER fdw_options OPTIONS (client_id 'id', client_secret 'mine');
RESET ROLE;

-- the wrapper itself
ALTER FOREIGN DATA WRAPPER openbanking OPTIONS (ADD provider 'plaid');

-- tables and columns
CREATE FOREIGN TABLE fdw_table (name text) SERVER fdw_options OPTIONS (objct 'accounts');
CREATE FOREIGN TABLE fdw_table (name text) SERVER fdw_options OPTIONS (object 'account');
CREATE FOREIGN TABLE fdw_table (name text) SERVER fdw_options OPTIONS (object 'accounts', max_age '1 hour');
CREATE FOREIGN TABLE fdw_table (name text OPTIONS (colum_name 'name')) SERVER fdw_options OPTIONS (object 'accounts');
CREATE FOREIGN TABLE fdw_table (name text OPTIONS (column_name '')) SERVER fdw_options OPTIONS (object 'accounts');

-- SQLSTATEs
\set VERBOSITY sqlstate
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking;
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provder 'plaid');
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plad');
CREATE FOREIGN TABLE fdw_table (name text) SERVER fdw_options OPTIONS (objct 'accounts');
SET ROLE regress_ob_user;
CREATE SERVER fdw_bad FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', ca_file '/etc/passwd');
RESET ROLE;

\set VERBOSITY terse
DROP SERVER fdw_options CASCADE;
REVOKE USAGE ON FOREIGN DATA WRAPPER openbanking FROM regress_ob_user;
DROP ROLE regress_ob_user;
