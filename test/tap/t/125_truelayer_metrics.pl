# What doc/truelayer.md answers by queries: each of them is run here, against connections that are in every state, and shows
# what the page says.
use strict;
use warnings;

use HTTP::Tiny;
use IPC::Run ();
use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::TrueLayer ();
use PostgreSQL::Test::Utils;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url, { max_worker_processes => 16 });
links_at($node, $url);
sql(qq{
	CREATE SERVER truelayer FOREIGN DATA WRAPPER openbanking
		OPTIONS (provider 'truelayer', environment 'sandbox', api_url '$url/truelayer/api', auth_url '$url/truelayer/auth',
			redirect_uri 'http://127.0.0.1:9/callback', limits 'off', unattended_per_day '0', scopes 'info accounts cards balance transactions offline_access',
			webhook_jku '$url/truelayer/webhooks/.well-known/jwks');
	CREATE USER MAPPING FOR PUBLIC SERVER truelayer OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret')});

sub in_future { return sql("SELECT to_char((now() + interval '$_[0]') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"); }

# A bank of a user, whose consent ends after a while.
sub adopt
{
	my ($user, $ends) = @_;
	my ($item) = @{ control($url, 'truelayer/items/create', { username => 'john', password => 'doe', access_token => "access-$user",
		refresh_token => "REFRESH-$user", consent_expires_at => in_future($ends) })->{items} };
	return sql("SELECT connection_id FROM ob.adopt_connection('truelayer', '$user',
		'{\"access_token\": \"access-$user\", \"refresh_token\": \"REFRESH-$user\"}')");
}

my ($ann, $bob, $carl, $dora, $erik) = (adopt('ann', '20 hours 30 minutes'), adopt('bob', '60 days'), adopt('carl', '40 days'),
	adopt('dora', '9 days'), adopt('erik', '80 days'));
sql("CALL ob.sync_now($_)") foreach $ann, $bob, $carl, $dora, $erik;
foreach my $again (1, 2)
{
	sql("SELECT ob.refresh_token($_)") foreach $ann, $bob, $carl, $dora;
}
control($url, 'faults', { kind => 'error', code => 'internal_server_error', path => '/truelayer/auth/connect/token', count => 0 });
is((sqlstate_of($node, "SELECT ob.refresh_token($bob)"))[0], 'OB008', 'a renewal that fails for now');
control($url, 'faults', { clear => JSON::PP::true });
control($url, 'truelayer/items/set', { item_id => item_of($carl), revoked => JSON::PP::true });
is((sqlstate_of($node, "SELECT ob.refresh_token($carl)"))[0], 'OB006', 'one that fails for good');
is((sqlstate_of($node, "SELECT ob.rotate_access_token($bob)"))[0], '0A000', 'what TrueLayer does not offer is no failed renewal');
sql("SELECT ob.disconnect($erik)");
control($url, 'truelayer/items/set', { item_id => item_of($dora), error => 'deprecated_provider' });
$node->psql('postgres', "CALL ob.sync_now($dora)");

# Deliveries that were altered on their way, and one that nobody signed.
sub receive
{
	my ($headers, $body) = @_;
	return sql(sprintf q{SELECT status FROM ob.webhook_receive('truelayer', '%s', '\\x%s', 'POST', '/hooks')},
		JSON::PP->new->canonical->encode($headers), unpack('H*', $body));
}
foreach my $number (1, 2)
{
	my $signed = control($url, 'truelayer/webhooks/sign', { path => '/hooks', body => "{\"event_id\": \"$number\"}" });
	is(receive({ %{ $signed->{headers} }, 'tl-signature' => $signed->{signature} }, "{\"event_id\": \"1$number\"}"), 'rejected',
		'an altered webhook is rejected');
}
is(receive({}, '{}'), 'rejected', 'so is one without a signature');

sql('CREATE ROLE watcher');
sql(q{SELECT ob.grant_admin('watcher')});
sql('GRANT USAGE ON FOREIGN SERVER truelayer TO watcher');

# The section's statements with the output that stands below each.
my $page = slurp_file("$ENV{OB_STAGE}/doc/truelayer.md");
my ($section) = $page =~ /^## Metrics\n(.*?)^## /ms;
my @examples;
while ($section =~ /^```\n(.*?)^```/gms)
{
	push @examples, [ map { s/\s+$//mgr } /^(.*?;)[^\n]*\n(.*)/s ] foreach split /^=> /m, $1;
}
@examples = grep { @$_ } @examples;
cmp_ok(scalar(@examples), '>=', 7, 'the page has queries');
foreach my $example (@examples)
{
	my ($statement, $expected) = @$example;
	my $out = '';
	local $ENV{PGOPTIONS} = '-c role=watcher';
	IPC::Run::run([ 'psql', '-X', '-P', 'footer=off', '-d', $node->connstr('postgres'), '-c', $statement ], '>', \$out, '2>&1');
	$out =~ s/\s+$//mg;
	is($out, $expected, $statement =~ s/\s+/ /gr);
}

$node->stop;
done_testing();
