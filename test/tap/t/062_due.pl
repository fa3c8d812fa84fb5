# CALL ob.sync_due() among others: whoever holds a row, cancels a statement or does not answer holds up one connection.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;
use Time::HiRes qw(sleep);

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

my @banks = map { link_bank($node, "user $_") } 1 .. 5;
my $held = $banks[2];
my $session = OpenBanking::Session->new($node);
my $holder = OpenBanking::Session->new($node);

sub make_due { sql('UPDATE ob.sync_state SET next_sync_at = now(), attempts = 0'); return; }

sub claims { return sql('SELECT count(*) FROM ob.sync_state WHERE claimed_until IS NOT NULL'); }

sub locks { return sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"); }

sub add_a_row
{
	my ($connection) = @_;
	control($url, 'plaid/transactions/add', { item_id => item_of($connection), transactions => [ {} ], announce => JSON::PP::false });
	return;
}

subtest 'a connection that somebody keeps locked' => sub {
	$holder->value('BEGIN');
	$holder->value("SELECT 1 FROM ob.connections WHERE id = $held FOR UPDATE");
	foreach my $news (1, 0)
	{
		make_due();
		my $result = $session->query("SET lock_timeout = '11s'; CALL ob.sync_due()");
		is($result->{state}, 'none', 'the call succeeds');
		like($result->{err}, qr/5 connections: 4 complete, .* 1 failed/, 'the others are synced');
		is(sql("SELECT next_sync_at <= now(), claimed_until IS NULL FROM ob.sync_state WHERE connection_id = $held"), 't|t',
			'the locked one stays due');
		is($session->value('SHOW lock_timeout'), '11s', 'the session\'s own patience is as before');
	}
	$holder->value('ROLLBACK');
	like($session->query('CALL ob.sync_due()')->{err}, qr/1 connections: 1 complete/, 'then it is synced');
};

subtest 'a claim that somebody keeps from being made' => sub {
	make_due();
	$holder->value('BEGIN');
	$holder->value("SELECT 1 FROM ob.sync_state WHERE connection_id = $held FOR UPDATE");
	like($session->query('CALL ob.sync_due()')->{err}, qr/4 connections: 4 complete/, 'the others are synced');
	$holder->value('ROLLBACK');
	is(claims() . locks(), '00', 'nothing is left claimed');
	like($session->query(q{CALL ob.sync_due(max_duration => '170000000 years')})->{err}, qr/1 connections: 1 complete/, 'then it is synced');
};

subtest 'cancelled while a statement of a unit runs' => sub {
	sql(qq{
		CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			IF NEW.connection_id = $held THEN
				PERFORM pg_sleep(60);
			END IF;
			RETURN NEW;
		END \$\$;
		CREATE TRIGGER dawdle BEFORE INSERT ON ob.transactions_all FOR EACH ROW EXECUTE FUNCTION dawdle();
	});
	add_a_row($_) foreach @banks;
	make_due();
	$session->begin('CALL ob.sync_due()');
	wait_until('the trigger', sub { sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") });
	sql('SELECT pg_cancel_backend(' . $session->pid . ')');
	is($session->finish->{state}, '57014', 'cancelled');
	is(claims() . locks(), '00', 'nothing is left claimed');
	sql('DROP TRIGGER dawdle ON ob.transactions_all');
	is($session->query('CALL ob.sync_due()')->{state}, 'none', 'the session goes on');
	is(sql('SELECT count(*) FROM ob.sync_state WHERE next_sync_at <= now()'), '0', 'and syncs what was left');
	is(our_rows($_), bank_rows($_), "bank $_: exactly its rows") foreach @banks;
};

subtest 'told to end in the midst of a statement' => sub {
	my $leaver = OpenBanking::Session->new($node);
	sql("CREATE TRIGGER dawdle BEFORE INSERT ON ob.transactions_all FOR EACH ROW EXECUTE FUNCTION dawdle()");
	add_a_row($_) foreach @banks;
	make_due();
	$leaver->begin('CALL ob.sync_due()');
	wait_until('the trigger', sub { sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") });
	cmp_ok(claims(), '>=', 1, 'claimed');
	sql('SELECT pg_terminate_backend(' . $leaver->pid . ')');
	ok($leaver->finish->{lost}, 'its session is gone');
	wait_until('its end', sub { !sql('SELECT count(*) FROM pg_stat_activity WHERE pid = ' . $leaver->pid) });
	is(claims() . locks(), '00', 'nothing is left claimed');
	sql('DROP TRIGGER dawdle ON ob.transactions_all');
	is($session->query('CALL ob.sync_due()')->{state}, 'none', 'another one goes on');
	is(our_rows($_), bank_rows($_), "bank $_: exactly its rows") foreach @banks;
};

subtest 'an outcome that cannot be found out yet' => sub {
	my $leaving = link_bank($node, 'leaver');
	my $crasher = OpenBanking::Session->new($node);
	$crasher->value("SET openbanking.test_crash_point = 'remove_intent'");
	ok($crasher->query("SELECT ob.disconnect($leaving)")->{lost}, 'the server crashes in a removal');
	wait_for_restart();
	$session = OpenBanking::Session->new($node);
	control($url, 'faults', { kind => 'stall', path => '/plaid/item/remove', count => 0 });
	make_due();
	$session->begin('CALL ob.sync_due()');
	wait_until('the others', sub {
		sql("SELECT count(*) FROM ob.sync_state WHERE next_sync_at > now() AND connection_id <> $leaving") == @banks;
	});
	ok(!$session->ended, 'the others are synced while the removal hangs');
	like($session->finish->{err}, qr/5 connections: 5 complete/, 'and the call ends without it');
	control($url, 'faults', { clear => JSON::PP::true });
};

subtest 'what holds for all is no failure of each' => sub {
	make_due();
	$session->value('SET openbanking.enabled = off');
	is($session->query($_)->{state}, '55000', $_) foreach 'CALL ob.sync_due()', "SELECT ob.sync($banks[0])", "CALL ob.sync_now($banks[0])";
	is(sql('SELECT count(*) FROM ob.connections WHERE failing_since IS NOT NULL'), '0', 'no connection is marked');
	$session->value('RESET openbanking.enabled');
};

subtest 'what keeps a sync from beginning is recorded' => sub {
	foreach my $call ('SELECT ob.sync(%s)', 'CALL ob.sync_now(%s)', 'CALL ob.sync_due()')
	{
		make_due();
		my $token = sql("SELECT encode(sealed, 'hex') FROM ob.tokens WHERE subject = 'connection:$banks[1]'");
		sql("UPDATE ob.tokens SET sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1) WHERE subject = 'connection:$banks[1]'");
		my $result = $session->query(sprintf($call, $banks[1]));
		is($result->{state}, $call =~ /due/ ? 'none' : 'OB009', sprintf($call, $banks[1]));
		like($result->{err}, qr/5 connections: 4 complete, .* 1 failed/, 'the others are synced') if $call =~ /due/;
		wait_until('the record', sub { sql("SELECT state, error_code FROM ob.connections WHERE id = $banks[1] AND failing_since IS NOT NULL") eq 'active|OB009' });
		sql("UPDATE ob.tokens SET sealed = decode('$token', 'hex') WHERE subject = 'connection:$banks[1]'");
		$session->value("SELECT ob.sync($banks[1])");
		is(sql("SELECT failing_since IS NULL FROM ob.connections WHERE id = $banks[1]"), 't', 'and over with the next success');
	}
};

subtest 'plan' => sub {
	$session->value($_)
	  foreach "LOAD 'auto_explain'", 'SET auto_explain.log_min_duration = 0', 'SET auto_explain.log_nested_statements = on';
	my $from = -s $node->logfile;
	make_due();
	$session->value('CALL ob.sync_due()');
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $from);
	my ($plan) = $log =~ /Query Text: SELECT s.connection_id.*?\n((?:\t.*\n)*)/;
	like($plan, qr/Index Scan using sync_state_due_idx/, 'what is due is found by its index');
	unlike($plan, qr/Seq Scan|Sort|Hash|Materialize/, 'and nothing is gone through or sorted') or diag($plan);
	unlike($log, qr/Seq Scan on (?!breakers|server_state|client_checks)/, 'nor anything else');
	my @statements = $log =~ /Query Text: (.*)/g;
	my %of = (
		'a lease' => qr/^UPDATE ob.sync_state s SET claimed_until/,
		'a state to begin with' => qr/^SELECT s.cursor/,
		'tokens' => qr/ JOIN ob.tokens /,
		'accounts to compare' => qr/^SELECT connection_id, account_id, name/,
		'a result' => qr/\bUPDATE ob.connections c SET last_sync_at/,
		'a state to end with' => qr/^UPDATE ob.sync_state s SET next_sync_at/,
	);
	foreach my $what (sort keys %of)
	{
		is(scalar(grep { $_ =~ $of{$what} } @statements), 1, "$what: one statement for all") or diag(join "\n", @statements);
	}
	is(scalar(grep { /^INSERT INTO ob.accounts_all/ } @statements), 0, 'accounts that are as they were are not written');
};

done_testing();
