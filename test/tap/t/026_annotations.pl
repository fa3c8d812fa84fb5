# What a user notes on a pending transaction moves along to the posted one, which has another id.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Session;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
my $connection = link_bank($node, 'alice');

sub sql { return $node->safe_psql('postgres', $_[0]); }

my $item = sql("SELECT provider_connection_id FROM ob.connections WHERE id = $connection");

# In a first backfill rows are inserted without looking for them, afterwards they are compared.
foreach my $stage ('initial', 'historical')
{
	control($url, 'plaid/items/set', { item_id => $item, stage => $stage });
	my ($pending) = @{ control($url, 'plaid/transactions/add', { transactions => [ { pending => JSON::PP::true } ] })->{transaction_ids} };
	sql("CALL ob.sync_now($connection)");
	sql(qq{UPDATE ob.transactions_all SET annotations = '{"note": "$stage"}' WHERE transaction_id = '$pending'});
	my ($posted) = @{ control($url, 'plaid/transactions/post', { transaction_ids => [$pending] })->{transaction_ids} };
	is(sql("SELECT added, modified FROM ob.sync($connection)"), '1|0', "$stage: the posted one comes");
	is(sql("SELECT transaction_id FROM ob.transactions WHERE annotations->>'note' = '$stage'"), $posted, '... with the note');
	is(sql("SELECT count(*) FROM ob.transactions WHERE transaction_id = '$pending'"), '0', '... in place of the pending one');
}

subtest 'a note that is written while the posted one comes' => sub {
	my ($pending) = @{ control($url, 'plaid/transactions/add', { transactions => [ { pending => JSON::PP::true } ] })->{transaction_ids} };
	sql("CALL ob.sync_now($connection)");
	my ($posted) = @{ control($url, 'plaid/transactions/post', { transaction_ids => [$pending] })->{transaction_ids} };
	my ($user, $sync) = map { OpenBanking::Session->new($node) } 1 .. 2;
	$user->query('BEGIN');
	$user->query(qq{UPDATE ob.transactions_all SET annotations = '{"note": "late"}' WHERE transaction_id = '$pending'});
	$sync->begin("CALL ob.sync_now($connection)");
	$node->poll_query_until('postgres', 'SELECT cardinality(pg_blocking_pids(' . $sync->pid . ')) > 0')
		or die 'the sync does not wait';
	$user->query('COMMIT');
	is($sync->finish->{state}, 'none', 'the sync waits for it');
	is(sql("SELECT transaction_id FROM ob.transactions WHERE annotations->>'note' = 'late'"), $posted, 'it moves along as well');
	$_->quit for $user, $sync;
};

done_testing();
