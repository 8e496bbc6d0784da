#!/usr/bin/env perl
#
# record.pl
#	One run of pgbench as a line of CSV, from its report and the log of its
#	transactions.
#
# Usage:
#	record.pl --header
#	record.pl WARM_UP WORKLOAD CLIENTS VARIANT ROUND REPORT LOG...
#
# The first WARM_UP seconds after the first transaction are not counted: not all
# caches are filled yet.  Nor is what ends after the time of the run, when clients
# leave one by one.
#
# A latency is what the client saw, from the moment at which it sent the
# transaction: time in a queue is in it, the gate's and PgBouncer's alike.
#
use strict;
use warnings;

my @COLUMNS = qw(workload clients variant round tps mean p50 p99 longest least_of_a_client most_of_a_client);

if (@ARGV == 1 && $ARGV[0] eq '--header')
{
	print join(',', @COLUMNS), "\n";
	exit 0;
}

my ($warm_up, $workload, $clients, $variant, $round, $report, @logs) = @ARGV;
my (@latencies, %done, $first, @lines, $seconds);

open my $file, '<', $report or die "record.pl: $report: $!\n";
while (my $line = <$file>)
{
	$seconds = $1 if $line =~ /^duration: (\d+) s/;
	$seconds -= $1 / 1000 if $line =~ /^initial connection time = ([\d.]+) ms/;
}
die "record.pl: $report does not say for how long it ran\n" unless defined $seconds;

# client, transaction, microseconds, script, and when it ended: seconds, microseconds
foreach my $log (@logs)
{
	open my $file, '<', $log or die "record.pl: $log: $!\n";
	while (my $line = <$file>)
	{
		my ($client, undef, $took, undef, $seconds, $micros) = split ' ', $line;

		next unless $took =~ /^\d+$/;
		my $ended = $seconds + $micros / 1e6;
		push @lines, [ $client, $took, $ended ];
		$first = $ended if !defined $first || $ended < $first;
	}
}
die "record.pl: no transaction in @logs\n" unless @lines;

my $until = $first + $seconds - 0.1;
die "record.pl: connecting took all of the time\n" if $until <= $first + $warm_up;
$done{$_} = 0 foreach 0 .. $clients - 1;
foreach my $line (@lines)
{
	my ($client, $took, $ended) = @$line;

	next if $ended < $first + $warm_up || $ended >= $until;
	push @latencies, $took;
	$done{$client}++;
}
@latencies = sort { $a <=> $b } @latencies;
my @counts = sort { $a <=> $b } values %done;
my $sum = 0;
$sum += $_ foreach @latencies;

# of those that ran, the smallest that so many are not above
sub at
{
	my ($share) = @_;
	my $rank = int($share * @latencies + 0.999999) - 1;

	return $latencies[ $rank < 0 ? 0 : $rank ] / 1000;
}

printf "%s,%d,%s,%d,%.1f,%.3f,%.3f,%.3f,%.3f,%d,%d\n", $workload, $clients, $variant, $round, @latencies / ($until - $first - $warm_up), $sum / @latencies / 1000,
	at(0.5), at(0.99), $latencies[-1] / 1000, $counts[0], $counts[-1];
