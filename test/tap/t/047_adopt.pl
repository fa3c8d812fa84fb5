# Bank logins that were linked elsewhere are taken over, all in the caller's transaction.
use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $json = JSON::PP->new->canonical;
my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

# An item that some other application has linked: {item_id, access_token}.
sub item_elsewhere { return control($url, 'plaid/items/create', { %{ $_[0] // {} } })->{items}[0]; }

# What that application asks the provider.
sub ask
{
	my ($path, $body) = @_;
	my $answer = HTTP::Tiny->new->post("$url/plaid$path", {
		headers => { 'Content-Type' => 'application/json', 'PLAID-CLIENT-ID' => 'sandbox-client',
			'PLAID-SECRET' => 'sandbox-secret', 'Plaid-Version' => '2020-09-14' },
		content => $json->encode($body) });
	die "$path: $answer->{content}" unless $answer->{success};
	return $json->decode($answer->{content});
}

# How far it has read: the cursor of a finished loop.
sub cursor_of
{
	my ($token) = @_;
	my $page = { next_cursor => '' };
	do {
		$page = ask('/transactions/sync', { access_token => $token, cursor => $page->{next_cursor}, count => 500 });
	} while ($page->{has_more});
	return $page->{next_cursor};
}

sub adopting
{
	my ($user, $credentials) = @_;
	return "SELECT * FROM ob.adopt_connection('plaid', '$user', '" . $json->encode($credentials) . "')";
}
sub adopt { return sql(adopting(@_)); }

subtest 'without a cursor' => sub {
	my $item = item_elsewhere();
	my $row = adopt('ada', { access_token => $item->{access_token} });
	like($row, qr/^\d+\|active\|First Platypus Bank\|\|$/, 'a connection');
	my ($connection) = $row =~ /^(\d+)/;
	is(item_of($connection), $item->{item_id}, 'of that item');
	is(sql("SELECT count(*) FROM ob.accounts WHERE connection_id = $connection"), '3', 'its accounts are there at once');
	is(sql("SELECT consent_given_at IS NULL, institution_id FROM ob.connections WHERE id = $connection"), 't|ins_109508',
		'when the user consented is not known');
	is(sql("SELECT action, details FROM ob.audit_log WHERE connection_id = $connection"), 'CONNECTED|{"adopted": true}',
		'audited');
	sql("CALL ob.sync_due(user_ref => 'ada')");
	is(our_rows($connection), bank_rows($connection), 'a sync is due and brings everything');
	like(adopt('ada', { access_token => item_elsewhere()->{access_token} }), qr/^\d+\|active\|[^|]+\|$connection\|.*already/,
		'a second one with the same accounts is named');
};

subtest 'with a cursor' => sub {
	my $item = item_elsewhere();
	my $cursor = cursor_of($item->{access_token});
	my $credentials = { access_token => $item->{access_token}, item_id => $item->{item_id}, cursor => $cursor };
	my ($connection) = adopt('cara', $credentials) =~ /^(\d+)/;
	is(sql("SELECT cursor = '$cursor', initial_sync_done, history_complete FROM ob.sync_state "
			. "WHERE connection_id = $connection"), 't|t|t', 'what came before counts as read');
	is(sql("SELECT status, added FROM ob.sync($connection)"), 'complete|0', 'nothing has come since');
	control($url, 'plaid/transactions/generate', { item_id => $item->{item_id}, count => 7, seed => 5 });
	is(sql("SELECT status, added FROM ob.sync($connection)"), 'complete|7', 'changes go on from there');
	isnt(our_rows($connection), bank_rows($connection), 'what was before does not come');
	is(sql(qq{SELECT status FROM ob.sync($connection, "full" => true)}), 'complete', 'unless it is asked for');
	is(our_rows($connection), bank_rows($connection), 'then all is there');

	my $other = item_elsewhere();
	($connection) = adopt('cleo', { access_token => $other->{access_token}, cursor => $cursor }) =~ /^(\d+)/;
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', "another item's cursor");
	is(our_rows($connection), bank_rows($connection), 'is found out: everything is read');
};

subtest 'an item that is known already' => sub {
	my $item = item_elsewhere();
	my ($connection) = adopt('mine', { access_token => $item->{access_token} }) =~ /^(\d+)/;
	sql("SELECT ob.sync($connection)");
	my $cursor = sql("SELECT cursor FROM ob.sync_state WHERE connection_id = $connection");
	my $rows = our_rows($connection);
	my $new = ask('/item/access_token/invalidate', { access_token => $item->{access_token} })->{new_access_token};
	sqlstate_of($node, "SELECT ob.sync($connection)");
	wait_until('the state', sub { state_of($connection) eq 'error' });

	my ($state, $err) = sqlstate_of($node, adopting('yours', { access_token => $new }));
	is($state, '42501', 'for another user: refused');
	unlike($err, qr/mine|connection \d/, 'without a word whose it is');
	is(state_of($connection), 'error', 'and without effect');

	sql('BEGIN; ' . adopting('mine', { access_token => $new }) . '; ROLLBACK');
	is(state_of($connection), 'error', 'rolled back: as before');
	like(adopt('mine', { access_token => $new, cursor => 'elsewhere' }), qr/^$connection\|active\|[^|]+\|\|.*these tokens/,
		'for the same user: the same connection');
	is(sql("SELECT cursor = '$cursor' FROM ob.sync_state WHERE connection_id = $connection"), 't',
		'which goes on from where it has read to');
	is(sql("SELECT status, added FROM ob.sync($connection)"), 'complete|0', 'with the new token');
	is(our_rows($connection), $rows, 'and its rows');
	is(sql("SELECT action FROM ob.audit_log WHERE connection_id = $connection AND action = 'REAUTHORIZED'"), 'REAUTHORIZED',
		'audited');
};

subtest 'an item that stands in error' => sub {
	my $item = item_elsewhere({ error => 'ITEM_LOGIN_REQUIRED' });
	my $set = sub { control($url, 'plaid/items/set', { item_id => $item->{item_id}, error => $_[0] }) };
	my $credentials = { access_token => $item->{access_token} };
	my $row = adopt('erin', $credentials);
	like($row, qr/^\d+\|reauth_required\|/, 'is taken over, and known to be so');
	my ($connection) = $row =~ /^(\d+)/;
	is(sql("SELECT reauth_reason, error_code, next_sync_at IS NULL FROM ob.connections "
			. "JOIN ob.sync_state ON connection_id = id WHERE id = $connection"), 'login|ITEM_LOGIN_REQUIRED|t', 'with its reason');
	like(adopt('erin', $credentials), qr/^$connection\|reauth_required\|/, 'once more: still so');
	$set->(undef);
	like(adopt('erin', $credentials), qr/^$connection\|active\|/, 'until it works');
	is((sqlstate_of($node, "SELECT ob.sync($connection)"))[0], 'none', 'it can be synced');
	$set->('USER_PERMISSION_REVOKED');
	like(adopt('erin', $credentials), qr/^$connection\|revoked\|/, 'broken since');
};

subtest 'nothing is kept of what fails' => sub {
	my $item = item_elsewhere();
	my $credentials = { access_token => $item->{access_token} };
	my $connections = sql('SELECT count(*) FROM ob.connections');
	sql('BEGIN; ' . adopting('undo', $credentials) . '; ROLLBACK');
	is(sql('SELECT count(*) FROM ob.connections'), $connections, 'rolled back: no connection');
	is(sql("SELECT count(*) FROM ob.accounts_all a WHERE NOT EXISTS (SELECT FROM ob.connections WHERE id = a.connection_id)"),
		'0', 'nor anything of it');

	my $total = control($url, 'requests')->{total};
	is((sqlstate_of($node, 'BEGIN READ ONLY; ' . adopting('reader', $credentials) . '; COMMIT'))[0], '25006', 'read only');
	is((sqlstate_of($node, "SET openbanking.key_file = ''; " . adopting('keyless', $credentials)))[0], '55000', 'no key');
	my ($state, $err) = sqlstate_of($node, adopting('typo', { acces_token => 'access-sandbox-typo' }));
	is($state, '22023', 'an unknown member');
	unlike($err =~ s/^(STATEMENT|LINE).*//mr, qr/access-sandbox/, 'the error shows no token');
	is(control($url, 'requests')->{total}, $total, 'before any call');

	is((sqlstate_of($node, adopting('wrong', { access_token => 'access-sandbox-never-made' })))[0], 'OB004',
		'a token that the provider refuses');
	is((sqlstate_of($node, adopting('other', { %$credentials, item_id => 'another' })))[0], '22023',
		'a token of another item');
	is(sql('SELECT count(*) FROM ob.connections'), $connections, 'no connection');
	like(adopt('undo', $credentials), qr/^\d+\|active\|/, 'in the end it works');
	foreach my $table (qw(outcomes audit_log links connections sync_state tokens))
	{
		is(sql("SELECT count(*) FROM ob.$table t WHERE t::text ~ 'access-sandbox-'"), '0', "no token in ob.$table");
	}
};

# Whatever reads its transactions first decides for good how far back they reach.
subtest 'linked without transactions' => sub {
	sql("ALTER SERVER plaid OPTIONS (ADD days_requested '400')");
	foreach my $reading ('SELECT count(*) FROM ob.sync(%d)', 'SELECT count(*) FROM live.ob_transactions WHERE connection_id = %d')
	{
		my $item = item_elsewhere({ products => ['auth'], consented_products => [ 'auth', 'transactions' ] });
		my ($connection) = adopt('lena', { access_token => $item->{access_token} }) =~ /^(\d+)/;
		$node->psql('postgres', sprintf($reading, $connection)); # it may not be ready
		my ($found) = @{ control($url, 'dump', { item_id => $item->{item_id}, transactions => JSON::PP::false })->{plaid}{items} };
		is($found->{days_requested}, 400, "as far as the server's option says: $reading");
	}
	sql('ALTER SERVER plaid OPTIONS (DROP days_requested)');
};

subtest 'before it is committed' => sub {
	my $item = item_elsewhere();
	my $removals = calls('/item/remove');
	foreach my $function (qw(disconnect rotate_access_token))
	{
		my ($state, $err) = sqlstate_of($node, 'BEGIN; ' . adopting('hasty', { access_token => $item->{access_token} })
				. "; SELECT ob.$function(max(id)) FROM ob.connections; COMMIT");
		is($state, '55000', "$function: refused");
		like($err, qr/connection has not been committed/, "$function: and why");
	}
	is(calls('/item/remove'), $removals, 'nothing is removed');
	is(sql("SELECT count(*) FROM ob.connections WHERE user_ref = 'hasty'"), '0', 'and nothing is kept');
};

done_testing();
