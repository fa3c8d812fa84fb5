# The receivers of examples/, each fed with deliveries that the simulator has signed and sent over HTTP.
use strict;
use warnings;

use HTTP::Tiny;
use IPC::Run ();
use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::TrueLayer;
use PostgreSQL::Test::Utils;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
set_up_truelayer($node, $url, { webhook_jku => "$url/truelayer/webhooks/.well-known/jwks" });
links_at($node, $url);
my $examples = "$ENV{OB_STAGE}/examples";
my @receivers;

sql('CREATE ROLE receiver LOGIN');
sql(q{SELECT ob.grant_webhook('receiver')});
sql('GRANT USAGE ON FOREIGN SERVER plaid, tl TO receiver');

# Starts a receiver; returns its address.
sub start_receiver
{
	my @command = @_;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres', PGUSER => 'receiver', PORT => 0);
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start(\@command, '>', \$out, '2>', \$err);
	push @receivers, { run => $run, err => \$err };
	wait_until("the receiver @command", sub { $run->pump_nb; die "it has ended: $err" if !$run->pumpable; $out =~ /\n/ });
	my ($address) = $out =~ m{^(http://\S+?)/$}m;
	return $address;
}

END
{
	my $status = $?;
	$_->{run}->kill_kill(grace => 2) for @receivers;
	$? = $status;
}

# What became of each delivery, oldest first.
sub events { return sql(q{SELECT string_agg(event_type || ' ' || status, ', ' ORDER BY received_at) FROM ob.webhook_events WHERE verified}); }

sub deliveries { return grep { $_->{label} =~ /$_[0]/ } @{ control($url, 'webhooks')->{webhooks} }; }

sub post
{
	my ($address, $body, $headers) = @_;
	return HTTP::Tiny->new(timeout => 30)->post($address, { headers => $headers, content => $body })->{status};
}

# Headers of a body that TrueLayer has signed for a path.
sub signed_for
{
	my ($path, $body) = @_;
	my $signed = control($url, 'truelayer/webhooks/sign', { path => $path, body => $body });
	return { 'Content-Type' => 'application/json', %{ $signed->{headers} }, 'Tl-Signature' => $signed->{signature} };
}

my %receivers = (
	Node => [ 'node', "$examples/webhook-receiver.cjs" ],
	Python => [ 'python3', "$examples/webhook_receiver.py" ],
);
foreach my $name (sort keys %receivers)
{
	subtest $name => sub {
		my $address = start_receiver(@{ $receivers{$name} });
		like($address, qr{^http://127\.0\.0\.1:\d+/webhooks$}, 'it listens');
		control($url, 'webhooks', { clear => JSON::PP::true });
		sql('TRUNCATE ob.webhook_events');
		my $connection = link_bank($node, $name, { webhook => "$address/plaid" });
		sql("CALL ob.sync_now($connection)");
		sql("UPDATE ob.sync_state SET next_sync_at = now() + '1 day' WHERE connection_id = $connection");
		control($url, 'plaid/transactions/add', { item_id => item_of($connection), transactions => [ {} ] });
		wait_until('the delivery', sub { events() =~ /SYNC_UPDATES_AVAILABLE \w+/ });
		wait_until('the answer', sub { grep { $_->{state} eq 'delivered' } deliveries('SYNC_UPDATES_AVAILABLE') });
		ok(1, 'a delivery of the provider is accepted, and the provider told so');
		is(sql("SELECT next_sync_at <= now() FROM ob.sync_state WHERE connection_id = $connection"), 't', 'the connection is due');

		my $body = qq({"environment":"sandbox", "item_id" : "${\ item_of($connection)}","webhook_code":"DEFAULT_UPDATE","webhook_type":"TRANSACTIONS","note":"\xc3\xa9"}\n);
		my $signed = control($url, 'plaid/webhooks/sign', { body => $body })->{header};
		my %headers = ('Content-Type' => 'application/json');
		my $count = sql('SELECT count(*) FROM ob.webhook_events WHERE verified');
		is(post("$address/plaid", $body, { %headers, 'plaid-verification' => $signed }), 200, 'so is any other that is signed, byte for byte');
		is(sql('SELECT count(*) FROM ob.webhook_events WHERE verified') - $count, 1, 'and kept');
		is(post("$address/plaid", $body, { %headers, 'Plaid-Verification' => $signed }), 200, 'once more: the provider need not send it again');
		is(sql('SELECT count(*) FROM ob.webhook_events WHERE verified') - $count, 1, 'but it is kept once');
		is(post("$address/plaid", "$body ", { %headers, 'Plaid-Verification' => $signed }), 401, 'a blank more: refused');
		is(post("$address/plaid", $body, {%headers}), 401, 'without a signature: refused');
		is(post("$address/plaid", $body, { %headers, 'Plaid-Verification' => [ $signed, $signed ] }), 401, 'with two: refused');
		my $seen = sql('SELECT count(*) FROM ob.webhook_events');
		# 599: it went on writing while the connection was closed, and never read the answer.
		like(post("$address/plaid", 'x' x (2**20 + 1), { %headers, 'Plaid-Verification' => $signed }), qr/^(413|599)$/, 'too much: refused');
		is(sql('SELECT count(*) FROM ob.webhook_events'), $seen, 'unseen');
		is(post("$address/nowhere", $body, { %headers, 'Plaid-Verification' => $signed }), 503, 'a server that is not there (yet)');
		is(post(substr($address, 0, -9), $body, {%headers}), 404, 'another path');
		is(post("$address/%zz", $body, {%headers}), $name eq 'Node' ? 404 : 503, 'one that is not well-formed');
	};

	subtest "$name, with TrueLayer's, whose signature covers the path" => sub {
		my $address = start_receiver(@{ $receivers{$name} });
		my $connection = link_truelayer($name);
		sql("CALL ob.sync_now($connection)");
		sql("UPDATE ob.sync_state SET next_sync_at = now() + interval '1 day' WHERE connection_id = $connection");
		control($url, 'truelayer/config', { webhook_url => "$address/tl?of=us" });
		control($url, 'truelayer/transactions/add', { item_id => item_of($connection), transactions => [ {} ] });
		wait_until('the answer', sub { grep { $_->{state} eq 'delivered' } deliveries('transaction.created') });
		is(sql("SELECT event_type, status FROM ob.webhook_events WHERE connection_id = $connection"), 'transaction.created|processed',
			'a delivery of the provider is accepted, and the provider told so');
		is(sql("SELECT next_sync_at <= now() FROM ob.sync_state WHERE connection_id = $connection"), 't', 'the connection is due');
		control($url, 'webhooks', { clear => JSON::PP::true });

		my $body = qq({"type":"error", "event_id" : "by hand at $name","note":"\xc3\xa9"}\n);
		my $headers = signed_for('/webhooks/tl', $body);
		is(post("$address/tl", $body, $headers), 200, 'byte for byte');
		is(post("$address/tl/", $body, $headers), 200, 'a slash more is the same path');
		is(post("$address/tl?x=/", $body, $headers), 200, 'and a query no part of it');
		is(post("$address/tl", "$body ", $headers), 401, 'a blank more: refused');
		is(post("$address/tl", $body, signed_for('/webhooks/other', $body)), 401, 'signed for another path: refused');
	};
}

subtest 'no database' => sub {
	my $body = '{}';
	my @addresses = map { start_receiver(@{ $receivers{$_} }) } sort keys %receivers;
	$node->stop;
	is(post("$_/plaid", $body, { 'Content-Type' => 'application/json' }), 503, 'the provider sends it again') for @addresses;
	$node->start;
	is(post("$_/plaid", $body, { 'Content-Type' => 'application/json' }), 401, 'and is heard then') for @addresses;
};

subtest 'PostgREST' => sub {
	sql('CREATE SCHEMA api');
	$node->safe_psql('postgres', slurp_file("$examples/postgrest.sql"));
	sql('CREATE ROLE anon LOGIN; GRANT USAGE ON SCHEMA api TO anon; GRANT EXECUTE ON FUNCTION api.webhook_plaid(json) TO anon');
	my $connection = link_bank($node, 'rest');

	# As PostgREST calls it: settings of the transaction, the body as the only argument; then it reads the status.
	my $call = sub {
		my ($body, $headers, $server) = (@_, 'plaid');
		my $json = JSON::PP->new->canonical->encode($headers);
		return $node->safe_psql('postgres', qq{
			BEGIN;
			SET LOCAL ROLE anon;
			SELECT set_config('request.method', 'POST', true), set_config('request.path', '/rpc/webhook_$server', true),
				set_config('request.headers', \$h\$$json\$h\$, true) \\gset
			SELECT api.webhook_$server(\$b\$$body\$b\$::json) \\gset
			SELECT current_setting('response.status', true);
			COMMIT}, extra_params => ['-qAt']);
	};
	my $body = qq({\n  "environment": "sandbox",\n  "item_id": "${\ item_of($connection)}",\n  "webhook_code": "SYNC_UPDATES_AVAILABLE",\n  "webhook_type": "TRANSACTIONS"\n});
	my $signed = control($url, 'plaid/webhooks/sign', { body => $body })->{header};
	is($call->($body, { 'content-type' => 'application/json', 'plaid-verification' => $signed }), '200', 'accepted');
	is(sql("SELECT count(*) FROM ob.webhook_events WHERE verified AND connection_id = $connection"), '1', 'and kept');
	is($call->($body =~ s/ {2}/ /gr, { 'plaid-verification' => $signed }), '401', 'written anew it is not what was signed');
	is($call->($body, {}), '401', 'without a signature: refused');

	$node->safe_psql('postgres', slurp_file("$examples/postgrest.sql") =~ s/plaid/tl/gr);
	sql('GRANT EXECUTE ON FUNCTION api.webhook_tl(json) TO anon');
	$body = qq({\n  "type": "transaction.created",  "event_id": "rest",\n  "resource_id": "${\ item_of($connection)}" });
	is($call->($body, signed_for('/rpc/webhook_tl', $body), 'tl'), '200', "TrueLayer's, signed for the function's path");
	is($call->($body, signed_for('/webhook_tl', $body), 'tl'), '401', 'for another path: refused');
};

done_testing();
