# Live tables at TrueLayer: the days of a query are those of the calls, accounts are read at once, and nothing is shown as
# complete that a bank may have cut.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use OpenBanking::TrueLayer;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url, { max_worker_processes => 16 });
set_up_truelayer($node, $url);
links_at($node, $url);
sql('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA ob FROM SERVER tl INTO live');

my $bank = link_truelayer('ann');
my $data = '/truelayer/api/data/v1';

sub day { return sql("SELECT (now() AT TIME ZONE 'UTC')::date" . ($_[0] ? " - $_[0]" : '')); }
sub clear { control($url, 'requests', { clear => JSON::PP::true }); return; }
sub requests { return @{ control($url, 'requests')->{last} }; }

# The ranges of days that reading WHERE $condition asks for, each once; $before: statements of the same session.
sub asked
{
	my ($condition, $before) = @_;
	clear();
	sql(($before // '') . "SELECT count(*) FROM live.ob_transactions WHERE connection_id = $bank $condition");
	my %ranges = map { $_->{path} =~ m{/transactions$} ? ("$_->{detail}{from} $_->{detail}{to}" => 1) : () } requests();
	return join ', ', sort keys %ranges;
}

sub range { return day($_[0]) . ' ' . day($_[1]); }

# Waits until so many calls have come in whose path fits.
sub wait_for_calls
{
	my ($pattern, $count) = @_;
	wait_until("$count calls", sub { (grep { $_->{path} =~ $pattern } requests()) >= $count });
	return;
}

sub a_day_passes { sql("UPDATE ob.connections SET authenticated_at = authenticated_at - interval '1 day'"); return; }

is(asked("AND date >= '" . day(2190) . "'"), range(2190, 0), 'right after the login all days are shown');
is(asked(''), range(88, 0), 'to who asks for them');
a_day_passes();

subtest 'the days of a query' => sub {
	my ($first, $last) = (day(20), day(10));
	is(asked(''), range(88, 0), 'without any, those that every bank shows');
	is(asked("AND date BETWEEN '$first' AND '$last'"), range(20, 10), 'both are inclusive');
	is(asked("AND date > '$first' AND date < '$last'"), range(19, 11), 'or neither');
	is(asked("AND date = '$first'"), range(20, 20), 'one day');
	is(asked("AND date >= '$first'"), range(20, 0), 'up to today');
	is(asked("AND date <= '$last'"), range(88, 10), 'from the first one that is shown');
	is((sqlstate_of($node, "SELECT * FROM live.ob_transactions WHERE connection_id = $bank AND date <= '" . day(89) . "'"))[0], 'OB004',
		'if any is');
	is(asked("AND date >= '$first' AND date < '$last'::date + 100"), range(20, 0), 'never into the future');
	is(asked("AND date > current_date + 1"), '', 'of which nobody is asked');
	is(asked("AND date >= '$first 22:00+00'::timestamptz", "SET timezone = 'Asia/Tokyo';"), range(19, 0),
		'a moment is a day in the zone of the session');
	is(asked("AND date < '$last' AND date >= '$first' AND amount < 0"), range(20, 11), 'what else is asked is looked at here');
};

subtest 'rows' => sub {
	sql("CALL ob.sync_now($bank)");
	my $columns = 'account_id, transaction_id, status, amount, date, description';
	foreach my $days ('>= current_date - 80', "BETWEEN '" . day(40) . "' AND '" . day(20) . "'")
	{
		my $condition = "connection_id = $bank AND date $days";
		cmp_ok(sql("SELECT count(*) FROM live.ob_transactions WHERE $condition"), '>', 10, "there are some, date $days");
		my ($live, $synced) = map { "SELECT $columns FROM $_ WHERE $condition" } 'live.ob_transactions', 'ob.transactions';
		is(sql("($live EXCEPT ALL $synced) UNION ALL ($synced EXCEPT ALL $live)"),
			'', 'and they are those that a sync brings');
	}
	my $card = sql("SELECT account_id FROM ob.accounts WHERE connection_id = $bank AND type = 'credit_card'");
	asked("AND account_id = '$card' AND date >= current_date - 5");
	is(join(' ', sort map { $_->{path} =~ m{/v1/(\w+)/\w+/(\S+)} ? "$1 $2" : () } requests()), 'cards transactions cards transactions/pending',
		'of one account only');
	is((sqlstate_of($node, "SELECT * FROM live.ob_transactions WHERE connection_id = $bank AND account_id = 'nobody'"))[0], '42704',
		'which must be one of its own');
};

subtest 'days that banks do not show' => sub {
	my $silent = link_truelayer('bob', { provider_id => 'ob-monzo', username => 'john2', password => 'doe2' });
	my $count = "SELECT count(*) > 0 FROM live.ob_transactions WHERE connection_id = %s AND date >= '%s'";
	is(sql(sprintf $count, $silent, day(400)), 't', 'are there right after the login');
	a_day_passes();
	foreach my $connection ($bank, $silent)
	{
		clear();
		my ($state, $message) = sqlstate_of($node, sprintf $count, $connection, day(89));
		is($state, 'OB004', 'later they are an error');
		like($message, qr/Ask for at most 88 days, or read the synced table/, 'which says what to do');
		is(scalar(requests()), 0, 'and asks nobody');
		is(state_of($connection), 'active', 'nor does it speak against the connection');
		is(sql(sprintf $count, $connection, day(88)), 't', '88 days are shown');
	}
};

subtest 'a first sync that came too late' => sub {
	my $late = link_truelayer('carl', { username => 'john6', password => 'doe6' });
	a_day_passes();
	my $days = "SELECT (now() AT TIME ZONE 'UTC')::date - history_from FROM ob.sync_status WHERE connection_id = $late";
	sql("CALL ob.sync_now($late)");
	is(sql($days), 88, 'has brought 88 days');
	my ($link, $address) = split /\|/, sql("SELECT link_id, url FROM ob.relink($late)");
	complete_journey(come_back($address, { username => 'john6', password => 'doe6' }), $link);
	sql("CALL ob.sync_now($late, full => true)");
	is(sql($days), 2190, 'a full one after another login brings the rest');
};

subtest 'EXPLAIN' => sub {
	clear();
	my $plan = sql("EXPLAIN (VERBOSE, COSTS OFF) SELECT amount FROM live.ob_transactions
		WHERE connection_id = $bank AND date >= current_date - 7 AND amount < 0");
	like($plan, qr/Provider: truelayer$/m, 'tells the provider');
	like($plan, qr{Call: /data/v1/accounts/\{account_id\}/transactions$}m, 'the call');
	like($plan, qr/Pushed Conditions: \(\(date >= \(CURRENT_DATE - 7\)\) AND \(connection_id = $bank\)\)$/m, 'and what goes into it');
	is(scalar(requests()), 0, 'and calls nobody');
};

subtest 'accounts' => sub {
	foreach my $case ([ 'ob_transactions', 'transactions/pending' ], [ 'ob_accounts', 'balance' ], [ 'ob_balances', 'balance' ])
	{
		my ($table, $call) = @$case;
		clear();
		control($url, 'faults', { kind => 'stall', path => "$data/*/*/$call", count => 0 });
		my $session = OpenBanking::Session->new($node);
		$session->begin("SELECT count(*) FROM live.$table WHERE connection_id = $bank");
		wait_for_calls(qr{/$call$}, 3);
		pass("$table: are read at once, cards, too");
		my $took = elapsed_ms(sub {
			sql('SELECT pg_cancel_backend(' . $session->pid . ')');
			is($session->finish->{state}, '57014', 'and can be cancelled');
		});
		cmp_ok($took, '<', 1000, 'within a second');
		control($url, 'faults', { clear => JSON::PP::true });
		$session->quit;
	}
};

subtest 'LIMIT' => sub {
	clear();
	is(sql('SELECT count(*) FROM (SELECT amount FROM live.ob_transactions LIMIT 1) one'), 1, 'is met');
	my %connections = map { ($_->{item_id} => 1) } requests();
	is(scalar(keys %connections), 1, 'by the first bank');
};

subtest 'a list that is refused' => sub {
	my $accounts = "SELECT string_agg(type, ' ' ORDER BY type) FROM %s WHERE connection_id = $bank";
	my $refuse = sub {
		my ($list, $code) = @_;
		control($url, 'faults', { kind => 'error', code => $code, path => "$data/$list", count => 0 });
	};
	my $worth = sql("SELECT net_worth, accounts FROM ob.net_worth WHERE user_ref = 'ann'");
	sql("CALL ob.sync_now($bank)");
	my $all = sql(sprintf $accounts, 'ob.accounts');
	like($all, qr/checking.*credit_card/, 'accounts and a card');
	foreach my $case ([ 'cards', qr/does not show its cards/ ], [ 'accounts', qr/does not show its accounts/ ])
	{
		my ($list, $message) = @$case;
		$refuse->($list, 'access_denied');
		sql("CALL ob.sync_now($bank)");
		sql("UPDATE ob.accounts_all SET name = 'Old' WHERE connection_id = $bank");    # so that those listed are written
		sql("CALL ob.sync_now($bank)");
		is(sql(sprintf $accounts, 'ob.accounts'), $all, "without $list: all that is stored stays");
		is(sql("SELECT net_worth, accounts FROM ob.net_worth WHERE user_ref = 'ann'"), $worth, 'what the user has, too');
		foreach my $table ('ob_accounts', 'ob_balances', 'ob_transactions')
		{
			my ($state, $said) = sqlstate_of($node, "SELECT count(*) FROM live.$table WHERE connection_id = $bank");
			is($state, 'OB004', "live.$table is an error");
			like($said, $message, 'which says why');
		}
		is(state_of($bank), 'active', 'that says nothing of the connection');
		control($url, 'faults', { clear => JSON::PP::true });
	}
	$refuse->('cards', 'endpoint_not_supported');
	is(sql(sprintf $accounts, 'live.ob_accounts'), $all =~ s/ ?credit_card//r, 'a bank without cards is read whole');
	sql("CALL ob.sync_now($bank)");
	is(sql(sprintf $accounts, 'ob.accounts'), $all =~ s/ ?credit_card//r, 'and what it has no more goes');
	control($url, 'faults', { clear => JSON::PP::true });
	sql("CALL ob.sync_now($bank)");
	is(sql(sprintf $accounts, 'ob.accounts'), $all, 'until it is listed again');
};

subtest 'a consent that has ended' => sub {
	control($url, 'truelayer/items/set', { item_id => item_of($bank), error => 'access_denied' });
	is((sqlstate_of($node, "SELECT * FROM live.ob_accounts WHERE connection_id = $bank"))[0], 'OB006', 'is an error');
	is(sql("SELECT state, reauth_reason FROM ob.connections WHERE id = $bank"), 'reauth_required|consent_expired', 'that stays');
};

$node->stop;
done_testing();
