# As 085_secrets.pl, for TrueLayer: tokens that are renewed all the time, links with proofs, accounts' and cards' numbers, and
# who people are, are nowhere but sealed, whatever is done and whatever fails.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Links;
use OpenBanking::TrueLayer;
use OpenBanking::Watched;
use POSIX qw(strftime);
use Test::More;

my $json = JSON::PP->new->canonical;
my $url = start_sandbox();
my $client_secret = secret('client secret');
my $webhook_secret = secret('webhook secret');
my $callback = 'http://127.0.0.1:9/callback';
control($url, 'config', { clients => [ { client_id => 'sandbox-client', secret => $client_secret } ], redirect_uris => [$callback] });
control($url, 'truelayer/config', { webhook_secret => $webhook_secret });
my $node = watched_node("$url,http://127.0.0.1:9");
links_at($node, $url);
truelayer_at($node, $url);

my %known;

# Tokens that TrueLayer has given out by now.
sub plant_tokens
{
	foreach my $item (map { $_->{item} } @{ control($url, 'dump', {})->{truelayer}{items} })
	{
		foreach my $kind ('access_token', 'refresh_token')
		{
			my $token = $item->{$kind} // '';
			next if $token eq '' || $known{$token}++;
			secret("$kind " . keys(%known) . " of $item->{item_id}", substr $token =~ s/^.*\.//r, 0, 30); # long ones take long to search for
		}
	}
	return;
}

sub server
{
	my ($name, $sealed_for, $options) = @_;
	my %options = (provider => 'truelayer', environment => 'sandbox', api_url => "$url/truelayer/api", auth_url => "$url/truelayer/auth",
		redirect_uri => $callback, limits => 'off', unattended_per_day => 0, keep_raw => 'true', scopes => 'info accounts cards balance transactions offline_access',
		providers => 'uk-cs-mock uk-ob-all', webhook_scheme => 'hmac_sha256', %{ $options // {} });
	my $list = join ', ', map { "$_ '$options{$_}'" } sort keys %options;
	does("server $name", "CREATE SERVER $name FOREIGN DATA WRAPPER openbanking OPTIONS ($list)");
	my %sealed;
	foreach my $option ([ client_secret => $sealed_for ], [ webhook_secret => $webhook_secret ])
	{
		($sealed{ $option->[0] }) = does("sealed for $name", 'SELECT ob.seal($1, $2, $3)', $name, @$option);
	}
	does("mapping of $name", "CREATE USER MAPPING FOR PUBLIC SERVER $name OPTIONS (client_id 'sandbox-client', "
		  . join(', ', map { "$_ '$sealed{$_}'" } sort keys %sealed) . ')');
	return;
}
server('tl', $client_secret);
server('wrong', secret('wrong client secret'));
server('closed', $client_secret, { api_url => 'http://127.0.0.1:9', auth_url => 'http://127.0.0.1:9' });
does('live tables', 'CREATE SCHEMA live');
does('live tables', 'IMPORT FOREIGN SCHEMA ob FROM SERVER tl INTO live');

my $alice = person('end user');
my $address = '2001:db8:' . join ':', map { sprintf '%x', 0x1000 + rand 0xE000 } 1 .. 6;
person('address', $address);
my $complete = 'SELECT status, connection_id FROM ob.link_complete($1, $2::jsonb, $3::inet)';

# Begins a link; what its address holds is nobody's business: (link_id, address).
sub begin_link
{
	my ($user, $options, @statement) = @_;
	@statement = ('SELECT link_id, url FROM ob.link($1, $2, $3::jsonb)', 'tl', $user, $json->encode($options // {})) unless @statement;
	my ($link, $page) = does('a link', @statement);
	secret("challenge of $link", $1) if $page =~ /code_challenge=([\w-]{30})/;
	return ($link, $page);
}

# What the browser brings back, with a code that is planted.
sub back
{
	my ($link, $page, $way) = @_;
	my $fields = come_back($page, { username => 'john', password => 'doe', %{ $way // {} } });
	secret("code of $link", substr $fields->{code}, 0, 30) if $fields->{code};
	return $fields;
}

sub connect_bank
{
	my ($user, $way) = @_;
	my ($link, $page) = begin_link($user);
	my $fields = back($link, $page, $way);
	my (undef, $connection) = does('completed', $complete, $link, $json->encode($fields), $address);
	plant_tokens();
	return $connection;
}

# Fills a connection's accounts and rows with what must not get about.
sub fill
{
	my ($connection) = @_;
	my $item = item_of($connection);
	my ($dump) = @{ control($url, 'dump', { item_id => $item })->{truelayer}{items} };
	my $id = $dump->{accounts}[0]{account}{account_id};
	my $number = secret("account number of $connection", digits(12));
	control($url, 'truelayer/accounts/set', { item_id => $item, account_id => $id,
		set => { display_name => person("account of $connection") . ' ' . card_number("card in an account's name of $connection"),
			account_number => { number => $number, sort_code => '01-21-31', iban => secret("iban of $connection", 'GB29NWBK' . digits(14)) } } });
	control($url, 'truelayer/transactions/add', { item_id => $item, account_id => $id, transactions => [
		{ description => person("text of $connection") . ' ' . card_number("card in a text of $connection"), amount => -1.5,
			timestamp => strftime('%Y-%m-%dT00:00:00Z', gmtime), merchant_name => person("merchant of $connection"),
			meta => { counter_party_preferred_name => person("other side of $connection"),
				counter_party_iban => secret("iban of the other side of $connection", 'GB33BUKB' . digits(14)),
				provider_reference => card_number("card in a reference of $connection") } } ] });
	return;
}

my $connection = connect_bank($alice, { username => 'john', password => 'eternal' });
fill($connection);

subtest 'links' => sub {
	my ($link, $page) = begin_link($alice, { nonce => JSON::PP::true });
	my $fields = back($link, $page, { username => 'john2', password => 'doe2' });
	fails('of another state', '22023', $complete, $link, $json->encode({ %$fields, state => text() }), $address);
	fails('a made-up code', 'OB004', $complete, $link, $json->encode({ state => $link, code => secret('made-up code') }), $address);
	fails('no object', '22023', $complete, $link, $json->encode([ $fields->{code} ]), $address);
	does('completed', $complete, $link, $json->encode($fields), $address);
	fails('again', '55000', $complete, $link, $json->encode($fields), $address);
	($link, $page) = begin_link(person('user who leaves'));
	back($link, $page, { outcome => 'cancel' });
	does('left', $complete, $link, $json->encode({ state => $link, error => 'access_denied', error_description => echo('why somebody left') }), $address);
	# Needed for one call only, so kept nowhere.
	my %user = (name => secret('name of who prolongs'), email => secret('e-mail') . '@example.com');
	fails('prolonged without a word', '22023', 'SELECT ob.relink($1, $2::jsonb)', $connection, $json->encode({ extend => JSON::PP::true, user => \%user }));
	does('prolonged', 'SELECT link_id FROM ob.relink($1, $2::jsonb)', $connection,
		$json->encode({ extend => JSON::PP::true, user_has_reconfirmed_consent => JSON::PP::true, user => \%user }));
	plant_tokens();
	($link, $page) = begin_link(undef, undef, 'SELECT link_id, url FROM ob.relink($1)', $connection);
	does('logged in again', $complete, $link, $json->encode(back($link, $page, { username => 'john', password => 'eternal' })), $address);
	fails('adopted in vain', 'OB006', 'SELECT ob.adopt_connection($1, $2, $3::jsonb)', 'tl', $alice,
		$json->encode({ access_token => secret('invented access token'), refresh_token => secret('invented refresh token') }));
	plant_tokens();
};

subtest 'reading' => sub {
	does('sync', 'SELECT status FROM ob.sync($1, user_ip => $2::inet)', $connection, $address);
	does('all of it', 'CALL ob.sync_now($1, full => true)', $connection);
	does('due', 'CALL ob.sync_due()');
	foreach my $table ('accounts', 'transactions', 'balances')
	{
		does("live $table", "SELECT count(t) FROM live.ob_$table t WHERE user_ref = \$1", $alice);
		explained("EXPLAIN of live $table", "EXPLAIN (VERBOSE, ANALYZE, FORMAT JSON) SELECT * FROM live.ob_$table WHERE connection_id = \$1", $connection);
	}
	expire_tokens($connection);
	does('renewed by a scan', 'SELECT count(t) FROM live.ob_accounts t WHERE connection_id = $1', $connection);
	plant_tokens();
	does('renewed', 'SELECT ob.refresh_token($1)', $connection);
	plant_tokens();
	sql("UPDATE ob.connections SET authenticated_at = now() - interval '2 hours' WHERE id = $connection"); # else it is left alone
	does('all renewed', 'CALL ob.refresh_tokens()');
	plant_tokens();
	like((does('account number', q{SELECT string_agg(number, ' ') FROM ob.accounts a, ob.account_number(a.connection_id, a.account_id) WHERE connection_id = $1
		AND a.type <> 'credit_card'}, $connection))[0], qr/\d{8}/, 'which is one');
	does('request', q{SELECT body FROM ob.request('tl', 'GET', '/data/v1/me', connection => $1)}, $connection);
	does('institutions', q{SELECT count(*) FROM ob.institutions('tl')});
	answers_all();
	answers('SELECT ob.export_user($1)', $alice);
};

subtest 'webhooks' => sub {
	my $receive = 'SELECT status, reason FROM ob.webhook_receive($1, $2::jsonb, $3, $4, $5)';
	my $number = 0;
	foreach my $type ('transaction.created', 'balance.updated', 'account.updated', 'consent.revoked', 'a.new.kind')
	{
		my $body = $json->encode({ type => $type, event_id => 'event-' . ++$number, event_timestamp => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
			resource_id => $type eq 'consent.revoked' ? 'unknown' : item_of($connection), resource_type => 'connection',
			description => echo("words of $type"), account_number => secret("number in $type", digits(12)), access_token => secret("token in $type") });
		my $mac = control($url, 'truelayer/webhooks/sign', { body => $body })->{hmac};
		my $headers = $json->encode({ 'Tl-Signature' => secret("MAC of $type", $mac), Cookie => 'session=' . secret("cookie of $type") });
		is((does($type, $receive, 'tl', $headers, '\x' . unpack('H*', $body), 'POST', '/hooks'))[0], 'accepted', "$type is accepted");
		is((does("forged $type", $receive, 'tl', $headers, '\x' . unpack('H*', "$body "), 'POST', '/hooks'))[0], 'rejected', 'and a changed one is not');
	}
};

subtest 'calls that fail' => sub {
	my ($token, $words) = (secret('echoed token'), echo('words of an error'));
	my %echoing = (error => $token, error_description => "$words $client_secret $token " . card_number('echoed card'),
		error_details => { reason => "$words $token" });
	my %answers = (
		'secrets in every field' => { kind => 'status', status => 400, body => $json->encode(\%echoing) },
		'forbidden' => { kind => 'status', status => 403, body => $json->encode({ %echoing, error => 'access_denied' }) },
		'a standing error' => { kind => 'status', status => 401, body => $json->encode({ %echoing, error => 'invalid_token' }) },
		'no JSON' => { kind => 'malformed', body => qq({"access_token": "$token", "$words": oops) },
		'a page' => { kind => 'html', body => "<html>$words $token" },
		'cut short' => { kind => 'truncate', bytes => 30 },
		'bytes that are no text' => { kind => 'invalid_utf8', field => 'display_name' },
		'another type' => { kind => 'content_type', content_type => "text/$words" },
		'other values' => { kind => 'malformed', body => $json->encode({ results => $words, error => $token }) },
	);
	foreach my $name (sort keys %answers)
	{
		foreach my $what ('accounts', 'transactions')
		{
			control($url, 'faults', { path => $what eq 'accounts' ? '/truelayer/api/data/v1/accounts' : '/truelayer/api/data/v1/accounts/*',
				count => 0, %{ $answers{$name} } });
			hear('SELECT ob.sync($1)', $connection);
			hear("SELECT count(t) FROM live.ob_$what t WHERE connection_id = \$1", $connection);
			control($url, 'faults', { clear => JSON::PP::true });
			sql("UPDATE ob.connections SET state = 'active' WHERE id = $connection");
			plant_tokens();
		}
	}
	fails('a wrong secret', 'OB005', $complete, do { my ($link, $page) = begin_link($alice, undef, 'SELECT link_id, url FROM ob.link($1, $2)', 'wrong', $alice);
		($link, $json->encode({ state => $link, code => secret('code for the wrong secret') })) }, $address);
	hear_failure('nobody answers', 'SELECT ob.adopt_connection($1, $2, $3::jsonb)', 'closed', $alice,
		$json->encode({ access_token => secret('token for nobody'), refresh_token => secret('refresh token for nobody') }));
	foreach my $body (\%echoing, { %echoing, error => 'invalid_grant' })
	{
		control($url, 'faults', { path => '/truelayer/auth/connect/token', kind => 'status', status => 400, body => $json->encode($body) });
		hear_failure('a renewal is refused', 'SELECT ob.refresh_token($1)', $connection);
		control($url, 'faults', { clear => JSON::PP::true });
		wait_until('its consequence', sub { sql(q{SELECT count(*) FROM ob.outcomes WHERE phase IN ('intent', 'answered', 'recorded')}) eq '0' });
		sql("UPDATE ob.connections SET state = 'active' WHERE id = $connection");
	}
};

subtest 'cut off in the middle' => sub {
	control($url, 'truelayer/config', { refresh_tokens => 'rotate_keep' });
	foreach my $point ('renew_answered', 'renew_recorded', 'exchange_answered')
	{
		my @statement = ('SELECT ob.refresh_token($1)', $connection);
		if ($point =~ /exchange/)
		{
			my ($link, $page) = begin_link(person("user at $point"));
			@statement = ('SELECT * FROM ob.link_complete($1, $2::jsonb)', $link, $json->encode(back($link, $page, { username => 'john3', password => 'doe3' })));
		}
		does('to be killed', "SET openbanking.test_crash_point = '$point'");
		$session->begin(@statement);
		ended("worker killed at $point", 'lost');
		after_a_crash();
		plant_tokens();
	}
	does('carried on', 'CALL ob.sync_due()');
	plant_tokens();
	does('ended', 'SELECT ob.disconnect($1, purge => true)', $connection);
};

is_nowhere_else();

done_testing();
