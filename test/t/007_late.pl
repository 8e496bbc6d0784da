
# How late a zombie goes: at most one sweep_interval after its timeout, with
# everything as shipped.  No benchmark: the bound leaves a slow machine a second.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use List::Util qw(max);
use Test::More;

my $node = new_node('late', settings => { 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

my $interval = 1.0;
my $slack = 1.0;
my $timeout = 1.5;

is($admin->value('SHOW governor.sweep_interval'), '1s', 'the interval that is shipped');
$admin->run('CREATE ROLE app LOGIN');
set_policy($admin,
	"UPDATE governor.classes SET idle_timeout = '$timeout s', idle_timeout_floor = NULL, idle_in_transaction_timeout = '$timeout s' WHERE name = 'function'"
);

# zombies that come to rest at many moments between two looks, and one that keeps the governor awake
my @zombies;
my $start = $admin->value('SELECT clock_timestamp()');
for my $i (1 .. 40)
{
	my $zombie = GovClient->login($node, user => 'app', application_name => "faas:lambda:f:1:$i");

	$zombie->run($i % 2 ? 'BEGIN' : 'SELECT 1', 'SELECT pg_sleep(0.05)');
	push @zombies, $zombie;
}
is($_->wait_for_end->{S}, 'FATAL', 'a zombie ends') foreach @zombies;

my $pids = join(',', map { $_->pid } @zombies);
ok($admin->wait_for("SELECT count(*) = 40 FROM governor.events WHERE kind = 'reclaimed' AND pid IN ($pids)"),
	'an event for each');
my @rests =
  sort { $a <=> $b }
  $admin->column(
	"SELECT substring(detail FROM ' for ([0-9.]+) s')::numeric FROM governor.events WHERE kind = 'reclaimed' AND pid IN ($pids)"
  );

cmp_ok($rests[0], '>=', $timeout - 0.05, 'none is early');
cmp_ok($rests[-1], '<=', $timeout + $interval + $slack, 'none is late');
note("rested $rests[0] to $rests[-1] s, in the median $rests[20] s, with a timeout of $timeout s");

# a governor that slept wakes in time, too
ok($admin->wait_for("SELECT sum(sessions) = 0 FROM governor.admission"), 'nobody is left');
my $lonely = GovClient->login($node, user => 'app', application_name => 'faas:lambda:f:1:lonely');
$lonely->wait_for_end;
ok( $admin->wait_for(
		"SELECT count(*) = 1 FROM governor.events WHERE kind = 'reclaimed' AND pid = " . $lonely->pid),
	'a lonely one ends');
cmp_ok(
	$admin->value(
		"SELECT substring(detail FROM ' for ([0-9.]+) s')::numeric FROM governor.events WHERE kind = 'reclaimed' AND pid = "
		  . $lonely->pid),
	'<=',
	$timeout + $interval + $slack,
	'and not late');

$admin->logout;
$node->stop;

done_testing();
