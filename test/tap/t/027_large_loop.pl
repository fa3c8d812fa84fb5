# Changes are gathered until the bank has told them all. Many of them wait in a temporary file, which has no name.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);
sql("ALTER SERVER plaid OPTIONS (ADD keep_raw 'on')");
my $connection = link_bank($node, 'alice');
sql("CALL ob.sync_now($connection)");

sub temporary_files
{
	my ($session) = @_;
	return scalar grep { m{/pgsql_tmp/.* \(deleted\)$} } map { readlink($_) // '' } glob('/proc/' . $session->pid . '/fd/*');
}

# 16 MB in the bank's words, twice of what is kept in memory.
control($url, 'plaid/transactions/generate', { count => 8000, bytes => 2000 });
control($url, 'latency', { path => '/plaid/transactions/sync', ms => 100 });
my $session = OpenBanking::Session->new($node);
$session->begin("CALL ob.sync_now($connection)");
wait_until('a temporary file', sub { temporary_files($session) });
is(sql('SELECT count(*) < 8000 FROM ob.transactions'), 't', 'nothing is applied before the end');
control($url, 'latency', { path => '/plaid/transactions/sync', ms => undef });
like($session->finish->{err}, qr/complete, 8000 added, 0 modified/, 'then all of it is');
is(our_rows($connection), bank_rows($connection), "exactly the bank's rows");
is(sql('SELECT count(*) FROM ob.transactions WHERE length(raw::text) > 1800'), '8000', "with the bank's words");
like($session->query("CALL ob.sync_now($connection, \"full\" => true)")->{err}, qr/ 0 added, 0 modified, 0 removed/,
	'read back from the file again, nothing differs');
is(temporary_files($session), 0, 'the file is gone');

done_testing();
