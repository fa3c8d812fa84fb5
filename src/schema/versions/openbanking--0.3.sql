-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION openbanking" to load this file. \quit

-- Plain CREATE throughout: an object planted under one of these names must make the installation fail.
CREATE SCHEMA ob;
COMMENT ON SCHEMA ob IS 'Open-banking client: linked banks, their accounts and transactions.';

-- Tables. Ids are text COLLATE "C" (compared bytewise, never folded), times timestamptz. No foreign keys: the outcome
-- worker must never wait for a row that its caller has locked, and large tables may be distributed by connection_id.

CREATE TABLE ob.connections (
	id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	server pg_catalog.name NOT NULL,
	provider pg_catalog.text NOT NULL,
	user_ref pg_catalog.text COLLATE "C" NOT NULL,
	provider_connection_id pg_catalog.text COLLATE "C" NOT NULL,
	institution_id pg_catalog.text COLLATE "C",
	institution_name pg_catalog.text,
	institution_logo pg_catalog.text,
	scopes pg_catalog.text[],
	state pg_catalog.text NOT NULL DEFAULT 'pending'
		CHECK (state IN ('pending', 'active', 'reauth_required', 'revoked', 'error', 'disconnected')),
	reauth_reason pg_catalog.text
		CHECK (reauth_reason IN ('login', 'consent_expired', 'token_rejected', 'mfa', 'pending_disconnect', 'outcome_unknown')),
	requires_reauth pg_catalog.bool NOT NULL DEFAULT false,
	error_code pg_catalog.text,
	error_message pg_catalog.text,
	state_since pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	failing_since pg_catalog.timestamptz,
	last_sync_at pg_catalog.timestamptz,
	last_sync_status pg_catalog.text NOT NULL DEFAULT 'pending'
		CHECK (last_sync_status IN ('pending', 'complete', 'waiting', 'deferred', 'failed')),
	bank_updated_at pg_catalog.timestamptz,
	transactions_synced pg_catalog.int8 NOT NULL DEFAULT 0,
	consent_given_at pg_catalog.timestamptz,
	consent_ip pg_catalog.inet,
	consent_expires_at pg_catalog.timestamptz,
	sync_interval pg_catalog.interval,
	sync_enabled pg_catalog.bool NOT NULL DEFAULT true,
	mapping_role pg_catalog.name NOT NULL,
	annotations pg_catalog.jsonb,
	created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	UNIQUE (server, provider_connection_id)
);
CREATE INDEX connections_user_ref_idx ON ob.connections (user_ref);
COMMENT ON TABLE ob.connections IS 'One row for each linked bank login. Its id never changes.';
COMMENT ON COLUMN ob.connections.provider_connection_id IS 'The provider''s id of the connection (Plaid: item_id).';
COMMENT ON COLUMN ob.connections.requires_reauth IS 'With state active: the consent or login will end soon; syncs go on.';
COMMENT ON COLUMN ob.connections.failing_since IS 'First failure in a row of transient trouble; the state stays as it is.';
COMMENT ON COLUMN ob.connections.bank_updated_at IS 'When the provider last read the bank successfully; a sync reads the provider''s copy.';
COMMENT ON COLUMN ob.connections.transactions_synced IS 'How many transactions ob.transactions shows.';
COMMENT ON COLUMN ob.connections.mapping_role IS 'The role whose user mapping linked it; sync and disconnect use that mapping, else PUBLIC''s.';
COMMENT ON COLUMN ob.connections.annotations IS 'Yours: never written by the extension.';

CREATE TABLE ob.sync_state (
	connection_id pg_catalog.int8 PRIMARY KEY,
	cursor pg_catalog.text COLLATE "C",
	loop_cursor pg_catalog.text COLLATE "C",
	sync_attempt pg_catalog.int8 NOT NULL DEFAULT 0,
	loop_first_attempt pg_catalog.int8 NOT NULL DEFAULT 0,
	initial_sync_done pg_catalog.bool NOT NULL DEFAULT false,
	history_from pg_catalog.date,
	history_complete pg_catalog.bool NOT NULL DEFAULT false,
	sweep_owed pg_catalog.bool NOT NULL DEFAULT false,
	next_sync_at pg_catalog.timestamptz DEFAULT pg_catalog.clock_timestamp(),
	attempts pg_catalog.int4 NOT NULL DEFAULT 0,
	claimed_until pg_catalog.timestamptz,
	claimed_by pg_catalog.int4,
	loop_started_at pg_catalog.timestamptz,
	loop_pages pg_catalog.int8,
	loop_transactions pg_catalog.int8,
	finished_syncs pg_catalog.int8 NOT NULL DEFAULT 0,
	last_report pg_catalog.jsonb
) WITH (fillfactor = 50);
CREATE INDEX sync_state_due_idx ON ob.sync_state (next_sync_at, connection_id) WHERE next_sync_at IS NOT NULL;
COMMENT ON TABLE ob.sync_state IS 'Where each connection''s sync stands. Only the extension writes it.';
COMMENT ON COLUMN ob.sync_state.cursor IS 'First cursor of the next loop; kept until that loop has ended.';
COMMENT ON COLUMN ob.sync_state.loop_cursor IS 'How far an unfinished first backfill has committed.';
COMMENT ON COLUMN ob.sync_state.sweep_owed IS 'A full sync met an incomplete history; once that is complete, all is read again and what is gone is removed.';
COMMENT ON COLUMN ob.sync_state.next_sync_at IS 'When sync_due takes it next; NULL: never by itself.';
COMMENT ON COLUMN ob.sync_state.last_report IS 'What the last sync that did not fail has told its caller.';
COMMENT ON COLUMN ob.sync_state.loop_started_at IS 'When the loop of a first backfill began that has not ended; loop_pages and loop_transactions say how far it has come.';
COMMENT ON COLUMN ob.sync_state.claimed_until IS 'End of the lease of the session that syncs it now.';

CREATE TABLE ob.accounts_all (
	connection_id pg_catalog.int8 NOT NULL,
	account_id pg_catalog.text COLLATE "C" NOT NULL,
	account_ref pg_catalog.uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
	name pg_catalog.text,
	official_name pg_catalog.text,
	type pg_catalog.text NOT NULL,
	provider_type pg_catalog.text,
	provider_subtype pg_catalog.text,
	mask pg_catalog.text,
	iban pg_catalog.text,
	number_sealed pg_catalog.bytea,
	currency pg_catalog.text,
	balance_current pg_catalog.numeric,
	balance_available pg_catalog.numeric,
	credit_limit pg_catalog.numeric,
	balance_at pg_catalog.timestamptz,
	sign_suspect pg_catalog.bool NOT NULL DEFAULT false,
	status pg_catalog.text,
	sync_enabled pg_catalog.bool NOT NULL DEFAULT true,
	raw pg_catalog.jsonb,
	annotations pg_catalog.jsonb,
	first_seen_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	removed_at pg_catalog.timestamptz,
	PRIMARY KEY (connection_id, account_id)
);
COMMENT ON TABLE ob.accounts_all IS 'Synced accounts, removed ones included. Negative balances are owed.';
COMMENT ON COLUMN ob.accounts_all.account_ref IS 'Ours; survives a change of the provider''s account_id.';
COMMENT ON COLUMN ob.accounts_all.balance_at IS 'The provider''s time of the balance, else when this value was first read.';

CREATE TABLE ob.transactions_all (
	connection_id pg_catalog.int8 NOT NULL,
	account_id pg_catalog.text COLLATE "C" NOT NULL,
	transaction_id pg_catalog.text COLLATE "C" NOT NULL,
	status pg_catalog.text NOT NULL CHECK (status IN ('pending', 'posted')),
	amount pg_catalog.numeric NOT NULL,
	currency pg_catalog.text,
	date pg_catalog.date NOT NULL,
	authorized_date pg_catalog.date,
	booked_at pg_catalog.timestamptz,
	description pg_catalog.text,
	merchant_name pg_catalog.text,
	counterparty pg_catalog.text,
	category pg_catalog.text,
	category_detail pg_catalog.text,
	type pg_catalog.text,
	reference pg_catalog.text,
	running_balance pg_catalog.numeric,
	pending_transaction_id pg_catalog.text COLLATE "C",
	raw pg_catalog.jsonb,
	annotations pg_catalog.jsonb,
	sync_attempt pg_catalog.int8 NOT NULL DEFAULT 0,
	created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	removed_at pg_catalog.timestamptz,
	PRIMARY KEY (connection_id, account_id, transaction_id)
) WITH (fillfactor = 100);
-- Only what the view shows: else it might be taken for looking up one transaction, all of whose account it would read.
CREATE INDEX transactions_all_page_idx ON ob.transactions_all (connection_id, account_id, date DESC, transaction_id)
	WHERE removed_at IS NULL;
-- Mostly empty: most posted transactions name the pending one whose annotations they would take over.
CREATE INDEX transactions_all_annotated_idx ON ob.transactions_all (connection_id, account_id, transaction_id)
	WHERE annotations IS NOT NULL;
COMMENT ON TABLE ob.transactions_all IS 'Synced transactions, removed ones included. Negative amounts are money out.';
COMMENT ON COLUMN ob.transactions_all.date IS 'The provider''s day; never shifted by the session''s time zone.';
COMMENT ON COLUMN ob.transactions_all.booked_at IS 'Only where the provider gave a time of day.';

CREATE TABLE ob.quarantine (
	id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY,
	connection_id pg_catalog.int8 NOT NULL,
	account_id pg_catalog.text COLLATE "C",
	transaction_id pg_catalog.text COLLATE "C",
	reason pg_catalog.text NOT NULL,
	digest pg_catalog.text COLLATE "C" NOT NULL,
	raw pg_catalog.text NOT NULL,
	first_seen_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	last_seen_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (connection_id, id),
	UNIQUE (connection_id, digest)
);
COMMENT ON TABLE ob.quarantine IS 'Transactions a bank delivered that cannot be stored: no id, no date, an amount beyond numeric.';
COMMENT ON COLUMN ob.quarantine.digest IS 'SHA-256 of raw: the same row is kept once.';

CREATE TABLE ob.links (
	link_id pg_catalog.text COLLATE "C" PRIMARY KEY,
	server pg_catalog.name NOT NULL,
	user_ref pg_catalog.text COLLATE "C" NOT NULL,
	kind pg_catalog.text NOT NULL CHECK (kind IN ('link', 'relink', 'sandbox')),
	options pg_catalog.jsonb NOT NULL DEFAULT '{}',
	connection_id pg_catalog.int8,
	error_code pg_catalog.text,
	server_version pg_catalog.text,
	state pg_catalog.text NOT NULL DEFAULT 'open'
		CHECK (state IN ('open', 'completed', 'cancelled', 'expired', 'failed')),
	reason pg_catalog.text,
	action pg_catalog.text,
	url_sealed pg_catalog.bytea,
	token_sealed pg_catalog.bytea,
	token_digest pg_catalog.text COLLATE "C",
	sdk pg_catalog.jsonb,
	mapping_role pg_catalog.name NOT NULL,
	expires_at pg_catalog.timestamptz NOT NULL,
	user_ip pg_catalog.inet,
	created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX links_open_idx ON ob.links (server, user_ref) WHERE state = 'open';
CREATE INDEX links_token_idx ON ob.links (token_digest);
COMMENT ON TABLE ob.links IS 'Link journeys, from ob.link to ob.link_complete. Addresses and tokens are sealed.';
COMMENT ON COLUMN ob.links.error_code IS 'Of a relink: the connection''s error that it was made to mend.';
COMMENT ON COLUMN ob.links.server_version IS 'Version of the server''s options and user mapping; a link made with others is not handed out again.';

CREATE TABLE ob.tokens (
	server pg_catalog.name NOT NULL,
	subject pg_catalog.text COLLATE "C" NOT NULL,
	kind pg_catalog.text COLLATE "C" NOT NULL,
	sealed pg_catalog.bytea NOT NULL,
	expires_at pg_catalog.timestamptz,
	renew_at pg_catalog.timestamptz,
	created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (server, subject, kind)
);
COMMENT ON TABLE ob.tokens IS 'Provider tokens, sealed. A value opens only in its own row.';
COMMENT ON COLUMN ob.tokens.subject IS 'What it belongs to: connection:<id>.';

CREATE TABLE ob.client_checks (
	server pg_catalog.name NOT NULL,
	digest pg_catalog.text COLLATE "C" NOT NULL,
	mapping_role pg_catalog.name NOT NULL,
	refused_at pg_catalog.timestamptz,
	refusal pg_catalog.jsonb,
	checked_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (server, digest)
);
COMMENT ON TABLE ob.client_checks IS 'Whether providers take the credentials of user mappings: refused ones are not sent again.';
COMMENT ON COLUMN ob.client_checks.digest IS 'SHA-256 of the credentials and of where they are sent.';
COMMENT ON COLUMN ob.client_checks.refused_at IS 'NULL: they were accepted.';

CREATE TABLE ob.server_state (
	server pg_catalog.name PRIMARY KEY,
	paused_at pg_catalog.timestamptz
);
COMMENT ON TABLE ob.server_state IS 'What holds for a server as a whole. One without a row is as usual.';
COMMENT ON COLUMN ob.server_state.paused_at IS 'Since when its connections are not synced by themselves (ob.pause_server).';

CREATE TABLE ob.breakers (
	server pg_catalog.name NOT NULL,
	institution_id pg_catalog.text COLLATE "C" NOT NULL,
	failures pg_catalog.int8 NOT NULL,
	failing_since pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	open_until pg_catalog.timestamptz,
	PRIMARY KEY (server, institution_id)
);
COMMENT ON TABLE ob.breakers IS 'Servers and banks for which syncs fail in a row; the next success takes the row away.';
COMMENT ON COLUMN ob.breakers.institution_id IS 'Empty: the whole server.';
COMMENT ON COLUMN ob.breakers.open_until IS 'Nothing is synced by itself until then; afterwards one connection at a time, until it is known how that fares.';

CREATE TABLE ob.outcomes (
	id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	call_id pg_catalog.text COLLATE "C" NOT NULL UNIQUE,
	kind pg_catalog.text NOT NULL CHECK (kind IN ('exchange', 'remove', 'rotate', 'failure')),
	phase pg_catalog.text NOT NULL CHECK (phase IN ('intent', 'answered', 'recorded', 'done', 'failed')),
	server pg_catalog.name NOT NULL,
	connection_id pg_catalog.int8,
	link_id pg_catalog.text COLLATE "C",
	grant_digest pg_catalog.text COLLATE "C",
	mapping_role pg_catalog.name NOT NULL,
	sealed pg_catalog.bytea,
	request pg_catalog.jsonb NOT NULL DEFAULT '{}',
	result pg_catalog.jsonb,
	failure pg_catalog.jsonb,
	created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
-- The same grant is never exchanged twice, whoever brings it.
CREATE UNIQUE INDEX outcomes_grant_idx ON ob.outcomes (server, grant_digest)
	WHERE kind = 'exchange' AND phase <> 'failed';
-- Nor are two grants of one link at the same time: the second may be one too many.
CREATE UNIQUE INDEX outcomes_link_idx ON ob.outcomes (link_id)
	WHERE kind = 'exchange' AND phase IN ('intent', 'answered');
CREATE INDEX outcomes_open_idx ON ob.outcomes (connection_id, id) WHERE phase IN ('intent', 'answered', 'recorded');
COMMENT ON TABLE ob.outcomes IS 'What the outcome worker intends, has done at a provider, and has yet to apply here.';
COMMENT ON COLUMN ob.outcomes.phase IS 'intent (the call may have been made), answered (made, answer sealed here), recorded (a change waits to be applied), done, failed.';

SELECT pg_catalog.pg_extension_config_dump('ob.connections', '');
SELECT pg_catalog.pg_extension_config_dump('ob.connections_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('ob.sync_state', '');
SELECT pg_catalog.pg_extension_config_dump('ob.accounts_all', '');
SELECT pg_catalog.pg_extension_config_dump('ob.transactions_all', '');
SELECT pg_catalog.pg_extension_config_dump('ob.quarantine', '');
SELECT pg_catalog.pg_extension_config_dump('ob.quarantine_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('ob.links', '');
SELECT pg_catalog.pg_extension_config_dump('ob.tokens', '');
SELECT pg_catalog.pg_extension_config_dump('ob.client_checks', '');
SELECT pg_catalog.pg_extension_config_dump('ob.server_state', '');
SELECT pg_catalog.pg_extension_config_dump('ob.breakers', '');
SELECT pg_catalog.pg_extension_config_dump('ob.outcomes', '');
SELECT pg_catalog.pg_extension_config_dump('ob.outcomes_id_seq', '');

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
		WHEN NOT c.sync_enabled OR p.paused_at IS NOT NULL THEN 'Syncing is paused.'
		WHEN c.failing_since IS NOT NULL THEN COALESCE(c.error_message, 'The bank cannot be reached at the moment.')
		WHEN c.requires_reauth THEN 'Please renew your consent soon.'
		WHEN c.last_sync_status OPERATOR(pg_catalog.=) 'pending' THEN 'Waiting for the first sync.'
		WHEN c.last_sync_status OPERATOR(pg_catalog.=) 'waiting' THEN 'The bank is still preparing your data.'
		-- Synced is not fresh: a sync reads the provider's copy.
		WHEN c.bank_updated_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '2 days'::pg_catalog.interval)
			THEN pg_catalog.format('The bank''s data are from %s.', pg_catalog.to_char(c.bank_updated_at, 'YYYY-MM-DD HH24:MI TZ'))
		ELSE 'Up to date.'
	END AS what_to_do,
	c.failing_since, c.last_sync_at, c.last_sync_status, c.bank_updated_at, c.transactions_synced, s.next_sync_at
FROM ob.connections c
LEFT JOIN ob.sync_state s ON s.connection_id OPERATOR(pg_catalog.=) c.id
LEFT JOIN ob.server_state p ON p.server OPERATOR(pg_catalog.=) c.server;
COMMENT ON VIEW ob.connection_status IS 'Each connection with a badge (Not linked, Pending, Linked, Error) and a sentence what to do.';

CREATE VIEW ob.server_status WITH (security_invoker = true) AS
SELECT s.srvname AS server,
	(SELECT o.option_value FROM pg_catalog.pg_options_to_table(s.srvoptions) o WHERE o.option_name OPERATOR(pg_catalog.=) 'provider') AS provider,
	c.connections, c.active, c.failing, c.reauth_required, c.error,
	(SELECT p.paused_at FROM ob.server_state p WHERE p.server OPERATOR(pg_catalog.=) s.srvname) AS paused_at,
	b.breaker_until, b.institutions_down, r.refused_at, r.refused_for, r.what_to_do
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw
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
			FILTER (WHERE k.institution_id OPERATOR(pg_catalog.<>) '' AND k.open_until IS NOT NULL) AS institutions_down
	FROM ob.breakers k WHERE k.server OPERATOR(pg_catalog.=) s.srvname
) b
WHERE w.fdwname OPERATOR(pg_catalog.=) 'openbanking';
COMMENT ON VIEW ob.server_status IS 'Each server: its connections by state, since when it is paused, and since when and for whose user mapping the provider refuses the credentials.';

CREATE VIEW ob.sync_status WITH (security_invoker = true) AS
SELECT c.id AS connection_id, c.user_ref, c.server, c.institution_name,
	CASE
		WHEN c.state OPERATOR(pg_catalog.<>) 'active' THEN c.state
		WHEN NOT c.sync_enabled OR p.paused_at IS NOT NULL THEN 'paused'
		WHEN s.claimed_until OPERATOR(pg_catalog.>) pg_catalog.now() THEN 'syncing'
		WHEN EXISTS (SELECT FROM ob.breakers b WHERE b.server OPERATOR(pg_catalog.=) c.server AND b.open_until IS NOT NULL
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
	pg_catalog.round(s.loop_transactions OPERATOR(pg_catalog./) NULLIF(EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) s.loop_started_at), 0), 1)
		AS transactions_per_second,
	c.last_sync_at, c.last_sync_status, c.failing_since, s.attempts AS failures, s.next_sync_at
FROM ob.connections c
JOIN ob.sync_state s ON s.connection_id OPERATOR(pg_catalog.=) c.id
LEFT JOIN ob.server_state p ON p.server OPERATOR(pg_catalog.=) c.server;
COMMENT ON VIEW ob.sync_status IS 'Where each connection''s sync stands: what it does now, how complete its history is, how far a first backfill has come and how fast, failures in a row, when it is next.';

CREATE VIEW ob.consents_expiring WITH (security_invoker = true) AS
SELECT c.id AS connection_id, c.user_ref, c.server, c.institution_name, c.state, c.consent_given_at, c.consent_expires_at,
	c.consent_expires_at OPERATOR(pg_catalog.-) pg_catalog.now() AS expires_in
FROM ob.connections c
WHERE c.consent_expires_at OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.+) '14 days'::pg_catalog.interval)
AND c.state OPERATOR(pg_catalog.=) ANY ('{active,reauth_required,error}'::pg_catalog.text[]);
COMMENT ON VIEW ob.consents_expiring IS 'Connections whose consent ends within 14 days, or has ended: their users have to consent again (ob.relink).';

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
-- Functions and procedures. SECURITY INVOKER: C switches to the extension's owner where it reads or writes our tables,
-- after it has checked the caller's rights (USAGE on the server), and back.

CREATE FUNCTION ob.version() RETURNS pg_catalog.text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ob_version';
COMMENT ON FUNCTION ob.version() IS 'Version of the library that is loaded.';

-- ---- linking ----

CREATE FUNCTION ob.link(server pg_catalog.name, user_ref pg_catalog.text, options pg_catalog.jsonb DEFAULT '{}',
	user_ip pg_catalog.inet DEFAULT NULL,
	OUT link_id pg_catalog.text, OUT action pg_catalog.text, OUT url pg_catalog.text, OUT token pg_catalog.text,
	OUT sdk pg_catalog.jsonb, OUT expires_at pg_catalog.timestamptz)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_link';
COMMENT ON FUNCTION ob.link(pg_catalog.name, pg_catalog.text, pg_catalog.jsonb, pg_catalog.inet) IS
'Starts linking a bank for user_ref: what an app or a browser needs to go on. An open link of the same server, user and options is returned again. Options: mode (embedded), and the provider''s own.';

CREATE FUNCTION ob.link_complete(link_id pg_catalog.text DEFAULT NULL, response pg_catalog.jsonb DEFAULT '{}',
	user_ip pg_catalog.inet DEFAULT NULL)
RETURNS TABLE (connection_id pg_catalog.int8, status pg_catalog.text, institution_name pg_catalog.text,
	duplicate_of pg_catalog.int8, notice pg_catalog.text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_link_complete';
COMMENT ON FUNCTION ob.link_complete(pg_catalog.text, pg_catalog.jsonb, pg_catalog.inet) IS
'Finishes a link with what the app got back ({"public_token": …}); without it the provider is asked how far the user has come. A response {"error": …} ends the link as cancelled. What the provider did is recorded even if this transaction rolls back.';

CREATE FUNCTION ob.link_status(link_id pg_catalog.text,
	OUT state pg_catalog.text, OUT reason pg_catalog.text, OUT connection_id pg_catalog.int8,
	OUT expires_at pg_catalog.timestamptz)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_link_status';
COMMENT ON FUNCTION ob.link_status(pg_catalog.text) IS
'Where a link stands (open, completed, cancelled, expired, failed); finishes what a crash interrupted.';

CREATE FUNCTION ob.link_cancel(link_id pg_catalog.text) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_link_cancel';
COMMENT ON FUNCTION ob.link_cancel(pg_catalog.text) IS
'Ends an open link: nothing that comes of it is taken any more.';

CREATE FUNCTION ob.relink(connection pg_catalog.int8, options pg_catalog.jsonb DEFAULT '{}',
	user_ip pg_catalog.inet DEFAULT NULL,
	OUT link_id pg_catalog.text, OUT action pg_catalog.text, OUT url pg_catalog.text, OUT token pg_catalog.text,
	OUT sdk pg_catalog.jsonb, OUT expires_at pg_catalog.timestamptz)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_relink';
COMMENT ON FUNCTION ob.relink(pg_catalog.int8, pg_catalog.jsonb, pg_catalog.inet) IS
'Has the user log in or consent again for a connection, which keeps its id and history. Returns as ob.link; finish with ob.link_complete.';

CREATE FUNCTION ob.adopt_connection(server pg_catalog.name, user_ref pg_catalog.text, credentials pg_catalog.jsonb)
RETURNS TABLE (connection_id pg_catalog.int8, status pg_catalog.text, institution_name pg_catalog.text,
	duplicate_of pg_catalog.int8, notice pg_catalog.text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_adopt_connection';
COMMENT ON FUNCTION ob.adopt_connection(pg_catalog.name, pg_catalog.text, pg_catalog.jsonb) IS
'Takes over a bank login that was linked elsewhere, without its user: {"access_token": …}, perhaps with "cursor".';

CREATE FUNCTION ob.rotate_access_token(connection pg_catalog.int8) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_rotate_access_token';
COMMENT ON FUNCTION ob.rotate_access_token(pg_catalog.int8) IS
'Has the provider replace the connection''s access token. Recorded even if this transaction rolls back.';

CREATE FUNCTION ob.disconnect(connection pg_catalog.int8, purge pg_catalog.bool DEFAULT false) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_disconnect';
COMMENT ON FUNCTION ob.disconnect(pg_catalog.int8, pg_catalog.bool) IS
'Revokes the connection at the provider, erases its tokens and returns its new state; with purge also deletes its accounts and transactions.';

CREATE FUNCTION ob.sandbox_link(server pg_catalog.name, user_ref pg_catalog.text, options pg_catalog.jsonb DEFAULT '{}')
RETURNS TABLE (connection_id pg_catalog.int8, status pg_catalog.text, institution_name pg_catalog.text,
	duplicate_of pg_catalog.int8, notice pg_catalog.text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_sandbox_link';
COMMENT ON FUNCTION ob.sandbox_link(pg_catalog.name, pg_catalog.text, pg_catalog.jsonb) IS
'Links a test bank without a person; the provider''s sandbox only. Options: institution_id, username, password.';

-- ---- syncing ----

CREATE FUNCTION ob.sync(connection pg_catalog.int8, "full" pg_catalog.bool DEFAULT false,
	user_ip pg_catalog.inet DEFAULT NULL,
	OUT status pg_catalog.text, OUT added pg_catalog.int8, OUT modified pg_catalog.int8, OUT removed pg_catalog.int8,
	OUT unchanged pg_catalog.int8, OUT quarantined pg_catalog.int8, OUT accounts pg_catalog.int8,
	OUT requests pg_catalog.int8, OUT duration pg_catalog.interval, OUT retry_at pg_catalog.timestamptz)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_sync';
COMMENT ON FUNCTION ob.sync(pg_catalog.int8, pg_catalog.bool, pg_catalog.inet) IS
'Syncs one connection in the caller''s transaction. Status: complete, waiting (the provider has no data yet), deferred (told to wait until retry_at), busy (another session syncs it). Anything else raises.';

CREATE PROCEDURE ob.sync_now(connection pg_catalog.int8, "full" pg_catalog.bool DEFAULT false)
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_sync_now';
COMMENT ON PROCEDURE ob.sync_now(pg_catalog.int8, pg_catalog.bool) IS
'Syncs one connection, committing by itself; says what it did as a notice. What a first backfill wants.';

CREATE PROCEDURE ob.sync_due(max_connections pg_catalog.int4 DEFAULT NULL, parallel pg_catalog.int4 DEFAULT NULL,
	server pg_catalog.name DEFAULT NULL, user_ref pg_catalog.text DEFAULT NULL,
	max_duration pg_catalog.interval DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_sync_due';
COMMENT ON PROCEDURE ob.sync_due(pg_catalog.int4, pg_catalog.int4, pg_catalog.name, pg_catalog.text, pg_catalog.interval) IS
'Syncs every active connection that is due, several at once, committing each by itself. One failing connection never fails the call.';

-- ---- operating ----

CREATE FUNCTION ob.pause(connection pg_catalog.int8) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_pause';
COMMENT ON FUNCTION ob.pause(pg_catalog.int8) IS
'Keeps a connection from being synced by itself; ob.sync still does. False if it was so already.';

CREATE FUNCTION ob.resume(connection pg_catalog.int8) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_resume';
COMMENT ON FUNCTION ob.resume(pg_catalog.int8) IS
'Ends ob.pause: the connection is due at once. False if it was not paused.';

CREATE FUNCTION ob.retry(connection pg_catalog.int8) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_retry';
COMMENT ON FUNCTION ob.retry(pg_catalog.int8) IS
'Takes a connection out of state error or of its waiting after failures: it is due at once. Returns its state.';

CREATE FUNCTION ob.pause_server(server pg_catalog.name) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_pause_server';
COMMENT ON FUNCTION ob.pause_server(pg_catalog.name) IS
'Keeps all connections of a server from being synced by themselves. False if it was so already.';

CREATE FUNCTION ob.resume_server(server pg_catalog.name) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_resume_server';
COMMENT ON FUNCTION ob.resume_server(pg_catalog.name) IS
'Ends ob.pause_server: what has become due meanwhile is synced. False if it was not paused.';

CREATE PROCEDURE ob.check_consents()
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_check_consents';
COMMENT ON PROCEDURE ob.check_consents() IS
'Marks connections whose consent ends within seven days (requires_reauth), tells those who listen, and has those asked about whose consent should have ended by now.';

-- ---- secrets ----

CREATE FUNCTION ob.seal(server pg_catalog.name, option pg_catalog.text, secret pg_catalog.text) RETURNS pg_catalog.text
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_seal';
COMMENT ON FUNCTION ob.seal(pg_catalog.name, pg_catalog.text, pg_catalog.text) IS
'Seals a secret for that option of that server''s user mapping; the result opens nowhere else.';

CREATE FUNCTION ob.keys()
RETURNS TABLE (key_id pg_catalog.text, current pg_catalog.bool, in_ring pg_catalog.bool, tokens pg_catalog.int8,
	accounts pg_catalog.int8, links pg_catalog.int8, outcomes pg_catalog.int8, mapping_options pg_catalog.int8)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_keys';
COMMENT ON FUNCTION ob.keys() IS
'The keys of the ring and those that values need, and how many values each seals. Of user mappings those that you may see.';

CREATE PROCEDURE ob.rotate_key(batch pg_catalog.int4 DEFAULT 500)
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_rotate_key';
COMMENT ON PROCEDURE ob.rotate_key(pg_catalog.int4) IS
'Seals everything anew that is not sealed with the current key, a batch per commit, while all else goes on. Says which keys may then be removed.';

CREATE FUNCTION ob.retry_credentials(server pg_catalog.name) RETURNS pg_catalog.int8
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_retry_credentials';
COMMENT ON FUNCTION ob.retry_credentials(pg_catalog.name) IS
'Lets credentials be sent again that the server''s provider has refused, for when that was mended there; says how many those are.';

-- ---- keeping and forgetting ----

CREATE PROCEDURE ob.purge()
LANGUAGE c AS 'MODULE_PATHNAME', 'ob_purge';
COMMENT ON PROCEDURE ob.purge() IS
'Deletes what is older than the retention in ob.installation says, a batch per commit; without one nothing.';

-- ---- copies ----

CREATE FUNCTION ob.adopt_database(without_keys pg_catalog.bool DEFAULT false) RETURNS pg_catalog.text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_adopt_database';
COMMENT ON FUNCTION ob.adopt_database(pg_catalog.bool) IS
'Lets a restored dump call providers, which a copy does not: for when it takes the place of the original. Makes sure that the keys open what is sealed here, unless without_keys.';

-- ---- people ----

CREATE FUNCTION ob.account_number(connection pg_catalog.int8, account_id pg_catalog.text,
	refresh pg_catalog.bool DEFAULT false)
RETURNS TABLE (scheme pg_catalog.text, number pg_catalog.text, bank_code pg_catalog.text, branch_code pg_catalog.text,
	wire_code pg_catalog.text, bic pg_catalog.text, tokenized pg_catalog.bool)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_account_number';
COMMENT ON FUNCTION ob.account_number(pg_catalog.int8, pg_catalog.text, pg_catalog.bool) IS
'The full numbers of an account (ach, eft, bacs, iban); the audit log says who has read them, even after a rollback. Asked for at the provider once and kept sealed; again with refresh.';

CREATE FUNCTION ob.export_user(user_ref pg_catalog.text) RETURNS pg_catalog.jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_export_user';
COMMENT ON FUNCTION ob.export_user(pg_catalog.text) IS
'All that is kept about an end user, as JSON; sealed values apart. The audit log says who has asked, even after a rollback.';

CREATE FUNCTION ob.erase_user(user_ref pg_catalog.text, force pg_catalog.bool DEFAULT false) RETURNS pg_catalog.jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_erase_user';
COMMENT ON FUNCTION ob.erase_user(pg_catalog.text, pg_catalog.bool) IS
'Ends an end user''s connections at their providers and deletes all that is kept about him; returns how much that was. What a provider does not let be ended raises, unless force: then it is forgotten here all the same.';

-- ---- other calls ----

CREATE FUNCTION ob.request(server pg_catalog.name, method pg_catalog.text, path pg_catalog.text,
	query pg_catalog.jsonb DEFAULT NULL, body pg_catalog.jsonb DEFAULT NULL, connection pg_catalog.int8 DEFAULT NULL,
	OUT status pg_catalog.int4, OUT headers pg_catalog.jsonb, OUT content_type pg_catalog.text,
	OUT body pg_catalog.text, OUT body_raw pg_catalog.bytea)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_request';
COMMENT ON FUNCTION ob.request(pg_catalog.name, pg_catalog.text, pg_catalog.text, pg_catalog.jsonb, pg_catalog.jsonb, pg_catalog.int8) IS
'Makes a call that has no function of its own, with the server''s credentials and, given a connection, its tokens. Any HTTP status is a row. What it does at the provider is not undone by a rollback.';

CREATE FUNCTION ob.institutions(server pg_catalog.name, search pg_catalog.text DEFAULT NULL)
RETURNS TABLE (institution_id pg_catalog.text, name pg_catalog.text, countries pg_catalog.text[],
	products pg_catalog.text[], oauth pg_catalog.bool, status pg_catalog.text, url pg_catalog.text, raw pg_catalog.jsonb)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_institutions';
COMMENT ON FUNCTION ob.institutions(pg_catalog.name, pg_catalog.text) IS
'Banks that can be linked through the server, by the provider''s search or all of them.';

CREATE FUNCTION ob.sandbox_fire_webhook(connection pg_catalog.int8, code pg_catalog.text) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_sandbox_fire_webhook';
COMMENT ON FUNCTION ob.sandbox_fire_webhook(pg_catalog.int8, pg_catalog.text) IS
'Has the provider send a webhook of that code for the connection; the provider''s sandbox only.';

CREATE FUNCTION ob.sandbox_reset_login(connection pg_catalog.int8) RETURNS pg_catalog.bool
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ob_sandbox_reset_login';
COMMENT ON FUNCTION ob.sandbox_reset_login(pg_catalog.int8) IS
'Puts the connection at the provider into the state in which its user must log in again; the provider''s sandbox only.';
-- The foreign data wrapper.

CREATE FUNCTION ob.fdw_handler() RETURNS pg_catalog.fdw_handler
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ob_fdw_handler';
COMMENT ON FUNCTION ob.fdw_handler() IS 'Handler of the foreign data wrapper openbanking.';

CREATE FUNCTION ob.fdw_validator(pg_catalog.text[], pg_catalog.oid) RETURNS pg_catalog.void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ob_fdw_validator';
COMMENT ON FUNCTION ob.fdw_validator(pg_catalog.text[], pg_catalog.oid) IS 'Checks options of servers, user mappings and live tables.';

CREATE FOREIGN DATA WRAPPER openbanking HANDLER ob.fdw_handler VALIDATOR ob.fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER openbanking IS
'Live tables ob_accounts, ob_transactions and ob_balances of linked banks. ob_balances asks the banks themselves, which providers may bill for each connection.';


-- Tokens are those of one provider, environment and server name; sealed secrets open under that name alone.
CREATE FUNCTION ob.check_server_changes() RETURNS pg_catalog.event_trigger
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ob_check_server_changes';
COMMENT ON FUNCTION ob.check_server_changes() IS 'Refuses changes of a server that would make its connections or sealed secrets useless.';

CREATE EVENT TRIGGER openbanking_server_changes ON ddl_command_start WHEN TAG IN ('ALTER SERVER')
	EXECUTE FUNCTION ob.check_server_changes();
COMMENT ON EVENT TRIGGER openbanking_server_changes IS 'A server with connections keeps its name, provider and environment.';
CREATE EVENT TRIGGER openbanking_server_drops ON sql_drop WHEN TAG IN ('DROP SERVER', 'DROP OWNED')
	EXECUTE FUNCTION ob.check_server_changes();
COMMENT ON EVENT TRIGGER openbanking_server_drops IS 'A server with connections is not dropped.';
-- Who may see whose rows, and who may do what. Policies name no role: a row is visible to roles that operate the
-- extension, and else to the present end user (or the one who acts) and to those whom he has been allowed to see.

CREATE TABLE ob.access_grants (
	actor pg_catalog.text COLLATE "C" NOT NULL,
	user_ref pg_catalog.text COLLATE "C" NOT NULL,
	until pg_catalog.timestamptz,
	granted_by pg_catalog.name NOT NULL DEFAULT SESSION_USER,
	created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (actor, user_ref)
);
COMMENT ON TABLE ob.access_grants IS 'Whom an end user may see besides himself, such as an accountant her clients; until NULL: without an end.';
SELECT pg_catalog.pg_extension_config_dump('ob.access_grants', '');

-- ---- the present end user ----

CREATE FUNCTION ob.current_user_ref() RETURNS pg_catalog.text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ob_current_user_ref';
COMMENT ON FUNCTION ob.current_user_ref() IS
'The end user that this session speaks for, from where openbanking.user_ref_source says: the setting openbanking.user_ref, or the claim "sub" of PostgREST''s request.jwt.claims. NULL: nobody.';

-- In no body of its own: only who may call it counts.
CREATE FUNCTION ob.all_rows() RETURNS pg_catalog.bool
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT true';
COMMENT ON FUNCTION ob.all_rows() IS 'A role that may execute this sees every row: ob.grant_operate and ob.grant_admin give it.';

CREATE FUNCTION ob.sees_all() RETURNS pg_catalog.bool
LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT pg_catalog.has_function_privilege('ob.all_rows()', 'EXECUTE') $$;
COMMENT ON FUNCTION ob.sees_all() IS 'Whether the current role sees the rows of all end users.';

-- As the owner, who alone may look at the grants; what they return is the caller's own business in any case.
CREATE FUNCTION ob.visible_user_refs() RETURNS pg_catalog.text[]
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT array_agg(visible.user_ref) FROM (
	SELECT ob.current_user_ref() AS user_ref
	UNION
	SELECT g.user_ref FROM ob.access_grants g
	WHERE g.actor = ob.current_user_ref() AND (g.until IS NULL OR g.until > clock_timestamp())
) visible WHERE visible.user_ref IS NOT NULL $$;
COMMENT ON FUNCTION ob.visible_user_refs() IS 'The end users whose rows the present one may see: himself and those in ob.access_grants.';

CREATE FUNCTION ob.visible_connections() RETURNS pg_catalog.int8[]
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT array_agg(c.id) FROM ob.connections c WHERE c.user_ref = ANY (ob.visible_user_refs()) $$;
COMMENT ON FUNCTION ob.visible_connections() IS 'The connections of those end users.';

-- ---- policies ----

-- The sub-selects are evaluated once a statement, not once a row.
CREATE POLICY visible ON ob.connections
	USING ((SELECT ob.sees_all()) OR user_ref OPERATOR(pg_catalog.=) ANY ((SELECT ob.visible_user_refs())::pg_catalog.text[]));
CREATE POLICY visible ON ob.sync_state
	USING ((SELECT ob.sees_all()) OR connection_id OPERATOR(pg_catalog.=) ANY ((SELECT ob.visible_connections())::pg_catalog.int8[]));
CREATE POLICY visible ON ob.accounts_all
	USING ((SELECT ob.sees_all()) OR connection_id OPERATOR(pg_catalog.=) ANY ((SELECT ob.visible_connections())::pg_catalog.int8[]));
CREATE POLICY visible ON ob.transactions_all
	USING ((SELECT ob.sees_all()) OR connection_id OPERATOR(pg_catalog.=) ANY ((SELECT ob.visible_connections())::pg_catalog.int8[]));
ALTER TABLE ob.connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.sync_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.accounts_all ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.transactions_all ENABLE ROW LEVEL SECURITY;

-- These are for operators alone: without a policy for others there is no row for them, whatever they were granted.
CREATE POLICY visible ON ob.quarantine USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.links USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.tokens USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.client_checks USING ((SELECT ob.sees_all()));
-- It says of a server what its users may know, whoever they are.
CREATE POLICY visible ON ob.server_state USING (true);
CREATE POLICY visible ON ob.breakers USING ((SELECT ob.sees_all()));
ALTER TABLE ob.breakers ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.server_state ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON ob.outcomes USING ((SELECT ob.sees_all()));
CREATE POLICY visible ON ob.access_grants USING ((SELECT ob.sees_all()));
ALTER TABLE ob.quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.links ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.client_checks ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.outcomes ENABLE ROW LEVEL SECURITY;
ALTER TABLE ob.access_grants ENABLE ROW LEVEL SECURITY;

-- ---- rights by kind of role ----

CREATE FUNCTION ob.columns_but(relation pg_catalog.regclass, hidden pg_catalog.text[]) RETURNS pg_catalog.text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (hidden) $$;
COMMENT ON FUNCTION ob.columns_but(pg_catalog.regclass, pg_catalog.text[]) IS 'The columns of a table but those, as GRANT wants them.';

-- Each level has the ones before it as well, webhook apart, which stands alone.
CREATE FUNCTION ob.rights(level pg_catalog.text) RETURNS TABLE (privilege pg_catalog.text, object pg_catalog.text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
WITH rights (level, privilege, object) AS (VALUES
	('webhook', 'USAGE', 'SCHEMA ob'),
	('read', 'USAGE', 'SCHEMA ob'),
	('read', 'SELECT (' || ob.columns_but('ob.connections', '{consent_ip}') || ')', 'ob.connections'),
	('read', 'SELECT (connection_id, initial_sync_done, history_from, history_complete, next_sync_at)', 'ob.sync_state'),
	('read', 'SELECT (' || ob.columns_but('ob.accounts_all', '{number_sealed}') || ')', 'ob.accounts_all'),
	('read', 'SELECT', 'ob.transactions_all'),
	('read', 'SELECT', 'ob.accounts'),
	('read', 'SELECT', 'ob.transactions'),
	('read', 'SELECT', 'ob.connection_status'),
	('read', 'SELECT', 'ob.net_worth'),
	('read', 'SELECT (server, paused_at)', 'ob.server_state'),
	('read', 'SELECT', 'ob.consents_expiring'),
	('read', 'EXECUTE', 'FUNCTION ob.version()'),
	('read', 'EXECUTE', 'FUNCTION ob.sees_all()'),
	('read', 'EXECUTE', 'FUNCTION ob.current_user_ref()'),
	('read', 'EXECUTE', 'FUNCTION ob.visible_user_refs()'),
	('read', 'EXECUTE', 'FUNCTION ob.visible_connections()'),
	('operate', 'EXECUTE', 'FUNCTION ob.all_rows()'),
	('operate', 'SELECT (consent_ip), UPDATE (annotations)', 'ob.connections'),
	('operate', 'SELECT', 'ob.sync_state'),
	('operate', 'UPDATE (annotations)', 'ob.accounts_all'),
	('operate', 'UPDATE (annotations)', 'ob.transactions_all'),
	('operate', 'SELECT', 'ob.quarantine'),
	('operate', 'SELECT (' || ob.columns_but('ob.client_checks', '{digest}') || ')', 'ob.client_checks'),
	('operate', 'SELECT', 'ob.server_status'),
	('operate', 'EXECUTE', 'FUNCTION ob.link(name, text, jsonb, inet)'),
	('operate', 'EXECUTE', 'FUNCTION ob.link_complete(text, jsonb, inet)'),
	('operate', 'EXECUTE', 'FUNCTION ob.link_status(text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.link_cancel(text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.relink(int8, jsonb, inet)'),
	('operate', 'EXECUTE', 'FUNCTION ob.sandbox_link(name, text, jsonb)'),
	('operate', 'EXECUTE', 'FUNCTION ob.sync(int8, bool, inet)'),
	('operate', 'EXECUTE', 'PROCEDURE ob.sync_now(int8, bool)'),
	('operate', 'EXECUTE', 'PROCEDURE ob.sync_due(int4, int4, name, text, interval)'),
	('operate', 'SELECT', 'ob.breakers'),
	('operate', 'SELECT', 'ob.sync_status'),
	('operate', 'SELECT', 'ob.schedules'),
	('operate', 'EXECUTE', 'FUNCTION ob.scheduled_jobs()'),
	('operate', 'EXECUTE', 'FUNCTION ob.unschedule()'),
	('operate', 'EXECUTE', 'FUNCTION ob.check_cron(jsonb)'),
	('operate', 'EXECUTE', 'FUNCTION ob.cron_expression(interval, text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.schedule(interval, interval, interval)'),
	('operate', 'EXECUTE', 'FUNCTION ob.pause(int8)'),
	('operate', 'EXECUTE', 'FUNCTION ob.resume(int8)'),
	('operate', 'EXECUTE', 'FUNCTION ob.retry(int8)'),
	('operate', 'EXECUTE', 'FUNCTION ob.pause_server(name)'),
	('operate', 'EXECUTE', 'FUNCTION ob.resume_server(name)'),
	('operate', 'EXECUTE', 'PROCEDURE ob.check_consents()'),
	('operate', 'EXECUTE', 'FUNCTION ob.institutions(name, text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.sandbox_fire_webhook(int8, text)'),
	('operate', 'EXECUTE', 'FUNCTION ob.sandbox_reset_login(int8)'),
	('admin', 'SELECT', 'ob.access_grants'),
	('admin', 'SELECT', 'ob.audit_log'),
	('admin', 'SELECT', 'ob.audit_persons'),
	('admin', 'SELECT', 'ob.audit_addresses'),
	('admin', 'SELECT', 'ob.installation'),
	('admin', 'EXECUTE', 'FUNCTION ob.adopt_connection(name, text, jsonb)'),
	('admin', 'EXECUTE', 'FUNCTION ob.disconnect(int8, bool)'),
	('admin', 'EXECUTE', 'FUNCTION ob.rotate_access_token(int8)'),
	('admin', 'EXECUTE', 'FUNCTION ob.account_number(int8, text, bool)'),
	('admin', 'EXECUTE', 'PROCEDURE ob.purge()'),
	('admin', 'EXECUTE', 'FUNCTION ob.adopt_database(bool)'),
	('admin', 'EXECUTE', 'FUNCTION ob.export_user(text)'),
	('admin', 'EXECUTE', 'FUNCTION ob.erase_user(text, bool)'),
	('admin', 'EXECUTE', 'FUNCTION ob.seal(name, text, text)'),
	('admin', 'EXECUTE', 'FUNCTION ob.keys()'),
	('admin', 'EXECUTE', 'FUNCTION ob.retry_credentials(name)'),
	('admin', 'EXECUTE', 'PROCEDURE ob.rotate_key(int4)'),
	('admin', 'EXECUTE', 'FUNCTION ob.request(name, text, text, jsonb, jsonb, int8)'),
	('admin', 'EXECUTE', 'FUNCTION ob.allow(text, text, timestamptz)'),
	('admin', 'EXECUTE', 'FUNCTION ob.disallow(text, text)')
)
SELECT r.privilege, r.object FROM rights r
WHERE r.level = ANY (CASE $1 WHEN 'webhook' THEN '{webhook}' WHEN 'read' THEN '{read}' WHEN 'operate' THEN '{read,operate}'
	WHEN 'admin' THEN '{read,operate,admin}' END::text[])
$$;
COMMENT ON FUNCTION ob.rights(pg_catalog.text) IS 'What ob.grant_read, grant_operate, grant_admin and grant_webhook give.';

CREATE FUNCTION ob.change_rights(verb pg_catalog.text, level pg_catalog.text, role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	item record;
BEGIN
	FOR item IN SELECT * FROM ob.rights(level) LOOP
		EXECUTE format('%s %s ON %s %s %s', verb, item.privilege, item.object,
			CASE verb WHEN 'GRANT' THEN 'TO' ELSE 'FROM' END, role);
	END LOOP;
	PERFORM ob.record_audit(CASE verb WHEN 'GRANT' THEN 'ACCESS_GRANTED' ELSE 'ACCESS_REVOKED' END,
		details => jsonb_build_object('level', level, 'role', role::text));
END
$$;
COMMENT ON FUNCTION ob.change_rights(pg_catalog.text, pg_catalog.text, pg_catalog.regrole) IS 'What the grant_ and revoke_ functions do.';

CREATE FUNCTION ob.grant_read(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('GRANT', 'read', role) $$;
COMMENT ON FUNCTION ob.grant_read(pg_catalog.regrole) IS
'Lets a role read accounts, transactions and connections of the present end user (ob.current_user_ref) and of those he may see.';
CREATE FUNCTION ob.grant_operate(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('GRANT', 'operate', role) $$;
COMMENT ON FUNCTION ob.grant_operate(pg_catalog.regrole) IS
'Lets a role link and sync and see the rows of all end users: an application''s back end, a scheduler. It needs USAGE on the servers besides.';
CREATE FUNCTION ob.grant_admin(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('GRANT', 'admin', role) $$;
COMMENT ON FUNCTION ob.grant_admin(pg_catalog.regrole) IS
'As grant_operate; and lets a role end connections, seal secrets, read the audit log and say who may see whom.';
CREATE FUNCTION ob.grant_webhook(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('GRANT', 'webhook', role) $$;
COMMENT ON FUNCTION ob.grant_webhook(pg_catalog.regrole) IS 'Lets a role hand in webhooks and nothing else.';
CREATE FUNCTION ob.revoke_read(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('REVOKE', 'read', role) $$;
COMMENT ON FUNCTION ob.revoke_read(pg_catalog.regrole) IS 'Takes back what ob.grant_read gave.';
CREATE FUNCTION ob.revoke_operate(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('REVOKE', 'operate', role) $$;
COMMENT ON FUNCTION ob.revoke_operate(pg_catalog.regrole) IS 'Takes back what ob.grant_operate gave, reading included.';
CREATE FUNCTION ob.revoke_admin(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('REVOKE', 'admin', role) $$;
COMMENT ON FUNCTION ob.revoke_admin(pg_catalog.regrole) IS 'Takes back what ob.grant_admin gave, reading and operating included.';
CREATE FUNCTION ob.revoke_webhook(role pg_catalog.regrole) RETURNS pg_catalog.void
LANGUAGE sql VOLATILE AS $$ SELECT ob.change_rights('REVOKE', 'webhook', role) $$;
COMMENT ON FUNCTION ob.revoke_webhook(pg_catalog.regrole) IS 'Takes back what ob.grant_webhook gave.';

-- ---- who may see whom ----

CREATE FUNCTION ob.allow(actor pg_catalog.text, user_ref pg_catalog.text, until pg_catalog.timestamptz DEFAULT NULL)
RETURNS pg_catalog.void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS
$$
BEGIN
	-- The constraint would show the whole row, names included.
	IF COALESCE(allow.actor, '') = '' OR COALESCE(allow.user_ref, '') = '' THEN
		RAISE EXCEPTION 'arguments "actor" and "user_ref" must be given' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	INSERT INTO ob.access_grants AS g (actor, user_ref, until) VALUES (allow.actor, allow.user_ref, allow.until)
	ON CONFLICT ON CONSTRAINT access_grants_pkey
	DO UPDATE SET until = excluded.until, granted_by = SESSION_USER, created_at = clock_timestamp();
	PERFORM ob.record_audit('ACCESS_GRANTED', user_ref => allow.user_ref,
		details => jsonb_build_object('to_person', ob.pseudonym(allow.actor), 'until', allow.until));
END
$$;
COMMENT ON FUNCTION ob.allow(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS
'Lets the end user `actor` see the rows of `user_ref`, until a time or without an end; said again, the new end counts.';

CREATE FUNCTION ob.disallow(actor pg_catalog.text, user_ref pg_catalog.text) RETURNS pg_catalog.bool
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS
$$
BEGIN
	DELETE FROM ob.access_grants g WHERE g.actor = disallow.actor AND g.user_ref = disallow.user_ref;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM ob.record_audit('ACCESS_REVOKED', user_ref => disallow.user_ref,
		details => jsonb_build_object('to_person', ob.pseudonym(disallow.actor)));
	RETURN true;
END
$$;
COMMENT ON FUNCTION ob.disallow(pg_catalog.text, pg_catalog.text) IS 'Ends what ob.allow gave at once; false if there was nothing to end.';
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
CREATE INDEX audit_persons_user_ref_idx ON ob.audit_persons (user_ref);
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
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT jsonb_strip_nulls(jsonb_build_object(
	'login_role', session_user,
	'actor', COALESCE(NULLIF(current_setting('role'), 'none'), session_user),
	'user_ref', ob.current_user_ref(),
	'client_addr', host(inet_client_addr()))) $$;
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
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS
$$
DECLARE
	who jsonb := COALESCE(acting, ob.acting());
	bank record;
	line int8;
BEGIN
	SELECT c.server, c.user_ref INTO bank FROM ob.connections c WHERE c.id = record_audit.connection_id;
	INSERT INTO ob.audit_log (action, connection_id, server, person, actor, login_role, acting_person, request_id,
		success, details)
	VALUES (record_audit.action, record_audit.connection_id, COALESCE(record_audit.server, bank.server),
		ob.pseudonym(COALESCE(record_audit.user_ref, bank.user_ref)), who ->> 'actor', who ->> 'login_role',
		ob.pseudonym(who ->> 'user_ref'), record_audit.request_id, record_audit.success, record_audit.details)
	RETURNING id INTO line;
	IF user_ip IS NOT NULL OR who ? 'client_addr' THEN
		INSERT INTO ob.audit_addresses (audit_id, user_ip, client_addr)
		VALUES (line, record_audit.user_ip, (who ->> 'client_addr')::inet);
	END IF;
END
$$;
COMMENT ON FUNCTION ob.record_audit(pg_catalog.text, pg_catalog.int8, pg_catalog.name, pg_catalog.text, pg_catalog.bool, pg_catalog.jsonb, pg_catalog.text, pg_catalog.inet, pg_catalog.jsonb) IS
'Adds a line to the audit log. Server and person are those of the connection, unless given; who acts is this session, unless a worker says for whom.';
-- What is kept about one end user: all of it, and its end. For ob.export_user and ob.erase_user, which see to rights,
-- providers and locks first.

CREATE FUNCTION ob.person_data(of_user pg_catalog.text) RETURNS pg_catalog.jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
WITH banks AS (SELECT c.id FROM ob.connections c WHERE c.user_ref = of_user),
	names AS (SELECT p.pseudonym FROM ob.audit_persons p WHERE p.user_ref = of_user)
SELECT jsonb_build_object('user_ref', of_user,
	'connections', (SELECT COALESCE(jsonb_agg(to_jsonb(c) ORDER BY c.id), '[]') FROM ob.connections c WHERE c.user_ref = of_user),
	'accounts', (SELECT COALESCE(jsonb_agg(to_jsonb(a) - 'number_sealed' ORDER BY a.connection_id, a.account_id), '[]')
		FROM banks b JOIN ob.accounts_all a ON a.connection_id = b.id),
	'transactions', (SELECT COALESCE(jsonb_agg(to_jsonb(t) - 'sync_attempt' ORDER BY t.connection_id, t.account_id, t.date, t.transaction_id), '[]')
		FROM banks b JOIN ob.transactions_all t ON t.connection_id = b.id),
	'quarantine', (SELECT COALESCE(jsonb_agg(to_jsonb(q) - 'digest' ORDER BY q.connection_id, q.id), '[]')
		FROM banks b JOIN ob.quarantine q ON q.connection_id = b.id),
	'links', (SELECT COALESCE(jsonb_agg(to_jsonb(l) - '{url_sealed,token_sealed,token_digest,server_version}'::text[] ORDER BY l.created_at), '[]')
		FROM ob.links l WHERE l.user_ref = of_user),
	'access_grants', (SELECT COALESCE(jsonb_agg(to_jsonb(g) ORDER BY g.actor, g.user_ref), '[]')
		FROM ob.access_grants g WHERE of_user IN (g.actor, g.user_ref)),
	'audit_log', (SELECT COALESCE(jsonb_agg(to_jsonb(l) || jsonb_build_object('user_ip', a.user_ip, 'client_addr', a.client_addr) ORDER BY l.id), '[]')
		FROM ob.audit_log l LEFT JOIN ob.audit_addresses a ON a.audit_id = l.id
		WHERE l.person IN (SELECT n.pseudonym FROM names n) OR l.acting_person IN (SELECT n.pseudonym FROM names n)))
$$;
COMMENT ON FUNCTION ob.person_data(pg_catalog.text) IS 'All that is kept about an end user, secrets apart.';

CREATE FUNCTION ob.forget_person(of_user pg_catalog.text) RETURNS pg_catalog.jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS
$$
DECLARE
	banks int8[] := ARRAY(SELECT c.id FROM ob.connections c WHERE c.user_ref = of_user);
	journeys text[] := ARRAY(SELECT l.link_id FROM ob.links l WHERE l.user_ref = of_user OR l.connection_id = ANY (banks));
	who jsonb := ob.acting();
	counts jsonb;
	accounts int8 := 0;
	transactions int8 := 0;
	bank int8;
	removed int8;
BEGIN
	PERFORM FROM ob.outcomes o WHERE o.link_id = ANY (journeys) AND o.kind = 'exchange' AND o.phase IN ('intent', 'answered');
	IF FOUND THEN
		RAISE EXCEPTION 'a bank is being linked for this end user' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'Try again when ob.link_status says how it ended.';
	END IF;
	SELECT count(*) INTO removed FROM ob.outcomes o
	WHERE o.link_id = ANY (journeys) AND o.phase = 'failed' AND o.sealed IS NOT NULL;
	IF removed > 0 THEN
		RAISE WARNING '% banks were linked at a provider and could not be stored here', removed
			USING HINT = 'Their tokens are forgotten with them; end them in the provider''s dashboard.';
	END IF;
	FOREACH bank IN ARRAY banks LOOP
		DELETE FROM ob.transactions_all t WHERE t.connection_id = bank;
		GET DIAGNOSTICS removed = ROW_COUNT;
		transactions := transactions + removed;
		DELETE FROM ob.accounts_all a WHERE a.connection_id = bank;
		GET DIAGNOSTICS removed = ROW_COUNT;
		accounts := accounts + removed;
		DELETE FROM ob.quarantine q WHERE q.connection_id = bank;
		DELETE FROM ob.sync_state s WHERE s.connection_id = bank;
		DELETE FROM ob.tokens k WHERE k.subject = 'connection:' || bank;
	END LOOP;
	DELETE FROM ob.outcomes o WHERE o.connection_id = ANY (banks) OR o.link_id = ANY (journeys)
		OR (o.result ->> 'connection_id')::int8 = ANY (banks);
	DELETE FROM ob.links l WHERE l.link_id = ANY (journeys);
	DELETE FROM ob.access_grants g WHERE of_user IN (g.actor, g.user_ref);
	DELETE FROM ob.connections c WHERE c.id = ANY (banks);
	DELETE FROM ob.audit_addresses a USING ob.audit_log l, ob.audit_persons p
	WHERE p.user_ref = of_user AND p.pseudonym IN (l.person, l.acting_person) AND a.audit_id = l.id;
	DELETE FROM ob.audit_persons p WHERE p.user_ref = of_user;
	counts := jsonb_build_object('connections', cardinality(banks), 'accounts', accounts, 'transactions', transactions,
		'links', cardinality(journeys));
	-- Who asks for his own end leaves no name behind by that.
	IF who ->> 'user_ref' = of_user THEN
		who := who - '{user_ref,client_addr}'::text[];
	END IF;
	PERFORM ob.record_audit('ERASED', details => counts, acting => who);
	RETURN counts;
END
$$;
COMMENT ON FUNCTION ob.forget_person(pg_catalog.text) IS 'Deletes all that is kept about an end user; of his lines in the audit log who he was and from where he came.';

-- Planner statistics would keep samples of what has been deleted.
ALTER TABLE ob.connections ALTER user_ref SET STATISTICS 0, ALTER provider_connection_id SET STATISTICS 0,
	ALTER consent_ip SET STATISTICS 0, ALTER annotations SET STATISTICS 0;
ALTER TABLE ob.sync_state ALTER cursor SET STATISTICS 0, ALTER loop_cursor SET STATISTICS 0;
ALTER TABLE ob.accounts_all ALTER account_id SET STATISTICS 0, ALTER account_ref SET STATISTICS 0,
	ALTER name SET STATISTICS 0, ALTER official_name SET STATISTICS 0, ALTER mask SET STATISTICS 0, ALTER iban SET STATISTICS 0,
	ALTER number_sealed SET STATISTICS 0, ALTER raw SET STATISTICS 0, ALTER annotations SET STATISTICS 0;
ALTER TABLE ob.transactions_all ALTER account_id SET STATISTICS 0, ALTER transaction_id SET STATISTICS 0,
	ALTER description SET STATISTICS 0, ALTER merchant_name SET STATISTICS 0, ALTER counterparty SET STATISTICS 0,
	ALTER reference SET STATISTICS 0, ALTER pending_transaction_id SET STATISTICS 0, ALTER raw SET STATISTICS 0,
	ALTER annotations SET STATISTICS 0;
ALTER TABLE ob.quarantine ALTER account_id SET STATISTICS 0, ALTER transaction_id SET STATISTICS 0,
	ALTER digest SET STATISTICS 0, ALTER raw SET STATISTICS 0;
ALTER TABLE ob.links ALTER link_id SET STATISTICS 0, ALTER user_ref SET STATISTICS 0, ALTER options SET STATISTICS 0,
	ALTER url_sealed SET STATISTICS 0, ALTER token_sealed SET STATISTICS 0, ALTER token_digest SET STATISTICS 0,
	ALTER sdk SET STATISTICS 0, ALTER user_ip SET STATISTICS 0;
ALTER TABLE ob.tokens ALTER sealed SET STATISTICS 0;
ALTER TABLE ob.outcomes ALTER link_id SET STATISTICS 0, ALTER grant_digest SET STATISTICS 0, ALTER sealed SET STATISTICS 0,
	ALTER request SET STATISTICS 0, ALTER result SET STATISTICS 0, ALTER failure SET STATISTICS 0;
ALTER TABLE ob.access_grants ALTER actor SET STATISTICS 0, ALTER user_ref SET STATISTICS 0;
ALTER TABLE ob.audit_persons ALTER user_ref SET STATISTICS 0;
ALTER TABLE ob.audit_addresses ALTER user_ip SET STATISTICS 0, ALTER client_addr SET STATISTICS 0;
-- Schedules with pg_cron. That is another extension, which may be missing or live in another database: nothing here
-- names its objects before it is called. SECURITY INVOKER: a job runs with the rights of whoever made it.

CREATE FUNCTION ob.cron_expression(every pg_catalog.interval, job pg_catalog.text) RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	minutes numeric := EXTRACT(epoch FROM every) / 60;
	-- Not all databases of the world at the same minute.
	spread int := abs(hashtext(current_database() || job || (SELECT c.system_identifier FROM pg_control_system() c)) % 360);
	minute int := spread % 60;
	hour int := spread / 60;
BEGIN
	IF every = '1 minute' THEN
		RETURN '* * * * *';
	ELSIF minutes IN (2, 3, 4, 5, 6, 10, 12, 15, 20, 30) THEN
		RETURN format('%s-59/%s * * * *', minute % minutes::int, minutes::int);
	ELSIF every = '1 hour' THEN
		RETURN format('%s * * * *', minute);
	ELSIF minutes / 60 IN (2, 3, 4, 6, 8, 12) THEN
		RETURN format('%s %s-23/%s * * *', minute, hour % (minutes / 60)::int, (minutes / 60)::int);
	ELSIF every = '1 day' THEN
		RETURN format('%s %s * * *', minute, hour);
	ELSIF every = '7 days' THEN
		RETURN format('%s %s * * %s', minute, hour, spread % 7);
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
		MESSAGE = format('pg_cron cannot run something every %s', every),
		HINT = 'Take 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 minutes, 1, 2, 3, 4, 6, 8 or 12 hours, 1 or 7 days, or 0 for never.';
END
$$;
COMMENT ON FUNCTION ob.cron_expression(pg_catalog.interval, pg_catalog.text) IS 'An interval as pg_cron wants it, at a minute that differs from database to database.';

CREATE FUNCTION ob.check_cron(jobs pg_catalog.jsonb) RETURNS pg_catalog.void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	home text;
BEGIN
	IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
		RETURN;
	END IF;
	BEGIN
		home := COALESCE(current_setting('cron.database_name', true), '');
	EXCEPTION WHEN insufficient_privilege THEN
		home := current_database(); -- as much as this role may know
	END;
	IF home = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'pg_cron is not loaded',
			HINT = format('Install it (Debian: postgresql-%s-cron), set shared_preload_libraries = ''pg_cron'' and cron.database_name = %L, restart the server, then CREATE EXTENSION pg_cron. Any other scheduler will do as well that runs CALL ob.sync_due().',
				current_setting('server_version_num')::int / 10000, current_database());
	ELSIF home <> current_database() THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('pg_cron keeps its jobs in database "%s"', home),
			HINT = COALESCE(E'Connect to that database and run there:\n' || (SELECT string_agg(format('SELECT cron.schedule_in_database(%L, %L, %L, %L);', 'openbanking ' || (j ->> 'job') || ' in ' || current_database(),
				j ->> 'schedule', j ->> 'command', current_database()), E'\n') FROM jsonb_array_elements(jobs) j),
				'Connect to that database: its table cron.job has them.');
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'pg_cron is not installed in this database',
		HINT = 'CREATE EXTENSION pg_cron;';
END
$$;
COMMENT ON FUNCTION ob.check_cron(pg_catalog.jsonb) IS 'Raises with advice if pg_cron cannot take jobs here.';

CREATE FUNCTION ob.schedule(sync pg_catalog.interval DEFAULT '5 minutes', check_consents pg_catalog.interval DEFAULT '1 day',
	purge pg_catalog.interval DEFAULT '1 day')
RETURNS TABLE (job pg_catalog.text, schedule pg_catalog.text, command pg_catalog.text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	wanted jsonb;
	refused text;
BEGIN
	SELECT jsonb_agg(jsonb_build_object('job', w.name, 'schedule', ob.cron_expression(w.every, w.name), 'command', 'CALL ' || w.call)),
		min(w.call) FILTER (WHERE NOT has_function_privilege(w.signature, 'EXECUTE'))
	INTO wanted, refused
	FROM (VALUES
		('sync', COALESCE(schedule.sync, '5 minutes'), 'ob.sync_due()', 'ob.sync_due(int4, int4, name, text, interval)'),
		('check_consents', COALESCE(schedule.check_consents, '1 day'), 'ob.check_consents()', 'ob.check_consents()'),
		('purge', COALESCE(schedule.purge, '1 day'), 'ob.purge()', 'ob.purge()')) w (name, every, call, signature)
	WHERE w.every <> '0';
	PERFORM ob.check_cron(COALESCE(wanted, '[]'));
	IF refused IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('role "%s" may not CALL %s', current_user, refused),
			HINT = 'A job runs with the rights of the role that schedules it: see ob.grant_admin; or leave the job out with 0.';
	END IF;
	PERFORM cron.unschedule(c.jobid) FROM cron.job c
	WHERE c.jobname ~ '^openbanking ' AND c.database = current_database() AND c.username = current_user
	AND NOT EXISTS (SELECT FROM jsonb_array_elements(wanted) j WHERE c.jobname = 'openbanking ' || (j ->> 'job'));
	FOR job, schedule, command IN SELECT j ->> 'job', j ->> 'schedule', j ->> 'command' FROM jsonb_array_elements(wanted) j LOOP
		PERFORM cron.schedule('openbanking ' || job, schedule, command);
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION ob.schedule(pg_catalog.interval, pg_catalog.interval, pg_catalog.interval) IS
'Has pg_cron sync what is due, check consents and purge, each at its interval; 0 for never, NULL for the default. Said again, the new intervals hold. Jobs run with the caller''s rights.';

CREATE FUNCTION ob.unschedule() RETURNS pg_catalog.int8
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
	ended int8;
BEGIN
	PERFORM ob.check_cron('[]');
	SELECT count(*) FILTER (WHERE cron.unschedule(c.jobid)) INTO ended FROM cron.job c
	WHERE c.jobname ~ '^openbanking ' AND c.database = current_database() AND c.username = current_user;
	RETURN ended;
END
$$;
COMMENT ON FUNCTION ob.unschedule() IS 'Ends the jobs that the caller has made with ob.schedule; says how many those were.';

CREATE FUNCTION ob.scheduled_jobs()
RETURNS TABLE (job pg_catalog.text, schedule pg_catalog.text, command pg_catalog.text, role pg_catalog.text, active pg_catalog.bool,
	last_start pg_catalog.timestamptz, last_end pg_catalog.timestamptz, last_status pg_catalog.text, last_message pg_catalog.text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
	PERFORM FROM pg_extension WHERE extname = 'pg_cron';
	IF NOT FOUND THEN
		RETURN;
	END IF;
	RETURN QUERY SELECT substr(c.jobname, 13), c.schedule, c.command, c.username, c.active,
		r.start_time, r.end_time, r.status, r.return_message
	FROM cron.job c
	LEFT JOIN LATERAL (SELECT * FROM cron.job_run_details d WHERE d.jobid = c.jobid ORDER BY d.runid DESC LIMIT 1) r ON true
	WHERE c.jobname ~ '^openbanking ' AND c.database = current_database();
END
$$;
COMMENT ON FUNCTION ob.scheduled_jobs() IS 'What the view ob.schedules shows.';

CREATE VIEW ob.schedules WITH (security_invoker = true) AS SELECT * FROM ob.scheduled_jobs();
COMMENT ON VIEW ob.schedules IS 'Jobs made with ob.schedule, and how they last went; of those that pg_cron lets you see.';
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
