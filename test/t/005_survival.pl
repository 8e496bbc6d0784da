
# Sessions that end in every way, processes that die, restarts: the registry is
# right afterwards, the governor is back, the policy in force.  And the governor
# sleeps when there is nothing to look at.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my %settings = (
	'governor.sweep_interval' => '200ms',
	'governor.mode' => 'enforce',
	# Cluster.pm switches it off
	'restart_after_crash' => 'on');
my $node = new_node('survival', settings => \%settings);
$node->start;
my $admin = admin_of($node);
my $major = int($admin->value('SHOW server_version_num') / 10000);

$admin->run('CREATE ROLE app LOGIN');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout, idle_in_transaction_timeout) VALUES
		('quick', '400 ms', '400 ms'), ('slow', '1 h', '1 h'), ('free', NULL, NULL)",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

sub login
{
	my ($class, %options) = @_;

	return GovClient->login($node, user => 'app', application_name => $class, %options);
}

sub status { return $admin->value("SELECT $_[0] FROM governor.status"); }

# That somebody who should end does end says that all is well: login, sweep and reclaim.
sub governs
{
	my ($name) = @_;
	my $canary = login('quick');

	return is_farewell_idle($canary->wait_for_end, 'idle', 'quick', $name);
}

# Waits until there are so many sessions beside the administrator's, in slots and by count.
sub sessions_are
{
	my ($count, $name) = @_;
	my $ok = $admin->wait_for(
		"SELECT sum(sessions) = $count AND (SELECT count(*) FROM governor.sessions WHERE pid <> pg_backend_pid()) = $count"
		  . ' FROM governor.admission');

	return ok($ok, "$name: $count sessions");
}

sub log_in_again
{
	undef $admin;
	ok( wait_until(
			sub {
				my $client = GovClient->try_login($node);
				$admin = $client unless $client->error;
				return $admin;
			}),
		'the server is back');
	return;
}

#
# The governor sleeps when it can
#
sub voluntary_switches
{
	my ($pid) = @_;
	my $status = slurp_file("/proc/$pid/status");

	return $status =~ /^voluntary_ctxt_switches:\s*(\d+)/m ? $1 : 0;
}

subtest 'no wake-ups' => sub {
	my $governor = status('governor_pid');
	my $resting = login('free');
	my $in_transaction = login('nobody');

	$in_transaction->run('BEGIN', 'SELECT 1');
	# whatever came before must have settled: for longer than the governor looks again at roles
	my $before = '';
	my $since;
	ok( wait_until(
			sub {
				my $last = $before;
				$before =
				  status('sweeps') . ' ' . (-r "/proc/$governor/status" ? voluntary_switches($governor) : 0);
				$since = time() unless $last eq $before;
				return time() - $since > 1.5;
			}),
		'nothing is governed, and it sleeps');

	my $start = time();
	for my $i (1 .. 30)
	{
		my $client = login($i % 2 ? 'free' : 'nobody');

		$client->run('SELECT pg_sleep(0.1)', 'BEGIN', 'SELECT 1', 'COMMIT');
		$client->logout;
	}
	cmp_ok(time() - $start, '>', 3, 'three seconds of work');
	my $after = status('sweeps') . ' ' . (-r "/proc/$governor/status" ? voluntary_switches($governor) : 0);
	is($after, $before, 'no sweep, and the process was not woken at all');
	governs('and it wakes for somebody who is governed');
	$_->logout foreach $resting, $in_transaction;
	sessions_are(0, 'afterwards');
};

subtest 'one look per sweep_interval' => sub {
	my @resting = map { login('slow') } 1 .. 5;

	wait_for_sweeps($admin, 2);
	my ($sweeps, $start) =
	  @{ $admin->query('SELECT sweeps, extract(epoch FROM last_sweep) FROM governor.status')->[0] };

	# what happens meanwhile is no reason to look more often
	for (1 .. 50)
	{
		my $client = login('slow');

		$client->run('SELECT 1');
		$client->logout;
	}
	wait_for_sweeps($admin, 8);
	my ($sweeps_now, $end) =
	  @{ $admin->query('SELECT sweeps, extract(epoch FROM last_sweep) FROM governor.status')->[0] };
	my $each = ($end - $start) / ($sweeps_now - $sweeps);

	cmp_ok($each, '>=', 0.19, 'sessions with far deadlines are looked at once per sweep_interval');
	# the machine may be slow, so only a hint that it is not far less
	cmp_ok($each, '<', 2, 'and about that often');
	$_->logout foreach @resting;
	sessions_are(0, 'afterwards');
};

#
# A session ends in every way
#
subtest 'every way out' => sub {
	# one that stays, so that the governor goes on counting
	my $stays = login('slow');
	my $repairs = status('repairs');

	my $out = sub {
		my ($name, $sub) = @_;

		$sub->();
		sessions_are(1, $name);
	};
	my $kill_psql = sub {
		my ($sql) = @_;
		my $psql = start_psql($node, 'user=app application_name=slow');

		$psql->{stdin} .= "$sql;\n";
		$psql->{run}->pump until $psql->{stdin} eq '';
		$admin->wait_for(
			"SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'app' AND query LIKE '$sql%' AND state = 'active'"
		) or die "psql does not run $sql";
		$psql->{run}->signal('KILL');
		eval { $psql->{run}->finish };
	};

	$out->('a goodbye', sub { login('slow')->logout });
	$out->('a closed socket', sub { login('slow')->vanish });
	$out->('a closed socket, TCP', sub { login('slow', host => '127.0.0.1')->vanish });
	$out->('a TCP reset', sub { login('slow', host => '127.0.0.1')->reset_connection });
	$out->('a client killed in a statement', sub { $kill_psql->('SELECT pg_sleep(0.7)') });
	$out->(
		'a client gone in a transaction',
		sub { my $c = login('slow'); $c->run('BEGIN', 'SELECT 1'); $c->vanish });
	$out->(
		'a client gone in COPY',
		sub {
			my $c = login('slow');
			$c->run('CREATE TEMP TABLE t (a text)');
			$c->query('COPY t FROM STDIN');
			$c->send('d', "half a li");
			$c->vanish;
		});
	$out->(
		'a client gone in a message',
		sub {
			my $c = login('slow');
			syswrite $c->{socket}, 'Q' . pack('N', 100) . 'SELECT';
			$c->vanish;
		});
	$out->(
		'a message that there is not',
		sub {
			my $c = login('slow');
			$c->send('!', 'what');
			is($c->wait_for_end->{C}, '08P01', 'a protocol violation');
		});
	$out->(
		'pg_terminate_backend, idle',
		sub {
			my $c = login('slow');
			$admin->run('SELECT pg_terminate_backend(' . $c->pid . ')');
			is_deeply(
				[ @{ $c->wait_for_end }{qw(C M)} ],
				[ '57P01', 'terminating connection due to administrator command' ],
				'keeps its own words');
		});
	$out->(
		'pg_terminate_backend, in a statement',
		sub {
			my $c = login('slow');
			$c->start('SELECT pg_sleep(600)');
			$admin->wait_for("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = " . $c->pid);
			$admin->run('SELECT pg_terminate_backend(' . $c->pid . ')');
			is($c->wait_for_end->{C}, '57P01', 'keeps its own code');
		});
	$out->(
		'pg_terminate_backend, in a transaction',
		sub {
			my $c = login('slow');
			$c->run('BEGIN', 'SELECT 1');
			$admin->run('SELECT pg_terminate_backend(' . $c->pid . ')');
			is($c->wait_for_end->{C}, '57P01', 'keeps its own code');
		});
	$out->(
		'a session that terminates itself',
		sub {
			my $c = login('slow');
			$c->query('SELECT pg_terminate_backend(pg_backend_pid())');
			is_error($c, '57P01', 'ends');
		});
	$out->(
		"the server's own idle_session_timeout",
		sub {
			my $c = login('slow');
			$c->run("SET idle_session_timeout = '50ms'");
			is_deeply([ @{ $c->wait_for_end }{qw(C D)} ], [ '57P05', undef ], 'keeps its own words');
		});
	$out->(
		"the server's own idle_in_transaction_session_timeout",
		sub {
			my $c = login('slow');
			$c->run("SET idle_in_transaction_session_timeout = '50ms'", 'BEGIN; SELECT 1');
			is_deeply([ @{ $c->wait_for_end }{qw(C D)} ], [ '25P03', undef ], 'keeps its own words');
		});
	$out->(
		"the server's own transaction_timeout",
		sub {
			my $c = login('slow');
			$c->run("SET transaction_timeout = '50ms'");
			$c->query('SELECT pg_sleep(600)');
			is_error($c, '25P04', 'keeps its own code');
		}) if $major >= 17;
	$out->(
		'DROP DATABASE WITH (FORCE)',
		sub {
			$admin->run('CREATE DATABASE doomed');
			my $c = login('slow', dbname => 'doomed');
			$admin->run('DROP DATABASE doomed WITH (FORCE)');
			is($c->wait_for_end->{C}, '57P01', 'ends its sessions');
		});
	$out->(
		'DROP ROLE',
		sub {
			$admin->run('CREATE ROLE doomed LOGIN');
			my $c = login('slow', user => 'doomed');
			$admin->run('DROP ROLE doomed');
			$c->vanish;
		});
	$out->(
		'governor.reclaim()',
		sub {
			my $c = login('slow');
			$admin->wait_for("SELECT wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = " . $c->pid);
			is($admin->value('SELECT governor.reclaim(' . $c->pid . ", '')"), 't', 'reclaimed');
		});
	$out->('a reclaim at rest', sub { login('quick')->wait_for_end });
	$out->(
		'a reclaim in a transaction',
		sub {
			my $c = login('quick');
			$c->run('BEGIN; SELECT 1');
			is($c->wait_for_end->{C}, '25P03', 'reclaimed');
		});

	# many at once, in a hundred races
	my @crowd = map { login('slow', host => $_ % 2 ? '127.0.0.1' : undef) } 1 .. 40;
	$admin->run(
		'SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM governor.sessions WHERE class = \'slow\' AND pid <> '
		  . $stays->pid
		  . ' LIMIT 20) s');
	$_->vanish foreach @crowd;
	sessions_are(1, 'forty at once');

	wait_for_sweeps($admin, 2);
	is(status('repairs'), $repairs, 'the counters were right all along');
	is(status('repairs'), 0, 'from the beginning');
	ok($stays->works, 'the one that stayed is alive');
	$stays->logout;
};

#
# Reloads
#
subtest 'a storm of SIGHUP' => sub {
	my ($governor, $generation) =
	  @{ $admin->query('SELECT governor_pid, policy_generation FROM governor.status')->[0] };
	my $resting = login('slow');
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];

	for my $i (1 .. 200)
	{
		kill 'HUP', $postmaster;
		kill 'HUP', $governor;
		login('slow')->logout unless $i % 10;
	}
	is($admin->value('SELECT governor.reload()'), $generation, 'the policy is the same');
	is_deeply(
		$admin->query('SELECT governor_pid, policy_error, repairs FROM governor.status'),
		[ [ $governor, undef, 0 ] ],
		'and so is the governor');
	ok($resting->works, 'a session is alive');
	governs('and it governs');
	$resting->logout;
	sessions_are(0, 'afterwards');
};

#
# The governor is terminated
#
subtest 'the governor ends' => sub {
	my ($governor, $generation) =
	  @{ $admin->query('SELECT governor_pid, policy_generation FROM governor.status')->[0] };
	my $resting = login('slow');

	$admin->run("SELECT pg_terminate_backend($governor)");
	ok($admin->wait_for("SELECT governor_pid IS DISTINCT FROM $governor FROM governor.status"), 'it is gone');

	# logins and edits go on without it
	my $meanwhile = login('slow');
	my $zombie = login('quick');
	is($admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $meanwhile->pid),
		'slow', 'logins are classified without it');
	$admin->run("UPDATE governor.rules SET class = 'free' WHERE class = 'slow'");

	ok($admin->wait_for("SELECT governor_pid <> $governor FROM governor.status"), 'another one comes');
	ok($admin->wait_for("SELECT policy_generation = $generation + 1 FROM governor.status"),
		'with the edit that was made meanwhile');
	ok($admin->wait_for("SELECT sessions = 2 FROM governor.admission WHERE class = 'free'"),
		'by which living sessions are classified');
	is_farewell_idle($zombie->wait_for_end, 'idle', 'quick', 'and who went stale meanwhile ends');
	ok($resting->works && $meanwhile->works, 'the others are alive');
	set_policy($admin, "UPDATE governor.rules SET class = 'slow' WHERE application_name = 'slow'");
	wait_for_sweeps($admin, 2);
	is(status('repairs'), 0, 'the counters are right');
	is( $admin->value(
			"SELECT count(*) FROM governor.events WHERE kind = 'governor' AND detail = 'the governor has started'"
		),
		2,
		'an event for each start');
	$_->logout foreach $resting, $meanwhile;
	sessions_are(0, 'afterwards');
};

#
# A process is killed: the server starts over
#
foreach my $victim ('governor', 'backend')
{
	subtest "kill -9 of the $victim" => sub {
		my @clients = map { login('slow') } 1 .. 5;
		my $log = log_position($node);

		if ($victim eq 'governor')
		{
			kill 'KILL', status('governor_pid');
		}
		else
		{
			$clients[0]->start('SELECT pg_sleep(600)');
			$admin->wait_for(
				"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = " . $clients[0]->pid);
			kill 'KILL', $clients[0]->pid;
		}
		$_->wait_for_end foreach @clients;
		$admin->wait_for_end;
		log_in_again();
		like(
			log_since($node, $log),
			qr/all server processes terminated; reinitializing/,
			'it has started over');

		# from the first login on, without a reload by hand
		ok( $admin->wait_for(
				"SELECT governor_pid > 0 AND policy_generation > 0 AND policy_error IS NULL FROM governor.status"
			),
			'the policy is in force');
		is_deeply(
			$admin->query(
				"SELECT (SELECT count(*) FROM governor.sessions), (SELECT sum(sessions) FROM governor.admission), (SELECT count(*) FROM governor.admission), (SELECT sum(admitted) FROM governor.stat_classes)"
			),
			[ [ 1, 0, 5, 0 ] ],
			'no session and no count is left over');
		governs('and it governs');
		my $again = login('slow');
		wait_for_sweeps($admin, 2);
		is(status('repairs'), 0, 'the counters are right');
		$again->logout;
		sessions_are(0, 'afterwards');
	};
}

#
# Shutdowns
#
foreach my $how ('fast', 'immediate')
{
	subtest "$how shutdown" => sub {
		my @clients = map { login('slow') } 1 .. 30;

		$_->run('BEGIN', 'SELECT 1') foreach @clients[ 0 .. 9 ];
		$_->start('SELECT pg_sleep(600)') foreach @clients[ 10 .. 14 ];
		my $log = log_position($node);
		my $start = time();

		$node->stop($how);
		cmp_ok(time() - $start, '<', 20, 'waits for nobody');
		is_deeply(
			[ @{ $clients[20]->wait_for_end }{qw(C M)} ],
			[ '57P01', 'terminating connection due to administrator command' ],
			'a session is told the truth') if $how eq 'fast';
		unlike(
			log_since($node, $log),
			qr/PANIC|TRAP|terminated by signal|pg_governor could not/,
			'nothing odd in the log');
		$node->start;
		log_in_again();
		ok( $admin->wait_for(
				"SELECT governor_pid > 0 AND policy_generation > 0 AND policy_error IS NULL FROM governor.status"
			),
			'the policy is in force');
		governs('and it governs');
		sessions_are(0, 'afterwards');
	};
}

unlike(
	slurp_file($node->logfile),
	qr/PANIC|TRAP|another pg_governor governor|counters of sessions were wrong/,
	'nothing else went wrong');

$admin->logout;
$node->stop;

done_testing();
