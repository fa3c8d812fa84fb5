# Keys from a file, and what they seal: who may read the file, which keys are used, values that were moved, and secrets
# sealed outside of the database.
use strict;
use warnings;

use IPC::Run ();
use OpenBanking;
use OpenBanking::Keys;
use OpenBanking::Links;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);
my $dir = $node->basedir;
my $keys = "$dir/keys";

# SQLSTATE and text of what a statement says under another key file.
sub with_file { return sqlstate_of($node, "SET openbanking.key_file = '$_[0]'; $_[1]"); }

my $seal = q{SELECT ob.seal('plaid', 'client_secret', 'secret')};

subtest 'key files that are refused' => sub {
	my $key = new_key();
	my $good = write_private("$dir/good", "# ours", '', " new : $key\r", "old:" . new_key());
	like($node->safe_psql('postgres', "SET openbanking.key_file = '$good'; $seal"), qr/^obsealed:v1:/,
		'comments, blank lines and blanks are allowed');
	symlink $good, "$dir/link";
	like($node->safe_psql('postgres', "SET openbanking.key_file = '$dir/link'; $seal"), qr/^obsealed:v1:/,
		'a link to a good file is one');

	foreach my $mode (0604, 0602, 0601, 0620, 0666, 0610)
	{
		chmod $mode, $good;
		my ($state, $err) = with_file($good, $seal);
		is($state, '55000', sprintf 'mode %04o is refused', $mode);
		like($err, qr/the key file can be (read|written) by others/, 'it says why');
		like($err, qr/DETAIL:.*openbanking\.key_file/, 'and which setting');
	}
	chmod 0600, $good;
	system('mkfifo', '-m', '600', "$dir/fifo");
	my %refused = (
		"$dir/fifo" => qr/is not a regular file/,
		$dir => qr/is not a regular file/,
		"$dir/none" => qr/cannot be opened.*No such file/s,
		write_private("$dir/huge", '#' x 70_000) => qr/is too large/,
		write_private("$dir/empty") => qr/holds no key/,
		write_private("$dir/short", "a:$key", substr($key, 0, 20)) => qr/is not valid.*line 2: the key has not 32 bytes/s,
		write_private("$dir/twice", "a:$key", '', "a:$key") => qr/line 3: the key id occurs twice/,
		write_private("$dir/id", "a b:$key") => qr/line 1: the key id is not/,
		write_private("$dir/garbage", $key . 'x') => qr/line 1: the key is not base64/,
		'' => qr/no key to seal secrets with.*HINT:.*openssl rand -base64 32/s);
	foreach my $file (sort keys %refused)
	{
		my ($state, $err) = with_file($file, $seal);
		is($state, '55000', "'$file' is refused");
		like($err, $refused{$file}, 'it says why');
		unlike($err, qr/\Q$key\E/, 'and shows nothing of it');
	}
	unlike(slurp_file($node->logfile), qr/\Q$key\E/, 'nor does the log');
};

subtest 'who may say where keys are' => sub {
	$node->safe_psql('postgres', 'CREATE ROLE visitor');
	foreach my $setting ('key_file', 'key_command')
	{
		my $loaded = 'SELECT ob.version(); SET ROLE visitor';
		is((sqlstate_of($node, "$loaded; SET openbanking.$setting = 'x'"))[0], '42501', "not everybody: $setting");
		is((sqlstate_of($node, "$loaded; SHOW openbanking.$setting"))[0], '42501', 'and not everybody sees it');
		# Before the library is there the server knows of no rule for it.
		my ($out, $err);
		$node->psql('postgres', "SET ROLE visitor; SET openbanking.$setting = 'x'; RESET ROLE; SELECT ob.version(); "
			  . "SHOW openbanking.$setting", stdout => \$out, stderr => \$err);
		like($err, qr/permission denied to set parameter "openbanking\.$setting"/, 'nor beforehand');
		unlike($out, qr/^x$/m, 'it has no effect');
	}
};

subtest 'a file with the secret of a user mapping' => sub {
	my $file = write_private("$dir/client_secret", 'sandbox-secret');
	$node->safe_psql('postgres', "ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (DROP client_secret, ADD client_secret_file '$file')");
	like(link_bank($node, 'by file'), qr/^\d+$/, 'it is used');
	chmod 0644, $file;
	my ($state, $err) = sqlstate_of($node, q{SELECT ob.sandbox_link('plaid', 'by file')});
	is($state, '55000', 'readable for others: refused');
	like($err, qr/the file with a secret can be read by others.*server: plaid, option: client_secret_file/s, 'it says which');
	write_private($file);
	like((sqlstate_of($node, q{SELECT ob.sandbox_link('plaid', 'by file')}))[1], qr/the file with a secret is empty/, 'empty');
	$node->safe_psql('postgres',
		q{ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (DROP client_secret_file, ADD client_secret 'sandbox-secret')});
};

# Runs openbanking-seal: (exit status, output, errors).
sub seal_program
{
	my ($input, @arguments) = @_;
	my ($out, $err) = ('', '');
	open(my $file, '>', "$dir/input") or die $!;
	print $file $input;
	close $file;
	IPC::Run::run([ 'openbanking-seal', @arguments ], '<', "$dir/input", '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

subtest 'sealing outside of the database' => sub {
	my @place = ('--key-file', $keys, '--server', 'plaid', '--option', 'client_secret');
	my ($status, $sealed, $err) = seal_program("sandbox-secret\n", @place);
	is("$status$err", '0', 'it seals');
	like($sealed, qr/^obsealed:v1:\S+\n$/, 'one line');
	chomp $sealed;
	$node->safe_psql('postgres', "ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (SET client_secret '$sealed')");
	like(link_bank($node, 'by program'), qr/^\d+$/, 'the database opens it');
	is(sql(q{SELECT key_id, current, in_ring, mapping_options FROM ob.keys()}), '1|t|t|1', 'and counts it as one of its key');

	my $ours = sql($seal);
	is(join('', (seal_program("$ours\n", @place, '--check'))[ 0, 1 ]), qq{0opens with key "1"\n}, 'it opens what SQL sealed');
	like((seal_program($ours, @place[ 0 .. 3 ], '--option', 'client_secret', '--server', 'other', '--check'))[2],
		qr/could not unseal/, 'but not for another server');

	my $without_break = (seal_program('sandbox-secret', @place))[1];
	is(length $without_break, length "$sealed\n", 'the last line break does not count');
	foreach my $case (
		[ [ '--server', 'plaid', '--option', 'client_id' ], 1, qr/no secret option/ ],
		[ [ '--option', 'client_secret' ], 2, qr/--server and --option are needed/ ],
		[ [ '--server', 'plaid', '--option', 'client_secret', 'canary' ], 2, qr/comes from standard input/ ])
	{
		my ($status, $out, $err) = seal_program("canary\n", '--key-file', $keys, @{ $case->[0] });
		is("$status|$out", "$case->[1]|", 'refused: ' . join(' ', @{ $case->[0] }));
		like($err, $case->[2], 'it says why');
		unlike($err, qr/canary/, 'without the secret');
	}
	is((seal_program('', @place))[2], "openbanking-seal: the secret is empty\n", 'an empty secret');
	chmod 0644, $keys;
	like((seal_program('x', @place))[2], qr/the key file can be read by others\n  option: --key-file/, 'a key file for all');
	chmod 0600, $keys;
	like((seal_program('', '--help'))[1], qr/^openbanking-seal: .*Usage:/s, 'help');
	unlike((seal_program('', '--bogus'))[2], qr/^$/, 'unknown option');
	$node->safe_psql('postgres', q{ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (SET client_secret 'sandbox-secret')});
};

subtest 'clear secrets' => sub {
	$node->safe_psql('postgres', "CREATE SERVER prod FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', "
		  . "environment 'production', api_url '$url/plaid', client_name 'Test'); "
		  . "CREATE USER MAPPING FOR PUBLIC SERVER prod OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret')");
	my $ask = q{SELECT count(*) FROM ob.institutions('prod', 'Platypus')};
	my $calls = calls_of('/institutions/search', sub {
		my ($state, $err) = sqlstate_of($node, $ask);
		is($state, '55000', 'in production a clear secret is refused');
		like($err, qr/refused in production.*DETAIL:.*client_secret.*HINT:.*openbanking-seal --server prod --option client_secret/s,
			'it says what to do');
		unlike($err, qr/sandbox-secret/, 'without the secret');
	});
	is($calls, 0, 'no call was made');
	my $canary = 'a-secret-that-is-nowhere-else';
	my ($status, $sealed) = seal_program($canary, '--key-file', $keys, '--server', 'prod', '--option', 'client_secret');
	chomp $sealed;
	sql("SET log_statement = 'all'; ALTER USER MAPPING FOR PUBLIC SERVER prod OPTIONS (SET client_secret '$sealed')");
	is((sqlstate_of($node, $ask))[0], 'OB005', 'a sealed one is sent');
	my $log = slurp_file($node->logfile);
	like($log, qr/\Q$sealed\E/, 'the log has the statement');
	unlike($log, qr/$canary/, 'and no secret');
	($status, $sealed) = seal_program('sandbox-secret', '--key-file', $keys, '--server', 'prod', '--option', 'client_secret');
	chomp $sealed;
	sql("ALTER USER MAPPING FOR PUBLIC SERVER prod OPTIONS (SET client_secret '$sealed')");
	isnt(sql($ask), '0', 'a good one works');
	sql('DROP SERVER prod CASCADE');
};

# What was sealed once must open for ever. Made with Python's cryptography (AESGCM), the key is 00 01 … 1f.
subtest 'values of every column, sealed by another implementation' => sub {
	my $database = 'vectors';
	is(sql(q{SELECT string_agg(attrelid::regclass || '.' || attname, ' ' ORDER BY attrelid::regclass::text, attname) FROM pg_attribute
		WHERE atttypid = 'bytea'::regtype AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'ob'::regnamespace
		AND relkind = 'r')}), 'ob.accounts_all.number_sealed ob.links.token_sealed ob.links.url_sealed ob.links.verifier_sealed '
		  . 'ob.outcomes.sealed ob.tokens.sealed', 'these are all: a new one must be rotated too');
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my $ring = write_private("$dir/vectors", 'fresh:' . new_key(), 'vector:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=');
	$node->safe_psql($database, q{
		CREATE EXTENSION openbanking;
		INSERT INTO ob.tokens (server, subject, kind, sealed) VALUES ('plaid', 'connection:1', 'access_token',
			'\x0106766563746f720000000000000000000000007ed0d4b7db0cecdb28dcc65e7d42c585a82814360620c6ff9cdd4562171e');
		INSERT INTO ob.links (link_id, server, user_ref, kind, mapping_role, expires_at, url_sealed, token_sealed, verifier_sealed) VALUES
			('vector-link', 'plaid', 'alice', 'link', 'postgres', now(),
			'\x0106766563746f7201010101010101010101010107af845c06a50700f421157449a885581696569e9224aba301b1e45f',
			'\x0106766563746f72020202020202020202020202eb4478d2d7f95e3debe9d697581cb499505cd7e6bbdb575833f7df31deb8d0',
			'\x0106766563746f720505050505050505050505052d16ae14d254fc835afc2306f83bea3d4013e5b1fbad0894e584');
		INSERT INTO ob.outcomes (call_id, kind, phase, server, mapping_role, sealed) VALUES
			('00000000-0000-4000-8000-000000000001', 'exchange', 'done', 'plaid', 'postgres',
			'\x0106766563746f720303030303030303030303039e275dbf65b23d70fe32730aaec53962cf815ae434a2d99e6e16f27956fb7720');
		INSERT INTO ob.accounts_all (connection_id, account_id, type, number_sealed) VALUES (1, 'vector-account', 'checking',
			'\x0106766563746f7204040404040404040404040414ebafe14775fefbea643808519937289428ae5c2b4366ff9e3981809e');
	});
	is($node->safe_psql($database, "SET openbanking.key_file = '$ring'; SELECT * FROM ob.keys()"),
		"fresh|t|t|0|0|0|0|0\nvector|f|t|1|1|3|1|0", 'each is counted');
	my ($out, $err);
	$node->psql($database, "SET openbanking.key_file = '$ring'; CALL ob.rotate_key()", stderr => \$err);
	unlike($err, qr/WARNING|ERROR/, 'each opens in its place');
	like($err, qr/NOTICE:  6 values re-sealed with key "fresh"/, 'all six');
	is($node->safe_psql($database, "SET openbanking.key_file = '$ring'; SELECT * FROM ob.keys()"),
		"fresh|t|t|1|1|3|1|0\nvector|f|t|0|0|0|0|0", 'and under the new key now');
	is($node->safe_psql($database, 'SELECT * FROM ob.keys()'), "1|t|t|0|0|0|0|0\nfresh|f|f|1|1|3|1|0",
		'a key that is used and not in the ring is told');
	is($node->safe_psql($database, q{SET openbanking.key_file = ''; SELECT * FROM ob.keys()}), 'fresh|f|f|1|1|3|1|0',
		'also without any ring');

	$node->safe_psql($database, q{CREATE SERVER plaid FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid');
		INSERT INTO ob.connections (server, provider, user_ref, provider_connection_id, state, mapping_role)
		VALUES ('plaid', 'plaid', 'alice', 'item', 'active', 'postgres')});
	isnt($node->psql($database, 'DROP SERVER plaid', stderr => \$err), 0, 'a server with a connection is not dropped');
	is($node->psql($database, 'DROP EXTENSION openbanking CASCADE', stderr => \$err), 0, 'with the extension it is');
};

subtest 'a token that was copied to another row' => sub {
	my ($one, $two) = map { link_bank($node, "copied $_") } 1 .. 2;
	my ($before) = sql(q{SELECT count(*) FROM ob.tokens});
	sql("UPDATE ob.tokens SET sealed = (SELECT sealed FROM ob.tokens WHERE subject = 'connection:$one') "
		  . "WHERE subject = 'connection:$two'");
	foreach my $statement ("SELECT ob.sync($two)", "SELECT count(*) FROM live.ob_accounts WHERE connection_id = $two")
	{
		my ($state, $err) = sqlstate_of($node, $statement);
		is($state, 'OB009', "it does not open: $statement");
		like($err, qr/access_token of connection:$two \(server plaid\)/, 'the error names the row');
		unlike($err, qr/access-sandbox/, 'and no token');
	}
	is(sql("SELECT status FROM ob.sync($one)"), 'complete', 'where it came from it opens');
};

subtest 'a key that is missing' => sub {
	my $connection = link_bank($node, 'missing key');
	my $other = write_private("$dir/other", 'other:' . new_key());
	my ($state, $err) = with_file($other, "SELECT ob.sync($connection)");
	is($state, 'OB009', 'it does not open');
	like($err, qr/DETAIL:  it is sealed with key "1"/, 'the key is named');
	like($err, qr/HINT:  Put that key back/, 'and what to do');
	write_private($other, 'other:' . new_key(), '1:' . new_key());
	($state, $err) = with_file($other, "SELECT ob.sync($connection)");
	is($state, 'OB009', 'nor with another key of that id');
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'with the right one it does');
};

done_testing();
