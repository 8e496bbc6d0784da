#!/usr/bin/env perl
#
# table.pl
#	The records of many runs as a table: medians over the rounds.
#
# Usage:
#	table.pl RECORDS WORKLOAD
#	table.pl RECORDS WORKLOAD CLIENTS VARIANT COLUMN
#	table.pl RECORDS WORKLOAD CLIENTS VARIANT COLUMN OTHER
#
# The second form prints one number, or nothing if there is none; the third one
# that of the variant divided by that of the other one, the median of the rounds.
#
use strict;
use warnings;

my ($path, $workload, $clients, $variant, $column, $other) = @ARGV;

open my $file, '<', $path or die "table.pl: $path: $!\n";
chomp(my $head = <$file>);
my @names = split /,/, $head;
my (%runs, %clients, @variants);
while (my $line = <$file>)
{
	chomp $line;
	my %row;
	@row{@names} = split /,/, $line, -1;
	next if $row{workload} ne $workload;
	$clients{ $row{clients} } = 1;
	push @variants, $row{variant} unless grep { $_ eq $row{variant} } @variants;
	$runs{ $row{clients} }{ $row{variant} }{ $row{round} } = \%row;
}

sub median
{
	my @v = sort { $a <=> $b } @_;

	return @v ? ($v[ int($#v / 2) ] + $v[ int(($#v + 1) / 2) ]) / 2 : undef;
}

sub values_of
{
	my ($n, $who, $what) = @_;

	return map { $_->{$what} } values %{ $runs{$n}{$who} // {} };
}

# Round by round, since what disturbs one round disturbs all of its runs.
sub ratio
{
	my ($n, $who, $to, $what) = @_;
	my $rounds = $runs{$n}{$who} // {};

	return median(map { $rounds->{$_}{$what} / $runs{$n}{$to}{$_}{$what} } grep { $runs{$n}{$to}{$_} } keys %$rounds);
}

if (defined $column)
{
	my $value = defined $other ? ratio($clients, $variant, $other, $column) : median(values_of($clients, $variant, $column));

	printf "%.3f\n", $value if defined $value;
	exit 0;
}

# A median, and the extremes behind it where they differ.
sub shown
{
	my ($n, $who, $what) = @_;
	my @v = sort { $a <=> $b } values_of($n, $who, $what);
	return '-' unless @v;
	my @text = map { $_ < 10 ? sprintf('%.2f', $_) : $_ < 100 ? sprintf('%.1f', $_) : sprintf('%.0f', $_) } median(@v), $v[0], $v[-1];

	return $text[1] eq $text[2] ? $text[0] : "$text[0] ($text[1]-$text[2])";
}

my @rows = ([ 'clients', (map { ("$_, tps", 'p50 / p99 ms') } @variants), map { "$_ / off" } grep { $_ ne 'off' } @variants ]);
foreach my $n (sort { $a <=> $b } keys %clients)
{
	my @row = ($n);

	foreach my $who (@variants)
	{
		my ($half, $late) = map { median(values_of($n, $who, $_)) } qw(p50 p99);

		push @row, shown($n, $who, 'tps'), defined $half ? sprintf('%.1f / %.1f', $half, $late) : '-';
	}
	foreach my $who (grep { $_ ne 'off' } @variants)
	{
		my $ratio = ratio($n, $who, 'off', 'tps');

		push @row, defined $ratio ? sprintf('%.2f', $ratio) : '-';
	}
	push @rows, \@row;
}

my @width;
foreach my $row (@rows)
{
	foreach my $i (0 .. $#$row)
	{
		$width[$i] = length $row->[$i] if length $row->[$i] > ($width[$i] // 0);
	}
}
foreach my $n (0 .. $#rows)
{
	print '| ', join(' | ', map { sprintf '%-*s', $width[$_], $rows[$n][$_] } 0 .. $#width), " |\n";
	print '|', join('|', map { '-' x ($_ + 2) } @width), "|\n" if $n == 0;
}
