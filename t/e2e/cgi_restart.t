#!/usr/bin/perl
# The daemon's life beside httpd's: graceful restarts while scripts run and
# requests come in, a daemon that is killed in the middle of a request or has
# gone for good, and the end of both.
use v5.30;
use warnings;
use POSIX ();
use Socket qw(SOCK_SEQPACKET SOL_SOCKET SO_TYPE);
use Test::More;
use Omakase::Cgi qw(mpms pid_alive until_true);
use Omakase::Load;

Omakase::Cgi->needs;
my $ROUNDS = 20;
for my $mpm (mpms()) {
    subtest $mpm => sub { all($mpm) };
}
cannot_start();
done_testing;

sub all {
    my ($mpm) = @_;
    my $w = Omakase::Cgi->new(mpm => $mpm, conf => "MaxConnectionsPerChild 0\n");
    $w->script('a.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo ran\n");
    $w->script('wait.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo \$\$; until [ -e go ]; do sleep 0.05; done; echo done\n");
    $w->script('pids.cgi', "#!/bin/sh\nsleep 300 &\necho 'Content-Type: text/plain'; echo; echo \$\$ \$! ; wait\n");
    $w->start;
    restarts($w);
    killed($w);
    leaks($w);
    shut_down($w, $mpm eq 'event' ? 1 : 2);
    my @daemons = $w->daemons;
    my $s = begin($w, '/pids.cgi');
    my @pids = pids_of($s);
    ok($w->stop, 'httpd stops');
    ok(until_true(sub { !grep { pid_alive($_) } @daemons, @pids }), 'and the daemon, and what it ran');
    is_deeply([grep { !/OMK0402|OMK0404|OMK0411|OMK0425/ } $w->httpd->unexpected(qr/AH00546/)], [], 'the server\'s own log has nothing unexpected');
    return;
}

sub begin {
    my ($w, $path) = @_;
    return $w->connect_raw("GET $path HTTP/1.1\r\nHost: " . $w->host . "\r\nConnection: close\r\n\r\n");
}

# The pids in the first line of a script's answer, read by and by.
sub pids_of {
    my ($s) = @_;
    my ($seen, $pids) = ('', '');
    local $SIG{ALRM} = sub { die "silence\n" };
    alarm 20;
    eval {
        until (($pids) = $seen =~ /\r\n\r\n(?:[0-9a-f]+\r\n)?(\d+(?: \d+)?) *\n/) {
            sysread $s, $seen, 4096, length $seen or die "end\n";
        }
        1;
    } or diag("$@ after: $seen");
    alarm 0;
    return split / /, $pids // '';
}

sub restarts {
    my ($w) = @_;
    my @first;
    ok(until_true(sub { @first = $w->daemons; @first == 1 }), 'one daemon');
    my $s = begin($w, '/wait.cgi');
    my ($pid) = pids_of($s);
    my $load = Omakase::Load->start($w->i, clients => 4, host => $w->host, target => '/a.cgi', again => 5);
    my $graceful = 0;
    for (1 .. $ROUNDS) {
        my $before = $load->answered;
        $graceful += !!$w->httpd->graceful;
        until_true(sub { $load->answered > $before });
    }
    is($graceful, $ROUNDS, "$ROUNDS graceful restarts under load");
    $load->stop;
    my @hits = $load->wait;
    my @failed = grep { $_->{status} != 200 || $_->{body} ne "ran\n" } @hits;
    is(scalar @failed, 0, scalar(@hits) . ' requests, each answered')
        or diag(explain([map {"$_->{status} $_->{body}"} @failed[0 .. ($#failed < 3 ? $#failed : 3)]]), join "\n", $w->errors);
    ok(pid_alive($pid), 'a script of the first generation still runs');
    $w->page('go', '');
    like($w->slurp_raw($s), qr/done\n/, 'and ends as it should');
    ok(until_true(sub { $w->daemons == 1 }), 'then one daemon is left');
    isnt(($w->daemons)[0], $first[0], 'and not the first one');
    return;
}

sub killed {
    my ($w) = @_;
    my $s = begin($w, '/pids.cgi');
    my @pids = pids_of($s);
    is(scalar @pids, 2, 'a script and its own process');
    my ($daemon) = $w->daemons;
    kill 'KILL', $daemon;
    unlike(scalar $w->slurp_raw($s), qr/\r\n0\r\n\r\n\z/, 'the daemon is killed: its request is cut');
    my $r = $w->get('/a.cgi');
    is("$r->{status} $r->{content}", "200 ran\n", 'the next one waits for the new daemon');
    ok(until_true(sub { !grep { pid_alive($_) } @pids }), 'which has ended what was left of the old one\'s');
    like($w->httpd->log_text, qr/OMK0402: .*the daemon \(pid $daemon\) ended/, 'and httpd says so');
    is($w->get('/a.cgi')->{status}, 200, 'and again');
    return;
}

sub leaks {
    my ($w) = @_;
    my $parent = $w->httpd->pid;
    my @own = grep {/memfd:cgi-wrapper/} map { readlink($_) // '' } glob "/proc/$parent/fd/*";
    is(scalar @own, 2, 'httpd\'s parent holds one generation\'s configuration and runs');
    my %daemon = map { $_ => 1 } $w->daemons;
    for my $pid (grep { !$daemon{$_} } $w->httpd->children) {
        my @memfd = grep {/memfd:cgi-wrapper/} map { readlink($_) // '' } glob "/proc/$pid/fd/*";
        is(scalar @memfd, 0, "a worker has neither");
    }
    return;
}

# Shuts a socket of another process's down, as a worker that was broken into
# could: from the inside of one. False where this machine does not let us.
sub shut {
    my ($pid, $how) = @_;
    my $process = syscall 434, $pid + 0, 0; # pidfd_open, the same on all machines
    for my $link (grep { (readlink($_) // '') =~ /^socket:/ } glob "/proc/$pid/fd/*") {
        my ($fd) = $link =~ /(\d+)\z/;
        my $copy = syscall 438, $process, $fd + 0, 0; # pidfd_getfd
        last if $copy < 0;
        open my $s, '+<&=', $copy or next;
        my $type = getsockopt $s, SOL_SOCKET, SO_TYPE or next;
        next if unpack('i', $type) != SOCK_SEQPACKET;
        POSIX::close($process);
        return shutdown $s, $how;
    }
    POSIX::close($process) if $process >= 0;
    return;
}

# The socket is shut down for all workers by one of them. Those answer 503 until
# they are replaced; the operator is told, and the daemon does not spin.
sub shut_down {
    my ($w, $how) = @_;
    my ($daemon) = $w->daemons;
    my %daemon = map { $_ => 1 } $daemon;
    my @workers = grep { !$daemon{$_} } $w->httpd->children;
    my $done;
    for (@workers) {
        $done = shut($_, $how) and last;
    }
  SKIP: {
        skip 'another process\'s descriptors cannot be had here', 6 if !$done;
        ok(until_true(sub { !pid_alive($daemon) }), "a worker shuts the socket down ($how): the daemon ends");
        ok(until_true(sub { $w->httpd->log_text =~ /OMK0411: / }), 'the operator is told');
        ok(until_true(sub { $w->get('/a.cgi')->{status} == 503 }), 'its workers run no script any more');
        ok($w->httpd->graceful, 'a graceful restart');
        my $r;
        ok(until_true(sub { $r = $w->get('/a.cgi'); $r->{status} == 200 }), 'mends it') or diag($r->{status});
        ok(until_true(sub { $w->daemons == 1 }), 'with one daemon');
    }
    return;
}

# A program that is not there: pages work, scripts answer 503, and httpd says
# why, not in a loop.
sub cannot_start {
    my $w = Omakase::Cgi->new(customers => 1);
    my $none = $w->root . '/none';
    my $conf = $w->root . '/confd/httpd/httpd.conf';
    system "sed -i 's|^CGIWrapperProgram .*|CGIWrapperProgram $none|' $conf";
    $w->script('a.cgi', "#!/bin/sh\necho; echo ran\n");
    $w->page('a.txt', 'text');
    $w->start;
    my $r = $w->get('/a.cgi');
    is($r->{status}, 503, 'no daemon: 503');
    like($r->{headers}{'retry-after'}, qr/\A\d+\z/, 'with Retry-After');
    is($w->get('/a.txt')->{content}, 'text', 'pages work');
    is(scalar(grep {m{^E22 /web/a\.cgi: }} $w->errors), 1, 'E22 for the owner');
    like($w->httpd->log_text, qr/OMK0401: CGIWrapperProgram \Q$none\E: No such file/, 'and why for the operator');
    cmp_ok(scalar(() = $w->httpd->log_text =~ /OMK0402/g), '<', 8, 'it is tried again, but not all the time');
    ok($w->stop, 'stops');
    return;
}
