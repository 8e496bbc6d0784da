
# The policy's file: the first login after a start, a crash or with tables that
# cannot be read is governed; whatever is wrong with the file costs that and no
# more.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use PostgreSQL::Test::Utils;
use Test::More;

my %settings = (
	'governor.sweep_interval' => '100ms',
	'governor.mode' => 'enforce',
	'max_prepared_transactions' => 5,
	'max_logical_replication_workers' => 0,
	'max_worker_processes' => 4,
	# Cluster.pm switches it off
	'restart_after_crash' => 'on');

# No governor and no loader: whatever is in force then comes from the file.
my %alone = (%settings, 'max_worker_processes' => 0);

my $node = new_node('file', init => [ allows_streaming => 1 ], settings => \%settings);
my $path = $node->data_dir . '/pg_governor.policy';
my $admin;

# The header takes 112 bytes, its checksum is behind 104 of them.
my ($HEADER, $CHECKED) = (112, 104);

sub status { return $admin->value("SELECT $_[0] FROM governor.status"); }

sub class_of { return $admin->value('SELECT class FROM governor.sessions WHERE pid = ' . $_[0]->pid); }

sub app { return GovClient->login($node, user => 'app', application_name => 'app', @_); }

sub restart
{
	my (%with) = @_;

	$admin->logout if $admin && !$admin->has_ended;
	undef $admin;
	$node->stop if $node->{_pid};
	set_conf($node, %with);
	$node->start;
	$admin = GovClient->login($node);
	return;
}

sub generation_in
{
	my ($file) = @_;

	return unpack('Q<', substr(slurp_file($file), $HEADER, 8));
}

sub write_file
{
	my ($content) = @_;

	open my $file, '>:raw', $path or die "$path: $!";
	print $file $content;
	close $file or die "$path: $!";
	return;
}

# CRC-32C, as the server computes it
my @table = map {
	my $crc = $_;
	$crc = $crc & 1 ? ($crc >> 1) ^ 0x82F63B78 : $crc >> 1 foreach 1 .. 8;
	$crc;
} 0 .. 255;

sub with_checksum
{
	my ($content) = @_;
	my $crc = 0xFFFFFFFF;

	$crc = ($crc >> 8) ^ $table[ ($crc ^ $_) & 0xFF ]
	  foreach unpack('C*', substr($content, 0, $CHECKED) . substr($content, $HEADER));
	substr($content, $CHECKED, 4) = pack('L<', $crc ^ 0xFFFFFFFF);
	return $content;
}

$node->start;
$admin = admin_of($node);
$admin->run('CREATE ROLE app LOGIN', 'CREATE ROLE member LOGIN', 'CREATE ROLE team', 'GRANT team TO member');
set_policy(
	$admin,
	"INSERT INTO governor.classes (name, idle_timeout) VALUES ('apps', '1 h'), ('quick', '300 ms')",
	"INSERT INTO governor.rules (position, class, application_name) VALUES (10, 'apps', 'app'), (20, 'quick', 'quick')",
	"INSERT INTO governor.rules (position, class, role) VALUES (30, 'apps', '+team')");

my ($generation, $loaded_at) = (status('policy_generation'), status('policy_loaded_at'));

subtest 'after a restart' => sub {
	is(generation_in($path), $generation, 'when reload() returns, the file is written');
	ok(!-e "$path.tmp", 'and nothing beside it');
	is((stat $path)[2] & 07777, (stat $node->data_dir . '/PG_VERSION')[2] & 07777, 'only the server may read it');

	restart(%alone);
	is_deeply($admin->query('SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE \'pg_governor%\''),
		[ [0] ], 'no governor, no loader');
	is(class_of(app()), 'apps', 'the first login is classified');
	is(class_of(GovClient->login($node, user => 'member')), 'apps', 'by membership too');
	is(class_of(GovClient->login($node, user => 'app', application_name => 'faas:lambda:f')),
		'function', 'and by the shipped rules');
	is(status('policy_generation'), $generation, 'the generation is the one of before');
	is(status('policy_loaded_at'), $loaded_at, 'and so is its time');
	is( status('policy_error'),
		'the policy is that of before the start, from the file "pg_governor.policy": the tables have not been read yet',
		'status says where it comes from');
	is_deeply(
		$admin->query("SELECT usename, detail FROM governor.events WHERE kind = 'policy'"),
		[ [ undef, "generation $generation: as before the start" ] ],
		'so does an event');
};

subtest 'after a crash' => sub {
	my $position = log_position($node);
	my $victim = app();

	kill 'KILL', $victim->pid;
	my $first;
	ok(wait_for_log($node, qr/all server processes terminated; reinitializing/, $position), 'a crash');
	ok( wait_until(
			sub {
				my $client = GovClient->try_login($node, user => 'app', application_name => 'app');
				$first = $client unless $client->error;
				return $first;
			}),
		'the server is back');
	$admin = GovClient->login($node);
	is(class_of($first), 'apps', 'the first login is classified');
	is(status('policy_generation'), $generation, 'by the policy of before');
};

subtest 'while the tables are locked' => sub {
	restart(%settings);
	ok($admin->wait_for('SELECT policy_error IS NULL FROM governor.status'), 'the tables have been read');
	is(status('policy_generation'), $generation, 'nothing has changed');
	$admin->run('BEGIN', 'LOCK TABLE governor.classes', "PREPARE TRANSACTION 'lock'");

	restart(%settings);
	my $quick = app(application_name => 'quick');
	is_farewell_idle($quick->wait_for_end, 'idle', 'quick', 'the governor governs by the file');
	like(status('policy_error'), qr/tables have not been read yet$/, 'and not by the tables');

	$admin->run("COMMIT PREPARED 'lock'");
	is($admin->value('SELECT governor.reload()'), $generation, 'then they are read');
	is(status('policy_error'), undef, 'all is well');
	is_deeply(
		[ $admin->column("SELECT detail FROM governor.events WHERE kind = 'policy' AND detail LIKE 'generation%'") ],
		["generation $generation: as before the start"],
		'and there was no new policy');
};

#
# Whatever is in the file
#
subtest 'a file that must not be used' => sub {
	$admin->logout;
	undef $admin;
	$node->stop;
	my $good = slurp_file($path);

	is(with_checksum($good), $good, 'this test knows how the checksum is made');
	my $put = sub { my ($at, $bytes) = @_; my $bad = $good; substr($bad, $at, length $bytes) = $bytes; return $bad; };
	my @bad = (
		[ 'an empty one', '', 'its size is wrong' ],
		[ 'half a header', substr($good, 0, 50), 'its size is wrong' ],
		[ 'one cut short', substr($good, 0, -1), 'its size is wrong' ],
		[ 'one with more behind it', "${good}x", 'its size is wrong' ],
		[ 'something else', 'x' x length($good), 'it is no file of pg_governor' ],
		[ 'another format', with_checksum($put->(4, pack('L<', 1))), 'it is of another version of pg_governor' ],
		[ 'other sizes', with_checksum($put->(8, pack('L<', 8))), 'it is of another version of pg_governor' ],
		[ 'another server', with_checksum($put->(16, pack('Q<', 1))), 'it is of another database cluster' ],
		[ 'a byte of a name', $put->(length($good) - 400, 'x'), 'its checksum is wrong' ],
		[ 'another checksum', $put->($CHECKED, "\0\0\0\0"), 'its checksum is wrong' ],
		[   'a number of rules',
			with_checksum($put->($HEADER + 8, pack('l<', 100000))),
			'the number of its rules is out of range'
		],
		[   'a generation',
			with_checksum($put->($HEADER, "\xFF" x 8)),
			'its generation is out of range'
		],
		[   'a class\'s name',
			with_checksum($put->($HEADER + 17, 'x' x 64)),
			'a class in it is malformed'
		],
		[   'its database\'s name',
			with_checksum($put->(40, 'x' x 64)),
			'its header is malformed'
		],
		[   'another database',
			with_checksum($put->(40, pack('Z64', 'other'))),
			'it is of another database than governor.database names'
		]);
	foreach my $bad (@bad)
	{
		my ($name, $content, $why) = @$bad;
		my $position = log_position($node);

		write_file($content);
		set_conf($node, %alone);
		$node->start;
		$admin = GovClient->login($node);
		is_deeply(
			[ log_since($node, $position) =~ /LOG:  (pg_governor ignores .*)/g ],
			["pg_governor ignores the file \"pg_governor.policy\": $why"],
			"$name: the log says so");
		is_deeply([ status('policy_generation'), class_of(app()) ],
			[ 0, 'default' ], 'nobody is governed');
		$admin->logout;
		undef $admin;
		$node->stop;
	}

	unlink $path or die;
	mkdir $path or die;
	my $position = log_position($node);
	restart(%alone);
	like(log_since($node, $position), qr/ignores the file "pg_governor\.policy": it is no ordinary file/, 'a folder');
	rmdir $path or die;

	SKIP:
	{
		skip 'everybody may read everything', 1 if $> == 0;
		write_file($good);
		chmod 0, $path;
		$position = log_position($node);
		restart(%alone);
		like(log_since($node, $position), qr/ignores the file "pg_governor\.policy": it cannot be opened/,
			'one that cannot be opened');
		chmod 0600, $path;
		unlink $path or die;
	}

	$position = log_position($node);
	restart(%alone);
	unlike(log_since($node, $position), qr/ignores/, 'none at all is nothing to talk about');
	is(status('policy_generation'), 0, 'and no policy');

	write_file('garbage');
	restart(%settings);
	ok($admin->wait_for('SELECT policy_error IS NULL AND policy_generation = 1 FROM governor.status'),
		'the tables are read all the same');
	restart(%alone);
	is_deeply([ status('policy_generation'), class_of(app()) ], [ 1, 'apps' ], 'and a good file is in its place');
};

#
# The disk
#
subtest 'a file that cannot be written' => sub {
	restart(%settings);
	$admin->run('SELECT governor.reload()');
	my $position = log_position($node);

	symlink '/dev/full', "$path.tmp" or die;
	$admin->run("UPDATE governor.rules SET class = 'quick' WHERE position = 10");
	ok( wait_for_log(
			$node, qr/LOG:  pg_governor could not write the file "pg_governor\.policy": No space left on device/,
			$position),
		'the log says so');
	is($admin->value("SELECT class FROM governor.classify('app', 'postgres', 'app', NULL)"),
		'quick', 'a full disk: the edit is in force');
	is(status('policy_error'), undef, 'without an error');
	$admin->run('SELECT governor.reload()');
	is(generation_in($path), status('policy_generation'), 'the next load makes up for it');

	my $before = generation_in($path);
	$position = log_position($node);
	mkdir "$path.tmp" or die;
	set_policy($admin, "UPDATE governor.rules SET class = 'apps' WHERE position = 10");
	set_policy($admin, "UPDATE governor.rules SET class = 'quick' WHERE position = 10");
	is(scalar(() = log_since($node, $position) =~ /could not write the file/g),
		1, 'if it happens again and again, it is said once');
	is(generation_in($path), $before, 'and the old file is there');
	rmdir "$path.tmp" or die;

	$admin->run('SELECT governor.reload()');
	is(generation_in($path), status('policy_generation'), 'it is made up for without an edit');
	mkdir "$path.tmp" or die;
	set_policy($admin, "UPDATE governor.rules SET class = 'apps' WHERE position = 10");
	is(scalar(() = log_since($node, $position) =~ /could not write the file/g), 2, 'and said again when it happens again');
	rmdir "$path.tmp" or die;
	$admin->run('SELECT governor.reload()');
};

#
# What is not there any more, or somewhere else
#
subtest 'another database' => sub {
	$admin->run('CREATE DATABASE other');
	admin_of($node, 'other')->logout;
	set_conf($node, %settings, 'governor.database' => 'other');
	$node->reload;
	ok($admin->wait_for("SELECT current_setting('governor.database') = 'other'"), 'another policy database');
	$admin->run('SELECT governor.reload()');
	is(class_of(app()), 'default', 'whose policy is another');
	my $position = log_position($node);
	restart(%alone);
	like(
		log_since($node, $position),
		qr/ignores the file "pg_governor\.policy": it is of another database than governor\.database names/,
		'if it changes while the server is down, the file does not count');
	is(class_of(app()), 'default', 'nor govern');
	restart(%alone, 'governor.database' => 'other');
	is(class_of(GovClient->login($node, user => 'app', application_name => 'faas:lambda:f')),
		'function', 'if it is the same, it does');

	# the same policy in both: the file follows all the same
	restart(%settings);
	$admin->run('SELECT governor.reload()');
	is(class_of(app()), 'apps', 'back');
};

subtest 'a dropped extension' => sub {
	my $before = status('policy_generation');

	$admin->run('CREATE DATABASE elsewhere');
	admin_of($node, 'elsewhere')->logout;
	set_conf($node, %settings, 'governor.database' => 'elsewhere');
	$node->reload;
	$admin->wait_for("current_setting('governor.database') = 'elsewhere'");
	$admin->run('SELECT governor.reload()');
	my $there = GovClient->login($node, dbname => 'elsewhere');
	$there->run('DROP EXTENSION pg_governor');
	$there->logout;
	$admin->run('SELECT governor.reload()');
	is(status('policy_error'), 'the extension pg_governor is not installed in database "elsewhere"', 'it is gone');
	$before = status('policy_generation');
	restart(%alone, 'governor.database' => 'elsewhere');
	is_deeply([ status('policy_generation'), class_of(app(application_name => 'faas:lambda:f')) ],
		[ $before, 'default' ], 'a restart brings nothing back');

	restart(%settings, 'governor.database' => 'elsewhere');
	$admin->run('SELECT governor.reload()');
	$admin->wait_for("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'elsewhere'");
	$admin->run('DROP DATABASE elsewhere', 'SELECT governor.reload()');
	is(status('policy_error'), 'database "elsewhere" (governor.database) does not exist', 'so is its database');
	is(generation_in($path), status('policy_generation'), 'and the file knows');
	restart(%settings);
	$admin->run('SELECT governor.reload()');
};

#
# A standby has its own, and begins with that of its primary
#
subtest 'a standby' => sub {
	my $before = status('policy_generation');

	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	my $own = $standby->data_dir . '/pg_governor.policy';
	is(generation_in($own), $before, 'a base backup has the file');
	$standby->start;
	my $here = GovClient->login($standby);
	is( $here->value("SELECT detail FROM governor.events WHERE kind = 'policy' ORDER BY at LIMIT 1"),
		"generation $before: as before the start",
		'the standby begins with it');

	set_policy($admin, "UPDATE governor.classes SET idle_timeout = '2 h' WHERE name = 'apps'");
	$node->wait_for_catchup($standby, 'replay');
	$here->run('SELECT governor.reload()');
	is_deeply(
		$here->query("SELECT usename, detail FROM governor.events WHERE kind = 'policy' ORDER BY at DESC LIMIT 1"),
		[ [ undef, 'generation ' . ($before + 1) . ': class "apps": idle_timeout 1 h -> 2 h' ] ],
		'it loads what is replicated');
	is(generation_in($own), $before + 1, 'and writes a file of its own');
	$here->run('SELECT pg_promote()');
	ok($here->wait_for('NOT pg_is_in_recovery()'), 'promoted');
	set_policy($here, "UPDATE governor.classes SET idle_timeout = '3 h' WHERE name = 'apps'");
	is(generation_in($own), $before + 2, 'it goes on so');
	$here->logout;
	$standby->stop;
};

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal 1[^0-9]/, 'nothing went wrong');

$admin->logout;
$node->stop;

done_testing();
