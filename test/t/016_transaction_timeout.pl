
# transaction_timeout: the statement of the transaction that is too old is
# cancelled, then the session ends; and never anything of the next one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node(
	'transaction_timeout',
	init => [ allows_streaming => 1 ],
	settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 10');
$node->start;
my $admin = admin_of($node);

$admin->run(
	'CREATE ROLE app LOGIN',
	'CREATE TABLE work (note text)',
	'GRANT ALL ON work TO app',
	'CREATE PROCEDURE chain(pieces int, length float8) LANGUAGE plpgsql AS
		$$BEGIN FOR i IN 1 .. pieces LOOP PERFORM pg_sleep(length); COMMIT; END LOOP; END$$',
	'CREATE FUNCTION stubborn() RETURNS int LANGUAGE plpgsql AS
		$$DECLARE cancelled int := 0; BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN cancelled := cancelled + 1; END;
			EXIT WHEN cancelled = 2; END LOOP; RETURN cancelled; END$$');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, transaction_timeout) VALUES ('short', '600 ms'), ('long', '1 h')",
	"INSERT INTO governor.classes (name, transaction_timeout, mode) VALUES ('watched', '600 ms', 'observe')",
	"INSERT INTO governor.classes (name, transaction_timeout, idle_in_transaction_timeout) VALUES ('either', '1 h', '400 ms')",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

sub login
{
	my ($class, %options) = @_;

	return GovClient->login($node, user => 'app', application_name => $class, %options);
}

sub is_cancelled
{
	my ($client, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return subtest $name => sub {
		is_error($client, '57014', 'SQLSTATE');
		is($client->error->{M}, 'canceling statement due to transaction timeout', 'message');
		like($client->error->{D},
			qr/^Reason "transaction_timeout", class "short": in a transaction for \d+\.\d s\.$/, 'detail');
		is($client->error->{H}, 'The transaction has failed.  Roll it back, and run it again in smaller parts.', 'hint');
	};
}

sub is_farewell
{
	my ($fields, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return subtest $name => sub {
		is($fields->{S}, 'FATAL', 'severity');
		is($fields->{C}, '25P04', 'SQLSTATE');
		is($fields->{M}, 'terminating connection due to transaction timeout', 'message');
		like($fields->{D},
			qr/^Reason "transaction_timeout", class "short": in a transaction for \d+\.\d s\.$/, 'detail');
		is($fields->{H}, 'The transaction was rolled back.  Reconnect and run it again in smaller parts.', 'hint');
	};
}

sub events_of
{
	my ($client) = @_;

	return join ' ', $admin->column(
		'SELECT kind || \':\' || reason FROM governor.events WHERE pid = ' . $client->pid . ' ORDER BY at');
}

subtest 'a statement' => sub {
	my $client = login('short');

	$client->query('SELECT pg_sleep(60)');
	is_cancelled($client, 'is cancelled');
	ok($client->works, 'and its session goes on');
	ok($admin->wait_for('SELECT count(*) = 1 FROM governor.events WHERE pid = ' . $client->pid), 'an event');
	is(events_of($client), 'cancelled:transaction_timeout', 'which says so');
	is( $admin->value("SELECT cancelled || ' ' || reclaimed FROM governor.stat_classes WHERE class = 'short'"),
		'1 0', 'the counters');

	$client->extended('SELECT pg_sleep(60)');
	is_cancelled($client, 'by the extended protocol');
	$client->query('BEGIN; SELECT pg_sleep(0.1)');
	is($client->error, undef, 'a block within its time');
	$client->query('SELECT pg_sleep(60)');
	is_cancelled($client, 'ends as a whole');
	$client->run('ROLLBACK');
	ok($client->works, 'and can be rolled back');
	wait_for_sweeps($admin, 15);
	ok($client->works, 'whereupon the session stays');
};

subtest 'one that waits for a lock' => sub {
	my $holder = login('long');
	my $waiter = login('short');

	$holder->run('BEGIN', 'LOCK TABLE work');
	$waiter->query("INSERT INTO work VALUES ('never')");
	is_cancelled($waiter, 'is cancelled');
	$holder->run('ROLLBACK');
	is($admin->value('SELECT count(*) FROM work'), 0, 'and has done nothing');
};

subtest 'a block that failed and is not ended' => sub {
	my $client = login('short');

	$client->query('BEGIN; SELECT pg_sleep(60)');
	is_cancelled($client, 'its statement is cancelled');
	is_farewell($client->wait_for_end, 'then its session ends');
	is(events_of($client), 'cancelled:transaction_timeout reclaimed:transaction_timeout', 'the events');

	my $own = login('short');
	$own->query('SELECT pg_sleep(60)');
	is_cancelled($own, 'one that was cancelled before');
	$own->query('BEGIN; SELECT 1/0');
	is_error($own, '22012', 'one that failed by itself');
	wait_for_sweeps($admin, 15);
	ok(!$own->has_ended, 'holds nothing any more, and stays');
	$own->run('ROLLBACK');
	ok($own->works, 'for whoever ends it');
};

subtest 'idle in transaction' => sub {
	my $client = login('short');

	$client->run('BEGIN', "INSERT INTO work VALUES ('never')");
	is_farewell($client->wait_for_end, 'ends at once');
	is(events_of($client), 'reclaimed:transaction_timeout', 'the event');
	is($admin->value('SELECT count(*) FROM work'), 0, 'and is rolled back');

	my $either = login('either');
	$either->run('BEGIN');
	is($either->wait_for_end->{C}, '25P03', 'the shorter of two timeouts');
};

subtest 'whoever does not stop' => sub {
	my $client = login('short');

	$client->start('SELECT stubborn()');
	is_farewell($client->wait_for_end, 'ends');
	is(events_of($client), 'cancelled:transaction_timeout reclaimed:transaction_timeout', 'after a warning');

	# waiting for more of a COPY, a session does not look at a cancel
	my $copier = login('short');
	$copier->start('COPY work FROM STDIN');
	is_farewell($copier->wait_for_end, 'a COPY without end');

	# between two messages of a pipeline neither
	my $pipeline = login('short');
	$pipeline->extended("INSERT INTO work VALUES ('never')", sync => 0);
	is_farewell($pipeline->wait_for_end, 'a pipeline without end');
	is($admin->value('SELECT count(*) FROM work'), 0, 'nothing of them stays');
};

subtest 'never the next one' => sub {
	my $client = login('short');

	# short ones, one behind the other, for longer than the timeout
	my $end = time() + 1.5;
	my $errors = 0;
	while (time() < $end)
	{
		$client->query('BEGIN; SELECT pg_sleep(0.05); COMMIT');
		$errors++ if $client->error;
	}
	is($errors, 0, 'many short transactions');

	# in one string all of them have the same start
	$client->query(join '; ', map { 'BEGIN; SELECT pg_sleep(0.15); COMMIT' } 1 .. 10);
	is($client->error, undef, 'in one query string');
	$client->query('CALL public.chain(10, 0.15)');
	is($client->error, undef, 'in one procedure');
	$client->query('CALL public.chain(2, 60)');
	is_cancelled($client, 'in one procedure, too long');
	$client->query("BEGIN; INSERT INTO work VALUES ('kept'); SELECT pg_sleep(0.3); COMMIT; BEGIN; INSERT INTO work VALUES ('lost'); SELECT pg_sleep(60); COMMIT");
	is_cancelled($client, 'of several in one string');
	is(join(' ', $admin->column('SELECT note FROM work')), 'kept', 'only the one that is too old');
	$client->run('ROLLBACK');
	$admin->run('TRUNCATE work');

	$client->run('BEGIN', "INSERT INTO work VALUES ('prepared')", "PREPARE TRANSACTION 'p'");
	wait_for_sweeps($admin, 10);
	ok($client->works, 'a prepared transaction is nobody\'s');
	$client->run("ROLLBACK PREPARED 'p'");
};

#
# Told to stop, but nothing looks at that any more before the end: functions of
# text do not, nor does a procedure of the server's own.  It is asked once in
# that time.
#
subtest 'a statement that ends before it stops' => sub {
	set_conf($node, 'governor.sweep_interval' => '1min', 'governor.mode' => 'enforce');
	$node->reload;
	$admin->wait_for("SELECT current_setting('governor.sweep_interval') = '1min'");
	$admin->run('SELECT governor.reload()');

	my $client = login('short');
	my $long = "lpad('', 10000000, 'x')";

	$long = "translate($long, 'x', 'x')" for 1 .. 8;
	$admin->run("CREATE PROCEDURE sum(text) LANGUAGE internal AS 'md5_text'");

	# on a busy machine it may have ended before it is asked
	my ($try, $hit) = (0, 0);
	do
	{
		$try++;
		$client->start("INSERT INTO work VALUES ('never'); SELECT pg_sleep(0.5) AS try_$try; CALL public.sum($long)");
		$admin->wait_for("SELECT query LIKE '%try_$try;%' AND (state = 'idle' OR clock_timestamp() - xact_start > '700 ms')
			FROM pg_stat_activity WHERE pid = " . $client->pid);
		$admin->run('SELECT pg_reload_conf()');    # which makes the governor look now
		$client->finish;
		if (!$client->error)
		{
			$hit++ unless $client->works;
			$admin->run('TRUNCATE work');
		}
	} until ($client->error || $hit || $try == 10);
	is_cancelled($client, 'is cancelled before it commits');
	is($hit, 0, 'and never after it');
	is($admin->value('SELECT count(*) FROM work'), 0, 'so nothing of it stays');

	set_conf($node, 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce');
	$node->reload;
	$admin->wait_for("SELECT current_setting('governor.sweep_interval') = '100ms'");
	$admin->run('SELECT governor.reload()');
	$client->query('SELECT pg_sleep(60)');
	is_cancelled($client, 'the next one is, as it is too old too');
	ok($client->works, 'and the one after it is not hit');
};

subtest 'a commit that waits for a standby' => sub {
	my $client = login('short');
	my $pid = $client->pid;

	$admin->run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", 'SELECT pg_reload_conf()');
	$admin->wait_for("SELECT setting = 'nobody' FROM pg_settings WHERE name = 'synchronous_standby_names'");

	# commits wait once the checkpointer has read the setting, which no view shows
	my ($tries, $event) = (0, '');
	while ($event ne 'SyncRep' && $tries < 1000)
	{
		my $statement = "INSERT INTO work VALUES ('kept " . ++$tries . "')";

		$client->finish if $tries > 1;
		$client->start($statement);
		$admin->wait_for(sprintf(
			"SELECT query = %s AND wait_event IN ('SyncRep', 'ClientRead') FROM pg_stat_activity WHERE pid = $pid",
			"\$\$$statement\$\$"));
		$event = $admin->value("SELECT wait_event FROM pg_stat_activity WHERE pid = $pid");
	}
	is($event, 'SyncRep', 'it waits');
	ok( $admin->wait_for(
			"SELECT declined > 0 AND verdict = 'transaction_timeout' FROM governor.stat_classes, governor.sessions
				WHERE stat_classes.class = 'short' AND pid = $pid"),
		'for longer than it may');
	wait_for_sweeps($admin, 5);
	is($admin->value("SELECT wait_event FROM pg_stat_activity WHERE pid = $pid"), 'SyncRep', 'and goes on waiting');

	$admin->run('ALTER SYSTEM RESET synchronous_standby_names', 'SELECT pg_reload_conf()');
	$client->finish;
	is($client->error, undef, 'until it is done');
	is(scalar $client->notices, 0, 'without a warning');
	ok($client->works, 'and the session stays');
	is($admin->value('SELECT count(*) FROM work'), $tries, 'with what it wrote');
	$admin->run('TRUNCATE work');
};

#
# At the very end of a transaction: ends that come in the middle of a commit
# are where a cancel could slip into the next one.  Eight sessions whose
# transactions end about when they grow too old; each then runs a statement
# that must not be hit.
#
subtest 'at the very moment' => sub {
	my @clients = map { login('short') } 1 .. 8;
	my %outcome = (committed => 0, cancelled => 0, ended => 0);
	my ($hit, $lost) = (0, 0);

	$admin->run('TRUNCATE work');
	foreach my $round (1 .. 8)
	{
		my $i = 0;

		foreach my $client (@clients)
		{
			my $length = 0.46 + 0.03 * $i++ + 0.005 * $round;

			$client->start(
				"BEGIN; INSERT INTO work VALUES ('r$round c$i'); SELECT pg_sleep($length); COMMIT; BEGIN; SELECT pg_sleep(0.2); COMMIT");
		}
		foreach my $client (@clients)
		{
			my $rows = $client->finish;

			if ($client->{closed})
			{
				$outcome{ended}++;
				$client = login('short');
			}
			elsif ($client->error)
			{
				$outcome{cancelled}++;

				# pg_sleep() returns a row: two of them mean that the second transaction was hit
				$hit++ if @$rows > 0;
				$client->run('ROLLBACK');
				$hit++ unless $client->works;
			}
			else
			{
				$outcome{committed}++;
			}
		}
	}
	is($hit, 0, 'nothing after the transaction was hit');
	is($admin->value('SELECT count(*) FROM work'), $outcome{committed}, 'what committed is there, and nothing else');
	cmp_ok($outcome{committed}, '>', 0, 'some were fast enough');
	cmp_ok($outcome{cancelled}, '>', 0, 'some were not');
	note(join ', ', map { "$_ $outcome{$_}" } sort keys %outcome);
	$admin->run('TRUNCATE work');
};

subtest 'observe' => sub {
	my $client = login('watched');

	$client->query('SELECT pg_sleep(1.5)');
	is($client->error, undef, 'nothing is cancelled');
	is(events_of($client), 'would_reclaim:transaction_timeout', 'it is noted, once');
	like(
		$admin->value('SELECT detail FROM governor.events WHERE pid = ' . $client->pid),
		qr/^in a transaction for (0\.[6-9]|1\.\d) s$/, 'for how long');
	is($admin->value('SELECT would_reclaim FROM governor.stat_classes WHERE class = \'watched\''), 1, 'and counted');
};

subtest 'whom it spares' => sub {
	my $super = GovClient->login($node, application_name => 'short');
	my $idle = login('short');

	$super->query('SELECT pg_sleep(1.2)');
	is($super->error, undef, 'superusers');
	ok($idle->works, 'sessions at rest');

	my $listener = login('short');
	$listener->run('LISTEN news', 'BEGIN');
	is_farewell($listener->wait_for_end, 'not those that LISTEN');
};

subtest 'a user\'s own cancel' => sub {
	my $client = login('short');
	my $pid = $client->pid;

	$client->start('SELECT pg_sleep(60)');
	$admin->wait_for("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $pid");
	$admin->run("SELECT pg_cancel_backend($pid)");
	$client->finish;
	is($client->error->{M}, 'canceling statement due to user request', 'has its own words');
	$client->query('SET statement_timeout = 100');
	$client->query('SELECT pg_sleep(60)');
	is($client->error->{M}, 'canceling statement due to statement timeout', 'and so has statement_timeout');
};

done_testing();
