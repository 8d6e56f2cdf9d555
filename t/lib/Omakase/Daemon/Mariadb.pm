package Omakase::Daemon::Mariadb;

# MariaDB from conf.d/mariadb, on a socket and a port of 127.0.0.1. Who runs
# the test is its administrator, by the socket.
#
#   $i->mariadb->sql('SELECT 1')       one statement as the administrator
#   $i->mariadb->client(USER, PASSWORD, 'SELECT 1', '--host=127.0.0.1')

use v5.30;
use warnings;
use parent 'Omakase::Daemon';
use Carp;
use File::Path qw(make_path);
use File::Temp ();
use IO::Socket::UNIX;

sub name {'mariadb'}
sub error_log { $_[0]->root . '/log/mariadb.log' }
sub socket { $_[0]->root . '/run/mariadb/mariadb.sock' }
sub pidfile { $_[0]->root . '/run/mariadb/mariadb.pid' }
sub datadir { $_[0]->root . '/var/mysql' }
sub conf { $_[0]->root . '/etc/mariadb/my.cnf' }
sub mark { '--defaults-file=' . $_[0]->conf }
sub port { $_[0]{port} }
sub addresses { ['MYSQL_SOCKET', $_[0]->socket] }

sub program {
    my ($found) = grep { -x } map {"$_/mariadbd"} qw(/usr/sbin /usr/local/sbin);
    return $found;
}

sub wanted { $_[0]->instance->{databases} && defined program() }

sub configure {
    my ($self) = @_;
    return if !$self->wanted;
    my $i = $self->instance;
    my $confd = $i->{confd} // $i->layout('confd');
    $self->{port} //= $self->free_port;
    make_path($self->root . '/etc/mariadb');
    for my $dir ($self->socket =~ s{/[^/]*\z}{}r) {
        make_path($dir);
        chmod 0755, $dir;
        _give($dir);
    }
    if (!-d $self->datadir) {
        my $out = qx{\Q@{[$i->layout('libexec')]}\E/mariadb-init \Q@{[$self->datadir]}\E 2>&1};
        croak "mariadb-init: $out" if $?;
    }
    open my $log, '>>', $self->error_log or croak $self->error_log . ": $!";
    close $log;
    _give($self->error_log);
    my %value = (CONFD => $confd, DATADIR => $self->datadir, SOCKET => $self->socket, TMPDIR => $self->socket =~ s{/[^/]*\z}{}r,
        PIDFILE => $self->pidfile, LOGFILE => $self->error_log, NETWORK => "port = $self->{port}");
    open my $in, '<', "$confd/mariadb/my.cnf" or croak "$confd/mariadb/my.cnf: $!";
    my $text = do { local $/; <$in> };
    $text =~ s/^#.*\n//mg;
    $text =~ s/\@([A-Z]+)\@/$value{$1} \/\/ croak "my.cnf: nothing for \@$1\@"/ge;
    # Nobody keeps a test's data: the disk need not follow.
    $text .= "innodb_flush_log_at_trx_commit = 0\ninnodb_flush_method = nosync\n"
        if $i->{temporary};
    open my $out, '>', $self->conf or croak $self->conf . ": $!";
    print {$out} $text;
    close $out or croak $self->conf . ": $!";
    return;
}

# Root's MariaDB runs as mysql.
sub _give {
    my ($path) = @_;
    return if $> != 0;
    my (undef, undef, $uid, $gid) = getpwnam 'mysql' or croak 'no user mysql';
    chown $uid, $gid, $path;
    return;
}

sub command {
    my ($self) = @_;
    return (program(), '--defaults-file=' . $self->conf, $> == 0 ? '--user=mysql' : ());
}

# It listens on the socket before it answers: the greeting tells.
sub wait_ready {
    my ($self) = @_;
    for my $try (1 .. 5) {
        my $ready = $self->poll('mariadb', 60, sub {
            return 'dead' if !$self->alive;
            my $s = IO::Socket::UNIX->new(Peer => $self->socket) or return;
            return sysread($s, my $hello, 5) && 'yes';
        });
        return if $ready && $ready eq 'yes';
        my $log = $self->tail($self->error_log, 40) . $self->tail($self->outfile);
        croak "mariadb did not start:\n$log" if $try == 5 || $log !~ /Address already in use/;
        unlink $self->error_log;
        $self->{port} = undef;
        $self->configure;
        $self->start;
    }
    return;
}

# Output of one run of the client; a password goes by a file, as it should.
sub client {
    my ($self, $user, $password, $sql, @options) = @_;
    my $file = File::Temp->new(TEMPLATE => 'omakase-my-XXXXXX', TMPDIR => 1);
    say {$file} "[client]\nuser=$user\n", defined $password ? qq{password="$password"\n} : '';
    $file->flush;
    @options = ('--socket=' . $self->socket) if !@options;
    my @c = map { quotemeta } 'mariadb', "--defaults-file=$file", '-NB',
        '--default-character-set=utf8mb4', @options, '-e', $sql;
    my $out = qx{@c 2>&1};
    return $out;
}

sub sql {
    my ($self, $sql) = @_;
    my $out = $self->client(scalar getpwuid $>, undef, $sql);
    croak $out if $?;
    return $out;
}

sub log_text {
    my ($self) = @_;
    open my $fh, '<', $self->error_log or return '';
    local $/;
    return <$fh> // '';
}

# Lines of its log that a clean run does not have.
sub unexpected {
    my ($self, @expected) = @_;
    return grep {
        my $line = $_;
        $line =~ /\[(?:ERROR|Warning)\]/ && !grep { $line =~ $_ } @expected
    } map {"$_\n"} split /\n/, $self->log_text;
}

1;
