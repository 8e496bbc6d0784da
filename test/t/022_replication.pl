
# Logical replication of the policy tables: what arrives comes into force.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my %settings = ('governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce');
my $publisher = new_node('publisher', init => [ allows_streaming => 'logical' ], settings => \%settings);
my $subscriber = new_node(
	'subscriber',
	init => [ allows_streaming => 'logical' ],
	settings => { %settings, 'max_worker_processes' => 12 });
$_->start foreach $publisher, $subscriber;
my $there = admin_of($publisher);
my $here = admin_of($subscriber);

# on the publisher: shipped rows as they are and edited, and rows of its own
set_policy(
	$there,
	"INSERT INTO governor.classes (name, idle_timeout) VALUES ('apps', '1 h')",
	"INSERT INTO governor.rules (position, class, application_name) VALUES (10, 'apps', 'app%')",
	"UPDATE governor.classes SET idle_timeout = '45 s' WHERE name = 'function'",
	"UPDATE governor.rules SET enabled = false WHERE position = 1010");
$there->run('CREATE PUBLICATION policy FOR TABLE governor.classes, governor.rules');
$here->run('CREATE ROLE app LOGIN', 'CREATE ROLE replicator SUPERUSER LOGIN');

my $app = GovClient->login($subscriber, user => 'app', application_name => 'app1');
my $replicator = GovClient->login($subscriber, user => 'replicator');
my $connection = $publisher->connstr . ' dbname=postgres user=postgres';
$replicator->run("CREATE SUBSCRIPTION policy CONNECTION '$connection' PUBLICATION policy");

sub class_of { return $here->value('SELECT class FROM governor.sessions WHERE pid = ' . $_[0]->pid); }

# What has been committed on the publisher is there, and in force.
sub caught_up
{
	$publisher->wait_for_catchup('policy');
	$here->run('SELECT governor.reload()');
	return;
}

my $rows =
  "SELECT string_agg(r, E'\\n' ORDER BY r) FROM (SELECT (name, mode, max_sessions, idle_timeout, idle_timeout_floor, description)::text AS r FROM governor.classes"
  . " UNION ALL SELECT (position, class, application_name, function, enabled)::text FROM governor.rules) AS r";

subtest 'the first copy' => sub {
	ok( $here->wait_for(
			"SELECT count(*) = 2 FROM pg_subscription_rel WHERE srsubstate = 'r'"),
		'the tables are copied');
	caught_up();
	is($here->value($rows), $there->value($rows), 'with shipped rows that are there already');
	ok($here->wait_for("SELECT class = 'apps' FROM governor.sessions WHERE pid = " . $app->pid),
		'and the policy is in force');
	is($here->value("SELECT class FROM governor.classify('app', 'postgres', 'serverless_client', NULL)"),
		'default', 'a rule that was switched off is');
};

subtest 'changes' => sub {
	my $generation = $here->value('SELECT policy_generation FROM governor.status');

	# nobody asks for a reload
	$there->run("UPDATE governor.classes SET idle_timeout = '2 h' WHERE name = 'apps'");
	ok( $here->wait_for(
			"SELECT count(*) = 1 FROM governor.events WHERE usename = 'replicator' AND detail = 'generation "
			  . ($generation + 1)
			  . ': class "apps": idle_timeout 1 h -> 2 h\''),
		'an UPDATE comes into force by itself, and the event says whose subscription it came by');
	$there->run("INSERT INTO governor.rules (position, class, application_name) VALUES (5, 'function', 'app1')");
	ok($here->wait_for("SELECT class = 'function' FROM governor.sessions WHERE pid = " . $app->pid), 'an INSERT');
	$there->run('DELETE FROM governor.rules WHERE position = 5');
	ok($here->wait_for("SELECT class = 'apps' FROM governor.sessions WHERE pid = " . $app->pid), 'a DELETE');
	$there->run(
		'BEGIN',
		"INSERT INTO governor.classes (name, idle_timeout) VALUES ('quick', '200 ms')",
		"UPDATE governor.rules SET class = 'quick' WHERE position = 10",
		'COMMIT');
	is_farewell_idle($app->wait_for_end, 'idle', 'quick', 'a transaction');
	caught_up();
	is($here->value($rows), $there->value($rows), 'the tables are the same');
	is($here->value('SELECT policy_error FROM governor.status'), undef, 'and all is well');
	is_deeply(
		$here->query("SELECT changed_by, shipped FROM governor.classes WHERE name = 'quick'"),
		[ [ 'replicator', 'f' ] ],
		'the rows are the subscriber\'s own');
};

$_->logout foreach $replicator, $here, $there;
$subscriber->stop;
$publisher->stop;

done_testing();
