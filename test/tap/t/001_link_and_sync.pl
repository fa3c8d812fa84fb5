# The whole line once: link, read live, sync, disconnect.
use strict;
use warnings;

use OpenBanking;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);

my $connection = link_bank($node, 'alice');
is($connection, 1, 'a bank is linked');
my $live = $node->safe_psql('postgres', 'SELECT count(*), sum(amount) FROM live.ob_transactions');
my $synced = $node->safe_psql('postgres', "SELECT status FROM ob.sync($connection)");
is($synced, 'complete', 'a sync reads to the end');
is($node->safe_psql('postgres', 'SELECT count(*), sum(amount) FROM ob.transactions'),
	$live, 'what was synced is what is read live');
is($node->safe_psql('postgres', "SELECT ob.disconnect($connection)"), 'disconnected', 'disconnected');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ob.tokens'), '0', 'no token is left');

done_testing();
