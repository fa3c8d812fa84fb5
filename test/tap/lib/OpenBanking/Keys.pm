# Key rings for the tests of keys: files, and commands that print them.
package OpenBanking::Keys;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(new_key write_private make_script);

# Base64 of 32 random bytes.
sub new_key
{
	chomp(my $key = `openssl rand -base64 32`);
	return $key;
}

# Writes a file that only its owner can read; returns its path.
sub write_private
{
	my ($path, @lines) = @_;
	unlink $path;
	open(my $file, '>', $path) or die "$path: $!";
	chmod 0600, $path;
	print $file map { "$_\n" } @lines;
	close $file or die $!;
	return $path;
}

# A shell script, so that what it says stands in no statement and no setting; returns the command that runs it.
sub make_script
{
	my ($path, @lines) = @_;
	write_private($path, @lines);
	return "exec sh $path";
}

1;
