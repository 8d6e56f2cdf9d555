#!/usr/bin/perl
# Scripts over HTTP/2: bodies both ways at once, push of a line at a time, a
# stream that is reset, an answer that is not whole.
use v5.30;
use warnings;
use Test::More;
use Omakase::Cgi qw(pid_alive until_true);
use POSIX ();

Omakase::Cgi->needs;
plan skip_all => 'curl has no HTTP/2' if qx{curl --version 2>/dev/null} !~ /HTTP2/;
my $PERL = "#!/usr/bin/perl\nuse strict; use warnings; \$| = 1; binmode STDIN; binmode STDOUT;\n";
for my $mpm (qw(worker event)) {
    subtest $mpm => sub { all($mpm) };
}
done_testing;

sub command {
    my ($w, $path, @o) = @_;
    return ('curl', '-s', '-m', 60, '--http2-prior-knowledge', '-H', 'Host: ' . $w->host, @o,
        'http://' . $w->httpd->addr . $path);
}

# (exit code, output)
sub curl {
    my ($w, $path, @o) = @_;
    open my $fh, '-|', command($w, $path, @o) or die "curl: $!";
    binmode $fh;
    local $/;
    my $out = <$fh> // '';
    close $fh;
    return ($? >> 8, $out);
}

sub all {
    my ($mpm) = @_;
    my $w = Omakase::Cgi->new(mpm => $mpm, modules => ['http2'], conf => "Protocols h2c http/1.1\n");
    $w->script('hello.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo \"hello \$SERVER_PROTOCOL\"\n");
    $w->script('echo.cgi', $PERL . "print qq{Content-Type: text/plain\\n\\n}; while (sysread STDIN, my \$b, 8192) { print \$b }\n");
    $w->script('first.cgi', $PERL . "print qq{Content-Type: text/plain\\n\\nfirst\\n}; until (-e 'go') { select undef, undef, undef, 0.02 } print qq{second\\n};\n");
    $w->script('stay.cgi', "#!/bin/sh\necho; sleep 300 &\necho \$\$ \$!; wait\n");
    $w->script('cut.cgi', $PERL . "print qq{Content-Type: text/plain\\n\\n}; print 'x' x 100000; kill KILL => \$\$;\n");
    $w->script('much.cgi', $PERL . "print qq{Content-Type: text/plain\\n\\n}; print 'x' x 1_000_000 for 1 .. 100;\n");
    $w->script('nph-raw.cgi', "#!/bin/sh\nprintf 'HTTP/1.1 299 Raw\\r\\nX-Raw: yes\\r\\n\\r\\nraw text'\n");
    $w->start;
    my ($code, $out) = curl($w, '/hello.cgi', '-w', '%{http_version} %{response_code}');
    is("$code $out", "0 hello HTTP/2.0\n2 200", 'a script answers');
    ($code, $out) = curl($w, '/hello.cgi', '-I');
    like($out, qr{\AHTTP/2 200}, 'HEAD');
    my $file = $w->root . '/body';
    open my $fh, '>', $file or die $!;
    print {$fh} map { pack 'N', $_ } 1 .. 1_250_000;
    close $fh;
    ($code, $out) = curl($w, '/echo.cgi', '--data-binary', "\@$file");
    is("$code " . length $out, '0 5000000', '5 MB there and back');
    ok($out eq do { local (@ARGV, $/) = $file; <> }, 'unchanged');
    open my $in, '-|', "@{[map { quotemeta } command($w, '/echo.cgi', '-T', '-')]} <$file | wc -c" or die;
    is(<$in> + 0, 5000000, 'a body of unknown length');
    ($code, $out) = curl($w, '/echo.cgi', '--data-binary', 'x=1', '-H', 'Expect: 100-continue', '--expect100-timeout', 60);
    is("$code $out", '0 x=1', 'a body that is waited for');
    close $in;
    ($code, $out) = curl($w, '/nph-raw.cgi', '-w', '%{response_code}');
    is("$code $out", '0 raw text299', 'nph-');
    streams($w);
    ($code, $out) = curl($w, '/cut.cgi');
    isnt($code, 0, 'a script that is killed in the middle: no whole answer');
    ($code, $out) = curl($w, '/much.cgi');
    isnt($code, 0, 'more output than allowed: no whole answer');
    like(join("\n", $w->errors), qr{^E21 /web/much\.cgi: }m, 'and E21 in the log');
    ($code, $out) = curl($w, '/hello.cgi');
    is($code, 0, 'and the next one is served');
    return;
}

# Starts curl and reads its output until it is as expected: (pid, handle).
sub begin {
    my ($w, $path, $what) = @_;
    my $pid = open my $fh, '-|', command($w, $path, '-N') or die "curl: $!";
    my $seen = '';
    local $SIG{ALRM} = sub { die "silence\n" };
    alarm 20;
    eval { until ($seen =~ $what) { sysread $fh, $seen, 4096, length $seen or die "end\n" } 1 } or diag("$path: $@ after: $seen");
    alarm 0;
    return ($pid, $fh, $seen);
}

sub streams {
    my ($w) = @_;
    unlink $w->web . '/go';
    my (undef, $fh, $seen) = begin($w, '/first.cgi', qr/first\n/);
    unlike($seen, qr/second/, 'a line arrives while the script goes on');
    $w->page('go', '');
    like(do { local $/; <$fh> }, qr/second\n/, 'and the next one later');
    (my $pid, $fh, $seen) = begin($w, '/stay.cgi', qr/^\d+ \d+\n/m);
    my @pids = $seen =~ /(\d+) (\d+)\n/;
    ok(2 == grep({ pid_alive($_) } @pids), 'a script and its own process');
    kill 'KILL', $pid;
    close $fh;
    ok(until_true(sub { !grep { pid_alive($_) } @pids }), 'the visitor goes away: both are ended');
    return;
}
