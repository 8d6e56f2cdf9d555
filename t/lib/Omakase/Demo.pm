package Omakase::Demo;

# What ./bootstrap run shows: a node of its own below a directory, its two
# sample customers declared and applied by the program omakase that is staged
# there, and its daemons started by it.
#
#   my $d = Omakase::Demo->new($root);
#   $d->start;                   # DIR/stage is what `make stage` has written
#   my %a = $d->addresses;
#   $d->stop;
#
# What is there stays: omakase.conf and the customers' declarations as the
# operator has edited them, the sites as the customers have.

use v5.30;
use warnings;
use Carp;
use Cwd qw(abs_path);
use File::Path qw(make_path);
use JSON::PP qw(decode_json);
use Omakase::Daemon;
use Omakase::Instance;
use Omakase::SampleSite;
use POSIX ();

sub new {
    my ($class, $root) = @_;
    $root = readlink($root) // $root;
    # What is run is below it: root runs nothing out of another's hand.
    my @st = stat $root;
    die "$root: belongs to uid $st[4], not to you\n" if @st && $st[4] != $>;
    return bless {root => $root}, $class;
}

sub root { $_[0]{root} }

# ROOT/addresses: shell variables, for people and for programs.
sub addresses { Omakase::Instance->read_addresses($_[0]{root}) }

# --- where ---------------------------------------------------------------------

# Makes DIR. Where a service cannot live in it (httpd's user cannot enter, or
# its path is not for configuration files and sockets), it lives in /var/tmp and
# DIR is a link to it. Returns words for who reads along, or nothing.
sub place {
    my ($class, $root) = @_;
    my $there = readlink($root) // $root;
    if (-d $root) {
        my $why = _unfit($there);
        die "$there: $why; choose another place with --root\n" if defined $why;
        return;
    }
    die "$root: is in the way and no directory\n" if -e $root;
    unlink $root; # a link to what is gone
    my ($parent, $name) = $root =~ m{\A(.*)/([^/]+)/?\z} or die "$root: is no place for it\n";
    make_path($parent);
    my $why = _unfit($root);
    if (!defined $why) {
        make_path($root);
        return;
    }
    my $real = sprintf '/var/tmp/omakase-run-%d-%x-%s', $>, (stat $parent)[1],
        substr $name =~ tr/A-Za-z0-9._-/_/cr, 0, 16;
    mkdir $real, 0755;
    my @st = lstat $real;
    -d _ && $st[4] == $> or die "$real: is not ours\n";
    chmod 0755, $real;
    symlink $real, $root or die "$root: $!\n";
    return "$why: the service lives in $real";
}

# Why a service cannot live there, or undef.
sub _unfit {
    my ($dir) = @_;
    my @st = stat $dir;
    return "belongs to uid $st[4], not to you" if @st && $st[4] != $>;
    return 'a path with other characters than letters, digits and / . _ + -' if $dir =~ m{[^\w/.+-]}a;
    return 'too long a path for a socket' if length $dir > 50;
    my $closed = $> == 0 ? Omakase::Instance::unreachable($dir) : undef;
    return defined $closed ? "httpd's user cannot enter $closed" : undef;
}

# --- start and stop --------------------------------------------------------------

sub start {
    my ($self) = @_;
    my %a = $self->addresses;
    $self->{password} = [map { $_ // _password() } @a{qw(PASSWORD PASSWORD2)}];
    make_path("$self->{root}/etc/omakase");
    $self->_write_command;
    # Another may take a port between the look and the start.
    for my $try (1 .. 5) {
        $self->_write_node($try > 1);
        last if eval { $self->_bring_up; 1 };
        die $@ if $try == 5 || $@ !~ /Address already in use|cannot be listened on|could not bind/i;
        $self->stop;
    }
    $self->_write_addresses;
    return;
}

sub _bring_up {
    my ($self) = @_;
    for ($self->customers) {
        $self->omakase('--json', 'customer', 'add', $_->{login}, '--domain', $_->{domain})
            if !-e "$self->{root}/etc/omakase/customers.d/$_->{login}.conf";
    }
    $self->omakase('apply');
    my %service = map { $_ => 1 } $self->_services;
    if ($service{mariadb}) {
        $self->omakase('start', 'mariadb');
        $self->omakase('apply'); # databases
    }
    $self->_write_addresses; # the passwords, before they are set
    $self->_set_passwords;
    $self->_write_sites($service{'php-fpm'} && $service{mariadb});
    $self->omakase('start');
    return;
}

# What the program says of what it has ended; nothing where nothing ran.
sub stop {
    my ($self) = @_;
    return '' if !-d "$self->{root}/var/lib/omakase";
    return $self->omakase('stop');
}

# The program's output. Its own words on failure.
sub omakase {
    my ($self, @args) = @_;
    my ($code, $out) = $self->run(@args);
    die "omakase @args: $out\n" if $code;
    return $out;
}

# (exit code, output of both kinds); {stdin => TEXT} may come first.
sub run {
    my ($self, @args) = @_;
    my %o = ref $args[0] ? %{shift @args} : ();
    open my $in, '+>', undef or croak "temporary file: $!";
    print {$in} $o{stdin} // '';
    seek $in, 0, 0;
    my $pid = open(my $fh, '-|') // croak "fork: $!";
    if (!$pid) {
        open STDIN, '<&', $in or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT;
        exec $self->_program, '--root', $self->{root}, @args or POSIX::_exit(127);
    }
    my $out = do { local $/; <$fh> } // '';
    close $fh;
    return ($? & 127 ? 128 + ($? & 127) : $? >> 8, $out =~ s/\n\z//r);
}

# The staged one; where the stage is gone, what was built.
sub _program {
    my ($self) = @_;
    my $staged = eval { $self->_layout->{sbin} . '/omakase' };
    return $staged if defined $staged && -x $staged;
    return abs_path(__FILE__ =~ s{[^/]*\z}{../../..}r) . '/build/provision/omakase';
}

# --- its files ---------------------------------------------------------------------

sub _layout {
    my ($self) = @_;
    $self->{layout} //= Omakase::Instance::_layout("$self->{root}/stage/layout");
    return $self->{layout};
}

sub _node_file { "$_[0]{root}/etc/omakase/omakase.conf" }

# The first time; afterwards only a port of loopback that somebody else has by
# now is changed.
sub _write_node {
    my ($self, $anew) = @_;
    my $text = _read($self->_node_file) // $self->_node_text;
    my $old = $text;
    # A demo of before there was FTP would listen to the world.
    $text .= 'ftp { listen = {"127.0.0.1:' . Omakase::Daemon->free_port . qq("} }\n) if $text !~ /^ftp\b/m;
    $text =~ s{"127\.0\.0\.1:(\d+)"}{
        my $port = $anew || !Omakase::Daemon::port_is_free($1) ? Omakase::Daemon->free_port : $1;
        qq{"127.0.0.1:$port"}
    }ge;
    _write($self->_node_file, $text, 0644) if !-e $self->_node_file || $text ne $old;
    return;
}

sub _node_text {
    my ($self) = @_;
    my %l = %{$self->_layout};
    my %port;
    $port{Omakase::Daemon->free_port} = 1 while keys %port < 3;
    my @ports = keys %port;
    return <<"END";
# The demo's node; ./bootstrap run has written it and keeps what you change.
host = "localhost"
httpd { listen = {"127.0.0.1:$ports[0]"} }
mysql { listen = "127.0.0.1:$ports[1]" }
ftp { listen = {"127.0.0.1:$ports[2]"} }
# Whoever looks from this machine sees why a script failed.
cgi { diagnostics = {"127.0.0.1", "::1"} }
paths {
    confd = "$l{confd}"
    share = "$l{share}"
    lib = "$l{lib}"
    libexec = "$l{libexec}"
    modules = "$l{modules}"
    httpd = "$l{httpd}"
    httpd_modules = "$l{httpd_modules}"
    proftpd_ftpaccess = "$l{proftpd_modules}/mod_ftpaccess.so"
}
END
}

# A command that works as it stands: DIR/omakase plan.
sub _write_command {
    my ($self) = @_;
    my $program = $self->_layout->{sbin} . '/omakase';
    _write("$self->{root}/omakase", "#!/bin/sh\nexec '$program' --root '$self->{root}' \"\$\@\"\n", 0755);
    return;
}

# Login, domain and tree of both, as they are declared by now.
sub customers {
    my ($self) = @_;
    return map {
        my ($login, $domain, $from) = @$_;
        my ($code, $json) = $self->run('--json', 'customer', 'show', $login);
        my $shown = $code ? undef : eval { decode_json($json) };
        {login => $login, domain => $shown->{domains}[0]{name} // $domain, from => $from,
            tree => "$self->{root}/srv/omakase/$login"}
    } Omakase::SampleSite::customers();
}

# Once: what `omakase passwd` sets later stays.
sub _set_passwords {
    my ($self) = @_;
    my @customers = $self->customers;
    for my $n (0 .. $#customers) {
        my $login = $customers[$n]{login};
        next if -e "$self->{root}/var/lib/omakase/secrets/$login";
        my ($code, $out) = $self->run({stdin => "$self->{password}[$n]\n"}, 'passwd', $login);
        die "omakase passwd $login: $out\n" if $code;
    }
    return;
}

sub _write_sites {
    my ($self, $php) = @_;
    my @customers = $self->customers;
    for my $n (0 .. $#customers) {
        my ($login, $tree) = @{$customers[$n]}{qw(login tree)};
        my @user = $> == 0 ? (getpwnam $login)[2, 3] : ($>, (split ' ', $))[0]);
        @user == 2 or die "$login: has no Unix user; see $self->{root}/omakase status\n";
        Omakase::SampleSite::write_as([$login, @user], "$tree/web", $self->_layout->{share},
            @{$customers[$n]}{qw(from domain)},
            $php ? _config_php($login, $self->{password}[$n]) : undef, $self->_has_cgi)
            or warn "$tree/web: the sample site is not complete\n"; # theirs to mend
    }
    return;
}

# As customers write it themselves.
sub _config_php {
    my ($login, $password) = @_;
    my $user = $login =~ tr/-//dr;
    return <<"END";
<?php
return [
    'host' => 'localhost',
    'user' => '$user',
    'password' => '$password',
    'database' => '${user}01',
];
END
}

sub _write_addresses {
    my ($self) = @_;
    my $root = $self->{root};
    my $node = _read($self->_node_file);
    my ($http) = $node =~ /listen\s*=\s*\{\s*"([^"]+)"/;
    my ($pid) = (_read("$root/run/omakase/httpd.pid") // '') =~ /(\d+)/;
    my ($socket) = $node =~ /socket\s*=\s*"([^"]+)"/;
    my ($ftp) = $node =~ /^ftp\s*\{\s*listen\s*=\s*\{\s*"([^"]+)"/m;
    my @a = (HTTP => $http, HTTPD_PID => $pid // '', OMAKASE => "$root/omakase",
        MYSQL_SOCKET => $socket // "$root/run/omakase/mysql/mysqld.sock");
    my @customers = $self->customers;
    for my $n (0 .. $#customers) {
        my $c = $customers[$n];
        my $suffix = $n ? $n + 1 : '';
        push @a, "CUSTOMER$suffix" => $c->{login}, "DOMAIN$suffix" => $c->{domain},
            "SITE$suffix" => $c->{tree}, "PASSWORD$suffix" => $self->{password}[$n];
    }
    push @a, FTP => $ftp if defined $ftp && $self->has_ftp;
    my $text = '';
    while (my ($name, $value) = splice @a, 0, 2) {
        $value = "'" . $value =~ s/'/'\\''/gr . "'" if $value =~ m{[^\w./:@,+-]}a;
        $text .= "$name=$value\n";
    }
    _write("$root/addresses", $text, 0600);
    return;
}

# Which of the daemons this node has.
sub _services {
    my ($self) = @_;
    my (undef, $json) = $self->run('--json', 'status');
    my $daemons = (eval { decode_json($json) } // {})->{daemons} // {};
    return grep { $daemons->{$_}{state} ne 'is not here' } keys %$daemons;
}

# Whether ProFTPD runs.
sub has_ftp { (grep { $_ eq 'proftpd' } $_[0]->_services) > 0 }

sub _has_cgi {
    my ($self) = @_;
    my $l = $self->_layout;
    return -e "$l->{modules}/mod_cgi_wrapper.so" && -x "$l->{libexec}/cgi-wrapper";
}

# Whether phpMyAdmin answers.
sub has_phpmyadmin {
    my ($self) = @_;
    return (_read("$self->{root}/var/lib/omakase/current/httpd.conf") // '') =~ /^Define OMAKASE_PHPMYADMIN /m;
}

# 16 characters without those that look alike.
sub _password {
    open my $fh, '<:raw', '/dev/urandom' or croak "/dev/urandom: $!";
    my @set = ('a' .. 'k', 'm' .. 'n', 'p' .. 'z', 2 .. 9);
    my $out = '';
    while (length $out < 16) {
        read($fh, my $byte, 1) == 1 or croak "/dev/urandom: $!";
        my $n = ord $byte;
        $out .= $set[$n % @set] if $n < 256 - 256 % @set;
    }
    return $out;
}

sub _read {
    my ($file) = @_;
    open my $fh, '<:raw', $file or return;
    local $/;
    return <$fh> // '';
}

# Whole or not at all, and never open to others for a moment.
sub _write {
    my ($file, $text, $mode) = @_;
    unlink "$file.new";
    my $umask = umask 077;
    open my $fh, '>:raw', "$file.new" or croak "$file.new: $!";
    umask $umask;
    print {$fh} $text;
    chmod $mode, $fh;
    close $fh or croak "$file.new: $!";
    rename "$file.new", $file or croak "$file: $!";
    return;
}

1;
