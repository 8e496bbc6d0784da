
# Admission at its edges: what a look at memberships leaves behind, a class that
# gets another name while logins wait, victims that do not answer, and what is
# noted where nothing is enforced.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;

my $node = new_node('edges', settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

set_policy(
	$admin,
	"UPDATE governor.classes SET reserved_sessions = 0 WHERE name = 'default'",
	"INSERT INTO governor.classes (name, max_sessions, queue_limit, queue_timeout, evict_after) VALUES
		('small', 2, 30, '30 s', NULL), ('evicting', 2, 10, '30 s', '0')",
	"INSERT INTO governor.classes (name, max_sessions, evict_after, mode) VALUES ('watched', 1, '0', 'observe'), ('above', 1, NULL, 'observe')",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");
$admin->run('CREATE ROLE app LOGIN');

sub login
{
	my ($class, %options) = @_;

	return GovClient->login($node, user => 'app', application_name => $class, %options);
}

sub start
{
	my ($class) = @_;

	return GovClient->start_login($node, user => 'app', application_name => $class);
}

sub rests
{
	my ($client, $how_long) = @_;

	return $admin->wait_for("SELECT idle_for > interval '$how_long' FROM governor.sessions WHERE pid = " . $client->pid);
}

subtest 'memberships that were looked up at login' => sub {
	$admin->run(
		'CREATE ROLE owners',
		'CREATE ROLE member LOGIN IN ROLE owners',
		'CREATE DATABASE owned OWNER owners',
		'REVOKE CONNECT ON DATABASE owned FROM PUBLIC');
	my $client = login('small', user => 'member', dbname => 'owned');

	$client->run('CREATE TABLE public.mine ()');
	is($client->error, undef, 'whoever is of the owners counts as pg_database_owner');
	is($client->value("SELECT pg_has_role('pg_database_owner', 'USAGE')"), 't', 'as core says');
	$client->logout;

	$admin->run('REVOKE CONNECT ON DATABASE owned FROM owners', 'GRANT CONNECT ON DATABASE owned TO pg_database_owner');
	$client = login('small', user => 'member', dbname => 'owned');
	is($admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $client->pid), 'small', 'a right that owners have as such');
	$client->logout;

	# by a rule that asks for membership
	set_policy($admin, "INSERT INTO governor.rules (position, class, role) VALUES (90, 'small', '+owners')");
	$client = GovClient->login($node, user => 'member', dbname => 'owned');
	is($client->value("SELECT pg_has_role('pg_database_owner', 'MEMBER')"), 't', 'after a rule has asked, too');
	$client->logout;
	set_policy($admin, 'DELETE FROM governor.rules WHERE position = 90');
};

# a class that has sessions cannot be deleted, one where logins wait can
subtest 'a class goes while logins wait in it' => sub {
	set_policy($admin, "UPDATE governor.classes SET paused = true WHERE name = 'small'");
	my @waiting = map { start('small') } 1 .. 20;

	ok($admin->wait_for("SELECT queued = 20 FROM governor.admission WHERE class = 'small'"), '20 wait');
	foreach my $i (1 .. 5)
	{
		my ($from, $to) = $i % 2 ? ('small', 'tiny') : ('tiny', 'small');

		set_policy(
			$admin,
			"INSERT INTO governor.classes (name, max_sessions, queue_limit, queue_timeout, paused) VALUES ('$to', 2, 30, '30 s', true)",
			"UPDATE governor.rules SET class = '$to' WHERE class = '$from'",
			"DELETE FROM governor.classes WHERE name = '$from'");
	}
	is(join('|', @{ $admin->query("SELECT sessions, queued FROM governor.admission WHERE class = 'tiny'")->[0] }),
		'0|20', 'none of them slips in');
	$_->vanish foreach @waiting;
	ok($admin->wait_for("SELECT queued = 0 FROM governor.admission WHERE class = 'tiny'"), 'all are gone');
};

subtest 'a victim that does not answer' => sub {
	my @in = map { login('evicting') } 1 .. 2;

	rests($_, '300 ms') foreach @in;
	kill 'STOP', $in[0]->pid;
	my $newcomer = login('evicting');
	ok($newcomer->works, 'another one ends');
	is($in[1]->wait_for_end->{C}, '57P05', 'which rests too');
	kill 'CONT', $in[0]->pid;
	ok($in[0]->works, 'and the first one does not end when there is no need any more');
	$_->logout foreach $in[0], $newcomer;
};

subtest 'what is noted where nothing is enforced' => sub {
	my $first = login('watched');

	rests($first, '500 ms');
	my $second = login('watched');
	is(join('|', @{ $admin->query("SELECT would_evict, would_queue FROM governor.stat_classes WHERE class = 'watched'")->[0] }),
		'1|0', 'a newcomer would have evicted');
	ok($first->works, 'but nobody ends');
	$_->logout foreach $first, $second;

	my @in = map { login('above') } 1 .. 3;
	foreach my $i (1 .. 10)
	{
		my $sweeps = $admin->value('SELECT sweeps FROM governor.status');

		$_->works foreach @in;
		$admin->wait_for("SELECT sweeps > $sweeps + 1 FROM governor.status");
	}
	my $noted = $admin->value("SELECT would_reclaim FROM governor.stat_classes WHERE class = 'above'");
	cmp_ok($noted, '>=', 2, 'the surplus is noted');
	cmp_ok($noted, '<=', 3, 'once for each session');
	$_->logout foreach @in;
};

done_testing();
