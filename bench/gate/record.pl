#!/usr/bin/env perl
#
# record.pl
#	One run of pgbench as a line of CSV, from its report and the log of its
#	transactions.
#
# Usage:
#	record.pl --header
#	record.pl WORKLOAD CLIENTS VARIANT ROUND REPORT LOG...
#
# A latency is what the client saw, from the moment at which it sent the
# transaction: time in a queue is in it, the gate's and PgBouncer's alike.  The
# first tenth of a run is left out of latencies: not all are connected yet.
#
use strict;
use warnings;

my @COLUMNS = qw(workload clients variant round tps mean p50 p99 longest least_of_a_client most_of_a_client);

if (@ARGV == 1 && $ARGV[0] eq '--header')
{
	print join(',', @COLUMNS), "\n";
	exit 0;
}

my ($workload, $clients, $variant, $round, $report, @logs) = @ARGV;
my ($tps, @latencies, %done, $first, $last, @lines);

open my $file, '<', $report or die "record.pl: $report: $!\n";
while (my $line = <$file>)
{
	$tps = $1 if $line =~ /^tps = ([\d.]+)/;
}
die "record.pl: $report does not say how many transactions a second\n" unless defined $tps;

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
		$last = $ended if !defined $last || $ended > $last;
	}
}
die "record.pl: no transaction in @logs\n" unless @lines;

$done{$_} = 0 foreach 0 .. $clients - 1;
foreach my $line (@lines)
{
	my ($client, $took, $ended) = @$line;

	next if $ended < $first + ($last - $first) / 10;
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

printf "%s,%d,%s,%d,%.1f,%.3f,%.3f,%.3f,%.3f,%d,%d\n", $workload, $clients, $variant, $round, $tps, $sum / @latencies / 1000,
	at(0.5), at(0.99), $latencies[-1] / 1000, $counts[0], $counts[-1];
