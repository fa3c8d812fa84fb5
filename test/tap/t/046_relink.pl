# A connection that is repaired keeps its id, its token and its history.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Hosted;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

# Has the bank ask for a login, and a sync find out.
sub break_login
{
	my ($connection, $error) = @_;
	control($url, 'plaid/items/set', { item_id => item_of($connection), error => $error // 'ITEM_LOGIN_REQUIRED' });
	sqlstate_of($node, "SELECT ob.sync($connection)");
	wait_until('the state', sub { state_of($connection) ne 'active' });
	return;
}

# (link_id, address of the page)
sub relink
{
	my ($connection, $options) = @_;
	my $text = JSON::PP->new->canonical->encode($options // {});
	return split /\|/, sql("SELECT link_id, url FROM ob.relink($connection, '$text')");
}

sub completing { return qq{SELECT * FROM ob.link_complete('$_[0]', '} . ($_[1] // '{}') . q{')}; }
sub complete { return sql(completing(@_)); }

sub token_of { return sql("SELECT md5(sealed::text) FROM ob.tokens WHERE subject = 'connection:$_[0]'"); }

subtest 'a login that the bank asks for again' => sub {
	my $connection = link_bank($node, 'rosa');
	sql("SELECT ob.sync($connection)");
	my ($rows, $item, $token) = (our_rows($connection), item_of($connection), token_of($connection));
	break_login($connection);
	control($url, 'plaid/transactions/generate', { item_id => $item, count => 5, seed => 3 });

	my ($link, $page) = relink($connection);
	is(join(' ', relink($connection)), "$link $page", 'an open one is returned again');
	isnt((relink($connection, { account_selection => JSON::PP::true }))[0], $link, 'with other options it is another');
	is(sql("SELECT kind, connection_id, user_ref FROM ob.links WHERE link_id = '$link'"), "relink|$connection|rosa",
		'a link of its connection');
	like(complete($link), qr/^$connection\|reauth_required\|First Platypus Bank\|\|.*ITEM_LOGIN_REQUIRED.*finish first/,
		'nobody has logged in yet');
	is(link_state($link), "open||$connection", 'the link stays open');
	like(approve($page), qr/connected/, 'the user logs in');
	is(calls_of('/item/public_token/exchange', sub {
		is(sql("SELECT * FROM ob.link_complete('$link', '{\"public_token\": \"public-sandbox-of-no-use\"}', '192.0.2.7')"),
			"$connection|active|First Platypus Bank||", 'active again');
	}), 0, 'nothing is exchanged');
	is(sql("SELECT consent_ip, consent_given_at > created_at + interval '0.1 s' FROM ob.connections WHERE id = $connection"),
		'192.0.2.7|t', 'she has consented anew');
	is(link_state($link), "completed||$connection", 'the link is completed');
	is(complete($link), "$connection|active|First Platypus Bank||", 'and yields the same when asked again');
	is(sql("SELECT reauth_reason, requires_reauth, error_code, error_message, failing_since FROM ob.connections "
			. "WHERE id = $connection"), '|f|||', 'nothing is wrong with the connection any more');
	is(sql("SELECT bank_updated_at > now() - interval '1 hour' FROM ob.connections WHERE id = $connection"), 't',
		'the bank was read just now');
	is(item_of($connection) . token_of($connection), $item . $token, 'the same item, the same token');
	is(our_rows($connection), $rows, 'the same rows');
	is(sql("SELECT action FROM ob.audit_log WHERE connection_id = $connection ORDER BY id DESC LIMIT 1"), 'REAUTHORIZED',
		'audited');
	sql("CALL ob.sync_due(user_ref => 'rosa')");
	is(our_rows($connection), bank_rows($connection), 'the next sync_due brings what was missed');
	isnt(our_rows($connection), $rows, 'which is something');
};

subtest 'whatever becomes of the transaction' => sub {
	my $connection = link_bank($node, 'rolf');
	break_login($connection);
	my ($link, $page) = relink($connection);
	approve($page);
	sql('BEGIN; ' . completing($link) . '; ROLLBACK');
	is(state_of($connection) . link_state($link), "reauth_requiredopen||$connection", 'rolled back: as before');
	my ($state) = sqlstate_of($node, 'BEGIN READ ONLY; ' . completing($link) . '; COMMIT');
	is($state, '25006', 'read only: refused');
	($state) = sqlstate_of($node, "BEGIN READ ONLY; SELECT ob.relink($connection); COMMIT");
	is($state, '25006', 'so is ob.relink');
	sql("UPDATE ob.links SET expires_at = now() - interval '1 second' WHERE link_id = '$link'");
	like(complete($link), qr/^$connection\|active\|/, 'asked again, after its expiry: active');

	# A failure that was recorded before and waits for its caller does not come back.
	$connection = link_bank($node, 'rita');
	($link, $page) = relink($connection);
	control($url, 'plaid/items/set', { item_id => item_of($connection), error => 'ITEM_LOGIN_REQUIRED' });
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value('SAVEPOINT s');
	is($session->query("SELECT count(*) FROM live.ob_transactions WHERE connection_id = $connection")->{state}, 'OB006',
		'a scan fails');
	$session->value('ROLLBACK TO s');
	is(phase_of($connection), 'recorded', 'its failure waits');
	approve($page);
	like(complete($link), qr/^$connection\|active\|/, 'repaired meanwhile');
	$session->value('ROLLBACK');
	wait_until('the outcome', sub { phase_of($connection) eq 'done' });
	is((sqlstate_of($node, "SELECT ob.sync($connection)"))[0], 'none', 'it can be synced');
	is(state_of($connection), 'active', 'and stays active');
};

subtest 'while the connection is synced' => sub {
	my $connection = link_bank($node, 'rena');
	my ($link, $page) = relink($connection);
	approve($page);
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => 600 });
	my $before = calls('/transactions/sync');
	my $syncer = OpenBanking::Session->new($node);
	$syncer->begin("CALL ob.sync_now($connection)");
	wait_until('the call', sub { calls('/transactions/sync') > $before });
	like(sql("SET openbanking.claim_timeout = '50ms'; " . completing($link)), qr/^\|waiting\|.*another session works/,
		'without patience: to be asked again');
	like(complete($link), qr/^$connection\|active\|/, 'else it waits for the sync');
	is($syncer->finish->{state}, 'none', 'which ends well');
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => undef });
};

subtest 'a connection that works all the while' => sub {
	my $connection = link_bank($node, 'rhea');
	sql("UPDATE ob.connections SET requires_reauth = true WHERE id = $connection");
	my $consent = "SELECT requires_reauth, consent_given_at FROM ob.connections WHERE id = $connection";
	my $before = sql($consent);
	my ($link, $page) = relink($connection);
	like(complete($link), qr/^\|waiting\|\|\|the user has not finished yet/, 'nobody has opened the page');
	like(complete($link, '{"public_token": "public-sandbox-of-no-use"}'), qr/^\|waiting\|/, 'whatever the application says');
	open_page($page);
	submit_page($page, login => {}, 'cancel');
	like(complete($link), qr/^\|waiting\|\|\|the user left \(\w+\) and may begin again/, 'the user left');
	is(sql($consent), $before, 'no consent is recorded');
	is(link_state($link), "open||$connection", 'the link stays open');
	approve($page);
	like(complete($link), qr/^$connection\|active\|/, 'the user has been through with it');
	is(sql("SELECT requires_reauth, consent_given_at > created_at + interval '0.1 s' FROM ob.connections "
			. "WHERE id = $connection"), 'f|t', 'that is a new consent');
	is(link_state($link), "completed||$connection", 'the link is completed');

	$before = sql($consent);
	($link, $page) = relink($connection);
	open_page($page);
	submit_page($page, login => {}, 'cancel');
	sql("UPDATE ob.links SET expires_at = now() - interval '1 second' WHERE link_id = '$link'");
	like(complete($link), qr/^\|cancelled\|/, 'left, and the link expired: cancelled');
	is(sql($consent), $before, 'no consent');

	# A consent that lasts longer than before tells without asking.
	my $until = sub { control($url, 'plaid/items/set', { item_id => item_of($connection), consent_expiration_time => $_[0] }) };
	$until->('2030-01-01T00:00:00Z');
	sql("SELECT ob.sync($connection)");
	($link) = relink($connection);
	like(complete($link), qr/^\|waiting\|/, 'the same as before');
	$until->('2030-06-01T00:00:00Z');
	is(calls_of('/link/token/get', sub { like(complete($link), qr/^$connection\|active\|/, 'longer') }), 0, 'seen at once');
	like(sql("SELECT consent_expires_at FROM ob.connections WHERE id = $connection"), qr/^2030-06-01/, 'and stored');
};

subtest 'a link for one error is not handed out for another' => sub {
	my $connection = link_bank($node, 'roxy');
	break_login($connection, 'NO_ACCOUNTS');
	is(sql("SELECT what_to_do FROM ob.connection_status WHERE connection_id = $connection"),
		'Please reconnect your bank and choose the accounts to share.', 'the user is told what this one asks of him');
	my ($accounts) = relink($connection);
	sql("UPDATE ob.connections SET error_code = 'ITEM_LOGIN_REQUIRED' WHERE id = $connection");
	my ($login) = relink($connection);
	isnt($login, $accounts, 'a login does not ask for accounts');
	is((relink($connection))[0], $login, 'it is handed out again');
	sql("UPDATE ob.connections SET state = 'active', error_code = NULL WHERE id = $connection");
	isnt((relink($connection))[0], $_, 'nor is either for one that works') for $login, $accounts;
};

subtest 'another choice of accounts' => sub {
	my $connection = link_bank($node, 'rabea');
	sql("SELECT ob.sync($connection)");
	my ($link, $page) = relink($connection, { account_selection => JSON::PP::true });
	approve($page, { accounts => [ 0, 1 ] });
	like(complete($link), qr/^$connection\|active\|/, 'completed');
	sql("CALL ob.sync_due(user_ref => 'rabea')");
	is(sql("SELECT string_agg(name, ', ' ORDER BY name) FROM ob.accounts WHERE connection_id = $connection"),
		'Plaid Checking, Plaid Saving', 'the account that was taken back is gone');
};

subtest 'which connections can be repaired' => sub {
	my $connection = link_bank($node, 'ruth');
	break_login($connection, 'USER_PERMISSION_REVOKED');
	is(state_of($connection), 'revoked', 'revoked');
	my ($link, $page) = relink($connection);
	approve($page);
	like(complete($link), qr/^$connection\|active\|/, 'one that was revoked, as long as it has a token');

	sql("UPDATE ob.connections SET state = 'error', error_code = 'X' WHERE id = $connection");
	($link, $page) = relink($connection);
	like(complete($link), qr/^$connection\|active\|/, 'one with an error');
	is(sql("SELECT error_code FROM ob.connections WHERE id = $connection"), '', 'which is forgotten');

	($link) = relink($connection);
	is(sql(qq{SELECT status FROM ob.link_complete('$link', '{"error": "USER_CLOSED"}')}), 'cancelled',
		'a journey that is broken off ends its link');
	is(state_of($connection), 'active', 'and nothing else');
	is((sqlstate_of($node, completing($link)))[0], '55000', 'that link is not taken any more');

	sql("SELECT ob.disconnect($connection)");
	my ($state, $err) = sqlstate_of($node, "SELECT ob.relink($connection)");
	is($state, '55000', 'not one that is disconnected');
	like($err, qr/HINT:.*ob\.link/, 'which is to be linked anew');
	is((sqlstate_of($node, 'SELECT ob.relink(4711)'))[0], '42704', 'nor one that is not there');
};

done_testing();
