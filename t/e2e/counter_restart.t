#!/usr/bin/perl
# Graceful restarts and recycled children under load: no request fails, no
# count is lost, none is doubled.
#
# OMAKASE_SOAK=N makes it N times as many restarts.
use v5.30;
use warnings;
use Test::More;
use Omakase::Counter qw($CGI count instance store tool until_true);
use Omakase::Load;

my $restarts = 20 * ($ENV{OMAKASE_SOAK} || 1);
my $www = 'www.example.localhost';

for my $mpm (qw(event worker prefork)) {
    # Children that end by themselves all the time as well.
    my $i = instance(mpm => $mpm, conf => "MaxConnectionsPerChild 100\n");
    $i->start;
    my $load = Omakase::Load->start($i, clients => 8, host => $www, again => 3,
        target => "$CGI?df=$www|st=1|format=json");
    my %pids = map { $_ => 1 } $i->httpd->children;
    my $done = 0;
    for (1 .. $restarts) {
        $done++ if $i->httpd->graceful;
        my $then = $load->answered;
        until_true { $load->answered > $then + 20 };
        $pids{$_} = 1 for $i->httpd->children;
    }
    my @hits = $load->stop->wait;
    is($done, $restarts, "$mpm: $restarts graceful restarts");
    cmp_ok(scalar(keys %pids), '>', $restarts, 'by many children: ' . keys %pids);
    is(scalar(grep { $_->{status} != 200 } @hits), 0, 'no request of ' . @hits . ' failed')
        or diag(explain([grep { $_->{status} != 200 } @hits]));
    is(scalar(grep { $_->{body} =~ /"counted":true/ } @hits), scalar @hits, 'each was counted');
    is(count($i, $www), scalar @hits, 'and no more than that');
    my %seen = map { $_->{body} =~ /"count":(\d+)/ ? ($1 => 1) : () } @hits;
    is(scalar(keys %seen), scalar @hits, 'no two got the same value');
    $i->stop;
    is((tool('verify', store($i)))[0], 0, 'the store is whole');
    # httpd's own bookkeeping of a child that ended by itself between two restarts.
    is(join('', $i->httpd->unexpected(qr/AH00546/)), '', 'nothing unexpected in the error logs');
}
done_testing;
