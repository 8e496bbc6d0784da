
# Nothing leaks: 3,000 logins against small caps and queues, which end in every
# way in which a login or a session can, many at once.  Then every place is free
# again, and every login is accounted for.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use List::Util qw(shuffle sum0);
use Test::More;
use Time::HiRes qw(time);

use constant AT_ONCE => 80;

# What is asked of each class: room for this many, and this many wait.
my %caps = (evicting => 7, patient => 6, impatient => 3);
my $queue_limit = 10;

my $node = new_node(
	'exits',
	settings => {
		'governor.sweep_interval' => '100ms',
		'governor.mode' => 'enforce',
		# so that none is forgotten
		'governor.event_buffer' => '20000'
	});
$node->append_conf('postgresql.conf', 'max_connections = 200');
$node->start;
my $admin = admin_of($node);

$admin->run(
	'CREATE ROLE app LOGIN',
	'CREATE ROLE condemned LOGIN',
	'CREATE ROLE limited LOGIN CONNECTION LIMIT 0',
	'CREATE DATABASE private',
	'REVOKE CONNECT ON DATABASE private FROM PUBLIC',
	'CREATE DATABASE crowded CONNECTION LIMIT 0');
set_policy(
	$admin,
	"UPDATE governor.classes SET reserved_sessions = 0 WHERE name = 'default'",
	"INSERT INTO governor.classes (name, max_sessions, queue_limit, queue_timeout, evict_after) VALUES
		('evicting', $caps{evicting}, $queue_limit, '60 s', '20 ms'),
		('patient', $caps{patient}, $queue_limit, '60 s', NULL),
		('impatient', $caps{impatient}, $queue_limit, '150 ms', NULL)",
	"INSERT INTO governor.rules (position, class, application_name)
		SELECT row_number() OVER (ORDER BY name), name, name FROM governor.classes WHERE NOT shipped");

#
# The ways to go
#

my %tcp = (host => '127.0.0.1');
my (@to_terminate, @to_reclaim);

# n: how many; login: how it asks; in: what it does once it is in; patience: after how long it
# goes, in or not, and by: how.  Whoever core refuses is never in, nor in the way of anybody.
my %ways = (
	'works, and takes its leave' => { n => 700, in => sub { $_[0]->start('SELECT 1') }, answered => sub { $_[0]->logout } },
	'works for long' => { n => 200, in => sub { $_[0]->start('SELECT pg_sleep(0.15)') }, answered => sub { $_[0]->logout } },
	'goes without a word' => { n => 150, in => sub { $_[0]->vanish } },
	'goes without a word, in a transaction' => {
		n => 100,
		in => sub { $_[0]->start('BEGIN; CREATE TEMP TABLE t (i int); SELECT pg_advisory_lock_shared(1)') },
		answered => sub { $_[0]->vanish }
	},
	'goes without a word, at work' => { n => 150, in => sub { $_[0]->start('SELECT pg_sleep(0.02)'); $_[0]->vanish } },
	'resets its connection' => { n => 100, login => {%tcp}, in => sub { $_[0]->reset_connection } },
	'resets its connection, at work' =>
		{ n => 100, login => {%tcp}, in => sub { $_[0]->start('SELECT pg_sleep(0.02)'); $_[0]->reset_connection } },
	'is terminated' => { n => 150, in => sub { push @to_terminate, $_[0]->pid } },
	'is terminated, at work' => { n => 100, in => sub { $_[0]->start('SELECT pg_sleep(60)'); push @to_terminate, $_[0]->pid } },
	'terminates itself' => { n => 100, in => sub { $_[0]->start('SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)') } },
	'breaks the protocol' => { n => 100, in => sub { $_[0]->send('~', '') } },
	'is reclaimed' => { n => 100, in => sub { push @to_reclaim, $_[0]->pid } },
	'rests' => { n => 150, class => 'evicting', in => sub { }, patience => 2, by => 'logout' },
	'gives up' => { n => 200, patience => 0.05, by => 'vanish' },
	'gives up later' => { n => 100, patience => 0.2, by => 'vanish' },
	'gives up by a reset' => { n => 100, login => {%tcp}, while_it_waits => 'reset_connection' },
	'is terminated as it waits' => { n => 100, login => { user => 'condemned' }, in => sub { $_[0]->logout } },
	'asks for what is not there' => { n => 100, login => { options => '-c nothing.such=1 -c work_mem=much' }, refused => '22023' },
	'wants a database that is not there' => { n => 50, login => { dbname => 'missing' }, core => '3D000' },
	'wants a database with all its connections' => { n => 50, login => { dbname => 'crowded' }, core => '53300' },
	'wants a database without CONNECT' => { n => 50, login => { dbname => 'private' }, core => '42501' },
	'has a role with all its connections' => { n => 50, login => { user => 'limited' }, core => '53300' });

#
# The storm
#

my %asked = map { $_ => 0 } keys %caps;    # logins that core would let in, by class
my %seen;								   # what became of them, by their last words
my %wrong;								   # what should not have become of anybody

sub begin
{
	my ($name) = @_;
	my $way = $ways{$name};
	my $class = $way->{class} || (sort keys %caps)[ int rand keys %caps ];
	my $client = GovClient->start_login($node, user => 'app', application_name => $class, %{ $way->{login} || {} });

	$asked{$class}++ unless $way->{core};
	return { way => $way, client => $client, class => $class, until => time() + ($way->{patience} || $GovClient::patience) };
}

# One more look at a client; true once it is gone.
sub proceed
{
	my ($one) = @_;
	my ($client, $way) = @$one{qw(client way)};

	if (!$one->{in})
	{
		if (defined $client->finish_login(0))
		{
			if ($client->error)
			{
				my $said = $client->error->{C};

				$wrong{"$said instead of $way->{core}"}++ if $way->{core} && $said ne $way->{core};
				$seen{ 'login ' . $said . ($said eq '53300' && $client->error->{D} && $client->error->{D} =~ /queue_timeout/ ? ' late' : '') }++
					unless $way->{core};
				$client->vanish;
				return 1;
			}
			$one->{in} = 1;
			$seen{in}++;
			$way->{in}->($client) if $way->{in};
			$client->vanish unless $way->{in} || $way->{by};
			return 1 if $client->{closed};
		}
	}
	else
	{
		while (my ($type, $message) = $client->receive(0))
		{
			$one->{last} = $1 if $type eq 'E' && $message =~ /\0C([^\0]+)\0/;
			$way->{answered}->($client) if $type eq 'Z' && $way->{answered};
			last if $client->{closed};
		}
		if ($client->{closed})
		{
			$seen{ 'session ' . $one->{last} }++ if $one->{last};
			return 1;
		}
	}
	if (time() > $one->{until})
	{
		my $by = $way->{by} || 'vanish';

		$wrong{'left without an answer'}++ unless $way->{by};
		$client->$by;
		return 1;
	}
	return 0;
}

# What is done to clients by others, all at once.
sub interfere
{
	my (@clients) = @_;
	my @waiting = $admin->column(
		"SELECT client_port FROM governor.sessions WHERE waiting = 'admission' AND client_port > 0");

	foreach my $port (@waiting)
	{
		foreach my $one (grep { $_->{way}{while_it_waits} && !$_->{client}{closed} } @clients)
		{
			my $how = $one->{way}{while_it_waits};

			next unless $one->{client}{socket}->sockport == $port;
			$one->{client}->$how;
			$seen{'gave up by a reset'}++;
		}
	}
	my @terminated = $admin->column(
		"SELECT pg_terminate_backend(pid) FROM governor.sessions WHERE waiting = 'admission' AND usename = 'condemned'");
	$seen{'terminated as it waited'} += @terminated;
	$admin->run('SELECT pg_terminate_backend(pid) FROM unnest(ARRAY[' . join(',', splice @to_terminate) . ']) pid') if @to_terminate;
	$admin->run('SELECT governor.reclaim(pid, \'a test\') FROM unnest(ARRAY[' . join(',', splice @to_reclaim) . ']) pid') if @to_reclaim;
	return;
}

my $seed = time();
srand $seed;
note "seed $seed";
my @to_come = shuffle(map { ($_) x $ways{$_}{n} } sort keys %ways);
my $total = @to_come;
my $began = time();
my $gave_up = $began + $GovClient::patience;
my @here;
my %most = map { $_ => 0 } keys %caps;

while ((@to_come || @here) && time() < $gave_up)
{
	push @here, begin(shift @to_come) while @to_come && @here < AT_ONCE;

	my $in = '';
	vec($in, fileno($_->{client}{socket}), 1) = 1 foreach @here;
	select($in, undef, undef, 0.01);
	@here = grep { !proceed($_) } @here;
	interfere(@here);
	@here = grep { !$_->{client}{closed} } @here;
	foreach my $row (@{ $admin->query("SELECT class, sessions FROM governor.admission") })
	{
		$most{ $row->[0] } = $row->[1] if exists $most{ $row->[0] } && $row->[1] > $most{ $row->[0] };
	}
}
note sprintf '%d logins in %.1f s', $total, time() - $began;
note join ', ', map { "$seen{$_} $_" } sort keys %seen;

#
# What is left of it
#

is(scalar @here, 0, 'all have gone');
is_deeply(\%wrong, {}, 'with an answer, and whom core refuses with that of core');
is(join(' ', grep { $most{$_} > $caps{$_} } sort keys %caps), '', 'no class was ever above its cap');
ok($seen{$_}, "there were: $_") foreach 'in', 'login 22023', 'session 57P01', 'session 57P05', 'session 08P01';

# how many wait, and which of them in vain, is up to the machine; what they are told is looked at below
cmp_ok(
	sum0(map { $seen{$_} || 0 } 'login 53300', 'login 53300 late', 'login 57P01', 'gave up by a reset', 'terminated as it waited'),
	'>', 0, 'and some that were refused, or ended while they waited');
ok($admin->wait_for('SELECT count(*) = 1 FROM governor.sessions'), 'every session is gone');

foreach my $class (sort keys %caps)
{
	is( join('|', @{ $admin->query("SELECT sessions, queued, headroom, decision FROM governor.admission WHERE class = '$class'")->[0] }),
		"0|0|$caps{$class}|admit", "$class is empty");
}

subtest 'every login is accounted for' => sub {
	my %sums = (evicted => 0, reclaimed => 0, left_the_queue => 0);

	foreach my $class (sort keys %caps)
	{
		my %stats;
		@stats{qw(admitted queued refused evicted reclaimed)} = @{
			$admin->query(
				"SELECT admitted, queued, refused, evicted, reclaimed_requested FROM governor.stat_classes WHERE class = '$class'")->[0] };
		my ($after_wait, $refused, $late) = @{
			$admin->query(
				"SELECT count(*) FILTER (WHERE kind = 'admitted_after_wait'), count(*) FILTER (WHERE kind = 'refused'),
					count(*) FILTER (WHERE kind = 'refused' AND detail LIKE '%queue_timeout is over')
				 FROM governor.events WHERE class = '$class'")->[0] };
		$stats{left_the_queue} = $stats{queued} - $after_wait - $late;

		note "$class: ", join ', ', map { "$stats{$_} $_" } sort keys %stats;
		is($refused, $stats{refused}, "$class: refusals are counted once");
		is($stats{admitted} + $stats{refused} + $stats{left_the_queue}, $asked{$class}, "$class: in, refused or gone");
		$sums{$_} += $stats{$_} foreach keys %sums;
	}
	cmp_ok($sums{$_}, '>', 0, "some: $_") foreach sort keys %sums;
};

subtest 'exactly as many fit as before' => sub {
	my (@in, @waiting);

	foreach my $class (sort keys %caps)
	{
		my @clients = map { GovClient->start_login($node, user => 'app', application_name => $class) } 1 .. $caps{$class};

		foreach my $client (@clients)
		{
			$client->start('BEGIN; SELECT 1') if defined $client->finish_login && !$client->error;
			$client->finish unless $client->error;
		}
		is(scalar(grep { !$_->error } @clients), $caps{$class}, "$class: the cap fits");
		push @in, @clients;
		next if $class eq 'impatient';
		push @waiting, map { GovClient->start_login($node, user => 'app', application_name => $class) } 1 .. $queue_limit;
		ok( $admin->wait_for("SELECT sessions = $caps{$class} AND queued = $queue_limit FROM governor.admission WHERE class = '$class'"),
			"$class: more wait");
		my $late = GovClient->try_login($node, user => 'app', application_name => $class);
		is($late->error ? $late->error->{C} : '', '53300', "$class: one more is refused");
	}
	my $late = GovClient->try_login($node, user => 'app', application_name => 'impatient');
	is($late->error ? $late->error->{C} : '', '53300', 'impatient: one more waits in vain');
	is(scalar(grep { defined $_->finish_login(0) } @waiting), 0, 'who waits is not let in');
	wait_for_sweeps($admin, 2);
	is($admin->value('SELECT repairs FROM governor.status'), 0, 'nothing was ever miscounted');
	$_->vanish foreach @waiting, @in;
	ok($admin->wait_for('SELECT count(*) = 1 FROM governor.sessions'), 'and all of it is free again');
};

is(scalar(grep { /PANIC|TRAP|was terminated by signal/ } split /\n/, log_since($node, 0)), 0, 'nothing crashed');
$node->stop;

done_testing();
