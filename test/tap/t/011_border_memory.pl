# Memory that runs out, and ten thousand failures that take none for good.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Border;
use OpenBanking::Process;
use OpenBanking::Session;
use PostgreSQL::Test::Utils;
use Test::More;

my $url = start_sandbox();
my $nobody = 'http://127.0.0.1:1/'; # nothing listens there
my $node = new_node('main', "$url,http://127.0.0.1:1");
set_up_plaid($node, $url);
declare_failures($node);

# ---- out of memory ----

my $session = OpenBanking::Session->new($node);
$session->value(q{SELECT caught('SELECT 1')});
is($session->value(qq{SELECT caught(\$\$SELECT ob_test_limit(8), ob_test_run('$_->[0]', '$_->[1]')\$\$)}), $_->[2], $_->[3])
  foreach ['bad_alloc', 100_000_000, '53200', 'no memory in C++'],
  ['bad_alloc', '18446744073709551615', 'XX000', 'an impossible size in C++'],
  ['palloc', '', '53200', 'no memory in the server'],
  ['error', 'OB006', 'OB006', 'an error of ours while memory is short'];
is($session->value(q{SELECT caught($$SELECT ob_test_run('uncopyable')$$)}), '53200', 'no memory to copy an error');
my $uncopyable = $session->query(q{SELECT ob_test_run('uncopyable')});
like($uncopyable->{err}, qr/ERROR:  53200: out of memory\n/, '… says so');
$session->value('SELECT ob_test_limit(0)');
is($session->value(q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'openbanking error'}),
	'1', '… and leaves no half of a copy, only the error raised last is kept');
objects_are_gone($session, 'out of memory');
is($session->value('SELECT sum(n) FROM generate_series(1, 100000) n'), '5000050000', 'the backend works on');

# ---- ten thousand failures ----

my @failures = (
	q{SELECT ob_test_run('long', 'o')},
	q{SELECT ob_test_run('sql', 'SELECT 1/0')},
	q{SELECT ob_test_run('sql', 'INSERT INTO notes VALUES (1)')},
	q{SELECT ob_test_run('subtransaction', 'SELECT full_error()')},
	q{SELECT ob_test_run('unknown')},
	q{SELECT ob_test_survive('SELECT 1', 'SELECT 1/0', 'SELECT nothing')},
	qq{SELECT ob_test_run('fetch', '$nobody')},
	q{SELECT ob.sync(4711)});
is($session->query($failures[6])->{state}, 'OB001', 'a host that refuses connections');

# Each in a transaction of its own.
sub fail_apart
{
	my ($times) = @_;
	my $list = join ', ', map { "\$q\$$_\$q\$" } @failures;
	$session->query("\\set VERBOSITY sqlstate\nSELECT (ARRAY[$list])[1 + i % " . @failures
		  . "] FROM generate_series(1, $times) i \\gexec\n\\set VERBOSITY verbose\n", 300);
	return;
}

# All in one transaction. Returns the server's memory after a tenth and at the end.
sub fail_together
{
	my ($times) = @_;
	my $list = join ', ', map { "\$q\$$_\$q\$" } @failures;
	my $result = $session->query(qq{DO \$\$
		DECLARE failed int4 := 0; early int8; late int8;
		BEGIN
			FOR i IN 1 .. $times LOOP
				BEGIN
					EXECUTE (ARRAY[$list])[1 + i % } . @failures . qq{];
				EXCEPTION WHEN OTHERS THEN failed := failed + 1;
				END;
				IF i = $times / 10 THEN
					SELECT sum(total_bytes) INTO early FROM pg_backend_memory_contexts;
				END IF;
			END LOOP;
			SELECT sum(total_bytes) INTO late FROM pg_backend_memory_contexts;
			PERFORM set_config('test.used', concat_ws(' ', failed, early, late), false);
		END \$\$}, 300);
	die $result->{err} if $result->{state} ne 'none';
	return split / /, $session->value('SHOW test.used');
}

# Server memory in bytes, all memory in kB, open descriptors.
sub used
{
	my $contexts = $session->value('SELECT sum(total_bytes) FROM pg_backend_memory_contexts');
	my ($rss) = slurp_file('/proc/' . $session->pid . '/status') =~ /^VmRSS:\s+(\d+) kB/m;
	return ($contexts, $rss, descriptors($session->pid));
}

fail_apart(1000);
fail_together(1000);
my ($contexts, $rss, $open) = used();
fail_apart(5000);
my ($failed, $early, $late) = fail_together(5000);
my ($contexts_after, $rss_after, $open_after) = used();

is($failed, 5000, 'every call failed');
cmp_ok($late - $early, '<', 100_000, 'in one transaction the server\'s memory stays flat');
cmp_ok($contexts_after - $contexts, '<', 100_000, 'after 10,000 failures the server\'s memory is what it was');
cmp_ok($rss_after - $rss, '<', 2_000, 'and so is the process');
is($open_after, $open, 'no descriptor is left open');
diag("memory: $contexts → $contexts_after bytes, $rss → $rss_after kB, $open → $open_after descriptors");
objects_are_gone($session, '10,000 failures');

no_crash($node);
done_testing();
