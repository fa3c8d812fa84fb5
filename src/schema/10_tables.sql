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
	repaired_at pg_catalog.timestamptz,
	authenticated_at pg_catalog.timestamptz,
	UNIQUE (server, provider_connection_id)
);
CREATE INDEX connections_user_ref_idx ON ob.connections (user_ref);
COMMENT ON TABLE ob.connections IS 'One row for each linked bank login. Its id never changes.';
COMMENT ON COLUMN ob.connections.provider_connection_id IS 'The provider''s id of the connection (Plaid: item_id).';
COMMENT ON COLUMN ob.connections.requires_reauth IS 'With state active: the consent or login will end soon; syncs go on.';
COMMENT ON COLUMN ob.connections.failing_since IS 'First failure in a row of transient trouble; the state stays as it is.';
COMMENT ON COLUMN ob.connections.bank_updated_at IS 'When the provider last read the bank successfully; a sync reads the provider''s copy.';
COMMENT ON COLUMN ob.connections.transactions_synced IS 'How many transactions ob.transactions shows.';
COMMENT ON COLUMN ob.connections.authenticated_at IS 'When the user was last at the bank for us: banks show old transactions only soon after.';
COMMENT ON COLUMN ob.connections.mapping_role IS 'The role whose user mapping linked it; sync and disconnect use that mapping, else PUBLIC''s.';
COMMENT ON COLUMN ob.connections.repaired_at IS 'When it was last known to have been mended, by the user or in the provider''s words: what was wrong before is over.';
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
	last_report pg_catalog.jsonb,
	health_read_at pg_catalog.timestamptz,
	loop_total pg_catalog.int8,
	news_at pg_catalog.timestamptz,
	loop_page_at pg_catalog.timestamptz,
	loop_time pg_catalog.interval
) WITH (fillfactor = 50);
CREATE INDEX sync_state_due_idx ON ob.sync_state (next_sync_at, connection_id) WHERE next_sync_at IS NOT NULL;
COMMENT ON TABLE ob.sync_state IS 'Where each connection''s sync stands. Only the extension writes it.';
COMMENT ON COLUMN ob.sync_state.cursor IS 'First cursor of the next loop; kept until that loop has ended.';
COMMENT ON COLUMN ob.sync_state.loop_cursor IS 'How far an unfinished first backfill has committed.';
COMMENT ON COLUMN ob.sync_state.sweep_owed IS 'All is to be read again, and what is gone removed: a full sync met an incomplete history, which comes first, or ob.retry_quarantine has asked for it where banks are read by days.';
COMMENT ON COLUMN ob.sync_state.next_sync_at IS 'When sync_due takes it next; NULL: never by itself.';
COMMENT ON COLUMN ob.sync_state.last_report IS 'What the last sync has told its caller, or how it failed.';
COMMENT ON COLUMN ob.sync_state.loop_started_at IS 'When the loop of a first backfill began that has not ended; loop_pages and loop_transactions say how far it has come.';
COMMENT ON COLUMN ob.sync_state.health_read_at IS 'When the provider was last asked how the connection is, by a call of its own.';
COMMENT ON COLUMN ob.sync_state.loop_total IS 'How many transactions that loop is expected to bring; NULL: unknown.';
COMMENT ON COLUMN ob.sync_state.news_at IS 'When the provider last said that there is something new: a sync that began before does not settle that.';
COMMENT ON COLUMN ob.sync_state.loop_page_at IS 'When the last page of that loop was stored.';
COMMENT ON COLUMN ob.sync_state.loop_time IS 'For how long that loop has been worked on; what lies between two pages counts a minute at most.';
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
-- A webhook may name an account and nothing else.
CREATE INDEX accounts_account_idx ON ob.accounts_all (account_id);
COMMENT ON TABLE ob.accounts_all IS 'Synced accounts, removed ones included. Negative balances are owed.';
COMMENT ON COLUMN ob.accounts_all.account_ref IS 'Ours; survives a change of the provider''s account_id.';
COMMENT ON COLUMN ob.accounts_all.sync_enabled IS 'False: its transactions are left as they are stored (ob.pause_account).';
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
	sync_attempt pg_catalog.int8 NOT NULL DEFAULT 0,
	PRIMARY KEY (connection_id, id),
	UNIQUE (connection_id, digest)
);
COMMENT ON TABLE ob.quarantine IS 'Transactions a bank delivered that cannot be stored: no id, no date, an amount beyond numeric.';
COMMENT ON COLUMN ob.quarantine.sync_attempt IS 'The attempt of a loop (ob.sync_state) that met it last.';
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
	updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	verifier_sealed pg_catalog.bytea
);
CREATE INDEX links_open_idx ON ob.links (server, user_ref) WHERE state = 'open';
CREATE INDEX links_token_idx ON ob.links (token_digest);
COMMENT ON TABLE ob.links IS 'Link journeys, from ob.link to ob.link_complete. Addresses and tokens are sealed.';
COMMENT ON COLUMN ob.links.error_code IS 'Of a relink: the connection''s error that it was made to mend.';
COMMENT ON COLUMN ob.links.verifier_sealed IS 'What the exchange has to prove (PKCE), until the link has ended.';
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
COMMENT ON COLUMN ob.tokens.renew_at IS 'When it is to be renewed (an access token) or used once more to stay good (a refresh token); NULL: it lasts.';
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
	failed_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (server, institution_id)
);
COMMENT ON TABLE ob.breakers IS 'Servers and banks for which syncs fail in a row; the next success takes the row away.';
COMMENT ON COLUMN ob.breakers.institution_id IS 'Empty: the whole server.';
COMMENT ON COLUMN ob.breakers.open_until IS 'Nothing is synced by itself until then; afterwards one connection at a time, until it is known how that fares.';
COMMENT ON COLUMN ob.breakers.failed_at IS 'The last failure. A day after it, and after open_until, the row means nothing any more.';

CREATE TABLE ob.budgets (
	server pg_catalog.name NOT NULL,
	connection_id pg_catalog.int8 NOT NULL,
	spent pg_catalog.jsonb NOT NULL DEFAULT '{}',
	updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (server, connection_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE ob.budgets IS 'Calls handed out under a provider''s rate limits; ob.budget_status shows them. Not dumped: a copy calls nobody at first.';
COMMENT ON COLUMN ob.budgets.connection_id IS '0: all calls through the server.';
COMMENT ON COLUMN ob.budgets.spent IS 'By class of calls: a second since 1970, how many calls were handed out from then on, and so on.';

CREATE TABLE ob.outcomes (
	id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	call_id pg_catalog.text COLLATE "C" NOT NULL UNIQUE,
	kind pg_catalog.text NOT NULL CHECK (kind IN ('exchange', 'remove', 'rotate', 'extend', 'failure')),
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

