# Banks without a change feed, read over windows of days, with the real tables: the bank is told by the test.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Session;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url, { 'openbanking.test_clock' => '2026-03-10T12:00:00Z' });
set_up_plaid($node, $url);
my $connection = link_bank($node, 'alice');
my $other = link_bank($node, 'bob');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql('DELETE FROM ob.accounts_all'); # that the links brought
sql(q{CREATE FUNCTION ob_test_window_sync(connection int8, bank text, "full" bool DEFAULT false) RETURNS text
	AS '$libdir/openbanking', 'ob_test_window_sync' LANGUAGE c});

my %bank = (accounts => [ { id => 'acc', iban => 'DE02 1203 0000 0000 2020 51', balance => '10.00' } ], rows => []);

sub sync_sql
{
	my ($which, $bank, $clock) = @_;
	my $json = JSON::PP->new->canonical->encode($bank);
	my $set = $clock ? "SET openbanking.test_clock = '$clock';" : '';
	return "$set SELECT ob_test_window_sync($which, \$bank\$$json\$bank\$)";
}

sub sync { return sql(sync_sql($connection, \%bank, @_)); }

sub row
{
	my ($id, $amount, $date, %more) = @_;
	return { account => 'acc', id => $id, amount => $amount, date => $date, description => 'SHOP', %more };
}

sub live
{
	return sql("SELECT string_agg(concat_ws(' ', transaction_id, status, amount, date), ', ' ORDER BY transaction_id COLLATE \"C\")
		FROM ob.transactions WHERE connection_id = $connection AND transaction_id NOT LIKE 'content-%'");
}

subtest 'rows come, change and go' => sub {
	$bank{rows} = [ row('a', '-1.00', '2026-01-05'), row('b', '-2.50', '2026-03-01'), row('p', '-3.00', '2026-03-09', pending => JSON::PP::true) ];
	is(sync(), '3 0 0 0 0 1', 'the history');
	is(live(), 'a posted -1.00 2026-01-05, b posted -2.50 2026-03-01, p pending -3.00 2026-03-09', 'is stored');
	is(sql("SELECT transactions_synced FROM ob.connections WHERE id = $connection"), '3', 'and counted');
	is(sql("SELECT initial_sync_done AND history_complete AND cursor LIKE 'windows%' FROM ob.sync_state WHERE connection_id = $connection"),
		't', 'what was read stands where the cursor does');
	my $before = sql("SELECT string_agg(xmin::text || ctid::text, ' ') FROM ob.transactions_all");
	is(sync(), '0 0 0 2 0 0', 'again: within the overlap nothing is new');
	is(sql("SELECT string_agg(xmin::text || ctid::text, ' ') FROM ob.transactions_all"), $before, 'and no row was written');

	sql(qq{UPDATE ob.transactions_all SET annotations = '{"note": 1}' WHERE transaction_id = 'p'});
	$bank{rows} = [ row('b', '-2.75', '2026-03-01'), row('q', '-3.00', '2026-03-10') ];
	is(sync(), '1 1 1 0 0 0', 'changed, posted, and what is older than the window is left alone');
	is(live(), 'a posted -1.00 2026-01-05, b posted -2.75 2026-03-01, q posted -3.00 2026-03-10', 'as the bank has it');
	is(sql("SELECT pending_transaction_id, annotations FROM ob.transactions WHERE transaction_id = 'q'"), 'p|{"note": 1}',
		'the posted one is found, and has the note');
	is(sync(), '0 0 0 2 0 0', 'the link stays');

	$bank{rows} = [ row('b', '-2.75', '2026-03-01') ];
	$bank{fail_at} = 1;
	my ($state) = sqlstate_of($node, sync_sql($connection, \%bank));
	is($state, 'OB008', 'cut off half way');
	like(live(), qr/q posted/, 'nothing is removed');
	delete $bank{fail_at};
	is(sync('2026-03-14T00:00:00Z'), '0 0 1 1 0 0', 'read to the end, it is');

	my @rest = @{ $bank{rows} };
	$bank{rows} = [ @rest, row('edge', '-4.00', '2026-02-28') ];
	is(sync(), '1 0 0 1 0 0', "the window's first day");
	$bank{rows} = \@rest;
	is(sync(), '0 0 1 1 0 0', 'is a day of the window');
};

subtest 'rows without an id' => sub {
	my $coffee = row('', '-2.00', '2026-03-10', description => 'COFFEE');
	push @{ $bank{rows} }, $coffee, $coffee;
	is(sync(), '2 0 0 1 0 0', 'twins are two');
	is(sync(), '0 0 0 3 0 0', 'and stay two');
	pop @{ $bank{rows} };
	is(sync(), '0 0 1 2 0 0', 'one is taken away');
	push @{ $bank{rows} }, $coffee;
	is(sync(), '1 0 0 2 0 0', 'and comes back under its id');
	is(sql("SELECT count(*), count(removed_at) FROM ob.transactions_all WHERE description = 'COFFEE'"), '2|0', 'as the same row');
};

subtest 'rows that cannot be stored' => sub {
	my @good = @{ $bank{rows} };
	$bank{rows} = [ row('b', '0', '2026-03-01', broken => JSON::PP::true), @good[ 1 .. $#good ] ];
	is(sync(), '0 0 0 2 1 0', 'into quarantine');
	like(live(), qr/b posted -2.75/, 'what was known of it stays');
	$bank{rows} = \@good;
	is(sync(), '0 0 0 3 0 0', 'it is well again');
	is(sql('SELECT count(*) FROM ob.quarantine'), '0', 'and leaves quarantine');
};

subtest 'an account that is called otherwise' => sub {
	my $ref = sql("SELECT account_ref FROM ob.accounts WHERE connection_id = $connection");
	my $count = sql("SELECT count(*) FROM ob.transactions_all WHERE connection_id = $connection");
	is(sql("SELECT count(*) FROM ob.accounts_all WHERE number_sealed IS NOT NULL AND number_sealed::text NOT LIKE '%2020%'"), '1',
		'its number is kept, sealed');
	sql("INSERT INTO ob.quarantine (connection_id, account_id, reason, digest, raw) VALUES ($connection, 'acc', 'r', 'd', 'x')");
	$bank{accounts}[0]{id} = 'renamed';
	$_->{account} = 'renamed' for @{ $bank{rows} };
	my $listener = OpenBanking::Session->new($node);
	$listener->value('LISTEN openbanking');
	is(sync(), '0 0 0 3 0 1', 'no row comes or goes');
	like($listener->query('SELECT 1')->{out}, qr/"event": "synced"/, 'who listens is told');
	is(sql("SELECT account_id, account_ref FROM ob.accounts_all WHERE connection_id = $connection"), "renamed|$ref", 'one account, ours by the same name');
	is(sql("SELECT count(*) FROM ob.transactions_all WHERE connection_id = $connection AND account_id = 'renamed'"), $count, 'all its rows have gone along');
	is(sql('SELECT account_id FROM ob.quarantine'), 'renamed', 'also those in quarantine');
	sql('DELETE FROM ob.quarantine');
	is(sql("SELECT number FROM ob.account_number($connection, 'renamed')"), 'DE02 1203 0000 0000 2020 51', 'its number opens in its new place');

	# Numbers that cannot be opened: nobody can say which account it is.
	my $damage = 'UPDATE ob.accounts_all SET number_sealed = set_byte(number_sealed, length(number_sealed) - 1, '
	  . "get_byte(number_sealed, length(number_sealed) - 1) # 1) WHERE connection_id = $connection";
	sql($damage);
	$bank{accounts}[0]{id} = 'again';
	$_->{account} = 'again' for @{ $bank{rows} };
	my ($state, $err) = sqlstate_of($node, sync_sql($connection, \%bank));
	is($state, 'OB009', 'with a number that cannot be opened the sync fails');
	like($err, qr/number of account renamed of connection $connection/, 'and says which');
	is(sql("SELECT string_agg(account_id, ' ') FROM ob.accounts_all WHERE connection_id = $connection"), 'renamed', 'it makes no second account');
	sql($damage); # the other way round

	# Another account that has rows under the new id already is left alone.
	sql("INSERT INTO ob.transactions_all (connection_id, account_id, transaction_id, status, amount, date) VALUES ($connection, 'taken', 't', 'posted', 1, '2026-01-01')");
	$bank{accounts}[0]{id} = 'taken';
	$_->{account} = 'taken' for @{ $bank{rows} };
	like(sync(), qr/^3 0 0 0 0 2$/, 'an id that is taken: another account');
	is(sql("SELECT string_agg(account_id || (removed_at IS NULL), ' ' ORDER BY account_id) FROM ob.accounts_all WHERE connection_id = $connection"),
		'renamedfalse takentrue', 'beside the one that was there');
};

subtest 'many rows' => sub {
	my %large = (accounts => [ { id => 'large', balance => '1' } ], page => 700);
	$large{rows} = [ map { row($_ % 3 ? "r$_" : '', sprintf('-%d.25', $_ % 40 + 1), sprintf('2026-03-%02d', $_ % 9 + 1), account => 'large') } 1 .. 4000 ];
	my $session = OpenBanking::Session->new($node);
	$session->value($_) foreach "LOAD 'auto_explain'", 'SET auto_explain.log_min_duration = 0', 'SET auto_explain.log_nested_statements = on';
	my $from = -s $node->logfile;
	# Long descriptions: more than is held in memory.
	$_->{description} = 'SHOP ' . 'x' x 1500 for @{ $large{rows} };
	is($session->value(sync_sql($other, \%large)), '4000 0 0 0 0 1', 'in batches');
	$large{rows}[$_]{description} = 'OTHER' for 0 .. 9;
	is($session->value(sync_sql($other, \%large)), '3 7 3 3990 0 0', 'what has changed; without an id it is another row');
	my $pending = row('p', '-77.00', '2026-03-09', account => 'large', pending => JSON::PP::true);
	push @{ $large{rows} }, $pending;
	is($session->value(sync_sql($other, \%large)), '1 0 0 4000 0 0', 'a pending one');
	splice @{ $large{rows} }, 10, 1000;
	($pending->{id}, $pending->{pending}) = ('q', JSON::PP::false);
	is($session->value(sync_sql($other, \%large)), '1 0 1001 3000 0 0', 'what is gone');
	is(sql("SELECT count(*), count(pending_transaction_id) FROM ob.transactions WHERE connection_id = $other"), '3001|1',
		'the rest is there, and what has become of the pending one');
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $from);
	my ($plan) = $log =~ /Query Text: SELECT \* FROM ob\.transactions_all WHERE connection_id = \$1 AND account_id.*?\n((?:\t.*\n)*)/;
	like($plan, qr/Index Scan using transactions_all_page_idx.*\n.*Index Cond: \(\(connection_id = \$1\) AND \(account_id = \$2\) AND \(date >= /,
		'a window is looked up by account and day');
	is(sql("SELECT count(*) FROM ob.transactions_all WHERE connection_id = $connection AND account_id = 'large'"), '0', 'and stays within its connection');
};

done_testing();
