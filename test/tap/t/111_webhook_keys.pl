# The keys that webhooks are checked with: fetched once, kept, renewed, and not to be used against us.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use OpenBanking::Webhooks;
use Test::More;
use Time::HiRes qw(sleep time);

my $endpoint = '/webhook_verification_key/get';
my $url = start_sandbox();
my $node = new_node('main', $url, { max_connections => 100, max_worker_processes => 16, wal_level => 'replica', max_wal_senders => 4 });
set_up_plaid($node, $url);
links_at($node, $url);
webhooks_at($node, $url);
sql(q{CREATE ROLE hook; SELECT ob.grant_webhook('hook'); GRANT USAGE ON FOREIGN SERVER plaid TO hook});

my $body = webhook_body({ webhook_type => 'LINK', webhook_code => 'EVENTS', events => [] });
sub new_key { return control($url, 'plaid/webhooks/rotate_key', { expire_old => JSON::PP::false })->{kid}; }
sub check_sql { return 'SELECT verified, reason FROM ' . receive_sql($_[0], $_[1] // $body, '', 'webhook_check'); }
sub check { return sql(check_sql(@_)); }
sub age { sql("UPDATE ob.webhook_keys SET checked_at = now() - interval '$_[0]', asked_at = now() - interval '$_[0]'"); return; }
sub forget { sql('DELETE FROM ob.webhook_keys'); return; }
sub down { control($url, 'faults', { kind => 'status', status => 503, body => 'no', path => "/plaid$endpoint", count => 0, @_ }); return; }
sub up { control($url, 'faults', { clear => JSON::PP::true }); return; }

subtest 'a thousand deliveries, one fetch' => sub {
	new_key();
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 20;
	my $header = sign($body);
	control($url, 'faults', { kind => 'delay', path => "/plaid$endpoint", ms => 300 });
	my $calls = check_sql($header);
	$calls = qq{DO \$\$ BEGIN FOR i IN 1..50 LOOP IF (SELECT verified FROM (} . $calls . qq{) c) THEN ELSE RAISE 'not verified'; END IF; END LOOP; END \$\$};
	is(calls_of($endpoint, sub {
		$_->begin($calls) foreach @sessions;
		is(join(' ', map { $_->finish->{state} } @sessions), join(' ', ('none') x 20), 'all of twenty times fifty verify');
	}), 1, 'by one call');
	up();
};

subtest 'kept, whatever becomes of the caller' => sub {
	new_key();
	my $header = sign($body);
	is(calls_of($endpoint, sub {
		is(sql('BEGIN READ ONLY; ' . check_sql($header) . '; ROLLBACK'), 't|', 'a key that is new, in a read-only transaction');
		is(sql('BEGIN; ' . check_sql($header) . '; ROLLBACK'), 't|', 'rolled back');
		is(sql('SET ROLE hook; ' . check_sql($header)), 't|', 'by a role that only hands in webhooks');
	}), 1, 'fetched once');
};

subtest 'while the provider is down' => sub {
	my $header = sign($body);
	down();
	is(check($header), 't|', 'a key that is known works');
	age('13 hours');
	is(calls_of($endpoint, sub { is(check($header), 't|', 'also after twelve hours') }), 1, 'a newer word is asked for');
	is(calls_of($endpoint, sub { is(check($header), 't|', 'and not again at once') }), 0, 'for a while');
	age('25 hours');
	is(check($header), 'f|key_not_fetched', 'not after a day');
	is(sql('SELECT status, http_status FROM ' . receive_sql($header, $body)), 'unavailable|503', 'the provider is to send again');
	is(sql('SELECT count(*) FROM ob.webhook_events'), '0', 'nothing is stored');
	like(sql('SELECT key_failure FROM ob.webhook_status'), qr/./, 'ob.webhook_status says why');
	up();
	age('25 hours');
	is(check($header), 't|', 'up again: fetched anew');
};

subtest 'a key that the provider withdraws' => sub {
	my $old = new_key();
	my $header = sign($body);
	is(check($header), 't|', 'good');
	control($url, 'plaid/webhooks/rotate_key', { expire_old => JSON::PP::true });
	$header = sign($body, { kid => $old });
	age('13 hours');
	is(check($header), 'f|key_expired', 'is refused once its newer word has come');
};

subtest 'a session that remembers a key' => sub {
	new_key();
	my $header = sign($body);
	my ($session, $statement) = (OpenBanking::Session->new($node), check_sql($header));
	my $is = sub { my ($expected, $what) = @_; my $answer = $session->value($statement); chomp $answer; is($answer, $expected, $what); return; };
	my $spoil = q{UPDATE ob.webhook_keys SET key = key || '{"expired_at": 1}' WHERE key IS NOT NULL};
	$is->('t|', 'good');
	$session->value("BEGIN; $spoil");
	$is->('f|key_expired', 'sees its own change of it');
	$session->value('ROLLBACK');
	$is->('t|', 'and that it is undone');
	# The last look was a moment ago; in a transaction block no lock has it learn of others.
	$session->value('BEGIN');
	$is->('t|', 'in a transaction');
	sql($spoil);
	$is->('f|key_expired', 'sees at once what others have committed');
	$session->value('COMMIT');
	forget();
	$is->('t|', 'a key that others have deleted is fetched anew');
	sql("SET session_replication_role = replica; $spoil");
	$is->('f|key_expired', 'a change that other triggers are not told of');
	forget();
	$is->('t|', 'fetched anew');
	sql('TRUNCATE ob.webhook_keys');
	is(calls_of($endpoint, sub { $is->('t|', 'all of them removed at once') }), 1, 'fetched anew, too');
	$session->quit;
};

subtest 'a forger' => sub {
	forget();
	my $good = sign($body);
	is(check($good), 't|', 'a key that is known');
	my %answers;
	my $calls = calls_of($endpoint, sub {
		$answers{ check(sign($body, { kid => sprintf 'b5f4c1a0-0000-4000-8000-%012d', $_ })) }++ foreach 1 .. 40;
	});
	is($calls, 5, 'the provider is asked for five of his ids');
	is_deeply(\%answers, { 'f|key_unknown' => 5, 'f|too_many_keys' => 35 }, 'and for no more in this minute');
	is(check(sign($body, { kid => 'b5f4c1a0-0000-4000-8000-000000000001' })), 'f|key_unknown', 'what was refused is remembered');
	is(check($good), 't|', 'known keys work meanwhile');
	is(sql('SELECT keys_unknown, keys_turned_away FROM ob.webhook_status'), '5|35', 'ob.webhook_status says how many are turned away');
	new_key();
	my $new = sign($body);
	is(check($new), 'f|too_many_keys', 'so is a new key at first');
	sql(q{UPDATE ob.webhook_keys SET turned_away_at = turned_away_at - interval '6 seconds'});
	is(check($new), 't|', 'but not when it comes again later');
	sql(q{INSERT INTO ob.webhook_keys (server, key_id, asked_at, checked_at, turned_away_at)
		SELECT 'plaid', 'made-up-' || i, '-infinity', NULL, now() - interval '1 second' * i FROM generate_series(1, 300) i});
	check(sign($body, { kid => 'b5f4c1a0-0000-4000-8000-000000000099' }));
	is(sql('SELECT keys_turned_away FROM ob.webhook_status'), '200', 'of those that are turned away the last ones are noted');
	sql(q{UPDATE ob.webhook_keys SET checked_at = checked_at - interval '11 minutes', asked_at = asked_at - interval '11 minutes' WHERE key IS NULL});
	is(calls_of($endpoint, sub { check(sign($body, { kid => 'b5f4c1a0-0000-4000-8000-000000000001' })) }), 1, 'not for ever');
	sql(q{UPDATE ob.webhook_keys SET asked_at = asked_at - interval '2 hours', turned_away_at = turned_away_at - interval '2 hours' WHERE key IS NULL});
	new_key();
	is(check(sign($body)), 't|', 'afterwards a new key is fetched');
	is(sql('SELECT count(*) FROM ob.webhook_keys WHERE key IS NULL'), '0', 'and his are forgotten');
};

# A header as anybody can make one: its claims fit, and nothing else. In SQL, for an id.
my $segment = sub { return "translate(encode(convert_to($_[0], 'UTF8'), 'base64'), E'+/=\\n', '-_')"; };
my $forged = join q{ || '.' || }, $segment->(q{json_build_object('alg', 'ES256', 'typ', 'JWT', 'kid', id)::text}),
  $segment->(q{json_build_object('iat', extract(epoch FROM now())::int8, 'request_body_sha256', encode(sha256(body), 'hex'))::text}), q{repeat('A', 86)};
my $forge = qq{SELECT c.reason FROM ob.webhook_check('plaid', jsonb_build_object('plaid-verification', $forged), body) c};

subtest 'while a forger is at it' => sub {
	forget();
	my ($alice, $bob) = map { webhook_body({ webhook_type => 'TRANSACTIONS', webhook_code => 'SYNC_UPDATES_AVAILABLE', environment => 'sandbox', item_id => item_of(link_bank($node, $_)) }) } 'alice', 'bob';
	my $of_link = webhook_body({ webhook_type => 'LINK', webhook_code => 'SESSION_FINISHED', environment => 'sandbox', status => 'SUCCESS', link_token => (open_link('carol'))[1] });
	# Fifty a second: every other one of a hundred ids that he repeats.
	my $forger = OpenBanking::Session->new($node);
	my $before = calls($endpoint);
	$forger->begin(qq{DO \$\$ DECLARE id text; body bytea = '{}'; i int = 0; BEGIN
		LOOP i = i + 1; id = CASE WHEN i % 2 = 0 THEN 'again-' || i % 200 ELSE 'new-' || i END; PERFORM ($forge); PERFORM pg_sleep(0.02); END LOOP; END \$\$});
	wait_until('him to have used up what strangers have', sub { calls($endpoint) - $before >= 10 });
	new_key();
	is(check(sign($body)), 'f|too_many_keys', 'a new key is not asked for just so');
	my $known = sub { return sql("SELECT reason FROM (VALUES ('\\x" . unpack('H*', $_[0]) . "'::bytea, '$_[1]')) d (body, id), LATERAL ($forge) c"); };
	is($known->($alice, 'of-alice'), 'key_unknown', 'his body is about one of our banks: asked for');
	is($known->($alice, 'of-alice-2'), 'too_many_keys', 'once');
	is(check(sign($bob), $bob), 't|', 'the provider signs with the new key: about another one it is');
	sql(q{DELETE FROM ob.webhook_keys WHERE key IS NOT NULL});
	is(check(sign($of_link), $of_link), 't|', 'about a link of ours, too');
	sql('SELECT pg_cancel_backend(' . $forger->pid . ')');
	is($forger->finish->{state}, '57014', 'he goes on until the end');
};

subtest 'a server that is altered meanwhile' => sub {
	forget();
	new_key();
	my ($header, $altering, $session) = (sign($body), map { OpenBanking::Session->new($node) } 1 .. 2);
	$altering->value('BEGIN');
	$altering->value(q{ALTER SERVER plaid OPTIONS (ADD webhook_tolerance '6 minutes')});
	control($url, 'faults', { kind => 'delay', path => "/plaid$endpoint", ms => 1500 });
	is(calls_of($endpoint, sub {
		my $before = calls($endpoint);
		$session->begin(check_sql($header));
		wait_until('the call', sub { calls($endpoint) > $before });
		$altering->value('COMMIT');
		is($session->finish->{out}, 't|', 'the key is found');
	}), 2, 'and was asked for as the server is now');
	up();
	sql(q{ALTER SERVER plaid OPTIONS (DROP webhook_tolerance)});
};

subtest 'what needs no key to be refused' => sub {
	forget();
	is(calls_of($endpoint, sub {
		is(check(sign($body, { kid => 'not-known' }), "$body "), 'f|wrong_body', 'another body');
		is(check(sign($body, { kid => 'not-known', iat => int(time) - 400 })), 'f|too_old', 'an old one');
	}), 0, 'is not asked for');
};

subtest 'a provider that does not answer' => sub {
	new_key();
	my $header = sign($body);
	control($url, 'faults', { kind => 'stall', path => "/plaid$endpoint", count => 0 });
	my $session = OpenBanking::Session->new($node);
	$session->begin(check_sql($header));
	my $answer = $session->finish;
	is($answer->{out}, 'f|key_not_fetched', 'is not waited for longer than a provider waits');
	cmp_ok($answer->{ms}, '<', 9500, "$answer->{ms} ms");
	up();
	forget();
	control($url, 'faults', { kind => 'delay', path => "/plaid$endpoint", ms => 7000 });
	my ($holder, $news) = (OpenBanking::Session->new($node), webhook_body({ webhook_type => 'ITEM', webhook_code => 'LOGIN_REPAIRED', item_id => item_of(link_bank($node, 'dora')) }));
	$holder->value('BEGIN');
	$holder->value('SELECT pg_catalog.count(*) FROM (SELECT FROM ob.connections FOR UPDATE) held');
	$session->begin('SELECT status FROM ' . receive_sql(sign($news), $news));
	cmp_ok($session->finish->{ms}, '<', 9500, 'nor if a lock has to be waited for as well');
	$holder->value('ROLLBACK');
	wait_until('the call to end', sub { sql('SELECT count(key) FROM ob.webhook_keys') });
	control($url, 'faults', { kind => 'stall', path => "/plaid$endpoint", count => 0 });
	new_key();
	$header = sign($body);
	$session->begin(check_sql($header));
	sleep 1;
	my $begun = time;
	sql('SELECT pg_cancel_backend(' . $session->pid . ')');
	is($session->finish->{state}, '57014', 'cancelled while it waits');
	cmp_ok(time - $begun, '<', 1, 'at once');
	up();
	# The call goes on, and others of a user mapping that has not been proven yet would wait for it.
	sql(q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'openbanking outcome worker'});
};

subtest 'what is missing here' => sub {
	forget();
	my $header = sign($body);
	like(sql("LOAD 'openbanking'; SET openbanking.enabled = off; " . check_sql($header)), qr/^f\|not_configured$/, 'no calls allowed');
	sql('DROP USER MAPPING FOR PUBLIC SERVER plaid');
	forget();
	my $before = -s $node->logfile;
	is(sql('SELECT status, reason, http_status FROM ' . receive_sql($header, $body)), 'unavailable|not_configured|503', 'no user mapping')
	  foreach 1 .. 3;
	is(scalar(() = PostgreSQL::Test::Utils::slurp_file($node->logfile, $before) =~ /LOG:  openbanking: webhook for server plaid: no user mapping/g) , 3, 'the log says so');
	my $session = OpenBanking::Session->new($node);
	$session->value(check_sql($header)) foreach 1 .. 3;
	$before = -s $node->logfile;
	$session->value(check_sql($header)) foreach 1 .. 3;
	unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile, $before), qr/no user mapping/, 'once a minute');
	sql(q{CREATE USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret')});
	forget();
	is(check($header), 't|', 'all there again');
};

subtest 'a standby' => sub {
	my $header = sign($body);
	$node->backup('copy');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	is(calls_of($endpoint, sub {
		is($standby->safe_psql('postgres', check_sql($header)), 't|', 'checks with keys that are known');
		new_key();
		my $new = sign($body);
		is($standby->safe_psql('postgres', check_sql($new)), 'f|key_not_fetched', 'asks nobody for others');
		is($standby->safe_psql('postgres', 'SELECT status, reason, http_status FROM ' . receive_sql($header, $body)), 'unavailable|not_stored|503', 'stores nothing');
		is($standby->safe_psql('postgres', 'SELECT status, reason FROM ' . receive_sql("x$header", $body)) =~ /^rejected/ ? 1 : 0, 1, 'rejects');
	}), 0, 'without a call');
	$standby->stop;
};

done_testing();
