# A new key: everything is sealed anew while all else goes on, a crash or kill loses nothing, and then the old key can go.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Keys;
use OpenBanking::Links;
use OpenBanking::Session;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(sleep time);

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);
my $dir = $node->basedir;
my $keys = "$dir/keys";
chomp(my $first = slurp_file($keys));
my @ring = ($first);

# Puts a new key in front of the ring.
sub add_key
{
	my ($id) = @_;
	@ring = ("$id:" . new_key(), @ring);
	write_private($keys, @ring);
	return;
}

sub remove_key
{
	my ($id) = @_;
	@ring = grep { !/^$id:/ } @ring;
	write_private($keys, @ring);
	return;
}

# What CALL ob.rotate_key says.
sub rotate
{
	my ($options) = @_;
	my ($out, $err) = ('', '');
	my $status = $node->psql('postgres', 'CALL ob.rotate_key(' . ($options // '') . ')', stdout => \$out, stderr => \$err);
	$err =~ s{^psql:\S+ }{}mg;
	is($status, 0, 'rotate_key ends well') or diag($err);
	return $err;
}

# Values of our tables by key: "k1 3, k2 4".
sub uses
{
	return sql(q{SELECT string_agg(key_id || ' ' || tokens + accounts + links + outcomes, ', ' ORDER BY key_id)
		FROM ob.keys() WHERE tokens + accounts + links + outcomes > 0});
}

my @connections = map { link_bank($node, "user $_") } 1 .. 12;
my ($open_link, $open_token) = open_link('waiting user');

sub all_open
{
	my ($name) = @_;
	sql('UPDATE ob.sync_state SET next_sync_at = now()');
	my ($out, $err) = ('', '');
	$node->psql('postgres', 'CALL ob.sync_due()', stderr => \$err);
	my $count = sql(q{SELECT count(*) FROM ob.connections WHERE state = 'active'});
	like($err, qr/NOTICE:  $count connections: $count complete/, "$name: every token opens");
	is(sql("SELECT status FROM ob.link_complete('$open_link')"), 'waiting', "$name: so do links");
	return;
}

subtest 'nothing to do' => sub {
	like(rotate(), qr/^NOTICE:  0 values re-sealed with key "1"$/m, 'it says so');
	is(sql(q{SELECT count(*) FROM ob.audit_log WHERE action = 'KEY_ROTATED'}), '0', 'and the audit log nothing');
};

subtest 'where it cannot run' => sub {
	foreach my $sql ('BEGIN; CALL ob.rotate_key();', q{DO $$ BEGIN CALL ob.rotate_key(); EXCEPTION WHEN division_by_zero THEN END $$;})
	{
		is((sqlstate_of($node, $sql))[0], '2D000', $sql);
	}
	is((sqlstate_of($node, 'CALL ob.rotate_key(0)'))[0], '22023', 'an empty batch');
	is((sqlstate_of($node, 'CALL ob.rotate_key(NULL)'))[0], '22023', 'no batch');
};

subtest 'from one key to the next' => sub {
	sql(q{ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (SET client_secret '}
		  . sql(q{SELECT ob.seal('plaid', 'client_secret', 'sandbox-secret')}) . q{')});
	sql(q{CREATE ROLE "Odd role"; CREATE USER MAPPING FOR "Odd role" SERVER plaid OPTIONS (client_id 'x', client_secret 'obsealed:v1:AQEx')});
	my $tokens = sql('SELECT md5(string_agg(sealed::text, $$$$ ORDER BY subject)) FROM ob.tokens');
	add_key('k2');
	my $before = uses();
	my $said = rotate(5);
	isnt($before, uses(), 'the counts have changed');
	like(uses(), qr/^k2 \d+$/, 'only the new key is used');
	isnt(sql('SELECT md5(string_agg(sealed::text, $$$$ ORDER BY subject)) FROM ob.tokens'), $tokens, 'tokens are sealed anew');
	like($said, qr/NOTICE:  ob\.tokens\.sealed: 12 values re-sealed with key "k2"/, 'it says what it does');
	like($said, qr/NOTICE:  ob\.links\.token_sealed: 1 value re-sealed/, 'for each column');
	like($said, qr/NOTICE:  key "1" still seals: 1 option of a user mapping\n.*HINT:  Do not remove it yet/, 'what is left');
	like($said, qr/option client_secret of the user mapping for Odd role on server plaid.*\n.*damaged|not in the sealed form/, 'what is damaged');
	like($said, qr/ALTER USER MAPPING FOR "Odd role" SERVER plaid OPTIONS \(SET client_secret '…'\);/, 'and must be sealed anew');
	my ($alter) = $said =~ /HINT:  (ALTER USER MAPPING FOR PUBLIC .*;)/;
	like($alter // '', qr/SET client_secret 'obsealed:v1:/, 'and how to change it');
	is(sql(q{SELECT count(*) > 3, sum((details->>'values')::int8) > 12 FROM ob.audit_log WHERE action = 'KEY_ROTATED'
		AND success AND details->>'key' = 'k2'}), 't|t', 'the audit log tells each commit');

	sql($alter);
	sql('DROP USER MAPPING FOR "Odd role" SERVER plaid');
	$said = rotate();
	like($said, qr/NOTICE:  0 values re-sealed/, 'nothing left to do');
	like($said, qr/NOTICE:  key "1" seals nothing any more and may be removed/, 'the old key may go');
	unlike($said, qr/WARNING/, 'no warning');
	remove_key('1');
	all_open('without the old key');
	like(link_bank($node, 'newcomer'), qr/^\d+$/, 'and the secret of the mapping');
};

subtest 'what others may see' => sub {
	sql(q{CREATE ROLE operator; GRANT USAGE ON SCHEMA ob TO operator; GRANT EXECUTE ON PROCEDURE ob.rotate_key TO operator;
		GRANT EXECUTE ON FUNCTION ob.keys TO operator});
	add_key('k3');
	my $err;
	$node->psql('postgres', 'SET ROLE operator; CALL ob.rotate_key()', stderr => \$err);
	like($err, qr/1 user mapping may hold sealed options that you cannot see/, 'hidden mappings are told');
	like($err, qr/key "k2" seals nothing that you can see/, 'and no key is given up');
	is(sql('SET ROLE operator; SELECT sum(mapping_options) FROM ob.keys()'), '0', 'they are not counted');
	is(sql('SELECT sum(mapping_options) FROM ob.keys()'), '1', 'a superuser sees them');
	sql((rotate() =~ /HINT:  (ALTER USER MAPPING FOR PUBLIC .*;)/)[0]);
	remove_key('k2');
};

subtest 'beside syncs and new links' => sub {
	add_key('k4');
	my $rotation = OpenBanking::Session->new($node);
	$rotation->value(q{SET openbanking.test_crash_point = 'rekey_after_commit:hold'});
	$rotation->begin('CALL ob.rotate_key(2)');
	wait_until('the first batch', sub { uses() =~ /k4/ });
	like(uses(), qr/^k3 \d+, k4 \d+$/, 'it is half done');
	all_open('half done');
	push @connections, link_bank($node, 'while it rotates');
	is(sql("SELECT status FROM ob.sync($connections[-1])"), 'complete', 'a new link syncs');
	is(sql("SELECT ob.disconnect($connections[0])"), 'disconnected', 'a bank is unlinked');
	ok(!$rotation->ended, 'all that while it runs');

	is($node->psql('postgres', 'SELECT pg_terminate_backend(' . $rotation->pid . ')'), 0, 'killed');
	ok($rotation->finish(30)->{lost}, 'it is gone');
	like(uses(), qr/^k3 \d+, k4 \d+$/, 'it is half done');
	all_open('killed');
	like(rotate(), qr/^NOTICE:  [1-9]\d* values? re-sealed with key "k4"$/m, 'the next call goes on');
	like(uses(), qr/^k4 \d+$/, 'to the end');
};

foreach my $point ('rekey_before_write', 'rekey_before_commit', 'rekey_after_commit')
{
	subtest "a crash at $point" => sub {
		add_key($point);
		my $before = uses();
		my $session = OpenBanking::Session->new($node);
		$session->value("SET openbanking.test_crash_point = '$point'");
		ok($session->query('CALL ob.rotate_key(3)')->{lost}, 'the server has crashed');
		wait_for_restart();
		if ($point eq 'rekey_after_commit')
		{
			like(uses(), qr/\b$point 3\b/, 'the first batch is done');
		}
		else
		{
			is(uses(), $before, 'nothing is done');
		}
		all_open('after the crash');
		rotate();
		like(uses(), qr/^$point \d+$/, 'the next call goes on to the end');
		sql((rotate() =~ /HINT:  (ALTER USER MAPPING FOR PUBLIC .*;)/)[0]);
		@ring = $ring[0];
		write_private($keys, @ring);
		all_open('without the old keys');
	};
}

subtest 'a value that does not open' => sub {
	my ($broken, $empty) = @connections[ 2, 3 ];
	my $old = $ring[0] =~ s/:.*//r;
	sql("UPDATE ob.tokens SET sealed = set_byte(sealed, 60, get_byte(sealed, 60) # 1) WHERE subject = 'connection:$broken'");
	sql("UPDATE ob.tokens SET sealed = '' WHERE subject = 'connection:$empty'");
	add_key('k5');
	my $said = rotate();
	like($said, qr/WARNING:  could not unseal the value in ob\.tokens\.sealed \(server plaid, subject connection:$broken, kind access_token\)/,
		'table and row are named');
	is(scalar(() = $said =~ /WARNING:  could not unseal/g), 2, 'each once');
	like($said, qr/WARNING:  2 values do not open/, 'and counted');
	like($said, qr/NOTICE:  key "$old" still seals: 1 token/, 'its key is not given up');
	like($said, qr/NOTICE:  not in the sealed form: 1 token/, 'what is no sealed value is told');
	is(sql('SELECT tokens FROM ob.keys() WHERE key_id IS NULL'), '1', 'and counted');
	unlike($said, qr/access-sandbox/, 'without a value');
	sql("DELETE FROM ob.tokens WHERE subject IN ('connection:$broken', 'connection:$empty')");
	sql("UPDATE ob.connections SET state = 'error' WHERE id IN ($broken, $empty)");
	sql((rotate() =~ /HINT:  (ALTER USER MAPPING FOR PUBLIC .*;)/)[0]);
	@ring = $ring[0];
	write_private($keys, @ring);
	all_open('the others');
};

subtest 'a value that changes meanwhile' => sub {
	add_key('k6');
	my $row = "subject = 'connection:$connections[5]'";
	my $value = sql("SELECT sealed FROM ob.tokens WHERE $row");
	my $session = OpenBanking::Session->new($node);
	$session->value(q{SET openbanking.test_crash_point = 'rekey_before_write:hold'});
	$session->begin('CALL ob.rotate_key()');
	sleep 0.4; # it has read the tokens, which come first
	sql("UPDATE ob.tokens SET sealed = '\\x00' WHERE $row");
	my $result = $session->finish;
	is($result->{state}, 'none', 'it ends well');
	is(sql("SELECT sealed FROM ob.tokens WHERE $row"), '\x00', 'what came meanwhile is not overwritten');
	like($result->{err}, qr/WARNING.*could not unseal the value in ob\.tokens\.sealed/, 'and looked at');
	sql("UPDATE ob.tokens SET sealed = '$value' WHERE $row");
	like(rotate(), qr/ob\.tokens\.sealed: 1 value re-sealed/, 'the next call takes it');
	all_open('afterwards');
};

subtest 'rows and tables that are locked' => sub {
	add_key('k7');
	my $holder = OpenBanking::Session->new($node);
	$holder->value('BEGIN');
	$holder->value("SELECT 1 FROM ob.tokens WHERE subject = 'connection:$connections[5]' FOR UPDATE");
	my $said = rotate();
	like($said, qr/WARNING:  1 value is locked by other sessions\n.*HINT:  CALL ob\.rotate_key\(\) again/, 'it is left and told');
	like($said, qr/key "k6" still seals: 1 token/, 'its key is not given up');
	$holder->value('ROLLBACK');
	like(rotate(), qr/ob\.tokens\.sealed: 1 value re-sealed/, 'the next call takes it');

	add_key('k8');
	$holder->value('BEGIN; LOCK TABLE ob.tokens IN SHARE MODE');
	my ($state, $err) = sqlstate_of($node, 'CALL ob.rotate_key()');
	is($state, '55000', 'a locked table ends it');
	like($err, qr/ob\.tokens\.sealed is locked by another session/, 'it says which');
	$holder->value('ROLLBACK');
	rotate();
	like(uses(), qr/^k8 \d+$/, 'afterwards it goes to the end');
	all_open('afterwards');
};

subtest 'two at once' => sub {
	add_key('k9');
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 3;
	$_->begin('CALL ob.rotate_key(1)') for @sessions;
	is(join(' ', map { $_->finish->{state} } @sessions), 'none none none', 'all end well');
	like(uses(), qr/^k9 \d+$/, 'everything is done');
	all_open('afterwards');
	is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), '0', 'no lock is left');
};

my $log = slurp_file($node->logfile);
my @bytes = map { s/.*://r } @ring;
unlike($log, qr/\Q$_\E/, 'no key is in the log') for @bytes;
unlike($log, qr/access-sandbox/, 'nor a token');

done_testing();
