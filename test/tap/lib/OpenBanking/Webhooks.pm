# Webhooks as the simulator makes and signs them, handed to SQL as a receiver does.
package OpenBanking::Webhooks;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use OpenBanking;

our @EXPORT = qw(webhooks_at last_webhook webhook_body sign deliver receive_sql receive event fire);

my ($node, $url);
my $json = JSON::PP->new->canonical;

# Where most functions look. Nothing is sent by itself: a test decides what is delivered, when and how often.
sub webhooks_at
{
	($node, $url) = @_;
	control($url, 'webhooks', { hold => JSON::PP::true });
	return;
}

# The body of the last webhook that the simulator has made, of a label such as ITEM/ERROR.
sub last_webhook
{
	my ($label) = @_;
	my @of_label = grep { !$label || $_->{label} eq $label } @{ control($url, 'webhooks')->{webhooks} };
	return @of_label ? $of_label[-1]{body} : undef;
}

# Any body, in Plaid's way of writing.
sub webhook_body { return JSON::PP->new->canonical->indent->indent_length(2)->space_after->encode($_[0]) =~ s/\n\z//r; }

# The header for a body; %$how makes it wrong.
sub sign { return control($url, 'plaid/webhooks/sign', { body => $_[0], %{ $_[1] // {} } })->{header}; }

# Has the simulator make a webhook for an item; its body.
sub fire
{
	my ($item, $type, $code) = @_;
	control($url, 'plaid/webhooks/fire', { item_id => $item, type => $type, code => $code });
	return last_webhook("$type/$code");
}

# A call with a header and a body; $more: further arguments in SQL.
sub receive_sql
{
	my ($header, $body, $more, $function) = @_;
	my $headers = $json->encode({ 'plaid-verification' => $header, 'content-type' => 'application/json' });
	return sprintf q{ob.%s('plaid', '%s', '\x%s'%s)}, $function // 'webhook_receive', $headers, unpack('H*', $body), $more // '';
}

# status|reason|http_status
sub receive
{
	my ($header, $body, $more) = @_;
	return $node->safe_psql('postgres', 'SELECT status, reason, http_status FROM ' . receive_sql($header, $body, $more));
}

# Signs a body and hands it in.
sub deliver { return receive(sign($_[0]), $_[0]); }

# status|reason|connection_id of the event with that body.
sub event
{
	my ($body) = @_;
	my $hex = unpack 'H*', $body;
	return $node->safe_psql('postgres', "SELECT status, reason, connection_id FROM ob.webhook_events "
		  . "WHERE digest = encode(sha256('\\x$hex'), 'hex') AND verified");
}

1;
