# A link as a person walks it: Chromium opens its address, the bank's pages are clicked through, and what the browser brings
# back to the application completes the link, or ends it.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Browser;
use OpenBanking::Links;
use OpenBanking::TrueLayer qw(set_up_truelayer start_journey complete_journey);
use Test::More;

if (my $missing = OpenBanking::Browser::missing())
{
	diag("NO LINK WAS WALKED IN A BROWSER: $missing is not there, and scripts/install-dependencies could not install it");
	plan skip_all => "no browser: $missing is missing";
}

my $url = start_sandbox();
my $node = new_node('main', $url, { max_worker_processes => 16 });
my $browser = OpenBanking::Browser->new;
set_up_truelayer($node, $url, { redirect_uri => $browser->callback, providers => 'uk-cs-mock' });
links_at($node, $url);

my @bank = ([ 'choose', 'mock' ], [ 'press', 'Continue' ]);
sub log_in { return ([ 'type', 'username', $_[0] ], [ 'type', 'password', $_[1] ], [ 'press', 'Log in' ]); }
my @allow = ([ 'press', 'Allow' ]);

sub refused
{
	my ($fields, $link_id) = @_;
	my $json = JSON::PP->new->encode($fields);
	return (sqlstate_of($node, "SELECT * FROM ob.link_complete('$link_id', '$json')"))[0];
}

my ($used, $connection);

subtest 'a person allows' => sub {
	my ($link, $address) = start_journey('ann');
	my $back = $browser->come_back($address, @bank, log_in('john', 'doe'), @allow);
	is($back->{method}, 'GET', 'the browser comes back');
	is($back->{fields}{state}, $link, 'with the state');
	like($back->{fields}{code}, qr/./, 'and a code');
	$used = $back->{fields};
	(my $status, $connection) = split /\|/, complete_journey($used);
	is($status, 'active', 'the bank is linked');
	is(link_state($link), "completed||$connection", 'the link has ended');
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'is read');
	is(sql("SELECT count(*) FROM ob.accounts WHERE connection_id = $connection"), 3, 'has two accounts and a card');
	cmp_ok(sql("SELECT count(*) FROM ob.transactions WHERE connection_id = $connection"), '>', 100, 'and transactions');
	is(sql("SELECT (now() AT TIME ZONE 'UTC')::date - history_from FROM ob.sync_status WHERE connection_id = $connection"), 2190,
		'of all the days that were asked for');
};

subtest 'a form instead of an address' => sub {
	my ($link, $address) = start_journey('ann', { response_mode => 'form_post' });
	my $back = $browser->come_back($address, @bank, log_in('john3', 'doe3'), @allow);
	is($back->{method}, 'POST', 'submits itself');
	like(complete_journey($back->{fields}), qr/^active/, 'and completes the link');
};

subtest 'a person mistypes' => sub {
	my ($link, $address) = start_journey('bob');
	my $page = $browser->stay($address, @bank, log_in('john', 'wrong'));
	like($page->{text}, qr/not correct/, 'and is told by the bank');
	is(link_state($link), 'open||', 'the link stays open');
};

subtest 'a person declines' => sub {
	foreach my $step ([], [@bank], [ @bank, log_in('john', 'doe') ])
	{
		my ($link, $address) = start_journey('bob');
		my $back = $browser->come_back($address, @$step, [ 'press', 'Cancel' ]);
		is($back->{fields}{error}, 'access_denied', 'after ' . @$step . ' steps');
		like(complete_journey($back->{fields}), qr/^cancelled\|\|/, 'is no error');
		is(link_state($link), 'cancelled|access_denied|', 'and ends the link');
	}
};

subtest 'a bank declines' => sub {
	my ($link, $address) = start_journey('bob');
	my $back = $browser->come_back($address, @bank, log_in('callback.temporarily_unavailable', 'x'));
	like(complete_journey($back->{fields}), qr/^cancelled\|\|/, 'is no error');
	is(link_state($link), 'cancelled|temporarily_unavailable|', 'and kept as the reason');
};

subtest 'a person closes the page' => sub {
	my ($link, $address) = start_journey('bob');
	my $back = $browser->come_back($address, @bank, [ 'press', 'Close' ]);
	is($back->{fields}{code} // $back->{fields}{error}, undef, 'and comes back with nothing');
	like(complete_journey($back->{fields}, $link), qr/^cancelled\|\|/, 'which is no error');
	is(link_state($link), 'cancelled|cancelled|', 'the link has ended');
	($link, $address) = start_journey('bob');
	$browser->stay($address, @bank);
	is(link_state($link), 'open||', 'who never comes back leaves it open');
	is(sql("SELECT ob.link_cancel('$link')"), 'cancelled', 'until it is cancelled');
};

subtest 'a state' => sub {
	my ($link, $address) = start_journey('carl');
	my ($other, $other_address) = start_journey('carl');
	my $fields = $browser->come_back($address, @bank, log_in('john5', 'doe5'), @allow)->{fields};
	is(refused($used, $used->{state}), '55000', 'is good once');
	is(refused($fields, $other), '22023', 'and for its own link');
	is(refused({ %$fields, state => $other }, $other), 'OB004', 'whose proof the code needs');
	like(complete_journey($fields), qr/^active/, 'which still completes');
	is(sql("SELECT count(*) FROM ob.connections WHERE user_ref = 'carl'"), 1, 'nothing else was linked');
};

subtest 'a person is back after the consent has ended' => sub {
	my ($link, undef, $address) = split /\|/, sql("SELECT link_id, action, url FROM ob.relink($connection)");
	my $fields = $browser->come_back($address, log_in('john', 'doe'), @allow)->{fields};
	my (undef, $id) = split /\|/, complete_journey($fields);
	is($id, $connection, 'the connection goes on');
	is(sql("SELECT status FROM ob.sync($connection)"), 'complete', 'and is read');
};

subtest 'a redirect URI that is not registered' => sub {
	control($url, 'config', { redirect_uris => [ $browser->callback ] });
	my ($link, $address) = start_journey('dora', { redirect_uri => $browser->callback . '/' });
	my $page = $browser->stay($address);
	like($page->{text}, qr/redirect_uri/, 'leads to a page that says so');
	like(sql("SELECT state FROM ob.link_status('$link')"), qr/^open$/, 'the link stays open');
};

$browser->quit;
$node->stop;
done_testing();
