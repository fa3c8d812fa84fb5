# What an operator says and sees: pause, resume, retry, consents, progress, and what those are told who listen.
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

my $listener = OpenBanking::Session->new($node);
$listener->value('LISTEN openbanking');

# The events of a connection that came since it was last asked, in order.
sub heard
{
	my ($connection) = @_;
	my $out = $listener->query('SELECT 1')->{out};
	return join ' ', map { /"connection_id": $connection, "event": "(\w+)"/ ? $1 : () } split /\n/, $out;
}

sub activity { return sql("SELECT activity FROM ob.sync_status WHERE connection_id = $_[0]"); }

sub sync_due
{
	my $err = '';
	$node->psql('postgres', 'CALL ob.sync_due()', stderr => \$err);
	return $err =~ /(\d+) connections/ ? $1 : "? $err";
}

sub make_due { sql('UPDATE ob.sync_state SET next_sync_at = now() WHERE next_sync_at IS NOT NULL'); return; }

my $anna = link_bank($node, 'anna');
my $ben = link_bank($node, 'ben');

subtest 'those who listen' => sub {
	like(heard($anna), qr/^connected/, 'a new connection');
	sync_due();
	is(heard($anna), 'synced', 'rows that came');
	make_due();
	sync_due();
	is(heard($anna), '', 'nothing new: nothing is said');
	control($url, 'plaid/transactions/add', { item_id => item_of($anna), transactions => [ {} ], announce => JSON::PP::false });
	$node->safe_psql('postgres', "BEGIN; SELECT ob.sync($anna); ROLLBACK");
	is(heard($anna), '', 'what is rolled back is not told');
	$node->safe_psql('postgres', "SELECT ob.sync($anna)");
	is(heard($anna), 'synced', 'what is committed is');
	control($url, 'plaid/items/set', { item_id => item_of($anna), error => 'ITEM_LOGIN_REQUIRED' });
	make_due();
	sync_due();
	is(heard($anna), 'reauth_required', 'a state that begins');
	is(activity($anna), 'reauth_required', 'which ob.sync_status shows');
	my ($state) = sqlstate_of($node, "SELECT ob.retry($anna)");
	is($state, 'OB006', 'only its user can mend that');
	control($url, 'plaid/items/set', { item_id => item_of($anna), error => undef });
	my ($link, $token) = split /\|/, sql(qq{SELECT link_id, token FROM ob.relink($anna, '{"mode": "embedded"}')});
	control($url, 'plaid/link/complete', { link_token => $token });
	sql("SELECT ob.link_complete('$link')");
	is(heard($anna), 'active', 'and one that is over');
	unlike($listener->query("SELECT string_agg(payload, '') FROM (SELECT 1 AS payload) x")->{out}, qr/amount|user/, 'never data');
};

subtest 'a connection that is paused' => sub {
	sync_due();
	is(sql("SELECT ob.pause($ben), ob.pause($ben)"), 't|f', 'said twice it is so already');
	is(activity($ben), 'paused', 'shown as such');
	is(sql("SELECT what_to_do FROM ob.connection_status WHERE connection_id = $ben"), 'Syncing is paused.', 'to the user as well');
	make_due();
	is(sync_due(), 1, 'it is not synced by itself');
	is(sql("SELECT status FROM ob.sync($ben)"), 'complete', 'only when asked for');
	is(sql("SELECT ob.resume($ben), ob.resume($ben)"), 't|f', 'resumed');
	is(activity($ben), 'due', 'it is due at once');
	is(sync_due(), 1, 'and synced');
	is(sql("SELECT string_agg(action, ' ' ORDER BY id) FROM ob.audit_log WHERE connection_id = $ben AND action IN ('PAUSED', 'RESUMED')"),
		'PAUSED RESUMED', 'with a line each in the audit log');
};

subtest 'an account that is paused' => sub {
	my $cora = link_bank($node, 'cora');
	sql("CALL ob.sync_now($cora)");
	my ($account) = split /\n/, sql("SELECT account_id FROM ob.transactions WHERE connection_id = $cora GROUP BY 1 ORDER BY count(*) DESC");
	my $stored = "SELECT count(*), sum(amount), count(removed_at) FROM ob.transactions_all WHERE connection_id = $cora AND account_id = '$account'";
	my $before = sql($stored);
	my $said = sub { my ($what) = @_; return sql("SELECT ob.${what}_account($cora, '$account'), ob.${what}_account($cora, '$account')") };
	is($said->('pause'), 't|f', 'said twice it is so already');

	my ($old) = split /\n/, sql("SELECT transaction_id FROM ob.transactions WHERE connection_id = $cora AND account_id = '$account' AND status = 'posted'");
	my %item = (item_id => item_of($cora), announce => JSON::PP::false);
	control($url, 'plaid/transactions/add', { %item, transactions => [ { account_id => $account, amount => 5.25 }, { account_id => $account } ] });
	control($url, 'plaid/transactions/remove', { %item, transaction_ids => [$old] });
	control($url, 'plaid/accounts/set', { item_id => item_of($cora), account_id => $account, balances => { current => 4711 } });
	foreach my $how ('', ', true')
	{
		sql("CALL ob.sync_now($cora$how)");
		is(sql($stored), $before, 'its transactions stay as they are');
	}
	is(sql("SELECT abs(balance_current) FROM ob.accounts WHERE connection_id = $cora AND account_id = '$account'"), '4711', 'its balance is read');

	my $busy = OpenBanking::Session->new($node);
	$busy->value("BEGIN; SELECT ob.sync($cora)");
	is((sqlstate_of($node, "SET openbanking.claim_timeout = '100ms'; SELECT ob.resume_account($cora, '$account')"))[0], '55000',
		'not under a sync that passes over it');
	$busy->value('COMMIT');
	is($said->('resume'), 't|f', 'resumed');
	is(activity($cora), 'due', 'it is due at once');
	sql('CALL ob.sync_due()');
	is(our_rows($cora), bank_rows($cora), 'and nothing is missing');
	is(sql("SELECT string_agg(action, ' ' ORDER BY id), bool_and(details ? 'account_ref') FROM ob.audit_log WHERE connection_id = $cora AND action LIKE 'ACCOUNT%'"),
		'ACCOUNT_PAUSED ACCOUNT_RESUMED|t', 'with a line each in the audit log');
	is((sqlstate_of($node, "SELECT ob.pause_account($cora, 'no such')"))[0], '42704', 'an account that is none');
	sql("SELECT ob.disconnect($cora)");
};

subtest 'a server that is paused' => sub {
	is(sql(q{SELECT ob.pause_server('plaid'), ob.pause_server('plaid')}), 't|f', 'said twice it is so already');
	make_due();
	is(sync_due(), 0, 'none of its connections is synced');
	is(activity($anna) . activity($ben), 'pausedpaused', 'which is shown');
	is(sql(q{SELECT ob.resume_server('plaid'), ob.resume_server('plaid')}), 't|f', 'resumed');
	is(sync_due(), 2, 'what was due is synced');
	is((sqlstate_of($node, q{SELECT ob.pause_server('nowhere')}))[0], '42704', 'a server that is none');
	is((sqlstate_of($node, 'SELECT ob.pause(NULL)'))[0], '22023', 'no connection');
	is((sqlstate_of($node, 'SELECT ob.retry(99)'))[0], '42704', 'an unknown one');
};

subtest 'by itself, after a retry' => sub {
	sql("UPDATE ob.connections SET state = 'error', error_code = 'X', error_message = 'Broken.', failing_since = now() WHERE id = $ben");
	sql("UPDATE ob.sync_state SET next_sync_at = NULL, attempts = 7 WHERE connection_id = $ben");
	is(sync_due(), 0, 'a connection in error is left alone');
	my $session = OpenBanking::Session->new($node);
	$session->value('SET openbanking.sync_on_event = on');
	is($session->value("SELECT ob.retry($ben)"), 'active', 'until somebody says so');
	wait_until('the sync', sub { sql("SELECT last_sync_at > state_since FROM ob.connections WHERE id = $ben") eq 't' });
	is(sql("SELECT state, error_code, failing_since, attempts FROM ob.connections JOIN ob.sync_state ON id = connection_id WHERE id = $ben"),
		'active|||0', 'nothing of the failures remains');
	my $badge = sub { sql("UPDATE ob.connections SET failing_since = now() - interval '$_[0] hours' WHERE id = $ben"); sql("SELECT badge FROM ob.connection_status WHERE connection_id = $ben") };
	is($badge->(23) . $badge->(25), 'LinkedError', 'trouble that lasts for a day shows');
	sql("SELECT ob.disconnect($ben)");
	is((sqlstate_of($node, "SELECT ob.$_($ben)"))[0], '55000', "$_: a disconnected one stays so") foreach qw(retry resume);
};

subtest 'consents' => sub {
	my $carl = link_bank($node, 'carl');
	sync_due();
	heard($carl);
	my $ends = sub { sql("UPDATE ob.connections SET consent_expires_at = now() + interval '$_[0]' WHERE id = $carl") };
	my $flags = sub { sql("SELECT requires_reauth, reauth_reason FROM ob.connections WHERE id = $carl") };
	$ends->('10 days');
	is(sql('SELECT connection_id FROM ob.consents_expiring'), $carl, 'the view shows what ends within 14 days');
	sql('CALL ob.check_consents()');
	is($flags->(), 'f|', 'ten days ahead is early');
	$ends->('6 days');
	sql('CALL ob.check_consents()') foreach 1, 2;
	is($flags->(), 't|consent_expired', 'a week ahead the connection is marked');
	is(heard($carl), 'expiring', 'once');
	is(activity($carl), 'scheduled', 'and synced on');
	$ends->('90 days');
	sql('CALL ob.check_consents()');
	is($flags->(), 'f|', 'renewed: the mark goes');
	$ends->('-1 hour');
	sql("UPDATE ob.connections SET last_sync_at = now() - interval '2 hours' WHERE id = $carl");
	sql('CALL ob.check_consents()');
	is(sql("SELECT next_sync_at <= now() FROM ob.sync_state WHERE connection_id = $carl"), 't', 'over: the provider is asked');
	is((sqlstate_of($node, 'BEGIN; CALL ob.check_consents()'))[0], '2D000', 'not within a transaction');
};

subtest 'how far a first backfill has come' => sub {
	my $item = control($url, 'plaid/items/create', { public_tokens => JSON::PP::false, accounts => [ {} ], generate => { count => 6000, seed => 5 } })->{items}[0];
	my $long = sql(qq{SELECT connection_id FROM ob.adopt_connection('plaid', 'dora', '{"access_token": "$item->{access_token}"}')});
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => 600 });
	my $session = OpenBanking::Session->new($node);
	$session->begin("CALL ob.sync_now($long)");
	my $status = "SELECT history, pages, transactions_read, backfill_started_at IS NOT NULL, transactions_per_second > 0 FROM ob.sync_status WHERE connection_id = $long";
	my $seen = '';
	wait_until('some pages', sub { $seen = sql($status); $seen =~ /^none\|[3-9]/ });
	my (undef, $pages, @rest) = split /\|/, $seen;
	is("@rest", $pages * 500 . ' t t', 'pages, rows and pace, seen from outside');
	my $end = "SELECT estimated_end BETWEEN now() AND now() + interval '1 minute' FROM ob.sync_status WHERE connection_id = $long";
	wait_until('an estimate', sub { sql($end) eq 't' });
	is(activity($long), 'syncing', 'it is being synced, whoever does it');
	my $said = $session->finish->{err};
	like($said, qr/NOTICE: .*connection $long .*: \d+ pages, \d+ transactions so far, \d+ a second/, 'and told every few seconds');
	like($said, qr/\d+ a second, about \d+ s left/, 'with what is left');
	is(calls('/transactions/get'), 1, 'for which the bank was asked once');
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => 0 });
	is(sql($status), 'complete|||f|', 'nothing of it remains');
	is(sql("SELECT estimated_end FROM ob.sync_status WHERE connection_id = $long"), '', 'nor an end');
};

subtest 'a first backfill that is cut off' => sub {
	my $item = control($url, 'plaid/items/create', { public_tokens => JSON::PP::false, accounts => [ {} ], generate => { count => 6000, seed => 6 } })->{items}[0];
	my $long = sql(qq{SELECT connection_id FROM ob.adopt_connection('plaid', 'emil', '{"access_token": "$item->{access_token}"}')});
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => 600 });
	my $session = OpenBanking::Session->new($node);
	$session->begin('CALL ob.sync_due()');
	wait_until('some pages', sub { sql("SELECT pages >= 2 FROM ob.sync_status WHERE connection_id = $long") eq 't' });
	sql("UPDATE ob.sync_state SET claimed_until = now() + interval '1 minute' WHERE connection_id = $long");
	wait_until('the next page', sub { sql("SELECT claimed_until > now() + interval '9 minutes' FROM ob.sync_state WHERE connection_id = $long") eq 't' });
	is(activity($long), 'syncing', 'its lease lasts as long as its pages come');
	sql("SELECT pg_cancel_backend($session->{pid})");
	is($session->finish->{state}, '57014', 'cut off');
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => 0 });
	is(activity($long), 'due', 'nobody is at it');
	my $pace = "SELECT pages, transactions_per_second > 0, transactions_per_second, estimated_end FROM ob.sync_status WHERE connection_id = $long";
	my $then = sql($pace);
	like($then, qr/^[3-9]\|t\|[\d.]+\|$/, 'how far it has come and how fast, but no end');
	is(sql($pace), $then, 'nor does it get slower while nobody reads');
	sql("CALL ob.sync_now($long)");
	is(our_rows($long), bank_rows($long), 'it goes on');
};

$node->stop;
done_testing();
