#!/usr/bin/perl
# No count is lost and none is doubled, however many visitors come at once,
# through mod_counter and through Count.cgi, on one store.
#
# OMAKASE_SOAK=N makes every load N times as long.
use v5.30;
use warnings;
use List::Util qw(max min sum);
use Test::More;
use Omakase::Counter qw($CGI $CGI2 ask cgi_conf count counter_conf instance store tool);
use Omakase::Load;

my $soak = $ENV{OMAKASE_SOAK} || 1;
my $www = 'www.example.localhost';

for my $mpm (qw(event worker prefork)) {
    my $i = instance(mpm => $mpm, conf => cgi_conf($mpm));
    counter_conf($i);
    $i->start;

    # 16 clients of mod_counter and 4 of Count.cgi, each hit from an address of
    # its own.
    my $query = "df=$www|st=1000|format=json";
    my $load = Omakase::Load->start($i, clients => 16, hits => 60 * $soak, host => $www,
        target => "$CGI?$query");
    my $cgi = Omakase::Load->start($i, clients => 4, hits => 25 * $soak, host => $www,
        target => "$CGI2?$query", from => sub { sprintf '127.%d.%d.%d', 50 + $_[0], 1 + $_[1] / 250, 1 + $_[1] % 250 });
    my @hits = ($load->wait, $cgi->wait);
    my $n = (16 * 60 + 4 * 25) * $soak;
    is(scalar(grep { $_->{status} == 200 } @hits), $n, "$mpm: all are answered");
    is(scalar(grep { $_->{body} =~ /"counted":true/ } @hits), $n, 'all are counted');
    my @values = map { $_->{body} =~ /"count":(\d+)/ } @hits;
    my %seen;
    $seen{$_}++ for @values;
    is(scalar(keys %seen), $n, 'no two got the same value');
    is(min(@values) . '-' . max(@values), '1000-' . (999 + $n), 'from st on, without a gap');
    is(count($i, $www), 999 + $n, 'which is what the counter says');

    # Few addresses: who counted is told so, and nobody else is.
    my $before = count($i, $www);
    @hits = Omakase::Load->start($i, clients => 16, hits => 25 * $soak, host => $www,
        target => "$CGI?$query", from => sub { '127.0.0.' . (10 + $_[0] % 2) })->wait;
    my $counted = grep { $_->{body} =~ /"counted":true/ } @hits;
    is(count($i, $www) - $before, $counted, "two addresses, in turns: $counted counted of " . @hits);
    cmp_ok($counted, '<', scalar @hits, 'reloads among them are not');

    # First hits at once: each counter begins once, at st.
    my @both = Omakase::Load->start($i, clients => 8, hits => 5, host => 'www.other.localhost',
        target => "$CGI?df=www.other.localhost|st=77|format=json")->wait;
    is(min(map { $_->{body} =~ /"count":(\d+)/ } @both), 77, 'the first of many at once sees st');
    is(count($i, 'www.other.localhost'), 77 + 39, 'and it holds for one');

    ok($i->stop, 'stops by itself');
    is((tool('verify', store($i)))[0], 0, 'the store is whole');
    is((tool('get', store($i), 'ab-cdftp'))[1], $before + $counted, 'and has it all after the stop');
    is(join('', $i->httpd->unexpected), '', 'nothing unexpected in the error logs');
}
done_testing;
