# Crashes and shutdowns at the worst moments: what was begun at the provider is found out afterwards, nothing is lost or
# done twice. And several sessions at once: each bank is asked once.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;
use Time::HiRes qw(sleep time);

my $exchange = '/item/public_token/exchange';
my $remove = '/item/remove';
my $sync = '/transactions/sync';

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

# Its only worker is left alone from here on, until the end of this file.
my $quiet = new_node('quiet', $url);
set_up_plaid($quiet, $url);
my $idler = OpenBanking::Session->new($quiet);
$idler->value("SELECT ob.sandbox_link('plaid', 'idler')");
my $idle_since = time;

# How often the bank was asked for changes of a connection.
sub syncs_of
{
	my ($connection) = @_;
	return control($url, 'requests')->{by_item}{ item_of($connection) }{"/plaid$sync"} // 0;
}

sub latency
{
	my ($endpoint, $ms) = @_;
	control($url, 'latency', { path => "/plaid$endpoint", ms => $ms });
	return;
}

# Runs a statement with a crash point at which the process that reaches it is killed, and with it the server.
sub crash
{
	my ($point, $sql) = @_;
	my $offset = -s $node->logfile;
	my $session = OpenBanking::Session->new($node);
	$session->value("SET openbanking.test_crash_point = '$point'");
	my $result = $session->query($sql);
	ok($result->{lost}, "$point: the session is lost");
	$node->wait_for_log(qr/was terminated by signal 9/, $offset);
	wait_for_restart();
	return;
}

sub is_same_as_bank
{
	my ($connection, $name) = @_;
	my $ours = our_rows($connection);
	isnt($ours, '', "$name: there are rows");
	is($ours, bank_rows($connection), "$name: exactly the bank's rows");
	return;
}

# ---- the server crashes ----

foreach my $way ('link_status', 'sync_due', 'link_complete')
{
	subtest "killed before the exchange, resolved by $way" => sub {
		my ($link, $token) = link_with_token("before, $way");
		my $before = calls($exchange);
		crash('exchange_intent', complete_sql($link, $token));
		is(calls($exchange) - $before, 0, 'the provider has heard nothing');
		is(phase_of($link), 'intent', 'the intent is there');
		sql($way eq 'link_status' ? "SELECT ob.link_status('$link')"
			  : $way eq 'sync_due' ? 'CALL ob.sync_due()'
			  : complete_sql($link, $token));
		like(link_state($link), qr/^completed\|\|\d+$/, 'the sealed token was exchanged');
		is(calls($exchange) - $before, 1, 'by one call');
		my ($connection) = link_state($link) =~ /(\d+)$/;
		is(state_of($connection), 'active', 'the connection is active');
		sql("SELECT ob.sync($connection)");
		is_same_as_bank($connection, 'synced');
	};
}

subtest 'killed before the exchange, then refused for what the operator has to mend' => sub {
	my ($link, $token) = link_with_token('not enabled');
	crash('exchange_intent', complete_sql($link, $token));
	control($url, 'faults', { kind => 'error', code => 'UNAUTHORIZED_ROUTE_ACCESS', path => "/plaid$exchange", count => 0 });
	sql("SELECT ob.link_status('$link')");
	is(phase_of($link), 'intent', 'the token is kept');
	control($url, 'faults', { clear => JSON::PP::true });
	sql("SELECT ob.link_status('$link')");
	like(link_state($link), qr/^completed\|\|\d+$/, 'and exchanged once that is done');
};

subtest 'killed with the answer in hand' => sub {
	my ($link, $token) = link_with_token('answered');
	my $before = calls($exchange);
	my $connections = sql('SELECT count(*) FROM ob.connections');
	crash('exchange_answered', complete_sql($link, $token));
	is(calls($exchange) - $before, 1, 'the provider has exchanged the token');
	is(sql("SELECT state, reason FROM ob.link_status('$link')"), 'failed|outcome_unknown',
		'nobody holds what it gave: the link has failed');
	is(calls($exchange) - $before, 2, 'after one more try');
	is(sql('SELECT count(*) FROM ob.connections'), $connections, 'no connection');
	is(sql("SELECT phase, sealed IS NULL FROM ob.outcomes WHERE link_id = '$link'"), 'failed|t', 'the outcome has ended');
	sql("SELECT ob.link_status('$link')");
	is(calls($exchange) - $before, 2, 'it is not tried for ever');
};

foreach my $way ('link_status', 'sync_due')
{
	subtest "killed with the answer recorded, resolved by $way" => sub {
		my ($link, $token) = link_with_token("recorded, $way");
		my $before = calls($exchange);
		crash('exchange_recorded', complete_sql($link, $token));
		is(phase_of($link), 'answered', 'the answer is there');
		sql($way eq 'link_status' ? "SELECT ob.link_status('$link')" : 'CALL ob.sync_due()');
		my ($connection) = link_state($link) =~ /^completed\|\|(\d+)$/;
		ok($connection, 'the connection is there');
		is(calls($exchange) - $before, 1, 'the provider was asked once');
		sql("SELECT ob.sync($connection)") if $way eq 'link_status';
		is_same_as_bank($connection, 'the recorded token works');
	};
}

my %removals = (
	remove_intent => { calls => [ 0, 1 ], sql => 'SELECT ob.sync(%d)', state => '55000' },
	remove_answered => { calls => [ 1, 2 ], sql => 'CALL ob.sync_due()', state => 'none' },
	remove_recorded => { calls => [ 1, 1 ], sql => 'SELECT ob.disconnect(%d)', state => 'none' },
);
foreach my $point (sort keys %removals)
{
	subtest "killed at $point" => sub {
		my $connection = link_bank($node, "leaver $point");
		sql("SELECT ob.sync($connection)");
		my $before = calls($remove);
		crash($point, "SELECT ob.disconnect($connection)");
		is(calls($remove) - $before, $removals{$point}{calls}[0], 'calls before the crash');
		is(state_of($connection), 'active', 'the row knows nothing');
		my ($state) = sqlstate_of($node, sprintf $removals{$point}{sql}, $connection);
		is($state, $removals{$point}{state}, "$removals{$point}{sql} finds it out");
		is(state_of($connection), 'disconnected', 'disconnected');
		is(tokens_of($connection), '0', 'the token is erased');
		is(calls($remove) - $before, $removals{$point}{calls}[1], 'calls in all');
		cmp_ok(sql("SELECT count(*) FROM ob.transactions WHERE connection_id = $connection"), '>', 0,
			'the rows are kept');
	};
}

subtest 'a removal that cannot be repeated yet' => sub {
	my $connection = link_bank($node, 'leaver in the dark');
	crash('remove_intent', "SELECT ob.disconnect($connection)");
	control($url, 'faults', { kind => 'cut', path => "/plaid$remove", takes_effect => JSON::PP::false, count => 3 });
	sql("CALL ob.sync_due()");
	is(state_of($connection) . tokens_of($connection), 'active1', 'the provider is away: nothing has changed');
	is(syncs_of($connection), 0, 'and no sync reads what is to be removed');
	control($url, 'faults', { clear => JSON::PP::true });
	sql("CALL ob.sync_due()");
	is(state_of($connection) . tokens_of($connection), 'disconnected0', 'it is back: removed');
};

subtest 'changes that wait for their caller when the server crashes' => sub {
	my ($leaving, $broken) = map { link_bank($node, "waiting $_") } 1 .. 2;
	control($url, 'plaid/items/set', { item_id => item_of($broken), error => 'ITEM_LOGIN_REQUIRED' });
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value("SELECT ob.disconnect($leaving)");
	$session->value('SAVEPOINT s');
	is($session->query("SELECT ob.sync($broken)")->{state}, 'OB006', 'a sync fails');
	$session->value('ROLLBACK TO s');
	is(state_of($_), 'active', 'not applied yet') for $leaving, $broken;
	my $offset = -s $node->logfile;
	kill 'KILL', $session->pid;
	$node->wait_for_log(qr/was terminated by signal 9/, $offset);
	wait_for_restart();
	is(phase_of($_), 'recorded', 'recorded all the same') for $leaving, $broken;
	sql('CALL ob.sync_due()');
	is(state_of($leaving), 'disconnected', 'the removal is applied');
	is(state_of($broken), 'reauth_required', 'the failure is applied');
};

foreach my $point ('unit_before_commit', 'unit_after_commit')
{
	subtest "a sync killed at $point" => sub {
		my $connection = link_bank($node, "sync $point");
		crash($point, "CALL ob.sync_now($connection)");
		my $rows = "SELECT count(*) FROM ob.transactions_all WHERE connection_id = $connection";
		my $audit = "SELECT count(*) FROM ob.audit_log WHERE action = 'SYNCED' AND connection_id = $connection";
		if ($point eq 'unit_before_commit')
		{
			is(sql($rows) . sql($audit), '00', 'neither a row nor a word of it');
		}
		else
		{
			is_same_as_bank($connection, 'committed');
			is(sql($audit), '1', 'audited with it');
		}
		sql("CALL ob.sync_now($connection)");
		is_same_as_bank($connection, 'synced again');
		is(sql($audit), '1', 'the rows were added once');
	};
}

subtest 'a first backfill killed between two pages' => sub {
	my $connection = link_bank($node, 'backfill');
	my $item = item_of($connection);
	control($url, 'plaid/transactions/generate', { item_id => $item, count => 1500 });
	latency($sync, 500);
	my $session = OpenBanking::Session->new($node);
	$session->begin("CALL ob.sync_now($connection)");
	wait_until('the first page', sub { our_rows($connection) ne '' });
	# Its commit does not wait for the disk, but those that come after it do.
	sql('CREATE TABLE written_later ()');
	my $offset = -s $node->logfile;
	kill 'KILL', $session->pid;
	ok($session->finish->{lost}, 'the session is lost');
	$node->wait_for_log(qr/was terminated by signal 9/, $offset);
	wait_for_restart();
	latency($sync, undef);
	my $kept = our_rows($connection);
	my $count = () = $kept =~ /\n/g;
	cmp_ok($count, '>', 100, 'the first page is there');
	cmp_ok($count, '<', 1000, 'and no other');
	isnt(sql("SELECT loop_cursor FROM ob.sync_state WHERE connection_id = $connection"), '', 'the loop is unfinished');

	# The bank takes away what only the abandoned loop has seen, and goes on.
	my @gone = (map { (split /\|/)[0] } split /\n/, $kept)[0 .. 9];
	control($url, 'plaid/transactions/remove', { item_id => $item, transaction_ids => \@gone });
	control($url, 'plaid/transactions/generate', { item_id => $item, count => 20, seed => 7 });
	sql("CALL ob.sync_now($connection)");
	is_same_as_bank($connection, 'resumed');
	my $list = join ',', map { "'$_'" } @gone;
	is(sql("SELECT count(*) FROM ob.transactions WHERE connection_id = $connection AND transaction_id IN ($list)"), '0',
		'no ghost among them');
	is(sql("SELECT loop_cursor IS NULL, initial_sync_done FROM ob.sync_state WHERE connection_id = $connection"), 't|t',
		'the loop has ended');
	sql("CALL ob.sync_now($connection)");
	is_same_as_bank($connection, 'and once more');
};

subtest 'a first backfill whose first page never reached the disk' => sub {
	my $connection = link_bank($node, 'unflushed');
	control($url, 'plaid/transactions/generate', { item_id => item_of($connection), count => 1500 });
	crash('unit_after_commit', "CALL ob.sync_now($connection)");
	sql("CALL ob.sync_now($connection)");
	is_same_as_bank($connection, 'begun again');
};

# ---- the worker or the server is told to stop ----

subtest 'a worker is terminated while a call is in flight' => sub {
	latency($exchange, 700);
	foreach my $caller ('waits', 'is gone')
	{
		my ($link, $token) = link_with_token("the caller $caller");
		my $before = calls($exchange);
		my $session = OpenBanking::Session->new($node);
		$session->begin(complete_sql($link, $token));
		wait_until('the call', sub { calls($exchange) > $before });
		my ($worker) = workers();
		my $pid = $session->pid;
		sql("SELECT pg_terminate_backend($pid, 5000)") if $caller eq 'is gone';
		sql("SELECT pg_terminate_backend($worker)");
		is(phase_of($link), 'intent',
			"the caller $caller: the call was in flight");
		if ($caller eq 'waits')
		{
			like($session->finish->{out}, qr/^\d+\|active\|/, "the caller $caller: and gets its answer");
		}
		else
		{
			wait_until('the answer', sub { phase_of($link) =~ /answered|done/ });
			sql("SELECT ob.link_status('$link')");
		}
		ok(!grep({ $_ == $worker } workers()), "the caller $caller: that worker has ended");
		like(link_state($link), qr/^completed/, "the caller $caller: linked");
		is(calls($exchange) - $before, 1, "the caller $caller: by one call");
	}

	# Nothing but a worker's own end ends it: a cancel does not.
	my ($link, $token) = link_with_token('cancelled worker');
	my $before = calls($exchange);
	my $session = OpenBanking::Session->new($node);
	$session->begin(complete_sql($link, $token));
	wait_until('the call', sub { calls($exchange) > $before });
	my ($worker) = workers();
	sql("SELECT pg_cancel_backend($worker)");
	like($session->finish->{out}, qr/^\d+\|active\|/, 'a cancelled worker goes on');
	latency($exchange, undef);
};

foreach my $mode ('fast', 'immediate')
{
	subtest "$mode shutdown while a call is in flight" => sub {
		latency($exchange, 1000);
		my ($link, $token) = link_with_token("shutdown $mode");
		my $before = calls($exchange);
		my $session = OpenBanking::Session->new($node);
		$session->begin(complete_sql($link, $token));
		wait_until('the call', sub { calls($exchange) > $before });
		$node->stop($mode);
		latency($exchange, undef);
		$session->finish;
		$node->start;
		my $phase = phase_of($link);
		my $state = sql("SELECT state, reason FROM ob.link_status('$link')");
		is("$phase, $state", $mode eq 'fast' ? 'answered, completed|' : 'intent, failed|outcome_unknown',
			$mode eq 'fast' ? 'the answer was waited for, and is not lost' : 'the answer is lost, and that is said');
		is(calls($exchange) - $before, $mode eq 'fast' ? 1 : 2, 'calls in all');
	};
}

subtest 'a worker ends with its caller' => sub {
	my $session = OpenBanking::Session->new($node);
	$session->value("SELECT ob.sandbox_link('plaid', 'brief')");
	is(scalar workers(), 1, 'there is one');
	$session->quit;
	wait_until('its end', sub { !workers() }, 5);
	pass('and then none');
};

# ---- several sessions at once ----

subtest 'two syncs of one connection' => sub {
	latency($sync, 600);
	my ($first, $second) = map { OpenBanking::Session->new($node) } 1 .. 2;
	my $result = 'SELECT status, requests > 0 FROM ob.sync(%d)';
	my $report = 'SELECT s FROM ob.sync(%d) s';

	my $connection = link_bank($node, 'pair');
	$_->begin(sprintf $report, $connection) for $first, $second;
	my @reports = map { $_->finish->{out} } $first, $second;
	like($reports[0], qr/^\(complete,[1-9]/, 'one fetches');
	is($reports[1], $reports[0], 'the other has its result');
	is(syncs_of($connection), 1, 'the bank was asked once');
	is_same_as_bank($connection, 'two syncs');

	$connection = link_bank($node, 'busy pair');
	$first->begin(sprintf $result, $connection);
	wait_until('the call', sub { syncs_of($connection) > 0 });
	is($second->value("SET openbanking.claim_timeout = '100ms'; SELECT status FROM ob.sync($connection)"), 'busy',
		'without patience: busy');
	is($first->finish->{out}, 'complete|t', 'the first goes on');
	is(syncs_of($connection), 1, 'the bank was asked once');
	$second->value('RESET openbanking.claim_timeout');

	$connection = link_bank($node, 'due');
	$first->begin("CALL ob.sync_due(user_ref => 'due')");
	wait_until('the call', sub { syncs_of($connection) > 0 });
	like($second->value(sprintf $report, $connection), qr/^\(complete,[1-9]/, 'ob.sync waits for ob.sync_due and has its result');
	$first->finish;
	is(syncs_of($connection), 1, 'the bank was asked once');

	$connection = link_bank($node, 'held');
	$first->value('BEGIN');
	is($first->value(sprintf $result, $connection), 'complete|t', 'a transaction has synced and stays open');
	$second->value("CALL ob.sync_due(user_ref => 'held')");
	is(syncs_of($connection), 1, 'ob.sync_due passes it over');
	$first->value('ROLLBACK');
	$second->value("CALL ob.sync_due(user_ref => 'held')");
	is(syncs_of($connection), 2, 'until it is free');
	is_same_as_bank($connection, 'after a rolled back sync');
	latency($sync, undef);
};

foreach my $level ('read committed', 'serializable')
{
	subtest "four runs of sync_due at once, $level" => sub {
		sql('CALL ob.sync_due()');
		my @connections = map { link_bank($node, "$level $_") } 1 .. 40;
		latency($sync, 30);
		my @sessions = map { OpenBanking::Session->new($node) } 1 .. 4;
		$_->value("SET default_transaction_isolation = '$level'") for @sessions;
		$_->begin('CALL ob.sync_due(parallel => 4)') for @sessions;
		my @results = map { $_->finish } @sessions;
		is(join(' ', map { $_->{state} } @results), 'none none none none', 'all end well');
		my @counts = map { $_->{err} =~ /NOTICE:.*?(\d+) connections: (\d+) complete/ ? $1 : 'none' } @results;
		my $sum = 0;
		$sum += $_ for @counts;
		is($sum, 40, "each was claimed by one of them (@counts)");
		my $by_item = control($url, 'requests')->{by_item};
		my %items = map { split /\|/ } split /\n/, sql('SELECT id, provider_connection_id FROM ob.connections');
		is(join(' ', map { $by_item->{ $items{$_} }{"/plaid$sync"} } @connections), join(' ', (1) x 40),
			'each bank was asked once');
		latency($sync, undef);
		is_same_as_bank($_, "connection $_") for @connections[ 0, 39 ];
	};
}

subtest 'a worker ends when it has nothing to do' => sub {
	sleep 0.5 while time < $idle_since + 31;
	wait_until('its end', sub { !workers($quiet) }, 10);
	pass('it has ended while its caller lives on');
	is($idler->value("SELECT status FROM ob.sandbox_link('plaid', 'idler 2')"), 'active',
		'another one comes when it is needed');
};

done_testing();
