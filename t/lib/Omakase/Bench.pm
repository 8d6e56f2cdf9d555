package Omakase::Bench;

# What the benchmarks in t/bench have in common. Two things are compared by
# running them in turns, A B A B, in one server: what else the machine does
# meets both alike. The figure is the median of the pairs' ratios.
#
#   my $ratio = pairs('counter/static', sub { wrk(...) }, sub { wrk(...) });
#   row('counter: hit / static GIF', $ratio, '>=2.0', 'requests/s, ratio');
#
# RUNS: pairs (default 7); BENCH_SECONDS: of one run of wrk (default 2).

use v5.30;
use warnings;
use Carp;
use Exporter 'import';
use POSIX qw(floor);

# To one thread of wrk: enough to keep a processor busy, and fewer than a child
# of the event MPM has threads, since one without a free thread closes idle
# connections.
my $CONNECTIONS = 16;

our @EXPORT_OK = qw(cores halves median pairs reached row rounds seconds wrk);

sub rounds { $ENV{RUNS} // 7 }
sub seconds { $ENV{BENCH_SECONDS} // 2 }

sub median {
    my @sorted = sort { $a <=> $b } @_ or croak 'median of nothing';
    my $middle = floor($#sorted / 2);
    return @sorted % 2 ? $sorted[$middle] : ($sorted[$middle] + $sorted[$middle + 1]) / 2;
}

# Runs both once unmeasured, then in turns; each returns a positive number. Says
# on standard error what came out, and returns the median ratio of the pairs.
sub pairs {
    my ($what, $measure_a, $measure_b) = @_;
    my (@a, @b, @ratio);
    $_->() for $measure_a, $measure_b;
    for (1 .. rounds()) {
        push @a, $measure_a->();
        push @b, $measure_b->();
        push @ratio, $a[-1] / $b[-1];
    }
    my ($least, $most) = (sort { $a <=> $b } @ratio)[0, -1];
    my $ratio = median(@ratio);
    say STDERR sprintf '    %-44s %10.5g / %-10.5g = %6.3f (%.3f to %.3f)',
        $what, median(@a), median(@b), $ratio, $least, $most;
    return $ratio;
}

# One line of a benchmark's output. A target is >=N or <=N.
sub row {
    my ($name, $value, $target, $unit) = @_;
    $target =~ /\A[<>]=[\d.]+\z/ or croak "no target: $target";
    $| = 1;
    say join "\t", $name, sprintf('%.4g', $value), $target, $unit;
    return;
}

sub reached {
    my ($value, $target) = @_;
    my ($sign, $n) = $target =~ /\A([<>])=([\d.]+)\z/ or croak "no target: $target";
    return $sign eq '>' ? $value >= $n : $value <= $n;
}

# The processors that this process may use.
sub cores {
    open my $fh, '<', '/proc/self/status' or croak "/proc/self/status: $!";
    my ($list) = map { /^Cpus_allowed_list:\s*(\S+)/ ? $1 : () } <$fh>;
    return map { /(\d+)-(\d+)/ ? $1 .. $2 : $_ } split /,/, $list;
}

# Words to put before the server's and the client's command, so that the two do
# not take each other's processor and the server is what is measured: half of
# the processors each. Nothing on a machine with a single one.
sub halves {
    my @cores = cores();
    return ([], []) if @cores < 2;
    my @client = splice @cores, floor(@cores / 2);
    return map { ['taskset', '-c', join ',', @$_] } \@cores, \@client;
}

# Loads an instance for seconds() by wrk under a lua script with its arguments,
# and returns {rate, requests}: requests a second, and how many were answered.
# Croaks when any of them failed.
sub wrk {
    my ($instance, %o) = @_;
    my (undef, $before) = halves();
    my $threads = @$before ? split /,/, $before->[-1] : 1;
    my $connections = $threads * $CONNECTIONS;
    my @command = (@$before, 'wrk', '-t', $threads, '-c', $connections,
        '-d', seconds() . 's', '-s', $o{lua},
        'http://' . $instance->httpd->addr . '/', '--', @{$o{args}});
    open my $fh, '-|', @command or croak "wrk: $!";
    my $out = do { local $/; <$fh> };
    close $fh or croak "@command\n$out";
    croak "@command\n$out" if $out =~ /Non-2xx|Socket errors/;
    my ($rate) = $out =~ m{^Requests/sec:\s+([\d.]+)}m or croak "@command\n$out";
    my ($requests) = $out =~ m{^\s*(\d+) requests in}m or croak "@command\n$out";
    return {rate => $rate, requests => $requests};
}

1;
