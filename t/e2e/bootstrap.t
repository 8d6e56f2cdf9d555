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
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Test::More;
use Omakase::Instance;

my $src = $ENV{OMAKASE_SRCDIR} // abs_path('..');
my $build = abs_path($ENV{OMAKASE_BUILDDIR} // '.');
plan skip_all => "./bootstrap builds in $src/build" if $build ne abs_path("$src/build");
delete @ENV{grep {/\A(?:MAKE|MFLAGS|HARNESS)/} keys %ENV};

my $dir = File::Temp->newdir('omakase-try-XXXXXX', TMPDIR => 1);
chmod 0755, $dir;
my @roots = ("$dir/run", "$dir/a root/it's", "$dir/closed/run", "$dir/single");
my @LOGINS = qw(ab-cdftp cdftp);
my $had_phpmyadmin = getpwnam 'omakase-phpmyadmin';
my $had_log = getpwnam 'omakase-log';
END {
    local $?;
    if (defined $dir) {
        remove_all($_) for grep {-d} @roots;
        system 'userdel', 'omakase-phpmyadmin' if !$> && !$had_phpmyadmin && getpwnam 'omakase-phpmyadmin';
        system 'userdel', 'omakase-log' if !$> && !$had_log && getpwnam 'omakase-log';
    }
}

arguments();
run_and_stop($roots[0]);
interrupted($roots[0]);
alone($roots[0]) if !$>;
removed($roots[0]);
single_user($roots[3]) if !$>;
odd_directory($roots[1]);
closed_directory($roots[2]) if !$>;
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
    my $out = ok_run('run --root, relative', 'run', '--root', $root =~ s{\A\Q$dir\E/}{}r);
    like($out, qr/^==> building\n(?:.*\n)*?==> starting the service in \Q$root\E$/m, 'says what it does');
    my ($status, $port, %a) = front_page($root);
    is($status, 200, 'the sample site answers');
    like($out, qr{^\s+http://www\.\Q$a{DOMAIN}:$port\E/ }m, 'its address is printed');
    like($out, qr{ \./bootstrap stop --root \Q$root\E$}m, 'how to stop it');
    like($out, qr{^ +\Q$root\E/omakase customer remove ab-cdftp && .* customer purge ab-cdftp --yes$}m,
        'and how to remove a customer') if !$>;
    unlike($out, qr/\Q$a{PASSWORD}\E/, 'no password in what a log may keep');
    is(qx(. '$root/addresses'; printf %s "\$CUSTOMER \$DOMAIN \$CUSTOMER2 \$DOMAIN2 \$HTTP \$SITE \$SITE2 \$OMAKASE"),
        "ab-cdftp example.localhost cdftp other.localhost 127.0.0.1:$port"
            . " $root/srv/omakase/ab-cdftp $root/srv/omakase/cdftp $root/omakase", 'addresses: a shell reads it');
    is((stat "$root/addresses")[2] & 07777, 0600, 'and nobody else');
    is(system("$a{OMAKASE} plan --exit-code"), 0, 'there is nothing left to apply');
    files(\%a);
    databases(\%a);
    scripts(\%a);
    stays($root, \%a, $port);

    my @pids = map { slurp($_) =~ /(\d+)/ } glob "$root/run/omakase/*.pid $root/run/omakase/mysql/*.pid";
    cmp_ok(scalar @pids, '>=', 1, 'pid files');
    kill 'KILL', @pids;
    ok_run('run after a kill -9 of every daemon', 'run', '--root', $root);
    my ($third, $its_port, %c) = front_page($root);
    is("$third $its_port", "200 $port", 'answers on the same port: no child of the killed one is left');
    is(system("$c{OMAKASE} status >/dev/null"), 0, 'and all is as applied');

    like(ok_run('stop', 'stop', '--root', $root), qr/^(?:proftpd stopped\n)?httpd stopped\n(?:.*\n)*stopped\n\z/, 'says so');
    like(ok_run('stop again', 'stop', '--root', $root), qr/^nothing runs in/m, 'has nothing to do');
    is(join(' ', pids_with("$root/var/lib/omakase")), '', 'nothing is left running');
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

# The sites are the customers' own.
sub files {
    my ($a) = @_;
    my @st = stat "$a->{SITE}/web/en/index.html";
    is(sprintf('%04o', $st[2] & 07777), '0644', "a page's mode");
    @st = stat "$a->{SITE}/web/en";
    is(sprintf('%04o', $st[2] & 07777), '0755', "a directory's");
    is($st[4], $> ? $> : scalar getpwnam 'ab-cdftp', 'the owner');
    ok(!-e "$a->{SITE}/web/.sample-site", 'complete');
    return;
}

# A page with the customer's own database, and phpMyAdmin, as a visitor and the
# customer meet them.
sub databases {
    my ($a) = @_;
    if (!-e "$a->{SITE}/web/guestbook.php") {
        note 'no MariaDB here';
        return;
    }
    my $web = "http://www.$a->{DOMAIN}:" . ($a->{HTTP} =~ /:(\d+)/)[0];
    is(sprintf('%04o', (stat "$a->{SITE}/web/config.php")[2] & 07777), '0600', 'config.php is closed');
    is(fetch("$web/config.php")->{content}, '', 'and says nothing');
    like(fetch("$web/")->{content}, qr{href="/guestbook\.php"}, 'the guest book is linked');
    my $word = 'tea <b>&amp;</b> ' . $$;
    my $r = HTTP::Tiny->new(max_redirect => 0)->post_form("$web/guestbook.php", {name => '', words => $word}, {peer => '127.0.0.1'});
    is($r->{status}, 303, 'P57, P58: a script writes to its database');
    my $page = fetch("$web/guestbook.php?lang=en")->{content};
    like($page, qr{tea &lt;b&gt;&amp;amp;&lt;/b&gt; $$<}, 'it is there, and is no HTML');
    like($page, qr{Guest book}, 'in English');
    $r = HTTP::Tiny->new->post_form("$web/guestbook.php", {words => 'x' x 301}, {peer => '127.0.0.1'});
    is($r->{status}, 422, 'too much is refused');
    is(login($web, 'abcdftp', $a->{PASSWORD}), 200, 'P61, P62: phpMyAdmin lets the customer in');
    is(login($web, 'abcdftp', $a->{PASSWORD2}), 401, "and not with the other's password");
    ok(-S $a->{MYSQL_SOCKET}, 'MYSQL_SOCKET');
    return;
}

# CGI, and what an owner reads of a script that fails.
sub scripts {
    my ($a) = @_;
    if (!-e "$a->{SITE}/web/contact.cgi") {
        note 'no CGI here';
        return;
    }
    my $web = "http://www.$a->{DOMAIN}:" . ($a->{HTTP} =~ /:(\d+)/)[0];
    my $user = $> ? getpwuid $> : 'ab-cdftp';
    my $page = fetch("$web/")->{content};
    like($page, qr{href="/$_\.cgi"}, "$_.cgi is linked") for qw(contact today broken);
    like(fetch("$web/contact.cgi?lang=en")->{content}, qr{Write to us.*as the user <code>$user</code>}s, 'P40: Perl, as the customer');
    like(fetch("$web/contact.cgi")->{content}, qr{<html lang="ja">.*<code>$user</code>}s, 'in Japanese');
    like(fetch("$web/today.cgi?lang=en")->{content}, qr{^<!DOCTYPE html>.*The tea of the day}s, 'P39: PHP in a .cgi') if -x '/usr/bin/php-cgi';
    my $r = fetch("$web/broken.cgi");
    is($r->{status}, 500, 'P41: a script that does not run');
    like($r->{content}, qr{E06 /web/broken\.cgi: .*/usr/bin/perl}s, 'and what to mend');
    return;
}

sub fetch { HTTP::Tiny->new->get($_[0], {peer => '127.0.0.1'}) }

sub login {
    my ($web, $user, $password) = @_;
    my $basic = encode_base64("$user:$password", '');
    return HTTP::Tiny->new->get("$web/phpMyAdmin/",
        {peer => '127.0.0.1', headers => {Authorization => "Basic $basic"}})->{status};
}

# What a customer or the operator has changed stays over a second run.
sub stays {
    my ($root, $a, $port) = @_;
    open my $fh, '>', "$a->{SITE}/web/en/index.html" or die "index.html: $!";
    close $fh;
    append("$root/etc/omakase/omakase.conf", "# by the operator\n");
    append("$root/etc/omakase/customers.d/cdftp.conf", "web_quota = \"1G\"\n");
    open my $passwd, '|-', "$a->{OMAKASE} passwd ab-cdftp 2>&1" or die "passwd: $!";
    print {$passwd} "by-the-operator\n";
    close $passwd or die 'passwd';
    ok_run('run again', 'run', '--root', $root);
    my ($again, $same_port, %b) = front_page($root);
    is("$again $same_port", "200 $port", 'answers on the same port');
    isnt($b{HTTPD_PID}, $a->{HTTPD_PID}, 'is another process');
    # Not by kill 0: a dead one may still wait for init to reap it.
    is(scalar(grep { $_ == $a->{HTTPD_PID} } pids_with("$root/var/lib/omakase")), 0, 'and the first is gone');
    ok(-z "$b{SITE}/web/en/index.html", 'what the customer has changed stays so');
    like(slurp("$root/etc/omakase/omakase.conf"), qr/# by the operator/, "so does the node's file");
    like(slurp("$root/etc/omakase/customers.d/cdftp.conf"), qr/1G/, "and a customer's");
    is("$b{PASSWORD} $b{PASSWORD2}", "$a->{PASSWORD} $a->{PASSWORD2}", 'the first passwords stay in addresses');
    is(login("http://www.$b{DOMAIN}:$port", 'abcdftp', 'by-the-operator'), 200, "the operator's holds")
        if -e "$b{SITE}/web/guestbook.php";
    return;
}

sub append {
    my ($file, $text) = @_;
    open my $fh, '>>', $file or die "$file: $!";
    print {$fh} $text;
    close $fh or die "$file: $!";
    return;
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<', $file or die "$file: $!";
    local $/;
    return <$fh>;
}

# A customer's links lead root nowhere: the site is written as the customer.
sub alone {
    my ($root) = @_;
    my %a = Omakase::Instance->read_addresses($root);
    mkdir "$dir/roots", 0700 or die "roots: $!";
    system('rm', '-rf', "$a{SITE}/web/en", "$a{SITE}/web/style.css") == 0 or die 'rm';
    mkdir "$a{SITE}/web/.sample-site";
    symlink "$dir/roots", "$a{SITE}/web/en" or die "en: $!";
    symlink "$dir/roots/style.css", "$a{SITE}/web/style.css.new" or die "style.css.new: $!";
    chown +(getpwnam 'ab-cdftp')[2, 3], "$a{SITE}/web/.sample-site";
    my $out = ok_run("run with a customer's links in the way", 'run', '--root', $root);
    like($out, qr/web: the sample site is not complete/, 'says it');
    is(join(' ', glob "$dir/roots/*"), '', "nothing was written where only root may");
    is((front_page($root))[1], $a{HTTP} =~ s/.*://r, 'and the service runs');
    return;
}

# As who tries it out is told to: no user, no database, no tree stays; but a
# user that another root had made does.
sub removed {
    my ($root) = @_;
    ok_run('run', 'run', '--root', $root) if !-e "$root/stage";
    my %before = map { $_ => [getpwnam $_] } $> ? () : @LOGINS;
    remove_customers($root);
    is(join(' ', glob "$root/var/lib/omakase/secrets/*"), '', 'no password is kept');
    for my $login (sort keys %before) {
        my @user = getpwnam $login;
        if ($before{$login}[6] eq "Omakase customer $root") {
            is(scalar @user, 0, "the user $login is gone");
            ok(!-d "$root/srv/omakase/$login", 'and the tree');
        }
        else {
            is($user[2], $before{$login}[2], "another root's user $login is there");
        }
    }
    remove_all($root);
    return;
}

sub remove_customers {
    my ($root) = @_;
    my $omakase = (readlink($root) // $root) . '/omakase';
    my @there = grep { -e "$root/etc/omakase/customers.d/$_.conf" } @LOGINS;
    return if !@there || !-e "$root/stage";
    quietly($omakase, 'start');
    quietly($omakase, 'customer', 'remove', $_) for @there;
    quietly($omakase, 'apply');
    quietly($omakase, 'customer', 'purge', $_, '--yes') for @there;
    return;
}

# Customers, users, daemons, files.
sub remove_all {
    my ($root) = @_;
    remove_customers($root) if (stat $root)[4] == $>;
    bootstrap('stop', '--root', $root) if (stat $root)[4] == $>;
    system 'rm', '-rf', readlink($root) // $root;
    return;
}

sub quietly {
    my (@command) = @_;
    my @c = map { quotemeta } @command;
    my $out = qx{@c 2>&1};
    note "@command: $out" if $?;
    return;
}

# Ctrl-C wherever: the next run works, and nothing runs twice.
sub interrupted {
    my ($root) = @_;
    for my $line ('building', 'starting the service') {
        my $pid = open(my $fh, '-|') // die "fork: $!";
        if (!$pid) {
            POSIX::setsid();
            $SIG{INT} = 'DEFAULT'; # who runs the tests in the background ignores it
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
    is(system("$root/omakase plan --exit-code"), 0, 'and there is nothing left to apply');
    ok_run('stop', 'stop', '--root', $root);
    is(join(' ', pids_with("$root/var/lib/omakase")), '', 'nothing is left running');
    return;
}

sub pids_with {
    my ($word) = @_;
    my $fh;
    return map {m{(\d+)}} grep {
        open($fh, q(<), $_) && index(<$fh> // q(), $word) >= 0
    } glob '/proc/[0-9]*/cmdline';
}

# All of it as a user without any right: no Unix user is made.
sub single_user {
    my ($root) = @_;
    if (defined Omakase::Instance::unreachable("$src/t")) {
        note "nobody cannot enter $src/t";
        return;
    }
    mkdir $root or die "$root: $!";
    chown +(getpwnam 'nobody')[2, 3], $root;
    is(system("make -s -C \Q$build\E stage STAGE=$root/stage >$dir/stage.log 2>&1"), 0, 'make stage');
    my @nobody = ('env', "PERL5LIB=$src/t/lib", 'setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups',
        'perl', "$src/t/instance");
    for my $what (qw(start start)) {
        my @c = map { quotemeta } @nobody, $what, '--root', $root;
        my $out = qx{@c 2>&1};
        is($?, 0, "$what as nobody") or diag($out);
        unlike($out, qr/customer purge/, 'no Unix users to speak of');
    }
    my ($status, $port, %a) = front_page($root);
    $a{NOBODY} = getpwnam 'nobody';
    is($status, 200, 'answers');
    is((stat "$a{SITE}/web/en/index.html")[4], $a{NOBODY}, 'all is the one user\'s');
    is(login("http://www.$a{DOMAIN}:$port", 'abcdftp', $a{PASSWORD}), 200, 'phpMyAdmin, too')
        if -e "$a{SITE}/web/guestbook.php";
    my ($rc, $said) = bootstrap('stop', '--root', $root);
    is("$rc $said", "1 $root: belongs to uid $a{NOBODY}, not to you\n", 'root runs nothing out of another\'s hand');
    my @stop = map { quotemeta } @nobody, 'stop', '--root', $root;
    like(scalar qx{@stop 2>&1}, qr/^stopped$/m, 'stop as nobody');
    is(join(' ', pids_with("$root/var/lib/omakase")), '', 'nothing is left running');
    return;
}

# omakase takes no such path: blanks, a quote.
sub odd_directory {
    my ($root) = @_;
    make_path($root =~ s{/[^/]*\z}{}r);
    my $out = ok_run('run, in a path with blanks and a quote', 'run', '--root', $root);
    my $real = readlink($root) // '';
    like($real, qr{\A/var/tmp/omakase-run-\d+-[0-9a-f]+-it_s\z}, 'the service lives elsewhere');
    like($out, qr{other characters than .*: the service lives in \Q$real\E$}m, 'it says so');
    like($out, qr{ \./bootstrap stop --root '\Q$dir\E/a root/it'\\''s'$}m, 'and how to stop it');
    is((front_page($root))[0], 200, 'answers');
    ok_run('stop', 'stop', '--root', $root);
    remove_all($root);
    return;
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
    remove_all($root);
    ok(!-e $real, 'and nothing is left there');
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
