# Account numbers: sealed where they are kept, shown to those allowed, and never without a line in the audit log.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Links;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);
sql(q{
	CREATE ROLE web;
	CREATE ROLE desk;
	CREATE ROLE boss;
	SELECT ob.grant_read('web'), ob.grant_operate('desk'), ob.grant_admin('boss');
	GRANT USAGE ON FOREIGN SERVER plaid TO web, desk, boss;
});
my $connection = link_bank($node, 'alice', { products => 'auth,transactions' });
sql("SELECT FROM ob.sync($connection)");
my %account = map { split /\|/ } split /\n/,
  sql("SELECT type, account_id FROM ob.accounts WHERE connection_id = $connection");

sub number { return "SELECT * FROM ob.account_number($connection, '$account{$_[0]}')"; }
sub reads { return sql("SELECT count(*) FROM ob.audit_log WHERE action = 'ACCOUNT_NUMBER_READ'"); }

# Nothing in clear, wherever one looks.
sub nowhere
{
	my ($name) = @_;
	foreach my $table (split /\n/, sql(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'ob'::regnamespace AND relkind = 'r'}))
	{
		is(sql("SELECT count(*) FROM $table t WHERE t::text LIKE '%11112222%'"), '0', "$name: not in $table");
	}
	return;
}

subtest 'who may read' => sub {
	foreach my $role ('web', 'desk')
	{
		my ($state) = sqlstate_of($node, "SET ROLE $role; " . number('checking'));
		is($state, '42501', "$role may not");
	}
	is(calls('/auth/get'), 0, 'nor is the bank asked');
	is(sql('SET ROLE boss; ' . number('checking')), 'ach|1111222233330000|011401533||021000021||f', 'an admin may');
	is(calls('/auth/get'), 1, 'the bank was asked');
	is(sql('SET ROLE boss; ' . number('savings')), 'ach|1111222233331111|011401533||021000021||f', 'another account');
	is(sql('SET ROLE boss; ' . number('credit_card')), '', 'a card has none');
	is(calls('/auth/get'), 1, 'what is known is not asked for again');
	is(sql("SELECT string_agg(mask, ' ' ORDER BY mask) FROM ob.accounts_all WHERE connection_id = $connection"),
		'0000 1111 3333', 'the tables have masks');
	nowhere('kept');

	# Whoever may call it still sees no other than his own.
	sql('GRANT EXECUTE ON FUNCTION ob.account_number TO web');
	my ($state) = sqlstate_of($node, "SET ROLE web; SET openbanking.user_ref = 'mallory'; " . number('checking'));
	is($state, '42704', 'of another user: no such account');
	like(sql("SET ROLE web; SET openbanking.user_ref = 'alice'; " . number('checking')), qr/^ach/, 'his own');
	sql('REVOKE EXECUTE ON FUNCTION ob.account_number FROM web');
};

subtest 'every reading is in the audit log' => sub {
	my $before = reads();
	sql('BEGIN; SET LOCAL ROLE boss; ' . number('checking') . '; ROLLBACK');
	is(reads(), $before + 1, 'rolled back');
	sql('BEGIN READ ONLY; ' . number('checking') . '; COMMIT');
	is(reads(), $before + 2, 'read only');
	is(sql(q{SELECT actor, details ? 'account_ref' FROM ob.audit_log WHERE action = 'ACCOUNT_NUMBER_READ' ORDER BY id DESC LIMIT 1 OFFSET 1}),
		'boss|t', 'by whom, which');
	is(sql(q{SELECT success, request_id <> '' FROM ob.audit_log WHERE action = 'ACCOUNT_NUMBERS_FETCHED'}), 't|t',
		'and that the bank was asked');

	sql(q{ALTER TABLE ob.audit_log ADD CONSTRAINT full_disk CHECK (action <> 'ACCOUNT_NUMBER_READ') NOT VALID});
	my ($state, $err) = sqlstate_of($node, number('checking'));
	isnt($state, 'none', 'no line, no number');
	unlike($err, qr/11112222/, 'nor in the message');
	sql('ALTER TABLE ob.audit_log DROP CONSTRAINT full_disk');
};

subtest 'fresh ones, and those that nobody agreed to' => sub {
	control($url, 'plaid/accounts/set', { item_id => item_of($connection), account_id => $account{checking}, set => { mask => '4711' } });
	like(sql(number('checking')), qr/3330000/, 'as it was');
	like(sql("SELECT * FROM ob.account_number($connection, '$account{checking}', refresh => true)"), qr/3334711/, 'asked for again');
	like(sql(number('checking')), qr/3334711/, 'and kept');

	my $other = link_bank($node, 'bob');
	sql("SELECT FROM ob.sync($other)");
	my $id = sql("SELECT account_id FROM ob.accounts WHERE connection_id = $other AND type = 'checking'");
	my $before = calls('/auth/get');
	my ($state) = sqlstate_of($node, "SELECT * FROM ob.account_number($other, '$id')");
	is($state, '55000', 'linked without auth: refused');
	is(calls('/auth/get'), $before, 'nothing that Plaid would bill');
	is(sql(q{SELECT success FROM ob.audit_log WHERE action = 'ACCOUNT_NUMBERS_FETCHED' ORDER BY id DESC LIMIT 1}), 'f', 'audited');

	($state) = sqlstate_of($node, "SELECT * FROM ob.account_number($other, 'no such')");
	is($state, '42704', 'no such account');
};

subtest 'a sealed number opens in its row only' => sub {
	sql("UPDATE ob.accounts_all a SET number_sealed = b.number_sealed FROM ob.accounts_all b WHERE a.connection_id = $connection "
		. "AND b.connection_id = $connection AND a.account_id = '$account{savings}' AND b.account_id = '$account{checking}'");
	my ($state) = sqlstate_of($node, number('savings'));
	is($state, 'OB009', 'moved to another row');
};

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/1111222233/, 'no number in the server log');

done_testing();
