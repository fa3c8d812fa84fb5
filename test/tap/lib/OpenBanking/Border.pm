# What the tests of the border share: functions that fail in every way there is.
package OpenBanking::Border;

use strict;
use warnings;

use Exporter 'import';
use Test::More;

our @EXPORT = qw(declare_failures objects_are_gone no_crash);

# Declares the test build's functions, and some of its own that fail in SQL.
sub declare_failures
{
	my ($node) = @_;
	$node->safe_psql('postgres', q{
		CREATE FUNCTION ob_test_run(action text, argument text DEFAULT '') RETURNS int4
			AS '$libdir/openbanking', 'ob_test_run' LANGUAGE c;
		CREATE FUNCTION ob_test_survive(before text, inside text, after text) RETURNS text
			AS '$libdir/openbanking', 'ob_test_survive' LANGUAGE c;
		CREATE FUNCTION ob_test_fail_release() RETURNS void AS '$libdir/openbanking', 'ob_test_fail_release' LANGUAGE c;
		CREATE FUNCTION ob_test_limit(megabytes int4) RETURNS void AS '$libdir/openbanking', 'ob_test_limit' LANGUAGE c;
		CREATE FUNCTION ob_test_made() RETURNS int8 AS '$libdir/openbanking', 'ob_test_made' LANGUAGE c;
		CREATE FUNCTION ob_test_gone() RETURNS int8 AS '$libdir/openbanking', 'ob_test_gone' LANGUAGE c;

		CREATE TABLE notes (id int4 CONSTRAINT notes_once UNIQUE, kind text NOT NULL DEFAULT 'x');
		INSERT INTO notes VALUES (1);
		CREATE FUNCTION full_error() RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			RAISE EXCEPTION USING ERRCODE = 'TS123', MESSAGE = 'a message', DETAIL = 'a detail', HINT = 'a hint',
				SCHEMA = 'a schema', TABLE = 'a table', COLUMN = 'a column', DATATYPE = 'a type', CONSTRAINT = 'a constraint';
		END $$;
		-- Runs it in a block that survives it; the SQLSTATE, and whether the transaction goes on.
		CREATE FUNCTION caught(statement text) RETURNS text LANGUAGE plpgsql AS $$
		DECLARE state text := 'none';
		BEGIN
			BEGIN
				EXECUTE statement;
			EXCEPTION WHEN OTHERS THEN
				state := SQLSTATE;
			END;
			PERFORM ob_test_limit(0);
			INSERT INTO notes (kind) VALUES (state);
			RETURN state;
		END $$;
	});
	return;
}

# Every object that was constructed in the session's process has been destroyed.
sub objects_are_gone
{
	my ($session, $name) = @_;
	my ($made, $gone) = split /\|/, $session->value('SELECT ob_test_made(), ob_test_gone()');
	ok($made > 0 && $made == $gone, "$name: every object is gone") or diag("$made made, $gone gone");
	return;
}

# No process of the server has died, whatever was done to it.
sub no_crash
{
	my ($node) = @_;
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
	unlike($log, qr/terminated by signal|reinitializing|PANIC|TRAP:|WARNING/, 'nothing crashed');
	return;
}

1;
