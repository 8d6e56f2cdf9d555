#!/usr/bin/perl
# omakase check: each thing that can be wrong with a node is made wrong, named
# with its number, and no longer named once it is mended.
use v5.30;
use warnings;
use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use Omakase::Provision;

my $n = Omakase::Provision->new;
my ($a, $b) = map { $n->login } 1, 2;
my ($code, $out, $err);

# The findings of a number, as "level where: what; todo".
sub findings {
    my ($id) = @_;
    ($code, $out, $err) = $n->omakase('--json', 'check');
    my $j = JSON::PP->new->decode($out);
    return map {"$_->{level} $_->{where}: $_->{what}; $_->{todo}"} grep { $_->{id} eq $id } @{$j->{findings}};
}

sub names {
    my ($name, $id, $says) = @_;
    my @f = findings($id);
    ok(scalar(grep { $_ =~ $says } @f), "$name: $id") or diag(join "\n", "$out$err", @f);
    return;
}

sub silent {
    my ($name, $id, $says) = @_;
    my @f = grep { $_ =~ $says } findings($id);
    is("@f", '', "$name: $id is silent");
    return;
}

# --- before anything ------------------------------------------------------------
names('nothing is applied', 'OMK0324', qr/^warning generation: nothing was applied yet; omakase apply/);
names('nothing runs', 'OMK0312', qr/^warning httpd: does not run; omakase start httpd/);
is(-e $n->root . '/var/lib/omakase', undef, 'a check makes nothing');
for ($a, $b) {
    is(($n->omakase('customer', 'add', $_, '--domain', "$_.localhost"))[0], 0, "$_ is declared");
}
is(($n->omakase(@$_))[0], 0, "@$_") for ['apply'], ['start'], ['apply'];
silent('applied', 'OMK0324', qr/./);
silent('running', 'OMK0312', qr/does not run/);

# --- a line each --------------------------------------------------------------------
($code, $out, $err) = $n->omakase('check');
is($err, '', 'nothing on stderr');
is(join('', grep { !/^(?:note   |warning|error  ) OMK03\d\d \S.*: .+; .+$/ } split /^/, $out), '', 'a line each');
unlike($out, qr/^error +(?!OMK0316)/m, 'a new node has no error, but for the kernel\'s settings') or diag($out);
is($code, $out =~ /^error/m ? 1 : $out =~ /^warning/m ? 2 : 0, 'exit code: 2 for warnings, 0 for notes');
for my $name (qw(protected_hardlinks protected_symlinks)) {
    my $value = do { open my $fh, '<', "/proc/sys/fs/$name" or die $!; <$fh> };
    is(scalar(() = $out =~ /OMK0316 fs\.$name: is 0/g), $value == 0 ? 1 : 0, "fs.$name, which is " . $value =~ s/\n//r);
}

# --- declarations ---------------------------------------------------------------------
my $conf = $n->slurp("etc/omakase/customers.d/$a.conf");
$n->customers_d("$a.conf", $conf . "phpp = on\n");
names('a wrong file', 'OMK0310', qr{^error \S+/$a\.conf:\d+: no such option 'phpp'; correct it and apply; .* as last applied});
is($code, 1, 'exit code 1: an error');
$n->customers_d("$a.conf", $conf);
silent('mended', 'OMK0310', qr/./);
chmod 0666, $n->root . "/etc/omakase/customers.d/$a.conf";
names("everybody's file", 'OMK0310', qr{^error \S+/$a\.conf: others may write it \(mode 666\)});
names("everybody's file", 'OMK0314', qr{^error \S+/$a\.conf: others may write it \(mode 0666\); chmod go-w});
chmod 0644, $n->root . "/etc/omakase/customers.d/$a.conf";
silent('mended', $_, qr/$a\.conf/) for qw(OMK0310 OMK0314);

# --- a daemon's own checker ---------------------------------------------------------------
my $rendered = $n->root . "/var/lib/omakase/current/httpd/$a.conf";
my $was = do { open my $fh, '<', $rendered or die; local $/; <$fh> };
sub rendered { open my $fh, '>', $rendered or die; print {$fh} @_; close $fh; return }
rendered($was, "Nonsense on\n");
names('a hand edit that breaks httpd', 'OMK0311', qr/^error httpd: its own checker refuses generation \d+: .*\Q$a\E\.conf/);
names('and is drift', 'OMK0324', qr/1 things are not/);
rendered($was);
silent('mended', 'OMK0311', qr/./);

# --- permissions -----------------------------------------------------------------------------
is(($n->omakase('passwd', $a))[0], 0, 'a password');
my %wrong = (
    "var/lib/omakase/secrets/$a" => [0644, 0600, 'OMK0314', qr/password hashes with mode 0644/],
    'var/lib/omakase/generations' => [0755, 0700, 'OMK0314', qr/has mode 0755, expected 0700/],
    'etc/omakase/customers.d' => [0775, 0755, 'OMK0314', qr/others may write it/],
    'etc' => [0775, 0755, 'OMK0314', qr/others may write it/],
    'confd/httpd/site.conf' => [0666, 0644, 'OMK0314', qr/others may write it/],
    'srv' => [0700, 0755, 'OMK0315', qr/neither httpd nor customers can enter it.*chmod o\+x/],
);
for my $path (sort keys %wrong) {
    my ($bad, $good, $id, $says) = @{$wrong{$path}};
    my $file = $n->root . "/$path";
    SKIP: {
        skip 'the caller enters 0700', 2 if $> && $id eq 'OMK0315';
        chmod $bad, $file or die "$file: $!";
        names($path, $id, qr/^error \Q$file\E: .*$says/);
        chmod $good, $file;
        silent($path, $id, qr/\Q$file\E:/);
    }
}
my $far = $n->put('far.conf', "# x\n");
chmod 0666, $far;
$n->put('etc/omakase/httpd.d/y.conf', "# y\n");
symlink $far, $n->root . "/etc/omakase/httpd.d/x\n.conf" or die $!;
names('what a link leads to', 'OMK0314', qr/^error \Q$far\E: others may write it/);
chmod 0644, $far;
chmod 0666, $n->root . '/etc/omakase/httpd.d/y.conf';
rename $n->root . '/etc/omakase/httpd.d/y.conf', $n->root . "/etc/omakase/httpd.d/\xff\n.conf";
names('a name that breaks lines', 'OMK0314', qr{^error \S+/httpd\.d/\?\?\.conf: others});
unlink glob $n->root . '/etc/omakase/httpd.d/*';
SKIP: {
    skip 'as root only', 2 if $>;
    my $file = $n->root . '/confd/httpd/index.conf';
    chown 33, 33, $file;
    names("another's file", 'OMK0314', qr/^error \Q$file\E: belongs to uid 33/);
    chown 0, 0, $file;
    silent('mended', 'OMK0314', qr/index\.conf/);
}

# --- ports -------------------------------------------------------------------------------------
my $port = $n->port;
names("httpd's port", 'OMK0313', qr/^note 127\.0\.0\.1:$port: httpd listens, for this machine alone/);
is(($n->omakase('stop', 'httpd'))[0], 0, 'httpd is stopped');
my $other = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1)
    or die "port $port: $@";
names('taken', 'OMK0313', qr/^error 127\.0\.0\.1:$port: is httpd's by omakase\.conf, and held by \S+, pid $$;/);
close $other;
is(($n->omakase('start', 'httpd'))[0], 0, 'httpd runs again');
silent('given back', 'OMK0313', qr/^error/);
SKIP: {
    skip 'no MariaDB here', 1 if !-S $n->root . '/run/omakase/mysql/mysqld.sock';
    names("MariaDB's port", 'OMK0313', qr/^note 127\.0\.0\.1:\d+: mariadb listens, for this machine alone/);
}

# --- users, quotas, who we are --------------------------------------------------------------------
SKIP: {
    skip 'as root only', 3 if $>;
    my $last = (getpwnam $b)[2];
    $n->conf("users { uid_max = $last }\n");
    names('no uid is left', 'OMK0317', qr/^error \S+: 0 uids are left of 20000 to $last/);
    $n->conf('');
    silent('many are left', 'OMK0317', qr/./);
    names('what keeps the quota', 'OMK0318', qr{^(?:note|warning) \S+/srv/omakase: \S});
}
SKIP: {
    skip 'as another user than root only', 1 if !$>;
    names('single-user mode', 'OMK0319', qr/^warning single-user mode: everything runs as \S+/);
}

# --- programs, profiles, certificates ----------------------------------------------------------------
$n->conf(qq(paths { mariadbd = "/nowhere/mariadbd" }\n));
names('a daemon that is not there', 'OMK0312', qr/^note mariadb: is not this node's: .*no such program/);
$n->conf('');
for my $program (qw(/usr/bin/perl /usr/sbin/sendmail /usr/bin/php /usr/bin/nkf /usr/bin/htpasswd /usr/bin/uuencode /usr/bin/uudecode)) {
    my $named = grep {/^warning \Q$program\E: .*apt install/} findings('OMK0320');
    is($named, -x $program ? 0 : 1, "$program is named where it is missing");
}
names('profile manual', 'OMK0321', qr/^note profile manual: $_/) for 'FTP', 'POP3 and SMTP AUTH', 'HTTP';
$n->conf("profile = strict\n");
names('profile strict on loopback', 'OMK0321', qr/^note profile strict: httpd is for this machine alone/);
$n->conf('');
names('no certificate', 'OMK0322', qr/^note certificates: none is used/);
$n->customers_d("$a.httpd.conf", <<"END");
<IfModule mod_none.c>
SSLCertificateFile "@{[$n->root]}/gone.pem"
SSLCertificateKeyFile @{[$n->put('key.pem', "k\n")]}
</IfModule>
END
names('a certificate that is not there', 'OMK0322', qr{^error \S+/gone\.pem: is not there; $a\.httpd\.conf names it});
names('a key that others read', 'OMK0322', qr{^error \S+/key\.pem: a private key with mode 0644});
SKIP: {
    skip 'no openssl', 2 if !-x '/usr/bin/openssl';
    my $pem = $n->root . '/gone.pem';
    my $make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a.localhost"
        . " -keyout /dev/null -out $pem 2>/dev/null -days";
    is(system("$make 3"), 0, 'a certificate of three days');
    names('ends soon', 'OMK0322', qr{^error \Q$pem\E: has ended, or ends within two weeks});
    is(system("$make 90"), 0, 'a certificate of ninety days');
    silent('ends later', 'OMK0322', qr/gone\.pem/);
    $n->put('gone.pem', "x\n");
    names('no certificate at all', 'OMK0322', qr{^error \Q$pem\E: is no certificate});
}
unlink $n->root . "/etc/omakase/customers.d/$a.httpd.conf";

# --- what stands in the way of the check itself ---------------------------------------------------------
unlink $n->root . '/var/lib/omakase/current';
symlink '/etc', $n->root . '/var/lib/omakase/current';
names('a damaged current', 'OMK0310', qr{^error \S+/current: });
silent('the rest is looked at', 'OMK0321', qr/^error/);
ok(scalar(findings('OMK0321')), 'the rest is looked at');
done_testing;
