# Keys from a command: what it prints is used and never shown, how it can fail, and that nobody waits for it in vain.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Keys;
use OpenBanking::Links;
use OpenBanking::Process;
use OpenBanking::Session;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;
use Time::HiRes qw(sleep time);

my $url = start_sandbox();
my $node = new_node('main', $url, { log_min_messages => 'debug5', log_statement => 'all' });
set_up_plaid($node, $url);
links_at($node, $url);
my $dir = $node->basedir;

my $key = new_key();
my $ring = write_private("$dir/ring", "current:$key");
my $canary = "c:$key" . '#canary';
my $good = make_script("$dir/good.sh", "cat $ring");
$node->safe_psql('postgres', "ALTER SYSTEM SET openbanking.key_file = ''");
$node->safe_psql('postgres', "LOAD 'openbanking'; ALTER SYSTEM SET openbanking.key_command = '$good'");
$node->reload;

my $seal = q{SELECT left(ob.seal('plaid', 'client_secret', 'secret'), 12)};

# A script of these lines as the key command: SQLSTATE and text of what sealing says then.
sub with_script
{
	my ($name, @lines) = @_;
	my $command = make_script("$dir/$name.sh", @lines);
	return sqlstate_of($node, "SET openbanking.key_command = '$command'; $seal");
}

subtest 'a good command' => sub {
	my $connection = link_bank($node, 'by command');
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'tokens are sealed and opened with its key');
	is(sql('SELECT key_id, tokens FROM ob.keys()'), 'current|1', 'that key');
	foreach my $ends ("cat $ring; sleep 60 &", "sleep 60 & cat $ring")
	{
		my ($state, $err) = with_script('leaves', $ends);
		is("$state$err", 'none', 'what it leaves running is not waited for');
	}
};

subtest 'what it inherits' => sub {
	my ($state) = with_script('looks', "ls /proc/self/fd > $dir/fds", "(exec grep -E '^Sig(Blk|Ign)' /proc/self/status > $dir/signals)",
		"readlink /proc/\$\$/fd/0 > $dir/input", "cat $ring");
	is($state, 'none', 'it has run');
	is(join(' ', split /\n/, slurp_file("$dir/fds")), '0 1 2 3', 'none of our descriptors; the last is that of ls itself');
	is(slurp_file("$dir/input"), "/dev/null\n", 'no input');
	# The C library starts every process with its own two signals, 32 and 33, ignored.
	like(slurp_file("$dir/signals"), qr/^SigBlk:\s+0+\nSigIgn:\s+0+(180000000)?\n$/, 'no signal is blocked or ignored');
};

subtest 'both a file and a command' => sub {
	my ($state, $err) = sqlstate_of($node, "SET openbanking.key_file = '$ring'; $seal");
	is($state, '55000', 'refused');
	like($err, qr/openbanking\.key_file and openbanking\.key_command/, 'naming both');
};

subtest 'bad commands' => sub {
	my @cases = (
		[ 'fails', qr/the key command failed/, qr/exit status 3, 0 bytes of output, \d\d bytes of error output/, "echo '$canary' >&2; exit 3" ],
		[ 'fails late', qr/the key command failed/, qr/exit status 1, \d\d bytes of output/, "cat $ring; exit 1" ],
		[ 'killed', qr/the key command failed/, qr/ended by signal 9/, "echo '$canary'; kill -9 \$\$" ],
		[ 'missing', qr/the key command failed/, qr/exit status 127/, 'no-such-program' ],
		[ 'silent', qr/the output of the key command holds no key/, qr/^/, 'true' ],
		[ 'garbage', qr/the output of the key command is not valid/, qr/line 1: the key is not base64/, "echo '$canary'" ],
		[ 'binary', qr/the output of the key command is not valid/, qr/line 1: /, 'head -c 1000 /bin/sh' ],
		[ 'second line', qr/the output of the key command is not valid/, qr/line 2: /, "cat $ring; echo 'd:$key$key'" ],
		[ 'too long', qr/the key command printed too much/, qr/limit: 64 kB/, "while echo '$canary'; do :; done" ],
		[ 'without end', qr/the key command did not end in time and was killed/, qr/limit: 10 seconds/,
			"trap '' TERM INT HUP; while echo '$canary' >&2; do :; done" ]);
	foreach my $case (@cases)
	{
		my ($name, $message, $detail, $line) = @$case;
		my ($state, $err) = with_script($name =~ tr/ /_/r, $line);
		is($state, '55000', "$name: refused");
		like($err, $message, 'it says what happened');
		like($err, $detail, 'and how');
		like($err, qr/HINT:/, 'and what to do');
		unlike($err, qr/\Q$key\E|canary/, 'and nothing of what was printed');
	}
};

subtest 'how often it runs' => sub {
	my $count = "$dir/count";
	my $runs = sub { return -e $count ? -s $count : 0 };
	my $counting = make_script("$dir/counting.sh", "printf x >> $count", "cat $ring");
	my $session = OpenBanking::Session->new($node);
	$session->value("SET openbanking.key_command = '$counting'");
	$session->value($seal) for 1 .. 5;
	is($runs->(), 1, 'once for several statements');
	my $connection = link_bank($node, 'counting');
	$session->value("SELECT ob.sync($connection)");
	is($runs->(), 1, 'opening needs no other');
	$session->value("SET openbanking.key_command = '$counting '");
	$session->value($seal) for 1 .. 2;
	is($runs->(), 2, 'again after the setting has changed');

	my $loaded = $session->value('SELECT pg_conf_load_time()');
	$node->reload;
	wait_until('the reload', sub { $session->value('SELECT pg_conf_load_time()') ne $loaded });
	$session->value($seal) for 1 .. 2;
	is($runs->(), 3, 'again after a reload');

	# Another session seals with a key that is new; this one looks for it.
	write_private($ring, 'newer:' . new_key(), "current:$key");
	my $newer = link_bank($node, 'newer key');
	is(sql("SELECT count(*) FROM ob.tokens WHERE subject = 'connection:$newer' AND substr(sealed, 3, 5) = 'newer'"), '1',
		'a key that came first since');
	sleep 1.1;
	is($session->value("SELECT status FROM ob.sync($newer)"), 'complete', 'a key that is not known yet is looked for');
	is($runs->(), 4, 'by running it again');
};

# ---- waiting for it ----

my $observer = OpenBanking::Session->new($node);
my $allowed_ms = 1000; # promised are 100 ms; on a busy machine the test itself is late
my $pids = "$dir/pids";
my $hanging = make_script("$dir/hanging.sh", "trap '' TERM INT HUP", "sleep 1000 &", "echo \$\$ \$! > $pids.new", "mv $pids.new $pids",
	"echo '$canary' >&2", 'wait');
my $connection = link_bank($node, 'waiting');

my %ways = (
	cancel => [ '57014', sub { $observer->value('SELECT pg_cancel_backend(' . $_[0]->pid . ')') } ],
	terminate => [ '57P01', sub { $observer->value('SELECT pg_terminate_backend(' . $_[0]->pid . ')') } ],
	timeout => [ '57014', sub { } ]);
my %statements = (
	seal => $seal,
	sync => "SELECT ob.sync($connection)",
	sync_due => 'CALL ob.sync_due()',
	scan => 'SELECT count(*) FROM live.ob_accounts',
	keys => 'SELECT * FROM ob.keys()',
	rotate_key => 'CALL ob.rotate_key()');

foreach my $way (sort keys %ways)
{
	foreach my $name (sort keys %statements)
	{
		my ($state, $act) = @{ $ways{$way} };
		my $session = OpenBanking::Session->new($node);
		$session->value("SELECT count(*) FROM live.ob_accounts WHERE connection_id = $connection"); # what it keeps open
		my $open = descriptors($session->pid);
		sql('UPDATE ob.sync_state SET next_sync_at = now()');
		unlink $pids;
		$session->value("SET openbanking.key_command = '$hanging'");
		$session->value("SET statement_timeout = '" . ($way eq 'timeout' ? '1500ms' : '0') . "'");
		$session->begin($statements{$name});
		wait_until('the command', sub { -e $pids });
		my @running = split ' ', slurp_file($pids);
		is(scalar(grep { kill 0, $_ } @running), 2, "$name, $way: the command runs");
		my $asked = time;
		$act->($session);
		my $result = $session->finish(30);
		is($result->{state}, $state, "$name, $way: it ends as asked");
		my $late = $way eq 'timeout' ? $result->{ms} - 1500 : ($result->{ended} - $asked) * 1000;
		cmp_ok($late, '<', $allowed_ms, "$name, $way: at once");
		# The shell is waited for; what it had started goes with its group, and init takes it away.
		wait_until('the end of all of it', sub { !grep { -e "/proc/$_" && slurp_file("/proc/$_/stat") !~ /\) Z / } @running }, 5);
		pass("$name, $way: nothing of it is left");
		diag(sprintf '%-10s %-10s %d ms', $way, $name, $late);
		next if $way eq 'terminate';
		$session->value('SET statement_timeout = 0');
		is(descriptors($session->pid), $open, "$name, $way: no descriptor is left");
		$session->value("SET openbanking.key_command = '$good'");
		is($session->value($seal), 'obsealed:v1:', "$name, $way: the session goes on");
	}
}

subtest 'the outcome worker' => sub {
	# It runs the command itself, under its caller's settings.
	my $session = OpenBanking::Session->new($node);
	my $second = "$dir/second";
	my $twice = make_script("$dir/twice.sh", "if [ -e $second ]; then touch $second.again; sleep 1000; fi", "touch $second",
		"cat $ring");
	$session->value("SET openbanking.key_command = '$twice'");
	$session->begin(q{SELECT ob.sandbox_link('plaid', 'worker waits')});
	wait_until('the worker', sub { -e "$second.again" });
	is(scalar workers(), 1, 'there is one');
	my $asked = time;
	$observer->value('SELECT pg_cancel_backend(' . $session->pid . ')');
	my $result = $session->finish(30);
	is($result->{state}, '57014', 'its caller can be cancelled');
	cmp_ok(($result->{ended} - $asked) * 1000, '<', $allowed_ms, 'at once');
	$node->stop('fast');
	$node->start;
	pass('a shutdown ends it');
};

my $log = slurp_file($node->logfile);
like($log, qr/DEBUG/, 'the log tells everything');
unlike($log, qr/\Q$key\E|canary/, 'but no key');
unlike($log, qr/was terminated by signal|PANIC|TRAP:/, 'and of no crash');

done_testing();
