package Omakase::Cgi;

# An httpd of the distribution's modules with mod_cgi_wrapper, and customers
# whose scripts it runs. As root they are users of their own, made for the test
# and removed with it; else all are who runs the test.
#
#   my $w = Omakase::Cgi->new(mpm => 'event', conf => '...', site_conf => '...');
#   $w->script('a.cgi', "#!/bin/sh\n...");       # the first customer's
#   $w->start;
#   my $r = $w->get('/a.cgi');
#   $w->errors                                   # lines of the customer's log

use v5.30;
use warnings;
use Carp;
use File::Path qw(make_path);
use IO::Socket::INET;
use Omakase::Client ();
use Omakase::Instance;
use Scalar::Util qw(refaddr weaken);
use Test::More ();
use Time::HiRes qw(sleep time);
use Exporter 'import';

our @EXPORT_OK = qw(mpms pid_alive until_true);

my @MODULES = qw(authz_core dir mime env setenvif alias include headers);
my %live;
my $BASE = Omakase::Instance->new(daemons => []);

# Ends the test, skipped, where something is missing.
sub needs {
    my ($class) = @_;
    Test::More::plan(skip_all => 'built without mod_cgi_wrapper')
        if !-e $BASE->layout('modules') . '/mod_cgi_wrapper.so';
    Test::More::plan(skip_all => 'built without cgi-wrapper') if !-x $BASE->layout('libexec') . '/cgi-wrapper';
    return $class;
}

sub mpms { return qw(prefork worker event) }

# mpm, conf (server scope), site_conf (each host's), customers (2), modules
# (further ones of the distribution's), ours (LoadModule lines before), limits.
sub new {
    my ($class, %o) = @_;
    $class->needs;
    my $self = bless {mpm => 'event', conf => '', site_conf => '', modules => [], customers => 2,
        ours => '', load => 1, limits => 'cpu=30 wall=60 processes=64 concurrent=64 output=64M',
        owner => $$, %o}, $class;
    weaken($live{refaddr $self} = $self);
    my $i = $self->{i} = Omakase::Instance->new(stage => $BASE->{stage}, daemons => ['httpd'], mpm => $self->{mpm},
        env => $o{env} // {});
    $i->{confd} = $i->root . '/confd';
    make_path($i->root . '/confd/httpd');
    $self->{names} = [map { _name() } 1 .. $self->{customers}];
    $self->_user($_) for @{$self->{names}};
    make_path($self->web($_)) for 0 .. $self->{customers} - 1;
    chown $self->ids($_), $self->web($_) for $> ? () : 0 .. $self->{customers} - 1;
    $self->write_conf;
    return $self;
}

sub i { $_[0]{i} }
sub httpd { $_[0]{i}->httpd }
sub root { $_[0]{i}->root }
sub login { $_[0]{names}[$_[1] // 0] }
sub user { $> ? scalar getpwuid $> : $_[0]->login($_[1]) }
sub ids { my @pw = getpwnam $_[0]->user($_[1]); return @pw[2, 3] }
sub web { $_[0]->root . '/srv/' . $_[0]->login($_[1]) . '/web' }
sub host { 'c' . ($_[1] // 0) . '.localhost' }

sub _name { return 'ot' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 8 }

sub _user {
    my ($self, $name) = @_;
    return if $>;
    system('useradd', '--no-create-home', '--home-dir', $self->root . "/srv/$name", '--shell', '/usr/sbin/nologin', $name) == 0
        or croak "useradd $name";
    return;
}

sub write_conf {
    my ($self) = @_;
    my $i = $self->i;
    my ($modules, $libexec) = map { $i->layout($_) } qw(modules libexec);
    my %built_in = map { $_ => 1 } map { /mod_(\w+)\.c/ ? $1 : () } split /\n/, qx{@{[$i->layout('httpd')]} -l};
    my $load = join '', map {qq{LoadModule ${_}_module "\${HTTPD_MODULES}/mod_$_.so"\n}} grep { !$built_in{$_} }
        @MODULES, @{$self->{modules}};
    my $user = $> == 0 ? "User www-data\nGroup www-data\n" : '';
    my $hosts = join '', map { $self->_host($_) } 0 .. $self->{customers} - 1;
    my $module = $self->{load} ? qq{LoadModule cgi_wrapper_module "$modules/mod_cgi_wrapper.so"\n} : '';
    my $wrapper = $self->{load} ? <<"END" : '';
CGIWrapperProgram "$libexec/cgi-wrapper"
CGIWrapperSocket "cgi.sock"
CGIWrapperLog "\${OMAKASE_ROOT}/log/cgi.log"
CGIWrapperName "@{[$self->root =~ s{.*/}{}r]}"
END
    open my $fh, '>', $i->root . '/confd/httpd/httpd.conf' or croak $!;
    print {$fh} <<"END";
LoadModule mpm_\${OMAKASE_MPM}_module "\${HTTPD_MODULES}/mod_mpm_\${OMAKASE_MPM}.so"
$load$self->{ours}$module$user
ServerRoot "\${OMAKASE_ROOT}"
DefaultRuntimeDir "\${OMAKASE_ROOT}/run"
PidFile "\${OMAKASE_ROOT}/run/httpd.pid"
ErrorLog "\${OMAKASE_ROOT}/log/httpd-error.log"
ServerName stock.localhost
TypesConfig /etc/mime.types
DocumentRoot "\${OMAKASE_ROOT}/srv"
MaxKeepAliveRequests 0
<Directory "\${OMAKASE_ROOT}/srv">
    AllowOverride All
    Options ExecCGI Includes SymLinksIfOwnerMatch
    Require all granted
</Directory>
AddOutputFilter INCLUDES .shtml
AddType text/html .shtml
<FilesMatch "\\.(cgi|pl)\$">
    SetHandler omakase-cgi
</FilesMatch>
$wrapper$self->{conf}
$hosts
END
    close $fh or croak $!;
    return;
}

sub _host {
    my ($self, $n) = @_;
    my ($host, $user, $web, $login) = ($self->host($n), $self->user($n), $self->web($n), $self->login($n));
    my $ours = $self->{load} ? <<"END" : '';
    CGIWrapper on
    CGIWrapperUser $user
    CGIWrapperCustomer $login
    CGIWrapperRoot "$web" /web
    CGIWrapperLimit $self->{limits}
END
    return <<"END";
<VirtualHost *:*>
    ServerName $host
    DocumentRoot "$web"
    ErrorLog "\${OMAKASE_ROOT}/log/$host.log"
$ours$self->{site_conf}
</VirtualHost>
END
}

# Writes a file of a customer's web/, theirs; returns its path.
sub script {
    my ($self, $name, $text, %o) = @_;
    my $n = $o{customer} // 0;
    my $file = $self->web($n) . "/$name";
    my $dir = $file =~ s{/[^/]*\z}{}r;
    if (!-d $dir) {
        make_path($dir);
        chown $self->ids($n), $dir if !$>;
    }
    open my $fh, '>:raw', $file or croak "$file: $!";
    print {$fh} $text;
    close $fh or croak "$file: $!";
    chown $self->ids($n), $file if !$>;
    chmod $o{mode} // 0755, $file;
    return $file;
}

sub page { my ($self, $name, $text, %o) = @_; return $self->script($name, $text, mode => 0644, %o) }

sub start { $_[0]->i->start; return $_[0] }
sub stop { return $_[0]->i->stop }

sub get { my ($self, $path, @h) = @_; return $self->request('GET', $path, undef, @h) }

sub request {
    my ($self, $method, $path, $body, %h) = @_;
    my $host = $self->host(delete $h{customer} // 0);
    return Omakase::Client::request($self->i, $method, $host, $path, $body, %h);
}

# A socket to httpd on which the text has been sent.
sub connect_raw {
    my ($self, $text) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->httpd->port, Proto => 'tcp')
        or croak "connect: $@";
    $s->autoflush(1);
    print {$s} $text;
    return $s;
}

# All that comes on a socket until the other side ends it, for 30 s at most; the
# second value is true when it ended by a reset.
sub slurp_raw {
    my ($self, $s) = @_;
    my ($text, $reset) = ('', 0);
    local $SIG{ALRM} = sub { die "no end\n" };
    alarm 30;
    eval {
        while (1) {
            my $n = sysread $s, $text, 65536, length $text;
            next if $n;
            $reset = 1 if !defined $n && $!{ECONNRESET};
            last;
        }
        1;
    } or $text .= "[$@]";
    alarm 0;
    return wantarray ? ($text, $reset) : $text;
}

# The messages of a host's error log, without time and client.
sub errors {
    my ($self, $n) = @_;
    open my $fh, '<', $self->root . '/log/' . $self->host($n) . '.log' or return;
    return map { chomp; s/\A(?:\[[^\]]*\] )+//r =~ s/\A(?:AH\d+: )//r } <$fh>;
}

sub forget_errors {
    my ($self) = @_;
    truncate $self->root . '/log/' . $self->host($_) . '.log', 0 for 0 .. $self->{customers} - 1;
    return;
}

# Pids of this instance's daemons: children of httpd's parent by that name.
sub daemons {
    my ($self) = @_;
    my $parent = $self->httpd->pid or return;
    my @pids;
    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $fh, '<', $stat or next;
        my $line = <$fh> // next;
        push @pids, $1 if $line =~ /^(\d+) \(cgi-wrapper\) (?!Z)\S (\d+) /s && $2 == $parent;
    }
    return @pids;
}

sub pid_alive {
    my ($pid) = @_;
    open my $fh, '<', "/proc/$pid/stat" or return 0;
    return (<$fh> // '') !~ /\) [ZX] /;
}

# Polls until the test is true; returns what it said.
sub until_true {
    my ($test, $seconds) = @_;
    my $end = time + ($seconds // 20);
    while (1) {
        my $got = $test->();
        return $got if $got || time > $end;
        sleep 0.02;
    }
}

# Users outlive a test's file-scoped object otherwise.
END {
    local $?;
    $_ && $_->end for values %live;
}

sub DESTROY { $_[0]->end }

sub end {
    my ($self) = @_;
    return if $self->{owner} != $$ || !$self->{i};
    local ($@, $?, $!);
    $self->stop;
    if (!$>) {
        for my $name (@{$self->{names}}) {
            # Not while a process of theirs is on its way out.
            until_true(sub { !defined getpwnam $name or system("userdel $name >/dev/null 2>&1") == 0 });
        }
    }
    delete $self->{i};
    delete $live{refaddr $self};
    return;
}

1;
