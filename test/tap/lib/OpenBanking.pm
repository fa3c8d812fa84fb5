# What the TAP tests share: a cluster with the extension, a simulator, and ways to steer and observe both.
package OpenBanking;

use strict;
use warnings;

use Exporter 'import';
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(new_node start_sandbox control set_up_plaid link_bank wait_until sqlstate_of elapsed_ms);

# A running cluster with a key and the simulator's address allowed; %$conf adds settings.
sub new_node
{
	my ($name, $sandbox_url, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	my $keys = $node->basedir . '/keys';
	my $key = `openssl rand -base64 32`;
	open(my $file, '>', $keys) or die $!;
	print $file "1:$key";
	close $file;
	chmod 0600, $keys;
	$node->append_conf('postgresql.conf', "openbanking.key_file = '$keys'\nopenbanking.allowed_hosts = '$sandbox_url'\n"
		  . "log_min_messages = log\nrestart_after_crash = on\nopenbanking.sync_on_event = off\n");
	$node->append_conf('postgresql.conf', "$_ = '$conf->{$_}'\n") for sort keys %{ $conf // {} };
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION openbanking');
	return $node;
}

# Starts a simulator that ends with this test; returns its address.
sub start_sandbox
{
	my @options = @_;
	my $out = '';
	my $handle = IPC::Run::start([ $ENV{OB_SANDBOX}, '--listen', '127.0.0.1:0', '--parent-pid', $$, @options ],
		'>', \$out, '2>', \my $err);
	$handle->pump until $out =~ /\n/;
	my ($url) = $out =~ /^(\S+)/;
	push @OpenBanking::sandboxes, $handle;
	return $url;
}

END
{
	my $status = $?;
	$_->kill_kill(grace => 2) for @OpenBanking::sandboxes;
	$? = $status;
}

# One steering request to the simulator (test/sandbox/README.md): control($url, 'path', {…}) posts, without a body gets.
sub control
{
	my ($url, $path, $body) = @_;
	my $http = HTTP::Tiny->new(timeout => 30);
	my $answer =
	  defined $body
	  ? $http->post("$url/_control/$path",
		{ headers => { 'Content-Type' => 'application/json' }, content => JSON::PP->new->canonical->encode($body) })
	  : $http->get("$url/_control/$path");
	die "control $path: $answer->{status} $answer->{content}" unless $answer->{success};
	return $answer->{content} =~ /\S/ ? JSON::PP->new->allow_bignum->decode($answer->{content}) : undef;
}

# A server `plaid`, its user mapping and live tables in schema live. Without limits, unless told: tests make more calls in
# a minute than any provider allows.
sub set_up_plaid
{
	my ($node, $url, $database, $limits) = @_;
	$limits //= 'off';
	$node->safe_psql($database // 'postgres', qq{
		CREATE SERVER plaid FOREIGN DATA WRAPPER openbanking
			OPTIONS (provider 'plaid', environment 'sandbox', api_url '$url/plaid', client_name 'Test', limits '$limits');
		CREATE USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
		CREATE SCHEMA live;
		IMPORT FOREIGN SCHEMA ob FROM SERVER plaid INTO live;
	});
	return;
}

# Links a test bank for $user; returns the connection id.
sub link_bank
{
	my ($node, $user, $options) = @_;
	my $json = JSON::PP->new->canonical->encode($options // {});
	return $node->safe_psql('postgres', "SELECT connection_id FROM ob.sandbox_link('plaid', '$user', '$json')");
}

# Polls until $check->() is true; dies after $seconds.
sub wait_until
{
	my ($what, $check, $seconds) = @_;
	my $end = time + ($seconds // 30);
	while (time < $end)
	{
		return 1 if $check->();
		sleep 0.02;
	}
	die "waited in vain for $what";
}

# Runs SQL that must fail; returns (SQLSTATE, whole error text).
sub sqlstate_of
{
	my ($node, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err, on_error_stop => 1);
	my ($state) = $err =~ /(?:ERROR|FATAL):\s+([0-9A-Z]{5}):/;
	return ($state // 'none', $err);
}

# Milliseconds that $code took.
sub elapsed_ms
{
	my ($code) = @_;
	my $start = time;
	$code->();
	return int((time - $start) * 1000);
}

1;
