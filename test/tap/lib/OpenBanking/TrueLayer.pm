# TrueLayer: a server that points at the simulator, links walked by a person, tokens and their calls.
package OpenBanking::TrueLayer;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use OpenBanking;
use OpenBanking::Links ();

our @EXPORT = qw(set_up_truelayer truelayer_at start_journey come_back complete_journey link_truelayer expire_tokens token_calls api_calls);

my ($node, $url);
my $redirect_uri = 'http://127.0.0.1:9/callback';

# Where most functions look, if there are servers already.
sub truelayer_at { ($node, $url) = @_; return; }

# A server `tl`; %$options over the usual ones.
sub set_up_truelayer
{
	($node, $url, my $options) = @_;
	my %options = (provider => 'truelayer', environment => 'sandbox', api_url => "$url/truelayer/api",
		auth_url => "$url/truelayer/auth", redirect_uri => $redirect_uri, limits => 'off', unattended_per_day => 0,
		scopes => 'info accounts cards balance transactions offline_access', providers => 'uk-cs-mock uk-ob-all', %{ $options // {} });
	my $list = join ', ', map { "$_ '$options{$_}'" } sort keys %options;
	$node->safe_psql('postgres', qq{
		CREATE SERVER tl FOREIGN DATA WRAPPER openbanking OPTIONS ($list);
		CREATE USER MAPPING FOR PUBLIC SERVER tl OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret')});
	return;
}

sub encode { return JSON::PP->new->canonical->encode($_[0]); }

# Begins a link for $user: (link_id, url).
sub start_journey
{
	my ($user, $options) = @_;
	my $json = encode($options // {});
	return split /\|/, $node->safe_psql('postgres', "SELECT link_id, url FROM ob.link('tl', '$user', '$json')");
}

# What a browser brings back from the link's address; %$way as for truelayer/link/complete.
sub come_back
{
	my ($link_url, $way) = @_;
	my $end = control($url, 'truelayer/link/complete',
		{ url => $link_url, username => 'john', password => 'doe', provider_id => 'mock', %{ $way // {} } });
	return $end->{fields} if $end->{method} eq 'POST';
	my ($query) = $end->{url} =~ /\?(.*)/;
	my %fields = map { my ($name, $value) = split /=/, $_, 2; $value =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge; ($name => $value) }
	  split /&/, $query // '';
	return \%fields;
}

# The application hands on what came back: rows of status|connection_id|notice.
sub complete_journey
{
	my ($fields, $link_id) = @_;
	my $id = defined $link_id ? "'$link_id'" : 'NULL';
	my $json = encode($fields);
	return $node->safe_psql('postgres',
		"SELECT status, connection_id, notice FROM ob.link_complete($id, '$json', '198.51.100.7')");
}

# All of it; returns the connection's id.
sub link_truelayer
{
	my ($user, $way, $options) = @_;
	my ($link_id, $link_url) = start_journey($user, $options);
	my (undef, $connection) = split /\|/, complete_journey(come_back($link_url, $way), $link_id);
	return $connection;
}

# The access token's time is over, by our reckoning and by TrueLayer's.
sub expire_tokens
{
	my ($connection) = @_;
	my $item = OpenBanking::Links::item_of($connection);
	control($url, 'truelayer/items/set', { item_id => $item, access_expires_at => '2020-01-01T00:00:00Z' });
	$node->safe_psql('postgres', "UPDATE ob.tokens SET expires_at = now() - interval '1 minute', renew_at = now() - interval '6 minutes'
		WHERE subject = 'connection:$connection' AND kind = 'access_token'");
	return;
}

sub calls { return control($url, 'requests')->{by_path}{"/truelayer$_[0]"} // 0; }

# How many more calls of an endpoint $code makes: for tokens; of the API.
sub token_calls { return more_calls('/auth/connect/token', @_); }
sub api_calls { return more_calls("/api/data/v1$_[0]", $_[1]); }

sub more_calls
{
	my ($path, $code) = @_;
	my $before = calls($path);
	$code->();
	return calls($path) - $before;
}

1;
