# Cancel, terminate and lost clients meet live C++ objects: while a coroutine waits, and deep in the server.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Border;
use OpenBanking::Session;
use PostgreSQL::Test::Utils;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
declare_failures($node);
my $session = OpenBanking::Session->new($node);

# Begins a statement and waits until the server says that it waits for `event`.
sub begin_waiting
{
	my ($which, $sql, $event) = @_;
	$which->begin($sql);
	my $pid = $which->pid;
	wait_until("$sql to wait",
		sub { $node->safe_psql('postgres', "SELECT wait_event FROM pg_stat_activity WHERE pid = $pid") eq $event });
	return;
}

sub process_is_gone
{
	my ($pid) = @_;
	wait_until("process $pid to end", sub { !-d "/proc/$pid" }, 10);
	return 1;
}

my @places = (
	[ 'while a coroutine waits', q{SELECT ob_test_run('sleep', '60000')}, 'Extension' ],
	[ 'deep in the server', q{SELECT ob_test_run('sql', 'SELECT pg_sleep(60)')}, 'PgSleep' ],
	[ 'in a subtransaction', q{SELECT ob_test_run('subtransaction', 'SELECT pg_sleep(60)')}, 'PgSleep' ],
	[
		'while a coroutine waits inside another\'s subtransaction',
		q{SELECT ob_test_run('subtransaction', $$SELECT ob_test_run('sleep', '60000')$$)}, 'Extension'
	]);

# ---- cancel ----

foreach my $place (@places)
{
	my ($where, $sql, $event) = @$place;
	begin_waiting($session, $sql, $event);
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
	my $result = $session->finish(10);
	is($result->{state}, '57014', "cancelled $where");
	like($result->{err}, qr/canceling statement due to user request/, '… says by whom');
	objects_are_gone($session, "cancelled $where");
	like($session->query("SET statement_timeout = 300; $sql; RESET statement_timeout")->{err},
		qr/57014: canceling statement due to statement timeout/, "timed out $where");
	$session->value('RESET statement_timeout');
	objects_are_gone($session, "timed out $where");
}

# PL/pgSQL catches a cancel only by name; then the transaction goes on.
is($session->value(q{SET statement_timeout = 300;
	DO $$ BEGIN
		PERFORM ob_test_run('sleep', '60000');
	EXCEPTION WHEN query_canceled THEN
		INSERT INTO notes VALUES (20, 'cancelled');
	END $$;
	RESET statement_timeout;
	SELECT kind FROM notes WHERE id = 20}), 'cancelled', 'a cancelled wait can be caught by name');

# ---- other interrupts ----

begin_waiting($session, q{SELECT ob_test_run('sleep', '3000')}, 'Extension');
$node->safe_psql('postgres', 'SELECT pg_log_backend_memory_contexts(' . $session->pid . ')');
my $result = $session->finish(10);
is($result->{out}, '5', 'an interrupt that ends nothing ends no wait');
ok($node->log_contains('logging memory contexts of PID ' . $session->pid), '… and is served');

# ---- terminate ----

foreach my $place (@places)
{
	my ($where, $sql, $event) = @$place;
	my $victim = OpenBanking::Session->new($node);
	begin_waiting($victim, $sql, $event);
	$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $victim->pid . ')');
	is($victim->finish(10)->{state}, '57P01', "terminated $where");
	ok(process_is_gone($victim->pid), '… the process ends');
}

# A client that is gone is noticed in a wait: the error ends the process from inside a guarded call.
my $client = OpenBanking::Session->new($node);
$client->value('SET client_connection_check_interval = 100');
begin_waiting($client, q{SELECT ob_test_run('sleep', '60000')}, 'Extension');
$client->{run}->kill_kill(grace => 0);
$client->{lost} = 1;
ok(process_is_gone($client->pid), 'a backend whose client is gone ends');

# ---- a live table's coroutines run when their process has to go ----

# They belong to the statement's memory, which the server frees on its way out although they are still on the stack. Of two
# accounts one is unknown, so the scan asks for all of the connection's in between, and reads the tokens a third time deep
# in a coroutine that has waited before.
my $connection = link_bank($node, 'alice');
$node->safe_psql('postgres', q{
	CREATE SEQUENCE readings;
	CREATE FUNCTION pause() RETURNS bool LANGUAGE plpgsql AS $$
	BEGIN
		IF nextval('public.readings') = 3 THEN
			PERFORM pg_sleep(60);
		END IF;
		RETURN true;
	END $$;
	ALTER TABLE ob.tokens RENAME TO real_tokens;
	CREATE VIEW ob.tokens AS SELECT * FROM ob.real_tokens WHERE public.pause();
});
my ($account) = split /\n/, $node->safe_psql('postgres', 'SELECT account_id FROM live.ob_accounts');
foreach my $how (qw(cancel terminate))
{
	my $victim = OpenBanking::Session->new($node);
	$node->safe_psql('postgres', "SELECT setval('readings', 1, false)");
	begin_waiting($victim, "SELECT count(*) FROM live.ob_transactions WHERE account_id IN ('$account', 'nobody')", 'PgSleep');
	$node->safe_psql('postgres', "SELECT pg_${how}_backend(" . $victim->pid . ')');
	is($victim->finish(10)->{state}, $how eq 'cancel' ? '57014' : '57P01', "$how while a scan's coroutine is in the server");
	ok($how eq 'cancel' ? $victim->value('SELECT 1') : process_is_gone($victim->pid), '… and it does');
}

no_crash($node);
done_testing();
