# Looks at a process from outside, through /proc: what it has open and how much memory it took.
package OpenBanking::Process;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(descriptors sockets waits_in_lookup memory_peak_mb forget_memory_peak);

my %states = ('01' => 'established', '02' => 'connecting', '08' => 'closed_by_host', '0A' => 'listening');

# How many sockets, pipes, epolls and timers it has open; files of tables come and go.
sub descriptors
{
	my ($pid) = @_;
	my @targets = map { readlink($_) // '' } glob("/proc/$pid/fd/*");
	die "cannot look into process $pid" unless @targets;
	return scalar grep { /^(socket|pipe|anon_inode):/ } @targets;
}

# Its TCP connections (IPv4): {state, local, remote}, the latter two ports; only those to $port, if given.
sub sockets
{
	my ($pid, $port) = @_;
	my %mine = map { my ($inode) = (readlink($_) // '') =~ /^socket:\[(\d+)\]/; $inode ? ($inode => 1) : () }
	  glob("/proc/$pid/fd/*");
	open(my $file, '<', '/proc/net/tcp') or die $!;
	my @found;
	while (my $line = <$file>)
	{
		my (undef, $local, $remote, $state, undef, undef, undef, undef, undef, $inode) = split ' ', $line;
		next unless $inode && $mine{$inode};
		my ($local_port, $remote_port) = map { hex((split /:/)[1]) } $local, $remote;
		push @found, { state => $states{$state} // $state, local => $local_port, remote => $remote_port }
		  if !$port || $remote_port == $port;
	}
	return @found;
}

# Does a thread of it stall in a look-up (test/tap/tools/slow_resolver.c)?
sub waits_in_lookup
{
	my ($pid) = @_;
	foreach my $name (glob("/proc/$pid/task/*/comm"))
	{
		open(my $file, '<', $name) or next;
		return 1 if (<$file> // '') =~ /^stalled-lookup/;
	}
	return 0;
}

# The most memory it has held, in MB.
sub memory_peak_mb
{
	my ($pid) = @_;
	open(my $file, '<', "/proc/$pid/status") or die $!;
	my ($kb) = join('', <$file>) =~ /^VmHWM:\s+(\d+) kB/m;
	return $kb / 1024;
}

# Measures memory_peak_mb from here on.
sub forget_memory_peak
{
	my ($pid) = @_;
	open(my $file, '>', "/proc/$pid/clear_refs") or die $!;
	print $file "5\n";
	close $file or die $!;
	return;
}

1;
