# What each of Plaid's webhooks does, by itself and in the wrong order, and what follows once it has been committed.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Hosted;
use OpenBanking::Links;
use OpenBanking::Session;
use OpenBanking::Webhooks;
use Test::More;
use Time::HiRes qw(sleep time);

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);
webhooks_at($node, $url);
sql("ALTER SERVER plaid OPTIONS (ADD webhook_url '$url/hook')");

my $connection = link_bank($node, 'alice');
my $item = item_of($connection);
sql("SELECT FROM ob.sync($connection)");
my $number = 0;

# As new, and due in some hours.
sub rest
{
	my ($id) = (@_, $connection);
	sql("UPDATE ob.sync_state SET next_sync_at = now() + interval '3 hours', news_at = NULL WHERE connection_id = $id;
		UPDATE ob.connections SET state = 'active', reauth_reason = NULL, requires_reauth = false, error_code = NULL,
			error_message = NULL, consent_expires_at = NULL, repaired_at = NULL WHERE id = $id;
		DELETE FROM ob.webhook_events WHERE connection_id = $id");
	return;
}

# A webhook in the words of the documentation; each one differs from all others.
sub hook
{
	my ($type, $code, $more) = @_;
	return webhook_body({ webhook_type => $type, webhook_code => $code, item_id => $item, environment => 'sandbox', number => ++$number, %{ $more // {} } });
}

# state|reauth_reason|requires_reauth|error_code|consent_expires_at|due
sub standing
{
	my ($id) = (@_, $connection);
	return sql("SELECT state, reauth_reason, requires_reauth, error_code, consent_expires_at AT TIME ZONE 'UTC', COALESCE(next_sync_at <= now(), false)
		FROM ob.connections JOIN ob.sync_state ON connection_id = id WHERE id = $id");
}

my $as_before = 'active||f|||f';
my $due = 'active||f|||t';
my $login = 'reauth_required|login|f|ITEM_LOGIN_REQUIRED||f';
my $error = sub { return { error => { error_type => 'ITEM_ERROR', error_code => $_[0], error_message => 'words of Plaid', display_message => undef, status => 400 } } };

# type, code, more of the body, what the connection is then, the event's status
my @table = (
	[ 'TRANSACTIONS', 'SYNC_UPDATES_AVAILABLE', {}, $due, 'processed|' ],
	[ 'TRANSACTIONS', 'INITIAL_UPDATE', { new_transactions => 3 }, $as_before, 'processed|' ],
	[ 'TRANSACTIONS', 'HISTORICAL_UPDATE', { new_transactions => 3 }, $as_before, 'processed|' ],
	[ 'TRANSACTIONS', 'DEFAULT_UPDATE', { new_transactions => 3 }, $as_before, 'ignored|' ],
	[ 'TRANSACTIONS', 'TRANSACTIONS_REMOVED', { removed_transactions => ['a'] }, $as_before, 'ignored|' ],
	[ 'TRANSACTIONS', 'RECURRING_TRANSACTIONS_UPDATE', { account_ids => ['a'] }, $as_before, 'ignored|' ],
	[ 'ITEM', 'ERROR', $error->('ITEM_LOGIN_REQUIRED'), $login, 'processed|' ],
	[ 'ITEM', 'ERROR', $error->('INVALID_MFA'), 'reauth_required|mfa|f|INVALID_MFA||f', 'processed|' ],
	[ 'ITEM', 'ERROR', $error->('INSTITUTION_DOWN'), $as_before, 'ignored|passing_trouble' ],
	[ 'ITEM', 'ERROR', $error->('USER_PERMISSION_REVOKED'), 'revoked||f|USER_PERMISSION_REVOKED||f', 'processed|' ],
	[ 'ITEM', 'LOGIN_REQUIRED', {}, $login, 'processed|' ],
	[ 'ITEM', 'ITEM_LOGIN_REQUIRED', {}, $login, 'processed|' ],
	[ 'ITEM', 'LOGIN_REPAIRED', {}, $due, 'processed|' ],
	[ 'ITEM', 'PENDING_EXPIRATION', { consent_expiration_time => '2031-02-03T04:05:06Z' }, 'active|consent_expired|t||2031-02-03 04:05:06|f', 'processed|' ],
	[ 'ITEM', 'PENDING_DISCONNECT', { reason => 'INSTITUTION_MIGRATION', disconnect_time => '2031-02-03T04:05:06Z' },
		'active|pending_disconnect|t||2031-02-03 04:05:06|f', 'processed|' ],
	[ 'ITEM', 'NEW_ACCOUNTS_AVAILABLE', {}, $as_before, 'processed|' ],
	[ 'ITEM', 'USER_PERMISSION_REVOKED', $error->('USER_PERMISSION_REVOKED'), 'revoked||f|USER_PERMISSION_REVOKED||f', 'processed|' ],
	[ 'ITEM', 'WEBHOOK_UPDATE_ACKNOWLEDGED', { new_webhook_url => 'https://example.com/hook?key=secret' }, $as_before, 'processed|' ],
	[ 'LINK', 'EVENTS', { events => [] }, $as_before, 'ignored|' ],
	[ 'HOLDINGS', 'DEFAULT_UPDATE', { new_holdings => 19 }, $as_before, 'ignored|' ],
	[ 'ITEM', 'NOT_YET_INVENTED', {}, $as_before, 'ignored|' ],
);

subtest 'every code' => sub {
	foreach my $case (@table)
	{
		my ($type, $code, $more, $standing, $status) = @$case;
		rest();
		my $body = hook($type, $code, $more);
		my $name = "$type/$code" . ($more->{error} ? " $more->{error}{error_code}" : '');
		is(deliver($body), 'accepted|' . ($status =~ s/.*\|//r) . '|200', "$name: accepted");
		is(standing(), $standing, "$name: the connection");
		like(event($body), qr/^\Q$status\E\|$connection$/, "$name: the event");
	}
	rest();
	is(sql(q{SELECT count(*) FROM ob.webhook_events WHERE payload::text ~ '(words of Plaid|key=secret)'}), '0', 'words of others are not kept');
};

subtest 'as the simulator sends them' => sub {
	foreach my $case ([ 'ITEM', 'ERROR', qr/^reauth_required/ ], [ 'ITEM', 'PENDING_EXPIRATION', qr/^active\|consent_expired\|t/ ],
		[ 'ITEM', 'PENDING_DISCONNECT', qr/^active\|pending_disconnect\|t\|\|2/ ], [ 'ITEM', 'LOGIN_REPAIRED', qr/\|t$/ ],
		[ 'TRANSACTIONS', 'SYNC_UPDATES_AVAILABLE', qr/\|t$/ ], [ 'ITEM', 'USER_PERMISSION_REVOKED', qr/^revoked/ ])
	{
		rest();
		my $body = fire($item, $case->[0], $case->[1]);
		is(deliver($body), 'accepted||200', "$case->[1]: accepted");
		like(standing(), $case->[2], "$case->[1]: the effect");
	}
	rest();
};

subtest 'never synced' => sub {
	my $fresh = link_bank($node, 'fred');
	foreach my $code ('INITIAL_UPDATE', 'HISTORICAL_UPDATE')
	{
		sql("UPDATE ob.sync_state SET next_sync_at = now() + interval '1 hour' WHERE connection_id = $fresh");
		is(deliver(webhook_body({ webhook_type => 'TRANSACTIONS', webhook_code => $code, item_id => item_of($fresh) })), 'accepted||200', $code);
		like(standing($fresh), qr/^active.*\|t$/, "$code: the first sync is due");
	}
};

subtest 'who is told' => sub {
	rest();
	my @cases = ([ 'LOGIN_REQUIRED', 'reauth_required', 'REAUTH_REQUIRED' ], [ 'LOGIN_REPAIRED', 'active', 'LOGIN_REPAIRED' ],
		[ 'PENDING_DISCONNECT', 'expiring', 'CONSENT_EXPIRING' ], [ 'NEW_ACCOUNTS_AVAILABLE', 'new_accounts', '' ],
		[ 'USER_PERMISSION_REVOKED', 'revoked', 'CONNECTION_REVOKED' ]);
	foreach my $case (@cases)
	{
		my ($code, $event, $action) = @$case;
		my $body = hook('ITEM', $code);
		my ($out, $err) = ('', '');
		sql("UPDATE ob.connections SET repaired_at = NULL WHERE id = $connection");
		my $last = sql('SELECT max(id) FROM ob.audit_log');
		$node->psql('postgres', 'LISTEN openbanking; SELECT status FROM ' . receive_sql(sign($body), $body), stdout => \$out, stderr => \$err);
		like($out, qr/"connection_id": $connection, "event": "$event"/, "$code: listeners");
		is(sql("SELECT string_agg(action, ' ' ORDER BY id) FROM ob.audit_log WHERE id > $last AND connection_id = $connection"),
			join(' ', grep { $_ } $action, 'WEBHOOK_ACCEPTED'), "$code: the audit log");
	}
	rest();
};

subtest 'one account is withdrawn' => sub {
	my ($account, $rows) = split /\|/, sql("SELECT account_id, count(*) FROM ob.transactions WHERE connection_id = $connection GROUP BY 1 ORDER BY 2 DESC LIMIT 1");
	ok($rows > 0, 'it has rows');
	my $body = hook('ITEM', 'USER_ACCOUNT_REVOKED', { account_id => $account });
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value("SELECT pg_catalog.count(*) FROM ob.sync($connection)");
	is(deliver($body), 'accepted|connection_busy|200', 'while it is being synced it is kept for later');
	$session->value('COMMIT');
	ok(sql("SELECT count(*) FROM ob.transactions_all WHERE account_id = '$account'") > 0, 'nothing is deleted under the sync');
	sql('CALL ob.sweep_webhooks()');
	is(event($body), "processed||$connection", 'then it has its effect');
	is(sql("SELECT (SELECT count(*) FROM ob.transactions_all WHERE account_id = '$account') + (SELECT count(*) FROM ob.accounts_all WHERE account_id = '$account')"),
		'0', 'nothing of the account is kept');
	is(sql("SELECT transactions_synced = (SELECT count(*) FROM ob.transactions WHERE connection_id = $connection) FROM ob.connections WHERE id = $connection"),
		't', 'the others are');
	rest();
};

subtest 'out of order' => sub {
	my ($broken, $repaired) = (hook('ITEM', 'ERROR', $error->('ITEM_LOGIN_REQUIRED')), hook('ITEM', 'LOGIN_REPAIRED'));
	my $now = int time;
	my ($first, $second) = (sign($broken, { iat => $now - 30 }), sign($repaired, { iat => $now - 10 }));
	is(receive($second, $repaired), 'accepted||200', 'repaired');
	is(receive($first, $broken), 'accepted|outdated|200', 'what was signed before that comes later');
	is(event($broken), "ignored|outdated|$connection", 'and is outdated');
	like(standing(), qr/^active/, 'the connection works');
	rest();
};

# A transaction that has taken in what was signed so many seconds ago, and is open still.
sub taken_in
{
	my ($body, $ago) = @_;
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	is($session->value('SELECT status FROM ' . receive_sql(sign($body, { iat => int(time) - $ago }), $body)), 'accepted', 'taken in, not committed');
	return $session;
}

# Another one that comes before that is committed, and is waiting for it then.
sub at_once
{
	my ($first, $first_ago, $second, $second_ago) = @_;
	my ($session, $other) = (taken_in($first, $first_ago), OpenBanking::Session->new($node));
	$other->begin('SELECT status FROM ' . receive_sql(sign($second, { iat => int(time) - $second_ago }), $second));
	wait_until('the other one', sub { sql('SELECT cardinality(pg_blocking_pids(' . $other->pid . '))') });
	$session->value('COMMIT');
	like($other->finish->{out}, qr/^accepted$/m, 'the other one goes on then');
	return;
}

subtest 'two at once' => sub {
	foreach my $way ([ 20, 10, 'in order', $due, 'processed|' ], [ 10, 20, 'in the wrong order', $login, 'ignored|outdated' ])
	{
		my ($first, $second, $name, $standing, $status) = @$way;
		rest();
		sql("UPDATE ob.sync_state SET next_sync_at = NULL WHERE connection_id = $connection");
		my ($broken, $repaired) = (hook('ITEM', 'LOGIN_REQUIRED'), hook('ITEM', 'LOGIN_REPAIRED'));
		at_once($broken, $first, $repaired, $second);
		is(event($repaired), "$status|$connection", "$name: it sees what the first has done");
		is(standing(), $standing, "$name: what was signed last counts");
	}

	rest();
	my ($revoked, $broken) = (hook('ITEM', 'USER_PERMISSION_REVOKED'), hook('ITEM', 'LOGIN_REQUIRED'));
	at_once($revoked, 10, $broken, 0);
	is(event($broken), "ignored|connection_ended|$connection", 'a withdrawn consent ends it');
	is(state_of($connection), 'revoked', 'whatever comes next');
	rest();
};

# The last delivery of it, signed so many seconds ago, in a commit of its own.
sub deliver_signed { return receive(sign($_[0], { iat => int(time) - $_[1] }), $_[0]); }

subtest 'a delivery that is sent again' => sub {
	rest();
	my ($broken, $repaired) = (hook('ITEM', 'LOGIN_REQUIRED'), hook('ITEM', 'LOGIN_REPAIRED'));
	is(deliver_signed($repaired, 20), 'accepted||200', 'repaired');
	is(deliver_signed($broken, -5), 'accepted|bank_asked|200', 'what was wrong before is signed anew when it is sent again');
	is(event($broken), "processed|bank_asked|$connection", 'so the bank is asked');
	is(standing(), $due, 'by a sync');
	sql("CALL ob.sync_now($connection)");
	like(standing(), qr/^active\|\|f\|\|/, 'it works');
	sql("SELECT ob.sandbox_reset_login($connection)");
	is(deliver_signed($broken, -10), 'duplicate||200', 'or it does not work any more');
	is(standing(), $due, 'which the bank is to say');
	my $session = OpenBanking::Session->new($node);
	$session->query("CALL ob.sync_now($connection)");
	like(standing(), qr/^reauth_required\|login\|f\|ITEM_LOGIN_REQUIRED/, 'and says');
	control($url, 'plaid/items/set', { item_id => $item, error => undef });

	rest();
	my $again = hook('ITEM', 'LOGIN_REQUIRED');
	is(deliver_signed($again, 10), 'accepted||200', 'broken');
	is(standing(), $login, 'with no repair before');
	sql("UPDATE ob.connections SET state = 'active', reauth_reason = NULL, error_code = NULL, error_message = NULL WHERE id = $connection");
	is(deliver_signed($again, 0), 'duplicate||200', 'the same, whose answer was lost');
	is(standing(), $due, 'does not break it once more by itself');
	sql(q{UPDATE ob.webhook_events SET signed_at = signed_at - interval '2 days'});
	is(deliver_signed($again, -5), 'duplicate||200', 'after days');
	is(standing(), $login, 'it is news');

	rest();
	sql("UPDATE ob.connections SET repaired_at = now() WHERE id = $connection");
	foreach my $code ('LOGIN_REQUIRED', 'USER_PERMISSION_REVOKED', 'PENDING_DISCONNECT')
	{
		is(deliver_signed(hook('ITEM', $code), 10), 'accepted|outdated|200', "$code, signed before the user was there");
	}
	is(standing(), $as_before, 'is over');
	is(deliver(hook('ITEM', 'LOGIN_REPAIRED')), 'accepted||200', 'repaired by itself');
	is(sql("SELECT repaired_at > now() - interval '5 seconds' FROM ob.connections WHERE id = $connection"), 't', 'is a repair, too');

	rest();
	my $ending = hook('ITEM', 'PENDING_DISCONNECT', { disconnect_time => '2031-02-03T04:05:06Z' });
	is(deliver_signed($ending, 10), 'accepted||200', 'a warning');
	sql("UPDATE ob.connections SET requires_reauth = false, reauth_reason = NULL WHERE id = $connection");
	is(deliver_signed($ending, 0), 'duplicate||200', 'that is sent again after the relink');
	like(standing(), qr/^active\|\|f\|/, 'warns nobody');
	rest();
};

subtest 'a consent that was renewed' => sub {
	rest();
	sql("UPDATE ob.connections SET consent_expires_at = '2031-08-02T04:05:06Z' WHERE id = $connection");
	my @times = map { hook('ITEM', 'PENDING_EXPIRATION', { consent_expiration_time => $_ }) } '2031-02-03T04:05:06Z', '2031-08-02T00:00:00Z';
	is(deliver($times[0]), 'accepted|outdated|200', 'the warning of the former one');
	is(standing(), 'active||f||2031-08-02 04:05:06|f', 'changes nothing');
	is(deliver($times[1]), 'accepted||200', 'its own warning, told to the day');
	like(standing(), qr/^active\|consent_expired\|t\|\|2031-08-02/, 'counts');
	rest();
};

subtest 'before the connection' => sub {
	my $early = hook('ITEM', 'PENDING_DISCONNECT', { item_id => 'item-of-zoe', disconnect_time => '2031-02-03T04:05:06Z' });
	my $news = hook('TRANSACTIONS', 'SYNC_UPDATES_AVAILABLE', { item_id => 'item-of-zoe' });
	is(deliver($early), 'accepted|connection_unknown|200', 'an item that nobody knows');
	is(deliver($news), 'accepted|connection_unknown|200', 'and again');
	is(event($early), 'waiting|connection_unknown|', 'they wait');
	sql('CALL ob.sweep_webhooks()');
	is(event($early), 'waiting|connection_unknown|', 'and go on waiting');
	my ($of_zoe) = map { $_->{access_token} } @{ control($url, 'plaid/items/create', { item_id => 'item-of-zoe', username => 'user_good', password => 'pass_good' })->{items} };
	my $id = sql(qq{SELECT connection_id FROM ob.adopt_connection('plaid', 'zoe', '{"access_token": "$of_zoe"}')});
	like(standing($id), qr/^active\|pending_disconnect\|t\|\|2031-02-03 04:05:06\|t/, 'the connection appears, with their effects');
	is(event($early) . ' ' . event($news), "processed||$id processed||$id", 'they have had them');
	sql("SELECT FROM ob.sync($id)");
	like(standing($id), qr/^active\|pending_disconnect\|t\|\|2031-02-03 04:05:06/, 'a sync leaves the warning as it is');

	my $never = hook('TRANSACTIONS', 'SYNC_UPDATES_AVAILABLE', { item_id => 'item-of-nobody' });
	deliver($never);
	sql(q{UPDATE ob.webhook_events SET last_received_at = now() - interval '25 hours', attempts = 9 WHERE provider_connection_id = 'item-of-nobody'});
	sql('CALL ob.sweep_webhooks()');
	is(event($never), 'failed|connection_unknown|', 'after a day they are given up');
	my ($retried) = sql(q{SELECT ob.webhook_retry(event_id) FROM ob.webhook_events WHERE provider_connection_id = 'item-of-nobody'});
	is($retried, 'waiting', 'unless asked for');
	rest($id);
};

subtest 'after the connection' => sub {
	my $gone = link_bank($node, 'gone');
	my $its = item_of($gone);
	sql("SELECT ob.disconnect($gone)");
	my $body = hook('ITEM', 'LOGIN_REPAIRED', { item_id => $its });
	is(deliver($body), 'accepted|connection_ended|200', 'of one that was ended');
	my $going = link_bank($node, 'going');
	sql("INSERT INTO ob.outcomes (call_id, kind, phase, server, connection_id, mapping_role)
		VALUES ('going', 'remove', 'recorded', 'plaid', $going, current_user)");
	is(deliver(hook('ITEM', 'LOGIN_REPAIRED', { item_id => item_of($going) })), 'accepted|connection_ended|200',
		'of one that a worker has recorded as ended');
	sql(q{DELETE FROM ob.outcomes WHERE call_id = 'going'});
	sql("SELECT ob.disconnect($going)");
	is(state_of($gone), 'disconnected', 'it stays so');
};

subtest 'news during a sync' => sub {
	rest();
	control($url, 'faults', { kind => 'delay', path => '/plaid/transactions/sync', ms => 1500 });
	my $session = OpenBanking::Session->new($node);
	$session->begin("CALL ob.sync_now($connection)");
	sleep 0.7;
	is(deliver(hook('TRANSACTIONS', 'SYNC_UPDATES_AVAILABLE')), 'accepted||200', 'accepted at once, although it is being synced');
	$session->finish;
	like(standing(), qr/\|t$/, 'the next sync is due');
	control($url, 'faults', { clear => JSON::PP::true });
};

# What is delivered while a sync waits for the bank; the sync's session, at its end.
sub during_sync
{
	my ($call, $body, @faults) = @_;
	control($url, 'faults', $_) foreach { kind => 'delay', path => '/plaid/transactions/sync', ms => 1500 }, @faults;
	my $session = OpenBanking::Session->new($node);
	$session->begin($call);
	sleep 0.7;
	is(deliver($body), 'accepted||200', 'accepted while it is being synced');
	my $end = $session->finish;
	control($url, 'faults', { clear => JSON::PP::true });
	return $end;
}

subtest 'trouble during a sync' => sub {
	foreach my $case ([ hook('ITEM', 'ERROR', $error->('INVALID_MFA')), 'reauth_required|mfa|f|INVALID_MFA||f' ],
		[ hook('ITEM', 'ERROR', $error->('ITEM_NOT_SUPPORTED')), 'error||f|ITEM_NOT_SUPPORTED||f' ],
		[ hook('ITEM', 'USER_PERMISSION_REVOKED', $error->('USER_PERMISSION_REVOKED')), 'revoked||f|USER_PERMISSION_REVOKED||f' ])
	{
		rest();
		my $end = during_sync("CALL ob.sync_now($connection)", $case->[0]);
		is($end->{state}, 'none', 'the sync ends well');
		is(standing(), $case->[1], 'and leaves what came meanwhile as it is');
		is(sql("SELECT next_sync_at FROM ob.sync_state WHERE connection_id = $connection"), '', 'nobody syncs it by himself');
	}
	foreach my $call ("CALL ob.sync_now($connection)", "SELECT FROM ob.sync($connection)", "SELECT count(t) FROM live.ob_transactions t WHERE connection_id = $connection")
	{
		rest();
		my $failures = "SELECT count(*) FILTER (WHERE phase = 'recorded') || ' of ' || count(*) FROM ob.outcomes WHERE kind = 'failure'";
		my ($before) = sql($failures) =~ /(\d+)$/;
		my $end = during_sync($call, hook('ITEM', 'LOGIN_REPAIRED'), { kind => 'error', code => 'ITEM_LOGIN_REQUIRED', path => '/plaid/transactions/*' });
		is($end->{state}, 'OB006', "$call: the user was there after the bank had refused");
		wait_until('what was recorded', sub { sql($failures) eq '0 of ' . ($before + 1) }) unless $call =~ /sync_now/;
		is(standing(), $due, 'so it is tried once more');
		sql("CALL ob.sync_now($connection)");
		like(standing(), qr/^active\|\|f\|\|/, 'and works');
	}
	rest();
};

subtest 'a row that somebody holds' => sub {
	rest();
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value("UPDATE ob.connections SET annotations = '{}' WHERE id = $connection");
	my $body = hook('ITEM', 'LOGIN_REQUIRED');
	my $begun = time;
	is(deliver($body), 'accepted|connection_busy|200', 'the event is kept');
	cmp_ok(time - $begun, '<', 9, 'in time for the provider');
	$session->value('COMMIT');
	sql('CALL ob.sweep_webhooks()');
	is(event($body), "processed||$connection", 'and has its effect later');
	is(state_of($connection), 'reauth_required', 'as it should');
	rest();
};

# From here on workers do what follows.
sql(q{ALTER SYSTEM SET openbanking.sync_on_event = on; SELECT pg_reload_conf()});

subtest 'a hosted link completes itself' => sub {
	my ($link, $page) = split /\|/, sql("SELECT link_id, url FROM ob.link('plaid', 'hana')");
	approve($page);
	my $body = last_webhook('LINK/SESSION_FINISHED');
	my ($token) = $body =~ /"(public-sandbox-[^"]+)"/;
	ok($token, 'the webhook has a public token');
	is(deliver($body), 'accepted|link|200', 'accepted');
	wait_until('the link', sub { link_state($link) =~ /^completed/ });
	my ($id) = link_state($link) =~ /(\d+)$/;
	wait_until('rows', sub { our_rows($id) ne '' }, 30);
	is(our_rows($id), bank_rows($id), 'rows appear by themselves');
	wait_until('the event', sub { event($body) =~ /^processed/ });
	is(event($body), "processed||$id", 'the event knows its connection');
	is(sql("SELECT count(*) FROM ob.webhook_events e WHERE to_jsonb(e)::text LIKE '%$token%'"), '0', 'no token is kept with it');
	my $again = last_webhook('LINK/SESSION_FINISHED');
	is(deliver($again), 'duplicate||200', 'once more');
	is(sql("SELECT count(*) FROM ob.connections WHERE user_ref = 'hana'"), '1', 'one connection');

	my ($other, $other_page) = split /\|/, sql("SELECT link_id, url FROM ob.link('plaid', 'hugo')");
	open_page($other_page);
	submit_page($other_page, bank => { institution_id => 'ins_109508' });
	submit_page($other_page, login => {}, 'cancel');
	my $left = last_webhook('LINK/SESSION_FINISHED');
	is(deliver($left), 'accepted||200', 'a session that the user has left');
	is(link_state($other), 'open||', 'leaves the link open: he may begin again');
};

subtest 'a link that is not known yet' => sub {
	my $body = hook('LINK', 'SESSION_FINISHED', { item_id => undef, status => 'SUCCESS', link_token => 'link-sandbox-unheard-of', public_tokens => ['public-sandbox-1'] });
	is(deliver($body), 'accepted|link|200', 'accepted');
	wait_until('the worker', sub { event($body) =~ /link_unknown/ });
	is(event($body), 'waiting|link_unknown|', 'it waits');
};

subtest 'where webhooks go' => sub {
	my $before = scalar @{ control($url, 'webhooks')->{webhooks} };
	is(sql(q{SELECT status, count(*) FROM ob.webhook_subscribe('plaid') GROUP BY 1}), 'updated|' . sql(q{SELECT count(*) FROM ob.connections WHERE state NOT IN ('revoked', 'disconnected')}),
		'every connection is told');
	like(last_webhook('ITEM/WEBHOOK_UPDATE_ACKNOWLEDGED'), qr{$url/hook}, 'the provider confirms');
	is(deliver(last_webhook('ITEM/WEBHOOK_UPDATE_ACKNOWLEDGED')), 'accepted||200', 'in a webhook');
	control($url, 'faults', { kind => 'error', code => 'ITEM_NOT_FOUND', path => '/plaid/item/webhook/update', item_id => $item, count => 0 });
	like(sql(qq{SELECT status, reason FROM ob.webhook_subscribe('plaid', '$url/other') WHERE connection_id = $connection}), qr/^failed\|./, 'one that fails is a row');
	control($url, 'faults', { clear => JSON::PP::true });
	like(sql(q{SELECT details FROM ob.audit_log WHERE action = 'WEBHOOKS_SUBSCRIBED' ORDER BY id DESC LIMIT 1}), qr/"failed": 1/, 'the audit log says so');
};

done_testing();
