# What the worker needs and uses: keys, a free slot, memory.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(sleep);

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

# What a process holds: mapped dynamic shared memory segments, private memory in kB.
sub held
{
	my ($pid) = @_;
	my $maps = slurp_file("/proc/$pid/maps");
	my $segments = () = $maps =~ m{/dev/shm/PostgreSQL}g;
	my ($kb) = slurp_file("/proc/$pid/smaps_rollup") =~ /^Private_Dirty:\s+(\d+) kB/m;
	return { segments => $segments, kb => $kb };
}

sub newest_worker
{
	return sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'openbanking outcome worker' "
		  . 'ORDER BY backend_start DESC LIMIT 1');
}

# Bytes used in the memory that lives as long as the session.
sub top_memory
{
	my ($session) = @_;
	return $session->value(q{SELECT used_bytes FROM pg_backend_memory_contexts WHERE name = 'TopMemoryContext'});
}

subtest 'keys' => sub {
	my ($link, $token) = link_with_token('keyless');
	my $keys = $node->basedir . '/keys';
	my %files = (
		'' => qr/no key to seal secrets with/,
		$node->basedir . '/none' => qr/cannot be opened/,
		$keys => qr/can be read by others/,
	);
	$files{ $ENV{OB_FOREIGN_KEY} } = qr/belongs to another account/ if $ENV{OB_FOREIGN_KEY};
	my $total = control($url, 'requests')->{total};
	foreach my $file (sort keys %files)
	{
		chmod 0644, $keys if $file eq $keys;
		foreach my $statement ("SELECT ob.link('plaid', 'newcomer')", "SELECT ob.sandbox_link('plaid', 'newcomer')",
			complete_sql($link, $token))
		{
			my ($state, $err) = sqlstate_of($node, "SET openbanking.key_file = '$file'; $statement");
			is($state, '55000', "key file '$file': refused: " . substr($statement, 0, 25));
			like($err, $files{$file}, 'it says why');
			like($err, qr/HINT:/, 'and what to do');
		}
	}
	chmod 0600, $keys;
	is(control($url, 'requests')->{total}, $total, 'no call was made');
	like(sql(complete_sql($link, $token)), qr/\|active\|/, 'with the key it works');

	my ($one, $two) = map { link_bank($node, "mover $_") } 1 .. 2;
	sql("DELETE FROM ob.tokens WHERE subject = 'connection:$two'");
	sql("UPDATE ob.tokens SET subject = 'connection:$two' WHERE subject = 'connection:$one'");
	my ($state, $err) = sqlstate_of($node, "SELECT ob.sync($two)");
	is($state, 'OB009', 'a token moved to another row does not open');
	like($err, qr/access_token of connection:$two \(server plaid\)/, 'the error names the row');
};

subtest 'large messages and many calls' => sub {
	my ($link, $token) = link_with_token('large');
	my $huge = 'public-sandbox-' . 'x' x 300_000;
	my $session = OpenBanking::Session->new($node);
	is($session->query(complete_sql($link, $huge))->{state}, 'OB004', 'a request larger than the queue arrives');

	# What the backend and its worker hold after so many calls, failed and repaired ones alike.
	my $pid = $session->pid;
	my $worker = newest_worker();
	$session->value(q{CREATE FUNCTION pg_temp.refused(link text, times int) RETURNS int LANGUAGE plpgsql AS $$
		DECLARE refusals int := 0;
		BEGIN
			FOR i IN 1 .. times LOOP
				BEGIN PERFORM ob.link_complete(link, '{"public_token": "public-sandbox-never-made"}');
				EXCEPTION WHEN SQLSTATE 'OB004' THEN refusals := refusals + 1; END;
			END LOOP;
			RETURN refusals;
		END $$});
	$session->value("SELECT pg_temp.refused('$link', 100)");
	my @before = (held($pid), held($worker));
	is($session->value("SELECT pg_temp.refused('$link', 1000)"), '1000', '1,000 calls');
	my @after = (held($pid), held($worker));
	is($after[$_]{segments}, $before[$_]{segments}, 'no shared memory more') for 0 .. 1;
	my @more = map { $after[$_]{kb} - $before[$_]{kb} } 0 .. 1;
	cmp_ok($_, '<', 1500, "hardly more memory: $_ kB") for @more;

	# A worker that ends is followed by another; the caller does not notice.
	my $kb = top_memory($session);
	for (1 .. 10)
	{
		sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = $worker");
		$session->value("SELECT pg_temp.refused('$link', 1)");
		my $next = newest_worker();
		isnt($next, $worker, 'another worker') if $_ == 1;
		$worker = $next;
	}
	is(held($pid)->{segments}, $before[0]{segments}, 'ten workers later: no shared memory more');
	cmp_ok(top_memory($session) - $kb, '<', 1024, 'nor memory that lives as long as the session');
};

subtest 'no worker slot is free' => sub {
	my $tight = new_node('tight', $url, { max_worker_processes => 1, max_logical_replication_workers => 0 });
	set_up_plaid($tight, $url);
	my $connection = link_bank($tight, 'resident');
	my ($link, $link_token) = open_link('waiter', $tight);
	my $token = public_token($link_token);
	my $holder = OpenBanking::Session->new($tight);
	$holder->query(complete_sql($link, 'public-sandbox-never-made'));
	is(scalar workers($tight), 1, 'another session has the only worker');

	my $total = control($url, 'requests')->{total};
	foreach my $statement (complete_sql($link, $token), "SELECT ob.disconnect($connection)",
		"SELECT ob.sandbox_link('plaid', 'next')")
	{
		my ($state, $err);
		my $ms = elapsed_ms(sub {
			($state, $err) = sqlstate_of($tight, "SET openbanking.claim_timeout = '400ms'; $statement");
		});
		is($state, '53400', 'refused: ' . substr($statement, 0, 25));
		like($err, qr/HINT:.*max_worker_processes/, 'the hint names the setting');
		cmp_ok($ms, '>=', 400, 'it waited');
		cmp_ok($ms, '<', 2000, 'not for long');
	}
	is(control($url, 'requests')->{total}, $total, 'no call was made');
	is($tight->safe_psql('postgres', "SELECT state FROM ob.links WHERE link_id = '$link'"), 'open',
		'the link is as before');

	my $session = OpenBanking::Session->new($tight);
	$session->begin(complete_sql($link, $token));
	sleep 0.3;
	ok(!$session->ended, 'with more patience it waits');
	$holder->quit;
	like($session->finish->{out}, qr/\|active\|/, 'until the other session has gone');
	$tight->stop;
};

subtest 'an owner who cannot log in' => sub {
	sql('CREATE ROLE keeper SUPERUSER NOLOGIN');
	sql('CREATE DATABASE kept');
	$node->safe_psql('kept', 'CREATE EXTENSION IF NOT EXISTS plpgsql; SET ROLE keeper; CREATE EXTENSION openbanking');
	set_up_plaid($node, $url, 'kept');
	is($node->safe_psql('kept', "SELECT status FROM ob.sandbox_link('plaid', 'guest')"), 'active', 'the worker works');
	is($node->safe_psql('kept', 'SELECT DISTINCT login_role FROM ob.audit_log'), getpwuid($<) // 'postgres',
		'the audit log names who logged in');
};

done_testing();
