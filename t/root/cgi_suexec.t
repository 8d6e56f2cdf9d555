#!/usr/bin/perl
# cgi-wrapper-suexec: the setuid helper, called by httpd's user and by others,
# and by the real httpd in the place of its suexec and through mod_fcgid.
use v5.30;
use warnings;
use Cwd qw(abs_path);
use File::Path qw(make_path);
use File::Temp ();
use POSIX ();
use Test::More;
use Omakase::CgiAttack qw(slurp world);
use Omakase::Client;
use Omakase::Instance;

plan skip_all => 'needs root: a setuid program' if $>;
my $w = world();
my ($alice, $mallory) = @$w{qw(alice mallory)};
my $src = abs_path($ENV{OMAKASE_SRCDIR} // '..');
my $dir = File::Temp->newdir('omakase-test-XXXXXX', TMPDIR => 1);
chmod 0755, "$dir";
my $conf = "$dir/cgi-wrapper.conf";
my $helper = "$dir/cgi-wrapper-suexec";
my (undef, undef, $httpd_uid, $httpd_gid) = getpwnam 'www-data';
my $build = $w->{build};

# The same source, with a configuration of the test's.
my @cc = ($ENV{CC} // 'cc', qw(-std=gnu11 -O1 -D_GNU_SOURCE -static), '-DOMAKASE_VERSION="test"',
    "-DCGIW_SUEXEC_CONF=\"$conf\"", "-iquote$src/cgi-wrapper", "-I$src/lib", '-o', $helper,
    "$src/cgi-wrapper/suexec.c", "$src/cgi-wrapper/child.c", "$build/.libs/libcgiw.a", "$build/.libs/libomakase.a");
is(system(@cc), 0, 'it compiles') or BAIL_OUT('no helper');
chown 0, $httpd_gid, $helper;
chmod 04750, $helper;

my $disabled = "$dir/denied";
my $text = join '', map { join("\t", @$_) . "\n" } ['cgi-wrapper', 1], ['httpd', $httpd_uid], ['denied', $disabled],
    ['interpreter', '/usr/bin/php', '/usr/bin/php-cgi'],
    map { [site => $_->[0], @{$_->[1]}{qw(login uid gid root login root)}, 'processes=0', "shown=/web"] }
        [0, $alice], [1, $mallory];
configure("# of the test\n\n$text");

sub configure {
    my ($what, $mode) = @_;
    open my $fh, '>', $conf or die "$conf: $!";
    print {$fh} $what;
    close $fh or die "$conf: $!";
    chmod $mode // 0644, $conf;
    return;
}

# ($exit, $stdout, $stderr) of the helper, called by uid in a directory.
sub call {
    my ($o, @args) = @_;
    my ($out, $err) = (File::Temp->new, File::Temp->new);
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $) = "$httpd_gid $httpd_gid";
        POSIX::setgid($httpd_gid);
        POSIX::setuid($o->{uid} // $httpd_uid);
        %ENV = (PATH => '/nowhere', LD_PRELOAD => '/tmp/evil.so', REQUEST_METHOD => 'GET', BASH_ENV => '/tmp/evil',
            %{$o->{env} // {}});
        chdir($o->{in} // '/') or POSIX::_exit(120);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $out;
        open STDERR, '>&', $err;
        exec {$helper} 'suexec', @args or POSIX::_exit(121);
    }
    waitpid $pid, 0;
    return ($? >> 8, slurp("$out"), slurp("$err"));
}

$w->perl(alice => 'who.cgi', <<'END');
print "uid @{[$<, $>]} gid $( $)\n";
print "env $_=$ENV{$_}\n" for sort keys %ENV;
print "args @ARGV\n";
opendir my $d, '/proc/self/fd';
print "fds ", join(' ', grep { /^\d/ && $_ ne fileno $d } sort readdir $d), "\n";
print "caps $1\n" if `cat /proc/self/status` =~ /^CapEff:\s+(\w+)/m;
END
my $root = $alice->{root};

subtest 'it runs as its owner' => sub {
    for my $how (
        ['suexec\'s form', {in => $root}, @$alice{qw(uid gid)}, 'who.cgi'],
        ['with mod_userdir\'s ~', {in => $root}, "~$alice->{login}", $alice->{gid}, 'who.cgi'],
        ['a login and an absolute path', {}, @$alice{qw(login login)}, "$root/who.cgi"],
    ) {
        my ($name, @call) = @$how;
        my ($code, $out, $err) = call(@call);
        is($code, 0, $name) or diag($err);
        my ($uid, $gid) = @$alice{qw(uid gid)};
        like($out, qr/^uid $uid $uid gid $gid $gid$/m, "$name: uid and gid, no other group");
        like($out, qr/^env REQUEST_METHOD=GET$/m, "$name: what belongs to CGI comes in");
        unlike($out, qr/LD_PRELOAD|BASH_ENV|nowhere/, "$name: nothing else of the caller's");
        like($out, qr/^fds 0 1 2$/m, "$name: three descriptors");
        like($out, qr/^caps 0+$/m, "$name: no capability");
    }
};

subtest 'what it refuses' => sub {
    $w->sh(mallory => 'own.cgi', 'id -u');
    symlink "$root/who.cgi", "$mallory->{root}/link.cgi";
    $w->sh(alice => 'open.cgi', 'id -u', 0777);
    $w->sh(alice => 'off.cgi', 'id -u');
    open my $fh, '>', $disabled or die $!;
    print {$fh} "$alice->{login}\t0:0\t/web/off.cgi\t2026-11-25T10:00:00Z\tgives a shell\n";
    close $fh;
    my @m = @$mallory{qw(uid gid)};
    my @a = @$alice{qw(uid gid)};
    my @cases = (
        ['another user than httpd', 77, qr/another user/, {uid => $mallory->{uid}}, @m, "$mallory->{root}/own.cgi"],
        ['root itself', 77, qr/no site/, {}, 0, 0, "$root/who.cgi"],
        ['alice\'s script as mallory', 77, qr/no site/, {}, @m, "$root/who.cgi"],
        ['another group', 77, qr/no site/, {}, $a[0], $m[1], "$root/who.cgi"],
        ['outside of every root', 77, qr/no site/, {}, @a, '/bin/sh'],
        ['a root whose name goes on', 77, qr/no site/, {}, @a, "$mallory->{root}/own.cgi"],
        ['dots', 64, qr/normal form/, {}, @a, "$root/../ab/own.cgi"],
        ['a name with a slash', 64, qr/current directory/, {in => $root}, @a, 'x/who.cgi'],
        ['two words', 64, qr/^$/, {}, @a],
        ['a link to another\'s', 1, qr/^E20 /, {}, @m, "$mallory->{root}/link.cgi"],
        ['a script that others may write', 1, qr/^E19 .*Fix: chmod/, {}, @a, "$root/open.cgi"],
        ['one that is not there', 1, qr/^E26 /, {}, @a, "$root/absent.cgi"],
        ['one that the operator has disabled', 1, qr{^E23 /web/off.cgi.*gives a shell}, {}, @a, "$root/off.cgi"],
        ['too large an environment', 64, qr/too large/, {env => {map { ("HTTP_$_" => 'x' x 1000) } 1 .. 1100}}, @a, "$root/who.cgi"],
    );
    for (@cases) {
        my ($name, $want, $says, @call) = @$_;
        my ($code, $out, $err) = call(@call);
        is($code, $want, $name) or diag("$out$err");
        like($err, $says, "$name: says why");
        is($out, '', "$name: nothing ran");
    }
};

subtest 'its configuration' => sub {
    my @call = ({}, @$alice{qw(uid gid)}, "$root/who.cgi");
    my ($code, $out, $err);
    for (
        ['writable by others', sub { configure($text, 0666) }, qr/root's/],
        ['another\'s', sub { configure($text); chown $mallory->{uid}, -1, $conf }, qr/root's/],
        ['a link', sub { rename $conf, "$conf.real"; symlink "$conf.real", $conf }, qr/cgi-wrapper\.conf/],
        ['absent', sub { unlink $conf }, qr/No such file/],
        ['without httpd\'s uid', sub { configure($text =~ s/^httpd.*\n//mr) }, qr/no httpd record/],
        ['wrong', sub { configure("${text}evil\t1\n") }, qr/record/],
    ) {
        my ($name, $make, $says) = @$_;
        unlink $conf;
        $make->();
        ($code, $out, $err) = call(@call);
        is($code, 78, $name);
        like($err, $says, "$name: says why");
    }
    unlink $conf;
    configure($text);
    chmod 0755, $helper;
    ($code, $out, $err) = call(@call);
    is("$code $out", '77 ', 'without its bit it does nothing');
    like($err, qr/set-user-id/, 'and says so');
    chmod 04750, $helper;
};

# suexec's place is compiled into httpd: in a mount namespace it is ours.
subtest 'in the place of Apache\'s suexec' => sub {
    plan skip_all => 'needs /usr/lib/apache2/suexec' if !-e '/usr/lib/apache2/suexec';
    my $i = Omakase::Instance->new(daemons => ['httpd'],
        wrapper => ['unshare', '-m', 'sh', '-c', "mount --bind $helper /usr/lib/apache2/suexec && exec \"\$@\"", 'x'],
        load => join('', map {qq{LoadModule ${_}_module "\${HTTPD_MODULES}/mod_$_.so"\n}} qw(suexec cgid)),
        conf => <<"END")->start;
ScriptSock "\${OMAKASE_ROOT}/run/cgid"
<VirtualHost *:*>
    ServerName www.a.localhost
    SuexecUserGroup $alice->{login} $alice->{login}
    DocumentRoot $root
    <Directory $root>
        Require all granted
        Options ExecCGI
        <Files "*.cgi">
            SetHandler cgi-script
        </Files>
    </Directory>
</VirtualHost>
END
    my $file = $w->perl(alice => 'web.cgi', 'print "uid $<\n";');
    my $r = Omakase::Client::get($i, 'www.a.localhost', '/web.cgi');
    is("$r->{status} $r->{content}", "200 uid $alice->{uid}\n", 'mod_cgid runs a script through it');
    chmod 0777, $file;
    is(Omakase::Client::get($i, 'www.a.localhost', '/web.cgi')->{status}, 500, 'what it refuses is 500');
    like(slurp($i->httpd->error_log), qr{E19 /web/web\.cgi}, 'and the log says why');
    $i->stop;
};

subtest 'mod_fcgid' => sub {
    plan skip_all => 'needs mod_fcgid' if !-e '/usr/lib/apache2/modules/mod_fcgid.so';
    plan skip_all => 'needs php-cgi' if !-x '/usr/bin/php-cgi';
    mkdir "$dir/fcgi";
    chown $httpd_uid, $httpd_gid, "$dir/fcgi";
    $w->put(alice => 'php.fcgi', "#!/bin/sh\nexec /usr/bin/php-cgi\n");
    $w->put(alice => 'page.php', '<?php echo "uid ", posix_getuid(), "\n";', 0644);
    my $i = Omakase::Instance->new(daemons => ['httpd'],
        load => qq{LoadModule fcgid_module "\${HTTPD_MODULES}/mod_fcgid.so"\n}, conf => <<"END")->start;
FcgidIPCDir "$dir/fcgi"
FcgidProcessTableFile "$dir/fcgi/table"
<VirtualHost *:*>
    ServerName www.a.localhost
    DocumentRoot $root
    <Directory $root>
        Require all granted
        Options ExecCGI
        <Files "*.php">
            SetHandler fcgid-script
            FcgidWrapper "$helper $alice->{login} $alice->{login} $root/php.fcgi" .php
        </Files>
    </Directory>
</VirtualHost>
END
    my $r = Omakase::Client::get($i, 'www.a.localhost', '/page.php');
    is("$r->{status} $r->{content}", "200 uid $alice->{uid}\n", 'FcgidWrapper starts PHP as the customer') or diag(slurp($i->httpd->error_log));
    $i->stop;
};

done_testing;
