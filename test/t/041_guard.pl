
# The circuit breaker of a class: what feeds it, and what it keeps out.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;

my $node = new_node('guard', settings => { 'governor.mode' => 'enforce' });
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$node->start;
my $admin = admin_of($node);

$admin->run(
	'CREATE ROLE app LOGIN',
	'CREATE TABLE work (id int PRIMARY KEY)',
	'GRANT ALL ON work TO app',
	'CREATE FUNCTION fail(state text) RETURNS void LANGUAGE plpgsql AS
		$$BEGIN RAISE EXCEPTION USING ERRCODE = state, MESSAGE = \'made to fail\'; END$$',
	'CREATE FUNCTION caught(state text) RETURNS void LANGUAGE plpgsql AS
		$$BEGIN PERFORM fail(state); EXCEPTION WHEN OTHERS THEN NULL; END$$',
	'CREATE PROCEDURE chain(pieces int) LANGUAGE plpgsql AS
		$$BEGIN FOR i IN 1 .. pieces LOOP PERFORM 1; COMMIT; END LOOP; END$$');
set_policy(
	$admin,
	"INSERT INTO governor.breaker_settings (name, minimum_calls, window_size, open_for, half_open_calls, half_open_timeout, slow_call_duration) VALUES
		('database', 4, 1000, '1 h', 2, '10 min', NULL),
		('watched', 4, 1000, '1 h', 2, '10 min', NULL),
		('slow', 2, 2, '1 h', 2, '10 min', '150 ms')",
	"INSERT INTO governor.breaker_settings (name, minimum_calls, failure_sqlstates) VALUES ('strict', 1000, '{23,40001}')",
	"INSERT INTO governor.classes (name, breaker, mode) VALUES ('guarded', 'database', NULL), ('watched', 'watched', 'observe'),
		('off', 'database', 'off'), ('strict', 'strict', NULL), ('slow', 'slow', NULL), ('free', NULL, NULL)",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

sub login
{
	my ($class) = @_;

	return GovClient->login($node, user => 'app', application_name => $class);
}

sub row_of
{
	my ($name, $columns) = @_;

	return join '|', map { defined $_ ? $_ : '' } @{ $admin->query("SELECT $columns FROM governor.breakers WHERE name = '$name'")->[0] };
}

sub stat_of
{
	my ($class, $columns) = @_;

	return join '|', @{ $admin->query("SELECT $columns FROM governor.stat_classes WHERE class = '$class'")->[0] };
}

subtest 'what feeds it' => sub {
	my $client = login('guarded');
	my $begin = sub { $admin->run("SELECT governor.breaker_force('database', 'metrics_only')") };
	my $is = sub {
		my ($calls, $failed, $name) = @_;

		# so that there are enough for a rate
		$admin->run("SELECT count(governor.breaker_record('database', true)) FROM generate_series(1, 100)");
		is( row_of('database', 'calls, round((failure_rate * calls / 100)::numeric)'),
			($calls + 100) . "|$failed", $name);
	};

	$begin->();
	$client->run('SELECT 1');
	$client->run('BEGIN', 'SELECT 1', 'SELECT 2', 'COMMIT');
	$client->run('BEGIN', 'SELECT 1', 'ROLLBACK');
	$client->extended('SELECT 1');
	$is->(4, 0, 'transactions, whatever is in them');

	$begin->();
	$client->run('SET work_mem = 1000', 'SHOW work_mem', 'RESET work_mem', 'DISCARD PLANS', 'LISTEN a', 'UNLISTEN a',
		'DEALLOCATE ALL');
	$client->query('COMMIT');
	$is->(0, 0, 'commands that run nothing are none');

	$begin->();
	foreach my $state (qw(53100 53200 58030 XX000))
	{
		$client->query("SELECT fail('$state')");
		is_error($client, $state, "error $state");
	}
	$is->(4, 4, 'want of resources, errors of the system and internal ones are failures');

	$begin->();
	$client->query($_) foreach 'SELECT fail(\'23505\')', 'SELECT 1/0', 'SELECT fail(\'40001\')', 'SELECT fail(\'P0001\')',
	  'SELECT caught(\'53100\')';
	$is->(4, 0, 'errors of the statement are not, nor those that were caught; one that was not run (1/0) says nothing');

	$begin->();
	$client->query('syntax error');
	$is->(0, 0, 'what is no statement is no transaction');

	$begin->();
	$client->run('SET statement_timeout = 50');
	$client->query('SELECT pg_sleep(60)');
	$client->run('SET statement_timeout = 0');
	$is->(1, 1, 'statement_timeout is a failure');

	$begin->();
	$client->start('SELECT pg_sleep(60)');
	$admin->wait_for("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = " . $client->pid);
	$admin->run('SELECT pg_cancel_backend(' . $client->pid . ')');
	$client->finish;
	is_error($client, '57014', 'cancelled');
	$is->(1, 0, 'a user\'s cancel is not');

	$begin->();
	$client->run('BEGIN');
	$client->query("SELECT fail('53100')");
	$client->run('ROLLBACK');
	$client->run('SELECT 1');
	$is->(2, 1, 'a block that failed counts once');

	$begin->();
	$client->run('CALL public.chain(3)');
	my ($calls) = row_of('database', 'calls');
	cmp_ok($calls, '>=', 3, 'transactions within a procedure are counted each');

	$begin->();
	$client->run('BEGIN', 'SAVEPOINT s');
	$client->query("SELECT fail('53100')");
	$client->run('ROLLBACK TO s', 'SELECT 1', 'COMMIT');
	$is->(1, 0, 'nor is an error that was undone');

	$begin->();
	$client->run('BEGIN', 'COMMIT');
	$client->run('PREPARE q AS SELECT 1');
	$client->parse('SELECT 1');
	$is->(0, 0, 'what was only parsed says nothing');
	$client->run('EXECUTE q');
	$is->(101, 0, 'and counts when it runs');

	$begin->();
	$client->run('BEGIN', 'INSERT INTO work VALUES (77)', 'COMMIT AND CHAIN', 'SELECT 1', 'ROLLBACK AND CHAIN', 'COMMIT');
	$client->run('BEGIN', 'SELECT 1', "PREPARE TRANSACTION 'p'", "ROLLBACK PREPARED 'p'");
	$is->(3, 0, 'a chain is one for each of its transactions, an empty one none; a prepared one has ended');

	$begin->();
	$admin->run('GRANT CREATE ON SCHEMA public TO app', 'CREATE TABLE big AS SELECT i FROM generate_series(1, 1000) AS i', 'ALTER TABLE big OWNER TO app');
	$client->run('VACUUM big', 'CREATE INDEX CONCURRENTLY ON big (i)');
	$is->(2, 0, 'commands with transactions inside count once, at their end');

	$begin->();
	$client->call($admin->value("SELECT 'pg_backend_pid()'::regprocedure::oid"));
	$is->(1, 0, 'a function call by its own message');

	$begin->();
	login('off')->run("SELECT 1");
	GovClient->login($node, application_name => 'guarded')->run('SELECT 1');
	$is->(0, 0, 'a class that is off does not feed it, nor does a superuser');
};

subtest 'its own list of failures' => sub {
	my $client = login('strict');

	$client->query($_) foreach "SELECT fail('23505')", "SELECT fail('40001')", "SELECT fail('40P01')", "SELECT fail('53100')";
	$admin->run("SELECT count(governor.breaker_record('strict', true)) FROM generate_series(1, 96)");
	is(row_of('strict', 'calls, failure_rate'), '100|2', 'a class of SQLSTATEs and a single one');
};

subtest 'while it is open' => sub {
	my $client = login('guarded');
	my $inside = login('guarded');
	my $prepared = login('guarded');

	$admin->run("SELECT governor.breaker_reset('database')");
	$admin->run('TRUNCATE work');
	$inside->run('BEGIN', 'INSERT INTO work VALUES (1)');
	$prepared->run('PREPARE q AS SELECT 1', 'PREPARE u AS INSERT INTO work VALUES (99)');
	$client->query("SELECT fail('53100')") foreach 1 .. 8;
	is(row_of('database', 'state'), 'open', 'failures open it');

	$client->query('SELECT 1');
	is_error($client, '53400', 'a statement is refused');
	is($client->error->{M}, 'circuit breaker "database" is open', 'message');
	like($client->error->{H}, qr/^Retry after \d{7} ms\.$/, 'hint');
	foreach my $statement ('BEGIN', 'START TRANSACTION', 'CREATE TABLE t ()', 'COPY work TO STDOUT', 'CALL public.chain(1)',
		'VACUUM work', 'EXPLAIN ANALYZE SELECT 1', 'DO $$BEGIN END$$')
	{
		$client->query($statement);
		is_error($client, '53400', $statement);
	}
	$client->extended('SELECT 1');
	is_error($client, '53400', 'by the extended protocol');
	$prepared->query('EXECUTE q');
	is_error($prepared, '53400', 'a prepared statement');
	$client->run('SET work_mem = 1000', 'SHOW work_mem', 'RESET work_mem', 'DISCARD PLANS', 'ROLLBACK');
	ok(1, 'what runs nothing is let through');

	$inside->run('INSERT INTO work VALUES (2)', 'COMMIT');
	is($admin->value('SELECT count(*) FROM work'), 2, 'a transaction that runs goes on');

	my $refused = GovClient->try_login($node, user => 'app', application_name => 'guarded');
	is($refused->error->{C}, '57P03', 'a login is refused');
	is($refused->error->{M}, 'circuit breaker "database" is open', 'message');
	is($refused->error->{D}, 'It guards class "guarded".', 'detail');
	like($refused->error->{H}, qr/^Retry after \d{7} ms\.$/, 'hint');
	is(stat_of('guarded', 'refused, refused_breaker'), '1|1', 'counted');
	is( $admin->value("SELECT decision FROM governor.admission WHERE class = 'guarded'"), 'refuse', 'as the view says');
	is( $admin->value("SELECT reason || ': ' || detail FROM governor.events WHERE kind = 'refused' ORDER BY at DESC LIMIT 1"),
		'breaker: circuit breaker "database" is open', 'an event');

	ok(login('free')->works, 'another class is not concerned');
	ok(GovClient->login($node, application_name => 'guarded')->works, 'nor is a superuser');
	is($admin->value('SELECT count(*) FROM pg_stat_activity WHERE pid = ' . $client->pid), 1, 'its sessions are there still');
	$admin->run("SELECT governor.breaker_force('database', 'forced_open')");
	$client->query('SELECT 1');
	is($client->error->{H}, 'It was opened by hand, and will be closed by hand.', 'opened by hand there is no time');
	$admin->run("SELECT governor.breaker_reset('database')");
	ok($client->works, 'closed by hand, all is well');
};

sub permits_left
{
	my ($n, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($admin->wait_for("SELECT state = 'half_open' AND permits_left = $n FROM governor.breakers WHERE name = 'database'"), $name);
}

subtest 'half open' => sub {
	my $client = login('guarded');
	my $other = login('guarded');
	my $third = login('guarded');

	$admin->run("SELECT governor.breaker_force('database', 'half_open')");
	my $new = login('guarded');
	permits_left(2, 'a login that is done holds no permit, and keeps nobody waiting');
	$client->run('BEGIN', 'SELECT 1');
	permits_left(1, 'a transaction takes one');
	$new->run('BEGIN', 'SELECT 1');
	permits_left(0, 'another one the other');
	$other->query('SELECT 1');
	is_error($other, '53400', 'a third one gets none');
	like($other->error->{H}, qr/^Retry after [1-9]\d* ms\.$/, 'but the time when it may');
	is(GovClient->try_login($node, user => 'app', application_name => 'guarded')->error->{C}, '57P03', 'nor does a login');
	$new->run('COMMIT');
	is(row_of('database', 'state, calls'), 'half_open|1', 'what ends well is a good result');
	$client->run('COMMIT');
	is(row_of('database', 'state'), 'closed', 'two of them close it');
	ok($other->works, 'for all');

	$admin->run("SELECT governor.breaker_force('database', 'half_open')");
	$client->run('BEGIN', 'SELECT 1');
	$new->start('SELECT pg_sleep(60)');
	permits_left(0, 'both permits are taken');
	$client->vanish;
	permits_left(1, 'a client that goes away in its transaction gives its permit back');
	$admin->run('SELECT pg_terminate_backend(' . $new->pid . ')');
	permits_left(2, 'and so does a session that is ended');
	$other->run('SET idle_in_transaction_session_timeout = 50', 'BEGIN', 'SELECT 1');
	is($other->wait_for_end->{C}, '25P03', 'also by a timeout');
	permits_left(2, 'with its permit');
	$third->parse('SELECT 1');
	permits_left(2, 'what was only parsed gives it back too');
	$third->query("SELECT fail('53100')") foreach 1 .. 2;
	is(row_of('database', 'state'), 'open', 'bad results open it again');
	$admin->run("SELECT governor.breaker_reset('database')");
};

subtest 'whoever waits in the queue' => sub {
	set_policy($admin, "UPDATE governor.classes SET paused = true, queue_timeout = '10 min' WHERE name = 'guarded'");
	my @waiting = map { GovClient->start_login($node, user => 'app', application_name => 'guarded') } 1 .. 2;
	ok($admin->wait_for("SELECT queued = 2 FROM governor.admission WHERE class = 'guarded'"), 'two logins wait');
	$admin->run("SELECT governor.breaker_force('database', 'forced_open')");
	is(join(' ', map { $_->finish_login->error->{C} } @waiting), '57P03 57P03', 'an open breaker refuses them too');
	ok($admin->wait_for("SELECT queued = 0 FROM governor.admission WHERE class = 'guarded'"), 'and they are gone');
	set_policy($admin, "UPDATE governor.classes SET paused = false, queue_timeout = '5 s' WHERE name = 'guarded'");
	$admin->run("SELECT governor.breaker_reset('database')");
};

subtest 'slow transactions' => sub {
	my $client = login('slow');

	$client->run('SELECT pg_sleep(0.2)') foreach 1 .. 2;
	is(row_of('slow', 'state'), 'open', 'open it too');
};

subtest 'observe' => sub {
	my $client = login('watched');

	$client->query("SELECT fail('53100')") foreach 1 .. 4;
	is(row_of('watched', 'state'), 'open', 'the breaker is open');
	ok($client->works, 'and nobody is refused') foreach 1 .. 3;
	is( $admin->value('SELECT count(*) FROM governor.events WHERE kind = \'would_refuse\' AND pid = ' . $client->pid),
		1, 'a transaction that would have been is noted once');
	ok(login('watched')->works, 'a login is let in');
	is(stat_of('watched', 'would_refuse, refused'), '3|0', 'and counted, as the transactions of both are');
};

subtest 'a mode that has become weaker' => sub {
	my $client = login('guarded');

	$admin->run("SELECT governor.breaker_force('database', 'forced_open')");
	$client->query('SELECT 1');
	is_error($client, '53400', 'enforce');
	set_mode($admin, 'off');
	ok($client->works, 'off lets everybody through');
	ok(login('guarded')->works, 'and in');
	set_mode($admin, 'enforce');
	$client->query('SELECT 1');
	is_error($client, '53400', 'enforce again');
	set_policy($admin, "UPDATE governor.classes SET breaker = NULL WHERE name = 'guarded'");
	ok($client->works, 'a class whose breaker is taken away');
};

done_testing();
