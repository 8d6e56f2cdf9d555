package Omakase::Daemon::Httpd;

# httpd from conf.d/httpd/httpd.conf.

use v5.30;
use warnings;
use parent 'Omakase::Daemon';
use Carp;
use IO::Socket::INET;
use Omakase::Daemon::Phpmyadmin;

sub name {'httpd'}
sub port { $_[0]{port} }
sub addr { '127.0.0.1:' . $_[0]{port} }
sub error_log { $_[0]->root . '/log/httpd-error.log' }
sub mark { "-f\0" . $_[0]->root . '/etc/httpd.conf' }
sub addresses { ['HTTP', $_[0]->addr], ['HTTPD_PID', $_[0]->pid] }

sub configure {
    my ($self) = @_;
    my $i = $self->instance;
    $self->{port} //= $self->free_port;
    my @defines = (
        OMAKASE_ROOT => $self->root, # for tests' own configuration, as is
        OMAKASE_HTTP => $self->addr,
        OMAKASE_GENERATION => $self->root . '/etc',
        OMAKASE_STATE => $self->root . '/var',
        OMAKASE_RUN => $self->root . '/run',
        OMAKASE_LOG => $self->root . '/log',
        OMAKASE_CONFD => $i->{confd} // $i->layout('confd'),
        OMAKASE_SHARE => $i->layout('share'),
        OMAKASE_LIB => $i->layout('lib'),
        OMAKASE_LIBEXEC => $i->layout('libexec'),
        OMAKASE_MODULES => $i->layout('modules'),
        HTTPD_MODULES => $i->layout('httpd_modules'),
        OMAKASE_MPM => $i->{mpm},
    );
    push @defines, OMAKASE_PHPMYADMIN => Omakase::Daemon::Phpmyadmin->installed
        if $i->{databases} && Omakase::Daemon::Phpmyadmin->installed;
    push @defines, OMAKASE_WEBLOG => join ' ', '--srv', $self->root . '/srv', '--lock', $self->root . '/run/weblog.lock',
        ($> == 0 ? ('--user', $i->log_user) : ()), ($i->{weblog} =~ /^--/ ? $i->{weblog} : ())
        if $i->{weblog};
    push @defines, OMAKASE_USER => $i->web_user, OMAKASE_GROUP => $i->web_user
        if $> == 0;
    my $text = '';
    while (my ($name, $value) = splice @defines, 0, 2) {
        $text .= qq{Define $name "$value"\n};
    }
    $text .= 'Listen ' . $self->addr . "\n" . $i->{load} . "\n"
        . qq{Include "\${OMAKASE_CONFD}/httpd/httpd.conf"\n};
    _write($self->root . '/etc/httpd.conf', $text);
    _write($self->root . '/etc/httpd/50-extra.conf', $i->{conf});
    _write($self->root . '/etc/httpd/60-sites.conf', join '', map {
        my ($login, $domain, $tree) = @$_{qw(login domain tree)};
        qq{<VirtualHost *:*>\nUse OmakaseSite www.$domain $domain "$tree" "$tree/web"\n}
            . qq{Use OmakaseSSI "$tree"\nUse OmakaseCounter $login\n}
            . '<IfFile "' . $self->root . qq{/etc/php/pools/$login.conf">\n}
            . 'Use OmakasePHP "' . $self->root . qq{/run/php/$login.sock"\n</IfFile>\n</VirtualHost>\n}
    } @{$i->{sites}});
    return;
}

sub command {
    my ($self) = @_;
    return ($self->instance->layout('httpd'), '-DFOREGROUND', '-f',
        $self->root . '/etc/httpd.conf', @_[1 .. $#_]);
}

# Runs httpd's own check of the configuration: (true or false, its output).
sub check {
    my ($self) = @_;
    my @c = map { quotemeta } $self->command('-t');
    my $out = qx{@c 2>&1};
    return ($? == 0, $out);
}

sub wait_ready {
    my ($self) = @_;
    for my $try (1 .. 5) {
        my $ready = $self->poll('httpd', 20, sub {
            return 'dead' if !$self->alive;
            return $self->pid && IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                PeerPort => $self->port, Proto => 'tcp', Timeout => 1)
                && 'yes';
        });
        return if $ready && $ready eq 'yes';
        my $out = $self->tail($self->outfile) . $self->tail($self->error_log);
        croak "httpd did not start:\n$out"
            if $try == 5 || $out !~ /could not bind|Address already in use/i;
        unlink $self->outfile;
        $self->{port} = $self->free_port;
        $self->configure;
        $self->start;
    }
    return;
}

sub graceful {
    my ($self) = @_;
    my $marks = () = $self->log_text =~ /resuming normal operations/g;
    kill 'USR1', $self->pid or return;
    return $self->poll('graceful', 20, sub {
        my $now = () = $self->log_text =~ /resuming normal operations/g;
        return $now > $marks;
    });
}

# Pids of the children that serve.
sub children {
    my ($self) = @_;
    my $parent = $self->pid or return;
    my @pids;
    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $fh, '<', $stat or next;
        my $line = <$fh> // next;
        push @pids, $1 if $line =~ /^(\d+) \(.*\) (?!Z)\S (\d+) /s && $2 == $parent;
    }
    return @pids;
}

sub log_text {
    my ($self) = @_;
    open my $fh, '<', $self->error_log or return '';
    local $/;
    return <$fh> // '';
}

# Lines of the server's and the sites' error logs that a clean run does not
# have; what a test provokes it names in @expected (patterns).
sub unexpected {
    my ($self, @expected) = @_;
    my @normal = (
        qr/AH00489|AH00163|AH00292|AH00457/, # resuming normal operations
        qr/AH00094|AH00493|AH00492|AH00491|AH00490|AH0017[13]|AH0029[45789]|AH00169/, # command line, stop, graceful
        qr/AH00688|AH00045|AH00362/, # a child that took its time to exit
    );
    my @lines;
    for my $log ($self->error_log, map {"$_->{tree}/log/error.log"} @{$self->instance->{sites}}) {
        open my $fh, '<', $log or next;
        while (my $line = <$fh>) {
            push @lines, $line if !grep { $line =~ $_ } @normal, @expected;
        }
    }
    return @lines;
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
