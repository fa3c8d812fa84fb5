# A sync beside another one, a disconnect, a change of key, a purge, at every isolation level; and 64 who ask at once for
# the same: one fetch, one answer, no deadlock.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Keys;
use OpenBanking::Links;
use OpenBanking::Session;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(sleep time);

my $sync = '/transactions/sync';
my @levels = ('read committed', 'repeatable read', 'serializable');

my $url = start_sandbox();
my $node = new_node('main', $url, { log_line_prefix => '%m [%p] %e ', log_statement => 'none', deadlock_timeout => '100ms' });
set_up_plaid($node, $url);
links_at($node, $url);
my $keys = $node->basedir . '/keys';
chomp(my @ring = slurp_file($keys));

sub latency { return control($url, 'latency', { path => "/plaid$sync", ms => $_[0] }); }

# How often a bank was asked for something.
sub asked { return control($url, 'requests')->{by_item}{ item_of($_[0]) }{"/plaid$_[1]"} // 0; }
sub fetches { return asked($_[0], $sync); }

sub statement
{
	my ($pattern, $connection) = @_;
	$pattern =~ s/%d/$connection/g;
	return $pattern;
}

# A synced bank with news: six rows, seven more, and one that cannot be stored.
sub new_bank
{
	my ($user) = @_;
	my $item = control($url, 'plaid/items/create', { username => 'user_empty' })->{items}[0];
	control($url, 'plaid/accounts/add', { item_id => $item->{item_id}, account => { account_id => "account $user" } });
	my $add = sub { control($url, 'plaid/transactions/add', { item_id => $item->{item_id}, announce => JSON::PP::false, transactions => [@_] }) };
	$add->(map { { amount => $_ } } 1 .. 6);
	my $connection = sql(qq{SELECT connection_id FROM ob.adopt_connection('plaid', '$user', '{"access_token": "$item->{access_token}"}')});
	sql("SELECT ob.sync($connection)");
	$add->((map { { amount => $_ } } 7 .. 13), { date => 'no day' });
	return $connection;
}

subtest '64 callers' => sub {
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 64;
	foreach my $level (@levels)
	{
		my $connection = new_bank("many, $level");
		my $before = fetches($connection);
		latency(1500);
		$_->value("SET default_transaction_isolation = '$level'") foreach @sessions;
		$_->begin("SELECT s FROM ob.sync($connection) s") foreach @sessions;
		my %told;
		$told{"$_->{state} $_->{out}"}++ foreach map { $_->finish } @sessions;
		latency(undef);
		is(fetches($connection) - $before, 1, "$level: the bank is asked once");
		is(scalar keys %told, 1, "$level: all are told the same") or diag(explain(\%told));
		like((keys %told)[0], qr/^none \(complete,7,0,0,0,1,/, "$level: what was found");
		is(our_rows($connection), join("\n", grep { !/no day/ } split /\n/, bank_rows($connection)), "$level: it is there");
		is(sql("SELECT finished_syncs FROM ob.sync_state WHERE connection_id = $connection"), '2', "$level: by one sync");
	}
	foreach my $call ('SELECT ob.sync(%d)', 'CALL ob.sync_now(%d)')
	{
		my $connection = new_bank("many, $call");
		control($url, 'plaid/items/set', { item_id => item_of($connection), error => 'INSTITUTION_DOWN' });
		my $before = asked($connection, '/accounts/get');
		control($url, 'latency', { ms => 1500 });
		$_->value('RESET default_transaction_isolation') foreach @sessions;
		$_->begin(statement($call, $connection)) foreach @sessions;
		my %states;
		$states{ $_->{state} }++ foreach map { $_->finish } @sessions;
		control($url, 'latency', { ms => 0 });
		is(asked($connection, '/accounts/get') - $before, 1, "$call: a bank that is down is asked once");
		is_deeply(\%states, { OB008 => 64 }, 'all are told') or diag(explain(\%states));
		is($sessions[0]->query(statement($call, $connection))->{state}, 'OB008', 'who comes later');
		is(asked($connection, '/accounts/get') - $before, 2, 'asks anew');
		control($url, 'plaid/items/set', { item_id => item_of($connection), error => undef });
		is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'and then has his answer');
	}
};

# Results of many connections share a commit. Whoever writes many rows of theirs in an order of his own comes first.
subtest 'many connections in one transaction' => sub {
	my @banks = map { new_bank("one of $_") } 1 .. 8;
	my ($operator, $due) = map { OpenBanking::Session->new($node) } 1 .. 2;
	my $make_due = sub { sql('UPDATE ob.sync_state SET next_sync_at = now()') };
	$make_due->();
	$due->value('CALL ob.sync_due()');
	$make_due->();
	$operator->value("SET deadlock_timeout = '300ms'");
	$due->value("SET deadlock_timeout = '10s'");
	$operator->value('BEGIN');
	$operator->value("UPDATE ob.connections SET annotations = '{}' WHERE id = $banks[-1]");
	$due->begin('CALL ob.sync_due()');
	my $pid = $due->pid;
	wait_until('the run', sub { $operator->value("SELECT count(*) FROM pg_locks WHERE pid = $pid AND NOT granted") });
	is($operator->query("SELECT count(ob.pause(id)) FROM ob.connections WHERE id < $banks[-1]")->{state}, 'none', 'the operator goes on');
	is($operator->query('COMMIT')->{state}, 'none', 'to his end');
	is($due->finish->{state}, 'none', 'and so does the run');
	sql('SELECT count(ob.resume(id)) FROM ob.connections');
};

# What runs beside a sync, and with which errors it may end: what it waits for may have changed what it has seen.
my %others = (
	'sync' => 'SELECT ob.sync(%d)',
	'full sync' => 'SELECT ob.sync(%d, full => true)',
	'sync_now' => 'CALL ob.sync_now(%d)',
	'sync_due' => 'UPDATE ob.sync_state SET next_sync_at = now() WHERE connection_id = %d; CALL ob.sync_due()',
	'disconnect' => 'SELECT ob.disconnect(%d)',
	'rotate_access_token' => 'SELECT ob.rotate_access_token(%d)',
	'rotate_key' => 'CALL ob.rotate_key()',
	'purge' => 'CALL ob.purge()',
	'pause' => 'SELECT ob.pause(%d); SELECT ob.resume(%d)',
	'erase_user' => "SELECT ob.erase_user((SELECT user_ref FROM ob.connections WHERE id = %d))",
);
my @syncs = ('SELECT ob.sync(%d)', 'BEGIN; SELECT ob.sync(%d); COMMIT', 'BEGIN; SELECT ob.sync(%d); ROLLBACK', 'CALL ob.sync_now(%d)');

my ($first, $second) = map { OpenBanking::Session->new($node) } 1 .. 2;
sql(q{UPDATE ob.installation SET retention = '{"quarantine": "0", "removed_transactions": "0", "audit_log": "1 year"}'});
my $number = 1;
my $turn = 0;
foreach my $level (@levels)
{
	subtest $level => sub {
		$_->value("SET default_transaction_isolation = '$level'") foreach $first, $second;
		control($url, 'config', { largest_page => 3 });
		foreach my $name (sort keys %others)
		{
			my $pattern = $syncs[ $turn++ % @syncs ];
			my $connection = new_bank("$name $level " . ++$number);
			if ($name eq 'rotate_key')
			{
				unshift @ring, "$number:" . new_key();
				write_private($keys, @ring);
			}
			my $before = fetches($connection);
			latency(60);
			$first->begin(statement($pattern, $connection));
			wait_until('the sync', sub { fetches($connection) > $before });
			$second->begin(statement($others{$name}, $connection));
			my @ends = map { $_->finish } $first, $second;
			latency(undef);
			my $what = "$pattern and $name: $ends[0]{state}, $ends[1]{state}";
			# 40001 is PostgreSQL's own word for "try again". ob.erase_user needs READ COMMITTED, and
			# the bank no longer knows those who read on.
			my @allowed = ('none', $level eq 'read committed' ? () : '40001', $name eq 'erase_user' ? '55000' : (),
				$name =~ /disconnect|erase/ ? 'OB006' : ());
			my $as_it_should = !grep { my $state = $_->{state}; !grep { $state eq $_ } @allowed } @ends;
			ok($as_it_should, $what) or diag("$ends[0]{err}\n$ends[1]{err}");
			$_->value('ROLLBACK') foreach $first, $second;
			next if $name eq 'erase_user';
			if ($name eq 'disconnect')
			{
				# Even where its caller was told to try again: it cannot be undone at the bank.
				# The worker writes it once its caller's transaction has ended.
				my $is_so = eval { wait_until('the end', sub { state_of($connection) eq 'disconnected' }) };
				ok($is_so && !tokens_of($connection), "$what: disconnected");
				next;
			}
			is($second->query("CALL ob.sync_now($connection)")->{state}, 'none', "$what: it goes on");
			is(our_rows($connection), join("\n", grep { !/no day/ } split /\n/, bank_rows($connection)), "$what: the tables equal the bank");
		}
		control($url, 'config', { largest_page => 0 });
	};
}

unlike(slurp_file($node->logfile), qr/ 40P01 | XX000 |PANIC|TRAP|terminated by signal/, 'no deadlock, and nothing worse');

done_testing();
