# A commit unit that the database refuses: one connection's failure, which holds up nobody.
use strict;
use warnings;

use OpenBanking;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
my $bad = link_bank($node, 'alice');
my $good = link_bank($node, 'bob');
$node->safe_psql('postgres', qq{
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \$\$
	BEGIN
		IF NEW.connection_id = $bad THEN
			RAISE check_violation USING MESSAGE = 'refused by a trigger';
		END IF;
		RETURN NEW;
	END \$\$;
	CREATE TRIGGER refuse BEFORE INSERT ON ob.transactions_all FOR EACH ROW EXECUTE FUNCTION refuse();
});

my $errors;
$node->psql('postgres', 'CALL ob.sync_due()', stderr => \$errors, on_error_die => 1);
like($errors, qr/2 connections: 1 complete, .* 1 failed/, 'sync_due goes on and counts the failure');
like($node->logfile ? PostgreSQL::Test::Utils::slurp_file($node->logfile) : '', qr/refused by a trigger/,
	'the refusal happened, and the log says why');
is($node->safe_psql('postgres', "SELECT count(*) > 0 FROM ob.transactions WHERE connection_id = $good"),
	't', 'the other connection is synced');
is($node->safe_psql('postgres', "SELECT state, last_sync_status, failing_since IS NOT NULL FROM ob.connections WHERE id = $bad"),
	'active|failed|t', 'the failing one says so and stays active');
is($node->safe_psql('postgres', "SELECT count(*) FROM ob.transactions_all WHERE connection_id = $bad"),
	'0', 'nothing of its unit is left');
my ($state, $text) = sqlstate_of($node, "CALL ob.sync_now($bad)");
is($state, '23514', 'sync_now raises what the database said');
like($text, qr/refused by a trigger/, '... unchanged');
($state) = sqlstate_of($node, "SELECT * FROM ob.sync($bad)");
is($state, '23514', 'ob.sync too');

$node->safe_psql('postgres', 'DROP TRIGGER refuse ON ob.transactions_all');
is($node->safe_psql('postgres', "SELECT status, added > 0 FROM ob.sync($bad)"), 'complete|t', 'repaired, it works');

done_testing();
