
# From an edit to a policy in force: at commit, not before; for sessions that
# live; from the one database that counts; and when the loader cannot.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my %settings = (
	'governor.sweep_interval' => '100ms',
	'governor.mode' => 'enforce',
	'max_prepared_transactions' => 5,
	# the governor, and room for one worker more
	'max_logical_replication_workers' => 0,
	'max_worker_processes' => 2);
my $node = new_node('policy', settings => \%settings);
$node->start;
my $admin = admin_of($node);
my $major = int($admin->value('SHOW server_version_num') / 10000);

$admin->run('CREATE ROLE app LOGIN', 'CREATE ROLE editor LOGIN', 'CREATE DATABASE other');
$admin->run('GRANT USAGE ON SCHEMA governor TO editor',
	'GRANT ALL ON governor.classes, governor.rules TO editor');

sub generation { return $admin->value('SELECT policy_generation FROM governor.status'); }

sub class_of
{
	my ($client) = @_;

	return $admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $client->pid);
}

my $app = GovClient->login($node, user => 'app', application_name => 'app');

#
# An edit is in force once it is committed
#
subtest 'commit' => sub {
	my $before = generation();

	is(class_of($app), 'default', 'a session before the edit');
	set_policy($admin, "INSERT INTO governor.classes (name, idle_timeout) VALUES ('apps', '1 h')");
	$admin->run("INSERT INTO governor.rules (position, class, application_name) VALUES (10, 'apps', 'app')");
	ok( $admin->wait_for(
			"SELECT class = 'apps' AND rule = 10 FROM governor.sessions WHERE pid = " . $app->pid),
		'a living session follows an edit, without a reload');
	cmp_ok(generation(), '>', $before, 'by a new generation');
	is($admin->value('SELECT policy_error FROM governor.status'), undef, 'without an error');
	is(class_of(GovClient->login($node, user => 'app', application_name => 'app')),
		'apps', 'so does a new one');
	my $seen = generation();
	# the loader notes its event a moment after; a reload waits for it to end
	is($admin->value('SELECT governor.reload()'), $seen, 'nothing more is to be loaded');
	is_deeply(
		$admin->query(
			"SELECT usename, detail FROM governor.events WHERE kind = 'policy' ORDER BY at DESC LIMIT 2"),
		[
			[ 'postgres', "generation $seen: rule 10 added" ],
			[ 'postgres', 'generation ' . ($seen - 1) . ': class "apps" added' ]
		],
		'events say so');

	# somebody who may edit and nothing else
	my $editor = GovClient->login($node, user => 'editor');
	$editor->run("UPDATE governor.rules SET application_name = 'app%' WHERE position = 10");
	ok($admin->wait_for("SELECT policy_generation > $seen FROM governor.status"),
		'whoever may edit needs no other right');
	is_deeply(
		$admin->query(
			"SELECT changed_by, changed_at > now() - interval '1 min', shipped FROM governor.classes WHERE name = 'apps'"
		),
		[ [ 'postgres', 't', 'f' ] ],
		'who changed what is kept');
};

subtest 'reload()' => sub {
	my $before = generation();

	is($admin->value('SELECT governor.reload()'), $before, 'without an edit the generation stays');
	for my $i (1 .. 20)
	{
		my $target = $i % 2 ? 'function' : 'apps';

		$admin->run("UPDATE governor.rules SET class = '$target' WHERE position = 10");
		my $generation = $admin->value('SELECT governor.reload()');
		my ($seen) = @{
			$admin->query(
					'SELECT policy_generation, (SELECT class FROM governor.sessions WHERE pid = '
				  . $app->pid
				  . ') FROM governor.status')
		};
		is_deeply(
			$seen,
			[ $generation, $target ],
			'when it returns, it is in force and living sessions follow');
		cmp_ok($generation, '>', $before, 'a new generation');
		$before = $generation;
	}
	my $stranger = GovClient->login($node, user => 'app');
	$stranger->query('SELECT governor.reload()');
	is_error($stranger, '42501', 'not for everybody');
};

subtest 'rollback' => sub {
	my $before = generation();

	$admin->run('BEGIN', "DELETE FROM governor.rules WHERE position = 10");
	is($admin->value("SELECT class FROM governor.classify('app', 'postgres', 'app', NULL)"),
		'default', 'the transaction itself sees its edit');
	is(class_of($app), 'apps', 'nobody else does');
	is( GovClient->login($node, user => 'editor')
		  ->value("SELECT class FROM governor.classify('app', 'postgres', 'app', NULL)"),
		'apps',
		'classify() elsewhere neither');
	$admin->notices;
	is($admin->value('SELECT governor.reload()'), $before, 'reload() inside it loads what is committed');
	like(
		($admin->notices)[0]{M},
		qr/^this transaction's own changes of the policy are not committed yet, and not loaded$/,
		'and warns');
	$admin->run('ROLLBACK');
	$admin->notices;
	is($admin->value('SELECT governor.reload()'), $before, 'a rollback changes nothing');
	is(scalar $admin->notices, 0, 'and is forgotten');
	is(class_of($app), 'apps', 'for nobody');
	is($admin->value("SELECT class FROM governor.classify('app', 'postgres', 'app', NULL)"),
		'apps', 'and the transaction\'s view is forgotten');

	# part of a transaction
	$admin->run(
		'BEGIN',
		"UPDATE governor.rules SET class = 'function' WHERE position = 10",
		'SAVEPOINT s',
		"DELETE FROM governor.rules WHERE position = 10",
		"INSERT INTO governor.classes (name) VALUES ('lost')",
		'ROLLBACK TO s');
	is($admin->value("SELECT class FROM governor.classify('app', 'postgres', 'app', NULL)"),
		'function', 'a savepoint is rolled back');
	$admin->run('COMMIT');
	ok($admin->wait_for("SELECT class = 'function' FROM governor.sessions WHERE pid = " . $app->pid),
		'the rest is in force');
	is($admin->value("SELECT count(*) FROM governor.admission WHERE class = 'lost'"),
		0, 'what was rolled back is not');

	$admin->run('BEGIN', 'SAVEPOINT s', "UPDATE governor.rules SET class = 'apps' WHERE position = 10",
		'RELEASE s', 'COMMIT');
	ok($admin->wait_for("SELECT class = 'apps' FROM governor.sessions WHERE pid = " . $app->pid),
		'a savepoint that is released counts');

	# an error ends it all
	$before = generation();
	$admin->query("BEGIN; DELETE FROM governor.rules WHERE position = 10; SELECT 1/0");
	is_error($admin, '22012', 'an error after an edit');
	$admin->run('ROLLBACK');
	is($admin->value('SELECT governor.reload()'), $before, 'changes nothing');

	$admin->run('BEGIN', 'DELETE FROM governor.rules WHERE position = 10');
	$admin->query("PREPARE TRANSACTION 'later'");
	is_error($admin, '0A000', 'two-phase commit of an edit is refused');
	like($admin->error->{M},
		qr/^cannot PREPARE a transaction that has changed the policy of pg_governor$/, 'message');
	$admin->query('ROLLBACK');
	is($admin->value('SELECT count(*) FROM pg_prepared_xacts'), 0, 'nothing is prepared');
	is($admin->value('SELECT governor.reload()'), $before, 'and nothing changed');
};

#
# Bad rows cannot get in
#
subtest 'bad rows' => sub {
	my $before = generation();
	my $rows = $admin->value(
		"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM (SELECT c::text FROM governor.classes c UNION ALL SELECT r::text FROM governor.rules r) t"
	);
	my $check = sub {
		my ($sql, $sqlstate, $message, $name) = @_;

		$admin->query($sql);
		is_error($admin, $sqlstate, $name)
		  and like($admin->error->{M}, $message, 'message');
	};

	$check->(
		"INSERT INTO governor.rules (position, class) VALUES (1, 'nobody')",
		'23503',
		qr/violates foreign key constraint "rules_class_fkey"/,
		'an unknown class');
	$check->(
		"INSERT INTO governor.rules (position, class) VALUES (10, 'apps')",
		'23505',
		qr/unique constraint "rules_pkey"/,
		'a position twice');
	$check->(
		"INSERT INTO governor.rules (position, class) VALUES (-1, 'apps')",
		'23514',
		qr/"position: 0 or more"/,
		'a negative position');
	foreach my $column (qw(idle_timeout idle_timeout_floor idle_in_transaction_timeout max_lifetime))
	{
		foreach my $bad ('0', '-1 s', '1 month', '-1 month 60 days', '1 year', '10001 days')
		{
			$check->(
				"UPDATE governor.classes SET $column = '$bad' WHERE name = 'apps'",
				'23514',
				qr/"$column: positive, finite, without months"/,
				"$column = $bad");
		}
		$check->(
			"UPDATE governor.classes SET $column = 'infinity' WHERE name = 'apps'",
			$major >= 17 ? ('23514', qr/"$column: positive, finite/) : ('22007', qr/invalid input syntax/),
			"$column = infinity");
	}
	$check->(
		"UPDATE governor.rules SET application_name = repeat('x', 128) WHERE position = 10",
		'23514',
		qr/"application_name: a LIKE pattern of at most 127 bytes"/,
		'a pattern that is too long');
	$check->(
		"UPDATE governor.rules SET application_name = 'x\\' WHERE position = 10",
		'23514',
		qr/"application_name: no LIKE pattern ends with its escape"/,
		'a pattern that ends with its escape');
	$check->(
		"UPDATE governor.classes SET mode = 'sometimes' WHERE name = 'apps'",
		'23514',
		qr/"mode: off, observe, enforce, or NULL"/,
		'an unknown mode');
	$check->(
		"UPDATE governor.classes SET sessions_per_instance = 0 WHERE name = 'apps'",
		'23514',
		qr/"sessions_per_instance: 1 to 262143, or NULL for no limit"/,
		'no session per instance');
	$check->(
		"INSERT INTO governor.classes (name) SELECT 'c' || i FROM generate_series(1, 62) i",
		'54000', qr/^too many rows in governor.classes$/,
		'65 classes');
	is($admin->error->{D}, 'There would be 65 rows, and there may be at most 64.', 'detail');
	$check->(
		"INSERT INTO governor.rules (position, class) SELECT 2000 + i, 'apps' FROM generate_series(1, 254) i",
		'54000',
		qr/^too many rows in governor.rules$/,
		'257 rules');
	is($admin->error->{D}, 'There would be 257 rows, and there may be at most 256.', 'detail');
	$check->(
		"DELETE FROM governor.classes WHERE name = 'function'",
		'55000',
		qr/^cannot delete row "function" of governor.classes, which pg_governor ships$/,
		'a shipped class goes');
	$check->(
		"DELETE FROM governor.rules WHERE position = 1000",
		'55000',
		qr/^cannot delete row "1000" of governor.rules, which pg_governor ships$/,
		'a shipped rule goes');
	$check->('TRUNCATE governor.rules', '55000', qr/^cannot truncate governor.rules/, 'all go');

	is( $admin->value(
			"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM (SELECT c::text FROM governor.classes c UNION ALL SELECT r::text FROM governor.rules r) t"
		),
		$rows,
		'nothing has changed');
	is($admin->value('SELECT governor.reload()'), $before, 'and the policy is the same');

	# as many as there may be
	$admin->run(
		'BEGIN',
		"INSERT INTO governor.classes (name) SELECT 'c' || i FROM generate_series(1, 61) i",
		"INSERT INTO governor.rules (position, class, application_name) SELECT 2000 + i, 'c' || (1 + i % 61), 'n' || i FROM generate_series(1, 253) i",
		'COMMIT');
	$admin->run('SELECT governor.reload()');
	is($admin->value('SELECT count(*) FROM governor.admission'), 64, '64 classes are in force');
	is(class_of(GovClient->login($node, user => 'app', application_name => 'n253')), 'c10', 'and 256 rules');
	ok($admin->wait_for("SELECT sessions = 0 FROM governor.admission WHERE class = 'c10'"),
		'until its session ends');
	set_policy(
		$admin,
		'DELETE FROM governor.rules WHERE position > 2000',
		"DELETE FROM governor.classes WHERE name ~ '^c[0-9]'");
	is($admin->value('SELECT count(*) FROM governor.admission'), 3, 'and out of force');
};

subtest 'a class with sessions' => sub {
	my $before = generation();

	is(class_of($app), 'apps', 'a session');
	ok($admin->wait_for("SELECT sessions = 1 FROM governor.admission WHERE class = 'apps'"),
		'alone in its class');
	$admin->query(
		"BEGIN; DELETE FROM governor.rules WHERE position = 10; DELETE FROM governor.classes WHERE name = 'apps'; COMMIT"
	);
	is_error($admin, '55006', 'its class cannot be deleted');
	is($admin->error->{M}, 'cannot delete class "apps", which has sessions', 'message');
	is($admin->error->{D}, 'There is 1 session in it.', 'detail');
	like($admin->error->{H}, qr/^Lead its rules to another class and commit, or switch the class off/,
		'hint');
	$admin->run('ROLLBACK');
	is($admin->value('SELECT governor.reload()'), $before, 'nothing has changed');
	is(class_of($app), 'apps', 'for nobody');

	set_policy($admin, "UPDATE governor.rules SET class = 'function' WHERE position = 10");
	set_policy($admin, "DELETE FROM governor.classes WHERE name = 'apps'");
	is(class_of($app), 'function', 'as the hint says');
	ok($app->works, 'and the session is alive');
	is_deeply($admin->query("SELECT sessions FROM governor.admission WHERE class = 'function'"),
		[ [1] ], 'counted where it is');
};

#
# Two databases
#
subtest 'two databases' => sub {
	my $other = GovClient->login($node, dbname => 'other');
	my $before = generation();

	$other->run('CREATE EXTENSION pg_governor');
	is(scalar $other->notices, 0, 'CREATE EXTENSION elsewhere');
	$other->run("INSERT INTO governor.classes (name, idle_timeout) VALUES ('others', '1 h')");
	my @notices = $other->notices;
	is( $notices[-1]{M},
		'the policy is kept and not in force: the one of database "postgres" is',
		'an edit elsewhere is warned about');
	is( $notices[-1]{H},
		"Edit it there, or set governor.database = 'other' and reload the server's configuration.",
		'with both ways out');
	$other->run("INSERT INTO governor.rules (position, class, role) VALUES (5, 'others', 'app')");
	is($other->value('SELECT governor.reload()'), $before, 'it is not in force');
	is(class_of($app), 'function', 'for nobody');
	is_deeply(
		$other->query("SELECT class, rule FROM governor.classify('app', 'other', NULL, NULL)"),
		[ [ 'default', undef ] ],
		'classify() elsewhere asks the policy in force');

	foreach my $view (qw(sessions admission stat_classes events status))
	{
		my $query = "SELECT count(*) > 0 FROM governor.$view";

		is($other->value($query), $admin->value($query), "governor.$view is the same everywhere");
	}
	my $target = GovClient->login($node, user => 'app');
	$other->wait_for("SELECT wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = " . $target->pid);
	is($other->value('SELECT governor.reclaim(' . $target->pid . ", 'from elsewhere')"),
		't', 'reclaim() works from everywhere');

	# the same class name in both: what the sessions were counted as stays
	set_conf($node, %settings, 'governor.database' => 'other');
	$node->reload;
	ok( $admin->wait_for(
			"SELECT class = 'others' AND rule = 5 FROM governor.sessions WHERE pid = " . $app->pid),
		'governor.database takes effect at reload');
	$_->wait_for("current_setting('governor.database') = 'other'") foreach $admin, $other;
	$_->notices foreach $admin, $other;
	$admin->run("INSERT INTO governor.classes (name) VALUES ('nowhere')");
	is( ($admin->notices)[-1]{M},
		'the policy is kept and not in force: the one of database "other" is',
		'then the first one is not in force');
	$other->run("UPDATE governor.rules SET class = 'function' WHERE position = 5");
	is(scalar $other->notices, 0, 'and the other one is');
	ok($admin->wait_for("SELECT class = 'function' FROM governor.sessions WHERE pid = " . $app->pid),
		'an edit there comes into force');
	$other->logout;
};

#
# The policy database goes
#
subtest 'nothing to load from' => sub {
	my $other = GovClient->login($node, dbname => 'other');
	$other->run('DROP EXTENSION pg_governor');
	$other->logout;
	$admin->wait_for("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'other'");
	$admin->run('SELECT governor.reload()');
	is( $admin->value('SELECT policy_error FROM governor.status'),
		'the extension pg_governor is not installed in database "other"',
		'a dropped extension is named');
	is(class_of($app), 'default', 'and nobody is governed');
	is_deeply(
		$admin->query('SELECT class, mode FROM governor.admission'),
		[ [ 'default', 'off' ] ],
		'there is one class, and it is off');

	my $start = time();
	$admin->query('DROP DATABASE other');
	is($admin->error, undef, 'the policy database can be dropped');
	cmp_ok(time() - $start, '<', 30, 'without waiting for anybody');
	$admin->run('SELECT governor.reload()');
	is( $admin->value('SELECT policy_error FROM governor.status'),
		'database "other" (governor.database) does not exist',
		'a database that does not exist is named');
	is(class_of($app), 'default', 'nobody is governed');
	is(class_of(GovClient->login($node, user => 'app', application_name => 'faas:a:b')),
		'default', 'newcomers neither');

	# with sessions, and a policy in force
	$admin->run('CREATE DATABASE other');
	$other = admin_of($node, 'other');
	is($other->value('SELECT policy_error FROM governor.status'), undef, 'it is back');
	my $function = GovClient->login($node, user => 'app', application_name => 'faas:a:b');
	is(class_of($function), 'function', 'and governs');
	$other->logout;
	$admin->wait_for("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'other'");
	$admin->query('DROP DATABASE other');
	is($admin->error, undef, 'the governor is connected to no database');
	$admin->run('SELECT governor.reload()');
	is(class_of($function), 'default', 'sessions that were governed are not any more');
	ok($function->works, 'and are alive');

	set_conf($node, %settings);
	$node->reload;
	ok($admin->wait_for("SELECT policy_error IS NULL AND policy_generation > 0 FROM governor.status"),
		'back to the first database');
	ok($admin->wait_for("SELECT class = 'function' FROM governor.sessions WHERE pid = " . $function->pid),
		'whose policy governs again');
	$admin->wait_for("current_setting('governor.database') = 'postgres'");
};

#
# Something in the policy has no effect
#
subtest 'an unknown role' => sub {
	$admin->run("INSERT INTO governor.rules (position, class, role) VALUES (20, 'function', '+nobody')");
	is(($admin->notices)[0]{M}, 'role "nobody" does not exist', 'the edit is warned about');
	$admin->run('SELECT governor.reload()');
	is( $admin->value('SELECT policy_error FROM governor.status'),
		'rule 20: role "nobody" does not exist',
		'and status names it');
	set_policy($admin, 'DELETE FROM governor.rules WHERE position = 20');
	is($admin->value('SELECT policy_error FROM governor.status'), undef, 'until it is gone');
};

#
# No worker slot
#
subtest 'no room for the loader' => sub {
	my $before = generation();
	my $log = log_position($node);
	my $hog = GovClient->login($node);
	my $setting = $major >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';

	$hog->run("SET $setting = on");
	$hog->start('SELECT pg_sleep(600)');
	ok($admin->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
		'the last worker slot is taken');
	$admin->query('SELECT governor.reload()');
	is_error($admin, '55000', 'reload() says that it cannot');
	is($admin->error->{M}, 'the policy could not be loaded', 'message');
	like($admin->error->{D},
		qr/no free background worker slot for the policy loader; consider raising "max_worker_processes"/,
		'detail');
	is($admin->error->{H}, "The policy of generation $before stays in force.  See governor.status.", 'hint');
	$admin->run("INSERT INTO governor.rules (position, class, role) VALUES (30, 'function', 'editor')");
	ok($admin->wait_for("SELECT policy_error ~ '^no free background worker slot' FROM governor.status"),
		'status says so');
	is(generation(), $before, 'the last good policy stays');
	like(
		log_since($node, $log),
		qr/LOG:  pg_governor could not start its policy loader: no free background worker slot/,
		'and the log');
	is(class_of(GovClient->login($node, user => 'editor')), 'default', 'the edit is not in force');

	$admin->run('SELECT pg_cancel_backend(' . $hog->pid . ')');
	$hog->finish;
	is_error($hog, '57014', 'the slot is free');
	ok($admin->wait_for("SELECT policy_generation > $before AND policy_error IS NULL FROM governor.status"),
		'it is loaded without another word');
	is(class_of(GovClient->login($node, user => 'editor')), 'function', 'the edit is in force');
	is($admin->value('SELECT governor.reload()'), generation(), 'and reload() works again');
};

#
# Many editors at once
#
subtest 'concurrent edits' => sub {
	my $log = log_position($node);
	my @editors = map { GovClient->login($node, user => 'editor') } 1 .. 8;

	for my $round (1 .. 5)
	{
		$editors[$_]->start("INSERT INTO governor.rules (position, class, role) VALUES ("
			  . (100 * $round + $_)
			  . ", 'function', 'app')")
		  foreach 0 .. $#editors;
		foreach my $editor (@editors)
		{
			$editor->finish;
			is($editor->error, undef, 'an edit beside others');
		}
	}
	$admin->run('SELECT governor.reload()');
	my %added = map { $_ => 1 } log_since($node, $log) =~ /rule (\d+) added: class "function", role "app"/g;
	is(scalar keys %added, 40, 'the log has all of them');
	is( $admin->value(
			"SELECT count(*) FROM governor.rules WHERE role = 'app' AND class = 'function' AND position BETWEEN 100 AND 507"
		),
		40,
		'all rows are there');
	is($admin->value('SELECT repairs FROM governor.status'), 0, 'and the counters are right');
};

unlike(
	slurp_file($node->logfile),
	qr/PANIC|TRAP|terminated by signal|another pg_governor governor/,
	'nothing crashed');

$app->logout;
$admin->logout;
$node->stop;

done_testing();
