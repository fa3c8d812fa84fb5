# All that is kept about an end user: given out, and deleted so that nothing remains.
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
	CREATE ROLE desk;
	CREATE ROLE boss;
	SELECT ob.grant_operate('desk'), ob.grant_admin('boss');
	GRANT USAGE ON FOREIGN SERVER plaid TO desk, boss;
});

my @tables = split /\n/, sql(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'ob'::regnamespace AND relkind = 'r'});

# A person of whom there is something in every table. Returns the connection.
sub settle
{
	my ($user) = @_;
	my ($link, $token) = link_with_token($user);
	my $complete = complete_sql($link, $token);
	$complete =~ s/\)$/, '198.51.100.7')/;
	sql("SET openbanking.user_ref = '$user'; $complete");
	my $connection = sql("SELECT id FROM ob.connections WHERE user_ref = '$user'");
	control($url, 'plaid/transactions/add', { item_id => item_of($connection),
		transactions => [ { name => "RENT OF $user", original_description => "RENT OF $user" }, { name => "SOMEDAY OF $user", date => 'no day' } ] });
	sql("SELECT FROM ob.sync($connection)");
	sql("UPDATE ob.accounts_all SET annotations = '{\"nick\": \"purse of $user\"}' WHERE connection_id = $connection");
	sql("SELECT ob.allow('$user', 'somebody else'), ob.allow('somebody else', '$user')");
	open_link($user);
	return $connection;
}

# What would give the person away: names, ids, texts, addresses.
sub traces
{
	my ($user) = @_;
	return split /\n/, sql(qq{
		WITH c AS (SELECT * FROM ob.connections WHERE user_ref = '$user')
		SELECT '$user' UNION SELECT provider_connection_id FROM c UNION SELECT '198.51.100.7'
		UNION SELECT a.account_id FROM ob.accounts_all a, c WHERE a.connection_id = c.id
		UNION SELECT a.account_ref::text FROM ob.accounts_all a, c WHERE a.connection_id = c.id
		UNION SELECT t.transaction_id FROM ob.transactions_all t, c WHERE t.connection_id = c.id
		UNION SELECT link_id FROM ob.links WHERE user_ref = '$user'
		UNION SELECT token_digest FROM ob.links WHERE user_ref = '$user' AND token_digest IS NOT NULL
		UNION SELECT grant_digest FROM ob.outcomes o JOIN ob.links l USING (link_id) WHERE l.user_ref = '$user' AND grant_digest IS NOT NULL
		UNION SELECT encode(k.sealed, 'hex') FROM ob.tokens k, c WHERE k.subject = 'connection:' || c.id});
}

# The tables in which one of these texts stands.
sub found_in
{
	my @texts = map { "'%$_%'" } @_;
	my $any = 'ARRAY[' . join(', ', @texts) . ']';
	return join ' ', grep { sql("SELECT EXISTS (SELECT FROM $_ t WHERE t::text LIKE ANY ($any))") eq 't' } @tables;
}

sub rows_of { return join '|', map { sql("SELECT count(*) FROM $_") } @tables; }

subtest 'export' => sub {
	my $connection = settle('erin');
	foreach my $role ('desk')
	{
		my ($state) = sqlstate_of($node, "SET ROLE $role; SELECT ob.export_user('erin')");
		is($state, '42501', "$role may not");
	}
	my $data = JSON::PP->new->allow_bignum->decode(sql("SET ROLE boss; SELECT ob.export_user('erin')"));
	is(join(' ', sort keys %$data), 'access_grants accounts audit_log connections links quarantine transactions user_ref webhook_events',
		'all there is');
	is(scalar @{ $data->{connections} }, 1, 'a connection');
	is(scalar @{ $data->{accounts} }, 3, 'its accounts');
	is(scalar @{ $data->{transactions} }, sql("SELECT count(*) FROM ob.transactions_all WHERE connection_id = $connection"),
		'its transactions');
	is(scalar @{ $data->{quarantine} }, 1, 'what could not be stored');
	is(scalar @{ $data->{links} }, 2, 'links');
	is(scalar @{ $data->{access_grants} }, 2, 'who may see whom');
	ok((grep { $_->{action} eq 'CONNECTED' && $_->{user_ip} eq '198.51.100.7' } @{ $data->{audit_log} }), 'lines of the log');
	ok(!(grep { /sealed|digest/ } map { keys %$_ } map { @$_ } grep { ref eq 'ARRAY' } values %$data), 'nothing sealed');
	sql("BEGIN READ ONLY; SELECT FROM ob.export_user('erin'); ROLLBACK");
	is(sql(q{SELECT count(*), count(*) FILTER (WHERE actor = 'boss'), count(DISTINCT person) FROM ob.audit_log WHERE action = 'EXPORTED'}),
		'2|1|1', 'audited, even read only and rolled back');
	$data = JSON::PP->new->decode(sql("SELECT ob.export_user('nobody')"));
	is(scalar @{ $data->{connections} }, 0, 'of somebody unknown there is nothing');
};

subtest 'nothing remains' => sub {
	settle('bystander');
	sql('ANALYZE');
	my $before = rows_of();
	my $connection = settle('alice');
	my $item = item_of($connection);
	my @traces = traces('alice');
	cmp_ok(scalar @traces, '>', 60, 'there is much to be found');
	my $found = found_in('alice', $item);
	like($found, qr/ob\.$_\b/, "in $_") foreach qw(connections accounts_all transactions_all quarantine links access_grants audit_persons);
	sql('ANALYZE');
	my $lines = sql('SELECT count(*) FROM ob.audit_log');

	my ($state) = sqlstate_of($node, "SET ROLE desk; SELECT ob.erase_user('alice')");
	is($state, '42501', 'not everybody may');
	($state) = sqlstate_of($node, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT ob.erase_user('alice')");
	is($state, '55000', 'not under a snapshot of before');
	is(calls_of('/item/remove', sub {
		like(sql("SET ROLE boss; SET openbanking.user_ref = 'alice'; SELECT ob.erase_user('alice')"),
			qr/"accounts": 3.*"connections": 1/, 'erased, by herself');
	}), 1, 'and ended at the provider');
	@traces = grep { $_ ne '198.51.100.7' } @traces;
	is(found_in(@traces), '', 'nothing in any row of any table');
	is(sql(q{SELECT count(*) FROM ob.audit_addresses a JOIN ob.audit_log l ON l.id = a.audit_id WHERE user_ip = '198.51.100.7'
		AND person NOT IN (SELECT pseudonym FROM ob.audit_persons)}), '0', 'nor an address');
	my $any = 'ARRAY[' . join(', ', map { "'%$_%'" } @traces) . ']';
	is(sql("SELECT string_agg(format('%s.%s', tablename, attname), ' ') FROM pg_stats WHERE schemaname = 'ob' "
		. "AND concat(most_common_vals::text, histogram_bounds::text) LIKE ANY ($any)"), '', "nor in the planner's statistics");
	cmp_ok(sql('SELECT count(*) FROM ob.audit_log'), '>', $lines, 'the audit log has all its lines');
	is(sql(qq{SELECT details ->> 'connections', person IS NULL, acting_person IS NULL, actor FROM ob.audit_log WHERE action = 'ERASED'}),
		'1|t|t|boss', 'and one that says so, of whom it does not say');
	cmp_ok(sql(qq{SELECT count(*) FROM ob.audit_log WHERE connection_id = $connection AND person IS NOT NULL}), '>', 2,
		'its other lines have a pseudonym');
	is(sql(q{SELECT count(*) FROM ob.audit_log l WHERE person IS NOT NULL AND connection_id = } . $connection
		. ' AND EXISTS (SELECT FROM ob.audit_persons p WHERE p.pseudonym = l.person)'), '0', 'that nobody can resolve');
	my %now;
	@now{@tables} = split /\|/, rows_of();
	my %then;
	@then{@tables} = split /\|/, $before;
	is($now{$_}, $then{$_}, "others keep theirs in $_") foreach grep { !/audit/ } @tables;
	like(sql("SELECT ob.erase_user('alice')"), qr/"connections": 0/, 'again: nothing left to do');
};

subtest 'a provider that does not let be ended' => sub {
	my $connection = settle('carl.example');
	control($url, 'faults', { kind => 'status', status => 500, path => '/plaid/item/remove', count => 6 });
	my ($state) = sqlstate_of($node, "SELECT ob.erase_user('carl.example')");
	isnt($state, 'none', 'raises');
	is(sql("SELECT state, transactions_synced > 0 FROM ob.connections WHERE id = $connection"), 'active|t', 'nothing is lost');
	my ($out, $err) = ('', '');
	$node->psql('postgres', "SELECT ob.erase_user('carl.example', force => true)", stdout => \$out, stderr => \$err);
	control($url, 'faults', { clear => JSON::PP::true });
	like($out, qr/"connections": 1/, 'unless it is forced');
	like($err, qr/WARNING.*could not be ended/, 'which warns');
	is(found_in('carl.example'), '', 'and leaves nothing');
	is(sql("SELECT success FROM ob.audit_log WHERE action = 'DISCONNECTED' AND connection_id = $connection ORDER BY id DESC LIMIT 1"), 'f',
		'the log knows it was not ended');
};

subtest 'rolled back' => sub {
	my $connection = settle('dave.example');
	my $rows = sql("SELECT count(*) FROM ob.transactions_all WHERE connection_id = $connection");
	sql("BEGIN; SELECT ob.erase_user('dave.example'); ROLLBACK");
	wait_until('the state', sub { state_of($connection) eq 'disconnected' }, 10);
	is(sql("SELECT count(*) FROM ob.transactions_all WHERE connection_id = $connection"), $rows,
		'ended at the provider, so ended here; but no row is lost');
	sql("SELECT ob.erase_user('dave.example')");
	is(found_in('dave.example'), '', 'once more, committed');
};

subtest 'beside a sync and a link' => sub {
	my $connection = settle('fay.example');
	my $item = item_of($connection);
	control($url, 'plaid/transactions/generate', { item_id => $item, count => 1200 });
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => 300 });
	my $before = calls('/transactions/sync');
	my $syncer = OpenBanking::Session->new($node);
	$syncer->begin("CALL ob.sync_now($connection, full => true)");
	wait_until('the sync', sub { calls('/transactions/sync') > $before });
	sql("SELECT ob.erase_user('fay.example')");
	$syncer->finish;
	control($url, 'latency', { path => '/plaid/transactions/sync', ms => undef });
	is(found_in('fay.example', $item), '', 'a sync under way brings nothing back');

	my ($link, $token) = link_with_token('gus.example');
	control($url, 'latency', { path => '/plaid/item/public_token/exchange', ms => 1500 });
	my $linker = OpenBanking::Session->new($node);
	$linker->begin(complete_sql($link, $token));
	wait_until('the intent', sub { phase_of($link) eq 'intent' });
	my ($state) = sqlstate_of($node, "SELECT ob.erase_user('gus.example')");
	is($state, '55000', 'while a bank is being linked: later');
	$linker->finish;
	control($url, 'latency', { path => '/plaid/item/public_token/exchange', ms => undef });
	sql("SELECT ob.erase_user('gus.example')");
	is(found_in('gus.example'), '', 'then all of it');
};

subtest 'a bank that is linked while another one is ended' => sub {
	my $first = settle('hal.example');
	# From here on the credentials are known to be good: calls do not wait for each other.
	sql("UPDATE ob.sync_state SET next_sync_at = now() WHERE connection_id = $first");
	sql('CALL ob.sync_due()');
	my ($link, $token) = link_with_token('hal.example');
	control($url, 'latency', { path => '/plaid/item/remove', ms => 3000 });
	my $eraser = OpenBanking::Session->new($node);
	$eraser->begin("SELECT ob.erase_user('hal.example')");
	wait_until('the removal', sub { phase_of($first) =~ /intent/ });
	sql(complete_sql($link, $token, { allow_duplicate => JSON::PP::true }));
	like($eraser->finish->{err}, qr/55000: .* linked or erased meanwhile/, 'is not forgotten without having been ended');
	control($url, 'latency', { path => '/plaid/item/remove', ms => undef });
	is(sql(q{SELECT count(*) FROM ob.connections c JOIN ob.tokens k ON k.subject = 'connection:' || c.id
		WHERE c.user_ref = 'hal.example' AND c.state = 'active'}), '1', 'its token is kept');
	is(calls_of('/item/remove', sub { sql("SELECT ob.erase_user('hal.example')") }), 1, 'once more: ended, too');
	is(found_in('hal.example'), '', 'and forgotten');
};

subtest 'a bank that begins to be linked while the rows are deleted' => sub {
	my $connection = settle('ida.example');
	my ($link, $token) = link_with_token('ida.example');
	my $holder = OpenBanking::Session->new($node);
	$holder->value("BEGIN; SELECT count(*) FROM (SELECT FROM ob.quarantine WHERE connection_id = $connection FOR UPDATE) q");
	my $eraser = OpenBanking::Session->new($node);
	$eraser->begin("SELECT ob.erase_user('ida.example')");
	wait_until('the deletion', sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'erase_user'}) });
	my $state;
	is(calls_of('/item/public_token/exchange', sub { ($state) = sqlstate_of($node, complete_sql($link, $token)) }), 0,
		'what would have nowhere to go is not asked for');
	isnt($state, 'none', 'it raises');
	$holder->value('ROLLBACK');
	is($eraser->finish->{state}, 'none', 'erased');
	is(found_in('ida.example'), '', 'nothing remains');
};

done_testing();
