# What our tables must hold of banks with random lives at the simulated TrueLayer, reckoned in SQL from its ledger. The
# ledgers change on all their days, so each sync is to read all of them: `overlap_days` of the server says so.
package OpenBanking::TrueLayerOracle;

use strict;
use warnings;

use Exporter 'import';
use HTTP::Tiny;
use OpenBanking;
use OpenBanking::TrueLayerBank;

our @EXPORT = qw(set_up_truelayer_oracle new_bank take_dump lacks differences);

my ($node, $url);

# On top of set_up_truelayer().
sub set_up_truelayer_oracle
{
	($node, $url) = @_;
	$node->safe_psql('postgres', q{
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
	return;
}

# A bank of that seed, linked: its `connection` is set.
sub new_bank
{
	my ($seed) = @_;
	my $bank = OpenBanking::TrueLayerBank->new(url => $url, seed => $seed);
	$bank->{connection} = $node->safe_psql('postgres', "SELECT connection_id FROM ob.adopt_connection('tl', 'user-$seed',
		'{\"access_token\": \"$bank->{token}\", \"refresh_token\": \"$bank->{refresh_token}\"}')");
	return $bank;
}

sub take_dump
{
	my ($bank) = @_;
	my $answer = HTTP::Tiny->new->post("$url/_control/dump",
		{ headers => { 'Content-Type' => 'application/json' }, content => qq{{"item_id": "$bank->{item}"}} });
	die "dump: $answer->{status}" unless $answer->{success};
	$node->safe_psql('postgres', "INSERT INTO dump VALUES ($bank->{connection}, \$dump\$$answer->{content}\$dump\$)
		ON CONFLICT (connection_id) DO UPDATE SET item = EXCLUDED.item");
	return;
}

# Rows of one relation that the other lacks, within the days that every bank shows.
sub lacks
{
	my ($bank, $one, $other) = @_;
	return $node->safe_psql('postgres', "SELECT * FROM $one WHERE connection_id = $bank->{connection}
		AND date >= (now() AT TIME ZONE 'UTC')::date - 88
		EXCEPT ALL SELECT * FROM $other WHERE connection_id = $bank->{connection} ORDER BY 1, 2, 3, 4, 5");
}

# How the tables differ from the bank as it is now; '' if they are right.
sub differences
{
	my ($bank) = @_;
	take_dump($bank);
	my $missing = lacks($bank, 'held', 'kept');
	# While a row is there that is too broken to tell which one it is, nothing is taken for gone.
	my $broken = $node->safe_psql('postgres', "SELECT count(*) FROM ob.quarantine WHERE connection_id = $bank->{connection}");
	my $more = $broken ? '' : lacks($bank, 'kept', 'held');
	return ($missing && "missing:\n$missing\n") . ($more && "too many:\n$more\n");
}

1;
