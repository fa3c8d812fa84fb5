# TrueLayer's webhooks: both ways of signing them, what each does, and the keys of one of them.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use OpenBanking::TrueLayer;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(time);

my $url = start_sandbox();
my $node = new_node('main', $url, { max_connections => 60, max_worker_processes => 16 });
my $key_set = "$url/truelayer/webhooks/.well-known/jwks";
my $json = JSON::PP->new->canonical;
set_up_truelayer($node, $url, { webhook_jku => $key_set });
links_at($node, $url);
control($url, 'webhooks', { hold => JSON::PP::true });
control($url, 'truelayer/config', { webhook_url => 'https://app.example/hooks/tl?of=us', webhook_secret => 'a secret' });
# The same provider, where deliveries are signed in the simple way.
sql(q{CREATE SERVER plain FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'truelayer', webhook_scheme 'hmac_sha256');
	CREATE USER MAPPING FOR PUBLIC SERVER plain OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret', webhook_secret 'a new secret,a secret')});

my $connection = link_truelayer('alice');
my $item = item_of($connection);
sql("CALL ob.sync_now($connection)");
my $account = sql("SELECT min(account_id) FROM ob.accounts WHERE connection_id = $connection");
my $number = 0;

sub stamp { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime($_[0] // time)); }

# An event in the words of the documentation; each one differs from all others.
sub hook
{
	my ($type, $more) = @_;
	return $json->encode({ type => $type, event_id => sprintf('event-%d', ++$number), event_timestamp => stamp(), resource_id => $item,
		resource_type => 'connection', %{ $more // {} } });
}

# The body of the last webhook that the simulator has made of that type.
sub made
{
	my ($type) = @_;
	my @of_type = grep { $_->{label} eq $type } @{ control($url, 'webhooks')->{webhooks} };
	return $of_type[-1]{body};
}

# Headers of a delivery to /hooks/tl; %$how makes them wrong.
sub signed
{
	my ($body, $how) = @_;
	my $signed = control($url, 'truelayer/webhooks/sign', { path => '/hooks/tl', body => $body, %{ $how // {} } });
	return { %{ $signed->{headers} }, 'tl-signature' => $signed->{signature} };
}

sub with_mac { return { 'Tl-Signature' => control($url, 'truelayer/webhooks/sign', { body => $_[0] })->{hmac} }; }

sub receive_sql
{
	my ($headers, $body, $more, $function) = @_;
	my %in = (server => 'tl', method => 'POST', path => '/hooks/tl', %{ $more // {} });
	return sprintf q{ob.%s('%s', '%s', '\x%s', '%s', '%s')}, $function // 'webhook_receive', $in{server}, $json->encode($headers),
	  unpack('H*', $body), $in{method}, $in{path};
}

# status|reason|http_status
sub receive { return sql('SELECT status, reason, http_status FROM ' . receive_sql(@_)); }
sub deliver { return receive(signed(@_), $_[0]); }
sub check { return sql('SELECT verified, reason FROM ' . receive_sql($_[0], $_[1], $_[2], 'webhook_check')); }

# status|reason|connection_id of the event with that body.
sub event
{
	my ($body) = @_;
	return sql(sprintf q{SELECT status, reason, connection_id FROM ob.webhook_events WHERE verified AND digest = encode(sha256('\x%s'), 'hex')}, unpack 'H*', $body);
}

sub rest
{
	my ($id) = (@_, $connection);
	sql("UPDATE ob.sync_state SET next_sync_at = now() + interval '3 hours', news_at = NULL WHERE connection_id = $id;
		UPDATE ob.connections SET state = 'active', error_code = NULL, error_message = NULL, repaired_at = NULL WHERE id = $id");
	return;
}

# state|error_code|whether a sync is due
sub standing
{
	my ($id) = (@_, $connection);
	return sql("SELECT state, error_code, COALESCE(next_sync_at <= now(), false) FROM ob.connections JOIN ob.sync_state ON connection_id = id WHERE id = $id");
}

my $as_before = 'active||f';
my $due = 'active||t';
my $revoked = 'revoked|consent.revoked|f';

subtest 'every event' => sub {
	my %of_account = (resource_id => $account, resource_type => 'account');
	my @table = (
		[ 'transaction.created', {%of_account}, $due, 'processed||' ],
		[ 'account.updated', {%of_account}, $due, 'processed||' ],
		[ 'balance.updated', {%of_account}, $due, 'processed||' ],
		[ 'transaction.created', {}, $due, 'processed||' ],
		[ 'consent.revoked', {}, $revoked, 'processed||' ],
		[ 'consent.revoked', {%of_account}, $revoked, 'processed||' ],
		[ 'error', {}, $as_before, 'ignored||' ],
		[ 'not.yet.invented', {%of_account}, $as_before, 'ignored||' ],
		[ 'payment_executed', { event_version => 1, payment_id => 'p', resource_id => undef }, $as_before, 'ignored|' ],
	);
	foreach my $case (@table)
	{
		my ($type, $more, $standing, $status) = @$case;
		rest();
		my $body = hook($type, $more);
		my $name = "$type of $more->{resource_type}" =~ s/ of $//r;
		is(deliver($body), 'accepted||200', "$name: accepted");
		is(standing(), $standing, "$name: the connection");
		is(event($body), $status =~ /\|\|$/ ? "$status$connection" : "$status|", "$name: the event");
		rest();
		is(deliver($body), 'duplicate||200', "$name: once more");
		is(standing(), $as_before, "$name: without an effect");
	}
	is(sql(q{SELECT bool_and(success = (action <> 'CONNECTION_REVOKED')), string_agg(DISTINCT action, ' ' ORDER BY action) FROM ob.audit_log
		WHERE action ~ 'WEBHOOK|CONNECTION|SYNC_FAILED'}), 't|CONNECTION_REVOKED WEBHOOK_ACCEPTED', 'the audit log has them, and what they broke');

	my $secret = hook('balance.updated', { %of_account, resource_token => 'tok-1', metadata => { iban => 'GB29NWBK60161331926819', n => 12 } });
	is(deliver($secret), 'accepted||200', 'with more');
	is(sql(q{SELECT payload ->> 'resource_token', payload -> 'metadata' FROM ob.webhook_events ORDER BY event_id DESC LIMIT 1}),
		'[not kept]|{"n": 12, "iban": "[not kept]"}', 'tokens and texts of others are not kept');

	my $notice = $json->encode({ task_id => 't-1', status => 'Succeeded', credentials_id => $item, request_timestamp => stamp(),
		request_uri => "https://x/data/v1/accounts/$account", results_uri => 'https://x/data/v1/results/t-1' });
	rest();
	is(deliver($notice), 'accepted||200', 'the notice of a task');
	is(event($notice), "ignored||$connection", 'is kept, and no more');
	is(sql(q{SELECT event_type, message_id FROM ob.webhook_events ORDER BY event_id DESC LIMIT 1}), 'task/Succeeded|', 'it has no id');
	is(deliver($notice), 'duplicate||200', 'but is known by its bytes');
	is(deliver('[]'), 'rejected|body_malformed|400', 'signed, but no event');
	rest();
};

subtest 'as the simulator makes them' => sub {
	my @cases = (
		[ 'transaction.created', 'transactions/add', { account_id => $account, transactions => [ {} ] }, $due ],
		[ 'balance.updated', 'accounts/set', { account_id => $account, balance => { current => 5 } }, $due ],
		[ 'account.updated', 'accounts/set', { account_id => $account, set => { display_name => 'New' } }, $due ],
		[ 'consent.revoked', 'items/set', { revoked => JSON::PP::true }, $revoked ],
	);
	foreach my $case (@cases)
	{
		my ($type, $path, $command, $standing) = @$case;
		rest();
		control($url, "truelayer/$path", { item_id => $item, %$command });
		is(deliver(made($type)), 'accepted||200', "$type: accepted");
		is(standing(), $standing, "$type: its effect");
	}
	control($url, 'truelayer/items/set', { item_id => $item, revoked => JSON::PP::false });
	rest();
};

subtest 'a thousand times' => sub {
	my $body = hook('transaction.created', { resource_id => $account });
	my $call = receive_sql(signed($body), $body) =~ s/'POST'/CASE WHEN i > 0 THEN 'POST' END/r;
	is(sql("SELECT r.status, count(*) FROM generate_series(1, 1000) i, LATERAL $call r GROUP BY 1 ORDER BY 1"), "accepted|1\nduplicate|999",
		'one is accepted');
	rest();
	is(deliver($body, { timestamp => stamp(time + 60) }), 'duplicate||200', 'signed anew it is the same event');
	is(standing(), $as_before, 'and nothing new');
	is(receive(signed("$body ", {}), "$body "), 'duplicate||200', 'so it is in other bytes');
	$body = hook('transaction.created', { resource_id => $account, event_timestamp => undef });
	is(deliver($body), 'accepted||200', 'one without a time of its own');
	rest();
	is(deliver($body, { timestamp => stamp(time + 60) }), 'duplicate||200', 'signed anew');
	is(standing(), $as_before, 'is nothing new either');
};

subtest 'not accepted' => sub {
	my $body = hook('consent.revoked');
	my $good = signed($body);
	my $time = 'X-Tl-Webhook-Timestamp';
	my $with = sub { my ($change) = @_; my %copy = %$good; $change->(\%copy); return \%copy; };
	my @table = (
		[ 'no header', {}, 'header_missing' ],
		[ 'alg ES256', signed($body, { alg => 'ES256' }), 'wrong_algorithm' ],
		[ 'alg none', signed($body, { alg => 'none' }), 'wrong_algorithm' ],
		[ 'HS512', signed($body, { alg => 'HS512' }), 'wrong_algorithm' ],
		[ 'version 1', signed($body, { tl_version => '' }), 'wrong_version' ],
		[ "a forger's key set", signed($body, { jku => 'https://evil.example/.well-known/jwks' }), 'wrong_key_set' ],
		[ 'the key set with a query', signed($body, { jku => "$key_set?x" }), 'wrong_key_set' ],
		[ 'no key set', signed($body, { jku => '' }), 'wrong_key_set' ],
		[ 'the time not signed', signed($body, { tl_headers => '' }), 'header_not_signed' ],
		[ 'a header signed that did not come', signed($body, { tl_headers => "$time,X-Other" }), 'header_missing' ],
		[ 'a list of another order', signed($body, { headers => { $time => stamp(), 'x-b' => 'b' }, tl_headers => "x-b,$time" }), 'wrong_signature', [] ],
		[ 'the time changed', $with->(sub { $_[0]{$time} = stamp(time - 1) }), 'wrong_signature' ],
		[ 'the time twice', $with->(sub { $_[0]{ lc $time } = $_[0]{$time} }), 'header_doubled' ],
		[ 'the signature twice', $with->(sub { $_[0]{'tl-signature'} = [ ($_[0]{'tl-signature'}) x 2 ] }), 'header_doubled' ],
		[ 'another path', $good, 'wrong_signature', undef, { path => '/hooks/tm' } ],
		[ 'two slashes', $good, 'wrong_signature', undef, { path => '/hooks/tl//' } ],
		[ 'no path', $good, 'path_missing', undef, { path => '' } ],
		[ 'another method', $good, 'wrong_signature', undef, { method => 'PUT' } ],
		[ 'another byte', $good, 'wrong_signature', $body =~ s/consent/Consent/r ],
		[ 'written again', $good, 'wrong_signature', JSON::PP->new->canonical->pretty->encode($json->decode($body)) ],
		[ 'three days and a minute old', signed($body, { timestamp => stamp(time - 72 * 3600 - 60) }), 'too_old' ],
		[ 'six minutes ahead', signed($body, { timestamp => stamp(time + 360) }), 'in_the_future' ],
		[ 'no time', signed($body, { timestamp => 'now' }), 'time_malformed' ],
		[ 'DER', signed($body, { form => 'der' }), 'signature_malformed' ],
		[ 'a byte less', signed($body, { form => 'cut' }), 'signature_malformed' ],
		[ 'another byte in it', signed($body, { form => 'flipped' }), 'wrong_signature' ],
		[ 'the payload attached', signed($body, { form => 'attached' }), 'token_malformed' ],
		[ 'the simple way', with_mac($body), 'token_malformed' ],
		[ 'a key that nobody knows', signed($body, { kid => 'made-up' }), 'key_unknown' ],
		[ 'the RSA key of the set', signed($body, { kid => 'payments-' . control($url, 'truelayer/webhooks/sign', {})->{kid} }), 'key_unknown' ],
	);
	foreach my $case (@table)
	{
		my ($name, $headers, $reason, $bytes, $more) = @$case;
		$bytes = $body if !defined $bytes || ref $bytes;
		is(receive($headers, $bytes, $more), "rejected|$reason|401", $name);
	}
	is(standing(), $as_before, 'the connection is as it was');
	is(event($body), '', 'no event');
	my ($lower, $upper) = map { my $f = $_; my %h = map { ($f->($_) => $good->{$_}) } keys %$good; \%h } (sub { lc $_[0] }, sub { uc $_[0] });
	is(check($lower, $body), 't|', 'names of headers in small letters');
	is(check($upper, $body), 't|', 'and in capitals');
	is(check($good, $body, { path => '/hooks/tl/' }), 't|', 'a slash at the end more');
	is(check($good, $body, { path => '/hooks/tl?of=us' }), 't|', 'a query');
	is(check(signed($body, { path => '/hooks/tl/' }), $body), 't|', 'a slash less');
	is(check($good, $body, { method => 'post' }), 't|', 'the method in small letters');

	sql(q{ALTER SERVER tl OPTIONS (ADD webhook_tolerance '5 minutes')});
	is(check(signed($body, { timestamp => stamp(time - 295) }), $body), 't|', 'just within a shorter tolerance');
	is(check(signed($body, { timestamp => stamp(time - 310) }), $body), 'f|too_old', 'beyond it');
	sql(q{ALTER SERVER tl OPTIONS (DROP webhook_tolerance)});
};

subtest 'the simple way' => sub {
	my %plain = (server => 'plain');
	my $body = hook('transaction.created', { resource_id => 'nobody' });
	my $mac = with_mac($body)->{'Tl-Signature'};
	is(receive(with_mac($body), $body, \%plain), 'accepted|connection_unknown|200', 'accepted, with the older of two secrets');
	is(receive(with_mac($body), $body, \%plain), 'duplicate||200', 'once');
	my $other = hook('consent.revoked');
	my $by_new = sql(sprintf q{SELECT encode(sha256(''::bytea), 'hex')}); # nothing of the secret
	foreach my $case ([ 'no header', {}, 'header_missing' ], [ 'of another body', { 'Tl-Signature' => $mac }, 'wrong_signature' ],
		[ 'a constant', { 'Tl-Signature' => '0' x 64 }, 'wrong_signature' ], [ 'the digest of nothing', { 'Tl-Signature' => $by_new }, 'wrong_signature' ],
		[ 'cut', { 'Tl-Signature' => substr $mac, 0, 62 }, 'signature_malformed' ], [ 'longer', { 'Tl-Signature' => "${mac}00" }, 'signature_malformed' ],
		[ 'empty', { 'Tl-Signature' => '' }, 'signature_malformed' ], [ 'no hex', { 'Tl-Signature' => 'g' x 64 }, 'signature_malformed' ],
		[ 'twice', { 'Tl-Signature' => [ ($mac) x 2 ] }, 'header_doubled' ], [ "another provider's header", { 'X-Finicity-Signature' => $mac }, 'header_missing' ],
		[ 'the other way, rightly signed', signed($other), 'signature_malformed' ])
	{
		my ($name, $headers, $reason) = @$case;
		is(receive($headers, $other, \%plain), "rejected|$reason|401", $name);
	}
	is(check(with_mac($other), $other, \%plain), 't|', 'as it was signed it is accepted');
	sql(q{ALTER SERVER plain OPTIONS (ADD webhook_tolerance '1 hour')});
	my %times = (old => stamp(time - 3700), new => stamp(time - 3500), ahead => stamp(time + 3700));
	my %bodies = map { ($_ => hook('error', { event_timestamp => $times{$_} })) } keys %times;
	is(check(with_mac($bodies{old}), $bodies{old}, \%plain), 'f|too_old', 'with a tolerance the time in the body counts');
	is(check(with_mac($bodies{ahead}), $bodies{ahead}, \%plain), 'f|in_the_future', 'both ways');
	is(check(with_mac($bodies{new}), $bodies{new}, \%plain), 't|', 'within');
	sql(q{ALTER USER MAPPING FOR PUBLIC SERVER plain OPTIONS (DROP webhook_secret)});
	is(receive(with_mac($other), $other, \%plain), 'unavailable|not_configured|503', 'no secret: the provider is to send again');
};

subtest 'in any order' => sub {
	rest();
	sql('DELETE FROM ob.webhook_events');
	sql("UPDATE ob.connections SET repaired_at = now() - interval '1 hour' WHERE id = $connection");
	my $before = hook('consent.revoked', { event_timestamp => stamp(time - 7200) });
	is(deliver($before), 'accepted|outdated|200', 'what happened before the user was there, sent now');
	is(standing(), $as_before, 'is over');
	my $after = hook('consent.revoked', { event_timestamp => stamp(time - 60) });
	is(deliver($after), 'accepted||200', 'what happened afterwards');
	is(standing(), $revoked, 'counts');
	rest();
	is(deliver(hook('transaction.created', { event_timestamp => stamp(time - 7200), resource_id => $account })), 'accepted||200', 'old news of rows');
	is(standing(), $due, 'still ask for a look');
	rest();
	is(deliver(hook('consent.revoked', { event_timestamp => '2100-01-01T00:00:00Z' })), 'accepted||200', 'a time to come');
	is(sql('SELECT signed_at <= now() FROM ob.webhook_events ORDER BY event_id DESC LIMIT 1'), 't', 'is not believed: it would outdate all others');
	rest();
	sql('DELETE FROM ob.webhook_events');
};

subtest 'before the connection' => sub {
	my ($made) = @{ control($url, 'truelayer/items/create', { item_id => 'cred+of/zoe=', username => 'john' })->{items} };
	my $of_account = hook('transaction.created', { resource_id => $made->{account_ids}[0] });
	my $of_other = hook('balance.updated', { resource_id => 'an account of nobody' });
	my $of_consent = hook('consent.revoked', { resource_id => 'cred+of/zoe=', event_timestamp => stamp(time - 60) });
	is(deliver($_), 'accepted|connection_unknown|200', 'nobody knows it') foreach $of_account, $of_other;
	my $credentials = $json->encode({ map { ($_ => $made->{$_}) } qw(access_token refresh_token) });
	my $zoe = sql("SELECT connection_id FROM ob.adopt_connection('tl', 'zoe', '$credentials')");
	is(event($of_account), "processed||$zoe", 'it appears, and its account: the event has its effect');
	my $of_new = hook('account.updated', { resource_id => 'a new account of zoe' });
	is(deliver($of_new), 'accepted|connection_unknown|200', 'an account that comes later');
	control($url, 'truelayer/accounts/add', { item_id => 'cred+of/zoe=', account => { account_id => 'a new account of zoe' } });
	sql("CALL ob.sync_now($zoe)");
	is(sql(q{SELECT count(*) FROM jsonb_array_elements(ob.export_user('zoe') -> 'webhook_events')}), '2', 'is hers, whether its event has been looked at or not');
	sql('UPDATE ob.webhook_events SET next_try_at = now() WHERE next_try_at IS NOT NULL');
	sql('CALL ob.sweep_webhooks()');
	is(event($of_new), "processed||$zoe", 'it has its effect, too');
	is(event($of_other), 'waiting|connection_unknown|', 'that of another waits');
	is(deliver($of_consent), 'accepted||200', 'by the id of its consent');
	like(standing($zoe), qr/^revoked/, 'it is known, too');
	is(deliver(hook('transaction.created', { resource_id => $made->{account_ids}[0] })), 'accepted|connection_ended|200', 'afterwards it has ended');

	my ($two) = @{ control($url, 'truelayer/items/create', { item_id => 'two', accounts => [ { account_id => $account } ] })->{items} };
	$credentials = $json->encode({ map { ($_ => $two->{$_}) } qw(access_token refresh_token) });
	my $second = sql("SELECT connection_id FROM ob.adopt_connection('tl', 'alice', '$credentials')");
	sql("CALL ob.sync_now($second)");
	rest($_) foreach $connection, $second;
	is(deliver(hook('consent.revoked', { resource_id => $account })), 'accepted|bank_asked|200', 'an account of two connections: whose consent?');
	is(standing($second), $due, 'the bank is asked');
	is(standing(), $as_before, 'neither is taken for revoked');
	sql("SELECT ob.disconnect($second)");
	is(deliver(hook('consent.revoked', { resource_id => $account })), 'accepted||200', 'once one of them has ended');
	is(standing(), $revoked, 'it is the other');
	rest();
};

subtest 'keys' => sub {
	my $body = hook('error');
	my $fetches = sub { my ($code) = @_; my $count = sub { control($url, 'requests')->{by_path}{'/truelayer/webhooks/.well-known/jwks'} // 0 };
		my $before = $count->(); $code->(); return $count->() - $before };
	my $age = sub { sql("UPDATE ob.webhook_keys SET asked_at = now() - interval '$_[0]', checked_at = CASE WHEN checked_at IS NOT NULL THEN now() - interval '$_[0]' END") };
	my $down = sub { control($url, 'faults', { kind => 'status', status => 503, body => 'no', path => '/truelayer/webhooks/*', count => 0 }) };
	my $up = sub { control($url, 'faults', { clear => JSON::PP::true }) };

	control($url, 'truelayer/webhooks/rotate_key');
	my $headers = signed($body);
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 20;
	control($url, 'faults', { kind => 'delay', path => '/truelayer/webhooks/*', ms => 300 });
	my $each = "DO \$\$ BEGIN FOR i IN 1..10 LOOP IF (SELECT verified FROM " . receive_sql($headers, $body, undef, 'webhook_check')
	  . ") THEN ELSE RAISE 'not verified'; END IF; END LOOP; END \$\$";
	is($fetches->(sub { $_->begin($each) foreach @sessions; $_->finish->{state} eq 'none' or fail('it verifies') foreach @sessions }), 1,
		'two hundred deliveries with a new key: one fetch');
	$up->();

	control($url, 'truelayer/webhooks/rotate_key');
	$headers = signed($body);
	$down->();
	is(receive($headers, $body), 'unavailable|key_not_fetched|503', 'a new key while its host is down: to be sent again');
	is(event($body), '', 'nothing is stored');
	$up->();
	$age->('1 minute');
	is(receive($headers, $body), 'accepted||200', 'sent again it is accepted');
	is($fetches->(sub { is(check($headers, $body), 't|', 'known by now') }), 0, 'asked for no more');
	$age->('61 minutes');
	$down->();
	is($fetches->(sub { is(check($headers, $body), 't|', 'while the host is down a known key goes on working') }), 1, 'although it is asked for each hour');
	$up->();
	is(sql(q{SELECT key ?& '{kid,x,y}' AND NOT key ? 'keys' FROM ob.webhook_keys WHERE key IS NOT NULL LIMIT 1}), 't', 'the key is kept, not the set');

	control($url, 'truelayer/webhooks/rotate_key', { drop_old => JSON::PP::true });
	$age->('61 minutes');
	is(check($headers, $body), 'f|key_unknown', 'one that has left the set is refused within the hour');
	is(check(signed($body), $body), 't|', 'its successor is taken');

	my @faults = ([ 'no key set', kind => 'status', status => 200, body => '{"keys":7}' ], [ 'a page', kind => 'html' ],
		[ 'no JSON', kind => 'malformed' ], [ 'half of it', kind => 'truncate', bytes => 150 ], [ 'cut', kind => 'cut', where => 'body', after => 100 ],
		[ 'not found', kind => 'status', status => 404, body => 'no' ], [ 'too many requests', kind => 'status', status => 429, body => '{}' ],
		[ 'an error', kind => 'status', status => 500, body => '' ]);
	foreach my $case (@faults)
	{
		my ($name, %fault) = @$case;
		control($url, 'truelayer/webhooks/rotate_key');
		my $new = signed($body);
		control($url, 'faults', { %fault, path => '/truelayer/webhooks/*' });
		is(check($new, $body), 'f|key_not_fetched', "$name: to be sent again");
		$up->();
		$age->('1 minute');
		is(check($new, $body), 't|', "$name: and accepted then");
	}
	control($url, 'truelayer/webhooks/rotate_key');
	is($fetches->(sub { is(check(signed($body, { timestamp => stamp(time - 80 * 3600) }), $body), 'f|too_old', 'what is too old with any key') }), 0,
		'costs no fetch');
	my $of_nobody = hook('error', { resource_id => 'nobody' });
	check(signed($of_nobody, { kid => "invented-$_" }), $of_nobody) foreach 1 .. 6;
	is(check(signed($of_nobody), $of_nobody), 'f|too_many_keys', 'who invents keys keeps out a new one');
	my $of_account = hook('error', { resource_id => $account });
	is(check(signed($of_account), $of_account), 't|', 'but not from what is about an account of ours');

	sql(q{ALTER SERVER tl OPTIONS (DROP webhook_jku)});
	is(check(signed($body), $body), 'f|wrong_key_set', 'by default only the key set of the environment');
	sql("ALTER SERVER tl OPTIONS (ADD webhook_jku '$key_set')");
};

subtest 'a crash before the commit' => sub {
	rest();
	my $body = hook('transaction.created', { resource_id => $account });
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	is($session->value('SELECT status FROM ' . receive_sql(signed($body), $body)), 'accepted', 'taken in, not committed');
	$node->stop('immediate');
	undef $session;
	$node->start;
	is(event($body), '', 'nothing has come of it');
	is(standing(), $as_before, 'nor has it an effect');
	is(deliver($body), 'accepted||200', 'sent again it is accepted');
	is(standing(), $due, 'and has it');
};

subtest 'where webhooks go' => sub {
	my ($state, $message) = sqlstate_of($node, q{SELECT * FROM ob.webhook_subscribe('tl', 'https://app.example/hooks/tl')});
	is($state, '0A000', 'cannot be told by a call');
};

# From here on workers do what follows.
sql(q{ALTER SYSTEM SET openbanking.sync_on_event = on; SELECT pg_reload_conf()});

subtest 'from event to row' => sub {
	rest();
	control($url, 'truelayer/transactions/add', { item_id => $item, account_id => $account, transactions => [ { description => 'TOLD BY WEBHOOK' } ] });
	is(deliver(made('transaction.created')), 'accepted||200', 'accepted');
	wait_until('the row', sub { sql("SELECT count(*) FROM ob.transactions WHERE connection_id = $connection AND description = 'TOLD BY WEBHOOK'") eq '1' }, 30);
	ok(1, 'the row is there by itself');
};

subtest 'secrets' => sub {
	my $mac = with_mac('{}')->{'Tl-Signature'};
	foreach my $secret ('a secret', 'tok-1', 'GB29NWBK60161331926819', $mac)
	{
		is(sql("SELECT (SELECT count(*) FROM ob.webhook_events e WHERE e::text LIKE '%$secret%') + (SELECT count(*) FROM ob.audit_log a WHERE a::text LIKE '%$secret%')"),
			'0', 'in no table');
	}
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal| XX000 /, 'the log knows of nothing worse');
};

done_testing();
