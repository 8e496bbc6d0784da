#!/usr/bin/env perl
#
# record.pl
#	What became of the app in one run, as one line of CSV.
#
# Usage:
#	record.pl --header
#	record.pl PEER ROUND APP_JSON APP_SERIES LEFT SERIES
#
# LEFT is "idle in transaction,active": functions that are still there at the end.
# The app's rate of every tenth of a second since the freeze is appended to SERIES.
#
use strict;
use warnings;
use JSON::PP;

my @COLUMNS = qw(peer round before first_2 after whole back worst app_failed left_idle_in_transaction left_waiting);

if (@ARGV == 1 && $ARGV[0] eq '--header')
{
	print join(',', @COLUMNS), "\n";
	exit 0;
}
my ($peer, $round, $json, $csv, $left, $series) = @ARGV;

sub slurp
{
	my ($path) = @_;
	open my $file, '<', $path or die "record.pl: $path: $!\n";
	local $/;
	return scalar <$file>;
}

my $fleet = decode_json(slurp($json));
my ($warm_up) = grep { $_->{name} eq 'warm-up' } @{ $fleet->{phases} };
my ($frozen) = grep { $_->{name} eq 'no fleet' } @{ $fleet->{phases} };
my $freeze = $warm_up->{to_ms} / 1000;
my $end = $frozen->{to_ms} / 1000;
my $before = 1000 * $warm_up->{app}{ok} / ($warm_up->{to_ms} - $warm_up->{from_ms});

# Transactions by the time of their answers, in tenths of a second since the freeze.
my %ok;
my ($head, @lines) = split /\n/, slurp($csv);
my @names = split /,/, $head;
foreach my $line (@lines)
{
	my %row;
	@row{@names} = split /,/, $line, -1;
	$ok{ int(($row{second} - $freeze) * 10 + ($row{second} >= $freeze ? 0.5 : -0.5)) } += $row{app_ok};
}
my $tenths = int(($end - $freeze) * 10 + 0.5);

# Transactions a second in the tenths after one and up to another.
sub rate
{
	my ($from, $to) = @_;
	my $sum = 0;

	return undef if $to <= $from;
	$sum += $ok{$_} // 0 for $from + 1 .. $to;
	return 10 * $sum / ($to - $from);
}

# Back: from there on at 0.95 of before, within the first second and over all that is left.
my $back = '';
foreach my $tenth (0 .. $tenths - 10)
{
	next if rate($tenth, $tenth + 10) < 0.95 * $before || rate($tenth, $tenths) < 0.95 * $before;
	$back = $tenth / 10;
	last;
}
my $worst;
foreach my $tenth (0 .. $tenths - 10)
{
	my $rate = rate($tenth, $tenth + 10);

	$worst = $rate if !defined $worst || $rate < $worst;
}

my $after = 1000 * $frozen->{app}{ok} / ($frozen->{to_ms} - $frozen->{from_ms});
my $whole = 1000 * ($warm_up->{app}{ok} + $frozen->{app}{ok}) / ($frozen->{to_ms} - $warm_up->{from_ms});
printf "%s,%d,%.1f,%.1f,%.3f,%.3f,%s,%.1f,%d,%s\n", $peer, $round, $before, rate(0, 20), $after / $before,
  $whole / $before, $back, $worst, $fleet->{app}{failed}, $left;

open my $out, '>>', $series or die "record.pl: $series: $!\n";
print $out "$peer,$round,", $_ / 10, ',', $ok{$_} // 0, "\n" for -20 .. $tenths;
close $out;
