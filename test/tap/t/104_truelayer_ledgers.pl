# Random lives at the simulated TrueLayer: what its API answers is what its ledger holds, and nothing else.
use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP ();
use OpenBanking;
use OpenBanking::TrueLayerBank;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

my $url = start_sandbox();
my $http = HTTP::Tiny->new(timeout => 30);
my $json = JSON::PP->new->canonical->allow_bignum; # reads bytes as control() does

sub results
{
	my ($bank, $path) = @_;
	my $answer = $http->get("$url/truelayer/api/data/v1$path", { headers => { Authorization => "Bearer $bank->{token}" } });
	die "$path: $answer->{status} $answer->{content}" unless $answer->{success};
	return @{ $json->decode($answer->{content})->{results} };
}

# Rows of an account as lines, whatever their order.
sub lines { return join "\n", sort map { $json->encode($_) } @_; }

# All that the API tells of a bank.
sub told
{
	my ($bank) = @_;
	my @out;
	my $to = strftime('%Y-%m-%d', gmtime);
	my $from = strftime('%Y-%m-%d', gmtime(time - 86_400 * 90));
	foreach my $list ('accounts', 'cards')
	{
		foreach my $account (results($bank, "/$list"))
		{
			my $path = "/$list/$account->{account_id}";
			my ($balance) = results($bank, "$path/balance");
			push @out, "$path $balance->{current}", lines(results($bank, "$path/transactions?from=$from&to=$to")), 'pending:',
			  lines(results($bank, "$path/transactions/pending"));
		}
	}
	return join "\n", @out;
}

# The same from the ledger.
sub held
{
	my ($bank) = @_;
	my $item = control($url, 'dump', { item_id => $bank->{item} })->{truelayer}{items}[0];
	my @out;
	foreach my $card (0, 1)
	{
		foreach my $account (grep { !$_->{card} == !$card } @{ $item->{accounts} })
		{
			my $id = $account->{account}{account_id};
			my @rows = grep { $_->{state} eq 'live' && $_->{account_id} eq $id } @{ $item->{transactions} };
			push @out, '/' . ($card ? 'cards' : 'accounts') . "/$id $account->{balance}{current}",
			  lines(map { $_->{transaction} } grep { !$_->{pending} } @rows), 'pending:',
			  lines(map { $_->{transaction} } grep { $_->{pending} } @rows);
		}
	}
	return join "\n", @out;
}

foreach my $seed (1 .. 40)
{
	my $bank = OpenBanking::TrueLayerBank->new(url => $url, seed => $seed);
	my $alike = 1;
	for (1 .. 5)
	{
		$bank->step for 1 .. 1 + $bank->below(12);
		$bank->disturb if $bank->one_in(6);
		$alike &&= told($bank) eq held($bank);
	}
	ok($alike, "seed $seed") or diag(told($bank), "\n---- ledger:\n", held($bank));
}

# The same seed lives the same life.
my @lives = map {
	control($url, 'reset', {});
	my $bank = OpenBanking::TrueLayerBank->new(url => $url, seed => 7);
	$bank->step for 1 .. 40;
	held($bank)
} 1 .. 2;
is($lives[0], $lives[1], 'a life can be repeated');

done_testing();
