package Omakase::Ftpd;

# A ProFTPD of a test's own, with a configuration of the test's own: a chroot
# for its users below a temporary directory, a free loopback port, clients'
# names from a hosts file in a mount namespace of its own. And a client that
# speaks FTP line by line, from any address of 127.0.0.0/8.
#
#   my $d = Omakase::Ftpd->new(hosts => {'127.0.0.2' => 'a.example.jp'},
#       config => "line\n");
#   $d->start;
#   my $c = $d->client('127.0.0.2');
#   my ($code, @lines) = $c->command('CWD /web');

use v5.30;
use warnings;
use Carp;
use File::Path qw(make_path);
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);
use Omakase::Daemon;

# No such user is in the system's files.
use constant {UID => 61_731, GID => 61_731};

# Why it cannot run here, or nothing.
sub missing {
    return 'needs root: a chroot, and users' if $>;
    return 'needs ProFTPD' if !-x '/usr/sbin/proftpd';
    return 'needs mount namespaces' if system('unshare -m true 2>/dev/null') != 0;
    return;
}

sub new {
    my ($class, %o) = @_;
    my $self = bless {%o, dir => File::Temp->newdir('omakase-ftpd-XXXXXX', TMPDIR => 1)}, $class;
    chmod 0755, $self->dir;
    make_path($self->tree);
    return $self;
}

sub dir { "$_[0]{dir}" }
sub tree { $_[0]->dir . '/tree' }
sub log { $_[0]->dir . '/proftpd.log' }
sub port { $_[0]{port} }

sub spew {
    my ($path, @text) = @_;
    open my $fh, '>', $path or croak "$path: $!";
    print {$fh} @text;
    close $fh or croak "$path: $!";
    return;
}

# A directory or file of the tree, the customer's.
sub make_dir {
    my ($self, $path) = @_;
    make_path($self->tree . $path);
    chown UID, GID, $self->tree . $path;
    return;
}

sub put {
    my ($self, $path, $text) = @_;
    spew($self->tree . $path, $text);
    chown UID, GID, $self->tree . $path;
    return;
}

sub get {
    my ($self, $path) = @_;
    open my $fh, '<:raw', $self->tree . $path or return;
    local $/;
    return <$fh>;
}

sub write_files {
    my ($self) = @_;
    my $dir = $self->dir;
    my $users = $self->{users} // {u1 => '/', u2 => '/'};
    my $groups = $self->{groups} // {g1 => ['u1'], g2 => ['u1', 'u2']};
    my $gid = GID;
    my $hash = crypt 'pw', '$1$omakase$';
    $self->make_dir('/');
    spew("$dir/passwd", map { "$_:$hash:" . UID . ':' . GID . "::$dir/tree$users->{$_}:/bin/sh\n" } sort keys %$users);
    spew("$dir/group", "main:x:" . GID . ":\n",
        map { "$_:x:" . ++$gid . ':' . join(',', @{$groups->{$_}}) . "\n" } sort keys %$groups);
    chmod 0600, "$dir/passwd", "$dir/group";
    my $hosts = $self->{hosts} // {};
    spew("$dir/hosts", "127.0.0.1 localhost\n", map {"$_ $hosts->{$_}\n"} sort keys %$hosts);
    spew("$dir/resolv.conf", "nameserver 127.0.0.1\noptions attempts:1 timeout:1\n");
    my @modules = @{$self->{modules} // []};
    make_path("$dir/modules");
    for my $path (@modules) { symlink $path, "$dir/modules/" . $path =~ s{.*/}{}r }
    my $load = join '', @modules ? "ModulePath $dir/modules\n" : (),
        map { 'LoadModule ' . s{.*/}{}r =~ s/so\z/c/r . "\n" } @modules;
    spew("$dir/proftpd.conf", $load, <<"EOT", $self->{config} // '');
ServerName test
ServerType standalone
DefaultServer on
DefaultAddress 127.0.0.1
SocketBindTight on
Port $self->{port}
User nobody
Group nogroup
PidFile $dir/proftpd.pid
ScoreboardFile $dir/scoreboard
SystemLog $dir/proftpd.log
TransferLog none
WtmpLog off
AuthOrder mod_auth_file.c
AuthUserFile $dir/passwd
AuthGroupFile $dir/group
RequireValidShell off
DefaultRoot $dir/tree
AllowOverride @{[$self->{no_override} ? "off" : "on"]}
AllowOverwrite @{[$self->{no_overwrite} ? "off" : "on"]}
AllowStoreRestart on
UseReverseDNS on
TimesGMT on
DelayEngine off
TimeoutLinger 1
MaxInstances 100
EOT
    return;
}

sub start {
    my ($self) = @_;
    for my $try (1 .. 5) {
        $self->{port} = Omakase::Daemon->free_port;
        $self->write_files;
        my $dir = $self->dir;
        my $pid = fork // croak "fork: $!";
        if (!$pid) {
            POSIX::setsid();
            open STDOUT, '>>', "$dir/out";
            open STDERR, '>&', \*STDOUT;
            exec {'unshare'} 'unshare', '-m', 'sh', '-c',
                "mount --bind $dir/hosts /etc/hosts && mount --bind $dir/resolv.conf /etc/resolv.conf && exec /usr/sbin/proftpd -n -q -c $dir/proftpd.conf"
                or croak "unshare: $!";
        }
        $self->{pid} = $pid;
        return $self if $self->answers;
        $self->stop;
    }
    open my $fh, '<', $self->dir . '/out';
    croak 'ProFTPD does not start: ' . join '', $fh ? <$fh> : ();
}

sub answers {
    my ($self) = @_;
    my $end = time + 30;
    while (time < $end) {
        return if waitpid($self->{pid}, POSIX::WNOHANG()) > 0;
        my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 5);
        return 1 if $s && (<$s> // '') =~ /^220/;
        sleep 0.05;
    }
    return;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    local $? = 0;
    kill 'TERM', $pid;
    my $end = time + 10;
    while (waitpid($pid, POSIX::WNOHANG()) == 0) {
        if (time > $end) {
            kill 'KILL', $pid;
            waitpid $pid, 0;
            last;
        }
        sleep 0.02;
    }
    return;
}

sub DESTROY {
    my ($self) = @_;
    $self->stop if ($self->{owner} //= $$) == $$;
    return;
}

sub client {
    my ($self, $from, %o) = @_;
    return Omakase::Ftpd::Client->new($self, $from, %o);
}

package Omakase::Ftpd::Client;

use v5.30;
use warnings;
use Carp;
use IO::Socket::INET;

sub new {
    my ($class, $server, $from, %o) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port,
        LocalAddr => $from // '127.0.0.1', Timeout => 20) or croak "no connection from $from: $!";
    my $self = bless {socket => $s, from => $from // '127.0.0.1', server => $server}, $class;
    ($self->reply)[0] == 220 or croak 'no greeting';
    if (($o{user} // 'u1') ne '') {
        $self->command('USER ' . ($o{user} // 'u1'));
        my ($code, @text) = $self->command('PASS pw');
        croak "login: $code @text" if $code != 230;
        $self->command('TYPE I');
    }
    return $self;
}

# The code and the lines of a reply; 0 where the connection has ended.
sub reply {
    my ($self) = @_;
    my $s = $self->{socket};
    my $line = <$s> // return 0;
    my ($code, $more, $text) = $line =~ /^(\d{3})([ -])(.*?)\r?\n\z/s or croak "no reply: $line";
    my @text = ($text);
    while ($more eq '-') {
        $line = <$s> // return 0;
        push @text, $line =~ s/\r?\n\z//r =~ s/^(?:$code[ -]| )//r;
        $more = '' if $line =~ /^$code /;
    }
    return ($code, @text);
}

sub command {
    my ($self, $line) = @_;
    print {$self->{socket}} "$line\r\n";
    return $self->reply;
}

# PASV: the reply's code; the port is kept for the next transfer.
sub pasv {
    my ($self) = @_;
    my ($code, $text) = $self->command('PASV');
    $self->{data} = $code == 227 && $text =~ /(\d+),(\d+)\)/ ? $1 * 256 + $2 : undef;
    return $code;
}

# A transfer on the port of the last pasv: the last reply's code, what came
# (or undef before a data connection), and the reply's lines.
sub transfer {
    my ($self, $line, $send) = @_;
    my $port = delete $self->{data};
    my $s = $port && IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
        LocalAddr => $self->{from}, Timeout => 20);
    my ($code, @text) = $self->command($line);
    return ($code, undef, @text) if $code >= 200;
    my $got = '';
    if ($s) {
        if (defined $send) {
            print {$s} $send;
        }
        else {
            local $/;
            $got = <$s> // '';
        }
        close $s;
    }
    ($code, @text) = $self->reply;
    return ($code, $got, @text);
}

sub put {
    my ($self, $name, $text) = @_;
    $self->pasv;
    my ($code, undef, @text) = $self->transfer("STOR $name", $text);
    return ($code, @text);
}

sub quit {
    my ($self) = @_;
    $self->command('QUIT');
    close $self->{socket};
    return;
}

1;
