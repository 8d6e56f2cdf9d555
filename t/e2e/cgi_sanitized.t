#!/usr/bin/perl
# mod_cgi_wrapper built with ASan and UBSan (sanitize/asan) in the distribution's
# own httpd, with a daemon that is built so, too: no report from bodies, headers,
# errors, limits, visitors who leave, SSI, a graceful restart and the end.
use v5.30;
use warnings;
use File::Temp ();
use Test::More;

my ($stage, $build);

BEGIN {
    $build = ($ENV{OMAKASE_BUILDDIR} // 'build') . '/sanitize/asan';
    plan skip_all => 'configured with --disable-sanitized-check' if !-f "$build/Makefile";
    $stage = File::Temp->newdir('omakase-stage-XXXXXX', TMPDIR => 1);
    chmod 0755, $stage;
    system("make -s -C '$build' stage STAGE=$stage >$stage/log 2>&1") == 0 or BAIL_OUT(scalar qx(cat $stage/log));
    $ENV{OMAKASE_STAGE} = "$stage";
}
use Omakase::Cgi;

Omakase::Cgi->needs;
my ($module) = map { /^modules=(.*)$/m ? "$1/mod_cgi_wrapper.so" : () } slurp("$stage/layout");
my ($asan) = qx(ldd $module) =~ /^\s*libasan\S* => (\S+)/m;
ok($asan, 'it wants libasan') or BAIL_OUT('no libasan');

for my $mpm (qw(event prefork)) {
    my $reports = File::Temp->newdir('omakase-asan-XXXXXX', TMPDIR => 1);
    chmod 01777, $reports;
    my $log = "log_path=$reports/report";
    # Not for leaks: what httpd has from its pools is searched no deeper.
    my $w = Omakase::Cgi->new(mpm => $mpm, limits => 'cpu=5 wall=1 processes=64 concurrent=64 output=1M',
        conf => "CoreDumpDirectory $reports\n", site_conf => "CGIWrapperDiagnostics 127.0.0.0/8\n",
        env => {LD_PRELOAD => $asan, UBSAN_OPTIONS => "print_stacktrace=1:$log",
            ASAN_OPTIONS => "detect_stack_use_after_return=1:detect_leaks=0:$log"});
    my %script = (
        'echo.cgi' => "#!/bin/sh\necho Content-Type: text/plain\necho\nexec cat\n",
        'env.cgi' => "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\nX-A: b\\r\\nStatus: 201 Made\\r\\n\\r\\n'\nenv\n",
        'nph-a.cgi' => "#!/bin/sh\nprintf 'HTTP/1.0 200 OK\\r\\n\\r\\nnph'\n",
        'early.cgi' => "#!/bin/sh\necho not a header\necho\n",
        'none.cgi' => "#!/bin/sh\necho 'Cannot' >&2\nexit 3\n",
        'crlf.cgi' => "#!/usr/bin/perl\r\nprint \"Content-Type: text/plain\\n\\nx\";\r\n",
        'dos.cgi' => "#!/bin/sh\r\necho\r\n",
        'away.cgi' => "#!/nowhere/perl\n",
        'large.cgi' => "#!/bin/sh\necho Content-Type: text/plain\necho\nhead -c 3000000 /dev/zero\n",
        'loud.cgi' => "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' 'x\\n\\033' >&2\necho Content-Type: text/plain\necho\necho x\n",
        'slow.cgi' => "#!/bin/sh\necho Content-Type: text/plain\necho\nsleep 60\n",
        'mute.cgi' => "#!/bin/sh\nsleep 60\n",
        'head.cgi' => "#!/bin/sh\nwhile :; do echo X-Long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n",
        'to.cgi' => "#!/bin/sh\necho Location: /env.cgi\necho\n",
    );
    $w->script($_, $script{$_}) for sort keys %script;
    $w->script('mode.cgi', $script{'echo.cgi'}, mode => 0644);
    $w->script('open.cgi', $script{'echo.cgi'}, mode => 0777);
    $w->start;
    is(visits($w, sort(keys %script), 'mode.cgi', 'open.cgi', 'absent.cgi'), '', "$mpm: every request is answered");
    ok($w->httpd->graceful, "$mpm: graceful restart");
    is(visits($w, 'echo.cgi', 'none.cgi', 'large.cgi'), '', "$mpm: and after it");
    ok($w->stop, "$mpm: stops by itself");
    is(join("\n", map { slurp($_) } glob "$reports/report.*"), '', "$mpm: no report");
    unlike(join('', map { slurp($_) } glob($w->root . '/log/*'), glob($w->root . '/srv/*/log/*')),
        qr/Sanitizer|runtime error/, "$mpm: nor in a log, where the daemon's would be");
}
done_testing;

# Each by GET, HEAD and with a body, and left early.
sub visits {
    my ($w, @names) = @_;
    my @broken;
    for my $name (@names) {
        for my $how (['-X', 'GET'], ['-I'], ['--data-binary', 'x' x 70_000], ['-H', 'Transfer-Encoding: chunked', '-d', 'a=b'],
            ['--max-time', '0.2']) {
            open my $fh, '-|', 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code} %{exitcode}', '--max-time', 30,
                '-H', 'Host: ' . $w->host, @$how, 'http://127.0.0.1:' . $w->httpd->port . "/$name"
                or die "curl: $!";
            my $said = <$fh> // '';
            close $fh;
            my ($status, $exit) = split / /, $said;
            # 18, 56: an answer that was cut off; 28: our own haste.
            push @broken, "$name @{$how}[0]: $said"
                if !defined $exit || ($status eq '000' && $exit != 28 && $exit != 56) || ($exit && $exit !~ /\A(?:18|28|56)\z/);
        }
    }
    return join "\n", @broken;
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<', $file or return '';
    local $/;
    return <$fh> // '';
}
