
# Peers that do not answer: what is frozen ends, whatever it was doing, and
# nothing else does.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovNet;
use GovTest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

BEGIN { GovNet::enter(); }

my $net = GovNet->new('frozen', 'live', 'back', 'lost', 'commits', 'twins', 'frozen_too');
my $node = new_node('liveness',
	init => [ allows_streaming => 1 ],
	settings => { 'governor.mode' => 'enforce', max_connections => 120, listen_addresses => join(', ', $net->server, $net->server_too, $net->server6) });
$node->append_conf('pg_hba.conf', "host all all 10.90.0.0/24 trust\nhost all all fd90::/64 trust\n");
$node->append_conf('postgresql.conf', "max_prepared_transactions = 2\n");
my $with_tls = make_certificate($node);
$node->start;

my $admin = admin_of($node);
$admin->run(map { "CREATE ROLE $_ LOGIN" } qw(fn patient app watched));
$admin->run('CREATE ROLE boss LOGIN SUPERUSER', 'CREATE TABLE work (note text)', 'GRANT ALL ON work TO fn');
set_policy(
	$admin,
	"UPDATE governor.classes SET mode = NULL WHERE name = 'default'",
	"INSERT INTO governor.classes (name, unresponsive_timeout) VALUES ('quick', '3 s'), ('patient', '15 s')",
	"INSERT INTO governor.classes (name, mode, unresponsive_timeout) VALUES ('watched', 'observe', '3 s')",
	"INSERT INTO governor.rules (position, class, role) VALUES (10, 'quick', 'fn'), (11, 'patient', 'patient'), (12, 'watched', 'watched'), (13, 'quick', 'boss')");

sub make_certificate
{
	my ($node) = @_;
	my $data = $node->data_dir;

	return 0
	  if system("openssl req -new -x509 -days 2 -nodes -subj /CN=server -out $data/server.crt -keyout $data/server.key >/dev/null 2>&1") != 0;
	chmod 0600, "$data/server.key";
	$node->append_conf('postgresql.conf', "ssl = on\n");
	return 1;
}

sub login
{
	my ($host, %options) = @_;

	return $net->on($host, sub { GovClient->login($node, user => 'fn', host => $net->server, %options) });
}

# psql on another host, for what GovClient does not speak; it goes on with a statement.
my @psqls;

sub psql_on
{
	my ($host, $connection, $then) = @_;
	my $psql = $net->on($host, sub { start_psql($node, 'host=' . $net->server . " user=fn $connection") });

	$psql->{stdin} .= "SELECT pg_backend_pid();\n" . ($then ? "$then;\n" : '');
	push @psqls, $psql;
	IPC::Run::pump($psql->{run}) until $psql->{stdout} =~ /\n/ || $psql->{stderr} ne '';
	($psql->{pid}) = $psql->{stdout} =~ /(\d+)/ or die "psql: $psql->{stderr}";
	return $psql;
}

sub peer_of
{
	my ($pid) = @_;

	return $admin->value("SELECT peer FROM governor.sessions WHERE pid = $pid");
}

sub list { return join ', ', @_; }

sub all_are
{
	my ($peer, @pids) = @_;

	return $admin->wait_for('SELECT count(*) = ' . @pids . " FROM governor.sessions WHERE peer = '$peer' AND pid IN (" . list(@pids) . ')');
}

sub all_gone
{
	my (@pids) = @_;

	return $admin->wait_for('SELECT count(*) = 0 FROM governor.sessions WHERE pid IN (' . list(@pids) . ')');
}

sub are_here
{
	my (@pids) = @_;

	return $admin->value('SELECT count(*) FROM governor.sessions WHERE pid IN (' . list(@pids) . ')') == @pids;
}

# Pid and detail of the events about these sessions.
sub ends_of
{
	my ($kind, @pids) = @_;

	return @{ $admin->query("SELECT pid, detail, reason FROM governor.events WHERE kind = '$kind' AND pid IN (" . list(@pids) . ')') };
}

#
# What a login is given.
#
sub options_of
{
	my ($client) = @_;

	return join ' ', map { $client->value("SHOW $_") }
	  qw(tcp_keepalives_idle tcp_keepalives_interval tcp_keepalives_count client_connection_check_interval);
}

# Whether they become so, transaction by transaction.
sub becomes
{
	my ($client, $options) = @_;

	return wait_until(sub { options_of($client) eq $options });
}

my $client = login('live');
is(options_of($client), '1 1 5 2s', 'a session over TCP is probed every second until two sweeps after the timeout');
is($client->value("SELECT string_agg(DISTINCT source, ' ') FROM pg_settings WHERE name LIKE 'tcp_keepalives%'"),
	'client', 'as if the client had asked for it');
$client->run('RESET ALL', 'DISCARD ALL');
is(options_of($client), '1 1 5 2s', 'and RESET goes back to it');
is($client->value('SHOW tcp_user_timeout'), '0', 'tcp_user_timeout is left alone: it would end clients that live and do not read');
is(options_of(login('live', options => '-c tcp_keepalives_idle=7 -c client_connection_check_interval=500')), '7 1 5 500ms',
	'what the client asks for is above it');
$admin->run('ALTER ROLE fn SET tcp_keepalives_idle = 33');
is(options_of(login('live')), '1 1 5 2s', 'and ALTER ROLE ... SET below');
$admin->run('ALTER ROLE fn RESET ALL');
is(options_of(login('live', user => 'patient')), '1 1 17 2s', 'a longer timeout takes more probes');
my $unix = GovClient->login($node, user => 'fn');
is($unix->value('SHOW client_connection_check_interval'), '0', 'a session over a unix socket gets nothing');
my $ungoverned = login('live', user => 'app');
is($ungoverned->value('SHOW client_connection_check_interval'), '0', 'nor one of a class without the timeout');
is(login('live', user => 'watched')->value('SHOW client_connection_check_interval'), '0', 'nor one whose class only observes');

# A session that moves into the class is given the same by the statement that moved it, or the next one.
my $moving = login('live', user => 'app');
set_policy($admin, "INSERT INTO governor.rules (position, class, role, application_name) VALUES (5, 'quick', 'app', 'mover')");
$moving->run("SET application_name = 'mover'", 'SELECT 1');
is(options_of($moving), '1 1 5 2s', 'a session that moved into the class is probed from its next statement on');
set_policy($admin, "UPDATE governor.classes SET unresponsive_timeout = '4 s' WHERE name = 'quick'");
$moving->run('SELECT 1');
is(options_of($moving), '1 1 6 2s', 'and follows the timeout');

# And loses it with the timeout, or the mode.
$admin->run('ALTER ROLE fn SET tcp_keepalives_idle = 33');
my $own = login('live');
$admin->run('ALTER ROLE fn RESET ALL');
my $before = options_of($ungoverned);
$own->run('SET tcp_keepalives_idle = 9');
set_policy($admin, "UPDATE governor.classes SET unresponsive_timeout = NULL WHERE name = 'quick'");
$_->run('SELECT 1') foreach $moving, $own;
is(options_of($moving), $before, 'without a timeout a session has what it had before');
is(options_of($own), $before =~ s/^\d+/9/r, 'but for what its client has set since');
$own->run('RESET tcp_keepalives_idle');
is(options_of($own), $before =~ s/^\d+/33/r, 'and RESET goes back to what was before');
set_policy($admin, "UPDATE governor.classes SET unresponsive_timeout = '3 s' WHERE name = 'quick'");
$moving->run('SELECT 1');
is(options_of($moving), '1 1 5 2s', 'with a timeout it is probed again');
set_mode($admin, 'off');
ok(becomes($moving, $before), 'and not with governor.mode = off');
set_mode($admin, 'enforce');
ok(becomes($moving, '1 1 5 2s'), 'but with enforce');
$admin->run("ALTER SYSTEM SET governor.sweep_interval = '3 s'", 'SELECT pg_reload_conf()');
ok(becomes($moving, '1 1 9 2s'), 'and it follows governor.sweep_interval');
$admin->run('ALTER SYSTEM RESET governor.sweep_interval', 'SELECT pg_reload_conf()');
ok(becomes($moving, '1 1 5 2s'), 'there and back');

# Somebody who is a superuser no more is governed from then on.
my $boss = login('live', user => 'boss');
is(options_of($boss), $before, 'a superuser is not probed');
$admin->run('ALTER ROLE boss NOSUPERUSER');
ok(becomes($boss, '1 1 5 2s'), 'until he is none any more');
$admin->run('ALTER ROLE boss SUPERUSER');
ok(becomes($boss, $before), 'and not when he is one again');

#
# What the view says of those who live.
#
my @live = map { login('live') } 1 .. 20;
push @live, login('live', host => $net->server6);
my $stopped = psql_on('live', '');
kill 'STOP', $stopped->{run}{KIDS}[0]{PID};

# its kernel answers and takes no more
my $full = login('live');
$full->start("SELECT repeat('x', 1000) FROM generate_series(1, 100000)");

my @live_pids = ((map { $_->pid } @live), $stopped->{pid}, $full->pid);
ok(all_are('responsive', @live_pids), 'clients that do nothing, are stopped or do not read are responsive');
is(peer_of($unix->pid), 'local', 'a session over a unix socket is local');
is(peer_of($ungoverned->pid), 'unknown', 'of a class without the timeout nothing is known');

#
# All that a session can be doing when its peer freezes.
#
my @idle = map { login('frozen') } 1 .. 20;
my %case = (
	'idle over IPv6' => login('frozen', host => $net->server6),
	'idle in transaction' => login('frozen'),
	'in a statement' => login('frozen'),
	'listening, with an advisory lock' => login('frozen'),
	'before an answer' => login('frozen'),
	'in the middle of an answer' => login('frozen'),
	'with a lock that others wait for' => login('frozen'),
	'waiting for a lock' => login('frozen'),
	'in the middle of COPY FROM' => login('frozen'),
	'in the report of an error' => login('frozen'));
# core then asks no log hook
$admin->run('ALTER ROLE fn SET log_min_messages = panic');
$case{'in an answer, with log_min_messages = panic'} = login('frozen');
$admin->run('ALTER ROLE fn RESET ALL');
$admin->run('CREATE TABLE t (i int)', 'CREATE TABLE u (i int)', 'GRANT ALL ON t, u TO fn', 'SELECT pg_advisory_lock(2)');
$case{'idle in transaction'}->run('BEGIN', 'SELECT 1');
$case{'in a statement'}->start('SELECT pg_sleep(1000)');
$case{'listening, with an advisory lock'}->run('LISTEN c', 'SELECT pg_advisory_lock(1)');
$case{'before an answer'}->start('SELECT pg_advisory_lock(2)');
$case{'in the middle of an answer'}->start("SELECT repeat('x', 1000) FROM generate_series(1, 100000)");
$case{'with a lock that others wait for'}->run('BEGIN', 'LOCK t');
$case{'waiting for a lock'}->start('BEGIN; LOCK t');
$case{'in the middle of COPY FROM'}->start('COPY u FROM STDIN');
$case{'in the middle of COPY FROM'}->finish('G');
$case{'in an answer, with log_min_messages = panic'}->start("SELECT repeat('x', 1000) FROM generate_series(1, 100000)");

# where the server attends to no interrupt
$case{'in the report of an error'}->start("DO 'BEGIN RAISE ''%'', repeat(''x'', 20000000); END'");
my %pid = map { $_ => $case{$_}->pid } keys %case;
my ($tls, $tls_statement);
if ($with_tls)
{
	$tls = psql_on('frozen', 'sslmode=require');
	$pid{'idle over TLS'} = $tls->{pid};
	$tls_statement = psql_on('frozen', 'sslmode=require', 'SELECT pg_sleep(1000)');
	$pid{'in a statement over TLS'} = $tls_statement->{pid};
	ok($admin->wait_for("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $tls_statement->{pid}"), 'one is in a statement over TLS');
}
my @frozen_pids = ((map { $_->pid } @idle), values %pid);

# whom the kernel of the server sends nothing more once its buffers are full
my @sending = (
	'in the middle of an answer',
	'in an answer, with log_min_messages = panic',
	'in the report of an error');
ok($admin->wait_for("SELECT count(*) = 4 FROM pg_stat_activity WHERE wait_event = 'ClientWrite' AND pid IN (" . list($full->pid, @pid{@sending}) . ')'),
	'some are blocked in sending');
ok($admin->wait_for("SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = $pid{'before an answer'}"), 'one has no answer yet');
ok(all_are('responsive', @frozen_pids), 'all of them answer');

my $sweeps = $admin->value('SELECT sweeps FROM governor.status');
my $began = time();
$net->freeze('frozen');
$admin->run('SELECT pg_advisory_unlock(2)');
ok($admin->wait_for("SELECT peer = 'unresponsive' FROM governor.sessions WHERE pid = " . $idle[0]->pid), 'a frozen peer is unresponsive');
ok(all_gone(@frozen_pids), 'all sessions end whose client is frozen');
my $in_time = $admin->value('SELECT sweeps FROM governor.status') - $sweeps >= 0.9 * (time() - $began);

my %end = map { $_->[0] => $_ } ends_of('reclaimed', @frozen_pids);
is(scalar keys %end, scalar @frozen_pids, 'each end is an event');
is(list(grep { $end{$_}[2] ne 'unresponsive' } keys %end), '', 'for reason unresponsive');
is(list(grep { $end{$_}[1] =~ /given up by the kernel/ } keys %end), '', 'and the governor was before the kernel');

my %silence = map { $_ => $end{$_}[1] =~ /^silent for ([\d.]+) s/ ? $1 : 0 } keys %end;
my %sent = map { $_ => 1 } @pid{ 'before an answer', @sending };
my @probed = grep { !$sent{$_} } @frozen_pids;
is(list(grep { $silence{$_} < 3 } @frozen_pids), '', 'not before the timeout');
SKIP:
{
	skip 'this machine is too slow for the governor to sweep in time', 1 unless $in_time;
	is(list(grep { $silence{$_} > 5 } @probed), '', 'nor more than 2 s after it');
}
diag(list(map { "$_: $end{$pid{$_}}[1]" } sort keys %pid));
my %state = (
	'idle over IPv6' => 'idle',
	'idle in transaction' => 'idle in transaction',
	'in a statement' => 'active',
	'in the middle of COPY FROM' => 'active',
	'in the middle of an answer' => 'active');
$state{'in a statement over TLS'} = 'active' if $with_tls;
like($end{ $pid{$_} }[1], qr/; $state{$_}$/, "$_: the event says so") foreach sort keys %state;
is($admin->value("SELECT reclaimed_unresponsive FROM governor.stat_classes WHERE class = 'quick'"), scalar @frozen_pids, 'they are counted');
like(slurp_file($node->logfile),
	qr/FATAL:  connection to client lost\n.*DETAIL:  Reason "unresponsive", class "quick": silent for \d+\.\d s; idle in transaction\.\n/,
	'the log says why');

ok(are_here(@live_pids), 'nobody else has ended');
ok($_->works, 'and a session that did nothing all the time works') foreach @live[0, -1];
kill 'CONT', $stopped->{run}{KIDS}[0]{PID};
$stopped->{stdout} = '';
$stopped->{stdin} .= "SELECT 42;\n";
IPC::Run::pump($stopped->{run}) until $stopped->{stdout} =~ /\n/ || $stopped->{stderr} ne '';
is($stopped->{stdout}, "42\n", 'and so does one whose client was stopped');
is(scalar @{ $full->finish }, 100000, 'and one that did not read gets all of its answer');

#
# A peer that is back in time lives.
#
my %back = map { $_ => login('back', user => 'patient') } qw(idle transaction statement);
$back{transaction}->run('BEGIN', 'CREATE TEMP TABLE mine AS SELECT 42 AS i');
$admin->run('SELECT pg_advisory_lock(3)');
$back{statement}->start('SELECT pg_advisory_lock(3)');
my @back_pids = map { $_->pid } values %back;
ok(all_are('responsive', @back_pids), 'others answer');
$net->freeze('back');
ok(all_are('unresponsive', @back_pids), 'are frozen');
$net->thaw('back');
ok(all_are('responsive', @back_pids), 'and back before the timeout is over');
wait_for_sweeps($admin, 16);
ok(are_here(@back_pids), 'none of them has ended');
$admin->run('SELECT pg_advisory_unlock(3)');
$back{statement}->finish;
ok(!$back{statement}->error, 'a statement that was running gives its answer');
is($back{transaction}->value('SELECT i FROM mine'), 42, 'a transaction goes on');
ok($back{idle}->works, 'one at rest works');

#
# A commit that waits for a standby goes on waiting: its end would show what is not replicated.
#
my $waiting = login('commits');
my $preparer = login('commits');
my $commit = $waiting->pid;
my $prepared = $preparer->pid;
my $both = list($commit, $prepared);
my ($tries, $event) = (0, '');
$preparer->run('BEGIN', 'INSERT INTO work VALUES (0)', "PREPARE TRANSACTION 'p'");
ok(all_are('responsive', $commit, $prepared), 'two more answer');
$admin->run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", 'SELECT pg_reload_conf()');
$admin->wait_for("SELECT setting = 'nobody' FROM pg_settings WHERE name = 'synchronous_standby_names'");

# commits wait once the checkpointer has read the setting, which no view shows
while ($event ne 'SyncRep' && $tries < 1000)
{
	my $statement = 'INSERT INTO work VALUES (' . ++$tries . ')';

	$waiting->finish if $tries > 1;
	$waiting->start($statement);
	$admin->wait_for("SELECT query = '$statement' AND wait_event IN ('SyncRep', 'ClientRead') FROM pg_stat_activity WHERE pid = $commit");
	$event = $admin->value("SELECT wait_event FROM pg_stat_activity WHERE pid = $commit");
}
is($event, 'SyncRep', 'a commit waits for a standby');
$preparer->start("COMMIT PREPARED 'p'");
ok($admin->wait_for("SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = $prepared"), 'and one of a prepared transaction');
my $declined = $admin->value("SELECT declined FROM governor.stat_classes WHERE class = 'quick'");
$net->freeze('commits');
ok($admin->wait_for("SELECT declined >= $declined + 2 FROM governor.stat_classes WHERE class = 'quick'"), 'frozen, they are asked to end');

# until the kernel has given its peer up, and core has looked for the client
wait_for_sweeps($admin, 12);
is($admin->value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid IN ($both)"), 2, 'and go on waiting');
$admin->run('ALTER SYSTEM RESET synchronous_standby_names', 'SELECT pg_reload_conf()');
ok(all_gone($commit, $prepared), 'and are gone when that is over');
is(scalar ends_of('reclaimed', $commit, $prepared), 2, 'which is an event for each');
is($admin->value('SELECT count(*) FROM work'), $tries + 1, 'with what they wrote');
unlike(slurp_file($node->logfile), qr/canceling (the )?wait for synchronous replication/, 'and nothing cancelled the wait');

#
# observe only notes.
#
my $watched = login('back', user => 'watched');
$watched->run('SET tcp_keepalives_idle = 1', 'SET tcp_keepalives_interval = 1', 'SET tcp_keepalives_count = 100');
ok(all_are('responsive', $watched->pid), 'in observe a client that has itself probed is seen to answer');
$net->freeze('back');
ok($admin->wait_for("SELECT count(*) = 1 FROM governor.events WHERE kind = 'would_reclaim' AND reason = 'unresponsive' AND pid = " . $watched->pid),
	'and would be ended');
wait_for_sweeps($admin, 3);
is(scalar ends_of('would_reclaim', $watched->pid), 1, 'which is noted once');
$net->thaw('back');
ok($watched->works, 'and lives');

#
# The kernel is the backstop.
#
my @lost = map { login('lost') } 1 .. 2;
$lost[1]->start('SELECT pg_sleep(1000)');
my @lost_pids = map { $_->pid } @lost;
ok(all_are('responsive', @lost_pids), 'two more answer');
my $governor = $admin->value('SELECT governor_pid FROM governor.status');
kill 'STOP', $governor;
$net->freeze('lost');
ok($admin->wait_for('SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN (' . list(@lost_pids) . ')'),
	'without a governor the kernel ends them');
kill 'CONT', $governor;
$net->thaw('lost');
my @cut_off = ends_of('reclaimed', @lost_pids);
is(scalar @cut_off, 2, 'and the events are there all the same');
like($_->[1], qr/^silent for \d+\.\d s; given up by the kernel$/, 'and say so') foreach @cut_off;

# Also of a session that was probed and has not heard yet that the mode is another.
my $unaware = login('lost');
ok(all_are('responsive', $unaware->pid), 'one more answers');
set_mode($admin, 'off');
$net->freeze('lost');
ok($admin->wait_for('SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = ' . $unaware->pid), 'the kernel ends it with governor.mode = off');
my ($noted) = ends_of('reclaimed', $unaware->pid);
like($noted ? $noted->[1] : '', qr/^silent for \d+\.\d s; given up by the kernel$/, 'and the event is there');
set_mode($admin, 'enforce');
$net->thaw('lost');

#
# Two connections from the same client address and port: which is which is not known.
#
my $port = 40000 + $$ % 10000;
my @twins = login('twins', local_port => $port);
my $sibling = login('twins');
ok(all_are('responsive', $twins[0]->pid, $sibling->pid), 'one connection from a port, and another');
push @twins, login('twins', host => $net->server_too, local_port => $port);
my @twin_pids = map { $_->pid } @twins;
is($admin->value('SELECT count(DISTINCT client_port) FROM governor.sessions WHERE pid IN (' . list(@twin_pids) . ')'), 1,
	'two from the same port, to two addresses of the server');
ok(all_are('unknown', @twin_pids), 'of neither is anything known');
wait_for_sweeps($admin, 5);
ok(all_are('unknown', @twin_pids) && peer_of($sibling->pid) eq 'responsive', 'nor later');

# but for the kernel, which would end them
$_->run('SET tcp_keepalives_count = 100') foreach @twins;
$net->freeze('twins');
ok(all_gone($sibling->pid), 'when all are frozen the other one ends');
wait_for_sweeps($admin, 5);
ok(are_here(@twin_pids), 'and they do not');
$net->thaw('twins');
ok($_->works, 'as they live') foreach @twins;

#
# A kernel that does not tell.
#
my $shim = PostgreSQL::Test::Utils::tempdir() . '/no_sock_diag.so';
my $has_shim = system("cc -shared -fPIC -o $shim $FindBin::RealBin/../lib/no_sock_diag.c -ldl >/dev/null 2>&1") == 0;

sub restart_with_shim
{
	my ($how) = @_;
	local $ENV{LD_PRELOAD} = $shim;
	local $ENV{GOV_SOCK_DIAG} = $how;
	my $position = log_position($node);

	$node->restart;
	$admin = admin_of($node);
	return $position;
}

# What the log said since about looks that went wrong.
sub complaints_since
{
	my ($position) = @_;

	return list(log_since($node, $position) =~ /cannot ask the kernel whether clients still answer: (.*)/g);
}

SKIP:
{
	skip 'no C compiler, or no LD_PRELOAD, to take sock_diag away', 1 if !$has_shim;

	my $position = restart_with_shim('none');
	my $unseen = login('live');
	wait_for_sweeps($admin, 4);
	is(peer_of($unseen->pid), 'unknown', 'where the kernel does not tell, nothing is known of a peer');
	ok($unseen->works, 'and nobody ends');
	is(complaints_since($position), 'Operation not permitted', 'which the log says once');
	is($admin->value("SELECT count(*) FROM governor.status WHERE last_sweep > now() - interval '1 min'"), 1, 'and sweeps go on');

	$position = restart_with_shim('broken');
	$unseen = login('live');
	wait_for_sweeps($admin, 4);
	is(peer_of($unseen->pid), 'unknown', 'nor is it by an answer that ends with an error');
	is(complaints_since($position), 'No buffer space available', 'which the log says');
	ok($admin->wait_for("SELECT sweep_duration >= '0.3 s' FROM governor.status"), 'a sweep lasts as long as its look at peers');

	# an answer that fails now and then leaves what is known of a peer
	restart_with_shim('sometimes');
	my $half_seen = login('frozen_too', user => 'patient');
	$half_seen->run('SET tcp_keepalives_count = 100');
	ok(all_are('responsive', $half_seen->pid), 'every second answer is enough to know a peer');

	# until nothing that was sent waits for an acknowledgement
	wait_for_sweeps($admin, 2);
	$net->freeze('frozen_too');
	ok(all_gone($half_seen->pid), 'and to end a session whose client is frozen');
	my ($half_end) = ends_of('reclaimed', $half_seen->pid);
	like($half_end ? $half_end->[1] : '', qr/^silent for [\d.]+ s; idle$/, 'for its silence');
}

# one whose host is frozen does not hear that its server is gone
END
{
	my $status = $?;

	eval { $_->{run}->kill_kill(grace => 1) } foreach @psqls;
	$? = $status;
}

$node->stop;
done_testing();
