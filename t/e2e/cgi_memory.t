#!/usr/bin/perl
# What must stay as it is over many requests: a worker's memory and descriptors,
# the daemon's, on one connection and on many, with visitors who go away and
# scripts that fail. OMAKASE_SOAK=N makes it N times as long.
use v5.30;
use warnings;
use HTTP::Tiny;
use IO::Socket::INET;
use Test::More;
use Omakase::Cgi qw(until_true);

Omakase::Cgi->needs;
my $ROUND = 300 * ($ENV{OMAKASE_SOAK} // 1);
for my $mpm (qw(prefork event)) {
    subtest $mpm => sub { all($mpm) };
}
done_testing;

sub all {
    my ($mpm) = @_;
    my $one = $mpm eq 'prefork' ? "StartServers 1\nServerLimit 1\nMaxRequestWorkers 1\nMinSpareServers 1\nMaxSpareServers 1\n"
        : "StartServers 1\nServerLimit 1\nThreadsPerChild 2\nMaxRequestWorkers 2\nMinSpareThreads 1\nMaxSpareThreads 2\n";
    my $w = Omakase::Cgi->new(mpm => $mpm, customers => 1, conf => "${one}KeepAliveTimeout 100ms\n");
    $w->script('a.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo ran; echo said >&2\n");
    $w->script('bad.cgi', "#!/bin/sh\nexit 3\n");
    $w->script('wait.cgi', "#!/bin/sh\necho; echo here; sleep 300\n");
    $w->start;
    my ($daemon, $worker);
    ok(until_true(sub {
        ($daemon) = $w->daemons;
        ($worker) = grep { $_ != ($daemon // 0) } $w->httpd->children;
        return $daemon && $worker;
    }), 'a daemon and a worker');
    my $http = HTTP::Tiny->new(keep_alive => 1, timeout => 30);
    my $url = 'http://' . $w->host . ':' . $w->httpd->port;
    my %status;
    my $round = sub {
        for my $n (1 .. $_[0]) {
            my $path = $n % 20 ? '/a.cgi' : '/bad.cgi';
            my $client = $n % 50 ? $http : HTTP::Tiny->new(timeout => 30);
            my $r = $client->request($n % 3 ? 'GET' : 'POST', "$url$path", {peer => '127.0.0.1', $n % 3 ? () : (content => 'x' x 1000)});
            $status{"$path $r->{status}"}++;
            gone($w) if $n % 100 == 99;
        }
        return;
    };
    $round->(150);
    my %before = map { $_ => use_of($_) } $worker, $daemon;
    $round->($ROUND);
    is(join(' ', sort keys %status), '/a.cgi 200 /bad.cgi 500', ($ROUND + 150) . ' requests: each as it must be');
    for ([$worker => 'the worker'], [$daemon => 'the daemon']) {
        my ($pid, $name) = @$_;
        # As the last script's end may still be on its way.
        ok(until_true(sub { use_of($pid)->{fds} <= $before{$pid}{fds} }), "$name has no descriptor more")
            or diag(use_of($pid)->{fds} . ' instead of ' . $before{$pid}{fds});
        cmp_ok(use_of($pid)->{anon} - $before{$pid}{anon}, '<=', 256, "$name does not grow (KiB)");
    }
    return;
}

sub use_of {
    my ($pid) = @_;
    open my $fh, '<', "/proc/$pid/status" or return {anon => 0, fds => 0};
    local $/;
    return {anon => <$fh> =~ /^RssAnon:\s+(\d+)/m ? $1 : 0, fds => scalar(() = glob "/proc/$pid/fd/*")};
}

# A visitor who leaves while the script runs.
sub gone {
    my ($w) = @_;
    my $s = $w->connect_raw("GET /wait.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\n\r\n");
    my $seen = '';
    until ($seen =~ /here/) { sysread $s, $seen, 4096, length $seen or last }
    close $s;
    return;
}
