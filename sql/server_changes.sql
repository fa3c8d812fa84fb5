-- What a server cannot be changed to while connections or sealed secrets depend on it.
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE SERVER changes FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', environment 'sandbox', client_name 'App');
CREATE USER MAPPING FOR PUBLIC SERVER changes OPTIONS (client_id 'id', client_secret 'secret');
INSERT INTO ob.connections (server, provider, user_ref, provider_connection_id, state, mapping_role)
VALUES ('changes', 'plaid', 'ann', 'item-1', 'reauth_required', 'postgres'),
	('changes', 'plaid', 'ben', 'item-2', 'disconnected', 'postgres');

ALTER SERVER changes RENAME TO other_name;
ALTER SERVER changes OPTIONS (SET environment 'production');
ALTER SERVER changes OPTIONS (SET provider 'all', DROP environment, DROP client_name);
DROP SERVER changes;
DROP SERVER changes CASCADE;
CREATE ROLE regress_ob_owner SUPERUSER;
ALTER SERVER changes OWNER TO regress_ob_owner;
DROP OWNED BY regress_ob_owner CASCADE;

-- a stranger learns nothing about them
CREATE ROLE regress_ob_stranger;
SET ROLE regress_ob_stranger;
ALTER SERVER changes RENAME TO other_name;
ALTER SERVER changes OPTIONS (SET environment 'production');
DROP SERVER changes;
RESET ROLE;
DROP ROLE regress_ob_stranger;

-- what changes nothing for them
ALTER SERVER changes OPTIONS (DROP environment);
ALTER SERVER changes OPTIONS (ADD environment 'sandbox', SET client_name 'Other');
ALTER SERVER changes VERSION '1';
-- what is wrong in any case
ALTER SERVER changes OPTIONS (SET environment 'prod');
ALTER SERVER changes OPTIONS (DROP nothing);
ALTER SERVER nothing RENAME TO changes;

-- without a connection
UPDATE ob.connections SET state = 'disconnected' WHERE server = 'changes';
ALTER SERVER changes OPTIONS (SET environment 'production');
SELECT ob.seal('changes', 'client_secret', 'secret') AS sealed \gset
ALTER USER MAPPING FOR PUBLIC SERVER changes OPTIONS (SET client_secret :'sealed');
ALTER SERVER changes RENAME TO other_name;
ALTER USER MAPPING FOR PUBLIC SERVER changes OPTIONS (DROP client_secret);
ALTER SERVER changes RENAME TO other_name;

-- nobody else's servers
CREATE FOREIGN DATA WRAPPER regress_ob_dummy;
CREATE SERVER dummy FOREIGN DATA WRAPPER regress_ob_dummy;
ALTER SERVER dummy RENAME TO dummy_two;
ALTER SERVER dummy_two OPTIONS (ADD provider 'x');
DROP FOREIGN DATA WRAPPER regress_ob_dummy CASCADE;

-- it is no function to call
SELECT ob.check_server_changes();

DELETE FROM ob.connections WHERE server = 'changes';
DROP SERVER other_name CASCADE;
DROP ROLE regress_ob_owner;
