
# The class that a login gets, by everything that a rule can ask for; and that
# no login leaves anything behind, least of all one that fails later.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node =
  new_node('login', init => [ allows_streaming => 1 ], settings => { 'governor.sweep_interval' => '100ms' });
$node->start;
my $admin = admin_of($node);
my $major = int($admin->value('SHOW server_version_num') / 10000);
my $has_ipv6 = !GovClient->try_login($node, host => '::1')->error;

$admin->run(
	'CREATE ROLE team',
	'CREATE ROLE inner_team',
	'GRANT team TO inner_team',
	'CREATE ROLE plain LOGIN',
	'CREATE ROLE named LOGIN',
	'CREATE ROLE member LOGIN IN ROLE team',
	'CREATE ROLE deep LOGIN IN ROLE inner_team',
	'CREATE ROLE walled LOGIN NOINHERIT IN ROLE team',
	'CREATE ROLE net LOGIN',
	'CREATE ROLE late LOGIN',
	'CREATE ROLE root LOGIN SUPERUSER IN ROLE team',
	'CREATE ROLE watcher LOGIN IN ROLE pg_monitor',
	'CREATE ROLE replica LOGIN REPLICATION',
	'CREATE ROLE nologin',
	'CREATE ROLE full_role LOGIN CONNECTION LIMIT 0',
	'CREATE DATABASE other',
	'CREATE DATABASE closed',
	'CREATE DATABASE full_db CONNECTION LIMIT 0',
	'REVOKE CONNECT ON DATABASE closed FROM PUBLIC');
$admin->run("CREATE ROLE \"Odd \"\"name\" LOGIN");

my @classes = qw(by_role by_member by_database by_name by_v4 by_v6 by_socketless by_pay by_platform by_all);

set_policy(
	$admin,
	"UPDATE governor.classes SET idle_timeout = '1 h', idle_timeout_floor = NULL WHERE name = 'function'",
	(map { "INSERT INTO governor.classes (name, idle_timeout) VALUES ('$_', '1 h')" } @classes),
	"INSERT INTO governor.rules (position, class, role, database, application_name, client_addr, platform, function) VALUES
		(5, 'by_all', 'net', 'other', 'all%', '127.0.0.1/32', 'lambda', 'all'),
		(6, 'by_all', 'net', 'other', 'faas:%', '127.0.0.1/32', 'lambda', 'a_l'),
		(10, 'by_role', 'named', NULL, NULL, NULL, NULL, NULL),
		(11, 'by_role', 'Odd \"name', NULL, NULL, NULL, NULL, NULL),
		(20, 'by_member', '+team', NULL, NULL, NULL, NULL, NULL),
		(30, 'by_v4', 'net', NULL, NULL, '127.0.0.0/8', NULL, NULL),
		(31, 'by_v6', 'net', NULL, NULL, '::1/128', NULL, NULL),
		(32, 'by_socketless', 'net', NULL, NULL, '10.0.0.0/8', NULL, NULL),
		(40, 'by_database', NULL, 'other', NULL, NULL, NULL, NULL),
		(50, 'by_name', NULL, NULL, 'batch\\_%', NULL, NULL, NULL),
		(60, 'by_pay', NULL, NULL, NULL, NULL, 'lambda', 'pay%'),
		(61, 'by_platform', NULL, NULL, NULL, NULL, 'azure', NULL),
		(70, 'by_role', 'late', NULL, NULL, NULL, NULL, NULL)",
	"INSERT INTO governor.rules (position, class, role, enabled) VALUES (1, 'by_all', 'named', false)");

sub quoted
{
	my ($text) = @_;

	return 'NULL' unless defined $text;
	$text =~ s/'/''/g;
	return "'$text'";
}

# Logs in, and compares what the session got with what it should get and with
# what governor.classify() says of the same facts.
sub gets
{
	my ($options, $class, $rule, $name) = @_;
	my $client = GovClient->login($node, %$options);
	my $pid = $client->pid;
	my ($seen) = @{
		$admin->query(
			'SELECT s.class, s.rule, s.application_name IS NOT DISTINCT FROM nullif(a.application_name, \'\'),'
			  . ' s.usename = a.usename, s.datname = a.datname,'
			  . ' s.client_addr IS NOT DISTINCT FROM a.client_addr AND s.client_port = a.client_port, s.peer'
			  . " FROM governor.sessions s JOIN pg_stat_activity a USING (pid) WHERE pid = $pid")
	};
	my ($same_name, $role, $database, $address, $peer) = splice @$seen, 2;

	is_deeply($seen, [ $class, $rule ], "$name: class and rule");
	is("$role$database$address", 'ttt', "$name: who and from where, as in pg_stat_activity");
	is($same_name, 't', "$name: application_name, as in pg_stat_activity");
	is($peer, defined $options->{host} ? 'unknown' : 'local', "$name: peer");

	# odd bytes reach SQL in the encoding of the database, so they are left out of this
	my $application_name = $options->{application_name};
	if (!defined $application_name || $application_name !~ /[^\0-\177]/)
	{
		my @facts = map { quoted($_) } $options->{user}, $options->{dbname} || 'postgres', $application_name,
		  $options->{host};

		is_deeply(
			$admin->query('SELECT class, rule FROM governor.classify(' . join(', ', @facts) . ')'),
			[ [ $class, $rule ] ],
			"$name: governor.classify() agrees");
	}
	return $client;
}

sub session_of
{
	my ($client, $columns) = @_;

	return $admin->query("SELECT $columns FROM governor.sessions WHERE pid = " . $client->pid)->[0];
}

#
# Who is in which class
#
gets({ user => 'plain' }, 'default', undef, 'nothing matches');
gets({ user => 'named' }, 'by_role', 10, 'by role; a rule that is not enabled is passed over');
gets({ user => 'Odd "name' }, 'by_role', 11, 'a role with an odd name');
gets({ user => 'member' }, 'by_member', 20, 'by membership');
gets({ user => 'deep' }, 'by_member', 20, 'by membership through another role');
gets({ user => 'walled' }, 'by_member', 20, 'by membership without inheriting');
gets({ user => 'plain', dbname => 'other' }, 'by_database', 40, 'by database');
gets({ user => 'named', dbname => 'other' }, 'by_role', 10, 'the lowest position wins');
gets({ user => 'plain', application_name => 'batch_7' }, 'by_name', 50, 'by application_name');
gets({ user => 'plain', application_name => 'batches' }, 'default', undef, 'an escaped wildcard is none');
gets({ user => 'plain', application_name => 'BATCH_7' }, 'default', undef, 'patterns have case');
gets({ user => 'plain', application_name => '' }, 'default', undef, 'an empty application_name');
gets({ user => 'plain', application_name => 'serverless_client' }, 'function', 1010,
	'a client that is known');

gets({ user => 'net', host => '127.0.0.1' }, 'by_v4', 30, 'by network, IPv4');
gets({ user => 'net' }, 'default', undef, 'a unix socket is in no network');
gets({ user => 'plain', host => '127.0.0.1' }, 'default', undef, 'network and role must both match');
SKIP:
{
	skip 'no IPv6 here', 5 unless $has_ipv6;
	gets({ user => 'net', host => '::1' }, 'by_v6', 31, 'by network, IPv6');
}
gets({ user => 'net', host => '127.0.0.1', dbname => 'other', application_name => 'faas:lambda:all:1:x' },
	'by_all', 6, 'every column of a rule must match');
gets({ user => 'net', host => '127.0.0.1', dbname => 'other', application_name => 'faas:azure:all:1:x' },
	'by_v4', 30, 'one that does not is enough');

#
# Identity
#
my $client =
  gets({ user => 'plain', application_name => 'faas:lambda:payment:v7:i-1' }, 'by_pay', 60, 'by function');
is_deeply(
	session_of($client, 'platform, function, version, instance'),
	[qw(lambda payment v7 i-1)],
	'the whole identity');

$client = gets({ user => 'plain', application_name => 'faas:AWS::v7:i:1' }, 'function', 1000, 'any identity');
is_deeply(
	session_of($client, 'platform, function, version, instance'),
	[ 'aws', undef, 'v7', 'i:1' ],
	'the platform in lower case, an empty part is NULL, the last takes the rest');

gets({ user => 'plain', application_name => 'faas:azure' }, 'by_platform', 61, 'by platform alone');
gets({ user => 'plain', application_name => 'faas:' }, 'default', undef, 'no part, no identity');
gets({ user => 'plain', application_name => 'Faas:lambda:payment' }, 'default', undef, 'another prefix');

# 63 bytes and more
my $long = 'faas:lambda:pay:1:' . ('i' x 45);
is(length $long, 63, 'a name of 63 bytes');
$client = gets({ user => 'plain', application_name => $long }, 'by_pay', 60, '63 bytes');
is_deeply(
	session_of($client, 'function, version, instance'),
	[ 'pay', '1', undef ],
	'it may be cut, so it has no instance');
$client = gets({ user => 'plain', application_name => $long . ('j' x 200) }, 'by_pay', 60, '263 bytes');
is_deeply(session_of($client, "instance, application_name = '$long'"), [ undef, 't' ],
	'a longer name is cut');
$client = gets({ user => 'plain', application_name => substr($long, 0, 62) }, 'by_pay', 60, '62 bytes');
is_deeply(session_of($client, 'instance'), [ 'i' x 44 ], 'a name of 62 bytes is whole');

# odd bytes, as the server itself shows them
my $shown = $major >= 16 ? 'pay\\xc3\\xa4\\x01\\xff' : 'pay????';
$client = gets({ user => 'plain', application_name => "faas:lambda:pay\xc3\xa4\x01\xff:1:i" },
	'by_pay', 60, 'odd bytes');
is(session_of($client, 'function')->[0], $shown, 'odd bytes in the identity');
gets({ user => 'plain', application_name => "faas:lambda:pay%':\"\\:;--" },
	'by_pay', 60, 'quotes and backslashes');
gets({ user => 'plain', application_name => "\xff" x 300 }, 'default', undef, '300 odd bytes');

# application_name in options is no name in the startup packet: it comes a
# moment after the login, and where a rule asks for membership the governor
# looks at it (see 015_rename.pl)
foreach my $row ([ 'batch_1', 'by_name' ], [ 'faas:lambda:pay:1:i', 'by_pay' ])
{
	my $named = GovClient->login($node, user => 'plain', options => "-c application_name=$row->[0]");

	ok( $admin->wait_for("SELECT class = '$row->[1]' FROM governor.sessions WHERE pid = " . $named->pid),
		"a name in options: $row->[0]");
}
gets({ user => 'plain', application_name => 'serverless_client', options => '-c application_name=batch_1' },
	'function', 1010, 'a name in options beside one in the packet');

# libpq: the connection string and the environment
{
	my $class_of_me = 'SELECT class FROM governor.sessions WHERE pid = pg_backend_pid()';
	local $ENV{PGAPPNAME} = 'faas:lambda:payroll:1:x';

	is($node->safe_psql('postgres', $class_of_me, connstr => $node->connstr('postgres') . ' user=plain'),
		'by_pay', 'PGAPPNAME counts');
	is( $node->safe_psql(
			'postgres', $class_of_me,
			connstr => $node->connstr('postgres') . " user=plain application_name=batch_x"),
		'by_name',
		'application_name in a connection string counts');
	delete $ENV{PGAPPNAME};
	is( $node->safe_psql(
			'postgres', $class_of_me,
			connstr => $node->connstr('postgres') . " user=plain options='-c application_name=batch_x'"),
		'default',
		'options do not beside the name that psql sends of its own');
}

#
# Exempt
#
sub is_exempt
{
	my ($options, $reason) = @_;
	my $session = GovClient->login($node, %$options);

	is_deeply(
		session_of($session, 'class, rule, verdict, stale_at'),
		[ undef, undef, 'exempt', undef ],
		"exempt: $reason");
	return;
}

is_exempt({ application_name => 'faas:lambda:pay:1:i' }, 'a superuser with an identity');
is_exempt({ user => 'root' }, 'a superuser who is a member of a role that a rule names');
is_exempt({ user => 'replica', replication => 'true', application_name => 'faas:lambda:pay:1:i' },
	'physical replication');
is_exempt({ user => 'replica', replication => 'database' }, 'logical replication');
is( $admin->value(
		"SELECT count(*) FROM governor.classify('root', 'postgres', NULL, NULL) WHERE class IS NULL AND reason = 'superusers are exempt'"
	),
	1,
	'governor.classify() says the same');

# a role made superuser while it is logged in stays what it was at login
$client = GovClient->login($node, user => 'late');
is_deeply(session_of($client, 'class, rule'), [ 'by_role', 70 ], 'no superuser yet');
$admin->run('ALTER ROLE late SUPERUSER');
is_exempt({ user => 'late' }, 'a role that has become superuser');
$admin->run('ALTER ROLE late NOSUPERUSER');

# masked for others, whole for monitors and for oneself
{
	my $other = GovClient->login($node, user => 'named', application_name => 'batch_x');
	my $columns = 'class, datname, usename, application_name, rule, state, verdict';
	my $where = 'FROM governor.sessions WHERE pid = ' . $other->pid;

	is_deeply(
		GovClient->login($node, user => 'plain')->query("SELECT $columns $where"),
		[ [ 'by_role', 'postgres', 'named', 'batch_x', undef, undef, undef ] ],
		'a plain role sees who is there');
	is_deeply(
		GovClient->login($node, user => 'watcher')->query("SELECT $columns $where"),
		[ [ 'by_role', 'postgres', 'named', 'batch_x', 10, 'idle', 'keep' ] ],
		'a monitor sees all');
	is_deeply(
		$other->query("SELECT $columns $where"),
		[ [ 'by_role', 'postgres', 'named', 'batch_x', 10, 'active', 'keep' ] ],
		'and everybody sees himself');
}

#
# What a login leaves behind: nothing
#
undef $client;
ok($admin->wait_for('SELECT count(*) = 1 FROM governor.sessions'), 'every session that has ended is gone');

# one that stays, so that the governor goes on looking and counts what is there
my $canary = GovClient->login($node, user => 'named');

sub nothing_is_left
{
	my ($name) = @_;

	ok($admin->wait_for("SELECT sum(sessions) = 1 FROM governor.admission"),
		"$name: no session is left in any class");
	ok($admin->wait_for('SELECT count(*) = 2 FROM governor.sessions'), "$name: no slot is left");
	wait_for_sweeps($admin, 2);
	is($admin->value('SELECT repairs FROM governor.status'), 0, "$name: the counters were right all along");
	return;
}

sub fails
{
	my ($options, $sqlstate, $name) = @_;
	my $failed = GovClient->try_login($node, application_name => 'faas:lambda:pay:1:i', %$options);

	is_error($failed, $sqlstate, "a login fails: $name");
	return;
}

for my $host (undef, '127.0.0.1')
{
	my $via = defined $host ? 'TCP' : 'unix socket';

	fails({ user => 'plain', host => $host, dbname => 'nowhere' }, '3D000', "no such database, $via");
	fails({ user => 'plain', host => $host, dbname => 'closed' }, '42501', "no CONNECT privilege, $via");
	fails({ user => 'full_role', host => $host }, '53300', "the role's connection limit, $via");
	fails({ user => 'plain', host => $host, dbname => 'full_db' },
		'53300', "the database's connection limit, $via");
	fails({ user => 'nologin', host => $host }, '28000', "a role that may not log in, $via");
	fails({ user => 'nobody_there', host => $host }, '28000', "no such role, $via");
	fails({ user => 'plain', host => $host, options => '-c nonsense=1' }, '42704', "a bad setting, $via");
}
nothing_is_left('after logins that failed');

# clients that give up before they were answered
my $logins = $admin->value('SELECT logins FROM governor.status');
for (1 .. 20)
{
	my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port);
	my $startup = pack('N', 196608) . "user\0plain\0database\0postgres\0application_name\0batch_$_\0\0";

	syswrite $socket, pack('N', 4 + length $startup) . $startup;
	close $socket;
}
ok($admin->wait_for("SELECT logins >= $logins + 20 FROM governor.status"), 'clients that give up');
nothing_is_left('after clients that gave up');

# 200 quick logins, half of which go without a word
my ($logins_before, $admitted_before) = @{
	$admin->query(
		"SELECT logins, admitted FROM governor.status, governor.stat_classes WHERE class = 'by_pay'")->[0]
};
for my $i (1 .. 200)
{
	my $quick = GovClient->login(
		$node,
		user => 'plain',
		application_name => "faas:lambda:pay:1:$i",
		host => $i % 4 < 2 ? undef : '127.0.0.1');

	$i % 2 ? $quick->logout : $quick->vanish;
}
is_deeply(
	$admin->query(
		"SELECT logins - $logins_before, admitted - $admitted_before FROM governor.status, governor.stat_classes WHERE class = 'by_pay'"
	),
	[ [ 200, 200 ] ],
	'200 quick logins are counted');
nothing_is_left('after 200 quick logins');

my $log = slurp_file($node->logfile);
unlike($log, qr/pg_governor could not/, 'no login met an error');
unlike($log, qr/PANIC|TRAP|terminated by signal/, 'nothing crashed');

$canary->logout;
$admin->logout;
$node->stop;

done_testing();
