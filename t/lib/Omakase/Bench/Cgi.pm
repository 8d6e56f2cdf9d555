package Omakase::Bench::Cgi;

# One httpd with a virtual host for each way of running the same scripts:
#
#   www.cgid.localhost     mod_cgid alone: as httpd's user
#   www.suexec.localhost   mod_cgid with suexec, as a user of the benchmark's own
#   www.wrapper.localhost  the CGI wrapper, as that user
#
#   my $b = Omakase::Bench::Cgi->new->start;
#   $b->rate('suexec', '/hello.cgi');        # requests/s of eight clients
#
# suexec's document root and log are compiled in, so httpd gets a mount namespace
# in which /var/www and /var/log/apache2 are directories of the benchmark's.

use v5.30;
use warnings;
use Carp;
use File::Copy qw(copy);
use File::Path qw(make_path);
use Omakase::Bench qw(seconds);
use Omakase::Instance;

my $CLIENTS = 8;

our @WAYS = qw(cgid suexec wrapper);

# As of Omakase::Instance; wrapper_conf: further lines of the wrapper's host.
sub new {
    my ($class, %o) = @_;
    croak 'needs root: suexec and the CGI wrapper become another user' if $>;
    my $self = bless {owner => $$, user => _user()}, $class;
    my $cpu = delete $o{wrapper} // [];
    my $more = delete $o{wrapper_conf} // '';
    my $conf = delete $o{conf} // '';
    $self->{instance} = my $i = Omakase::Instance->new(daemons => ['httpd'],
        load => _load(), wrapper => [@$cpu, 'unshare', '-m', 'sh', '-c',
            'mount --bind "$0/www" /var/www && mount --bind "$0/suexec" /var/log/apache2 && exec "$@"', 'ROOT'],
        %o, conf => $conf . _conf($self->{user}, $more));
    $i->{wrapper}[-1] = $i->root;
    make_path(map { $i->root . "/$_" } 'www', 'suexec');
    my $dir = $i->root . '/www/scripts';
    make_path($dir);
    my (undef, undef, $uid, $gid) = getpwnam $self->{user};
    chown $uid, $gid, $dir or croak "$dir: $!";
    my $hello = "$ENV{OMAKASE_BUILDDIR}/t/bench/hello";
    copy($hello, "$dir/hello.cgi") or croak "$hello: $!";
    $self->script('perl.cgi', qq{#!/usr/bin/perl\nprint "Content-Type: text/plain\\n\\nhello\\n";\n});
    $self->_own('hello.cgi');
    return $self;
}

sub instance { $_[0]{instance} }
sub user { $_[0]{user} }

# A script of the user's, reached under its name in each host.
sub script {
    my ($self, $name, $text) = @_;
    my $file = $self->instance->root . "/www/scripts/$name";
    open my $fh, '>', $file or croak "$file: $!";
    print {$fh} $text;
    close $fh or croak "$file: $!";
    return $self->_own($name);
}

sub _own {
    my ($self, $name) = @_;
    my $file = $self->instance->root . "/www/scripts/$name";
    my (undef, undef, $uid, $gid) = getpwnam $self->user;
    chown $uid, $gid, $file or croak "$file: $!";
    chmod 0755, $file or croak "$file: $!";
    return $file;
}

sub start {
    my ($self) = @_;
    $self->instance->start;
    return $self;
}

# Requests a second of eight clients, each on a connection that is kept. Not
# bound to processors unless client says so: what a client takes beside a script
# is little.
sub rate {
    my ($self, $way, $path, %o) = @_;
    my $text = $self->_wrk($way, $path, seconds() . 's', $o{client});
    my ($rate) = $text =~ m{^Requests/sec:\s+([\d.]+)}m or croak $text;
    return $rate;
}

# Asks for a while that is good for some n requests; returns how many they were.
sub requests {
    my ($self, $way, $path, $n) = @_;
    my $seconds = 1 + int($n / 1000);
    my ($requests) = $self->_wrk($way, $path, ($seconds > 20 ? 20 : $seconds) . 's') =~ m{^\s*(\d+) requests in}m
        or croak 'wrk says no number';
    return $requests;
}

sub _wrk {
    my ($self, $way, $path, $duration, $before) = @_;
    my @command = (@{$before // []}, 'wrk', '-t1', "-c$CLIENTS", '-d', $duration, '--timeout', '30s',
        '-H', "Host: www.$way.localhost", 'http://' . $self->instance->httpd->addr . $path);
    open my $fh, '-|', @command or croak "wrk: $!";
    my $text = do { local $/; <$fh> };
    close $fh or croak "@command\n$text";
    croak "@command\n$text" if $text =~ /Non-2xx|Socket errors/;
    return $text;
}

sub _load {
    return join '', map {qq{LoadModule ${_}_module "\${HTTPD_MODULES}/mod_$_.so"\n}} qw(suexec cgid);
}

sub _conf {
    my ($user, $more) = @_;
    return <<"END" . _host('cgid', 'cgi-script', '') . _host('suexec', 'cgi-script', "SuexecUserGroup $user $user")
ScriptSock "\${OMAKASE_ROOT}/run/cgid"
END
        . _host('wrapper', 'omakase-cgi', <<"END");
CGIWrapper on
    CGIWrapperUser $user $user
    $more
END
}

sub _host {
    my ($way, $handler, $more) = @_;
    return <<"END";
<VirtualHost *:*>
    ServerName www.$way.localhost
    DocumentRoot /var/www/scripts
    <Directory /var/www/scripts>
        Require all granted
        Options ExecCGI
        <Files "*.cgi">
            SetHandler $handler
        </Files>
    </Directory>
    $more
</VirtualHost>
END
}

# A user whose name nobody has.
sub _user {
    my $user = 'ob' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 8;
    system('useradd', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/usr/sbin/nologin', $user) == 0
        or croak "useradd $user failed";
    return $user;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $@, $!);
    undef $self->{instance};
    # Its last script may be ending still.
    for (1 .. 100) {
        last if !defined getpwnam $self->{user} || system("userdel $self->{user} 2>/dev/null") == 0;
        select undef, undef, undef, 0.1;
    }
    return;
}

1;
