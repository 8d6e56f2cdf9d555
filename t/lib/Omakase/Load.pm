package Omakase::Load;

# Visitors at once: processes that each send one request after another to an
# instance and note what became of each.
#
#   my $load = Omakase::Load->start($i, clients => 16, hits => 100,
#       host => 'www.example.localhost', target => '/cgi-bin/Count.cgi?df=…');
#   …                               # kill, restart, fill the disk
#   $load->stop;                    # where hits was left out
#   my @hits = $load->wait;
#
# A hit is a hash: client, n, target, sent (some of it may have reached httpd),
# status (0: no whole answer came) and body.

use v5.30;
use warnings;
use Carp;
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep);

# clients  how many (default 16)
# hits     of each client; without it they go on until stop
# host     Host, and of the Referer
# target   path and query, or sub ($client, $n) that says it
# from     sub ($client, $n): source address (default: another one each time)
# keep     one keep-alive connection a client (its address: that of n = 0)
# port     default: httpd's, as it is now
# again    how often a request is tried of which nothing could be sent (1): what
#          browsers do when a connection is closed before they have used it
sub start {
    my ($class, $instance, %o) = @_;
    my $self = bless {clients => 16, port => $instance->httpd->port, again => 1, %o,
        dir => File::Temp->newdir('omakase-load-XXXXXX', TMPDIR => 1), owner => $$}, $class;
    $self->{from} //= sub {
        my ($client, $n) = @_;
        return sprintf '127.%d.%d.%d', 10 + $client, 1 + $n / 250 % 250, 1 + $n % 250;
    };
    for my $client (0 .. $self->{clients} - 1) {
        my $pid = fork // croak "fork: $!";
        if (!$pid) {
            eval { $self->_client($client); 1 } or warn $@;
            POSIX::_exit($@ ? 1 : 0);
        }
        $self->{pid}{$pid} = 1;
    }
    return $self;
}

# Hits answered up to now, while they go on.
sub answered {
    my ($self) = @_;
    my $n = 0;
    for my $file (glob "$self->{dir}/*") {
        open my $fh, '<', $file or next;
        while (my $line = <$fh>) {
            $n++ if $line =~ /\A\d+\t\d+\t1\t[1-9]/;
        }
    }
    return $n;
}

sub stop {
    my ($self) = @_;
    kill 'TERM', keys %{$self->{pid}};
    return $self;
}

# All hits, when every client is done.
sub wait {
    my ($self) = @_;
    for my $pid (keys %{$self->{pid}}) {
        waitpid $pid, 0;
        croak "a client failed: $?" if $?;
    }
    $self->{pid} = {};
    my @hits;
    for my $client (0 .. $self->{clients} - 1) {
        open my $fh, '<', "$self->{dir}/$client" or croak "$self->{dir}/$client: $!";
        while (my $line = <$fh>) {
            chomp $line;
            my %hit;
            @hit{qw(client n sent status target body)} = split /\t/, $line, 6;
            $hit{body} =~ s/\\x(..)/chr hex $1/ge;
            push @hits, \%hit;
        }
    }
    return @hits;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $!, $@);
    kill 'KILL', keys %{$self->{pid}};
    waitpid $_, 0 for keys %{$self->{pid}};
    return;
}

sub _client {
    my ($self, $client) = @_;
    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    local $SIG{PIPE} = 'IGNORE';
    open my $out, '>', "$self->{dir}/$client" or croak "$self->{dir}/$client: $!";
    my $socket;
    for (my $n = 0; !$stop && (!defined $self->{hits} || $n < $self->{hits}); $n++) {
        my $target = ref $self->{target} ? $self->{target}->($client, $n) : $self->{target};
        my ($sent, $status, $body) = (0, 0, '');
        for (my $try = 0; !$sent && $try < $self->{again}; $try++) {
            $socket = undef if !$self->{keep} || $try;
            $socket //= $self->_connect($client, $n);
            ($sent, $status, $body) = $self->_request($socket, $target) if $socket;
        }
        $socket = undef if !$status;
        $body =~ s/([^ -~]|\\)/sprintf '\\x%02x', ord $1/ge;
        syswrite $out, join("\t", $client, $n, $sent, $status, $target, $body) . "\n";
        sleep 0.005 if !$status; # httpd is down: no storm of connections
    }
    return;
}

sub _connect {
    my ($self, $client, $n) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port},
        LocalAddr => $self->{from}->($client, $self->{keep} ? 0 : $n), Proto => 'tcp');
}

# (sent, status, body) of one request.
sub _request {
    my ($self, $socket, $target) = @_;
    my $connection = $self->{keep} ? 'keep-alive' : 'close';
    my $request = "GET $target HTTP/1.1\r\nHost: $self->{host}\r\n"
        . "Referer: http://$self->{host}/\r\nConnection: $connection\r\n\r\n";
    my $n = syswrite $socket, $request;
    return (0, 0, '') if !$n;
    my $answer = '';
    vec(my $bits = '', fileno $socket, 1) = 1;
    while (!_is_whole($answer)) {
        my $ready = $bits;
        my $got = select $ready, undef, undef, 60;
        next if $got < 0; # a signal
        last if !$got || !sysread $socket, $answer, 65536, length $answer;
    }
    my ($head, $body) = _is_whole($answer) ? split /\r\n\r\n/, $answer, 2 : ('', '');
    my ($status) = $head =~ m{\AHTTP/1\.1 (\d+)} or return (1, 0, '');
    $body =~ s/\G[0-9a-f]+\r\n(.*?)\r\n/$1/gis if $head =~ /^Transfer-Encoding: chunked/im;
    return (1, $status, $body);
}

# By its Content-Length, or its last chunk.
sub _is_whole {
    my ($answer) = @_;
    my ($head, $body) = $answer =~ /\A(.*?\r\n)\r\n(.*)\z/s or return 0;
    return length $body >= $1 if $head =~ /^Content-Length: (\d+)/im;
    return $body =~ /(?:\A|\r\n)0\r\n\r\n\z/;
}

1;
