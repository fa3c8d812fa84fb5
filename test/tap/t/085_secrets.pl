# Tokens, secrets and account numbers are nowhere but sealed: not in log, tables, statistics, EXPLAIN, messages or what
# other sessions see.
use strict;
use warnings;

use JSON::PP ();
use MIME::Base64;
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use PostgreSQL::Test::Utils;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url, { log_min_messages => 'debug2', log_error_verbosity => 'verbose', debug_print_plan => 'on',
	log_parameter_max_length_on_error => -1, track_activity_query_size => '100kB' });
links_at($node, $url);
sql("CREATE SERVER plaid FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', environment 'sandbox', api_url '$url/plaid', client_name 'Test')");
my $sealed = do {
	# As doc/security.md has it: not in a statement that is logged.
	sql(q{SET log_min_messages = 'panic'; SELECT ob.seal('plaid', 'client_secret', 'sandbox-secret')});
};
sql(qq{
	CREATE USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (client_id 'sandbox-client', client_secret '$sealed');
	CREATE SCHEMA live;
	IMPORT FOREIGN SCHEMA ob FROM SERVER plaid INTO live;
});

my @shown;

# Runs it and keeps all that the caller is shown.
sub show
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err);
	push @shown, $out, $err;
	return $out;
}

# A whole life, with what goes wrong in it.
my $connection = link_bank($node, 'alice', { products => 'auth,transactions' });
# One whose token this test knows.
my $token = control($url, 'plaid/items/create', {})->{items}[0]{access_token};
my $adopted = sql("SET log_min_messages = 'panic'; SELECT connection_id FROM ob.adopt_connection('plaid', 'erin', '{\"access_token\": \"$token\"}')");
my $link = sql(q{SELECT link_id FROM ob.link('plaid', 'bob', '{"mode": "hosted"}')});
show("SELECT * FROM ob.link_complete('$link')");
show("SELECT * FROM ob.sync($connection)");
show('CALL ob.sync_due()');
my $account = sql("SELECT account_id FROM ob.accounts WHERE connection_id = $connection AND type = 'checking'");
sql("SELECT FROM ob.account_number($connection, '$account')");
foreach my $table (qw(ob_accounts ob_transactions ob_balances))
{
	show("EXPLAIN (ANALYZE, VERBOSE, SETTINGS) SELECT * FROM live.$table");
	show("SELECT * FROM live.$table");
}
foreach my $fault ({ kind => 'status', status => 500 }, { kind => 'malformed' }, { kind => 'cut' }, { kind => 'status', status => 401 })
{
	control($url, 'faults', { %$fault, path => '/plaid/*', count => 30 });
	show($_)
	  foreach "SELECT * FROM ob.sync($connection)", "SELECT * FROM ob.account_number($connection, '$account', refresh => true)",
	  "SELECT * FROM ob.request('plaid', 'POST', '/item/get', connection => $connection)",
	  q{SELECT * FROM ob.sandbox_link('plaid', 'carl')}, "SELECT ob.rotate_access_token($connection)", 'SELECT * FROM live.ob_accounts',
	  "SELECT * FROM ob.sync($adopted)", "SELECT ob.rotate_access_token($adopted)", "SELECT ob.disconnect($adopted)";
	control($url, 'faults', { clear => JSON::PP::true });
}
sql("UPDATE ob.connections SET state = 'active' WHERE id = $connection");
show("SELECT ob.rotate_access_token($connection)");
show("SELECT * FROM ob.sync($connection)");
show("SELECT ob.export_user('alice')");
show('SELECT * FROM ob.keys()');
sql('ANALYZE');

# What another session can see of one that is at it.
control($url, 'latency', { path => '/plaid/transactions/sync', ms => 500 });
my $busy = OpenBanking::Session->new($node);
$busy->begin("SELECT * FROM ob.sync($connection)");
push @shown, sql('SELECT * FROM pg_stat_activity') for 1 .. 3;
$busy->finish;

my $ring = slurp_file($node->basedir . '/keys');
my ($key) = $ring =~ /^1:(\S+)/;
like($token, qr/^access-sandbox-/, 'there is a token to look for');
# As they are, in hexadecimal and in base64.
my $pattern = join '|',
  map { (quotemeta, unpack('H*', $_), map { quotemeta substr(encode_base64($_, ''), 0, -4) } $_) } 'sandbox-secret', '111122223333', $key, $token;

my $log = slurp_file($node->logfile);
ok($log =~ /DEBUG/ && $log =~ /ob\.sync/, 'the log has much to tell');
# Not with unlike(), which would show what must not be seen.
ok($log !~ qr/$pattern/, 'none in the server log');
ok($log !~ qr/(access|public|link)-sandbox-[0-9a-f]{8}/, 'nor any other token');
ok(join("\n", @shown) !~ qr/$pattern|(access|public)-sandbox-[0-9a-f]{8}/, 'none in what callers and others are shown');
foreach my $table (split /\n/, sql(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'ob'::regnamespace AND relkind = 'r'}))
{
	unlike(sql("SELECT * FROM $table"), qr/$pattern|(access|public|link)-sandbox-[0-9a-f]{8}/, "none in $table");
}
unlike(sql('SELECT * FROM pg_stats'), qr/$pattern|(access|public|link)-sandbox-[0-9a-f]{8}/, 'none in statistics');
unlike(sql('SELECT * FROM pg_user_mappings'), qr/$pattern/, 'none in user mappings');

done_testing();
