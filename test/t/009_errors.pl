
# An error while a login is classified never refuses the login, and one while
# living sessions are classified never stops the governor.  The error is a real
# one: the first page of pg_auth_members is overwritten, so that every question
# of who is a member of what fails.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('errors',
	settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

$admin->run('CREATE ROLE team', 'CREATE ROLE member LOGIN IN ROLE team', 'CREATE ROLE other LOGIN');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout) VALUES ('by_member', '1 h'), ('by_role', '300 ms')",
	"INSERT INTO governor.rules (position, class, role) VALUES (10, 'by_role', 'other'), (20, 'by_member', '+team')");

my $client = GovClient->login($node, user => 'member');
is($admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $client->pid),
	'by_member', 'before the damage the rule on membership works');
$client->logout;

my $file = $node->data_dir . '/' . $admin->value("SELECT pg_relation_filepath('pg_auth_members')");
$admin->logout;
$node->stop;

open my $page, '+<', $file or die "$file: $!";
binmode $page;
read $page, my $healthy, 8192;
seek $page, 0, 0;
print $page "\xDB" x 8192;
close $page;
$node->start;

# a login before the policy is in force would have nothing to be classified by
$admin = GovClient->login($node);
$admin->wait_for('SELECT policy_generation > 0 FROM governor.status');

my $position = log_position($node);
$client = GovClient->try_login($node, user => 'member');
ok(!$client->error, 'a login whose class cannot be found out is let in');
is($client->value('SELECT 1'), 1, 'and works');
ok(wait_for_log($node, qr/pg_governor could not classify a login: invalid page in block 0 of relation/, $position),
	'the log says why');

is($admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $client->pid),
	'default', 'it is in class default');

# living sessions meet the same error when a new policy comes into force
$position = log_position($node);
my $generation = $admin->value('SELECT policy_generation FROM governor.status');
$admin->run("UPDATE governor.classes SET idle_timeout = '200 ms' WHERE name = 'by_role'");
cmp_ok($admin->value('SELECT governor.reload()'), '>', $generation, 'a new policy comes into force all the same');
like(log_since($node, $position), qr/invalid page in block 0 of relation/, 'the log says what went wrong');
is($admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $client->pid),
	'default', 'who cannot be classified is in class default');

# and when a living session says who it is
$position = log_position($node);
# a wait for the page inside of the governor's round must not use up the wake-up that a reload is
foreach my $n (1 .. 50)
{
	$client->run("SET application_name = 'somebody else $n'");
	$admin->run('SELECT governor.reload()');
}
# from 18 on the server's own readers speak of the page too, as LOG
unlike(log_since($node, $position), qr/(?<!LOG:  )invalid page/, 'what was said of this policy is not said again');
is($admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $client->pid),
	'default', 'whoever has a new name stays where it is');

my $zombie = GovClient->login($node, user => 'other');
ok($zombie->wait_for_end, 'the governor goes on with those whom it can classify');
is($admin->value('SELECT count(*) FROM governor.events WHERE kind = \'governor\''),
	1, 'and was not started again');

$client->logout;
$admin->logout;
$node->stop;

open $page, '+<', $file or die "$file: $!";
binmode $page;
print $page $healthy;
close $page;
$node->start;
$client = GovClient->login($node, user => 'member');
$admin = GovClient->login($node);
ok($admin->wait_for("SELECT class = 'by_member' FROM governor.sessions WHERE pid = " . $client->pid),
	'once the page is whole again, so are the classes');

$node->stop;
done_testing();
