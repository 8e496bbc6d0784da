
=pod

=head1 NAME

GovTest - what the TAP tests of pg_governor share

=cut

package GovTest;

use strict;
use warnings;

use Carp;
use Exporter 'import';
use GovClient;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

# psql, pg_basebackup and their like connect as the superuser of the clusters made here.
$ENV{PGUSER} = 'postgres';

our @EXPORT = qw(
  new_node set_conf set_mode set_policy admin_of
  log_position wait_for_log log_since
  wait_for_sweeps wait_until start_psql
  is_error is_farewell_idle
);

=pod

=head1 FUNCTIONS

=over

=item new_node($name, %options)

A cluster that is initialized and not started.  Options: preload => 0 leaves
the library out, settings => { name => value } as for set_conf(), init => [...]
goes to PostgreSQL::Test::Cluster's init().  The file named by TEMP_CONFIG may
preload the library and choose a policy database for other tests, so both are
set here in any case.

=cut

sub new_node
{
	my ($name, %options) = @_;
	my $preload = exists $options{preload} ? $options{preload} : 1;
	my $node = PostgreSQL::Test::Cluster->new($name);

	# the superuser's name is otherwise that of whoever runs the tests
	my %init = @{ $options{init} || [] };
	$node->init(%init, extra => [ '-U', 'postgres', @{ $init{extra} || [] } ]);
	$node->append_conf('postgresql.conf',
			"shared_preload_libraries = '"
		  . ($preload ? 'pg_governor' : '') . "'\n"
		  . "listen_addresses = '127.0.0.1, ::1'\n"
		  . "max_connections = 60\n"
		  . "autovacuum = off\n"
		  . "log_statement = none\n"
		  . "include = 'test.conf'\n");
	set_conf($node, %{ $options{settings} || {} });
	return $node;
}

=pod

=item set_conf($node, name => value, ...)

Writes the settings that a test changes into a file of their own, all of them
anew.  The caller starts or reloads the server.  The policy database is
postgres unless the test names another.

=cut

sub set_conf
{
	my ($node, %settings) = @_;
	my $file = $node->data_dir . '/test.conf';

	$settings{'governor.database'} = 'postgres'
	  unless exists $settings{'governor.database'};
	open my $conf, '>', $file or croak "$file: $!";
	print $conf "$_ = '$settings{$_}'\n" foreach sort keys %settings;
	close $conf;
	chmod 0600, $file;
	return;
}

=pod

=item admin_of($node, dbname)

A superuser's session, with the extension created there.

=cut

sub admin_of
{
	my ($node, $dbname) = @_;
	my $admin = GovClient->login($node, dbname => $dbname || 'postgres');

	$admin->run('CREATE EXTENSION IF NOT EXISTS pg_governor');
	$admin->run('SELECT governor.reload()');
	$admin->notices;
	return $admin;
}

=pod

=item set_mode($admin, $mode)

Sets governor.mode for the whole server and waits until the governor has it.

=cut

sub set_mode
{
	my ($admin, $mode) = @_;

	$admin->run("ALTER SYSTEM SET governor.mode = '$mode'", 'SELECT pg_reload_conf()');
	$admin->wait_for("SELECT mode = '$mode' FROM governor.status")
	  or croak "governor.mode did not become $mode";
	# a load that begins after the reload ends after it
	$admin->run('SELECT governor.reload()');
	return;
}

=pod

=item set_policy($admin, @statements)

Edits the policy in one transaction and waits until it is in force.

=cut

sub set_policy
{
	my ($admin, @statements) = @_;

	$admin->run('BEGIN', @statements, 'COMMIT', 'SELECT governor.reload()');
	$admin->notices;
	return;
}

=pod

=item log_position($node), log_since($node, $position),
wait_for_log($node, $pattern, $position)

Where the server log ends now; what came since; and waiting for something to
come.  Cluster.pm has the last one only in later releases.

=cut

sub log_position
{
	my ($node) = @_;

	return -s $node->logfile || 0;
}

sub log_since
{
	my ($node, $position) = @_;

	return substr(slurp_file($node->logfile), $position);
}

sub wait_for_log
{
	my ($node, $pattern, $position) = @_;

	return wait_until(sub { log_since($node, $position || 0) =~ $pattern });
}

=pod

=item wait_until(sub { ... })

Calls it again and again until it returns true; false if that takes too long.

=cut

sub wait_until
{
	my ($condition) = @_;
	my $end = time() + $GovClient::patience;

	while (time() < $end)
	{
		return 1 if $condition->();
		usleep(50_000);
	}
	return 0;
}

=pod

=item wait_for_sweeps($admin, $count)

Waits until the governor has looked at all sessions so many times more.  Comes
back only while something is governed.

=cut

sub wait_for_sweeps
{
	my ($admin, $count) = @_;
	my $sweeps = $admin->value('SELECT sweeps FROM governor.status');

	$admin->wait_for("SELECT sweeps >= $sweeps + $count FROM governor.status")
	  or croak 'the governor does not sweep';
	return;
}

=pod

=item start_psql($node, $connection)

Starts psql on pipes, and returns a hash of its IPC::Run handle (run) and its
stdin, stdout and stderr.

=cut

sub start_psql
{
	my ($node, $connection) = @_;
	my %psql = (stdin => '', stdout => '', stderr => '');

	$psql{run} = IPC::Run::start(
		[ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('postgres') . " $connection" ],
		'<' => \$psql{stdin},
		'>' => \$psql{stdout},
		'2>' => \$psql{stderr},
		IPC::Run::timeout($GovClient::patience));
	return \%psql;
}

=pod

=item is_error($client, $sqlstate, $name)

The last statement of the client failed with this SQLSTATE.

=cut

sub is_error
{
	my ($client, $sqlstate, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($client->error ? $client->error->{C} : 'no error', $sqlstate, $name);
}

=pod

=item is_farewell_idle($fields, $reason, $class, $name)

The last words to a session that was ended at rest, every field of them.

=back

=cut

sub is_farewell_idle
{
	my ($fields, $reason, $class, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return subtest $name => sub {
		is($fields->{S}, 'FATAL', 'severity');
		is($fields->{C}, '57P05', 'SQLSTATE');
		is($fields->{M}, 'terminating connection due to idle-session timeout', 'message');
		like($fields->{D}, qr/^Reason "\Q$reason\E", class "\Q$class\E": at rest for \d+\.\d s(; .*)?\.$/,
			'detail');
		is($fields->{H}, 'Nothing was running.  Reconnect and retry.', 'hint');
	};
}

1;
