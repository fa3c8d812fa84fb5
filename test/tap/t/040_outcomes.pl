# What was exchanged at the provider becomes a connection, whatever becomes of the statement that asked for it.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $exchange = '/item/public_token/exchange';

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

# The link became a connection with a token, by exactly one exchange.
sub is_linked
{
	my ($link, $before, $name) = @_;
	wait_until("a connection after: $name", sub { link_state($link) =~ /^completed/ });
	my ($connection) = link_state($link) =~ /\|(\d+)$/;
	is(calls($exchange) - $before, 1, "$name: one exchange");
	is(state_of($connection), 'active', "$name: the connection is there");
	is(tokens_of($connection), '1', "$name: its token is there");
	my ($state) = sqlstate_of($node, "SELECT ob.sync($connection)");
	is($state, 'none', "$name: the token works");
	return $connection;
}

subtest 'embedded link, from ob.link to the connection' => sub {
	my ($link, $token) = open_link('emma');
	my ($again, $token_again);
	is(calls_of('/link/token/create', sub { ($again, $token_again) = open_link('emma') }),
		0, 'an open link is not made twice');
	is("$again $token_again", "$link $token", 'it is returned again');
	sql("ALTER SERVER plaid OPTIONS (ADD days_requested '730')");
	isnt((open_link('emma'))[0], $link, 'not with options that the server had before: some hold for life');
	sql("ALTER SERVER plaid OPTIONS (DROP days_requested)");

	my $public = public_token($token);
	like(sql(complete_sql($link, $public)), qr/^\d+\|active\|/, 'completed by link_id');
	is(sql("SELECT state FROM ob.link_status('$link')"), 'completed', 'link_status says so');
	isnt((open_link('emma'))[0], $link, 'the next link is a new one');

	($link, $token) = open_link('eve');
	my $response = JSON::PP->new->encode({ public_token => public_token($token), link_token => $token });
	like(sql("SELECT * FROM ob.link_complete(response => '$response')"), qr/^\d+\|active\|/,
		'completed by the link token in the response');
	like(link_state($link), qr/^completed/, 'it was the right link');
	my ($state) = sqlstate_of($node,
		"SELECT ob.link_complete(response => '{\"link_token\": \"link-sandbox-unknown\", \"public_token\": \"x\"}')");
	is($state, '42704', 'an unknown link token finds no link');
};

subtest 'links that have ended' => sub {
	my ($link, $token) = link_with_token('ada');
	sql(complete_sql($link, $token));
	my ($other, $fresh) = link_with_token('ben');
	is(calls_of($exchange, sub {
		my ($state, $err) = sqlstate_of($node, complete_sql($link, $fresh));
		is($state, '55000', 'a completed link is refused');
		like($err, qr/state: completed, connection: \d+/, 'with the connection it became');

		sql("UPDATE ob.links SET expires_at = now() - interval '1 second' WHERE link_id = '$other'");
		($state, $err) = sqlstate_of($node, complete_sql($other, (link_with_token('bert'))[1]));
		is($state, '55000', 'an expired link is refused, unless the token is its own');
		like($err, qr/state: expired/, 'as expired');

		my ($left) = link_with_token('cleo');
		my $response = '{"error": {"error_code": "INVALID_CREDENTIALS"}}';
		is(sql("SELECT connection_id, status FROM ob.link_complete('$left', '$response')"),
			'|cancelled', 'a journey that failed is no error');
		is(link_state($left), 'cancelled|INVALID_CREDENTIALS|', 'its link is cancelled, with the code');
		($state) = sqlstate_of($node, complete_sql($left, $fresh));
		is($state, '55000', 'a cancelled link is refused');
		my ($given_up) = link_with_token('cora');
		sql(qq{SELECT ob.link_complete('$given_up', '{"error": "the user closed <script>"}')});
		is(link_state($given_up), 'cancelled|cancelled|', 'what is no code is not kept');
	}), 0, 'no exchange');
};

subtest 'the caller undoes its own part' => sub {
	my %callers = (
		'rolled back' => 'BEGIN; %s; ROLLBACK',
		'rolled back to a savepoint' => 'BEGIN; SAVEPOINT s; %s; ROLLBACK TO s; COMMIT',
		'read only' => 'BEGIN READ ONLY; %s; COMMIT',
		'repeatable read' => 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ob.links; %s; COMMIT',
		'serializable' => 'BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM ob.links; %s; COMMIT',
	);
	foreach my $name (sort keys %callers)
	{
		my ($link, $token) = link_with_token("caller $name");
		my $before = calls($exchange);
		like(sql(sprintf $callers{$name}, complete_sql($link, $token)), qr/\d+\|active\|/, "$name: linked");
		is_linked($link, $before, $name);
	}

	sql(q{CREATE FUNCTION complete_and_fail(link text, response jsonb) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN PERFORM ob.link_complete(link, response); RAISE 'changed my mind'; END $$});
	my ($link, $token) = link_with_token('caller raises');
	my $before = calls($exchange);
	my ($state, $err) = sqlstate_of($node, "SELECT complete_and_fail('$link', '{\"public_token\": \"$token\"}')");
	is($state, 'P0001', 'a function raised after link_complete');
	is_linked($link, $before, 'a function raised');
};

subtest 'the caller ends first' => sub {
	# The provider has answered, the worker is held.
	foreach my $end ('pg_cancel_backend', 'pg_terminate_backend')
	{
		my ($link, $token) = link_with_token("$end after");
		my $before = calls($exchange);
		my $session = OpenBanking::Session->new($node);
		$session->value("SET openbanking.test_crash_point = 'exchange_answered:hold'");
		$session->begin(complete_sql($link, $token));
		wait_until('the answer', sub { calls($exchange) > $before });
		my $pid = $session->pid;
		sql("SELECT $end($pid)");
		my $result = $session->finish;
		isnt($result->{state} . ($result->{lost} ? 'lost' : ''), 'none',
			"$end: the caller has ended with the answer on its way");
		is(phase_of($link), 'intent', "$end: nothing was recorded then");
		is_linked($link, $before, "$end after the answer");
	}

	# The provider takes its time.
	control($url, 'latency', { path => "/plaid$exchange", ms => 800 });
	foreach my $end ('timeout', 'pg_terminate_backend')
	{
		my ($link, $token) = link_with_token("$end before");
		my $before = calls($exchange);
		my $session = OpenBanking::Session->new($node);
		$session->value(q{SET statement_timeout = '300ms'}) if $end eq 'timeout';
		$session->begin(complete_sql($link, $token));
		wait_until('the call', sub { calls($exchange) > $before });
		my $pid = $session->pid;
		sql("SELECT pg_terminate_backend($pid)") if $end ne 'timeout';
		my $result = $session->finish;
		isnt($result->{state} . ($result->{lost} ? 'lost' : ''), 'none', "$end: the caller has ended before the answer");
		like(link_state($link), qr/^open/, "$end: the link is still open then");
		is_linked($link, $before, "$end before the answer");
	}
	control($url, 'latency', { path => "/plaid$exchange", ms => undef });
};

subtest 'what is not committed' => sub {
	my ($link, $token) = link_with_token('hasty');
	is(calls_of($exchange, sub {
		my ($state, $err) = sqlstate_of($node,
			"BEGIN; ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (SET client_secret 'sandbox-secret'); "
			. complete_sql($link, $token) . '; COMMIT');
		is($state, '55000', 'a mapping altered in the same transaction');
		like($err, qr/Commit first/, 'the hint says what to do');
		($state, $err) = sqlstate_of($node, "BEGIN; ALTER SERVER plaid OPTIONS (SET client_name 'Other'); "
			. complete_sql($link, $token) . '; COMMIT');
		is($state, '55000', 'a server altered in the same transaction');

		($state, $err) = sqlstate_of($node, qq{BEGIN;
			CREATE SERVER fresh FOREIGN DATA WRAPPER openbanking
				OPTIONS (provider 'plaid', environment 'sandbox', api_url '$url/plaid', client_name 'Test');
			CREATE USER MAPPING FOR PUBLIC SERVER fresh
				OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
			SELECT ob.sandbox_link('fresh', 'hasty'); COMMIT});
		is($state, '55000', 'a server created in the same transaction');
		like($err, qr/Commit first/, 'the hint says what to do');

		# The link, too.
		my $session = OpenBanking::Session->new($node);
		$session->value('BEGIN');
		my $made = $session->value(q{SELECT link_id, token FROM ob.link('plaid', 'hastier', '{"mode": "embedded"}')});
		my ($own, $link_token) = split /\|/, $made;
		my $result = $session->query(complete_sql($own, public_token($link_token)));
		is($result->{state}, '55000', 'a link made in the same transaction');
		like($result->{err}, qr/Commit ob.link first/, 'the hint says what to do');
		$session->quit;
	}), 0, 'no exchange');
	my $before = calls($exchange);
	sql(complete_sql($link, $token));
	is_linked($link, $before, 'once all is committed');
};

subtest 'a public token is exchanged once' => sub {
	my ($link, $token) = link_with_token('first');
	my ($second) = link_with_token('second');
	my $before = calls($exchange);
	sql(complete_sql($link, $token));
	my ($state) = sqlstate_of($node, complete_sql($second, $token));
	is($state, '55000', 'the same token for another link is refused');
	is_linked($link, $before, 'same token twice');

	# Two sessions at once, and a third while the call is under way: all have the same row.
	control($url, 'latency', { path => "/plaid$exchange", ms => 1500 });
	($link, $token) = link_with_token('both');
	$before = calls($exchange);
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 3;
	$_->begin(complete_sql($link, $token)) for @sessions[ 0, 1 ];
	wait_until('the call', sub { calls($exchange) > $before });
	is(sql("SELECT state FROM ob.link_status('$link')"), 'open', 'link_status leaves a call in flight alone');
	$sessions[2]->begin(complete_sql($link, $token));
	my @rows = map { $_->finish->{out} } @sessions;
	like($rows[0], qr/^\d+\|active\|First Platypus Bank\|\|$/, 'one of several sessions links');
	is($rows[$_], $rows[0], 'another has the same row') for 1, 2;
	is_linked($link, $before, 'several sessions at once');

	# With less patience than the call takes.
	($link, $token) = link_with_token('watched');
	$before = calls($exchange);
	$sessions[0]->begin(complete_sql($link, $token));
	wait_until('the call', sub { calls($exchange) > $before });
	like($sessions[1]->value("SET openbanking.claim_timeout = '50ms'; " . complete_sql($link, $token)),
		qr/^\|waiting\|\|\|another session/, 'told to wait after claim_timeout');
	like($sessions[0]->finish->{out}, qr/\|active\|/, 'the first ends well');
	is_linked($link, $before, 'watched by others');
	control($url, 'latency', { path => "/plaid$exchange", ms => undef });
};

subtest 'a refused public token' => sub {
	my ($link, $token) = link_with_token('rita');
	my $before = calls($exchange);
	my ($state) = sqlstate_of($node, complete_sql($link, 'public-sandbox-never-made'));
	is($state, 'OB004', 'refused');
	is(calls($exchange) - $before, 1, 'by the provider');
	like(link_state($link), qr/^open/, 'the link stays open');
	is(sql("SELECT phase, failure ->> 'sqlstate', sealed IS NULL FROM ob.outcomes WHERE link_id = '$link'"),
		'failed|OB004|t', 'the failure is recorded');
	is(sql("SELECT request ->> 'user_ref', jsonb_path_exists(failure, '\$.* ? (\@.type() == \"number\")') "
			. "FROM ob.outcomes WHERE link_id = '$link'"), '|f', 'without the person, and without bare numbers');
	is(sql("SELECT action, server, success, details ->> 'sqlstate' FROM ob.audit_log ORDER BY id DESC LIMIT 1"),
		'TOKEN_EXCHANGED|plaid|f|OB004', 'and audited');
	$before = calls($exchange);
	sql(complete_sql($link, $token));
	is_linked($link, $before, 'the right token then');
};

subtest 'an answer that was lost' => sub {
	# The call never took effect: the token is still good.
	my ($link, $token) = link_with_token('lost 1');
	control($url, 'faults', { kind => 'cut', path => "/plaid$exchange", takes_effect => JSON::PP::false });
	my ($state) = sqlstate_of($node, complete_sql($link, $token));
	is($state, 'OB011', 'nobody knows whether it was exchanged');
	is(phase_of($link), 'intent', 'the intent stays');
	is(sql("SELECT state FROM ob.link_status('$link')"), 'completed', 'link_status tries once more: linked');
	($link, $token) = link_with_token('lost 2');
	control($url, 'faults', { kind => 'cut', path => "/plaid$exchange", takes_effect => JSON::PP::false });
	($state) = sqlstate_of($node, complete_sql($link, $token));
	is($state, 'OB011', 'once more');
	like(sql(complete_sql($link, $token)), qr/^\d+\|active\|/, 'the application may simply repeat link_complete');

	# It did take effect: the token is used up, what it brought is gone.
	($link, $token) = link_with_token('lost 3');
	control($url, 'faults', { kind => 'cut', path => "/plaid$exchange" });
	($state) = sqlstate_of($node, complete_sql($link, $token));
	is($state, 'OB011', 'nobody knows whether it was exchanged');
	is(sql("SELECT state, reason FROM ob.link_status('$link')"), 'failed|outcome_unknown',
		'the second try says that it was: the link has failed');
	is(sql("SELECT count(*) FROM ob.outcomes WHERE phase IN ('intent', 'answered', 'recorded')"), '0',
		'nothing stays open');

	# A bank that is away while the outcome is looked for settles nothing.
	($link, $token) = link_with_token('lost 4');
	control($url, 'faults', { kind => 'cut', path => "/plaid$exchange", takes_effect => JSON::PP::false, count => 2 });
	($state) = sqlstate_of($node, complete_sql($link, $token));
	is(sql("SELECT state FROM ob.link_status('$link')"), 'open', 'the provider is away: still open');
	is(sql("SELECT state FROM ob.link_status('$link')"), 'completed', 'it is back: linked');
	control($url, 'faults', { clear => JSON::PP::true });
};

subtest 'an answer that cannot be recorded at once' => sub {
	my ($link, $token) = link_with_token('patient');
	my $before = calls($exchange);
	my $session = OpenBanking::Session->new($node);
	$session->value(q{SET openbanking.test_crash_point = 'exchange_answered:hold'});
	$session->begin(complete_sql($link, $token));
	wait_until('the answer', sub { calls($exchange) > $before });
	my $admin = OpenBanking::Session->new($node);
	$admin->value('BEGIN; LOCK TABLE ob.outcomes IN EXCLUSIVE MODE');
	$node->wait_for_log(qr/the answer of outcome \d+ cannot be recorded yet/);
	$admin->value('COMMIT');
	like($session->finish->{out}, qr/\d+\|active\|/,
		'a table was locked for longer than the worker waits: linked all the same');
	is_linked($link, $before, 'recorded late');
};

subtest 'no secret outside sealed columns' => sub {
	my ($link, $token) = link_with_token('secretive');
	sql(complete_sql($link, $token));
	foreach my $table (qw(outcomes audit_log links connections sync_state))
	{
		is(sql("SELECT count(*) FROM ob.$table t WHERE t::text ~ '(public|access|link)-sandbox-'"), '0',
			"none in ob.$table");
	}
	unlike(slurp_file($node->logfile), qr/access-sandbox-/, 'none in the log');
};

done_testing();
