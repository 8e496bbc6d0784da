
# Watching and ending stale sessions: what is ended, what the client and the
# log are told, what the views count; and what is never ended.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node(
	'reclaim',
	init => [ allows_streaming => 1 ],
	settings => { 'governor.sweep_interval' => '100ms' });
$node->start;
my $admin = admin_of($node);

$admin->run(
	'CREATE ROLE app LOGIN',
	'CREATE ROLE killer LOGIN IN ROLE pg_signal_backend',
	'CREATE ROLE stranger LOGIN',
	'CREATE ROLE unseen LOGIN',
	'ALTER ROLE unseen SET track_activities = off',
	'CREATE ROLE replica LOGIN REPLICATION',
	'CREATE TABLE work (note text)',
	'GRANT ALL ON work TO PUBLIC');

# One class for each kind of threshold; a session names its class in application_name.
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, mode, idle_timeout, idle_in_transaction_timeout, max_lifetime) VALUES
		('quick', 'enforce', '400 ms', NULL, NULL),
		('quick_off', 'off', '400 ms', '400 ms', NULL),
		('quick_observe', 'observe', '400 ms', '400 ms', NULL),
		('both', NULL, '800 ms', '800 ms', NULL),
		('in_transaction', NULL, NULL, '400 ms', NULL),
		('slow', NULL, '1 h', '1 h', NULL),
		('short_life', NULL, NULL, NULL, '800 ms')",
	"INSERT INTO governor.classes (name, idle_timeout, idle_timeout_floor, max_sessions)
		VALUES ('pressed', '1 h', '1 s', 4)",
	"INSERT INTO governor.classes (name, idle_timeout, keep_warm) VALUES ('warm', '400 ms', 2)",
	"INSERT INTO governor.classes (name, idle_timeout, reclaim_rate) VALUES ('paced', '300 ms', 5), ('trickle', '300 ms', 1)",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

sub login
{
	my ($class, %options) = @_;

	return GovClient->login($node, user => 'app', application_name => $class, %options);
}

sub events_of
{
	my ($client, $columns) = @_;

	return $admin->query("SELECT $columns FROM governor.events WHERE pid = " . $client->pid . ' ORDER BY at');
}

sub stats_of
{
	my ($class, $columns) = @_;

	return $admin->query("SELECT $columns FROM governor.stat_classes WHERE class = '$class'")->[0];
}

# governor.reclaim() of a client that has come to rest: its backend is ready a moment before it waits.
sub reclaim
{
	my ($by, $client, $detail) = @_;
	my $pid = $client->pid;

	$admin->wait_for("SELECT wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = $pid");
	return $by->value("SELECT governor.reclaim($pid, $detail)");
}

# Waits until a session that is stale by now, and another one, have been looked at again.
sub canary_dies
{
	my ($name) = @_;
	my $canary = login('quick');

	return is_farewell_idle($canary->wait_for_end, 'idle', 'quick', $name);
}

#
# observe: noted, once per session and rest, and nothing is ended
#
subtest 'observe' => sub {
	my $idle = login('quick');
	my $in_transaction = login('both');
	my $pid = $idle->pid;

	$in_transaction->run('BEGIN', 'SELECT 1');
	ok($admin->wait_for("SELECT count(*) = 1 FROM governor.events WHERE pid = $pid"),
		'a stale session is noted');
	wait_for_sweeps($admin, 5);
	my $events =
	  events_of($idle, 'kind, class, usename, datname, application_name, client_addr, reason, detail');
	is(scalar @$events, 1, 'once for one rest, however often it is looked at');
	like(pop @{ $events->[0] }, qr/^at rest for (0\.[4-9]|[1-9]\d*\.\d) s$/, 'how long it rested');
	is_deeply($events, [ [ 'would_reclaim', 'quick', 'app', 'postgres', 'quick', undef, 'idle' ] ],
		'who and why');
	is_deeply(
		$admin->query(
			"SELECT verdict, stale_at < now(), idle_for > '400 ms', state FROM governor.sessions WHERE pid = $pid"
		),
		[ [ 'idle', 't', 't', 'idle' ] ],
		'the verdict on it');

	ok($idle->works, 'it is alive');
	ok($admin->wait_for("SELECT count(*) = 2 FROM governor.events WHERE pid = $pid"),
		'another rest is noted again');
	is_deeply(stats_of('quick', 'would_reclaim, reclaimed, declined'), [ 2, 0, 0 ], 'and counted');

	ok($admin->wait_for('SELECT count(*) = 1 FROM governor.events WHERE pid = ' . $in_transaction->pid),
		'so is one in a transaction');
	$events = events_of($in_transaction, 'kind, class, reason, detail');
	like(
		pop @{ $events->[0] },
		qr/^idle in transaction for (0\.[89]|[1-9]\d*\.\d) s$/,
		'how long it was idle in transaction');
	is_deeply(
		$events,
		[ [ 'would_reclaim', 'both', 'idle_in_transaction' ] ],
		'idle in transaction is noted too');
	$in_transaction->run('COMMIT');
	ok($in_transaction->works && $idle->works, 'both are alive');
	is($admin->value("SELECT mode FROM governor.admission WHERE class = 'quick'"),
		'observe', 'a class cannot be governed more strictly than the server');
};

#
# enforce
#
subtest 'enforce ends the idle' => sub {
	my $log = log_position($node);
	my $idle = login('quick', host => '127.0.0.1');
	my $psql = start_psql($node, 'user=app application_name=quick');

	$psql->{stdin} .= "\\set VERBOSITY verbose\nSELECT 'pid', pg_backend_pid();\n";
	ok( pump_until(
			$psql->{run}, $psql->{run}{TIMER} || IPC::Run::timer($GovClient::patience),
			\$psql->{stdout}, qr/pid\|\d+\n/),
		'psql is connected');
	my ($psql_pid) = $psql->{stdout} =~ /pid\|(\d+)/;

	set_mode($admin, 'enforce');
	my $farewell = $idle->wait_for_end;
	is_farewell_idle($farewell, 'idle', 'quick', 'the last words');

	my $pid = $idle->pid;
	ok($admin->wait_for("SELECT count(*) = 1 FROM governor.events WHERE kind = 'reclaimed' AND pid = $pid"),
		'an event');
	my $events =
	  events_of($idle, 'kind, class, usename, datname, application_name, client_addr, reason, detail');
	like(pop @{ $events->[-1] }, qr/^at rest for \d+\.\d s$/, 'how long it rested');
	is_deeply($events->[-1], [ 'reclaimed', 'quick', 'app', 'postgres', 'quick', '127.0.0.1', 'idle' ],
		'who and why');
	ok( $admin->wait_for(
			"SELECT reclaimed = 2 AND reclaimed_idle = 2 AND reclaimed_idle_in_transaction + reclaimed_lifetime + reclaimed_requested = 0
			   FROM governor.stat_classes WHERE class = 'quick'"),
		'the counters');
	ok( wait_for_log(
			$node,
			qr/\[$pid\][^\n]*FATAL:  terminating connection due to idle-session timeout\n[^\n]*DETAIL:  Reason "idle", class "quick": at rest for \d+\.\d s\.\n[^\n]*HINT:  Nothing was running/,
			$log),
		'the log has all of it');

	# libpq shows it with the next statement
	ok( $admin->wait_for(
			"SELECT count(*) = 1 FROM governor.events WHERE kind = 'reclaimed' AND pid = $psql_pid"),
		'psql was idle too');
	$psql->{stdin} .= "SELECT 'never';\n\\q\n";
	$psql->{run}->finish;
	like(
		$psql->{stderr},
		qr/^FATAL:  57P05: terminating connection due to idle-session timeout\nDETAIL:  Reason "idle", class "quick": at rest for \d+\.\d s\.\nHINT:  Nothing was running\.  Reconnect and retry\.\n/m,
		'libpq has SQLSTATE, message, detail and hint');
	unlike($psql->{stdout}, qr/never/, 'and the statement did not run');
};

subtest 'enforce ends the idle in transaction' => sub {
	my $log = log_position($node);
	my $client = login('in_transaction');
	my $aborted = login('in_transaction');
	my $idle = login('in_transaction');

	$client->run("BEGIN; INSERT INTO work VALUES ('open transaction')");
	$aborted->query('BEGIN; SELECT 1/0');
	is_error($aborted, '22012', 'a transaction is aborted');
	foreach my $session ($client, $aborted)
	{
		my $farewell = $session->wait_for_end;

		is($farewell->{S}, 'FATAL', 'severity');
		is($farewell->{C}, '25P03', 'SQLSTATE');
		is($farewell->{M}, 'terminating connection due to idle-in-transaction timeout', 'message');
		like($farewell->{D},
			qr/^Reason "idle_in_transaction", class "in_transaction": idle in transaction for \d+\.\d s\.$/,
			'detail');
		is($farewell->{H},
			'The transaction was rolled back.  Reconnect and run it again from its beginning.', 'hint');
	}
	my $pid = $client->pid;
	ok( wait_for_log(
			$node,
			qr/\[$pid\][^\n]*FATAL:  terminating connection due to idle-in-transaction timeout\n[^\n]*DETAIL:  Reason "idle_in_transaction"/,
			$log),
		'the log');
	ok( $admin->wait_for(
			"SELECT count(*) = 1 FROM governor.events WHERE kind = 'reclaimed' AND pid = $pid AND reason = 'idle_in_transaction'"
		),
		'an event');
	ok( $admin->wait_for(
			"SELECT reclaimed = 2 AND reclaimed_idle_in_transaction = 2 AND reclaimed_idle = 0 FROM governor.stat_classes WHERE class = 'in_transaction'"
		),
		'the counters');
	is($admin->value('SELECT count(*) FROM work'), 0, 'the transaction was rolled back');
	ok($idle->works, 'idle outside a transaction is another matter');
};

#
# A class's own mode is only ever weaker
#
subtest 'modes of classes' => sub {
	my $off = login('quick_off');
	my $observed = login('quick_observe');
	my $open = login('quick_observe');
	my $unseen = login('quick', user => 'unseen');

	$open->run('BEGIN', 'SELECT 1');
	canary_dies('an enforced class, at the same time');
	ok( $admin->wait_for(
			"SELECT count(*) = 2 FROM governor.events WHERE kind = 'would_reclaim' AND class = 'quick_observe'"
		),
		'an observed class is noted');
	canary_dies('and looked at once more');
	is(scalar @{ events_of($off, 'kind') }, 0, 'a class that is off is not');
	is_deeply(
		$admin->query(
			"SELECT class, mode FROM governor.admission WHERE class IN ('quick', 'quick_off', 'quick_observe', 'both') ORDER BY 1"
		),
		[ [qw(both enforce)], [qw(quick enforce)], [qw(quick_observe observe)], [qw(quick_off off)] ],
		'the modes in force');
	is_deeply(
		$admin->query('SELECT verdict, stale_at FROM governor.sessions WHERE pid = ' . $off->pid),
		[ [ 'keep', undef ] ],
		'where the mode is off there is no verdict');
	is_deeply(
		$admin->query('SELECT class, state, verdict FROM governor.sessions WHERE pid = ' . $unseen->pid),
		[ [ 'quick', undef, 'keep' ] ],
		'nor where nobody knows what the session does');
	ok($_->works, 'it is alive') foreach $off, $observed, $open, $unseen;
};

#
# governor.mode = off, in the middle of it
#
subtest 'the emergency switch' => sub {
	my @clients = map { login('trickle') } 1 .. 12;

	ok($admin->wait_for("SELECT reclaimed > 0 FROM governor.stat_classes WHERE class = 'trickle'"),
		'it has begun to end them');
	set_mode($admin, 'off');
	my $ended = stats_of('trickle', 'reclaimed')->[0];
	my $left = grep { !$_->has_ended } @clients;

	cmp_ok($left, '>=', 8, 'most of them are there');
	# far longer than the timeout, and than the pace would need for one more
	ok($admin->wait_for("SELECT min(idle_for) > '1500 ms' FROM governor.sessions WHERE class = 'trickle'"),
		'they rest far longer than the timeout');
	cmp_ok(stats_of('trickle', 'reclaimed')->[0] - $ended,
		'<=', 1, 'at most what had been asked before has ended');
	is( $admin->value(
			"SELECT count(*) FROM governor.sessions WHERE verdict NOT IN ('keep', 'exempt') OR stale_at IS NOT NULL"
		),
		0,
		'no verdict any more');
	is($admin->value("SELECT count(*) FROM governor.admission WHERE mode <> 'off'"), 0, 'every class is off');
	ok((grep { !$_->has_ended && $_->works } @clients) >= $left - 1, 'the others are alive');

	is(reclaim($admin, login('quick'), "'by hand'"), 't', 'reclaim() works in every mode');
	set_mode($admin, 'enforce');
	canary_dies('and back');
};

#
# max_lifetime, keep_warm, reclaim_rate, idle_timeout_floor
#
subtest 'max_lifetime' => sub {
	my $working = login('short_life');
	my $open = login('short_life');

	$working->start('SELECT pg_sleep(2.5)');
	$open->run('BEGIN', 'SELECT 1');
	ok( $admin->wait_for(
			"SELECT count(*) = 2 FROM governor.sessions WHERE class = 'short_life' AND now() - backend_start > '1300 ms' AND verdict = 'keep'"
		),
		'working sessions grow older');
	is(scalar @{ $working->finish }, 1, 'a statement ends');
	is($working->error, undef, 'as it should');
	is_farewell_idle($working->wait_for_end, 'lifetime', 'short_life', 'then the session does');
	ok($open->works, 'an old session in a transaction is alive');
	$open->run('COMMIT');
	is_farewell_idle($open->wait_for_end, 'lifetime', 'short_life', 'until the transaction ends');
	ok( $admin->wait_for(
			"SELECT reclaimed_lifetime = 2 AND reclaimed = 2 FROM governor.stat_classes WHERE class = 'short_life'"
		),
		'the counters');
};

subtest 'keep_warm' => sub {
	# nobody ends before all are there
	set_mode($admin, 'observe');
	my @clients = map { login('warm') } 1 .. 5;

	# in another order than they logged in
	$_->run('SELECT 1') foreach @clients[ 3, 0, 4, 2, 1 ];
	set_mode($admin, 'enforce');
	$clients[$_]->wait_for_end foreach 3, 0, 4;
	canary_dies('far later');
	ok($clients[$_]->works, 'those used last are kept warm') foreach 2, 1;
	is_deeply(stats_of('warm', 'reclaimed_idle'), [3], 'the counters');

	my $newcomer = login('warm');
	$newcomer->run('SELECT 1');
	is_farewell_idle($clients[2]->wait_for_end, 'idle', 'warm', 'one that is used later takes the place');
	ok($newcomer->works && $clients[1]->works, 'there are two of them again');
};

subtest 'reclaim_rate' => sub {
	$admin->run('SELECT governor.reset_stats()');
	my @clients = map { login('paced') } 1 .. 10;
	$_->wait_for_end foreach @clients;
	# 5 a second with a tolerance of a tenth of a second: 10 of them take 1.7 s.  Ends lag behind
	# requests by what a backend needs to exit, the first perhaps by more than the last.
	my $span =
	  $admin->value('SELECT extract(epoch FROM max(at) - min(at)) FROM governor.events WHERE pid IN ('
		  . join(',', map { $_->pid } @clients)
		  . ')');
	cmp_ok($span, '>', 1.2, 'not faster than the pace');
	cmp_ok($span, '<', 10, 'and not much slower');
};

subtest 'idle_timeout_floor' => sub {
	my @clients = map { login('pressed') } 1 .. 3;
	my $query =
	  "SELECT sessions, headroom, round(pressure::numeric, 2), idle_timeout FROM governor.admission WHERE class = 'pressed'";

	is_deeply($admin->query($query), [ [ 3, 1, '0.75', '01:00:00' ] ], 'no pressure, the whole timeout');
	canary_dies('later');
	ok($_->works, 'none has ended') foreach @clients;
	push @clients, login('pressed');
	is_deeply($admin->query($query), [ [ 4, 0, '1.00', '00:00:01' ] ], 'full pressure, the floor');
	ok( $admin->wait_for(
			"SELECT sessions < 4 AND idle_timeout = '01:00:00' FROM governor.admission WHERE class = 'pressed'"
		),
		'sessions end until there is room');
	canary_dies('later');
	is($admin->value("SELECT reclaimed_idle FROM governor.stat_classes WHERE class = 'pressed'"),
		1, 'one is enough: without it the timeout is an hour');
	ok( $admin->wait_for(
			"SELECT count(*) = 4 - (SELECT reclaimed_idle FROM governor.stat_classes WHERE class = 'pressed') FROM governor.sessions WHERE class = 'pressed'"
		),
		'and no longer');
};

#
# What is never ended
#
subtest 'sessions that work' => sub {
	my $log = log_position($node);

	# nobody ends before all have begun
	set_mode($admin, 'observe');
	my %working = map { $_ => login('both', host => /unix/ ? undef : '127.0.0.1') } qw(
	  sleep sleep_unix copy copy_unix portal portal_unix cursor cursor_unix failed);

	$admin->run('TRUNCATE work');
	foreach my $via ('', '_unix')
	{
		$working{"sleep$via"}->start('SELECT pg_sleep(2.5), 1');
		$working{"copy$via"}->query('COPY work FROM STDIN');
		$working{"copy$via"}->send('d', "first\n");
		$working{"portal$via"}->extended('SELECT 1', sync => 0);
		$working{"cursor$via"}->run('BEGIN', 'DECLARE c CURSOR FOR SELECT generate_series(1, 1000)');
	}
	# waits for the client's Sync after an error
	$working{failed}->extended('SELECT 1/0', sync => 0);
	is($working{failed}->error->{C}, '22012', 'an error in the extended protocol');
	set_mode($admin, 'enforce');

	# the cursors are used more often than the timeout says, until the others have rested for far longer
	my $fetched = 0;
	do
	{
		$fetched += @{ $working{"cursor$_"}->query('FETCH 1 FROM c') } foreach '', '_unix';
	} until (
		$admin->value(
			"SELECT clock_timestamp() - state_since > '1800 ms' FROM governor.sessions WHERE pid = "
			  . $working{copy}->pid) eq 't');
	cmp_ok($fetched, '>', 2, 'cursors are fetched from');

	unlike(log_since($node, $log), qr/FATAL/, 'nobody was ended');

	# every one goes on where it was; the statements that run are waited for last
	foreach my $via ('', '_unix')
	{
		ok($working{"cursor$via"}->works, "a transaction with a cursor$via goes on");
		$working{"cursor$via"}->run('COMMIT');
		$working{"copy$via"}->send('d', "second\n");
		$working{"copy$via"}->send('c', '');
		$working{"copy$via"}->finish;
		is($working{"copy$via"}->error, undef, "COPY$via ends well");
		is_deeply($working{"portal$via"}->extended('SELECT 2'), [ [2] ], "a pipeline$via goes on");
	}
	is_deeply($working{failed}->extended('SELECT 3'), [], 'the pipeline that failed');
	is_deeply($working{failed}->extended('SELECT 3'), [ [3] ], 'goes on after its Sync');
	foreach my $via ('', '_unix')
	{
		is(scalar @{ $working{"sleep$via"}->finish }, 1, "a statement$via ends well");
		is($working{"sleep$via"}->error, undef, 'and whole');
	}
	is($admin->value('SELECT count(*) FROM work'), 4, 'every row that was copied is there');

	# and now that they do rest, they are
	is_farewell_idle($working{$_}->wait_for_end, 'idle', 'both', "$_, at rest") foreach sort keys %working;
};

#
# governor.reclaim()
#
subtest 'reclaim() by hand' => sub {
	my $log = log_position($node);
	my $idle = login('slow');

	is(reclaim($admin, $idle, "'make room for ten'"), 't', 'an idle session ends');
	my $farewell = $idle->wait_for_end;
	is_farewell_idle($farewell, 'requested', 'slow', 'its last words');
	like($farewell->{D}, qr/; by postgres: make room for ten\.$/, 'with who asked, and why');
	is_deeply(
		[
			map { $_->[3] =~ s/^at rest for \d+\.\d s/at rest/; $_ }
			  @{ events_of($idle, 'kind, class, reason, detail') }
		],
		[ [ 'reclaimed', 'slow', 'requested', 'at rest; by postgres: make room for ten' ] ],
		'the event');
	is_deeply(stats_of('slow', 'reclaimed, reclaimed_requested, reclaimed_idle'), [ 1, 1, 0 ],
		'the counters');

	my $busy = login('slow');
	my $open = login('slow');
	$busy->start('SELECT pg_sleep(2)');
	$open->run('BEGIN', 'SELECT 1');
	ok( $admin->wait_for(
			"SELECT count(*) = 1 FROM pg_stat_activity WHERE state = 'active' AND pid = " . $busy->pid),
		'a session works');
	is($admin->value('SELECT governor.reclaim(' . $busy->pid . ", '')"),
		'f', 'a session that works does not end');
	is($admin->value('SELECT governor.reclaim(' . $open->pid . ", '')"), 'f', 'one in a transaction neither');
	$busy->finish;
	is($busy->error, undef, 'the statement ends well');
	$open->run('COMMIT');
	ok($busy->works && $open->works, 'both are alive');
	is($busy->value("SELECT governor.reclaim(pg_backend_pid(), 'myself')"), 'f', 'nor oneself');
	is($admin->value('SELECT governor.reclaim(NULL, NULL)'), undef, 'NULL in, NULL out');

	foreach my $nobody (0, -1, 2147483647, $admin->value('SELECT governor_pid FROM governor.status'))
	{
		$admin->notices;
		is($admin->value("SELECT governor.reclaim($nobody, '')"), 'f', "PID $nobody");
		is_deeply(
			[ map { "$_->{S}: $_->{M}" } $admin->notices ],
			["WARNING: PID $nobody is not a client session"],
			'is warned about');
	}

	# odd words are kept apart from the log's own lines
	my $odd = login('slow');
	is(reclaim($admin, $odd, "E'a\\nFATAL: b\\t' || repeat('ä', 100)"), 't', 'odd words');
	$farewell = $odd->wait_for_end;
	like($farewell->{D}, qr/; by postgres: a FATAL: b (\xc3\xa4)+\.$/, 'on one line, cut between characters');

	# rights
	my $stranger = GovClient->login($node, user => 'stranger');
	my $killer = GovClient->login($node, user => 'killer');
	my $root = GovClient->login($node);
	my $replica = GovClient->login($node, user => 'replica', replication => 'database');
	my $target = $busy->pid;

	$stranger->query("SELECT governor.reclaim($target, 'mine now')");
	is_error($stranger, '42501', 'of another role: no right');
	is($stranger->error->{M}, 'permission denied to reclaim a session', 'message');
	is($stranger->error->{D},
		'Only members of the session\'s role, and of "pg_signal_backend", may end it.', 'detail');
	ok($busy->works, 'and it is alive');
	$killer->query('SELECT governor.reclaim(' . $root->pid . ", '')");
	is_error($killer, '42501', 'a superuser\'s session: no right for pg_signal_backend');
	is($killer->error->{D}, 'Only superusers may end sessions of superusers.', 'detail');
	$admin->query('SELECT governor.reclaim(' . $replica->pid . ", '')");
	is_error($admin, '0A000', 'a replication connection');
	is($admin->error->{H}, 'Use pg_terminate_backend().', 'hint');
	is(reclaim($killer, $busy, "'cleaning'"), 't', 'pg_signal_backend may');
	like($busy->wait_for_end->{D}, qr/Reason "requested".*; by killer: cleaning\.$/, 'and says so');
	is(reclaim(login('slow'), $open, "'mine'"), 't', 'one\'s own role may');
	like($open->wait_for_end->{D}, qr/; by app: mine\.$/, 'and says so');
	is(reclaim($admin, $root, "''"), 't', 'a superuser may end a superuser\'s');
	like(
		$root->wait_for_end->{D},
		qr/^Reason "requested", class "none": at rest for \d+\.\d s; by postgres\.$/,
		'which is in no class');
	ok($replica->works, 'the replication connection is alive');
};

#
# The extended protocol
#
subtest 'protocols' => sub {
	foreach my $host (undef, '127.0.0.1')
	{
		my $via = defined $host ? 'TCP' : 'unix socket';
		my $client = login('quick', host => $host);

		is_deeply($client->extended('SELECT $1', parameters => ['a']), [ ['a'] ], "extended, $via");
		is_farewell_idle($client->wait_for_end, 'idle', 'quick', "ends, $via");

		$client = login('quick', host => $host);
		is_deeply($client->extended('SELECT $1', parameters => [$_], statement => 's'),
			[ [$_] ], "prepared, $via")
		  foreach 1 .. 3;
		is_farewell_idle($client->wait_for_end, 'idle', 'quick', "ends, $via");
	}

	# libpq in every mode: what began has finished, and the session ends at rest
	$admin->run('CREATE SEQUENCE began', 'CREATE SEQUENCE finished', 'GRANT ALL ON began, finished TO app');
	my $script = PostgreSQL::Test::Utils::tempdir() . '/rest.sql';
	append_to_file($script,
		"SELECT nextval('began'), pg_sleep(0.5), nextval('finished');\n\\sleep 1000 ms\n");
	foreach my $mode (qw(simple extended prepared))
	{
		my $reclaimed = stats_of('quick', 'reclaimed_idle')->[0];
		my ($stdout, $stderr);
		local $ENV{PGAPPNAME} = 'quick';

		ok( !IPC::Run::run(
				[
					'pgbench', '-n', '-M', $mode, '-c', 3, '-t', 2, '-f', $script, '-h', $node->host, '-p',
					$node->port, '-U', 'app', 'postgres'
				],
				'>' => \$stdout,
				'2>' => \$stderr),
			"pgbench -M $mode cannot go on");
		like(
			$stderr,
			qr/client \d aborted|terminating connection due to idle-session timeout|server closed the connection/,
			'because its sessions have ended');
		ok( $admin->wait_for(
				"SELECT reclaimed_idle = $reclaimed + 3 FROM governor.stat_classes WHERE class = 'quick'"),
			'all of them at rest');
	}
	is($admin->value('SELECT b.last_value - f.last_value FROM began b, finished f WHERE b.is_called'),
		0, 'nothing that began was lost');
};

#
# governor.log_decisions
#
subtest 'the log as an audit' => sub {
	my $log = log_position($node);

	canary_dies('while log_decisions is off');
	unlike(log_since($node, $log), qr/pg_governor: /, 'nothing of ours is logged');
	$admin->run("ALTER SYSTEM SET governor.log_decisions = 'all'", 'SELECT pg_reload_conf()');
	$admin->wait_for("current_setting('governor.log_decisions') = 'all'");
	# the governor has it, too, once it has finished a load
	$admin->run('SELECT governor.reload()');
	my $client = login('quick');
	my $observed = login('quick_observe');

	is_farewell_idle($client->wait_for_end, 'idle', 'quick', 'a session ends');
	my ($ended, $noted) = ($client->pid, $observed->pid);
	ok( wait_for_log(
			$node,
			qr/LOG:  pg_governor: reclaimed session $ended of class "quick"\n[^\n]*DETAIL:  Reason: idle\.  User "app", database "postgres", application_name "quick"/,
			$log),
		'which the log says in one line');
	ok( wait_for_log(
			$node, qr/LOG:  pg_governor: would_reclaim session $noted of class "quick_observe"\n/, $log),
		'and what would have ended, too');
	$admin->run('ALTER SYSTEM RESET governor.log_decisions', 'SELECT pg_reload_conf()');
	$admin->wait_for("current_setting('governor.log_decisions') = 'off'");
};

#
# What the counters say in the end
#
wait_for_sweeps($admin, 1) if login('slow')->works;
is($admin->value('SELECT repairs FROM governor.status'), 0, 'the counters were right all along');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'nothing crashed');

$admin->logout;
$node->stop;

done_testing();
