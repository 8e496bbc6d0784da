
# Circuit breakers and rate limits that sessions share: across sessions and
# databases, on a standby, through cancel, kill and crash; healing; two at once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node(
	'breaker',
	init => [ allows_streaming => 1 ],
	settings => { 'governor.mode' => 'off' });
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_prepared_transactions = 5");
$node->start;
my $admin = admin_of($node);

$admin->run('CREATE ROLE app LOGIN', 'CREATE DATABASE other');
set_policy(
	$admin,
	"INSERT INTO governor.breaker_settings (name, minimum_calls, window_size, open_for, half_open_calls, half_open_timeout) VALUES
		('api', 4, 4, '300 ms', 2, '10 min'),
		('frozen', 4, 4, '200 ms', 2, '400 ms'),
		('counted', 1000000, 10000, '1 h', 3, '5 s')",
	"INSERT INTO governor.rate_settings (name, rate) VALUES ('mails', '50/1h')");

sub login
{
	return GovClient->login($node, user => 'app', @_);
}

sub row_of
{
	my ($name, $columns) = @_;

	return join '|', map { defined $_ ? $_ : '' } @{ $admin->query("SELECT $columns FROM governor.breakers WHERE name = '$name'")->[0] };
}

sub fail_calls
{
	my ($client, $name, $n) = @_;

	$client->run("SELECT count(governor.breaker_record('$name', false)) FROM generate_series(1, $n)");
	return;
}

subtest 'sessions share it, from every database, in every mode' => sub {
	my ($one, $two) = (login(), login());
	my $other = GovClient->login($node, dbname => 'other');

	$other->run('CREATE EXTENSION pg_governor');
	is($one->value("SELECT governor.breaker_allow('api')"), 't', 'closed');
	fail_calls($one, 'api', 3);
	is($two->value("SELECT governor.breaker_allow('api')"), 't', 'three failures are not enough');
	fail_calls($two, 'api', 1);
	is($one->value("SELECT governor.breaker_allow('api')"), 'f', 'four are, for the one');
	is($two->value("SELECT governor.breaker_allow('api')"), 'f', 'and for the other');
	is($other->value("SELECT governor.breaker_allow('api')"), 'f', 'and in another database');
	$one->query("SELECT governor.breaker_check('api')");
	is_error($one, '53400', 'an error for whoever wants one');
	is($one->error->{M}, 'circuit breaker "api" is open', 'its message');
	like($one->error->{H}, qr/^Retry after [1-9]\d* ms\.$/, 'its hint');
	$other->query("INSERT INTO governor.breaker_settings (name) VALUES ('elsewhere')");
	like(($other->notices)[0]->{M}, qr/not in force/, 'an edit there is kept and not in force');
};

subtest 'it heals' => sub {
	my $client = login();

	ok($admin->wait_for("SELECT retry_after IS NULL FROM governor.breakers WHERE name = 'api'"), 'open_for is over');
	is(row_of('api', 'state, permits_left'), 'open|2', 'nobody has asked yet');
	my @permits = map { $client->value("SELECT governor.breaker_acquire('api')") } 1 .. 3;
	is(row_of('api', 'state, permits_left'), 'half_open|0', 'whoever asks makes it half open');
	ok($permits[0] && $permits[1] && !defined $permits[2], 'so many permits, and no more');
	$admin->run("SELECT governor.breaker_record('api', true, '5 ms', $_)") foreach @permits[ 0, 1 ];
	is(row_of('api', 'state, calls'), 'closed|0', 'another session may report; good results close it');
	is( join("\n", $admin->column("SELECT detail FROM governor.events WHERE kind = 'breaker' ORDER BY at")),
		join("\n",
			'api: closed -> open: 4 of 4 calls failed',
			'api: open -> half_open: open_for is over',
			'api: half_open -> closed: 0 of 2 calls failed'),
		'each transition is an event');
};

subtest 'a function that freezes with a permit' => sub {
	my $client = login();

	fail_calls($client, 'frozen', 4);
	ok($admin->wait_for("SELECT retry_after IS NULL FROM governor.breakers WHERE name = 'frozen'"), 'open_for is over');
	$client->run("SELECT governor.breaker_acquire('frozen')");
	my $good = $client->value("SELECT governor.breaker_acquire('frozen')");
	$client->run("SELECT governor.breaker_record('frozen', true, NULL, $good)");
	ok( $admin->wait_for("SELECT state = 'open' FROM governor.breakers WHERE name = 'frozen'"),
		'its permit expires and counts as a failure: one of two');
	ok( $admin->wait_for("SELECT governor.breaker_acquire('frozen') IS NOT NULL"), 'and it is tried again');
};

subtest 'cancelled and rolled back' => sub {
	my $client = login();

	$admin->run("SELECT governor.breaker_reset('counted')");
	$client->run('SET statement_timeout = 100');
	$client->query("SELECT governor.breaker_record('counted', false), pg_sleep(60)");
	is_error($client, '57014', 'a statement that is cancelled');
	$client->run('SET statement_timeout = 0');
	is(row_of('counted', 'calls'), 1, 'has reported');
	$client->query("BEGIN; SELECT governor.breaker_record('counted', true); SELECT 1/0");
	$client->run('ROLLBACK');
	is(row_of('counted', 'calls'), 2, 'so has a transaction that failed');
	$client->run("BEGIN", "SELECT governor.breaker_record('counted', true)", "PREPARE TRANSACTION 'p'", "ROLLBACK PREPARED 'p'");
	is(row_of('counted', 'calls'), 3, 'and a prepared one');
};

subtest 'many at the same instant' => sub {
	my @clients = map { login() } 1 .. 8;

	$admin->run("SELECT governor.breaker_reset('counted')");
	$_->start("SELECT count(governor.breaker_record('counted', i % 10 = 0)), count(*) FILTER (WHERE granted)
		FROM generate_series(1, 500) AS i, LATERAL (SELECT (governor.rate_take('mails', i - i + 1)).granted) AS r")
	  foreach @clients;
	my $granted = 0;
	foreach my $client (@clients)
	{
		my $rows = $client->finish;

		is($client->error, undef, 'no error');
		$granted += $rows->[0][1];
	}
	is(row_of('counted', 'calls'), 4000, 'no report is lost');
	is($granted, 50, 'and no more granted than the rate');

	# one permit is left: whoever asks first has it
	$admin->run("SELECT governor.breaker_force('counted', 'half_open')");
	$admin->run("SELECT governor.breaker_acquire('counted')") foreach 1 .. 2;
	$_->start("SELECT governor.breaker_allow('counted')") foreach @clients;
	is(scalar(grep { $_->finish->[0][0] eq 't' } @clients), 1, 'one of eight gets the last permit');
};

subtest 'a standby' => sub {
	$node->backup('copy');
	my $standby = PostgreSQL::Test::Cluster->new('breaker_standby');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	my $there = GovClient->login($standby);

	ok( $there->wait_for("SELECT count(*) = 3 FROM governor.breakers"), 'has the breakers');
	fail_calls($there, 'api', 4);
	is($there->value("SELECT governor.breaker_allow('api')"), 'f', 'of its own state');
	is($admin->value("SELECT governor.breaker_allow('api')"), 't', 'which the primary does not share');
	is($there->value("SELECT granted FROM governor.rate_take('mails', 50)"), 't', 'and so with rate limits');
	undef $there;
	$standby->stop;
};

subtest 'after a crash' => sub {
	my $client = login();

	fail_calls($client, 'counted', 3);
	$admin->run("SELECT governor.breaker_force('counted', 'half_open')");
	my $old = $client->value("SELECT governor.breaker_acquire('counted')");
	kill 'KILL', $client->pid;
	ok(wait_until(sub { !$admin->works }), 'the server goes down');
	ok(wait_until(sub { my $c = GovClient->try_login($node); my $ok = !$c->error; $admin = $c if $ok; $ok }), 'and comes back');
	is( $admin->value("SELECT governor.breaker_allow('api')"), 't', 'with its breakers at once, from the file of the policy');
	is(row_of('counted', 'state, calls'), 'closed|0', 'closed: that is what a restart begins with');
	$admin->run("SELECT governor.breaker_record('counted', false, NULL, $old)");
	is(row_of('counted', 'calls'), 0, 'a permit from before it does not count');
};

subtest 'room for fewer than there are' => sub {
	$admin->logout;
	set_conf($node, 'governor.mode' => 'off', 'governor.max_breakers' => '1');
	$node->restart;
	$admin = GovClient->login($node);

	# by the file of before, and by the tables
	foreach my $when ('at first', 'once the tables are read')
	{
		is($admin->value("SELECT governor.breaker_allow('api')"), 't', "$when: the first by name is in force");
		$admin->query("SELECT governor.breaker_allow('frozen')");
		is_error($admin, '42704', "$when: another one is not");
		$admin->run('SELECT governor.reload()');
	}
	is($admin->value('SELECT policy_error FROM governor.status'),
		'there are 3 circuit breakers, and governor.max_breakers is 1', 'and it is said');
	is($admin->value('SELECT count(*) FROM governor.breakers'), 1, 'the view');

	$admin->logout;
	set_conf($node, 'governor.mode' => 'off', 'governor.max_breakers' => '0');
	$node->restart;
	$admin = GovClient->login($node);
	$admin->query("SELECT governor.rate_take('mails', 1)");
	is_error($admin, '42704', 'none at all');
	$admin->run('SELECT governor.reload()');
	is($admin->value('SELECT count(*) FROM governor.breakers'), 0, 'works too');
};

done_testing();
