# Random lives of many banks, synced in every way while they go on, in trouble of every kind: in the end the tables equal
# the banks, row for row. OB_SEEDS=201 or OB_SEEDS=1-10000 says which lives; scripts/soak --seed N repeats one.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Lives;
use OpenBanking::Oracle;
use Test::More;

my ($first, $last) = split /-/, $ENV{OB_SEEDS} // '1-200';
my $together = $ENV{OB_TOGETHER} // 200;
my $rounds = $ENV{OB_ROUNDS} // 6;
$last //= $first;

my $url = start_sandbox();
my $node = new_node('main', $url, { log_line_prefix => '%m [%p] %e ', fsync => 'off', log_statement => 'none', 'openbanking.max_parallel' => 48,
	max_worker_processes => 24 });
set_up_plaid($node, $url);
set_up_oracle($node, $url);

for (my $from = $first; $from <= $last; $from += $together)
{
	my $to = $from + $together - 1 < $last ? $from + $together - 1 : $last;
	my $lives = OpenBanking::Lives->new(node => $node, url => $url, seeds => [ $from .. $to ]);
	my @sessions = $lives->sessions(6);
	my %wrong;
	foreach my $round (1 .. $rounds)
	{
		$lives->proceed if $round > 1;
		$lives->live(9);
		$lives->sync_amid_changes(@sessions);
		next if $round % 3;
		my $found = $lives->settle($sessions[0]);
		$wrong{$_} .= "round $round:\n$found->{$_}" foreach keys %{$found};
	}
	foreach my $bank ($lives->banks)
	{
		is($wrong{ $bank->{connection} } // '', '', "seed $bank->{seed}")
		  or diag("seed $bank->{seed} went wrong; to repeat it: scripts/soak --seed $bank->{seed}");
	}
	$lives->make_due;
	like($sessions[0]->query('CALL ob.sync_due(parallel => 64)')->{err}, qr/ 0 failed\n.*0 added, 0 modified, 0 removed, 0 unchanged, 0 quarantined;/,
		"seeds $from to $to: another sync finds nothing new");
	$_->quit foreach @sessions;
	# They have had their time.
	control($url, 'reset', {});
	$node->safe_psql('postgres', 'TRUNCATE ob.connections, ob.sync_state, ob.accounts_all, ob.transactions_all, ob.quarantine, ob.tokens, oracle.notes, oracle.seen');
}

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal| XX000 /, 'the log knows of nothing worse');

done_testing();
