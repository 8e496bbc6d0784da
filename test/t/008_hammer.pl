
# A short run of bench/hammer: thousands of requests to end against sessions
# that alternate between very short statements and very short rests, by every
# transport and every protocol.  Whatever begins is finished and answered.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use GovClient;
use GovTest;
use File::Basename qw(basename);
use File::Copy     qw(copy);
use PostgreSQL::Test::Utils;
use Test::More;

my $source = "$FindBin::RealBin/../../bench/hammer";
plan skip_all => 'bench/hammer is not there' unless -e "$source/Makefile";

chomp(my $includes = `pg_config --includedir`);
plan skip_all => 'the headers of libpq are not there' unless -e "$includes/libpq-fe.h";

# built in a folder of its own: the sources may belong to somebody else
my $build = PostgreSQL::Test::Utils::tempdir();
copy($_, "$build/" . basename($_)) or die "$_: $!" foreach "$source/Makefile", glob("$source/*.[ch]");
my ($stdout, $stderr);
my $built = IPC::Run::run(
	[ 'make', '-s', '-C', $build, 'hammer', 'PG_CONFIG=pg_config' ],
	'>' => \$stdout,
	'2>' => \$stderr);
ok($built, 'it builds') or diag($stderr);

# a certificate that nobody has to trust
sub make_certificate
{
	return IPC::Run::run(
		[
			qw(openssl req -new -x509 -days 2 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1),
			qw(-subj /CN=localhost -out), "$build/server.crt", '-keyout', "$build/server.key"
		],
		'>' => \my $out,
		'2>' => \my $err) && chmod(0600, "$build/server.key") == 1;
}

my %settings = (
	'governor.mode' => 'enforce',
	'governor.sweep_interval' => '50ms',
	'max_connections' => 150);
my $tls = `pg_config --configure` =~ /--with-(openssl|ssl=openssl)/ && eval { make_certificate() };
%settings = (%settings, ssl => 'on', ssl_cert_file => "$build/server.crt", ssl_key_file => "$build/server.key")
  if $tls;

my $node = new_node('hammer', settings => \%settings);
$node->start;
my $admin = admin_of($node);
my $dsn = 'dbname=postgres port=' . $node->port . ' host=' . $node->host;
my $ip = 'dbname=postgres port=' . $node->port;
my @local = ("--transport=unix:$dsn", "--transport=ipv4:$ip host=127.0.0.1 sslmode=disable");
my @all = @local;
my $ipv6 = !GovClient->try_login($node, host => '::1')->error;
push @all, "--transport=ipv6:$ip host=::1 sslmode=disable" if $ipv6;
push @all, "--transport=tls:$ip host=127.0.0.1 sslmode=require" if $tls;

sub hammer
{
	my ($name, $atleast, @options) = @_;
	my $log = log_position($node);

	my $clean = IPC::Run::run(
		[
			"$build/hammer", "--dsn=$dsn", '--give-up=120', '--expect-clean', @options
		],
		'>' => \$stdout,
		'2>' => \$stderr);

	ok($clean, "$name: whatever began was finished and answered") or diag($stdout . $stderr);
	note($stdout);

	my ($began) = $stdout =~ /^began +(\d+)$/m;
	my ($finished) = $stdout =~ /^finished +(\d+)$/m;
	my ($ended) = $stdout =~ /^connections ended, client's view +(\d+)$/m;

	is($finished, $began, "$name: statements");
	cmp_ok($ended, '>=', $atleast, "$name: sessions that were ended");
	# a FATAL with a STATEMENT is one that came while a statement ran
	unlike(
		log_since($node, $log),
		qr/FATAL:  terminating[^\n]*\n(?:[^\n]*(?:DETAIL|HINT): [^\n]*\n)*[^\n]*STATEMENT: /,
		"$name: nobody was ended while a statement ran");
	return;
}

SKIP:
{
	skip 'it was not built', 1 unless $built;
	hammer('asked by hand', 500, '--requests=3000', '--sessions=1', '--rest=0.2', '--askers=4', @all);

	# nobody was given another transport than the one that was asked for
	like($stdout, qr/^unix: unix socket\nipv4: IPv4$/m, 'unix socket and IPv4');
  SKIP:
	{
		skip 'no IPv6 here', 1 unless $ipv6;
		like($stdout, qr/^ipv6: IPv6$/m, 'IPv6');
	}
  SKIP:
	{
		skip 'no TLS here', 1 unless $tls;
		like($stdout, qr/^tls: IPv4, TLSv1/m, 'TLS');
	}

	hammer('asked by hand and by the governor',
		100, '--requests=1000', '--overlap', '--idle-timeout=1', '--idle-in-transaction-timeout=1',
		'--rest=20', '--protocol=simple,extended,copy_in,cursor', @local);
	ok($admin->wait_for('SELECT count(*) = 1 FROM governor.sessions'), 'no session is left');
	is($admin->value('SELECT repairs FROM governor.status'), 0, 'the counters were right all along');
}
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'nothing crashed');

$admin->logout;
$node->stop;

done_testing();
