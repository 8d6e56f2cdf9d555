package Omakase::Provision;

# A node under a temporary root, driven by the program omakase as an operator
# would.
#
#   my $n = Omakase::Provision->new;
#   my ($code, $out, $err) = $n->omakase('customer', 'add', $login, '--domain', 'a.localhost');
#   $n->get('www.a.localhost', '/')          # as of Omakase::Client
#
# The Unix users that it makes have random logins and go with it; phpMyAdmin's
# has a name that others use, so it is t/e2e/bootstrap.t that has it.

use v5.30;
use warnings;
use Carp;
use File::Path qw(make_path remove_tree);
use File::Temp ();
use IO::Socket::INET;
use Omakase::Client ();
use POSIX ();
use Scalar::Util qw(refaddr weaken);
use Time::HiRes qw(sleep time);

my %LIVE;

sub new {
    my ($class, %o) = @_;
    my $self = bless {owner => $$, logins => [], %o}, $class;
    weaken($LIVE{refaddr $self} = $self);
    $self->{stage} = $ENV{OMAKASE_STAGE} // $self->_make_stage;
    open my $fh, '<', "$self->{stage}/layout" or croak "layout: $!";
    $self->{layout} = {map { chomp; split /=/, $_, 2 } <$fh>};
    $self->{temporary} = File::Temp->newdir('omakase-test-XXXXXX', TMPDIR => 1, CLEANUP => 0);
    $self->{root} = "$self->{temporary}";
    chmod 0755, $self->{root};
    $self->{port} = _free_port();
    $self->{mysql_port} = _free_port();
    $self->{ftp_port} = _free_port();
    # A logger's user of its own, which goes with the node, too.
    $self->{logger} = $self->login;
    make_path("$self->{root}/etc/omakase/customers.d");
    # A conf.d of its own, to be changed.
    system('cp', '-r', $self->{layout}{confd}, "$self->{root}/confd") == 0 or croak 'cp';
    $self->conf('');
    return $self;
}

sub root { $_[0]{root} }
sub ftp_port { $_[0]{ftp_port} }
sub port { $_[0]{port} }
sub httpd { $_[0] } # for Omakase::Client, which asks it for the port

# A login that nobody has; its user goes at the end.
sub login {
    my ($self) = @_;
    my $login = 'ot' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 8;
    push @{$self->{logins}}, $login;
    return $login;
}

# Writes omakase.conf, with more text at its end.
sub conf {
    my ($self, $more) = @_;
    my %l = %{$self->{layout}};
    $self->put('etc/omakase/omakase.conf', <<"END" . $more);
host = "localhost"
httpd { listen = {"127.0.0.1:$self->{port}"} }
mysql { listen = "127.0.0.1:$self->{mysql_port}" }
ftp { listen = {"127.0.0.1:$self->{ftp_port}"} }
weblog { user = "$self->{logger}" }
paths {
    phpmyadmin = ""
    confd = "$self->{root}/confd"
    share = "$l{share}"
    lib = "$l{lib}"
    libexec = "$l{libexec}"
    modules = "$l{modules}"
    httpd_modules = "$l{httpd_modules}"
    proftpd_ftpaccess = "$l{proftpd_modules}/mod_ftpaccess.so"
}
END
    return;
}

sub put {
    my ($self, $path, $text) = @_;
    my $file = "$self->{root}/$path";
    make_path($file =~ s{/[^/]*\z}{}r);
    open my $fh, '>:raw', $file or croak "$file: $!";
    print {$fh} $text;
    close $fh or croak "$file: $!";
    return $file;
}

sub slurp {
    my ($self, $path) = @_;
    open my $fh, '<:raw', "$self->{root}/$path" or return;
    local $/;
    return <$fh> // '';
}

sub customers_d { $_[0]->put("etc/omakase/customers.d/$_[1]", $_[2]) }

sub command { ("$_[0]{layout}{sbin}/omakase", '--root', $_[0]{root}) }

# Starts it; returns a handle for finish().
sub begin {
    my ($self, @args) = @_;
    my %env = ref $args[0] ? %{shift @args} : ();
    my ($out, $err) = (File::Temp->new, File::Temp->new);
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        @ENV{keys %env} = values %env;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $out;
        open STDERR, '>&', $err;
        exec $self->command, @args or POSIX::_exit(127);
    }
    return {pid => $pid, out => $out, err => $err};
}

# (exit code or -SIGNAL, stdout, stderr)
sub finish {
    my ($self, $h) = @_;
    waitpid $h->{pid}, 0;
    my $code = $? & 127 ? -($? & 127) : $? >> 8;
    my @text = map { open my $fh, '<', "$_" or croak $!; local $/; <$fh> // '' } @$h{qw(out err)};
    return ($code, @text);
}

sub omakase {
    my ($self, @args) = @_;
    return $self->finish($self->begin(@args));
}

sub get {
    my ($self, $host, $path, @headers) = @_;
    return Omakase::Client::get($self, $host, $path, @headers);
}

sub stop {
    my ($self) = @_;
    return $self->omakase('stop');
}

# Below those that the kernel gives to clients: between this look and the
# daemon's start, another test's would come to have it.
sub _free_port {
    for (1 .. 200) {
        my $port = 10_000 + int rand 22_000;
        return $port if IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, Proto => 'tcp');
    }
    croak "no free port: $@";
}

sub _make_stage {
    my ($self) = @_;
    my $build = $ENV{OMAKASE_BUILDDIR} // 'build';
    $self->{own_stage} = File::Temp->newdir('omakase-stage-XXXXXX', TMPDIR => 1);
    chmod 0755, "$self->{own_stage}";
    system('make', '-s', '-C', $build, 'stage', "STAGE=$self->{own_stage}") == 0
        or croak "make stage failed in $build";
    return "$self->{own_stage}";
}

# A test's file-scoped node would outlive what it is made of.
END {
    local $?;
    $_->end for grep { defined } values %LIVE;
}

sub DESTROY { $_[0]->end }

# Ends the daemons and removes users and files; once.
sub end {
    my ($self) = @_;
    return if $self->{owner} != $$ || !$self->{temporary} || $self->{ended}++;
    local ($@, $?, $!);
    delete $LIVE{refaddr $self};
    $self->stop;
    if (!$>) {
        for my $login (@{$self->{logins}}) {
            system "userdel $login >/dev/null 2>&1" if defined getpwnam $login;
        }
    }
    remove_tree($self->{root}) if !$ENV{OMAKASE_KEEP};
    return;
}

1;
