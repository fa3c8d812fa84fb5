# A person with a browser (test/tap/tools/browser.py) on the provider's pages.
package OpenBanking::Browser;

use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use OpenBanking;

my $json = JSON::PP->new->canonical->utf8;

# Why there is none; nothing if there is.
sub missing
{
	my @lacking = grep { !-x "/usr/bin/$_" } qw(chromium chromedriver);
	push @lacking, 'python3-selenium' if system('python3', '-c', 'import importlib.util, sys; sys.exit(importlib.util.find_spec("selenium") is None)');
	return join ', ', @lacking;
}

sub new
{
	my ($class) = @_;
	my $self = bless { in => '', out => '', err => '' }, $class;
	$self->{run} = IPC::Run::start([ 'python3', "$ENV{OB_STAGE}/tap/tools/browser.py" ], '<', \$self->{in}, '>', \$self->{out},
		'2>', \$self->{err});
	$self->{callback} = $self->line;
	return $self;
}

# The redirect URI, where the application listens.
sub callback { return $_[0]{callback}; }

sub line
{
	my ($self) = @_;
	wait_until('the browser', sub {
		die "the browser has ended: $self->{err}" unless eval { $self->{run}->pump_nb; $self->{run}->pumpable };
		$self->{out} =~ /\n/
	}, 120);
	$self->{out} =~ s/^(.*)\n//;
	return $1;
}

sub walk
{
	my ($self, $url, $comes_back, @steps) = @_;
	$self->{in} .= $json->encode({ url => $url, steps => \@steps, comes_back => $comes_back }) . "\n";
	return $json->decode($self->line);
}

# Walks through the pages of a link; what the application gets when the browser comes back: {method, fields}.
sub come_back { my ($self, $url, @steps) = @_; return $self->walk($url, JSON::PP::true, @steps); }

# Where the browser stays: {title, text} of the last page.
sub stay { my ($self, $url, @steps) = @_; return $self->walk($url, JSON::PP::false, @steps); }

sub quit
{
	my ($self) = @_;
	$self->{run}->finish; # its input ends
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@);
	eval { $self->{run}->kill_kill(grace => 5) };
	return;
}

1;
