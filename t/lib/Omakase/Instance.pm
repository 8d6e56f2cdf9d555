package Omakase::Instance;

# A whole Omakase service under one directory: the daemons of the product's own
# conf.d, on free loopback ports. `./bootstrap run` and the end-to-end tests
# start it through this one piece.
#
#   my $i = Omakase::Instance->new(mpm => 'prefork');   # in a new temporary root
#   $i->site('ab-cdftp', 'example.localhost');          # a customer's tree
#   $i->start;
#   $i->get('www.example.localhost', '/');              # see Omakase::Client
#   $i->stop;                                           # also at the end
#
# A daemon is a class Omakase::Daemon::NAME with the methods of
# Omakase::Daemon; a new one gets its line in %DAEMONS.

use v5.30;
use warnings;
use Carp;
use File::Path qw(make_path remove_tree);
use File::Temp ();
use Omakase::Daemon::Httpd;
use Omakase::Daemon::Mariadb;
use Omakase::Daemon::Phpfpm;
use Omakase::Daemon::Phpmyadmin;
use Scalar::Util qw(refaddr weaken);

my %DAEMONS = (httpd => 'Omakase::Daemon::Httpd', mariadb => 'Omakase::Daemon::Mariadb',
    'php-fpm' => 'Omakase::Daemon::Phpfpm', phpmyadmin => 'Omakase::Daemon::Phpmyadmin');

# Temporary instances that are still there. A test's file-scoped one outlives
# the test into global destruction, where its daemons may be gone before it;
# and a signal runs no destructor at all.
my %temporary;
END {
    local $?;
    $_ && $_->_end for values %temporary;
}

# root       directory of the instance; without it a temporary one that goes
#            away with the object
# stage      what `make stage` has written (default: $OMAKASE_STAGE)
# daemons    names to run (default: all)
# mpm        event (default), worker, prefork
# conf       further httpd configuration, server scope
# site_conf  further httpd configuration for every site
# load       further LoadModule lines, before all of conf.d's directives
# confd      another conf.d
# databases  true: with MariaDB and phpMyAdmin
# weblog     true: omakase-weblog writes the logs; or its further arguments
# wrapper    command words before each daemon's own (valgrind, …)
# env        environment of the daemons, as a hash
sub new {
    my ($class, %o) = @_;
    my $self = bless {mpm => 'event', conf => '', load => '', env => {},
        wrapper => [], sites => [], site_conf => '', %o}, $class;
    $self->{owner} = $$;
    $self->{stage} //= $ENV{OMAKASE_STAGE} // $self->_make_stage;
    if (!defined $self->{root}) {
        $self->{temporary} = File::Temp->newdir('omakase-test-XXXXXX',
            TMPDIR => 1, CLEANUP => 0);
        $self->{root} = "$self->{temporary}";
        chmod 0755, $self->{root};
        weaken($temporary{refaddr $self} = $self);
        for my $signal (qw(HUP INT PIPE TERM)) {
            $SIG{$signal} //= sub { exit 1 };
        }
    }
    $self->_check_reachable;
    make_path(map {"$self->{root}/$_"} qw(run log etc/httpd var srv));
    $self->_owned_dir('var/counter', 0700);
    $self->{daemons} = [map {
        ($DAEMONS{$_} // croak "no daemon is named $_")->new(instance => $self)
    } @{$self->{daemons} // [sort keys %DAEMONS]}];
    return $self;
}

sub root { $_[0]{root} }
sub layout {
    my ($self, $what) = @_;
    # Not earlier: an instance whose stage is gone can still be stopped.
    $self->{layout} //= _layout("$self->{stage}/layout");
    return $self->{layout}{$what} // croak "layout has no $what";
}
sub daemon {
    my ($self, $name) = @_;
    my ($d) = grep { $_->name eq $name } @{$self->{daemons}};
    return $d // croak "this instance has no $name";
}
sub httpd { $_[0]->daemon('httpd') }
sub mariadb { $_[0]->daemon('mariadb') }
sub php { $_[0]->daemon('php-fpm') }

# The user that httpd serves as: www-data when started by root.
sub web_user { $> == 0 ? 'www-data' : scalar getpwuid $> }

# Whom omakase-weblog becomes. Any user who is there will do for a test.
sub log_user { $> == 0 ? 'daemon' : $_[0]->web_user }

# Declares a customer: makes the tree and has it in the next start. Returns the
# tree's directory. Further words are kept with the site for its daemons.
sub site {
    my ($self, $login, $domain, %more) = @_;
    my $tree = "$self->{root}/srv/$login";
    make_path("$tree/web", "$tree/log");
    chown +(getpwnam $self->log_user)[2, 3], "$tree/log" if $self->{weblog} && $> == 0;
    push @{$self->{sites}}, {%more, login => $login, domain => $domain, tree => $tree};
    return $tree;
}

# Writes a file of a site; the path is relative to the site's tree.
sub put {
    my ($self, $login, $path, $text, $mode) = @_;
    my $file = "$self->{root}/srv/$login/$path";
    make_path($file =~ s{/[^/]*\z}{}r);
    open my $fh, '>:raw', $file or croak "$file: $!";
    print {$fh} $text;
    close $fh or croak "$file: $!";
    chmod $mode // 0644, $file;
    return $file;
}

sub start {
    my ($self) = @_;
    $_->configure for @{$self->{daemons}};
    for my $d (grep { $_->wanted } @{$self->{daemons}}) {
        $d->start;
        $d->wait_ready;
    }
    $self->write_addresses;
    return $self;
}

sub stop {
    my ($self) = @_;
    my $ok = 1;
    # Names still, where new() has failed half-way.
    $ok &= $_->stop for reverse grep {ref} @{$self->{daemons} // []};
    return $ok;
}

sub running { !grep { $_->wanted && !$_->pid } @{$_[0]{daemons}} }

# ROOT/addresses: shell variables, for people and for programs.
sub addresses {
    my ($self) = @_;
    my @sites = @{$self->{sites}};
    my @a = map { $_->addresses } @{$self->{daemons}};
    for my $n (0 .. $#sites) {
        my $suffix = $n ? $n + 1 : '';
        push @a, ["CUSTOMER$suffix", $sites[$n]{login}],
            ["DOMAIN$suffix", $sites[$n]{domain}],
            ["SITE$suffix", $sites[$n]{tree}];
    }
    return @a;
}

sub write_addresses {
    my ($self) = @_;
    my $file = "$self->{root}/addresses";
    open my $fh, '>', "$file.new" or croak "$file.new: $!";
    for ($self->addresses) {
        my ($name, $value) = @$_;
        $value =~ s/'/'\\''/g;
        $value = "'$value'" if $value =~ m{[^\w./:@,+-]};
        say {$fh} "$name=$value";
    }
    close $fh or croak "$file.new: $!";
    rename "$file.new", $file or croak "$file: $!";
    return;
}

# Reads what write_addresses wrote, as a hash.
sub read_addresses {
    my ($class, $root) = @_;
    open my $fh, '<', "$root/addresses" or return;
    my %a;
    while (<$fh>) {
        my ($name, $value) = /^(\w+)=(.*)$/ or next;
        $a{$name} = $value =~ s/\A'(.*)'\z/$1/sr =~ s/'\\''/'/gr;
    }
    return %a;
}

sub _layout {
    my ($file) = @_;
    open my $fh, '<', $file or croak "$file: $! (run `make stage STAGE=DIR`)";
    return {map { chomp; split /=/, $_, 2 } <$fh>};
}

# A single test run by hand: stage what the build directory has.
sub _make_stage {
    my ($self) = @_;
    my $build = $ENV{OMAKASE_BUILDDIR} // 'build';
    $self->{own_stage} = File::Temp->newdir('omakase-stage-XXXXXX', TMPDIR => 1);
    chmod 0755, "$self->{own_stage}";
    system('make', '-s', '-C', $build, 'stage', "STAGE=$self->{own_stage}") == 0
        or croak "make stage failed in $build";
    return "$self->{own_stage}";
}

sub _owned_dir {
    my ($self, $dir, $mode) = @_;
    my $path = "$self->{root}/$dir";
    make_path($path);
    chmod $mode, $path;
    if ($> == 0) {
        my (undef, undef, $uid, $gid) = getpwnam $self->web_user;
        chown $uid, $gid, $path;
    }
    return $path;
}

# httpd's user must get into the root and the stage: said now, in words,
# instead of a 403 later.
sub _check_reachable {
    my ($self) = @_;
    return if $> != 0;
    for my $dir ($self->{root}, $self->{stage}) {
        make_path($dir);
        my $closed = unreachable($dir);
        croak "$dir: users other than root cannot enter $closed "
            . '(httpd serves as ' . $self->web_user . '); choose another place'
            if defined $closed;
    }
    return;
}

# The first directory on the way that others may not enter, or undef.
sub unreachable {
    my ($dir) = @_;
    my $path = '';
    for my $part (split m{/}, $dir) {
        $path .= "$part/";
        my @st = stat $path or next;
        return $path if !($st[2] & 01);
    }
    return;
}

# Stops what runs, and removes the root; once, and not in a forked copy.
sub _end {
    my ($self) = @_;
    return if $self->{owner} != $$ || !delete $temporary{refaddr $self};
    local ($@, $!);
    $self->stop;
    remove_tree($self->{root}) if !$ENV{OMAKASE_KEEP};
    return;
}

sub DESTROY {
    my ($self) = @_;
    local $?;
    $self->_end;
    return;
}

1;
