
# The server's clock is set while sessions rest: sweeps go on, and no zombie
# becomes immune.  The server runs with a clock that the test can set.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $shim = "$folder/clock_shim.so";
my $offset = "$folder/offset";

plan skip_all => 'no C compiler, or no LD_PRELOAD, to give the server another clock'
  if $^O ne 'linux'
  || system("cc -shared -fPIC -o $shim $FindBin::RealBin/../lib/clock_shim.c -ldl >/dev/null 2>&1") != 0;

sub set_clock
{
	my ($seconds) = @_;

	open my $file, '+<', $offset or die "$offset: $!";
	binmode $file;
	print $file pack('q', $seconds);
	close $file;
	return;
}

open my $file, '>', $offset or die "$offset: $!";
print $file "\0" x 4096;
close $file;

my $node = new_node('clock',
	settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
{
	local $ENV{LD_PRELOAD} = $shim;
	local $ENV{GOV_TEST_CLOCK} = $offset;
	$node->start;
}
my $admin = admin_of($node);
$admin->run('CREATE ROLE fn LOGIN');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout) VALUES ('quick', '1 s')",
	"INSERT INTO governor.classes (name, idle_timeout, idle_timeout_floor) VALUES ('versions', '1 h', '1 s')",
	"INSERT INTO governor.rules (position, class, role) VALUES (10, 'quick', 'fn')",
	"INSERT INTO governor.rules (position, class, platform) VALUES (5, 'versions', 'v')");

my $start = $admin->value('SELECT extract(epoch FROM now())::bigint');
set_clock(1000);
ok($admin->value('SELECT extract(epoch FROM clock_timestamp())::bigint') >= $start + 1000,
	'the test can set the clock');

# back, while the governor has plans by the old clock
my $resting = GovClient->login($node, user => 'fn', host => '127.0.0.1');
wait_for_sweeps($admin, 2);
set_clock(0);
wait_for_sweeps($admin, 3);
pass('the governor goes on sweeping after the clock was set back');

my $zombie = GovClient->login($node, user => 'fn', host => '127.0.0.1');
ok($zombie->wait_for_end, 'and ends who comes to rest from then on');

# back, between the logins of two versions: the one that comes last is the newer one, and
# the other one was not logged in with in the future
set_clock(1000);
my $old = GovClient->login($node, user => 'fn', application_name => 'faas:v:f:1:i');
set_clock(0);
my $new = GovClient->login($node, user => 'fn', application_name => 'faas:v:f:2:i');
wait_for_sweeps($admin, 2);
foreach my $row ([ $old, 't', 'the one that came first is to be retired' ], [ $new, 'f', 'the one that came last is not' ])
{
	my ($client, $sooner, $name) = @$row;

	$client->run('SELECT 1');
	$admin->wait_for("SELECT state = 'idle' FROM governor.sessions WHERE pid = " . $client->pid);
	is($admin->value("SELECT stale_at < state_since + interval '1 h' FROM governor.sessions WHERE pid = " . $client->pid), $sooner, $name);
}
$_->logout foreach $old, $new;

# forward, while they rest: the kernel's idea of how long differs from ours from now on
my @zombies = map { GovClient->login($node, user => 'fn', host => $_) } ('127.0.0.1', '127.0.0.1');
$resting->run('SELECT 1');
set_clock(3600);
ok($_->wait_for_end, 'after a step forward a session over TCP ends as well') foreach @zombies, $resting;

$node->stop;
done_testing();
