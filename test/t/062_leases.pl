
# Leases: a session says how long it will be of use, and ends after that, at
# rest or idle in a transaction; never before, and never while it works.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_node('leases', settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

$admin->run('CREATE ROLE app LOGIN', 'CREATE ROLE stranger LOGIN');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name) VALUES ('bare')",
	"INSERT INTO governor.classes (name, mode) VALUES ('off', 'off'), ('watched', 'observe')",
	"INSERT INTO governor.classes (name, idle_timeout, idle_in_transaction_timeout) VALUES ('quick', '300 ms', '300 ms')",
	"INSERT INTO governor.classes (name, idle_timeout, keep_warm) VALUES ('warm', '1 h', 5)",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

sub login
{
	my ($class, %options) = @_;

	return GovClient->login($node, user => 'app', application_name => $class, %options);
}

sub seen
{
	my ($client, $columns) = @_;

	return join '|', map { defined $_ ? $_ : '' }
	  @{ $admin->query("SELECT $columns FROM governor.sessions WHERE pid = " . $client->pid)->[0] || [] };
}

# Whoever is looked at until then has had its time.
sub others_end
{
	my $other = login('bare');

	$other->run("SELECT governor.lease('1 ms')");
	return is_farewell_idle($other->wait_for_end, 'lease_expired', 'bare', 'another one ends');
}

# How often the governor has fallen asleep.
sub naps
{
	my $file = '/proc/' . $admin->value('SELECT governor_pid FROM governor.status') . '/status';

	return unless -r $file;
	return (slurp_file($file) =~ /^voluntary_ctxt_switches:\s*(\d+)/m)[0];
}

sub governor_falls_asleep
{
	my $sweeps = -1;

	ok( wait_until(sub {
			my $before = $sweeps;

			$admin->run('SELECT pg_sleep(0.3)');
			$sweeps = $admin->value('SELECT sweeps FROM governor.status');
			return $sweeps == $before;
		}),
		'the governor sleeps');
	return;
}

# Nobody else is governed here, so the governor sleeps, with no threshold to look for.
subtest 'at rest' => sub {
	foreach my $call ("governor.lease('300 ms')", "governor.register('p', 'f', '1', 'i', '300 ms')")
	{
		my $app = login('bare');

		governor_falls_asleep();
		my $begin = time();

		$app->run("SELECT $call");
		is_farewell_idle($app->wait_for_end, 'lease_expired', 'bare', "after $call");
		cmp_ok(time() - $begin, '>=', 0.3, 'not before its time');
	}
	ok($admin->wait_for("SELECT reclaimed = 2 AND reclaimed_lease_expired = 2 FROM governor.stat_classes WHERE class = 'bare'"),
		'the counters');
	is($admin->value("SELECT count(*) FROM governor.events WHERE kind = 'reclaimed' AND reason = 'lease_expired' AND detail ~ '^at rest for'"),
		2, 'and the events');
};

subtest 'nobody is woken where the mode is off' => sub {
	my %app = map { $_ => login($_) } 'off', 'bare';

	plan skip_all => 'the system does not say how often a process has slept' unless defined naps();
	governor_falls_asleep();
	foreach my $row ([ 'off', 'sleeps on' ], [ 'bare', 'does not' ])
	{
		my ($class, $what) = @$row;
		my $slept_on = 0;

		foreach (1 .. 3)
		{
			my $naps = naps();

			$app{$class}->run("SELECT governor.lease('1 h')") foreach 1 .. 5;
			$admin->run('SELECT pg_sleep(0.2)');
			$slept_on++ if naps() == $naps;
		}
		is($slept_on > 0 ? 'sleeps on' : 'does not', $what, "$class: the governor $what");
	}
	$app{$_}->run('SELECT governor.lease(NULL)') foreach keys %app;
	others_end();
	$_->logout foreach values %app;
};

# By a name that comes later, while the governor sleeps.  Class default ships off.
subtest 'from a class that is off into another' => sub {
	my $app = GovClient->login($node, user => 'app');

	$app->run("SELECT governor.lease('1 ms')");
	governor_falls_asleep();
	ok($app->works, 'no lease counts in the first');
	$app->run("SET application_name = 'bare'");
	is_farewell_idle($app->wait_for_end, 'lease_expired', 'bare', 'it does in the other');
};

subtest 'idle in a transaction' => sub {
	# in one message, so that it does not rest in between
	my %ways = (open => '', failed => '; SELECT 1/0');

	foreach my $way (sort keys %ways)
	{
		my $app = login('bare');

		$app->run('BEGIN');
		$app->query("SELECT governor.lease('1 ms')$ways{$way}");
		my $farewell = $app->wait_for_end;

		is($farewell->{C}, '25P03', "$way: SQLSTATE");
		is($farewell->{M}, 'terminating connection due to idle-in-transaction timeout', 'message');
		like($farewell->{D}, qr/^Reason "lease_expired", class "bare": idle in transaction for \d+\.\d s\.$/, 'detail');
		like($farewell->{H}, qr/^The transaction was rolled back\./, 'hint');
		like($admin->value('SELECT detail FROM governor.events WHERE kind = \'reclaimed\' AND pid = ' . $app->pid),
			qr/^idle in transaction for /, 'the event');
	}
};

subtest 'a statement that runs is left alone' => sub {
	my $app = login('bare');

	$app->run('BEGIN');
	is($app->query("SELECT governor.lease('100 ms'), pg_sleep(1.5), 'done'")->[0][2], 'done', 'longer than its lease');
	is($app->wait_for_end->{C}, '25P03', 'it ends when it rests');

	my $other = login('bare');
	$other->run("SELECT governor.lease('100 ms'), pg_sleep(1)");
	is_farewell_idle($other->wait_for_end, 'lease_expired', 'bare', 'so does one without a transaction');
};

subtest 'renewed, and given back' => sub {
	my $renewed = login('bare');
	my $given_back = login('bare');
	my $registered = login('bare');

	$renewed->run("SELECT governor.lease('30 s')", "SELECT governor.lease('1 h')");
	is(seen($renewed, "lease_until > now() + '59 min', stale_at = lease_until, verdict, verdict_detail"),
		't|t|keep|', 'the later one counts');
	$given_back->run("SELECT governor.lease('1 h')");
	is($given_back->value('SELECT governor.lease(NULL)'), undef, 'NULL ends it');
	is(seen($given_back, 'lease_until, stale_at, verdict, verdict_detail'), '||keep|the class has no timeout', 'and it is gone');
	$registered->run("SELECT governor.register('p', 'f', lease => '1 h')", "SELECT governor.register('p', 'f')");
	is(seen($registered, "lease_until > now() + '59 min'"), 't', 'register() without one leaves it as it is');
	$registered->run("SELECT governor.register('p', 'f', lease => '2 h')");
	is(seen($registered, "lease_until > now() + '119 min'"), 't', 'and with one renews it');

	my $until = $renewed->value("SELECT governor.lease('90 s')");
	my $stranger = GovClient->login($node, user => 'stranger');
	my $sees = 'SELECT lease_until IS NOT NULL FROM governor.sessions WHERE pid = ' . $renewed->pid;
	is($renewed->value($sees) . $stranger->value($sees), 'tf', 'its role sees it, another one does not');
	$stranger->logout;
	is($admin->value("SELECT lease_until = '$until' FROM governor.sessions WHERE pid = " . $renewed->pid), 't', 'it says until when');
	others_end();
	ok($_->works, 'all live') foreach $renewed, $given_back, $registered;

	# not undone, as the time goes on
	$renewed->run('BEGIN', "SELECT governor.lease('1 h')", 'ROLLBACK');
	is(seen($renewed, "lease_until > now() + '59 min'"), 't', 'a rollback does not undo it');
	$renewed->query("SELECT governor.lease('2 h'); SELECT 1/0");
	is_error($renewed, '22012', 'a statement fails');
	is(seen($renewed, "lease_until > now() + '119 min'"), 't', 'nor does an error after it');
	$renewed->run('DISCARD ALL');
	is(seen($renewed, 'lease_until'), '', 'DISCARD ALL ends it');
	$_->logout foreach $renewed, $given_back, $registered;
};

# Renewed in time, again and again, and it must not end before the time that was given last.
subtest 'on the edge' => sub {
	my $ended = 0;
	my $early = 0;
	my $renewals = 0;
	my $end = time() + 4;
	my $app;

	while (time() < $end)
	{
		$app ||= login('bare');
		usleep(int rand 130_000);

		my $begin = time();
		$app->query("SELECT governor.lease('100 ms')");
		if (!$app->error)
		{
			$renewals++;
			# its farewell, if it comes within this time, comes too early
			my ($type) = $app->receive(0.05);
			if (defined $type || $app->has_ended)
			{
				$early++ if time() - $begin < 0.1;
			}
			else
			{
				next;
			}
		}
		$ended++;
		undef $app;
	}
	cmp_ok($renewals, '>', 0, "renewed $renewals times, ended $ended times");
	is($early, 0, 'never before its time');
};

subtest 'it shortens, and does not lengthen' => sub {
	set_mode($admin, 'observe');
	my $idle = login('quick');
	my $in_transaction = login('quick');

	$idle->run("SELECT governor.lease('1 h')");
	$in_transaction->run("SELECT governor.lease('1 h')", 'BEGIN', 'SELECT 1');
	set_mode($admin, 'enforce');
	is_farewell_idle($idle->wait_for_end, 'idle', 'quick', 'idle_timeout ends it');
	like($in_transaction->wait_for_end->{D}, qr/^Reason "idle_in_transaction"/, 'so does the other one');

	my $warm = login('warm');
	$warm->run("SELECT governor.lease('100 ms')");
	is_farewell_idle($warm->wait_for_end, 'lease_expired', 'warm', 'keep_warm is against idle_timeout only');
};

subtest 'its own word, whatever idle rules keep it for' => sub {
	foreach my $how ('LISTEN news', 'SELECT pg_advisory_lock(1)')
	{
		my $app = login('bare');

		$app->run($how, "SELECT governor.lease('200 ms')");
		is_farewell_idle($app->wait_for_end, 'lease_expired', 'bare', $how);
	}
	is($admin->value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0, 'the lock is free');
};

subtest 'modes, and whoever is exempt' => sub {
	my $off = login('off');
	my $watched = login('watched');
	my $super = GovClient->login($node);

	$_->run("SELECT governor.lease('1 ms')") foreach $off, $watched;
	ok($admin->wait_for("SELECT count(*) = 1 FROM governor.events WHERE kind = 'would_reclaim' AND reason = 'lease_expired' AND pid = " . $watched->pid),
		'observe notes it');
	is(seen($watched, 'verdict'), 'lease_expired', 'and shows it');
	is(seen($off, 'verdict, lease_until IS NULL'), 'keep|f', 'off keeps it');
	is($super->value("SELECT governor.lease('1 ms')"), undef, 'a superuser has no lease');
	is(($super->notices)[0]{M}, 'superusers and replication are exempt, and in no class', 'and is told');
	is(seen($super, 'verdict, lease_until'), 'exempt|', 'and exempt');
	others_end();
	ok($_->works, 'all live') foreach $off, $watched, $super;

	# the policy decides, not the moment at which the lease was given
	set_policy($admin, "UPDATE governor.classes SET mode = NULL WHERE name = 'off'");
	is_farewell_idle($off->wait_for_end, 'lease_expired', 'off', 'no longer off');
	$_->logout foreach $watched, $super;
};

subtest 'what is no lease' => sub {
	my $app = login('bare');
	my %bad = (
		"'0'" => '@ 0', "'-1 s'" => '@ 1 sec ago', "'1 month'" => '@ 1 mon', "'1 day 1 us'" => '@ 1 day 0.000001 secs',
		"'900000 s'" => '@ 250 hours', "'100000000 days'" => '@ 100000000 days', "'1 month -30 days'" => '@ 1 mon -30 days',
		"'-100000000 days'" => '@ 100000000 days ago', "'-178000000 days -2562047788 hours'" => '@ 178000000 days 2562047788 hours ago');

	$app->run("SET intervalstyle = postgres_verbose", "SELECT governor.lease('1 h')");
	my $before = seen($app, 'lease_until');
	foreach my $lease (sort keys %bad)
	{
		foreach my $call ("governor.lease($lease)", "governor.register('p', 'f', lease => $lease)")
		{
			$app->query("SELECT $call");
			is_error($app, '22023', $call);
			is($app->error->{M}, 'a lease must be longer than zero and at most one day, without months', 'message');
			is($app->error->{D}, "The lease given is $bad{$lease}.", 'detail');
			is($app->error->{H}, "For example: SELECT governor.lease('90 s').  NULL ends a lease.", 'hint');
		}
	}
	is(seen($app, 'lease_until'), $before, 'nothing has changed');
	is(seen($app, 'function'), '', 'nothing at all');
	foreach my $good ("'1 day'", "'24 h'", "'1 us'", "'-1 day 25 h'", "'2 days -24 h'")
	{
		my $other = login('off');
		$other->run("SELECT governor.lease($good)");
		isnt(seen($other, 'lease_until'), '', "$good is one");
		$other->logout;
	}
	$app->logout;
};

# A session that comes into the slot of another one has no lease.
subtest 'a new session' => sub {
	for (1 .. 5)
	{
		my $app = login('bare');
		is(seen($app, 'lease_until'), '', 'begins without');
		$app->run("SELECT governor.lease('1 h')");
		$app->logout;
		$admin->wait_for("SELECT count(*) = 0 FROM governor.sessions WHERE class = 'bare'");
	}
};

is($admin->value('SELECT repairs FROM governor.status'), 0, 'no counter was wrong');
$node->stop;
done_testing();
