# A procedure that waits for a bank holds neither snapshot nor transaction id: vacuum goes on. And what is due is read many
# at a time.
use strict;
use warnings;

use List::Util qw(max);
use OpenBanking;
use OpenBanking::Session;
use Test::More;
use Time::HiRes qw(sleep);

my $latency_ms = 200;
my $banks = 40;
my $parallel = 16;

my $url = start_sandbox();
my $node = new_node('main', $url, { autovacuum => 'off' });
set_up_plaid($node, $url);
my $first = link_bank($node, 'alice');
$node->safe_psql('postgres', "SELECT ob.sandbox_link('plaid', 'many') FROM generate_series(1, $banks)");
my $item = $node->safe_psql('postgres', "SELECT provider_connection_id FROM ob.connections WHERE id = $first");
my $observer = OpenBanking::Session->new($node);
my $session = OpenBanking::Session->new($node);

sub requests
{
	return control($url, 'requests')->{last};
}

# ---- snapshots ----

$node->safe_psql('postgres', 'CREATE TABLE public.noise (i int)');

sub holds_nothing_while_waiting
{
	my ($what, $call, $isolation) = @_;
	$observer->value('UPDATE ob.sync_state SET next_sync_at = now()');
	$session->value("SET default_transaction_isolation = '$isolation'");
	control($url, 'latency', { ms => 1000 });
	control($url, 'requests', { clear => JSON::PP::true });
	$node->safe_psql('postgres', 'INSERT INTO public.noise SELECT generate_series(1, 1000)');
	$session->begin($call);
	wait_until('a request', sub { scalar @{ requests() } });
	sleep 0.1;
	my $pid = $session->pid;
	my $activity = $observer->value("SELECT state, wait_event_type, backend_xmin IS NULL, backend_xid IS NULL "
		  . "FROM pg_stat_activity WHERE pid = $pid");
	is($activity, 'active|Extension|t|t', "$what: waits, and holds neither snapshot nor transaction id");
	is($observer->value("SELECT count(*) FROM pg_locks WHERE pid = $pid AND locktype NOT IN ('advisory', 'virtualxid')"),
		'0', "$what: nor a lock on any table");
	$observer->value('DELETE FROM public.noise');
	my $vacuum = $observer->query('VACUUM (VERBOSE) public.noise');
	like($vacuum->{err}, qr/1000 removed, 0 remain, 0 are dead but not yet removable/, "$what: what is deleted meanwhile is vacuumed away");
	ok(!$session->ended, "$what: was still waiting then");
	control($url, 'latency', { ms => 0 });
	my $result = $session->finish;
	is($result->{state}, 'none', "$what: goes through") or diag($result->{err});
	return;
}

foreach my $isolation ('read committed', 'repeatable read')
{
	holds_nothing_while_waiting("sync_due, $isolation", "CALL ob.sync_due(user_ref => 'alice')", $isolation);
	holds_nothing_while_waiting("sync_now, $isolation", "CALL ob.sync_now($first)", $isolation);
}
$session->value('RESET default_transaction_isolation');

# ---- many at a time ----

# When each request arrived, in ms, in order.
sub arrivals
{
	return sort { $a <=> $b } map { $_->{at} =~ /:(\d\d):([\d.]+)Z?$/ ? ($1 * 60 + $2) * 1000 : die $_->{at} } @_;
}

# The most requests under way at one moment, each from its arrival to its answer.
sub most_at_once
{
	my @moments = map { ([ $_, 1 ], [ $_ + $latency_ms, -1 ]) } @_;
	my ($now, $most) = (0, 0);
	foreach my $moment (sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] } @moments)
	{
		$now += $moment->[1];
		$most = max($most, $now);
	}
	return $most;
}

# How often somebody waited for an answer: arrivals that come together count once.
sub rounds
{
	my ($rounds, $begun) = (0, undef);
	foreach my $at (@_)
	{
		next if defined $begun && $at < $begun + $latency_ms;
		$begun = $at;
		$rounds++;
	}
	return $rounds;
}

sub read_all
{
	my ($parallel) = @_;
	$observer->value("UPDATE ob.sync_state SET next_sync_at = now(), cursor = NULL, initial_sync_done = false, history_complete = false");
	control($url, 'latency', { ms => $latency_ms });
	control($url, 'requests', { clear => JSON::PP::true });
	my $result = $session->query("CALL ob.sync_due(user_ref => 'many', parallel => $parallel)");
	like($result->{err}, qr/$banks connections: $banks complete/, "parallel $parallel: all are read") or diag($result->{err});
	control($url, 'latency', { ms => 0 });
	my @arrivals = arrivals(@{ requests() });
	is(scalar @arrivals, 3 * $banks, "parallel $parallel: three requests each, side by side");
	my ($most, $rounds) = (most_at_once(@arrivals), rounds(@arrivals));
	diag("$banks connections, $parallel at a time, $latency_ms ms latency: $most requests at once, $rounds rounds, $result->{ms} ms");
	return ($most, $rounds);
}

my ($most, $rounds) = read_all($parallel);
cmp_ok($most, '<=', 3 * $parallel, 'never more at once than allowed');
cmp_ok($most, '>', $parallel, 'as many at once as allowed');
cmp_ok($rounds, '<=', 5, 'about three rounds for forty banks');
($most, $rounds) = read_all(3);
cmp_ok($most, '<=', 9, 'three at a time, if so asked');
cmp_ok($most, '>', 3, 'and not one after another');

# ---- between the pages of a first backfill ----

{
	control($url, 'plaid/transactions/generate', { item_id => $item, count => 600, announce => JSON::PP::false });
	$observer->value("UPDATE ob.sync_state SET cursor = NULL, history_complete = false, initial_sync_done = false WHERE connection_id = $first");
	control($url, 'requests', { clear => JSON::PP::true });
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => 700 });
	$session->begin("CALL ob.sync_now($first)");
	wait_until('the second page', sub { 2 == grep { $_->{path} =~ /sync$/ } @{ requests() } });
	sleep 0.1;
	my $activity = $observer->value('SELECT backend_xmin IS NULL, backend_xid IS NULL FROM pg_stat_activity WHERE pid = ' . $session->pid);
	is($activity, 't|t', 'between pages it holds nothing either');
	is($observer->value("SELECT loop_cursor IS NOT NULL FROM ob.sync_state WHERE connection_id = $first"),
		't', 'and what has come is committed');
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => undef });
	$session->finish;
}

done_testing();
