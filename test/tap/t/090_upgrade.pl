# A database that was made with a former version of the extension and brought up to this one is what a new one is, and has
# lost nothing. Whatever changes src/schema must be in the script that brings the last frozen version up, too.
use strict;
use warnings;

use OpenBanking;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $url = start_sandbox();
my $node = new_node('main', $url);
my %script = map { $_ => slurp_file("$ENV{OB_STAGE}/upgrade/$_.sql") } qw(catalog fill rows);

sub create_database
{
	my ($name, $version) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION openbanking' . ($version ? " VERSION '$version'" : ''));
	return;
}

sub catalog_of { return split /\n/, $node->safe_psql($_[0], $script{catalog}); }

# What both lists must have; each line that only one has is told.
sub same_lines
{
	my ($got, $expected, $name) = @_;
	my (%got, %expected);
	@got{@$got} = @expected{@$expected} = ();
	my @missing = grep { !exists $got{$_} } @$expected;
	my @left = grep { !exists $expected{$_} } @$got;
	ok(!@missing && !@left, $name);
	diag("there now: $_") foreach @left;
	diag("missing: $_") foreach @missing;
	return;
}

# Columns of each table, as they are now.
sub columns_of
{
	my ($database) = @_;
	return map { split /\|/, $_, 2 } split /\n/, $node->safe_psql($database, q{
		SELECT c.oid::regclass, string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
		WHERE relnamespace = 'ob'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped GROUP BY c.oid});
}

# The rows of tables, and where sequences stand; those that were never used may be of tables that came since.
sub data_of
{
	my ($database, %columns) = @_;
	my $sql = join ' UNION ALL ', map { "SELECT '$_ ' || to_jsonb(x)::text FROM (SELECT $columns{$_} FROM $_) x" } sort keys %columns;
	return split /\n/, $node->safe_psql($database, "SELECT * FROM ($sql UNION ALL SELECT sequencename || ' ' || last_value
		FROM pg_sequences WHERE schemaname = 'ob' AND last_value IS NOT NULL) lines (line) ORDER BY 1");
}

sub seen_by_reader
{
	my ($database) = @_;
	return $node->safe_psql($database, q{SET ROLE reader; SET openbanking.user_ref = 'ann';
		SELECT account_id, name, type, currency, balance_current FROM ob.accounts ORDER BY 1;
		SELECT account_id, transaction_id, status, amount, currency, date, description, annotations FROM ob.transactions ORDER BY 2;
		SELECT user_ref, currency, net_worth FROM ob.net_worth ORDER BY 2;
		SELECT institution_name, badge FROM ob.connection_status});
}

$node->safe_psql('postgres', 'CREATE ROLE by_default');
create_database('fresh');
my @fresh = catalog_of('fresh');
cmp_ok(scalar @fresh, '>', 500, 'a new one is described');
is(scalar(grep { /^not described/ } @fresh), 0, 'in all its parts') or diag(grep { /^not described/ } @fresh);

my @versions = split /\n/, $node->safe_psql('postgres',
	q{SELECT version FROM pg_available_extension_versions v JOIN pg_available_extensions e USING (name)
		WHERE name = 'openbanking' AND version <> default_version ORDER BY version});
cmp_ok(scalar @versions, '>=', 1, "former versions: @versions");

foreach my $version (@versions)
{
	subtest "from $version" => sub {
		my $database = 'from_' . $version =~ tr/./_/r;
		create_database($database, $version);
		$node->safe_psql($database, "$script{fill}; $script{rows}");
		my %columns = columns_of($database);
		my @before = data_of($database, %columns);
		foreach my $table (sort keys %columns)
		{
			my $count = grep { index($_, "$table {") == 0 } @before;
			cmp_ok($count, '>=', $table eq 'ob.installation' ? 1 : 12, "rows in $table");
		}
		my $seen = seen_by_reader($database);
		like($seen, qr{^everyday\|t-1\|posted\|-0\.10\|USD\|2026-01-02}m, 'a user sees them');
		my $dump = "$PostgreSQL::Test::Utils::tmp_check/$database.sql";
		$node->command_ok([ 'pg_dump', '-d', $node->connstr($database), '-f', $dump ], 'dumped');

		$node->safe_psql($database, join ' ', map { "ALTER DEFAULT PRIVILEGES GRANT ALL ON $_ TO by_default;" } qw(TABLES SEQUENCES FUNCTIONS));
		$node->safe_psql($database, 'ALTER EXTENSION openbanking UPDATE');
		$node->safe_psql($database, join ' ', map { "ALTER DEFAULT PRIVILEGES REVOKE ALL ON $_ FROM by_default;" } qw(TABLES SEQUENCES FUNCTIONS));
		is($node->safe_psql($database, q{
			SELECT c.oid::regclass::text FROM pg_class c, aclexplode(relacl) WHERE relnamespace = 'ob'::regnamespace AND grantee = 'by_default'::regrole
			UNION SELECT p.oid::regprocedure::text FROM pg_proc p, aclexplode(proacl) WHERE pronamespace = 'ob'::regnamespace AND grantee = 'by_default'::regrole}), '', 'default privileges give nobody what is new');
		same_lines([ catalog_of($database) ], \@fresh, 'is what a new one is');
		same_lines([ data_of($database, %columns) ], \@before, 'has lost nothing');
		is(seen_by_reader($database), $seen, 'a user sees what he saw');
		set_up_plaid($node, $url, $database);
		my $bank = $node->safe_psql($database, q{SELECT connection_id FROM ob.sandbox_link('plaid', 'ben')});
		is($node->safe_psql($database, "SELECT status FROM ob.sync($bank)"), 'complete', 'another bank is linked and synced');

		# A dump names no version: it is restored into the newest.
		my $restored = "restored_$database";
		$node->safe_psql('postgres', "CREATE DATABASE $restored");
		$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($restored), '-f', $dump ], 'its dump is restored');
		same_lines([ catalog_of($restored) ], \@fresh, 'is what a new one is');
		same_lines([ data_of($restored, %columns) ], \@before, 'has lost nothing');
		$node->safe_psql('postgres', "DROP DATABASE $database");
		$node->safe_psql('postgres', "DROP DATABASE $restored; DROP OWNED BY reader; DROP ROLE reader");
	};
}

done_testing();
