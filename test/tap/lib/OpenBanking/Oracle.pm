# What our tables must be, reckoned in SQL from the simulator's ledger, and how they differ from it.
package OpenBanking::Oracle;

use strict;
use warnings;

use Exporter 'import';
use HTTP::Tiny;

our @EXPORT = qw(set_up_oracle read_ledger differences note_sql);

# A row of the ledger in our columns. What has no amount or no day within bounds cannot be stored.
my $set_up = <<'END';
CREATE SCHEMA oracle;
CREATE UNLOGGED TABLE oracle.ledger (item_id text PRIMARY KEY, item jsonb);
CREATE TABLE oracle.notes (connection_id int8, transaction_id text, note jsonb, PRIMARY KEY (connection_id, transaction_id));
CREATE UNLOGGED TABLE oracle.seen (connection_id int8, account_id text, transaction_id text, PRIMARY KEY (connection_id, account_id, transaction_id));

CREATE VIEW oracle.live AS
SELECT c.id AS connection_id, t ->> 'account_id' AS account_id, t ->> 'transaction_id' AS transaction_id, t,
	COALESCE(jsonb_typeof(t -> 'amount') = 'number' AND abs((t ->> 'amount')::numeric) < 1e30
		AND t ->> 'date' ~ '^\d{4}-\d\d-\d\d$', false) AS storable
FROM ob.connections c JOIN oracle.ledger l ON l.item_id = c.provider_connection_id,
	jsonb_array_elements(l.item -> 'transactions') r, LATERAL (SELECT r -> 'transaction' AS t) x
WHERE r ->> 'state' = 'live';

CREATE VIEW oracle.expected AS
SELECT connection_id, account_id, transaction_id, ROW(
	CASE WHEN (t ->> 'pending')::bool THEN 'pending' ELSE 'posted' END, -(t ->> 'amount')::numeric,
	COALESCE(NULLIF(t ->> 'iso_currency_code', ''), NULLIF(t ->> 'unofficial_currency_code', '')), (t ->> 'date')::date,
	(t ->> 'authorized_date')::date, CASE WHEN substr(t ->> 'datetime', 12, 8) <> '00:00:00' THEN (t ->> 'datetime')::timestamptz END,
	COALESCE(NULLIF(t ->> 'original_description', ''), t ->> 'name'), NULLIF(t ->> 'merchant_name', ''), t -> 'counterparties' -> 0 ->> 'name',
	t -> 'personal_finance_category' ->> 'primary', t -> 'personal_finance_category' ->> 'detailed',
	COALESCE(t ->> 'transaction_code', t ->> 'payment_channel'), COALESCE(t ->> 'check_number', t -> 'payment_meta' ->> 'reference_number'),
	t ->> 'pending_transaction_id', CASE WHEN c.server = 'plaid_raw' THEN t END)::text AS content
FROM oracle.live JOIN ob.connections c ON c.id = connection_id WHERE storable;

CREATE VIEW oracle.ours AS
SELECT connection_id, account_id, transaction_id, ROW(t.status, amount, currency, date, authorized_date, booked_at, description,
	merchant_name, counterparty, category, category_detail, type, reference, pending_transaction_id, t.raw)::text AS content
FROM ob.transactions t;

CREATE VIEW oracle.expected_accounts AS
SELECT c.id AS connection_id, a ->> 'account_id' AS account_id, ROW(a ->> 'name', a ->> 'official_name',
	a ->> 'type', a ->> 'subtype', a ->> 'mask', COALESCE(a -> 'balances' ->> 'iso_currency_code', a -> 'balances' ->> 'unofficial_currency_code'),
	CASE WHEN a ->> 'type' IN ('credit', 'loan') THEN -1 ELSE 1 END * (a -> 'balances' ->> 'current')::numeric,
	(a -> 'balances' ->> 'available')::numeric)::text AS content
FROM ob.connections c JOIN oracle.ledger l ON l.item_id = c.provider_connection_id,
	jsonb_array_elements(l.item -> 'accounts') r, LATERAL (SELECT r -> 'account' AS a) x
WHERE NOT (r ->> 'closed')::bool AND (r ->> 'shared')::bool;

CREATE VIEW oracle.our_accounts AS
SELECT connection_id, account_id, ROW(name, official_name, provider_type, provider_subtype, mask, currency, balance_current,
	balance_available)::text AS content
FROM ob.accounts;

CREATE VIEW oracle.differences AS
SELECT connection_id, format('transaction %s/%s: bank %s, table %s', account_id, transaction_id, left(e.content, 250), left(o.content, 250)) AS difference
FROM oracle.expected e FULL JOIN oracle.ours o USING (connection_id, account_id, transaction_id)
WHERE e.content IS DISTINCT FROM o.content
	-- A row that cannot be stored any more stays as it was.
	AND NOT (e.content IS NULL AND EXISTS (SELECT FROM oracle.live u
		WHERE (u.connection_id, u.account_id, u.transaction_id) = (o.connection_id, o.account_id, o.transaction_id) AND NOT u.storable))
UNION ALL
SELECT connection_id, format('quarantine %s: bank %s, kept as %s', transaction_id, left(u.t::text, 250), q.reason)
FROM (SELECT * FROM oracle.live WHERE NOT storable) u FULL JOIN ob.quarantine q USING (connection_id, transaction_id)
WHERE u.t IS NULL OR q.reason IS NULL
UNION ALL
SELECT connection_id, format('account %s: bank %s, table %s', account_id, e.content, o.content)
FROM oracle.expected_accounts e FULL JOIN oracle.our_accounts o USING (connection_id, account_id)
WHERE e.content IS DISTINCT FROM o.content
UNION ALL
SELECT o.connection_id, format('annotations of %s: %s instead of %s', o.transaction_id, o.annotations, COALESCE(own.note, carried.note))
FROM ob.transactions_all o
LEFT JOIN oracle.notes own ON (own.connection_id, own.transaction_id) = (o.connection_id, o.transaction_id)
LEFT JOIN oracle.notes carried ON (carried.connection_id, carried.transaction_id) = (o.connection_id, o.pending_transaction_id)
WHERE o.annotations IS DISTINCT FROM COALESCE(own.note, carried.note)
UNION ALL
SELECT c.id, format('%s rows are said to be there, and %s are', c.transactions_synced, n)
FROM ob.connections c, LATERAL (SELECT count(*) AS n FROM ob.transactions t WHERE t.connection_id = c.id) x
WHERE c.transactions_synced <> n
UNION ALL
SELECT s.connection_id, format('a row is gone altogether: %s', s.transaction_id)
FROM oracle.seen s LEFT JOIN ob.transactions_all t USING (connection_id, account_id, transaction_id) WHERE t.transaction_id IS NULL
UNION ALL
SELECT s.connection_id, format('the sync has not ended: cursor %L, within a loop %L, claimed %L, owed %L, %s %s', s.cursor, s.loop_cursor,
	s.claimed_until, s.sweep_owed, c.state, c.last_sync_status)
FROM ob.sync_state s JOIN ob.connections c ON c.id = s.connection_id
WHERE s.cursor IS NULL OR s.loop_cursor IS NOT NULL OR s.claimed_until IS NOT NULL OR s.sweep_owed OR NOT s.history_complete
	OR c.state <> 'active' OR c.last_sync_status <> 'complete';
END

my ($node, $url);

# Servers `plaid` and `plaid_raw`, the latter keeping raw, and what is needed to compare.
sub set_up_oracle
{
	($node, $url) = @_;
	$node->safe_psql('postgres', $set_up);
	$node->safe_psql('postgres', qq{
		CREATE SERVER plaid_raw FOREIGN DATA WRAPPER openbanking
			OPTIONS (provider 'plaid', environment 'sandbox', api_url '$url/plaid', client_name 'Test', keep_raw 'on', limits 'off');
		CREATE USER MAPPING FOR PUBLIC SERVER plaid_raw OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
	});
	return;
}

# Takes over what the simulator knows.
sub read_ledger
{
	my $file = $node->basedir . '/ledger.json';
	my $answer = HTTP::Tiny->new(timeout => 60)->post("$url/_control/dump",
		{ headers => { 'Content-Type' => 'application/json' }, content => '{"transactions": true}' });
	die "dump: $answer->{status}" unless $answer->{success};
	PostgreSQL::Test::Utils::append_to_file("$file.new", $answer->{content});
	rename "$file.new", $file or die $!;
	$node->safe_psql('postgres', qq{
		TRUNCATE oracle.ledger;
		INSERT INTO oracle.ledger SELECT i -> 'item' ->> 'item_id', i
		FROM jsonb_array_elements((pg_read_file('$file')::jsonb) -> 'plaid' -> 'items') i;
		ANALYZE oracle.ledger;
	});
	return;
}

# By connection, what is not as the ledger read last says; what is there now must stay.
sub differences
{
	my $found = $node->safe_psql('postgres', q{
		SET jit = off;
		SELECT connection_id || '|' || replace(difference, E'\n', ' ') FROM oracle.differences ORDER BY connection_id;
		INSERT INTO oracle.seen SELECT connection_id, account_id, transaction_id FROM ob.transactions_all ON CONFLICT DO NOTHING;
	});
	my %by_connection;
	foreach (split /\n/, $found)
	{
		my ($connection, $text) = split /\|/, $_, 2;
		$by_connection{$connection} .= "$text\n";
	}
	return \%by_connection;
}

# A user notes something on a pending row, if that is stored and nobody is in the middle of reading its bank.
sub note_sql
{
	my ($connection, $transaction, $note) = @_;
	return qq{WITH noted AS (UPDATE ob.transactions_all t SET annotations = '{"note": "$note"}'
		WHERE connection_id = $connection AND transaction_id = '$transaction' AND status = 'pending' AND removed_at IS NULL
		AND EXISTS (SELECT FROM ob.sync_state s WHERE s.connection_id = $connection AND s.loop_cursor IS NULL)
		RETURNING connection_id, transaction_id, annotations)
		INSERT INTO oracle.notes SELECT * FROM noted ON CONFLICT (connection_id, transaction_id) DO UPDATE SET note = EXCLUDED.note};
}

1;
