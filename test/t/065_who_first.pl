
# Who goes first, where a newcomer needs one place, and where reclaim_rate lets
# only some go: those of whom more is known than that they rest.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;

my $node = new_node('who_first', settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

$admin->run('CREATE ROLE app LOGIN');
# the platform says which class it is
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, sessions_per_instance, idle_timeout, idle_in_transaction_timeout, reclaim_rate)
		VALUES ('slowly', 1, '1 s', '1 s', 2)",
	"INSERT INTO governor.classes (name, sessions_per_instance, idle_timeout, reclaim_rate, max_sessions, evict_after, queue_timeout)
		VALUES ('full', 1, '2 s', 0.001, 6, '500 ms', '60 s')",
	"INSERT INTO governor.classes (name, sessions_per_instance, idle_timeout, keep_warm) VALUES ('warm', 1, '1 s', 1), ('capped', 1, '1 h', 0)",
	"UPDATE governor.classes SET mode = 'observe' WHERE NOT shipped",
	"INSERT INTO governor.rules (position, class, platform)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

# By the class and not by governor.mode: a reload of the configuration wakes every session, and one that is not at rest
# at that moment declines, which is not what is looked at here.
sub set_class_mode
{
	my ($class, $mode) = @_;

	set_policy($admin, "UPDATE governor.classes SET mode = '$mode' WHERE name = '$class'");
	return;
}

sub login
{
	my ($identity) = @_;
	my $client = GovClient->login($node, user => 'app', application_name => "faas:$identity");

	$client->run('SELECT 1');
	$admin->wait_for("SELECT state = 'idle' FROM governor.sessions WHERE pid = " . $client->pid);
	return $client;
}

# One of each kind, those that rest without any evidence first, so they have rested longest.
sub one_of_each
{
	my ($class) = @_;
	my %one = (rests_longest => login("$class:f:2:a"));

	$one{retired} = login("$class:g:1:a");
	$one{lease} = login("$class:f:2:b");
	$one{lease}->run("SELECT governor.lease('1 ms')");
	$one{superseded} = login("$class:f:2:c");
	return %one;
}

# In `full` everybody stays, but for the one that its reclaim_rate lets go at once.
subtest 'eviction' => sub {
	my $first_to_go = login('full:f:2:z');

	$admin->wait_for('SELECT verdict = \'idle\' FROM governor.sessions WHERE pid = ' . $first_to_go->pid);
	set_class_mode('full', 'enforce');
	$first_to_go->wait_for_end;

	my %one = one_of_each('full');
	my $newer = login('full:g:2:a');
	my $again = login('full:f:2:c');
	$newer->start('SELECT pg_sleep(600)');
	$again->start('SELECT pg_sleep(600)');
	is($admin->value("SELECT sessions FROM governor.admission WHERE class = 'full'"), 6, 'the class is full');
	# the old version has last logged in longer ago than its idle_timeout
	ok( $admin->wait_for(
			"SELECT count(*) = 4 FROM governor.sessions WHERE class = 'full' AND idle_for > interval '2 s'"),
		'all have rested, and the version is retired');
	wait_for_sweeps($admin, 2);

	my @order;
	foreach (1 .. 4)
	{
		my $newcomer = GovClient->login($node, user => 'app', application_name => "faas:full:n:1:$_");

		$newcomer->start('SELECT pg_sleep(600)');
		ok( wait_until(sub {
				push @order, grep { $one{$_}->has_ended && delete $one{$_} } sort keys %one;
				return @order == $_;
			}),
			'one ends for a newcomer');
	}
	is(join(' ', @order), 'superseded lease retired rests_longest', 'in the order of what is known of them');
	is($admin->value("SELECT evicted FROM governor.stat_classes WHERE class = 'full'"), 4, 'all were evicted');
	set_class_mode('full', 'observe');
};

subtest 'reclaim_rate' => sub {
	my %one = one_of_each('slowly');
	$one{in_transaction} = login('slowly:f:2:d');
	$one{in_transaction}->run('BEGIN', 'SELECT 1');
	$one{lease_in_transaction} = login('slowly:f:2:e');
	$one{lease_in_transaction}->run("SELECT governor.lease('1 ms')", 'BEGIN', 'SELECT 1');
	my $again = login('slowly:f:2:c');
	$again->start('SELECT pg_sleep(600)');
	# without a floor a version that is retired is no reason to end
	ok( $admin->wait_for(
			"SELECT count(*) = 6 FROM governor.sessions
			  WHERE class = 'slowly' AND verdict IN ('idle', 'idle_in_transaction', 'lease_expired', 'superseded')"),
		'all should end');
	set_class_mode('slowly', 'enforce');
	$_->wait_for_end foreach values %one;

	my %name = map { $one{$_}->pid => $_ } keys %one;
	is( join(' ', map { $name{$_} } $admin->column(
				"SELECT pid FROM governor.events WHERE kind = 'reclaimed' AND class = 'slowly' ORDER BY at")),
		'superseded lease lease_in_transaction in_transaction rests_longest retired',
		'in the order of what is known of them');
};

sub seen
{
	my ($client, $columns) = @_;

	return join '|', map { defined $_ ? $_ : '' }
	  @{ $admin->query("SELECT $columns FROM governor.sessions WHERE pid = " . $client->pid)->[0] || [] };
}

# Neither a warm seat nor the cap is for those that end anyway.
subtest 'keep_warm' => sub {
	set_class_mode('slowly', 'observe');
	my $rests = login('warm:f:1:a');
	my $lease = login('warm:f:1:b');

	$lease->run("SELECT governor.lease('1 ms')");
	$admin->wait_for('SELECT verdict = \'lease_expired\' FROM governor.sessions WHERE pid = ' . $lease->pid);
	is(seen($rests, 'verdict, verdict_detail'), 'keep|keep_warm', 'the other one has the seat');
	$_->vanish foreach $rests, $lease;
};

subtest 'a surplus' => sub {
	my $rests = login('capped:f:1:a');
	my $lease = login('capped:f:1:b');
	my $superseded = login('capped:f:1:c');
	my $again = login('capped:f:1:c');

	$lease->run("SELECT governor.lease('1 ms')");
	$admin->wait_for('SELECT verdict = \'lease_expired\' FROM governor.sessions WHERE pid = ' . $lease->pid);
	set_policy($admin, "UPDATE governor.classes SET max_sessions = 2 WHERE name = 'capped'");
	is(join(' ', map { seen($_, 'verdict') } $rests, $lease, $superseded, $again),
		'keep lease_expired superseded keep', 'two are too many, and two end anyway');
	set_policy($admin, "UPDATE governor.classes SET max_sessions = 1 WHERE name = 'capped'");
	is(join(' ', map { seen($_, 'verdict') } $rests, $lease, $superseded, $again),
		'surplus lease_expired superseded keep', 'of three one more has to go');
	$_->vanish foreach $rests, $lease, $superseded, $again;
};

is($admin->value('SELECT repairs FROM governor.status'), 0, 'no counter was wrong');
$node->stop;
done_testing();
