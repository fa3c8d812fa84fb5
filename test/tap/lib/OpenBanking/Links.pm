# Linking a bank step by step, and what both sides remember of it.
package OpenBanking::Links;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use OpenBanking;
use Time::HiRes qw(sleep);

our @EXPORT = qw(links_at sql link_state state_of tokens_of item_of phase_of calls calls_of open_link public_token
  link_with_token complete_sql workers wait_for_restart bank_rows our_rows);

# Where most functions look.
my ($node, $url);
sub links_at { ($node, $url) = @_; return; }

sub sql { return $node->safe_psql('postgres', $_[0]); }

# state|reason|connection_id
sub link_state { return sql("SELECT state, reason, connection_id FROM ob.links WHERE link_id = '$_[0]'"); }

# By id of the connection.
sub state_of { return sql("SELECT state FROM ob.connections WHERE id = $_[0]"); }
sub item_of { return sql("SELECT provider_connection_id FROM ob.connections WHERE id = $_[0]"); }
sub tokens_of { return sql("SELECT count(*) FROM ob.tokens WHERE subject = 'connection:$_[0]'"); }

# Phase of the outcomes of a connection (a number) or of a link.
sub phase_of
{
	my ($of) = @_;
	my $column = $of =~ /^\d+$/ ? 'connection_id' : 'link_id';
	return sql("SELECT string_agg(phase, ' ' ORDER BY id) FROM ob.outcomes WHERE $column = '$of'");
}

# How often the simulator was asked for a Plaid endpoint.
sub calls { return control($url, 'requests')->{by_path}{"/plaid$_[0]"} // 0; }

# How many more calls of $endpoint $code makes.
sub calls_of
{
	my ($endpoint, $code) = @_;
	my $before = calls($endpoint);
	$code->();
	return calls($endpoint) - $before;
}

# Begins an embedded link for $user; returns (link_id, link token).
sub open_link
{
	my ($user, $at) = @_;
	return split /\|/, ($at // $node)->safe_psql('postgres',
		qq{SELECT link_id, token FROM ob.link('plaid', '$user', '{"mode": "embedded"}')});
}

# The end user goes through Link; returns the public token that the app gets.
sub public_token { return control($url, 'plaid/link/complete', { link_token => $_[0] })->{public_tokens}[0]; }

# Both: (link_id, public token).
sub link_with_token
{
	my ($link, $token) = open_link(@_);
	return ($link, public_token($token));
}

# With what the app hands on besides the public token, if anything.
sub complete_sql
{
	my ($link_id, $token, $more) = @_;
	my $response = JSON::PP->new->canonical->encode({ public_token => $token, %{ $more // {} } });
	return "SELECT * FROM ob.link_complete('$link_id', '$response')";
}

# Process ids of the outcome workers.
sub workers
{
	my ($at) = @_;
	return split /\n/, ($at // $node)->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'openbanking outcome worker' ORDER BY pid");
}

# After a crash: until the server takes connections again.
sub wait_for_restart
{
	wait_until('the server to come back', sub { $node->psql('postgres', 'SELECT 1') == 0 });
	return;
}

# The live transactions of a connection as the bank has them: lines of id, negated amount, date.
sub bank_rows
{
	my ($connection) = @_;
	my ($found) = @{ control($url, 'dump', { item_id => item_of($connection) })->{plaid}{items} };
	my @rows = map { $_->{transaction} } grep { $_->{state} eq 'live' } @{ $found->{transactions} };
	return join "\n", sort map { join '|', $_->{transaction_id}, sprintf('%.2f', -$_->{amount}), $_->{date} } @rows;
}

# The same of our tables.
sub our_rows
{
	my ($connection) = @_;
	my $rows = sql("SELECT transaction_id, round(amount, 2), date FROM ob.transactions WHERE connection_id = $connection");
	return join "\n", sort split /\n/, $rows;
}

1;
