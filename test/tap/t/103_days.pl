# Days of the schedules without anybody looking: CALL ob.sync_due every five minutes, ob.check_consents and ob.purge once a
# day, over banks that live on, fail, and lose their users' consent. At the end of each day the tables equal the banks or
# say that they do not; memory of the one backend that does it all stays as it is, and no table grows for nothing.
# OB_DAYS=7 says how many days; time passes by moving back what is stored of it.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Lives;
use OpenBanking::Oracle;
use OpenBanking::Session;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(time);

my $days = $ENV{OB_DAYS} // 1;
my $seed = $ENV{OB_DAYS_SEED} // 1;
my $minutes = 5; # between two runs of ob.sync_due
my $busy = 16 * 60; # minutes of a day in which banks change; the rest is as long as the longest wait for a next attempt

my $url = start_sandbox();
my $node = new_node('main', $url, { fsync => 'off', log_statement => 'none', log_line_prefix => '%m [%p] %e ' });
set_up_plaid($node, $url);
set_up_oracle($node, $url);
my $lives = OpenBanking::Lives->new(node => $node, url => $url, seeds => [ $seed * 100 + 1 .. $seed * 100 + 20 ]);
my @banks = $lives->banks;
my $chance = $banks[0];
$_->proceed('historical') foreach @banks;
$lives->sql(q{
	UPDATE ob.connections SET sync_interval = '1 hour' WHERE id % 2 = 0;
	UPDATE ob.installation SET retention = '{"audit_log": "2 days", "removed_transactions": "2 days"}';
});
my $session = OpenBanking::Session->new($node);
my %ending = map { $banks[$_]{connection} => 2 + $_ } 0, 1; # consents, by the day at whose beginning they are over

sub call
{
	my ($sql) = @_;
	my $result = $session->query($sql, 300);
	is($result->{state}, 'none', $sql) or diag($result->{err}) if $result->{state} ne 'none';
	return;
}

# What is stored of time and decides what is due.
sub pass_minutes
{
	my $past = "interval '$minutes minutes'";
	$lives->sql("UPDATE ob.sync_state SET next_sync_at = next_sync_at - $past WHERE next_sync_at IS NOT NULL;
		UPDATE ob.breakers SET open_until = open_until - $past");
	return;
}

# What is stored of time and decides what is old.
sub pass_day
{
	$lives->sql(q{
		ALTER TABLE ob.audit_log DISABLE TRIGGER keep_rows;
		UPDATE ob.audit_log SET at = at - interval '1 day';
		ALTER TABLE ob.audit_log ENABLE ALWAYS TRIGGER keep_rows;
		UPDATE ob.transactions_all SET removed_at = removed_at - interval '1 day' WHERE removed_at IS NOT NULL;
		UPDATE ob.quarantine SET last_seen_at = last_seen_at - interval '1 day';
		UPDATE ob.connections SET created_at = created_at - interval '1 day', failing_since = failing_since - interval '1 day';
	});
	return;
}

sub happen
{
	my ($minute) = @_;
	foreach my $bank (@banks)
	{
		next if !$bank->one_in(8);
		$bank->step for 1 .. 1 + $bank->below(3);
		$bank->step_during(1 + $bank->below(3)) if $bank->one_in(6);
		$bank->spoil if $bank->one_in(60);
		$bank->disturb if $bank->one_in(60);
	}
	return;
}

sub rss_kb { my ($kb) = slurp_file('/proc/' . $session->pid . '/status') =~ /^RssAnon:\s+(\d+) kB/m; return $kb; }
sub contexts_kb { return $session->value('SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts'); }

sub table_rows
{
	return { map { split /\|/ } split /\n/, $lives->sql(q{
		SELECT relname, (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM ob.%I', relname), false, true, '')))[1]
		FROM pg_class WHERE relnamespace = 'ob'::regnamespace AND relkind = 'r' ORDER BY relname}) };
}

my (@memory, @contexts, @tables);
foreach my $day (1 .. $days)
{
	foreach my $bank (grep { ($ending{ $_->{connection} } // 0) == $day } @banks)
	{
		$bank->carry_out('items/set', { consent_expiration_time => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time - 60)),
			error => 'ITEM_LOGIN_REQUIRED', announce => JSON::PP::false });
	}
	control($url, 'config', { largest_page => $day % 2 ? 3 : 0 });
	for (my $minute = 0; $minute < 24 * 60; $minute += $minutes)
	{
		happen() if $minute < $busy;
		control($url, 'plaid/institutions/set', { institution_id => 'ins_109508', error => 'INSTITUTION_DOWN', cached_too => JSON::PP::true })
		  if $day % 3 == 2 && $minute == 4 * 60;
		control($url, 'plaid/institutions/set', { institution_id => 'ins_109508', error => undef }) if $minute == 9 * 60;
		control($url, 'faults', { clear => JSON::PP::true }) if $minute == $busy;
		pass_minutes();
		call('CALL ob.sync_due()');
	}
	call('CALL ob.check_consents()');
	call('CALL ob.purge()');
	pass_day();

	read_ledger();
	my $found = differences();
	$lives->sql('TRUNCATE oracle.seen'); # what is old goes
	my %state = map { split /\|/ } split /\n/, $lives->sql('SELECT id, state FROM ob.connections');
	foreach my $bank (@banks)
	{
		my $id = $bank->{connection};
		if (exists $ending{$id} && $ending{$id} <= $day)
		{
			is($state{$id}, 'reauth_required', "day $day, seed $bank->{seed}: says that it needs its user");
		}
		else
		{
			is($found->{$id} // '', '', "day $day, seed $bank->{seed}: equals the bank");
		}
	}
	push @memory, rss_kb();
	push @contexts, contexts_kb();
	push @tables, table_rows();
	note("day $day: backend $memory[-1] kB, contexts $contexts[-1] kB, rows " . join ', ', map { "$_ $tables[-1]{$_}" } sort keys %{ $tables[-1] });
}

# The first days warm up: catalogs, plans, and how long rows are kept.
if ($days >= 6)
{
	cmp_ok($memory[-1] - $memory[2], '<', 1024, "memory of the backend is flat: $memory[2] kB, $memory[-1] kB");
	cmp_ok($contexts[-1] - $contexts[2], '<', 256, "so are its contexts: $contexts[2] kB, $contexts[-1] kB");
	foreach my $table (sort keys %{ $tables[-1] })
	{
		next if $table =~ /^(transactions_all|accounts_all|quarantine)$/; # equal the banks, which have more each day
		cmp_ok($tables[-1]{$table}, '<=', 1.5 * $tables[2]{$table} + 20, "$table has not grown: $tables[2]{$table}, $tables[-1]{$table}");
	}
}
is($lives->sql(q{SELECT count(*) FROM ob.transactions_all WHERE removed_at < now() - interval '2 days 1 hour'}), '0', 'removed rows go in time');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal| XX000 /, 'the log knows of nothing worse');

done_testing();
