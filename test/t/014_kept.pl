
# Sessions that idle rules leave alone: those that LISTEN, those that hold an
# advisory lock of their session, superusers, replication, workers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;

my $node = new_node(
	'kept',
	init => [ allows_streaming => 1 ],
	settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

$admin->run('CREATE ROLE app LOGIN', 'CREATE ROLE replica LOGIN REPLICATION');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout, idle_in_transaction_timeout, max_lifetime) VALUES
		('quick', '500 ms', '500 ms', NULL), ('short_life', NULL, NULL, '300 ms')",
	"INSERT INTO governor.classes (name, idle_timeout, mode) VALUES ('watched', '300 ms', 'observe')",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

sub login
{
	my ($class, %options) = @_;

	return GovClient->login($node, user => 'app', application_name => $class, %options);
}

sub row_of
{
	my ($client) = @_;

	return join '|', map { defined $_ ? $_ : '' } @{
		$admin->query('SELECT verdict, stale_at IS NULL, verdict_detail FROM governor.sessions WHERE pid = ' . $client->pid)
		  ->[0] || [] };
}

# A session like them that nothing keeps has come, rested and gone.
sub others_end
{
	my ($class) = @_;

	return is_farewell_idle(login($class)->wait_for_end, $class eq 'quick' ? 'idle' : 'lifetime',
		$class, 'another one ends');
}

# Runs each of them as its own session, waits until one that is not kept has
# ended, twice, and returns those that are still there.
sub survivors
{
	my ($class, %sessions) = @_;
	my %clients;

	# however long all of it takes, nobody ends meanwhile
	set_mode($admin, 'observe');
	foreach my $name (sort keys %sessions)
	{
		$clients{$name} = login($class);
		$clients{$name}->query($_) foreach @{ $sessions{$name} };
	}
	set_mode($admin, 'enforce');
	others_end($class) for 1 .. 2;
	return join ' ', grep { !$clients{$_}->has_ended } sort keys %clients;
}

subtest 'LISTEN' => sub {
	my $listener = login('quick');

	$listener->run('LISTEN news');
	is(row_of($listener), 'listening|t|it has executed LISTEN', 'the view');
	is( survivors(
			'quick',
			a_listens => ['LISTEN news'],
			b_within_a_function => ["DO \$\$BEGIN EXECUTE 'LISTEN news'; END\$\$"],
			c_in_a_transaction => [ 'BEGIN', 'LISTEN news', 'COMMIT' ],
			d_one_channel_less => [ 'LISTEN news', 'LISTEN sports', 'UNLISTEN sports' ],
			e_unlisten_rolled_back => [ 'LISTEN news', 'BEGIN', 'UNLISTEN *', 'ROLLBACK' ],
			f_unlisten_to_savepoint =>
			  [ 'LISTEN news', 'BEGIN', 'SAVEPOINT s', 'UNLISTEN *', 'ROLLBACK TO s', 'COMMIT' ],
			g_in_a_savepoint => [ 'BEGIN', 'SAVEPOINT s', 'LISTEN news', 'RELEASE s', 'COMMIT' ],
			h_again => [ 'LISTEN news', 'UNLISTEN *', 'LISTEN news' ],
			i_last_word => [ 'BEGIN', 'UNLISTEN *', 'SAVEPOINT s', 'LISTEN news', 'RELEASE s', 'COMMIT' ],
			j_deep => [
				'BEGIN', (map { "SAVEPOINT s$_" } 1 .. 40),
				'LISTEN news', 'COMMIT'
			],
			k_twice_at_depth => [ 'BEGIN', 'SAVEPOINT s', 'LISTEN news', 'SAVEPOINT t', 'UNLISTEN *', 'ROLLBACK TO t', 'COMMIT' ],
			l_idle_in_transaction => [ 'LISTEN news', 'BEGIN', 'SELECT 1' ],
			m_released => [ 'BEGIN', 'SAVEPOINT s', 'LISTEN news', 'RELEASE s', 'SAVEPOINT t', 'ROLLBACK TO t', 'COMMIT' ],
			n_too_deep => [ 'BEGIN', (map { ("SAVEPOINT s$_", 'UNLISTEN *') } 1 .. 20), 'LISTEN news', 'COMMIT' ],
			o_discard_less => [ 'LISTEN news', 'DISCARD TEMP' ],

			p_never => ['SELECT 1'],
			q_rolled_back => [ 'BEGIN', 'LISTEN news', 'ROLLBACK', 'SELECT 1' ],
			r_failed => [ 'BEGIN', 'LISTEN news', 'SELECT 1/0', 'COMMIT' ],
			s_savepoint_rolled_back => [ 'BEGIN', 'SAVEPOINT s', 'LISTEN news', 'ROLLBACK TO s', 'COMMIT' ],
			t_unlisten => [ 'LISTEN news', 'UNLISTEN *' ],
			u_discard => [ 'LISTEN news', 'DISCARD ALL' ],
			v_not_committed => [ 'BEGIN', 'LISTEN news' ],
			w_last_word => [ 'BEGIN', 'LISTEN news', 'SAVEPOINT s', 'UNLISTEN *', 'RELEASE s', 'COMMIT' ],
			x_not_the_syntax => ['LISTEN']),
		'a_listens b_within_a_function c_in_a_transaction d_one_channel_less e_unlisten_rolled_back '
		  . 'f_unlisten_to_savepoint g_in_a_savepoint h_again i_last_word j_deep k_twice_at_depth '
		  . 'l_idle_in_transaction m_released n_too_deep o_discard_less',
		'who is kept');

	$admin->run("NOTIFY news, 'still here'");
	my ($type, $body) = $listener->receive;
	is($type, 'A', 'and still hears');
	like($body, qr/news\0still here\0/, 'what was said');

	$listener->run('UNLISTEN *');
	is_farewell_idle($listener->wait_for_end, 'idle', 'quick', 'until it stops');
};

subtest 'advisory locks of the session' => sub {
	my $holder = login('quick');

	$holder->run('SELECT pg_advisory_lock(1)');
	is(row_of($holder), 'advisory_lock|t|it holds an advisory lock of its session', 'the view');
	is( survivors(
			'quick',
			a_lock => ['SELECT pg_advisory_lock(11)'],
			b_shared => ['SELECT pg_advisory_lock_shared(12)'],
			c_two_keys => ['SELECT pg_try_advisory_lock(1, 13)'],
			d_twice => [ 'SELECT pg_advisory_lock(14), pg_advisory_lock(14)', 'SELECT pg_advisory_unlock(14)' ],
			e_rolled_back => [ 'BEGIN', 'SELECT pg_advisory_lock(15)', 'ROLLBACK' ],
			f_idle_in_transaction => [ 'BEGIN', 'SELECT pg_try_advisory_lock_shared(16)' ],
			g_in_a_function => ['DO $$BEGIN PERFORM pg_advisory_lock(17); END$$'],
			h_before_the_transaction => [ 'SELECT pg_advisory_lock(18)', 'BEGIN' ],

			p_unlocked => [ 'SELECT pg_advisory_lock(21)', 'SELECT pg_advisory_unlock(21)' ],
			q_all_unlocked => [ 'SELECT pg_advisory_lock(22)', 'SELECT pg_advisory_unlock_all()' ],
			r_of_the_transaction => [ 'BEGIN', 'SELECT pg_advisory_xact_lock(23)' ],
			s_discarded => [ 'SELECT pg_advisory_lock(24)', 'DISCARD ALL' ],
			t_not_got => ['SELECT pg_try_advisory_lock(1)'],
			u_other_locks => [ 'BEGIN', 'LOCK TABLE pg_description IN ACCESS SHARE MODE' ]),
		'a_lock b_shared c_two_keys d_twice e_rolled_back f_idle_in_transaction g_in_a_function h_before_the_transaction',
		'who is kept');

	my @functions = map { ("pg_$_", "pg_${_}_shared") } 'advisory_lock', 'try_advisory_lock';
	my %in_transaction = map { ("$_ one key" => [ 'BEGIN', "SELECT $_(61)" ], "$_ two keys" => [ 'BEGIN', "SELECT $_(6, 2)" ]) }
	  grep { /shared/ } @functions;
	is(survivors('quick', %in_transaction), join(' ', sort keys %in_transaction), 'by every shared one');
	%in_transaction = map { ("$_ one key" => [ 'BEGIN', "SELECT $_(" . ($_ =~ /try/ ? 71 : 72) . ')' ],
		"$_ two keys" => [ 'BEGIN', "SELECT $_(7, " . ($_ =~ /try/ ? 1 : 2) . ')' ]) } grep { !/shared/ } @functions;
	is(survivors('quick', %in_transaction), join(' ', sort keys %in_transaction), 'and every other function');

	$holder->run('SELECT pg_advisory_unlock(1)');
	is_farewell_idle($holder->wait_for_end, 'idle', 'quick', 'until it lets go');

	# by the message for function calls: pg_advisory_lock(int8) is function 2880
	my $fast = login('quick');
	$fast->send('F', pack('N n n n N NN n', 2880, 1, 1, 1, 8, 0, 31, 0));
	$fast->finish;
	is($fast->error, undef, 'a lock by the fast path');
	is(row_of($fast), 'advisory_lock|t|it holds an advisory lock of its session', 'counts too');
};

subtest 'lifetime' => sub {
	is( survivors(
			'short_life',
			a_listens => ['LISTEN news'],
			b_locks => ['SELECT pg_advisory_lock(41)'],
			c_neither => ['SELECT 1']),
		'a_listens b_locks', 'ends neither of them');
};

subtest 'observe' => sub {
	my $listener = login('watched');
	my $holder = login('watched');
	my $other = login('watched');

	$listener->run('LISTEN news');
	$holder->run('SELECT pg_advisory_lock(51)');
	ok( $admin->wait_for(
			"SELECT count(*) = 1 FROM governor.events WHERE kind = 'would_reclaim' AND pid = " . $other->pid),
		'another one would have ended');
	wait_for_sweeps($admin, 3);
	is( $admin->value(
			'SELECT count(*) FROM governor.events WHERE pid IN (' . $listener->pid . ', ' . $holder->pid . ')'),
		0, 'these would not');
};

subtest 'by hand' => sub {
	my $listener = login('quick');

	$listener->run('LISTEN news');
	$admin->wait_for("SELECT wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = " . $listener->pid);
	is($admin->value('SELECT governor.reclaim(' . $listener->pid . ", 'I know')"),
		't', 'governor.reclaim() is no idle rule');
};

subtest 'superusers, replication, workers' => sub {
	my $super = GovClient->login($node, application_name => 'quick');
	my $sender = GovClient->login($node, user => 'replica', application_name => 'quick', replication => 'true');

	is(row_of($super), 'exempt|t|superuser', 'a superuser');
	is(row_of($sender), 'exempt|t|replication', 'a walsender');

	# nobody is shown who is no client, and nobody who is none was ended
	my $others = "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity
		WHERE backend_type IN ('pg_governor governor', 'logical replication launcher', 'checkpointer', 'walwriter')";
	my $before = $admin->value($others);

	isnt($before, undef, 'there are workers');
	others_end('quick') for 1 .. 2;
	is($admin->value($others), $before, 'they stay');
	is( $admin->value(
			"SELECT count(*) FROM governor.sessions JOIN pg_stat_activity USING (pid)
				WHERE backend_type NOT IN ('client backend', 'walsender')"
		),
		0, 'and are no sessions');
	ok($super->works, 'so does the superuser');
	$sender->query('IDENTIFY_SYSTEM');
	is($sender->error, undef, 'and the walsender');

	# workers of a query, which run as long as it does and longer than the timeout
	my $app = login('quick');
	$app->run(
		'SET ' . ($app->value("SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')"))
		  . ' = on',
		'CREATE TEMP TABLE nothing ()');
	is($app->value('SELECT count(*) FROM pg_sleep(1.2), generate_series(1, 10)'), 10, 'a query with workers ends well');
};

subtest 'why a session is kept' => sub {
	my $off = GovClient->login($node, user => 'app', application_name => 'nobody');

	is(row_of($off), q{keep|t|the class's mode in force is off}, 'its mode');
	set_policy(
		$admin,
		"INSERT INTO governor.classes (name, keep_warm, idle_timeout) VALUES ('warm', 1, '1 h')",
		"INSERT INTO governor.classes (name) VALUES ('free')",
		"INSERT INTO governor.rules (position, class, application_name) VALUES (50, 'warm', 'warm'), (51, 'free', 'free')");
	is(row_of(login('free')), 'keep|t|the class has no timeout', 'no timeout');
	is(row_of(login('warm')), 'keep|t|keep_warm', 'kept warm');
	set_policy($admin, "UPDATE governor.classes SET max_lifetime = '1 ms', mode = 'observe' WHERE name = 'warm'");
	is(row_of(login('warm')), 'lifetime|f|', 'not if it is not');
	$admin->run('ALTER ROLE app SET track_activities = off');
	is(row_of(login('quick')), 'keep|t|track_activities is off', 'nothing is known of it');
	$admin->run('ALTER ROLE app RESET track_activities');
};

done_testing();
