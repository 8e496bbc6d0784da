
# Policy that was edited survives a dump and its restore: into another database,
# another cluster, and one that does not load the library.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('dump', settings => { 'governor.sweep_interval' => '100ms' });
$node->start;
my $admin = admin_of($node);
my $dir = PostgreSQL::Test::Utils::tempdir();

# What counts of every row, and whether it is as shipped
my $classes =
  'SELECT name, mode, max_sessions, connect_rate, idle_timeout, idle_timeout_floor, idle_in_transaction_timeout, max_lifetime, keep_warm, reclaim_rate, description, shipped, breaker FROM governor.classes ORDER BY name';
my $rules = 'SELECT * FROM governor.rules ORDER BY position';

sub rows
{
	my ($client) = @_;

	return {
		classes => $client->query($classes),
		rules => $client->query($rules),
		breakers => $client->query('TABLE governor.breaker_settings ORDER BY name'),
		rates => $client->query('TABLE governor.rate_settings ORDER BY name'),
	};
}

# added, edited, disabled, made NULL, and with bytes that are hard to quote; 1000 stays as shipped
$admin->run('CREATE ROLE app LOGIN', 'CREATE ROLE "odd ""role"', 'CREATE ROLE restorer SUPERUSER LOGIN');
set_policy(
	$admin,
	q{INSERT INTO governor.classes (name, mode, max_sessions, idle_timeout, max_lifetime, keep_warm, reclaim_rate, description)
		VALUES ('apps', 'observe', 7, '1 day 02:03:04.000005', '9 days', 2, 0.125, E'it''s\t"odd"\n\\.')},
	q{UPDATE governor.classes SET idle_timeout = '5 s', idle_timeout_floor = NULL, description = NULL WHERE name = 'function'},
	q{INSERT INTO governor.rules (position, class, role, database, application_name, client_addr, platform, function, enabled) VALUES
		(1, 'apps', 'odd "role', 'a b', E'100\\\\%_''', '10.0.0.0/8', 'lambda', 'f%', true),
		(2, 'apps', '+app', NULL, NULL, '2001:db8::/32', NULL, NULL, false),
		(3, 'function', 'app', NULL, '', NULL, NULL, NULL, true)},
	'UPDATE governor.rules SET enabled = false WHERE position = 1010',
	q{INSERT INTO governor.breaker_settings (name, window_type, window_size, failure_rate, slow_call_duration, role, failure_sqlstates)
		VALUES ('a "b"', 'time', 30, 12.5, '1.5 s', 'app', '{53,40001}'), ('plain', DEFAULT, NULL, DEFAULT, NULL, NULL, NULL)},
	q{INSERT INTO governor.rate_settings (name, rate, role) VALUES ('mails', '100/1s, 5000/1h', 'app')},
	q{UPDATE governor.classes SET breaker = 'a "b"' WHERE name = 'apps'});
my $expected = rows($admin);
is_deeply([ map { $_->[11] } @{ $expected->{classes} } ], [ 'f', 't', 'f' ], 'one class is as shipped');
is_deeply([ map { $_->[9] } @{ $expected->{rules} } ], [ 'f', 'f', 'f', 't', 'f' ], 'and one rule');

sub dump_to
{
	my ($file, @options) = @_;

	$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', "$dir/$file", @options ],
		"pg_dump @options");
	return "$dir/$file";
}

# Returns what psql said
sub restore
{
	my ($to, $dbname, $file) = @_;
	my ($stdout, $stderr);

	my $ok = run_log(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $to->connstr($dbname), '-f', $file ],
		'>' => \$stdout, '2>' => \$stderr);
	ok($ok, 'it is restored') or diag($stderr);
	return $stderr;
}

subtest 'into a new database' => sub {
	my $file = dump_to('whole.sql');

	unlike(slurp_file($file), qr/^default\t/m, 'a row as shipped is not in the dump');
	$admin->run('CREATE DATABASE again');
	my $said = restore($node, 'again', $file);
	my $again = GovClient->login($node, dbname => 'again');
	is_deeply(rows($again), $expected, 'every row is as it was');
	is(scalar(() = $said =~ /WARNING:  the policy is kept and not in force: the one of database "postgres" is/g),
		4, 'a WARNING for each table');
	unlike($said, qr/ERROR|updated/, 'and nothing else');

	# it is a policy
	set_conf($node, 'governor.database' => 'again');
	$node->reload;
	$again->wait_for("current_setting('governor.database') = 'again'");
	$again->run('SELECT governor.reload()');
	is($again->value("SELECT count(*) FROM governor.admission WHERE class = 'apps'"), 1, 'that can be put into force');
	is_deeply(
		$again->query("SELECT detail ~ '^generation \\d+: ' FROM governor.events WHERE kind = 'policy' AND detail ~ 'apps'"),
		[ ['t'] ], 'and is the one that was in force before');

	# and again
	my $second = "$dir/second.sql";
	$node->command_ok([ 'pg_dump', '-d', $node->connstr('again'), '-f', $second ], 'dumped again');
	my $strip = sub { return join '', grep { !/^--|^\\(un)?restrict/ } map { s/\t[^\t]+\t[-0-9: .+]+\tf$/\tf/r } split /^/, $_[0]; };
	is($strip->(slurp_file($second)), $strip->(slurp_file($file)), 'it is the same dump');
	$again->logout;
	set_conf($node);
	$node->reload;
	$admin->wait_for("current_setting('governor.database') = 'postgres'");
};

subtest 'only the data' => sub {
	my $file = dump_to('data.sql', '--data-only');

	$admin->run('CREATE DATABASE only_data');
	my $there = GovClient->login($node, dbname => 'only_data');
	$there->run('CREATE EXTENSION pg_governor');
	restore($node, 'only_data', $file);
	is_deeply(rows($there), $expected, 'fits behind CREATE EXTENSION');

	# the triggers let an edited shipped row take its place
	$file = dump_to('untriggered.sql', '--data-only', '--disable-triggers');
	$there->run('DROP EXTENSION pg_governor', 'CREATE EXTENSION pg_governor');
	$there->logout;
	my ($stdout, $stderr);
	ok( !run_log(
			[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('only_data'), '-f', $file ],
			'>' => \$stdout, '2>' => \$stderr),
		'without triggers it is not restored');
	like($stderr, qr/duplicate key value violates unique constraint "classes_pkey"/, 'and says so');
};

subtest 'over what is there' => sub {
	my $file = dump_to('clean.sql', '--clean', '--if-exists');

	$admin->run('CREATE DATABASE cleaned');
	my $there = GovClient->login($node, dbname => 'cleaned');
	$there->run(
		'CREATE EXTENSION pg_governor',
		"INSERT INTO governor.classes (name) VALUES ('old')",
		"INSERT INTO governor.rules (position, class) VALUES (7, 'old')",
		"UPDATE governor.rules SET function = 'other' WHERE position = 1000");
	$there->logout;
	restore($node, 'cleaned', $file);
	$there = GovClient->login($node, dbname => 'cleaned');
	is_deeply(rows($there), $expected, '--clean replaces the policy');
	$there->logout;
};

subtest 'in other formats' => sub {
	my $file = dump_to('custom', '-Fc', '--column-inserts');

	$admin->run('CREATE DATABASE inserted');
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('inserted'), $file ],
		'pg_restore of INSERTs');
	my $there = GovClient->login($node, dbname => 'inserted');
	is_deeply(rows($there), $expected, 'every row is as it was');
	$there->logout;

	$file = dump_to('parallel', '-Fd', '-j2');
	$admin->run('CREATE DATABASE parallel');
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('parallel'), $file ],
		'pg_restore of what two processes dumped');
	$there = GovClient->login($node, dbname => 'parallel');
	is_deeply(rows($there), $expected, 'every row is as it was');
	$there->logout;
};

subtest 'into a server that does not load the library' => sub {
	my $plain = new_node('plain', preload => 0);
	my $line =
	  "Add this line to postgresql.conf and restart the server: shared_preload_libraries = 'pg_governor'";

	# the whole cluster, roles too
	$node->command_ok([ 'pg_dumpall', '-d', $node->connstr('postgres'), '-f', "$dir/all.sql" ], 'pg_dumpall');
	$plain->start;
	my ($stdout, $stderr);
	run_log([ 'psql', '-X', '-q', '-d', $plain->connstr('postgres'), '-f', "$dir/all.sql" ],
		'>' => \$stdout, '2>' => \$stderr);
	is(join('', grep { /ERROR/ && !/role "postgres" already exists/ } split /^/, $stderr), '', 'it is restored');
	is( scalar(() = $stderr =~ /WARNING:  the policy is kept and not in force: pg_governor is not loaded/g),
		4 * 6,
		'with a WARNING for each table of each database');
	like($stderr, qr/HINT:  \Q$line\E/, 'and the line to add');
	my $there = GovClient->login($plain);
	is_deeply(rows($there), $expected, 'every row is as it was');
	$there->logout;

	$plain->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_governor'");
	$plain->restart;
	$there = GovClient->login($plain);
	ok( $there->wait_for(
			"SELECT count(*) = 1 FROM governor.admission WHERE class = 'apps' AND max_sessions = 7 AND mode = 'observe'"),
		'with the library it is in force');
	is($there->value('SELECT policy_error FROM governor.status'), undef, 'without an error');
	$there->logout;
	$plain->stop;
};

$admin->logout;
$node->stop;

done_testing();
