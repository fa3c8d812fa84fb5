# What a provider has answered and the database does not take, at once or for good: nothing is lost in silence.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(sleep);

my $exchange = '/item/public_token/exchange';
my $remove = '/item/remove';

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

sub items { return map { $_->{item}{item_id} } @{ control($url, 'dump', { transactions => JSON::PP::false })->{plaid}{items} }; }

# A link whose bank login is, as the provider has it, that connection's: (link_id, public token).
sub link_again
{
	my ($user, $connection) = @_;
	my %before = map { $_ => 1 } items();
	my @link = link_with_token($user);
	my ($item) = grep { !$before{$_} } items();
	sql("UPDATE ob.connections SET provider_connection_id = '$item' WHERE id = $connection");
	return @link;
}

# Makes writing to a table fail with an SQLSTATE. By a trigger that is there all the time: a caller that waits holds the
# tables it has read.
sql(q{
	CREATE TABLE refusals (name text, state text);
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	DECLARE refusal text := (SELECT state FROM public.refusals WHERE name = TG_TABLE_NAME);
	BEGIN
		IF refusal IS NOT NULL THEN RAISE 'refused by a trigger' USING ERRCODE = refusal; END IF;
		RETURN NEW;
	END $$;
	CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON ob.connections FOR EACH ROW EXECUTE FUNCTION refuse();
	CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON ob.outcomes FOR EACH ROW EXECUTE FUNCTION refuse();
	CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON ob.accounts_all FOR EACH ROW EXECUTE FUNCTION refuse();
});
sub refuse { sql("INSERT INTO refusals VALUES ('$_[0]', '$_[1]')"); return; }
sub accept_again { sql('DELETE FROM refusals'); return; }

subtest 'an item that the same user has linked already' => sub {
	my $connection = link_bank($node, 'again');
	sql("SELECT ob.sync($connection)");
	control($url, 'plaid/items/set', { item_id => item_of($connection), error => 'ITEM_LOGIN_REQUIRED' });
	sqlstate_of($node, "SELECT ob.sync($connection)");
	wait_until('the state', sub { state_of($connection) eq 'reauth_required' });
	my $accounts = sql("SELECT count(*) FROM ob.accounts_all WHERE connection_id = $connection");

	my ($link, $token) = link_again('again', $connection);
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value("SELECT 1 FROM ob.connections WHERE id = $connection FOR UPDATE");
	is(calls_of($exchange, sub {
		like($session->value(complete_sql($link, $token, { allow_duplicate => JSON::PP::true })),
			qr/^$connection\|active\|First Platypus Bank\|\|.*already.*new token/, 'its connection, and a word of it');
	}), 1, 'one exchange');
	is(phase_of($link), 'recorded', 'the change waits for the caller');
	is(state_of($connection), 'reauth_required', 'who holds the row');
	$session->value('ROLLBACK');
	wait_until('the change', sub { state_of($connection) eq 'active' });
	is(phase_of($link), 'done', 'it is applied, whatever became of the caller');
	is(sql("SELECT error_code IS NULL AND failing_since IS NULL AND reauth_reason IS NULL FROM ob.connections "
			. "WHERE id = $connection"), 't', 'nothing is wrong with the connection any more');
	is(link_state($link), "completed||$connection", 'the link is completed');
	is(sql("SELECT string_agg(action, ' ' ORDER BY id) FROM (SELECT id, action FROM ob.audit_log "
			. "WHERE connection_id = $connection ORDER BY id DESC LIMIT 2) a"), 'TOKEN_EXCHANGED REAUTHORIZED', 'audited');
	is((sqlstate_of($node, "SELECT ob.sync($connection)"))[0], 'none', 'the new token works');
	is(sql("SELECT count(*) FROM ob.connections WHERE user_ref = 'again'"), '1', 'no second connection');
	is(sql("SELECT count(*) > $accounts FROM ob.accounts_all WHERE connection_id = $connection"), 't',
		'what it had is still there');
};

subtest 'an item that another user has linked' => sub {
	my $connection = link_bank($node, 'owner');
	my $before = sql("SELECT md5(string_agg(sealed::text, '')) FROM ob.tokens WHERE subject = 'connection:$connection'");
	my ($link, $token) = link_again('stranger', $connection);
	my ($state, $err) = sqlstate_of($node, complete_sql($link, $token));
	is($state, '42501', 'refused');
	like($err, qr/linked already, for another user/, 'it says why');
	unlike($err, qr/owner|connection \d/, 'and not whose it is');
	is(link_state($link), 'failed|linked_elsewhere|', 'the link has failed');
	is(sql("SELECT phase, failure ->> 'sqlstate', sealed IS NOT NULL FROM ob.outcomes WHERE link_id = '$link'"),
		'failed|42501|t', 'the outcome too, for good; the answer is kept, sealed');
	is(sql("SELECT action, success, details ->> 'sqlstate' FROM ob.audit_log ORDER BY id DESC LIMIT 1"),
		'TOKEN_EXCHANGED|f|42501', 'audited');
	is(sql("SELECT md5(string_agg(sealed::text, '')) FROM ob.tokens WHERE subject = 'connection:$connection'"), $before,
		'the other connection is untouched');
	is(calls_of($exchange, sub { sql('CALL ob.sync_due()') }), 0, 'nothing is tried again');
};

subtest 'the database refuses the connection for good' => sub {
	my ($link, $token) = link_with_token('refused');
	refuse('connections', '23514');
	is(calls_of($exchange, sub {
		my ($state, $err) = sqlstate_of($node, complete_sql($link, $token));
		like($err, qr/refused by a trigger.*SQLSTATE 23514/s, 'the caller is told at once');
	}), 1, 'one exchange');
	accept_again();
	is(link_state($link), 'failed|not_recorded|', 'the link has failed');
	is(sql("SELECT phase, sealed IS NOT NULL FROM ob.outcomes WHERE link_id = '$link'"), 'failed|t',
		'the answer is kept, sealed');
	is(sql("SELECT action, server, success FROM ob.audit_log ORDER BY id DESC LIMIT 1"), 'TOKEN_EXCHANGED|plaid|f',
		'audited');
	is(calls_of($exchange, sub { sql('CALL ob.sync_due()') }), 0, 'nothing is tried again');
};

subtest 'the database refuses what was only looked at' => sub {
	foreach my $state ('23514', '22003', 'XX000')
	{
		my ($link, $token) = link_with_token("onlooker $state");
		refuse('accounts_all', $state);
		my $row;
		is(calls_of($exchange, sub { $row = sql(complete_sql($link, $token)) }), 1, "$state: one exchange");
		accept_again();
		like($row, qr/^\d+\|active\|\|\|$/, "$state: the connection is there, without accounts and name");
		my ($connection) = $row =~ /^(\d+)/;
		is(link_state($link), "completed||$connection", "$state: the link is completed");
		is(tokens_of($connection), '1', "$state: so is its token");
		sql("SELECT ob.sync($connection)");
		is(sql("SELECT institution_name, count(*) FROM ob.accounts WHERE connection_id = $connection GROUP BY 1"),
			'First Platypus Bank|3', "$state: the first sync brings the rest");
	}
};

subtest 'trouble that passes' => sub {
	my $session = OpenBanking::Session->new($node);
	my ($link, $token);
	foreach my $case ([ '53100', 'a full disk' ], [ 'XX000', 'a defect' ], [ '0A000', 'a plan gone stale' ])
	{
		my ($state, $name) = @$case;
		($link, $token) = link_with_token("patient $state");
		refuse('connections', $state);
		my $offset = -s $node->logfile;
		$session->begin(complete_sql($link, $token));
		$node->wait_for_log(qr/the connection of outcome \d+ cannot be recorded yet/, $offset);
		ok(!$session->ended, "$name: tried again");
		accept_again();
		like($session->finish->{out}, qr/^\d+\|active\|/, "$name: until it is over");
	}

	# The answer itself cannot be recorded, not for want of anything that passes, and for longer than the caller waits.
	($link, $token) = link_with_token('impatient');
	$session->value(q{SET openbanking.claim_timeout = '300ms'});
	my $before = calls($exchange);
	$session->value(q{SET openbanking.test_crash_point = 'exchange_answered:hold'});
	$session->begin(complete_sql($link, $token));
	wait_until('the answer', sub { calls($exchange) > $before });
	refuse('outcomes', '23514');
	my $result = $session->finish;
	is($result->{state}, 'OB011', 'the caller is told that the outcome is unknown');
	like($result->{err}, qr/cannot be recorded yet/, 'and why');
	is(phase_of($link), 'intent', 'nothing is recorded');
	like($session->query(complete_sql($link, $token))->{out}, qr/^\|waiting\|/, 'asked again: to be waited for');
	accept_again();
	wait_until('the record', sub { link_state($link) =~ /^completed/ });
	is(calls($exchange) - $before, 1, 'the worker has kept the answer all the while');
	my ($connection) = link_state($link) =~ /\|(\d+)$/;
	is((sqlstate_of($node, "SELECT ob.sync($connection)"))[0], 'none', 'it works');
};

subtest 'a removal that is given up' => sub {
	my $connection = link_bank($node, 'leaver');
	sql("UPDATE ob.sync_state SET next_sync_at = now() WHERE connection_id = $connection");
	my $session = OpenBanking::Session->new($node);
	$session->value(q{SET openbanking.test_crash_point = 'remove_intent'});
	$session->query("SELECT ob.disconnect($connection)");
	wait_for_restart();
	control($url, 'faults', { kind => 'cut', path => "/plaid$remove", takes_effect => JSON::PP::false, count => 0 });
	sql('CALL ob.sync_due()');
	is(state_of($connection) . phase_of($connection), 'activeintent', 'the provider is away: it stays open');
	sql("UPDATE ob.outcomes SET created_at = now() - interval '25 hours' WHERE connection_id = $connection");
	sql('CALL ob.sync_due()');
	control($url, 'faults', { clear => JSON::PP::true });
	is(phase_of($connection), 'failed done', 'after a day it is given up');
	is(sql("SELECT state, error_code, failing_since IS NOT NULL FROM ob.connections WHERE id = $connection"),
		'error|DISCONNECT_FAILED|t', 'the connection shows it');
	like(sql("SELECT what_to_do FROM ob.connection_status WHERE connection_id = $connection"), qr/disconnect it again/,
		'and what to do');
	is(sql("SELECT action, server, success FROM ob.audit_log WHERE connection_id = $connection AND action = 'DISCONNECTED'"),
		'DISCONNECTED|plaid|f', 'audited');
	is(tokens_of($connection), '1', 'the token is kept');
	is(calls_of('/transactions/sync', sub { sql('CALL ob.sync_due()') }), 0, 'the bank is read no longer');
	is((sqlstate_of($node, $_))[0], '55000', "nor by $_: somebody wanted it gone")
	  foreach "SELECT ob.retry($connection)", "SELECT ob.sync($connection)", "CALL ob.sync_now($connection)";
	sql("SELECT ob.disconnect($connection)");
	is(state_of($connection), 'disconnected', 'disconnected again, now it can');
};

subtest 'an outcome that has ended is never reopened' => sub {
	my ($link, $token) = link_with_token('ended');
	my $session = OpenBanking::Session->new($node);
	my $before = calls($exchange);
	$session->value(q{SET openbanking.test_crash_point = 'exchange_answered:hold'});
	$session->begin(complete_sql($link, $token));
	wait_until('the answer', sub { calls($exchange) > $before });
	sql("UPDATE ob.outcomes SET phase = 'failed' WHERE link_id = '$link'");
	$node->wait_for_log(qr/is not in the phase for this step/);
	is(phase_of($link), 'failed', 'it stays failed');
	$session->value('SELECT 1') if $session->ended;
	kill 'TERM', workers();
};

subtest 'a worker ends, and its slot goes to another session' => sub {
	my $tight = new_node('tight', $url, { max_worker_processes => 1, max_logical_replication_workers => 0 });
	set_up_plaid($tight, $url);
	links_at($tight, $url);
	my ($link, $token) = link_with_token('unlucky');
	control($url, 'latency', { path => "/plaid$exchange", ms => 8000 });
	my ($first, $second) = map { OpenBanking::Session->new($tight) } 1 .. 2;
	my $before = calls($exchange);
	$first->value(q{SET openbanking.claim_timeout = '200ms'});
	$first->begin(complete_sql($link, $token));
	wait_until('the call', sub { calls($exchange) > $before });
	# While the first caller stands still, its worker ends without an answer and the second takes the only slot.
	kill 'STOP', $first->pid;
	sql('SELECT pg_terminate_backend(' . join(',', workers()) . ')');
	wait_until('the end of the worker', sub { !workers() });
	control($url, 'latency', { path => "/plaid$exchange", ms => undef });
	$second->value("SELECT ob.sandbox_link('plaid', 'lucky')");
	kill 'CONT', $first->pid;
	my $result = $first->finish;
	is($result->{state}, 'OB011', 'nobody can find out: the outcome is unknown');
	is(phase_of($link), 'intent', 'and stays open');
	$second->quit;
	like(sql("SELECT state FROM ob.link_status('$link')"), qr/^(completed|failed)$/, 'until somebody can');
	$tight->stop;
};

done_testing();
