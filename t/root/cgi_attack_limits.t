#!/usr/bin/perl
# A hostile customer's scripts that will not end, or take all there is, against
# the CGI wrapper's daemon; her neighbour is served all the time. P43.
use v5.30;
use warnings;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Omakase::CgiAttack qw(as attacks processes slurp until_true);
use Omakase::CgiDaemon;

# Runs mallory's script until it has so many processes, with alice served
# meanwhile, goes away, and says what is left of it.
sub left_of {
    my ($w, $d, $a, $file, %o) = @_;
    my $patience = $a->{patience};
    my $run = $d->begin(site => 0, path => $file);
    # Not before it speaks: it has not made itself deaf till then.
    my $bits = '';
    vec($bits, fileno $run->{r_out}, 1) = 1;
    select $bits, undef, undef, 60;
    until_true(sub { processes($w, 'mallory') >= ($o{processes} // 1) }, 60) or return "it did not get so far: " . $d->finish($run, 1)->{text};
    my $gained = served($w, $d);
    $d->abort($run);
    return $gained if $gained;
    until_true(sub { !processes($w, 'mallory') }, $patience) and return '';
    return 'GAINED: left: ' . processes($w, 'mallory');
}

sub served {
    my ($w, $d) = @_;
    my $r = $d->ask(site => 1, path => $w->sh(alice => 'served.cgi', 'echo served'), seconds => 20);
    return $r->{out} =~ /served/ ? '' : 'GAINED: alice is not served: ' . ($r->{codes} || $r->{text});
}

# The code that ends mallory's script, and that nothing is left of it.
sub ended_with {
    my ($w, $d, $a, $file, @codes) = @_;
    my $patience = $a->{patience};
    my $run = $d->begin(site => 0, path => $file);
    my $gained = served($w, $d);
    my $r = $d->finish($run, $patience + 5);
    return $gained if $gained;
    return 'GAINED: it goes on' if $r->{timeout};
    return "GAINED: $1" if $r->{out} =~ /GAINED(.*)/;
    return "ended with '$r->{codes}', not '@codes': $r->{text} $r->{err}" if !grep { $r->{codes} eq $_ } @codes;
    until_true(sub { !processes($w, 'mallory') }, $patience) and return '';
    return 'GAINED: left: ' . processes($w, 'mallory');
}

my $DEAF = 'trap "" TERM HUP INT PIPE QUIT USR1; ';

attacks(
    {name => 'a script that TERM does not end', modes => ['groups', 'no groups'],
        mutation => ['reap.c', 'cgiw_reap_kill(d, run, CGIW_OK, 0, 0);', ''],
        attack => sub { my ($w, $d, $a) = @_; return left_of($w, $d, $a, $w->put(mallory => 'deaf.cgi', "#!/bin/sh\n${DEAF}echo; while :; do sleep 1; done\n")) }},
    {name => 'a child in a session of its own, whose parents are gone', modes => ['groups', 'no groups'],
        attack => sub {
            my ($w, $d, $a) = @_;
            my $file = $w->perl(mallory => 'escape.cgi', <<'EOT');
use POSIX ();
$SIG{$_} = 'IGNORE' for qw(TERM HUP INT PIPE);
for (1 .. 5) {
    next if fork;
    POSIX::setsid();
    exit if fork;
    POSIX::setsid();
    exit if fork;
    close $_ for *STDIN, *STDOUT, *STDERR;
    sleep 1 while 1;
}
sleep 60;
EOT
            return left_of($w, $d, $a, $file, processes => 6);
        }},
    {name => 'a child that outlives its script', modes => ['groups', 'no groups'],
        attack => sub {
            my ($w, $d, $a) = @_;
            my $file = $w->perl(mallory => 'leave.cgi', <<'EOT');
use POSIX ();
if (!fork) { POSIX::setsid(); exit if fork; close $_ for *STDIN, *STDOUT, *STDERR; sleep 60; exit }
EOT
            return ended_with($w, $d, $a, $file, '');
        }},
    {name => 'a child that holds the script\'s output open', modes => ['groups', 'no groups'],
        attack => sub {
            my ($w, $d, $a) = @_;
            return ended_with($w, $d, $a, $w->sh(mallory => 'hold.cgi', 'setsid sleep 60 & exit 0'), '');
        }},
    {name => 'a fork bomb', modes => ['groups', 'no groups'], sites => {both => 'processes=30 cpu=20 concurrent=4'},
        attack => sub {
            my ($w, $d, $a) = @_;
            my $file = $w->perl(mallory => 'bomb.cgi', '$SIG{TERM} = "IGNORE"; while (1) { fork }');
            return left_of($w, $d, $a, $file, processes => 25);
        }},
    {name => 'children that hop from session to session, each the child of one that has ended', modes => ['groups', 'no groups'], sites => {both => 'processes=30 cpu=20 concurrent=4'},
        attack => sub {
            my ($w, $d, $a) = @_;
            my $file = $w->perl(mallory => 'hop.cgi', 'use POSIX (); for (1 .. 12) { fork and next; while (1) { my $p = fork // next; exit if $p; POSIX::setsid() } } sleep 60;');
            return left_of($w, $d, $a, $file, processes => 10);
        }},
    {name => 'more processes than allowed', modes => ['groups', 'no groups'], sites => {both => 'processes=20 cpu=20 concurrent=1'},
        attack => sub {
            my ($w, $d, $a) = @_;
            my $file = $w->perl(mallory => 'many.cgi', 'for (1 .. 100) { my $p = fork; if (!defined $p) { last } if (!$p) { sleep 20; exit } $n++ } print "made $n\n"; sleep 20;');
            my $run = $d->begin(site => 0, path => $file);
            my $most = 0;
            until_true(sub { my $n = processes($w, 'mallory'); $most = $n if $n > $most; 0 }, 2);
            my $gained = served($w, $d);
            $d->abort($run);
            # A user's own count allows for what is no script's.
            return $gained || ($most > ($a->{grouped} ? 20 : 85) ? "GAINED: $most run" : '');
        }},
    {name => 'wall time', modes => ['groups'], sites => {both => 'wall=2'},
        mutation => ['reap.c', 'limits->wall_s && wall_ms >=', '0 && wall_ms >='],
        attack => sub { my ($w, $d, $a) = @_; return ended_with($w, $d, $a, $w->sh(mallory => 'sleep.cgi', $DEAF . 'sleep 60'), 'E14') }},
    {name => 'wall time of a script that has stopped itself', modes => ['groups'], sites => {both => 'wall=2'},
        mutation => ['reap.c', 'limits->wall_s && wall_ms >=', '0 && wall_ms >='],
        attack => sub { my ($w, $d, $a) = @_; return ended_with($w, $d, $a, $w->sh(mallory => 'stop.cgi', 'kill -STOP $$'), 'E14') }},
    {name => 'CPU time of one process', modes => ['groups', 'no groups'], sites => {both => 'cpu=1'},
        attack => sub { my ($w, $d, $a) = @_; return ended_with($w, $d, $a, $w->perl(mallory => 'spin.cgi', '$SIG{XCPU} = "IGNORE"; 1 while (times)[0] < 4; print "GAINED";'), 'E15') }},
    {name => 'CPU time of many processes, each below the limit', modes => ['groups', 'no groups'], sites => {both => 'cpu=1'},
        mutation => ['reap.c', 'limits->cpu_s && cpu_us >=', '0 && cpu_us >='],
        attack => sub {
            my ($w, $d, $a) = @_;
            my $file = $w->perl(mallory => 'shares.cgi', 'until ((times)[2] > 4) { my $p = fork // next; if (!$p) { my $i; $i++ while (times)[0] < 0.3; exit } waitpid $p, 0 } print "GAINED";');
            return ended_with($w, $d, $a, $file, 'E15');
        }},
    {name => 'memory', modes => ['groups', 'no groups'], sites => {both => 'memory=100663296'},
        attack => sub {
            my ($w, $d, $a) = @_;
            my $file = $w->perl(mallory => 'fill.cgi', 'my @a; while (1) { push @a, "x" x (1 << 20) } ');
            my $run = $d->begin(site => 0, path => $file);
            my $most = 0;
            until_true(sub { my $m = memory($w, 'mallory'); $most = $m if $m > $most; !processes($w, 'mallory') && $most }, 60);
            my $r = $d->finish($run, 5);
            return $most > 150_000 ? "GAINED: $most KiB" : served($w, $d) || ($r->{codes} eq ($a->{grouped} ? 'E16' : '') ? '' : "ended with '$r->{codes}': $r->{text} $r->{err}");
        }},
    {name => 'memory of many processes', modes => ['groups'], sites => {both => 'memory=100663296 processes=20'},
        attack => sub {
            my ($w, $d, $a) = @_;
            return '' if !groups_hold_memory(); # --capabilities says so
            my $file = $w->perl(mallory => 'fills.cgi', 'fork for 1 .. 3; my @a; while (@a < 90) { push @a, "x" x (1 << 20); select undef, undef, undef, 0.01 } sleep 20;');
            my $run = $d->begin(site => 0, path => $file);
            my $most = 0;
            until_true(sub { my $m = memory($w, 'mallory'); $most = $m if $m > $most; 0 }, 4);
            $d->abort($run);
            return $most > 250_000 ? "GAINED: $most KiB" : served($w, $d);
        }},
    {name => 'its parent', modes => ['groups'],
        attack => sub {
            my ($w, $d, $a) = @_;
            my $r = $d->ask(site => 0, path => $w->sh(mallory => 'parent.cgi', 'kill -9 $PPID 2>/dev/null && echo GAINED; kill -9 -1; echo lives'));
            return $r->{out} =~ /GAINED/ ? 'GAINED: killed' : served($w, $d);
        }},
    {name => 'a script whose daemon was killed', modes => ['groups', 'no groups'], ends => 1,
        attack => sub {
            my ($w, $d, $a) = @_;
            my $run = $d->begin(site => 0, path => $w->sh(mallory => 'orphan.cgi', $DEAF . 'sleep 60'));
            until_true(sub { processes($w, 'mallory') >= 2 }, 60) or return 'it did not start';
            kill 'KILL', $d->pid;
            until_true(sub { !$d->alive }, 60);
            my $next = Omakase::CgiDaemon->start(program => $d->{program}, config => $d->{config}, table => $d->table);
            my $gained = served($w, $next);
            my $left = until_true(sub { !processes($w, 'mallory') }, $a->{patience}) ? '' : 'GAINED: left: ' . processes($w, 'mallory');
            $next->stop;
            return $gained || $left;
        }},
    {name => 'out of its control group', modes => ['groups'],
        attack => sub {
            my ($w, $d, $a) = @_;
            my $file = $w->sh(mallory => 'group.cgi', <<'EOT');
for f in $(find /sys/fs/cgroup -name cgroup.procs -o -name tasks -o -name cgroup.kill -o -name release_agent -o -name '*limit_in_bytes' 2>/dev/null | grep -E 'omakase|^/sys/fs/cgroup/[^/]*/[^/]*$'); do
    { echo $$ >"$f"; } 2>/dev/null && echo "GAINED $f"
done
for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir "$d/mine" 2>/dev/null && { rmdir "$d/mine"; echo "GAINED $d"; }; done
echo tried
EOT
            my $r = $d->ask(site => 0, path => $file);
            return $r->{out} =~ /(GAINED.*)/ ? $1 : $r->{out} =~ /tried/ ? '' : "not tried: $r->{codes}";
        }},
    {name => 'output without end, that nobody reads', modes => ['groups'],
        attack => sub {
            my ($w, $d, $a) = @_;
            my $file = $w->sh(mallory => 'flood.cgi', 'yes >&2 & yes');
            return left_of($w, $d, $a, $file, processes => 2);
        }},
    {name => 'descriptor 2 is a pipe: nothing to truncate or to seek', modes => ['groups'],
        attack => sub {
            my ($w, $d, $a) = @_;
            my $r = $d->ask(site => 0, path => $w->perl(mallory => 'fd2.cgi', 'print truncate(STDERR, 0) ? "GAINED" : "no", sysseek(STDERR, 0, 0) ? "GAINED" : "no", -p STDERR ? "pipe" : "GAINED";'));
            return $r->{out} =~ /nonopipe/ ? '' : $r->{out};
        }},
    {name => '1,000 quick ends leave no zombie and no descriptor', modes => ['groups'],
        attack => sub {
            my ($w, $d, $a) = @_;
            my $file = $w->put(mallory => 'quick.cgi', "#!/bin/true\n");
            my $fds = sub { scalar(my @f = glob '/proc/' . $d->pid . '/fd/*') };
            $d->finish($_) for map { $d->begin(site => 0, path => $file) } 1 .. 30; # idle groups are kept
            my $before = $fds->();
            for (1 .. 40) {
                my @runs = map { $d->begin(site => 0, path => $file) } 1 .. 25;
                $d->finish($_, 60)->{timeout} and return 'one has not ended' for @runs;
            }
            my $children = slurp('/proc/' . $d->pid . '/task/' . $d->pid . '/children');
            until_true(sub { $fds->() <= $before && slurp('/proc/' . $d->pid . '/task/' . $d->pid . '/children') !~ /\d/ }, 5)
                or return 'GAINED: descriptors ' . $fds->() . " for $before, children $children";
            return '';
        }},
);

# KiB resident of all who's processes.
sub memory {
    my ($w, $who) = @_;
    my $sum = 0;
    for my $pid (processes($w, $who)) {
        $sum += $1 if slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
    }
    return $sum;
}

sub groups_hold_memory {
    return slurp('/sys/fs/cgroup/cgroup.controllers') =~ /\bmemory\b/ || -d '/sys/fs/cgroup/memory';
}
