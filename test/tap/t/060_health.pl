# What each sync brings of the bank itself: when it was last read, when the consent ends, whether the user must act. Synced
# is not fresh.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

my $connection = link_bank($node, 'alice');
my $item = item_of($connection);
sql("SELECT ob.sync($connection)");

sub set_item
{
	control($url, 'plaid/items/set', { item_id => $item, @_ });
	return;
}

# One answer of /item/get, or of another path.
sub item_says
{
	my ($body, $path) = @_;
	$path //= '/item/get';
	control($url, 'faults', { kind => 'malformed', path => "/plaid$path", body => JSON::PP->new->encode($body) });
	return;
}

# As if the last sync had asked for it so long ago.
sub asked_before
{
	my ($interval) = @_;
	sql("UPDATE ob.sync_state SET health_read_at = now() - '$interval'::interval");
	return;
}

# Which versions of the rows there are.
sub versions
{
	return sql("SELECT md5(string_agg(v, ' ' ORDER BY v)) FROM (SELECT xmin || ' ' || ctid AS v FROM ob.accounts_all "
		  . 'UNION ALL SELECT xmin || ctid::text FROM ob.transactions_all) AS rows');
}

sub sync_due
{
	sql('UPDATE ob.sync_state SET next_sync_at = now()');
	my $errors;
	$node->psql('postgres', 'CALL ob.sync_due()', stderr => \$errors, on_error_die => 1);
	return $errors;
}

my $status = "SELECT bank_updated_at AT TIME ZONE 'UTC', what_to_do FROM ob.connection_status";
my $consent = "SELECT consent_expires_at AT TIME ZONE 'UTC' FROM ob.connections";
like(sql($status), qr/\|Up to date\.$/, 'fresh');
my $badge = 'SELECT badge, what_to_do FROM ob.connection_status';
sql('UPDATE ob.sync_state SET history_complete = false');
is(sql($badge), 'Linked|Older transactions may still be missing.', 'not all of it');
sql(q{UPDATE ob.sync_state SET history_complete = true, next_sync_at = now() - interval '25 hours'});
like(sql($badge), qr/^Error\|Your data are from 20\d\d-/, 'due for a day: nobody syncs');
sql('SELECT ob.pause(connection_id) FROM ob.sync_state');
is(sql($badge), 'Linked|Syncing is paused.', 'on purpose');
sql('SELECT ob.resume(connection_id) FROM ob.sync_state');

my $before = versions();
my $synced = sql('SELECT last_sync_at FROM ob.connections');
set_item(last_successful_update => '2026-01-02T03:04:05Z', consent_expiration_time => '2027-08-09T10:11:12Z');
asked_before('59 minutes');
is(calls_of('/item/get', sub { like(sync_due(), qr/1 complete.* 2 requests/s, 'synced') }), 0, 'within an hour two calls do');
isnt(sql('SELECT bank_updated_at FROM ob.connections'), '2026-01-02 03:04:05+00', 'they do not tell when the bank was read');
is(sql($consent), '2027-08-09 10:11:12', 'but when the consent ends');
asked_before('61 minutes');
is(calls_of('/item/get', sub { like(sync_due(), qr/1 complete.* 3 requests/s, 'synced') }), 1, 'after an hour it is asked for');
is(calls_of('/item/get', \&sync_due), 0, 'once');
is(sql('SET TimeZone = UTC; ' . $status), "2026-01-02 03:04:05|The bank's data are from 2026-01-02 03:04 UTC.",
	'when the bank was read is told');
isnt(sql('SELECT last_sync_at FROM ob.connections'), $synced, 'synced again');
is(versions(), $before, 'no row of an account or a transaction was written');

asked_before('61 minutes');
control($url, 'faults', { kind => 'error', code => 'INSTITUTION_DOWN', path => '/plaid/item/get' });
like(sync_due(), qr/1 complete/, 'synced without a word on the item');
is(sql("SELECT bank_updated_at = '2026-01-02T03:04:05Z', consent_expires_at = '2027-08-09T10:11:12Z', "
	  . 'error_code IS NULL FROM ob.connections'), 't|t|t', 'what was known stays');
set_item(consent_expiration_time => undef);
sync_due();
is(sql($consent), '', 'a consent without an end has none');

sql("UPDATE ob.connections SET institution_id = NULL, institution_name = NULL, institution_logo = NULL");
asked_before('61 minutes');
item_says({ item => { item_id => $item, institution_id => 'ins_109508' }, status => undef });
is(calls_of('/institutions/get_by_id', \&sync_due), 1, 'a bank without a name is asked for');
is(sql('SELECT institution_id, institution_name IS NOT NULL, institution_logo IS NOT NULL FROM ob.connections'),
	'ins_109508|t|t', 'what is missing of it is filled in');
asked_before('61 minutes');
item_says({ item => { item_id => $item, institution_id => 'ins_109508' }, status => undef });
is(calls_of('/institutions/get_by_id', \&sync_due), 0, 'once');

# ---- accounts are compared with what is stored ----

my $shown = "SELECT md5(string_agg(a::text, ' ' ORDER BY account_id)) FROM (SELECT account_id, name, official_name, type, "
  . 'provider_type, provider_subtype, mask, iban, currency, balance_current, balance_available, credit_limit, status, '
  . "removed_at FROM ob.accounts_all) AS a";
my $true = sql($shown);
foreach my $spoil ("SET name = 'x'", 'SET mask = NULL', 'SET balance_current = balance_current + 0.01', "SET currency = 'CHF'",
	'SET removed_at = now()', "SET status = 'x'", 'SET credit_limit = 7')
{
	sql("UPDATE ob.accounts_all $spoil WHERE account_id = (SELECT min(account_id) FROM ob.accounts_all)");
	isnt(sql($shown), $true, $spoil);
	sync_due();
	is(sql($shown), $true, 'mended');
}
sql("INSERT INTO ob.accounts_all (connection_id, account_id, type) VALUES ($connection, 'gone', 'other')");
sync_due();
is(sql("DELETE FROM ob.accounts_all WHERE account_id = 'gone' RETURNING removed_at IS NOT NULL"), 't', 'what does not come is marked removed');
sql('DELETE FROM ob.accounts_all WHERE account_id = (SELECT min(account_id) FROM ob.accounts_all)');
sync_due();
is(sql($shown), $true, 'what is missing comes back');
sql('UPDATE ob.accounts_all SET balance_current = trim_scale(balance_current) + 0.000');
$before = versions();
sync_due();
is(versions(), $before, 'the same amount in other words is not written');

# ---- broken, although its rows can be read ----

my @broken = (
	[ 'ITEM_LOGIN_REQUIRED', 'ITEM_ERROR', 'reauth_required|login' ],
	[ 'USER_PERMISSION_REVOKED', 'ITEM_ERROR', 'revoked|' ],
	[ 'ITEM_NOT_SUPPORTED', 'ITEM_ERROR', 'error|' ],
	[ 'INSTITUTION_DOWN', 'INSTITUTION_ERROR', 'active|' ],
);
my $accounts = JSON::PP->new->decode(
	sql("SELECT body::jsonb -> 'accounts' FROM ob.request('plaid', 'POST', '/accounts/get', connection => $connection)"));

# Whoever says so, /item/get or the accounts.
foreach my $case (map { my $row = $_; map { [ @$row, $_ ] } 0, 1 } @broken)
{
	my ($code, $type, $expected, $asks) = @$case;
	sql("UPDATE ob.connections SET state = 'active', reauth_reason = NULL");
	control($url, 'plaid/transactions/add', { item_id => $item, transactions => [ {} ], announce => JSON::PP::false });
	my $says = { item => { item_id => $item, error => { error_type => $type, error_code => $code } }, status => undef };
	asked_before($asks ? '61 minutes' : '1 minute');
	if ($asks) { item_says($says) }
	else { item_says({ %$says, accounts => $accounts }, '/accounts/get') }
	is(calls_of('/item/get', sub { like(sync_due(), qr/1 complete/, "$code: synced") }), $asks, "$code: asked for");
	is(our_rows($connection), bank_rows($connection), "$code: the rows are there");
	is(sql('SELECT state, reauth_reason FROM ob.connections'), $expected, "$code: $expected");
	my $stays = $expected =~ /^active/ ? 't' : 'f';
	is(sql('SELECT next_sync_at IS NOT NULL, error_code IS NULL, last_sync_status, failing_since IS NULL '
		  . 'FROM ob.connection_status'), "$stays|$stays|complete|t", "$code: what is shown of it");
}
is(sql("SELECT string_agg(action, ' ' ORDER BY id) FROM ob.audit_log WHERE NOT success"),
	'REAUTH_REQUIRED REAUTH_REQUIRED SYNC_FAILED SYNC_FAILED SYNC_FAILED SYNC_FAILED', 'each change is in the audit log');

# ---- given up, and working again ----

sql("UPDATE ob.connections SET state = 'error', error_code = 'X', error_message = 'x'");
unlike(sync_due(), qr/1 complete/, 'a connection that was given up is not synced by itself');
is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'but it can be');
is(sql('SELECT state, error_code, error_message, next_sync_at > now() FROM ob.connections '
	  . 'JOIN ob.sync_state ON connection_id = id'), 'active|||t', 'and is as good as new then');

done_testing();
