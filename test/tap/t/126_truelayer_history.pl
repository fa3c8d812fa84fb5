# How far back TrueLayer's histories reach: days that a rest has put out of reach are said to be missing until a login brings
# them back, what a bank does not show makes no history complete, and asking for quarantined rows forgets nothing.
use strict;
use warnings;

use OpenBanking;
use OpenBanking::Links;
use OpenBanking::TrueLayer;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

my $url = start_sandbox();
my $node = new_node('main', $url);
set_up_truelayer($node, $url);
links_at($node, $url);

sub day { return strftime('%Y-%m-%d', gmtime(time - 86_400 * $_[0])); }

my $bank = link_truelayer('ann');
my $item = item_of($bank);
my ($dump) = @{ control($url, 'dump', { item_id => $item })->{truelayer}{items} };
my ($account) = map { $_->{account}{account_id} } grep { !$_->{card} } @{ $dump->{accounts} };

sub sync { my (undef, undef, $err) = $node->psql('postgres', "CALL ob.sync_now($bank)"); return $err; }
sub history { return sql("SELECT history, history_from FROM ob.sync_status WHERE connection_id = $bank"); }
sub has { return sql("SELECT count(*) FROM ob.transactions WHERE connection_id = $bank AND description = '$_[0]'"); }

sub add_row
{
	my ($description, $days, %more) = @_;
	control($url, 'truelayer/transactions/add', { item_id => $item, account_id => $account, announce => JSON::PP::false, omit => $more{omit} // [],
		transactions => [ { description => $description, amount => -1, timestamp => day($days) . 'T00:00:00Z' } ] });
	return;
}

subtest 'a rest that is too long' => sub {
	like(sync(), qr/: complete, /, 'synced right after the login');
	is(history(), 'complete|' . day(2190), 'all of it was read');
	add_row('meanwhile', 100);
	# 130 days later: the last sync and the login lie that far back.
	sql(sprintf q{UPDATE ob.sync_state SET cursor = replace(cursor, '%s', '%s') WHERE connection_id = %d}, day(0), day(130), $bank);
	sql("UPDATE ob.connections SET authenticated_at = now() - interval '130 days' WHERE id = $bank");
	like(sync(), qr/: complete, /, 'synced again');
	is(history(), 'partial|' . day(88), 'the days between are said to be missing');
	is(has('meanwhile'), 0, 'as they are');
	is(sql("SELECT what_to_do FROM ob.connection_status WHERE connection_id = $bank"), 'Older transactions may still be missing.', 'users are told');
	like(sync(), qr/: complete, /, 'another sync');
	is(history(), 'partial|' . day(88), 'makes no difference');
};

subtest 'a login' => sub {
	my ($link, undef, $address) = split /\|/, sql("SELECT link_id, action, url FROM ob.relink($bank)");
	complete_journey(come_back($address), $link);
	wait_until('its repair', sub { sql("SELECT authenticated_at > now() - interval '1 minute' FROM ob.connections WHERE id = $bank") eq 't' });
	like(sync(), qr/: complete, /, 'is followed by a sync');
	is(history(), 'complete|' . day(2190), 'that brings the days back');
	is(has('meanwhile'), 1, 'with their rows');
};

subtest 'an account that is not shown' => sub {
	my $hide = sub { control($url, 'faults', { kind => 'error', code => $_[0], count => 0, path => "/truelayer/api/data/v1/accounts/$account/transactions" }) };
	$hide->('404:account_not_found');
	like(sync(), qr/: complete, /, 'is left out');
	like(history(), qr/^partial/, 'and the history said to be incomplete');
	is(has('meanwhile'), 1, 'what is stored stays');
	control($url, 'faults', { clear => JSON::PP::true });
	$hide->('endpoint_not_supported');
	sync();
	like(history(), qr/^complete/, 'unless the bank has nothing of the kind');
	control($url, 'faults', { clear => JSON::PP::true });
};

subtest 'rows in quarantine' => sub {
	add_row('broken', 2, omit => ['amount']);
	sync();
	is(sql('SELECT count(*) FROM ob.quarantine'), 1, 'cannot be stored');
	sql("UPDATE ob.connections SET authenticated_at = now() - interval '1 day' WHERE id = $bank");
	my $before = history();
	my (undef, undef, $err) = $node->psql('postgres', 'CALL ob.retry_quarantine()');
	like($err, qr/NOTICE:  1 connections will be read anew/, 'are asked for once more');
	like(sync(), qr/: complete, /, 'with the next sync');
	is(history(), $before, 'nothing that was read before is forgotten');
	is(sql("SELECT sweep_owed FROM ob.sync_state WHERE connection_id = $bank"), 'f', 'which was a full one');
};

done_testing();
