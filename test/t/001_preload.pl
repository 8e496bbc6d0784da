
# What works without preloading and what says which line is missing; settings at
# start, at reload and in ALTER SYSTEM.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;

my $line =
  "Add this line to postgresql.conf and restart the server: " . "shared_preload_libraries = 'pg_governor'";

#
# Not preloaded
#
my $node = new_node('unloaded', preload => 0);
$node->start;

my $admin = GovClient->login($node);
$admin->query('CREATE EXTENSION pg_governor');
is($admin->error, undef, 'CREATE EXTENSION works without preloading');
is(scalar $admin->notices, 0, 'and has nothing to complain about');

sub needs_preload
{
	my ($sql) = @_;

	$admin->query($sql);
	is_deeply(
		[ map { $admin->error->{$_} } qw(C M D H) ],
		[
			'55000',
			'pg_governor is not loaded',
			'It governs logins and sessions, so the server must load it when it starts.', $line
		],
		"not preloaded: $sql");
	return;
}

foreach my $view (
	$admin->column(
			"SELECT relname FROM pg_class WHERE relkind = 'v' "
		  . "AND relnamespace = 'governor'::regnamespace ORDER BY 1"))
{
	needs_preload("SELECT * FROM governor.$view");
}

# Every function but the triggers; one that is new here must be added.
my %calls = (
	'admission()' => 'SELECT * FROM governor.admission()',
	'breaker_acquire(text)' => "SELECT governor.breaker_acquire('b')",
	'breaker_allow(text)' => "SELECT governor.breaker_allow('b')",
	'breaker_check(text)' => "SELECT governor.breaker_check('b')",
	'breaker_force(text,text)' => "SELECT governor.breaker_force('b', 'open')",
	'breaker_record(text,boolean,interval,bigint)' => "SELECT governor.breaker_record('b', true)",
	'breaker_reset(text)' => "SELECT governor.breaker_reset('b')",
	'breakers()' => 'SELECT * FROM governor.breakers()',
	'rate_take(text,bigint)' => "SELECT governor.rate_take('r')",
	'classify(name,name,text,inet)' => "SELECT * FROM governor.classify('r', 'd', 'a', '127.0.0.1')",
	'events()' => 'SELECT * FROM governor.events()',
	'reclaim(integer,text)' => "SELECT governor.reclaim(1, 'why')",
	'register(text,text,text,text,interval)' => "SELECT governor.register('lambda', 'f')",
	'lease(interval)' => "SELECT governor.lease('1 min')",
	'headroom(text)' => "SELECT governor.headroom('function')",
	'reload()' => 'SELECT governor.reload()',
	'reset_stats()' => 'SELECT governor.reset_stats()',
	'sessions()' => 'SELECT * FROM governor.sessions()',
	'stat_classes()' => 'SELECT * FROM governor.stat_classes()',
	'status()' => 'SELECT * FROM governor.status()');

foreach my $function (
	$admin->column(
			"SELECT replace(oid::regprocedure::text, 'governor.', '') FROM pg_proc "
		  . "WHERE pronamespace = 'governor'::regnamespace AND prorettype <> 'trigger'::regtype ORDER BY 1"))
{
	ok(exists $calls{$function}, "this test knows governor.$function")
	  and needs_preload(delete $calls{$function});
}
is_deeply([ keys %calls ], [], 'every function that this test knows is there');

$admin->notices;
$admin->run("UPDATE governor.classes SET idle_timeout = '61 s' WHERE name = 'function'");
is_deeply(
	[ map { [ @{$_}{qw(S C M H)} ] } $admin->notices ],
	[ [ 'WARNING', '01000', 'the policy is kept and not in force: pg_governor is not loaded', $line ] ],
	'an edit without preloading is warned about');
$admin->run("INSERT INTO governor.rules (position, class, role) VALUES (1, 'function', 'postgres')");
like(($admin->notices)[-1]{M}, qr/^the policy is kept and not in force/, 'an insert too');

$admin->query('SET governor.nonsense = 1');
is_error($admin, '42602', 'the prefix is reserved once the library is there');

#
# Preloaded: what was edited before is in force
#
$admin->logout;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_governor'");
$node->restart;
$admin = admin_of($node);
is($admin->value("SELECT idle_timeout FROM governor.admission WHERE class = 'function'"),
	'00:01:01', 'a policy edited without preloading is in force once the library is loaded');

# "source" is not looked at for governor.database, which these tests always set
is_deeply(
	$admin->query(
		"SELECT name, boot_val, CASE WHEN source = 'default' OR name = 'governor.database' THEN setting END, "
		  . "coalesce(unit, ''), context, vartype FROM pg_settings WHERE name LIKE 'governor.%' ORDER BY 1"),
	[
		[ 'governor.database', 'postgres', 'postgres', '', 'sighup', 'string' ],
		[ 'governor.event_buffer', '1000', '1000', '', 'postmaster', 'integer' ],
		[ 'governor.log_decisions', 'off', 'off', '', 'sighup', 'enum' ],
		[ 'governor.max_breakers', '128', '128', '', 'postmaster', 'integer' ],
		[ 'governor.mode', 'observe', 'observe', '', 'sighup', 'enum' ],
		[ 'governor.sweep_interval', '1000', '1000', 'ms', 'sighup', 'integer' ],
	],
	'the settings, their defaults, units and contexts');
is_deeply(
	$admin->query('SELECT mode, version, policy_error, repairs FROM governor.status'),
	[
		[
			'observe', $admin->value("SELECT extversion FROM pg_extension WHERE extname = 'pg_governor'"),
			undef, 0
		]
	],
	'governor.status after a start with defaults');

#
# A value that cannot be, in postgresql.conf at start
#
my $log = log_position($node);
$admin->logout;
$node->stop;
set_conf(
	$node,
	'governor.mode' => 'sometimes',
	'governor.sweep_interval' => '1ms',
	'governor.database' => '',
	'governor.log_decisions' => 'some',
	'governor.event_buffer' => '1',
	'governor.max_breakers' => '257',
	'governor.nonsense' => '1');
ok($node->start, 'the server starts with bad values');
$admin = GovClient->login($node);
is_deeply(
	$admin->query(
		"SELECT name FROM pg_settings WHERE name LIKE 'governor.%' AND setting IS DISTINCT FROM boot_val"),
	[],
	'and keeps every default');
is($admin->value('SELECT count(*) FROM governor.status WHERE governor_pid > 0'), 1, 'and governs');
{
	my $text = log_since($node, $log);

	foreach my $warning (
		'invalid value for parameter "governor.mode": "sometimes"',
		'1 ms is outside the valid range for parameter "governor.sweep_interval"',
		'invalid value for parameter "governor.database": ""',
		'invalid value for parameter "governor.log_decisions": "some"',
		'1 is outside the valid range for parameter "governor.event_buffer"',
		'257 is outside the valid range for parameter "governor.max_breakers"',
		'invalid configuration parameter name "governor.nonsense", removing it')
	{
		like($text, qr/WARNING:  \Q$warning\E/, "WARNING at start: $warning");
	}
	like($text, qr/DETAIL:  The name of the database is empty\./, 'with its reason');
	like($text, qr/HINT:  Name the database whose policy tables count/, 'and its hint');
}

#
# A bad value at reload
#
set_conf($node, 'governor.mode' => 'enforce', 'governor.sweep_interval' => '200ms');
$node->reload;
ok( $admin->wait_for(
		"current_setting('governor.mode') = 'enforce' AND current_setting('governor.sweep_interval') = '200ms'"
	),
	'a good reload');

$log = log_position($node);
set_conf($node, 'governor.mode' => 'never', 'governor.sweep_interval' => '200ms');
$node->reload;
ok( wait_for_log(
		$node, qr/LOG:  configuration file .* contains errors; unaffected changes were applied/, $log),
	'a bad reload is in the log');
like(
	log_since($node, $log),
	qr/LOG:  invalid value for parameter "governor.mode": "never".*HINT:  Available values: off, observe, enforce\./s,
	'with the values that there are');

$log = log_position($node);
set_conf(
	$node,
	'governor.mode' => 'enforce',
	'governor.sweep_interval' => '200ms',
	'governor.nonsense' => '1');
$node->reload;
ok(wait_for_log($node, qr/contains errors/, $log), 'so is an unknown setting');
like(log_since($node, $log), qr/"governor\.nonsense"/, 'by its name');
is($admin->value('SELECT mode FROM governor.status'), 'enforce', 'the old value stays');
is($admin->value("SELECT current_setting('governor.sweep_interval')"), '200ms', 'and so do the others');

#
# ALTER SYSTEM and SET
#
sub refused
{
	my ($sql, $sqlstate, $message, $detail, $hint) = @_;

	$admin->query($sql);
	is_error($admin, $sqlstate, "$sql is refused")
	  and like($admin->error->{M}, $message, 'with its message');
	is($admin->error->{D}, $detail, 'and its reason') if defined $detail;
	is($admin->error->{H}, $hint, 'and its hint') if defined $hint;
	return;
}

my $name_hint = 'Name the database whose policy tables count, for example "postgres".';

refused(
	"ALTER SYSTEM SET governor.mode = 'sometimes'",
	'22023', qr/^invalid value for parameter "governor.mode": "sometimes"$/,
	undef, 'Available values: off, observe, enforce.');
refused(
	"ALTER SYSTEM SET governor.log_decisions = 'some'",
	'22023', qr/^invalid value for parameter "governor.log_decisions": "some"$/,
	undef, 'Available values: off, refusals, all.');
refused("ALTER SYSTEM SET governor.sweep_interval = '49ms'",
	'22023', qr/^49 ms is outside the valid range for parameter "governor.sweep_interval" \(50/);
refused(
	"ALTER SYSTEM SET governor.sweep_interval = 'soon'",
	'22023',
	qr/^invalid value for parameter "governor.sweep_interval": "soon"$/);
refused(
	"ALTER SYSTEM SET governor.database = ''",
	'22023',
	qr/^invalid value for parameter "governor.database": ""$/,
	'The name of the database is empty.', $name_hint);
refused(
	"ALTER SYSTEM SET governor.database = '" . ('x' x 64) . "'",
	'22023',
	qr/^invalid value for parameter "governor.database"/,
	'The name of a database has at most 63 bytes.', $name_hint);
refused(
	'SET governor.nonsense = 1',
	'42602',
	qr/^invalid configuration parameter name "governor.nonsense"$/,
	'"governor" is a reserved prefix.');
refused("SET governor.mode = 'off'", '55P02', qr/^parameter "governor.mode" cannot be changed now$/);
refused("SET governor.event_buffer = 100",
	'55P02', qr/^parameter "governor.event_buffer" cannot be changed without restarting the server$/);
is( $admin->value(
		"SELECT count(*) FROM pg_file_settings WHERE sourcefile ~ 'auto.conf' AND name LIKE 'governor.%'"),
	0,
	'nothing of that was written');

# An unknown name: 42704 where ALTER SYSTEM only knows that there is none, 42602 where it knows of the prefix
$admin->query('ALTER SYSTEM SET governor.nonsense = 1');
like($admin->error ? $admin->error->{C} : '', qr/^(42602|42704)$/, 'ALTER SYSTEM knows no governor.nonsense');

$admin->run("ALTER SYSTEM SET governor.mode = 'off'", 'SELECT pg_reload_conf()');
ok( $admin->wait_for("SELECT mode = 'off' FROM governor.status"),
	'a good ALTER SYSTEM comes into force at reload');

$admin->logout;
$node->stop;

done_testing();
