# What a request may reach and how much it may take: hosts, time, size, certificates, kept connections.
use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use OpenBanking;
use OpenBanking::Process;
use OpenBanking::Session;
use Socket;
use Test::More;
use Time::HiRes qw(sleep time);

# Sees whoever connects, and says nothing.
my $watcher = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64, Blocking => 0) or die $!;
my $watched = $watcher->sockport;

sub somebody_connected
{
	my $count = 0;
	$count++ while $watcher->accept;
	return $count;
}

my $url = start_sandbox();
my ($port) = $url =~ /:(\d+)$/;
my $node;
{
	local $ENV{LD_PRELOAD} = "$ENV{OB_TOOLS}/slow_resolver.so";
	$node = new_node('main', $url);
}
set_up_plaid($node, $url);
my $connection = link_bank($node, 'alice');
my $session = OpenBanking::Session->new($node);
my $scan = "SELECT count(*) FROM live.ob_accounts WHERE connection_id = $connection";
is($session->value($scan), 3, 'the bank can be read');

sub api_url
{
	$node->safe_psql('postgres', "ALTER SERVER plaid OPTIONS (SET api_url '$_[0]/plaid')");
	return;
}

sub allow
{
	$session->value("SET openbanking.allowed_hosts = '$_[0]'");
	return;
}

sub faults
{
	control($url, 'faults', { clear => JSON::PP::true });
	control($url, 'requests', { clear => JSON::PP::true });
	control($url, 'faults', { rules => [@_] }) if @_;
	return;
}

sub requests
{
	return control($url, 'requests')->{by_path};
}

# The scan ends with this state and message; returns the result.
sub scan_fails
{
	my ($what, $state, $message) = @_;
	my $result = $session->query($scan);
	is($result->{state}, $state, "$what: $state") or diag($result->{err});
	like($result->{err}, $message, "$what: says so");
	return $result;
}

# ---- hosts ----

{
	my $unlisted = qr/host refused by policy/;
	my $private = qr/address refused by policy/;

	# what the scan meets: where it leads, and what is allowed
	my @cases = (
		[ 'foreign host', "https://bank.example:$watched", '', $unlisted ],
		[ 'address of this machine', "https://127.0.0.1:$watched", '', $unlisted ],
		[ 'plain http', "http://127.0.0.1:$watched", '', $unlisted ],
		[ "plain http to the provider's host", "http://sandbox.plaid.com:$watched", '', $unlisted ],
		[ 'name that looks alike', "https://sandbox.plaid.com.bank.example:$watched", '', $unlisted ],
		[ 'another port', "http://127.0.0.1:$watched", "http://127.0.0.1:$port", $unlisted ],
		[ 'another scheme', "http://127.0.0.1:$watched", "https://127.0.0.1:$watched", $unlisted ],
		[ 'another name of the host', "http://localhost:$watched", "http://127.0.0.1:$watched", $unlisted ],
		[ "provider's name for a private address", "https://sandbox.plaid.com:$watched", '', $private ],
		[ "provider's name, another host listed", "https://sandbox.plaid.com:$watched", $url, $private ]);
	foreach my $case (@cases)
	{
		my ($what, $to, $allowed, $message) = @$case;
		api_url($to);
		allow($allowed);
		scan_fails($what, 'OB010', $message);
	}
	is(somebody_connected(), 0, 'none of them was connected to');

	allow("https://sandbox.plaid.com");
	$session->value('SET openbanking.connect_timeout = 200');
	scan_fails("provider's name, listed", 'OB002', qr/TLS handshake/);
	cmp_ok(somebody_connected(), '>', 0, "provider's name, listed: is connected to, wherever it leads");
	$session->value('RESET openbanking.connect_timeout');

	foreach my $allowed ($url, 'http://127.0.0.1', "https://bank.example, http://127.0.0.1:$port", 'HTTP://127.0.0.1')
	{
		api_url($url);
		allow($allowed);
		is($session->value($scan), 3, "allowed by $allowed");
	}
	allow('127.0.0.1');
	scan_fails('entry without a scheme', '22023', qr/invalid entry in the list of allowed hosts/);
	$session->value('RESET openbanking.allowed_hosts');

	foreach my $status (301, 302, 307, 308)
	{
		faults({ kind => 'status', status => $status, count => 0, path => '/plaid/accounts/get',
				headers => { Location => "$url/plaid/elsewhere" } });
		scan_fails("redirect $status", 'OB003', qr/\bplaid\b/);
		my $requests = requests();
		cmp_ok($requests->{'/plaid/accounts/get'} // 0, '>', 0, "redirect $status: was answered");
		is($requests->{'/plaid/elsewhere'} // 0, 0, "redirect $status: is not followed");
	}
	faults();
}

# ---- time ----

{
	my $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die $!;
	my @inside;
	do
	{
		socket(my $client, AF_INET, SOCK_STREAM, 0) or die $!;
		$client->blocking(0);
		connect($client, sockaddr_in($full->sockport, inet_aton('127.0.0.1')));
		push @inside, $client;
	} while (IO::Select->new($inside[-1])->can_write(0.3));

	my $connect = { connect_timeout => 250 };
	my $total = { http_timeout => 250 };
	my @cases = (
		[ 'look-up', 'http://bank.stall.test', $connect, qr/deadline for connecting passed during name resolution/ ],
		[ 'look-up in all', 'http://bank.stall.test', $total, qr/deadline passed during name resolution/ ],
		[ 'connecting', 'http://127.0.0.1:' . $full->sockport, $connect, qr/deadline for connecting passed during connect/ ],
		[ 'TLS', "https://127.0.0.1:$watched", $connect, qr/deadline for connecting passed during TLS handshake/ ],
		[ 'TLS in all', "https://127.0.0.1:$watched", $total, qr/deadline passed during TLS handshake/ ],
		[ 'no answer', $url, $total, qr/deadline passed during waiting for the answer/, { kind => 'stall' } ],
		[ 'dripping header', $url, $total, qr/deadline passed during reading the answer/,
			{ kind => 'drip', where => 'headers', bytes_per_second => 200 } ],
		[ 'dripping body', $url, $total, qr/deadline passed during reading the answer/,
			{ kind => 'drip', bytes_per_second => 20 } ]);
	allow("$url, http://bank.stall.test, http://127.0.0.1, https://127.0.0.1");
	foreach my $case (@cases)
	{
		my ($what, $to, $settings, $message, $fault) = @$case;
		api_url($to);
		faults({ count => 0, %$fault }) if $fault;
		$session->value("SET openbanking.$_ = $settings->{$_}") foreach keys %$settings;
		my $result = scan_fails("time, $what", 'OB002', $message);
		# Three tries with two pauses of at most 0.5 and 1 s.
		cmp_ok($result->{ms}, '>=', 3 * 250, "time, $what: each try has its time");
		cmp_ok($result->{ms}, '<', 3 * 250 + 1500 + 1500, "time, $what: and no more");
		is(requests()->{'/plaid/accounts/get'}, 3, "time, $what: was met three times") if $fault;
		$session->value("RESET openbanking.$_") foreach keys %$settings;
		faults();
	}
	api_url($url);
	$session->value('RESET openbanking.allowed_hosts');
}

# ---- size ----

{
	my @cases = (
		[ '2 GB announced', { kind => 'huge', bytes => 2_000_000_000 }, 16 ],
		[ '2 GB not announced', { kind => 'huge', bytes => 2_000_000_000, chunked => JSON::PP::true }, 16 ],
		[ 'a little too much', { kind => 'huge', bytes => 70_000 }, '64kB' ],
		[ 'a little too much, not announced', { kind => 'huge', bytes => 70_000, chunked => JSON::PP::true }, '64kB' ]);
	foreach my $case (@cases)
	{
		my ($what, $fault, $limit) = @$case;
		$limit = '16MB' if $limit eq '16';
		$session->value("SET openbanking.max_response_size = '$limit'");
		faults({ count => 0, %$fault });
		forget_memory_peak($session->pid);
		my $before = memory_peak_mb($session->pid);
		my $result = scan_fails("size, $what", '54000', qr/answer is larger than allowed/);
		my $grown = memory_peak_mb($session->pid) - $before;
		cmp_ok($result->{ms}, '<', 2000, "size, $what: ends quickly");
		cmp_ok($grown, '<', 50, sprintf('size, %s: takes little memory (%.1f MB)', $what, $grown));
		is(requests()->{'/plaid/accounts/get'}, 1, "size, $what: is not asked for again");
	}
	faults({ kind => 'huge', bytes => 60_000, count => 0 });
	is($session->value($scan), 3, 'size: what is within the limit is read');
	$session->value('RESET openbanking.max_response_size');

	my %many = map { ("X-Line-$_" => 'x') } 1 .. 300;
	my %long = map { ("X-Line-$_" => 'x' x 7000) } 1 .. 10;
	foreach my $case ([ 'lines', \%many ], [ 'bytes', \%long ])
	{
		my ($what, $headers) = @$case;
		faults({ kind => 'status', status => 200, body => '{"accounts":[],"request_id":"x"}', count => 0, headers => $headers });
		scan_fails("header of many $what", '54000', qr/answer's header is larger than allowed/);
		is(requests()->{'/plaid/accounts/get'}, 1, "header of many $what: is not asked for again");
	}
	faults();
}

# ---- kept connections ----

{
	my $ports = sub { join ',', sort map { $_->{local} } grep { $_->{state} eq 'established' } sockets($session->pid, $port) };
	my $alter = sub { $node->safe_psql('postgres', $_[0]) };
	my $read = sub { is($session->value($scan), 3, "kept connections: $_[0]: reads on") };
	$read->('first');
	my $kept = $ports->();
	like($kept, qr/^\d+$/, 'kept connections: one stays open');
	$read->('again');
	is($ports->(), $kept, 'kept connections: the next statement uses it');
	$alter->('CREATE TABLE public.unrelated ()');
	$read->('unrelated change');
	is($ports->(), $kept, 'kept connections: unrelated changes do not matter');

	my @changes = (
		[ 'server altered', "ALTER SERVER plaid OPTIONS (SET client_name 'Other')" ],
		[ 'mapping altered', "ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (SET client_secret 'sandbox-secret')" ],
		[ 'mapping of the role added',
			"CREATE USER MAPPING FOR CURRENT_USER SERVER plaid OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret')" ],
		[ 'mapping of the role dropped', 'DROP USER MAPPING FOR CURRENT_USER SERVER plaid' ]);
	foreach my $change (@changes)
	{
		my ($what, $sql) = @$change;
		$alter->($sql);
		$read->($what);
		like($ports->(), qr/^\d+$/, "kept connections: $what: still one");
		isnt($ports->(), $kept, "kept connections: $what: another one");
		$kept = $ports->();
	}
	allow("$url, https://bank.example");
	$read->('hosts changed');
	isnt($ports->(), $kept, 'kept connections: hosts changed: another one');
	$session->value('RESET openbanking.allowed_hosts');

	$alter->("ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (SET client_secret 'wrong')");
	scan_fails('a secret that became wrong', 'OB005', qr/plaid refused client id and secret/);
	$alter->("ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (SET client_secret 'sandbox-secret')");
	$read->('secret put right');
}

# ---- certificates ----

{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $openssl = sub { my $out = `cd $dir && openssl $_[0] 2>&1`; die $out if $?; };
	my $key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
	$openssl->("req -x509 $key -keyout $_.key -out $_.pem -subj /CN=$_ -days 2") foreach qw(authority stranger);
	open(my $names, '>', "$dir/names") or die $!;
	print $names "subjectAltName=DNS:bank.test\n";
	close $names;
	$openssl->("req $key -keyout bank.key -out bank.csr -subj /CN=bank");
	$openssl->('x509 -req -in bank.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -out bank.pem -extfile names');

	my $secure = start_sandbox('--tls', "$dir/bank.pem", "$dir/bank.key");
	my ($secure_port) = $secure =~ /:(\d+)$/;
	allow("https://bank.test, https://other.test, http://bank.test");
	$node->safe_psql('postgres', qq{
		CREATE SERVER secure FOREIGN DATA WRAPPER openbanking
			OPTIONS (provider 'plaid', environment 'sandbox', api_url 'https://bank.test:$secure_port/plaid');
		CREATE USER MAPPING FOR PUBLIC SERVER secure OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');
		CREATE SCHEMA secure;
		IMPORT FOREIGN SCHEMA ob FROM SERVER secure INTO secure;
	});
	my $link = "SELECT status FROM ob.sandbox_link('secure', 'alice')";
	my $set = sub { $node->safe_psql('postgres', "ALTER SERVER secure OPTIONS ($_[0])") };
	my $link_fails = sub {
		my ($what, $message) = @_;
		my $result = $session->query($link);
		is($result->{state}, 'OB001', "certificates: $what") or diag($result->{err});
		like($result->{err}, $message, "certificates: $what: says so");
	};
	my $unverified = qr/could not verify the host's certificate/;
	$link_fails->('authority not known', $unverified);
	$set->("ADD ca_file '$dir/stranger.pem'");
	$link_fails->('another authority', $unverified);
	$set->("SET ca_file '$dir/missing.pem'");
	$link_fails->('no such file', qr/could not read the file of trusted certificates/);
	$set->("SET ca_file '$dir/authority.pem', SET api_url 'https://other.test:$secure_port/plaid'");
	$link_fails->('another name', $unverified);
	# Linking calls from the worker too, which takes the session's settings.
	$set->("SET api_url 'https://bank.test:$secure_port/plaid'");
	is($session->value($link), 'active', 'certificates: the right authority and name');
	is($session->value('SELECT count(*) FROM secure.ob_accounts'), 3, 'certificates: and reads');
	my @open = sockets($session->pid, $secure_port);
	is($session->value('SELECT count(*) FROM secure.ob_accounts'), 3, 'certificates: and reads again');
	is_deeply([ sockets($session->pid, $secure_port) ], \@open, 'certificates: over the same connection');
	$set->("SET ca_file '$dir/stranger.pem'");
	is($session->query('SELECT count(*) FROM secure.ob_accounts')->{state},
		'OB001', 'certificates: once the authority is another one, no kept connection helps');
}

done_testing();
