
=pod

=head1 NAME

GovClient - one session, spoken to byte by byte

=head1 DESCRIPTION

A client for version 3 of the protocol, for clusters that trust everybody.
Tests of pg_governor need what a driver hides: a session that stops between two
messages, a name with odd bytes, every field of the last error, a socket that
goes away without a word; and a hundred of them at once.

=cut

package GovClient;

use strict;
use warnings;

use Carp;
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket      qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time usleep);

# As long as anything here may take before the test gives up.
our $patience = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 180;

# A write to a session that has ended is an error to look at, not a signal.
$SIG{PIPE} = 'IGNORE';

=pod

=head1 METHODS

=over

=item GovClient->start_login($node, %options), $client->finish_login($seconds)

Asks for a login without waiting for the answer; and waits for it, which is the
client itself: ask it for error() or pid(). Nothing means that there was no
answer in time. Options are user, dbname, application_name, options, replication
as in the startup packet, and host: an address, or nothing for the unix socket;
with one, local_port: the client's own port.

=cut

sub start_login
{
	my ($class, $node, %options) = @_;
	my $host = delete $options{host};
	my $local_port = delete $options{local_port};
	my $self = bless { in => '', notices => [], settings => {}, error => undef }, $class;

	if (defined $host)
	{
		$self->{socket} = IO::Socket::IP->new(
			PeerHost => $host,
			PeerPort => $node->port,
			$local_port ? (LocalPort => $local_port, ReuseAddr => 1) : (),
			Type => Socket::SOCK_STREAM);
	}
	else
	{
		$self->{socket} = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port);
	}
	if (!$self->{socket})
	{
		$self->{error} = { S => 'FATAL', C => '', M => "could not connect: $!" };
		return $self;
	}
	binmode $self->{socket};

	my %startup = (user => 'postgres', %options);
	$startup{database} = delete $startup{dbname} || 'postgres';
	my $body = pack('N', 196608) . join('', map { "$_\0$startup{$_}\0" } sort keys %startup) . "\0";
	$self->_write(pack('N', 4 + length $body) . $body);
	return $self;
}

sub finish_login
{
	my ($self, $seconds) = @_;
	my $end = time() + (defined $seconds ? $seconds : $patience);

	return $self if $self->{error};
	while (1)
	{
		my $left = $end - time();
		my ($type, $message) = $self->receive($left > 0 ? $left : 0);

		if (!defined $type)
		{
			return unless $self->{closed};
			$self->{error} ||= { S => 'FATAL', C => '', M => 'no answer to the login' };
			return $self;
		}
		if ($type eq 'R' && unpack('N', $message) != 0)
		{
			croak 'the server asks for a password';
		}
		$self->{pid} = unpack('N', $message) if $type eq 'K';
		$self->{error} = _fields($message) if $type eq 'E';
		return $self if $type eq 'Z';
	}
}

=pod

=item GovClient->try_login($node, %options)

Both in one; returns a client in any case.

=cut

sub try_login
{
	my ($class, $node, %options) = @_;
	my $self = $class->start_login($node, %options);

	$self->finish_login or croak 'no answer to the login';
	return $self;
}

=pod

=item GovClient->login($node, %options)

The same, for a login that must succeed.

=cut

sub login
{
	my $self = try_login(@_);

	croak "could not log in: $self->{error}{M}" if $self->{error};
	return $self;
}

=pod

=item $client->pid, $client->error

The backend's pid; the fields of the last error, by their letters in the
protocol (C SQLSTATE, M message, D detail, H hint, S severity), or undef.

=item $client->notices

The fields of the notices since the last call.

=item $client->settings

What the server reported about its settings.

=cut

sub pid      { return $_[0]->{pid}; }
sub error    { return $_[0]->{error}; }
sub settings { return $_[0]->{settings}; }

sub notices
{
	my ($self) = @_;
	my $notices = $self->{notices};

	$self->{notices} = [];
	return @$notices;
}

=pod

=item $client->query($sql)

Runs a string of statements and returns the rows, each an array; see error().

=item $client->value($sql), $client->column($sql)

The first value of the first row, which must come; the first values of all rows.

=item $client->run($sql)

The same without a result; the statements must succeed.

=cut

sub query
{
	my ($self, $sql) = @_;

	$self->start($sql);
	return $self->finish;
}

sub value
{
	my ($self, $sql) = @_;
	my $rows = $self->query($sql);

	croak "query failed: $self->{error}{M}: $sql" if $self->{error};
	return @$rows ? $rows->[0][0] : undef;
}

sub column
{
	my ($self, $sql) = @_;
	my $rows = $self->query($sql);

	croak "query failed: $self->{error}{M}: $sql" if $self->{error};
	return map { $_->[0] } @$rows;
}

sub run
{
	my ($self, @statements) = @_;

	foreach my $sql (@statements)
	{
		$self->query($sql);
		croak "query failed: $self->{error}{M}: $sql" if $self->{error};
	}
	return;
}

=pod

=item $client->start($sql), $client->finish($types)

Sends statements, and reads what comes until the server is ready again (or
waits for COPY data): the two halves of query().  Other types of messages may be
named to stop at.

=cut

sub start
{
	my ($self, $sql) = @_;

	$self->send('Q', "$sql\0");
	return;
}

sub finish
{
	my ($self, $until) = @_;
	my @rows;

	$until = 'ZGW' unless defined $until;
	$self->{error} = undef;
	while (1)
	{
		my ($type, $message) = $self->receive;

		if (!defined $type)
		{
			$self->{error} ||= { S => 'FATAL', C => '', M => 'server closed the connection unexpectedly' };
			last;
		}
		$self->{error} = _fields($message) if $type eq 'E';
		push @rows, _row($message) if $type eq 'D';
		last if index($until, $type) >= 0;
	}
	return \@rows;
}

=pod

=item $client->extended($sql, parameters => [], statement => '', sync => 1)

Runs one statement by the extended protocol, parsed under the name given if it
is not there yet.  Without sync the messages are flushed instead, and the
server goes on waiting for the next one.

=cut

sub extended
{
	my ($self, $sql, %options) = @_;
	my @parameters = @{ $options{parameters} || [] };
	my $statement = $options{statement} || '';
	my $sync = exists $options{sync} ? $options{sync} : 1;
	my $out = '';

	$out .= _message('P', "$statement\0$sql\0" . pack('n', 0))
	  unless $statement ne '' && $self->{parsed}{$statement}++;
	$out .= _message('B',
			"\0$statement\0"
		  . pack('n', 0)
		  . pack('n', scalar @parameters)
		  . join('', map { pack('N', length $_) . $_ } @parameters)
		  . pack('n', 0));
	$out .= _message('E', "\0" . pack('N', 0));
	$out .= $sync ? _message('S', '') : _message('H', '');
	$self->_write($out);
	return $self->finish($sync ? 'Z' : 'CE');
}

=pod

=item $client->parse($sql), $client->call($function)

A statement that is parsed and not run; a function without arguments, called by
the protocol's own message.

=cut

sub parse
{
	my ($self, $sql) = @_;

	$self->send('P', "\0$sql\0" . pack('n', 0));
	$self->send('S', '');
	return $self->finish;
}

sub call
{
	my ($self, $function) = @_;

	$self->send('F', pack('Nnnn', $function, 0, 0, 0));
	return $self->finish;
}

=pod

=item $client->send($type, $body), $client->receive($seconds)

One message to the server; the next one from it, as type and body.  Notices and
reported settings are kept aside.  Nothing means that the connection is closed,
or that the time is over.

=cut

sub send
{
	my ($self, $type, $body) = @_;

	$self->_write(_message($type, $body));
	return;
}

sub receive
{
	my ($self, $seconds) = @_;
	my $end = time() + (defined $seconds ? $seconds : $patience);

	while (1)
	{
		if (length $self->{in} >= 5)
		{
			my ($type, $length) = unpack('a N', $self->{in});

			if (length $self->{in} >= 1 + $length)
			{
				my $message = substr($self->{in}, 5, $length - 4);

				substr($self->{in}, 0, 1 + $length) = '';
				if ($type eq 'N')
				{
					push @{ $self->{notices} }, _fields($message);
					next;
				}
				if ($type eq 'S')
				{
					my ($name, $value) = split /\0/, $message;

					$self->{settings}{$name} = $value;
					next;
				}
				return ($type, $message);
			}
		}
		return if $self->{closed};

		# what is there already is read also when there is no time to wait
		my $left = $end - time();

		if (!IO::Select->new($self->{socket})->can_read($left > 0 ? $left : 0))
		{
			# the end of a child of the test interrupts a wait
			next if time() < $end;
			return;
		}

		my $count = sysread($self->{socket}, my $bytes, 65536);

		if (!$count)
		{
			$self->{closed} = 1;
			next;
		}
		$self->{in} .= $bytes;
	}
}

=pod

=item $client->wait_for_end

Waits until the server has closed the connection, without sending anything, and
returns the fields of the last error that came: the server's farewell.

=cut

sub wait_for_end
{
	my ($self) = @_;
	my $farewell;

	while (1)
	{
		my ($type, $message) = $self->receive;

		last unless defined $type;
		$farewell = _fields($message) if $type eq 'E';
	}
	croak 'the session did not end' unless $self->{closed};
	return $farewell;
}

=pod

=item $client->has_ended

Whether the server has closed the connection or said why it is about to.

=cut

sub has_ended
{
	my ($self) = @_;

	return 1 if $self->{closed};
	return 0 unless IO::Select->new($self->{socket})->can_read(0);

	my ($type) = $self->receive(0);

	return $self->{closed} || (defined $type && $type eq 'E') ? 1 : 0;
}

=pod

=item $client->works

Whether the session still runs statements.

=cut

sub works
{
	my ($self) = @_;
	my $rows = $self->query('SELECT 42');

	return !$self->{error} && @$rows == 1 && $rows->[0][0] == 42 ? 1 : 0;
}

=pod

=item $client->wait_for($condition)

Asks again and again until an SQL condition is true; false if it does not
become so.

=cut

sub wait_for
{
	my ($self, $condition) = @_;
	my $end = time() + $patience;
	my $seen;

	while (time() < $end)
	{
		my $rows = $self->query("SELECT ($condition)");

		croak "condition failed: $self->{error}{M}: $condition" if $self->{error};
		$seen = $rows->[0][0];
		return 1 if defined $seen && $seen eq 't';
		usleep(20_000);
	}
	Test::More::diag('still ' . (defined $seen ? $seen : 'NULL') . ": $condition");
	return 0;
}

=pod

=item $client->logout, $client->vanish, $client->reset_connection

The ways in which a client goes: with a word; without one; and with a TCP reset.

=back

=cut

sub logout
{
	my ($self) = @_;

	$self->send('X', '');
	$self->vanish;
	return;
}

sub vanish
{
	my ($self) = @_;

	close $self->{socket};
	$self->{closed} = 1;
	return;
}

sub reset_connection
{
	my ($self) = @_;

	setsockopt($self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0))
	  or croak "setsockopt: $!";
	$self->vanish;
	return;
}

sub _message
{
	my ($type, $body) = @_;

	return $type . pack('N', 4 + length $body) . $body;
}

# A session that has ended is noticed when its last message is read.
sub _write
{
	my ($self, $bytes) = @_;

	while (length $bytes)
	{
		my $count = syswrite($self->{socket}, $bytes);

		return unless $count;
		substr($bytes, 0, $count) = '';
	}
	return;
}

sub _fields
{
	my ($message) = @_;
	my %fields;

	foreach my $field (split /\0/, $message)
	{
		$fields{ substr($field, 0, 1) } = substr($field, 1) if length $field;
	}
	return \%fields;
}

sub _row
{
	my ($message) = @_;
	my $count = unpack('n', $message);
	my $at = 2;
	my @values;

	for (1 .. $count)
	{
		my $length = unpack('N', substr($message, $at, 4));

		$at += 4;
		if ($length == 0xFFFFFFFF)
		{
			push @values, undef;
			next;
		}
		push @values, substr($message, $at, $length);
		$at += $length;
	}
	return \@values;
}

1;
