# Replacing an access token: never without a working one in hand, or it is said that there is none.
use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;

my $json = JSON::PP->new->canonical;
my $rotate = '/item/access_token/invalidate';

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

# (connection, its access token)
sub connection_with_token
{
	my ($user) = @_;
	my $item = control($url, 'plaid/items/create', {})->{items}[0];
	my $credentials = $json->encode({ access_token => $item->{access_token} });
	return (sql("SELECT connection_id FROM ob.adopt_connection('plaid', '$user', '$credentials')"), $item->{access_token});
}

# Whether the provider still takes a token.
sub works
{
	my ($token) = @_;
	return HTTP::Tiny->new->post("$url/plaid/item/get", {
		headers => { 'Content-Type' => 'application/json', 'PLAID-CLIENT-ID' => 'sandbox-client',
			'PLAID-SECRET' => 'sandbox-secret' },
		content => $json->encode({ access_token => $token }) })->{success} ? 1 : 0;
}

sub can_sync { return (sqlstate_of($node, "SELECT ob.sync($_[0])"))[0]; }
sub rotating { return "SELECT ob.rotate_access_token($_[0])"; }
sub audited
{
	return sql("SELECT action, server, success, details ->> 'sqlstate' FROM ob.audit_log WHERE connection_id = $_[0] "
		  . "AND action LIKE 'TOKEN_REFRESH%' ORDER BY id DESC LIMIT 1");
}
sub fault
{
	my (%more) = @_;
	return control($url, 'faults', { kind => 'cut', path => "/plaid$rotate", %more });
}

sub is_rotated
{
	my ($connection, $old, $name) = @_;
	wait_until("the token after: $name", sub { phase_of($connection) eq 'done' });
	is(works($old), 0, "$name: the old token is dead");
	is(can_sync($connection), 'none', "$name: the new one works");
	is(audited($connection), 'TOKEN_REFRESHED|plaid|t|', "$name: audited");
	return;
}

subtest 'whatever becomes of the transaction' => sub {
	my %callers = ('committed' => '%s', 'rolled back' => 'BEGIN; %s; ROLLBACK', 'read only' => 'BEGIN READ ONLY; %s; COMMIT',
		'serializable' => 'BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM ob.connections; %s; ROLLBACK');
	foreach my $name (sort keys %callers)
	{
		my ($connection, $token) = connection_with_token($name);
		is(calls_of($rotate, sub { like(sql(sprintf $callers{$name}, rotating($connection)), qr/^rotated$/m, $name) }), 1,
			"$name: one call");
		is_rotated($connection, $token, $name);
	}
	my ($connection, $token) = connection_with_token('cancelled');
	control($url, 'latency', { path => "/plaid$rotate", ms => 500 });
	my $before = calls($rotate);
	my $session = OpenBanking::Session->new($node);
	$session->begin(rotating($connection));
	wait_until('the call', sub { calls($rotate) > $before });
	my $pid = $session->pid;
	sql("SELECT pg_cancel_backend($pid)");
	is($session->finish->{state}, '57014', 'cancelled');
	is_rotated($connection, $token, 'cancelled');

	# A sync waits for it.
	control($url, 'latency', { path => "/plaid$rotate", ms => 2000 });
	($connection, $token) = connection_with_token('busy');
	$before = calls($rotate);
	$session->begin(rotating($connection));
	wait_until('the call', sub { calls($rotate) > $before });
	is(sql("SET openbanking.claim_timeout = '50ms'; SELECT status FROM ob.sync($connection)"), 'busy',
		'no sync runs meanwhile');
	is((sqlstate_of($node, "SET openbanking.claim_timeout = '50ms'; " . rotating($connection)))[0], '55000',
		'nor another rotation');
	is($session->finish->{out}, 'rotated', 'it ends well');
	control($url, 'latency', { path => "/plaid$rotate", ms => undef });
};

subtest 'a refusal' => sub {
	my ($connection, $token) = connection_with_token('refused');
	control($url, 'faults', { kind => 'error', path => "/plaid$rotate", code => 'INVALID_API_KEYS' });
	is((sqlstate_of($node, rotating($connection)))[0], 'OB005', 'is raised');
	is(phase_of($connection), 'failed', 'recorded');
	is(audited($connection), 'TOKEN_REFRESH_FAILED|plaid|f|OB005', 'audited');
	sql(q{SELECT ob.retry_credentials('plaid')});
	is(can_sync($connection) . works($token), 'none1', 'the token is as before');

	sql("SELECT ob.disconnect($connection)");
	is(calls_of($rotate, sub { is((sqlstate_of($node, rotating($connection)))[0], '55000', 'a disconnected one') }), 0,
		'has nothing to rotate');
};

subtest 'an answer that was lost' => sub {
	my ($connection, $token) = connection_with_token('spared');
	fault(takes_effect => JSON::PP::false);
	my ($state, $err) = sqlstate_of($node, rotating($connection));
	is($state, 'OB001', 'the call never took effect: not replaced');
	like($err, qr/the old one still works/, 'it says so');
	is(phase_of($connection) . audited($connection), 'failedTOKEN_REFRESH_FAILED|plaid|f|OB001', 'recorded and audited');
	is(can_sync($connection) . state_of($connection), 'noneactive', 'the connection is as before');

	($connection, $token) = connection_with_token('lost');
	fault();
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value("SELECT 1 FROM ob.connections WHERE id = $connection FOR UPDATE");
	$session->value('SAVEPOINT s');
	my $result = $session->query(rotating($connection));
	$session->value('ROLLBACK TO s');
	is($result->{state}, 'OB011', 'it did take effect: the new token is lost');
	like($result->{err}, qr/must link the bank again/, 'the hint says what to do');
	is(state_of($connection), 'active', 'the row is the caller\'s until it ends');
	is((sqlstate_of($node, "SELECT ob.sync($connection)"))[0], 'OB006', 'others know better');
	$session->value('ROLLBACK');
	wait_until('the state', sub { state_of($connection) eq 'reauth_required' });
	is(sql("SELECT reauth_reason, error_code FROM ob.connections WHERE id = $connection"), 'outcome_unknown|OB011',
		'the connection needs its user');
	is(phase_of($connection), 'failed done', 'nothing stays open');
	is(audited($connection), 'TOKEN_REFRESH_FAILED|plaid|f|OB011', 'audited');
	is(sql("SELECT action, server FROM ob.audit_log WHERE connection_id = $connection ORDER BY id DESC LIMIT 1"),
		'REAUTH_REQUIRED|plaid', 'what it means for the connection, too');

	# Nor can the provider be asked what became of it.
	($connection, $token) = connection_with_token('in the dark');
	fault();
	control($url, 'faults', { kind => 'error', path => '/plaid/item/get', code => 'INTERNAL_SERVER_ERROR', count => 0 });
	is((sqlstate_of($node, rotating($connection)))[0], 'OB008', 'the provider is away');
	is(phase_of($connection) . state_of($connection), 'intentactive', 'it stays open');
	sql('CALL ob.sync_due()');
	is(phase_of($connection) . state_of($connection), 'intentactive', 'as long as nobody can tell');
	is(calls_of('/transactions/sync', sub {
		is(sql("SELECT status FROM ob.sync($connection)"), 'busy', 'nor is it read meanwhile');
	}), 0, 'with a token that may be dead');
	control($url, 'faults', { clear => JSON::PP::true });
	sql('CALL ob.sync_due()');
	is(phase_of($connection) . state_of($connection), 'failed donereauth_required', 'it is back: found out');
};

subtest 'a rotation that goes on without its caller' => sub {
	my ($connection, $token) = connection_with_token('left alone');
	sql("SELECT ob.sync($connection)");
	control($url, 'latency', { path => "/plaid$rotate", ms => 4000 });
	my $before = calls($rotate);
	my $session = OpenBanking::Session->new($node);
	$session->begin(rotating($connection));
	wait_until('the call', sub { calls($rotate) > $before });
	sql('SELECT pg_cancel_backend(' . $session->pid . ')');
	is($session->finish->{state}, '57014', 'the caller is cancelled');
	is(phase_of($connection), 'intent', 'the call is under way');

	$session->value(q{SET openbanking.claim_timeout = '50ms'});
	is(calls_of('/transactions/sync', sub {
		is($session->value("SELECT status FROM ob.sync($connection)"), 'busy', 'ob.sync: busy');
		like($session->query("CALL ob.sync_now($connection)")->{err}, qr/connection $connection .*: busy/, 'ob.sync_now: busy');
		sql("UPDATE ob.sync_state SET next_sync_at = now() WHERE connection_id = $connection");
		like($session->query(q{CALL ob.sync_due(user_ref => 'left alone')})->{err}, qr/0 connections/, 'ob.sync_due passes it over');
	}), 0, 'the bank is not read');
	is(calls_of('/item/remove', sub {
		my $result = $session->query("SELECT ob.disconnect($connection)");
		is($result->{state}, '55000', 'ob.disconnect: refused');
		like($result->{err}, qr/token of connection $connection is being replaced.*Try again later/s, 'it says why');
	}), 0, 'nothing is removed');
	is($session->query(rotating($connection))->{state}, '55000', 'a second rotation: refused');
	is(phase_of($connection), 'intent', 'all that while the call was under way');
	is(can_sync($connection), 'none', 'with patience: synced afterwards');
	control($url, 'latency', { path => "/plaid$rotate", ms => undef });
	is(calls($rotate) - $before, 1, 'one rotation');
	is_rotated($connection, $token, 'without its caller');
	is(state_of($connection), 'active', 'nothing is wrong with the connection');
	is(sql("SELECT ob.disconnect($connection)"), 'disconnected', 'it can be disconnected');
};

my %crashes = (
	rotate_intent => { calls => 0, phase => 'intent', after => 'failed', state => 'active', sync => 'none' },
	rotate_answered => { calls => 1, phase => 'intent', after => 'failed done', state => 'reauth_required', sync => 'OB006' },
	rotate_recorded => { calls => 1, phase => 'answered', after => 'done', state => 'active', sync => 'none' },
);
foreach my $point (sort keys %crashes)
{
	foreach my $way ('sync', 'sync_due', 'rotate again')
	{
		subtest "killed at $point, resolved by $way" => sub {
			my $expected = $crashes{$point};
			my ($connection, $token) = connection_with_token("$point $way");
			my $before = calls($rotate);
			my $offset = -s $node->logfile;
			my $session = OpenBanking::Session->new($node);
			$session->value("SET openbanking.test_crash_point = '$point'");
			ok($session->query(rotating($connection))->{lost}, 'the session is lost');
			$node->wait_for_log(qr/was terminated by signal 9/, $offset);
			wait_for_restart();
			is(calls($rotate) - $before, $expected->{calls}, 'calls before the crash');
			is(phase_of($connection), $expected->{phase}, 'what is recorded');
			if ($way eq 'rotate again')
			{
				my ($state) = sqlstate_of($node, rotating($connection));
				is($state, $expected->{state} eq 'active' ? 'none' : 'OB004', 'rotated again, if there is a token');
				is((split / /, phase_of($connection))[0], (split / /, $expected->{after})[0], 'the first has ended');
			}
			else
			{
				sql('CALL ob.sync_due()') if $way eq 'sync_due';
				is(can_sync($connection), $expected->{sync}, 'the connection works, or says that it does not');
				is(phase_of($connection), $expected->{after}, 'found out');
			}
			is(state_of($connection), $expected->{state}, 'its state');
			is(calls($rotate) - $before, $expected->{calls} + ($way eq 'rotate again' ? 1 : 0), 'never repeated blindly');
		};
	}
}

done_testing();
