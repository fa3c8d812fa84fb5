# A cluster that is watched as closely as can be, for tests that no secret is anywhere but sealed and no person in any log:
# what is planted occurs nowhere else, and in the end every byte that the server has written or said is searched for it.
package OpenBanking::Watched;

use strict;
use warnings;

use Exporter 'import';
use MIME::Base64 qw(decode_base64 encode_base64);
use OpenBanking;
use OpenBanking::Canaries;
use OpenBanking::Keys;
use OpenBanking::Links qw(wait_for_restart);
use OpenBanking::Wire;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

our @EXPORT = qw($session text digits secret person echo unsealed card_number watched_node add_key new_session after_a_crash
  watch ended fails does answers answers_all hear_failure hear explained unlogged is_nowhere_else);

our $session;    # who speaks; another one after a loss
my ($node, $watcher, @ring);

# ---- what may stand where ----

my @told = ('log', 'csvlog', 'pg_stat_statements', 'pg_stat_activity', 'planner statistics', 'EXPLAIN', 'messages');
my @stored = ('answers', 'data files', 'WAL', 'pg_dump', 'pg_dumpall');
my %allowed = (
	secret => [],          # tokens, codes, addresses of links, keys, credentials, numbers of accounts and cards
	echo => [],            # what a provider says in words of its own
	unsealed => [ 'planner statistics', @stored ],    # a secret that somebody wrote into a user mapping in clear, which sandbox allows
	person => \@stored,    # names, texts of transactions, who an end user is
	control => [ @told, @stored ],    # must be found, or the search is worth nothing
);

my $canaries = OpenBanking::Canaries->new;
sub text { return join '', map { ('a' .. 'z', 2 .. 9)[ rand 34 ] } 1 .. $_[0] // 16; }
sub digits { return join '', map { int rand 10 } 1 .. $_[0]; }
sub secret { return $canaries->plant('secret', $_[0], $_[1] // text(30)); }
sub person { return $canaries->plant('person', $_[0], $_[1] // 'Zoe' . text()); }
sub echo { return $canaries->plant('echo', $_[0], text()); }

# A secret that somebody wrote into a user mapping in clear.
sub unsealed { return $canaries->plant('unsealed', $_[0], text(30)); }

sub card_number
{
	my ($name) = @_;
	my $number = '4' . digits(14);
	my ($sum, $double) = (0, 1);
	foreach my $digit (reverse split //, $number)
	{
		my $value = $double ? $digit * 2 : $digit;
		$sum += $value > 9 ? $value - 9 : $value;
		$double = !$double;
	}
	return secret($name, $number . (10 - $sum % 10) % 10);
}

# ---- the cluster ----

# May call $allowed_hosts.
sub watched_node
{
	my ($allowed_hosts) = @_;
	$node = new_node('main', $allowed_hosts, {
		shared_preload_libraries => 'auto_explain,pg_stat_statements', logging_collector => 'on', log_directory => 'log', log_statement => 'none',
		log_destination => 'stderr,csvlog', log_min_messages => 'debug5', log_error_verbosity => 'verbose',
		log_min_duration_statement => 0, log_parameter_max_length => 0, log_parameter_max_length_on_error => 0,
		log_temp_files => 0, log_connections => 'on', log_disconnections => 'on', log_lock_waits => 'on', log_rotation_size => 0,
		'auto_explain.log_min_duration' => 0, 'auto_explain.log_analyze' => 'on', 'auto_explain.log_verbose' => 'on',
		'auto_explain.log_settings' => 'on', 'auto_explain.log_triggers' => 'on', 'auto_explain.log_nested_statements' => 'on',
		'pg_stat_statements.track' => 'all', track_activity_query_size => 65536,
		max_wal_size => '2GB', wal_keep_size => '1GB', wal_level => 'logical' });
	add_key(slurp_file($node->basedir . '/keys') =~ s/\n//r);
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements');
	$watcher = OpenBanking::Wire->new($node);
	new_session();
	return $node;
}

# Puts a key in front of the ring, or begins with the one that is there.
sub add_key
{
	my ($line) = @_;
	unshift @ring, $line;
	my ($id, $key) = split /:/, $line;
	secret("key $id", $key =~ s/=*$//r);
	secret("bytes of key $id", decode_base64($key));
	return write_private($node->basedir . '/keys', @ring);
}

# ---- talking to it, and hearing what it says ----

my %heard;    # by place
# Values of parameters must not become constants of plans, which auto_explain would show.
sub new_session
{
	$session = OpenBanking::Wire->new($node, plan_cache_mode => 'force_generic_plan');
	return;
}

sub after_a_crash
{
	wait_for_restart();
	$watcher = OpenBanking::Wire->new($node);
	new_session();
	return;
}

sub rows_text { return join "\n", map { join '|', map { $_ // '' } @$_ } @{ $_[0]{rows} }; }
sub watch
{
	$heard{pg_stat_activity} .= rows_text($watcher->query(q{SELECT a::text FROM pg_stat_activity a WHERE pid <> pg_backend_pid()}));
	return;
}

# Ends what was begun; its state must be the expected one ('none': well). Returns the result.
sub ended
{
	my ($name, $state) = @_;
	my $result = $session->finish;
	$heard{messages} .= $result->{heard};
	is($result->{lost} ? 'lost' : $result->{state}, $state, $name) or diag($result->{heard} =~ tr/\0/ /r);
	new_session() if $result->{lost} && $state ne 'lost';
	return $result;
}
sub fails
{
	my ($name, $state, @statement) = @_;
	$session->begin(@statement);
	my $result = ended($name, $state);
	watch();
	return $result;
}
# Ends in whatever way; returns the result.
sub hear
{
	my $result = $session->query(@_);
	$heard{messages} .= $result->{heard};
	return $result;
}
sub hear_failure
{
	my ($name, @statement) = @_;
	my $result = hear(@statement);
	like($result->{state}, qr/^(OB00\d|22023)$/, $name);
	return;
}
# What is asked for keeps secrets to itself as well.
sub answers
{
	my ($sql, @values) = @_;
	$heard{answers} .= rows_text(fails($sql, 'none', $sql, @values));
	return;
}
# All rows of all our tables and views.
sub answers_all
{
	my $relations = q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'ob'::regnamespace AND relkind IN ('r', 'v')};
	answers("SELECT t::text FROM $_->[0] t") foreach @{ $watcher->query($relations)->{rows} };
	return;
}
sub does { my ($name, @statement) = @_; return @{ fails($name, 'none', @statement)->{rows}[0] // [] }; }

# A plan that is shown.
sub explained
{
	my ($name, @statement) = @_;
	$heard{EXPLAIN} .= rows_text(fails($name, 'none', @statement));
	return;
}
# A clear secret in a statement, as doc/security.md has it. Others can see it until the session has ended.
sub unlogged
{
	my $answer = $node->safe_psql('postgres', "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';
		SET auto_explain.log_min_duration = -1; SET pg_stat_statements.track = 'none'; $_[0]");
	my $others = q{SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> ''};
	wait_until('the session to end', sub { !@{ $watcher->query($others)->{rows} } });
	return $answer;
}

# ---- the search ----

# Stops the server, and looks at all that it has written and said.
sub is_nowhere_else
{
	say_the_control();
	hear_the_rest();
	$node->stop;
	judge(found());
	return;
}

# The same search finds what does stand there, in each form.
sub say_the_control
{
	my %control = map { $_ => $canaries->plant('control', "control $_", text(24)) } 'as it is', 'in hex', 'in base64', 'in base64, shifted', 'in base64, shifted by two';
	my $forms = join ' ', $control{'as it is'}, unpack('H*', $control{'in hex'}),
	  map { encode_base64($_, '') } $control{'in base64'}, "?$control{'in base64, shifted'}", "??$control{'in base64, shifted by two'}";
	$session->query("NOTIFY control, '$forms'");
	does('listening', 'LISTEN control');
	does('notified', 'SELECT pg_notify($1, $2)', 'control', $forms);
	fails('an error', '22P02', "SELECT '$forms'::int");
	explained('a plan', "EXPLAIN (VERBOSE) SELECT '$forms'");
	does('a row', 'CREATE TABLE control AS SELECT $1::text FROM generate_series(1, 2)', $forms);
	answers('TABLE control');
	does('a statement', "SELECT /* $forms */ 1");
	return;
}

sub hear_the_rest
{
	$heard{pg_stat_statements} .= rows_text($watcher->query('SELECT s::text FROM pg_stat_statements s'));
	$node->safe_psql('postgres', 'ANALYZE');
	$heard{'planner statistics'} .= rows_text($watcher->query('SELECT s::text FROM pg_statistic s UNION ALL SELECT d::text FROM pg_statistic_ext_data d'));
	$node->safe_psql('postgres', 'CHECKPOINT');
	my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump.sql";
	$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'dumped');
	$heard{pg_dump} .= slurp_file($dump);
	$node->command_ok([ 'pg_dumpall', '-d', $node->connstr('postgres'), '-f', $dump ], 'all dumped');
	$heard{pg_dumpall} .= slurp_file($dump);
	return;
}

# By place: names of what stands there, and the form and file it was met in first.
sub found
{
	my %found;
	my $met = sub { my ($place, $names) = @_; $found{$place}{$_} //= $names->{$_} foreach keys %$names; };
	$met->($_, $canaries->in_text($heard{$_})) foreach keys %heard;
	my $data = $node->data_dir;
	foreach my $file (OpenBanking::Canaries::files_below($data), $node->logfile)
	{
		my ($part) = $file =~ m{^\Q$data\E/(log|pg_wal)/};
		my $place = $file =~ /\.csv$/ ? 'csvlog' : $file eq $node->logfile || ($part // '') eq 'log' ? 'log' : $part ? 'WAL' : 'data files';
		$met->($place, $canaries->in_file($file));
	}
	return \%found;
}

sub judge
{
	my ($found) = @_;
	foreach my $place (@told, @stored)
	{
		foreach my $kind (sort keys %allowed)
		{
			my $may = grep { $_ eq $place } @{ $allowed{$kind} };
			my @seen = grep { $found->{$place}{$_} } $canaries->of_kind($kind);
			is(join(', ', @seen), $kind eq 'control' ? join(', ', $canaries->of_kind($kind)) : '', "$kind: $place")
			  or diag(join "\n", map { $found->{$place}{$_} // '' } @seen)
			  unless $may && $kind ne 'control';
		}
	}
	return;
}

1;
