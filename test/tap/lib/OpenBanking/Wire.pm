# One session that speaks the extended protocol itself: values go as bind parameters, and everything that the server says
# besides rows is kept, each field of it.
package OpenBanking::Wire;

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;

# %settings of the session.
sub new
{
	my ($class, $node, %settings) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "cannot connect: $!";
	my $self = bless { socket => $socket, buffer => '' }, $class;
	my $options = join ' ', map { "-c $_=$settings{$_}" } sort keys %settings;
	my %startup = (user => getpwuid($<) // die, database => 'postgres', options => $options);
	my $body = pack('N', 196608) . join('', map { "$_\0$startup{$_}\0" } sort keys %startup) . "\0";
	$self->put(pack('N', length($body) + 4) . $body);
	$self->{begun} = 1;
	my $result = $self->finish;
	die "cannot connect: $result->{heard}" if $result->{lost} || $result->{state} ne 'none';
	return $self;
}

# The server process behind it.
sub pid { return $_[0]{pid}; }

sub put
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	$self->{socket}->syswrite($bytes);
	return;
}

sub message
{
	my ($type, $body) = @_;
	return $type . pack('N', length($body) + 4) . $body;
}

# Begins a statement and returns at once; undef is NULL.
sub begin
{
	my ($self, $sql, @values) = @_;
	my $bound = join '', map { defined $_ ? pack('N', length $_) . $_ : pack('N', 0xFFFFFFFF) } @values;
	$self->put(message('P', "\0$sql\0" . pack('n', 0)) . message('B', "\0\0" . pack('nn', 0, scalar @values) . $bound . pack('n', 0))
		  . message('E', "\0" . pack('N', 0)) . message('S', ''));
	$self->{begun} = 1;
	return;
}

# The next message; nothing once the connection is lost.
sub take
{
	my ($self) = @_;
	while (length $self->{buffer} < 5 || length $self->{buffer} < 1 + unpack('x N', $self->{buffer}))
	{
		die 'a statement does not end' unless IO::Select->new($self->{socket})->can_read(60);
		return unless $self->{socket}->sysread($self->{buffer}, 65536, length $self->{buffer});
	}
	my ($type, $length) = unpack('a N', $self->{buffer});
	my $body = substr $self->{buffer}, 5, $length - 4;
	substr($self->{buffer}, 0, 1 + $length) = '';
	return ($type, $body);
}

# Waits for the end of what was begun: {rows: lists of texts, state: SQLSTATE or 'none', heard: errors, notices and
# notifications in full, lost: whether the connection was}.
sub finish
{
	my ($self) = @_;
	my %result = (rows => [], state => 'none', heard => '');
	while ($self->{begun})
	{
		my ($type, $body) = $self->take;
		if (!defined $type)
		{
			$result{lost} = 1;
			last;
		}
		push @{ $result{rows} }, row_of($body) if $type eq 'D';
		$result{heard} .= "$type $body\n" if $type =~ /[ENA]/;
		($result{state}) = $body =~ /(?:^|\0)C([0-9A-Z]{5})\0/ if $type eq 'E';
		($self->{pid}) = unpack('N', $body) if $type eq 'K';
		$self->{begun} = 0 if $type eq 'Z';
	}
	return \%result;
}

sub row_of
{
	my ($body) = @_;
	my ($count, $at, @values) = (unpack('n', $body), 2);
	foreach (1 .. $count)
	{
		my $length = unpack('l>', substr $body, $at, 4);
		push @values, $length < 0 ? undef : substr $body, $at + 4, $length;
		$at += 4 + ($length < 0 ? 0 : $length);
	}
	return \@values;
}

sub query
{
	my ($self, @statement) = @_;
	$self->begin(@statement);
	return $self->finish;
}

1;
