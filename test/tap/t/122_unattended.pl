# What banks allow in a day while nobody is there is kept to; a person who waits does not count.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Links;
use OpenBanking::TrueLayer;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url, { max_worker_processes => 16 });
set_up_truelayer($node, $url, { unattended_per_day => 4 });
links_at($node, $url);
sql('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA ob FROM SERVER tl INTO live');
my $bank = link_truelayer('ann');
# The user left long ago.
sql("UPDATE ob.connections SET authenticated_at = now() - interval '2 days'");

# Of the calls so far that go to the bank: whether the user was said to be there.
sub attendance
{
	my %seen = map { ($_->{detail}{attended} ? 'there' : 'away') => 1 } grep { $_->{path} =~ m{/data/v1/} } @{ control($url, 'requests')->{last} };
	return join ' ', sort keys %seen;
}

sub forget_requests { control($url, 'requests', { clear => JSON::PP::true }); return; }

subtest 'what cannot leave' => sub {
	sql("ALTER SERVER tl OPTIONS (SET api_url 'http://127.0.0.1:1/truelayer/api')");
	my ($state) = sqlstate_of($node, "SELECT * FROM ob.sync($bank)");
	is($state, 'OB010', 'fails');
	is(sql("SELECT count(*) > 0, COALESCE(max(used), 0) FROM ob.budget_status WHERE class LIKE 'unattended %' AND connection_id = $bank"), 'f|0',
		'and has used up none of the calls of the day');
	sql("ALTER SERVER tl OPTIONS (SET api_url '$url/truelayer/api')");
	sql("UPDATE ob.connections SET state = 'active', error_code = NULL, failing_since = NULL WHERE id = $bank");
};

subtest 'nobody is there' => sub {
	is(sql("SELECT status FROM ob.sync($bank)"), 'complete', "sync $_") foreach 1 .. 4;
	is(sql("SELECT status, retry_at > now() + interval '23 hours' FROM ob.sync($bank)"), 'deferred|t', 'the fifth is put off for a day');
	is(sql("SELECT DISTINCT allowed, per, used, free_at > now() + interval '23 hours' FROM ob.budget_status
		WHERE class LIKE 'unattended %' AND connection_id = $bank AND used = 4"), '4|24:00:00|4|t', 'as is shown');
	is(sql("SELECT last_sync_status, state FROM ob.connections"), 'deferred|active', 'that is no failure');
};

subtest 'somebody is' => sub {
	forget_requests();
	is(sql("SELECT status FROM ob.sync($bank, user_ip => '203.0.113.9')"), 'complete', 'a sync on his behalf goes through');
	is(attendance(), 'there', 'each call says so');
	forget_requests();
	is(sql("BEGIN; SET LOCAL openbanking.user_ip = '2001:db8::7'; SELECT count(*) > 0 FROM live.ob_transactions; COMMIT"), 't', 'so does a scan');
	is(attendance(), 'there', 'and says so');
	my ($state) = sqlstate_of($node, "SET openbanking.user_ip = '203.0.113.9'; SELECT count(*) FROM live.ob_transactions");
	is($state, 'OB007', 'what a session has set for good does not count');
	($state) = sqlstate_of($node, "BEGIN; SET LOCAL openbanking.user_ip = '203.0.113.9, 10.0.0.1'; SELECT count(*) FROM live.ob_transactions");
	is($state, 'OB007', 'nor does what is no address');
};

$node->stop;
done_testing();
