#!/usr/bin/env perl
#
# record.pl
#	What one run of fleet found out, as one line of CSV.
#
# Usage:
#	record.pl --header
#	record.pl WORKLOAD PEER SETTING ROUND FLEET_JSON FLEET_SERIES [NODE_JSON]
#	record.pl --seconds WORKLOAD PEER SETTING ROUND FLEET_JSON FLEET_SERIES [NODE_SERIES]
#
# With a NODE_JSON the environments were those of serverless.js, and fleet ran
# the app and the logins beside them.  --seconds prints the goodput of each
# second since the storm began instead: invocations and app rounds that succeeded.
#
use strict;
use warnings;
use JSON::PP;

my @COLUMNS = qw(workload peer setting round seconds
  planned served planned_2 served_2 ok failed share share_planned attempts connected
  connect_p50 connect_p99 invocation_p50 invocation_p99 sessions_kept
  app_before app_first app_first_2 app_whole app_lost
  human_ok human_failed human_p50 human_p99 human_max
  own_ok own_failed own_p50 own_p99 own_max
  simulator_cpu late_p99 extra_queries retried retried_served);

sub read_json
{
	my ($path) = @_;
	open my $file, '<', $path or die "record.pl: $path: $!\n";
	local $/;
	return decode_json(<$file>);
}

# Rows of a CSV file, each a hash by column.
sub read_csv
{
	my ($path) = @_;
	open my $file, '<', $path or die "record.pl: $path: $!\n";
	chomp(my $head = <$file>);
	my @names = split /,/, $head;
	my @rows;
	while (my $line = <$file>)
	{
		chomp $line;
		my %row;
		@row{@names} = split /,/, $line, -1;
		push @rows, \%row;
	}
	return @rows;
}

# When the storm began and ended, in seconds of fleet's clock.
sub storm_of
{
	my ($fleet, $node) = @_;
	my @phases = grep { $_->{name} =~ /^(wave|hold)/ } @{ $fleet->{phases} };
	return (0, 0) unless @phases;
	my $from = $phases[0]{from_ms} / 1000;
	return ($from, $node ? $from + $node->{run_ms} / 1000 : $phases[-1]{to_ms} / 1000);
}

sub rate_of_phases
{
	my ($fleet, $pattern) = @_;
	my ($ok, $ms) = (0, 0);
	for my $phase (grep { $_->{name} =~ $pattern } @{ $fleet->{phases} })
	{
		$ok += $phase->{app}{ok};
		$ms += $phase->{to_ms} - $phase->{from_ms};
	}
	return $ms > 0 ? 1000 * $ok / $ms : undef;
}

# The app in the seconds of a series that end within a span.
sub rate_of_seconds
{
	my ($series, $from, $to) = @_;
	my @within = grep { $_->{second} > $from + 0.5 && $_->{second} <= $to + 0.5 } @$series;
	my $sum = 0;
	$sum += $_->{app_ok} for @within;
	return @within ? $sum / @within : undef;
}

# By nearest rank.
sub percentile
{
	my ($share, @values) = @_;
	@values = sort { $a <=> $b } @values;
	return undef unless @values;
	my $rank = int($share * @values + 0.999999);
	return $values[ $rank > 0 ? $rank - 1 : 0 ];
}

sub ratio { my ($a, $b) = @_; return defined $a && $b ? $a / $b : undef }

sub seconds
{
	my ($workload, $peer, $setting, $round, $fleet_path, $series_path, $node_path) = @_;
	my ($from) = storm_of(read_json($fleet_path));
	my %node = map { $_->{second} => $_->{invocations_ok} } $node_path ? read_csv($node_path) : ();

	for my $row (read_csv($series_path))
	{
		my $second = int($row->{second} - $from + 0.5);
		my $ok = $node_path ? $node{$second} // 0 : $row->{invocations_ok};
		print join(',', $workload, $peer, $setting, $round, $second, $ok, $row->{app_ok}), "\n" if $second > -3;
	}
}

sub record
{
	my ($workload, $peer, $setting, $round, $fleet_path, $series_path, $node_path) = @_;
	my $fleet = read_json($fleet_path);
	my $node = $node_path ? read_json($node_path) : undef;
	my $who = $node // $fleet;
	my @series = read_csv($series_path);
	my ($from, $to) = storm_of($fleet, $node);
	my ($one, $two) = @{ $who->{waves} };
	my %r;

	@r{qw(workload peer setting round)} = ($workload, $peer, $setting, $round);
	$r{seconds} = $to - $from;
	@r{qw(planned served)} = @$one{qw(planned served)} if $one;
	@r{qw(planned_2 served_2)} = @$two{qw(planned served)} if $two;
	@r{qw(ok failed)} = @{ $who->{invocations} }{qw(ok failed)};
	$r{share} = ratio($r{ok}, $r{ok} + $r{failed});
	$r{share_planned} = ratio($r{ok},
		(($r{planned} // 0) + ($r{planned_2} // 0)) * ($fleet->{options}{invocations} || 1))
	  unless $node;
	$r{attempts} = $who->{connects}{attempts};
	$r{connected} = $who->{connects}{connected};
	@r{qw(connect_p50 connect_p99)} = @{ $who->{connects}{latency_ms} }{qw(p50 p99)} if $who->{connects}{latency_ms};
	@r{qw(invocation_p50 invocation_p99)} = @{ $who->{invocations}{latency_ms} }{qw(p50 p99)}
	  if $who->{invocations}{latency_ms};
	$r{sessions_kept} = $who->{frozen_alive};
	if ($node)
	{
		@r{qw(extra_queries retried retried_served)} = (ratio($node->{extra_queries}, $node->{invocations}{ok}),
			@$node{qw(retried retried_served)});
		$r{share_planned} = ratio($r{ok}, $r{planned} * $node->{planned_invocations});
	}

	$r{app_before} = rate_of_phases($fleet, qr/^warm-up$/);
	if ($node)
	{
		$r{app_first} = ratio(rate_of_seconds(\@series, $from, $from + 5), $r{app_before});
		$r{app_whole} = ratio(rate_of_seconds(\@series, $from, $to), $r{app_before});
	}
	else
	{
		$r{app_first} = ratio(rate_of_phases($fleet, qr/^wave 1, first/), $r{app_before});
		$r{app_first_2} = ratio(rate_of_phases($fleet, qr/^wave 2, first/), $r{app_before});
		$r{app_whole} = ratio(rate_of_phases($fleet, qr/^wave/), $r{app_before});
	}
	$r{app_lost} = 0;
	$r{app_lost} += $_->{count} for @{ $fleet->{app_sessions_lost} };

	# those who logged in while the storm lasted, about one a second
	for ([ 'human', 'human' ], [ 'own', 'human_2' ])
	{
		my ($name, $key) = @$_;
		my $all = $fleet->{$key};
		my ($calm) = map { $_->{$key}{ok} } grep { $_->{name} eq 'warm-up' } @{ $fleet->{phases} };
		$r{"${name}_ok"} = $all->{ok} - ($calm // 0);
		$r{"${name}_failed"} = $all->{failed};
		my @during = grep { $_->{second} > $from && $_->{"${key}_ok"} > 0 } @series;
		$r{"${name}_p50"} = percentile(0.5, map { $_->{"${key}_p50_ms"} } @during);
		$r{"${name}_p99"} = percentile(0.99, map { $_->{"${key}_max_ms"} } @during);
		$r{"${name}_max"} = percentile(1, map { $_->{"${key}_max_ms"} } @during);
	}
	$r{simulator_cpu} = $fleet->{simulator_cpu_seconds} + ($node ? $node->{simulator_cpu_seconds} : 0);
	$r{late_p99} = $fleet->{simulator_late_ms}{p99} if $fleet->{simulator_late_ms};

	print join(',', map { my $v = $r{$_} // ''; $v =~ /^-?\d+\.\d{4,}/ ? sprintf('%.3f', $v) : $v } @COLUMNS), "\n";
}

if (@ARGV == 1 && $ARGV[0] eq '--header')
{
	print join(',', @COLUMNS), "\n";
}
elsif (@ARGV && $ARGV[0] eq '--seconds')
{
	seconds(@ARGV[ 1 .. $#ARGV ]);
}
else
{
	record(@ARGV);
}
