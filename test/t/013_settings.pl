
# The settings of a class: who gets them at login, what they are above and
# below, what becomes of them later, and that a bad one refuses no login.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node(
	'settings',
	init => [ allows_streaming => 1 ],
	settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

$admin->run(
	'CREATE ROLE app LOGIN',
	'CREATE ROLE plain LOGIN',
	'CREATE ROLE root LOGIN SUPERUSER',
	'CREATE ROLE replica LOGIN REPLICATION',
	'CREATE DATABASE other');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name) VALUES ('governed')",
	"INSERT INTO governor.rules (position, class, role) VALUES (10, 'governed', 'app'), (11, 'governed', 'root'), (12, 'governed', 'replica')");

sub quoted
{
	my ($text) = @_;

	$text =~ s/'/''/g;
	return "'$text'";
}

# Gives the class these settings.
sub set_settings
{
	my (@settings) = @_;
	my $list = @settings ? 'ARRAY[' . join(', ', map { quoted($_) } @settings) . ']' : 'NULL';

	set_policy($admin, "UPDATE governor.classes SET settings = $list WHERE name = 'governed'");
	return;
}

sub login
{
	my (%options) = @_;

	return GovClient->login($node, user => 'app', %options);
}

# Value and source of a parameter, as the session sees them.
sub seen
{
	my ($client, $name) = @_;

	return $client->query(
		"SELECT current_setting(name), source FROM pg_settings WHERE lower(name) = lower('$name')")->[0];
}

sub is_seen
{
	my ($client, $name, $value, $source, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply(seen($client, $name), [ $value, $source ], $test);
}

#
# What is above what.  Each step adds one more place where the parameter is set.
#
is_seen(login(), 'work_mem', '4MB', 'default', 'nothing sets it');

$admin->run("ALTER DATABASE postgres SET work_mem = '5MB'");
is_seen(login(), 'work_mem', '5MB', 'database', 'ALTER DATABASE SET');

$admin->run("ALTER ROLE app SET work_mem = '6MB'");
is_seen(login(), 'work_mem', '6MB', 'user', 'ALTER ROLE SET');

$admin->run("ALTER ROLE app IN DATABASE postgres SET work_mem = '7MB'");
is_seen(login(), 'work_mem', '7MB', 'database user', 'ALTER ROLE IN DATABASE SET');

set_settings('Work_Mem=8MB', 'my.setting=a=b c', 'TimeZone=Europe/Vienna', 'statement_timeout=100ms', 'search_path=app, "$user"');
my $client = login();
is_seen($client, 'work_mem', '8MB', 'client', 'the class is above all of these');
is($client->value('SHOW my.setting'), 'a=b c', 'a parameter that nobody has defined; all behind the first = is its value');
is($client->value('SHOW search_path'), 'app, "$user"', 'a list');
is($client->settings->{TimeZone}, 'Europe/Vienna', 'the client is told at login');
is_seen(login(dbname => 'other'), 'work_mem', '8MB', 'client', 'in every database');

is_seen(login(options => '-c work_mem=9MB'), 'work_mem', '9MB', 'client', 'what the client says in options is above the class');
is(login(options => '-c my.setting=mine')->value('SHOW my.setting'), 'mine', 'also a parameter that nobody has defined');
is_seen(login(work_mem => '10MB'), 'work_mem', '10MB', 'client', 'and what it says in the startup packet');
is_seen(login(work_mem => '4MB'), 'work_mem', '4MB', 'client', 'even if that is what it is anyway');
is_seen(login(work_mem => '10MB'), 'TimeZone', 'Europe/Vienna', 'client', 'the others come from the class all the same');

is(GovClient->login($node, user => 'plain')->value('SHOW work_mem'), '5MB', 'another class has none of it');

# they do what they are for
$client->query('SELECT pg_sleep(60)');
is_error($client, '57014', 'statement_timeout ends a statement');

#
# What becomes of it in the session
#
$client->run("SET work_mem = '11MB'");
is_seen($client, 'work_mem', '11MB', 'session', 'SET is above the class');
$client->run('RESET work_mem');
is_seen($client, 'work_mem', '8MB', 'client', 'RESET goes back to the class');
$client->run("SET work_mem = '11MB'", 'RESET ALL');
is_seen($client, 'work_mem', '8MB', 'client', 'RESET ALL');
$client->run("SET work_mem = '11MB'", "SET my.setting = 'x'", 'DISCARD ALL');
is_seen($client, 'work_mem', '8MB', 'client', 'DISCARD ALL');
is($client->value('SHOW my.setting'), 'a=b c', 'DISCARD ALL, of a parameter that nobody has defined');
$client->run('SET work_mem TO DEFAULT');
is_seen($client, 'work_mem', '8MB', 'client', 'SET TO DEFAULT');
$client->run('BEGIN', "SET LOCAL work_mem = '11MB'", 'ROLLBACK');
is_seen($client, 'work_mem', '8MB', 'client', 'SET LOCAL ends with its transaction');
is($client->value("SELECT reset_val FROM pg_settings WHERE name = 'work_mem'"), 8192, 'it is the reset value');

my $own = login(options => '-c work_mem=9MB');
$own->run("SET work_mem = '11MB'", 'RESET ALL');
is_seen($own, 'work_mem', '9MB', 'client', 'RESET ALL goes back to what the client asked for');

# a reload of the configuration is below it, as it is for what a client asks for
set_conf($node, 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce', 'work_mem' => '20MB', 'maintenance_work_mem' => '21MB');
$node->reload;
ok($client->wait_for("SELECT setting = '21504' FROM pg_settings WHERE name = 'maintenance_work_mem'"), 'a reload has come');
is_seen($client, 'work_mem', '8MB', 'client', 'a reload changes nothing of the class');

# parallel workers
$client->run('CREATE TEMP TABLE no_matter ()');
$admin->run('CREATE TABLE many AS SELECT i FROM generate_series(1, 1000) AS i', 'ANALYZE many', 'GRANT SELECT ON many TO app');
$client->run(
	'SET search_path = public',
	'SET statement_timeout = 0',
	'SET parallel_setup_cost = 0',
	'SET parallel_tuple_cost = 0',
	'SET min_parallel_table_scan_size = 0',
	'SET parallel_leader_participation = off');
my $in_workers = "SELECT i, current_setting('work_mem'), current_setting('my.setting'), current_setting('TimeZone') FROM many";
like(join("\n", $client->column("EXPLAIN $in_workers")), qr/Workers Planned/, 'a parallel plan');
is_deeply(
	$client->query("SELECT DISTINCT w, m, t FROM ($in_workers OFFSET 0) AS s (i, w, m, t)"),
	[ [ '8MB', 'a=b c', 'Europe/Vienna' ] ],
	'parallel workers have it too');

#
# Defaults at login: not for sessions that are there
#
set_settings('work_mem=12MB');
is_seen($client, 'work_mem', '8MB', 'client', 'a session keeps what it has got');
is_seen(login(), 'work_mem', '12MB', 'client', 'the next login gets the new ones');
is(login()->value("SELECT current_setting('my.setting', true)"), undef, 'and none of the old ones');

my $mover = GovClient->login($node, user => 'plain');
set_policy($admin, "INSERT INTO governor.rules (position, class, role) VALUES (13, 'governed', 'plain')");
is($admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $mover->pid), 'governed', 'a session moves into the class');
is($mover->value('SHOW work_mem'), '5MB', 'and is given nothing');
$mover->run('RESET ALL');
is($mover->value('SHOW work_mem'), '5MB', 'nor by RESET ALL');

#
# Who gets them: the mode governs what is done to sessions
#
set_policy($admin, "UPDATE governor.classes SET mode = 'observe' WHERE name = 'governed'");
is_seen(login(), 'work_mem', '7MB', 'database user', 'a class that is observed: nothing');
set_policy($admin, "UPDATE governor.classes SET mode = 'off' WHERE name = 'governed'");
is_seen(login(), 'work_mem', '7MB', 'database user', 'a class that is off: nothing');
set_policy($admin, "UPDATE governor.classes SET mode = NULL WHERE name = 'governed'");
is_seen(login(), 'work_mem', '12MB', 'client', 'a class without a mode of its own has the mode of the server');
set_mode($admin, 'observe');
is_seen(login(), 'work_mem', '7MB', 'database user', 'the server observes: nothing');
set_mode($admin, 'off');
is_seen(login(), 'work_mem', '7MB', 'database user', 'the server is off: nothing');
set_mode($admin, 'enforce');
is_seen(login(), 'work_mem', '12MB', 'client', 'the server enforces: all');

is(GovClient->login($node, user => 'root')->value('SHOW work_mem'), '5MB', 'a superuser gets nothing');
is(GovClient->login($node, user => 'replica', replication => 'database')->value('SHOW work_mem'),
	'5MB', 'replication gets nothing');

#
# Bad ones refuse no login
#
my $complaint = qr/LOG:  pg_governor could not give a login the setting/;
my @bad = (
	'work_mem=much', 'log_statement=all', 'post_auth_delay=1', 'log_disconnections=on', 'max_connections=7',
	'nosuch=1', "TimeZone=INTERVAL 'rubbish'", 'default_tablespace=nowhere', 'default_table_access_method=nowhere',
	'default_text_search_config=nowhere', 'server_version=14', 'plpgsql.variable_conflict=use_column');

my $position = log_position($node);
set_settings(@bad, 'maintenance_work_mem=13MB');
is($admin->value('SELECT policy_error FROM governor.status'),
	'class "governed": invalid value for parameter "work_mem": "much"', 'the status names the first');
for my $options ('-c client_min_messages=log', '-c exit_on_error=on', '')
{
	$client = GovClient->try_login($node, user => 'app', options => $options);
	ok(!$client->error, "bad settings refuse no login, with options \"$options\"") or next;
	is_seen($client, 'maintenance_work_mem', '13MB', 'client', 'the good one is given');
	is_seen($client, 'work_mem', '7MB', 'database user', 'a bad value leaves what was there');
	is($client->value("SELECT coalesce(string_agg(name, ', '), '') FROM pg_settings WHERE source = 'client'"
				. " AND name NOT IN ('maintenance_work_mem', 'exit_on_error', 'client_min_messages')"),
		'', 'no other is');
	is(scalar $client->notices, 0, 'the client is told nothing');
	$client->run('DO $$ BEGIN PERFORM 1; END $$');
}
my @complaints = log_since($node, $position) =~ /$complaint.*/g;
is(scalar @complaints, 1, 'one line in the log for all of them');
like(
	$complaints[0],
	qr/setting "work_mem=much" of class "governed": invalid value for parameter "work_mem": "much"$/,
	'it names the class and the reason');

$position = log_position($node);
set_settings('nosuch=1');
login();
login();
ok(wait_for_log($node, $complaint, $position), 'and one for the next generation');
@complaints = log_since($node, $position) =~ /$complaint.*/g;
is(scalar @complaints, 1, 'one');

# a parameter of a library that sessions load themselves is known when settings are given
$admin->run("ALTER DATABASE other SET session_preload_libraries = 'auto_explain'");
$position = log_position($node);
set_settings('auto_explain.log_min_duration=0', 'work_mem=14MB');
$client = login(dbname => 'other');
is_seen($client, 'work_mem', '14MB', 'client', 'a library that the session loads, and a parameter of it');
is_seen($client, 'auto_explain.log_min_duration', '-1', 'default', 'which only a superuser may set is not set');
ok(wait_for_log($node, qr/"auto_explain.log_min_duration" is not one that every session may set for itself/, $position),
	'and the log says so');
$client->logout;
$admin->run('ALTER DATABASE other RESET session_preload_libraries');

#
# lock_timeout is not for the locks that the login itself waits for
#
set_settings('lock_timeout=10ms');
$admin->run('BEGIN', 'ALTER DATABASE other RENAME TO another');
my $waiting = start_psql($node, 'user=app dbname=other');
my $watcher = GovClient->login($node);
ok( $watcher->wait_for("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND waitstart < clock_timestamp() - interval '200 ms'"),
	'a login waits for a lock on its database');
$admin->run('ROLLBACK');
$waiting->{stdin} .= "SHOW lock_timeout;\n\\q\n";
$waiting->{run}->finish;
is($waiting->{stdout} . $waiting->{stderr}, "10ms\n", 'for as long as it takes');

#
# Every parameter that a session may set for itself, at its present value
#
my @all = @{
	$admin->query("SELECT name, CASE name WHEN 'seed' THEN '0.5' ELSE current_setting(name) END FROM pg_settings"
		  . " WHERE context = 'user' AND name !~ '^(role|session_authorization|client_encoding|exit_on_error|transaction_.*|.*_preload_libraries|governor\\..*)\$'"
		  . ' ORDER BY lower(name)')
};
cmp_ok(scalar @all, '>', 100, 'there are many of them');
$position = log_position($node);
while (my @some = splice @all, 0, 15)
{
	my %wanted = map { $_->[0] => $_->[1] } @some;

	set_settings(map { "$_=$wanted{$_}" } keys %wanted);
	is($admin->value('SELECT policy_error FROM governor.status'), undef, 'good settings');
	$client = GovClient->try_login($node, user => 'app');
	ok(!$client->error, 'a login with ' . join(', ', map { $_->[0] } @some));

	my %got = map { $_->[0] => $_->[1] } @{
		$client->query("SELECT name, CASE name WHEN 'seed' THEN '0.5' ELSE current_setting(name) END FROM pg_settings WHERE source = 'client'")
	};
	delete $got{$_} foreach grep { !exists $wanted{$_} } keys %got;
	is_deeply(\%got, \%wanted, 'has them all');
}
is(scalar(() = log_since($node, $position) =~ /$complaint/g), 0, 'nobody has complained');

is($admin->value('SELECT repairs FROM governor.status'), 0, 'no counter was ever wrong');
$node->stop;
done_testing();
