#!/usr/bin/perl
# A worker of httpd's in another's hands, and other users of the machine, against
# the CGI wrapper's daemon: forged requests with any descriptors, the operator's
# socket, signals, and asking without end. P40, P43.
use v5.30;
use warnings;
use Fcntl;
use IO::Handle;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket;
use Test::More;
use Time::HiRes qw(sleep time);
use Omakase::CgiAttack qw(as attacks slurp until_true);
use Omakase::CgiDaemon;

my $MAGIC = 0x43474957;

# That alice is served, which the daemon still has to do after anything.
sub served {
    my ($w, $d, %o) = @_;
    my $file = $w->sh(alice => 'served.cgi', 'echo served');
    my $r = $d->ask(site => 1, path => $file, seconds => 10, %o);
    return $r->{out} =~ /served/ ? '' : 'GAINED: alice is not served any more: ' . ($r->{codes} || $r->{text}) . ' ' . $d->log;
}

sub descriptors { my ($d) = @_; return scalar(my @f = glob '/proc/' . $d->pid . '/fd/*') }

# Sends as www-data, which has nothing but the socket; then alice is served and
# the daemon has no descriptor more.
sub forged {
    my ($w, $d, $send) = @_;
    my $gained = served($w, $d);
    return $gained if $gained;
    my $before = descriptors($d);
    $w->{worker} = Omakase::CgiAttack::worker();
    my $said = as($w, 'worker', sub { $send->($d->socket); 'sent' });
    return "not sent: $said" if $said ne 'sent';
    $gained = served($w, $d);
    return $gained if $gained;
    until_true(sub { descriptors($d) <= $before }, 5) or return 'GAINED: descriptors are left: ' . (descriptors($d) - $before);
    return '';
}

# Four descriptors that a request may have, the last a sealed environment.
sub ends {
    my ($block) = @_;
    pipe my $r_out, my $out or die $!;
    pipe my $r_err, my $err or die $!;
    socketpair my $mine, my $control, AF_UNIX, SOCK_SEQPACKET, 0 or die $!;
    return ([$out, $err, $control, Omakase::CgiDaemon::memfd($block // "A=b\0", 0x0f)], [$r_out, $r_err, $mine]);
}

sub send_to {
    my ($socket, $bytes, @handles) = @_;
    return Omakase::CgiDaemon::send_raw($socket, $bytes, map { fileno $_ } @handles);
}

# A socket that its peer does not read, for the daemon to close; it is stopped
# until the sender's own is closed.
my $LINGER = '(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);';

sub lingers {
    my ($w, $d, $send, $over) = @_;
    my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die $@;
    $w->{worker} = Omakase::CgiAttack::worker();
    kill 'STOP', $d->pid;
    my $said = as($w, 'worker', sub {
        my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listener->sockport) or die $@;
        setsockopt $s, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 15 or die $!;
        $s->blocking(0);
        1 while syswrite $s, 'x' x 65536;
        $send->($s);
        return 'sent';
    });
    kill 'CONT', $d->pid;
    # The daemon closes it once the run has ended: not before is it to be asked.
    until_true($over) if $over;
    return $said eq 'sent' ? served($w, $d) : "not sent: $said";
}

attacks(
    {name => 'a site that is not there',
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(mallory => 'x.cgi', 'echo GAINED; id -u');
            return forged($w, $d, sub {
                my ($socket) = @_;
                for (2, 3, 1000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff) {
                    my ($fds) = ends();
                    send_to($socket, Omakase::CgiDaemon::request(site => $_, path => $file, env_count => 1, env_bytes => 4), @$fds);
                }
            });
        }},
    {name => 'requests of another form',
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(mallory => 'x.cgi', 'echo');
            return forged($w, $d, sub {
                my ($socket) = @_;
                my %good = (site => 0, path => $file, env_count => 1, env_bytes => 4);
                for ({magic => 1}, {version => 0}, {version => 2}, {kind => 0}, {kind => 2}, {kind => 65535}, {flags => 0}, {flags => 0xffffffff},
                    {path_len => 0}, {path_len => 0xffffffff}, {path_len => 4097}, {path_len => 1}, {env_count => 0xffffffff},
                    {env_bytes => 0xffffffff}, {env_bytes => 0}, {env_count => 5}, {path => "$file\0x"}, {path => "/\0"}, {path => '/' . 'x' x 20000},
                    {command => ''}, {command => "id\0id"}, {command => 'x' x 9000}) {
                    my ($fds) = ends();
                    send_to($socket, Omakase::CgiDaemon::request(%good, %$_), @$fds);
                }
                for (0 .. 40) {
                    my ($fds) = ends();
                    send_to($socket, substr(Omakase::CgiDaemon::request(%good), 0, $_), @$fds);
                }
            });
        }},
    {name => 'other descriptors than a request has',
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(mallory => 'x.cgi', 'echo');
            return forged($w, $d, sub {
                my ($socket) = @_;
                my $bytes = Omakase::CgiDaemon::request(site => 0, path => $file, env_count => 1, env_bytes => 4);
                open my $dir, '<', '/' or die $!;
                open my $null, '+<', '/dev/null' or die $!;
                open my $self, '<', '/etc/passwd' or die $!;
                pipe my $r, my $pipe or die $!;
                for my $n (0 .. 3, 5 .. 12, 60, 250) {
                    send_to($socket, $bytes, ($null) x $n);
                }
                for my $fd ($dir, $null, $self, $r, $pipe, $socket) {
                    for my $i (0 .. 3) {
                        my ($fds) = ends();
                        $fds->[$i] = $fd;
                        send_to($socket, $bytes, @$fds);
                    }
                }
            });
        }},
    {name => 'descriptors that nobody takes',
        mutation => ['spawn.c', 'close_all(in->fds, in->fd_count);', ''],
        attack => sub {
            my ($w, $d) = @_;
            return forged($w, $d, sub {
                my ($socket) = @_;
                open my $null, '+<', '/dev/null' or die $!;
                send_to($socket, 'x', ($null) x 100) for 1 .. 40;
            });
        }},
    {name => 'a socket whose close waits for who does not read',
        mutation => ['main.c', $LINGER, ''],
        attack => sub {
            my ($w, $d) = @_;
            return lingers($w, $d, sub { send_to($d->socket, 'x', $_[0]) });
        }},
    {name => 'such a one as the control socket of a run',
        mutation => ['main.c', $LINGER, ''],
        attack => sub {
            my ($w, $d) = @_;
            my $ran = "$w->{mallory}{root}/ran";
            unlink $ran;
            my $file = $w->put(mallory => 'x.cgi', "#!/bin/sh\n: >$ran\n"); # nobody reads what it prints
            return lingers($w, $d, sub {
                my ($fds) = ends();
                $fds->[2] = $_[0];
                send_to($d->socket, Omakase::CgiDaemon::request(site => 0, path => $file, env_count => 1, env_bytes => 4), @$fds);
            }, sub { -e $ran && !Omakase::CgiAttack::processes($w, 'mallory') });
        }},
    {name => 'an environment that changes after it was looked at',
        mutation => ['child.c', '(seals & CGIW_ENV_SEALS) != CGIW_ENV_SEALS', '0'],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'env.cgi', 'env | grep ^QUERY');
            my $gained = '';
            for my $seals (0, 1, 2, 4, 6, 8) { # none, or not all of them
                my $r = $d->ask(site => 1, path => $file, seals => $seals, seconds => 3);
                $gained .= "GAINED: it ran with seals $seals; " if $r->{out} =~ /QUERY/;
            }
            return $gained;
        }},
    {name => 'an environment that is no memfd',
        mutation => ['child.c', 'seals < 0 || (seals & CGIW_ENV_SEALS) != CGIW_ENV_SEALS', '0'],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'env.cgi', 'env | grep ^QUERY');
            my $block = "QUERY_STRING=x\0";
            my $tmp = "$w->{dir}/environment";
            open my $fh, '+>', $tmp or die $!;
            syswrite $fh, $block;
            pipe my $r, my $pipe or die $!;
            open my $zero, '<', '/dev/zero' or die $!;
            for ($fh, $r, $zero) {
                my $run = $d->ask(site => 1, path => $file, block => $block, memfd => $_, seconds => 3);
                return 'GAINED: it ran' if $run->{out} =~ /QUERY/;
            }
            return served($w, $d);
        }},
    {name => 'a control socket that takes nothing',
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(mallory => 'quick.cgi', 'echo');
            my @kept;
            return forged($w, $d, sub {
                my ($socket) = @_;
                socketpair my $mine, my $control, AF_UNIX, SOCK_SEQPACKET, 0 or die $!;
                $control->blocking(0);
                1 while defined syswrite $control, 'x' x 1000;
                $control->blocking(1);
                for (1 .. 5) {
                    my ($fds, $own) = ends();
                    $fds->[2] = $control;
                    push @kept, $own, $mine;
                    send_to($socket, Omakase::CgiDaemon::request(site => 0, path => $file, env_count => 1, env_bytes => 4), @$fds);
                }
                sleep 0.5;
            });
        }},
    {name => 'a control socket that is kept, to end another\'s run by it later',
        mutation => ['reap.c', '(run->number & 0xffffff) != number', '0'],
        attack => sub {
            my ($w, $d) = @_;
            my $quick = $w->sh(mallory => 'quick.cgi', 'echo quick');
            my @kept;
            for (1 .. 3) {
                my ($fds, $own) = ends();
                send_to($d->socket, Omakase::CgiDaemon::request(site => 0, path => $quick, env_count => 1, env_bytes => 4), @$fds);
                until_true(sub { recv $own->[2], my $bytes, 4096, 0; length $bytes && Omakase::CgiDaemon::reply($bytes)->{kind} eq 'ended' });
                push @kept, [$fds->[2], $own->[2]];
            }
            my $long = $w->sh(alice => 'long.cgi', 'exec sleep 60'); # once: it runs while the next begins
            my @runs = map { $d->begin(site => 1, path => $long) } 1 .. 3;
            until_true(sub { Omakase::CgiAttack::processes($w, 'alice') >= 3 });
            shutdown $_->[1], 2 for @kept;
            my $gained = served($w, $d) || served($w, $d);
            my $left = Omakase::CgiAttack::processes($w, 'alice');
            $d->abort($_) for @runs;
            return $gained || ($left == 3 ? '' : "GAINED: of alice's 3 runs $left are left");
        }},
    {name => 'garbage without end',
        attack => sub {
            my ($w, $d) = @_;
            return forged($w, $d, sub {
                my ($socket) = @_;
                srand 1;
                for my $n (1 .. 3000) {
                    my $bytes = join '', map { chr rand 256 } 1 .. rand 80;
                    substr $bytes, 0, 4, pack 'L', $MAGIC if $n % 2;
                    send_to($socket, $bytes);
                }
            });
        }},

    # Users: uid, gid, root, limits are none of a worker's.
    {name => 'a site of root\'s in the configuration', ends => 1,
        mutation => ['sites.c', 'w->own_uid ? 0 : CGIW_ID_MIN', '0'],
        config => sub { my ($w) = @_; return join "\t", 'site', 2, 'root', 0, 0, $w->{alice}{root}, 'root', '/root' },
        attack => sub { my ($w, $d) = @_; return refused($w, $d) }},
    {name => 'a site of root\'s group', ends => 1,
        mutation => ['sites.c', 'w->own_uid ? 0 : CGIW_ID_MIN', '0'],
        config => sub { my ($w) = @_; return join "\t", 'site', 2, 'x', $w->{alice}{uid}, 0, $w->{alice}{root}, 'x', '/nonexistent' },
        attack => sub { my ($w, $d) = @_; return refused($w, $d) }},
    {name => 'a site of a system account\'s', ends => 1,
        mutation => ['sites.c', 'w->own_uid ? 0 : CGIW_ID_MIN', '0'],
        config => sub { my ($w) = @_; return join "\t", 'site', 2, 'daemon', 1, 1, $w->{alice}{root}, 'daemon', '/nonexistent' },
        attack => sub { my ($w, $d) = @_; return refused($w, $d) }},
    {name => 'a site of httpd\'s user', ends => 1,
        mutation => ['sites.c', 'site->uid == w->config.httpd_uid', '0'],
        config => sub {
            my ($w) = @_;
            my $httpd = $w->{mallory}{uid};
            return ("httpd\t$httpd", join "\t", 'site', 2, 'x', $httpd, $w->{mallory}{gid}, $w->{alice}{root}, 'x', '/nonexistent');
        },
        attack => sub { my ($w, $d) = @_; return refused($w, $d) }},

    # The operator's socket.
    {name => 'the operator\'s socket, by another user',
        mutation => ['control.c', 'umask(0177)', 'umask(0)',
            'control.c', 'who.uid == 0 || who.uid == d->own_uid', '1'],
        config => sub { my ($w) = @_; return "control\t$w->{dir}/control" },
        attack => sub {
            my ($w, $d) = @_;
            my ($path) = socket_of($w, $d);
            my $root = ask_control($path, 'list');
            return "root is answered: $root" if $root =~ /refused|\A\z/i && $root ne '';
            my $said = as($w, 'mallory', sub { ask_control($path, 'kill all') });
            return $said eq '' ? '' : "GAINED: $said";
        }},
    {name => 'the operator\'s socket, when somebody has opened it to all',
        mutation => ['control.c', 'who.uid == 0 || who.uid == d->own_uid', '1'],
        config => sub { my ($w) = @_; return "control\t$w->{dir}/control" },
        attack => sub {
            my ($w, $d) = @_;
            my ($path) = socket_of($w, $d);
            chmod 0777, $path;
            my $file = $w->sh(alice => 'long.cgi', 'echo begun; exec sleep 60');
            my $run = $d->begin(site => 1, path => $file);
            until_true(sub { Omakase::CgiAttack::processes($w, 'alice') });
            my $said = as($w, 'mallory', sub { ask_control($path, 'list') . ask_control($path, 'kill all') });
            my $still = Omakase::CgiAttack::processes($w, 'alice');
            $d->abort($run);
            return $said =~ /\Q$w->{alice}{login}\E|killed/ ? "GAINED: $said" : $still ? '' : 'GAINED: killed';
        }},
    {name => 'a client of the operator\'s socket that says nothing',
        config => sub { my ($w) = @_; return "control\t$w->{dir}/control" },
        attack => sub {
            my ($w, $d) = @_;
            my ($path) = socket_of($w, $d);
            my @silent = map { IO::Socket::UNIX->new(Peer => $path) } 1 .. 20;
            syswrite $silent[0], 'li';
            return served($w, $d);
        }},

    # The daemon itself.
    {name => 'signals and ptrace from a customer',
        attack => sub {
            my ($w, $d) = @_;
            my $pid = $d->pid;
            my $file = $w->perl(mallory => 'kill.cgi', <<"EOT");
for (qw(KILL TERM STOP HUP USR1 SEGV)) { print "GAINED \$_\\n" if kill \$_, $pid, getppid }
print "GAINED kill -1 on alice\\n" if kill 0, map { m{(\\d+)} } grep { ((stat)[4] // 0) == $w->{alice}{uid} } glob '/proc/[0-9]*';
print "GAINED mem\\n" if open my \$m, '<', "/proc/$pid/mem";
print "GAINED environ\\n" if open my \$e, '<', "/proc/$pid/environ";
print "GAINED fds\\n" if opendir my \$f, "/proc/$pid/fd";
for my \$p (map { m{(\\d+)} } grep { ((stat)[4] // 0) == $w->{alice}{uid} } glob '/proc/[0-9]*') {
    for (qw(environ mem maps cwd/x fd/1)) { print "GAINED \$_ of alice's\n" if open my \$f, '<', "/proc/\$p/\$_" }
}
print "GAINED ptrace\\n" if syscall(101, 16, $pid, 0, 0) == 0;
print "tried\\n";
EOT
            my $other = $d->begin(site => 1, path => $w->sh(alice => 'long.cgi', 'exec sleep 60'));
            until_true(sub { Omakase::CgiAttack::processes($w, 'alice') });
            my $r = $d->ask(site => 0, path => $file);
            $d->abort($other);
            return $r->{out} =~ /((?:GAINED.*\n)+)/ ? $1 : $r->{out} =~ /tried/ ? '' : "not tried: $r->{codes} $r->{err}";
        }},
    {name => 'a storm of signals at mallory\'s own children, while they become hers',
        attack => sub {
            my ($w, $d) = @_;
            my $quick = $w->sh(mallory => 'quick.cgi', 'echo quick');
            my @storms = map { storm($w, $_) } 'STOP', 'KILL';
            my $gained = '';
            my $end = time + 4;
            my @runs;
            while (time < $end && !$gained) {
                push @runs, $d->begin(site => 0, path => $quick);
                $gained = served($w, $d);
                $d->abort(shift @runs) if @runs > 3;
            }
            kill 'KILL', @storms;
            waitpid $_, 0 for @storms;
            $d->abort($_) for @runs;
            return $gained || (until_true(sub { !Omakase::CgiAttack::processes($w, 'mallory') }) ? '' : 'GAINED: a stopped child is left');
        }},
    {name => 'more at once than a customer may have', sites => {both => 'concurrent=4'},
        mutation => ['spawn.c', 'running < site->limits.concurrent', '1'],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(mallory => 'long.cgi', 'exec sleep 60');
            my @runs = map { $d->begin(site => 0, path => $file) } 1 .. 12;
            until_true(sub { Omakase::CgiAttack::processes($w, 'mallory') >= 4 });
            my $gained = served($w, $d);
            my $n = () = Omakase::CgiAttack::processes($w, 'mallory');
            my $codes = join ' ', map { $d->finish($_, 0.3)->{codes} } @runs;
            $d->abort($_) for @runs;
            return $gained || ($n > 4 ? "GAINED: $n run" : (() = $codes =~ /E18/g) == 8 ? '' : "codes: $codes");
        }},
    {name => 'as many in each of two sites of a customer\'s', sites => {both => 'concurrent=4'},
        config => sub {
            my ($w) = @_;
            my $m = $w->{mallory};
            return join "\t", 'site', 2, @$m{qw(login uid gid root login root)}, 'concurrent=4';
        },
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(mallory => 'long.cgi', 'exec sleep 60');
            my @runs = map { $d->begin(site => $_ % 2 ? 0 : 2, path => $file) } 1 .. 12;
            until_true(sub { Omakase::CgiAttack::processes($w, 'mallory') >= 4 });
            my $gained = served($w, $d);
            my $n = () = Omakase::CgiAttack::processes($w, 'mallory');
            $d->abort($_) for @runs;
            return $gained || ($n > 4 ? "GAINED: $n run" : '');
        }},
);

# The daemon must have ended by itself, saying why.
sub refused {
    my ($w, $d) = @_;
    until_true(sub { !$d->alive }, 5) or return 'GAINED: it runs: ' . say_id($w, $d);
    return ($d->{status} >> 8) && $d->log =~ /out of range|httpd's own user/ ? '' : "status $d->{status}: " . $d->log;
}

sub say_id {
    my ($w, $d) = @_;
    my $r = $d->ask(site => 2, path => $w->sh(alice => 'id.cgi', 'id'), seconds => 3);
    return $r->{out} || $r->{codes};
}

sub socket_of {
    my ($w, $d) = @_;
    my $path = "$w->{dir}/control." . $d->pid;
    until_true(sub { -S $path }) or die "no socket $path: " . $d->log . "\n";
    return $path;
}

sub ask_control {
    my ($path, $line) = @_;
    my $s = IO::Socket::UNIX->new(Peer => $path) or return '';
    $SIG{PIPE} = 'IGNORE';
    syswrite $s, "$line\n";
    $s->shutdown(1);
    local $/;
    return <$s> // '';
}

# Sends the signal to all that mallory has, without end, from a process group
# of its own that survives it.
sub storm {
    my ($w, $signal) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    Omakase::CgiAttack::become($w->{mallory});
    my $parent = getppid;
    while (getppid == $parent) {
        for my $p (map { m{(\d+)} } grep { ((stat)[4] // 0) == $< } glob '/proc/[0-9]*') {
            kill $signal, $p if $p != $$ && slurp("/proc/$p/cmdline") !~ /cgi_attack/;
        }
    }
    POSIX::_exit(0);
}
