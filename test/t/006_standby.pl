
# A standby governs its own sessions, by the policy that the primary has; and
# after promotion by its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my %settings = ('governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce');
my $primary = new_node('primary', init => [ allows_streaming => 1 ], settings => \%settings);
$primary->start;
my $admin = admin_of($primary);

$admin->run('CREATE ROLE app LOGIN', 'CREATE ROLE member LOGIN', 'CREATE ROLE team');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout, idle_in_transaction_timeout) VALUES
		('quick', '400 ms', '400 ms'), ('slow', '1 h', '1 h')",
	"INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'quick', 'quick'), (2, 'slow', 'slow')",
	"INSERT INTO governor.rules (position, class, role) VALUES (3, 'slow', '+team')");

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $here = GovClient->login($standby);

sub login
{
	my ($class, %options) = @_;

	return GovClient->login($standby, user => 'app', application_name => $class, %options);
}

sub class_of { return $here->value('SELECT class FROM governor.sessions WHERE pid = ' . $_[0]->pid); }

subtest 'a standby governs' => sub {
	ok( $here->wait_for(
			'SELECT pg_is_in_recovery() AND policy_generation > 0 AND policy_error IS NULL AND governor_pid > 0 FROM governor.status'
		),
		'the policy is in force from the start');

	my $zombie = login('quick');
	my $open = login('quick', host => '127.0.0.1');
	my $slow = login('slow');
	my ($zombie_pid, $open_pid) = ($zombie->pid, $open->pid);
	$open->run('BEGIN; SELECT 1');
	is(class_of($slow), 'slow', 'its sessions have classes');
	is_farewell_idle($zombie->wait_for_end, 'idle', 'quick', 'a stale one ends');
	is($open->wait_for_end->{C}, '25P03', 'one in a transaction too');
	ok( $here->wait_for(
			"SELECT count(*) = 2 FROM governor.events WHERE kind = 'reclaimed' AND pid IN ($zombie_pid, $open_pid)"
		),
		'events say so');
	is($admin->value("SELECT count(*) FROM governor.events WHERE kind = 'reclaimed'"),
		0, 'the primary knows nothing of it');

	$here->wait_for("SELECT wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = " . $slow->pid);
	is($here->value('SELECT governor.reclaim(' . $slow->pid . ", 'standby')"), 't', 'reclaim() works');
	is_deeply(
		$here->query("SELECT class, rule FROM governor.classify('app', 'postgres', 'quick', NULL)"),
		[ [ 'quick', 1 ] ],
		'classify() too');
	my $lease = login('slow');
	$lease->run("SELECT governor.lease('100 ms')");
	is_farewell_idle($lease->wait_for_end, 'lease_expired', 'slow', 'and lease()');
	is( $primary->safe_psql(
			'postgres',
			"SELECT count(*) FROM governor.sessions WHERE class IS NULL AND verdict = 'exempt' AND usename = current_user"
		),
		3,
		'on the primary the standby is exempt');

	$here->query("UPDATE governor.classes SET idle_timeout = '1 s'");
	is_error($here, '25006', 'the policy is edited on the primary');
};

subtest 'an edit on the primary' => sub {
	my $session = login('slow');
	my $member = login('other', user => 'member');

	$admin->run(
		"INSERT INTO governor.classes (name, idle_timeout) VALUES ('slower', '2 h')",
		"UPDATE governor.rules SET class = 'slower' WHERE position = 2",
		'GRANT team TO member');
	$primary->wait_for_catchup($standby, 'replay');
	$here->run('SELECT governor.reload()');
	is(class_of($session), 'slower', 'is in force on the standby after reload()');
	is(class_of($member), 'slow', 'with the memberships of the primary');
	$admin->run('REVOKE team FROM member');
	ok( $here->wait_for("SELECT class = 'default' FROM governor.sessions WHERE pid = " . $member->pid),
		'which sessions here follow without a reload');
	set_policy($admin, "UPDATE governor.rules SET class = 'quick' WHERE position = 2");
	$primary->wait_for_catchup($standby, 'replay');
	$here->run('SELECT governor.reload()');
	is_farewell_idle($session->wait_for_end, 'idle', 'quick', 'and once more');
	set_policy($admin, "UPDATE governor.rules SET class = 'slow' WHERE position = 2");
};

subtest 'promotion' => sub {
	my $later = login('later');
	my $governor = $here->value('SELECT governor_pid FROM governor.status');

	# an edit that the standby has in its tables and not in force; nobody there is governed
	ok($here->wait_for("SELECT sum(sessions) = 1 FROM governor.admission"), 'one session');
	is(class_of($later), 'default', 'in no class of its own');
	$admin->run(
		"INSERT INTO governor.rules (position, class, application_name) VALUES (4, 'quick', 'later')");
	$primary->wait_for_catchup($standby, 'replay');
	$admin->logout;
	$primary->stop;
	is(class_of($later), 'default', 'nor by an edit that was not loaded');
	$here->run('SELECT pg_promote()');
	ok($here->wait_for('NOT pg_is_in_recovery()'), 'promoted');
	is_farewell_idle($later->wait_for_end, 'idle', 'quick', 'the policy is loaded by itself');
	is($here->value('SELECT governor_pid FROM governor.status'), $governor, 'by the same governor');

	my $session = login('slow');
	is(class_of($session), 'slow', 'a session');
	$here->run("UPDATE governor.rules SET class = 'quick' WHERE position = 2");
	is_farewell_idle($session->wait_for_end, 'idle', 'quick', 'an edit here comes into force');
	is($here->value('SELECT policy_error FROM governor.status'), undef, 'without an error');
	is($here->value('SELECT repairs FROM governor.status'), 0, 'and the counters are right');
};

unlike(
	slurp_file($standby->logfile),
	qr/PANIC|TRAP|terminated by signal|pg_governor could not/,
	'nothing went wrong');

$here->logout;
$standby->stop;

done_testing();
