# Random lives at the simulated TrueLayer, synced while they go on and through faults: in the end the tables hold what the ledgers do, row for
# row, and live tables show the same.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::TrueLayer;
use OpenBanking::TrueLayerOracle;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_truelayer($node, $url, { overlap_days => 88 });
set_up_truelayer_oracle($node, $url);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA ob FROM SERVER tl INTO live');

my %suspect = (t => 0, f => 0);
foreach my $seed (1 .. $ENV{OB_SEEDS} // 12)
{
	my $bank = new_bank($seed);
	my $connection = $bank->{connection};
	my $wrong = '';
	foreach my $round (1 .. 5)
	{
		$bank->step for 1 .. 1 + $bank->below(12);
		$bank->spoil if $bank->one_in(3);
		$bank->disturb if $bank->one_in(5);
		my $tries = 0;
		my $err;
		do { (undef, undef, $err) = $node->psql('postgres', "CALL ob.sync_now($connection)"); }
		while ($err !~ /: complete, / && ++$tries < 8);
		my $found = differences($bank);
		$wrong .= "round $round, after $tries tries: $err\n$found" if $found || $err !~ /: complete, /;
	}
	is($wrong, '', "seed $seed");
	sql("CREATE OR REPLACE VIEW shown AS SELECT connection_id, account_id, status, date, amount, currency, description
		FROM live.ob_transactions WHERE connection_id = $connection");
	is(lacks($bank, 'held', 'shown') . lacks($bank, 'shown', 'held'), '', "seed $seed, live")
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
	$suspect{$_}++ foreach split /\n/, sql("SELECT sign_suspect FROM ob.accounts WHERE connection_id = $connection");
}
cmp_ok($suspect{$_}, '>', 0, "sign_suspect is $_ of some accounts") foreach 't', 'f';

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal| XX000 /, 'the log knows of nothing worse');

done_testing();
