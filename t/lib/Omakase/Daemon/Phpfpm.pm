package Omakase::Daemon::Phpfpm;

# php-fpm from conf.d/php, with a pool for each site of the instance. Started
# by root, each site's scripts run under a user id of its own; else as who
# started it.
#
# The instance's sites take `php => {CHILDREN => 2, …}` to replace a value of
# the template, and `php => 0` for a site without a pool.

use v5.30;
use warnings;
use parent 'Omakase::Daemon';
use Carp;
use File::Path qw(make_path);
use IO::Socket::UNIX;

# No user of this machine has them; php-fpm takes numbers as well as names.
my $FIRST_UID = 45001; # none that omakase gives: it ends processes by their uid

sub name {'php-fpm'}
sub error_log { $_[0]->root . '/log/php-fpm.log' }
sub mark { 'php-fpm: master process (' . $_[0]->conf . ')' }
sub conf { $_[0]->root . '/etc/php/php-fpm.conf' }
sub socket_of { $_[0]->root . "/run/php/$_[1].sock" }

# Newest version first; Debian has the version in the name.
sub program {
    my ($found) = sort { _version($b) <=> _version($a) } grep { -x } glob '/usr/sbin/php-fpm*';
    return $found;
}

sub _version { $_[0] =~ /(\d+\.\d+)\z/ ? $1 : 0 }

sub confd {
    my ($self) = @_;
    return ($self->instance->{confd} // $self->instance->layout('confd')) . '/php';
}

# Sites with PHP; php-fpm does not start without a pool.
sub pools {
    my ($self) = @_;
    return grep { $_->{php} // 1 } @{$self->instance->{sites}};
}

sub wanted {
    my ($self) = @_;
    return $self->pools && -e $self->confd . '/pool.conf' && -e $self->instance->layout('modules') . '/mod_php_pool.so'
        && defined program();
}

sub configure {
    my ($self) = @_;
    my $root = $self->root;
    my $pools = "$root/etc/php/pools";
    make_path($pools, "$root/run/php");
    unlink glob "$pools/*.conf";
    return if !$self->wanted;
    my $uid = $FIRST_UID;
    for (@{$self->instance->{sites}}) {
        $_->{uid} //= $> == 0 ? $uid : $>;
        $uid++;
    }
    _write($self->conf, $self->_render('php-fpm.conf', PIDFILE => $self->pidfile,
        LOGFILE => $self->error_log, POOLS => $pools));
    for my $site ($self->pools) {
        $self->_own($site);
        _write("$pools/$site->{login}.conf", $self->_render('pool.conf', $self->_values($site)));
    }
    return;
}

sub _values {
    my ($self, $site) = @_;
    my $group = $> == 0 ? $site->{uid} : (split ' ', $))[0];
    my $web = $self->instance->web_user;
    my $web_group = getgrgid +(getpwnam $web)[3];
    return (LOGIN => $site->{login}, USER => $site->{uid}, GROUP => $group,
        SOCKET => $self->socket_of($site->{login}), STATUS => '/.omakase/php-status',
        STATUS_SOCKET => $self->socket_of($site->{login}) =~ s/sock\z/status/r, HTTPD_USER => $web,
        HTTPD_GROUP => $web_group, TREE => $site->{tree},
        SLOWLOG => "$site->{tree}/log/php-slow.log", CHILDREN => 5, MEMORY => '128M',
        SECONDS => 90, SLOW => 20, TIMEZONE => 'Asia/Tokyo',
        MYSQL_SOCKET => $self->root . '/run/mariadb/mariadb.sock', %{$site->{php} || {}});
}

# What is the customer's own in the tree.
sub _own {
    my ($self, $site) = @_;
    my ($web, $tmp) = map {"$site->{tree}/$_"} qw(web tmp);
    make_path($tmp);
    chmod 0700, $tmp or croak "$tmp: $!";
    return if $> != 0;
    chown $site->{uid}, $site->{uid}, $web, $tmp;
    return;
}

sub _render {
    my ($self, $name, %value) = @_;
    my $file = $self->confd . "/$name";
    open my $fh, '<', $file or croak "$file: $!";
    my $text = do { local $/; <$fh> };
    $text =~ s/^;.*\n//mg;
    $text =~ s/\@([A-Z_]+)\@/$value{$1} \/\/ croak "$file: nothing for \@$1\@"/ge;
    return $text;
}

sub command {
    my ($self) = @_;
    return (program(), '-F', '-y', $self->conf, @_[1 .. $#_]);
}

sub start {
    my ($self) = @_;
    # A sanitizer is for our modules in httpd.
    delete local $self->instance->{env}{LD_PRELOAD};
    my $umask = umask 0022;
    $self->SUPER::start;
    umask $umask;
    return;
}

# php-fpm's own check of the configuration: (true or false, its output).
sub check {
    my ($self) = @_;
    my @c = map { quotemeta } $self->command('-t');
    my $out = qx{@c 2>&1};
    return ($? == 0, $out);
}

sub wait_ready {
    my ($self) = @_;
    my $ready = $self->poll('php-fpm', 20, sub {
        return 'dead' if !$self->alive;
        return $self->pid && $self->_answer && 'yes';
    });
    return if $ready && $ready eq 'yes';
    croak "php-fpm did not start:\n" . $self->tail($self->outfile) . $self->tail($self->error_log);
}

sub _answer {
    my ($self) = @_;
    for ($self->pools) {
        IO::Socket::UNIX->new(Peer => $self->socket_of($_->{login})) or return 0;
    }
    return 1;
}

# Reads the pools anew (USR2) and waits until it has.
sub reload {
    my ($self) = @_;
    my $marks = () = $self->log_text =~ /ready to handle connections/g;
    kill 'USR2', $self->pid or return;
    return $self->poll('reload', 40, sub {
        my $now = () = $self->log_text =~ /ready to handle connections/g;
        return $now > $marks;
    });
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
        $line !~ /\] NOTICE: /
            && $line !~ /'(?:user|group)' directive is ignored|listen\.(?:owner|group)/
            && !grep { $line =~ $_ } @expected
    } map {"$_\n"} split /\n/, $self->log_text;
}

sub _write {
    my ($file, $text) = @_;
    open my $fh, '>', "$file.new" or croak "$file.new: $!";
    print {$fh} $text;
    close $fh or croak "$file.new: $!";
    rename "$file.new", $file or croak "$file: $!";
    return;
}

1;
