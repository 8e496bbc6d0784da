
# The gate on a standby: recovery takes no ticket, and may be in a chain.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', init => [ allows_streaming => 1 ], settings => { 'governor.mode' => 'enforce' });
$primary->start;
my $admin = admin_of($primary);

$admin->run('CREATE ROLE app LOGIN', 'CREATE TABLE first (id int)', 'CREATE TABLE second (id int)',
	'GRANT SELECT ON first, second TO app');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, max_active, gate_timeout) VALUES ('one', 1, '100 s')",
	"INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'one', 'one')");

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\n");
$standby->start;

my $here = GovClient->login($standby);

sub login { return GovClient->login($standby, user => 'app', application_name => 'one') }
sub stat_of { return join '|', @{ $here->query("SELECT tickets, gate_waiting FROM governor.admission WHERE class = 'one'")->[0] } }
sub passes { return $here->value("SELECT gate_passes FROM governor.stat_classes WHERE class = 'one'") }

sub recovery_waits
{
	my ($table) = @_;

	return $here->wait_for("SELECT count(*) = 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE a.backend_type = 'startup' AND NOT l.granted AND l.relation = '$table'::regclass");
}

# Locks tables on the primary, and sees to it that the standby hears of it.
sub lock_tables
{
	my ($client, @tables) = @_;

	$client->run('BEGIN', map { "LOCK TABLE $_ IN ACCESS EXCLUSIVE MODE" } @tables);
	$admin->run('CREATE TABLE flush (id int)', 'DROP TABLE flush');
	return;
}

$here->wait_for("SELECT policy_generation > 0 AND policy_error IS NULL FROM governor.status");
my $holder = login();
my $waiter = login();
my $locker = GovClient->login($primary);

$holder->run('BEGIN');
$waiter->start('SELECT count(*) FROM second');
ok($here->wait_for("SELECT bool_or(waiting = 'gate') FROM governor.sessions WHERE pid = " . $waiter->pid), 'a query waits');
lock_tables($locker, qw(first second));
ok(recovery_waits('second'), 'recovery waits for it');
is(stat_of(), '1|1', 'which lets nobody through by itself');
is(passes(), 0, 'as counted');
$holder->start('SELECT count(*) FROM first');
$waiter->finish;
is($waiter->error, undef, 'but does where one with a ticket waits for recovery');
is(passes(), 1, 'counted');
$locker->run('COMMIT');
$holder->finish;
is($holder->error, undef, 'who goes on then');
$holder->run('COMMIT');
is(stat_of(), '0|0', 'nothing is left');

unlike(slurp_file($standby->logfile), qr/PANIC|TRAP|terminated by signal|pg_governor could not/, 'nothing went wrong');
$_->logout foreach $here, $admin;
$standby->stop;
$primary->stop;

done_testing();
