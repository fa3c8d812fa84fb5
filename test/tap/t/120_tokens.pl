# Tokens that expire: renewed in time, once for everybody, and never lost.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use OpenBanking::TrueLayer;
use Test::More;
use Time::HiRes ();

my $url = start_sandbox();
my $node = new_node('main', $url, { max_worker_processes => 24, max_connections => 100 });
set_up_truelayer($node, $url);
links_at($node, $url);
sql('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA ob FROM SERVER tl INTO live');
my $bank = link_truelayer('ann');
my $scan = "SELECT count(*) > 0 FROM live.ob_accounts WHERE connection_id = $bank";

sub audit { return sql("SELECT count(*) FROM ob.audit_log WHERE action = '$_[0]' AND connection_id = " . ($_[1] // $bank)); }
sub token_state { return sql("SELECT access_token, has_refresh_token FROM ob.token_status WHERE connection_id = " . ($_[0] // $bank)); }
sub item_set { return control($url, 'truelayer/items/set', { item_id => item_of($bank), %{ $_[0] } }); }

subtest 'a good one' => sub {
	is(token_state(), 'good|t', 'is shown as such');
	is(sql("SELECT expires_at - renew_at FROM ob.tokens WHERE subject = 'connection:$bank' AND kind = 'access_token'"), '00:05:00',
		'to be renewed five minutes early');
	is(token_calls(sub { is(sql($scan), 't', 'a scan reads') }), 0, 'with what there is');
};

subtest 'an expired one' => sub {
	expire_tokens($bank);
	is(token_state(), 'expired|t', 'is shown as such');
	is(token_calls(sub { is(sql("SET default_transaction_read_only = on; $scan"), 't', 'a scan reads, read-only as it is') }), 1,
		'and has it renewed');
	is(token_state(), 'good|t', 'it is stored');
	is(audit('TOKEN_REFRESHED'), 1, 'and audited');
	expire_tokens($bank);
	is(token_calls(sub { is(sql("SELECT status FROM ob.sync($bank)"), 'complete', 'so does a sync') }), 1, 'once');
	expire_tokens($bank);
	sql('UPDATE ob.sync_state SET next_sync_at = now()');
	is(token_calls(sub { $node->safe_psql('postgres', 'CALL ob.sync_due()') }), 1, 'and a run of syncs');
	is(sql('SELECT last_sync_status FROM ob.connections'), 'complete', 'which is complete');
	is(token_calls(sub { is(sql($scan), 't', 'all with the last one') }), 0, 'that there is');
};

subtest 'one that the provider no longer takes' => sub {
	item_set({ access_expires_at => '2020-01-01T00:00:00Z' });
	is(token_calls(sub { is(sql($scan), 't', 'a scan reads') }), 1, 'renewed before its time');
	control($url, 'faults', { kind => 'error', code => '401:invalid_token', path => '/truelayer/api/*', count => 0 });
	my ($state) = sqlstate_of($node, $scan);
	is($state, 'OB006', 'refused again: the user must log in');
	control($url, 'faults', { clear => JSON::PP::true });
	wait_until('the state', sub { state_of($bank) eq 'reauth_required' });
	sql("UPDATE ob.connections SET state = 'active', error_code = NULL, failing_since = NULL WHERE id = $bank");
};

subtest 'sixty-four at once' => sub {
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 64;
	expire_tokens($bank);
	is(token_calls(sub {
		$_->begin($scan) foreach @sessions;
		my %seen;
		++$seen{ $_->finish(120)->{out} } foreach @sessions;
		is(join(' ', %seen), 't 64', 'each reads');
	}), 1, 'the token is renewed once');
	$_->quit foreach @sessions;
};

subtest 'a caller who leaves' => sub {
	expire_tokens($bank);
	control($url, 'faults', { kind => 'delay', ms => 1500, path => '/truelayer/auth/connect/token' });
	my ($first, $second) = map { OpenBanking::Session->new($node) } 1 .. 2;
	is(token_calls(sub {
		$first->begin($scan);
		select undef, undef, undef, 0.5; # the call is on its way
		$second->begin($scan);
		select undef, undef, undef, 0.2;
		my $pid = $first->pid;
		sql("SELECT pg_cancel_backend($pid)");
		is($first->finish->{state}, '57014', 'is cancelled at once');
		is($second->finish->{out}, 't', 'another waits for the answer and reads');
	}), 1, 'there is one call');
};

subtest 'waiting can be cancelled' => sub {
	expire_tokens($bank);
	control($url, 'faults', { kind => 'delay', ms => 2500, path => '/truelayer/auth/connect/token' });
	my ($first, $second) = map { OpenBanking::Session->new($node) } 1 .. 2;
	$first->begin($scan);
	select undef, undef, undef, 0.3;
	$second->begin($scan);
	select undef, undef, undef, 0.3;
	my $pid = $second->pid;
	my $start = Time::HiRes::time();
	sql("SELECT pg_cancel_backend($pid)");
	my $result = $second->finish;
	is($result->{state}, '57014', 'cancelled');
	cmp_ok($result->{ended} - $start, '<', 1, 'without waiting for the other');
	is($first->finish->{out}, 't', 'who reads on');
};

subtest 'a lost answer' => sub {
	expire_tokens($bank);
	control($url, 'truelayer/config', { refresh_tokens => 'stable' });
	control($url, 'faults', { kind => 'cut', where => 'before', path => '/truelayer/auth/connect/token' });
	is(sql($scan), 't', 'is asked for once more with the same refresh token');
	control($url, 'truelayer/config', { refresh_tokens => 'omit' });
	is(sql("SELECT ob.refresh_token($bank) > now() + interval '50 minutes'"), 't', 'ob.refresh_token says until when it is good');
	is(token_state(), 'good|t', 'the refresh token is kept if none comes');
	is(sql("SELECT ob.refresh_token($bank) IS NOT NULL"), 't', 'and good');
	control($url, 'truelayer/config', { refresh_tokens => 'rotate' });
	is(sql("SELECT ob.refresh_token($bank) IS NOT NULL"), 't', 'a new one') foreach 1 .. 2;
};

subtest 'a worker that dies with the answer' => sub {
	control($url, 'truelayer/config', { refresh_tokens => 'rotate_keep' });
	expire_tokens($bank);
	$node->psql('postgres', "LOAD 'openbanking'; SET openbanking.test_crash_point = 'renew_answered'; $scan");
	wait_for_restart();
	is(sql($scan), 't', 'the next one renews with what is stored');
	control($url, 'truelayer/config', { refresh_tokens => 'rotate' });
};

subtest 'a rolled back transaction' => sub {
	my $failed = audit('TOKEN_REFRESHED');
	sql("BEGIN; SELECT ob.refresh_token($bank); ROLLBACK");
	is(audit('TOKEN_REFRESHED'), $failed + 1, 'takes nothing back');
	is(sql($scan), 't', 'the new token is stored');
};

subtest 'the sync worker' => sub {
	expire_tokens($bank);
	sql("UPDATE ob.sync_state SET next_sync_at = now()");
	my $before = sql("SELECT last_sync_at FROM ob.connections WHERE id = $bank");
	my ($link, $address) = start_journey('eve');
	my $fields = JSON::PP->new->encode(come_back($address, { username => 'john3', password => 'doe3' }));
	is(token_calls(sub {
		sql("LOAD 'openbanking'; SET openbanking.sync_on_event = on; SELECT * FROM ob.link_complete('$link', '$fields')");
		wait_until('its sync', sub { sql("SELECT last_sync_at > '$before' FROM ob.connections WHERE id = $bank") eq 't' });
	}), 2, 'has a token renewed, too'); # and one is the new bank's
	is(sql("SELECT last_sync_status FROM ob.connections WHERE id = $bank"), 'complete', 'and reads with it');
	my ($eve) = (link_state($link) =~ /\|(\d+)$/);
	sql("SELECT ob.disconnect($eve)");
};

# A renewal whose answer is on its way while $code runs; what became of it.
sub overtaken
{
	my ($connection, $code, $answer) = @_;
	my $path = '/truelayer/auth/connect/token';
	my $session = OpenBanking::Session->new($node);
	$session->begin("SELECT ob.refresh_token($connection)"); # the client is known there from now on: nobody waits to know it
	$session->finish;
	control($url, 'faults', { kind => 'error', code => '400:invalid_grant', path => $path }) if ($answer // '') eq 'refused';
	control($url, 'latency', { ms => 3000, path => $path });
	$session->begin("SELECT ob.refresh_token($connection) IS NOT NULL");
	select undef, undef, undef, 0.5; # the call is on its way
	control($url, 'latency', { ms => undef, path => $path });
	$code->();
	my $result = $session->finish;
	$session->quit;
	return $result;
}

sub log_in_again
{
	my ($connection, $way) = @_;
	my ($link, undef, $address) = split /\|/, sql("SELECT link_id, action, url FROM ob.relink($connection)");
	my (undef, $id) = split /\|/, complete_journey(come_back($address, $way), $link);
	is($id, $connection, 'the user logs in again');
	return;
}

subtest 'a renewal that a login overtakes' => sub {
	my $way = { username => 'john2', password => 'doe2' };
	my $connection = link_truelayer('ivy', $way);
	my $result = overtaken($connection, sub { log_in_again($connection, $way) }, 'refused');
	is($result->{out}, 't', 'is refused, which says nothing of the new tokens');
	is(state_of($connection), 'active', 'nor of the connection');
	is(audit('TOKEN_REFRESH_FAILED', $connection), 0, 'nothing failed');
	control($url, 'truelayer/config', { refresh_tokens => 'rotate_keep' });
	$result = overtaken($connection, sub { log_in_again($connection, $way) });
	is($result->{out}, 't', 'or granted');
	control($url, 'truelayer/config', { refresh_tokens => 'rotate' });
	is(token_calls(sub { is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'the new tokens') }), 0, 'are those in use');
	sql("SELECT ob.disconnect($connection)");
};

subtest 'a renewal that comes after the end' => sub {
	my $connection = link_truelayer('jan', { username => 'john3', password => 'doe3' });
	control($url, 'faults', { kind => 'error', code => '403:access_denied', path => '/truelayer/auth/api/delete' }); # it is gone there
	my $result = overtaken($connection, sub { is(sql("SELECT ob.disconnect($connection)"), 'disconnected', 'ended meanwhile') });
	is($result->{out}, 'f', 'brings nothing');
	is(tokens_of($connection), 0, 'and leaves no token');
};

subtest 'refresh_tokens' => sub {
	my $idle = link_truelayer('idle', { username => 'john1', password => 'doe1' });
	my ($out, $err);
	$node->psql('postgres', "CALL ob.refresh_tokens('10 minutes')", stderr => \$err);
	like($err, qr/NOTICE:  tokens: 0 renewed, 0 failed/, 'nothing expires so soon');
	sql("UPDATE ob.connections SET authenticated_at = now() - interval '2 hours' WHERE id = $bank");
	$node->psql('postgres', 'CALL ob.refresh_tokens()', stderr => \$err);
	like($err, qr/NOTICE:  tokens: 1 renewed, 0 failed/, 'what was linked an hour ago or later is left alone');
	sql("UPDATE ob.connections SET authenticated_at = now() - interval '2 hours'");
	$node->psql('postgres', 'CALL ob.refresh_tokens()', stderr => \$err);
	like($err, qr/NOTICE:  tokens: 2 renewed, 0 failed/, 'within twelve hours all do');
	sql("UPDATE ob.tokens SET renew_at = now() - interval '1 hour' WHERE subject = 'connection:$idle' AND kind = 'refresh_token'");
	$node->psql('postgres', "CALL ob.refresh_tokens('0')", stderr => \$err);
	like($err, qr/NOTICE:  tokens: 1 renewed, 0 failed/, 'a token that nobody uses is kept alive');
	is(sql("SELECT keep_alive_at > now() + interval '19 days' FROM ob.token_status WHERE connection_id = $idle"), 't', 'for twenty days');
	($out) = sqlstate_of($node, 'BEGIN; CALL ob.refresh_tokens()');
	is($out, '2D000', 'commits by itself');
};

subtest 'a client secret that is refused' => sub {
	expire_tokens($bank);
	sql(q{ALTER USER MAPPING FOR PUBLIC SERVER tl OPTIONS (SET client_secret 'wrong')});
	is(token_calls(sub {
		my ($state) = sqlstate_of($node, $scan);
		is($state, 'OB005', 'is said to be');
		($state) = sqlstate_of($node, $scan);
		is($state, 'OB005', 'and again');
	}), 1, 'sent once');
	is(state_of($bank), 'active', 'says nothing about the connection');
	sql(q{ALTER USER MAPPING FOR PUBLIC SERVER tl OPTIONS (SET client_secret 'sandbox-secret')});
	is(sql($scan), 't', 'which works again');
};

subtest 'a user who must log in again' => sub {
	expire_tokens($bank);
	item_set({ revoked => JSON::PP::true });
	my ($state) = sqlstate_of($node, "SET default_transaction_read_only = on; $scan");
	is($state, 'OB006', 'is asked to');
	wait_until('the state', sub { state_of($bank) eq 'reauth_required' });
	is(sql("SELECT reauth_reason FROM ob.connections WHERE id = $bank"), 'consent_expired', 'with the reason');
	cmp_ok(audit('TOKEN_REFRESH_FAILED'), '>=', 1, 'audited');
	wait_until('the outcome', sub { phase_of($bank) !~ /recorded/ });
	is(token_calls(sub { $node->safe_psql('postgres', 'CALL ob.refresh_tokens()') }), 1, 'nobody renews it in vain'); # the other one
	is(sql("SELECT ob.disconnect($bank)"), 'disconnected', 'ended although the provider knows it no longer');
	is(tokens_of($bank), 0, 'no token is left');
};

$node->stop;
done_testing();
