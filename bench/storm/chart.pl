#!/usr/bin/env perl
#
# chart.pl
#	Goodput of each second of a storm as an SVG: a line for each peer, the median
#	of its rounds.
#
# Usage: chart.pl SECONDS WORKLOAD TITLE
#
# SECONDS is what record.pl --seconds prints, under a heading.  The picture is
# readable on light and on dark ground: it brings its own, as the reader's screen is set.
#
use strict;
use warnings;

my ($path, $workload, $title) = @ARGV;
my ($WIDTH, $HEIGHT, $LEFT, $TOP, $RIGHT, $BOTTOM) = (900, 420, 62, 48, 220, 52);

# Colours of light and dark ground, and the dashes, by which lines differ without colours as well.
my %LOOK = (
	'bare'                  => [ '#8a8f98', '#9aa0aa', '' ],
	'bare-wide'             => [ '#8a8f98', '#9aa0aa', '6 4' ],
	'expert'                => [ '#b35900', '#f0a04b', '' ],
	'expert-wide'           => [ '#b35900', '#f0a04b', '6 4' ],
	'pgbouncer-session'     => [ '#2266bb', '#6fb1ff', '6 4' ],
	'pgbouncer-transaction' => [ '#2266bb', '#6fb1ff', '' ],
	'serverless'            => [ '#8844aa', '#cf9bef', '' ],
	'governor'              => [ '#118833', '#4fd07a', '' ],
);
my @ORDER = qw(governor pgbouncer-transaction pgbouncer-session serverless expert expert-wide bare bare-wide);

open my $file, '<', $path or die "chart.pl: $path: $!\n";
<$file>;
my (%points, $last);
while (my $line = <$file>)
{
	chomp $line;
	my ($what, $peer, undef, undef, $second, $ok) = split /,/, $line, -1;
	next if $what ne $workload || $second < 0;
	push @{ $points{$peer}{$second} }, $ok;
}

sub median
{
	my @v = sort { $a <=> $b } @_;
	return ($v[ int($#v / 2) ] + $v[ int(($#v + 1) / 2) ]) / 2;
}

my (%line, $most);
$last = 1;
$most = 1;
for my $peer (keys %points)
{
	for my $second (sort { $a <=> $b } keys %{ $points{$peer} })
	{
		my $value = median(@{ $points{$peer}{$second} });
		push @{ $line{$peer} }, [ $second, $value ];
		$last = $second if $second > $last;
		$most = $value if $value > $most;
	}
}

# A run that is over has no goodput; its line should not end in the air.
for my $points (values %line)
{
	push @$points, [ $points->[-1][0] + 1, 0 ] if $points->[-1][0] < $last;
}

# A round number of steps that is not below a value.
sub step_for
{
	my ($value, $steps) = @_;
	my $size = 10**int(log($value / $steps) / log(10));
	for my $factor (1, 2, 5, 10, 20)
	{
		return $factor * $size if $factor * $size * $steps >= $value;
	}
	return $value;
}

my $step_y = step_for($most, 6);
my $top = $step_y * (int(($most - 0.001) / $step_y) + 1);
my $step_x = $last > 30 ? 10 : 5;
my $plot_width = $WIDTH - $LEFT - $RIGHT;
my $plot_height = $HEIGHT - $TOP - $BOTTOM;
sub across { return sprintf '%.1f', $LEFT + $plot_width * $_[0] / $last }
sub down { return sprintf '%.1f', $TOP + $plot_height * (1 - $_[0] / $top) }

my @peers = grep { $line{$_} } @ORDER;
my $css = join '', map { my $n = $_ =~ s/\W/_/gr; "  .$n { stroke: $LOOK{$_}[0]; }\n" } @peers;
my $dark = join '', map { my $n = $_ =~ s/\W/_/gr; "    .$n { stroke: $LOOK{$_}[1]; }\n" } @peers;
my $names = join ', ', @peers;

print <<"SVG";
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $WIDTH $HEIGHT" width="$WIDTH" height="$HEIGHT" role="img">
<title>$title: invocations that succeed, per second</title>
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
<text class="title" x="$LEFT" y="26">$title: invocations that succeed</text>
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
printf qq{<text x="%s" y="%s" text-anchor="middle">seconds since the storm began</text>\n},
  $LEFT + $plot_width / 2, $HEIGHT - 12;
printf qq{<text transform="translate(16 %s) rotate(-90)" text-anchor="middle">invocations per second</text>\n},
  $TOP + $plot_height / 2;

# The governor last, over the others.
for my $peer (reverse @peers)
{
	(my $class = $peer) =~ s/\W/_/g;
	printf qq{<polyline class="line %s%s"%s points="%s"/>\n}, $class, ($peer eq 'governor' ? ' strong' : ''),
	  ($LOOK{$peer}[2] ? qq{ stroke-dasharray="$LOOK{$peer}[2]"} : ''),
	  join ' ', map { across($_->[0]) . ',' . down($_->[1]) } @{ $line{$peer} };
	# For readers of the file; seconds from 0 on.
	printf "<!-- %s: %s -->\n", $peer, join ' ', map { sprintf '%g', $_->[1] } @{ $line{$peer} };
}
my $at = $TOP + 10;
for my $peer (@peers)
{
	(my $class = $peer) =~ s/\W/_/g;
	my $x = $LEFT + $plot_width + 16;
	printf qq{<line class="line %s%s"%s x1="%s" y1="%s" x2="%s" y2="%s"/>\n}, $class,
	  ($peer eq 'governor' ? ' strong' : ''), ($LOOK{$peer}[2] ? qq{ stroke-dasharray="$LOOK{$peer}[2]"} : ''),
	  $x, $at, $x + 26, $at;
	printf qq{<text x="%s" y="%s">%s</text>\n}, $x + 33, $at + 4, $peer eq 'governor' ? 'pg_governor' : $peer;
	$at += 22;
}
print "</svg>\n";
