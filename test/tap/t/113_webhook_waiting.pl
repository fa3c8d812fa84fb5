# Webhooks that have to wait, or come again: each is settled once, and nothing that passes ends one for good.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Hosted;
use OpenBanking::Links;
use OpenBanking::Session;
use OpenBanking::Webhooks;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(sleep time);

my $url = start_sandbox();
my $node = new_node('main', $url, { log_min_messages => 'error' });
set_up_plaid($node, $url);
links_at($node, $url);
webhooks_at($node, $url);
sql("ALTER SERVER plaid OPTIONS (ADD webhook_url '$url/hook')");

my $connection = link_bank($node, 'alice');
my $item = item_of($connection);
sql("SELECT FROM ob.sync($connection)");
my $number = 0;

sub rest
{
	sql("UPDATE ob.sync_state SET next_sync_at = now() + interval '3 hours', news_at = NULL WHERE connection_id = $connection;
		UPDATE ob.connections SET state = 'active', reauth_reason = NULL, requires_reauth = false, error_code = NULL,
			error_message = NULL, consent_expires_at = NULL, repaired_at = NULL WHERE id = $connection");
	return;
}

sub start_anew { rest(); sql('DELETE FROM ob.webhook_events'); return; }

sub hook
{
	my ($type, $code, $more) = @_;
	return webhook_body({ webhook_type => $type, webhook_code => $code, item_id => $item, environment => 'sandbox', number => ++$number, %{ $more // {} } });
}

# The same bytes, signed some seconds later than any before.
my $ahead = 0;
sub deliver_later { return receive(sign($_[0], { iat => int(time) + ($ahead += 5) }), $_[0]); }

sub id_of { my $hex = unpack 'H*', $_[0]; return sql("SELECT event_id FROM ob.webhook_events WHERE digest = encode(sha256('\\x$hex'), 'hex') AND verified"); }
sub due_now { sql(q{UPDATE ob.webhook_events SET next_try_at = now() WHERE status = 'waiting'}); return; }

# A link whose user has done all on his side: its id, and the webhook that says so.
sub finished_link
{
	my ($user) = @_;
	my ($link, $page) = split /\|/, sql("SELECT link_id, url FROM ob.link('plaid', '$user')");
	approve($page);
	return ($link, last_webhook('LINK/SESSION_FINISHED'));
}

subtest 'links of another server' => sub {
	start_anew();
	my ($link, $body) = finished_link('nora');
	sql("CREATE SERVER second FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', environment 'sandbox', api_url '$url/plaid', client_name 'Test');
		CREATE USER MAPPING FOR PUBLIC SERVER second OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret')");
	my ($other) = split /\|/, sql(q{SELECT link_id FROM ob.link('second', 'nora')});
	sql("UPDATE ob.links SET token_digest = (SELECT token_digest FROM ob.links WHERE link_id = '$link') WHERE link_id = '$other'");
	deliver($body);
	sql('CALL ob.sweep_webhooks()');
	like(link_state($link), qr/^completed/, 'the webhook is about the one of its own server');
	sql("SELECT ob.link_cancel('$other'); DELETE FROM ob.links WHERE link_id = '$other'; DROP SERVER second CASCADE");
};

subtest 'of nobody who is known here' => sub {
	start_anew();
	my $body = hook('ITEM', 'LOGIN_REPAIRED', { item_id => 'of-somebody-erased' });
	is(deliver($body), 'accepted|connection_unknown|200', 'kept for a day');
	foreach my $case ([ '25 hours', '1' ], [ '29 days', '1' ], [ '31 days', '0' ])
	{
		sql("UPDATE ob.webhook_events SET last_received_at = now() - interval '$case->[0]', attempts = 9");
		sql('CALL ob.sweep_webhooks()');
		is(sql('SELECT count(*) FROM ob.webhook_events'), $case->[1], "after $case->[0]");
	}
};

subtest 'what waits and comes again' => sub {
	start_anew();
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value("UPDATE ob.connections SET annotations = '{}' WHERE id = $connection");
	my $body = hook('ITEM', 'LOGIN_REQUIRED');
	is(deliver($body), 'accepted|connection_busy|200', 'it waits');
	is(deliver_later($body), 'duplicate||200', 'it comes again, and has to wait again');
	is(event($body), 'waiting|connection_busy|', 'as it did');
	$session->value('ROLLBACK');
	is(deliver_later($body), 'duplicate||200', 'it comes once more');
	is(event($body), "processed||$connection", 'and has had its effect');
	is(state_of($connection), 'reauth_required', 'on the connection');
	is(sql(q{SELECT details ->> 'status' FROM ob.audit_log WHERE action = 'WEBHOOK_REPEATED' ORDER BY id DESC LIMIT 1}), 'processed', 'the audit log says so');
	rest();
	due_now();
	sql('CALL ob.sweep_webhooks()');
	is(state_of($connection), 'active', 'it does not have it a second time');
};

subtest 'what was outdated and comes again' => sub {
	start_anew();
	my ($broken, $repaired) = (hook('ITEM', 'LOGIN_REQUIRED'), hook('ITEM', 'LOGIN_REPAIRED'));
	my $now = int time;
	receive(sign($repaired, { iat => $now - 10 }), $repaired);
	is(receive(sign($broken, { iat => $now - 30 }), $broken), 'accepted|outdated|200', 'outdated');
	is(receive(sign($broken, { iat => $now + 30 }), $broken), 'duplicate||200', 'signed again, after the other one');
	is(event($broken), "processed|bank_asked|$connection", 'it counts, as far as the bank confirms it');
	my $between = hook('ITEM', 'LOGIN_REPAIRED');
	is(receive(sign($between, { iat => $now }), $between), 'accepted|outdated|200', 'what was signed before that does not');
	is(sql("SELECT next_sync_at <= now() FROM ob.sync_state WHERE connection_id = $connection"), 't', 'any more');
};

subtest 'what was given up and comes again' => sub {
	start_anew();
	my $body = hook('TRANSACTIONS', 'SYNC_UPDATES_AVAILABLE', { item_id => 'item-of-nobody' });
	deliver($body);
	sql(q{UPDATE ob.webhook_events SET last_received_at = now() - interval '25 hours', attempts = 9, next_try_at = now()});
	sql('CALL ob.sweep_webhooks()');
	is(event($body), 'failed|connection_unknown|', 'given up');
	is(deliver_later($body), 'duplicate||200', 'it comes again');
	is(event($body), 'waiting|connection_unknown|', 'and waits again');
	sql('CALL ob.sweep_webhooks()');
	is(event($body), 'waiting|connection_unknown|', 'for another day');

	my ($link, $finished) = finished_link('fay');
	deliver($finished);
	sql(q{UPDATE ob.webhook_events SET status = 'failed', next_try_at = NULL WHERE link_digest IS NOT NULL});
	is(deliver_later($finished), 'duplicate||200', 'the end of a link comes again');
	sql('CALL ob.sweep_webhooks()');
	like(link_state($link), qr/^completed/, 'it is completed');
	my $done = event($finished);
	like($done, qr/^processed/, 'processed');
	deliver_later($finished);
	is(event($finished), $done, 'that stays so');
};

subtest 'passing trouble does not end a link' => sub {
	start_anew();
	my ($link, $body) = finished_link('pam');
	is(deliver($body), 'accepted|link|200', 'a link is finished');
	my $id = id_of($body);
	foreach my $trouble ([ 'no calls allowed', 'SET openbanking.enabled = off' ],
		[ 'a key command that fails', q{SET openbanking.key_file = ''; SET openbanking.key_command = 'exit 1'} ])
	{
		is(sql("LOAD 'openbanking'; $trouble->[1]; SELECT ob.webhook_retry($id)"), 'waiting', "$trouble->[0]: it waits");
		is(event($body), 'waiting|55000|', "$trouble->[0]: and says why");
	}
	due_now();
	my ($state) = sqlstate_of($node, "LOAD 'openbanking'; SET openbanking.enabled = off; CALL ob.sweep_webhooks()");
	is($state, '55000', 'a sweep that may not call says so');
	is(event($body), 'waiting|55000|', 'and tries nothing');
	sql('CALL ob.sweep_webhooks()');
	like(link_state($link), qr/^completed/, 'when it is over the link is completed');

	my ($other, $too_late) = finished_link('pia');
	deliver($too_late);
	sql(qq{SELECT FROM ob.link_complete('$other', '{"error": "changed his mind"}')});
	is(link_state($other) =~ s/\|.*//r, 'cancelled', 'a link that was cancelled');
	sql('CALL ob.sweep_webhooks()');
	is(event($too_late), 'failed|cancelled|', 'stays so');
};

subtest 'an open transaction holds up nothing else' => sub {
	start_anew();
	my ($first, $second) = map { hook('TRANSACTIONS', 'SYNC_UPDATES_AVAILABLE', { item_id => $_ }) } 'item-of-first', 'item-of-second';
	deliver($_) foreach $first, $second;
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value('SELECT ob.webhook_retry(' . id_of($first) . ')');
	my $sweep = OpenBanking::Session->new($node);
	$sweep->begin('CALL ob.sweep_webhooks()');
	is(eval { $sweep->finish(20)->{state} } // $@, 'none', 'a sweep ends');
	is(sql('SELECT attempts > 0 FROM ob.webhook_events WHERE event_id = ' . id_of($second)), 't', 'the other event has been tried');
	$session->value('COMMIT');
};

subtest 'the same news each day' => sub {
	start_anew();
	my $body = hook('TRANSACTIONS', 'SYNC_UPDATES_AVAILABLE');
	deliver($body);
	sql(q{UPDATE ob.webhook_events SET received_at = now() - interval '50 days', last_received_at = now() - interval '50 days'});
	is(sql('SELECT accepted, accepted_last_day FROM ob.webhook_status'), '1|0', 'long ago');
	deliver_later($body);
	is(sql(q{SELECT accepted, accepted_last_day, last_accepted_at > now() - interval '1 minute' FROM ob.webhook_status}), '2|1|t',
		'it has come again: ob.webhook_status knows');
	sql(q{UPDATE ob.installation SET retention = '{"webhook_events": "40 days"}'});
	sql('CALL ob.purge()');
	is(event($body), "processed||$connection", 'and ob.purge leaves it');
	sql(q{UPDATE ob.installation SET retention = '{}'});
};

# From here on workers do what follows.
sql(q{ALTER SYSTEM SET openbanking.sync_on_event = on; SELECT pg_reload_conf()});

subtest 'links beside each other, and what needs no call beside them' => sub {
	start_anew();
	my ($slow, $slow_body) = finished_link('sam');
	my ($fast, $fast_body) = finished_link('flo');
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value("UPDATE ob.connections SET annotations = '{}' WHERE id = $connection");
	my $body = hook('ITEM', 'LOGIN_REQUIRED');
	is(deliver($body), 'accepted|connection_busy|200', 'an event that has to wait for somebody');
	control($url, 'faults', { kind => 'stall', path => '/plaid/link/token/get', count => 1 });
	deliver($slow_body);
	wait_until('the slow link', sub { calls('/link/token/get') > 0 });
	deliver($fast_body);
	wait_until('the other link', sub { link_state($fast) =~ /^completed/ });
	is(link_state($slow), 'open||', 'a link is completed beside one whose provider does not answer');
	$session->value('ROLLBACK');
	wait_until('the event', sub { event($body) =~ /^processed/ });
	is(link_state($slow), 'open||', 'and so is what needs no call');
	control($url, 'faults', { clear => JSON::PP::true });
};

subtest 'a provider that is down for longer' => sub {
	start_anew();
	my ($link, $body) = finished_link('don');
	control($url, 'faults', { kind => 'status', status => 503, body => 'no', path => '/plaid/link/token/get', count => 0 });
	deliver($body);
	wait_until('a try', sub { event($body) =~ /OB/ });
	sql(q{UPDATE ob.webhook_events SET next_try_at = now() + interval '25 seconds'});
	control($url, 'faults', { clear => JSON::PP::true });
	wait_until('the link', sub { link_state($link) =~ /^completed/ }, 60);
	like(event($body), qr/^processed/, 'is tried by itself until it works');
};

subtest 'nothing waits for the worker' => sub {
	sql('CREATE DATABASE doomed');
	my $at = sub { return $node->safe_psql('doomed', $_[0]); };
	my $has_worker = sub { return sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'openbanking webhook worker' AND datname = 'doomed'}); };
	my $linger = sub {
		$at->('CREATE EXTENSION openbanking');
		set_up_plaid($node, $url, 'doomed');
		my $body = hook('LINK', 'SESSION_FINISHED', { status => 'SUCCESS', link_token => 'link-sandbox-unheard-of', public_tokens => ['public-sandbox-1'] });
		$at->('SELECT status FROM ' . receive_sql(sign($body), $body));
		wait_until('the worker', sub { $at->('SELECT attempts FROM ob.webhook_events') > 0 });
		is($has_worker->(), '1', 'it stays for a while');
		return -s $node->logfile;
	};
	my $before = $linger->();
	$at->('DROP EXTENSION openbanking CASCADE; DROP SCHEMA live');
	wait_until('its end', sub { !$has_worker->() });
	pass('the extension can be dropped');
	unlike(slurp_file($node->logfile, $before), qr/(ERROR|FATAL):/, 'which is no failure');
	$before = $linger->();
	my $outcome = q{FROM pg_stat_activity WHERE backend_type = 'openbanking outcome worker' AND datname = 'doomed'};
	sql("SELECT pg_terminate_backend(pid, 5000) $outcome");
	is($node->psql('postgres', 'DROP DATABASE doomed'), 0, 'so can the database');
	unlike(slurp_file($node->logfile, $before), qr/ERROR:/, 'nor is that');
};

done_testing();
