# Rows that cannot be stored are kept aside and counted; what becomes storable leaves.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);
my $connection = link_bank($node, 'alice');
sql("SELECT ob.sync($connection)");
my $rows = sql('SELECT count(*) FROM ob.transactions');

# As JSON, because an amount beyond a double must arrive as it is written.
sub change
{
	my ($command, $json) = @_;
	my $answer = HTTP::Tiny->new->post("$url/_control/plaid/transactions/$command",
		{ headers => { 'Content-Type' => 'application/json' }, content => $json });
	die $answer->{content} unless $answer->{success};
	return JSON::PP->new->decode($answer->{content});
}

my $report = "SELECT status, added, modified, removed, quarantined FROM ob.sync($connection)";
my $kept = "SELECT string_agg(coalesce(transaction_id, 'none') || ': ' || reason, '; ' ORDER BY id) FROM ob.quarantine";

sub add
{
	my ($json, $omit) = @_;
	$omit = $omit ? qq(, "omit": ["$omit"]) : '';
	return change('add', qq({"announce": false, "transactions": [$json]$omit}))->{transaction_ids}[0];
}

my $huge = add('{"amount": 1e40, "name": "huge"}');
my $dateless = add('{"amount": 5, "name": "dateless"}', 'date');
my $fine = add('{"amount": 7, "name": "fine"}');
add('{"amount": 6, "name": "nameless"}', 'transaction_id');
is(sql($report), 'complete|1|0|0|3', 'what can be stored is, the rest is counted');
is(sql('SELECT count(*) FROM ob.transactions') - $rows, 1, 'one row more');
my $all = sql($kept);
like($all, qr/\Q$huge\E: amount/, 'an amount beyond numeric') or diag($all);
like($all, qr/\Q$dateless\E: date/, 'no date');
like($all, qr/none: transaction_id/, 'no id');
unlike($all, qr/1e40|nameless/, 'the reasons hold no values');
is(sql("SELECT count(*) FROM ob.quarantine WHERE raw::jsonb ->> 'name' IN ('huge', 'dateless', 'nameless')"), '3',
	'the provider\'s own objects are kept');
is(sql("SELECT last_report ->> 'quarantined' FROM ob.sync_state"), '3', 'and told');

is(sql($report), 'complete|0|0|0|0', 'they do not come again');
is(sql('SELECT count(*) FROM ob.quarantine'), '3', 'and stay');
sql("SELECT ob.sync($connection, full => true)");
is(sql('SELECT count(*) FROM ob.quarantine'), '3', 'each is kept once');

change('modify', qq({"announce": false, "transaction_ids": ["$huge"], "set": {"amount": 12.34}}));
is(sql($report), 'complete|1|0|0|0', 'what can be stored after all is new');
is(sql("SELECT amount FROM ob.transactions WHERE transaction_id = '$huge'"), '-12.34', 'and there');
unlike(sql($kept), qr/\Q$huge\E/, 'it has left quarantine');

change('remove', qq({"announce": false, "transaction_ids": ["$dateless"]}));
sql($report);
unlike(sql($kept), qr/\Q$dateless\E/, 'so has what the bank has taken away');

change('modify', qq({"announce": false, "transaction_ids": ["$fine"], "set": {"amount": 1e40}}));
is(sql($report), 'complete|0|0|0|1', 'a stored row that becomes unstorable');
is(sql("SELECT amount FROM ob.transactions WHERE transaction_id = '$fine'"), '-7', 'stays as it was');
like(sql($kept), qr/\Q$fine\E/, 'and its new form is in quarantine');
change('modify', qq({"announce": false, "transaction_ids": ["$fine"], "set": {"amount": 8}}));
sql($report);
is(sql("SELECT amount FROM ob.transactions WHERE transaction_id = '$fine'"), '-8', 'until it can be stored again');
is(sql($kept), 'none: transaction_id is missing', 'only the row without an id is left') or diag(sql($kept));

# As if this version could store what another one could not.
$node->safe_psql('postgres', qq{
	WITH lost AS (DELETE FROM ob.transactions_all WHERE transaction_id = '$fine' RETURNING *)
	INSERT INTO ob.quarantine (connection_id, account_id, transaction_id, reason, digest, raw)
		SELECT connection_id, account_id, transaction_id, 'test', 'test', '{}' FROM lost;
	UPDATE ob.connections SET transactions_synced = transactions_synced - 1});
sql($report);
is(sql("SELECT count(*) FROM ob.transactions WHERE transaction_id = '$fine'"), '0', 'the bank tells each change once');
my $busy = OpenBanking::Session->new($node);
$busy->value('BEGIN');
$busy->value($report);
my $err = '';
$node->psql('postgres', 'CALL ob.retry_quarantine()', stderr => \$err);
like($err, qr/NOTICE:  0 connections will be read anew\nDETAIL:  1 more are being synced/, 'not under a sync that is under way');
$busy->value('COMMIT');
$node->psql('postgres', 'CALL ob.retry_quarantine()', stderr => \$err);
like($err, qr/NOTICE:  1 connections will be read anew/, 'read anew');
is(sql("SELECT count(*) FROM ob.audit_log WHERE action = 'QUARANTINE_RETRIED' AND connection_id = $connection"), '1', 'which the audit log tells');
sql('CALL ob.sync_due()');
is(sql("SELECT amount FROM ob.transactions WHERE transaction_id = '$fine'"), '-8', 'the row is there');
is(sql($kept), 'none: transaction_id is missing', 'and no longer in quarantine');

# The simulator takes no such number, so its answer is written here.
sql("ALTER SERVER plaid OPTIONS (ADD keep_raw 'on')");
my $cursor = sql('SELECT cursor FROM ob.sync_state');
my ($far, $near) = map { qq({"transaction_id": "$_->[0]", "account_id": "a", "date": "2026-03-01", "amount": 9,
	"location": {"lat": $_->[1]}}) } [ 'far', '1e400000' ], [ 'near', '1e4' ];
control($url, 'faults', { kind => 'status', status => 200, path => '/plaid/transactions/sync', body => qq({"added": [$far, $near],
	"next_cursor": "$cursor", "has_more": false, "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE"}) });
is(sql($report), 'complete|1|0|0|1', 'a number beyond jsonb keeps nothing else out');
like(sql($kept), qr/far: a number is out of range/, 'its row is in quarantine');
is(sql("SELECT raw -> 'location' ->> 'lat' FROM ob.transactions WHERE transaction_id = 'near'"), '10000', 'another is stored');
is(sql('SELECT transactions_synced FROM ob.connections'), sql('SELECT count(*) FROM ob.transactions'),
	'the number of transactions is the number of rows');

done_testing();
