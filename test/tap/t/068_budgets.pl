# Rate limits kept on our side, over all backends: whoever calls, in whatever transaction, is counted before his call, and
# no minute ever holds more calls than the limit says.
use strict;
use warnings;

use List::Util qw(max);
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;
use Time::Local qw(timegm);

my $url = start_sandbox();
my $node = new_node('main', $url, { max_worker_processes => 24, max_connections => 60,
		wal_level => 'replica', max_wal_senders => 3 });
set_up_plaid($node, $url, undef, 'accounts=50');
links_at($node, $url);

my $start = timegm(0, 0, 12, 1, 2, 2026);

# The test clock after so many seconds.
sub clock_text
{
	my ($second, $minute, $hour, $day, $month, $year) = gmtime($start + $_[0]);
	return sprintf('%04d-%02d-%02dT%02d:%02d:%02dZ', $year + 1900, $month + 1, $day, $hour, $minute, $second);
}

sub set_clock
{
	my ($seconds, @sessions) = @_;
	control($url, 'clock', { set => clock_text($seconds), frozen => JSON::PP::true });
	$_->value("SET openbanking.test_clock = '" . clock_text($seconds) . "'") foreach @sessions;
	return;
}

sub limits
{
	my ($limits) = @_;
	sql("ALTER SERVER plaid OPTIONS (SET limits '$limits')");
	sql('DELETE FROM ob.budgets');
	control($url, 'requests', { clear => JSON::PP::true });
	return;
}

# What has arrived of an endpoint: seconds of the test clock.
sub arrivals
{
	my ($endpoint) = @_;
	my @times;
	foreach my $call (grep { $_->{path} eq "/plaid$endpoint" } @{ control($url, 'requests')->{last} })
	{
		my ($year, $month, $day, $hour, $minute, $second) = $call->{at} =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/;
		push @times, timegm($second, $minute, $hour, $day, $month - 1, $year) - $start;
	}
	@times = sort { $a <=> $b } @times;
	return @times;
}

# The most calls that any 60 seconds hold.
sub most_in_a_minute
{
	my @times = @_;
	my $most = 0;
	foreach my $end (@times)
	{
		$most = max($most, scalar grep { $_ > $end - 60 && $_ <= $end } @times);
	}
	return $most;
}

sub refusals { return scalar grep { $_->{status} == 429 } @{ control($url, 'requests')->{last} }; }

# allowed|used|whether there is one
sub budget
{
	my ($class, $connection, $session) = @_;
	my $which = defined $connection ? "= $connection" : 'IS NULL';
	my $query = "SELECT allowed, used, free_at IS NULL FROM ob.budget_status WHERE class = '$class' AND connection_id $which";
	return $session ? $session->value($query) : sql($query);
}

my $connection = link_bank($node, 'alice');
my $scan = "SELECT count(*) FROM live.ob_accounts WHERE connection_id = $connection";
control($url, 'config', { limits => JSON::PP::true });
control($url, 'plaid/limits/set', { path => '/accounts/get', per_item => 50, per_client => 0 });

subtest 'thirty-two backends, fifty calls a minute' => sub {
	limits('accounts=50');
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 32;
	my $open = OpenBanking::Session->new($node);
	set_clock(0, $open);
	is($open->value("BEGIN; $scan"), 3, 'one has called, and keeps its transaction open');

	# Of no rhythm with the slots of three seconds: what was taken in one is used in the next as well.
	my ($seconds, @steps) = (240, 1, 2, 2, 1, 3);
	my @ways = ($scan, "BEGIN READ ONLY; $scan; COMMIT", "BEGIN; $scan; ROLLBACK",
		"SELECT FROM ob.request('plaid', 'POST', '/accounts/get', connection => $connection)");
	my %states;
	my $now = 0;
	for (my $round = 0; $now < $seconds; $now += $steps[ $round++ % @steps ])
	{
		control($url, 'clock', { set => clock_text($now), frozen => JSON::PP::true });
		my $prefix = "SET openbanking.test_clock = '" . clock_text($now) . "'; SET statement_timeout = '1s'";
		$sessions[$_]->begin("ROLLBACK; $prefix; $ways[$_ % @ways]") foreach 0 .. $#sessions;
		$states{ $_->finish->{state} }++ foreach @sessions;
	}
	note(join ', ', map { "$_: $states{$_}" } sort keys %states);
	my @times = arrivals('/accounts/get');
	my $most = most_in_a_minute(@times);
	note(@times . " calls, $most in a minute at most");
	cmp_ok($most, '<=', 50, 'no minute has more');
	cmp_ok($most, '>', 40, 'nor much less');
	cmp_ok(scalar @times, '>=', 0.75 * 50 * $seconds / 60, 'most of what is allowed is used');
	is(refusals(), 0, 'the provider has had nothing to refuse');
	cmp_ok($states{OB007}, '>', 0, 'who came too late was told so');
	is(join(' ', grep { !/^(none|OB007|57014)$/ } sort keys %states), '', 'and nothing else went wrong');
	is($open->value('SELECT count(*) > 0 FROM ob.connections'), 't', 'the open transaction is there still');
};

subtest 'whoever calls is counted' => sub {
	limits('accounts=4');
	my ($one, $two) = map { OpenBanking::Session->new($node) } 1 .. 2;
	set_clock(1000, $one, $two);
	$one->value("BEGIN READ ONLY; $scan; COMMIT");
	is(budget('accounts', $connection, $two), '4|1|t', 'one that may only read');
	$one->value("BEGIN; $scan; ROLLBACK");
	is(budget('accounts', $connection, $two), '4|2|t', 'one that rolls back');
	$one->value("BEGIN ISOLATION LEVEL SERIALIZABLE; $scan");
	is(budget('accounts', $connection, $two), '4|3|t', 'one that is not done yet');
	is($two->value($scan), 3, 'who holds up nobody');
	is(budget('accounts', $connection, $two), '4|4|f', 'that was the last one');
	$one->value('ROLLBACK');
	my $late = $two->query($scan);
	is($late->{state}, 'OB007', 'another one is refused');
	like($late->{err}, qr/the budget of calls to plaid is used up/, 'in words of our own');
	like($late->{err}, qr{DETAIL:  .*endpoint /accounts/get, budget accounts of connection $connection: 4 calls in 60 s, no call was made}, 'with the facts');
	like($late->{err}, qr/HINT:  Try again after 2026-03-01T12:17:\d\dZ/, 'and when it is worth while');
	is(scalar(arrivals('/accounts/get')), 4, 'no call was made');
	set_clock(1000 + 72, $one, $two);
	is($two->value($scan), 3, 'after that time there are calls again');

	limits('accounts=off/2');
	set_clock(2000, $one, $two);
	$one->value($scan) foreach 1 .. 2;
	is($one->query($scan)->{state}, 'OB007', 'all connections together have a budget, too');
	is(budget('accounts', undef, $two), '2|2|f', 'which is shown');
	is($two->value(q{SELECT limited_until IS NOT NULL FROM ob.server_status}), 't', 'also with the server');
	limits('off');
	is($one->value($scan), 3, 'without limits nobody counts');
	is(sql('SELECT count(*) FROM ob.budgets') . sql('SELECT count(*) FROM ob.budget_status'), '00', 'nor is there anything to show');
};

subtest 'syncs' => sub {
	my @connections = map { link_bank($node, "user $_") } 1 .. 30;
	control($url, 'plaid/limits/set', { path => '/transactions/sync', per_item => 50, per_client => 20 });
	limits('transactions_sync=50/20');
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 2;
	set_clock(3000, @sessions);
	$_->begin("SET statement_timeout = '20s'; CALL ob.sync_due(parallel => 4)") foreach @sessions;
	is($_->finish->{state}, 'none', 'both have read what they could') foreach @sessions;
	my @times = arrivals('/transactions/sync');
	note(scalar(@times) . ' calls');
	cmp_ok(scalar @times, '<=', 20, 'no more than allowed');
	cmp_ok(scalar @times, '>=', 15, 'nor much less');
	is(refusals(), 0, 'the provider has had nothing to refuse');
	is(sql("SELECT count(*) FROM ob.connections WHERE last_sync_status IN ('complete', 'waiting')"), scalar @times, 'as many are synced');
	is(sql("SELECT count(*) FROM ob.connections WHERE last_sync_status = 'deferred' AND state = 'active' AND error_code IS NULL"),
		31 - @times, 'the others wait, and that is no failure');
	my $shown = sub { sql("SELECT DISTINCT badge, what_to_do FROM ob.connection_status WHERE last_sync_status = 'deferred' AND last_sync_at IS $_[0]") };
	sql('UPDATE ob.sync_state SET next_sync_at = now()'); # by the real clock, as what is shown
	is($shown->('NULL'), 'Linked|Waiting for the first sync.', 'which is what their users are told');
	sql(q{UPDATE ob.connections SET created_at = created_at - interval '25 hours'});
	is($shown->('NULL'), 'Error|Waiting for the first sync.', 'for a day');
	sql(q{UPDATE ob.connections SET created_at = created_at + interval '25 hours'});

	# Each connection's own, taken for many at once: as they are first met, after a while, and right after a call.
	limits('transactions_sync=50/off, accounts=1/off, item=40/off');
	control($url, 'plaid/limits/set', { path => '/transactions/sync', per_item => 50, per_client => 0 });
	control($url, 'plaid/limits/set', { path => '/accounts/get', per_item => 1, per_client => 0 });
	my $used = q{SELECT class, count(*), min(used), max(used) FROM ob.budget_status WHERE connection_id IS NOT NULL GROUP BY 1 ORDER BY 1};
	my $all_due = 'UPDATE ob.sync_state SET next_sync_at = now()';
	foreach my $time (3500, 4000)
	{
		set_clock($time, @sessions);
		sql($all_due);
		like($sessions[0]->query('CALL ob.sync_due()')->{err}, qr/31 connections: 31 complete/, 'all are synced');
		is($sessions[0]->value($used), "accounts|31|1|1\nitem|31|1|1\ntransactions_sync|31|1|1", 'each has made one call of each kind');
	}
	set_clock(4500, @sessions);
	$sessions[1]->value($scan);
	sql($all_due);
	like($sessions[0]->query('CALL ob.sync_due()')->{err}, qr/30 complete, 0 waiting, 1 deferred/, 'one that was just called waits');
	sql($all_due);
	like($shown->('NOT NULL'), qr/^Linked\|The provider limits the number of calls\. Your data are from 20/, 'and says from when it is');
	sql(q{UPDATE ob.connections SET last_sync_at = last_sync_at - interval '25 hours'});
	like($shown->('NOT NULL'), qr/^Error\|The provider limits/, 'for a day');
	is(refusals(), 0, 'the provider has had nothing to refuse');
	control($url, 'plaid/limits/set', { path => '/accounts/get', per_item => 50, per_client => 0 });
};

subtest 'a database that is in the way' => sub {
	limits('accounts=10');
	my ($one, $two) = map { OpenBanking::Session->new($node) } 1 .. 2;
	set_clock(5000, $one, $two);
	$one->value($scan);
	my $before = arrivals('/accounts/get');
	$two->value('BEGIN; SELECT count(*) FROM (SELECT FROM ob.budgets FOR UPDATE) locked');
	$one->value("SET openbanking.test_clock = '" . clock_text(5010) . "'"); # what it has in hand is over
	my $uncounted = $one->query($scan);
	is($uncounted->{state}, '53400', 'who cannot be counted makes no call');
	like($uncounted->{err}, qr/a call could not be counted, so it was not made\nDETAIL:  server: plaid, SQLSTATE 55P03/, 'and is told why');
	is(scalar(arrivals('/accounts/get')), $before, 'indeed not');
	$two->value('ROLLBACK');
	is($one->value($scan), 3, 'afterwards it goes on');
};

subtest 'what goes and what stays' => sub {
	limits('accounts=10');
	my $session = OpenBanking::Session->new($node);
	set_clock(6000, $session);
	$session->value($scan) foreach 1 .. 3;
	my $other = link_bank($node, 'bob');
	$session->value("SELECT count(*) FROM live.ob_accounts WHERE connection_id = $other");
	sql("SELECT ob.disconnect($other)");
	wait_until('the end of the connection', sub { state_of($other) eq 'disconnected' });
	is(sql("SELECT count(*) FROM ob.budgets WHERE connection_id = $other"), 0, 'that of a connection that has ended is forgotten');
	my $used = budget('accounts', $connection, $session);
	kill 'KILL', $session->pid;
	wait_for_restart($node);
	my $next = OpenBanking::Session->new($node);
	set_clock(6000, $next);
	is(budget('accounts', $connection, $next), $used, 'what was handed out to one that was killed stays so');
	my ($taken) = $used =~ /^10\|(\d+)/;
	my $more = 0;
	$more++ while $next->query("SET statement_timeout = '1s'; $scan")->{state} eq 'none';
	is($taken + $more, 10, 'the rest of it and no more is there');
	sql("UPDATE ob.budgets SET updated_at = now() - interval '3 days'; CALL ob.purge()");
	is(sql('SELECT count(*) FROM ob.budgets'), 0, 'old ones are purged');
};

subtest 'the sync worker' => sub {
	sql('ALTER SERVER plaid OPTIONS (DROP limits)');
	control($url, 'clock', { real => JSON::PP::true });
	my $session = OpenBanking::Session->new($node);
	$session->value('SET openbanking.sync_on_event = on');
	my $id = $session->value("SELECT connection_id FROM ob.sandbox_link('plaid', 'carol')");
	wait_until('its rows', sub { sql("SELECT count(*) > 0 FROM ob.transactions WHERE connection_id = $id") eq 't' });
	cmp_ok(sql("SELECT used FROM ob.budget_status WHERE class = 'transactions_sync' AND connection_id = $id"), '>', 0, 'counts its calls too');
	like(sql("SELECT allowed FROM ob.budget_status WHERE class = 'transactions_sync' ORDER BY 1"), qr/^50\n(50\n)*1000$/, 'by what is published, unless told otherwise');
	sql("ALTER SERVER plaid OPTIONS (ADD limits 'off')");
};

subtest 'a standby' => sub {
	limits('accounts=10');
	$node->backup('copy');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	my $before = arrivals('/accounts/get');
	my ($state, $err) = sqlstate_of($standby, $scan);
	is($state, '55000', 'cannot count calls, and makes none');
	like($err, qr/ask the primary/i, 'it says what to do');
	is(scalar(arrivals('/accounts/get')), $before, 'indeed not');
	sql(q{ALTER SERVER plaid OPTIONS (SET limits 'off')});
	$node->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', $scan), 3, 'without limits it reads');
	$standby->stop;
};

done_testing();
