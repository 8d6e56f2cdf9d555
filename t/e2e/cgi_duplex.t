#!/usr/bin/perl
# One loop for all directions: a script that answers while it reads, a visitor
# who reads only when he has sent everything, one who goes away, more output or
# errors than there is room for, bodies that are not as announced.
use v5.30;
use warnings;
use IO::Socket::INET;
use Socket qw(SHUT_WR SOL_SOCKET SO_RCVBUF);
use Test::More;
use Omakase::Cgi qw(mpms pid_alive until_true);

Omakase::Cgi->needs;
my $PERL = "#!/usr/bin/perl\nuse strict; use warnings; \$| = 1; binmode STDIN; binmode STDOUT;\n";
for my $mpm (mpms()) {
    subtest $mpm => sub { all($mpm) };
}
done_testing;

sub all {
    my ($mpm) = @_;
    my $w = Omakase::Cgi->new(mpm => $mpm, limits => 'cpu=60 wall=60 processes=64 concurrent=64 output=30M',
        conf => "Timeout 20\n<Directory \"\${OMAKASE_ROOT}/srv\">\nLimitRequestBody 50000000\n</Directory>\n");
    $w->script('echo.cgi', $PERL . "print qq{Content-Type: text/plain\\n\\n}; while (sysread STDIN, my \$b, 8192) { print \$b }\n");
    $w->script('lines.cgi', $PERL . "print qq{Content-Type: text/plain\\n\\nfirst\\n}; while (my \$l = <STDIN>) { print qq{got \$l} }\n");
    $w->script('unread.cgi', "#!/bin/sh\necho; echo unread\n");
    $w->script('first.cgi', $PERL . "print qq{Content-Type: text/plain\\n\\nfirst\\n}; until (-e 'go') { select undef, undef, undef, 0.02 } print qq{second\\n};\n");
    $w->script('big.cgi', $PERL . "print qq{Content-Type: text/plain\\n\\n}; print 'b' x 65536 for 1 .. 200;\n");
    $w->script('errors.cgi', $PERL . "print qq{Content-Type: text/plain\\n\\n}; for (1 .. 300) { print STDERR 'e' x 99999, qq{\\n} } print qq{done\\n}; print STDERR qq{last\\n};\n");
    $w->script('closes.cgi', "#!/bin/sh\necho; echo \$\$; exec >&-; until [ -e stop ]; do sleep 0.05; done\n");
    $w->script('stay.cgi', "#!/bin/sh\necho; echo \$\$\nsleep 300 &\necho \$!\nwait\n");
    $w->start;
    echo($w);
    push_($w);
    bodies($w);
    too_much($w);
    gone($w);
    closes($w) if $mpm eq 'event';
    cmp_ok(descriptors($w), '<=', $w->{descriptors}, 'and no descriptor is left in a worker') if $mpm eq 'prefork';
    is_deeply([$w->httpd->unexpected], [], 'the server\'s own log has nothing unexpected');
    return;
}

# The most that a worker has open.
sub descriptors {
    my ($w) = @_;
    my %daemon = map { $_ => 1 } $w->daemons;
    my @n = sort { $b <=> $a } map { scalar(() = glob "/proc/$_/fd/*") } grep { !$daemon{$_} } $w->httpd->children;
    return $n[0];
}

sub request_head { my ($w, $path, @h) = @_; return join("\r\n", "POST $path HTTP/1.1", 'Host: ' . $w->host, 'Connection: close', @h) . "\r\n\r\n" }

sub echo {
    my ($w) = @_;
    $w->{descriptors} = descriptors($w);
    # He reads nothing before he has sent 20 MB to a script that answers at once.
    my $n = 20_000_000;
    my $s = $w->connect_raw(request_head($w, '/echo.cgi', "Content-Length: $n"));
    my $sent = 0;
    local $SIG{ALRM} = sub { die "stalled\n" };
    alarm 60;
    eval { while ($sent < $n) { $sent += syswrite($s, 'x' x 1_000_000) // die "write: $!\n" } 1 } or diag($@);
    alarm 0;
    is($sent, $n, 'all of a large body can be sent before anything is read');
    is_deeply([glob '/tmp/cgi-output-*'], [], 'what is held meanwhile has no name that could be left over');
    my $answer = $w->slurp_raw($s);
    my $body = dechunk($answer);
    is(length $body, $n, 'and all of it comes back');
    # A conversation: each line is answered before the next is sent.
    $s = $w->connect_raw(request_head($w, '/lines.cgi', 'Transfer-Encoding: chunked'));
    my $seen = '';
    ok(read_until($s, \$seen, qr/first\n/), 'the first line comes before any of the body');
    for my $line (1 .. 3) {
        print {$s} "7\r\nline $line\n\r\n";
        ok(read_until($s, \$seen, qr/got line $line\n/), "line $line is answered while the body goes on");
    }
    print {$s} "0\r\n\r\n";
    like($w->slurp_raw($s), qr/0\r\n\r\n\z/, 'and it ends');
    return;
}

sub read_until {
    my ($s, $seen, $what) = @_;
    my $ok;
    local $SIG{ALRM} = sub { die "silence\n" };
    alarm 20;
    eval { until ($$seen =~ $what) { sysread($s, $$seen, 65536, length $$seen) or die "end\n" } $ok = 1; } or diag("$@ after: $$seen");
    alarm 0;
    return $ok;
}

sub dechunk {
    my ($answer) = @_;
    my ($head, $rest) = split /\r\n\r\n/, $answer, 2;
    return $rest if $head !~ /^Transfer-Encoding: chunked/mi;
    my ($body, $at) = ('', 0);
    while (substr($rest, $at, 20) =~ /\A([0-9a-f]+)\r\n/i) {
        my $len = hex $1;
        $at += length($1) + 2;
        $body .= substr $rest, $at, $len;
        $at += $len + 2;
        return $body if $len == 0;
    }
    return;
}

sub push_ {
    my ($w) = @_;
    unlink $w->web . '/go';
    my $s = $w->connect_raw("GET /first.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nConnection: close\r\n\r\n");
    my $seen = '';
    ok(read_until($s, \$seen, qr/first\n/), 'what an unbuffered script says arrives while it goes on');
    unlike($seen, qr/second/, '...');
    $w->page('go', '');
    like($w->slurp_raw($s), qr/second\n/, 'and the rest later');
    is(length(dechunk($w->slurp_raw($w->connect_raw("GET /big.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nConnection: close\r\n\r\n")))),
        65536 * 200, '13 MB');
    return;
}

sub bodies {
    my ($w) = @_;
    my $r = $w->request('POST', '/unread.cgi', 'x' x 3_000_000);
    is("$r->{status} $r->{content}", "200 unread\n", 'a body that the script does not read');
    my $s = $w->connect_raw(request_head($w, '/echo.cgi', 'Transfer-Encoding: chunked') . "5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n");
    is(dechunk($w->slurp_raw($s)), 'helloyou', 'chunked');
    # Announces more than it sends.
    $w->forget_errors;
    $s = $w->connect_raw(request_head($w, '/lines.cgi', 'Content-Length: 1000') . 'short');
    shutdown $s, SHUT_WR;
    my $answer = $w->slurp_raw($s);
    unlike($answer, qr/0\r\n\r\n\z/, 'a body shorter than announced: no whole answer');
    # A chunk that is none.
    $s = $w->connect_raw(request_head($w, '/echo.cgi', 'Transfer-Encoding: chunked') . "zz\r\nhello\r\n");
    like($w->slurp_raw($s), qr{\AHTTP/1\.1 400 |\A\z|\r\n\r\n(?!.*0\r\n\r\n)}s, 'a broken chunk: no whole answer');
    like($w->slurp_raw($w->connect_raw(request_head($w, '/echo.cgi', 'Content-Length: 60000000'))), qr{\AHTTP/1\.1 413 },
        'LimitRequestBody');
    # Two requests at once: the second is no part of the first's body.
    $s = $w->connect_raw("POST /echo.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nContent-Length: 3\r\n\r\nabc"
        . "GET /unread.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nConnection: close\r\n\r\n");
    my $both = $w->slurp_raw($s);
    is(scalar(() = $both =~ m{HTTP/1\.1 200}g), 2, 'pipelined: both are answered');
    like($both, qr/abc.*unread\n/s, 'each with its own');
    return;
}

sub too_much {
    my ($w) = @_;
    $w->script('limit.cgi', $PERL . "print qq{Content-Type: text/plain\\n\\n}; print 'b' x 65536 for 1 .. 600;\n");
    $w->forget_errors;
    my ($answer) = $w->slurp_raw($w->connect_raw("GET /limit.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\n\r\n"));
    like($answer, qr{\AHTTP/1\.1 200 }, 'more output than allowed: it had begun');
    unlike($answer, qr/\r\n0\r\n\r\n\z/, 'but it does not look whole');
    my ($old, $reset) = $w->slurp_raw($w->connect_raw("GET /limit.cgi HTTP/1.0\r\nHost: " . $w->host . "\r\n\r\n"));
    ok($reset, 'HTTP/1.0, where the end of the connection is the end of the body: it is reset');
    is(scalar(grep {m{^E21 /web/limit\.cgi: }} $w->errors), 2, 'E21 in the log') or diag(join "\n", $w->errors);
    $w->forget_errors;
    my $r = $w->get('/errors.cgi');
    is($r->{content}, "done\n", '30 MB of errors do not stop it');
    my @log = $w->errors;
    cmp_ok(length join('', @log), '<', 400_000, 'nor fill the log');
    is(scalar(grep {/^OMK0406: .* more bytes of its standard error/} @log), 1, 'which says that there was more');
    return;
}

# Pids that a script has printed so far.
sub pids {
    my ($s) = @_;
    my $seen = '';
    # Between them stand the lengths of chunks.
    read_until($s, \$seen, qr/\r\n\r\n.*?^\d{2,}\n.*^\d{2,}\n/ms) or return;
    return $seen =~ /^(\d{2,})\n/mg;
}

# stdout is at its end, the script is not.
sub closes {
    my ($w) = @_;
    my $s = $w->connect_raw("GET /closes.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\n\r\n");
    my $seen = '';
    ok(read_until($s, \$seen, qr/\d+\n\r\n0\r\n\r\n/), 'a script that closes its output: the visitor has all of it');
    ok(pid_alive($seen =~ /^(\d{2,})\n/m), '... and the script goes on');
    $w->page('stop', '');
    return;
}

sub gone {
    my ($w) = @_;
    for my $how ('closes', 'half-closes', 'resets') {
        my $s = $w->connect_raw("GET /stay.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\n\r\n");
        my @pids = grep { pid_alive($_) } pids($s);
        is(scalar @pids, 2, "the script and its own process run") or next;
        setsockopt $s, SOL_SOCKET, Socket::SO_LINGER(), pack 'ii', 1, 0 if $how eq 'resets';
        if ($how eq 'half-closes') { shutdown $s, SHUT_WR } else { close $s }
        ok(until_true(sub { !grep { pid_alive($_) } @pids }), "the visitor $how: both are ended");
    }
    my $s = $w->connect_raw("POST /stay.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nContent-Length: 100\r\n\r\nfirst part");
    my @pids = pids($s);
    close $s;
    ok(until_true(sub { !grep { pid_alive($_) } @pids }), 'he goes in the middle of his body: the same');
    return;
}
