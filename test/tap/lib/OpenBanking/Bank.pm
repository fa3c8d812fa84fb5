# A bank login at the simulator with a random life: all that happens to it follows from its seed alone.
package OpenBanking::Bank;

use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP ();
use POSIX qw(strftime);
use Time::HiRes qw(time);

my $json = JSON::PP->new->canonical->utf8;
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $http = HTTP::Tiny->new(timeout => 30, keep_alive => 0); # kept alive, small bodies would wait for a delayed ACK

# {url, seed}; it is not linked yet.
sub new
{
	my ($class, %self) = @_;
	my $self = bless {
		%self,
		random => $self{seed} * 2654435761 % 2**32,
		item => "item-$self{seed}",
		token => "access-sandbox-seed-$self{seed}",
		live => {},     # transaction_id => its row
		gone => [],     # rows that were removed
		accounts => [],
		stage => 'not_ready',
		rows => 0
	}, $class;
	$self->below(2) for 1 .. 8; # neighbouring seeds begin alike
	$self->create;
	$self->carry_out($self->new_account) for 1 .. 1 + $self->below(3); # without any Plaid answers nothing at all
	$self->carry_out($self->new_row) for 1 .. $self->below(30);
	return $self;
}

sub provider { return 'plaid'; }

sub create
{
	my ($self) = @_;
	return $self->carry_out('items/create', { access_token => $self->{token}, stage => $self->{stage}, username => 'user_empty' });
}

# ---- chance ----

# From 0 to $limit - 1, the same in every run.
sub below
{
	my ($self, $limit) = @_;
	$self->{random} = ($self->{random} * 1664525 + 1013904223) % 2**32;
	return int(($self->{random} >> 8) % $limit);
}

sub one_in { return $_[0]->below($_[1]) == 0; }

sub pick
{
	my ($self, @from) = @_;
	return $from[ $self->below(scalar @from) ];
}

# ---- steering ----

# JSON of a body; "@text@" stands for a number with exactly these digits.
sub encode
{
	my ($body) = @_;
	my $text = $json->encode($body);
	$text =~ s/"\@([^\@"]*)\@"/$1/g;
	return $text;
}

sub tell
{
	my ($self, $path, $body) = @_;
	my $answer = $http->post("$self->{url}/_control/$path",
		{ headers => { 'Content-Type' => 'application/json' }, content => encode($body) });
	die "seed $self->{seed}: $path: $answer->{status} $answer->{content}" unless $answer->{success};
	return $answer->{content} =~ /\S/ ? $json->decode($answer->{content}) : undef;
}

sub carry_out
{
	my ($self, $path, $body) = @_;
	return $self->tell($self->provider . "/$path", { item_id => $self->{item}, %{$body} });
}

# A rule for this bank's calls of an endpoint, by default the one that syncs.
sub fault
{
	my ($self, %rule) = @_;
	my $path = delete $rule{path} // '/transactions/sync';
	return $self->tell('faults', { path => '/' . $self->provider . $path, item_id => $self->{item}, %rule });
}

# ---- life ----

# Something happens now.
sub step
{
	my ($self) = @_;
	$self->carry_out($self->change);
	return;
}

# Something happens once the bank has answered the $nth page from now on; nothing else may depend on it.
sub step_during
{
	my ($self, $nth) = @_;
	my ($path, $body) = $self->change(23);
	$self->retire($body);
	$self->fault(kind => 'control', nth => $nth,
		run => [ { path => '/_control/' . $self->provider . "/$path", body => { item_id => $self->{item}, %{$body} } } ]);
	return;
}

# Nothing later builds on what a change that may still be to come has touched.
sub retire
{
	my ($self, $body) = @_;
	my @ids = (@{ $body->{transaction_ids} // [] }, map { $_->{transaction_id} // () } @{ $body->{transactions} // [] });
	push @ids, $body->{set}{transaction_id} if $body->{set} && $body->{set}{transaction_id};
	foreach my $id (@ids)
	{
		delete $self->{live}{$id};
		@{ $self->{gone} } = grep { $_->{transaction_id} ne $id } @{ $self->{gone} };
	}
	return;
}

# The history becomes more complete.
sub proceed
{
	my ($self, $stage) = @_;
	$self->{stage} = $stage;
	$self->carry_out('items/set', { stage => $stage, announce => $false });
	$_->{shown} ||= $self->shows($_) foreach values %{ $self->{live} };
	return;
}

# What is older than about a month cannot be seen, nor changed, before the history is complete.
sub shows
{
	my ($self, $row) = @_;
	return $self->{stage} eq 'historical' || $self->{stage} eq 'initial' && $row->{date} gt day_before(28);
}

sub shown { return grep { $_[0]{live}{$_}{shown} } sort keys %{ $_[0]{live} }; }
sub pending { return grep { $_[0]{live}{$_}{pending} } $_[0]->shown; }

# (path, body) of a change that is possible now; of the first so many kinds.
sub change
{
	my ($self, $kinds) = @_;
	my @live = $self->shown;
	my @pending = $self->pending;
	my $kind = $self->below($kinds // 24);
	return $self->modify($self->pick(@live)) if $kind >= 8 && $kind < 12 && @live;
	return $self->remove($self->pick(@live)) if $kind >= 12 && $kind < 15 && @live;
	return $self->post($self->pick(@pending)) if $kind >= 15 && $kind < 19 && @pending;
	return $self->bring_back if $kind == 19 && @{ $self->{gone} };
	return ('transactions/touch', { transaction_ids => [ $self->pick(@live) ], $self->quietly }) if $kind == 20 && @live;
	return ('accounts/set', { account_id => $self->pick(@{ $self->{accounts} }), balances => { current => $self->sum } })
	  if $kind == 21 || $kind == 22;
	return $self->new_account if $kind == 23 && $self->one_in(4);
	return $self->new_row;
}

# No webhook; calm changes do not disturb a loop that is under way.
sub quietly
{
	my ($self) = @_;
	return (announce => $false, $self->one_in(3) ? (calm => $true) : ());
}

sub new_row
{
	my ($self) = @_;
	my $row = {
		transaction_id => $self->new_id,
		account_id => $self->one_in(30) ? "closed-$self->{seed}" : $self->pick(@{ $self->{accounts} }),
		pending => $self->one_in(3) ? $true : $false,
		%{ $self->content }
	};
	return $self->added($row);
}

sub added
{
	my ($self, $row) = @_;
	$self->{live}{ $row->{transaction_id} } = { %{$row}, shown => $self->shows($row) };
	return ('transactions/add', { transactions => [$row], $self->quietly, $self->missing });
}

sub modify
{
	my ($self, $id) = @_;
	return ('transactions/modify', { transaction_ids => [$id], set => $self->content, $self->quietly, $self->missing });
}

sub remove
{
	my ($self, $id) = @_;
	push @{ $self->{gone} }, delete $self->{live}{$id};
	return ('transactions/remove', { transaction_ids => [$id], $self->quietly });
}

sub post
{
	my ($self, $id) = @_;
	my $row = delete $self->{live}{$id};
	my $posted = { %{$row}, transaction_id => $self->new_id, pending => $false };
	$self->{live}{ $posted->{transaction_id} } = $posted;
	return ('transactions/post', {
		transaction_ids => [$id], set => { transaction_id => $posted->{transaction_id} },
		link => $self->one_in(5) ? $false : $true,
		split => $self->one_in(2) ? $true : $false,
		removed_first => $self->one_in(2) ? $true : $false,
		$self->quietly
	});
}

sub bring_back
{
	my ($self) = @_;
	my $row = pop @{ $self->{gone} };
	delete $row->{shown};
	return $self->added({ %{$row}, %{ $self->content } });
}

sub new_account
{
	my ($self) = @_;
	my $id = "acc-$self->{seed}-" . ++$self->{rows};
	push @{ $self->{accounts} }, $id;
	my ($type, $subtype) = @{ $self->pick([ 'depository', 'checking' ], [ 'depository', 'savings' ], [ 'credit', 'credit card' ]) };
	return ('accounts/add', { account => {
		account_id => $id, type => $type, subtype => $subtype, name => "Account $id", mask => sprintf('%04d', $self->below(10_000)),
		balances => { current => $self->sum, available => $self->sum, iso_currency_code => 'USD' }
	} });
}

sub new_id
{
	my ($self) = @_;
	return "tx-$self->{seed}-" . ++$self->{rows};
}

# ---- what a row says ----

sub content
{
	my ($self) = @_;
	my $day = $self->day;
	my %row = (
		amount => $self->amount, date => $day, authorized_date => $self->day, name => 'ROW ' . $self->below(100_000),
		original_description => $self->one_in(2) ? undef : 'ORIGINAL ' . $self->below(100_000),
		iso_currency_code => $self->pick('USD', 'USD', 'EUR', 'JPY', undef),
		datetime => $self->pick(undef, undef, "${day}T00:00:00Z", "${day}T10:11:12Z", "${day}T23:59:59.25-05:00"),
		merchant_name => $self->pick(undef, 'Corner Bakery', "Caf\x{e9} \x{1f600}", ''),
		counterparties => $self->pick([], [ { name => 'First', type => 'merchant' }, { name => 'Second', type => 'merchant' } ]),
		personal_finance_category => $self->pick(undef, { primary => 'TRAVEL', detailed => 'TRAVEL_FLIGHTS' }),
		transaction_code => $self->pick(undef, 'atm', 'direct debit'),
		check_number => $self->pick(undef, undef, $self->below(1000) . ''),
	);
	$row{unofficial_currency_code} = defined $row{iso_currency_code} ? undef : 'BTC';
	return \%row;
}

sub day
{
	my ($self) = @_;
	return day_before($self->below(75));
}

sub day_before { return strftime('%Y-%m-%d', gmtime(time - 86_400 * $_[0])); }

sub amount
{
	my ($self) = @_;
	my $odd = $self->below(24);
	return $self->pick('@0@', '@-0.00@', '@1e-8@', '@12.300@', '@123456789012345678901234.5@', '@0.30000000000000004@',
		'@1e40@') # which cannot be stored
	  if $odd == 0;
	return $self->sum;
}

sub sum
{
	my ($self) = @_;
	return sprintf '@%s%d.%02d@', $self->one_in(3) ? '-' : '', $self->below(5000), $self->below(100);
}

# Now and then a field without which a row cannot be stored.
sub missing
{
	my ($self) = @_;
	return $self->one_in(40) ? (omit => [ $self->pick('date', 'amount') ]) : ();
}

# ---- trouble ----

# Something is wrong with the next calls.
sub spoil
{
	my ($self) = @_;
	my $path = $self->pick('/transactions/sync', '/transactions/sync', '/transactions/sync', '/accounts/get', '/item/get');
	$self->fault(path => $path, nth => 1 + $self->below(4), count => $self->pick(1, 1, 2, 3, 4), %{ $self->pick(
		{ kind => 'cut', where => 'before' }, { kind => 'cut', where => 'headers' }, { kind => 'cut', where => 'body', after => 300 },
		{ kind => 'cut', where => 'body', after => 60, reset => $true, takes_effect => $false },
		{ kind => 'status', status => 500, body => 'no' }, { kind => 'html' }, { kind => 'empty' }, { kind => 'malformed' },
		{ kind => 'truncate', bytes => 150 }, { kind => 'content_type', content_type => 'text/plain' },
		{ kind => 'delay', ms => 300 }, { kind => 'drip', bytes_per_second => 40_000 },
		{ kind => 'error', code => 'INTERNAL_SERVER_ERROR' }, { kind => 'error', code => 'INSTITUTION_DOWN' },
		{ kind => 'error', code => 'PRODUCT_NOT_READY' }, { kind => 'rate_limit', retry_after => 1 },
	) });
	return;
}

# Rows vanish as soon as the first page has been read, on which they may have been; the loop has to begin anew, or fails.
sub interrupt
{
	my ($self) = @_;
	foreach my $id (($self->shown)[ 0 .. 3 ])
	{
		next if !$id;
		delete $self->{live}{$id};
		$self->fault(kind => 'control', run => [ { path => '/_control/plaid/transactions/remove',
			body => { item_id => $self->{item}, transaction_ids => [$id], announce => $false } } ]);
	}
	$self->fault(kind => 'error', code => 'INTERNAL_SERVER_ERROR', nth => 2, count => 3) if $self->one_in(2);
	return;
}

# Ways in which Plaid itself makes a loop go wrong.
sub disturb
{
	my ($self) = @_;
	$self->fault(nth => 1 + $self->below(3), %{ $self->pick({ kind => 'mutation_error' }, { kind => 'repeat_cursor' },
		{ kind => 'not_net', count => 0 }) });
	$self->carry_out('items/poison_cursors', {}) if $self->one_in(4);
	return;
}

1;
