# What is older than the retention goes, and nothing else.
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
sql(q{CREATE ROLE boss; SELECT ob.grant_admin('boss'); CREATE ROLE desk; SELECT ob.grant_operate('desk')});
my $connection = link_bank($node, 'alice');
control($url, 'plaid/transactions/add', { item_id => item_of($connection), transactions => [ { date => 'no day' } ] });
sql("SELECT FROM ob.sync($connection)");
open_link('alice');

# How many rows there are of each kind that is old, young, and of no age.
my %rows = (
	audit_log => 'SELECT count(*) FROM ob.audit_log',
	audit_addresses => 'SELECT count(*) FROM ob.audit_addresses',
	links => 'SELECT count(*) FROM ob.links',
	outcomes => 'SELECT count(*) FROM ob.outcomes',
	quarantine => 'SELECT count(*) FROM ob.quarantine',
	removed_transactions => 'SELECT count(*) FROM ob.transactions_all',
	removed_accounts => 'SELECT count(*) FROM ob.accounts_all',
);
sub rows { return { map { $_ => sql($rows{$_}) } keys %rows }; }

sub purge
{
	my ($retention) = @_;
	my ($out, $err) = ('', '');
	sql("UPDATE ob.installation SET retention = '$retention'");
	$node->psql('postgres', 'SET ROLE boss; CALL ob.purge()', stdout => \$out, stderr => \$err);
	return $err;
}

# Two of each, as old as a year. The log's own triggers would not have it.
sql(qq{
	INSERT INTO ob.audit_log (at, action, actor, login_role, success)
		SELECT now() - interval '1 year', 'OLD', 'x', 'x', true FROM generate_series(1, 2002);
	INSERT INTO ob.audit_addresses (audit_id, user_ip) SELECT id, '192.0.2.1' FROM ob.audit_log ORDER BY id LIMIT 1;
	INSERT INTO ob.audit_addresses (audit_id, user_ip) SELECT id, '192.0.2.1' FROM ob.audit_log WHERE action = 'OLD' ORDER BY id LIMIT 2;
	INSERT INTO ob.links (link_id, server, user_ref, kind, mapping_role, expires_at, updated_at)
		SELECT 'old' || i, 'plaid', 'alice', 'link', 'x', now() - interval '1 year', now() - interval '1 year' FROM generate_series(1, 2) i;
	INSERT INTO ob.outcomes (call_id, kind, phase, server, mapping_role, sealed, updated_at)
		SELECT phase || (s IS NULL), 'exchange', phase, 'plaid', 'x', s, now() - interval '1 year'
		FROM unnest(ARRAY['intent', 'done', 'failed']) phase, unnest(ARRAY[NULL, 'token'::bytea]) s WHERE s IS NULL OR phase = 'failed';
	INSERT INTO ob.quarantine (connection_id, reason, digest, raw, last_seen_at)
		VALUES ($connection, 'old', 'old', '{}', now() - interval '1 year');
	UPDATE ob.transactions_all SET removed_at = now() - interval '1 year' WHERE (connection_id, transaction_id) IN
		(SELECT connection_id, transaction_id FROM ob.transactions_all ORDER BY transaction_id LIMIT 2);
	INSERT INTO ob.accounts_all (connection_id, account_id, type, removed_at) VALUES ($connection, 'old', 'other', now() - interval '1 year');
	UPDATE ob.accounts_all SET removed_at = now() - interval '1 year' WHERE type = 'checking';
});

my ($state) = sqlstate_of($node, 'SET ROLE desk; CALL ob.purge()');
is($state, '42501', 'not everybody may');
my $all = rows();
is(purge('{}'), '', 'without a retention');
is_deeply(rows(), $all, 'nothing goes');
like(purge('{"audit_logs": "1 day"}'), qr/"audit_logs" in the retention is unknown.*audit_log,/s, 'a wrong name is said');
isnt(purge('{"links": "soon"}'), '', 'so is a wrong interval');
purge('{"audit_log": "2 years", "audit_addresses": "2 years", "links": "2 years", "outcomes": "2 years", "quarantine": "2 years", '
	. '"removed_transactions": "2 years", "removed_accounts": "2 years"}');
is_deeply(rows(), $all, 'nothing that is younger goes');

my %gone = (audit_addresses => 2, links => 2, outcomes => 2, quarantine => 1, removed_transactions => 2, removed_accounts => 1);
foreach my $kind (qw(audit_addresses links outcomes quarantine removed_transactions removed_accounts))
{
	like(purge(qq({"$kind": "1 month"})), qr/$kind: $gone{$kind} rows purged/, "$kind: told");
	is(sql($rows{$kind}), $all->{$kind} - $gone{$kind}, 'they are gone');
	$all = { %{ rows() } };
}
is(sql("SELECT string_agg(phase, ' ' ORDER BY phase) FROM ob.outcomes WHERE sealed = 'token' OR phase = 'intent'"), 'failed intent',
	'a token that could not be stored, and what is under way, are kept');
is(sql('SELECT string_agg(account_id, \' \') FROM ob.accounts_all WHERE account_id = \'old\''), '', 'an account without transactions');
is(sql("SELECT count(*) FROM ob.accounts_all WHERE type = 'checking'"), '1', 'one with transactions stays');

sql("INSERT INTO ob.audit_addresses (audit_id, user_ip) SELECT id, '192.0.2.1' FROM ob.audit_log WHERE action = 'OLD' LIMIT 1");
like(purge('{"audit_log": "1 month"}'), qr/audit_log: 2002 rows purged/, 'lines of the log, in batches');
is(sql("SELECT count(*) FROM ob.audit_log WHERE action = 'OLD'"), '0', 'they are gone');
is(sql('SELECT count(*) FROM ob.audit_addresses'), '1', 'with their addresses');
is(sql(q{SELECT count(*), sum((details ->> 'rows')::int), min(actor) FROM ob.audit_log WHERE action = 'PURGED' AND details ->> 'what' = 'audit_log'}),
	'3|2002|boss', 'and the log says by whom');

# A bank that lists again what it had taken away does so once: what a sync has just brought back is not old any more.
subtest 'beside a sync' => sub {
	my $bank = link_bank($node, 'beth');
	my %item = (item_id => item_of($bank), announce => JSON::PP::false);
	control($url, 'plaid/transactions/add', { %item, transactions => [ { date => 'no day', transaction_id => 'broken' } ] });
	sql("SELECT FROM ob.sync($bank)");
	my ($id, $account) = split /\|/, (split /\n/, sql("SELECT transaction_id, account_id FROM ob.transactions WHERE connection_id = $bank AND status = 'posted'"))[0];
	control($url, 'plaid/transactions/remove', { %item, transaction_ids => [$id] });
	sql("SELECT FROM ob.sync($bank)");
	sql("UPDATE ob.transactions_all SET removed_at = now() - interval '1 year' WHERE connection_id = $bank AND transaction_id = '$id'");
	sql("UPDATE ob.quarantine SET last_seen_at = now() - interval '1 year' WHERE connection_id = $bank");
	control($url, 'plaid/transactions/add', { %item, transactions => [ { transaction_id => $id, account_id => $account } ] });
	control($url, 'plaid/transactions/touch', { %item, transaction_ids => ['broken'] });

	my $syncing = OpenBanking::Session->new($node);
	$syncing->value("BEGIN; SELECT FROM ob.sync($bank)");
	my %purging;
	foreach my $kind (qw(quarantine removed_transactions))
	{
		my $session = $purging{$kind} = OpenBanking::Session->new($node);
		sql(qq(UPDATE ob.installation SET retention = '{"$kind": "1 month"}'));
		$session->begin('CALL ob.purge()');
		# It waits for rows of the sync, or has ended.
		wait_until('the purge', sub { $session->ended || sql("SELECT count(*) FROM pg_locks WHERE pid = $session->{pid} AND NOT granted") });
	}
	$syncing->value('COMMIT');
	foreach my $kind (sort keys %purging)
	{
		my $told = $purging{$kind}->finish;
		is($told->{state}, 'none', "$kind: nobody is in its way");
		like($told->{err}, qr/$kind: 0 rows purged.*DETAIL: +1 connections are being synced/s, 'what it passed over is told');
	}
	is(our_rows($bank), join("\n", grep { !/no day/ } split /\n/, bank_rows($bank)), 'what came back stays');
	is(sql("SELECT count(*) FROM ob.quarantine WHERE connection_id = $bank"), 1, 'as does what came again and could not be stored');

	sql("UPDATE ob.transactions_all SET removed_at = now() - interval '1 year' WHERE connection_id = $bank AND transaction_id = '$id'");
	like(purge('{"removed_transactions": "1 month"}'), qr/removed_transactions: 1 rows purged$/, 'afterwards it is purged as before');
};

done_testing();
