# A client secret that the provider refuses is sent once: not for each connection, session, run or query. It is tried again
# as soon as the user mapping has changed, or when an administrator says so.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Keys;
use OpenBanking::Links;
use OpenBanking::Session;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);
my $banks = 6;

# How many more calls of any kind $code makes.
sub all_calls
{
	my $paths = control($url, 'requests')->{by_path};
	my $sum = 0;
	$sum += $paths->{$_} for grep { m{^/plaid/} } keys %$paths;
	return $sum;
}

sub calls_made
{
	my ($code) = @_;
	my $before = all_calls();
	$code->();
	return all_calls() - $before;
}

sub set_secret
{
	my ($secret, $role) = @_;
	sql('ALTER USER MAPPING FOR ' . ($role // 'PUBLIC') . " SERVER plaid OPTIONS (SET client_secret '$secret')");
	return;
}

sub sync_due
{
	my ($out, $err);
	$node->psql('postgres', 'CALL ob.sync_due()', stdout => \$out, stderr => \$err);
	return $err =~ /NOTICE:  (.*)/ ? $1 : $err;
}

sub make_due { sql('UPDATE ob.sync_state SET next_sync_at = now()'); return; }

# Each of these would call the provider.
my ($link, $token) = open_link('waiting');
my $public_token = public_token($token);
my @connections = map { link_bank($node, "user $_") } 1 .. $banks;
my $connection = $connections[0];
my @statements = (
	"SELECT ob.sync($connection)",
	"CALL ob.sync_now($connection)",
	'SELECT count(*) FROM live.ob_accounts',
	'SELECT count(*) FROM live.ob_transactions',
	q{SELECT ob.institutions('plaid', 'bank')},
	q{SELECT ob.link('plaid', 'new user')},
	q{SELECT ob.sandbox_link('plaid', 'new user')},
	"SELECT ob.rotate_access_token($connection)",
	"SELECT ob.request('plaid', 'POST', '/accounts/get', connection => $connection)",
	"SELECT ob.sandbox_reset_login($connection)",
	complete_sql($link, $public_token));
my $old_session = OpenBanking::Session->new($node);
$old_session->value('SELECT count(*) FROM live.ob_accounts');

subtest 'a good secret' => sub {
	is(sync_due(), "$banks connections: $banks complete, 0 waiting, 0 deferred, 0 failed", 'is used');
	is(sql('SELECT server, mapping_role, refused_at IS NULL FROM ob.client_checks'), 'plaid|postgres|t', 'and known as good');
	is(sql('SELECT server, provider, connections, active, failing, refused_at FROM ob.server_status'), "plaid|plaid|$banks|$banks|0|",
		'nothing is wrong');
};

subtest 'a run of syncs' => sub {
	set_secret('wrong-1');
	make_due();
	is(calls_made(sub { is(sync_due(), "$banks connections: 0 complete, 0 waiting, 0 deferred, $banks failed", 'all fail') }), 1,
		'one call was made');
	is(sql(q{SELECT DISTINCT state, error_code, error_message ~ 'client_secret.*ob\.retry_credentials' FROM ob.connections}),
		'active|INVALID_API_KEYS|t', 'each connection says why');
	is(sql(q{SELECT failing, refused_at IS NOT NULL, refused_for, what_to_do ~ 'user mapping' FROM ob.server_status}),
		"$banks|t|{postgres}|t", 'and the server');
	is(sql(q{SELECT count(*) FROM ob.audit_log WHERE action = 'CREDENTIALS_REFUSED' AND server = 'plaid' AND NOT success}), '1',
		'it is audited');
	make_due();
	is(calls_made(sub { sync_due() for 1 .. 3 }), 0, 'none by the next runs');
};

sub refused_everywhere
{
	my ($name) = @_;
	my $calls = calls_made(sub {
		foreach my $statement (@statements)
		{
			my ($state, $err) = sqlstate_of($node, $statement);
			is($state, 'OB005', "$name: $statement");
			like($err, qr/not sent again since.*HINT:.*ob\.retry_credentials/s, 'it says so') unless $state ne 'OB005';
		}
		is($old_session->query('SELECT count(*) FROM live.ob_accounts')->{state}, 'OB005', 'a session of before');
	});
	is($calls, 0, "$name: no call was made");
	return;
}

subtest 'every other call' => sub { refused_everywhere('refused') };

subtest 'after a restart' => sub {
	$node->restart;
	$old_session = OpenBanking::Session->new($node);
	refused_everywhere('restarted');
};

subtest 'many sessions at once' => sub {
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 16;
	$_->value('SELECT count(*) FROM live.ob_accounts WHERE false') foreach @sessions;
	set_secret('wrong for all');
	my @of_session = ((map { "SELECT ob.sync($_)" } @connections), (@statements[2 .. 5]) x 3)[0 .. $#sessions];
	is(calls_made(sub {
		$sessions[$_]->begin($of_session[$_]) foreach 0 .. $#sessions;
		is($sessions[$_]->finish->{state}, 'OB005', "session $_: $of_session[$_]") foreach 0 .. $#sessions;
	}), 1, 'one of them made one call');
	set_secret('sandbox-secret');
	$sessions[$_]->begin('SELECT count(*) FROM live.ob_accounts') foreach 0 .. $#sessions;
	is($sessions[$_]->finish->{state}, 'none', "session $_ works at once") foreach 0 .. $#sessions;
	set_secret('wrong');
};

foreach my $statement (@statements)
{
	subtest "first met by $statement" => sub {
		set_secret('wrong ' . $statement =~ tr/a-z//cdr);
		# What comes back from ob.request is an answer, whatever its status.
		my $first = $statement =~ /ob\.request/ ? 'none' : 'OB005';
		is(calls_made(sub { is((sqlstate_of($node, "BEGIN; $statement; ROLLBACK"))[0], $first, 'is refused') }), 1, 'with one call')
		  unless $statement =~ /^CALL/;
		is(calls_made(sub { is((sqlstate_of($node, $statement))[0], 'OB005', 'and again') }), $statement =~ /^CALL/ ? 1 : 0, 'without');
		is(calls_made(sub { sqlstate_of($node, $_) for @statements; sync_due() }), 0, 'nor does anything else make one');
	};
}

subtest 'a better secret' => sub {
	set_secret('sandbox-secret');
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'works at once');
	is(sync_due(), $banks - 1 . ' connections: ' . ($banks - 1) . ' complete, 0 waiting, 0 deferred, 0 failed',
		'what had failed is due at once');
	is(sql('SELECT failing, refused_at, refused_for, what_to_do FROM ob.server_status'), '0|||', 'nothing is wrong any more');
	is(sql('SELECT count(*), count(refused_at) FROM ob.client_checks'), '1|0', 'former ones are forgotten');
};

subtest 'refused although nothing has changed here' => sub {
	my $session = OpenBanking::Session->new($node);
	$session->value('SELECT count(*) FROM live.ob_accounts');
	control($url, 'faults', { kind => 'error', path => '/plaid/transactions/sync', code => 'INVALID_API_KEYS' });
	is((sqlstate_of($node, "SELECT ob.sync($connection)"))[0], 'OB005', 'one call is refused');
	is(calls_made(sub {
		is($session->query('SELECT count(*) FROM live.ob_accounts')->{state}, 'OB005', 'a session that had used it hears of it');
		is((sqlstate_of($node, "SELECT ob.sync($connection)"))[0], 'OB005', 'and every other');
	}), 0, 'without a call');

	sql(q{CREATE ROLE visitor; GRANT USAGE ON SCHEMA ob TO visitor; GRANT EXECUTE ON FUNCTION ob.retry_credentials TO visitor});
	is((sqlstate_of($node, q{SET ROLE visitor; SELECT ob.retry_credentials('plaid')}))[0], '42501', 'not for everybody to lift');
	is((sqlstate_of($node, q{SELECT ob.retry_credentials('nowhere')}))[0], '42704', 'of a server');
	is(sql(q{SELECT ob.retry_credentials('plaid')}), '1', 'an administrator asks again');
	is(sql(q{SELECT ob.retry_credentials('plaid')}), '0', 'once');
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'and it works');
	is($session->query('SELECT count(*) FROM live.ob_accounts')->{state}, 'none', 'there too');
	is(sql(q{SELECT count(*) FROM ob.audit_log WHERE action = 'CREDENTIALS_RETRIED'}), '1', 'audited');
};

subtest 'one mapping of several' => sub {
	sql(q{CREATE ROLE other SUPERUSER; CREATE USER MAPPING FOR other SERVER plaid OPTIONS (client_id 'sandbox-client', client_secret 'wrong')});
	is((sqlstate_of($node, q{SET ROLE other; SELECT ob.institutions('plaid', 'bank')}))[0], 'OB005', 'is refused');
	is(sql(q{SELECT refused_for FROM ob.server_status}), '{other}', 'the view says which');
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'the other is not');
	set_secret('sandbox-secret', 'other');
	is((sqlstate_of($node, q{SET ROLE other; SELECT ob.institutions('plaid', 'bank')}))[0], 'none', 'until it is changed');
	sync_due();
	is(sql(q{SELECT refused_for FROM ob.server_status}), '', 'the next run notices');
};

subtest 'a secret in a file' => sub {
	my $file = write_private($node->basedir . '/client_secret', 'wrong');
	sql("ALTER USER MAPPING FOR PUBLIC SERVER plaid OPTIONS (DROP client_secret, ADD client_secret_file '$file')");
	make_due();
	is(calls_made(sub { sync_due(); sync_due() }), 1, 'is refused once');
	write_private($file, 'sandbox-secret');
	is(sync_due(), "$banks connections: $banks complete, 0 waiting, 0 deferred, 0 failed", 'and tried as soon as the file has changed');
};

my $log = slurp_file($node->logfile);
unlike($log, qr/was terminated by signal|PANIC|TRAP:/, 'no crash');

done_testing();
