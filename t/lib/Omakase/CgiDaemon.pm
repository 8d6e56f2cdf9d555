package Omakase::CgiDaemon;

# The CGI wrapper's daemon alone, as httpd starts it, and what can be sent to it:
# requests as a worker makes them, and any other datagram with any descriptors.
#
#   my $d = Omakase::CgiDaemon->start(config => ["site\t0\t..."]);
#   my $r = $d->ask(site => 0, path => '/srv/a/x.cgi', env => {QUERY_STRING => 'a=b'});
#   $r->{out}, $r->{err}, $r->{codes}     # text, text, 'E03' or ''
#
# The packed forms are cgi-wrapper/wire.h's.

use v5.30;
use warnings;
use Carp;
use Errno qw(EINTR);
use Fcntl qw(:DEFAULT F_SETFD FD_CLOEXEC);
use File::Temp ();
use POSIX qw(:sys_wait_h);
use Socket;
use Time::HiRes qw(sleep time);
require 'sys/syscall.ph'; ## no critic: the numbers of this machine

my $MAGIC = 0x43474957;
my ($RUN, $EXEC_CMD, $NO_STDIN) = (1, 2, 1);
my %KIND = (1 => 'started', 2 => 'warned', 3 => 'refused', 4 => 'ended');
my ($F_ADD_SEALS, $SEALS) = (1033, 0x0f); # seal, shrink, grow, write
my ($MFD_CLOEXEC, $MFD_ALLOW_SEALING) = (1, 2);

# program   the daemon (default: the stage's)
# config    records; the first, of the version, is put before them
# groups    supplementary groups that it is started with
# before    called in the child just before exec
# table     of running scripts, of a daemon that was there before: $d->table
sub start {
    my ($class, %o) = @_;
    my $self = bless {owner => $$, %o}, $class;
    $self->{program} //= _staged() . '/cgi-wrapper';
    socketpair my $mine, my $its, AF_UNIX, SOCK_SEQPACKET, 0 or croak "socketpair: $!";
    my $config = memfd(join '', map {"$_\0"} "cgi-wrapper\t1", @{$o{config}});
    my $table = $self->{table} //= memfd("\0" x 131_072); # 4,096 runs
    $self->{log} = File::Temp->new;
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        my @fds = map { fcntl $_, F_DUPFD(), 20 or POSIX::_exit(126) } $its, $config, $table;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>&', $self->{log};
        $o{before}->() if $o{before};
        POSIX::dup2($fds[$_] + 0, $_ + 3) for 0 .. $#fds;
        POSIX::close($_) for grep { !$o{keep} || $_ != $o{keep} } 6 .. 63;
        $) = $o{groups} if defined $o{groups};
        %ENV = %{$o{environment} // {}};
        exec {$self->{program}} 'cgi-wrapper', '--daemon' or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    $self->{socket} = $mine;
    return $self;
}

sub _staged {
    my $stage = $ENV{OMAKASE_STAGE} // croak 'OMAKASE_STAGE: no stage';
    open my $fh, '<', "$stage/layout" or croak "layout: $!";
    return {map { chomp; split /=/, $_, 2 } <$fh>}->{libexec};
}

sub pid { $_[0]{pid} }
sub socket { $_[0]{socket} }
sub table { $_[0]{table} }

sub log {
    my ($self) = @_;
    open my $fh, '<', "$self->{log}" or return '';
    local $/;
    return <$fh> // '';
}

# Whether it runs, and has not ended as a zombie.
sub alive {
    my ($self) = @_;
    return 1 if !defined $self->{status} && waitpid($self->{pid}, WNOHANG) == 0;
    $self->{status} //= $?;
    return 0;
}

# Closes the workers' end and waits; the wait status, or undef after 20 s, when
# it was killed.
sub stop {
    my ($self) = @_;
    close delete $self->{socket} if $self->{socket};
    until_true(sub { !$self->alive }, 20) and return $self->{status};
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    $self->{status} = $?;
    return;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $!, $@);
    if ($self->alive) {
        kill 'TERM', $self->{pid};
        $self->stop;
    }
    return;
}

# Polls; true when the test was, within so many seconds.
sub until_true {
    my ($test, $seconds) = @_;
    my $end = time + ($seconds // 10);
    while (1) {
        my $got = $test->();
        return $got if $got;
        return if time > $end;
        sleep 0.01;
    }
}

# A memfd with that text, sealed when $seals is given.
sub memfd {
    my ($text, $seals) = @_;
    my $name = 'test';
    my $fd = syscall &SYS_memfd_create, $name, $MFD_CLOEXEC | $MFD_ALLOW_SEALING;
    $fd >= 0 or croak "memfd_create: $!";
    open my $fh, '+<&=', $fd or croak "fdopen: $!";
    length $text and (syswrite($fh, $text) // -1) == length $text || croak "write: $!";
    sysseek $fh, 0, 0;
    fcntl $fh, $F_ADD_SEALS, $seals or croak "seals: $!" if $seals;
    return $fh;
}

# Sends bytes with descriptors; the bytes sent, or undef and $!.
sub send_raw {
    my ($socket, $bytes, @fds) = @_;
    my $vector = pack 'P Q', $bytes, length $bytes;
    my $rights = @fds ? pack('Q l l', 16 + 4 * @fds, SOL_SOCKET, 1) . pack('l*', @fds) : '';
    $rights .= "\0" x (-length($rights) % 8);
    my $message = pack 'Q L x4 P Q ' . ($rights eq '' ? 'Q' : 'P') . ' Q l x4', 0, 0, $vector, 1,
        ($rights eq '' ? 0 : $rights), length $rights, 0;
    my $n;
    do { $n = syscall &SYS_sendmsg, fileno $socket, $message, 0x4000 } # MSG_NOSIGNAL
        while $n < 0 && $! == EINTR;
    return $n < 0 ? undef : $n;
}

# A request's datagram; every field can be said otherwise.
sub request {
    my (%o) = @_;
    my $path = $o{path} // '';
    $path .= "\0$o{command}" if defined $o{command};
    return pack('L S S L L L L L', $o{magic} // $MAGIC, $o{version} // 1,
        $o{kind} // (defined $o{command} ? $EXEC_CMD : $RUN), $o{site} // 0,
        $o{flags} // (defined $o{stdin} ? 0 : $NO_STDIN), $o{path_len} // length $path,
        $o{env_count} // 0, $o{env_bytes} // 0) . $path;
}

# The environment's bytes as httpd makes them, in the order of the names.
sub environment { my ($env) = @_; return join '', map {"$_=$env->{$_}\0"} sort keys %$env }

my %ENVIRONMENT = (GATEWAY_INTERFACE => 'CGI/1.1', SERVER_PROTOCOL => 'HTTP/1.1', REQUEST_METHOD => 'GET',
    SERVER_NAME => 'www.example.localhost', QUERY_STRING => '', SCRIPT_NAME => '/x.cgi');

# Begins a run: as request(), and
#   env         variables, beside those that httpd always sends
#   block       the environment's bytes in place of those
#   seals       of the memfd; 0: none
#   stdin       text to send
#   fds         all descriptors in place of its own
# Returns a run for finish(), or undef when the daemon has not taken it.
sub begin {
    my ($self, %o) = @_;
    my %env = (%ENVIRONMENT, SCRIPT_FILENAME => $o{path}, %{$o{env} // {}});
    my $block = $o{block} // environment(\%env);
    $o{env_count} //= ($block =~ tr/\0//);
    $o{env_bytes} //= length $block;
    my $run = {out => '', err => '', replies => [], begun => time};
    pipe $run->{r_out}, my $out or croak "pipe: $!";
    pipe $run->{r_err}, my $err or croak "pipe: $!";
    socketpair $run->{control}, my $control, AF_UNIX, SOCK_SEQPACKET, 0 or croak "socketpair: $!";
    my @fds = ($out, $err, $control, $o{memfd} // memfd($block, $o{seals} // $SEALS));
    if (defined $o{stdin}) {
        my $in = File::Temp->new;
        print {$in} $o{stdin};
        $in->flush;
        sysseek $in, 0, 0;
        unshift @fds, $in;
    }
    my @sent = $o{fds} ? @{$o{fds}} : map { fileno $_ } @fds;
    # By who may: a process that never gets an answer would block here.
    defined send_raw($o{socket} // $self->socket, request(%o), @sent) or return;
    return $run;
}

# Reads what a run says until all its ends are closed, for $seconds at most;
# {out, err, replies => [{kind, code, ...}], codes => "E14", timeout => 1}.
sub finish {
    my ($self, $run, $seconds) = @_;
    my $end = time + ($seconds // 20);
    my %open = map { $_ => $run->{$_} } grep { $run->{$_} } qw(r_out r_err control);
    while (%open) {
        my $left = $end - time;
        if ($left <= 0) {
            $run->{timeout} = 1;
            last;
        }
        my $bits = '';
        vec($bits, fileno $_, 1) = 1 for values %open;
        select $bits, undef, undef, $left;
        for my $name (keys %open) {
            next if !vec $bits, fileno $open{$name}, 1;
            _read($run, $name) or delete $open{$name};
        }
    }
    $run->{codes} = join ' ', map { $_->{code} ? sprintf('E%02d', $_->{code}) : () } @{$run->{replies}};
    $run->{text} = join "\n", map { $_->{text} } @{$run->{replies}};
    return $run;
}

sub _read {
    my ($run, $name) = @_;
    my $fh = $run->{$name};
    if ($name eq 'control') {
        my $got = recv $fh, my $bytes, 4096, 0;
        return 0 if !defined $got || !length $bytes;
        push @{$run->{replies}}, reply($bytes);
        return 1;
    }
    my $n = sysread $fh, my $text, 65536;
    return 0 if !$n;
    $run->{$name eq 'r_out' ? 'out' : 'err'} .= $text;
    return 1;
}

sub reply {
    my ($bytes) = @_;
    my %r;
    @r{qw(magic kind code run status wall_ms cpu_ms memory detail0 detail1 length retry reserved)} =
        unpack 'L S S L l L L Q Q Q S S L', $bytes;
    $r{text} = substr $bytes, 56;
    $r{kind} = $KIND{$r{kind}} // $r{kind};
    return \%r;
}

# Both.
sub ask {
    my ($self, %o) = @_;
    my $seconds = delete $o{seconds};
    my $run = $self->begin(%o) // return {out => '', err => '', replies => [], codes => 'not sent', text => "$!"};
    return $self->finish($run, $seconds);
}

# The client goes away.
sub abort { my ($self, $run) = @_; delete @$run{qw(control r_out r_err)}; return }

1;
