# Rows appear by themselves once a bank is linked, without a schedule and without a call: the sync worker.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;
use Time::HiRes qw(sleep time);

my $url = start_sandbox();
my $node = new_node('main', $url, { 'openbanking.sync_on_event' => 'on' });
set_up_plaid($node, $url);
links_at($node, $url);

my $sync = '/plaid/transactions/sync';
# As the real thing, but quicker: nothing at first, then the last days, then all.
control($url, 'config', { initial_delay_ms => 2500, historical_delay_ms => 11_000 });

sub sync_workers
{
	my ($at) = @_;
	return split /\n/, ($at // $node)->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'openbanking sync worker' ORDER BY pid");
}

sub rows_of { return sql("SELECT count(*) FROM ob.transactions WHERE connection_id = $_[0]"); }

sub wait_for_rows
{
	my ($connection, $name) = @_;
	my $begun = time;
	wait_until("rows of $name", sub { rows_of($connection) > 0 }, 30);
	diag(sprintf "%s: rows %.1f s after the link", $name, time - $begun);
	return;
}

sub wait_for_history
{
	my ($connection) = @_;
	wait_until('the history',
		sub { sql("SELECT history_complete FROM ob.sync_state WHERE connection_id = $connection") eq 't' }, 60);
	return;
}

# Nobody waits half a minute in a test for what is half a minute away.
sub hurry
{
	my ($connection) = @_;
	sleep 6;
	sql("UPDATE ob.sync_state SET next_sync_at = now() WHERE connection_id = $connection");
	return;
}

subtest 'linked' => sub {
	my $connection = link_bank($node, 'alice');
	wait_for_rows($connection, 'alice');
	my $shown = "SELECT state, query, backend_xmin IS NULL, backend_xid IS NULL FROM pg_stat_activity "
	  . "WHERE backend_type = 'openbanking sync worker'";
	wait_until('the worker to wait', sub { sql($shown) =~ /^idle/ });
	is(sql($shown), 'idle|waiting for the history of new banks|t|t', 'the worker waits for the history, holding nothing');
	is(sql("SELECT count(*) FROM pg_locks WHERE pid = (SELECT pid FROM pg_stat_activity "
		  . "WHERE backend_type = 'openbanking sync worker') AND locktype <> 'advisory'"), '0', 'and no lock on a table');
	hurry($connection);
	wait_for_history($connection);
	is(our_rows($connection), bank_rows($connection), 'exactly the bank\'s rows');
	wait_until('the end of the worker', sub { !sync_workers() });
	is(sql("SELECT count(*) FROM ob.audit_log WHERE action = 'SYNC_FAILED'"), '0', 'nothing failed');
};

subtest 'a caller who rolls back, one who is cancelled' => sub {
	my ($link, $token) = link_with_token('bob');
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value(complete_sql($link, $token));
	my ($connection) = link_state($link) =~ /^completed\|\|(\d+)$/;
	sleep 1;
	is(sql("SELECT last_sync_status FROM ob.connections WHERE id = $connection"), 'pending',
		'nothing is done before the end of the transaction');
	$session->value('ROLLBACK');
	wait_for_rows($connection, 'bob, rolled back');

	($link, $token) = link_with_token('carol');
	control($url, 'latency', { path => '/plaid/item/public_token/exchange', ms => 1500 });
	is($session->query("SET statement_timeout = '200ms'; " . complete_sql($link, $token))->{state}, '57014', 'cancelled');
	control($url, 'latency', { path => '/plaid/item/public_token/exchange', ms => undef });
	wait_until('the exchange', sub { link_state($link) =~ /^completed/ });
	($connection) = link_state($link) =~ /(\d+)$/;
	wait_for_rows($connection, 'carol, cancelled');
};

subtest 'many links at once' => sub {
	my @links = map { [ link_with_token("many $_") ] } 1 .. 6;
	my @sessions = map { OpenBanking::Session->new($node) } @links;
	$sessions[$_]->begin(complete_sql(@{ $links[$_] })) foreach 0 .. $#links;
	$_->finish foreach @sessions;
	my @connections = map { link_state($_->[0]) =~ /(\d+)$/ } @links;
	wait_until('rows of all', sub { !grep { rows_of($_) == 0 } @connections }, 60);
	is(scalar(my @left = sync_workers()), 1, 'one worker');
	my %calls = map { $_ => control($url, 'requests')->{by_item}{ item_of($_) }{$sync} } @connections;
	cmp_ok($_, '<=', 8, 'which asks in moderation') foreach values %calls;
	$_->quit foreach @sessions;
};

subtest 'adopted, repaired' => sub {
	control($url, 'config', { initial_delay_ms => 0, historical_delay_ms => 0 });
	wait_until('the end of the worker', sub { !sync_workers() }, 60);
	my $item = control($url, 'plaid/items/create', {})->{items}[0];
	my $adopt = "SELECT connection_id FROM ob.adopt_connection('plaid', 'adopted', '{\"access_token\": \"$item->{access_token}\"}')";
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value($adopt);
	$session->value('ROLLBACK');
	sleep 1;
	is(scalar(my @none = sync_workers()), 0, 'an adoption that was rolled back starts nothing');
	$session->value('BEGIN');
	my $connection = $session->value($adopt);
	$session->value('COMMIT');
	wait_for_rows($connection, 'an adopted connection');

	control($url, 'plaid/items/set', { item_id => $item->{item_id}, error => 'ITEM_LOGIN_REQUIRED' });
	$session->query("SELECT ob.sync($connection)");
	wait_until('the failure', sub { state_of($connection) eq 'reauth_required' });
	my $before = sql('SELECT last_sync_at FROM ob.connections WHERE id = ' . $connection);
	my ($link, $token) = split /\|/, $session->value(qq{SELECT link_id, token FROM ob.relink($connection, '{"mode": "embedded"}')});
	control($url, 'plaid/link/complete', { link_token => $token });
	$session->value("SELECT ob.link_complete('$link')");
	wait_until('the sync', sub { sql("SELECT last_sync_at > '$before' FROM ob.connections WHERE id = $connection") eq 't' }, 30);
	is(state_of($connection), 'active', 'a repaired connection is synced at once');
};

subtest 'turned off' => sub {
	my $session = OpenBanking::Session->new($node);
	$session->value('SET openbanking.sync_on_event = off');
	my ($off) = $session->value("SELECT connection_id FROM ob.sandbox_link('plaid', 'dave')");
	sql("UPDATE ob.sync_state SET next_sync_at = 'infinity' WHERE connection_id = $off");
	wait_until('the end of the worker', sub { !sync_workers() }, 60) if sync_workers();
	my ($again) = $session->value("SELECT connection_id FROM ob.sandbox_link('plaid', 'erin')");
	sleep 2;
	is(scalar(my @none = sync_workers()), 0, 'no worker');
	is(sql("SELECT last_sync_status FROM ob.connections WHERE id = $again"), 'pending', 'nothing was synced');
	sql('UPDATE ob.sync_state SET next_sync_at = NULL');
};

subtest 'a bank that does not answer' => sub {
	my $stalled = link_bank($node, 'frank');
	wait_for_rows($stalled, 'frank');
	control($url, 'faults', { kind => 'stall', item_id => item_of($stalled), count => 0 });
	sql("UPDATE ob.sync_state SET next_sync_at = now() WHERE connection_id = $stalled");
	my $first = link_bank($node, 'grace');
	wait_for_rows($first, 'grace');
	wait_until('the stall', sub { sql("SELECT claimed_until IS NOT NULL FROM ob.sync_state WHERE connection_id = $stalled") eq 't' });
	wait_for_rows(link_bank($node, 'heidi'), 'heidi, beside a bank that stalls');

	my ($worker) = sync_workers();
	my $ms = elapsed_ms(sub {
		sql("SELECT pg_terminate_backend($worker)");
		wait_until('the end of the worker', sub { !grep { $_ == $worker } sync_workers() });
	});
	cmp_ok($ms, '<', 1500, "told to end it ends: $ms ms");
	is(sql("SELECT claimed_until IS NULL, next_sync_at <= now() FROM ob.sync_state WHERE connection_id = $stalled"), 't|t',
		'and gives back what it had claimed');

	link_bank($node, 'heinz');
	wait_until('the stall', sub { sql("SELECT claimed_until IS NOT NULL FROM ob.sync_state WHERE connection_id = $stalled") eq 't' });
	sql(q{LOAD 'openbanking'; ALTER SYSTEM SET openbanking.enabled = off});
	$node->reload;
	wait_until('the end of the worker', sub { !sync_workers() });
	is(sql("SELECT claimed_until IS NULL FROM ob.sync_state WHERE connection_id = $stalled"), 't', 'switched off, too');
	sql(q{LOAD 'openbanking'; ALTER SYSTEM RESET openbanking.enabled});
	$node->reload;
	wait_until('the setting', sub { sql(q{LOAD 'openbanking'; SHOW openbanking.enabled}) eq 'on' });
	control($url, 'faults', { clear => JSON::PP::true });
};

subtest 'told to end in the middle of a first backfill' => sub {
	my ($link, $token) = link_with_token('ivan');
	control($url, 'latency', { path => $sync, ms => 300 });
	my $session = OpenBanking::Session->new($node);
	$session->value('SET openbanking.sync_on_event = off');
	$session->value(complete_sql($link, $token));
	my ($connection) = link_state($link) =~ /(\d+)$/;
	control($url, 'plaid/transactions/generate', { item_id => item_of($connection), count => 4000, announce => JSON::PP::false });
	my $other = link_bank($node, 'judy');
	wait_until('some pages', sub { rows_of($connection) >= 1000 });
	my ($worker) = sync_workers();
	sql("SELECT pg_terminate_backend($worker, 5000)");
	is(sql("SELECT loop_cursor IS NOT NULL, claimed_until IS NULL FROM ob.sync_state WHERE connection_id = $connection"),
		't|t', 'the loop is unfinished');
	is(rows_of($connection) % 500, 0, 'whole pages are there');
	control($url, 'latency', { path => $sync, ms => 0 });
	sql('CALL ob.sync_due()');
	is(our_rows($connection), bank_rows($connection), 'the next one ends it');
};

subtest 'nothing waits for it' => sub {
	control($url, 'config', { initial_delay_ms => 3_600_000, historical_delay_ms => 3_600_000 });
	sql('CREATE DATABASE doomed');
	$node->safe_psql('doomed', 'CREATE EXTENSION openbanking');
	set_up_plaid($node, $url, 'doomed');
	my $link = sub { $node->safe_psql('doomed', "SELECT ob.sandbox_link('plaid', '$_[0]')") };
	my $has_worker = sub {
		return sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'openbanking sync worker' AND datname = 'doomed'");
	};
	$link->('first');
	wait_until('a worker', sub { $has_worker->() });
	$node->safe_psql('doomed', 'DROP EXTENSION openbanking CASCADE');
	wait_until('its end', sub { !$has_worker->() });
	pass('the extension can be dropped');

	$node->safe_psql('doomed', 'DROP SCHEMA live; CREATE EXTENSION openbanking');
	set_up_plaid($node, $url, 'doomed');
	$link->('second');
	wait_until('a worker', sub { $has_worker->() });
	my $outcome = "FROM pg_stat_activity WHERE backend_type = 'openbanking outcome worker' AND datname = 'doomed'";
	sql("SELECT pg_terminate_backend(pid) $outcome");
	wait_until('no outcome worker', sub { sql("SELECT count(*) $outcome") eq '0' });
	is($has_worker->(), '1', 'it waits still');
	is($node->psql('postgres', 'DROP DATABASE doomed'), 0, 'the database can be dropped');

	link_bank($node, 'kevin');
	wait_until('a worker', sub { sync_workers() });
	my $ms = elapsed_ms(sub { $node->stop('fast') });
	cmp_ok($ms, '<', 5000, "the server can be stopped: $ms ms");
	$node->start;
};

my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/ERROR:  (?!canceling)|PANIC|WARNING|terminated by signal/, 'no error in the log');

subtest 'no slot is free' => sub {
	my $tight = new_node('tight', $url,
		{ max_worker_processes => 1, max_logical_replication_workers => 0, 'openbanking.sync_on_event' => 'on' });
	set_up_plaid($tight, $url);
	link_bank($tight, 'lone');
	$tight->wait_for_log(qr/no background worker slot is free to sync/);
	pass('the log says so');
	is($tight->safe_psql('postgres', 'SELECT state FROM ob.connections'), 'active', 'nothing else is wrong');
};

done_testing();
