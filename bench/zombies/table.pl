#!/usr/bin/env perl
#
# table.pl
#	The records of many runs as a table: medians over the rounds, and the extremes.
#
# Usage:
#	table.pl RECORDS
#	table.pl RECORDS PEER ROUND			one of them, in a line
#	table.pl RECORDS --figure PEER COLUMN median|min|max
#
use strict;
use warnings;

my ($path, @what) = @ARGV;
my @ORDER = qw(bare built-in pgbouncer governor);
my %NAME = (
	'bare' => 'the server alone',
	'built-in' => 'idle_in_transaction_session_timeout 5 s',
	'pgbouncer' => 'PgBouncer, transaction mode',
	'governor' => 'pg_governor, idle_blocker_timeout');

open my $file, '<', $path or die "table.pl: $path: $!\n";
chomp(my $head = <$file>);
my @names = split /,/, $head;
my %runs;
while (my $line = <$file>)
{
	chomp $line;
	my %row;
	@row{@names} = split /,/, $line, -1;
	push @{ $runs{ $row{peer} } }, \%row;
}

# Whoever does not come back at all is the slowest.
sub values_of
{
	my ($peer, $column) = @_;

	return sort { $a <=> $b } map { $_->{$column} eq '' ? 9**9**9 : $_->{$column} } @{ $runs{$peer} || [] };
}

sub summary
{
	my ($how, @v) = @_;

	return undef unless @v;
	return $how eq 'min' ? $v[0] : $how eq 'max' ? $v[-1] : ($v[ int($#v / 2) ] + $v[ int(($#v + 1) / 2) ]) / 2;
}

sub number
{
	my ($format, $value) = @_;

	return $value == 9**9**9 ? 'never' : sprintf $format, $value;
}

sub shown
{
	my ($peer, $column, $format) = @_;
	my @v = values_of($peer, $column);
	my ($median, $least, $most) = map { number($format, summary($_, @v)) } qw(median min max);

	return $least eq $most ? $median : "$median ($least-$most)";
}

if (@what && $what[0] eq '--figure')
{
	my $value = summary($what[3], values_of(@what[ 1, 2 ]));
	print $value == 9**9**9 ? 1e9 : $value, "\n" if defined $value;
}
elsif (@what)
{
	foreach my $row (grep { $_->{round} == $what[1] } @{ $runs{ $what[0] } })
	{
		printf "  app: %s/s before, %s/s in the first 2 s, worst second %s; from the freeze on %s of before; back after %s s; failed %s; functions left: %s idle in transaction, %s waiting\n",
		  @$row{qw(before first_2 worst after)}, $row->{back} eq '' ? 'more' : $row->{back},
		  @$row{qw(app_failed left_idle_in_transaction left_waiting)};
	}
}
else
{
	my $format = "%-42s  %-18s  %-18s  %-18s  %-20s  %-20s  %s\n";

	printf $format, 'medians (extremes)', 'app/s before', 'in the first 2 s', 'worst second', 'from freeze / before', 'whole run / before', 'back after s';
	foreach my $peer (grep { $runs{$_} } @ORDER)
	{
		printf $format, $NAME{$peer}, shown($peer, 'before', '%.0f'), shown($peer, 'first_2', '%.0f'), shown($peer, 'worst', '%.0f'),
		  shown($peer, 'after', '%.2f'), shown($peer, 'whole', '%.2f'), shown($peer, 'back', '%.1f');
	}
}
