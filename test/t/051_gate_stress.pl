
# The gate under stress: clients of libpq whose transactions end in every way,
# and which are cancelled, ended and killed at random.  No ticket is lost, and
# there are never more than the limit and the passes.
#
# GATE_TRANSACTIONS: how many, as the server counts them (default 100,000).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use POSIX ();
use Test::More;
use Time::HiRes qw(time usleep);

my $transactions = $ENV{GATE_TRANSACTIONS} || 100_000;
my $limit = 4;
my %wanted = (psql => 14, pgbench => 2);	# processes at a time; each pgbench has several clients
my $seed = $ENV{GATE_SEED} || int(rand 1e6);

my $node = new_node('stress', settings => { 'governor.mode' => 'enforce' });
$node->append_conf('postgresql.conf', "max_prepared_transactions = 40\nfsync = off\nsynchronous_commit = off\ndeadlock_timeout = '200ms'\n");
$node->start;
my $admin = admin_of($node);

note("GATE_SEED=$seed");
srand($seed);

$admin->run('CREATE ROLE app LOGIN', 'CREATE DATABASE stress OWNER app');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, max_active, gate_timeout) VALUES ('stress', $limit, '2 s')",
	"INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'stress', 'stress')");
my $owner = GovClient->login($node, dbname => 'stress');
$owner->run(
	'SET ROLE app',
	'CREATE TABLE hot (id int PRIMARY KEY, n int)',
	'INSERT INTO hot SELECT i, 0 FROM generate_series(1, 5) i',
	'CREATE TABLE kept (id int)',
	'CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)',
	'INSERT INTO late VALUES (1)',
	'CREATE PROCEDURE chain(pieces int) LANGUAGE plpgsql AS
		$$BEGIN FOR i IN 1 .. pieces LOOP PERFORM 1; COMMIT; PERFORM 2; ROLLBACK; END LOOP; END$$',
	'RESET ROLE');

my $dir = $node->basedir;

sub write_file
{
	my ($name, @lines) = @_;

	open my $file, '>', "$dir/$name" or die "$name: $!";
	print $file "$_\n" foreach @lines;
	close $file;
	return "$dir/$name";
}

# Transactions of psql, which goes on after an error.
my $serial = 0;
my @ends = (
	sub { ("SELECT count(*) FROM hot;") x 3 },
	sub { my $row = 1 + int rand 5; "UPDATE hot SET n = n + 1 WHERE id = $row;" },
	sub { my $row = 1 + int rand 5; ('BEGIN;', "UPDATE hot SET n = n + 1 WHERE id = $row;", 'COMMIT;') },
	sub { ('BEGIN;', 'INSERT INTO kept VALUES (0);', 'ROLLBACK;') },
	sub { 'SELECT 1/0;' },
	sub { 'syntax error;' },
	sub { ('BEGIN;', 'SELECT 1/0;', 'SELECT 1;', 'COMMIT;') },
	sub { ('BEGIN;', 'SAVEPOINT a;', 'SELECT 1/0;', 'ROLLBACK TO a;', 'COMMIT;') },
	sub { 'SELECT 1\; SELECT 1/0;' },
	sub { 'SELECT 1\; SELECT 2\; SELECT 3;' },
	sub { 'CALL chain(2);' },
	sub { 'DO $$BEGIN PERFORM 1; COMMIT; PERFORM 1/0; END$$;' },
	sub { 'DO $$BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END$$;' },
	sub { ('BEGIN;', 'SELECT 1;', 'COMMIT AND CHAIN;', 'SELECT 2;', 'ROLLBACK AND CHAIN;', 'COMMIT;') },
	sub { ('BEGIN;', 'INSERT INTO late VALUES (1);', 'COMMIT;') },
	sub { ('BEGIN ISOLATION LEVEL REPEATABLE READ;', 'UPDATE hot SET n = n + 1 WHERE id = 1;', 'COMMIT;') },
	sub {
		my $gid = "g$$." . $serial++;

		('BEGIN;', 'INSERT INTO kept VALUES (1);', "PREPARE TRANSACTION '$gid';", (rand() < 0.5 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid';");
	},
	sub { ('BEGIN;', "INSERT INTO kept VALUES (1);", "PREPARE TRANSACTION 'same';", "ROLLBACK PREPARED 'same';") },
	sub { ('COPY kept FROM STDIN;', 1, 2, (rand() < 0.5 ? 'nonsense' : 3), '\.') },
	sub { ('PREPARE q AS SELECT 1;', 'EXECUTE q;', 'DEALLOCATE q;') },
	sub { ('LISTEN a;', 'SHOW work_mem;', 'UNLISTEN *;') },
	sub { rand() < 0.2 ? ('BEGIN;', 'LOCK TABLE hot IN ACCESS EXCLUSIVE MODE;', 'COMMIT;') : 'SELECT 1;' },
	sub { rand() < 0.2 ? 'VACUUM late;' : 'SELECT 1;' },
	sub { rand() < 0.2 ? ('SET statement_timeout = 5;', 'SELECT pg_sleep(0.02);', 'SET statement_timeout = 0;') : 'SELECT 1;' },
	sub { rand() < 0.2 ? 'SELECT pg_cancel_backend(pg_backend_pid());' : 'SELECT 1;' });

sub psql_file
{
	my ($number) = @_;
	my @lines = map { $ends[ int rand @ends ]->() } 1 .. 150 + int rand 300;

	# the last one may take the session with it, or leave without an end
	push @lines, ('SELECT pg_terminate_backend(pg_backend_pid());', "BEGIN;\nSELECT 1;", '')[ int rand 3 ];
	return write_file("psql.$number.sql", @lines);
}

# Those of pgbench, which gives a client up after an error, by the extended protocol and prepared.
my @scripts = (
	write_file('p1.sql', 'UPDATE hot SET n = n + 1 WHERE id = 2;'),
	write_file('p2.sql', 'BEGIN;', 'SELECT count(*) FROM hot;', 'UPDATE hot SET n = n - 1 WHERE id = 2;', 'COMMIT;'),
	write_file('p3.sql', 'BEGIN;', 'INSERT INTO kept VALUES (3);', 'ROLLBACK;'),
	write_file('p4.sql', 'BEGIN;', 'SELECT 1;', 'COMMIT AND CHAIN;', 'SELECT 2;', 'ROLLBACK;'),
	write_file('p5.sql', 'CALL chain(1);'),
	write_file('p6.sql', 'SELECT count(*) FROM kept WHERE id < 0;'));

my %running;
my %started;

# One more process of a kind, on a connection of its own to the class.
sub start_process
{
	my ($kind) = @_;
	my $connection = 'host=' . $node->host . ' port=' . $node->port . ' dbname=stress user=app application_name=stress';
	my $number = ++$started{$kind};
	my @command =
	  $kind eq 'psql'
	  ? ('psql', '-X', '-q', '-f', psql_file($number % 100), '-d', $connection)
	  : ('pgbench', '-n', '-M', $number % 2 ? 'prepared' : 'extended', '-c', 4, '-t', 300, (map { ('-f', $_) } @scripts), $connection);
	my $pid = fork();

	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', '/dev/null';
		exec(@command) or POSIX::_exit(127);
	}
	$running{$pid} = $kind;
	return;
}

sub reap
{
	my %count = (psql => 0, pgbench => 0);

	while ((my $pid = waitpid(-1, POSIX::WNOHANG())) > 0)
	{
		die 'a client could not be started' if delete $running{$pid} && $? >> 8 == 127;
	}
	$count{$_}++ foreach values %running;
	return \%count;
}

my $counted = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'stress'";
my ($done, $samples, $full, $waited, $worst) = (0, 0, 0, 0, -1e9);
my %chaos = (cancelled => 0, ended => 0, killed => 0);
my $began = time();
my ($look, $progress) = (0, $began);
my $somebody = "FROM pg_stat_activity WHERE application_name = 'stress' ORDER BY state = 'idle', random() LIMIT 1";

while ($done < $transactions)
{
	my $count = reap();

	foreach my $kind (keys %wanted)
	{
		start_process($kind) for $count->{$kind} + 1 .. $wanted{$kind};
	}

	# passes are read after what is held, and are never taken back
	my ($held, $waiting) = @{ $admin->query("SELECT tickets, gate_waiting FROM governor.admission WHERE class = 'stress'")->[0] };
	my $above = $held - $limit - $admin->value("SELECT gate_passes FROM governor.stat_classes WHERE class = 'stress'");

	$worst = $above if $above > $worst;
	$samples++;
	$full++ if $held >= $limit;
	$waited++ if $waiting > 0;

	$chaos{cancelled} += () = $admin->column("SELECT pg_cancel_backend(pid) $somebody") if rand() < 0.5;
	$chaos{ended} += () = $admin->column("SELECT pg_terminate_backend(pid) $somebody") if rand() < 0.1;
	if (rand() < 0.05)
	{
		my @pids = keys %running;

		$chaos{killed} += kill 'KILL', $pids[ int rand @pids ];
	}
	if (time() > $look)
	{
		$look = time() + 1;

		my $before = $done;
		$done = $admin->value($counted);
		$progress = time() if $done > $before;
		last if time() > $progress + $GovClient::patience;

		# what was prepared by those who were killed since
		$owner->query("ROLLBACK PREPARED '$_'")
		  foreach $owner->column("SELECT gid FROM pg_prepared_xacts WHERE prepared < clock_timestamp() - interval '1 s'");
	}
	usleep(5000);
}
my $took = time() - $began;

kill 'KILL', keys %running;
ok(wait_until(sub { reap(); return !%running }), 'all clients are gone');
ok($admin->wait_for("SELECT count(*) = 0 FROM governor.sessions WHERE class = 'stress'"), 'and all sessions');

note(sprintf '%d transactions in %.0f s, by %d psql and %d pgbench; %d samples, %d with all tickets in use, %d with somebody waiting',
	$done, $took, $started{psql}, $started{pgbench}, $samples, $full, $waited);
note("$chaos{cancelled} cancelled, $chaos{ended} ended, $chaos{killed} killed; commits, rollbacks: "
	  . join(', ', @{ $admin->query("SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = 'stress'")->[0] })
	  . '; waits, passes: ' . join(', ', @{ $admin->query("SELECT gate_waits, gate_passes FROM governor.stat_classes WHERE class = 'stress'")->[0] }));

cmp_ok($done, '>=', $transactions, 'so many transactions have ended');
cmp_ok($worst, '<=', 0, 'never more tickets than the limit and the passes');
cmp_ok($_->[0], '>', 0, $_->[1])
  foreach [ $full, 'all of them were in use' ], [ $waited, 'some had to wait' ],
  [ $chaos{cancelled}, 'some were cancelled' ], [ $chaos{ended}, 'some were ended' ], [ $chaos{killed}, 'some clients were killed' ];
is(join('|', @{ $admin->query("SELECT tickets, gate_waiting FROM governor.admission WHERE class = 'stress'")->[0] }),
	'0|0', 'no ticket is lost, and nobody waits');

# there are as many tickets as before, and no more
my @holders = map { GovClient->login($node, user => 'app', application_name => 'stress') } 1 .. $limit;
my $waiter = GovClient->login($node, user => 'app', application_name => 'stress');
$_->run('BEGIN') foreach @holders;
$waiter->start('SELECT 1');
ok($admin->wait_for("SELECT coalesce(bool_or(waiting = 'gate'), false) FROM governor.sessions WHERE pid = " . $waiter->pid),
	"$limit take one, the next one waits");
$holders[0]->run('COMMIT');
$waiter->finish;
is($waiter->error, undef, 'and gets one that is given back');
unlike(log_since($node, 0), qr/PANIC|TRAP|was terminated by signal|pg_governor could not/, 'no process has crashed');

done_testing();
