# Links that come back to the application: state and proof, every way to end, repairs and longer consents.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Links;
use OpenBanking::TrueLayer;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url, { max_worker_processes => 16 });
set_up_truelayer($node, $url);
links_at($node, $url);

sub refused
{
	my ($fields, $link_id) = @_;
	my $json = JSON::PP->new->encode($fields);
	my $id = $link_id ? "'$link_id'" : 'NULL';
	return (sqlstate_of($node, "SELECT * FROM ob.link_complete($id, '$json')"))[0];
}

# The bank shows the login that was made last the account that a connection has first.
sub show_the_same_account
{
	my ($connection) = @_;
	my ($sort_code, $number) = split /\|/, sql("SELECT n.bank_code, n.number FROM (SELECT account_id FROM ob.accounts_all
			WHERE connection_id = $connection AND number_sealed IS NOT NULL OFFSET 0) a, ob.account_number($connection, a.account_id) n
		WHERE n.scheme = 'bacs' LIMIT 1");
	my $item = control($url, 'dump', {})->{truelayer}{items}[-1];
	control($url, 'truelayer/accounts/set', { item_id => $item->{item}{item_id}, account_id => $item->{accounts}[0]{account}{account_id},
		set => { account_number => { number => $number, sort_code => $sort_code } } });
	return;
}

my $bank;

subtest 'a link' => sub {
	my ($link, $address) = start_journey('ann');
	my ($other) = start_journey('ann');
	isnt($link, $other, 'is a new one each time');
	like($address, qr{^\Q$url\E/truelayer/auth/\?response_type=code&client_id=sandbox-client&}, 'leads to the authentication server');
	like($address, qr/[?&]state=\Q$link\E(&|$)/, 'with its id as state');
	like($address, qr/[?&]code_challenge=[\w-]{43}&code_challenge_method=S256/, 'and a challenge');
	is(sql("SELECT count(*) FROM ob.links WHERE link_id = '$link' AND verifier_sealed IS NOT NULL"), 1, 'whose verifier is sealed');

	is(sql(q{SELECT expires_at > now() FROM ob.link('tl', 'ann')}), 't', 'is told until when it is good');

	my $fields = come_back($address);
	is($fields->{state}, $link, 'the browser brings it back');
	is(refused({ %$fields, state => $other }, $link), '22023', 'another state is refused');
	is(refused({ %$fields, state => 'made-up' }), '42704', 'so is one that nobody knows');
	my ($status, $id) = split /\|/, complete_journey($fields); # found by its state
	is($status, 'active', 'the bank is linked');
	$bank = $id;
	is(link_state($link), "completed||$bank", 'the link has ended');
	is(sql("SELECT count(*) FROM ob.links WHERE link_id = '$link' AND num_nonnulls(url_sealed, token_sealed, verifier_sealed) > 0"), 0,
		'and forgotten its secrets');
	is(refused($fields), '55000', 'a state is good once');
	is(sql("SELECT server, provider, institution_id, consent_ip, scopes @> '{accounts,offline_access}', consent_given_at IS NOT NULL,
		consent_expires_at > now() + interval '80 days', authenticated_at > now() - interval '1 hour' FROM ob.connections"),
		'tl|truelayer|mock|198.51.100.7|t|t|t|t', 'what is known of the consent');
	cmp_ok(sql("SELECT count(*) FROM ob.accounts WHERE connection_id = $bank"), '>=', 2, 'its accounts are there');
};

subtest 'journeys that come to nothing' => sub {
	foreach my $way ([ { outcome => 'cancel' }, 'access_denied' ], [ { outcome => 'close' }, 'cancelled' ])
	{
		my ($link, $address) = start_journey('bob');
		my $fields = come_back($address, $way->[0]);
		like(complete_journey($fields, $link), qr/^cancelled\|\|/, "$way->[0]{outcome}: no error");
		is(link_state($link), "cancelled|$way->[1]|", 'the link is cancelled');
		is(refused($fields, $link), '55000', 'and over');
	}
	my ($link, $address) = start_journey('bob');
	my $fields = come_back($address);
	sql("UPDATE ob.links SET expires_at = now() - interval '1 minute' WHERE link_id = '$link'");
	is(refused($fields), '55000', 'an expired state is refused');
	($link, $address) = start_journey('bob');
	is(refused({ code => 'made-up', state => $link }), 'OB004', 'a code that nobody gave is refused');
	is(link_state($link), 'open||', 'and the link still there');
	is(complete_journey(come_back($address), $link) =~ /^active/, 1, 'for the right one');
	is(sql('SELECT count(*) FROM ob.connections'), 2, 'nothing else was linked');
};

subtest 'a verifier that is not the link\'s' => sub {
	my ($link, $address) = start_journey('carl');
	my ($other, $other_address) = start_journey('carl');
	my $fields = come_back($other_address);
	is(refused({ %$fields, state => $link }), 'OB004', 'exchanges nothing');
};

subtest 'a caller who rolls back' => sub {
	my ($link, $address) = start_journey('dora');
	my $json = JSON::PP->new->encode(come_back($address, { username => 'john5', password => 'doe5' }));
	sql("BEGIN; SELECT * FROM ob.link_complete('$link', '$json'); ROLLBACK");
	like(link_state($link), qr/^completed/, 'the bank is linked');
	is(sql("SELECT count(*) FROM ob.connections WHERE user_ref = 'dora'"), 1, 'all the same');
};

subtest 'the same accounts once more' => sub {
	my $first = link_truelayer('erik', { username => 'john7', password => 'iban7' });
	my ($link, $address) = start_journey('erik');
	my $fields = come_back($address, { username => 'john7', password => 'iban7' });
	show_the_same_account($first);
	like(complete_journey($fields, $link), qr/^active\|\d+\|the same accounts are linked as connection $first/,
		'are told');
};

subtest 'the user logs in again' => sub {
	my $yesterday = sql("SELECT to_char(now() - interval '1 day', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')");
	control($url, 'truelayer/items/set', { item_id => item_of($bank), consent_expires_at => $yesterday });
	sql("UPDATE ob.connections SET state = 'reauth_required', reauth_reason = 'consent_expired' WHERE id = $bank");
	my $item = item_of($bank);
	my ($link, $action, $address) = split /\|/, sql("SELECT link_id, action, url FROM ob.relink($bank)");
	is($action, 'redirect', 'at the bank');
	my ($status, $id) = split /\|/, complete_journey(come_back($address), $link);
	is($id, $bank, 'the connection stays');
	wait_until('its repair', sub { state_of($bank) eq 'active' });
	is(item_of($bank), $item, 'with its name at the provider');
	is(sql("SELECT status FROM ob.sync($bank)"), 'complete', 'and is read on');
	is(sql("SELECT count(*) FROM ob.audit_log WHERE action = 'REAUTHORIZED' AND connection_id = $bank"), 1, 'audited');
};

subtest 'a consent from scratch' => sub {
	# Its refresh token is unknown by now: there is no way back but a new link.
	control($url, 'truelayer/items/set', { item_id => item_of($bank), removed => JSON::PP::true });
	my $before = item_of($bank);
	my ($link, undef, $address) = split /\|/, sql("SELECT link_id, action, url FROM ob.relink($bank)");
	my $fields = come_back($address);
	show_the_same_account($bank);
	my (undef, $id) = split /\|/, complete_journey($fields, $link);
	is($id, $bank, 'the connection stays');
	wait_until('its repair', sub { item_of($bank) ne $before });
	is(sql("SELECT status FROM ob.sync($bank)"), 'complete', 'and goes on under its new name');
	control($url, 'truelayer/items/set', { item_id => item_of($bank), removed => JSON::PP::true });
	($link, undef, $address) = split /\|/, sql("SELECT link_id, action, url FROM ob.relink($bank)");
	my ($status, $elsewhere, $notice) = split /\|/,
	  complete_journey(come_back($address, { username => 'john20', password => 'iban20' }), $link);
	isnt($elsewhere, $bank, 'another login is another connection');
	like($notice, qr/another bank or account/, 'as is said');
};

subtest 'a longer consent' => sub {
	my $eternal = link_truelayer('ewa', { username => 'john', password => 'eternal' });
	my $user = '"user": {"name": "Ewa", "email": "ewa@example.com"}';
	my ($state) = sqlstate_of($node, "SELECT * FROM ob.relink($eternal, '{\"extend\": true, $user}')");
	is($state, '22023', 'wants the user\'s word');
	($state) = sqlstate_of($node, "SELECT * FROM ob.relink($eternal, '{\"extend\": \"yes\"}')");
	is($state, '22023', 'and clear ones');
	my ($link, $action) = split /\|/, sql("SELECT link_id, action FROM ob.relink($eternal, '{\"extend\": true, \"user_has_reconfirmed_consent\": true, $user}')");
	is($action, 'none', 'may need nothing else');
	is(link_state($link), "completed||$eternal", 'the link has ended with it');
	is(sql("SELECT status FROM ob.sync($eternal)"), 'complete', 'the new tokens are in use');
	is(sql("SELECT count(*) FROM ob.audit_log WHERE action = 'CONSENT_EXTENDED' AND connection_id = $eternal"), 1, 'audited');
	my $john = link_truelayer('fred', { username => 'john9', password => 'doe9' });
	($link, $action, my $address) = split /\|/, sql("SELECT link_id, action, url FROM ob.relink($john, '{\"extend\": true, \"user_has_reconfirmed_consent\": true, $user}')");
	is($action, 'redirect', 'or the bank');
	my (undef, $id) = split /\|/, complete_journey(come_back($address, { username => 'john9', password => 'doe9' }), $link);
	is($id, $john, 'the connection goes on');
};

subtest 'the end' => sub {
	is(sql("SELECT ob.disconnect($bank)"), 'disconnected', 'at TrueLayer, too');
	is(control($url, 'requests')->{by_path}{'/truelayer/auth/api/delete'}, 1, 'which was told');
	is(tokens_of($bank), 0, 'no token is left');
};

$node->stop;
done_testing();
