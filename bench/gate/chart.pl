#!/usr/bin/env perl
#
# chart.pl
#	Transactions a second by the number of clients as an SVG: a panel for each
#	workload, a line for each variant, the median of its rounds.
#
# Usage: chart.pl RECORDS
#
# The picture is readable on light and on dark ground: it brings its own, as the
# reader's screen is set.
#
use strict;
use warnings;

my ($path) = @ARGV;
my ($WIDTH, $HEIGHT, $LEFT, $TOP, $GAP, $BOTTOM) = (1080, 400, 62, 74, 58, 84);

my %TITLE = (hot => 'one of ten hot rows', tpcb => 'TPC-B', select => 'select only');
my @PANELS = qw(hot tpcb select);

# Colours of light and dark ground, and the dashes, by which lines differ without colours as well.
my %LOOK = (
	off       => [ '#8a8f98', '#9aa0aa', '',    'PostgreSQL alone' ],
	pgbouncer => [ '#2266bb', '#6fb1ff', '6 4', 'PgBouncer, as large a pool' ],
	gate      => [ '#118833', '#4fd07a', '',    'the gate' ],
);
my @ORDER = qw(off pgbouncer gate);

open my $file, '<', $path or die "chart.pl: $path: $!\n";
chomp(my $head = <$file>);
my @names = split /,/, $head;
my (%points, %clients);
while (my $line = <$file>)
{
	chomp $line;
	my %row;
	@row{@names} = split /,/, $line, -1;
	next unless $TITLE{ $row{workload} } && $LOOK{ $row{variant} };
	push @{ $points{ $row{workload} }{ $row{variant} }{ $row{clients} } }, $row{tps};
	$clients{ $row{clients} } = 1;
}
my @clients = sort { $a <=> $b } keys %clients;
my @panels = grep { $points{$_} } @PANELS;
exit 0 unless @panels && @clients > 1;

sub median
{
	my @v = sort { $a <=> $b } @_;
	return ($v[ int($#v / 2) ] + $v[ int(($#v + 1) / 2) ]) / 2;
}

# A round number of steps that is not below a value.
sub step_for
{
	my ($value, $steps) = @_;
	my $size = 10**int(log($value / $steps) / log(10));
	foreach my $factor (1, 2, 5, 10, 20)
	{
		return $factor * $size if $factor * $size * $steps >= $value;
	}
	return $value;
}

my $panel_width = ($WIDTH - $LEFT - 20 - $GAP * $#panels) / @panels;
my $plot_height = $HEIGHT - $TOP - $BOTTOM;
my $css = join '', map { "  .$_ { stroke: $LOOK{$_}[0]; }\n" } @ORDER;
my $dark = join '', map { "    .$_ { stroke: $LOOK{$_}[1]; }\n" } @ORDER;

print <<"SVG";
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $WIDTH $HEIGHT" width="$WIDTH" height="$HEIGHT" role="img">
<title>Transactions a second by the number of clients</title>
<desc>A panel for each workload, and in it a line for PostgreSQL alone, PgBouncer, and the gate.</desc>
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 16px; font-weight: 600; }
  .ground { fill: #ffffff; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .strong { stroke-width: 3.5; }
$css  \@media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .ground { fill: #0d1117; }
    .grid { stroke: #30363d; }
$dark  }
</style>
<rect class="ground" width="$WIDTH" height="$HEIGHT"/>
<text class="title" x="$LEFT" y="26">Transactions a second by the number of clients</text>
SVG

foreach my $p (0 .. $#panels)
{
	my $panel = $panels[$p];
	my $left = $LEFT + $p * ($panel_width + $GAP);
	my %line;
	my $most = 1;

	foreach my $variant (@ORDER)
	{
		foreach my $n (@clients)
		{
			my $values = $points{$panel}{$variant}{$n} or next;
			my $value = median(@$values);

			push @{ $line{$variant} }, [ $n, $value ];
			$most = $value if $value > $most;
		}
	}
	my $step = step_for($most, 5);
	my $top = $step * (int(($most - 0.001) / $step) + 1);
	my $span = log($clients[-1] / $clients[0]);
	my $across = sub { sprintf '%.1f', $left + $panel_width * log($_[0] / $clients[0]) / $span };
	my $down = sub { sprintf '%.1f', $TOP + $plot_height * (1 - $_[0] / $top) };

	printf qq{<text x="%s" y="%s">%s</text>\n}, $left, $TOP - 16, $TITLE{$panel};
	for (my $value = 0; $value <= $top; $value += $step)
	{
		printf qq{<line class="grid" x1="%s" y1="%s" x2="%s" y2="%s"/>\n}, $left, $down->($value), $left + $panel_width, $down->($value);
		printf qq{<text x="%s" y="%s" text-anchor="end">%s</text>\n}, $left - 6, $down->($value) + 4, $value;
	}
	printf qq{<text x="%s" y="%s" text-anchor="middle">%s</text>\n}, $across->($_), $TOP + $plot_height + 20, $_ foreach @clients;
	foreach my $variant (@ORDER)
	{
		my $points = $line{$variant} or next;

		printf qq{<polyline class="line %s%s"%s points="%s"/>\n}, $variant, ($variant eq 'gate' ? ' strong' : ''),
			($LOOK{$variant}[2] ? qq{ stroke-dasharray="$LOOK{$variant}[2]"} : ''),
			join ' ', map { $across->($_->[0]) . ',' . $down->($_->[1]) } @$points;
		# for readers of the file
		printf "<!-- %s, %s: %s -->\n", $panel, $variant, join ' ', map { sprintf '%g:%.0f', @$_ } @$points;
	}
}

my $x = $LEFT;
foreach my $variant (@ORDER)
{
	next unless grep { $points{$_}{$variant} } @panels;
	printf qq{<line class="line %s%s"%s x1="%s" y1="%s" x2="%s" y2="%s"/>\n}, $variant, ($variant eq 'gate' ? ' strong' : ''),
		($LOOK{$variant}[2] ? qq{ stroke-dasharray="$LOOK{$variant}[2]"} : ''), $x, $HEIGHT - 22, $x + 26, $HEIGHT - 22;
	printf qq{<text x="%s" y="%s">%s</text>\n}, $x + 33, $HEIGHT - 18, $LOOK{$variant}[3];
	$x += 250;
}
print "</svg>\n";
