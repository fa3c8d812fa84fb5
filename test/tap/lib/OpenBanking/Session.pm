# One psql that stays connected: statements can be begun, watched from elsewhere, and waited for.
package OpenBanking::Session;

use strict;
use warnings;

use IPC::Run ();
use Scalar::Util qw(weaken);
use Time::HiRes qw(time);

my %open; # sessions that are there still

sub new
{
	my ($class, $node, $database) = @_;
	my $self = bless { in => '', out => '', err => '', number => 0, node => $node }, $class;
	my @command = ($node->installed_command('psql'), '-X', '-A', '-t', '-q', '-d', $node->connstr($database // 'postgres'));
	$self->{run} = IPC::Run::start(\@command, '<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err});
	$self->{in} = "\\set VERBOSITY verbose\n\\timing on\n";
	weaken($open{$self} = $self);
	$self->{pid} = $self->value('SELECT pg_backend_pid()');
	return $self;
}

# The server process behind it.
sub pid { return $_[0]{pid}; }

# Begins a statement and returns at once.
sub begin
{
	my ($self, $sql) = @_;
	my $mark = 'end of statement ' . ++$self->{number};
	@$self{qw(out err mark)} = ('', '', $mark);
	$self->{in} .= "$sql;\n\\echo $mark\n\\warn $mark\n";
	$self->{started} = time;
	$self->{run}->pump_nb;
	return;
}

# Has what was begun ended?
sub ended
{
	my ($self) = @_;
	$self->{lost} = 1 unless eval { $self->{run}->pump_nb; $self->{run}->pumpable };
	return 1 if $self->{lost};
	my $mark = quotemeta $self->{mark};
	return $self->{out} =~ /^$mark$/m && $self->{err} =~ /^$mark$/m;
}

# Waits for the end of what was begun: {out, err, state: SQLSTATE or 'none', ms: by psql's clock, ended: when, lost: whether
# the connection was}.
sub finish
{
	my ($self, $seconds) = @_;
	my $deadline = time + ($seconds // 60);
	while (!$self->ended)
	{
		die "a statement does not end: $self->{out} $self->{err}" if time > $deadline;
		select undef, undef, undef, 0.001;
	}
	my $ended = time;
	$self->{run}->finish if $self->{lost};
	my ($out, $err) = @$self{qw(out err)};
	s/^\Q$self->{mark}\E\n//m for $out, $err;
	my ($ms) = $out =~ /^Time: ([0-9.]+) ms/m;
	$out =~ s/^Time: .*\n//mg;
	chomp $out;
	my ($state) = $err =~ /(?:ERROR|FATAL):\s+([0-9A-Z]{5}):/;
	return {
		out => $out,
		err => $err,
		state => $state // 'none',
		ms => $ms // ($ended - $self->{started}) * 1000,
		ended => $ended,
		lost => $self->{lost}
	};
}

sub query
{
	my ($self, $sql, $seconds) = @_;
	$self->begin($sql);
	return $self->finish($seconds);
}

# The answer of a statement that must not fail.
sub value
{
	my ($self, $sql) = @_;
	my $result = $self->query($sql);
	die "$sql: $result->{err}" if $result->{state} ne 'none' || $result->{lost};
	return $result->{out};
}

sub quit
{
	my ($self) = @_;
	return if $self->{lost}++;
	$self->{in} .= "\\q\n";
	$self->{run}->finish;
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@);
	delete $open{$self};
	eval { $self->quit };
	return;
}

# Whatever lives until the interpreter goes down is destroyed in no order: parts of an IPC::Run before its session, which
# would then wait for ever.
END
{
	my $status = $?;
	foreach my $session (grep { defined && !$_->{lost}++ } values %open)
	{
		eval { $session->{run}->kill_kill(grace => 2) };
	}
	$? = $status;
}

1;
