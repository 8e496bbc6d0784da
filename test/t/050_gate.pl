
# The gate: only so many transactions of a class run, and no ticket is lost.
#
# GATE_TRANSACTIONS: how many the storm runs at least (default 3000).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use IO::Handle;
use POSIX ();
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_node('gate', settings => { 'governor.mode' => 'enforce', 'max_connections' => 320 });
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nfsync = off\nsynchronous_commit = off\n");
$node->start;
my $admin = admin_of($node);

$admin->run(
	'CREATE ROLE app LOGIN',
	'GRANT CREATE ON SCHEMA public TO app',
	'CREATE TABLE turns (id serial PRIMARY KEY, who int)',
	'CREATE TABLE hot (id int PRIMARY KEY, n int)',
	'INSERT INTO hot SELECT i, 0 FROM generate_series(1, 10) i',
	'CREATE TABLE work (id int, n int)',
	'CREATE TABLE other (id int)',
	'CREATE TABLE seen (n bigint)',
	'INSERT INTO work SELECT i, 0 FROM generate_series(1, 100) i',
	'CREATE FUNCTION nested(n int) RETURNS int LANGUAGE plpgsql AS
		$$BEGIN PERFORM count(*) FROM hot; IF n > 0 THEN RETURN nested(n - 1); END IF; RETURN 0; END$$',
	'CREATE PROCEDURE chain(pieces int) LANGUAGE plpgsql AS
		$$BEGIN FOR i IN 1 .. pieces LOOP PERFORM 1; COMMIT; PERFORM 2; ROLLBACK; END LOOP; END$$',
	'CREATE PROCEDURE pausing() LANGUAGE plpgsql AS
		$$BEGIN PERFORM 1; COMMIT; PERFORM pg_advisory_xact_lock(1); COMMIT; END$$',
	'CREATE FUNCTION count_other() RETURNS bigint STABLE LANGUAGE sql AS $$SELECT count(*) FROM public.other$$',
	'CREATE PROCEDURE see() LANGUAGE sql AS $$INSERT INTO seen SELECT count(*) FROM other$$',
	'CREATE PROCEDURE tell(INOUT n bigint) LANGUAGE plpgsql AS $$BEGIN SELECT count(*) INTO n FROM other; COMMIT; END$$',
	'CREATE FUNCTION fail() RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION \'made to fail\'; END$$');
$admin->run("ALTER TABLE $_ OWNER TO app") foreach qw(turns hot work other seen);

set_policy(
	$admin,
	"INSERT INTO governor.breaker_settings (name, minimum_calls, window_size) VALUES ('guard', 1000, 1000)",
	"INSERT INTO governor.breaker_settings (name, half_open_calls, half_open_timeout) VALUES ('probe', 1, '10 min')",
	"INSERT INTO governor.classes (name, max_active, gate_timeout, mode, breaker) VALUES
		('one', 1, '100 s', NULL, NULL), ('two', 2, '100 s', NULL, NULL), ('aim', 2, '100 s', NULL, NULL), ('timed', 1, '300 ms', NULL, 'guard'), ('atonce', 1, '0', NULL, NULL),
		('watched', 1, '5 s', 'observe', NULL), ('free', NULL, '5 s', NULL, NULL), ('storm', 3, '1 s', NULL, NULL), ('hot', 8, '100 s', NULL, NULL), ('turns', 4, '100 s', NULL, NULL),
		('probed', 1, '100 s', NULL, 'probe')",
	"UPDATE governor.classes SET idle_in_transaction_timeout = '300 ms' WHERE name = 'two'",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

sub login
{
	my ($class) = @_;

	return GovClient->login($node, user => 'app', application_name => $class);
}

sub stat_of
{
	my ($class, $columns) = @_;

	return join '|', map { defined $_ ? $_ : '' } @{ $admin->query("SELECT $columns FROM governor.stat_classes WHERE class = '$class'")->[0] };
}

sub gate_of
{
	my ($class) = @_;

	return join '|', map { defined $_ ? $_ : '' } @{ $admin->query("SELECT tickets, gate_waiting, max_active FROM governor.admission WHERE class = '$class'")->[0] };
}

sub becomes
{
	my ($class, $expected, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(wait_until(sub { gate_of($class) eq $expected }), $name) || diag(gate_of($class));
}

# Starts a statement that has to wait at the gate.
sub start_waiting
{
	my ($client, $sql) = @_;

	$client->start($sql);
	return waits($client);
}

sub waits
{
	my ($client) = @_;

	return $admin->wait_for("SELECT coalesce(bool_or(waiting = 'gate'), false) FROM governor.sessions WHERE pid = " . $client->pid);
}

sub waits_for_lock
{
	my ($client) = @_;

	return $admin->wait_for("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = " . $client->pid);
}

sub done
{
	my ($client, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $rows = $client->finish;
	is($client->error ? $client->error->{M} : 'no error', 'no error', $name);
	return $rows;
}

subtest 'first come, first served' => sub {
	my $holder = login('one');
	my @waiters = map { login('one') } 1 .. 3;

	$holder->run('BEGIN');
	is(gate_of('one'), '1|0|1', 'a transaction takes a ticket at its BEGIN');
	for my $i (0 .. 2)
	{
		ok(start_waiting($waiters[$i], "INSERT INTO turns (who) VALUES ($i)"), 'another one waits');
	}
	is(gate_of('one'), '1|3|1', 'as the view says');
	is($admin->value('SELECT state FROM governor.sessions WHERE pid = ' . $waiters[0]->pid), 'active', 'who waits is active');
	my $event = $admin->value("SELECT current_setting('server_version_num')::int") >= 170000 ? 'GovernorGate' : 'Extension';
	ok($admin->wait_for("SELECT wait_event_type = 'Extension' AND wait_event = '$event' FROM pg_stat_activity WHERE pid = " . $waiters[0]->pid),
		"its wait event is $event");
	is( $admin->value('SELECT verdict_detail FROM governor.sessions WHERE pid = ' . $holder->pid),
		'it holds a ticket of the gate', 'who is idle in its transaction and has one is seen');
	$holder->run('SELECT 1', 'COMMIT');
	done($_, 'runs') foreach @waiters;
	is(join(',', $admin->column('SELECT who FROM turns ORDER BY id')), '0,1,2', 'in their order');
	is(gate_of('one'), '0|0|1', 'nobody runs any more');
	is(stat_of('one', "gate_waits, gate_time > '0', gate_passes, would_wait"), '3|t|0|0', 'counted');
};

subtest 'one ticket is enough' => sub {
	my $client = login('one');

	$client->run('SELECT nested(5)', 'BEGIN', 'SELECT nested(5)', 'SAVEPOINT a', 'SELECT 1', 'ROLLBACK TO a', 'SELECT 2', 'COMMIT');
	$client->run('SELECT 1; SELECT 2; SELECT 3');
	$client->run('BEGIN', 'SELECT 1', 'COMMIT AND CHAIN', 'SELECT 2', 'ROLLBACK AND CHAIN', 'SELECT 3', 'COMMIT');
	$client->run('CALL chain(5)', 'DO $$BEGIN PERFORM 1; COMMIT; PERFORM 2; END$$');
	$client->run('SET max_parallel_workers_per_gather = 2', 'SET parallel_setup_cost = 0', 'SET min_parallel_table_scan_size = 0',
		'SELECT count(*) FROM work', 'RESET ALL');
	$client->run('PREPARE q AS SELECT 1', 'EXECUTE q', 'BEGIN', 'DECLARE c CURSOR FOR SELECT * FROM work', 'FETCH 2 FROM c', 'COMMIT');
	$client->query('SELECT fail()');
	$client->query('syntax error');
	$client->run('VACUUM work', 'CREATE INDEX CONCURRENTLY work_id ON work (id)', 'DROP INDEX CONCURRENTLY work_id');
	$client->run('BEGIN', 'INSERT INTO work VALUES (0)', "PREPARE TRANSACTION 'two'");
	is(gate_of('one'), '0|0|1', 'every end gives it back, also PREPARE TRANSACTION');
	$client->run("ROLLBACK PREPARED 'two'");
	is(gate_of('one'), '0|0|1', 'and nothing is left');
	is(stat_of('one', 'gate_waits'), 3, 'nobody has waited');

	$client->send('P', "\0SELECT 1\0" . pack('n', 0));
	$client->send('H', '');
	$client->finish('1');
	is(gate_of('one'), '1|0|1', 'what is only parsed has one');
	$client->send('S', '');
	$client->finish('Z');
	is(gate_of('one'), '0|0|1', 'until its Sync');
};

subtest 'a client that leaves its session waiting' => sub {
	my $client = login('one');
	my $seen = sub {
		my ($name) = @_;

		return ok(
			$admin->wait_for(
				"SELECT state = 'active' AND verdict_detail = 'it holds a ticket of the gate, and waits for its client' FROM governor.sessions WHERE pid = "
				  . $client->pid),
			$name);
	};

	$client->extended('SELECT 1', sync => 0);
	$seen->('between the messages of a pipeline');
	$client->send('S', '');
	$client->finish('Z');
	$client->start('COPY other FROM STDIN');
	$client->finish('G');
	$seen->('in a COPY');
	$client->send('f', "enough\0");
	$client->finish('Z');
	is(gate_of('one'), '0|0|1', 'both come to their end');
};

subtest 'commands that end transactions keep it' => sub {
	my $client = login('one');
	my $waiter = login('one');
	my $blocker = GovClient->login($node);
	my @rows = (
		[ 'CALL pausing()', 'SELECT pg_advisory_xact_lock(1)' ],
		[ 'VACUUM work', 'LOCK TABLE work IN SHARE UPDATE EXCLUSIVE MODE' ],
		[ 'CREATE INDEX CONCURRENTLY work_id ON work (id)', 'INSERT INTO work VALUES (0)' ],
		[ 'DROP INDEX CONCURRENTLY work_id', 'INSERT INTO work VALUES (0)' ]);

	foreach my $row (@rows)
	{
		my ($command, $block) = @$row;

		$blocker->run('BEGIN', $block);
		$client->start($command);
		ok(waits_for_lock($client), "$command is in the middle");
		is(gate_of('one'), '1|0|1', 'it has its ticket');
		ok(start_waiting($waiter, 'SELECT 1'), 'another one waits');
		$blocker->run('ROLLBACK');
		done($client, 'it ends');
		done($waiter, 'the other one runs');
		is(gate_of('one'), '0|0|1', 'and nothing is left');
	}

	# an error and the end of the session in the middle of one
	$blocker->run('BEGIN', 'SELECT pg_advisory_xact_lock(1)');
	$client->start('CALL pausing()');
	waits_for_lock($client);
	$admin->run('SELECT pg_cancel_backend(' . $client->pid . ')');
	$client->finish;
	is_error($client, '57014', 'cancelled in the middle');
	is(gate_of('one'), '0|0|1', 'it gives its ticket back');
	$client->start('CALL pausing()');
	waits_for_lock($client);
	$admin->run('SELECT pg_terminate_backend(' . $client->pid . ')');
	$client->wait_for_end;
	becomes('one', '0|0|1', 'and so does one that is ended there');
	$blocker->run('ROLLBACK');
};

subtest 'how a wait ends' => sub {
	my $holder = login('one');
	my $waiter = login('one');
	my $next = login('one');

	$holder->run('BEGIN');
	$waiter->run('SET statement_timeout = 100');
	$waiter->query('SELECT 1');
	is_error($waiter, '57014', 'by statement_timeout');
	$waiter->query('BEGIN');
	is_error($waiter, '57014', 'also at BEGIN');
	$waiter->run('RESET ALL');
	is(gate_of('one'), '1|0|1', 'and it waits no more');

	start_waiting($waiter, 'SELECT 1');
	start_waiting($next, 'SELECT 1');
	$admin->run('SELECT pg_cancel_backend(' . $waiter->pid . ')');
	$waiter->finish;
	is_error($waiter, '57014', 'by a cancel');
	is(gate_of('one'), '1|1|1', 'who is behind it still waits');
	start_waiting($waiter, 'SELECT 1');
	$admin->run('SELECT pg_terminate_backend(' . $waiter->pid . ')');
	is($waiter->wait_for_end->{C}, '57P01', 'by the end of the session');
	becomes('one', '1|1|1', 'it has left the queue');
	$holder->run('COMMIT');
	done($next, 'the other one runs');
	is(gate_of('one'), '0|0|1', 'nothing is left');

	my $timed = login('timed');
	$holder = login('timed');
	$holder->run('BEGIN');
	my $began = time();
	$timed->query('SELECT 1');
	is_error($timed, '53400', 'by gate_timeout');
	cmp_ok(time() - $began, '>=', 0.29, 'not before it');
	is($timed->error->{M}, 'too many transactions run in class "timed"', 'message');
	is($timed->error->{D}, '1 of 1 run, and 0 wait.', 'detail');
	like($timed->error->{H}, qr/^Retry after \d{3,5} ms\.$/, 'hint');
	$timed->query('BEGIN');
	is_error($timed, '53400', 'at BEGIN too');
	$timed->extended('SELECT 1');
	is_error($timed, '53400', 'and by the extended protocol');
	$holder->run('COMMIT');
	ok($timed->works, 'the session goes on');
	$admin->run("SELECT count(governor.breaker_record('guard', true)) FROM generate_series(1, 1000)");
	is($admin->value("SELECT failure_rate FROM governor.breakers WHERE name = 'guard'"), 0, 'the breaker of the class hears nothing of it');
	is(stat_of('timed', 'gate_waits'), 3, 'these have waited too');

	my $atonce = login('atonce');
	$holder = login('atonce');
	$holder->run('BEGIN');
	$atonce->query('SELECT 1');
	is_error($atonce, '53400', 'gate_timeout 0 does not wait');
	$holder->run('ROLLBACK');
	ok($atonce->works, 'but runs when there is a ticket');
	is(stat_of('atonce', 'gate_waits'), 0, 'not counted as a wait');
};

subtest 'commands that run nothing' => sub {
	my $holder = login('one');
	my $client = login('one');

	$client->run('PREPARE q AS SELECT 1');
	$holder->run('BEGIN');
	$client->run('SET work_mem = 1000', 'SHOW work_mem', 'RESET work_mem', 'DISCARD PLANS', 'LISTEN a', 'UNLISTEN *', 'DEALLOCATE ALL',
		'ROLLBACK', 'COMMIT');
	is(gate_of('one'), '1|0|1', 'take no ticket');
	ok(GovClient->login($node, application_name => 'one')->works, 'a superuser takes none either');
	$holder->run('COMMIT');
};

subtest 'a session that ends with a ticket' => sub {
	foreach my $end (qw(terminate vanish reset_connection logout))
	{
		my $holder = login('one');
		my $waiter = login('one');

		$holder->run('BEGIN', 'SELECT 1');
		start_waiting($waiter, 'SELECT 1');
		$end eq 'terminate' ? $admin->run('SELECT pg_terminate_backend(' . $holder->pid . ')') : $holder->$end;
		done($waiter, "leaves it to the next one: $end");
		becomes('one', '0|0|1', 'nothing is left');
	}

	my @holders = map { login('two') } 1 .. 2;
	my $waiter = login('two');
	$_->run('BEGIN', 'SELECT 1') foreach @holders;
	is( $admin->value('SELECT count(*) FROM governor.sessions WHERE class = \'two\' AND state = \'idle in transaction\' AND (verdict_detail IS NULL OR verdict_detail = \'it holds a ticket of the gate\')'),
		2, 'one that is idle in its transaction keeps it, and says so');
	$waiter->start('SELECT 1');
	done($waiter, 'until idle_in_transaction_timeout frees it');
	becomes('two', '0|0|2', 'of both');
};

subtest 'another mode' => sub {
	foreach my $mode (qw(off observe))
	{
		my $holder = login('one');
		my @waiters = map { login('one') } 1 .. 2;

		$holder->run('BEGIN');
		start_waiting($_, 'SELECT 1') foreach @waiters;
		set_mode($admin, $mode);
		done($_, "$mode lets everybody through") foreach @waiters;
		ok($waiters[0]->works, 'now and later');
		set_mode($admin, 'enforce');
		start_waiting($waiters[0], 'SELECT 1');
		$holder->run('COMMIT');
		done($waiters[0], 'enforce counts again');
		is(gate_of('one'), '0|0|1', 'nothing is left');
	}
};

subtest 'another limit' => sub {
	my $holder = login('one');
	my @waiters = map { login('one') } 1 .. 3;

	$holder->run('BEGIN');
	start_waiting($_, 'BEGIN') foreach @waiters;
	set_policy($admin, "UPDATE governor.classes SET max_active = 3 WHERE name = 'one'");
	done($waiters[$_], 'a higher one lets in as many more') foreach 0, 1;
	is(gate_of('one'), '3|1|3', 'and no more');
	set_policy($admin, "UPDATE governor.classes SET max_active = 1 WHERE name = 'one'");
	is(gate_of('one'), '3|1|1', 'a lower one stops nobody');
	$holder->run('SELECT 1', 'COMMIT');
	$waiters[0]->run('SELECT 1', 'COMMIT');
	is(gate_of('one'), '1|1|1', 'nor does it let in anybody');
	$waiters[1]->run('COMMIT');
	done($waiters[2], 'until it is kept');
	$waiters[2]->run('COMMIT');

	$holder->run('BEGIN');
	start_waiting($waiters[0], 'SELECT 1');
	set_policy($admin, "UPDATE governor.classes SET max_active = NULL WHERE name = 'one'");
	done($waiters[0], 'without a limit everybody runs');
	is(gate_of('one'), '1|0|', 'who has a ticket keeps it');
	$waiters[0]->run('BEGIN');
	set_policy($admin, "UPDATE governor.classes SET max_active = 1 WHERE name = 'one'");
	start_waiting($waiters[1], 'SELECT 1');
	$waiters[0]->run('SELECT 1', 'COMMIT');
	$holder->run('COMMIT');
	done($waiters[1], 'who has begun without one needs none');
	is(gate_of('one'), '0|0|1', 'nothing is left');
};

subtest 'another class or timeout' => sub {
	my $holder = login('one');
	my $waiter = login('one');
	my $other = login('aim');
	my $move = sub { set_policy($admin, "UPDATE governor.rules SET class = '$_[0]' WHERE application_name = 'one'") };

	$holder->run('BEGIN');
	$other->run('BEGIN');
	start_waiting($waiter, 'BEGIN');
	$move->('aim');
	done($waiter, 'one that waits is moved, and gets a ticket there');
	is(gate_of('one'), '1|0|1', 'it does not wait here any more');
	is(gate_of('aim'), '2|0|2', 'and has one there');
	$holder->run('COMMIT');
	is(gate_of('one'), '0|0|1', 'a ticket goes back to where it came from');
	$waiter->run('COMMIT');

	$move->('one');
	$holder->run('BEGIN');
	my $third = login('aim');
	$third->run('BEGIN');
	start_waiting($waiter, 'SELECT 1');
	$move->('aim');
	becomes('aim', '2|1|2', 'where none is free it waits there');
	is(gate_of('one'), '1|0|1', 'and here no more');
	$third->run('COMMIT');
	done($waiter, 'until it gets one');

	$move->('one');
	start_waiting($waiter, 'SELECT 1');
	$move->('free');
	done($waiter, 'where there is no gate it runs');
	$move->('one');
	$other->run('COMMIT');

	start_waiting($waiter, 'SELECT 1');
	set_policy($admin, "UPDATE governor.classes SET gate_timeout = '10 ms' WHERE name = 'one'");
	$waiter->finish;
	is_error($waiter, '53400', 'a shorter timeout is for those who wait, too');
	set_policy($admin, "UPDATE governor.classes SET gate_timeout = '100 s' WHERE name = 'one'");
	$holder->run('COMMIT');
	is(gate_of($_) =~ /^0\|0/, 1, "nothing is left in $_") foreach qw(one aim free);
};

subtest 'the breaker of the class' => sub {
	my $holder = login('probed');
	my $waiter = login('probed');
	my $state = sub { join '|', @{ $admin->query("SELECT state, permits_left FROM governor.breakers WHERE name = 'probe'")->[0] } };

	$holder->run('BEGIN');
	$admin->run("SELECT governor.breaker_force('probe', 'half_open')");
	start_waiting($waiter, 'SELECT 1');
	is($state->(), 'half_open|1', 'who waits at the gate holds no permit');
	$admin->run("SELECT governor.breaker_force('probe', 'forced_open')");
	$holder->run('COMMIT');
	$waiter->finish;
	is_error($waiter, '53400', 'it is asked again after the wait');
	is($waiter->error->{M}, 'circuit breaker "probe" is open', 'and says so');
	is(gate_of('probed'), '0|0|1', 'the ticket is given back');

	$admin->run("SELECT governor.breaker_force('probe', 'closed')");
	$holder->run('BEGIN');
	$admin->run("SELECT governor.breaker_force('probe', 'half_open')");
	start_waiting($waiter, 'BEGIN');
	$holder->run('COMMIT');
	done($waiter, 'or lets it through');
	is($state->(), 'half_open|0', 'by a permit that it takes then');
	$waiter->run('SELECT 1', 'COMMIT');
	ok($admin->wait_for("SELECT state = 'closed' FROM governor.breakers WHERE name = 'probe'"), 'its end counts');
	is(gate_of('probed'), '0|0|1', 'nothing is left');
};

# Each of the waits sees what was committed while it lasted.
subtest 'fresh after a wait' => sub {
	my $holder = login('one');
	my $client = login('one');
	my $extended = sub {
		my ($sql, $statement) = @_;

		$client->send('P', "$statement\0$sql\0" . pack('n', 0)) if defined $sql;
		$client->send('B', "\0$statement\0" . pack('nnn', 0, 0, 0));
		$client->send('E', "\0" . pack('N', 0));
		$client->send('S', '');
	};
	my $count = 'SELECT count(*) FROM other';
	my $function = $admin->value("SELECT 'count_other()'::regprocedure::oid");
	my $copy = 'INSERT INTO other SELECT 100 + count(*) FROM other';
	my %rows = (
		'a simple query' => sub { $client->start($count) },
		'the extended protocol' => sub { $extended->($count, '') },
		'a prepared statement' => sub { $extended->(undef, 'q') },
		'EXECUTE' => sub { $client->start('EXECUTE sq') },
		'a function call by its own message' => sub { $client->send('F', pack('Nnnn', $function, 0, 0, 0)) });

	$client->run("PREPARE sq AS $count");
	for (1 .. 7)
	{
		$extended->($count, 'q') if $_ == 1;
		$extended->(undef, 'q') if $_ > 1;
		$client->finish('Z');
	}
	foreach my $name (sort keys %rows)
	{
		$holder->run('BEGIN', 'DELETE FROM other', 'COMMIT', 'BEGIN');
		$rows{$name}->();
		ok(waits($client), "$name waits");
		is($admin->value('SELECT backend_xmin FROM pg_stat_activity WHERE pid = ' . $client->pid), undef, 'it holds no snapshot');
		$admin->run('INSERT INTO other VALUES (1)');
		$holder->run('COMMIT');

		my $seen = 'nothing';
		while (my ($type, $message) = $client->receive)
		{
			last if $type eq 'Z';
			$seen = unpack('x2 x4 a*', $message) if $type eq 'D';
			$seen = unpack('x4 a*', $message) if $type eq 'V';
		}
		is($seen, 1, 'and sees what was committed meanwhile');
	}

	# statements that write, from a portal that has its snapshot
	$extended->($copy, 'w');
	$client->finish('Z');
	$holder->run('DELETE FROM other', 'BEGIN');
	$extended->(undef, 'w');
	ok(waits($client), 'a prepared INSERT waits');
	is($admin->value('SELECT backend_xmin FROM pg_stat_activity WHERE pid = ' . $client->pid), undef, 'it holds no snapshot');
	$admin->run('INSERT INTO other VALUES (1)');
	$holder->run('COMMIT');
	$client->finish('Z');
	is_deeply([ $admin->column('SELECT id FROM other ORDER BY id') ], [ 1, 101 ], 'and sees what was committed meanwhile');

	# other commands that were parsed before: those that store a result hold a snapshot too
	my %commands = (
		'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM other' => 1,
		'CALL tell(NULL)' => 1,
		'INSERT INTO seen SELECT count(*) FROM other RETURNING n' => 1,
		'WITH w AS (INSERT INTO seen SELECT count(*) FROM other RETURNING n) SELECT n FROM w' => 1,
		'CALL see()' => 0,
		'CREATE TABLE seen_too AS SELECT count(*) AS n FROM other' => 0,
		'COPY (SELECT count(*) FROM other) TO STDOUT' => 0);
	foreach my $sql (sort keys %commands)
	{
		$extended->($sql, 'c');
		$client->finish('Z');
		$holder->run('DELETE FROM other', 'TRUNCATE seen', 'DROP TABLE IF EXISTS seen_too', 'BEGIN');
		# TRUNCATE has it analysed anew, with a ticket; the second time it is as prepared
		for my $round (1, 2)
		{
			$extended->(undef, 'c');
			ok(waits($client), "prepared: $sql");
			is($admin->value('SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE pid = ' . $client->pid), $commands{$sql} ? 't' : 'f',
				$commands{$sql} ? 'it holds a snapshot' : 'it holds no snapshot')
			  if $round == 2;
			$admin->run('INSERT INTO other VALUES (1)');
			$holder->run('COMMIT');

			my ($seen, $error) = ('', 'no error');
			while (my ($type, $message) = $client->receive)
			{
				last if $type eq 'Z';
				$seen .= $message if $type eq 'D' || $type eq 'd';
				$error = $message if $type eq 'E';
			}
			is($error, 'no error', 'it runs');
			$seen = $admin->value('SELECT n FROM seen ORDER BY n DESC LIMIT 1') if $sql =~ /see\(/;
			$seen = $admin->value('SELECT n FROM seen_too') if $sql =~ /seen_too/;
			like($seen, $sql =~ /EXPLAIN/ ? qr/rows=$round\b/ : qr/\D?$round\n?\z/, 'and sees what was committed meanwhile');
			$holder->run('DROP TABLE IF EXISTS seen_too', 'BEGIN');
		}
		$holder->run('COMMIT');
		$client->send('C', "Sc\0");
		$client->send('S', '');
		$client->finish('Z');
	}

	# the next of a chain has its snapshot before it can wait
	$client->run('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT 1', 'COMMIT AND CHAIN');
	$holder->run('DELETE FROM other', 'BEGIN');
	start_waiting($client, $count);
	$admin->run('INSERT INTO other VALUES (1)');
	$holder->run('COMMIT');
	is($client->finish->[0][0], 0, 'COMMIT AND CHAIN of REPEATABLE READ is not fresh');
	$client->run('COMMIT');

	$holder->run('DELETE FROM other', 'BEGIN');
	start_waiting($client, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
	$admin->run('INSERT INTO other VALUES (1)');
	$holder->run('COMMIT');
	done($client, 'BEGIN waits before there is a snapshot');
	is($client->value($count), 1, 'so that is fresh too');
	$client->run('COMMIT');
};

subtest 'no deadlock by the gate' => sub {
	my $passes = stat_of('one', 'gate_passes');
	my $more = sub {
		my ($name) = @_;
		my $before = $passes;

		$passes = stat_of('one', 'gate_passes');
		is($passes - $before, 1, $name);
		is(gate_of('one'), '0|0|1', 'nothing is left');
	};
	my $holder = login('one');
	my $waiter = login('one');
	my $third = GovClient->login($node);

	# the waiter has its table locked before it can be asked to wait
	$holder->run('BEGIN');
	start_waiting($waiter, 'SELECT count(*) FROM work');
	$holder->start('LOCK TABLE work IN ACCESS EXCLUSIVE MODE');
	done($waiter, 'who keeps one with a ticket waiting is let through');
	done($holder, 'who gets its lock then');
	$holder->run('COMMIT');
	$more->('counted');

	# an advisory lock
	$waiter->run('SELECT pg_advisory_lock(7)');
	$holder->run('BEGIN');
	start_waiting($waiter, 'SELECT pg_advisory_unlock(7)');
	$holder->start('SELECT pg_advisory_xact_lock(7)');
	done($waiter, 'so it is with an advisory lock');
	done($holder, 'which the other one gets');
	$holder->run('COMMIT');
	$more->('counted');

	# CREATE INDEX CONCURRENTLY waits for transactions
	$third->run('BEGIN', 'INSERT INTO work VALUES (0)');
	$holder->start('CREATE INDEX CONCURRENTLY work_n ON work (n)');
	waits_for_lock($holder);
	start_waiting($waiter, 'INSERT INTO work VALUES (0)');
	$third->run('COMMIT');
	done($waiter, 'so it is with a transaction that an index is waiting for');
	done($holder, 'which goes on then');
	$more->('counted');

	# a snapshot that is safe only when the waiter's transaction has ended
	my $deferrable = 'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE';
	$waiter->run("SET default_transaction_isolation = 'serializable'");
	$holder->run($deferrable);
	start_waiting($waiter, 'SELECT count(*) FROM other');
	$holder->start('SELECT count(*) FROM other');
	done($waiter, 'so it is with a safe snapshot');
	done($holder, 'which the other one gets');
	$holder->run('COMMIT');
	$more->('counted');
	$third->run($deferrable, 'LOCK TABLE work IN ACCESS SHARE MODE');
	$holder->run('BEGIN');
	start_waiting($waiter, 'SELECT count(*) FROM other');
	$third->start('SELECT count(*) FROM other');
	ok($admin->wait_for("SELECT wait_event = 'SafeSnapshot' FROM pg_stat_activity WHERE pid = " . $third->pid), 'somebody else waits for one');
	$holder->start('LOCK TABLE work IN ACCESS EXCLUSIVE MODE');
	done($waiter, 'also over others');
	done($third, 'who gets his snapshot');
	$third->run('COMMIT');
	done($holder, 'and goes out of the way');
	$holder->run('COMMIT');
	$more->('counted');
	$waiter->run('RESET ALL');

	# with a ticket -> without -> the waiter
	$third->run('BEGIN', 'LOCK TABLE other IN ACCESS EXCLUSIVE MODE');
	$holder->run('BEGIN');
	start_waiting($waiter, 'SELECT count(*) FROM work');
	$third->start('LOCK TABLE work IN ACCESS EXCLUSIVE MODE');
	waits_for_lock($third);
	is(gate_of('one'), '1|1|1', 'who keeps somebody else waiting waits on');
	$holder->start('SELECT count(*) FROM other');
	done($waiter, 'unless one with a ticket waits for him');
	done($third, 'who gets his lock');
	$third->run('COMMIT');
	done($holder, 'and lets it go on');
	$holder->run('COMMIT');
	$more->('counted');

	# the same by way of a row
	$third->run('BEGIN', 'UPDATE hot SET n = n + 1 WHERE id = 1');
	$holder->run('BEGIN');
	start_waiting($waiter, 'SELECT count(*) FROM work');
	$third->start('LOCK TABLE work IN ACCESS EXCLUSIVE MODE');
	waits_for_lock($third);
	$holder->start('UPDATE hot SET n = n + 1 WHERE id = 1');
	done($waiter, 'also if it is a row that one with a ticket waits for');
	done($third, 'the other one goes on');
	$third->run('COMMIT');
	done($holder, 'and so does that one');
	$holder->run('COMMIT');
	$more->('counted');
};

subtest 'observe' => sub {
	my $holder = login('watched');
	my $client = login('watched');

	$holder->run('BEGIN');
	ok($client->works, 'nobody waits') foreach 1 .. 3;
	is(gate_of('watched'), '1|0|1', 'tickets are counted');
	is( $admin->value("SELECT string_agg(class || ': ' || detail, ', ') FROM governor.events WHERE kind = 'would_wait' AND pid = " . $client->pid),
		'watched: a transaction: all 1 tickets are in use', 'an event for all of them');
	$holder->run('COMMIT');
	is(stat_of('watched', 'would_wait, gate_waits'), '3|0', 'counted');
	is(gate_of('watched'), '0|0|1', 'nothing is left');
	ok(login('free')->works, 'a class without a gate');
	is(gate_of('free'), '0|0|', 'has none');
};

# Samples a class for as long as a condition holds: never more tickets than max_active and passes.
sub sample
{
	my ($class, $limit, $while) = @_;
	my ($samples, $full, $waited, $worst) = (0, 0, 0, -1e9);

	while ($while->())
	{
		# passes may come after what is held was read, and are never taken back
		my ($held, $waiting) = split /\|/, gate_of($class);
		my $above = $held - $limit - stat_of($class, 'gate_passes');

		$worst = $above if $above > $worst;
		$samples++;
		$full++ if $held >= $limit;
		$waited++ if $waiting > 0;
	}
	note("$samples samples, $full with all tickets in use, $waited with somebody waiting");
	cmp_ok($worst, '<=', 0, 'never more tickets than the limit and the passes');
	cmp_ok($full, '>', 0, 'all of them were in use');
	cmp_ok($waited, '>', 0, 'and some had to wait');
	return;
}

subtest 'a hot row' => sub {
	my $script = $node->basedir . "/hot.sql";
	my $before = $admin->value("SELECT n FROM hot WHERE id = 1");
	my $blocker = GovClient->login($node);

	# for a while all wait, long enough to search again and again
	$blocker->run('BEGIN', 'UPDATE hot SET n = n WHERE id = 1');
	open my $file, '>', $script or die "$script: $!";
	print $file "UPDATE hot SET n = n + 1 WHERE id = 1;\n";
	close $file;
	my $pgbench = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 256, '-j', 2, '-t', 20, '-f', $script, '-d',
			$node->connstr('postgres') . ' user=app application_name=hot' ],
		'>' => \my $out, '2>' => \my $err);

	ok($admin->wait_for("SELECT count(*) = 256 AND min(transaction_for) > '1 s' FROM governor.sessions WHERE class = 'hot'"), '256 clients want a row');
	is(gate_of('hot'), '8|248|8', 'as many as may wait for it, all others at the gate');
	$blocker->run('COMMIT');
	sample('hot', 8, sub { $pgbench->pump_nb; $pgbench->pumpable });
	ok($pgbench->finish, 'all clients end well') or diag($err);
	is($admin->value('SELECT n FROM hot WHERE id = 1'), $before + 256 * 20, 'every update was made');
	is(stat_of('hot', 'gate_passes'), 0, 'waiting for a row lets nobody through: so there were never more than the limit');
	is(gate_of('hot'), '0|0|8', 'nothing is left');
};

# Many short transactions of clients that send the next one at once, and rest now and then.
subtest 'turns' => sub {
	my $script = $node->basedir . '/turns.sql';

	open my $file, '>', $script or die "$script: $!";
	print $file "SELECT 1;\n" x 5, "\\sleep 20 ms\n", "BEGIN;\nSELECT 2;\nCOMMIT;\n" x 3, "\\sleep 2 ms\n";
	close $file;
	$admin->run('SELECT governor.reset_stats()');
	my $pgbench = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 64, '-j', 4, '-t', 25, '-f', $script, '-d',
			$node->connstr('postgres') . ' user=app application_name=turns' ],
		'>' => \my $out, '2>' => \my $err);

	sample('turns', 4, sub { $pgbench->pump_nb; $pgbench->pumpable });
	ok($pgbench->finish, 'all clients end well') or diag($err);
	is(stat_of('turns', 'gate_passes'), 0, 'nobody was let through');
	note(stat_of('turns', 'gate_waits') . ' waits in ' . 64 * 25 * 8 . ' transactions');
	is(gate_of('turns'), '0|0|4', 'nothing is left');

	# sessions that rest, after transactions for which others waited
	my @clients = map { login('turns') } 1 .. 12;
	foreach my $round (1 .. 20)
	{
		$_->start('SELECT 1') foreach @clients;
		$_->finish foreach @clients;
	}
	is(gate_of('turns'), '0|0|4', 'nothing is kept when nobody waits');
	$_->run('BEGIN') foreach @clients[ 0 .. 3 ];
	is(gate_of('turns'), '4|0|4', 'all of them are free');
	$_->run('COMMIT') foreach @clients[ 0 .. 3 ];
};

# What one client of the storm does, again and again, until its pipe is closed by the test.
sub storm_client
{
	my ($number, $quota) = @_;
	my $done = 0;
	my $client;

	srand($number);
	while ($done < $quota)
	{
		my $kind = int rand 20;

		if (!$client || $client->{closed} || ($client->error && $client->error->{S} eq 'FATAL'))
		{
			$client = GovClient->try_login($node, user => 'app', application_name => 'storm');
			next if $client->error;
			$client->query('SET statement_timeout = ' . (20 + int rand 300)) if rand() < 0.3;
		}
		my $row = 1 + int rand 5;

		if ($kind < 6)     { $client->query("UPDATE hot SET n = n + 1 WHERE id = $row") }
		elsif ($kind < 9)  { $client->query($_) foreach 'BEGIN', "UPDATE hot SET n = n + 1 WHERE id = $row", 'SELECT pg_sleep(0.002)', 'COMMIT' }
		elsif ($kind < 11) { $client->extended('SELECT count(*) FROM work', statement => 'q') }
		elsif ($kind < 12) { $client->query('CALL chain(2)') }
		elsif ($kind < 13) { $client->query('SELECT fail()') }
		elsif ($kind < 14) { $client->query('SELECT nested(2); SELECT fail()') }
		elsif ($kind < 15) { $client->query('SELECT pg_sleep(0.01)') }
		elsif ($kind < 16) { $client->query($_) foreach 'BEGIN', 'SELECT 1', 'COMMIT AND CHAIN', 'SELECT 2', 'ROLLBACK' }
		elsif ($kind < 17) { $client->query($_) foreach 'BEGIN', 'LOCK TABLE work IN ACCESS EXCLUSIVE MODE', 'COMMIT' }
		elsif ($kind < 18) { $client->query('VACUUM other') }
		elsif ($kind < 19) { $client->query('SELECT 1') }
		else
		{
			# goes away in the middle, with a ticket or waiting for one
			$client->query('BEGIN') if rand() < 0.5;
			$client->start('SELECT count(*), pg_sleep(0.01) FROM work');
			usleep(int rand 5000);
			rand() < 0.5 ? $client->vanish : $client->reset_connection;
			$client = undef;
		}
		$client->query('ROLLBACK') if $client && !$client->{closed};
		$done++;
	}
	return;
}

subtest 'a storm in which transactions end at random' => sub {
	my $transactions = $ENV{GATE_TRANSACTIONS} || 3000;
	my $clients = 12;
	my %running;

	foreach my $number (1 .. $clients)
	{
		my $pid = fork();

		die "fork: $!" unless defined $pid;
		if ($pid == 0)
		{
			# no destructor of the test's may run here
			eval { storm_client($number, $transactions / $clients); 1 } or POSIX::_exit(1);
			POSIX::_exit(0);
		}
		$running{$pid} = 1;
	}

	my $failed = 0;
	my ($cancelled, $terminated) = (0, 0);
	sample(
		'storm', 3,
		sub {
			my $one = "FROM pg_stat_activity WHERE application_name = 'storm' AND state <> 'idle' ORDER BY random() LIMIT 1";

			$cancelled += () = $admin->column("SELECT pg_cancel_backend(pid) $one");
			$terminated += () = $admin->column("SELECT pg_terminate_backend(pid) $one") if rand() < 0.3;
			foreach my $pid (keys %running)
			{
				next unless waitpid($pid, POSIX::WNOHANG()) == $pid;
				$failed++ if $? != 0;
				delete $running{$pid};
			}
			usleep(5000);
			return scalar keys %running;
		});
	is($failed, 0, 'all clients come to their end');
	note("$cancelled cancelled, $terminated terminated; " . stat_of('storm', 'gate_waits, gate_time, gate_passes'));
	cmp_ok($cancelled, '>', 10, 'many were cancelled');
	cmp_ok($terminated, '>', 3, 'and some were ended');
	becomes('storm', '0|0|3', 'no ticket is lost, and nobody waits');
	ok(login('storm')->works, 'the class works');
};

is($admin->value('SELECT sum(tickets) + sum(gate_waiting) FROM governor.admission'), 0, 'at the end nothing is left');
unlike(log_since($node, 0), qr/PANIC|TRAP|was terminated by signal/, 'no process has crashed');

done_testing();
