
# A client that takes longer than a timeout to send one message is at work, not
# at rest.  Core has taken the first part out of the socket and its buffer, and
# waits for the remainder in a state that looks idle.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'only Linux can tell when a client sent something last' unless $^O eq 'linux';

my $node = new_node('slow_message',
	settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

$admin->run('CREATE ROLE sender LOGIN');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout, idle_in_transaction_timeout) VALUES ('slow', '1 s', '1 s')",
	"INSERT INTO governor.rules (position, class, role) VALUES (10, 'slow', 'sender')");

foreach my $state ('idle', 'idle in transaction')
{
	my $client = GovClient->login($node, user => 'sender', host => '127.0.0.1');
	my $statement = "SELECT length('" . ('x' x 100_000) . "')\0";
	my $message = 'Q' . pack('N', 4 + length $statement) . $statement;

	$client->run('BEGIN') if $state ne 'idle';
	my $declined = $admin->value("SELECT declined FROM governor.stat_classes WHERE class = 'slow'");

	# the rest must have begun a while before the first part comes, as the kernel's clock is coarse
	$admin->wait_for("SELECT idle_for > '200 ms' FROM governor.sessions WHERE pid = " . $client->pid);
	$client->_write(substr($message, 0, 50_000));

	ok($admin->wait_for("SELECT declined > $declined FROM governor.stat_classes WHERE class = 'slow'"),
		"$state: asked to end in the middle of a message, the session declines");
	wait_for_sweeps($admin, 5);
	is($admin->value('SELECT state FROM governor.sessions WHERE pid = ' . $client->pid),
		$state, "$state: it is still there");

	$client->_write(substr($message, 50_000));
	is($client->finish->[0][0], 100_000, "$state: and the statement is carried out");

	# at rest without a part of a message it ends like any other
	ok($client->wait_for_end, "$state: a rest is a rest");
}

$node->stop;
done_testing();
