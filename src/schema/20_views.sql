-- Views. security_invoker: the reader's own rights and row policies hold.

CREATE VIEW ob.accounts WITH (security_invoker = true) AS
SELECT c.server, c.provider, c.user_ref, c.institution_name, c.state AS connection_state,
	a.connection_id, a.account_id, a.account_ref, a.name, a.official_name, a.type, a.provider_type, a.provider_subtype,
	a.mask, a.iban, a.currency, a.balance_current, a.balance_available, a.credit_limit, a.balance_at, a.sign_suspect,
	a.status, a.raw, a.annotations, a.first_seen_at, a.updated_at
FROM ob.accounts_all a
JOIN ob.connections c ON c.id OPERATOR(pg_catalog.=) a.connection_id
WHERE a.removed_at IS NULL;
COMMENT ON VIEW ob.accounts IS 'Synced accounts, with the same columns as the live table ob_accounts.';

CREATE VIEW ob.transactions WITH (security_invoker = true) AS
SELECT c.server, c.provider, c.user_ref, c.institution_name, c.state AS connection_state,
	t.connection_id, t.account_id, t.transaction_id, t.status, t.amount, t.currency, t.date, t.authorized_date, t.booked_at,
	t.description, t.merchant_name, t.counterparty, t.category, t.category_detail, t.type, t.reference, t.running_balance,
	t.pending_transaction_id, t.raw, t.annotations, t.created_at, t.updated_at
FROM ob.transactions_all t
JOIN ob.connections c ON c.id OPERATOR(pg_catalog.=) t.connection_id
WHERE t.removed_at IS NULL;
COMMENT ON VIEW ob.transactions IS 'Synced transactions, with the same columns as the live table ob_transactions.';

CREATE VIEW ob.connection_status WITH (security_invoker = true) AS
SELECT c.id AS connection_id, c.user_ref, c.server, c.institution_name,
	CASE
		-- Trouble that lasts: nobody should take the data for today's.
		WHEN c.failing_since OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::pg_catalog.interval) THEN 'Error'
		WHEN d.overdue AND d.synced THEN 'Error'
		WHEN c.state OPERATOR(pg_catalog.=) 'active' THEN 'Linked'
		WHEN c.state OPERATOR(pg_catalog.=) 'pending' THEN 'Pending'
		WHEN c.state OPERATOR(pg_catalog.=) 'disconnected' THEN 'Not linked'
		ELSE 'Error'
	END AS badge,
	c.state, c.reauth_reason, c.requires_reauth, c.state_since, c.error_code,
	CASE
		WHEN c.state OPERATOR(pg_catalog.=) 'reauth_required' THEN COALESCE(c.error_message, 'Please reconnect your bank.')
		WHEN c.state OPERATOR(pg_catalog.=) 'revoked' THEN 'Access was withdrawn. Please link your bank again.'
		WHEN c.state OPERATOR(pg_catalog.=) 'error' THEN COALESCE(c.error_message, 'The connection does not work.')
		WHEN c.state OPERATOR(pg_catalog.=) 'disconnected' THEN 'Link your bank to see its accounts.'
		WHEN NOT d.synced THEN 'Syncing is paused.'
		WHEN c.failing_since IS NOT NULL THEN COALESCE(c.error_message, 'The bank cannot be reached at the moment.')
		WHEN c.requires_reauth THEN 'Please renew your consent soon.'
		WHEN c.last_sync_at IS NULL THEN 'Waiting for the first sync.'
		WHEN c.last_sync_status OPERATOR(pg_catalog.=) 'deferred' THEN pg_catalog.format(
			'The provider limits the number of calls. Your data are from %s.', pg_catalog.to_char(c.last_sync_at, 'YYYY-MM-DD HH24:MI TZ'))
		WHEN d.overdue THEN pg_catalog.format('Your data are from %s.', pg_catalog.to_char(c.last_sync_at, 'YYYY-MM-DD HH24:MI TZ'))
		WHEN c.last_sync_status OPERATOR(pg_catalog.=) 'waiting' THEN 'The bank is still preparing your data.'
		WHEN NOT s.history_complete THEN 'Older transactions may still be missing.'
		-- Synced is not fresh: a sync reads the provider's copy.
		WHEN c.bank_updated_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '2 days'::pg_catalog.interval)
			THEN pg_catalog.format('The bank''s data are from %s.', pg_catalog.to_char(c.bank_updated_at, 'YYYY-MM-DD HH24:MI TZ'))
		ELSE 'Up to date.'
	END AS what_to_do,
	c.failing_since, c.last_sync_at, c.last_sync_status, c.bank_updated_at, c.transactions_synced, s.next_sync_at
FROM ob.connections c
LEFT JOIN ob.sync_state s ON s.connection_id OPERATOR(pg_catalog.=) c.id
LEFT JOIN ob.server_state p ON p.server OPERATOR(pg_catalog.=) c.server
CROSS JOIN LATERAL (
	SELECT c.sync_enabled AND p.paused_at IS NULL AS synced,
		-- Due for a day, or put off since a day after it should have been read.
		c.state OPERATOR(pg_catalog.=) 'active' AND LEAST(s.next_sync_at, CASE WHEN c.last_sync_status OPERATOR(pg_catalog.=) 'deferred' THEN
			COALESCE(c.last_sync_at OPERATOR(pg_catalog.+) COALESCE(c.sync_interval, '0'::pg_catalog.interval), c.created_at) END)
			OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::pg_catalog.interval) AS overdue
) d;
COMMENT ON VIEW ob.connection_status IS 'Each connection with a badge (Not linked, Pending, Linked, Error) and a sentence what to do.';

CREATE VIEW ob.server_status WITH (security_invoker = true) AS
SELECT s.srvname AS server,
	(SELECT o.option_value FROM pg_catalog.pg_options_to_table(s.srvoptions) o WHERE o.option_name OPERATOR(pg_catalog.=) 'provider') AS provider,
	c.connections, c.active, c.failing, c.reauth_required, c.error,
	(SELECT p.paused_at FROM ob.server_state p WHERE p.server OPERATOR(pg_catalog.=) s.srvname) AS paused_at,
	b.breaker_until, b.institutions_down, r.refused_at, r.refused_for, r.what_to_do,
	l.limited_until
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw
LEFT JOIN (
	SELECT n.server, pg_catalog.max(n.free_at) AS limited_until FROM ob.budgets_now(false) n GROUP BY n.server
) l ON l.server OPERATOR(pg_catalog.=) s.srvname
CROSS JOIN LATERAL (
	SELECT pg_catalog.count(*) FILTER (WHERE k.state OPERATOR(pg_catalog.<>) 'disconnected') AS connections,
		pg_catalog.count(*) FILTER (WHERE k.state OPERATOR(pg_catalog.=) 'active') AS active,
		pg_catalog.count(*) FILTER (WHERE k.failing_since IS NOT NULL) AS failing,
		pg_catalog.count(*) FILTER (WHERE k.state OPERATOR(pg_catalog.=) 'reauth_required') AS reauth_required,
		pg_catalog.count(*) FILTER (WHERE k.state OPERATOR(pg_catalog.=) 'error') AS error
	FROM ob.connections k WHERE k.server OPERATOR(pg_catalog.=) s.srvname
) c
CROSS JOIN LATERAL (
	SELECT pg_catalog.min(k.refused_at) AS refused_at, pg_catalog.array_agg(k.mapping_role ORDER BY k.mapping_role) AS refused_for,
		pg_catalog.min(k.refusal OPERATOR(pg_catalog.->>) 'hint') AS what_to_do
	FROM ob.client_checks k WHERE k.server OPERATOR(pg_catalog.=) s.srvname AND k.refused_at IS NOT NULL
) r
CROSS JOIN LATERAL (
	SELECT pg_catalog.max(k.open_until) FILTER (WHERE k.institution_id OPERATOR(pg_catalog.=) '') AS breaker_until,
		pg_catalog.array_agg(k.institution_id ORDER BY k.institution_id)
			FILTER (WHERE k.institution_id OPERATOR(pg_catalog.<>) '' AND k.open_until OPERATOR(pg_catalog.>) pg_catalog.now()) AS institutions_down
	FROM ob.breakers k WHERE k.server OPERATOR(pg_catalog.=) s.srvname
) b
WHERE w.fdwname OPERATOR(pg_catalog.=) 'openbanking';
COMMENT ON VIEW ob.server_status IS 'Each server: its connections by state, since when it is paused, until when a budget of calls is used up, and since when and for whose user mapping the provider refuses the credentials.';

CREATE VIEW ob.sync_status WITH (security_invoker = true) AS
SELECT c.id AS connection_id, c.user_ref, c.server, c.institution_name,
	CASE
		WHEN c.state OPERATOR(pg_catalog.<>) 'active' THEN c.state
		WHEN d.syncing THEN 'syncing'
		WHEN NOT c.sync_enabled OR p.paused_at IS NOT NULL THEN 'paused'
		WHEN EXISTS (SELECT FROM ob.breakers b WHERE b.server OPERATOR(pg_catalog.=) c.server AND b.open_until OPERATOR(pg_catalog.>) pg_catalog.now()
			AND b.institution_id OPERATOR(pg_catalog.=) ANY (ARRAY['', c.institution_id])) THEN 'held back'
		WHEN s.next_sync_at OPERATOR(pg_catalog.<=) pg_catalog.now() THEN 'due'
		ELSE 'scheduled'
	END AS activity,
	CASE
		WHEN s.history_complete THEN 'complete'
		WHEN s.initial_sync_done THEN 'partial'
		ELSE 'none'
	END AS history,
	s.history_from, c.transactions_synced,
	s.loop_started_at AS backfill_started_at, s.loop_pages AS pages, s.loop_transactions AS transactions_read,
	pg_catalog.round(s.loop_transactions OPERATOR(pg_catalog./) NULLIF(EXTRACT(epoch FROM s.loop_time), 0), 1) AS transactions_per_second,
	c.last_sync_at, c.last_sync_status, c.failing_since, s.attempts AS failures, s.next_sync_at,
	CASE WHEN d.syncing AND s.loop_transactions OPERATOR(pg_catalog.>) 0 AND s.loop_total OPERATOR(pg_catalog.>=) s.loop_transactions THEN
		GREATEST(pg_catalog.clock_timestamp(), s.loop_page_at OPERATOR(pg_catalog.+) (s.loop_time
			OPERATOR(pg_catalog.*) ((s.loop_total OPERATOR(pg_catalog.-) s.loop_transactions)::pg_catalog.float8
				OPERATOR(pg_catalog./) s.loop_transactions::pg_catalog.float8)))
	END AS estimated_end
FROM ob.connections c
JOIN ob.sync_state s ON s.connection_id OPERATOR(pg_catalog.=) c.id
LEFT JOIN ob.server_state p ON p.server OPERATOR(pg_catalog.=) c.server
-- By the lock of whoever works on it (LockClass::connection in src/pg/locks.hpp): a lease outlives a session that was killed.
CROSS JOIN LATERAL (
	SELECT c.id OPERATOR(pg_catalog.=) ANY (
		SELECT (l.classid::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) l.objid::pg_catalog.int8
		FROM pg_catalog.pg_locks l
		WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.objsubid OPERATOR(pg_catalog.=) 2817 AND l.granted
		AND l.mode OPERATOR(pg_catalog.=) 'ExclusiveLock' AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
		AND l.database OPERATOR(pg_catalog.=) (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
	) AS syncing
) d;
COMMENT ON VIEW ob.sync_status IS 'Where each connection''s sync stands: what it does now, how complete its history is, how far a first backfill has come, how fast and until when, failures in a row, when it is next.';

CREATE VIEW ob.consents_expiring WITH (security_invoker = true) AS
SELECT c.id AS connection_id, c.user_ref, c.server, c.institution_name, c.state, c.consent_given_at, c.consent_expires_at,
	c.consent_expires_at OPERATOR(pg_catalog.-) pg_catalog.now() AS expires_in
FROM ob.connections c
WHERE c.consent_expires_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.+) '14 days'::pg_catalog.interval)
AND c.state OPERATOR(pg_catalog.=) ANY ('{active,reauth_required,error}'::pg_catalog.text[]);
COMMENT ON VIEW ob.consents_expiring IS 'Connections whose consent ends within 14 days, or has ended: their users have to consent again (ob.relink).';

CREATE VIEW ob.token_status WITH (security_invoker = true) AS
SELECT c.id AS connection_id, c.user_ref, c.server, c.institution_name, c.state,
	CASE
		WHEN a.expires_at IS NULL THEN 'lasting'
		WHEN a.expires_at OPERATOR(pg_catalog.<=) pg_catalog.now() THEN 'expired'
		WHEN a.renew_at OPERATOR(pg_catalog.<=) pg_catalog.now() THEN 'due'
		ELSE 'good'
	END AS access_token,
	a.created_at AS renewed_at, a.expires_at, r.kind IS NOT NULL AS has_refresh_token, r.renew_at AS keep_alive_at
FROM ob.connections c
JOIN ob.tokens a ON a.server OPERATOR(pg_catalog.=) c.server AND a.kind OPERATOR(pg_catalog.=) 'access_token'
	AND a.subject OPERATOR(pg_catalog.=) pg_catalog.concat('connection:', c.id)
LEFT JOIN ob.tokens r ON r.server OPERATOR(pg_catalog.=) a.server AND r.subject OPERATOR(pg_catalog.=) a.subject
	AND r.kind OPERATOR(pg_catalog.=) 'refresh_token';
COMMENT ON VIEW ob.token_status IS 'The access token of each connection: whether it is good, due to be renewed, expired (it is renewed when it is needed) or does not expire at all; when it was last renewed; when its refresh token is used at the latest, so that it does not die unused.';

CREATE VIEW ob.net_worth WITH (security_invoker = true) AS
SELECT c.user_ref, a.currency, pg_catalog.sum(a.balance_current) AS net_worth,
	COALESCE(pg_catalog.sum(a.balance_current) FILTER (WHERE a.balance_current OPERATOR(pg_catalog.>) 0), 0) AS assets,
	COALESCE(pg_catalog.sum(a.balance_current) FILTER (WHERE a.balance_current OPERATOR(pg_catalog.<) 0), 0) AS debts,
	pg_catalog.count(*) AS accounts,
	pg_catalog.count(*) FILTER (WHERE a.balance_current IS NULL) AS without_balance,
	pg_catalog.min(a.balance_at) AS oldest_balance_at
FROM ob.accounts_all a
JOIN ob.connections c ON c.id OPERATOR(pg_catalog.=) a.connection_id
WHERE a.removed_at IS NULL AND c.state OPERATOR(pg_catalog.=) 'active'
GROUP BY c.user_ref, a.currency;
COMMENT ON VIEW ob.net_worth IS 'Sum of the synced balances by user and currency, over accounts of active connections; what is owed counts negative.';
