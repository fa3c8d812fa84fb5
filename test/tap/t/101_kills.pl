# Processes killed in every way while they sync, link, rotate or disconnect, and servers that crash: nothing is lost,
# nothing doubled, no cursor is ahead of its rows, and one more sync makes the tables equal the banks.
# OB_KILLS=56 or OB_KILLS=1-1000 says which cases; each follows from its number.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Bank;
use OpenBanking::Kills;
use OpenBanking::Links;
use OpenBanking::Lives;
use OpenBanking::Oracle;
use OpenBanking::Session;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(sleep time);

my ($first, $last) = split /-/, $ENV{OB_KILLS} // '1-63';
$last //= $first;

my $url = start_sandbox();
my $node = new_node('main', $url, { fsync => 'off', log_statement => 'none', log_line_prefix => '%m [%p] %e ' });
set_up_plaid($node, $url);
set_up_oracle($node, $url);
links_at($node, $url);
kills_at($node);

# What is killed, and how. A crash point is reached by whoever carries the statement out.
my @syncs = ('sync', 'sync_now', 'full sync_now', 'sync_due', 'sync worker');
my @cases = (
	(map { my $what = $_; map { [ \&sync_case, $what, $_ ] } qw(TERM KILL unit_before_commit unit_after_commit) } @syncs[ 1 .. 4 ]),
	(map { [ \&sync_case, 'sync', $_ ] } qw(TERM KILL)),
	(map { [ \&sync_case, $_, 'immediate stop' ], [ \&sync_case, $_, 'dead postmaster' ] } @syncs),
	(map { my $what = $_; map { [ \&outcome_case, $what, $_ ] } 'TERM', 'KILL', 'immediate stop', "${what}_intent", "${what}_answered",
		"${what}_recorded" } 'exchange', 'rotate', 'remove'),
);

my ($case, $chance);
my %moments; # of random kills, by what was to be killed: how many met it at work, and how many did not

# ---- syncs ----

my $lives;

sub renew_lives
{
	control($url, 'reset', {});
	sql('TRUNCATE ob.connections, ob.sync_state, ob.accounts_all, ob.transactions_all, ob.quarantine, ob.tokens, ob.outcomes, ob.links, '
		. 'oracle.notes, oracle.seen');
	$lives = OpenBanking::Lives->new(node => $node, url => $url, seeds => [ map { $case * 10 + $_ } 1 .. 5 ]);
	foreach my $bank ($lives->banks)
	{
		$bank->proceed('initial');
		$bank->carry_out($bank->new_row) for 1 .. 15;
		$bank->proceed('historical') if $bank->one_in(2);
	}
	return;
}

# Cursor and rows of each connection.
sub positions
{
	my %found = map { my ($id, @rest) = split /\|/; $id => \@rest } split /\n/, sql(q{
		SELECT s.connection_id, md5(s.cursor || COALESCE(s.loop_cursor, '')), (SELECT md5(string_agg(
			ROW(t.transaction_id, t.amount, t.status, t.removed_at IS NULL, t.description)::text, ' ' ORDER BY t.account_id, t.transaction_id))
			FROM ob.transactions_all t WHERE t.connection_id = s.connection_id)
		FROM ob.sync_state s WHERE s.initial_sync_done AND s.history_complete});
	return \%found;
}

sub sync_statement
{
	my ($what, $bank) = @_;
	my $id = $bank->{connection};
	return { 'sync' => "SELECT ob.sync($id)", 'sync_now' => "CALL ob.sync_now($id)", 'full sync_now' => "CALL ob.sync_now($id, true)",
		'sync_due' => 'CALL ob.sync_due(parallel => 3)' }->{$what};
}

# Starts the sync worker; returns its pid. At a crash point it may be gone before anybody sees it, and $session with it.
sub start_worker
{
	my ($session, $point) = @_;
	my ($id) = map { $_->{connection} } $lives->banks;
	my $start = "SET openbanking.sync_on_event = on; SELECT ob.pause($id); SELECT ob.resume($id)";
	if ($point)
	{
		$session->begin($start);
		return crashed();
	}
	$session->value($start);
	my $pid;
	wait_until('a sync worker', sub {
		$pid = $session->value(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'openbanking sync worker'}) });
	return $pid;
}

sub worker_is_at_work { return sql("SELECT state = 'active' FROM pg_stat_activity WHERE pid = $_[0]") eq 't'; }

sub sync_case
{
	my ($what, $how) = @_;
	renew_lives() if !$lives || $chance->one_in(6);
	my $bank = $chance->pick($lives->banks);
	foreach my $changing ($lives->banks)
	{
		$changing->step for 1 .. 4 + $changing->below(8);
	}
	control($url, 'config', { largest_page => 2 + $chance->below(4) });
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => 4 + $chance->below(8) });
	$lives->make_due;
	my $before = positions();

	my $session = OpenBanking::Session->new($node);
	my $victim = $session->pid;
	my $point = $how =~ /^unit_/ ? "$how:" . (1 + $chance->below($what =~ /now/ ? 1 : 5)) : '';
	if ($what eq 'sync worker')
	{
		sql("ALTER DATABASE postgres SET openbanking.test_crash_point = '$point'") if $point;
		$victim = start_worker($session, $point);
	}
	else
	{
		$session->value("SET openbanking.test_crash_point = '$point'") if $point;
		$session->begin(sync_statement($what, $bank));
	}
	if (!$point)
	{
		sleep $chance->below(30) / 1000;
		my $working = $what eq 'sync worker' ? worker_is_at_work($victim) : !$session->ended;
		strike($how, $victim);
		$moments{$what}{ $working ? 'busy' : 'idle' }++;
	}
	elsif ($what ne 'sync worker')
	{
		ok($session->finish->{lost}, "$point was reached");
	}
	struck($how, $victim);
	sql('ALTER DATABASE postgres RESET openbanking.test_crash_point') if $point;
	$session->finish if $what ne 'sync worker';

	my $after = positions();
	is(join(' ', grep { $after->{$_}[1] ne $before->{$_}[1] && $after->{$_}[0] eq $before->{$_}[0] } sort keys %{$before}), '',
		'no rows without their cursor');
	# Whoever is told to end gives back what he has claimed; what was killed leaves it to run out.
	is(sql('SELECT count(*) FROM ob.sync_state WHERE claimed_until IS NOT NULL'), '0', 'nothing is claimed any more') if $how eq 'TERM';
	sql('UPDATE ob.sync_state SET claimed_until = now() WHERE claimed_until IS NOT NULL'); # ten minutes later
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => undef });
	$session = OpenBanking::Session->new($node);
	is(join("\n", %{ $lives->settle($session) }), '', 'synced again: the tables equal the banks');
	return;
}

# ---- what cannot be undone at the provider ----

# A new connection to a bank of its own: (connection, access token).
sub adopt
{
	my $item = control($url, 'plaid/items/create', {})->{items}[0];
	return (sql(qq{SELECT connection_id FROM ob.adopt_connection('plaid', 'case $case', '{"access_token": "$item->{access_token}"}')}), $item->{access_token});
}

my %endpoints = (exchange => '/item/public_token/exchange', rotate => '/item/access_token/invalidate', remove => '/item/remove');

sub outcome_case
{
	my ($what, $how) = @_;
	my $session = OpenBanking::Session->new($node);
	my ($link, $connection, $statement);
	if ($what eq 'exchange')
	{
		my ($id, $token) = link_with_token("case $case");
		$link = $id;
		$statement = complete_sql($id, $token);
	}
	else
	{
		($connection) = adopt();
		$statement = $what eq 'rotate' ? "SELECT ob.rotate_access_token($connection)" : "SELECT ob.disconnect($connection)";
	}
	my $before = sql('SELECT count(*) FROM ob.connections');
	my $point = $how =~ /_/;
	control($url, 'latency', { path => "/plaid$endpoints{$what}", ms => $point ? 25 : 400 });

	my $victim;
	# So that there is a worker to be killed.
	$session->value("SELECT ob.sandbox_link('plaid', 'first of $case')") and $before++ if !$point;
	($victim) = workers();
	$session->value("SET openbanking.test_crash_point = '$how'") if $point;
	my $called = calls($endpoints{$what});
	$session->begin($statement);
	if ($point)
	{
		$victim = crashed();
	}
	else
	{
		wait_until('the call', sub { calls($endpoints{$what}) > $called }) if $chance->one_in(2);
		sleep $chance->below(120) / 1000;
		$moments{$what}{ $session->ended ? 'idle' : 'busy' }++;
		strike($how, $victim);
	}
	struck($how, $victim);
	$session->finish;
	control($url, 'latency', { path => "/plaid$endpoints{$what}", ms => undef });

	sql($what eq 'exchange' ? "SELECT ob.link_status('$link')" : 'CALL ob.sync_due()');
	is_settled($what, $link, $connection, $before);
	return;
}

# Either it has happened on both sides or on neither; or the connection says that nobody knows the token any more.
sub is_settled
{
	my ($what, $link, $connection, $before) = @_;
	is(sql(q{SELECT count(*) FROM ob.outcomes WHERE phase IN ('intent', 'answered', 'recorded')}), '0', 'nothing is left open');
	if ($what eq 'exchange')
	{
		my ($state, $reason, $made) = split /\|/, link_state($link), -1;
		like("$state|$reason", qr/^(completed\||failed\|outcome_unknown|open\|)$/, "the link: $state $reason");
		is(sql('SELECT count(*) FROM ob.connections') - $before, $state eq 'completed' ? 1 : 0, 'as many connections as links');
		$connection = $made;
	}
	elsif ($what eq 'remove')
	{
		my $removed = control($url, 'dump', { item_id => item_of($connection) })->{plaid}{items}[0]{removed};
		is(state_of($connection) . tokens_of($connection), $removed ? 'disconnected0' : 'active1', 'both sides agree');
	}
	return if !$connection;
	my ($state, $reason) = split /\|/, sql("SELECT state, reauth_reason FROM ob.connections WHERE id = $connection"), -1;
	return if $state eq 'disconnected';
	return is($reason, 'outcome_unknown', 'the token is lost, and the connection says so') if $state eq 'reauth_required';
	sql("CALL ob.sync_now($connection)");
	is(our_rows($connection), bank_rows($connection), 'synced: the tables equal the bank');
	return;
}

foreach my $number ($first .. $last)
{
	my ($run, $what, $how) = @{ $cases[ ($number - 1) % @cases ] };
	$case = $number;
	$chance = bless { seed => $number, random => $number * 2654435761 % 2**32 }, 'OpenBanking::Bank';
	watch_log();
	subtest "case $number: $what, $how" => sub { $run->($what, $how) }
	  or diag("to repeat it: scripts/soak --kill $number");
}
my %all = (busy => 0, idle => 0);
foreach my $what (sort keys %moments)
{
	my ($busy, $idle) = map { $_ // 0 } @{ $moments{$what} }{qw(busy idle)};
	note("$what: killed at work $busy times of " . ($busy + $idle));
	$all{busy} += $busy;
	$all{idle} += $idle;
}
cmp_ok($all{busy}, '>=', $all{idle}, "most were at work: $all{busy} of " . ($all{busy} + $all{idle}));
unlike(slurp_file($node->logfile), qr/PANIC|TRAP| XX000 /, 'the log knows of nothing worse');

done_testing();
