# Webhooks taken in: what verifies is stored once and acted on once, what does not leaves a reason and nothing else.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64url encode_base64url);
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use OpenBanking::Webhooks;
use Test::More;
use Time::HiRes qw(sleep time);

my $url = start_sandbox();
my $node = new_node('main', $url, { max_connections => 100 });
set_up_plaid($node, $url);
links_at($node, $url);
webhooks_at($node, $url);
sql("ALTER SERVER plaid OPTIONS (ADD webhook_url '$url/hook')");
sql(q{CREATE ROLE hook; SELECT ob.grant_webhook('hook'); GRANT USAGE ON FOREIGN SERVER plaid TO hook;
	CREATE ROLE desk; SELECT ob.grant_operate('desk'); GRANT USAGE ON FOREIGN SERVER plaid TO desk});

my $connection = link_bank($node, 'alice');
my $item = item_of($connection);
sql("SELECT FROM ob.sync($connection)");

# As if it had been synced a while ago and were due in some hours.
sub rest
{
	my ($id) = @_;
	sql("UPDATE ob.sync_state SET next_sync_at = now() + interval '3 hours', news_at = NULL WHERE connection_id = $id");
	return;
}
sub is_due { return sql("SELECT next_sync_at <= now() FROM ob.sync_state WHERE connection_id = $_[0]"); }
sub events { return sql('SELECT count(*) FROM ob.webhook_events WHERE verified'); }

# A signature in the form of X.509.
sub in_der
{
	my @numbers = map { s/^\0+(?=.)//sr } unpack 'a32 a32', decode_base64url($_[0]);
	my $body = join '', map { pack 'C C/a*', 2, (ord >= 128 ? "\0$_" : $_) } @numbers;
	return encode_base64url(pack 'C C/a*', 0x30, $body);
}

subtest 'accepted once' => sub {
	rest($connection);
	my $body = fire($item, 'TRANSACTIONS', 'SYNC_UPDATES_AVAILABLE');
	my $header = sign($body);
	is(receive($header, $body), 'accepted||200', 'accepted');
	is(is_due($connection), 't', 'a sync is due');
	is(event($body), "processed||$connection", 'the event is kept, with its connection');
	is(sql(q{SELECT event_type, payload ->> 'item_id', headers::text, http_status FROM ob.webhook_events}),
		"TRANSACTIONS/SYNC_UPDATES_AVAILABLE|$item|{\"content-type\": \"application/json\"}|200", 'what it is');
	is(sql(q{SELECT action, connection_id, success, details ->> 'event_type' FROM ob.audit_log WHERE action ~ 'WEBHOOK'}),
		"WEBHOOK_ACCEPTED|$connection|t|TRANSACTIONS/SYNC_UPDATES_AVAILABLE", 'the audit log says so');
	rest($connection);
	is(receive($header, $body), 'duplicate||200', 'once more: a duplicate');
	is(is_due($connection), 'f', 'without an effect');
	is(sql('SELECT deliveries FROM ob.webhook_events'), '1', 'nothing is written');

	my $later = sign($body, { iat => int(time) + 60 });
	is(receive($later, $body), 'duplicate||200', 'the same news signed later are not stored again');
	is(is_due($connection), 't', 'but there may be more by now: a sync is due again');
	is(events(), '1', 'one event');
	rest($connection);
	is(receive($header, $body), 'duplicate||200', 'the first once more');
	is(is_due($connection), 'f', 'without an effect');
};

subtest 'a thousand times, sixty-four at once' => sub {
	rest($connection);
	my $body = webhook_body({ webhook_type => 'TRANSACTIONS', webhook_code => 'SYNC_UPDATES_AVAILABLE', item_id => $item,
		environment => 'sandbox', historical_update_complete => JSON::PP::true, note => 'replayed' });
	my $before = events();
	my $each = receive_sql(sign($body), $body, q{, CASE WHEN i > 0 THEN 'POST' END});
	is(sql("SELECT r.status, count(*) FROM generate_series(1, 1000) i, LATERAL $each r GROUP BY r.status ORDER BY r.status"),
		"accepted|1\nduplicate|999", 'a thousand deliveries in one statement');
	is(events() - $before, 1, 'one event');

	$body = webhook_body({ webhook_type => 'TRANSACTIONS', webhook_code => 'SYNC_UPDATES_AVAILABLE', item_id => $item,
		environment => 'sandbox', note => 'at once' });
	my $call = receive_sql(sign($body), $body);
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 64;
	$_->begin("SELECT status FROM $call") foreach @sessions;
	my %answers;
	$answers{ $_->finish->{out} }++ foreach @sessions;
	is_deeply(\%answers, { accepted => 1, duplicate => 63 }, 'one of sixty-four is accepted');
	is(events() - $before, 2, 'one event');
	is(sql(q{SELECT count(*) FROM ob.audit_log WHERE action = 'WEBHOOK_ACCEPTED'}), events(), 'one line for each in the audit log');
};

subtest 'rolled back' => sub {
	rest($connection);
	my $body = webhook_body({ webhook_type => 'TRANSACTIONS', webhook_code => 'SYNC_UPDATES_AVAILABLE', item_id => $item, note => 'rolled back' });
	my $call = receive_sql(sign($body), $body);
	my $before = events();
	is(sql("BEGIN; SELECT status FROM $call; ROLLBACK"), 'accepted', 'accepted');
	is(events(), $before, 'no event');
	is(is_due($connection), 'f', 'no effect');
	is(sql("SELECT status FROM $call"), 'accepted', 'sent again it is accepted');
};

subtest 'not accepted' => sub {
	my $body = fire($item, 'ITEM', 'ERROR');
	my $now = int time;
	my $changed = $body =~ s/"sandbox"/"sandboX"/r;
	my $compact = JSON::PP->new->canonical->encode(JSON::PP->new->decode($body));
	my $old_kid = control($url, 'plaid/webhooks/rotate_key', { expire_old => JSON::PP::false })->{kid};
	my $expired = $old_kid;
	control($url, 'plaid/webhooks/rotate_key', { expire_old => JSON::PP::true });
	my $before = sql("SELECT events.n, state FROM ob.connections, (SELECT count(*) n FROM ob.webhook_events WHERE verified) events WHERE id = $connection");
	my @table = (
		[ 'no header', undef, $body, 'header_missing', 401 ],
		[ 'an empty header', '', $body, 'token_malformed|header_missing', 401 ],
		[ 'alg none', sign($body, { alg => 'none' }), $body, 'wrong_algorithm', 401 ],
		[ 'HS256', sign($body, { alg => 'HS256' }), $body, 'wrong_algorithm', 401 ],
		[ 'RS512', sign($body, { alg => 'RS512' }), $body, 'wrong_algorithm', 401 ],
		[ 'r and s zero', sign($body) =~ s/[^.]+$/'A' x 86/er, $body, 'wrong_signature', 401 ],
		[ 'r and s beyond n', sign($body) =~ s/[^.]+$/'_' x 85 . 'w'/er, $body, 'wrong_signature', 401 ],
		[ 'DER for raw', sign($body) =~ s/([^.]+)$/in_der($1)/er, $body, 'signature_malformed', 401 ],
		[ 'two signatures', sign($body) . '.' . (split /\./, sign($body))[2], $body, 'token_malformed', 401 ],
		[ 'a body that was changed', sign($body), $changed, 'wrong_body', 401 ],
		[ 'a body that was written again', sign($body), $compact, 'wrong_body', 401 ],
		[ 'signed five minutes and a second ago', sign($body, { iat => $now - 302 }), $body, 'too_old', 401 ],
		[ 'signed in the future', sign($body, { iat => $now + 330 }), $body, 'in_the_future', 401 ],
		[ 'a key that has expired', sign($body, { kid => $expired }), $body, 'key_expired', 401 ],
		[ 'a key that nobody knows', sign($body, { kid => 'b5f4c1a0-0000-4000-8000-000000000000' }), $body, 'key_unknown', 401 ],
		[ 'another signature', sign($body) =~ s/.{8}$/AAAAAAAA/r, $body, 'wrong_signature', 401 ],
		[ 'cut', substr(sign($body), 0, -1), $body, 'signature_malformed', 401 ],
		[ 'a header of a megabyte', 'x' x 2**20, $body, 'header_too_large', 401 ],
	);
	foreach my $case (@table)
	{
		my ($name, $header, $bytes, $reason, $status) = @$case;
		my $answer = defined $header ? receive($header, $bytes)
		  : sql(sprintf q{SELECT status, reason, http_status FROM ob.webhook_receive('plaid', '{}', '\x%s')}, unpack 'H*', $bytes);
		like($answer, qr/^rejected\|(?:$reason)\|$status$/, $name);
	}
	is(sql("SELECT events.n, state FROM ob.connections, (SELECT count(*) n FROM ob.webhook_events WHERE verified) events WHERE id = $connection"),
		$before, 'no event, and the connection is as it was');
	is(sql(q{SELECT count(*), count(payload), count(headers), count(event_type), bool_and(digest <> ''), bool_and(status = 'rejected')
		FROM ob.webhook_events WHERE NOT verified}), scalar(@table) . '|0|0|0|t|t', 'of each the reason, the time and the digest');
	is(sql(q{SELECT count(*) = count(DISTINCT details ->> 'reason') FROM ob.audit_log WHERE action = 'WEBHOOK_REJECTED'}), 't',
		'one line a minute for each reason in the audit log');
	is(receive(sign($body), $body), 'accepted||200', 'as it was sent it is accepted');
	is(state_of($connection), 'reauth_required', 'and has its effect');
	sql("UPDATE ob.connections SET state = 'active', reauth_reason = NULL, error_code = NULL WHERE id = $connection");
};

subtest 'rejected ones are capped' => sub {
	sql(q{INSERT INTO ob.webhook_events (server, digest, status, reason, http_status)
		SELECT 'plaid', 'x', 'rejected', 'old', 401 FROM generate_series(1, 1100)});
	receive('x', '{}') foreach 1 .. 25;
	is(sql(q{SELECT count(*), count(*) FILTER (WHERE reason = 'token_malformed') > 20 FROM ob.webhook_events WHERE NOT verified}), '1000|t',
		'the last 1,000 are kept');
};

subtest 'what is wrong here is no reason to raise' => sub {
	my $body = webhook_body({ webhook_type => 'ITEM', webhook_code => 'LOGIN_REPAIRED', item_id => $item, environment => 'production' });
	is(deliver($body), 'rejected|wrong_environment|400', 'another environment');
	$body = webhook_body([ 'no webhook' ]);
	is(deliver($body), 'rejected|body_malformed|400', 'signed, but no webhook');
	$body = 'no JSON';
	is(deliver($body), 'rejected|body_malformed|400', 'signed, but no JSON');
	is(sql(q{SELECT status, reason, http_status FROM ob.webhook_receive('plaid', NULL, NULL)}), 'rejected|header_missing|401', 'nothing at all');
	is(sql(q{SELECT status, reason, http_status FROM ob.webhook_receive('plaid', '[1]', '\x')}), 'rejected|headers_malformed|400', 'headers that are none');
	$body = webhook_body({ webhook_type => 'HOLDINGS', webhook_code => 'NOT_YET_INVENTED', item_id => $item });
	is(deliver($body), 'accepted||200', 'a code that nobody knows');
	is(event($body), "ignored||$connection", 'is kept and ignored');
	my $agent = 'x' . '\u00fc' x 150;
	$body = webhook_body({ webhook_type => 'LINK', webhook_code => 'EVENTS', note => 'from far away' });
	is(sql('SELECT status FROM ' . receive_sql(sign($body), $body) =~ s/"content-type"/"user-agent":"$agent","content-type"/r), 'accepted',
		'a long header that is not ASCII');
	is(sql(q{SELECT headers ->> 'user-agent' = 'x' || repeat(U&'\00fc', 99) FROM ob.webhook_events WHERE headers ? 'user-agent'}), 't',
		'is cut between two characters');
	$body = webhook_body({ webhook_type => 'ITEM', webhook_code => 'LOGIN_REPAIRED', item_id => $item, note => 'read only' });
	is(sql('BEGIN READ ONLY; SELECT status, reason, http_status FROM ' . receive_sql(sign($body), $body) . '; COMMIT'),
		'unavailable|not_stored|503', 'a read-only transaction cannot store it');
	is(sql('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT status FROM ' . receive_sql(sign($body), $body) . '; COMMIT'), 'accepted',
		'a serializable one can');
	my ($state) = sqlstate_of($node, q{SELECT ob.webhook_receive('nobody', '{}', '\x')});
	is($state, '42704', 'a server that does not exist is the caller\'s mistake');
	($state) = sqlstate_of($node, q{CREATE ROLE stranger; SET ROLE stranger; SELECT ob.webhook_receive('plaid', '{}', '\x')});
	is($state, '42501', 'and so are missing rights');
};

subtest 'checks without effect' => sub {
	my $body = webhook_body({ webhook_type => 'ITEM', webhook_code => 'USER_PERMISSION_REVOKED', item_id => $item });
	my $header = sign($body);
	my $before = sql('SELECT count(*) FROM ob.webhook_events');
	is(sql('SELECT ' . receive_sql($header, $body, '', 'webhook_verify')), 't', 'ob.webhook_verify');
	is(sql('SELECT ' . receive_sql("$header ", "$body ", '', 'webhook_verify')), 'f', 'not with a blank more');
	is(sql('SELECT * FROM ' . receive_sql($header, $body, '', 'webhook_check')), 't||ITEM/USER_PERMISSION_REVOKED|', 'ob.webhook_check');
	is(sql('SELECT * FROM ' . receive_sql($header, "$body ", '', 'webhook_check')), 'f|wrong_body||', 'and why not');
	is(sql('SELECT ' . receive_sql($header, $body, q{, received_at => now() + interval '6 minutes'}, 'webhook_verify')), 'f',
		'the time of arrival can be given');
	is(sql('BEGIN READ ONLY; SELECT ' . receive_sql($header, $body, '', 'webhook_verify') . '; COMMIT'), 't', 'in a read-only transaction');
	is(sql('SELECT count(*) FROM ob.webhook_events'), $before, 'nothing is stored');
};

subtest 'rights' => sub {
	my $body = webhook_body({ webhook_type => 'LINK', webhook_code => 'EVENTS', link_token => 'x', note => 'rights' });
	is(sql('SET ROLE hook; SELECT status FROM ' . receive_sql(sign($body), $body)), 'accepted', 'a role that hands in webhooks');
	foreach my $not ('SELECT FROM ob.webhook_events', 'SELECT FROM ob.webhook_keys', 'SELECT ob.webhook_retry(1)', 'CALL ob.sweep_webhooks()',
		'SELECT FROM ob.connections', q{SELECT ob.webhook_subscribe('plaid')})
	{
		my ($state) = sqlstate_of($node, "SET ROLE hook; $not");
		is($state, '42501', "cannot: $not");
	}
	is(sql('SET ROLE desk; SELECT count(*) > 0 FROM ob.webhook_events'), 't', 'operators see events');
	my ($state) = sqlstate_of($node, q{SET ROLE desk; INSERT INTO ob.webhook_keys VALUES ('plaid', 'mine', '{}')});
	is($state, '42501', 'but plant no keys');
};

subtest 'senders by address' => sub {
	sql(q{ALTER SERVER plaid OPTIONS (ADD webhook_sources '52.21.26.131, 10.1.0.0/16, 2001:db8::/32')});
	my $body = webhook_body({ webhook_type => 'LINK', webhook_code => 'EVENTS', note => 'addresses' });
	my $header = sign($body);
	my %answers = ('52.21.26.131' => 't|', '10.1.255.3' => 't|', '2001:db8::7' => 't|', '::ffff:52.21.26.131' => 't|',
		'52.21.26.132' => 'f|source_refused', '10.2.0.1' => 'f|source_refused', '2001:db9::7' => 'f|source_refused');
	is(sql('SELECT verified, reason FROM ' . receive_sql($header, $body, ", remote_addr => '$_'", 'webhook_check')), $answers{$_}, $_)
	  foreach sort keys %answers;
	is(receive($header, $body), 'rejected|source_unknown|401', 'without an address');
	my ($state) = sqlstate_of($node, q{ALTER SERVER plaid OPTIONS (SET webhook_sources '10.1.0.0/8')});
	is($state, '22023', 'a network with bits beyond its length is a slip');
	sql(q{ALTER SERVER plaid OPTIONS (DROP webhook_sources)});
};

subtest 'what it says of itself' => sub {
	is(sql(q{SELECT accepted = (SELECT sum(deliveries) FROM ob.webhook_events WHERE verified), rejected_last_day > 0, last_rejected_for
		FROM ob.webhook_status}), 't|t|source_unknown', 'ob.webhook_status');
	my $exported = JSON::PP->new->decode(sql(q{SELECT ob.export_user('alice')}));
	is(scalar(@{ $exported->{webhook_events} }), sql("SELECT count(*) FROM ob.webhook_events WHERE connection_id = $connection"), 'an end user\'s export has his events');
	sql(q{UPDATE ob.installation SET retention = '{"webhook_events": "1 day"}'});
	sql(q{UPDATE ob.webhook_events SET last_received_at = now() - interval '2 days' WHERE event_type = 'ITEM/ERROR'});
	sql('CALL ob.purge()');
	is(sql(q{SELECT count(*) FROM ob.webhook_events WHERE event_type = 'ITEM/ERROR'}), '0', 'old ones are purged');
	sql(q{SELECT ob.erase_user('alice')});
	is(sql("SELECT count(*) FROM ob.webhook_events WHERE connection_id = $connection OR payload::text ~ '$item'"), '0', 'erased with him');
};

done_testing();
