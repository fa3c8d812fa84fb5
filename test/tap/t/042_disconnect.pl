# A connection that is ended at the provider, or found broken, is so here, whatever becomes of the statement.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;
use Time::HiRes qw(sleep);

my $remove = '/item/remove';

my $url = start_sandbox();
my $node = new_node('main', $url, { max_prepared_transactions => 5 });
set_up_plaid($node, $url);
links_at($node, $url);

sub is_disconnected
{
	my ($connection, $name) = @_;
	wait_until("disconnected after: $name", sub { state_of($connection) eq 'disconnected' }, 10);
	is(tokens_of($connection), '0', "$name: disconnected, no token left");
	return;
}

subtest 'disconnect' => sub {
	my %callers = (
		'rolled back' => 'BEGIN; %s; ROLLBACK',
		'read only' => 'BEGIN READ ONLY; %s; COMMIT',
		'repeatable read' => 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ob.connections; %s; COMMIT',
		'serializable' => 'BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM ob.connections; %s; ROLLBACK',
		'holding the row' => 'BEGIN; SELECT 1 FROM ob.connections WHERE id = %d FOR UPDATE; %s; COMMIT',
		'holding the row, rolled back' => 'BEGIN; SELECT 1 FROM ob.connections WHERE id = %d FOR UPDATE; %s; ROLLBACK',
	);
	foreach my $name (sort keys %callers)
	{
		my $connection = link_bank($node, "leaver $name");
		(my $caller = $callers{$name}) =~ s/%d/$connection/;
		is(calls_of($remove, sub { sql(sprintf $caller, "SELECT ob.disconnect($connection)") }), 1, "$name: one removal");
		is_disconnected($connection, $name);
	}

	my $prepared = link_bank($node, 'prepared');
	is((sqlstate_of($node, "BEGIN; SELECT ob.disconnect($prepared); PREPARE TRANSACTION 'p'"))[0], '0A000', 'who notifies cannot prepare');
	is_disconnected($prepared, 'not prepared');

	# While the caller's transaction runs, its row is as it was, and others know better already.
	my $connection = link_bank($node, 'slow leaver');
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN READ ONLY');
	$session->value("SELECT ob.disconnect($connection)");
	is(state_of($connection), 'active', 'read only: not changed before the transaction ends');
	my ($state, $err) = sqlstate_of($node, "SELECT ob.sync($connection)");
	is($state, '55000', 'a sync is refused all the same');
	like($err, qr/is disconnected/, 'as disconnected');
	sql("CALL ob.sync_due(user_ref => 'slow leaver')");
	is(sql("SELECT last_sync_status FROM ob.connections WHERE id = $connection"), 'pending', 'and none is tried');
	$session->value('COMMIT');
	is_disconnected($connection, 'read only, held open');
	$session->quit;

	# Another session holds the row.
	$connection = link_bank($node, 'held');
	my $holder = OpenBanking::Session->new($node);
	$holder->value('BEGIN');
	$holder->value("SELECT 1 FROM ob.connections WHERE id = $connection FOR UPDATE");
	$session = OpenBanking::Session->new($node);
	my $before = calls($remove);
	$session->begin("SELECT ob.disconnect($connection)");
	wait_until('the removal', sub { tokens_of($connection) eq '0' });
	is(calls($remove) - $before, 1, 'another session holds the row: removed at the provider');
	ok(!$session->ended, 'the caller waits for the row');
	my $pid = $session->pid;
	sql("SELECT pg_cancel_backend($pid)");
	is($session->finish->{state}, '57014', 'and is cancelled');
	is(state_of($connection), 'active', 'the row is as it was');
	sleep 0.3;
	$holder->value('ROLLBACK');
	is_disconnected($connection, 'another session held the row');

	# Purge.
	$connection = link_bank($node, 'purged');
	sql("SELECT ob.sync($connection)");
	my $rows = "SELECT count(*) FROM ob.transactions_all WHERE connection_id = $connection";
	cmp_ok(sql($rows), '>', 0, 'there are rows');
	sql("BEGIN; SELECT ob.disconnect($connection, true); ROLLBACK");
	is_disconnected($connection, 'purge, rolled back');
	wait_until('the purge', sub { sql($rows) eq '0' }, 10);
	pass('its rows are gone');
	$connection = link_bank($node, 'purged later');
	sql("SELECT ob.sync($connection)");
	sql("SELECT ob.disconnect($connection)");
	is(calls_of($remove, sub { sql("BEGIN READ ONLY; SELECT ob.disconnect($connection, true); COMMIT") }), 0,
		'already disconnected: no call');
	$rows = "SELECT count(*) FROM ob.accounts_all WHERE connection_id = $connection";
	wait_until('the purge', sub { sql($rows) eq '0' }, 10);
	pass('purged from a read-only transaction');

	# The provider knows it no more, or cannot be reached.
	$connection = link_bank($node, 'forgotten');
	my $item = item_of($connection);
	control($url, 'plaid/items/set', { item_id => $item, removed => JSON::PP::true });
	is(calls_of($remove, sub { sql("SELECT ob.disconnect($connection)") }), 1, 'a removed item is removed');
	is_disconnected($connection, 'removed at the provider before');

	$connection = link_bank($node, 'stuck');
	control($url, 'faults', { kind => 'cut', path => "/plaid$remove", takes_effect => JSON::PP::false, count => 3 });
	($state) = sqlstate_of($node, "SELECT ob.disconnect($connection)");
	is($state, 'OB001', 'the provider cannot be reached');
	is(state_of($connection) . tokens_of($connection), 'active1', 'state and token are as before');
	is(phase_of($connection), 'failed', 'the failure is recorded');
	control($url, 'faults', { clear => JSON::PP::true });
	is(sql("SELECT ob.disconnect($connection)"), 'disconnected', 'again, now it can');
	is_disconnected($connection, 'at the second try');

	# Two at once.
	$connection = link_bank($node, 'twice');
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 2;
	$_->begin("SELECT ob.disconnect($connection)") for @sessions;
	is(join(' ', map { $_->finish->{out} } @sessions), 'disconnected disconnected', 'two sessions at once');
	is_disconnected($connection, 'two sessions at once');
};

foreach my $way ('its own transaction', 'read only')
{
	subtest "a sync that is under way does not bring back what is purged, $way" => sub {
		my $connection = link_bank($node, "racer $way");
		control($url, 'plaid/transactions/generate', { item_id => item_of($connection), count => 1200 });
		control($url, 'latency', { path => '/plaid/transactions/sync', ms => 300 });
		my $before = calls('/transactions/sync');
		my $syncer = OpenBanking::Session->new($node);
		$syncer->begin("CALL ob.sync_now($connection)");
		wait_until('the second page', sub { calls('/transactions/sync') >= $before + 2 });
		my $rows = "SELECT count(*) FROM ob.transactions_all WHERE connection_id = $connection";
		cmp_ok(sql($rows), '>', 0, 'the first page is there');
		sql(sprintf $way eq 'read only' ? 'BEGIN READ ONLY; %s; COMMIT' : '%s', "SELECT ob.disconnect($connection, true)");
		$syncer->finish;
		control($url, 'latency', { path => '/plaid/transactions/sync', ms => undef });
		is_disconnected($connection, 'in the middle of a backfill');
		wait_until('the outcome', sub { phase_of($connection) !~ /recorded/ }, 10);
		is(sql($rows), '0', 'no row came back');
		is(sql("SELECT next_sync_at IS NULL FROM ob.sync_state WHERE connection_id = $connection"), 't', 'no sync is due');
	};
}

subtest 'a failure outlives the statement that raises it' => sub {
	my %statements = (
		'ob.sync' => 'SELECT * FROM ob.sync(%d)',
		'live scan' => 'SELECT count(*) FROM live.ob_transactions WHERE connection_id = %d',
	);
	foreach my $name (sort keys %statements)
	{
		my $connection = link_bank($node, "broken $name");
		my $item = item_of($connection);
		control($url, 'plaid/items/set', { item_id => $item, error => 'ITEM_LOGIN_REQUIRED' });
		my $sql = sprintf $statements{$name}, $connection;
		my ($state) = sqlstate_of($node, $sql);
		is($state, 'OB006', "$name: raises");
		wait_until('the state', sub { state_of($connection) eq 'reauth_required' }, 10);
		is(sql("SELECT reauth_reason, error_code, last_sync_status FROM ob.connections WHERE id = $connection"),
			'login|ITEM_LOGIN_REQUIRED|failed', "$name: the connection needs its user");
		is(sql("SELECT action FROM ob.audit_log WHERE connection_id = $connection ORDER BY id DESC LIMIT 1"),
			'REAUTH_REQUIRED', "$name: audited");

		# Inside BEGIN: the row may be locked by the caller itself.
		$connection = link_bank($node, "broken in a block $name");
		$item = item_of($connection);
		control($url, 'plaid/items/set', { item_id => $item, error => 'ITEM_LOGIN_REQUIRED' });
		my $session = OpenBanking::Session->new($node);
		$session->value('BEGIN');
		$session->value("SELECT 1 FROM ob.connections WHERE id = $connection FOR UPDATE");
		$session->value('SAVEPOINT s');
		is($session->query(sprintf $statements{$name}, $connection)->{state}, 'OB006', "$name in a block: raises");
		$session->value('ROLLBACK TO s');
		sleep 0.3;
		is(state_of($connection), 'active', "$name in a block: unchanged while the transaction is open");
		is(phase_of($connection), 'recorded',
			"$name in a block: but recorded");
		is(calls_of('/transactions/sync', sub {
			($state) = sqlstate_of($node, "SELECT ob.sync($connection)");
			is($state, 'OB006', "$name in a block: other sessions know it");
		}), 0, "$name in a block: and ask the bank no more");
		$session->value('ROLLBACK');
		wait_until('the state', sub { state_of($connection) eq 'reauth_required' }, 10);
		pass("$name in a block: changed once it has ended");
		is(phase_of($connection), 'done', "$name in a block: and done");
		$session->quit;
	}

	# The connection goes while its failure waits.
	my $connection = link_bank($node, 'deleted');
	my $item = item_of($connection);
	control($url, 'plaid/items/set', { item_id => $item, error => 'ITEM_LOGIN_REQUIRED' });
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->query("SELECT ob.sync($connection)");
	sql("DELETE FROM ob.connections WHERE id = $connection");
	$session->value('ROLLBACK');
	wait_until('the outcome', sub { phase_of($connection) eq 'done' }, 10);
	pass('a failure of a connection that is gone is done with');
};

subtest 'syncs in other transactions' => sub {
	foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
	{
		my $connection = link_bank($node, "reader $level");
		is(sql("BEGIN ISOLATION LEVEL $level; SELECT status FROM ob.sync($connection); COMMIT"), 'complete',
			"$level: synced");
		is(our_rows($connection), bank_rows($connection), "$level: all rows");
	}
	my $connection = link_bank($node, 'reader only');
	is(calls_of('/transactions/sync', sub {
		my ($state) = sqlstate_of($node, "BEGIN READ ONLY; SELECT ob.sync($connection); COMMIT");
		is($state, '25006', 'read only: refused');
	}), 0, 'before any call');
};

done_testing();
