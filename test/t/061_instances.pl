
# The same instance again: sessions_per_instance ends those that it has left
# behind, and nobody else's.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use Test::More;

my $node = new_node('instances', settings => { 'governor.sweep_interval' => '100ms', 'governor.mode' => 'enforce' });
$node->start;
my $admin = admin_of($node);

$admin->run('CREATE ROLE app LOGIN', 'CREATE ROLE forger LOGIN', 'CREATE DATABASE staging');
# the platform says which class it is
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, sessions_per_instance) VALUES ('one', 1), ('two', 2)",
	"INSERT INTO governor.classes (name, sessions_per_instance, mode) VALUES ('off', 1, 'off'), ('watched', 1, 'observe')",
	"INSERT INTO governor.classes (name, idle_timeout) VALUES ('any', '1 h')",
	"INSERT INTO governor.rules (position, class, platform)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped",
	"INSERT INTO governor.rules (position, class, platform) VALUES (100, 'one', 'one_more')");

# A session of `faas:<class>:...`, at rest.
sub login
{
	my ($identity, %options) = @_;
	my $client = GovClient->login($node, user => 'app', application_name => "faas:$identity", %options);

	rests($client);
	return $client;
}

sub rests
{
	my ($client) = @_;

	return $admin->wait_for("SELECT state IN ('idle', 'idle in transaction') FROM governor.sessions WHERE pid = " . $client->pid);
}

sub seen
{
	my ($client, $columns) = @_;

	return join '|', map { defined $_ ? $_ : '' }
	  @{ $admin->query("SELECT $columns FROM governor.sessions WHERE pid = " . $client->pid)->[0] || [] };
}

# An instance comes again, and what it left behind ends: whoever is looked at by then was spared.
sub others_end
{
	my ($class) = @_;
	my $left_behind = login("$class:canary:1:i");
	my @again = map { login("$class:canary:1:i") } 1 .. ($class eq 'two' ? 2 : 1);

	is_farewell_idle($left_behind->wait_for_end, 'superseded', $class, 'another one ends');
	$_->logout foreach @again;
	$admin->wait_for("SELECT NOT EXISTS (SELECT FROM governor.sessions WHERE function = 'canary')");
	return;
}

# Nothing else is governed here, so the governor sleeps until a login wakes it.
subtest 'one that comes again' => sub {
	my $first = login('one:f:1:i');
	my $second = login('one:f:1:i');

	is_farewell_idle($first->wait_for_end, 'superseded', 'one', 'the one left behind ends');
	ok($second->works, 'the one that came after it does not');
	is( $admin->value('SELECT kind || \' \' || reason || \' \' || (detail ~ \'^at rest for \d\') FROM governor.events WHERE pid = ' . $first->pid),
		'reclaimed superseded true', 'the event');
	ok($admin->wait_for("SELECT reclaimed = 1 AND reclaimed_superseded = 1 FROM governor.stat_classes WHERE class = 'one'"),
		'the counters');
	others_end('one');
	ok($second->works, 'and goes on');
	is(seen($second, 'verdict, stale_at'), 'keep|', 'the verdict on it');
	$second->logout;
};

subtest 'kin, and others' => sub {
	set_mode($admin, 'observe');
	my %kept = (
		a_reference => login('one:f:1:i'),
		b_another_instance => login('one:f:1:j'),
		c_another_version => login('one:f:2:i'),
		d_another_function => login('one:g:1:i'),
		e_another_platform => login('one_more:f:1:i'),
		f_another_role => login('one:f:1:i', user => 'forger'),
		g_another_address => login('one:f:1:i', host => '127.0.0.1'),
		h_ipv6 => login('one:f:1:i', host => '::1'),
		i_no_version => login('one:f::i'),
		j_parts_that_run_together => login('one:f1::i'),
		k_no_instance => login('one:f:1'),
		l_nor_here => login('one:f:1'),
		m_empty_instance => login('one:f:1:'),
		n_case => login('one:f:1:I'),
		o_off => login('off:f:1:i'),
		p_off_too => login('off:f:1:i'),
		q_no_limit => login('any:f:1:i'),
		r_no_limit_here => login('any:f:1:i'),
		s_cut => login('one:' . ('f' x 40) . ':1:' . ('i' x 40)),
		t_cut_too => login('one:' . ('f' x 40) . ':1:' . ('i' x 40)),
		u_in_two => login('two:f:1:i'),
		v_in_two_too => login('two:f:1:i'),
		w_another_database => login('one:f:1:i', dbname => 'staging'));

	is(seen($kept{s_cut}, 'class, function, version, instance'), 'one|' . ('f' x 40) . '|1|', 'a name that was cut has no instance');
	is($admin->value("SELECT count(*) FROM governor.sessions WHERE verdict = 'superseded'"), 0, 'nobody should end');
	set_mode($admin, 'enforce');
	others_end('one');
	others_end('two');
	is(join(' ', grep { $kept{$_}->has_ended } sort keys %kept), '', 'nobody does');

	# whoever has the same name in every part, and comes from the same place, does
	my %again = (
		unix => [ $kept{a_reference}, login('one:f:1:i') ],
		address => [ $kept{g_another_address}, login('one:f:1:i', host => '127.0.0.1') ],
		ipv6 => [ $kept{h_ipv6}, login('one:f:1:i', host => '::1') ],
		database => [ $kept{w_another_database}, login('one:f:1:i', dbname => 'staging') ],
		role => [ $kept{f_another_role}, login('one:f:1:i', user => 'forger') ],
		no_version => [ $kept{i_no_version}, login('one:f::i') ],
		platform => [ $kept{e_another_platform}, login('ONE_MORE:f:1:i') ]);
	foreach my $what (sort keys %again)
	{
		is_farewell_idle($again{$what}[0]->wait_for_end, 'superseded', 'one', "the same again: $what");
		ok($again{$what}[1]->works, 'which lives');
	}
	$_->[1]->logout foreach values %again;
	$_->vanish foreach values %kept;
};

subtest 'those used last stay' => sub {
	set_mode($admin, 'observe');
	my @in = map { login('two:f:1:i') } 1 .. 5;

	# the first is used again, so the second to the fourth are those that were left behind
	$in[0]->run('SELECT 1');
	rests($in[0]);
	is( join(' ', map { seen($_, 'verdict') } @in),
		'keep superseded superseded superseded keep', 'the verdicts');
	set_mode($admin, 'enforce');
	$in[$_]->wait_for_end foreach 1 .. 3;
	others_end('two');
	ok($in[$_]->works, 'used last') foreach 0, 4;
	$_->vanish foreach @in;
};

subtest 'a session that works counts, and is let be' => sub {
	my $works = login('one:f:1:i');
	$works->start('SELECT pg_sleep(600)');
	ok($admin->wait_for('SELECT state = \'active\' FROM governor.sessions WHERE pid = ' . $works->pid), 'one works');
	my $rests = GovClient->login($node, user => 'app', application_name => 'faas:one:f:1:i');
	is_farewell_idle($rests->wait_for_end, 'superseded', 'one', 'another one ends when it rests');
	ok(!$works->has_ended, 'the first goes on');
	$admin->run('SELECT pg_cancel_backend(' . $works->pid . ')');
	$works->finish;
	is_error($works, '57014', 'until somebody cancels it');
	others_end('one');
	ok($works->works, 'and stays');
	$works->logout;
};

# Whether a login succeeds is known when it is over.
subtest 'a login that is not over' => sub {
	my $first = login('one:f:1:i');
	my $begun = GovClient->start_login($node, user => 'app', application_name => 'faas:one:f:1:i', options => '-c post_auth_delay=600');

	ok( $admin->wait_for("SELECT count(*) = 1 FROM governor.sessions WHERE function = 'f' AND state = 'starting'"),
		'the same instance logs in');
	is(seen($first, 'verdict'), 'keep', 'nothing is known against its first session');
	others_end('one');
	ok($first->works, 'which stays');
	$admin->run("SELECT pg_terminate_backend(pid) FROM governor.sessions WHERE function = 'f' AND state = 'starting'");
	ok($begun->finish_login->error, 'the login fails');
	ok($first->works, 'and it stays still');
	$first->logout;
};

subtest 'idle in a transaction counts, and does not end' => sub {
	my $in_transaction = login('two:f:1:i');
	$in_transaction->run('BEGIN', 'SELECT 1');
	my @in = map { login('two:f:1:i') } 1 .. 2;

	others_end('two');
	is(seen($in_transaction, 'state, verdict'), 'idle in transaction|keep', 'the oldest is in a transaction, and stays');
	ok($_->works, 'as do those used last') foreach @in;
	my $one_more = login('two:f:1:i');
	# of four the two used last stay, one is in its transaction, and one ends
	is_farewell_idle($in[0]->wait_for_end, 'superseded', 'two', 'the next one ends');
	$in_transaction->run('COMMIT');
	ok($in_transaction->works, 'when it is over the first one is used last');
	# then there are three: the other one of the two was used before the newcomer
	is_farewell_idle($in[1]->wait_for_end, 'superseded', 'two', 'and another one was left behind');
	ok($_->works, 'it lives') foreach $one_more, $in_transaction;
	$_->logout foreach $one_more, $in_transaction;
};

subtest 'sessions that idle rules keep' => sub {
	foreach my $how ('LISTEN news', 'SELECT pg_advisory_lock(1)')
	{
		my $kept = login('one:f:1:i');
		$kept->run($how);
		my $second = login('one:f:1:i');

		others_end('one');
		isnt(seen($kept, 'verdict'), 'superseded', "$how: the verdict");
		ok($kept->works, 'it is kept');
		rests($kept);
		# now the other one was left behind
		is_farewell_idle($second->wait_for_end, 'superseded', 'one', 'the others are not');
		$kept->vanish;
		$admin->wait_for("SELECT count(*) = 0 FROM governor.sessions WHERE function = 'f'");
	}
	my $kept = login('one:f:1:i');
	$kept->run('LISTEN news');
	my $second = login('one:f:1:i');
	others_end('one');
	ok($second->works, 'nobody ends in the place of one that is kept');
	$_->vanish foreach $kept, $second;
};

subtest 'a name that comes later' => sub {
	my $registered = GovClient->login($node, user => 'app');
	$registered->run("SELECT governor.register('one', 'f', '1', 'later')");
	my $named = GovClient->login($node, user => 'app');
	$named->run("SET application_name = 'faas:one:f:1:later'");

	is_farewell_idle($registered->wait_for_end, 'superseded', 'one', 'is of the same instance');
	ok($named->works, 'the one used last stays');
	$named->logout;
};

subtest 'observe' => sub {
	my $first = login('watched:f:1:i');
	my $second = login('watched:f:1:i');
	my $noted = "FROM governor.events WHERE kind = 'would_reclaim' AND reason = 'superseded' AND pid = ";

	ok($admin->wait_for("SELECT count(*) = 1 $noted" . $first->pid), 'it would end');
	foreach (1 .. 3)
	{
		foreach my $client ($first, $second)
		{
			$client->run('SELECT 1');
			rests($client);
			wait_for_sweeps($admin, 2);
		}
	}
	is($admin->value("SELECT count(*) $noted" . $first->pid), 1, 'which is said once, not whenever it rests');
	is($admin->value("SELECT count(*) $noted" . $second->pid), 1, 'of each');
	ok($_->works, 'both live') foreach $first, $second;
	$_->logout foreach $first, $second;
};

is($admin->value('SELECT repairs FROM governor.status'), 0, 'no counter was wrong');
$node->stop;
done_testing();
