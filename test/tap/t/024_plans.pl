# Plans are made once a session, mostly while the tables are small: they must do for large ones too. Each row of a bank is
# looked up by its key, never by going through what is there.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Session;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
my $connection = link_bank($node, 'alice');

my $session = OpenBanking::Session->new($node);
$session->value($_)
  foreach "LOAD 'auto_explain'", 'SET auto_explain.log_min_duration = 0', 'SET auto_explain.log_nested_statements = on';
my $from = -s $node->logfile;

sub sync
{
	my ($what) = @_;
	my $result = $session->query("CALL ob.sync_now($connection)");
	is($result->{state}, 'none', "$what: synced") or diag($result->{err});
	return $result->{ms};
}

sub change
{
	my ($command, %body) = @_;
	return control($url, "plaid/transactions/$command", { announce => JSON::PP::false, %body });
}

# The tables are empty at first.
sync('first sync');
my $ids = change('add', transactions => [ map { +{} } 1 .. 3 ])->{transaction_ids};
sync('additions');
change('modify', transaction_ids => $ids, set => { amount => 1.25 });
sync('changes');
change('remove', transaction_ids => $ids);
sync('removals');

# A first backfill that is cut off and begins anew sees its rows again.
$node->safe_psql('postgres', "UPDATE ob.sync_state SET cursor = NULL, history_complete = false, initial_sync_done = false");
change('generate', count => 6000);
control($url, 'faults', { kind => 'error', code => 'INSTITUTION_DOWN', path => '/plaid/transactions/sync', nth => 4 });
is($session->query("CALL ob.sync_now($connection)")->{state}, 'OB008', 'a backfill is cut off');
is($node->safe_psql('postgres', 'SELECT loop_cursor IS NOT NULL FROM ob.sync_state'), 't', 'in the middle');
my $took = sync('backfill begun anew');
diag(sprintf('6000 transactions, 1500 of them again: %d ms', $took));

# A row that nobody knows any more: all rows are looked through for it, once.
$node->safe_psql('postgres', q{
	UPDATE ob.transactions_all SET transaction_id = 'gone' WHERE transaction_id = (SELECT min(transaction_id) FROM ob.transactions)});
like($session->query("CALL ob.sync_now($connection, \"full\" => true)")->{err}, qr/ 1 added, 0 modified, 1 removed/, 'a sweep');

my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $from);
my %plans;
while ($log =~ /duration: [0-9.]+ ms  plan:\n\tQuery Text: (.*?)\n((?:\t.*\n)*)/g)
{
	my ($sql, $plan) = ($1, $2);
	$plans{$sql} = $plan if $plan =~ /transactions_all/;
}
# What is done once at the end of a loop may read the connection.
my @of_rows = grep { !/sync_attempt >= \$2|^SELECT \* FROM ob/ } sort keys %plans;
foreach my $sql (@of_rows)
{
	my $what = $sql =~ /^WITH written/ ? 'upsert' : $sql =~ /DO UPDATE (SET \w+)/ ? $1 : $sql;
	like($plans{$sql}, qr/Index Scan using transactions_all_(pkey|annotated_idx)/, "$what: goes by the key");
	unlike($plans{$sql}, qr/Seq Scan|Materialize|Bitmap|page_idx|Hash Join|Merge Join/, "$what: goes through nothing")
	  or diag($plans{$sql});
	unlike($plans{$sql}, qr/Index Cond: \(connection_id = \$1\)/, "$what: does not read the whole connection")
	  or diag($plans{$sql});
}
is(scalar(grep { /^WITH written/ } @of_rows), 1, 'rows were written');
is(scalar(grep { /UPDATE SET removed_at/ } @of_rows), 1, 'rows were removed');
is(scalar(grep { /UPDATE SET sync_attempt/ } @of_rows), 1, 'rows were seen again');
my $scans = () = $log =~ /Query Text: SELECT \* FROM ob\.transactions_all/g;
is($scans, 1, 'rows were looked through once');

done_testing();
