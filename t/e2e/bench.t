#!/usr/bin/perl
# What make bench does with the benchmarks' output; none is run here.
use v5.30;
use warnings;
use File::Temp qw(tempdir);
use Test::More;
use Omakase::Bench qw(median pairs reached);

is(median(3, 1, 2), 2, 'the middle one');
is(median(4, 1, 2, 3), 2.5, 'between the middle two');
ok(reached(2, '>=2.0') && !reached(1.99, '>=2.0'), 'at least');
ok(reached(1.5, '<=1.5') && !reached(1.51, '<=1.5'), 'at most');

{
    local $ENV{RUNS} = 3;
    my @turns;
    my @rates = (1, 10, 20, 30);
    open my $stderr, '>&', \*STDERR or die $!;
    close STDERR;
    open STDERR, '>', '/dev/null' or die $!;
    my $ratio = pairs('test', sub { push @turns, 'A'; shift @rates }, sub { push @turns, 'B'; 10 });
    open STDERR, '>&', $stderr or die $!;
    is($ratio, 2, "the median of the pairs' ratios, the first pair left out");
    is("@turns", 'A B A B A B A B', 'in turns');
}

my $dir = tempdir(CLEANUP => 1);
my $builddir = $ENV{OMAKASE_BUILDDIR} // 'build';
my $run = ($ENV{OMAKASE_SRCDIR} // '..') . '/t/bench/run';
local $ENV{OMAKASE_STAGE} = $dir; # nothing is started
put('good', qq{print "a hit\\t2.5\\t>=2.0\\tratio\\nb\\t9\\t<=1.5\\tms\\n"});
put('other', qq{print "c\\t1\\t>=1\\tratio\\n"});
put('broken', qq{print "d\\t1\\t>=1\\tratio\\n"; exit 1});

like(run(''), qr/^a hit +2\.5 +>=2\.0 +reached +ratio\n^b +9 +<=1\.5 +MISSED +ms\n^c .*reached/m, 'one table');
is($?, 0, 'a target that is missed is no failure');
is(slurp("$dir/bench.tsv"), "a hit\t2.5\t>=2.0\tratio\nb\t9\t<=1.5\tms\nc\t1\t>=1\tratio\n", 'bench.tsv');
unlink "$dir/bench.tsv";
unlike(run('other'), qr/a hit/, 'BENCH: only that one');
ok(!-e "$dir/bench.tsv", 'and no bench.tsv of a part');
run('nobody');
isnt($?, 0, 'an unknown name fails');
run('', 'broken');
isnt($?, 0, 'what breaks fails');
unlike(slurp("$dir/bench.tsv"), qr/^d\t/m, 'and has no row');
like(slurp("$dir/bench.tsv"), qr/^a hit\t.*^c\t/ms, 'the others have theirs');
done_testing;

sub put {
    my ($name, $perl) = @_;
    open my $fh, '>', "$dir/$name" or die "$name: $!";
    print {$fh} "#!/usr/bin/perl\n$perl;\n";
    close $fh or die "$name: $!";
    return;
}

# The table that came out; the exit status is in $?.
sub run {
    my ($bench, @more) = @_;
    local $ENV{BENCH} = $bench;
    my $files = join ' ', map {"$dir/$_"} 'good', 'other', @more;
    return qx{$^X $run --builddir=$builddir --srcdir=$dir $files 2>/dev/null};
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<', $file or return '';
    local $/;
    return <$fh>;
}
