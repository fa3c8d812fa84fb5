# Random lives at the simulated TrueLayer, synced while they go on and through faults: in the end the tables hold what the ledgers do, row for
# row, and live tables show the same. The ledgers change on all their days, so each sync reads all of them.
use strict;
use warnings;

use HTTP::Tiny;
use OpenBanking;
use OpenBanking::TrueLayerBank;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
$node->safe_psql('postgres', qq{
	CREATE SERVER truelayer FOREIGN DATA WRAPPER openbanking
		OPTIONS (provider 'truelayer', environment 'sandbox', api_url '$url/truelayer/api', auth_url '$url/truelayer/auth',
			redirect_uri 'http://127.0.0.1:9/back', scopes 'accounts cards balance transactions offline_access', limits 'off', unattended_per_day '0', overlap_days '88');
	CREATE USER MAPPING FOR PUBLIC SERVER truelayer OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
	CREATE SCHEMA live;
	IMPORT FOREIGN SCHEMA ob FROM SERVER truelayer INTO live;
	CREATE TABLE dump (connection_id int8 PRIMARY KEY, item jsonb NOT NULL);
	-- As a bank's rows are to be here. What lacks its amount or its day, or has an amount that no table holds, is in quarantine.
	CREATE VIEW held AS
		SELECT d.connection_id, t ->> 'account_id' AS account_id,
			CASE WHEN (t ->> 'pending')::bool THEN 'pending' ELSE 'posted' END AS status,
			left(t #>> '{transaction,timestamp}', 10)::date AS date,
			CASE t #>> '{transaction,transaction_type}' WHEN 'DEBIT' THEN -abs(a.amount) WHEN 'CREDIT' THEN abs(a.amount) END AS amount,
			t #>> '{transaction,currency}' AS currency, t #>> '{transaction,description}' AS description
		FROM dump d CROSS JOIN LATERAL jsonb_array_elements(d.item #> '{truelayer,items,0,transactions}') t
		CROSS JOIN LATERAL (SELECT (t #>> '{transaction,amount}')::numeric AS amount) a
		WHERE t ->> 'state' = 'live' AND abs(a.amount) < 1e30 AND t #>> '{transaction,timestamp}' IS NOT NULL;
	CREATE VIEW kept AS
		SELECT connection_id, account_id, status, date, amount, currency, description FROM ob.transactions;
});

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub take_dump
{
	my ($bank, $connection) = @_;
	my $answer = HTTP::Tiny->new->post("$url/_control/dump",
		{ headers => { 'Content-Type' => 'application/json' }, content => qq{{"item_id": "$bank->{item}"}} });
	die "dump: $answer->{status}" unless $answer->{success};
	return sql("INSERT INTO dump VALUES ($connection, \$dump\$$answer->{content}\$dump\$)
		ON CONFLICT (connection_id) DO UPDATE SET item = EXCLUDED.item");
}

# Rows of one relation that the other lacks, within the days that every bank shows.
sub lacks
{
	my ($connection, $one, $other) = @_;
	return sql("SELECT * FROM $one WHERE connection_id = $connection AND date >= (now() AT TIME ZONE 'UTC')::date - 88
		EXCEPT ALL SELECT * FROM $other WHERE connection_id = $connection ORDER BY 1, 2, 3, 4, 5");
}

foreach my $seed (1 .. $ENV{OB_SEEDS} // 12)
{
	my $bank = OpenBanking::TrueLayerBank->new(url => $url, seed => $seed);
	my $connection = sql("SELECT connection_id FROM ob.adopt_connection('truelayer', 'user-$seed',
		'{\"access_token\": \"$bank->{token}\", \"refresh_token\": \"$bank->{refresh_token}\"}')");
	my $wrong = '';
	foreach my $round (1 .. 5)
	{
		$bank->step for 1 .. 1 + $bank->below(12);
		my $spoilt = $bank->one_in(3);
		$bank->spoil if $spoilt;
		my $tries = 0;
		my $err;
		do { (undef, undef, $err) = $node->psql('postgres', "CALL ob.sync_now($connection)"); }
		while ($err !~ /: complete, / && ++$tries < 8);
		take_dump($bank, $connection);
		my $missing = lacks($connection, 'held', 'kept');
		# While a row is there that is too broken to tell which one it is, nothing is taken for gone.
		my $broken = sql("SELECT count(*) FROM ob.quarantine WHERE connection_id = $connection");
		my $more = $broken ? '' : lacks($connection, 'kept', 'held');
		$wrong .= "round $round, after $tries tries: $err\nmissing:\n$missing\ntoo many:\n$more\n" if $missing || $more || $err !~ /: complete, /;
	}
	is($wrong, '', "seed $seed");
	sql("CREATE OR REPLACE VIEW shown AS SELECT connection_id, account_id, status, date, amount, currency, description
		FROM live.ob_transactions WHERE connection_id = $connection");
	is(lacks($connection, 'held', 'shown') . lacks($connection, 'shown', 'held'), '', "seed $seed, live")
	  unless sql("SELECT count(*) FROM ob.quarantine WHERE connection_id = $connection");
	is(sql("SELECT string_agg(account_id || ' ' || COALESCE(trim_scale(balance_current)::text, ''), ',' ORDER BY account_id)
			FROM ob.accounts WHERE connection_id = $connection"),
		sql("SELECT string_agg((a #>> '{account,account_id}') || ' ' ||
				COALESCE(trim_scale(CASE WHEN (a ->> 'card')::bool THEN -1 ELSE 1 END * (a #>> '{balance,current}')::numeric)::text, ''),
				',' ORDER BY a #>> '{account,account_id}')
			FROM dump d, jsonb_array_elements(d.item #> '{truelayer,items,0,accounts}') a WHERE d.connection_id = $connection"),
		"seed $seed, accounts");
	my (undef, undef, $again) = $node->psql('postgres', "CALL ob.sync_now($connection)");
	like($again, qr/: complete, 0 added, 0 modified, 0 removed, /, "seed $seed: another sync finds nothing new");
}

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal| XX000 /, 'the log knows of nothing worse');

done_testing();
