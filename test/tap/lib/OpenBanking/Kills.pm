# Processes and servers that are killed, and the proof that they were.
package OpenBanking::Kills;

use strict;
use warnings;

use Exporter 'import';
use OpenBanking;
use OpenBanking::Links qw(wait_for_restart);
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

our @EXPORT = qw(kills_at watch_log log_has strike struck crashed);

my ($node, $log_from);

sub kills_at { ($node) = @_; return watch_log(); }

# What the log says counts from now on.
sub watch_log { return $log_from = -s $node->logfile; }

sub log_has { return slurp_file($node->logfile, $log_from) =~ $_[0]; }

# A dead child of a dead postmaster may wait for a while until init buries it.
sub is_gone
{
	open(my $file, '<', "/proc/$_[0]/stat") or return 1;
	return (<$file> // '') !~ /\) [^ZX] /;
}

# Kills a process or the server: TERM, KILL, 'immediate stop', 'dead postmaster'.
sub strike
{
	my ($how, $victim) = @_;
	kill $how, $victim if $how eq 'TERM' || $how eq 'KILL';
	$node->stop('immediate') if $how eq 'immediate stop';
	return if $how ne 'dead postmaster';
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	$node->kill9;
	wait_until('its burial', sub { !kill 0, $postmaster });
	return;
}

# That it happened, by the processes and by the server's log; afterwards the server is there again.
sub struck
{
	my ($how, $victim) = @_;
	wait_until("the end of $victim", sub { is_gone($victim) });
	ok(is_gone($victim), 'the process is gone');
	if ($how eq 'immediate stop' || $how eq 'dead postmaster')
	{
		wait_until('a start', sub { $node->start(fail_ok => 1) });
		ok(log_has(qr/database system was (interrupted|not properly shut down)/), 'the server recovered from a crash');
	}
	elsif ($how ne 'TERM')
	{
		wait_until('the log', sub { log_has(qr/\(PID $victim\) was terminated by signal 9/) });
		ok(1, 'the log knows who was killed');
		wait_for_restart();
	}
	return;
}

# The process whose end was the crash.
sub crashed
{
	my $pid;
	wait_until('the crash', sub { ($pid) = slurp_file($node->logfile, $log_from) =~ /\(PID (\d+)\) was terminated by signal 9/ });
	return $pid;
}

1;
