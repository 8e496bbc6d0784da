
# Names and identities that come after the login: application_name by SET, and
# governor.register().

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('rename', settings => { 'governor.sweep_interval' => '100ms' });
$node->start;
my $admin = admin_of($node);

$admin->run(
	'CREATE ROLE app LOGIN',
	'CREATE ROLE team',
	'CREATE ROLE member LOGIN IN ROLE team',
	'CREATE ROLE named LOGIN',
	"ALTER ROLE named SET application_name = 'faas:lambda:by_role'");
set_policy(
	$admin,
	"INSERT INTO governor.classes (name) VALUES ('web'), ('vip'), ('special'), ('teams')",
	"INSERT INTO governor.rules (position, class, application_name) VALUES (10, 'web', 'web%'), (20, 'vip', 'vip%')",
	"INSERT INTO governor.rules (position, class, platform) VALUES (30, 'special', 'special')",
	"INSERT INTO governor.rules (position, class, role, application_name) VALUES (40, 'teams', '+team', 'team%')");

sub login
{
	my ($name, %options) = @_;

	return GovClient->login($node, user => 'app', application_name => $name, %options);
}

# class, rule, function and instance of a session
sub seen
{
	my ($client) = @_;

	return join '|', map { defined $_ ? $_ : '' } @{
		$admin->query('SELECT class, rule, function, instance FROM governor.sessions WHERE pid = ' . $client->pid)->[0] };
}

# Nobody else is governed here, so the governor sleeps until somebody wakes it.
subtest 'a governor that sleeps' => sub {
	set_policy(
		$admin,
		"INSERT INTO governor.classes (name, idle_timeout) VALUES ('soon', '300 ms')",
		"INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'soon', 'soon')",
		"INSERT INTO governor.rules (position, class, platform) VALUES (2, 'soon', 'soon')");

	# the first may be seen by chance: the governor looks once more after roles have changed
	my $set = "SET application_name = 'soon'";

	foreach my $sql ($set, "SELECT governor.register('soon', 'f')", $set)
	{
		my $app = login('psql');
		my $sweeps = -1;

		ok( wait_until(sub {
				my $before = $sweeps;

				$admin->run('SELECT pg_sleep(0.3)');
				$sweeps = $admin->value('SELECT sweeps FROM governor.status');
				return $sweeps == $before;
			}),
			'it sleeps');
		$app->run($sql);
		ok( $admin->wait_for(
				"SELECT count(*) = 1 FROM governor.events WHERE kind = 'would_reclaim' AND pid = " . $app->pid),
			"and is woken by $sql");
		$app->logout;
	}
	set_policy($admin, 'DELETE FROM governor.rules WHERE position IN (1, 2)');
};

subtest 'SET application_name' => sub {
	my $app = login('psql');

	is(seen($app), 'default|||', 'after the login');
	$app->run("SET application_name = 'faas:lambda:checkout:7:abc'");
	is(seen($app), 'function|1000|checkout|abc', 'it has moved when the statement is over');
	is($admin->value("SELECT sessions FROM governor.admission WHERE class = 'function'"), 1, 'and is counted there');
	is($admin->value('SELECT repairs FROM governor.status'), 0, 'rightly');

	$app->run("SET application_name = 'psql'");
	is(seen($app), 'function|1000|checkout|abc', 'it cannot set itself free');
	$app->run("SET application_name = 'vip'");
	is(seen($app), 'function|1000|checkout|abc', 'nor move again');
	$app->run("SET application_name = 'faas:special:other'");
	is(seen($app), 'function|1000|checkout|abc', 'nor be another function');
	$app->run('RESET ALL');
	is(seen($app), 'function|1000|checkout|abc', 'nor forget it');
	is($admin->value("SELECT admitted FROM governor.stat_classes WHERE class = 'function'"),
		0, 'it was not admitted there');
};

subtest 'ways to set it' => sub {
	my %ways = (
		'set_config()' => ["SELECT set_config('application_name', 'faas:l:f', false)"],
		'in a function' => ["DO \$\$BEGIN SET application_name = 'faas:l:f'; END\$\$"],
		'in a transaction' => [ 'BEGIN', "SET application_name = 'faas:l:f'", 'COMMIT' ],
		'after one that leads nowhere' => [ "SET application_name = 'nobody'", "SET application_name = 'faas:l:f'" ]);

	foreach my $way (sort keys %ways)
	{
		my $app = login('psql');

		$app->run(@{ $ways{$way} });
		is(seen($app), 'function|1000|f|', $way);
	}

	my $app = login('psql');
	$app->extended("SET application_name = 'faas:l:f'");
	is(seen($app), 'function|1000|f|', 'by the extended protocol');

	is(seen(login('psql', options => '-c application_name=faas:l:f')), 'default|||', 'a name in the startup packet wins over options');
	is(seen(GovClient->login($node, user => 'app', options => '-c application_name=faas:l:f')),
		'function|1000|f|', 'alone, they count');
	is(seen(GovClient->login($node, user => 'named')), 'function|1000|by_role|', 'and ALTER ROLE SET');

	$app = login('psql');
	$app->run('BEGIN', "SET application_name = 'faas:l:f'");
	is(seen($app), 'default|||', 'not before it is committed');
	$app->run('ROLLBACK');
	is(seen($app), 'default|||', 'nor if it is rolled back');
	ok($app->works, 'whatever comes then');
	is(seen($app), 'default|||', 'it is still what it was');

	my $long = 'faas:lambda:' . ('f' x 60);
	$app->run("SET application_name = '$long'");
	is(seen($app), 'function|1000|' . substr($long, 12, 51) . '|', 'a long name is cut as at login');
};

subtest 'whoever has no identity may move from another class' => sub {
	my $app = login('web-1');

	is(seen($app), 'web|10||', 'after the login');
	$app->run("SET application_name = 'nobody'");
	is(seen($app), 'web|10||', 'not into the default class');
	$app->run("SET application_name = 'vip-1'");
	is(seen($app), 'vip|20||', 'into another one');
	$app->run("SET application_name = 'web-1'");
	is(seen($app), 'vip|20||', 'once');

	my $known = login('faas:lambda:checkout');
	$known->run("SET application_name = 'vip-1'");
	is(seen($known), 'function|1000|checkout|', 'not whoever has one');
};

subtest 'a rule that asks for membership' => sub {
	my $member = login('psql', user => 'member');
	my $other = login('psql');

	$_->run("SET application_name = 'team-1'") foreach $member, $other;
	ok( $admin->wait_for("SELECT class = 'teams' FROM governor.sessions WHERE pid = " . $member->pid),
		'the governor moves a member');
	$admin->run('SELECT governor.reload()');
	is(seen($other), 'default|||', 'and nobody else');
};

subtest 'a new policy' => sub {
	my $app = login('psql');
	my $moved = login('psql');

	$app->run("SET application_name = 'later'");
	$moved->run("SET application_name = 'vip-2'");
	is(seen($app), 'default|||', 'a name that leads nowhere');
	set_policy($admin, "INSERT INTO governor.rules (position, class, application_name) VALUES (5, 'web', 'later')");
	is(seen($app), 'web|5||', 'leads somewhere by a later policy');
	is(seen($moved), 'vip|20||', 'one that has moved stays');
	set_policy($admin, 'DELETE FROM governor.rules WHERE position IN (5, 20)');
	is(seen($app), 'default|||', 'a policy moves anybody');
	is(seen($moved), 'default|||', 'wherever its rules lead');
	set_policy($admin, "INSERT INTO governor.rules (position, class, application_name) VALUES (20, 'vip', 'vip%')");
	is(seen($moved), 'vip|20||', 'by the name that the session moved with');
	$moved->run("SET application_name = 'web-9'");
	is(seen($moved), 'vip|20||', 'which stays its last');
};

subtest 'register()' => sub {
	my $app = login('psql');

	is($app->value("SELECT governor.register('Lambda', 'checkout', '7', 'abc')"), 'function', 'the class');
	is(seen($app), 'function|1000|checkout|abc', 'the view');
	is( $admin->value('SELECT platform FROM governor.sessions WHERE pid = ' . $app->pid),
		'lambda', 'the platform is folded');
	is($app->value("SELECT governor.register('lambda', 'checkout', '7', 'abc')"), 'function', 'once more is no error');
	$app->query("SELECT governor.register('lambda', 'other')");
	is_error($app, '55000', 'another one is');
	is($app->error->{M}, 'this session has said already which function it belongs to', 'message');
	is( $app->error->{H},
		"Behind a pooler functions share sessions: give the pooler's role a class by a rule instead.", 'hint');
	is(seen($app), 'function|1000|checkout|abc', 'and changes nothing');

	my $short = login('psql');
	is($short->value("SELECT governor.register('special', 'f')"), 'special', 'version and instance may be left out');
	is(seen($short), 'special|30|f|', 'the rule that matches is seen');

	my $late = login('psql');
	$late->run('BEGIN');
	is($late->value("SELECT governor.register('lambda', 'f')"), 'function', 'within a transaction');
	$late->run('ROLLBACK');
	is(seen($late), 'function|1000|f|', 'a rollback does not undo it');

	my $from_web = login('web-1');
	is($from_web->value("SELECT governor.register('lambda', 'f')"), 'web', 'a rule before stays the first to match');
	is(seen($from_web), 'web|10|f|', 'and the identity is known');

	my $super = GovClient->login($node);
	is($super->value("SELECT governor.register('lambda', 'f')"), undef, 'a superuser is in no class');
	is(($super->notices)[0]{M}, 'superusers and replication are exempt, and in no class', 'and is told');
};

subtest 'register() with wrong arguments' => sub {
	my $app = login('psql');
	my @rows = (
		[ "NULL, 'f'", '22004', 'a function identity needs a platform and a function' ],
		[ "'p', NULL", '22004', 'a function identity needs a platform and a function' ],
		[ "'p', ''", '22004', 'a function identity needs a platform and a function' ],
		[ "repeat('p', 64), 'f'", '22001', 'the platform of a function identity is too long' ],
		[ "'p', repeat('f', 64)", '22001', 'the function of a function identity is too long' ],
		[ "'p', 'f', repeat('v', 64)", '22001', 'the version of a function identity is too long' ],
		[ "'p', 'f', 'v', repeat('i', 64)", '22001', 'the instance of a function identity is too long' ],
		[ "'p', 'f', 'v', 'i', '-1 min'", '22023', 'a lease must be longer than zero and at most one day, without months' ]);

	foreach my $row (@rows)
	{
		$app->query("SELECT governor.register($row->[0])");
		is_error($app, $row->[1], "SQLSTATE of ($row->[0])");
		is($app->error->{M}, $row->[2], 'message');
		ok($app->error->{H}, 'with a hint');
		is(seen($app), 'default|||', 'and nothing changes');
	}
	is($app->value("SELECT governor.register('p', repeat('f', 63))"), 'function', '63 bytes are fine');
	is( $admin->value(
			q{SELECT function ~ '^f+$' AND length(function) = 63 FROM governor.sessions WHERE pid = } . $app->pid),
		't', 'all of them');

	my $odd = login('psql');
	$odd->run(q{SELECT governor.register('p', E'a\n\u00e9%s"''b')});
	like((split /\|/, seen($odd))[2], qr/^a(\?|\\x0a).*%s"'b$/, 'odd bytes are replaced as in application_name');
};

subtest 'a storm of names' => sub {
	my @clients = map { login('psql') } 1 .. 20;

	$_->start("SET application_name = 'faas:lambda:storm'") foreach @clients;
	$_->finish foreach @clients;
	is( $admin->value(
			"SELECT count(*) FROM governor.sessions WHERE function = 'storm' AND class = 'function'"),
		20, 'all have moved');
	is( $admin->value(
			"SELECT sessions = (SELECT count(*) FROM governor.sessions WHERE class = 'function') FROM governor.admission WHERE class = 'function'"
		),
		't', 'and are counted');
	is($admin->value('SELECT repairs FROM governor.status'), 0, 'without a repair');
};

#
# Names that come while the governor asks the catalog.  A lock on pg_auth_members
# stops it there, once it has to forget what it knew of the role.
#
sub stop_in_catalog
{
	my ($holder, @changes) = @_;
	my $governor = $admin->value('SELECT governor_pid FROM governor.status');

	kill 'STOP', $governor;
	$admin->run(@changes);
	$holder->run('BEGIN', 'LOCK TABLE pg_auth_members IN ACCESS EXCLUSIVE MODE');
	kill 'CONT', $governor;
	return;
}

sub governor_waits
{
	return $admin->wait_for(
		"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE backend_type = 'pg_governor governor'");
}

subtest 'while sessions are classified anew' => sub {
	my $holder = GovClient->login($node);
	my $app = login('psql-9');

	set_policy($admin,
		"INSERT INTO governor.rules (position, class, role, application_name) VALUES (7, 'teams', '+team', 'psql-9')",
		"INSERT INTO governor.rules (position, class, application_name) VALUES (8, 'web', 'psql-9')");
	is(seen($app), 'web|8||', 'before');

	stop_in_catalog($holder, 'GRANT team TO app');
	$admin->run('SELECT pg_reload_conf()');    # wakes it
	ok(governor_waits(), 'the governor is looking at it');
	$app->run("SET application_name = 'vip-9'");
	is(seen($app), 'vip|20||', 'it says who it is');
	$holder->run('ROLLBACK');
	$admin->run('SELECT governor.reload()');
	is(seen($app), 'vip|20||', 'and the governor does not undo it');
	is($admin->value('SELECT repairs FROM governor.status'), 0, 'nothing to repair');
	$admin->run('REVOKE team FROM app');
	set_policy($admin, 'DELETE FROM governor.rules WHERE position IN (7, 8)');
};

subtest 'a later name overtakes one that was left to the governor' => sub {
	my $holder = GovClient->login($node);
	my $late = login('psql');
	my $later = login('psql');

	# the governor has taken the one, and not yet the other
	my ($first, $second) = ($late, $later);
	stop_in_catalog($holder, 'GRANT team TO app', 'REVOKE team FROM app');
	$first->run("SET application_name = 'team-2'");
	ok(governor_waits(), 'the governor is looking at a name');
	$second->run("SET application_name = 'team-3'");
	$_->run("SET application_name = 'second'") foreach $first, $second;
	$holder->run('ROLLBACK');
	$admin->run('SELECT governor.reload()');
	is(seen($_), 'default|||', 'neither leads anywhere') foreach $first, $second;
	set_policy($admin, "INSERT INTO governor.rules (position, class, application_name) VALUES (5, 'web', 'second')");
	is(seen($first), 'web|5||', 'a new policy knows the later name of the one');
	is(seen($second), 'web|5||', 'and of the other');
	set_policy($admin, 'DELETE FROM governor.rules WHERE position = 5');
};

subtest 'whoever changes its name all the time' => sub {
	my $app = login('psql');

	# nothing is governed: no sweep would come by itself for half a second
	set_conf($node, 'governor.sweep_interval' => '10s');
	$node->reload;
	$admin->wait_for("SELECT current_setting('governor.sweep_interval') = '10s'");
	$admin->run('SELECT governor.reload()');

	my $before = $admin->value('SELECT sweeps FROM governor.status');
	my $start = time();
	$app->run("SET application_name = 'team-$_'") foreach 1 .. 300;
	my $elapsed = time() - $start;
	my $swept = $admin->value('SELECT sweeps FROM governor.status') - $before;
	cmp_ok($swept, '<=', 3 + $elapsed / 0.5, 'does not make the governor sweep each time');
};

done_testing();
