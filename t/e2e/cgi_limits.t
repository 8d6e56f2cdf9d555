#!/usr/bin/perl
# Limits as the visitor and the owner see them: a status of their own before the
# header has gone out, an aborted connection behind it.
use v5.30;
use warnings;
use Test::More;
use Omakase::Cgi qw(mpms pid_alive until_true);

Omakase::Cgi->needs;
for my $mpm (mpms()) {
    subtest $mpm => sub { all($mpm) };
}
done_testing;

sub all {
    my ($mpm) = @_;
    my $w = Omakase::Cgi->new(mpm => $mpm, limits => 'cpu=30 wall=2 processes=64 concurrent=2 output=10000');
    $w->script('silent.cgi', "#!/bin/sh\nsleep 300\n");
    $w->script('begun.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo begun; sleep 300\n");
    $w->script('header.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo 'Set-Cookie: a=1'; echo; sleep 300\n");
    $w->script('wait.cgi', "#!/bin/sh\necho; echo \$\$; until [ -e go ]; do sleep 0.05; done\n");
    $w->script('much.cgi', "#!/bin/sh\necho; head -c 20000 /dev/zero\n");
    $w->start;
    # First: a run that was aborted counts until it has gone.
    my @s = map { $w->connect_raw("GET /wait.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nConnection: close\r\n\r\n") } 1, 2;
    for my $s (@s) {
        my $seen = '';
        until ($seen =~ /\d\n/) { sysread $s, $seen, 4096, length $seen or last }
    }
    my $r = $w->get('/wait.cgi');
    is($r->{status}, 503, 'one more than may run at once: 503') or diag($r->{content});
    like($r->{headers}{'retry-after'}, qr/\A[1-9]\d*\z/, 'with Retry-After');
    is(scalar(grep {m{^E18 /web/wait\.cgi: .*\b2\b}} $w->errors), 1, 'E18 with the limit') or diag(join "\n", $w->errors);
    $w->page('go', '');
    $w->slurp_raw($_) for @s;
    is($w->get('/wait.cgi')->{status}, 200, 'and then it may');
    $r = $w->get('/silent.cgi');
    is($r->{status}, 504, 'wall time, nothing said: 504');
    $r = $w->get('/header.cgi');
    is($r->{status}, 504, 'wall time, a header and nothing more: 504');
    is($r->{headers}{'set-cookie'}, undef, '... without what the header set');
    is(scalar(grep {m{^E14 /web/(?:silent|header)\.cgi: .*\b2 s}} $w->errors), 2, 'E14 with the limit') or diag(join "\n", $w->errors);
    my $text = $w->slurp_raw($w->connect_raw("GET /begun.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\n\r\n"));
    like($text, qr{\AHTTP/1\.1 200 .*begun\n}s, 'wall time, a body begun: it had come');
    unlike($text, qr/\r\n0\r\n\r\n\z/, '... and does not look whole');
    is(scalar(grep {m{^E21 /web/begun\.cgi: .*\b2 s}} $w->errors), 1, 'E21 with the limit') or diag(join "\n", $w->errors);
    $w->forget_errors;
    # Before anything has gone out it is 500, else the connection is aborted.
    like($w->get('/much.cgi')->{status}, qr/\A(?:500|599)\z/, 'too much: not 200');
    is(scalar(grep {m{^E21 /web/much\.cgi: }} $w->errors), 1, 'E21');
    return;
}
