
# Retired versions: a session whose function is served by a newer version rests
# no longer than under the highest pressure.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;

my $node = new_node('versions', settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

$admin->run('CREATE ROLE app LOGIN', 'CREATE ROLE forger LOGIN', 'CREATE DATABASE staging');
# the platform says which class it is; of `slow` only the views are looked at
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout, idle_timeout_floor) VALUES
		('slow', '1 h', '1 s'), ('other', '1 h', '1 s'), ('quick', '3 s', '300 ms'),
		('no_floor', '1 h', NULL), ('no_timeout', NULL, '1 s')",
	"INSERT INTO governor.classes (name, idle_timeout, idle_timeout_floor, keep_warm) VALUES
		('warm', '1 h', '1 s', 10), ('steady', '1500 ms', '1 s', 10)",
	"INSERT INTO governor.classes (name, idle_timeout, idle_timeout_floor, mode) VALUES ('watched', '2 s', '200 ms', 'observe')",
	"INSERT INTO governor.rules (position, class, platform)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped",
	"INSERT INTO governor.rules (position, class, client_addr) VALUES (0, 'other', '127.0.0.1')");

sub login
{
	my ($identity, %options) = @_;
	my $client = GovClient->login($node, user => 'app', application_name => "faas:$identity", %options);

	rests($client);
	return $client;
}

sub rests
{
	my ($client) = @_;

	return $admin->wait_for("SELECT state = 'idle' FROM governor.sessions WHERE pid = " . $client->pid);
}

sub seen
{
	my ($client, $columns) = @_;

	return join '|', map { defined $_ ? $_ : '' }
	  @{ $admin->query("SELECT $columns FROM governor.sessions WHERE pid = " . $client->pid)->[0] || [] };
}

# By an idle_timeout of an hour: `later` if the session may rest all of it, `sooner` if its
# version will be retired before.  It has come to rest later than it logged in.
sub rest_of
{
	my ($client) = @_;

	return seen($client,
		"CASE WHEN stale_at IS NULL THEN 'never' WHEN stale_at = state_since + interval '1 h' THEN 'later'
			  WHEN stale_at < state_since + interval '1 h' THEN 'sooner' ELSE 'longer' END");
}

sub works_and_rests
{
	foreach my $client (@_)
	{
		$client->run('SELECT 1');
		rests($client);
	}
	return;
}

# What is prepared takes its time, and nobody ends meanwhile.
sub is_retired
{
	my ($client, $name) = @_;

	$admin->wait_for("SELECT verdict NOT IN ('keep', 'listening') FROM governor.sessions WHERE pid = " . $client->pid);
	set_mode($admin, 'enforce');
	is_farewell_idle($client->wait_for_end, 'retired', 'quick', $name);
	set_mode($admin, 'observe');
	return;
}

subtest 'an old version ends' => sub {
	set_mode($admin, 'observe');
	my $old = login('quick:f:1:i');
	my $new = login('quick:f:2:i');

	# it is retired 3 s after its login, and would be idle for so long a second later
	$new->start('SELECT pg_sleep(600)');
	$old->run('SELECT pg_sleep(1)');
	is_retired($old, 'the old version ends');
	ok(!$new->has_ended, 'the new one does not');
	ok($admin->wait_for("SELECT reclaimed = 1 AND reclaimed_retired = 1 FROM governor.stat_classes WHERE class = 'quick'"),
		'the counters');
	is($admin->value('SELECT reason FROM governor.events WHERE kind = \'reclaimed\' AND pid = ' . $old->pid), 'retired', 'the event');

	# it is known still, though it has no session
	my $again = login('quick:f:1:i');
	$again->run('SELECT pg_sleep(1)');
	is_retired($again, 'and again when it comes back');
	$new->vanish;
};

subtest 'which version is newer' => sub {
	my $old = login('slow:f:1:i');
	works_and_rests($old);
	is(rest_of($old), 'later', 'alone');
	my $new = login('slow:f:2:i');
	works_and_rests($new);
	is(rest_of($old), 'sooner', 'a newer one has come');
	is(rest_of($new), 'later', 'which is not retired');
	is(seen($old, 'verdict'), 'keep', 'the old one has logged in not long ago');

	my $one_more = login('slow:f:1:j');
	is(rest_of($old), 'later', 'a login of the old version keeps all of it');
	works_and_rests($old, $new, $one_more);
	is(join(' ', map { rest_of($_) } $old, $one_more, $new), 'sooner sooner later', 'and does not make it newer');

	my $third = login('slow:f:3:i');
	works_and_rests($new, $third);
	is(join(' ', map { rest_of($_) } $old, $new, $third), 'sooner sooner later', 'the one that came last serves');
	$third->logout;
	$admin->wait_for('SELECT NOT EXISTS (SELECT FROM governor.sessions WHERE pid = ' . $third->pid . ')');
	is(join(' ', map { rest_of($_) } $old, $new), 'sooner later', 'until it is gone');

	my $back = login('slow:f:3:i');
	works_and_rests($old, $new, $back);
	is(join(' ', map { rest_of($_) } $old, $new, $back), 'sooner sooner later', 'it comes back');
	$_->logout foreach $old, $one_more, $new, $back;
	$admin->wait_for("SELECT count(*) = 0 FROM governor.sessions WHERE class = 'slow'");

	# the order in which the server has seen them is known without a session of theirs
	$new = login('slow:f:2:i');
	$old = login('slow:f:1:i');
	works_and_rests($new, $old);
	is(join(' ', map { rest_of($_) } $old, $new), 'sooner later', 'the old one logs in last, and is the old one still');
	$_->logout foreach $old, $new;
	$admin->wait_for("SELECT count(*) = 0 FROM governor.sessions WHERE class = 'slow'");
};

subtest 'kin, and others' => sub {
	my $mine = login('slow:mine:1:i');
	my %others = (
		another_role => login('slow:mine:2:i', user => 'forger'),
		another_database => login('slow:mine:2:i', dbname => 'staging'),
		another_class => login('slow:mine:2:i', host => '127.0.0.1'),
		another_function => login('slow:mine2:2:i'),
		no_version => login('slow:mine::i'),
		a_name_that_was_cut => login('slow:mine:' . ('v' x 60)));
	works_and_rests($mine);
	is(seen($others{another_class}, 'class, function, version'), 'other|mine|2', 'one is in another class');
	is(rest_of($mine), 'later', 'none of them is a newer version');
	my $staging = login('slow:mine:1:i', dbname => 'staging');
	works_and_rests($others{another_database});
	is(rest_of($others{another_database}), 'sooner', 'in the other database the version that came last is');

	my $nobody = login('slow:nobody::i');
	my $version = login('slow:nobody:1:i');
	my $long = 'f' x 44;
	my $cut = login("slow:$long:12345678:i");
	my $whole = login("slow:$long:2");
	works_and_rests($nobody, $cut);
	is(rest_of($nobody), 'later', 'without a version there is none that is newer');
	is(seen($cut, 'length(application_name), version'), '63|12345678', 'a name was cut');
	is(rest_of($cut), 'later', 'perhaps in its version, so it is not compared');

	my $registered = GovClient->login($node, user => 'app');
	$registered->run("SELECT governor.register('slow', 'mine', '2')");
	works_and_rests($mine);
	is(rest_of($mine), 'sooner', 'a version may be said later');
	my $late = GovClient->login($node, user => 'app');
	$late->run("SELECT governor.register('slow', 'mine', '1')");
	works_and_rests($late);
	is(rest_of($late), 'sooner', 'and an old one');
	$_->vanish foreach $mine, $staging, values %others, $nobody, $version, $cut, $whole, $registered, $late;
};

subtest 'classes' => sub {
	foreach my $row ([ 'no_floor', 'later' ], [ 'no_timeout', 'never' ], [ 'warm', 'sooner' ])
	{
		my ($class, $rest) = @$row;
		my $old = login("$class:f:1:i");
		my $new = login("$class:f:2:i");

		works_and_rests($old, $new);
		is(rest_of($old), $rest, $class);
		$_->vanish foreach $old, $new;
	}
	my $old = login('watched:f:1:i');
	my $new = login('watched:f:2:i');
	$new->start('SELECT pg_sleep(600)');
	$old->run('SELECT pg_sleep(1)');
	ok($admin->wait_for("SELECT count(*) = 1 FROM governor.events WHERE kind = 'would_reclaim' AND reason = 'retired' AND pid = " . $old->pid),
		'observe notes it');
	ok($old->works, 'and lets it be');
	$_->vanish foreach $old, $new;
};

# What cannot use versions, or says ever another one, leaves those of others in the memory.
subtest 'who is remembered' => sub {
	set_policy($admin, "INSERT INTO governor.classes (name) VALUES ('later_on')",
		"INSERT INTO governor.rules (position, class, platform) VALUES (100, 'later_on', 'later_on'), (101, 'default', 'none')");
	$_->logout foreach login('later_on:f:2:i'), login('later_on:f:1:i');
	set_policy($admin, "UPDATE governor.classes SET idle_timeout = '1 h', idle_timeout_floor = '1 s', mode = NULL WHERE name IN ('later_on', 'default')");
	my $old = login('later_on:f:1:i');
	my $new = login('later_on:f:2:i');
	works_and_rests($old, $new);
	is(join(' ', map { rest_of($_) } $old, $new), 'sooner later', 'nobody took notice before the class had a timeout');

	my $restless = GovClient->login($node, user => 'app');
	$restless->run("DO \$\$ BEGIN FOR i IN 1 .. 30000 LOOP
			PERFORM set_config('application_name', 'faas:none:f:' || i || ':i', false);
			COMMIT;
		END LOOP; END \$\$");
	is(seen($restless, 'class, version'), 'default|30000', 'a session in class default has had very many versions');
	is(join(' ', map { rest_of($_) } $old, $new), 'sooner later', 'those of others are known still');
	$restless->run("SELECT governor.register('slow', 'h', '1')");
	my $newer = login('slow:h:2:i');
	works_and_rests($restless, $newer);
	is(rest_of($restless), 'sooner', 'as is the one with which it has moved');
	set_policy($admin, "UPDATE governor.classes SET idle_timeout = NULL, idle_timeout_floor = NULL, mode = 'off' WHERE name = 'default'");
	$_->vanish foreach $old, $new, $restless, $newer;
};

# A way back to the version before leaves sessions of the newer one behind.
subtest 'a version that only rests does not serve' => sub {
	my $old = login('quick:g:1:i');
	my $kept = login('quick:g:2:i');

	$kept->run('LISTEN news');
	$admin->wait_for('SELECT idle_for > interval \'3.2 s\' FROM governor.sessions WHERE pid = ' . $kept->pid);
	$old->run('SELECT pg_sleep(4)');
	rests($old);
	is(seen($old, "stale_at = state_since + interval '3 s'"), 't', 'the old version rests as long as any');
	$kept->start('SELECT pg_sleep(600)');
	is_retired($old, 'until the other one works again');
	$_->vanish foreach $old, $kept;
};

# Which session of its pool a canary uses is chance.  One works all the time, and the others
# rest for much longer than the floor; keep_warm leaves them to their version alone.
subtest 'a steady canary' => sub {
	my @canary = map { login("steady:f:1:$_") } 1 .. 3;
	$canary[0]->start('SELECT pg_sleep(600)');
	my $new = login('steady:f:2:i');
	$new->start('SELECT pg_sleep(600)');

	foreach my $turn (0 .. 2)
	{
		my $works = $canary[$turn];
		my $next = $turn < 2 ? $canary[ $turn + 1 ] : undef;

		is( $admin->wait_for(
				"SELECT count(*) FILTER (WHERE state = 'active') = 1
					AND count(*) FILTER (WHERE state = 'idle' AND idle_for > interval '2 s') = 2
				   FROM governor.sessions WHERE class = 'steady' AND version = '1'"),
			1, 'one works, and the others have rested for longer than any timeout');
		set_mode($admin, 'enforce');
		wait_for_sweeps($admin, 3);
		# whoever has ended would be waited for, for long
		is(scalar(grep { $_->has_ended } @canary), 0, 'none of them ends') or return;
		set_mode($admin, 'observe') unless $next;
		if ($next)
		{
			$next->start('SELECT pg_sleep(600)');
			$admin->wait_for('SELECT state = \'active\' FROM governor.sessions WHERE pid = ' . $next->pid);
		}
		$admin->run('SELECT pg_cancel_backend(' . $works->pid . ')');
		$works->finish;
	}
	is($admin->value("SELECT reclaimed FROM governor.stat_classes WHERE class = 'steady'"), 0, 'as the counter says');
	ok( $admin->wait_for("SELECT count(*) = 3 FROM governor.sessions WHERE class = 'steady' AND version = '1' AND verdict <> 'keep'"),
		'once all of them rest, all are retired');
	set_mode($admin, 'enforce');
	is_farewell_idle($canary[2]->wait_for_end, 'retired', 'steady', 'the one used last');
	$_->wait_for_end foreach @canary;
	set_mode($admin, 'observe');
	$new->vanish;
};

subtest 'sessions that idle rules keep' => sub {
	my $old = login('quick:h:1:i');
	my $canary = login('quick:h:1:j');
	my $new = login('quick:h:2:i');

	$new->start('SELECT pg_sleep(600)');
	$old->run('LISTEN news', 'SELECT pg_sleep(1)');
	$canary->run('SELECT pg_sleep(1)');
	is_retired($canary, 'another one ends');
	ok($old->works, 'one that listens does not');
	$_->vanish foreach $old, $new;
};

is($admin->value('SELECT repairs FROM governor.status'), 0, 'no counter was wrong');
$node->stop;
done_testing();
