# Texts that occur nowhere else, planted where secrets and people's data stand, and a search for them in any bytes: as they
# are, in hexadecimal (as bytea is printed) and in base64 at any offset.
package OpenBanking::Canaries;

use strict;
use warnings;

use File::Find ();
use MIME::Base64 qw(encode_base64);

sub new { return bless { forms => {}, kinds => {} }, $_[0]; }

# Adds one; returns it.
sub plant
{
	my ($self, $kind, $name, $value) = @_;
	die "$name is too short to be told from chance" if length $value < 8;
	$self->{kinds}{$name} = $kind;
	my $hex = unpack 'H*', $value;
	$self->{forms}{$_} = $name foreach $value, $hex, uc $hex, map { base64_at($value, $_) } 0 .. 2;
	delete $self->{pattern};
	return $value;
}

# The letters of base64 that depend on $value alone if it stands $offset bytes after a multiple of three.
sub base64_at
{
	my ($value, $offset) = @_;
	my $text = encode_base64('x' x $offset . $value, '');
	$text =~ s/.==?$//;
	return substr $text, (0, 2, 3)[$offset];
}

# The names of those of a kind.
sub of_kind
{
	my ($self, $kind) = @_;
	return grep { $self->{kinds}{$_} eq $kind } sort keys %{ $self->{kinds} };
}

# The names of those in a text: { name => what it looks like there }.
sub in_text
{
	my ($self, $text) = @_;
	$self->{pattern} //= do { my $any = join '|', map { quotemeta } sort keys %{ $self->{forms} }; qr/($any)/ };
	my %found;
	while ($text =~ /$self->{pattern}/g)
	{
		$found{ $self->{forms}{$1} } //= substr $text, $-[0] > 200 ? $-[0] - 200 : 0, 400;
	}
	return \%found;
}

# The same of a file: { name => the file and what it looks like there }.
sub in_file
{
	my ($self, $path) = @_;
	open(my $file, '<:raw', $path) or die "$path: $!";
	local $/;
	my $found = $self->in_text(<$file> // '');
	return { map { $_ => "$path: $found->{$_}" } keys %$found };
}

sub files_below
{
	my ($directory) = @_;
	my @files;
	File::Find::find(sub { push @files, $File::Find::name if -f $_ && -s _ }, $directory);
	return @files;
}

1;
