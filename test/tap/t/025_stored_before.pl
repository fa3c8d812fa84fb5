# A first backfill expects rows that nobody has seen. Where some are stored already, from an earlier life of the
# connection, they are compared like any others.
use strict;
use warnings;

use OpenBanking;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
my $connection = link_bank($node, 'alice');
control($url, 'plaid/transactions/generate', { count => 1500 });
$node->safe_psql('postgres', "CALL ob.sync_now($connection)");

sub sql { return $node->safe_psql('postgres', $_[0]); }

# What is stored is what the bank has, but for: 1 row that it does not have yet, 1 with another amount, 1 marked removed.
my $total = sql('SELECT count(*) FROM ob.transactions_all');
sql(q{
	UPDATE ob.sync_state SET cursor = NULL, history_complete = false, initial_sync_done = false;
	CREATE TEMP TABLE chosen AS SELECT transaction_id, row_number() OVER (ORDER BY transaction_id) AS n
		FROM ob.transactions_all ORDER BY transaction_id LIMIT 3;
	DELETE FROM ob.transactions_all WHERE transaction_id = (SELECT transaction_id FROM chosen WHERE n = 1);
	UPDATE ob.transactions_all SET amount = 77777 WHERE transaction_id = (SELECT transaction_id FROM chosen WHERE n = 2);
	UPDATE ob.transactions_all SET removed_at = now() WHERE transaction_id = (SELECT transaction_id FROM chosen WHERE n = 3);
	CREATE TABLE before AS SELECT ctid AS place, transaction_id FROM ob.transactions_all;
});
is(sql("SELECT status, added, modified, unchanged, removed FROM ob.sync($connection)"),
	join('|', 'complete', 2, 1, $total - 3, 0), 'what is new or back is added, what differs changed, the rest left alone');
is(sql('SELECT count(*) FROM ob.transactions'), $total, 'all rows are there');
is(sql('SELECT count(*) FROM ob.transactions_all t LEFT JOIN before USING (transaction_id) WHERE place IS DISTINCT FROM t.ctid'),
	3, 'no other row was written');
is(sql('SELECT count(*) FROM ob.transactions WHERE amount = 77777'), 0, 'the bank has the last word');

done_testing();
