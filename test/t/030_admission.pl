
# Admission at login: the cap, the queue, eviction, reserves, the pace, a class
# that is paused; and that no login is lost, let in too early or left behind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_node('admission', settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->append_conf('postgresql.conf', "max_connections = 150\nrestart_after_crash = on");
$node->start;
my $admin = admin_of($node);

$admin->run(
	'CREATE ROLE app LOGIN',
	'CREATE ROLE limited LOGIN CONNECTION LIMIT 0',
	'CREATE ROLE nologin',
	'CREATE DATABASE closed ALLOW_CONNECTIONS false',
	'CREATE DATABASE private',
	'REVOKE CONNECT ON DATABASE private FROM PUBLIC',
	'CREATE DATABASE crowded CONNECTION LIMIT 0');
# `default` is off here, and reserves nothing, so that each test says what it needs
set_policy(
	$admin,
	"UPDATE governor.classes SET reserved_sessions = 0 WHERE name = 'default'",
	"INSERT INTO governor.classes (name, max_sessions, queue_limit, queue_timeout, evict_after) VALUES
		('small', 2, 10, '30 s', NULL),
		('none_waits', 1, 0, '30 s', NULL),
		('impatient', 1, 10, '400 ms', NULL),
		('evicting', 3, 50, '30 s', '200 ms'),
		('storm', 20, 100, '60 s', NULL),
		('other', 15, 100, '60 s', NULL)",
	"INSERT INTO governor.classes (name, connect_rate) VALUES ('paced', '10/1s')",
	"INSERT INTO governor.classes (name, max_sessions, queue_limit, mode) VALUES ('watched', 1, 1, 'observe')",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

sub login
{
	my ($class, %options) = @_;

	return GovClient->login($node, user => 'app', application_name => $class, %options);
}

sub start
{
	my ($class, %options) = @_;

	return GovClient->start_login($node, user => 'app', application_name => $class, %options);
}

sub row_of
{
	my ($view, $class, $columns) = @_;

	return join '|', map { defined $_ ? $_ : '' } @{ $admin->query("SELECT $columns FROM governor.$view WHERE class = '$class'")->[0] };
}

# Waits until so many logins of a class wait.
sub queued
{
	my ($class, $n, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($admin->wait_for("SELECT queued = $n FROM governor.admission WHERE class = '$class'"),
		$name || "$n wait in $class");
}

sub empties
{
	my ($class) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($admin->wait_for("SELECT sessions = 0 AND queued = 0 FROM governor.admission WHERE class = '$class'"),
		"$class is empty");
}

subtest 'the cap, and a queue' => sub {
	my @in = map { login('small') } 1 .. 2;
	my @waiting;

	is(row_of('admission', 'small', 'sessions, headroom, decision'), '2|0|queue', 'the class is full');
	foreach my $i (1 .. 3)
	{
		push @waiting, start('small');
		queued('small', $i);
	}
	is($admin->value("SELECT governor.headroom('small')"), 0, 'headroom()');
	is(row_of('admission', 'small', 'sessions, queued, oldest_wait > interval \'0\''), '2|3|t', 'the view');
	is( $admin->value("SELECT count(*) FROM governor.sessions WHERE class = 'small' AND waiting = 'admission' AND state = 'starting'"),
		3, 'those who wait are rows');
	is(scalar(grep { defined $_->finish_login(0) } @waiting), 0, 'nobody is let in');

	# first come, first served
	foreach my $i (0 .. 2)
	{
		(shift @in)->logout;
		ok(defined $waiting[$i]->finish_login && !$waiting[$i]->error, "login $i gets the place");
		is(scalar(grep { defined $_->finish_login(0) } @waiting[ $i + 1 .. $#waiting ]), 0, 'and nobody else');
		push @in, $waiting[$i];
		is(row_of('admission', 'small', 'sessions, queued'), '2|' . (2 - $i), 'the cap holds');
	}
	ok($_->works, 'and works') foreach @in;
	is( row_of('stat_classes', 'small', 'admitted, queued, queued_max_sessions, queued_order, refused, queue_time > interval \'0\''),
		'5|3|1|2|0|t', 'the counters');
	is( join(' ', $admin->column("SELECT kind || ':' || reason FROM governor.events WHERE class = 'small' ORDER BY at")),
		'admitted_after_wait:max_sessions admitted_after_wait:order admitted_after_wait:order', 'the events');
	$_->logout foreach @in;
	empties('small');
};

subtest 'refused at once' => sub {
	my $in = login('none_waits');
	my $client = GovClient->try_login($node, user => 'app', application_name => 'none_waits');

	is($client->error->{S}, 'FATAL', 'severity');
	is($client->error->{C}, '53300', 'SQLSTATE');
	is($client->error->{M}, 'sorry, too many clients already', 'message');
	is($client->error->{D}, 'Class "none_waits" has 1 of 1 sessions and 0 waiting; cause: max_sessions.', 'detail');
	like($client->error->{H}, qr/^Retry after \d+ ms\.$/, 'hint');
	is(row_of('stat_classes', 'none_waits', 'refused, refused_max_sessions, queued'), '1|1|0', 'the counters');
	is(row_of('admission', 'none_waits', 'decision'), 'refuse', 'the view says so before');
	$in->logout;
	empties('none_waits');
	ok(!GovClient->try_login($node, user => 'app', application_name => 'none_waits')->error, 'there is room again');
};

subtest 'too long in the queue' => sub {
	my $in = login('impatient');
	my $begin = time();
	my $client = GovClient->try_login($node, user => 'app', application_name => 'impatient');

	is($client->error->{C}, '53300', 'SQLSTATE');
	is( $client->error->{D},
		'Class "impatient" has 1 of 1 sessions and 0 waiting; cause: max_sessions, and queue_timeout is over.', 'detail');
	cmp_ok(time() - $begin, '>=', 0.4, 'not before queue_timeout');
	is(row_of('stat_classes', 'impatient', 'queued, refused'), '1|1', 'the counters');
	ok($in->works, 'nobody ended for it');
};

subtest 'eviction' => sub {
	my @in = map { login('evicting') } 1 .. 3;

	$in[0]->start('SELECT pg_sleep(60)');
	my $begin = time();
	my $newcomer = login('evicting');

	is($in[1]->wait_for_end->{C}, '57P05', 'the one that rests longest ends');
	ok($in[2]->works, 'another one does not');
	ok($newcomer->works, 'the newcomer has its place');
	is(row_of('admission', 'evicting', 'sessions'), 3, 'the cap holds');
	is(row_of('stat_classes', 'evicting', 'evicted, reclaimed, refused'), '1|0|0', 'the counters');
	is( $admin->value('SELECT kind || \' \' || reason FROM governor.events WHERE pid = ' . $in[1]->pid),
		'evicted evicted', 'the event');

	# 20 newcomers, each takes the place of one that has done its work
	my $evicted = 0;
	foreach my $i (1 .. 20)
	{
		push @in, login('evicting');
		$evicted++ if $in[-1]->works;
	}
	is($evicted, 20, 'again and again');
	is(row_of('stat_classes', 'evicting', 'evicted, refused'), '21|0', 'each at the cost of one');
	is(row_of('admission', 'evicting', 'sessions, queued'), '3|0', 'and the cap holds');
	ok(!$in[0]->has_ended, 'a session that works is let be');
	$in[0]->vanish;
};

subtest 'nobody is ended while there is room' => sub {
	my $before = row_of('stat_classes', 'evicting', 'evicted');
	my @in = map { login('evicting') } 1 .. 2;

	ok($admin->wait_for("SELECT sessions <= 3 FROM governor.admission WHERE class = 'evicting'"), 'some rest');
	$_->logout foreach @in;
	$admin->run("SELECT pg_terminate_backend(pid) FROM governor.sessions WHERE class = 'evicting'");
	empties('evicting');
	$before = row_of('stat_classes', 'evicting', 'evicted');
	my $rests = login('evicting');
	my $second = login('evicting');
	$admin->wait_for('SELECT idle_for > interval \'400 ms\' FROM governor.sessions WHERE pid = ' . $rests->pid);
	my $third = login('evicting');
	is(row_of('stat_classes', 'evicting', 'evicted'), $before, 'an empty place is taken first');
	ok($_->works, 'all live') foreach $rests, $second, $third;
	$_->logout foreach $rests, $second, $third;
	empties('evicting');
};

subtest '60 logins at the same instant, a cap of 20' => sub {
	my @clients = map { start('storm') } 1 .. 60;
	my $most = 0;
	my %done;

	ok($admin->wait_for("SELECT sessions = 20 AND queued = 40 FROM governor.admission WHERE class = 'storm'"),
		'20 are in, 40 wait');
	while (keys %done < 60)
	{
		my $now = $admin->value("SELECT sessions FROM governor.admission WHERE class = 'storm'");

		$most = $now if $now > $most;
		foreach my $i (grep { !$done{$_} } 0 .. $#clients)
		{
			next unless defined $clients[$i]->finish_login(0);
			$done{$i} = $clients[$i]->error ? 'refused' : 'in';
			$clients[$i]->logout;
		}
	}
	is(scalar(grep { $_ eq 'in' } values %done), 60, 'all were served');
	is($most, 20, 'never more than the cap');
	empties('storm');
	is($admin->value('SELECT repairs FROM governor.status'), 0, 'nothing was miscounted');
};

subtest 'clients that give up' => sub {
	my @in = map { login('storm') } 1 .. 20;
	my @waiting = map { start('storm') } 1 .. 50;

	queued('storm', 50);
	# every way to go, at random
	srand 5;
	foreach my $client (@waiting)
	{
		$client->vanish if rand() < 0.6;
	}
	my @left = grep { !$_->{closed} } @waiting;
	queued('storm', scalar @left, 'those who left leave the queue at once');
	(shift @in)->logout;
	# they came at once, so any of them may have been the first
	my @served;
	wait_until(sub { @served = grep { defined $_->finish_login(0) && !$_->error } @left; @served > 0 });
	is(scalar @served, 1, 'one of those who stayed is served');
	@left = grep { $_ != $served[0] } @left;
	is(scalar(grep { defined $_->finish_login(0) } @left), 0, 'alone');

	my ($victim) = $admin->column("SELECT pid FROM governor.sessions WHERE class = 'storm' AND waiting = 'admission' LIMIT 1");
	$admin->run("SELECT pg_terminate_backend($victim)");
	queued('storm', @left - 1, 'pg_terminate_backend() of one that waits');
	my $told;
	wait_until(sub { ($told) = grep { defined $_->finish_login(0) } @left; $told });
	is($told->error->{C}, '57P01', 'who is told so');

	my $super = GovClient->login($node, application_name => 'storm');
	ok($super->works, 'a superuser gets in past a full queue');
	$_->vanish foreach @in, @waiting, $super;
	empties('storm');
};

subtest 'two classes at once' => sub {
	my @clients = map { (start('storm'), start('other')) } 1 .. 30;
	my %most = (storm => 0, other => 0);
	my %done;

	while (keys %done < @clients)
	{
		foreach my $class (keys %most)
		{
			my $now = row_of('admission', $class, 'sessions');
			$most{$class} = $now if $now > $most{$class};
		}
		foreach my $i (grep { !$done{$_} } 0 .. $#clients)
		{
			next unless defined $clients[$i]->finish_login(0);
			$done{$i} = $clients[$i]->error ? 'refused' : 'in';
			$clients[$i]->logout;
		}
	}
	is(scalar(grep { $_ eq 'in' } values %done), 60, 'all were served');
	cmp_ok($most{storm}, '<=', 20, 'neither is above its cap');
	cmp_ok($most{other}, '<=', 15, 'neither is above its cap');
	empties($_) foreach sort keys %most;
};

subtest 'logins that core will refuse' => sub {
	my @in = map { login('evicting') } 1 .. 3;
	my $waiting = start('none_waits');
	my %refused = (
		'a role that does not exist' => { user => 'nobody' },
		'a role that may not log in' => { user => 'nologin' },
		'a role with all its connections' => { user => 'limited' },
		'a database that does not exist' => { dbname => 'missing' },
		'a database that is closed' => { dbname => 'closed' },
		'a database without CONNECT' => { dbname => 'private' },
		'a database with all its connections' => { dbname => 'crowded' });
	my $before = row_of('stat_classes', 'evicting', 'evicted, queued, refused');

	$admin->wait_for("SELECT count(*) = 3 FROM governor.sessions WHERE class = 'evicting' AND idle_for > interval '300 ms'");
	foreach my $name (sort keys %refused)
	{
		my $client = GovClient->try_login($node, user => 'app', application_name => 'evicting', %{ $refused{$name} });

		ok($client->error, "$name: " . $client->error->{M});
		isnt($client->error->{C}, '57P05', 'by core');
	}
	is(row_of('stat_classes', 'evicting', 'evicted, queued, refused'), $before, 'they cost nobody anything');
	ok($_->works, 'everybody is alive') foreach @in;
	$_->vanish foreach @in, $waiting;
	empties('evicting');
};

subtest 'a role that is altered while its client looks for the password' => sub {
	my $hba = $node->data_dir . '/pg_hba.conf';

	$admin->run(
		"CREATE ROLE fired LOGIN PASSWORD 'secret'",
		"CREATE ROLE raised LOGIN PASSWORD 'secret'",
		"CREATE ROLE retired LOGIN SUPERUSER PASSWORD 'secret'");
	append_to_file("$hba.new", "local all fired,raised,retired password\n" . slurp_file($hba));
	rename "$hba.new", $hba or die "rename: $!";
	$admin->run('SELECT pg_reload_conf()');

	# until the postmaster has read it
	for (;;)
	{
		my $client = GovClient->start_login($node, user => 'fired', application_name => 'evicting');
		my ($type, $message) = $client->receive;

		$client->vanish;
		last if unpack('N', $message) == 3;
	}
	empties('evicting');

	my @in = map { login('evicting') } 1 .. 3;
	my $before = row_of('stat_classes', 'evicting', 'admitted, evicted, queued, refused');
	my %client = map { $_ => GovClient->start_login($node, user => $_, application_name => 'evicting') } qw(fired raised retired);

	is(unpack('N', ($client{$_}->receive)[1]), 3, "$_: a password is asked for") foreach sort keys %client;
	$admin->wait_for("SELECT count(*) = 3 FROM governor.sessions WHERE class = 'evicting' AND idle_for > interval '300 ms'");
	$admin->run('ALTER ROLE fired NOLOGIN', 'ALTER ROLE raised SUPERUSER', 'ALTER ROLE retired NOSUPERUSER');

	foreach my $role (qw(fired raised))
	{
		$client{$role}->send('p', "secret\0");
		$client{$role}->finish_login;
	}
	is($client{fired}->error->{C}, '28000', 'core refuses one that may not log in any more');
	is($admin->value('SELECT verdict FROM governor.sessions WHERE pid = ' . $client{raised}->pid),
		'exempt', 'one that is a superuser by now is exempt');
	is(row_of('stat_classes', 'evicting', 'admitted, evicted, queued, refused'), $before, 'they cost nobody anything');
	ok($_->works, 'everybody is alive') foreach @in;

	$admin->wait_for("SELECT count(*) = 3 FROM governor.sessions WHERE class = 'evicting' AND idle_for > interval '300 ms'");
	$client{retired}->send('p', "secret\0");
	$client{retired}->finish_login;
	is($admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $client{retired}->pid),
		'evicting', 'one that is none any more is governed');
	is(row_of('stat_classes', 'evicting', 'evicted'), 1 + (split /\|/, $before)[1], 'and has its place by the rules');
	$_->vanish foreach @in, $client{raised}, $client{retired};
	empties('evicting');
};

subtest 'a database with 1500 grantees' => sub {
	# its list of rights is kept out of line, where no login can read it
	$admin->run(
		'CREATE DATABASE popular',
		'DO $$BEGIN FOR i IN 1 .. 1500 LOOP EXECUTE format(\'CREATE ROLE grantee_%s\', i); EXECUTE format(\'GRANT CONNECT ON DATABASE popular TO grantee_%s\', i); END LOOP; END$$');
	my @in = map { GovClient->try_login($node, user => 'app', application_name => 'small', dbname => 'popular') } 1 .. 2;
	is(scalar(grep { $_->error } @in), 0, 'lets everybody in');
	my $waiting = start('small', dbname => 'popular');
	queued('small', 1);
	(shift @in)->logout;
	ok(defined $waiting->finish_login && !$waiting->error, 'also after a wait');
	$_->vanish foreach @in, $waiting;
	empties('small');
};

subtest 'the pace' => sub {
	my @clients = map { start('paced') } 1 .. 30;
	my @times;
	my $begin = time();

	while (@times < 30)
	{
		foreach my $client (@clients)
		{
			next if $client->{seen} || !defined $client->finish_login(0.001);
			$client->{seen} = 1;
			push @times, time() if !$client->error;
		}
	}
	# by the server's clock, which knows when each was admitted, or a moment later
	my @admitted = map { $_ / 1e6 } sort { $a <=> $b } $admin->column(
		"SELECT (extract(epoch FROM at) * 1e6)::bigint FROM governor.events WHERE class = 'paced' AND kind = 'admitted_after_wait'");
	my $worst = 0;
	foreach my $i (0 .. $#admitted)
	{
		my $within = grep { $_ >= $admitted[$i] && $_ < $admitted[$i] + 0.8 } @admitted;
		$worst = $within if $within > $worst;
	}
	cmp_ok($worst, '<=', 10, 'never more than 10 in a second');
	cmp_ok(scalar @admitted, '>=', 20, 'most had to wait');
	cmp_ok($admitted[-1] - $admitted[0], '>', (@admitted - 1) / 10 - 0.8, 'and 10 a second in the long run');
	is(row_of('stat_classes', 'paced', 'refused, admitted'), '0|30', 'nobody is refused');
	$_->vanish foreach @clients;
	empties('paced');
};

subtest 'a class that is paused' => sub {
	my $rests = login('small');
	my $works = login('small');

	$works->start('SELECT pg_sleep(0.7)');
	$admin->run("UPDATE governor.classes SET paused = true WHERE name = 'small'");
	my $farewell = $rests->wait_for_end;
	is($farewell->{C}, '57P05', 'whoever rests ends');
	like($farewell->{D}, qr/^Reason "paused", class "small"/, 'and is told why');
	$works->finish;
	is($works->error, undef, 'whoever works goes on');
	is($works->wait_for_end->{C}, '57P05', 'until he rests');
	my @waiting = map { start('small') } 1 .. 2;
	queued('small', 2, 'newcomers wait');
	is(row_of('admission', 'small', 'sessions'), 0, 'in an empty class');
	$admin->run("UPDATE governor.classes SET paused = false WHERE name = 'small'");
	ok(defined $_->finish_login && !$_->error, 'and are let in when it is over') foreach @waiting;
	$_->logout foreach @waiting;
	empties('small');
};

subtest 'a cap that is lowered' => sub {
	my @in = map { login('storm') } 1 .. 6;

	$in[0]->start('SELECT pg_sleep(1)');
	$admin->run("UPDATE governor.classes SET max_sessions = 2 WHERE name = 'storm'");
	ok($admin->wait_for("SELECT sessions = 2 FROM governor.admission WHERE class = 'storm'"), 'the surplus ends');
	$in[0]->finish;
	is($in[0]->error, undef, 'and nobody who works');
	is(row_of('stat_classes', 'storm', 'reclaimed_surplus'), 4, 'the counter');
	$admin->run("UPDATE governor.classes SET max_sessions = 20 WHERE name = 'storm'");
	$admin->run('SELECT governor.reload()');
	$_->vanish foreach @in;
	empties('storm');
};

subtest 'a mode that becomes weaker, a policy that changes' => sub {
	my @in = map { login('small') } 1 .. 2;
	my @waiting = map { start('small') } 1 .. 3;

	queued('small', 3);
	set_mode($admin, 'observe');
	ok(defined $_->finish_login && !$_->error, 'all who wait are let in') foreach @waiting;
	is(row_of('admission', 'small', 'sessions, queued, decision'), '5|0|admit', 'at once');
	$_->logout foreach @in, @waiting;
	set_mode($admin, 'enforce');

	@in = map { login('small') } 1 .. 2;
	@waiting = ();
	foreach my $i (1 .. 3)
	{
		push @waiting, start('small');
		queued('small', $i);
	}
	$admin->run("UPDATE governor.classes SET max_sessions = 4 WHERE name = 'small'");
	ok(defined $_->finish_login && !$_->error, 'a higher cap lets in') foreach @waiting[ 0, 1 ];
	ok(!defined $waiting[2]->finish_login(0), 'as many as there are places');
	$admin->run("UPDATE governor.rules SET class = 'other' WHERE application_name = 'small'");
	ok(defined $waiting[2]->finish_login && !$waiting[2]->error, 'a rule that leads elsewhere, too');
	is( $admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $waiting[2]->pid),
		'other', 'where it is then');
	$_->logout foreach @in, @waiting;
	$admin->run(
		"UPDATE governor.classes SET max_sessions = 2 WHERE name = 'small'",
		"UPDATE governor.rules SET class = 'small' WHERE application_name = 'small'",
		'SELECT governor.reload()');
	empties('small');
};

subtest 'observe' => sub {
	my @in = map { login('watched') } 1 .. 4;

	ok($_->works, 'everybody is let in') foreach @in;
	is(row_of('stat_classes', 'watched', 'admitted, queued, refused, would_queue, would_refuse'),
		'4|0|0|3|0', 'what would have been is counted');
	# beside them the governor may note whom it would end as a surplus
	is( join(' ', $admin->column("SELECT kind || ':' || reason FROM governor.events WHERE class = 'watched' AND kind <> 'would_reclaim' ORDER BY at")),
		'would_queue:max_sessions would_queue:max_sessions would_queue:max_sessions', 'and noted');
	$_->logout foreach @in;
};

subtest 'reserved places' => sub {
	# 150 connections, 3 of them for superusers: 147 places
	ok($admin->wait_for('SELECT count(*) = 1 FROM governor.sessions'), 'nobody else is there');
	my $free = $admin->value("SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*) FROM governor.sessions");

	set_policy(
		$admin,
		"INSERT INTO governor.classes (name, mode, reserved_sessions) VALUES ('keeper', 'off', " . ($free - 3) . ')',
		"INSERT INTO governor.rules (position, class, application_name) VALUES (90, 'keeper', 'keeper')",
		"UPDATE governor.classes SET queue_limit = 0 WHERE name = 'other'");
	my @in = map { GovClient->try_login($node, user => 'app', application_name => 'other') } 1 .. 5;
	my @refused = grep { $_->error } @in;
	is(scalar @refused, 2, 'others cannot take them');
	is($refused[0]->error->{C}, '53300', 'SQLSTATE');
	like($refused[0]->error->{D}, qr/; cause: (reserve|server)\.$/, 'detail');
	my @kept = map { login('keeper') } 1 .. 5;
	ok($_->works, 'its own class can') foreach @kept;
	$_->vanish foreach @in, @kept;
	empties('other');
};

subtest 'a queue never takes what administrators need' => sub {
	my @all;

	ok($admin->wait_for('SELECT count(*) = 1 FROM governor.sessions'), 'nobody else is there');
	set_policy($admin, "DELETE FROM governor.rules WHERE class = 'keeper'", "DELETE FROM governor.classes WHERE name = 'keeper'",
		"UPDATE governor.classes SET queue_limit = 1000 WHERE name = 'storm'");
	my @in = map { login('storm') } 1 .. 20;
	foreach my $i (1 .. 160)
	{
		push @all, start('storm');
	}
	ok($admin->wait_for("SELECT refused_server >= 10 FROM governor.stat_classes WHERE class = 'storm'"),
		'who comes too late is refused at once');
	# those who are on their way to it have a slot still
	ok(wait_until(sub {
				my $refused = grep { $_->error || defined $_->finish_login(0) } @all;

				return $refused + $admin->value("SELECT queued FROM governor.admission WHERE class = 'storm'") == @all;
			}),
		'all others wait');
	ok(!GovClient->try_login($node)->error, 'a superuser gets in') for 1 .. 3;
	$_->vanish foreach @in, @all;
	empties('storm');
};

subtest 'kill -9 in the middle' => sub {
	my @in = map { login('storm') } 1 .. 20;
	my @waiting = map { start('storm') } 1 .. 20;

	queued('storm', 20);
	# until the server has noticed, it goes on as if nothing had been
	my $log = log_position($node);
	kill 'KILL', $in[0]->pid;
	ok(wait_for_log($node, qr/all server processes terminated; reinitializing/, $log), 'the server begins anew');
	ok(wait_until(sub { my $probe = GovClient->try_login($node); !$probe->error }), 'the server comes back');
	$admin = GovClient->login($node);
	ok($admin->wait_for("SELECT count(*) > 2 AND sum(sessions + queued) FILTER (WHERE class = 'storm') = 0 FROM governor.admission"),
		'and nothing is left over');
	my @again = map { login('storm') } 1 .. 20;
	my $waits = start('storm');
	queued('storm', 1, 'the cap holds again');
	$_->vanish foreach @again, $waits;
	empties('storm');
};

subtest 'a fast shutdown' => sub {
	my @in = map { login('small') } 1 .. 2;
	my $waits = start('small');

	queued('small', 1);
	my $begin = time();
	$node->stop('fast');
	cmp_ok(time() - $begin, '<', 20, 'does not wait for the queue');
};

done_testing();
