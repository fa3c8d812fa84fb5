# From ob.link to the connection: on the hosted page, by every way that a token comes, several banks at once, and banks
# that are linked already.
use strict;
use warnings;

use JSON::PP ();
use OpenBanking;
use OpenBanking::Hosted;
use OpenBanking::Links;
use OpenBanking::Session;
use Test::More;

my $exchange = '/item/public_token/exchange';
my $asking = '/link/token/get';
my $json = JSON::PP->new->canonical;
my $bank = 'First Platypus Bank';

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_plaid($node, $url);
links_at($node, $url);

# Begins a hosted link for $user; returns (link_id, address of the page).
sub open_hosted
{
	my ($user, $options) = @_;
	my $text = $json->encode($options // {});
	return split /\|/, sql("SELECT link_id, url FROM ob.link('plaid', '$user', '$text')");
}

# ob.link_complete with anything as response.
sub completing
{
	my ($link, $response) = @_;
	my $text = $json->encode($response // {});
	return "SELECT * FROM ob.link_complete('$link', '$text')";
}
sub complete { return sql(completing(@_)); }

# The person behind a link token links a bank: its public token.
sub in_link
{
	my ($link_token, $how) = @_;
	return control($url, 'plaid/link/complete', { link_token => $link_token, %{ $how // {} } })->{public_tokens}[-1];
}

sub expire { sql("UPDATE ob.links SET expires_at = now() - interval '1 second' WHERE link_id = '$_[0]'"); return; }

subtest 'a hosted link, from ob.link to rows' => sub {
	my ($link, $page) = open_hosted('hana');
	is(complete($link), '|waiting|||the user has not finished yet', 'nobody has opened it');
	open_page($page);
	like(complete($link), qr/^\|waiting\|.*not finished/, 'opened');
	submit_page($page, bank => { institution_id => 'ins_109508' });
	submit_page($page, login => {}, 'cancel');
	like(complete($link), qr/^\|waiting\|\|\|the user left \(requires_credentials\) and may begin again until 20/,
		'left: she may begin again');
	is(sql("SELECT state FROM ob.link_status('$link')"), 'open', 'the link is open');
	like(log_in($page, { password => 'mfa_device', code => '0000' }), qr/not correct/, 'begun again, a wrong code');
	like(complete($link), qr/^\|waiting\|.*not finished/, 'not finished');
	submit_page($page, mfa => { code => '1234' });
	submit_page($page, accounts => { account => [ 0, 2 ] });

	my $row;
	is(calls_of($exchange, sub { $row = complete($link) }), 1, 'finished: one exchange');
	like($row, qr/^\d+\|active\|$bank\|\|$/, 'a connection');
	my ($connection) = $row =~ /^(\d+)/;
	is(link_state($link), "completed||$connection", 'the link is completed');
	is(sql("SELECT string_agg(name, ', ' ORDER BY name) FROM ob.accounts WHERE connection_id = $connection"),
		'Plaid Checking, Plaid Credit Card', 'its accounts are there at once, those that she chose');
	is(sql("SELECT institution_id, institution_logo IS NOT NULL FROM ob.connections WHERE id = $connection"),
		'ins_109508|t', 'so are the bank and its logo');
	sql("SELECT ob.sync($connection)");
	is(our_rows($connection), bank_rows($connection), 'and the first sync brings the rows');
};

subtest 'a hosted link that expires' => sub {
	my ($link, $page) = open_hosted('xaver');
	expire($link);
	my ($state, $err) = sqlstate_of($node, completing($link));
	is($state, '55000', 'never opened: refused');
	like($err, qr/state: expired/, 'as expired');

	($link, $page) = open_hosted('xenia');
	log_in($page);
	submit_page($page, accounts => {}, 'cancel');
	expire($link);
	like(complete($link), qr/^\|cancelled\|\|\|.*requires_account_selection/, 'left before: cancelled');
	is(link_state($link), 'cancelled|requires_account_selection|', 'so is the link');
	($state) = sqlstate_of($node, completing($link));
	is($state, '55000', 'which is refused from then on');

	($link, $page) = open_hosted('xylo');
	approve($page);
	expire($link);
	like(complete($link), qr/^\d+\|active\|/, 'finished just before: linked, by asking');

	($link, my $link_token) = open_link('xena');
	my $public = in_link($link_token);
	expire($link);
	control($url, 'faults', { kind => 'error', path => "/plaid$asking", code => 'INTERNAL_SERVER_ERROR', count => 3 });
	is((sqlstate_of($node, completing($link, { public_token => $public })))[0], 'OB008',
		'finished just before, and its token comes after: nobody can tell whose it is');
	is(calls_of($exchange, sub {
		like(complete($link, { public_token => $public }), qr/^\d+\|active\|/, 'the provider can: linked');
	}), 1, 'by one exchange');
	($link, $link_token) = open_link('xerxes');
	in_link($link_token);
	expire($link);
	is(calls_of($exchange, sub {
		my $other = in_link((open_link('xavier'))[1]);
		is((sqlstate_of($node, completing($link, { public_token => $other })))[0], '55000', "another link's token: refused");
	}), 0, 'no exchange');

	# Asking fails, or tells nothing.
	($link, $page) = open_hosted('yara');
	control($url, 'faults', { kind => 'error', path => "/plaid$asking", code => 'INTERNAL_SERVER_ERROR', count => 0 });
	($state) = sqlstate_of($node, completing($link));
	is($state, 'OB008', 'the provider is away: its error');
	control($url, 'faults', { clear => JSON::PP::true });
	is(link_state($link), 'open||', 'the link is as it was');
	like(complete($link, { public_token => 5 }), qr/^\|waiting\|/, 'a response without a usable token is one without a token');
};

subtest 'one token, three ways' => sub {
	my ($link, $link_token) = open_link('tripp');
	my $public = in_link($link_token);
	my %ways = (
		application => { public_token => $public },
		ITEM_ADD_RESULT => { webhook_code => 'ITEM_ADD_RESULT', link_token => $link_token, public_token => $public },
		SESSION_FINISHED => {
			webhook_code => 'SESSION_FINISHED', status => 'SUCCESS', link_token => $link_token, public_tokens => [$public]
		},
		asking => {},
	);
	foreach my $first (sort keys %ways)
	{
		($link, $link_token) = open_link("tripp $first");
		$public = in_link($link_token);
		foreach my $way (values %ways)
		{
			$way->{link_token} = $link_token if $way->{link_token};
			$way->{public_token} = $public if $way->{public_token};
			$way->{public_tokens} = [$public] if $way->{public_tokens};
		}
		my $row;
		is(calls_of($exchange, sub { $row = complete($link, $ways{$first}) }), 1, "$first comes first: one exchange");
		like($row, qr/^\d+\|active\|$bank\|\|$/, "$first: linked");
		my $total = control($url, 'requests')->{total};
		is(complete($link, $ways{$_}), $row, "$_ has the same row") for sort keys %ways;
		is(sql("SELECT * FROM ob.link_complete(response => '" . $json->encode($ways{$_}) . "')"), $row,
			"$_ finds it by the link token") for qw(ITEM_ADD_RESULT SESSION_FINISHED);
		is(control($url, 'requests')->{total}, $total, "$first: no call more");
	}

	my ($connection) = link_state($link) =~ /(\d+)$/;
	control($url, 'plaid/items/set', { item_id => item_of($connection), error => 'ITEM_LOGIN_REQUIRED' });
	sqlstate_of($node, "SELECT ob.sync($connection)");
	wait_until('the state', sub { state_of($connection) eq 'reauth_required' });
	like(complete($link, { public_token => $public }), qr/^$connection\|reauth_required\|/, 'the row shows what it is now');

	my $other = in_link($link_token, { institution_id => 'ins_109509' });
	is(calls_of($exchange, sub {
		my ($state, $err) = sqlstate_of($node, completing($link, { public_token => $other }));
		is($state, '55000', 'a completed link takes no other token');
		like($err, qr/state: completed, connection: $connection/, 'and says what it became');
	}), 0, 'no exchange');
};

subtest 'two sessions, one by token and one by asking' => sub {
	my ($link, $link_token) = open_link('twins');
	my $public = in_link($link_token);
	control($url, 'latency', { path => "/plaid$exchange", ms => 400 });
	my $before = calls($exchange);
	my @sessions = map { OpenBanking::Session->new($node) } 1 .. 4;
	$sessions[$_]->begin(completing($link, $_ % 2 ? {} : { public_token => $public })) for 0 .. 3;
	my @rows = map { $_->finish->{out} } @sessions;
	like($rows[0], qr/^\d+\|active\|/, 'linked');
	is("@rows", join(' ', ($rows[0]) x 4), 'all have the same row');
	is(calls($exchange) - $before, 1, 'one exchange');

	# Two tokens of one link at the same time: the link takes one.
	($link, $link_token) = open_link('rivals');
	my @tokens = map { in_link($link_token, { institution_id => $_ }) } qw(ins_109508 ins_109509);
	$before = calls($exchange);
	$sessions[$_]->begin(completing($link, { public_token => $tokens[$_] })) for 0 .. 1;
	my @results = map { $_->finish } @sessions[ 0, 1 ];
	is(join(' ', sort map { $_->{state} } @results), '55000 none', 'one links, the other comes too late');
	is(calls($exchange) - $before, 1, 'one exchange');
	control($url, 'latency', { path => "/plaid$exchange", ms => undef });
};

subtest 'several banks' => sub {
	my ($link, $link_token) = split /\|/, sql(q{SELECT link_id, token FROM ob.link('plaid', 'multi',
		'{"mode": "embedded", "enable_multi_item_link": true}')});
	my @tokens = map { in_link($link_token, { institution_id => $_, finish => JSON::PP::false }) } qw(ins_109508 ins_109509);
	my @rows = split /\n/, complete($link, { public_tokens => \@tokens });
	is(scalar @rows, 2, 'a row each');
	like($rows[0], qr/^\d+\|active\|First Platypus Bank\|\|$/, 'the first bank');
	like($rows[1], qr/^\d+\|active\|First Gingham Credit Union\|\|$/, 'the second');
	like(link_state($link), qr/^completed/, 'the link is completed');
	my $third = in_link($link_token, { institution_id => 'ins_109510', finish => JSON::PP::false });
	push @rows, complete($link, { public_token => $third });
	like($rows[2], qr/^\d+\|active\|Tattersall Federal Credit Union\|\|$/, 'it takes a third one, too');
	in_link($link_token, { institution_id => 'ins_109511' });
	my @asked = split /\n/, complete($link);
	is(join("\n", @asked[ 0 .. 2 ]), join("\n", @rows), 'asking yields all of them');
	like($asked[3], qr/^\d+\|active\|Tartan Bank\|\|$/, 'and finds the next');

	# Another link has one journey; what that brought is taken as a whole.
	($link, $link_token) = open_link('pair');
	@tokens = map { in_link($link_token, { institution_id => $_ }) } qw(ins_109508 ins_109509);
	is(calls_of($exchange, sub { @rows = split /\n/, complete($link) }), 2, 'asking finds two tokens: two exchanges');
	is(join(' ', map { (split /\|/)[1] } @rows), 'active active', 'two connections');

	($link, $link_token) = open_link('half');
	my $good = in_link($link_token);
	@rows = split /\n/, complete($link, { public_tokens => [ 'public-sandbox-never-made', $good ] });
	like($rows[0], qr/^\|error\|\|\|plaid refused the public token$/, 'one bank fails');
	like($rows[1], qr/^\d+\|active\|/, 'the other is linked');
	like(link_state($link), qr/^completed/, 'the link is completed');
	($link, $link_token) = open_link('other half');
	complete($link, { public_tokens => [ in_link($link_token), 'public-sandbox-never-made' ] });
	like(link_state($link), qr/^completed/, 'also if it is the last one that fails');
};

subtest 'several banks, one of which fails for now' => sub {
	my @cases = (
		[ 'the first', 'waiting active', 1, { kind => 'error', code => 'INSTITUTION_DOWN', nth => 1 } ],
		[ 'the last', 'active waiting', 1, { kind => 'error', code => 'INSTITUTION_DOWN', nth => 2 } ],
		[ 'the first, perhaps', 'waiting active', 0, { kind => 'cut', takes_effect => JSON::PP::false, nth => 1 } ],
		[ 'the last, perhaps', 'active waiting', 1, { kind => 'cut', takes_effect => JSON::PP::false, nth => 2 } ],
	);
	foreach my $case (@cases)
	{
		my ($which, $expected, $exchanges, $fault) = @$case;
		my ($link, $link_token) = open_link("later $which");
		my @tokens = map { in_link($link_token, { institution_id => $_ }) } qw(ins_109508 ins_109509);
		control($url, 'faults', { path => "/plaid$exchange", %$fault });
		my @rows = split /\n/, complete($link, { public_tokens => \@tokens });
		is(join(' ', map { (split /\|/)[1] } @rows), $expected, "$which: to be asked again");
		like((grep { /waiting/ } @rows)[0], qr/: ask again$/, "$which: it says so");
		like(link_state($link), qr/^open/, "$which: the link stays open");
		control($url, 'faults', { clear => JSON::PP::true });
		is(calls_of($exchange, sub { @rows = split /\n/, complete($link) }), $exchanges, "$which: the rest is done");
		is(join(' ', map { (split /\|/)[1] } @rows), 'active active', "$which: both are linked");
		like(link_state($link), qr/^completed/, "$which: the link is completed");
		is(sql("SELECT count(*) FROM ob.connections WHERE user_ref = 'later $which'"), '2', "$which: once each");
	}
};

subtest 'a bank that is in trouble from the start' => sub {
	my ($link, $link_token) = open_link('tara');
	my $public = in_link($link_token);
	my $item = control($url, 'dump', { transactions => JSON::PP::false })->{plaid}{items}[-1]{item}{item_id};
	control($url, 'plaid/items/set', { item_id => $item, error => 'ITEM_LOGIN_REQUIRED' });
	like(complete($link, { public_token => $public }), qr/^\d+\|reauth_required\|$bank\|/, 'is linked, and says so');
};

subtest 'a bank that is linked already' => sub {
	my $first = link_bank($node, 'dora');
	my %metadata = (metadata => { institution => { institution_id => 'ins_109508', name => $bank },
		accounts => [ { id => 'x', name => 'Plaid Checking', mask => '0000' } ] });
	my ($link, $link_token) = open_link('dora');
	my $public = in_link($link_token);
	my %responses = ('as Link tells it' => { public_token => $public, %metadata },
		'as the provider tells it' => { public_token => $public }, 'by asking' => {});
	foreach my $name (sort keys %responses)
	{
		is(calls_of($exchange, sub {
			like(complete($link, $responses{$name}), qr/^\|duplicate\|$bank\|$first\|.*ob\.relink.*"allow_duplicate": true$/,
				"$name: duplicate, and how to go on");
		}), 0, "$name: nothing is exchanged");
	}
	is(link_state($link), 'open|duplicate|', 'the link stays open');
	isnt((open_link('dora'))[0], $link, 'who wants to choose another bank gets a fresh one');
	my $row = complete($link, { public_token => $public, allow_duplicate => JSON::PP::true });
	like($row, qr/^(\d+)\|active\|$bank\|$first\|.*linked as connection $first already/, 'allowed: exchanged, and still named');
	my ($second) = $row =~ /^(\d+)/;
	isnt($second, $first, 'as another connection');
	is(complete($link, { public_token => $public }), $row, 'so it is when asked again');

	# Nothing was known before: named afterwards.
	like(sql("SELECT * FROM ob.sandbox_link('plaid', 'dora')"), qr/^\d+\|active\|$bank\|$first\|.*already/, 'sandbox_link');
	($link, $link_token) = open_link('dora');
	$public = in_link($link_token);
	control($url, 'faults', { kind => 'error', path => "/plaid$asking", code => 'INTERNAL_SERVER_ERROR', count => 0 });
	like(complete($link, { public_token => $public }), qr/^\d+\|active\|$bank\|$first\|.*already/,
		'the provider could not say which bank it is');
	control($url, 'faults', { clear => JSON::PP::true });

	# What is not the same.
	my %others = (
		'another bank' => sub { return ('dora', 'ins_109509') },
		'another user' => sub { return ('doris', 'ins_109508') },
		'a bank that is disconnected' => sub {
			sql('SELECT ob.disconnect(' . link_bank($node, 'dolly') . ')');
			return ('dolly', 'ins_109508');
		},
		'other accounts' => sub {
			my $connection = link_bank($node, 'dana');
			sql("UPDATE ob.accounts_all SET mask = '9' || mask WHERE connection_id = $connection");
			return ('dana', 'ins_109508');
		},
		'accounts that are gone' => sub {
			my $connection = link_bank($node, 'dina');
			sql("UPDATE ob.accounts_all SET removed_at = now() WHERE connection_id = $connection");
			return ('dina', 'ins_109508');
		},
	);
	foreach my $name (sort keys %others)
	{
		my ($user, $institution) = $others{$name}->();
		($link, $link_token) = open_link($user);
		in_link($link_token, { institution_id => $institution });
		like(complete($link), qr/^\d+\|active\|[^|]+\|\|$/, "$name: linked without a word");
	}

	# Of several banks one is linked already: the link waits for what becomes of it.
	($link, $link_token) = open_link('dora');
	my @tokens = map { in_link($link_token, { institution_id => $_ }) } qw(ins_109508 ins_109510);
	my @rows = split /\n/, complete($link, { public_tokens => \@tokens });
	is(join(' ', map { (split /\|/)[1] } @rows), 'duplicate active', 'one of two is a duplicate');
	is(link_state($link), 'open|duplicate|', 'the link stays open');
	@rows = split /\n/, complete($link, { public_tokens => \@tokens, allow_duplicate => JSON::PP::true });
	is(join(' ', map { (split /\|/)[1] } @rows), 'active active', 'until that is allowed');
	like(link_state($link), qr/^completed/, 'then it is completed');
};

subtest 'ob.link_cancel' => sub {
	my ($link, $link_token) = open_link('quinn');
	my $public = in_link($link_token);
	is(sql("SELECT ob.link_cancel('$link')"), 'cancelled', 'cancelled');
	is(sql("SELECT ob.link_cancel('$link')"), 'cancelled', 'and once more');
	is(link_state($link), 'cancelled|cancelled|', 'so is the link');
	is(sql("SELECT url_sealed IS NULL AND token_sealed IS NULL FROM ob.links WHERE link_id = '$link'"), 't',
		'what it offered is gone');
	is(calls_of($exchange, sub {
		is((sqlstate_of($node, completing($link, $_)))[0], '55000', 'nothing is taken any more')
		  for {}, { public_token => $public };
	}), 0, 'no exchange');
	isnt((open_link('quinn'))[0], $link, 'the next link is a new one');

	($link, $link_token) = open_link('quentin');
	$public = in_link($link_token);
	control($url, 'latency', { path => "/plaid$exchange", ms => 1500 });
	my $before = calls($exchange);
	my $session = OpenBanking::Session->new($node);
	$session->begin(completing($link, { public_token => $public }));
	wait_until('the call', sub { calls($exchange) > $before });
	my ($state, $err) = sqlstate_of($node, "SELECT ob.link_cancel('$link')");
	is($state, '55000', 'not while it is being completed');
	like($err, qr/being completed/, 'it says so');
	like($session->finish->{out}, qr/^\d+\|active\|/, 'that ends well');
	control($url, 'latency', { path => "/plaid$exchange", ms => undef });
	is((sqlstate_of($node, "SELECT ob.link_cancel('$link')"))[0], '55000', 'nor afterwards');
	is((sqlstate_of($node, "SELECT ob.link_cancel('nothing')"))[0], '42704', 'nor what is not there');
};

subtest 'cancelled in one window, finished in another' => sub {
	my ($link, $link_token) = open_link('quirin');
	my $public = in_link($link_token);
	control($url, 'latency', { path => "/plaid$exchange", ms => 1500 });
	my $before = calls($exchange);
	my $session = OpenBanking::Session->new($node);
	$session->begin(completing($link, { public_token => $public }));
	wait_until('the call', sub { calls($exchange) > $before });
	like(sql("SET openbanking.claim_timeout = '50ms'; " . completing($link, { error => 'USER_CLOSED' })),
		qr/^\|waiting\|\|\|another session/, 'without patience: to be asked again');
	my $told = complete($link, { error => 'USER_CLOSED' });
	my $row = $session->finish->{out};
	like($row, qr/^\d+\|active\|/, 'it is being exchanged');
	is($told, $row, 'so that is what both are told');
	is(complete($link, { error => 'USER_CLOSED' }), $row, 'and whoever asks later');
	control($url, 'latency', { path => "/plaid$exchange", ms => undef });
};

subtest 'days_requested' => sub {
	my ($link, $link_token) = split /\|/, sql(q{SELECT link_id, token FROM ob.link('plaid', 'days',
		'{"mode": "embedded", "days_requested": 40}')});
	in_link($link_token);
	my ($connection) = complete($link) =~ /^(\d+)/;
	sql("SELECT ob.sync($connection)");
	my $days = sql("SELECT current_date - min(date) FROM ob.transactions WHERE connection_id = $connection");
	cmp_ok($days, '<=', 41, 'no more history than was asked for');
	cmp_ok($days, '>', 25, 'and no less');
};

done_testing();
