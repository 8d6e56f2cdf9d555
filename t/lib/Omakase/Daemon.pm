package Omakase::Daemon;

# What all daemons of an instance have in common: start in a session of its
# own, poll until it answers, stop by pid. A subclass says its name, command,
# port and readiness:
#
#   name           httpd
#   configure      writes its files below the instance's root
#   command        program and arguments, staying in the foreground
#   wait_ready     polls; croaks with the log's end when the daemon died
#   addresses      [NAME => value]... for ROOT/addresses
#   mark           what stands, between NULs, in the command line of each of
#                  its processes and of no other program

use v5.30;
use warnings;
use Carp;
use IO::Socket::INET;
use POSIX ();
use Scalar::Util qw(weaken);
use Time::HiRes qw(sleep time);

sub new {
    my ($class, %o) = @_;
    my $self = bless {%o}, $class;
    weaken $self->{instance};
    return $self;
}

sub instance { $_[0]{instance} }
sub root { $_[0]{instance}->root }
sub pidfile { $_[0]->root . '/run/' . $_[0]->name . '.pid' }
sub outfile { $_[0]->root . '/log/' . $_[0]->name . '.out' }
sub addresses { () }
sub mark { () }

# Whether this instance has anything for the daemon to do.
sub wanted {1}

# A loopback port that is free now. The kernel hands out another each time; a
# daemon that finds it taken all the same is started again by start().
sub free_port {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1,
        Proto => 'tcp') or croak "no free port: $@";
    return $s->sockport;
}

sub port_is_free {
    my ($port) = @_;
    return !!IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
        Listen => 1, ReuseAddr => 1, Proto => 'tcp');
}

# The pid of the running daemon, or 0. A pid file of a past boot or of another
# program does not count: the process must have been started with our root.
sub pid {
    my ($self) = @_;
    open my $fh, '<', $self->pidfile or return 0;
    my $pid = (<$fh> // '') =~ /^(\d+)/ ? $1 : return 0;
    open my $cmd, '<', "/proc/$pid/cmdline" or return 0;
    my $line = <$cmd> // '';
    return index($line, $self->root) >= 0 ? $pid : 0;
}

sub start {
    my ($self) = @_;
    my @command = (@{$self->instance->{wrapper}}, $self->command);
    # Of one that was killed: daemons take any process of that number for it.
    unlink $self->pidfile if !$self->pid;
    my $out = $self->outfile;
    pipe my $r, my $w or croak "pipe: $!";
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        # A session of its own: stop signals of httpd go to its whole group.
        # Forked twice, so that the daemon outlives whoever started it.
        close $r;
        POSIX::setsid();
        my $child = fork // POSIX::_exit(1);
        if ($child) {
            syswrite $w, "$child\n";
            POSIX::_exit(0);
        }
        close $w;
        @ENV{keys %{$self->instance->{env}}} = values %{$self->instance->{env}};
        POSIX::setpgid(0, 0);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $out or POSIX::_exit(1);
        open STDERR, '>&', \*STDOUT;
        POSIX::close($_) for 3 .. 63;
        exec {$command[0]} @command or POSIX::_exit(127);
    }
    close $w;
    waitpid $pid, 0;
    $self->{started} = (<$r> // '') =~ /(\d+)/ ? $1 : croak 'fork failed';
    return;
}

sub poll {
    my ($self, $what, $seconds, $test) = @_;
    my $end = time + $seconds;
    while (1) {
        my $got = $test->();
        return $got if $got;
        return if time > $end;
        sleep 0.02;
    }
}

sub alive {
    my ($self) = @_;
    my $pid = $self->{started} or return 0;
    open my $fh, '<', "/proc/$pid/stat" or return 0;
    return (<$fh> // '') !~ /\) Z /;
}

sub tail {
    my ($self, $file, $lines) = @_;
    open my $fh, '<', $file or return '';
    my @l = <$fh>;
    splice @l, 0, -($lines // 20) if @l > ($lines // 20);
    return join '', @l;
}

# All of its processes. Children outlive a parent that was killed, and keep
# its port.
sub pids {
    my ($self) = @_;
    my $mark = $self->mark // return;
    my @pids;
    for my $file (glob '/proc/[0-9]*/cmdline') {
        open my $fh, '<', $file or next;
        push @pids, $file =~ /(\d+)/ if index("\0" . (<$fh> // ''), "\0$mark\0") >= 0;
    }
    return @pids;
}

# Ends the daemon in its own way; after 20 s by force. True when it went by
# itself.
sub stop {
    my ($self) = @_;
    my $pid = $self->pid || ($self->alive ? $self->{started} : 0);
    my $ok = 1;
    if ($pid) {
        kill 'TERM', $pid;
        $ok = $self->_gone(20, $pid) || do {
            kill 'KILL', -$pid, $pid;
            $self->_gone(5, $pid);
            0;
        };
    }
    if (my @left = $self->pids) {
        kill 'KILL', @left;
        $self->_gone(5, @left);
    }
    unlink $self->pidfile;
    delete $self->{started};
    return $ok;
}

sub _gone {
    my ($self, $seconds, @pids) = @_;
    return $self->poll('end', $seconds, sub {
        for my $pid (@pids) {
            open my $fh, '<', "/proc/$pid/stat" or next;
            return 0 if (<$fh> // '') =~ /\) [^Z] /;
        }
        return 1;
    });
}

1;
