# The audit log: who did what to whom, whatever became of the statement; and no line ever changes.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);
sql(q{
	CREATE ROLE desk LOGIN;
	CREATE ROLE boss LOGIN;
	SELECT ob.grant_operate('desk'), ob.grant_admin('boss');
	GRANT USAGE ON FOREIGN SERVER plaid TO desk, boss;
});

sub count_of { return sql("SELECT count(*) FROM ob.audit_log WHERE $_[0]"); }

sub last_line
{
	my ($columns, $condition) = @_;
	return sql("SELECT $columns FROM ob.audit_log WHERE $condition ORDER BY id DESC LIMIT 1");
}

subtest 'who, for whom, from where' => sub {
	my $link = sql(q{
		SET ROLE desk;
		SET openbanking.user_ref = 'carol the accountant';
		SELECT link_id FROM ob.link('plaid', 'alice', '{"mode": "embedded"}', '192.0.2.7')});
	my $who = q{actor, login_role = session_user,
		person = (SELECT pseudonym FROM ob.audit_persons WHERE user_ref = 'alice'),
		acting_person = (SELECT pseudonym FROM ob.audit_persons WHERE user_ref = 'carol the accountant'),
		(SELECT user_ip FROM ob.audit_addresses WHERE audit_id = audit_log.id)};
	is(last_line($who, q{action = 'AUTH_LINK_CREATED'}), 'desk|t|t|t|192.0.2.7', 'a line of the session');

	my ($other, $public) = link_with_token('bob');
	my $complete = complete_sql($other, $public);
	$complete =~ s/\)$/, '192.0.2.8')/;
	sql("SET ROLE desk; SET openbanking.user_ref = 'carol the accountant'; $complete");
	$who =~ s/alice/bob/;
	is(last_line($who, q{action = 'CONNECTED'}), 'desk|t|t|t|192.0.2.8', 'a line of the worker on behalf of it');
	is(sql("SELECT request ? 'acting' FROM ob.outcomes WHERE kind = 'exchange'"), 'f', 'which remembers nobody afterwards');

	my $connection = sql("SELECT id FROM ob.connections WHERE user_ref = 'bob'");
	sql("SET ROLE desk; SELECT FROM ob.sync($connection)");
	is(last_line('actor, person = (SELECT pseudonym FROM ob.audit_persons WHERE user_ref = \'bob\'), acting_person',
		q{action = 'SYNCED'}), 'desk|t|', 'nobody spoken for');
	sql("SELECT ob.allow('carol the accountant', 'bob', now() + interval '1 hour')");
	is(last_line(q{person = (SELECT pseudonym FROM ob.audit_persons WHERE user_ref = 'bob'),
		(details ->> 'to_person')::uuid = (SELECT pseudonym FROM ob.audit_persons WHERE user_ref = 'carol the accountant')},
		q{action = 'ACCESS_GRANTED'}), 't|t', 'who may see whom');
	is(count_of(q{audit_log::text ~ 'alice|bob|carol|192\.0\.2'}), '0', 'no person and no address in the log itself');
	is(sql('SELECT count(*), count(DISTINCT user_ref) FROM ob.audit_persons'), '3|3', 'one pseudonym each');
};

subtest 'what was done at the provider stays in it' => sub {
	my $connection = link_bank($node, 'dora');
	my $request = "SELECT status FROM ob.request('plaid', 'POST', '/item/get', connection => $connection)";
	sql("BEGIN; $request; ROLLBACK");
	is(count_of("action = 'REQUEST' AND connection_id = $connection"), '1', 'a call that was rolled back');
	is(last_line(q{success, details ->> 'status', request_id <> ''}, q{action = 'REQUEST_ANSWERED'}), 't|200|t', 'and its answer');

	control($url, 'latency', { path => '/plaid/item/get', ms => 5000 });
	my ($state) = sqlstate_of($node, "SET statement_timeout = 300; $request");
	control($url, 'latency', { path => '/plaid/item/get', ms => undef });
	is($state, '57014', 'a call that is cancelled');
	is(count_of("action = 'REQUEST' AND connection_id = $connection"), '2', 'is there');

	control($url, 'faults', { kind => 'status', status => 500, path => '/plaid/link/token/create', count => 3 });
	($state) = sqlstate_of($node, q{SELECT ob.link('plaid', 'erin', '{}', '192.0.2.9')});
	control($url, 'faults', { clear => JSON::PP::true });
	isnt($state, 'none', 'a link that the provider does not give');
	is(last_line(q{success, details ->> 'sqlstate' = '} . $state . q{', person IS NOT NULL}, q{action = 'AUTH_LINK_CREATED'}),
		'f|t|t', 'is there');

	# A line needs no lock that another transaction may hold for long.
	my $session = OpenBanking::Session->new($node);
	$session->value('BEGIN');
	$session->value(q{SELECT link_id FROM ob.link('plaid', 'fred', '{"mode": "embedded"}')});
	cmp_ok(elapsed_ms(sub { link_bank($node, 'fred') }), '<', 1900, 'two transactions with a first line of one person');
	$session->value('COMMIT');
	$session->quit;
};

subtest 'append only' => sub {
	foreach my $role ('desk', 'boss')
	{
		foreach my $sql ('UPDATE ob.audit_log SET success = true', 'DELETE FROM ob.audit_log', 'TRUNCATE ob.audit_log',
			q{INSERT INTO ob.audit_log (action, actor, login_role, success) VALUES ('X', 'x', 'x', true)},
			q{SELECT ob.record_audit('X')}, q{UPDATE ob.installation SET retention = '{"audit_log": "0"}'},
			'DELETE FROM ob.audit_persons', 'DELETE FROM ob.audit_addresses')
		{
			my ($state) = sqlstate_of($node, "SET ROLE $role; $sql");
			is($state, '42501', "$role: $sql");
		}
	}
	foreach my $mode ('origin', 'replica')
	{
		foreach my $sql ('UPDATE ob.audit_log SET success = true', 'DELETE FROM ob.audit_log', 'TRUNCATE ob.audit_log',
			'TRUNCATE ob.audit_log CASCADE')
		{
			my ($state, $err) = sqlstate_of($node, "SET session_replication_role = $mode; $sql");
			is($state, '42501', "superuser, $mode: $sql");
			like($err, qr/append only/, 'says why');
		}
	}
	sql(q{UPDATE ob.installation SET retention = '{"audit_log": "1 hour"}'});
	my ($state) = sqlstate_of($node, 'DELETE FROM ob.audit_log');
	is($state, '42501', 'younger than the retention');
	my $lines = count_of('true');
	sql(q{UPDATE ob.installation SET retention = '{"audit_log": "0"}'});
	sql("DELETE FROM ob.audit_log WHERE action = 'SYNCED'");
	cmp_ok(count_of('true'), '<', $lines, 'older than the retention: may go');
	($state) = sqlstate_of($node, 'UPDATE ob.audit_log SET success = true');
	is($state, '42501', 'but never change');
	sql('INSERT INTO ob.installation (system_identifier, database) VALUES (7, 7)');
	is(sql('SELECT system_identifier, count(*) FROM ob.installation GROUP BY 1'), '7|1', 'an installation has one row, the last that came');
};

done_testing();
