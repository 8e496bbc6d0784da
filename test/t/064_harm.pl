
# idle_blocker_timeout: whoever is idle in transaction while others wait on its
# locks ends, and nobody else; and what the view says of who waits on whom.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node(
	'harm',
	init => [ allows_streaming => 1 ],
	settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->append_conf('postgresql.conf', "max_prepared_transactions = 10\ndeadlock_timeout = 1h");
$node->start;
my $admin = admin_of($node);

$admin->run(
	'CREATE ROLE app LOGIN',
	'CREATE ROLE stranger LOGIN',
	'CREATE TABLE work (id int PRIMARY KEY, note text)',
	"INSERT INTO work SELECT i, 'new' FROM generate_series(1, 100) i",
	'CREATE TABLE other (id int)',
	'GRANT ALL ON work, other TO app',
	'ALTER TABLE other OWNER TO app',
	'GRANT CREATE ON SCHEMA public TO app');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_blocker_timeout) VALUES ('short', '600 ms'), ('patient', '8 s'), ('long', '1 h')",
	"INSERT INTO governor.classes (name, idle_blocker_timeout, mode) VALUES ('watched', '600 ms', 'observe'), ('ignored', '600 ms', 'off')",
	"INSERT INTO governor.classes (name, max_lifetime) VALUES ('blind', '1 h')",
	"INSERT INTO governor.classes (name, idle_blocker_timeout, idle_in_transaction_timeout) VALUES ('either', '1 h', '600 ms')",
	"INSERT INTO governor.classes (name, idle_blocker_timeout, idle_in_transaction_timeout, reclaim_rate, mode) VALUES ('paced', '300 ms', '300 ms', 1, 'observe')",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

sub login
{
	my ($class, %options) = @_;

	return GovClient->login($node, user => 'app', application_name => $class, %options);
}

# A session of the class in a transaction in which it has done that.
sub holder
{
	my ($class, @statements) = @_;
	my $client = login($class);

	$client->run('BEGIN', @statements);
	return $client;
}

# A session that has sent a statement which will have to wait, unless whom it waits for is gone by then.
sub sender
{
	my ($statement, $client) = @_;

	$client ||= login('blind');
	$client->start($statement);
	return $client;
}

# The same, once it waits; for locks of those who stay.
sub waiter
{
	my $client = sender(@_);

	$admin->wait_for("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = " . $client->pid)
	  or die 'nothing to wait for';
	return $client;
}

# What the view says of these sessions, side by side.
sub blocks_of
{
	return join ' ', map {
		my $blocks = $admin->value('SELECT blocks FROM governor.sessions WHERE pid = ' . $_->pid);
		defined $blocks ? $blocks : 'NULL'
	} @_;
}

# Sessions of which the view says something else than the server's own functions do.
sub disagreements
{
	return $admin->value(<<'SQL');
WITH RECURSIVE step AS MATERIALIZED (
	SELECT DISTINCT pid AS waiter, unnest(pg_blocking_pids(pid)) AS blocker FROM pg_locks WHERE NOT granted),
way AS (SELECT waiter, blocker FROM step UNION SELECT step.waiter, way.blocker FROM step JOIN way ON step.blocker = way.waiter)
SELECT string_agg(format('%s: %s, not %s', pid, blocks, expected), ', ') FROM (
	SELECT pid, blocks, (SELECT count(DISTINCT waiter) FROM way WHERE blocker = s.pid AND waiter <> s.pid) AS expected
	FROM governor.sessions s) seen
WHERE blocks IS DISTINCT FROM expected
SQL
}

sub is_farewell
{
	my ($client, $waited, $name) = @_;
	my $fields = $client->wait_for_end;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return subtest $name => sub {
		is($fields->{S}, 'FATAL', 'severity');
		is($fields->{C}, '25P03', 'SQLSTATE');
		is($fields->{M}, 'terminating connection due to idle-in-transaction timeout', 'message');
		like($fields->{D},
			qr/^Reason "idle_blocker", class "\w+": idle in transaction for \d+\.\d s; $waited waited for it\.$/, 'detail');
		is($fields->{H}, 'The transaction was rolled back.  Reconnect and run it again from its beginning.', 'hint');
	};
}

# The statement that waited is done.
sub is_through
{
	my ($client, $name) = @_;

	$client->finish;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($client->error && $client->error->{M}, undef, $name);
}

sub events_of
{
	my ($client) = @_;

	return join ' ', $admin->column(
		'SELECT kind || \':\' || reason FROM governor.events WHERE pid = ' . $client->pid . ' ORDER BY at');
}

# It will have rested for longer than its timeout before anybody waits for it: see below.
my $early = holder('patient', "UPDATE work SET note = 'lost' WHERE id = 100");

subtest 'a row' => sub {
	my $log = log_position($node);
	my $holder = holder('short', "UPDATE work SET note = 'lost' WHERE id = 1");
	my $waiter = sender("UPDATE work SET note = 'kept' WHERE id = 1");
	my $pid = $holder->pid;

	is_farewell($holder, 1, 'whoever holds it ends');
	is_through($waiter, 'and whoever waits for it goes on');
	ok($admin->wait_for("SELECT count(*) = 1 FROM governor.events WHERE pid = $pid"), 'an event');
	is(events_of($holder), 'reclaimed:idle_blocker', 'which says so');
	like(
		$admin->value("SELECT detail FROM governor.events WHERE pid = $pid"),
		qr/^idle in transaction for (0\.[6-9]|[1-9]\d*\.\d) s; 1 waited for it$/, 'for how long, and for whom');
	is( $admin->value(
			"SELECT reclaimed || ' ' || reclaimed_idle_blocker FROM governor.stat_classes WHERE class = 'short'"),
		'1 1', 'the counters');
	ok(wait_for_log($node, qr/\[$pid\][^\n]*DETAIL:  Reason "idle_blocker", class "short"/, $log), 'the log has it');
	is($admin->value('SELECT note FROM work WHERE id = 1'), 'kept', 'and it was rolled back');
};

subtest 'any lock' => sub {
	my %cases = (
		'a table, held by the fast path' => [ 'TABLE other', 'TRUNCATE other' ],
		'a table, held by everybody\'s rules' => [ 'LOCK TABLE other IN SHARE MODE', 'INSERT INTO other VALUES (1)' ],
		'a row that is only shared' => [ 'SELECT FROM work WHERE id = 2 FOR SHARE', 'DELETE FROM work WHERE id = 2' ],
		'an advisory lock of the transaction' => [ 'SELECT pg_advisory_xact_lock(7)', 'SELECT pg_advisory_lock(7)' ],
		'a key that may come to be there' => [ "INSERT INTO work VALUES (500, 'lost')", "INSERT INTO work VALUES (500, 'kept')" ],
		'its virtual transaction' => [ 'INSERT INTO other VALUES (2)', 'CREATE INDEX CONCURRENTLY ON other (id)' ],
		'a savepoint that was released' =>
		  [ "SAVEPOINT s; UPDATE work SET note = 'lost' WHERE id = 3; RELEASE s", "UPDATE work SET note = 'kept' WHERE id = 3" ],
	);

	foreach my $name (sort keys %cases)
	{
		my ($held, $wanted) = @{ $cases{$name} };
		my $holder = holder('short', $held);

		my $waiter = sender($wanted);

		is_farewell($holder, 1, $name);
		is_through($waiter, 'and the other one goes on');
	}
};

subtest 'who waits on whom' => sub {
	my $holder = holder('long', 'SELECT FROM work WHERE id = 10 FOR UPDATE');
	my @same = map { waiter('SELECT FROM work WHERE id = 10 FOR UPDATE') } 1 .. 3;

	is(blocks_of($holder, @same), '3 2 1 0', 'all who want a row, not only the first of them');
	is(disagreements(), undef, 'as the server says');

	my $middle = login('blind');
	$middle->run('BEGIN', 'SELECT FROM work WHERE id = 11 FOR UPDATE');
	waiter('SELECT FROM work WHERE id = 10 FOR UPDATE', $middle);
	my $last = waiter('DELETE FROM work WHERE id = 11');
	is(blocks_of($holder, $middle, $last), '5 1 0', 'a chain');
	is(disagreements(), undef, 'as the server says');
	is( $admin->value(
			"SELECT verdict || ' ' || (stale_at = state_since + interval '1 h') FROM governor.sessions WHERE pid = " . $holder->pid),
		'keep true', 'and when that will end it');

	my $reader = holder('long', 'TABLE other');
	my $changer = waiter('ALTER TABLE other ADD COLUMN note text', login('blind'));
	my $behind = waiter('TABLE other');
	is(blocks_of($reader, $changer, $behind), '2 1 0', 'behind one in the queue');
	is(disagreements(), undef, 'as the server says');

	$_->run('ROLLBACK') foreach $holder, $reader;
	is_through($_, 'they go on') foreach @same, $middle, $changer, $behind;
	is(blocks_of($holder, $reader, $middle), '0 0 1', 'and nobody waits any more for those who are done');
	$middle->run('ROLLBACK');
	is_through($last, 'nor for the other one');
};

subtest 'a chain, of which only the head is idle' => sub {
	my $head = holder('short', 'SELECT FROM work WHERE id = 20 FOR UPDATE');
	my $middle = sender('BEGIN; SELECT FROM work WHERE id = 21 FOR UPDATE; SELECT FROM work WHERE id = 20 FOR UPDATE', login('short'));
	my $tail = sender('DELETE FROM work WHERE id = 21');
	my $detail = $head->wait_for_end->{D};

	like($detail, qr/; [12] waited for it\.$/, 'the head ends');
	is_through($middle, 'the next one gets its lock');
	is_farewell($middle, 1, 'and ends too, once it has been idle for so long');
	is_through($tail, 'whereupon the last goes on');
};

# As many of everything as it takes to meet what nobody has thought of.
subtest 'at random' => sub {
	my @clients = map { login('long') } 1 .. 16;
	my $waiting = 0;

	srand(7);
	foreach my $client (@clients)
	{
		$client->run('BEGIN', "SET LOCAL lock_timeout = '1 ms'");
		foreach my $i (1 .. 3)
		{
			$client->query('SAVEPOINT s');
			$client->query(wish());
			$client->run($client->error ? 'ROLLBACK TO s' : 'RELEASE s');
		}
		$client->run('SET LOCAL lock_timeout = 0');
	}
	$_->start(wish()) foreach @clients[ 0 .. 11 ];
	$admin->wait_for(
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE state = 'active' AND wait_event_type IS DISTINCT FROM 'Lock' AND pid <> pg_backend_pid()");
	cmp_ok($admin->value('SELECT count(*) FROM pg_locks WHERE NOT granted'), '>', 4, 'several wait');
	is(disagreements(), undef, 'the view says what the server says');
	$admin->run(map { 'SELECT pg_terminate_backend(' . $_->pid . ', 60000)' } @clients);
};

sub wish
{
	my $number = 40 + int(rand(6));
	my @modes = ('ACCESS SHARE', 'ROW EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE');
	my @kinds = (
		"SELECT FROM work WHERE id = $number FOR UPDATE",
		"SELECT FROM work WHERE id = $number FOR SHARE",
		"SELECT pg_advisory_xact_lock($number)",
		"SELECT pg_advisory_xact_lock_shared($number)",
		'LOCK TABLE other IN ' . $modes[ rand @modes ] . ' MODE');

	return $kinds[ rand @kinds ];
}

subtest 'nobody waits' => sub {
	my $holder = holder('short', "UPDATE work SET note = 'mine' WHERE id = 30");
	my $pid = $holder->pid;

	ok($admin->wait_for("SELECT idle_for > '1.2 s' FROM governor.sessions WHERE pid = $pid"), 'idle in transaction for longer');
	wait_for_sweeps($admin, 5);
	is( $admin->value("SELECT concat_ws(' ', blocks, verdict, stale_at) FROM governor.sessions WHERE pid = $pid"),
		'0 keep', 'is no reason');
	$holder->run('COMMIT');
	is(events_of($holder), '', 'it is left alone');

	my $resting = login('short');
	$resting->run('SELECT pg_advisory_lock(8)');
	my $waiter = waiter('SELECT pg_advisory_lock(8)');
	ok($admin->wait_for('SELECT idle_for > \'1 s\' FROM governor.sessions WHERE pid = ' . $resting->pid), 'who is not in a transaction');
	wait_for_sweeps($admin, 5);
	is(blocks_of($resting), '1', 'keeps somebody waiting');
	ok($resting->works, 'and stays');
	$resting->run('SELECT pg_advisory_unlock(8)');
	is_through($waiter, 'until it lets go');

	my $busy = sender('BEGIN; SELECT FROM work WHERE id = 31 FOR UPDATE; SELECT pg_sleep(1.5); COMMIT', login('short'));
	my $other = sender('DELETE FROM work WHERE id = 31');
	is_through($busy, 'who works is left alone');
	is_through($other, 'to its end');
};

subtest 'failed, prepared' => sub {
	my $failed = login('short');
	$failed->query("BEGIN; UPDATE work SET note = 'lost' WHERE id = 32; SELECT 1/0");
	is_error($failed, '22012', 'one that has failed');
	my $waiter = sender("UPDATE work SET note = 'kept' WHERE id = 32");
	is_through($waiter, 'holds nothing');
	wait_for_sweeps($admin, 15);
	is(blocks_of($failed), '0', 'nobody waits on it');
	$failed->run('ROLLBACK');
	ok($failed->works, 'and it stays');

	$failed->run("BEGIN; UPDATE work SET note = 'lost' WHERE id = 32; PREPARE TRANSACTION 'p'", 'BEGIN', 'SELECT 1');
	$waiter = waiter("UPDATE work SET note = 'kept' WHERE id = 32");
	wait_for_sweeps($admin, 15);
	is(blocks_of($failed), '0', 'a prepared transaction is nobody\'s');
	$failed->run('COMMIT', "ROLLBACK PREPARED 'p'");
	is_through($waiter, 'until it ends');
};

subtest 'who is spared' => sub {
	my %spared = (
		'a class without the threshold' => [ login('blind'), 'keep' ],
		'a class that is off' => [ login('ignored'), 'keep' ],
		'a superuser' => [ GovClient->login($node, application_name => 'short'), 'exempt' ],
		'one that LISTENs' => [ login('short'), 'listening' ],
		'one with an advisory lock of its session' => [ login('short'), 'advisory_lock' ],
	);
	my $id = 50;

	$spared{'one that LISTENs'}[0]->run('LISTEN news');
	$spared{'one with an advisory lock of its session'}[0]->run('SELECT pg_advisory_lock(9)');
	foreach my $name (sort keys %spared)
	{
		my ($client, $verdict) = @{ $spared{$name} };

		$id++;
		$client->run('BEGIN', "SELECT FROM work WHERE id = $id FOR UPDATE");
		push @{ $spared{$name} }, waiter("DELETE FROM work WHERE id = $id");
	}
	$admin->wait_for('SELECT idle_for > \'1 s\' FROM governor.sessions WHERE pid = ' . $_->[0]->pid) foreach values %spared;
	wait_for_sweeps($admin, 10);
	foreach my $name (sort keys %spared)
	{
		my ($client, $verdict, $waiter) = @{ $spared{$name} };

		is($admin->value('SELECT blocks || \' \' || verdict FROM governor.sessions WHERE pid = ' . $client->pid),
			"1 $verdict", $name);
		$client->run('COMMIT');
		is_through($waiter, 'goes on');
	}
};

subtest 'who counts as waiting' => sub {
	my $holder = holder('short', 'SELECT FROM work WHERE id = 60 FOR UPDATE');
	my $super = GovClient->login($node, application_name => 'psql');

	$super->start('DELETE FROM work WHERE id = 60');
	is_farewell($holder, 1, 'a superuser');
	is_through($super, 'goes on');
};

subtest 'a parallel query' => sub {
	$admin->run('CREATE TABLE many (id int) WITH (parallel_workers = 2)',
		'INSERT INTO many SELECT generate_series(1, 10000)',
		'GRANT SELECT ON many TO app',
		"CREATE FUNCTION reads_other(int) RETURNS bool LANGUAGE plpgsql PARALLEL SAFE COST 100000
			AS 'BEGIN PERFORM FROM other; RETURN true; END'");
	my $holder = holder('long', 'LOCK TABLE other');
	my $client = login('blind');
	$client->run('SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0', 'SET max_parallel_workers_per_gather = 2');
	$client->start('SELECT count(*) FROM many WHERE reads_other(id)');

	ok($admin->wait_for('SELECT count(DISTINCT pid) > 1 FROM pg_locks WHERE NOT granted'), 'several of its processes wait');
	is(blocks_of($holder), '1', 'it counts as one');
	$holder->run('COMMIT');
	is_through($client, 'it goes on');
	$_->logout foreach $holder, $client;
};

subtest 'of two reasons' => sub {
	my $holder = holder('either', 'SELECT FROM work WHERE id = 61 FOR UPDATE');
	my $waiter = sender('DELETE FROM work WHERE id = 61');

	like($holder->wait_for_end->{D}, qr/^Reason "idle_in_transaction", .* s\.$/, 'the one that comes true first');
	is_through($waiter, 'goes on');
};

subtest 'observe' => sub {
	my $holder = holder('watched', 'SELECT FROM work WHERE id = 62 FOR UPDATE');
	my @waiters = map { waiter('SELECT FROM work WHERE id = 62 FOR UPDATE') } 1 .. 2;
	my $pid = $holder->pid;

	ok($admin->wait_for("SELECT verdict = 'idle_blocker' FROM governor.sessions WHERE pid = $pid"), 'the verdict');
	ok($admin->wait_for("SELECT count(*) > 0 FROM governor.events WHERE pid = $pid"), 'it is noted');
	wait_for_sweeps($admin, 10);
	is(events_of($holder), 'would_reclaim:idle_blocker', 'once');
	like($admin->value("SELECT detail FROM governor.events WHERE pid = $pid"),
		qr/^idle in transaction for \d+\.\d s; [12] waited for it$/, 'with how many waited');
	$holder->run('COMMIT');
	is_through($_, 'nobody was ended') foreach @waiters;
	is($admin->value("SELECT would_reclaim || ' ' || reclaimed FROM governor.stat_classes WHERE class = 'watched'"), '1 0', 'counted');
};

subtest 'which goes first' => sub {
	my @harmless = map { holder('paced', "SELECT FROM work WHERE id = 7$_ FOR UPDATE") } 0 .. 2;
	my $blocker = holder('paced', 'SELECT FROM work WHERE id = 79 FOR UPDATE');
	my $waiter = waiter('DELETE FROM work WHERE id = 79');

	$admin->wait_for(
		"SELECT string_agg(verdict, ' ' ORDER BY backend_start) = 'idle_in_transaction idle_in_transaction idle_in_transaction idle_blocker'
			FROM governor.sessions WHERE class = 'paced'");
	wait_for_sweeps($admin, 10);    # nobody was noted a moment ago
	set_policy($admin, "UPDATE governor.classes SET mode = NULL WHERE name = 'paced'");
	is_through($waiter, 'the one that blocks ends');
	$_->wait_for_end foreach @harmless, $blocker;
	$admin->wait_for("SELECT count(*) = 4 FROM governor.events WHERE class = 'paced' AND kind = 'reclaimed'");
	is( $admin->value("SELECT string_agg(reason, ' ' ORDER BY at) FROM governor.events WHERE class = 'paced' AND kind = 'reclaimed'"),
		'idle_blocker idle_in_transaction idle_in_transaction idle_in_transaction', 'the last that came, before all others');
};

subtest 'what others see' => sub {
	my $holder = holder('long', 'SELECT FROM work WHERE id = 80 FOR UPDATE');
	my $waiter = waiter('DELETE FROM work WHERE id = 80');
	my $query = "SELECT coalesce(blocks::text, 'NULL') || ' ' || (snapshot_age IS NULL) FROM governor.sessions WHERE pid = " . $holder->pid;

	is(login('blind')->value($query), '1 false', 'its own role');
	is(GovClient->login($node, user => 'stranger')->value($query), 'NULL true', 'another one');
	$holder->run('COMMIT');
	is_through($waiter, 'goes on');
};

subtest 'snapshots' => sub {
	my $reader = login('long');
	my $writer = holder('long', "UPDATE work SET note = 'mine' WHERE id = 81");
	my $idle = login('long');
	my $same = 'SELECT string_agg((snapshot_age = %s)::text, \' \') FROM governor.sessions JOIN pg_stat_activity a USING (pid) WHERE pid = %s';

	$reader->run('BEGIN ISOLATION LEVEL REPEATABLE READ', 'TABLE other');
	$admin->run('SELECT txid_current()') for 1 .. 5;
	cmp_ok($admin->value('SELECT snapshot_age FROM governor.sessions WHERE pid = ' . $reader->pid), '>=', 5, 'how old it is');
	is($admin->value(sprintf $same, 'age(a.backend_xmin)', $reader->pid), 'true', 'as the server says');
	is($admin->value(sprintf $same, 'age(a.backend_xid)', $writer->pid), 'true', 'or of its own transaction');
	is($admin->value('SELECT count(snapshot_age) FROM governor.sessions WHERE pid = ' . $idle->pid), '0', 'or none');
	$_->run('COMMIT') foreach $reader, $writer;
};

subtest 'who has rested for longer, before anybody waits' => sub {
	my $pid = $early->pid;

	ok($admin->wait_for("SELECT idle_for > '9 s' FROM governor.sessions WHERE pid = $pid"), 'is there');
	my $began = time();
	my $waiter = sender("UPDATE work SET note = 'kept' WHERE id = 100");
	is_farewell($early, 1, 'and ends');
	cmp_ok(time() - $began, '<', 8, 'at once, and not as long after the wait began');
	is_through($waiter, 'whereupon it is over');
};

# A sweep that is due at some time is no promise: the next one comes in time for who rests since.
subtest 'between two sweeps' => sub {
	set_conf($node, 'governor.sweep_interval' => '1min', 'governor.mode' => 'enforce');
	$node->reload;
	$admin->wait_for("SELECT current_setting('governor.sweep_interval') = '1min'");
	my $holder = login('short');
	$admin->run('SELECT governor.reload()');    # which makes the governor look now
	my $began = time();
	$holder->run('BEGIN', 'SELECT FROM work WHERE id = 90 FOR UPDATE');
	my $waiter = sender('DELETE FROM work WHERE id = 90');
	is_farewell($holder, 1, 'it ends');
	cmp_ok(time() - $began, '<', 30, 'long before the next regular sweep');
	is_through($waiter, 'and the other one goes on');
	set_conf($node, 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce');
	$node->reload;
};

subtest 'a standby that waits to replay' => sub {
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('harm_standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\nport = " . $standby->port);
	$standby->start;

	my $there = GovClient->login($standby);
	$there->run('SELECT governor.reload()');
	my $reader = GovClient->login($standby, user => 'app', application_name => 'short');
	is($there->value('SELECT class FROM governor.sessions WHERE pid = ' . $reader->pid), 'short', 'it is governed there');
	$reader->run('BEGIN', 'TABLE other');
	$admin->run('LOCK TABLE other IN ACCESS EXCLUSIVE MODE; TRUNCATE other');
	is_farewell($reader, 1, 'who keeps it waiting ends');
	$standby->stop;
};

done_testing();
