#!/usr/bin/env perl
#
# table.pl
#	The records of many runs as a table: medians over the rounds.
#
# Usage:
#	table.pl RECORDS WORKLOAD
#	table.pl RECORDS WORKLOAD PEER SETTING COLUMN [median|min|max|sum]
#
# The second form prints one number, or nothing if there is none.
#
use strict;
use warnings;

my ($path, $workload, $peer, $setting, $column, $how) = @ARGV;

open my $file, '<', $path or die "table.pl: $path: $!\n";
chomp(my $head = <$file>);
my @names = split /,/, $head;
my (%runs, @order);
while (my $line = <$file>)
{
	chomp $line;
	my %row;
	@row{@names} = split /,/, $line, -1;
	next if $row{workload} ne $workload;
	my $key = "$row{peer},$row{setting}";
	push @order, $key unless exists $runs{$key};
	push @{ $runs{$key} }, \%row;
}

sub values_of
{
	my ($key, $name) = @_;
	my @v = sort { $a <=> $b } grep { $_ ne '' } map { $_->{$name} } @{ $runs{$key} // [] };
	return @v;
}

sub summary
{
	my ($key, $name, $what) = @_;
	my @v = values_of($key, $name);
	return undef unless @v;
	return $v[0] if $what eq 'min';
	return $v[-1] if $what eq 'max';
	if ($what eq 'sum')
	{
		my $sum = 0;
		$sum += $_ for @v;
		return $sum;
	}
	return ($v[ int($#v / 2) ] + $v[ int(($#v + 1) / 2) ]) / 2;
}

if (defined $column)
{
	my $value = summary("$peer,$setting", $column, $how // 'median');
	print "$value\n" if defined $value;
	exit 0;
}

# A median, and the extremes behind it where they differ.
sub shown
{
	my ($key, $name, $format, $factor) = @_;
	my @v = map { sprintf $format, $_ * ($factor // 1) } values_of($key, $name);
	my $median = summary($key, $name, 'median');
	return '-' unless @v;
	$median = sprintf $format, $median * ($factor // 1);
	return $v[0] eq $v[-1] ? $median : "$median ($v[0]-$v[-1])";
}

# Logins: so many of so many, their median and the longest of all rounds.
sub logins
{
	my ($key, $name) = @_;
	my ($ok, $failed) = map { summary($key, "${name}_$_", 'sum') // 0 } qw(ok failed);
	return '-' if $ok + $failed == 0;
	my $text = sprintf '%d of %d', $ok, $ok + $failed;
	return $text if $ok == 0 || !defined summary($key, "${name}_p50", 'median');
	return sprintf '%s; %.0f / %.0f ms', $text, summary($key, "${name}_p50", 'median'), summary($key, "${name}_max", 'max');
}

my @rows = ([ 'peer', 'setting', 'served', 'ok, of tried %', 'ok, of planned %', 'logins',
		'app before /s', 'first 5 s', 'whole', 'logins beside: ok; median / longest', 'the same, own address' ]);
for my $key (@order)
{
	my ($who, $what) = split /,/, $key;
	my $served = shown($key, 'served', '%.0f');
	$served .= ' + ' . shown($key, 'served_2', '%.0f') if values_of($key, 'served_2');
	my $first = shown($key, 'app_first', '%.2f');
	$first .= ', ' . shown($key, 'app_first_2', '%.2f') if values_of($key, 'app_first_2');
	push @rows, [ $who, $what, $served, shown($key, 'share', '%.1f', 100), shown($key, 'share_planned', '%.1f', 100),
		shown($key, 'attempts', '%.0f'), shown($key, 'app_before', '%.0f'), $first, shown($key, 'app_whole', '%.2f'),
		logins($key, 'human'), logins($key, 'own') ];
}

my @width;
for my $row (@rows)
{
	for my $i (0 .. $#$row)
	{
		$width[$i] = length $row->[$i] if length $row->[$i] > ($width[$i] // 0);
	}
}
for my $n (0 .. $#rows)
{
	print '| ', join(' | ', map { sprintf '%-*s', $width[$_], $rows[$n][$_] } 0 .. $#width), " |\n";
	print '|', join('|', map { '-' x ($_ + 2) } @width), "|\n" if $n == 0;
}
