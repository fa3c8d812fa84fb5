-- What a user has: a bank with all sorts of rows, a role that may read them, a retention.
CREATE ROLE reader;
SELECT ob.grant_read('reader');
UPDATE ob.installation SET retention = '{"audit_log": "7 years"}';
INSERT INTO ob.connections (server, provider, user_ref, provider_connection_id, institution_name, state, mapping_role, annotations)
VALUES ('plaid', 'plaid', 'ann', 'item-of-ann', 'First Platypus Bank', 'active', 'postgres', '{"note": "mine"}');
INSERT INTO ob.sync_state (connection_id, cursor, initial_sync_done, history_complete)
SELECT id, 'cursor-1', true, true FROM ob.connections WHERE user_ref = 'ann';
INSERT INTO ob.accounts_all (connection_id, account_id, name, type, currency, balance_current, removed_at)
SELECT c.id, a.* FROM ob.connections c, (VALUES
	('everyday', 'Everyday', 'checking', 'USD', 12345678901234567890.10, NULL),
	('card', 'Card', 'credit_card', 'USD', -0.30, NULL::timestamptz),
	('gone', 'Gone', 'savings', 'EUR', 5, '2026-01-05 10:00+00')) a WHERE c.user_ref = 'ann';
INSERT INTO ob.transactions_all (connection_id, account_id, transaction_id, status, amount, currency, date, description, removed_at, annotations)
SELECT c.id, t.* FROM ob.connections c, (VALUES
	('everyday', 't-1', 'posted', -0.10, 'USD', date '2026-01-02', 'Café "Ö" \', NULL::timestamptz, jsonb '{"category": "food"}'),
	('everyday', 't-2', 'pending', 1234567890123456789012345.6789, 'USD', '2026-01-03', NULL, NULL, NULL),
	('card', 't-3', 'posted', 0, NULL, '2026-01-03', '', NULL, NULL),
	('card', 't-4', 'posted', -1.005, 'USD', '2026-01-04', 'taken back', '2026-01-05 10:00+00', NULL)) t WHERE c.user_ref = 'ann';
