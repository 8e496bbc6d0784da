
# Members of pg_use_reserved_connections: the places that reserved_connections
# keeps for them are open to them from an enforced class too, and the last ones
# are the superusers'.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;

my ($major) = `pg_config --version` =~ /^PostgreSQL (\d+)/;
plan skip_all => 'reserved_connections came with PostgreSQL 16' if $major < 16;

my $node = new_node('reserved', settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
# 30, of which 3 are for superusers and 4 for members; 23 places for everybody
$node->append_conf('postgresql.conf', "max_connections = 30\nsuperuser_reserved_connections = 3\nreserved_connections = 4");
$node->start;
my $admin = admin_of($node);

$admin->run(
	'CREATE ROLE app LOGIN',
	'CREATE ROLE member LOGIN IN ROLE pg_use_reserved_connections',
	'CREATE ROLE walled LOGIN NOINHERIT IN ROLE pg_use_reserved_connections',
	'CREATE ROLE monitors IN ROLE pg_use_reserved_connections',
	'CREATE ROLE indirect LOGIN IN ROLE monitors');
set_policy(
	$admin,
	"UPDATE governor.classes SET reserved_sessions = 0 WHERE name = 'default'",
	"INSERT INTO governor.classes (name, queue_timeout, evict_after) VALUES ('busy', '60 s', NULL), ('other', '60 s', NULL)",
	"INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'busy', 'busy'), (2, 'other', 'other')");

sub login
{
	my ($class, $user) = @_;

	return GovClient->try_login($node, user => $user, application_name => $class);
}

sub empties
{
	return ok($admin->wait_for('SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = \'client backend\''), 'all are gone');
}

sub is_refused
{
	my ($user, $name) = @_;
	my $client = login('busy', $user);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return like($client->error ? $client->error->{D} : 'no error', qr/^Class "busy" has \d+ sessions and \d+ waiting; cause: server\.$/, $name);
}

subtest 'a server that is full' => sub {
	my @in = map { login('busy', 'app') } 1 .. 22;

	is(scalar(grep { $_->error } @in), 0, 'as many as there are places for everybody, with the administrator');
	is_refused('app', 'one more is refused');
	is_refused('walled', 'so is a member that does not inherit the right');
	foreach my $user ('member', 'indirect', 'member', 'member')
	{
		my $client = login('busy', $user);

		is($client->error, undef, "a member gets in: $user");
		push @in, $client;
	}
	is_refused('member', 'the last places are not for members');
	my @super = map { GovClient->try_login($node) } 1 .. 2;
	ok($_->works, 'but for superusers') foreach @super;

	(shift @in)->logout foreach 1 .. 5;
	ok($admin->wait_for("SELECT sessions = 21 FROM governor.admission WHERE class = 'busy'"), 'five go');
	(shift @super)->logout foreach 1 .. 2;
	ok($admin->wait_for('SELECT count(*) = 22 FROM pg_stat_activity WHERE backend_type = \'client backend\''), 'and the superusers');
	# the last one of them may have its slot a moment longer
	my $client;
	ok(wait_until(sub { $client = login('busy', 'app'); return !$client->error }), 'there is a place for everybody again');
	is_refused('app', 'and only one');
	$_->logout foreach @in, $client;
	empties();
};

subtest 'past those who cannot have such a place' => sub {
	set_policy($admin, "UPDATE governor.classes SET paused = true WHERE name = 'busy'");
	my @waiting = map { GovClient->start_login($node, user => 'app', application_name => 'busy') } 1 .. 4;

	ok($admin->wait_for("SELECT queued = 4 FROM governor.admission WHERE class = 'busy'"), 'four wait');
	my @in = map { login('other', 'app') } 1 .. 10;
	is(scalar(grep { $_->error } @in), 0, 'others come');
	# the 12 places that are left become another class's
	set_policy(
		$admin,
		"INSERT INTO governor.classes (name, mode, reserved_sessions) VALUES ('keeper', 'off', 12)",
		"UPDATE governor.classes SET paused = false WHERE name = 'busy'");
	my $member = login('busy', 'member');
	is($member->error, undef, 'a member gets in');
	is_deeply(
		$admin->query("SELECT sessions, queued FROM governor.admission WHERE class = 'busy'"),
		[ [ 1, 4 ] ], 'those who came before go on waiting');
	is_refused('app', 'newcomers like them are refused');

	# where all have a chance, all keep to their order
	set_policy($admin, "DELETE FROM governor.classes WHERE name = 'keeper'", "UPDATE governor.classes SET max_sessions = 2 WHERE name = 'busy'");
	ok($admin->wait_for("SELECT sessions = 2 AND queued = 3 FROM governor.admission WHERE class = 'busy'"), 'one of them is let in');
	my $late = GovClient->start_login($node, user => 'member', application_name => 'busy');
	ok($admin->wait_for("SELECT queued = 4 FROM governor.admission WHERE class = 'busy'"), 'at its cap the class is full for members too');
	$member->logout;
	my $in = sub { $_->finish_login(0) foreach grep { !$_->pid } @waiting; return grep { $_->pid && !$_->error } @waiting; };
	ok(wait_until(sub { $in->() == 2 }), 'the next one is who came before');
	ok(!defined $late->finish_login(0), 'not the member');
	$_->vanish foreach @in, @waiting, $late;
	empties();
};

is($admin->value('SELECT repairs FROM governor.status'), 0, 'nothing was miscounted');
$node->stop;

done_testing();
