# What fails inside C++ arrives in SQL as it was, leaves no object behind, and the backend works on.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Border;
use OpenBanking::Session;
use PostgreSQL::Test::Utils;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
declare_failures($node);
my $session = OpenBanking::Session->new($node);

# ---- the server's own errors, through five coroutines ----

is($session->value(q{SELECT ob_test_run('sql', 'SELECT 1')}), '5', 'without an error the call returns');
objects_are_gone($session, 'a call that returns');

my $direct = $session->query(q{DO $$ BEGIN EXECUTE 'SELECT full_error()'; END $$})->{err};
my $through = $session->query(q{DO $$ BEGIN PERFORM ob_test_run('sql', 'SELECT full_error()'); END $$})->{err};
like($direct, qr/TS123: a message.*a detail.*a hint.*a schema.*a table.*a column.*a type.*a constraint/s,
	'the client shows all of an error');
# The caller's own line differs, and it has one more.
s/^.*PL\/pgSQL function inline_code_block.*\n//mg, s/^SQL statement "SELECT ob_test_run.*\n//mg for $direct, $through;
is($through, $direct, 'an error arrives as it was, context and source location included');
objects_are_gone($session, 'an error of the server');

my $syntax = $session->query(q{SELECT ob_test_run('sql', 'SELECT 1 + + FROM notes WHERE')});
is($syntax->{state}, '42601', 'a syntax error keeps its code');
like($syntax->{err}, qr/^LINE 1: SELECT 1 \+ \+ FROM notes WHERE\n {21}\^$/m, '… its cursor and its query');
my $unique = $session->query(q{SELECT ob_test_run('sql', 'INSERT INTO notes VALUES (1)')});
like($unique->{err}, qr/23505.*\(id\)=\(1\).*SCHEMA NAME:  public.*TABLE NAME:  notes.*CONSTRAINT NAME:  notes_once/s,
	'a violated constraint is named');
my $null = $session->query(q{SELECT ob_test_run('sql', 'INSERT INTO notes VALUES (2, NULL)')});
like($null->{err}, qr/23502.*COLUMN NAME:  kind/s, 'and so is a column');
objects_are_gone($session, 'errors of the server');

# ---- our own ----

my $ours = $session->query(q{SELECT ob_test_run('error', 'OB006')});
like($ours->{err}, qr/ERROR:  OB006: the message\nDETAIL:  the detail\nHINT:  the hint\n/, 'an error of ours has all its parts');
my $exception = $session->query(q{SELECT ob_test_run('exception', 'out of the blue')});
like($exception->{err}, qr/ERROR:  XX000: out of the blue\n/, 'any C++ exception arrives with its text');
my $unknown = $session->query(q{SELECT ob_test_run('unknown')});
like($unknown->{err}, qr/ERROR:  XX000: unknown exception\n/, 'what is no exception at all arrives as well');
objects_are_gone($session, 'errors of ours');

# A message is cut between letters: half of one could not be converted to the client's encoding.
my $long = $session->query(q{SET client_encoding = latin1; SELECT ob_test_run('long', chr(228))});
like($long->{err}, qr/ERROR:  OB003: \xe4{255}\n/, 'a text too long is cut between two letters');
$session->value('RESET client_encoding');

# ---- in PL/pgSQL ----

$session->value('BEGIN');
foreach my $state (qw(22023 HV00D HV00J HV005 HV004 42704 42501 55000 2D000 54000 53200 53400 XX000),
	map { sprintf 'OB%03d', $_ } 1 .. 11)
{
	is($session->value("SELECT caught(\$\$SELECT ob_test_run('error', '$state')\$\$)"), $state, "$state can be caught");
}
is($session->value(q{SELECT caught($$SELECT ob_test_run('sql', 'SELECT 1/0')$$)}), '22012', 'a server error can be caught');
is($session->value(q{SELECT caught($$SELECT ob_test_run('unknown')$$)}), 'XX000', 'an unknown exception can be caught');
$session->value('COMMIT');
is($session->value(q{SELECT count(*) FROM notes WHERE kind <> 'x'}), '26', 'and all that was done besides is committed');
$session->value(q{DELETE FROM notes WHERE kind <> 'x'});

# By name: each clause must pick its own error, not the one before or after.
is( $session->value(q{DO $$
	DECLARE seen text := '';
	BEGIN
		FOR i IN 1 .. 4 LOOP
			BEGIN
				CASE i WHEN 1 THEN PERFORM ob_test_run('error', 'OB006');
					WHEN 2 THEN PERFORM ob_test_run('sql', 'SELECT 1/0');
					WHEN 3 THEN PERFORM ob_test_run('sql', 'INSERT INTO notes VALUES (1)');
					ELSE PERFORM ob.sync(4711);
				END CASE;
			EXCEPTION
				WHEN unique_violation THEN seen := seen || 'unique ';
				WHEN SQLSTATE 'OB006' THEN seen := seen || 'login ';
				WHEN division_by_zero THEN seen := seen || 'division ';
				WHEN undefined_object THEN seen := seen || 'unknown ';
			END;
		END LOOP;
		PERFORM set_config('test.seen', seen, false);
	END $$;
	SHOW test.seen}),
	'login division unique unknown ',
	'EXCEPTION WHEN tells them apart');
objects_are_gone($session, 'caught errors');

# ---- subtransactions ----

sub survives
{
	my @statements = map { s/'/''/gr } @_;
	return "ob_test_survive('$statements[0]', '$statements[1]', '$statements[2]')";
}

sub notes
{
	return $session->value(q{SELECT string_agg(kind, ' ' ORDER BY id) FROM notes WHERE id > 10});
}

$session->value('DELETE FROM notes WHERE id > 10');
my ($first, $second, $third) = map { "INSERT INTO notes VALUES (1$_, 'n$_')" } 1 .. 3;
is($session->value('SELECT ' . survives($first, $second, $third)), 'done', 'a subtransaction that ends well');
is(notes(), 'n1 n2 n3', '… is kept');
$session->value('DELETE FROM notes WHERE id > 10');
is($session->value('SELECT ' . survives($first, "$second; SELECT 1/0", $third)),
	'SQLSTATE 22012: division by zero', 'a subtransaction that fails');
is(notes(), 'n1 n3', '… takes back its own part only');
$session->value('DELETE FROM notes WHERE id > 10');

# The failed release leaves the subtransaction open; were it not rolled back, all that follows would be in it.
my $release = $session->query('BEGIN; SELECT ' . survives($first, "$second; SELECT ob_test_fail_release()", $third)
	  . '; COMMIT');
is($release->{out}, 'SQLSTATE 09000: the release failed', 'a release that fails');
unlike($release->{err}, qr/WARNING|ERROR/, '… leaves no subtransaction open') or diag($release->{err});
is(notes(), 'n1 n3', '… takes its part back');
$session->value('DELETE FROM notes WHERE id > 10');

my $inner = survives('SELECT 1', "$second; SELECT 1/0", 'SELECT 2');
is($session->value('SELECT ' . survives($first, "SELECT $inner", $third)), 'done', 'a failure in an inner subtransaction');
is(notes(), 'n1 n3', '… leaves the outer one alone');
$session->value('DELETE FROM notes WHERE id > 10');
$inner = survives($first, $second, 'SELECT 1/0');
is($session->value('SELECT ' . survives('SELECT 1', "SELECT $inner", $third)),
	'SQLSTATE 22012: division by zero', 'a failure in the outer one');
is(notes(), 'n3', '… takes the inner one along');
is($session->query(q{SELECT ob_test_run('subtransaction', 'SELECT 1/0')})->{state}, '22012', 'a failure passes on unchanged');
objects_are_gone($session, 'subtransactions');

no_crash($node);
done_testing();
