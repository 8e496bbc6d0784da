#!/usr/bin/env perl
#
# chart.pl
#	The app's rate around the freeze as an SVG: a line for each peer, the median of
#	its rounds, in steps of half a second.
#
# Usage: chart.pl SERIES TITLE
#
# Like the charts of a storm it is readable on light and on dark ground.
#
use strict;
use warnings;

my ($path, $title) = @ARGV;
my ($WIDTH, $HEIGHT, $LEFT, $TOP, $RIGHT, $BOTTOM) = (900, 420, 62, 48, 250, 52);

# Colours of light and dark ground, the dashes, and the words beside the line.
my %LOOK = (
	'bare'      => [ '#8a8f98', '#9aa0aa', '', 'the server alone' ],
	'built-in'  => [ '#b35900', '#f0a04b', '8 3', 'built-in timeout of 5 s' ],
	'pgbouncer' => [ '#2266bb', '#6fb1ff', '3 3', 'PgBouncer, transaction mode' ],
	'governor'  => [ '#118833', '#4fd07a', '', 'pg_governor' ],
);
my @ORDER = qw(governor built-in pgbouncer bare);

open my $file, '<', $path or die "chart.pl: $path: $!\n";
<$file>;
my %sums;
while (my $line = <$file>)
{
	chomp $line;
	my ($peer, $round, $second, $ok) = split /,/, $line;

	# a line says what was answered in the tenth that ends there
	$sums{$peer}{ floor(($second * 10 - 1) / 5) / 2 }{$round} += 2 * $ok;
}

sub floor { my $n = int($_[0]); return $n > $_[0] ? $n - 1 : $n }

sub median
{
	my @v = sort { $a <=> $b } @_;
	return ($v[ int($#v / 2) ] + $v[ int(($#v + 1) / 2) ]) / 2;
}

my (%line, $first, $last);
my $most = 1;
foreach my $peer (keys %sums)
{
	foreach my $second (sort { $a <=> $b } keys %{ $sums{$peer} })
	{
		my $value = median(values %{ $sums{$peer}{$second} });

		push @{ $line{$peer} }, [ $second, $value ];
		$first = $second if !defined $first || $second < $first;
		$last = $second if !defined $last || $second > $last;
		$most = $value if $value > $most;
	}
	# the first and the last step are cut off somewhere
	shift @{ $line{$peer} };
	pop @{ $line{$peer} };
}
($first, $last) = ($first + 0.5, $last - 0.5);

my $step_y = $most > 500 ? 200 : $most > 200 ? 50 : $most > 50 ? 20 : 10;
my $top = $step_y * (int(($most - 0.001) / $step_y) + 1);
my $step_x = $last > 12 ? 5 : 2;
my $plot_width = $WIDTH - $LEFT - $RIGHT;
my $plot_height = $HEIGHT - $TOP - $BOTTOM;
sub across { return sprintf '%.1f', $LEFT + $plot_width * ($_[0] - $first) / ($last - $first) }
sub down { return sprintf '%.1f', $TOP + $plot_height * (1 - $_[0] / $top) }

my @peers = grep { $line{$_} } @ORDER;
my $css = join '', map { "  .$_ { stroke: $LOOK{$_}[0]; }\n" } @peers;
my $dark = join '', map { "    .$_ { stroke: $LOOK{$_}[1]; }\n" } @peers;
my $names = join ', ', map { $LOOK{$_}[3] } @peers;

print <<"SVG";
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $WIDTH $HEIGHT" width="$WIDTH" height="$HEIGHT" role="img">
<title>$title: transactions of the app beside them, per second</title>
<desc>A line for each of $names.</desc>
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
<text class="title" x="$LEFT" y="26">$title: the app beside them</text>
SVG

for (my $value = 0; $value <= $top; $value += $step_y)
{
	printf qq{<line class="grid" x1="%s" y1="%s" x2="%s" y2="%s"/>\n}, $LEFT, down($value), $LEFT + $plot_width, down($value);
	printf qq{<text x="%s" y="%s" text-anchor="end">%s</text>\n}, $LEFT - 8, down($value) + 4, $value;
}
for (my $second = 0; $second <= $last; $second += $step_x)
{
	printf qq{<text x="%s" y="%s" text-anchor="middle">%s</text>\n}, across($second), $TOP + $plot_height + 20, $second;
}
printf qq{<text x="%s" y="%s" text-anchor="middle">seconds since the freeze</text>\n}, $LEFT + $plot_width / 2, $HEIGHT - 12;
printf qq{<text transform="translate(16 %s) rotate(-90)" text-anchor="middle">transactions per second</text>\n},
  $TOP + $plot_height / 2;

# The governor last, over the others.
foreach my $peer (reverse @peers)
{
	printf qq{<polyline class="line %s%s"%s points="%s"/>\n}, $peer, ($peer eq 'governor' ? ' strong' : ''),
	  ($LOOK{$peer}[2] ? qq{ stroke-dasharray="$LOOK{$peer}[2]"} : ''),
	  join ' ', map { across($_->[0]) . ',' . down($_->[1]) } @{ $line{$peer} };
	# For readers of the file; half seconds.
	printf "<!-- %s, from %s s on: %s -->\n", $peer, $line{$peer}[0][0], join ' ', map { sprintf '%g', $_->[1] } @{ $line{$peer} };
}
my $at = $TOP + 10;
foreach my $peer (@peers)
{
	my $x = $LEFT + $plot_width + 16;

	printf qq{<line class="line %s%s"%s x1="%s" y1="%s" x2="%s" y2="%s"/>\n}, $peer,
	  ($peer eq 'governor' ? ' strong' : ''), ($LOOK{$peer}[2] ? qq{ stroke-dasharray="$LOOK{$peer}[2]"} : ''),
	  $x, $at, $x + 26, $at;
	printf qq{<text x="%s" y="%s">%s</text>\n}, $x + 33, $at + 4, $LOOK{$peer}[3];
	$at += 22;
}
print "</svg>\n";
