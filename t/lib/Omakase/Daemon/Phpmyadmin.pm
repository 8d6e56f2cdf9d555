package Omakase::Daemon::Phpmyadmin;

# php-fpm with phpMyAdmin's pool from conf.d/phpmyadmin and nothing else.
# Started by root it runs as nobody.

use v5.30;
use warnings;
use parent 'Omakase::Daemon';
use Carp;
use File::Path qw(make_path);
use IO::Socket::UNIX;

my $PHPMYADMIN = '/usr/share/phpmyadmin';

sub name {'phpmyadmin'}
sub error_log { $_[0]->root . '/log/phpmyadmin.log' }
sub conf { $_[0]->root . '/etc/phpmyadmin/php-fpm.conf' }
sub mark { 'php-fpm: master process (' . $_[0]->conf . ')' }
sub socket { $_[0]->root . '/run/php/phpmyadmin.sock' }
sub dir { $_[0]->root . '/var/phpmyadmin' }

# Where phpMyAdmin is, or undef.
sub installed { -e "$PHPMYADMIN/index.php" ? $PHPMYADMIN : undef }

# Newest version first; Debian has the version in the name.
sub program {
    my ($found) = sort { _version($b) <=> _version($a) } grep { -x } glob '/usr/sbin/php-fpm*';
    return $found;
}

sub _version { $_[0] =~ /(\d+\.\d+)\z/ ? $1 : 0 }

sub wanted { $_[0]->instance->{databases} && installed() && defined program() }

sub configure {
    my ($self) = @_;
    return if !$self->wanted;
    my $i = $self->instance;
    my $confd = $i->{confd} // $i->layout('confd');
    my $user = $> == 0 ? 'nobody' : scalar getpwuid $>;
    my ($web, $web_group) = map { $_, scalar getgrgid +(getpwnam $_)[3] } $i->web_user;
    make_path(map { $self->root . "/$_" } qw(etc/phpmyadmin run/php));
    my $out = qx{\Q@{[$i->layout('libexec')]}\E/phpmyadmin-init \Q@{[$self->dir]}\E $user 2>&1};
    croak "phpmyadmin-init: $out" if $?;
    my %value = (USER => $user, GROUP => scalar getgrgid +(getpwnam $user)[3],
        SOCKET => $self->socket, HTTPD_USER => $web, HTTPD_GROUP => $web_group,
        CONFD => $confd, PHPMYADMIN => $PHPMYADMIN, DIR => $self->dir,
        MYSQL_SOCKET => $i->mariadb->socket, UPLOAD => '64M', POST => '72M', SECONDS => 600);
    open my $in, '<', "$confd/phpmyadmin/pool.conf" or croak "$confd/phpmyadmin/pool.conf: $!";
    my $text = do { local $/; <$in> };
    $text =~ s/^;.*\n//mg;
    $text =~ s/\@([A-Z_]+)\@/$value{$1} \/\/ croak "pool.conf: nothing for \@$1\@"/ge;
    open my $file, '>', $self->conf or croak $self->conf . ": $!";
    print {$file} "[global]\npid = ", $self->pidfile, "\nerror_log = ", $self->error_log,
        "\ndaemonize = no\n$text";
    close $file or croak $self->conf . ": $!";
    return;
}

sub command {
    my ($self) = @_;
    return (program(), '-F', '-y', $self->conf);
}

sub start {
    my ($self) = @_;
    my $umask = umask 0022;
    $self->SUPER::start;
    umask $umask;
    return;
}

sub wait_ready {
    my ($self) = @_;
    my $ready = $self->poll('php-fpm', 20, sub {
        return 'dead' if !$self->alive;
        return $self->pid && IO::Socket::UNIX->new(Peer => $self->socket) && 'yes';
    });
    return if $ready && $ready eq 'yes';
    croak "php-fpm did not start:\n" . $self->tail($self->outfile) . $self->tail($self->error_log);
}

sub log_text {
    my ($self) = @_;
    open my $fh, '<', $self->error_log or return '';
    local $/;
    return <$fh> // '';
}

# Lines of the master's log that a clean run does not have.
sub unexpected {
    my ($self, @expected) = @_;
    return grep {
        my $line = $_;
        $line !~ /\] NOTICE: / && !grep { $line =~ $_ } @expected
    } map {"$_\n"} split /\n/, $self->log_text;
}

1;
