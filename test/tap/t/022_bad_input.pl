# Whatever a bank or a user gets wrong: a typed error without secrets and without the bank's words, tables as before, and a
# session that works on. Four ways to read, each with a connection of its own.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Process;
use OpenBanking::Session;
use Test::More;
use Time::HiRes qw(sleep time);

# Stands in everything that the bank says beyond codes.
my $words = 'WORDS-OF-THE-BANK';

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);

# `good` is read by the same CALL as `due`, and nothing ever happens to it.
my @bad = qw(live sync now due);
my (%connection, %item);
foreach my $name (@bad, 'good')
{
	$connection{$name} = link_bank($node, $name eq 'good' ? 'due' : $name);
	$item{$name} = $node->safe_psql('postgres', "SELECT provider_connection_id FROM ob.connections WHERE id = $connection{$name}");
}
my %sql = (
	live => "SELECT count(*), sum(amount) FROM live.ob_transactions WHERE connection_id = $connection{live}",
	sync => "SELECT status FROM ob.sync($connection{sync})",
	now => "CALL ob.sync_now($connection{now})",
	due => "CALL ob.sync_due(user_ref => 'due')");
my %session = map { ($_ => OpenBanking::Session->new($node)) } @bad;
my $admin = OpenBanking::Session->new($node);
$node->safe_psql('postgres', "CALL ob.sync_now($connection{$_})") foreach @bad, 'good';

# More than one page to read, and news that a sync which went through would write.
control($url, 'plaid/transactions/generate', { item_id => $item{live}, count => 700, announce => JSON::PP::false });
control($url, 'plaid/transactions/add', { item_id => $item{$_}, announce => JSON::PP::false }) foreach @bad;

sub faults
{
	my @rules = @_;
	control($url, 'faults', { clear => JSON::PP::true });
	control($url, 'requests', { clear => JSON::PP::true });
	my @all;
	foreach my $rule (@rules)
	{
		push @all, map { { path => '/plaid/transactions/*', count => 0, %$rule, item_id => $item{$_} } } @bad;
	}
	control($url, 'faults', { rules => \@all }) if @all;
	return;
}

# Everything healthy and due, as if nothing had ever happened.
sub reset_state
{
	faults();
	wait_until('outcomes',
		sub { $admin->value("SELECT count(*) FROM ob.outcomes WHERE phase IN ('intent', 'answered', 'recorded')") eq '0' });
	$admin->value($_)
	  foreach "UPDATE ob.connections SET state = 'active', reauth_reason = NULL, error_code = NULL, error_message = NULL, failing_since = NULL",
	  'UPDATE ob.sync_state SET next_sync_at = now(), attempts = 0';
	return;
}

sub tables
{
	return $admin->value(
		"SELECT md5(string_agg(row::text, '' ORDER BY row::text)) FROM (SELECT t::text FROM ob.transactions_all t "
		  . "UNION ALL SELECT a::text FROM ob.accounts_all a UNION ALL SELECT connection_id || cursor FROM ob.sync_state "
		  . "UNION ALL SELECT q::text FROM ob.quarantine q) AS all_rows(row) WHERE row NOT LIKE '($connection{good},%' "
		  . "AND row NOT LIKE '$connection{good}%'");
}

sub says_nothing
{
	my ($what, $text) = @_;
	unlike($text, qr/\Q$words\E|sandbox-secret|access-sandbox|[Bb]ad Gateway|<html/, "$what: neither secrets nor the bank's words");
	return;
}

my $untouched;

# Begins all four at once and looks at how each ends: %expected says state and words for live, sync, now; and what the CALL
# of sync_due counts.
sub meets
{
	my ($what, $rules, %expected) = @_;
	reset_state();
	faults(@$rules);
	my $good_before = $admin->value("SELECT finished_syncs FROM ob.sync_state WHERE connection_id = $connection{good}");
	my @who = grep { $expected{$_} } @bad;
	$session{$_}->begin($sql{$_}) foreach @who;
	foreach my $who (@who)
	{
		my $result = $session{$who}->finish(90);
		my ($state, $message) = @{ $expected{$who} };
		is($result->{state}, $state, "$what: $who: $state") or diag($result->{err});
		like($result->{err} . $result->{out}, $message, "$what: $who: says so");
		says_nothing("$what: $who", $result->{err});
	}
	my @hit = grep { !$_->{fired} } @{ control($url, 'faults')->{faults} };
	my %used = map { ($item{$_} => 1) } @who;
	is(scalar(grep { $used{ $_->{rule}{item_id} } } @hit), 0, "$what: happened to all of them");
	is(tables(), $untouched, "$what: the tables are as before");
	is($session{$_}->value('SELECT pg_backend_pid()'), $session{$_}->pid, "$what: $_: the session lives") foreach @who;
	if ($expected{due})
	{
		my $good = $admin->value("SELECT finished_syncs FROM ob.sync_state WHERE connection_id = $connection{good}");
		is($good, $good_before + 1, "$what: the other connection is synced");
	}
	if (my $left = $expected{left})
	{
		wait_until('outcomes',
			sub { $admin->value("SELECT count(*) FROM ob.outcomes WHERE phase IN ('intent', 'answered', 'recorded')") eq '0' });
		foreach my $who (@who)
		{
			is($admin->value("SELECT state FROM ob.connections WHERE id = $connection{$who}"), $left, "$what: $who is $left");
		}
		is($admin->value("SELECT state FROM ob.connections WHERE id = $connection{good}"), 'active', "$what: the other is active");
	}
	return;
}

sub same_for_all
{
	my ($state, $message) = @_;
	return (
		(map { ($_ => [ $state, $message ]) } qw(live sync now)),
		due => [ 'none', qr/2 connections: 1 complete, 0 waiting, 0 deferred, 1 failed/ ]);
}

# Told to wait: a scan cannot, a sync comes back later.
sub deferred
{
	my ($message) = @_;
	return (
		live => [ 'OB007', $message ],
		sync => [ 'none', qr/^deferred/m ],
		now => [ 'none', qr/deferred, 0 added/ ],
		due => [ 'none', qr/2 connections: 1 complete, 0 waiting, 1 deferred, 0 failed/ ]);
}

reset_state();
$untouched = tables();

# ---- answers that are none ----

my $not_understood = qr/ERROR:  OB003: .*\nDETAIL:  provider plaid, endpoint \/transactions\//;
meets('truncated JSON', [ { kind => 'truncate' } ], same_for_all('OB003', $not_understood));
meets('no JSON', [ { kind => 'malformed' } ], same_for_all('OB003', $not_understood));
meets('JSON of another kind', [ { kind => 'malformed', body => "[\"$words\"]" } ], same_for_all('OB003', $not_understood));
meets('fields of other types', [ { kind => 'malformed', body => "{\"transactions\":\"$words\",\"added\":\"$words\"}" } ],
	same_for_all('OB003', $not_understood));
meets('wrong content type', [ { kind => 'content_type', content_type => 'text/plain' } ],
	same_for_all('OB003', qr/another media type/));
meets('HTML with 200', [ { kind => 'html', status => 200, body => "<html>$words</html>" } ],
	same_for_all('OB003', qr/another media type/));
meets('HTML with 502', [ { kind => 'html', body => "<html>$words</html>" } ], same_for_all('OB008', qr/HTTP status 502/));
meets('HTML with 403', [ { kind => 'html', status => 403, body => "<html>$words</html>" } ],
	same_for_all('OB003', qr/HTTP status 403/));
meets('empty 200', [ { kind => 'empty' } ], same_for_all('OB003', qr/answer is empty/));
meets('invalid UTF-8', [ { kind => 'invalid_utf8' } ], same_for_all('OB003', $not_understood));
meets('cut before the answer', [ { kind => 'cut', where => 'before' } ], same_for_all('OB001', qr/connection was lost/));
meets('cut in the body', [ { kind => 'cut', where => 'body' } ], same_for_all('OB003', qr/answer ended early/));
{
	forget_memory_peak($session{$_}->pid) foreach @bad;
	my %before = map { ($_ => memory_peak_mb($session{$_}->pid)) } @bad;
	meets('2 GB', [ { kind => 'huge', bytes => 2_000_000_000, chunked => JSON::PP::true } ],
		same_for_all('54000', qr/answer is larger than allowed/));
	foreach my $who (@bad)
	{
		my $grown = memory_peak_mb($session{$who}->pid) - $before{$who};
		cmp_ok($grown, '<', 64, sprintf('2 GB: %s took little memory (%.1f MB)', $who, $grown));
	}
}

# ---- pages that do not fit together ----

meets('repeated cursor', [ { kind => 'repeat_cursor', path => '/plaid/transactions/sync' } ],
	map { ($_ => { same_for_all('OB003', qr/a cursor came twice/) }->{$_}) } qw(sync now due));
meets('total that changes', [ { kind => 'change_total', nth => 2, path => '/plaid/transactions/get' } ],
	live => [ 'OB003', qr/changed while being read: their number is another one/ ]);

# ---- limits and errors that the bank names, one of each kind ----

meets('429', [ { kind => 'rate_limit', message => $words } ], deferred(qr/plaid limits the number of calls/));
meets('429 without a code', [ { kind => 'status', status => 429, body => $words } ], deferred(qr/plaid limits the number of calls/));
meets('429, come back in an hour', [ { kind => 'rate_limit', message => $words, retry_after => 3600 } ],
	deferred(qr/plaid limits the number of calls/));
my $wait = $admin->value("SELECT extract(epoch FROM next_sync_at - now()) FROM ob.sync_state WHERE connection_id = $connection{due}");
cmp_ok($wait, '>', 3500, '429, come back in an hour: nobody comes earlier');
cmp_ok($wait, '<', 4100, '429, come back in an hour: nor much later');

my $error = sub { [ { kind => 'error', code => $_[0], message => $words } ] };
meets('error to try again', $error->('INTERNAL_SERVER_ERROR'), same_for_all('OB008', qr/code INTERNAL_SERVER_ERROR/), left => 'active');
meets('bank that is down', $error->('INSTITUTION_DOWN'), same_for_all('OB008', qr/code INSTITUTION_DOWN/), left => 'active');
meets('data not ready', $error->('PRODUCT_NOT_READY'), same_for_all('OB008', qr/code PRODUCT_NOT_READY/), left => 'active');
meets('login needed', $error->('ITEM_LOGIN_REQUIRED'), same_for_all('OB006', qr/code ITEM_LOGIN_REQUIRED/), left => 'reauth_required');
meets('permission withdrawn', $error->('USER_PERMISSION_REVOKED'),
	same_for_all('OB006', qr/code USER_PERMISSION_REVOKED/), left => 'revoked');
meets('configuration', $error->('INVALID_PRODUCT'), same_for_all('OB004', qr/code INVALID_PRODUCT/), left => 'active');
meets('refused for good', $error->('ITEM_NOT_SUPPORTED'),
	map { ($_ => { same_for_all('OB004', qr/code ITEM_NOT_SUPPORTED/) }->{$_}) } qw(sync now due));
meets('cursor refused', [ { kind => 'error', code => 'INVALID_FIELD', message => "cursor $words", path => '/plaid/transactions/sync' } ],
	map { ($_ => { same_for_all('OB004', qr/plaid refused the stored cursor/) }->{$_}) } qw(sync now due));
meets('code of tomorrow',
	[ { kind => 'status', status => 400, body => qq({"error_type":"ITEM_ERROR","error_code":"BRAND_NEW","error_message":"$words"}) } ],
	same_for_all('OB006', qr/code BRAND_NEW/), left => 'reauth_required');
meets('code that is none',
	[ { kind => 'status', status => 400, body => qq({"error_type":"X","error_code":"$words of many kinds","request_id":"<$words>"}) } ],
	live => [ 'OB004', qr/plaid refused the request/ ]);

# ---- what users and operators get wrong ----

sub fails
{
	my ($what, $sql, $state, $message) = @_;
	my $result = $admin->query($sql);
	is($result->{state}, $state, "$what: $state") or diag($result->{err});
	like($result->{err}, $message, "$what: says so");
	says_nothing($what, $result->{err});
	return;
}

reset_state();
fails('unknown option', "ALTER SERVER plaid OPTIONS (ADD enviroment 'sandbox')", 'HV00D', qr/HINT:.*environment/);
fails('bad value', "ALTER SERVER plaid OPTIONS (SET environment 'here')", '22023', qr/must be sandbox or production/);
fails('secret on a server', "ALTER SERVER plaid OPTIONS (ADD client_secret 'sandbox-$words')", 'HV00D', qr/client_secret/);
fails('option of mappings', "ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (ADD secret 'sandbox-$words')", 'HV00D', qr/HINT/);
fails('unknown connection, sync', 'SELECT ob.sync(4711)', '42704', qr/4711/);
fails('unknown connection, sync_now', 'CALL ob.sync_now(4711)', '42704', qr/4711/);
fails('unknown connection, disconnect', 'SELECT ob.disconnect(4711)', '42704', qr/4711/);
is($admin->value('SELECT count(*) FROM live.ob_accounts WHERE connection_id = 4711'), '0', 'unknown connection, live: no rows');
fails('unknown account', "SELECT * FROM live.ob_transactions WHERE account_id = 'nobody'", '42704', qr/account does not exist/);
fails('unknown server', "CALL ob.sync_due(server => 'nowhere')", '42704', qr/"nowhere" does not exist/);
fails('no parallel', 'CALL ob.sync_due(parallel => 0)', '22023', qr/must be positive/);
fails('inside a transaction', "DO \$\$ BEGIN PERFORM 1; CALL ob.sync_due(); EXCEPTION WHEN division_by_zero THEN NULL; END \$\$",
	'2D000', qr/HINT:  CALL it on its own/);

sub all_fail
{
	my ($what, $state, $message) = @_;
	reset_state();
	foreach my $who (qw(live sync now))
	{
		my $result = $session{$who}->query($sql{$who});
		is($result->{state}, $state, "$what: $who: $state") or diag($result->{err});
		like($result->{err}, $message, "$what: $who: says so");
		says_nothing("$what: $who", $result->{err});
	}
	my $result = $session{due}->query($sql{due});
	like($result->{err}, qr/2 connections: 0 complete, 0 waiting, 0 deferred, 2 failed/, "$what: all that are due fail");
	says_nothing("$what: due", $result->{err});
	is($admin->value("SELECT count(*) FROM ob.connections WHERE state <> 'active'"), '0', "$what: says nothing about connections");
	is(tables(), $untouched, "$what: the tables are as before");
	return;
}

my $mapping = 'USER MAPPING FOR PUBLIC SERVER plaid';
my $as_user = "OPTIONS (client_id 'sandbox-client'";
$admin->value("ALTER $mapping OPTIONS (SET client_secret 'wrong')");
all_fail('key refused', 'OB005', qr/plaid refused client id and secret/);
my $refusals = grep { $_->{status} == 400 && $_->{path} =~ /transactions.sync/ && $_->{item_id} =~ /^($item{due}|$item{good})$/ }
  @{ control($url, 'requests')->{last} };
cmp_ok($refusals, '<=', 2, 'key refused: is not tried over and over');
$admin->value("DROP $mapping");
all_fail('no mapping', 'HV00J', qr/no user mapping for server "plaid"/);
$admin->value("CREATE $mapping $as_user, client_secret 'sandbox-secret')");
$admin->value("ALTER SERVER plaid OPTIONS (SET api_url 'http://bank.example')");
all_fail('host not allowed', 'OB010', qr/host refused by policy/);
$admin->value("ALTER SERVER plaid OPTIONS (SET api_url '$url/plaid')");

# ---- a limit that is waited for, and then all is well ----

reset_state();
control($url, 'faults', { kind => 'rate_limit', retry_after => 1, item_id => $item{live} });
my $waited = $session{live}->query($sql{live});
is($waited->{state}, 'none', '429, come back in a second: a scan waits');
cmp_ok($waited->{ms}, '>=', 1000, '429, come back in a second: as long as told');
reset_state();
foreach my $who (qw(sync now due))
{
	my $result = $session{$who}->query($sql{$who});
	is($result->{state}, 'none', "at last: $who") or diag($result->{err});
	is( $admin->value("SELECT count(*), sum(amount) FROM ob.transactions WHERE connection_id = $connection{$who}"),
		$admin->value("SELECT count(*), sum(amount) FROM live.ob_transactions WHERE connection_id = $connection{$who}"),
		"at last: $who has what the bank has");
}
isnt(tables(), $untouched, 'the tables would have told a sync that went through');

# ---- pages without end, and one row taken back twice ----

{
	faults({ kind => 'endless_pages', path => '/plaid/transactions/sync' });
	forget_memory_peak($session{now}->pid);
	my $before = memory_peak_mb($session{now}->pid);
	my $result = $session{now}->query($sql{now}, 120);
	is($result->{state}, '54000', 'endless pages: 54000') or diag($result->{err});
	like($result->{err}, qr/too many pages/, 'endless pages: says so');
	my $grown = memory_peak_mb($session{now}->pid) - $before;
	cmp_ok($grown, '<', 64, sprintf('endless pages: take little memory (%.1f MB), %d ms', $grown, $result->{ms}));
	faults();

	my ($id, $account) = split /\|/,
	  $admin->value("SELECT transaction_id, account_id FROM ob.transactions WHERE connection_id = $connection{now} LIMIT 1");
	my $page = sub {
		my ($cursor, $more) = @_;
		return JSON::PP->new->encode({
				added => [], modified => [], removed => [ { transaction_id => $id, account_id => $account } ], next_cursor => $cursor,
				has_more => $more, transactions_update_status => 'HISTORICAL_UPDATE_COMPLETE', request_id => 'r' });
	};
	faults(
		{ kind => 'status', status => 200, body => $page->('a', JSON::PP::true), path => '/plaid/transactions/sync', count => 1 },
		{ kind => 'status', status => 200, body => $page->('b', JSON::PP::false), path => '/plaid/transactions/sync', nth => 2, count => 1 });
	$result = $session{now}->query($sql{now});
	is($result->{state}, 'none', 'removed twice: no error') or diag($result->{err});
	like($result->{err}, qr/0 added, 0 modified, 1 removed/, 'removed twice: counted once');
}

my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/access-sandbox|\Q$words\E.*(ERROR|DETAIL|HINT)/, "the log has neither tokens nor the bank's words");
unlike($log, qr/was terminated by signal|PANIC/, 'no process has crashed');

done_testing();
