-- ob.net_worth: what is owed counts negative, nothing is converted, only active connections and live accounts.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
BEGIN;
INSERT INTO ob.connections (server, provider, user_ref, provider_connection_id, state, mapping_role)
SELECT 'net_worth', 'plaid', user_ref, user_ref || state, state, 'postgres' FROM (VALUES
	('ann', 'active'), ('ann', 'pending'), ('ben', 'active'), ('cy', 'reauth_required'), ('cy', 'disconnected'), ('dee', 'active'))
	v (user_ref, state);
INSERT INTO ob.accounts_all (connection_id, account_id, type, currency, balance_current, balance_at, removed_at)
SELECT c.id, account_id, type, currency, balance, at, removed_at
FROM (VALUES
	('ann', 'active', 'a1', 'checking', 'USD', 1200.50, '2026-03-01'::timestamptz, NULL::timestamptz),
	('ann', 'active', 'a2', 'credit_card', 'USD', -410, '2026-03-03', NULL),
	('ann', 'active', 'a3', 'credit_card', 'USD', 20.25, '2026-03-02', NULL),  -- overpaid
	('ann', 'active', 'a4', 'mortgage', 'USD', -250000.000000000000000001, NULL, NULL),
	('ann', 'active', 'a5', 'savings', 'EUR', 80, '2026-03-01', NULL),
	('ann', 'active', 'a6', 'savings', 'USD', 5000, '2026-03-01', '2026-03-02'), -- closed
	('ann', 'pending', 'a7', 'savings', 'USD', 7, '2026-03-01', NULL),
	('ben', 'active', 'b1', 'other', 'USD', NULL, NULL, NULL),
	('ben', 'active', 'b2', 'checking', NULL, 3, '2026-03-01', NULL),
	('cy', 'reauth_required', 'c1', 'checking', 'USD', 1, '2026-03-01', NULL),
	('cy', 'disconnected', 'c2', 'checking', 'USD', 1, '2026-03-01', NULL))
	v (user_ref, state, account_id, type, currency, balance, at, removed_at)
JOIN ob.connections c USING (user_ref, state) WHERE c.server = 'net_worth';
SELECT * FROM ob.net_worth ORDER BY user_ref, currency;
-- security_invoker: with the reader's own rights
CREATE ROLE regress_ob_worth;
GRANT USAGE ON SCHEMA ob TO regress_ob_worth;
GRANT SELECT ON ob.net_worth TO regress_ob_worth;
SET ROLE regress_ob_worth;
SELECT * FROM ob.net_worth;
ROLLBACK;
