#!/usr/bin/perl
# ./bootstrap run and stop, as who tries Omakase out meets them: from the tree
# that is built already.
use v5.30;
use warnings;
use Cwd qw(abs_path);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp ();
use HTTP::Tiny;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Omakase::Instance;

my $src = $ENV{OMAKASE_SRCDIR} // abs_path('..');
my $build = abs_path($ENV{OMAKASE_BUILDDIR} // '.');
plan skip_all => "./bootstrap builds in $src/build" if $build ne abs_path("$src/build");
delete @ENV{grep {/\A(?:MAKE|MFLAGS|HARNESS)/} keys %ENV};

my $dir = File::Temp->newdir('omakase-try-XXXXXX', TMPDIR => 1);
chmod 0755, $dir;
my @roots = ("$dir/a root/it's", "$dir/closed/run");
END { bootstrap('stop', '--root', $_) for grep { defined $dir && -d } @roots }

arguments();
run_and_stop($roots[0]);
interrupted($roots[0]);
closed_directory($roots[1]) if !$>;
packages_without_root();
done_testing;

# (exit status, output) of ./bootstrap, called from $dir.
sub bootstrap {
    my (@args) = @_;
    my $pid = open(my $fh, '-|') // die "fork: $!";
    if (!$pid) {
        chdir $dir or POSIX::_exit(126);
        open STDIN, '<', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        exec "$src/bootstrap", @args or POSIX::_exit(127);
    }
    my $out = do { local $/; <$fh> } // '';
    close $fh;
    return ($? >> 8, $out);
}

sub ok_run {
    my ($what, @args) = @_;
    my ($rc, $out) = bootstrap(@args);
    is($rc, 0, $what) or diag($out);
    return $out;
}

sub front_page {
    my ($root) = @_;
    my %a = Omakase::Instance->read_addresses($root);
    my ($port) = $a{HTTP} =~ /:(\d+)\z/;
    my $r = HTTP::Tiny->new->get("http://www.$a{DOMAIN}:$port/en/index.html", {peer => '127.0.0.1'});
    return ($r->{status}, $port, %a);
}

sub arguments {
    my ($rc, $out) = bootstrap('run', '--root');
    is("$rc $out", "1 bootstrap: --root needs a directory\n", '--root without a directory');
    ($rc, $out) = bootstrap('run', '--rot', 'x');
    is($rc, 1, 'an unknown argument');
    like($out, qr{\./bootstrap run \[--root DIR\].*^bootstrap: unknown argument: --rot$}ms, 'is named, with the usage');
    ($rc, $out) = bootstrap('nosuch');
    is($rc, 64, 'an unknown command');
    ($rc, $out) = bootstrap('stop', '--root', 'nowhere');
    is("$rc $out", "0 nothing runs in $dir/nowhere\n", 'stop where nothing is');
    ok(!-e "$dir/nowhere", 'makes nothing there');
    return;
}

sub run_and_stop {
    my ($root) = @_;
    my $out = ok_run('run --root, relative, with blanks and a quote', 'run', '--root', $root =~ s{\A\Q$dir\E/}{}r);
    like($out, qr/^==> building\n(?:.*\n)*?==> starting the service in \Q$root\E$/ms, 'says what it does');
    my ($status, $port, %a) = front_page($root);
    is($status, 200, 'the sample site answers');
    like($out, qr{^\s+http://www\.\Q$a{DOMAIN}:$port\E/ }m, 'its address is printed');
    like($out, qr{ \./bootstrap stop --root '\Q$dir\E/a root/it'\\''s'$}m, 'and how to stop it');
    my $quoted = $root =~ s/'/'\\''/gr;
    is(qx(. '$quoted/addresses'; printf %s "\$CUSTOMER \$DOMAIN \$CUSTOMER2 \$DOMAIN2 \$HTTP \$SITE \$SITE2"),
        "ab-cdftp example.localhost cdftp other.localhost 127.0.0.1:$port $root/srv/ab-cdftp $root/srv/cdftp",
        'addresses: a shell reads it');

    open my $fh, '>', "$root/srv/ab-cdftp/web/en/index.html" or die "index.html: $!";
    close $fh;
    ok_run('run again', 'run', '--root', $root);
    my ($again, $same_port, %b) = front_page($root);
    is("$again $same_port", "200 $port", 'answers on the same port');
    isnt($b{HTTPD_PID}, $a{HTTPD_PID}, 'is another process');
    # Not by kill 0: a dead one may still wait for init to reap it.
    is(scalar(grep { $_ == $a{HTTPD_PID} } pids_with("$root/etc/httpd.conf")), 0, 'and the first is gone');
    ok(-z "$root/srv/ab-cdftp/web/en/index.html", "what the customer has changed stays so");

    kill 'KILL', $b{HTTPD_PID};
    ok_run('run after a kill -9', 'run', '--root', $root);
    my ($third, $its_port, %c) = front_page($root);
    is("$third $its_port", "200 $port", 'answers on the same port: no child of the killed one is left');

    like(ok_run('stop', 'stop', '--root', $root), qr/^stopped$/m, 'says so');
    like(ok_run('stop again', 'stop', '--root', $root), qr/^nothing runs in/m, 'has nothing to do');
    my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1);
    ok($taken, 'somebody else takes the port') or diag($@);
    ok_run('run', 'run', '--root', $root);
    ($status, my $other) = front_page($root);
    is($status, 200, 'answers');
    isnt($other, $port, 'on another port');
    system 'rm', '-rf', "$root/stage";
    like(ok_run('stop, without its stage', 'stop', '--root', $root), qr/^stopped$/m, 'stops');
    return;
}

# Ctrl-C wherever: the next run works, and nothing runs twice.
sub interrupted {
    my ($root) = @_;
    for my $line ('building', 'starting the service') {
        my $pid = open(my $fh, '-|') // die "fork: $!";
        if (!$pid) {
            POSIX::setsid();
            open STDERR, '>&', \*STDOUT;
            exec "$src/bootstrap", 'run', '--root', $root or POSIX::_exit(127);
        }
        while (<$fh>) {
            kill 'INT', -$pid if /^==> \Q$line\E/;
        }
        close $fh;
        isnt($?, 0, "Ctrl-C at '$line' ends it");
    }
    ok_run('run after it', 'run', '--root', $root);
    is((front_page($root))[0], 200, 'answers');
    ok_run('stop', 'stop', '--root', $root);
    is(join(' ', pids_with("$root/etc/httpd.conf")), '', 'nothing is left running');
    return;
}

sub pids_with {
    my ($word) = @_;
    my $fh;
    return map {m{(\d+)}} grep {
        open($fh, q(<), $_) && index(<$fh> // q(), $word) >= 0
    } glob '/proc/[0-9]*/cmdline';
}

# As in a checkout below /root: httpd's user cannot enter.
sub closed_directory {
    my ($root) = @_;
    make_path($root =~ s{/run\z}{}r);
    chmod 0700, $root =~ s{/run\z}{}r;
    my $out = ok_run('run below a directory that httpd cannot enter', 'run', '--root', $root);
    my $real = readlink($root) // '';
    like($real, qr{\A/var/tmp/omakase-run-}, 'the service lives elsewhere');
    like($out, qr{cannot enter \S+closed/: the service lives in \Q$real\E$}m, 'it says so');
    is((front_page($root))[0], 200, 'answers');
    ok_run('stop', 'stop', '--root', $root);
    system 'rm', '-rf', $real if $real =~ m{\A/var/tmp/omakase-run-};
    return;
}

# Missing packages, and not root: sudo, or words.
sub packages_without_root {
    my $tree = "$dir/tree";
    make_path("$tree/bin");
    chmod 0755, $tree, "$tree/bin";
    copy("$src/bootstrap", "$tree/bootstrap") or die "bootstrap: $!";
    my %stub = ('dpkg-query' => 'echo not-installed', 'apt-get' => 'exit 9', id => 'echo 64990',
        sudo => 'echo "sudo $*"; exit 9');
    while (my ($name, $text) = each %stub) {
        open my $fh, '>', "$tree/bin/$name" or die "$name: $!";
        print {$fh} "#!/bin/sh\n$text\n";
        close $fh;
        chmod 0755, "$tree/bin/$name";
    }
    for my $tool (qw(dirname grep sed cat sh nproc)) {
        my ($path) = grep {-x} map {"$_/$tool"} qw(/usr/bin /bin);
        symlink $path, "$tree/bin/$tool" or die "$tool: $!";
    }
    my $said = qx(cd $dir && PATH=$tree/bin /bin/sh $tree/bootstrap run 2>&1);
    isnt($?, 0, 'not root, and sudo fails: so does it');
    like($said, qr{^==> installing: apache2 .*^==> not root: using sudo for it\nsudo sh \S+/install-packages apache2 .*^bootstrap: apt-get failed$}ms,
        'it says what it wants, and by sudo');
    unlink "$tree/bin/sudo";
    $said = qx(cd $dir && PATH=$tree/bin /bin/sh $tree/bootstrap run 2>&1);
    isnt($?, 0, 'not root, and no sudo: fails');
    like($said, qr/^bootstrap: needs root for that, and there is no sudo; as root: apt-get install apache2 /m, 'and says what to do');
    return;
}
