
=pod

=head1 NAME

GovNet - machines that freeze

=head1 DESCRIPTION

A network of its own for a test: the server's host, and clients' hosts that can
be frozen, so that nothing of theirs answers any more, and thawed. Each is a
network namespace of Linux; all belong to a user namespace, so that no
privilege is needed. The test itself runs on the server's host.

    BEGIN { GovNet::enter(); }
    my $net = GovNet->new('lambda', 'service');
    my $client = $net->on('lambda', sub { GovClient->login($node, host => $net->server) });
    $net->freeze('lambda');

=cut

package GovNet;

use strict;
use warnings;

use Carp;
use IPC::Open2;
use POSIX ();
use Test::More;

# No file defines these for Perl everywhere.
my %numbers = (
	x86_64 => { setns => 308, prctl => 157 },
	aarch64 => { setns => 268, prctl => 167 });
my $number = $numbers{ (POSIX::uname())[4] };
my $CLONE_NEWNET = 0x40000000;
my $PR_CAP_AMBIENT = 47;
my $PR_CAP_AMBIENT_CLEAR_ALL = 4;

$ENV{PATH} .= ':/usr/sbin:/sbin';

=pod

=head1 METHODS

=over

=item GovNet::enter()

Starts the test again in namespaces of its own, or skips all of it where that
is not possible.

=cut

sub enter
{
	my @unshare = (
		'unshare', '--user', "--map-user=$>", '--map-group=' . ($) + 0), '--net', '--keep-caps');
	my $try = 'ip link set lo up && ip link add br0 type bridge && ip link add v0 type veth peer name v1';

	return if $ENV{GOV_NET_ENTERED};
	plan skip_all => 'hosts that freeze need network namespaces of Linux' if $^O ne 'linux' || !$number;
	plan skip_all => 'hosts that freeze need a user who is not root' if $> == 0;
	plan skip_all => 'hosts that freeze need user namespaces, which this machine does not allow, and iproute2'
	  if system("@unshare sh -c '$try' >/dev/null 2>&1") != 0;

	$ENV{GOV_NET_ENTERED} = 1;
	exec @unshare, $^X, (map { "-I$_" } @INC), $0, @ARGV or die "unshare: $!";
}

=pod

=item GovNet->new(@hosts)

Makes the hosts and connects them.

=item $net->server, $net->server_too, $net->server6

The addresses of the server's host, two of them for IPv4.

=cut

sub new
{
	my ($class, @hosts) = @_;
	my $self = bless { hosts => {}, home => _open_namespace($$) }, $class;
	my $n = 1;

	_ip('link set lo up', 'link add br0 type bridge', 'link set br0 up',
		'address add 10.90.0.1/24 dev br0', 'address add 10.90.0.101/24 dev br0', 'address add fd90::1/64 dev br0 nodad');
	$self->_add_host($_, ++$n) foreach @hosts;
	open2(my $answer, my $shell, 'sh');
	$self->{shell} = [ $answer, $shell ];

	# what is started from here on has no privilege, as it should be
	syscall($number->{prctl}, $PR_CAP_AMBIENT, $PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0
	  or croak "prctl: $!";
	return $self;
}

sub server     { return '10.90.0.1'; }
sub server_too { return '10.90.0.101'; }
sub server6    { return 'fd90::1'; }

=pod

=item $net->on($host, sub { ... })

Does something on a host: a connection that is made there comes from there.

=cut

sub on
{
	my ($self, $host, $do) = @_;
	my @results;

	_set_namespace($self->{hosts}{$host}{namespace});
	my $ok = eval { @results = $do->(); 1 };
	my $error = $@;
	_set_namespace($self->{home});
	die $error unless $ok;
	return wantarray ? @results : $results[0];
}

=pod

=item $net->freeze($host), $net->thaw($host)

Has nothing reach the host any more; and again.

=back

=cut

sub freeze { my ($self, $host) = @_; return $self->_tell("link set $self->{hosts}{$host}{port} down"); }
sub thaw   { my ($self, $host) = @_; return $self->_tell("link set $self->{hosts}{$host}{port} up"); }

sub _add_host
{
	my ($self, $name, $n) = @_;
	my $mac = sprintf '02:00:00:00:00:%02x', $n;

	# a process that holds the namespace until the test is over
	my $pid = open2(my $ready, my $holder, 'unshare', '--net', 'sh', '-c', 'echo ready; cat');
	readline($ready) or croak 'no namespace for another host';
	$self->{hosts}{$name} = {
		port => "p$n",
		namespace => _open_namespace($pid),
		holder => [ $ready, $holder ]
	};

	_ip("link add p$n type veth peer name c$n",
		"link set p$n master br0 up",
		"link set c$n netns $pid",
		"neighbour replace 10.90.0.$n lladdr $mac dev br0 nud permanent",
		"neighbour replace fd90::$n lladdr $mac dev br0 nud permanent");
	$self->on($name, sub {
		_ip('link set lo up',
			"link set c$n address $mac up",
			"address add 10.90.0.$n/24 dev c$n",
			"address add fd90::$n/64 dev c$n nodad");
	});
	return;
}

sub _ip
{
	foreach my $command (@_)
	{
		system("ip $command") == 0 or croak "ip $command failed";
	}
	return;
}

# Has the shell that kept its privileges do it.
sub _tell
{
	my ($self, $command) = @_;
	my ($answer, $shell) = @{ $self->{shell} };

	print $shell "ip $command; echo \$?\n";
	my $status = readline $answer;
	croak "ip $command failed" unless defined $status && $status == 0;
	return;
}

sub _open_namespace
{
	my ($pid) = @_;

	open my $namespace, '<', "/proc/$pid/ns/net" or croak "/proc/$pid/ns/net: $!";
	return $namespace;
}

sub _set_namespace
{
	my ($namespace) = @_;

	syscall($number->{setns}, fileno $namespace, $CLONE_NEWNET) == 0 or croak "setns: $!";
	return;
}

1;
