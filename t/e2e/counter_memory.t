#!/usr/bin/perl
# A child does not grow by counting, on one connection or on many. (The bench's
# counter_memory measures it over more hits.)
use v5.30;
use warnings;
use Test::More;
use Omakase::Counter qw($CGI count hammer instance one_child rss_anon_kib);

my $www = 'www.example.localhost';
my $i = instance(mpm => 'event', conf => one_child());
$i->start;
my $target = "$CGI?df=$www|dd=A|md=7";
hammer($i, $www, $target, 20_000);
my $before = rss_anon_kib($i);
hammer($i, $www, $target, 40_000);
my $grown = rss_anon_kib($i) - $before;
cmp_ok($grown, '<', 256, "40,000 more hits: grown by $grown KiB from $before");
is(count($i, $www), 60_000, 'and each has counted');

# Errors, other formats, many short connections.
my @targets = ("$CGI?df=$www|format=json", "$CGI?df=$www|format=svg", "$CGI?display=clock", "$CGI?lit=1:2");
hammer($i, $www, $_, 500) for @targets, @targets;
$before = rss_anon_kib($i);
for my $n (1 .. 300) {
    hammer($i, $www, $_, 1 + $n % 7) for @targets;
}
$grown = rss_anon_kib($i) - $before;
cmp_ok($grown, '<', 256, "1,200 connections: grown by $grown KiB from $before");
# One child of few threads on purpose.
is(join('', $i->httpd->unexpected(qr{AH00484})), '', 'nothing unexpected in the error logs');
done_testing;
