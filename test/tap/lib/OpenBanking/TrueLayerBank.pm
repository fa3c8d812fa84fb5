# A login at the simulated TrueLayer with a random life, as OpenBanking::Bank has it at Plaid.
package OpenBanking::TrueLayerBank;

use strict;
use warnings;

use parent 'OpenBanking::Bank';

use JSON::PP ();

my ($true, $false) = (JSON::PP::true, JSON::PP::false);

sub provider { return 'truelayer'; }

# {url, seed}; `provider_id` names the bank whose ways it has.
sub create
{
	my ($self) = @_;
	$self->{stage} = 'historical'; # all that there is can be seen at once
	$self->{refresh_token} = "REFRESH-$self->{seed}";
	return $self->carry_out('items/create', { access_token => $self->{token}, refresh_token => $self->{refresh_token},
		provider_id => $self->{provider_id} // 'mock', username => 'user_empty' });
}

# A rule for this bank's calls of an endpoint, by default those for transactions.
sub fault
{
	my ($self, %rule) = @_;
	return $self->SUPER::fault(%rule, path => $rule{path} // '/api/data/v1/*');
}

sub quietly { return (announce => $false); }

# A row is not told of when nothing has changed.
sub change
{
	my ($self, $kinds) = @_;
	my ($path, $body) = $self->SUPER::change($kinds);
	return $path eq 'transactions/touch' ? $self->modify($body->{transaction_ids}[0]) : ($path, $body);
}

sub new_row
{
	my ($self) = @_;
	return $self->added({
		transaction_id => $self->new_id,
		account_id => $self->pick(@{ $self->{accounts} }),
		pending => $self->one_in(3) ? $true : $false,
		%{ $self->content }
	});
}

# Other ids, and now and then another day and amount; nothing names the pending row.
sub post
{
	my ($self, $id) = @_;
	my $row = delete $self->{live}{$id};
	my $posted = { %{$row}, %{ $self->one_in(3) ? $self->content : {} }, transaction_id => $self->new_id, pending => $false };
	$self->{live}{ $posted->{transaction_id} } = $posted;
	return ('transactions/post', { transaction_ids => [$id], $self->quietly,
		set => { transaction_id => $posted->{transaction_id}, timestamp => $posted->{timestamp}, amount => $posted->{amount} } });
}

sub new_account
{
	my ($self) = @_;
	my $id = "acc-$self->{seed}-" . ++$self->{rows};
	push @{ $self->{accounts} }, $id;
	my $card = $self->one_in(3);
	my $number = sprintf '%08d', $self->below(100_000_000);
	return ('accounts/add', { card => $card ? $true : $false, $self->quietly, account => {
		account_id => $id, display_name => "Account $id", balance => { current => $self->sum, available => $self->sum },
		$card
		? (card_network => $self->pick('VISA', 'AMEX'), partial_card_number => substr($number, 4))
		: (account_type => $self->pick('TRANSACTION', 'SAVINGS'), account_number => { number => $number, sort_code => '01-21-31' })
	} });
}

# Balances have a place of their own.
sub carry_out
{
	my ($self, $path, $body) = @_;
	$body = { account_id => $body->{account_id}, balance => $body->{balances}, $self->quietly } if $path eq 'accounts/set';
	return $self->SUPER::carry_out($path, $body);
}

sub content
{
	my ($self) = @_;
	my $day = $self->day;
	my %row = (
		amount => $self->amount, description => 'ROW ' . $self->below(100_000),
		timestamp => $self->pick($day, "${day}T00:00:00", "${day}T00:00:00Z", "${day}T10:11:12.25+01:00", "${day}T23:59:59Z"),
		currency => $self->pick('GBP', 'GBP', 'EUR', 'JPY'),
		merchant_name => $self->pick(undef, 'Corner Bakery', "Caf\x{e9} \x{1f600}", ''),
		transaction_category => $self->pick('PURCHASE', 'TRANSFER', 'UNKNOWN', 'TELEPATHY'),
		transaction_classification => $self->pick([], ['Shopping'], [ 'Entertainment', 'Games' ]),
		running_balance => $self->pick(undef, { amount => $self->sum, currency => 'GBP' }),
		meta => $self->pick(undef, {}, { provider_reference => 'R' . $self->below(1000) }),
	);
	# Now and then a type that the sign does not fit.
	$row{transaction_type} = $self->pick('DEBIT', 'CREDIT') if $self->one_in(4);
	return \%row;
}

sub missing
{
	my ($self) = @_;
	return $self->one_in(40) ? (omit => [ $self->pick('timestamp', 'amount') ]) : ();
}

sub spoil
{
	my ($self) = @_;
	$self->fault(nth => 1 + $self->below(4), count => $self->pick(1, 1, 2, 3), %{ $self->pick(
		{ kind => 'cut', where => 'before' }, { kind => 'cut', where => 'headers' }, { kind => 'cut', where => 'body', after => 300 },
		{ kind => 'status', status => 500, body => 'no' }, { kind => 'html' }, { kind => 'malformed' }, { kind => 'truncate', bytes => 150 },
		{ kind => 'content_type', content_type => 'text/plain' }, { kind => 'delay', ms => 300 },
		map { { kind => 'error', code => $_ } } qw(internal_server_error provider_error temporarily_unavailable connector_overload
			provider_timeout connector_timeout provider_too_many_requests)
	) });
	return;
}

# Answers that are not final.
sub interrupt
{
	my ($self) = @_;
	$self->carry_out('items/set', { answer_status => $self->pick('Queued', 'Running'), answer_status_count => 1 + $self->below(3) });
	return;
}

# Ways in which the provider itself makes a client's picture wrong: an account gets another id.
sub disturb
{
	my ($self) = @_;
	my $old = $self->pick(@{ $self->{accounts} });
	my $new = "$old-x";
	$self->carry_out('accounts/churn', { account_id => $old, new_id => $new });
	$_ eq $old and $_ = $new foreach @{ $self->{accounts} };
	$_->{account_id} eq $old and $_->{account_id} = $new foreach values %{ $self->{live} }, @{ $self->{gone} };
	return;
}

1;
