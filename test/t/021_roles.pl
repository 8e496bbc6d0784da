
# Roles that are granted, renamed, dropped: living sessions follow, with no
# edit of the policy.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node =
  new_node('roles', settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

$admin->run("CREATE ROLE $_ LOGIN") foreach qw(app member gone);
$admin->run('CREATE ROLE team', 'CREATE ROLE everybody');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout) VALUES ('by_name', '1 h'), ('by_team', '1 h'), ('quick', '500 ms')",
	"INSERT INTO governor.rules (position, class, role) VALUES (1, 'by_name', 'app'), (2, 'by_team', '+team'), (3, 'by_name', 'gone')",
	"INSERT INTO governor.rules (position, class, application_name) VALUES (4, 'quick', 'quick')");
my $generation = $admin->value('SELECT policy_generation FROM governor.status');

sub login { my ($role, %options) = @_; return GovClient->login($node, user => $role, %options); }

# Waits until the session is seen so: usename, class, rule, verdict
sub seen_as
{
	my ($client, $expected, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $query = 'SELECT usename, class, rule, verdict FROM governor.sessions WHERE pid = ' . $client->pid;
	my $seen;

	wait_until(sub { $seen = $admin->query($query)->[0]; return is_same($seen, $expected); });
	return is_deeply($seen, $expected, $name);
}

sub is_same
{
	my ($one, $other) = map { join '|', map { defined $_ ? $_ : '(null)' } @$_ } @_;

	return $one eq $other;
}

my $app = login('app');
my $member = login('member');

# every session has been looked at by the governor before, whatever it keeps in mind
set_policy($admin, "UPDATE governor.classes SET idle_timeout = '2 h' WHERE name = 'by_team'");
$generation++;
seen_as($app, [ 'app', 'by_name', 1, 'keep' ], 'by its name');
seen_as($member, [ 'member', 'default', undef, 'keep' ], 'in no team');

subtest 'membership' => sub {
	$admin->run('GRANT team TO member');
	seen_as($member, [ 'member', 'by_team', 2, 'keep' ], 'granted');
	$admin->run('REVOKE team FROM member');
	seen_as($member, [ 'member', 'default', undef, 'keep' ], 'revoked');
	$admin->run('GRANT everybody TO member', 'GRANT team TO everybody');
	seen_as($member, [ 'member', 'by_team', 2, 'keep' ], 'granted to a role of which it is a member');
	$admin->run('REVOKE everybody FROM member');
	seen_as($member, [ 'member', 'default', undef, 'keep' ], 'and no longer a member of');
	$admin->run('BEGIN', 'GRANT team TO member');
	wait_for_sweeps($admin, 3);
	$admin->run('ROLLBACK');
	wait_for_sweeps($admin, 3);
	seen_as($member, [ 'member', 'default', undef, 'keep' ], 'rolled back');
};

subtest 'a new name' => sub {
	$admin->run('ALTER ROLE app RENAME TO shop');
	seen_as($app, [ 'shop', 'default', undef, 'keep' ], 'the session has it too, and no rule is for it');
	ok($admin->wait_for("SELECT policy_error = 'rule 1: role \"app\" does not exist' FROM governor.status"),
		'status says what has no effect now');
	$admin->run('ALTER ROLE member RENAME TO app');
	seen_as($member, [ 'app', 'by_name', 1, 'keep' ], 'whoever has the name now is meant');
	ok($admin->wait_for('SELECT policy_error IS NULL FROM governor.status'), 'and all is well');
	$admin->run('ALTER ROLE app RENAME TO member', 'ALTER ROLE shop RENAME TO app');
	seen_as($app, [ 'app', 'by_name', 1, 'keep' ], 'back');
	seen_as($member, [ 'member', 'default', undef, 'keep' ], 'both');
	ok($admin->wait_for('SELECT policy_error IS NULL FROM governor.status'), 'with all well');
};

subtest 'dropped' => sub {
	my $gone = login('gone');

	seen_as($gone, [ 'gone', 'by_name', 3, 'keep' ], 'a session');
	$admin->run('DROP ROLE gone');
	seen_as($gone, [ 'gone', 'default', undef, 'keep' ], 'its role is dropped: rules do not know it');
	ok($admin->wait_for("SELECT policy_error = 'rule 3: role \"gone\" does not exist' FROM governor.status"),
		'status says so');
	$admin->run('CREATE ROLE gone LOGIN');
	ok($admin->wait_for('SELECT policy_error IS NULL FROM governor.status'), 'a new role of that name: all is well');
	seen_as($gone, [ 'gone', 'default', undef, 'keep' ], 'but the old session is not of that role');
	seen_as(login('gone'), [ 'gone', 'by_name', 3, 'keep' ], 'a new one is');
	ok($gone->works, 'and both live');
};

subtest 'superuser' => sub {
	my $quick = login('member', application_name => 'quick');

	# it would end half a second later
	$admin->run('ALTER ROLE member SUPERUSER');
	seen_as($quick, [ 'member', undef, undef, 'exempt' ], 'a new superuser is exempt');
	seen_as($member, [ 'member', undef, undef, 'exempt' ], 'in every session');
	wait_for_sweeps($admin, 10);
	ok($quick->works, 'and not ended');
	$admin->run('ALTER ROLE member NOSUPERUSER');
	is_farewell_idle($quick->wait_for_end, 'idle', 'quick', 'until it is none any more');
	seen_as($member, [ 'member', 'default', undef, 'keep' ], 'in every session');
};

subtest 'while it sleeps' => sub {
	$app->logout;
	ok($admin->wait_for("SELECT sum(sessions) FILTER (WHERE class <> 'default') = 0 FROM governor.admission"),
		'nothing is governed');
	# for longer than it looks again at roles
	my $sweeps = '';
	my $since;
	ok( wait_until(
			sub {
				my $last = $sweeps;
				$sweeps = $admin->value('SELECT sweeps FROM governor.status');
				$since = time() unless $last eq $sweeps;
				return time() - $since > 1.5;
			}),
		'the governor sleeps');
	$admin->run('GRANT team TO member');
	seen_as($member, [ 'member', 'by_team', 2, 'keep' ], 'it is woken by whoever sees the change');
	ok($admin->wait_for("SELECT sweeps > $sweeps FROM governor.status"), 'and has somebody to govern');
};

subtest 'what a rule asked at the login is not kept' => sub {

	# core would keep it for the session, as it stood while there was no database: without pg_database_owner
	$admin->run(
		'CREATE ROLE owners',
		'CREATE ROLE owner LOGIN IN ROLE team, owners',
		'CREATE DATABASE owned OWNER owners');
	my $owner = login('owner', dbname => 'owned');

	seen_as($owner, [ 'owner', 'by_team', 2, 'keep' ], 'a rule has asked for a membership');
	is($owner->value("SELECT pg_has_role('pg_database_owner', 'MEMBER')"), 't', 'core is asked anew');
	$owner->run('CREATE TABLE public.mine ()');
	is($owner->error, undef, 'with all that it gives rights to');
	$owner->logout;
};

is($admin->value('SELECT policy_generation FROM governor.status'), $generation, 'all this is no new policy');
is($admin->value('SELECT repairs FROM governor.status'), 0, 'and the counters are right');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal|pg_governor could not/, 'nothing went wrong');

$admin->logout;
$node->stop;

done_testing();
