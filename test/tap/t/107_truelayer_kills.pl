# At TrueLayer: processes killed while they sync, link, renew, prolong or disconnect, syncs side by side, and servers that
# crash. Nothing is lost, nothing doubled, and whoever has to log in again is told. OB_KILLS as in 101_kills.pl.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Bank;
use OpenBanking::Kills;
use OpenBanking::Links;
use OpenBanking::Session;
use OpenBanking::TrueLayer;
use OpenBanking::TrueLayerOracle;
use Test::More;
use Time::HiRes qw(sleep);

my ($first, $last) = split /-/, $ENV{OB_KILLS} // '1-51';
$last //= $first;

my $url = start_sandbox();
my $node = new_node('main', $url, { fsync => 'off', log_statement => 'none', log_line_prefix => '%m [%p] %e ', max_worker_processes => 24 });
set_up_truelayer($node, $url, { overlap_days => 88 });
set_up_truelayer_oracle($node, $url);
links_at($node, $url);
kills_at($node);

my @cases = (
	(map { my $what = $_; map { [ \&sync_case, $what, $_ ] } 'TERM', 'KILL', 'immediate stop', 'unit_before_commit', 'unit_after_commit' }
		'sync_now', 'full sync_now', 'sync_due'),
	(map { [ \&sync_case, 'sync', $_ ] } 'TERM', 'KILL'),
	(map { [ \&side_by_side, 'several at once', 'nobody' ] } 1 .. 4),
	(map { my $what = $_; map { [ \&token_case, $what, $_ ] } 'TERM', 'KILL', 'immediate stop', "${what}_answered", "${what}_recorded" }
		'exchange', 'renew', 'remove'),
	(map { [ \&token_case, $_->[0], $_->[1] ] } [ 'exchange', 'exchange_intent' ], [ 'remove', 'remove_intent' ]),
	(map { [ \&token_case, 'extend', $_ ] } 'TERM', 'KILL', 'immediate stop', 'extend_intent', 'extend_answered', 'extend_recorded'),
	(map { [ \&token_case, 'renew', $_, 'stable' ] } 'KILL', 'immediate stop', 'renew_answered', 'renew_recorded'),
	(map { [ \&token_case, 'extend', $_, 'stable' ] } 'KILL', 'extend_answered'),
	[ \&overtaken, 'extend', 'and tokens renewed' ],
);

my ($case, $chance, @banks);
my %moments = (busy => 0, idle => 0); # of random kills: how many met a sync at work, and how many came too late

# ---- syncs ----

sub renew_banks
{
	control($url, 'reset', {});
	sql('TRUNCATE ob.connections, ob.sync_state, ob.accounts_all, ob.transactions_all, ob.quarantine, ob.tokens, ob.outcomes, ob.links, dump');
	@banks = map { new_bank($case * 10 + $_) } 1 .. 3;
	return;
}

sub make_due { return sql('UPDATE ob.sync_state SET next_sync_at = now(), claimed_until = NULL; UPDATE ob.breakers SET open_until = now()'); }

sub sync_statement
{
	my ($what) = @_;
	my $id = $chance->pick(@banks)->{connection};
	return { 'sync' => "SELECT ob.sync($id)", 'sync_now' => "CALL ob.sync_now($id)", 'full sync_now' => "CALL ob.sync_now($id, true)",
		'sync_due' => 'CALL ob.sync_due(parallel => 3)' }->{$what};
}

# Synced once more, all is as the banks have it.
sub is_in_order
{
	control($url, 'latency', { ms => 0 });
	make_due();
	foreach my $bank (@banks)
	{
		my (undef, undef, $err) = $node->psql('postgres', "CALL ob.sync_now($bank->{connection})");
		like($err, qr/: complete, /, 'synced');
		is(differences($bank), '', 'the tables equal the bank');
		is(sql("SELECT count(*) - count(DISTINCT (account_id, transaction_id)) FROM ob.transactions_all WHERE connection_id = $bank->{connection}"), '0',
			'no row is there twice');
	}
	return;
}

sub sync_case
{
	my ($what, $how) = @_;
	renew_banks() if !@banks || $chance->one_in(4);
	foreach my $bank (@banks)
	{
		$bank->step for 1 .. 4 + $chance->below(8);
		$bank->disturb if $chance->one_in(4);
	}
	control($url, 'latency', { ms => 3 + $chance->below(6) });
	make_due();
	my $session = OpenBanking::Session->new($node);
	my $victim = $session->pid;
	my $point = $how =~ /^unit_/;
	$session->value("SET openbanking.test_crash_point = '$how:1'") if $point;
	$session->begin(sync_statement($what));
	if (!$point)
	{
		sleep $chance->below(60) / 1000;
		$moments{ $session->ended ? 'idle' : 'busy' }++;
		strike($how, $victim);
	}
	else
	{
		ok($session->finish->{lost}, "$how was reached");
	}
	struck($how, $victim);
	$session->finish;
	is_in_order();
	return;
}

# Syncs of all kinds, one upon the other, while the banks go on.
sub side_by_side
{
	renew_banks() if !@banks || $chance->one_in(2);
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 4;
	for (1 .. 3)
	{
		foreach my $bank (@banks)
		{
			$bank->step for 1 .. $chance->below(8);
			$bank->disturb if $chance->one_in(6);
		}
		make_due();
		$_->begin(sync_statement($chance->pick('sync', 'sync_now', 'full sync_now', 'sync_due'))) foreach @sessions;
		$chance->pick(@banks)->step for 1 .. 5;
		$_->finish(120) foreach @sessions;
	}
	$_->quit foreach @sessions;
	is_in_order();
	return;
}

# ---- tokens ----

my %calls = (exchange => '/auth/connect/token', renew => '/auth/connect/token', remove => '/auth/api/delete',
	extend => '/api/connections/extend');

sub extend_statement
{
	my ($connection) = @_;
	my $options = '{"extend": true, "user_has_reconfirmed_consent": true, "user": {"name": "Ewa", "email": "ewa@example.com"}}';
	return "SELECT * FROM ob.relink($connection, '$options')";
}

sub token_case
{
	my ($what, $how, $ways) = @_;
	@banks = ();
	control($url, 'reset', {});
	control($url, 'truelayer/config', { refresh_tokens => $ways // 'rotate' });
	sql('TRUNCATE ob.connections, ob.sync_state, ob.accounts_all, ob.transactions_all, ob.quarantine, ob.tokens, ob.outcomes, ob.links, dump');
	my $connection = link_truelayer("user of $case", { username => 'john', password => 'eternal' });
	my ($link, $statement);
	if ($what eq 'exchange')
	{
		($link, my $address) = start_journey('another');
		my $fields = JSON::PP->new->canonical->encode(come_back($address, { username => 'john2', password => 'doe2' }));
		$statement = "SELECT * FROM ob.link_complete('$link', '$fields')";
	}
	else
	{
		sql("UPDATE ob.connections SET state = 'reauth_required', reauth_reason = 'consent_expired' WHERE id = $connection") if $what eq 'extend';
		$statement = { renew => "SELECT ob.refresh_token($connection)", remove => "SELECT ob.disconnect($connection)",
			extend => extend_statement($connection) }->{$what};
	}
	my $point = $how =~ /_/;
	my $victim;
	control($url, 'latency', { path => "/truelayer$calls{$what}", ms => $point ? 25 : 300 });
	my $session = OpenBanking::Session->new($node);
	$session->value("SET openbanking.test_crash_point = '$how'") if $point;
	my $before = control($url, 'requests')->{by_path}{"/truelayer$calls{$what}"} // 0;
	$session->begin($statement);
	if ($point)
	{
		$victim = crashed();
	}
	else
	{
		wait_until('the call', sub { (control($url, 'requests')->{by_path}{"/truelayer$calls{$what}"} // 0) > $before });
		($victim) = workers();
		sleep $chance->below(350) / 1000;
		strike($how, $victim);
	}
	struck($how, $victim);
	$session->finish;
	control($url, 'latency', { path => "/truelayer$calls{$what}", ms => undef });
	sql($link ? "SELECT ob.link_status('$link')" : 'CALL ob.sync_due()');
	is_settled($what, $how, $connection, $link, $ways // 'rotate');
	return;
}

# Either it has happened on both sides or on neither; or the connection says that the user must log in.
sub is_settled
{
	my ($what, $how, $connection, $link, $ways) = @_;
	wait_until('all outcomes', sub { sql(q{SELECT count(*) FROM ob.outcomes WHERE phase IN ('intent', 'answered', 'recorded')}) eq '0' });
	if ($link)
	{
		my ($state, $reason, $made) = split /\|/, link_state($link), -1;
		like("$state|$reason", qr/^(completed\||failed\|outcome_unknown|open\|)$/, "the link: $state $reason");
		is(sql('SELECT count(*) FROM ob.connections'), $state eq 'completed' ? 2 : 1, 'as many connections as links');
		isnt($state, 'failed', 'what is recorded is known') if $how eq 'exchange_recorded';
		$connection = $made || $connection;
	}
	if ($what eq 'remove')
	{
		my $removed = control($url, 'dump', { item_id => item_of($connection) })->{truelayer}{items}[0]{item}{removed};
		is(state_of($connection) . '|' . tokens_of($connection), $removed ? 'disconnected|0' : 'active|2', 'both sides agree');
		return;
	}
	is_prolonged($how, $connection, $ways) if $what eq 'extend';
	my ($state) = sqlstate_of($node, "SELECT ob.refresh_token($connection); SELECT ob.sync($connection)");
	if ($state ne 'none')
	{
		is($state, 'OB006', 'the new token is lost with the answer');
		is($ways, 'rotate', 'where there was a new one');
		unlike($how, qr/_recorded/, 'and nothing was recorded');
		wait_until('the state', sub { state_of($connection) eq 'reauth_required' });
		cmp_ok(sql("SELECT count(*) FROM ob.audit_log WHERE action = 'TOKEN_REFRESH_FAILED' AND connection_id = $connection"), '>=', 1, 'which is told');
		my ($again, undef, $address) = split /\|/, sql("SELECT link_id, action, url FROM ob.relink($connection)");
		my (undef, $id) = split /\|/, complete_journey(come_back($address, { username => 'john', password => 'eternal' }), $again);
		return isnt($id, '', 'a new login mends it');
	}
	is(state_of($connection), 'active', 'the connection works');
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'and is read');
	return;
}

# A consent that was prolonged mends the connection, whoever died: unless new tokens came, and with them the answer was lost.
sub is_prolonged
{
	my ($how, $connection, $ways) = @_;
	my $told = sql("SELECT count(*) FROM ob.audit_log WHERE action = 'CONSENT_EXTENDED' AND connection_id = $connection");
	my $may_be_lost = $ways eq 'rotate' && $how =~ /^(KILL|immediate stop|extend_answered)$/;
	is($told, 1, 'the consent lasts longer') if !$may_be_lost;
	is($told, 0, 'the answer is lost') if $may_be_lost && $how eq 'extend_answered';
	is(sql("SELECT state, reauth_reason FROM ob.connections WHERE id = $connection"), $told ? 'active|' : 'reauth_required|outcome_unknown', 'as is told');
	is(sql(q{SELECT string_agg(state, ' ') FROM ob.links WHERE kind = 'relink'}), $told ? 'completed' : '', 'and its link knows');
	return;
}

# Between the crash and the recovery somebody renews the tokens: only the latest ones are good.
sub overtaken
{
	sql('TRUNCATE ob.connections, ob.sync_state, ob.accounts_all, ob.transactions_all, ob.quarantine, ob.tokens, ob.outcomes, ob.links, dump');
	control($url, 'reset', {});
	control($url, 'truelayer/config', { refresh_tokens => 'rotate_keep' });
	my $connection = link_truelayer('user who is overtaken', { username => 'john', password => 'eternal' });
	my $session = OpenBanking::Session->new($node);
	$session->value("SET openbanking.test_crash_point = 'extend_recorded'");
	$session->begin(extend_statement($connection));
	struck('extend_recorded', crashed());
	$session->finish;
	sql("SELECT ob.refresh_token($connection)");
	my $tokens = "SELECT string_agg(md5(sealed), ' ' ORDER BY kind) FROM ob.tokens";
	my $newer = sql($tokens);
	sql('CALL ob.sync_due()');
	wait_until('the outcome', sub { sql(q{SELECT phase FROM ob.outcomes WHERE kind = 'extend'}) eq 'done' });
	is(sql($tokens), $newer, 'the newer tokens stay');
	is(sql("SELECT count(*) FROM ob.audit_log WHERE action = 'CONSENT_EXTENDED' AND connection_id = $connection"), 1, 'the consent lasts longer');
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'and is of use');
	return;
}

foreach my $number ($first .. $last)
{
	my ($run, $what, @how) = @{ $cases[ ($number - 1) % @cases ] };
	$case = $number;
	$chance = bless { seed => $number, random => $number * 2654435761 % 2**32 }, 'OpenBanking::Bank';
	watch_log();
	subtest "case $number: $what, @how" => sub { $run->($what, @how) }
	  or diag("to repeat it: OB_KILLS=$number scripts/check-tap test/tap/t/107_truelayer_kills.pl");
}
cmp_ok($moments{busy}, '>=', $moments{idle}, "most were at work: $moments{busy} and not $moments{idle}");
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP| XX000 /, 'the log knows of nothing worse');

done_testing();
