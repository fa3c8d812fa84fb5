# Circuit breakers: a bank or provider that is down is not asked for each of its connections.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);
control($url, 'config', { initial_delay_ms => 0, historical_delay_ms => 0 });

my @down = map { link_bank($node, "user $_", { institution_id => 'ins_109508' }) } 1 .. 6;
my @other = map { link_bank($node, "other $_", { institution_id => 'ins_109509' }) } 1 .. 2;
my $unnamed = link_bank($node, 'unnamed', { institution_id => 'ins_109510' });
sql("UPDATE ob.connections SET institution_id = NULL WHERE id = $unnamed");

# complete|failed of one run, one connection at a time.
sub run
{
	my ($session, $how) = @_;
	my $err = $session->query('CALL ob.sync_due(' . ($how // 'parallel => 1') . ')')->{err};
	return $err =~ /(\d+) complete, \d+ waiting, \d+ deferred, (\d+) failed/ ? "$1|$2" : $err;
}

sub make_due { sql('UPDATE ob.sync_state SET next_sync_at = now()'); return; }
sub break_items { my ($error) = @_; control($url, 'plaid/items/set', { item_id => item_of($_), error => $error }) foreach @down; return; }
sub time_passes { sql("UPDATE ob.breakers SET open_until = now() - interval '1 second' WHERE open_until IS NOT NULL"); return; }
sub breakers { return sql("SELECT string_agg(institution_id || ':' || failures || ':' || round(extract(epoch FROM open_until - now()) / 60), ' ' ORDER BY 1) FROM ob.breakers"); }
sub syncs { my ($code) = @_; return calls_of('/transactions/sync', $code); }

my $session = OpenBanking::Session->new($node);
is(run($session), '9|0', 'all is well');

subtest 'a bank that is down' => sub {
	break_items('INSTITUTION_DOWN');
	make_due();
	is(syncs(sub { is(run($session), '3|3', 'three failures, and the other banks are synced') }), 6, 'nobody else was asked for');
	like(breakers(), qr/^ins_109508:3:3[0-3]$/, 'the breaker opens for half an hour');
	is(sql("SELECT array_agg(DISTINCT activity) FROM ob.sync_status WHERE connection_id IN ($down[0], $down[5])"), '{"held back"}', 'which is shown');
	is(sql('SELECT institutions_down, breaker_until FROM ob.server_status'), '{ins_109508}|', 'of the server as well');
	make_due();
	is(syncs(sub { is(run($session), '3|0', 'while it is open, its connections are left alone') }), 3, 'without a call');
	is(sql("SELECT count(*) FROM ob.sync_state WHERE next_sync_at <= now()"), '6', 'and stay due');
	is((sqlstate_of($node, "SELECT ob.sync($down[0])"))[0], 'OB008', 'who asks himself may');
};

subtest 'finding out' => sub {
	time_passes();
	is(sql('SELECT institutions_down FROM ob.server_status'), '', 'when its time has passed, nothing is said to be down');
	is(sql("SELECT DISTINCT activity FROM ob.sync_status WHERE connection_id = $down[5]"), 'due', 'nor held back');
	is(syncs(sub { is(run($session), '0|1', 'then one of them is tried') }), 1, 'one call');
	like(breakers(), qr/^ins_109508:4:6[0-6]$/, 'in vain: it opens for longer');
	time_passes();
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => 1000 });
	my $rival = OpenBanking::Session->new($node);
	my $calls = syncs(sub {
		$session->begin('CALL ob.sync_due(parallel => 16)');
		$rival->begin('CALL ob.sync_due(parallel => 16)');
		$_->finish foreach $session, $rival;
	});
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => 0 });
	is($calls, 1, 'one, however many sessions would');
	break_items(undef);
	make_due();
	time_passes();
	is(run($session), '4|0', 'a success of one closes it');
	is(run($session), '5|0', 'and the others follow');
	is(breakers(), '', 'nothing is held against anybody');
};

subtest 'long ago' => sub {
	sql("INSERT INTO ob.breakers (server, institution_id, failures, open_until, failed_at) "
		. "SELECT 'plaid', i, 7, now() - interval '25 hours', now() - interval '31 hours' FROM unnest('{ins_109508,gone}'::text[]) i");
	control($url, 'plaid/items/set', { item_id => item_of($down[0]), error => 'INSTITUTION_DOWN' });
	sql("UPDATE ob.sync_state SET next_sync_at = now() WHERE connection_id = $down[0]");
	is(run($session), '0|1', 'after more than a day');
	is(sql('SELECT string_agg(institution_id || failures || (open_until IS NULL)::text, $$ $$) FROM ob.breakers'), 'ins_1095081true', 'counting begins anew');
	break_items(undef);
	make_due();
	is(run($session), '9|0', 'all is well');
	is(breakers(), '', 'and nothing held against anybody');
};

subtest 'a provider that is down' => sub {
	control($url, 'faults', { kind => 'status', status => 500, path => '/plaid/*', count => 0 });
	make_due();
	my $failed = (split /\|/, run($session, 'parallel => 2'))[1];
	ok($failed >= 5 && $failed < 9, "$failed failures");
	like(breakers(), qr/^:\d:[1-9]/, 'the breaker of the whole server opens');
	is(sql('SELECT breaker_until > now() FROM ob.server_status'), 't', 'which is shown');
	make_due();
	is(calls_of('/accounts/get', sub { is(run($session), '0|0', 'nothing is claimed') }), 0, 'nor called');
	control($url, 'faults', { clear => JSON::PP::true });
	sql("SELECT ob.resume_server('plaid')");
	is(run($session), '9|0', 'an operator says that all is well again') or diag(breakers());
};

$node->stop;
done_testing();
