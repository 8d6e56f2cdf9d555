#!/usr/bin/perl
# kill -9 of an apply before each of its steps: all sites answer all the time,
# and the next apply completes.
use v5.30;
use warnings;
use File::Temp qw(tempdir);
use Test::More;
use Omakase::Provision;

my $n = Omakase::Provision->new;
my ($a, $b) = map { $n->login } 1, 2;
my $dir = tempdir('omakase-shim-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $shim = "$dir/kill_at.so";
plan skip_all => 'no compiler' if system "cc -shared -fPIC -D_GNU_SOURCE -o $shim $ENV{OMAKASE_SRCDIR}/t/kill_at.c -ldl 2>$dir/cc";

for ([$a, 'one'], [$b, 'two']) {
    is(($n->omakase('customer', 'add', $_->[0], '--domain', "$_->[1].localhost"))[0], 0, 'a customer');
}
is(($n->omakase('apply'))[0], 0, 'apply');
is(($n->omakase('start'))[0], 0, 'start');
is(($n->omakase('apply'))[0], 0, 'apply, with MariaDB');
$n->put("srv/omakase/$_->[0]/web/a.html", "$_->[1]\n") for [$a, 'one'], [$b, 'two'];

sub serves {
    return join ' ', map { $n->get("www.$_.localhost", '/a.html')->{content} =~ s/\n//r } qw(one two);
}
is(serves(), 'one two', 'both serve');

# How many steps one apply has.
$n->customers_d("$a.httpd.conf", "Header set X-Run count\n");
my ($code) = $n->omakase({LD_PRELOAD => $shim, KILL_COUNT => "$dir/count"}, 'apply');
is($code, 0, 'an apply that is counted');
open my $fh, '<', "$dir/count" or die "count: $!";
my $steps = <$fh> + 0;
cmp_ok($steps, '>', 20, "it has $steps steps");

for my $at (1 .. $steps) {
    $n->customers_d("$a.httpd.conf", "Header set X-Run $at\n");
    ($code) = $n->omakase({LD_PRELOAD => $shim, KILL_AT => $at}, 'apply');
    # Another run may be a step shorter, when it had nothing old to remove.
    ok($code == -9 || $at > $steps - 10, "killed before step $at") or diag($code);
    is(serves(), 'one two', "all serve after it");
    my ($again, $out, $err) = $n->omakase('apply');
    is($again, 0, 'the next apply completes') or diag("$out$err");
    is($n->get('www.one.localhost', '/a.html')->{headers}{'x-run'}, $at, 'and runs');
}
is(($n->omakase('status'))[0], 0, 'all is as applied');
my @left = grep { !/\A\d+\z/ } map { s{.*/}{}r } glob $n->root . '/var/lib/omakase/generations/*';
is("@left", '', 'nothing half-made is left');
done_testing;
