# Many banks with random lives at once, and ways to sync them all meanwhile.
package OpenBanking::Lives;

use strict;
use warnings;

use OpenBanking;
use OpenBanking::Bank;
use OpenBanking::Oracle;
use OpenBanking::Session;
use Time::HiRes qw(sleep);

# {node, url, seeds => […]}: links a bank for each seed.
sub new
{
	my ($class, %self) = @_;
	my $self = bless {%self}, $class;
	$self->{banks} = [ map { OpenBanking::Bank->new(url => $self->{url}, seed => $_) } @{ $self->{seeds} } ];
	my $list = join ', ', map { sprintf q{(%d, '%s', '%s')}, $_->{seed}, $_->one_in(2) ? 'plaid' : 'plaid_raw', $_->{token} } @{ $self->{banks} };
	my $ids = $self->{node}->safe_psql('postgres', qq{
		SELECT seed, connection_id FROM (VALUES $list) v(seed, server, token),
			ob.adopt_connection(server, 'seed ' || seed, jsonb_build_object('access_token', token))});
	my %id = map { split /\|/ } split /\n/, $ids;
	$_->{connection} = $id{ $_->{seed} } foreach @{ $self->{banks} };
	return $self;
}

sub banks { return @{ $_[0]{banks} }; }

# Chance that concerns all of them: the first one's.
sub below { return $_[0]{banks}[0]->below($_[1]); }
sub one_in { return $_[0]{banks}[0]->one_in($_[1]); }

sub sql { return $_[0]{node}->safe_psql('postgres', $_[1]); }

sub sessions
{
	my ($self, $count) = @_;
	return map { OpenBanking::Session->new($self->{node}) } 1 .. $count;
}

sub connections { return join ', ', map { $_->{connection} } $_[0]->banks; }

# Time passes until all are due.
sub make_due
{
	my ($self) = @_;
	$self->sql('UPDATE ob.sync_state SET next_sync_at = now() WHERE connection_id IN (' . $self->connections . ');
		UPDATE ob.breakers SET open_until = now()');
	return;
}

# Every bank changes, some pending rows are annotated, and some trouble is on its way.
sub live
{
	my ($self, $steps) = @_;
	control($self->{url}, 'config', { largest_page => $self->below(4) ? 2 + $self->below(30) : 0 });
	my @notes;
	foreach my $bank ($self->banks)
	{
		$bank->step for 1 .. $bank->below($steps);
		my @pending = $bank->pending;
		push @notes, note_sql($bank->{connection}, $bank->pick(@pending), $bank->below(1000)) if @pending && $bank->one_in(2);
		if ($bank->one_in(4))
		{
			$bank->step_during(1 + $bank->below(4)) for 1 .. 1 + $bank->below(3);
		}
		$bank->interrupt if $bank->{stage} ne 'historical' && $bank->one_in(2);
		$bank->spoil if $bank->one_in(8);
		$bank->disturb if $bank->one_in(12);
	}
	$self->sql(join ";\n", @notes) if @notes;
	return;
}

# The histories become more complete, not all at the same time.
sub proceed
{
	my ($self) = @_;
	foreach my $bank ($self->banks)
	{
		$bank->proceed($bank->{stage} eq 'not_ready' ? 'initial' : 'historical')
		  if $bank->{stage} ne 'historical' && $bank->one_in(3);
	}
	return;
}

# A statement that syncs a bank by itself, or '' where it is left to those that take what is due.
sub own_sync
{
	my ($self, $bank) = @_;
	my $id = $bank->{connection};
	return $bank->pick(('') x 12, "SELECT ob.sync($id)", "SELECT ob.sync($id, true)", "CALL ob.sync_now($id)", "CALL ob.sync_now($id, true)",
		"BEGIN; SELECT ob.sync($id); ROLLBACK", "BEGIN; SELECT ob.sync($id); COMMIT");
}

# Syncs everything: runs of ob.sync_due side by side, the sync worker, and syncs of single banks among them; and the
# banks change meanwhile.
sub sync_amid_changes
{
	my ($self, @sessions) = @_;
	$self->make_due;
	my @own = map { $self->own_sync($_) || () } $self->banks;
	my $worker = $self->one_in(3);
	my @due = splice @sessions, 0, $worker ? 1 : 2;
	if ($worker)
	{
		my $id = $self->{banks}[0]{connection};
		$due[0]->value("SET openbanking.sync_on_event = on; SELECT ob.pause($id); SELECT ob.resume($id); RESET openbanking.sync_on_event");
	}
	my @busy = @due;
	$_->begin('CALL ob.sync_due(parallel => 64)') foreach $worker ? () : @due;
	foreach my $session (@sessions)
	{
		my $some = join ";\n", splice @own, 0, 1 + @own / (@sessions || 1);
		next if $some eq '';
		$session->begin($some);
		push @busy, $session;
	}
	foreach my $bank ($self->banks)
	{
		$bank->step if $bank->one_in(3);
	}
	# A dozen syncs one after the other, each of which may have to begin again or wait for another session's.
	$_->finish(600) foreach $worker ? @busy[ 1 .. $#busy ] : @busy;
	return;
}

# Nothing is wrong any more and all histories are complete: whatever is missing is read.
sub settle
{
	my ($self, $session) = @_;
	control($self->{url}, 'faults', { clear => JSON::PP::true });
	$_->{stage} eq 'historical' or $_->proceed('historical') foreach $self->banks;
	wait_until('the sync worker', sub {
		$self->sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'openbanking sync worker' AND state <> 'idle'}) eq '0';
	});
	# Again: a breaker lets a single one through at first, where a sweep is owed the next sync reads everything, and a
	# sync worker that waits for young banks takes some of what has become due.
	for (1 .. 10)
	{
		$self->make_due;
		$session->query('CALL ob.sync_due(parallel => 64)');
		last if $self->sql(q{SELECT count(*) FROM ob.sync_state s JOIN ob.connections c ON c.id = s.connection_id
			WHERE s.sweep_owed OR s.cursor IS NULL OR s.claimed_until IS NOT NULL OR c.last_sync_status <> 'complete'}) eq '0';
		sleep 0.5;
	}
	read_ledger();
	my $found = differences();
	return { map { $found->{ $_->{connection} } ? ($_->{connection} => $found->{ $_->{connection} }) : () } $self->banks };
}

1;
