#!/usr/bin/perl
# `make promises`: what it finds, and what it fails on.
use v5.30;
use warnings;
use File::Path qw(make_path);
use File::Temp ();
use Test::More;

my $script = "$ENV{OMAKASE_SRCDIR}/t/promises";
# Written apart, so that this file proves nothing itself.
my ($one, $two, $nine) = map {"P$_"} 1, 2, 9;
my $table = "| | state | promise |\n|---|---|---|\n| $one | built | first |\n| $two | later | second |\n";

my @cases = (
    ['proved', $table, "ok(1, '$one: is so');", 0, qr{^$one +built +first\n +t/a\.t$}m],
    ['no test', $table, "ok(1, 'is so');", 1, qr{no test names them: $one$}m],
    ['another number is no proof', $table, "ok(1, '${one}0: is so');", 1, qr{no test names them: $one$}m],
    ['a later one may be named', $table, "ok(1, '$one, $two: is so');", 0, qr{^$two +later +second\n +t/a\.t$}m],
    ['a number of none', $table, "ok(1, '$one, $nine: is so');", 1, qr{not promised: $nine \(t/a\.t\)$}m],
    ['a number twice', $table x 2, "ok(1, '$one: is so');", 1, qr{$one stands there twice}],
    ['no list', "text\n", "ok(1, '$one: is so');", 1, qr{no promises found}],
);
for (@cases) {
    my ($name, $doc, $test, $status, $says) = @$_;
    my $dir = File::Temp->newdir('omakase-promises-XXXXXX', TMPDIR => 1);
    make_path("$dir/doc", "$dir/t");
    put("$dir/doc/promises.md", $doc);
    put("$dir/t/a.t", "$test\n");
    my $out = qx($^X $script $dir 2>&1);
    is($? ? 1 : 0, $status, "$name: fails or not");
    like($out, $says, "$name: says so");
}
done_testing;

sub put {
    my ($file, $text) = @_;
    open my $fh, '>', $file or die "$file: $!";
    print {$fh} $text;
    close $fh or die "$file: $!";
    return;
}
