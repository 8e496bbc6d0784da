
# pg_upgrade carries the policy: shipped rows, edited ones, and the triggers
# that keep them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

# The programs that start the other servers of these tests.  Under a checker
# (scripts/test --sanitize) they are not those of pg_config --bindir.
my ($bin) = grep { -x "$_/pg_ctl" } split /:/, $ENV{PATH};
plan skip_all => 'there is no pg_upgrade' unless $bin && -x "$bin/pg_upgrade";

my %settings = ('governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce');
my $old = new_node('old', settings => \%settings);
my $new = new_node('new', settings => \%settings);
my $rows =
  'SELECT json_agg(t ORDER BY t::text)::text FROM (SELECT to_json(c) AS t FROM governor.classes AS c UNION ALL SELECT to_json(r) FROM governor.rules AS r) AS t';
my $objects =
  q{SELECT string_agg(pg_describe_object(classid, objid, objsubid), E'\n' ORDER BY pg_describe_object(classid, objid, objsubid)) FROM pg_depend WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_governor')};
my $triggers =
  q{SELECT string_agg(tgrelid::regclass || ' ' || tgname || ' ' || tgenabled::text, E'\n' ORDER BY tgrelid::regclass::text, tgname) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'governor.%'};
my $config = q{SELECT extconfig::regclass[]::text || extcondition::text FROM pg_extension WHERE extname = 'pg_governor'};

$old->start;
my $admin = admin_of($old);

# pg_upgrade asks for libraries by LOAD, for which 18 does not search where the extension was staged
$admin->query(q{LOAD '$libdir/pg_governor'});
plan skip_all => 'pg_upgrade finds only a library that is installed into this server' if $admin->error;
$admin->run('CREATE ROLE app LOGIN', 'CREATE DATABASE other', 'CREATE DATABASE plain');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout) VALUES ('apps', '1 h')",
	"INSERT INTO governor.rules (position, class, application_name) VALUES (10, 'apps', 'app')",
	"UPDATE governor.classes SET idle_timeout = '45 s' WHERE name = 'function'",
	'UPDATE governor.rules SET enabled = false WHERE position = 1010');

# a database whose rows are all as shipped
my $other = admin_of($old, 'other');
my %before = map {
	my $client = $_;
	($client->value('SELECT current_database()') => [ map { $client->value($_) } $rows, $objects, $triggers, $config ])
} $admin, $other;
like($before{other}[0], qr/"shipped":true/, 'rows that are as shipped');
like($before{postgres}[0], qr/"shipped":false/, 'and rows that are not');
$_->logout foreach $admin, $other;
$old->stop;

# the new cluster loads the library from its first start on, as one that is configured beforehand does
command_ok(
	[   'env', '-C', PostgreSQL::Test::Utils::tempdir(),
		"$bin/pg_upgrade", '--no-sync', '--retain', '-U', 'postgres',
		'-d', $old->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin,
		'-s', $new->host, '-p', $old->port, '-P', $new->port
	],
	'pg_upgrade');
my $said = join '', map { slurp_file($_) } glob($new->data_dir . '/pg_upgrade_output.d/*/log/*server*.log');
like($said, qr/database system is ready to accept connections/, 'whose servers');
unlike($said, qr/LOG:  pg_governor: policy generation/, 'had no governor at work');

$new->start;
$admin = GovClient->login($new);
$other = GovClient->login($new, dbname => 'other');
foreach my $client ($admin, $other)
{
	my $name = $client->value('SELECT current_database()');

	is($client->value($rows), $before{$name}[0], "$name: every row is as it was, shipped ones too");
	is($client->value($objects), $before{$name}[1], 'all members of the extension');
	is($client->value($triggers), $before{$name}[2], 'triggers that fire always');
	is($client->value($config), $before{$name}[3], 'and what a dump takes');
}
ok($admin->wait_for('SELECT policy_error IS NULL AND policy_generation > 0 FROM governor.status'),
	'the policy is loaded');
my $app = GovClient->login($new, user => 'app', application_name => 'app');
is($admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $app->pid), 'apps', 'and in force');
$admin->query('DELETE FROM governor.rules WHERE position = 1000');
is_error($admin, '55000', 'shipped rows are kept');
set_policy($admin, "UPDATE governor.rules SET class = 'function' WHERE position = 10");
is($admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $app->pid), 'function', 'an edit comes into force');

$_->logout foreach $app, $admin, $other;
$new->stop;

done_testing();
