# A dump restored into another cluster: everything is there, nothing secret was in it, and it calls nobody until it is
# told that it is the original now.
use strict;
use warnings;

use File::Copy ();
use OpenBanking;
use OpenBanking::Links;
use PostgreSQL::Test::Utils;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
links_at($node, $url);
my $roles = 'CREATE ROLE web; CREATE ROLE desk; CREATE ROLE boss;';
my $secret = 'sandbox-secret';
sql($roles);
my $sealed;
sql("CREATE SERVER plaid FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', environment 'sandbox', api_url '$url/plaid', client_name 'Test')");
$sealed = sql("SELECT ob.seal('plaid', 'client_secret', '$secret')");
sql(qq{
	CREATE USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (client_id 'sandbox-client', client_secret '$sealed');
	CREATE SCHEMA live;
	IMPORT FOREIGN SCHEMA ob FROM SERVER plaid INTO live;
	SELECT ob.grant_read('web'), ob.grant_operate('desk'), ob.grant_admin('boss');
	GRANT USAGE ON FOREIGN SERVER plaid TO web, desk, boss;
	GRANT SELECT (id, user_ref) ON ob.connections TO PUBLIC;
	UPDATE ob.installation SET retention = '{"audit_log": "7 years"}';
});
my $alice = link_bank($node, 'alice', { products => 'auth,transactions' });
my $bob = link_bank($node, 'bob');
sql("SELECT FROM ob.sync($alice); SELECT FROM ob.sync($bob); SELECT ob.allow('carol', 'alice')");
open_link('dora');
control($url, 'plaid/transactions/add', { item_id => item_of($bob), transactions => [ { date => 'no day' } ] });
sql("SELECT FROM ob.sync($bob)");
my $account = sql("SELECT account_id FROM ob.accounts WHERE connection_id = $alice AND type = 'checking'");
sql("SELECT FROM ob.account_number($alice, '$account')");
# As if a session were at it just now.
sql("UPDATE ob.sync_state SET claimed_until = now() + interval '1 hour', claimed_by = 1 WHERE connection_id = $alice");

my @tables = split /\n/, sql(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'ob'::regnamespace AND relkind = 'r'});
my $rights = q{
	SELECT md5(string_agg(x, ' ' ORDER BY x)), count(*) FROM (
		SELECT format('%s %s', c.oid::regclass, a) FROM pg_class c, unnest(c.relacl) a WHERE relnamespace = 'ob'::regnamespace
		UNION ALL SELECT format('%s %s %s', t.attrelid::regclass, attname, a) FROM pg_attribute t, unnest(attacl) a
			WHERE attrelid::regclass::text LIKE 'ob.%'
		UNION ALL SELECT format('%s %s', p.oid::regprocedure, a) FROM pg_proc p, unnest(p.proacl) a WHERE pronamespace = 'ob'::regnamespace
		UNION ALL SELECT format('%s %s', srvname, a) FROM pg_foreign_server, unnest(srvacl) a
		UNION ALL SELECT format('%s %s %s', polrelid::regclass, polname, pg_get_expr(polqual, polrelid)) FROM pg_policy
	) x (x)};

sub rows_in
{
	my ($at, $database) = @_;
	return { map { $_ => $at->safe_psql($database, "SELECT count(*), md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM $_ t") }
		  grep { $_ ne 'ob.installation' && $_ ne 'ob.budgets' } @tables };
}

my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump.sql";
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'dumped');
my $text = slurp_file($dump);
unlike($text, qr/\Q$secret\E/, 'no client secret in the dump');
unlike($text, qr/(access|public|link)-sandbox-/, 'no token');
unlike($text, qr/11112222/, 'no account number');
like($text, qr/\Q$sealed\E/, 'the sealed secret is');

# Another cluster, with a key of its own that has the same id.
my $copy = new_node('copy', $url);
$copy->safe_psql('postgres', "$roles CREATE DATABASE restored");
$copy->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $copy->connstr('restored'), '-f', $dump ], 'restored');
my $there = sub { return $copy->safe_psql('restored', $_[0]); };

subtest 'everything is there' => sub {
	my ($old, $new) = (rows_in($node, 'postgres'), rows_in($copy, 'restored'));
	is($new->{$_}, $old->{$_}, $_) foreach @tables;
	is($there->($rights), sql($rights), 'rights and policies');
	is($there->(q{SELECT count(*), max(retention ->> 'audit_log') FROM ob.installation}), '1|7 years', 'the installation');
	is($there->("SET ROLE web; SET openbanking.user_ref = 'alice'; SELECT count(DISTINCT user_ref), min(user_ref) FROM ob.transactions"),
		'1|alice', 'policies hold');
	cmp_ok($there->("SELECT nextval('ob.connections_id_seq')"), '>', $bob, 'ids go on');
	cmp_ok($there->("SELECT nextval('ob.audit_log_id_seq')"), '>', sql('SELECT max(id) FROM ob.audit_log'), 'in the log too');
};

sub refused
{
	my ($name, $sql, $state, $pattern, $database) = @_;
	my ($out, $err) = ('', '');
	$copy->psql($database // 'restored', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err);
	my ($got) = $err =~ /ERROR:\s+([0-9A-Z]{5})/;
	is($got, $state, "$name: $state");
	like($err, $pattern, "$name: says why");
	return;
}

sub no_calls
{
	my ($name, $code) = @_;
	my $count = sub { my $sum = 0; $sum += $_ for values %{ control($url, 'requests')->{by_path} }; return $sum; };
	my $before = $count->();
	$code->();
	is($count->(), $before, "$name: no call");
	return;
}

subtest 'it calls nobody' => sub {
	no_calls('a copy', sub {
		my $hint = qr/copy.*ob\.adopt_database/s;
		refused('sync', "SELECT ob.sync($bob)", '55000', $hint);
		refused('sync_now', "CALL ob.sync_now($bob)", '55000', $hint);
		refused('sync_due', 'CALL ob.sync_due()', '55000', $hint);
		refused('link', q{SELECT ob.link('plaid', 'eve')}, '55000', $hint);
		refused('live table', 'SELECT count(*) FROM live.ob_accounts', '55000', $hint);
		refused('request', "SELECT ob.request('plaid', 'POST', '/item/get', connection => $bob)", '55000', $hint);
		refused('rotation', "SELECT ob.rotate_access_token($bob)", '55000', $hint);
		refused('disconnect', "SELECT ob.disconnect($bob)", '55000', $hint);
		refused('erasure', q{SELECT ob.erase_user('bob')}, '55000', $hint);
		refused('sandbox', "SELECT ob.sandbox_reset_login($bob)", '55000', $hint);
	});
	is($there->(q{SELECT string_agg(DISTINCT format('%s %s', state, last_sync_status), ' ') FROM ob.connections}), 'active complete',
		'no connection is the worse for it');
};

subtest 'keys' => sub {
	my $adopt = 'SELECT ob.adopt_database()';
	refused('a key of the same name', $adopt, '55000', qr/keys do not open.*key "1": \d+ values.*without_keys/s);
	$copy->safe_psql('postgres', q{ALTER SYSTEM SET openbanking.key_file = ''});
	$copy->reload;
	refused('no key', $adopt, '55000', qr/there is no key.*key "1": \d+ values/s);
	refused('still a copy', "SELECT ob.sync($bob)", '55000', qr/copy/);
	$copy->safe_psql('postgres', 'ALTER SYSTEM RESET openbanking.key_file');
	$copy->reload;
	File::Copy::copy($node->basedir . '/keys', $copy->basedir . '/keys') or die $!;
	no_calls('adoption', sub { is($there->("SET ROLE boss; $adopt"), 'adopted', 'with the right keys') });
	is($there->($adopt), 'not a copy', 'once is enough');
	is($there->(q{SELECT actor, success FROM ob.audit_log WHERE action = 'DATABASE_ADOPTED'}), 'boss|t', 'audited');
	is($there->('SELECT count(*) FROM ob.sync_state WHERE claimed_until IS NOT NULL'), '0', 'claims of the other cluster are void');
};

subtest 'the original now' => sub {
	is($there->("SELECT status FROM ob.sync($alice)"), 'complete', 'a sync, without linking anew');
	$copy->safe_psql('restored', 'CALL ob.sync_due()');
	cmp_ok($there->('SELECT count(*) FROM live.ob_accounts'), '>', 3, 'live tables');
	like($there->("SELECT * FROM ob.account_number($alice, '$account')"), qr/^ach\|1111222233330000/, 'account numbers');
	is($there->(q{SELECT status FROM ob.sandbox_link('plaid', 'gil')}), 'active', 'another bank');
};

subtest 'a copy in the same cluster' => sub {
	$copy->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE restored');
	no_calls('a twin', sub {
		refused('twin', 'CALL ob.sync_due()', '55000', qr/copy/, 'twin');
	});
	$copy->stop;
	$copy->start;
	is($there->("SELECT status FROM ob.sync($bob)"), 'complete', 'while a restart changes nothing');
};

done_testing();
