#!/usr/bin/perl
# Access and error logs of several sites through one omakase-weblog.
use v5.30;
use warnings;
use IO::Socket::INET;
use Test::More;
use Omakase::Client qw(get);
use Omakase::Instance;
use Omakase::Weblog qw(generations lines loggers slurp until_true);

my $www = 'www.example.localhost';
my $combined = qr/\A127\.0\.0\.1 - \S+ \[\d\d\/\w{3}\/\d{4}(?::\d\d){3} [+-]\d{4}\] "(?:[^"\\]|\\.)*" \d{3} (?:\d+|-) "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"\n\z/;

subtest $_ => \&sites, $_ for qw(event worker prefork);
subtest 'a start that fails says why' => \&failed_starts;
subtest 'ended before it has begun' => \&slow_start;
subtest 'other logs beside ours' => \&other_logs;
subtest 'without the logger' => \&without;
done_testing;

# One request as it is; all that came back.
sub raw {
    my ($i, $text) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $i->httpd->port) or die $!;
    print {$s} $text;
    local $/;
    return <$s> // '';
}

sub sites {
    my ($mpm) = @_;
    my $i = Omakase::Instance->new(daemons => ['httpd'], mpm => $mpm, weblog => 1);
    my $a = $i->site('ab-cdftp', 'example.localhost');
    my $b = $i->site('other', 'other.localhost');
    $i->put($_, 'web/index.html', "$_\n") for 'ab-cdftp', 'other';
    $i->put('ab-cdftp', 'web/page.shtml', qq{<!--#exec cmd="id" -->\n});
    $i->start;

    my @pids; # httpd reads its configuration twice, and starts it each time
    ok(until_true { (@pids = loggers($i->root)) == 1 }, 'one process for all sites and both logs');
    my $status = slurp("/proc/$pids[0]/status");
    my ($uid, $gid) = (getpwnam $i->log_user)[2, 3];
    like($status, qr/^Uid:(?:\t$uid){4}\nGid:(?:\t$gid){4}\n/m, 'which is not root');
    like($status, qr/^Groups:\s*$/m, 'nor in any group') if !$>;
    like($status, qr/^NoNewPrivs:\t1$/m, 'and cannot become anything else');

    is(get($i, $www, '/')->{status}, 200, 'a page');
    is(get($i, 'www.other.localhost', '/')->{status}, 200, "a neighbour's");
    ok(until_true { -s "$a/log/web.log" && -s "$b/log/web.log" }, 'P22: both are logged at once');
    my @lines = lines($a, 'web.log');
    is(scalar @lines, 1, 'a line each');
    like($lines[0], $combined, 'of the combined format');
    like($lines[0], qr{"GET / HTTP/1\.1" 200 }, 'with what was asked');
    is(scalar(lines($b, 'web.log')), 1, 'also at the neighbour');

    subtest 'nobody forges a line' => sub {
        raw($i, "GET /%0aother%20a%20forged HTTP/1.0\r\nHost: $www\r\n\r\n");
        raw($i, "GET /x\nother a forged HTTP/1.0\r\nHost: $www\r\n\r\n");
        raw($i, "GET / HTTP/1.0\r\nHost: $www\r\nReferer: a\rother a forged\r\n\r\n");
        raw($i, "GET /agent HTTP/1.0\r\nHost: $www\r\nReferer: \"\\\r\nUser-Agent: \x{9b}2J\t\"\\\r\n\r\n");
        ok(until_true { grep {/agent/} lines($a, 'web.log') }, 'the requests are there');
        like($_, $combined, 'whole') for lines($a, 'web.log');
        is(scalar(grep {/forged/} lines($b, 'web.log'), lines($b, 'error.log')), 0, "nothing in the neighbour's");
        is(scalar(grep {/[^\n -~]/} lines($a, 'web.log')), 0, 'nothing that a terminal obeys');
    };
    subtest 'what is longer than a pipe takes at once' => sub {
        my $long = '/none?' . ('a"b' x 2000);
        get($i, $www, $long, Referer => 'http://example.net/' . ('r' x 6000));
        ok(until_true { grep {/bytes-cut/} lines($a, 'web.log') }, 'is marked');
        my ($line) = grep {/bytes-cut/} lines($a, 'web.log');
        like($line, $combined, 'and has all its fields');
        cmp_ok(length $line, '<=', 4096, 'in 4,096 bytes');
        like($line, qr{"GET /none\?a.*\[\.\.\.\d+-bytes-cut\.\.\.\].*HTTP/1\.1" 404 .*"http://example\.net/r}, 'a part of each');
    };
    subtest 'the error log' => sub {
        raw($i, "GET /page.shtml HTTP/1.0\r\nHost: $www\r\nReferer: http://example.net/\x{9b}x\r\n\r\n");
        ok(until_true { grep {/directive "exec"/} lines($a, 'error.log') }, "a page's error");
        my ($line) = grep {/directive "exec"/} lines($a, 'error.log');
        like($line, qr/\A\[\w{3} \w{3} \d\d \d\d:\d\d:\d\d\.\d{6} \d{4}\] \[include:error\] \[pid \d+:tid \d+\] \[client 127\.0\.0\.1:\d+\] AH\d+: .*, referer: http:\/\/example\.net\/\\x9bx\n\z/,
            'looks as httpd writes it');
        is(scalar lines($b, 'error.log'), 0, 'nobody else has it');
        unlike($i->httpd->log_text, qr{page.shtml}, "nor is it in the operator's");
        is((stat "$a/log/error.log")[2] & 07777, 0644, 'the customer may read it');
    };

    ok($i->httpd->graceful, 'a graceful restart');
    get($i, $www, '/after');
    ok(until_true { grep {m{/after}} lines($a, 'web.log') }, 'is no hindrance');
    ok(until_true { loggers($i->root) == 1 }, "and the old logger ends when httpd's old children have");
    my ($logger) = loggers($i->root);
    kill 'KILL', $logger;
    ok(until_true { my @now = loggers($i->root); @now == 1 && $now[0] != $logger } , 'one that is killed comes again');
    get($i, $www, '/killed');
    ok(until_true { grep {m{/killed}} lines($a, 'web.log') }, 'and goes on');
    $i->stop;
    ok(until_true { !loggers($i->root) }, 'it ends with httpd');
    is(join('', $i->httpd->unexpected(qr/AH00106|long lost child|AH01371|AH00126|AH10244/)), '', 'nothing unexpected in the error logs');
    return;
}

# The whole output of a start that must not succeed.
sub fails {
    my ($i) = @_;
    return eval { $i->start; 1 } ? 'it starts' : "$@";
}

sub failed_starts {
    my $i = Omakase::Instance->new(daemons => ['httpd'], weblog => '--size 1K');
    $i->site('ab-cdftp', 'example.localhost');
    like(fails($i), qr/omakase-weblog: --size 1K: expected 4K to 190M.*OMK0508: WeblogProgram .* cannot be started/s, 'arguments of the program');

    $i = Omakase::Instance->new(daemons => ['httpd'], weblog => 1, site_conf => '',
        conf => "CustomLog weblog: combined\n");
    $i->site('ab-cdftp', 'example.localhost');
    like(fails($i), qr/OMK0510: CustomLog weblog: of .*: expected WeblogSite in the same virtual host/, 'a log of no site');

    $i = Omakase::Instance->new(daemons => ['httpd'], conf => "<VirtualHost *:*>\nServerName x.localhost\nWeblogSite ab-cdftp\n</VirtualHost>\n");
    like(fails($i), qr/OMK0509: there is a WeblogSite, and no WeblogProgram/, 'a site without a program');

    for (["WeblogSite /srv/../\n", qr/WeblogSite .*'' is no login/], ["WeblogSite a/..\n", qr/'\.\.' is no login/],
        ["WeblogProgram bin/x\n", qr/WeblogProgram bin\/x: expected a program by its absolute path/],
        ["<VirtualHost *:*>\nWeblogProgram /bin/x\n</VirtualHost>\n", qr/WeblogProgram (?:cannot occur|not allowed)/]) {
        my ($conf, $says) = @$_;
        $i = Omakase::Instance->new(daemons => ['httpd'], conf => $conf);
        $_->configure for @{$i->{daemons}};
        my ($ok, $out) = $i->httpd->check;
        like($out, $says, "refused: $conf");
    }
    SKIP: {
        skip 'needs root', 1 if $>;
        $i = Omakase::Instance->new(daemons => ['httpd'], weblog => '--user root');
        $i->site('ab-cdftp', 'example.localhost');
        like(fails($i), qr/omakase-weblog: root: is root; expected a user of the logger's own/, 'no logger as root');
    }
    return;
}

# httpd sends SIGTERM to the logger at each graceful restart; one that has just
# been started, and is not yet as far as to ignore it, has lines all the same.
sub slow_start {
    my $i = Omakase::Instance->new(daemons => ['httpd'], weblog => 1);
    my $tree = $i->site('ab-cdftp', 'example.localhost');
    my $program = $i->layout('libexec') . '/omakase-weblog';
    my $slow = $i->root . '/slow';
    open my $fh, '>', $slow or die "$slow: $!";
    print {$fh} <<"END";
#!/usr/bin/perl
until ("\@ARGV" =~ /--check/ || -e '$slow.go') { select undef, undef, undef, 0.02 }
exec '$program', \@ARGV;
END
    close $fh;
    chmod 0755, $slow;
    $i->{conf} = qq{WeblogProgram "$slow \${OMAKASE_WEBLOG}"\n};
    $i->start;
    is(get($i, $www, '/early')->{status}, 404, 'a request');
    ok($i->httpd->graceful, 'and a graceful restart, while no logger reads yet');
    open $fh, '>', "$slow.go" or die $!;
    close $fh;
    ok(until_true { grep {/early/} lines($tree, 'web.log') }, 'it is logged');
    $i->stop;
    ok(until_true { !loggers($i->root) }, 'and all loggers end');
    return;
}

# Files and pipes of the operator's, buffered or not, are written as ever.
sub other_logs {
    for my $buffered ('Off', 'On') {
        my $i = Omakase::Instance->new(daemons => ['httpd'], weblog => 1,
            conf => qq{BufferedLogs $buffered\nCustomLog "\${OMAKASE_ROOT}/log/all.log" combined\n}
                . qq{<VirtualHost *:*>\nServerName plain.localhost\nDocumentRoot "\${OMAKASE_ROOT}/srv"\n}
                . qq{CustomLog "\${OMAKASE_ROOT}/log/plain.log" combined\nCustomLog "|\$/bin/cat >>\${OMAKASE_ROOT}/log/piped.log" combined\n}
                . qq{ErrorLog "\${OMAKASE_ROOT}/log/plain-error.log"\n</VirtualHost>\n}
                . qq{GlobalLog "\${OMAKASE_ROOT}/log/global.log" combined\n});
        my $tree = $i->site('ab-cdftp', 'example.localhost');
        $i->put('ab-cdftp', 'web/index.html', "x\n");
        $i->start;
        # The last answer may come before its line is written.
        get($i, 'plain.localhost', '/theirs') for 1 .. 5;
        get($i, $www, '/ours');
        ok(until_true { grep {/ours/} lines($tree, 'web.log') }, "BufferedLogs $buffered: ours");
        $i->stop;
        my $log = $i->root . '/log';
        like(slurp("$log/plain.log"), qr{"GET /theirs }, 'a file');
        like(slurp("$log/global.log"), qr{"GET $_ }, "$_ in one of all hosts") for '/ours', '/theirs';
        ok(until_true { slurp("$log/piped.log") =~ /theirs/ }, 'a pipe');
        like(slurp("$log/plain-error.log"), qr/AH01630|AH01797/, 'an error log');
        is(scalar(grep {/theirs/} lines($tree, 'web.log')), 0, 'and none of that in ours');
    }
    return;
}

sub without {
    my $i = Omakase::Instance->new(daemons => ['httpd']);
    my $tree = $i->site('ab-cdftp', 'example.localhost');
    $i->put('ab-cdftp', 'web/index.html', "x\n");
    $i->start;
    get($i, $www, '/');
    ok(until_true { -s "$tree/log/web.log" }, 'httpd writes the log itself');
    is(scalar loggers($i->root), 0, 'no logger runs');
    return;
}
