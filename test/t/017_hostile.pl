
# Names and search paths that somebody made up to do harm: in views, events, log
# lines and last words; at CREATE EXTENSION, in triggers, in the loader.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;

my $node = new_node(
	'hostile',
	init => [ extra => [ '-E', 'UTF8' ] ],
	settings => { 'governor.sweep_interval' => '50ms', 'governor.log_decisions' => 'all' });
$node->start;
my $admin = admin_of($node);
set_mode($admin, 'enforce');

# As SQL takes it, and as a name.
sub literal
{
	my ($text) = @_;

	$text =~ s/'/''/g;
	$text =~ s/\\/\\\\/g;
	return "E'$text'";
}

sub name
{
	my ($text) = @_;

	$text =~ s/"/""/g;
	return "\"$text\"";
}

# As text in a log line: the server indents what follows a line feed.
sub logged
{
	my ($text) = @_;

	$text =~ s/\n/\n\t/g;
	return quotemeta $text;
}

#
# Names of roles and databases
#
my %names = (
	'quotes' => q{q"u'o\\t`e$},
	'percent signs' => '%s%n%%1$s%100000d',
	'control characters' => "line\nFATAL:  all is lost\t\e[31m\x7f",
	'63 bytes' => '%s' . 'x' x 61,
	'63 bytes of two each' => 'x' . "\xc3\xa4" x 31,
	'what a rule could mean otherwise' => '+app',);

# 19 takes no line feed into the name of a role or database
$admin->query('CREATE ROLE ' . name("line\nfeed"));
$names{'control characters'} =~ tr/\n/\x0b/ if $admin->error;

set_policy($admin, "INSERT INTO governor.classes (name, idle_timeout) VALUES ('odd', '100 ms'), ('slow', '1 h')");

my $position = 100;
foreach my $what (sort keys %names)
{
	my $odd = $names{$what};
	my $log = log_position($node);

	$admin->run('CREATE ROLE ' . name($odd) . ' LOGIN', 'CREATE DATABASE ' . name($odd));
	set_policy($admin,
		    "INSERT INTO governor.rules (position, class, database) VALUES ($position, 'slow', "
		  . literal($odd)
		  . ')');

	# at rest for long: looked at
	my $application = substr("%n$odd", 0, 63);
	my $client = GovClient->login($node, user => $odd, dbname => $odd, application_name => $application);
	my $pid = $client->pid;
	my ($seen) = @{ $admin->query("SELECT usename, datname, class, rule FROM governor.sessions WHERE pid = $pid") };
	is_deeply($seen, [ $odd, $odd, 'slow', $position ], "$what: in governor.sessions");
	is($admin->value("SELECT rule FROM governor.classify(@{[literal($odd)]}, @{[literal($odd)]}, NULL, NULL)"),
		$position, "$what: in governor.classify()");
	like($admin->value("SELECT application_name FROM governor.sessions WHERE pid = $pid"),
		qr/^[ -~]{1,63}$/, "$what: application_name has only what can be shown");

	# ended: seen in the event, the log and the last words
	set_policy($admin, "UPDATE governor.rules SET class = 'odd' WHERE position = $position");
	is_farewell_idle($client->wait_for_end, 'idle', 'odd', "$what: the last words");
	$admin->wait_for("SELECT count(*) = 1 FROM governor.events WHERE kind = 'reclaimed' AND pid = $pid");
	($seen) = @{
		$admin->query("SELECT usename, datname, detail ~ '^at rest for [0-9.]+ s\$' FROM governor.events "
			  . "WHERE kind = 'reclaimed' AND pid = $pid")
	};
	is_deeply($seen, [ $odd, $odd, 't' ], "$what: in governor.events");
	my $shown = logged($odd);
	ok( wait_for_log(
			$node, qr/reclaimed session $pid of class "odd"\n[^\n]*Reason: idle\.  User "$shown", database "$shown"/,
			$log),
		"$what: in the log");

	# whoever ends a session puts one line into its last words
	my $victim = GovClient->login($node, user => $odd);
	my $killer = GovClient->login($node, user => $odd);
	$killer->run('SELECT governor.reclaim(' . $victim->pid . ", E'%s\\n\\x7f')");
	my $farewell = $victim->wait_for_end;
	(my $clean = $odd) =~ s/[\x00-\x1f\x7f]/ /g;
	like($farewell->{D}, qr/^Reason "requested", class "default": at rest for [0-9.]+ s; by \Q$clean\E: %s  \.$/,
		"$what: as the one who ends a session");
	like($admin->value("SELECT detail FROM governor.events WHERE pid = " . $victim->pid),
		qr/; by \Q$clean\E: %s  $/, "$what: and in the event");

	# said by register(): what can be shown stays as it is; the rest is replaced, as in application_name
	my $function = GovClient->login($node, user => $odd, application_name => 'odd');
	$function->query('SELECT governor.register(' . join(', ', (literal($odd)) x 4) . ')');
	if ($odd =~ /[^ -~]/ && $function->error)
	{
		is_error($function, '22001', "$what: in register(), longer by what it is replaced by");
	}
	else
	{
		my ($identity) = @{ $function->query(
				'SELECT platform, function, version, instance FROM governor.sessions WHERE pid = pg_backend_pid()') };
		(my $folded = $odd) =~ tr/A-Z/a-z/;
		is_deeply($identity, [ $folded, $odd, $odd, $odd ], "$what: in register()") if $odd !~ /[^ -~]/;
		ok(!(grep { !/^[ -~]{1,63}$/ } @$identity), "$what: the identity has only what can be shown");
	}
	$function->query("SELECT governor.register('a', @{[literal($odd)]} || repeat('x', 64))");
	is_error($function, '22001', "$what: a part that is too long");
	$function->logout;

	# a rule for a role that is not there
	my $missing = substr($odd, 0, 62) eq $odd ? "$odd!" : undef;
	if (defined $missing)
	{
		$admin->query("INSERT INTO governor.rules (position, class, role) VALUES (99, 'odd', "
			  . literal("+$missing")
			  . ')');
		my ($notice) = $admin->notices;
		is($notice->{M}, "role \"$missing\" does not exist", "$what: in a warning");
		$admin->run('SELECT governor.reload()');
		is($admin->value('SELECT policy_error FROM governor.status'),
			"rule 99: role \"$missing\" does not exist", "$what: in policy_error");
		set_policy($admin, 'DELETE FROM governor.rules WHERE position = 99');
	}

	# a policy database of that name
	my $other = GovClient->login($node, dbname => $odd);
	$other->run('CREATE EXTENSION pg_governor');
	$other->notices;
	$other->query("UPDATE governor.classes SET description = E'%s\\n\\x1b' WHERE name = 'default'");
	my ($notice) = $other->notices;
	my $quoted = $other->value('SELECT quote_literal(current_database())');
	is( $notice->{H},
		"Edit it there, or set governor.database = $quoted and reload the server's configuration.",
		"$what: in the hint that names the policy database");
	# ALTER SYSTEM takes no line feed
	if ($odd !~ /\n/)
	{
		$other->run('ALTER SYSTEM SET governor.database = ' . literal($odd),
			'SELECT pg_reload_conf()', 'SELECT governor.reload()');
		is($other->value('SELECT policy_error FROM governor.status'), undef, "$what: as the policy database");
		$other->run('DROP EXTENSION pg_governor', 'SELECT pg_reload_conf()');
		ok( $admin->wait_for(
				"SELECT policy_error = 'the extension pg_governor is not installed in database "
				  . "\"' || current_setting('governor.database') || '\"' FROM governor.status"),
			"$what: in policy_error, as that database");
		$admin->run('ALTER SYSTEM RESET governor.database', 'SELECT pg_reload_conf()', 'SELECT governor.reload()');
	}
	$other->logout;
	$killer->logout;
	$position++;
}

# A message that is cut is cut between characters, for clients of any encoding.
$admin->run('ALTER TABLE governor.rules DROP CONSTRAINT "role: a name, or + and a name; at most 63 bytes"');
$admin->query('INSERT INTO governor.rules (position, class, role) VALUES (98, '
	  . "'odd', 'x' || repeat('\xc3\xa4', 40))");
$admin->notices;
$admin->query('SELECT governor.reload()');
is_error($admin, '55000', 'a role that is too long');
is( $admin->value("SET client_encoding = latin1; SELECT policy_error FROM governor.status"),
	'value "x' . "\xe4" x 9 . '..." in the policy tables is too long',
	'and its beginning in policy_error');
$admin->run('RESET client_encoding');
set_policy($admin, 'DELETE FROM governor.rules WHERE position = 98');

#
# A search path at CREATE EXTENSION, in what it made, in the loader
#
my $prepared = GovClient->login($node);
$prepared->run('CREATE ROLE attacker LOGIN', 'CREATE DATABASE trap OWNER attacker');
$prepared->logout;
my $attacker = GovClient->login($node, user => 'attacker', dbname => 'trap');

# a schema of ours, with whatever its owner put into it, is not taken
$attacker->run('CREATE SCHEMA governor', 'CREATE TABLE governor.classes (name text)');
my $dba = GovClient->login($node, dbname => 'trap');
$dba->query('CREATE EXTENSION pg_governor');
is_error($dba, '42P06', 'a schema "governor" that somebody prepared is refused');
$attacker->run('DROP SCHEMA governor CASCADE', 'CREATE SCHEMA first');

# it is not trusted: the owner of a database cannot make it
$attacker->query('CREATE EXTENSION pg_governor');
is_error($attacker, '42501', 'no extension without a superuser');

# who is called tells it
$attacker->run(
	'CREATE TABLE first.called (what text)',
	'GRANT INSERT ON first.called TO PUBLIC',
	"CREATE FUNCTION first.tell(what text) RETURNS boolean LANGUAGE plpgsql AS "
	  . "'BEGIN RAISE EXCEPTION ''trapped in %'', what; END'");
foreach my $types ('text, text', 'name, name', 'integer, integer', 'bigint, bigint', 'numeric, numeric',
	'interval, interval', 'boolean, boolean', 'double precision, double precision')
{
	my ($left, $right) = split /, /, $types;
	(my $id = $types) =~ s/\W+/_/g;

	foreach my $operator ('=', '<>', '<', '<=', '>', '>=', '~', '!~', '||', '*', '/')
	{
		my $function = "first.f_${id}_" . unpack('H*', $operator);

		$attacker->run(
			"CREATE FUNCTION $function($types) RETURNS boolean LANGUAGE sql AS \$\$SELECT first.tell('$operator')\$\$",
			"CREATE OPERATOR first.$operator (LEFTARG = $left, RIGHTARG = $right, FUNCTION = $function)");
	}
}
foreach my $function (
	'lower(text)', 'octet_length(text)', 'ltrim(text, text)', 'left(text, integer)',
	'substr(text, integer)', 'split_part(text, text, integer)', 'current_setting(text)',
	'pg_extension_config_dump(regclass, text)', 'float8(numeric)', 'processors()',
	'sessions()', 'status()')
{
	$attacker->run(
		"CREATE FUNCTION first.$function RETURNS boolean LANGUAGE sql AS \$\$SELECT first.tell('$function')\$\$");
}
$attacker->run(
	'CREATE TABLE first.classes (name text)',
	'CREATE TABLE first.rules (position text)',
	'CREATE DOMAIN first.text AS pg_catalog.text CHECK (first.tell(value))',
	'CREATE DOMAIN first.interval AS pg_catalog.interval CHECK (first.tell(value::pg_catalog.text))',
	'CREATE DOMAIN first.name AS pg_catalog.name CHECK (first.tell(value::pg_catalog.text))',
	'CREATE CAST (integer AS first.text) WITH INOUT AS IMPLICIT',
	'ALTER DATABASE trap SET search_path = first, pg_catalog, public');
$dba->logout;

# in a session that has temporary objects in front besides
$dba = GovClient->login($node, dbname => 'trap');
$dba->run(
	'CREATE TEMP TABLE classes (name integer)',
	'CREATE TEMP TABLE rules (position xid)',
	'CREATE TYPE pg_temp.integer AS (a pg_catalog.bool)',
	'CREATE DOMAIN pg_temp.boolean AS pg_catalog.bool CHECK (false)');
$dba->query("SELECT 'a'::pg_catalog.text = 'b'::pg_catalog.text");
like($dba->error->{M}, qr/trapped in =/, 'the trap works');

$dba->run('CREATE EXTENSION pg_governor');
ok(!$dba->error, 'CREATE EXTENSION in front of a trap');
is( $dba->value(
		'SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format_type(atttypid, NULL), chr(32)) '
		  . 'FROM pg_catalog.pg_attribute a, pg_catalog.pg_class c, pg_catalog.pg_type t '
		  . 'WHERE c.oid OPERATOR(pg_catalog.=) a.attrelid AND t.oid OPERATOR(pg_catalog.=) a.atttypid '
		  . "AND c.relnamespace OPERATOR(pg_catalog.=) 'governor'::pg_catalog.regnamespace "
		  . "AND t.typnamespace OPERATOR(pg_catalog.<>) 'pg_catalog'::pg_catalog.regnamespace "
		  . 'AND a.attnum OPERATOR(pg_catalog.>) 0::smallint'),
	undef, 'no column is of a type of somebody else');

$dba->run("ALTER SYSTEM SET governor.database = 'trap'", 'SELECT pg_reload_conf()', 'SELECT governor.reload()');
$dba->notices;
$dba->run(
	'BEGIN',
	"INSERT INTO governor.classes (name, connect_rate, idle_timeout, max_lifetime, reclaim_rate) "
	  . "VALUES ('workers', '75/1s', '1 min', '1 h', 2)",
	"INSERT INTO governor.rules (position, class, role, application_name) VALUES (1, 'workers', '+attacker', 'w%')",
	"INSERT INTO governor.classes (name, keep_warm) VALUES ('function', 3)",
	'UPDATE governor.rules SET enabled = false WHERE shipped');
is($dba->value("SELECT class FROM governor.classify('attacker', NULL, 'w1', NULL)"),
	'workers', 'edits, and a try, by a session with the trap in its path');
$dba->run('COMMIT', 'SELECT governor.reload()');
is($dba->value('SELECT policy_error FROM governor.status'), undef, 'the loader loads');
is($dba->value("SELECT class FROM governor.classify('attacker', NULL, 'w1', NULL)"),
	'workers', 'and what it has loaded is in force');
foreach my $view (qw(sessions admission stat_classes events status))
{
	ok(defined $dba->value("SELECT pg_catalog.count(*) FROM governor.$view"), "the view $view");
}
$dba->run('DROP EXTENSION pg_governor');
$admin->run('ALTER SYSTEM RESET governor.database', 'SELECT pg_reload_conf()', 'SELECT governor.reload()');

#
# Who may not stop what looks after them
#
$admin->run('CREATE ROLE killer LOGIN IN ROLE pg_signal_backend');
my $killer = GovClient->login($node, user => 'killer');
my $governor = $admin->value('SELECT governor_pid FROM governor.status');
$killer->query("SELECT pg_terminate_backend($governor)");
is_error($killer, '42501', 'the governor: not ended by pg_signal_backend');
$killer->query("SELECT governor.reclaim($governor, 'me')");
like(($killer->notices)[0]->{M}, qr/^PID $governor is not a client session$/, 'nor by governor.reclaim()');

$node->stop;
done_testing();
