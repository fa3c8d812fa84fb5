# ob.schedule with the real pg_cron: what it advises where that is missing, and a change that arrives by itself.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

# How many jobs there are: one for each of these that this version has.
sub jobs
{
	return sql(q{SELECT count(*) FROM pg_proc WHERE pronamespace = 'ob'::regnamespace
		AND proname IN ('sync_due', 'refresh_tokens', 'check_consents', 'sweep_webhooks', 'purge')});
}

sub advice
{
	my ($sql, $database) = @_;
	my $err = '';
	$node->psql($database // 'postgres', "\\set VERBOSITY verbose\n$sql", stderr => \$err);
	return $err;
}

subtest 'advice' => sub {
	like(advice('SELECT ob.schedule()'), qr/55000: pg_cron is not loaded\nHINT: .*postgresql-15-cron.*shared_preload_libraries/s, 'not loaded');
	is(sql('SELECT count(*) FROM ob.schedules'), '0', 'the view shows nothing');
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.use_background_workers = on\ncron.database_name = 'postgres'\n");
	$node->restart;
	like(advice('SELECT ob.schedule()'), qr/55000: pg_cron is not installed in this database\nHINT: .*CREATE EXTENSION pg_cron/, 'not installed');
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->safe_psql('other', 'CREATE EXTENSION openbanking');
	my $elsewhere = advice("SELECT ob.schedule(purge => '0')", 'other');
	like($elsewhere, qr/pg_cron keeps its jobs in database "postgres"/, 'in another database');
	like(advice('SELECT ob.unschedule()', 'other'), qr/"postgres"\nHINT: .*its table cron.job/, 'also for ending them');
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
	my @statements = $elsewhere =~ /^(SELECT cron\..*;)$/mg;
	is(scalar @statements, jobs() - 1, 'what to run there, a statement a job');
	$node->safe_psql('postgres', $_) foreach @statements;
	is(sql("SELECT string_agg(database || ': ' || command, ', ' ORDER BY jobid) FROM cron.job WHERE jobname ~ ' (sync|check_consents) in other'"),
		'other: CALL ob.sync_due(), other: CALL ob.check_consents()', 'which works');
	sql('SELECT cron.unschedule(jobid) FROM cron.job');
};

subtest 'jobs' => sub {
	my $all = jobs();
	my $some = $all - 1;
	is(sql('SELECT count(*), count(DISTINCT job) FROM ob.schedule()'), "$all|$all", 'all by default');
	my $ids = sql('SELECT array_agg(jobid ORDER BY jobid) FROM cron.job');
	sql("SELECT ob.schedule('1 minute', NULL, NULL, NULL, '7 days')");
	is(sql('SELECT array_agg(jobid ORDER BY jobid) FROM cron.job'), $ids, 'said again they are changed');
	is(sql("SELECT schedule FROM ob.schedules WHERE job = 'sync'"), '* * * * *', 'to the new interval');
	like(sql("SELECT schedule FROM ob.schedules WHERE job = 'purge'"), qr/^\d+ \d+ \* \* \d$/, 'once a week');
	sql("SELECT ob.schedule('4 hours', purge => '0')");
	is(sql(q{SELECT count(*), count(*) FILTER (WHERE job = 'purge') FROM ob.schedules}), "$some|0", '0: never');
	sql('ALTER PROCEDURE ob.check_consents RENAME TO of_another_version');
	is(sql(q{SELECT string_agg(job, ' ') FROM ob.schedule() WHERE job IN ('sync', 'check_consents')}), 'sync', 'what a version has no procedure for is no job of it');
	like(advice("SELECT ob.schedule(check_consents => '1 day')"), qr/0A000: this version has no ob.check_consents\(\)/, 'nor can it be asked for');
	sql('ALTER PROCEDURE ob.of_another_version RENAME TO check_consents');
	sql("SELECT ob.schedule('4 hours', purge => '0')");
	like(sql("SELECT schedule FROM ob.schedules WHERE job = 'sync'"), qr{^\d+ [0-3]-23/4 \* \* \*$}, 'every four hours');
	like(advice("SELECT ob.schedule('7 minutes')"), qr/22023: pg_cron cannot run something every 00:07:00\nHINT: +Take 1, 2, 3/, 'what cannot be');
	$node->safe_psql('postgres', "CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA cron TO clerk; SELECT ob.grant_operate('clerk')");
	like(advice('SET ROLE clerk; SELECT ob.schedule()'), qr/42501: role "clerk" may not CALL ob.purge\(\)/, 'not what the caller may not do');
	sql("SET ROLE clerk; SELECT ob.schedule(purge => '0'); SELECT count(*) FROM ob.schedules");
	is(sql('SELECT count(*) FROM ob.schedules'), 2 * $some, 'each role has jobs of its own');
	is(sql('SET ROLE clerk; SELECT ob.unschedule()'), $some, 'and ends its own');
	is(sql('SELECT ob.unschedule()') . '|' . sql('SELECT count(*) FROM cron.job'), "$some|0", 'as does everybody');
};

subtest 'a change arrives by itself' => sub {
	my $connection = link_bank($node, 'anna');
	sql("SELECT ob.sync($connection)");
	my $before = our_rows($connection);
	control($url, 'plaid/transactions/add', { item_id => item_of($connection), transactions => [ {} ], announce => JSON::PP::false });
	isnt(bank_rows($connection), $before, 'there is one');
	sql("UPDATE ob.connections SET sync_interval = '1 second' WHERE id = $connection");
	sql('UPDATE ob.sync_state SET next_sync_at = now()');
	sql("SELECT ob.schedule('1 minute', refresh => '0', check_consents => '0', sweep_webhooks => '0', purge => '0')");
	wait_until('the change', sub { our_rows($connection) eq bank_rows($connection) }, 150);
	wait_until('the end of the job', sub { sql('SELECT last_status FROM ob.schedules') eq 'succeeded' });
	is(our_rows($connection), bank_rows($connection), 'without anybody asking');
	is(sql('SELECT ob.unschedule()'), '1', 'and no more');
};

$node->stop;
done_testing();
