# No secret anywhere but sealed, no person in any log: everything is planted with texts that occur nowhere else, everything
# the extension can do is done, failures included, and then every byte that the server has written is searched for them.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use JSON::PP ();
use OpenBanking;
use OpenBanking::Hosted;
use OpenBanking::Keys;
use OpenBanking::Links;
use OpenBanking::Watched;
use OpenBanking::Webhooks;
use Test::More;
use Time::HiRes qw(sleep time);

my $json = JSON::PP->new->canonical;
# The part of a token that is no prefix; returns the token.
sub token
{
	my ($name, $value) = @_;
	secret($name, $value =~ s/^[a-z]+-sandbox-//r);
	return $value;
}
secret("any $_ token", "$_-sandbox-") foreach 'access', 'public', 'link';

my $url = start_sandbox();
my ($client_secret, $file_secret, $clear_secret) = (secret('client secret'), secret('client secret of a file'), unsealed('client secret in clear'));
control($url, 'config', { clients => [ map { { client_id => "client$_->[0]", secret => $_->[1] } }
	  [ 1, $client_secret ], [ 2, $file_secret ], [ 3, $clear_secret ] ] });
my $node = watched_node("$url,http://127.0.0.1:9");
links_at($node, $url);
my $dir = $node->basedir;

sub fault { return control($url, 'faults', { path => "/plaid$_[0]", %{ $_[1] } }); }
sub no_faults { return control($url, 'faults', { clear => JSON::PP::true }); }

# ---- servers, with secrets of every kind ----

sub server
{
	my ($name, $client, $secret_option, $secret, $api_url) = @_;
	$session->query(qq{CREATE SERVER $name FOREIGN DATA WRAPPER openbanking OPTIONS (provider 'plaid', environment 'sandbox',
		api_url '@{[ $api_url // "$url/plaid" ]}', client_name 'Test', products 'auth,transactions', keep_raw 'true')});
	($secret) = does("sealed for $name", 'SELECT ob.seal($1, $2, $3)', $name, $secret_option, $secret) unless $secret_option =~ /_file/;
	does("mapping of $name", "CREATE USER MAPPING FOR PUBLIC SERVER $name OPTIONS (client_id 'client$client', $secret_option '$secret')");
	return;
}
server('plaid', 1, 'client_secret', $client_secret);
server('wrong', 1, 'client_secret', secret('wrong client secret'));
server('closed', 1, 'client_secret', $client_secret, 'http://127.0.0.1:9');
server('filed', 2, 'client_secret_file', write_private("$dir/secret", $file_secret));
server('clear', 3, 'client_secret', 'placeholder');
unlogged("ALTER USER MAPPING FOR PUBLIC SERVER clear OPTIONS (SET client_secret '$clear_secret')");
like(unlogged("SELECT ob.seal('plaid', 'client_secret', '" . secret('secret sealed by a statement') . "')"), qr/^obsealed:v1:/, 'sealed by a statement');
does('live tables', 'CREATE SCHEMA live');
does('live tables', 'IMPORT FOREIGN SCHEMA ob FROM SERVER plaid INTO live');

sub begin_link
{
	my ($user) = @_;
	my ($link, $link_token) = does('a link', q{SELECT link_id, token FROM ob.link('plaid', $1, '{"mode": "embedded"}')}, $user);
	return ($link, public_token(token("link token of link $link", $link_token)));
}

my $alice = person('end user');
my %user = (email_address => person('e-mail') . '@example.com', phone_number => '+1' . person('phone', '415' . digits(9)));
my $address = '2001:db8:' . join ':', map { sprintf '%x', 0x1000 + rand 0xE000 } 1 .. 6;
person('address', $address);

# Accounts and transactions full of what must not get about. (connection)
sub adopt
{
	my ($name, $server, $client, $user) = @_;
	my $item = control($url, 'plaid/items/create', { client_id => "client$client", products => [ 'auth', 'transactions' ],
		access_token => token("token of $name", 'access-sandbox-' . text(36)) })->{items}[0];
	my %of = (item_id => $item->{item_id});
	control($url, 'plaid/accounts/set', { %of, account_id => $item->{account_ids}[0],
		set => { name => person("account of $name") . ' ' . card_number("card in an account of $name"), official_name => person("official name of $name") } });
	control($url, 'plaid/transactions/add', { %of, transactions => [
		{ name => person("payee of $name"), merchant_name => person("merchant of $name"),
			original_description => person("description of $name") . ' ' . card_number("card in a description of $name"),
			payment_meta => { reference_number => card_number("card in a reference of $name"), payee => person("payee in raw of $name") },
			counterparties => [ { name => person("counterparty of $name"), type => 'merchant', confidence_level => 'HIGH',
				account_numbers => { bacs => { account => secret("bacs of $name", digits(12)), sort_code => '601613' },
					international => { iban => secret("iban of $name", 'GB29NWBK' . digits(14)), bic => 'NWBKGB21' } } } ] },
		$server eq 'plaid' ? () :    # there live tables are read, which refuse such a row
		  { name => person("row without a day of $name") . ' ' . card_number("card in quarantine of $name"), date => 'no day' } ] });
	my ($connection) = does("$name: adopted", 'SELECT connection_id FROM ob.adopt_connection($1, $2, $3::jsonb)', $server, $user,
		$json->encode({ access_token => $item->{access_token} }));
	return ($connection, $item->{account_ids}[0]);
}

secret('account numbers', '111122223333');
my ($connection, $account) = adopt('first', 'plaid', 1, $alice);

subtest 'syncs and live tables' => sub {
	does('sync', 'SELECT status FROM ob.sync($1, user_ip => $2::inet)', $connection, $address);
	does('sync_now, full', 'CALL ob.sync_now($1, full => true)', $connection);
	my ($other) = adopt('second', 'filed', 2, person('second user'));
	my ($clear) = adopt('third', 'clear', 3, person('third user'));
	does('sync_due', 'CALL ob.sync_due()');
	is(sql('SELECT count(*) FROM ob.quarantine'), 2, 'what cannot be stored was met');
	foreach my $table ('accounts', 'transactions', 'balances')
	{
		does("live $table", "SELECT count(t) FROM live.ob_$table t WHERE user_ref = \$1", $alice);
		explained("EXPLAIN of live $table", "EXPLAIN (VERBOSE, ANALYZE, FORMAT JSON) SELECT * FROM live.ob_$table WHERE connection_id = \$1", $connection);
	}
	does('ended', 'SELECT ob.disconnect($1, purge => true)', $clear);

	my $production = unsealed('clear secret for production');
	unlogged("CREATE SERVER production FOREIGN DATA WRAPPER openbanking
		OPTIONS (provider 'plaid', environment 'production', api_url '$url/plaid', client_name 'Test');
		CREATE USER MAPPING FOR PUBLIC SERVER production OPTIONS (client_id 'client1', client_secret '$production')");
	fails('clear in production', '55000', 'SELECT ob.link($1, $2)', 'production', $alice);
	does('sealed for production', 'ALTER USER MAPPING FOR PUBLIC SERVER production OPTIONS (SET client_secret \''
		  . (does('sealed', 'SELECT ob.seal($1, $2, $3)', 'production', 'client_secret', $client_secret))[0] . '\')');
	does('sealed in production', 'SELECT ob.link($1, $2)', 'production', $alice);
};

subtest 'linking' => sub {
	my $options = $json->encode({ mode => 'embedded', user => \%user });
	my ($link, $link_token) = does('embedded', 'SELECT link_id, token FROM ob.link($1, $2, $3::jsonb, $4::inet)', 'plaid', $alice, $options, $address);
	my $public = token('public token', public_token(token('link token', $link_token)));
	my $response = $json->encode({ public_token => $public });
	my $complete = 'SELECT status FROM ob.link_complete($1, $2::jsonb, $3::inet)';
	does('not a text', $complete, $link, '{}', $address);
	does('of no use', $complete, $link, $json->encode({ public_token => [ $public ] }), $address);
	fails('no object', '22023', $complete, $link, $json->encode([ $public ]), $address);
	fails('unknown', 'OB004', $complete, $link, $json->encode({ public_token => token('invented public token', 'public-sandbox-' . text(36)) }), $address);
	does('completed', $complete, $link, $response, $address);
	does('again', $complete, $link, $response, $address);
	does('status', 'SELECT state FROM ob.link_status($1)', $link);

	my $page;
	($link, $page) = does('hosted', 'SELECT link_id, url FROM ob.link($1, $2)', 'plaid', $alice);
	secret('address of a link', $page =~ s{.*/}{}r);
	does('waiting', $complete, $link, '{}', $address);
	approve($page);
	does('asked', $complete, $link, '{}', undef);

	does('login reset', 'SELECT ob.sandbox_reset_login($1)', $connection);
	fails('refused', 'OB006', 'SELECT ob.sync($1)', $connection);
	($link, $page) = does('relink', 'SELECT link_id, url FROM ob.relink($1, $2::jsonb)', $connection, $json->encode({ user => \%user }));
	secret('address of a relink', $page =~ s{.*/}{}r);
	approve($page);
	does('repaired', $complete, $link, '{}', $address);

	($link) = does('another', 'SELECT link_id FROM ob.link($1, $2)', 'plaid', person('leaving user'));
	does('left', $complete, $link, $json->encode({ error => 'left: ' . echo('why somebody left') }), undef);
	($link) = does('one more', 'SELECT link_id FROM ob.link($1, $2)', 'plaid', person('cancelled user'));
	does('cancelled', 'SELECT ob.link_cancel($1)', $link);
	does('without a person', 'SELECT status FROM ob.sandbox_link($1, $2, $3::jsonb)', 'plaid', person('sandbox user'),
		$json->encode({ username => 'user_good', password => 'pass_good' }));
	fails('wrong password', 'OB006', 'SELECT status FROM ob.sandbox_link($1, $2, $3::jsonb)', 'plaid', person('other sandbox user'),
		$json->encode({ username => 'user_good', password => secret('password') }));
	fails('wrong days', '22023', 'SELECT ob.link($1, $2, $3::jsonb)', 'plaid', $alice, $json->encode({ days_requested => $user{email_address} }));
	fails('no token of the provider', 'OB004', 'SELECT ob.adopt_connection($1, $2, $3::jsonb)', 'plaid', $alice,
		$json->encode({ access_token => token('invented access token', 'access-sandbox-' . text(36)) }));
	fails('no credentials', '22023', 'SELECT ob.adopt_connection($1, $2, $3::jsonb)', 'plaid', $alice, $json->encode({ token => text() }));
};

# What comes by itself: what the provider signs, what nobody can check just now, what cannot be stored or worked off, and forgeries.
subtest 'webhooks' => sub {
	webhooks_at($node, $url);
	my $receive = 'SELECT status, reason, event_id FROM ob.webhook_receive($1, $2::jsonb, $3, remote_addr => $4::inet)';
	# What a body may be full of, besides what Plaid says that is in it.
	my $full = sub {
		my ($name) = @_;
		my $number = secret("number without quotes in $name", '9' . digits(11));
		return (
			public_token => token("public token in $name", 'public-sandbox-' . text(36)),
			public_tokens => [ token("listed token in $name", 'public-sandbox-' . text(36)) ],
			request_id => token("token for an id in $name", 'access-sandbox-' . text(36)),
			reason => 'because ' . echo("words of $name"), status => 'Dear ' . echo("greeting in $name"), event_name => card_number("card in $name"),
			amount => $number + 0, accounts => [ { account => secret("account number in $name", digits(12)), mask => '0000' } ],
			international => { iban => secret("iban in $name", 'GB29NWBK' . digits(14)), "${number}1" => 1 },
			owners => [ { names => [ echo("owner in $name") ], emails => [ { data => echo("e-mail in $name") . '@example.com' } ] } ],
			'Name' . echo("name of a member of $name") => { status => 'SUCCESS' },
		);
	};
	my $body = sub {
		my ($name, $type, $code, %more) = @_;
		return webhook_body({ $full->($name), webhook_type => $type, webhook_code => $code, environment => 'sandbox', item_id => item_of($connection), %more });
	};
	# With headers that are the receiver's own business; what has become of it must be as told.
	my $come = sub {
		my ($name, $expected, $bytes, %how) = @_;
		my $header = $how{header} // sign('', { digest => sha256_hex($bytes), %{ $how{claims} // {} } });
		secret("signature of $name", $1) if $header =~ /\.([^.]{20,})$/;
		my $headers = $json->encode({ 'Plaid-Verification' => $header, Authorization => 'Bearer ' . secret("authorization of $name"),
			Cookie => 'session=' . secret("cookie of $name"), 'X-Forwarded-For' => echo("address of $name"), %{ $how{headers} // {} } });
		my ($status, $reason, $event) = does($name, $receive, $how{server} // 'plaid', $headers, '\x' . unpack('H*', $bytes), '52.21.26.131');
		is(join('|', $status, $reason // ''), $expected, "$name: what became of it");
		return $event;
	};
	my ($link, $link_token) = does('a link', q{SELECT link_id, token FROM ob.link('plaid', $1, '{"mode": "embedded"}')}, person('webhook user'));
	my %finished = (link_token => token('link token of a webhook', $link_token), link_session_id => 'a-session');
	my $event = $come->('a finished link', 'accepted|link', $body->('a finished link', 'LINK', 'SESSION_FINISHED', %finished));
	fault('/link/token/get', { kind => 'status', status => 400, body => $json->encode({ error_type => 'API_ERROR',
		error_code => token('token in an answer', 'link-sandbox-' . text(36)), error_message => echo('words about a link') . " $link_token" }) });
	is((does('not worked off', 'SELECT ob.webhook_retry($1)', $event))[0], 'waiting', 'its link waits');
	no_faults();
	does('swept', 'CALL ob.sweep_webhooks()');
	my %error = (error_type => 'ITEM_ERROR', error_code => 'ITEM_LOGIN_REQUIRED', error_message => echo('message of an error'),
		display_message => echo('message for a user'), error_code_reason => token('token for a reason', 'access-sandbox-' . text(36)),
		causes => [ { item_id => card_number('card in a cause'), error_message => echo('message of a cause') } ]);
	$come->('an error', 'accepted|bank_asked', $body->('an error', 'ITEM', 'ERROR', error => \%error));
	$come->('an error of no kind', 'accepted|bank_asked', $body->('an error of no kind', 'ITEM', 'ERROR', error => { %error, error_code => token('token for a code', 'access-sandbox-' . text(36)) }));
	$come->('repaired', 'accepted|', $body->('repaired', 'ITEM', 'LOGIN_REPAIRED'));
	$come->('a code of no use', 'accepted|', $body->('a code of no use', 'ITEM', token('token for a webhook code', 'access-sandbox-' . text(36))));
	$come->('of an unknown bank', 'accepted|connection_unknown', $body->('of an unknown bank', 'ITEM', 'LOGIN_REPAIRED', item_id => 'unknown'));
	$come->('of another place', 'rejected|wrong_environment', $body->('of another place', 'ITEM', 'ERROR', environment => 'production'));
	$come->('no JSON', 'rejected|body_malformed', $body->('no JSON', 'ITEM', 'ERROR') . 'x');
	$come->('no text', 'rejected|body_malformed', $body->('no text', 'ITEM', 'ERROR', error => "\xff"));
	$come->('with a NUL', 'accepted|', $body->('with a NUL', 'ITEM', 'NEW_ACCOUNTS_AVAILABLE', status => "\0" . echo('words behind a NUL')));
	my $changed = $body->('a changed one', 'ITEM', 'ERROR');
	$come->('a changed one', 'rejected|wrong_body', "$changed ", claims => { digest => sha256_hex($changed) });
	$come->('no token', 'rejected|token_malformed', $changed, header => secret('header that is no token'));
	$come->('a wrong one', 'rejected|wrong_algorithm', $changed, claims => { alg => 'HS256' });
	$come->('a long one', 'rejected|header_too_large', $changed, header => secret('long header') . 'x' x 100_000);

	sql('ALTER TABLE ob.webhook_events ADD CONSTRAINT none CHECK (NOT verified) NOT VALID');
	$come->('not stored', 'unavailable|not_stored', $body->('not stored', 'ITEM', 'ERROR', error => \%error));
	sql('ALTER TABLE ob.webhook_events DROP CONSTRAINT none');

	my $before = secret('webhook secret before');
	server('shared', 1, 'client_secret', $client_secret);
	my ($shared) = does('sealed', 'SELECT ob.seal($1, $2, $3)', 'shared', 'webhook_secret', secret('webhook secret') . ",$before");
	does('a secret for webhooks', "ALTER USER MAPPING FOR PUBLIC SERVER shared OPTIONS (ADD webhook_secret '$shared')");
	does('an HMAC', q{ALTER SERVER shared OPTIONS (ADD webhook_scheme 'hmac_sha256')});
	my $bytes = $body->('with an HMAC', 'LINK', 'EVENTS');
	my $mac = sub { return { 'X-Finicity-Signature' => secret($_[0], hmac_sha256_hex($bytes, $_[1])) }; };
	$come->('signed with one of two', 'accepted|', $bytes, server => 'shared', header => '', headers => $mac->('MAC', $before));
	$come->('signed with another', 'rejected|wrong_signature', $bytes, server => 'shared', header => '', headers => $mac->('forged MAC', "x$before"));

	# Neither the secret nor the client's own, which asking for a new key takes, can be opened.
	rename "$dir/keys", "$dir/keys.away" or die $!;
	control($url, 'plaid/webhooks/rotate_key', { expire_old => JSON::PP::false });
	new_session();
	$come->('without a key ring', 'unavailable|not_configured', $body->('without a key ring', 'LINK', 'EVENTS'));
	$come->('an HMAC without a key ring', 'unavailable|not_configured', $bytes . ' ', server => 'shared', header => '', headers => $mac->('MAC in vain', $before));
	rename "$dir/keys.away", "$dir/keys" or die $!;
	answers('SELECT e::text FROM ob.webhook_events e');
};

subtest 'everything else' => sub {
	my $number = 'SELECT number FROM ob.account_number($1, $2, refresh => $3::bool)';
	like((does('account number', $number, $connection, $account, 'f'))[0], qr/^111122223333/, 'which is one');
	does('a fresh one', $number, $connection, $account, 't');
	does('request', q{SELECT body FROM ob.request('plaid', 'POST', '/auth/get', body => $2::jsonb, connection => $1)}, $connection, '{}');
	fails('request for tokens', '42501', q{SELECT ob.request('plaid', 'POST', '/item/public_token/exchange', body => $1::jsonb)},
		$json->encode({ public_token => 'public-sandbox-' . text(36) }));
	does('institutions', q{SELECT count(*) FROM ob.institutions('plaid', 'platypus')});
	fails('webhook', 'OB004', q{SELECT ob.sandbox_fire_webhook($1, 'SYNC_UPDATES_AVAILABLE')}, $connection);
	does('token rotated', 'SELECT ob.rotate_access_token($1)', $connection);
	add_key('2:' . new_key());
	does('key rotated', 'CALL ob.rotate_key()');
	does('allowed', 'SELECT ob.allow($1, $2)', person('accountant'), $alice);
	fails('nobody is allowed', '22023', 'SELECT ob.allow(NULL, $1)', $alice);
	does('adopted', 'SELECT ob.adopt_database()');
	does('operated', 'SELECT ob.pause($1), ob.resume($1), ob.retry($1)', $connection);
	does('account paused', 'SELECT ob.pause_account($1, account_id), ob.resume_account($1, account_id) FROM ob.accounts WHERE connection_id = $1', $connection);
	does('consents', 'CALL ob.check_consents()');
	answers('SELECT ob.export_user($1)', $alice);
	answers('SELECT * FROM ob.keys()');
	answers_all();
	my $gone = person('erased user');
	adopt('erased', 'plaid', 1, $gone);
	does('erased', 'SELECT ob.erase_user($1)', $gone);
	fails('mapping', 'HV00D', q{CREATE USER MAPPING FOR CURRENT_USER SERVER plaid OPTIONS (client_id 'x', client_secrett 'y')});
};

subtest 'calls that fail' => sub {
	my $sync = 'SELECT ob.sync($1)';
	my ($token, $words) = (token('echoed token', 'access-sandbox-' . text(36)), echo('words of an error'));
	my %echoing = (error_type => 'API_ERROR', error_code => $token, request_id => $token, display_message => $words,
		error_message => "$words $client_secret $token " . card_number('echoed card'));
	my %answers = (
		'secrets in every field' => { kind => 'status', status => 400, body => $json->encode(\%echoing) },
		'a standing error' => { kind => 'status', status => 400, body => $json->encode({ %echoing, error_type => 'ITEM_ERROR', error_code => 'ITEM_LOGIN_REQUIRED' }) },
		'no JSON' => { kind => 'malformed', body => qq({"access_token": "$token", "$words": oops) },
		'a page' => { kind => 'html', body => "<html>$words $token" },
		'cut short' => { kind => 'truncate', bytes => 30 },
		'bytes that are no text' => { kind => 'invalid_utf8', field => 'name' },
		'another type' => { kind => 'content_type', content_type => "text/$words" },
		'other values' => { kind => 'malformed', body => $json->encode({ accounts => $words, request_id => $token }) },
		'a list for an id' => { kind => 'malformed', body => $json->encode({ accounts => [ { account_id => [ $words ], name => $token } ], item => {} }) },
	);
	my %paths = (accounts => '/accounts/*', transactions => '/transactions/*');
	foreach my $name (sort keys %answers)
	{
		foreach my $what (sort keys %paths)
		{
			fault($paths{$what}, { count => 0, %{ $answers{$name} } });
			hear_failure("$name, $what", $sync, $connection);
			hear_failure("$name, live $what", "SELECT count(t) FROM live.ob_$what t WHERE connection_id = \$1", $connection);
			no_faults();
			sql("UPDATE ob.connections SET state = 'active' WHERE id = $connection");
		}
	}
	fails('a wrong secret', 'OB005', 'SELECT ob.link($1, $2)', 'wrong', $alice);
	fails('nobody answers', 'OB001', 'SELECT ob.link($1, $2)', 'closed', $alice);
	fails('nor there', 'OB001', 'SELECT ob.adopt_connection($1, $2, $3::jsonb)', 'closed', $alice, $json->encode({ access_token => $token }));
	fault('/item/access_token/invalidate', { kind => 'status', status => 400, body => $json->encode(\%echoing) });
	ok($session->query('SELECT ob.rotate_access_token($1)', $connection)->{state} ne 'none', 'a rotation is refused');
	fault('/auth/get', { kind => 'malformed', body => qq({"numbers": {"ach": [{"account": "111122223333$words" oops) });
	fails('numbers', 'OB003', 'SELECT ob.account_number($1, $2, refresh => true)', $connection, $account);
	no_faults();

	# JSON that is broken within what is kept as it came.
	my %asked = ('/transactions/sync' => [ '{}', 'SELECT ob.sync($1, full => true)' ],
		'/transactions/get' => [ '{"start_date": "2020-01-01", "end_date": "2030-01-01"}', 'SELECT count(t) FROM live.ob_transactions t WHERE connection_id = $1' ]);
	foreach my $path (sort keys %asked)
	{
		my ($body, $statement) = @{ $asked{$path} };
		my ($page) = does("a page of $path", q{SELECT body FROM ob.request('plaid', 'POST', $1, body => $2::jsonb, connection => $3)}, $path, $body, $connection);
		foreach my $broken ('tru', '01', '1e999999', '"\\x"', "\"\x01\"", '"\\ud800"', '[1,]', '[' x 3000 . ']' x 3000)
		{
			my $name = 'beside ' . substr($broken, 0, 10) . " of $path";
			my $odd = qq("odd": {"who": ") . person($name) . qq(", "what": $broken, "too": "x"});
			fault($path, { count => 0, kind => 'malformed', body => $page =~ s/"transaction_id"/$odd, "transaction_id"/r });
			like(hear($statement, $connection)->{state}, qr/^(none|OB003)$/, $name);
			no_faults();
		}
	}

	# What PostgreSQL cannot store, with people's data around it.
	my $item = control($url, 'plaid/items/create', { client_id => 'client1', username => 'user_odd', password => 'nul' })->{items}[0];
	my ($odd) = does('odd texts', 'SELECT connection_id FROM ob.adopt_connection($1, $2, $3::jsonb)', 'plaid', person('odd user'),
		$json->encode({ access_token => $item->{access_token} }));
	control($url, 'plaid/transactions/add', { item_id => $item->{item_id},
		transactions => [ { name => person('name with a NUL') . "\0" . person('name behind a NUL'), amount => 1 } ] });
	hear($_, $odd) foreach $sync, 'SELECT count(t) FROM live.ob_transactions t WHERE connection_id = $1';
};

subtest 'cut off in the middle' => sub {
	control($url, 'latency', { path => '/plaid/item/public_token/exchange', ms => 500 });
	my ($link, $public) = begin_link(person('impatient user'));
	my $before = calls('/item/public_token/exchange');
	$session->begin('SELECT * FROM ob.link_complete($1, $2::jsonb)', $link, $json->encode({ public_token => token('public token of a cancelled call', $public) }));
	wait_until('the call', sub { calls('/item/public_token/exchange') > $before });
	watch();
	sql('SELECT pg_cancel_backend(' . $session->pid . ')');
	ended('cancelled', '57014');
	wait_until('the exchange', sub { phase_of($link) eq 'done' });
	control($url, 'latency', { path => '/plaid/item/public_token/exchange', ms => undef });

	foreach my $point ('exchange_answered', 'rotate_recorded')
	{
		($link, $public) = begin_link(person("user at $point"));
		does('to be killed', "SET openbanking.test_crash_point = '$point'");
		$session->begin($point =~ /rotate/ ? ('SELECT ob.rotate_access_token($1)', $connection)
			: ('SELECT * FROM ob.link_complete($1, $2::jsonb)', $link, $json->encode({ public_token => token("public token at $point", $public) })));
		ended("worker killed at $point", 'lost');
		after_a_crash();
	}
	does('carried on', 'CALL ob.sync_due()');
};

is_nowhere_else();

done_testing();
