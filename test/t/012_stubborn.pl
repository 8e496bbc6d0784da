
# Those who do not do what is asked of them: a session that does not answer, a
# policy loader that is ended, a table that stays locked.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('stubborn',
	settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);
$admin->run('CREATE ROLE fn LOGIN');

# One that does not answer has rested longest, and must not use up reclaim_rate.
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout, reclaim_rate) VALUES ('slow', '300 ms', 2)",
	"INSERT INTO governor.rules (position, class, role) VALUES (10, 'slow', 'fn')");

my $deaf = GovClient->login($node, user => 'fn');
$admin->wait_for('SELECT state = \'idle\' FROM governor.sessions WHERE pid = ' . $deaf->pid);
kill 'STOP', $deaf->pid;
my @others = map { GovClient->login($node, user => 'fn') } 1 .. 4;
ok($_->wait_for_end, 'a session ends although another one does not answer') foreach @others;
is($admin->value('SELECT count(*) FROM governor.sessions WHERE pid = ' . $deaf->pid), 1,
	'which is still there');
kill 'CONT', $deaf->pid;
ok($deaf->wait_for_end, 'and ends when it can');

# A loader that is ended says nothing; nobody is governed, so nobody wakes the governor either.
my $locker = GovClient->login($node);
$locker->run('BEGIN', 'LOCK governor.classes IN ACCESS EXCLUSIVE MODE');
$admin->run("UPDATE governor.rules SET enabled = false WHERE position = 1010");
my $loader = "FROM pg_stat_activity WHERE backend_type = 'pg_governor policy loader' AND wait_event_type = 'Lock'";
ok($admin->wait_for("SELECT count(*) = 1 $loader"), 'the loader waits for a table that is locked');
is($admin->value("SELECT pg_terminate_backend(pid) $loader"), 't', 'and is ended');
ok($admin->wait_for("SELECT policy_error LIKE '%loader ended early%' FROM governor.status"), 'policy_error says so');
$locker->run('ROLLBACK');
ok($admin->wait_for("SELECT policy_error IS NULL FROM governor.status"), 'the load is tried again by itself');
is($admin->value("SELECT rule FROM governor.classify(NULL, NULL, 'serverless_client', NULL)") // 'none',
	'none', 'and the edit is in force');

# A loader does not wait for ever, and while a load is tried again nobody spins.
sub cpu_ticks
{
	my ($pid) = $admin->value('SELECT governor_pid FROM governor.status');
	my @fields = split ' ', slurp_file("/proc/$pid/stat") =~ s/^.*\)//sr;

	return $fields[11] + $fields[12];
}

$locker->run('BEGIN', 'LOCK governor.classes IN ACCESS EXCLUSIVE MODE');
$admin->query('SELECT governor.reload()');
is_error($admin, '55000', 'reload() fails while a table stays locked');
like($admin->error->{D}, qr/^The error was: canceling statement due to lock timeout\.$/, 'and says why');
ok($admin->wait_for("SELECT count(*) = 1 $loader"), 'the load is tried again');
my $ticks = cpu_ticks();
my $began = $admin->value("SELECT backend_start $loader");
ok($admin->wait_for("SELECT clock_timestamp() - '$began'::timestamptz > '2 s'"), 'and waits');
cmp_ok(cpu_ticks() - $ticks, '<', 100, 'while the governor sleeps');
$locker->run('ROLLBACK');
cmp_ok($admin->value('SELECT governor.reload()'), '>', 0, 'afterwards it works');

$node->stop;
done_testing();
