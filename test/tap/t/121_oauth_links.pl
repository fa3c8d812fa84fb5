# Links that come back to the application: state and proof, every way to end, repairs and longer consents.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Links;
use OpenBanking::Session;
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
	is(refused({ code => $fields->{code} }, $link), '22023', 'and a code without any');
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

# The answer to the next code, and of /me: of a client whose tokens say nothing of their connection.
sub answer_opaquely
{
	my ($tokens) = @_;
	control($url, 'faults', { kind => 'status', status => 200, path => '/truelayer/auth/connect/token',
		body => JSON::PP->new->encode({ access_token => 'opaque', expires_in => 3600, token_type => 'Bearer', %$tokens }) });
	return;
}

sub tell_connection
{
	my ($id) = @_;
	control($url, 'faults', { kind => 'status', status => 200, path => '/truelayer/api/data/v1/me', count => 0,
		body => JSON::PP->new->encode({ results => [ { credentials_id => $id, provider => { provider_id => 'mock' } } ], status => 'Succeeded' }) });
	return;
}

subtest 'tokens that do not tell their connection' => sub {
	my ($link, $address) = start_journey('olga');
	my $fields = come_back($address, { username => 'john11', password => 'doe11' });
	answer_opaquely({ refresh_token => 'R' });
	control($url, 'faults', { kind => 'error', code => '503:provider_error', path => '/truelayer/api/data/v1/me', count => 0 });
	is(refused($fields, $link), 'OB008', 'while nobody says which it is, there is none');
	is(sql("SELECT phase, sealed IS NOT NULL FROM ob.outcomes WHERE link_id = '$link'"), 'answered|t', 'but the tokens are safe');
	control($url, 'faults', { clear => JSON::PP::true });
	tell_connection('cred-olga');
	like(complete_journey($fields, $link), qr/^active\|\d+/, 'then it is linked');
	is(sql("SELECT count(*) FROM ob.connections WHERE user_ref = 'olga' AND provider_connection_id = 'cred-olga'"), 1, 'by its name');
	control($url, 'faults', { clear => JSON::PP::true });
	($link, $address) = start_journey('olga');
	$fields = come_back($address, { username => 'john12', password => 'doe12' });
	answer_opaquely({ refresh_token => 'R2' });
	is(refused($fields, $link), 'OB006', 'if that is refused for good');
	is(link_state($link), 'failed|outcome_unknown|', 'the link is over');
	is(sql("SELECT phase, sealed IS NOT NULL FROM ob.outcomes WHERE link_id = '$link'"), 'failed|t', 'and the tokens are kept all the same');
};

subtest 'access that does not last' => sub {
	my ($link, $address) = start_journey('pete');
	my $fields = come_back($address, { username => 'john13', password => 'doe13' });
	answer_opaquely({ scope => 'info accounts balance transactions' });
	tell_connection('cred-pete');
	my (undef, $id, $notice) = split /\|/, complete_journey($fields, $link);
	control($url, 'faults', { clear => JSON::PP::true });
	like($notice, qr/lasting access was not granted/, 'is told at once');
	is(sql("SELECT renew_at = expires_at FROM ob.tokens WHERE subject = 'connection:$id'"), 't', 'it is used to its end');
	sql("UPDATE ob.connections SET authenticated_at = now() - interval '2 hours' WHERE id = $id");
	is(token_calls(sub { $node->safe_psql('postgres', "CALL ob.refresh_tokens('2 hours')") }), 0, 'nothing is renewed ahead of its time');
	is(state_of($id), 'active', 'nor ended');
	sql("UPDATE ob.tokens SET expires_at = now(), renew_at = now() WHERE subject = 'connection:$id'");
	my ($state) = sqlstate_of($node, "SELECT * FROM ob.sync($id)");
	is($state, 'OB006', 'then the user has to log in');
	wait_until('the state', sub { state_of($id) eq 'reauth_required' });
	is(sql("SELECT action FROM ob.relink($id)"), 'redirect', 'and can');
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

my $user = '"user": {"name": "Ewa", "email": "ewa@example.com"}';

my $extend = '/api/connections/extend';

sub extend_calls { return control($url, 'requests')->{by_path}{"/truelayer$extend"} // 0; }

sub extension
{
	my ($connection, $more) = @_;
	return "SELECT link_id, action, url FROM ob.relink($connection, '{\"extend\": true, \"user_has_reconfirmed_consent\": true, $user$more}')";
}

# A connection whose user never has to come back, and who once logged in long ago; its consent is over.
sub ended_bank
{
	my $connection = link_truelayer($_[0], { username => 'john', password => 'eternal' });
	sql("UPDATE ob.connections SET state = 'reauth_required', reauth_reason = 'consent_expired', requires_reauth = true,
		consent_given_at = '2020-01-01', authenticated_at = '2020-01-01' WHERE id = $connection");
	return $connection;
}

sub is_prolonged
{
	my ($connection) = @_;
	wait_until('its repair', sub { sql("SELECT state FROM ob.connections WHERE id = $connection") eq 'active' });
	is(sql("SELECT consent_given_at > now() - interval '1 hour', authenticated_at = '2020-01-01', requires_reauth, reauth_reason IS NULL
		FROM ob.connections WHERE id = $connection"), 't|t|f|t', 'the consent is new, nobody was at the bank');
	is(sql("SELECT action, success FROM ob.audit_log WHERE connection_id = $connection AND action = 'CONSENT_EXTENDED'"), 'CONSENT_EXTENDED|t', 'audited');
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'and the new tokens are in use');
	is(phase_of($connection), 'done', 'the outcome has ended');
	return;
}

subtest 'a longer consent' => sub {
	my $eternal = link_truelayer('ewa', { username => 'john', password => 'eternal' });
	my ($state) = sqlstate_of($node, "SELECT * FROM ob.relink($eternal, '{\"extend\": true, $user}')");
	is($state, '22023', 'wants the user\'s word');
	($state) = sqlstate_of($node, "SELECT * FROM ob.relink($eternal, '{\"extend\": \"yes\"}')");
	is($state, '22023', 'and clear ones');
	($state) = sqlstate_of($node, extension($eternal, ', "nonce": "n"'));
	is($state, '22023', 'and nothing that would not be heard');
	my ($link, $action) = split /\|/, sql(extension($eternal, ''));
	is($action, 'none', 'may need nothing else');
	is(link_state($link), "completed||$eternal", 'the link has ended with it');
	is(sql("SELECT options->>'extend', options ? 'user' FROM ob.links WHERE link_id = '$link'"), 'true|f', 'and keeps nothing of who the user is');
	is(sql(q{SELECT count(*) FROM ob.outcomes o WHERE o::text ~ 'ewa@example|Ewa'}), 0, 'nor does the outcome');
	is(sql("SELECT status FROM ob.sync($eternal)"), 'complete', 'the new tokens are in use');
	is(sql("SELECT count(*) FROM ob.audit_log WHERE action = 'CONSENT_EXTENDED' AND connection_id = $eternal"), 1, 'audited');
	my $john = link_truelayer('fred', { username => 'john9', password => 'doe9' });
	($link, $action, my $address) = split /\|/, sql(extension($john, ''));
	is($action, 'redirect', 'or the bank');
	is(phase_of($john), 'done', 'which is no change yet');
	my (undef, $id) = split /\|/, complete_journey(come_back($address, { username => 'john9', password => 'doe9' }), $link);
	is($id, $john, 'the connection goes on');
};

subtest 'a longer consent of a connection that has ended' => sub {
	my $ended = ended_bank('gail');
	is((split /\|/, sql(extension($ended, '')))[1], 'none', 'is had at once');
	is_prolonged($ended);

	$ended = ended_bank('hugo');
	sql('BEGIN; ' . extension($ended, '') . '; ROLLBACK');
	is_prolonged($ended);

	$ended = ended_bank('ida');
	control($url, 'latency', { path => "/truelayer$extend", ms => 800 });
	my $caller = OpenBanking::Session->new($node);
	my $before = extend_calls();
	$caller->begin(extension($ended, ''));
	wait_until('the call', sub { extend_calls() > $before });
	sql('SELECT pg_cancel_backend(' . $caller->pid . ')');
	is($caller->finish->{state}, '57014', 'whoever asked for it may be cancelled');
	control($url, 'latency', { path => "/truelayer$extend", ms => undef });
	is_prolonged($ended);
	$caller->quit;
};

subtest 'a longer consent while another session works on the connection' => sub {
	my $bank = ended_bank('jan');
	sql("UPDATE ob.connections SET state = 'active', reauth_reason = NULL, requires_reauth = false WHERE id = $bank");
	my $other = OpenBanking::Session->new($node);
	$other->value('BEGIN');
	is($other->value("SELECT status FROM ob.sync($bank)"), 'complete', 'which syncs');
	is((split /\|/, sql(extension($bank, '')))[1], 'none', 'does not wait');
	is(phase_of($bank), 'recorded', 'but its repair');
	$other->value('COMMIT');
	$other->quit;
	wait_until('its repair', sub { phase_of($bank) eq 'done' });
	is_prolonged($bank);
};

subtest 'an extension without an answer' => sub {
	my $fault = sub { control($url, 'faults', { path => "/truelayer$extend", kind => 'cut', @_ }) };
	control($url, 'truelayer/config', { refresh_tokens => 'stable' });
	my $ended = ended_bank('kim');
	my $before = extend_calls();
	$fault->();
	is((split /\|/, sql(extension($ended, '')))[1], 'none', 'is asked for once more');
	is(extend_calls() - $before, 2, 'with the tokens that are stored');
	is_prolonged($ended);

	$ended = ended_bank('lea');
	$fault->(takes_effect => JSON::PP::false, count => 2);
	is((sqlstate_of($node, extension($ended, '')))[0], 'OB011', 'but not for ever');
	is(phase_of($ended), 'failed', 'and what became of it is unknown');
	is((split /\|/, sql(extension($ended, '')))[1], 'none', 'it can be asked for anew');
	wait_until('its repair', sub { state_of($ended) eq 'active' });
	$fault->(takes_effect => JSON::PP::false);
	control($url, 'faults', { path => "/truelayer$extend", kind => 'status', status => 422, content_type => 'application/json', body => '{}', nth => 2 });
	is((sqlstate_of($node, extension($ended, '')))[0], 'OB011', 'a refusal of the second call does not say what became of the first');

	control($url, 'truelayer/config', { refresh_tokens => 'rotate' });
	$ended = ended_bank('mia');
	sql("UPDATE ob.connections SET state = 'active', reauth_reason = NULL, requires_reauth = false WHERE id = $ended");
	$fault->();
	is((sqlstate_of($node, extension($ended, '')))[0], 'OB011', 'tokens that came with it are lost');
	wait_until('the state', sub { state_of($ended) eq 'reauth_required' });
	is(sql("SELECT reauth_reason FROM ob.connections WHERE id = $ended"), 'outcome_unknown', 'and the user has to log in');
	is(sql("SELECT bool_or(success) FROM ob.audit_log WHERE connection_id = $ended AND action IN ('AUTH_LINK_CREATED', 'CONSENT_EXTENDED')"), 'f',
		'as the audit log says');
};

subtest 'an extension that is refused' => sub {
	my $bank = ended_bank('noa');
	control($url, 'faults', { path => "/truelayer$extend", kind => 'status', status => 422, content_type => 'application/problem+json',
		body => '{"type": "t", "title": "t", "status": 422, "trace_id": "x", "errors": {"user.email": ["ewa@example.com is wrong"]}}' });
	my ($state, $message) = sqlstate_of($node, extension($bank, ''));
	is($state, 'OB004', 'raises');
	is(phase_of($bank), 'failed', 'and is over');
	is(sql("SELECT success, details->>'hint', details->>'detail' ~ 'fields user.email\$' FROM ob.audit_log
		WHERE connection_id = $bank AND action = 'AUTH_LINK_CREATED'"), 'f|Use ob.relink without extend: the user logs in again.|t', 'audited, with what to do');
	is(state_of($bank), 'reauth_required', 'it says nothing about the connection');

	# 401 may be about the client: the tokens' own end decides.
	$bank = ended_bank('ola');
	sql("UPDATE ob.connections SET state = 'active', reauth_reason = NULL, requires_reauth = false WHERE id = $bank");
	control($url, 'faults', { path => "/truelayer$extend", kind => 'status', status => 401, content_type => 'application/problem+json',
		body => '{"type": "t", "title": "Unauthorized", "status": 401, "trace_id": "x"}' });
	is((sqlstate_of($node, extension($bank, '')))[0], 'OB006', 'not for this connection');
	is(sql("SELECT status FROM ob.sync($bank)"), 'complete', 'whose tokens are good');
	control($url, 'truelayer/items/set', { item_id => item_of($bank), removed => JSON::PP::true });
	is((sqlstate_of($node, extension($bank, '')))[0], 'OB006', 'nor this time');
	wait_until('the state', sub { state_of($bank) eq 'reauth_required' });
};

subtest 'the end' => sub {
	is(sql("SELECT ob.disconnect($bank)"), 'disconnected', 'at TrueLayer, too');
	is(control($url, 'requests')->{by_path}{'/truelayer/auth/api/delete'}, 1, 'which was told');
	is(tokens_of($bank), 0, 'no token is left');
};

$node->stop;
done_testing();
