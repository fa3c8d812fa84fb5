# Random lives at the simulated TrueLayer, synced only because webhooks say so, which come in any order, several times, or get lost, and
# through crashes: the tables hold what the ledgers do, and each event has been taken once.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use OpenBanking;
use OpenBanking::Session;
use OpenBanking::TrueLayer;
use OpenBanking::TrueLayerOracle;
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
my $json = JSON::PP->new->canonical;
set_up_truelayer($node, $url, { overlap_days => 88, webhook_jku => "$url/truelayer/webhooks/.well-known/jwks" });
set_up_truelayer_oracle($node, $url);
control($url, 'truelayer/config', { webhook_url => 'https://app.example/hook' });

{
	no warnings 'redefine';
	*OpenBanking::TrueLayerBank::quietly = sub { return (); };
}

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub gather
{
	control($url, 'webhooks', { clear => JSON::PP::true });
	control($url, 'webhooks', { hold => JSON::PP::true });
	return;
}

# The call that takes a delivery, signed now.
sub receive_sql
{
	my ($body) = @_;
	my $signed = control($url, 'truelayer/webhooks/sign', { path => '/hook', body => $body });
	my $headers = $json->encode({ %{ $signed->{headers} }, 'Tl-Signature' => $signed->{signature} });
	return sprintf q{SELECT status || ' ' || http_status FROM ob.webhook_receive('tl', '%s', '\x%s', path => '/hook');}, $headers, unpack 'H*', $body;
}

# What comes of a bank's webhooks: each as often as it likes, in any order, and some never.
sub shuffled
{
	my ($bank, @bodies) = @_;
	my @sent = map { my $body = $_; ($body) x $bank->pick(0, 1, 1, 2, 3) } @bodies;
	for (my $i = $#sent; $i > 0; --$i)
	{
		my $j = $bank->below($i + 1);
		@sent[ $i, $j ] = @sent[ $j, $i ];
	}
	return @sent;
}

my %sent;
foreach my $seed (1 .. $ENV{OB_SEEDS} // 6)
{
	gather();
	my $bank = new_bank(7000 + $seed);
	my $connection = $bank->{connection};
	sql("CALL ob.sync_now($connection)");
	my $wrong = '';
	foreach my $round (1 .. 4)
	{
		sql("UPDATE ob.sync_state SET next_sync_at = now() + interval '1 day'");
		gather();
		$bank->step for 1 .. 1 + $bank->below(12);
		# Removed and changed rows are not told of; the next webhook has them found.
		control($url, 'truelayer/webhooks/fire', { resource_id => $bank->{item}, resource_type => 'connection' });
		my @bodies = map { $_->{body} } @{ control($url, 'webhooks')->{webhooks} };
		my @deliveries = (shuffled($bank, @bodies), $bodies[-1]);
		@sent{@deliveries} = ();
		my $calls = join "\n", map { receive_sql($_) } @deliveries;
		if ($round == 3)
		{
			my $session = OpenBanking::Session->new($node);
			$session->value('BEGIN');
			$session->value($_ =~ s/;\z//r) foreach split /\n/, $calls;
			$node->stop('immediate');
			undef $session;
			$node->start;
		}
		my $answers = sql($calls);
		$wrong .= "round $round: $answers\n" if $answers =~ /^(?!accepted 200$|duplicate 200$).*$/m;
		sql('CALL ob.sync_due()');
		# Those of accounts that were new to us.
		sql(q{UPDATE ob.webhook_events SET next_try_at = now() WHERE status = 'waiting'});
		sql('CALL ob.sweep_webhooks()');
		my $found = differences($bank);
		$wrong .= "round $round:\n$found" if $found;
	}
	is($wrong, '', "seed $seed");
}
is(sql(q{SELECT count(*), count(DISTINCT message_id), bool_and(status = 'processed') FROM ob.webhook_events}), join('|', (scalar keys %sent) x 2, 't'),
	'each event was taken once, and had its effect');

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal| XX000 /, 'the log knows of nothing worse');

done_testing();
