#!/usr/bin/perl
# omakase with the real httpd and php-fpm: from nothing to a page, and what
# happens to wrong declarations, hand edits, hostile names and links.
use v5.30;
use warnings;
use POSIX ();
use Test::More;
use Omakase::Provision;

my $n = Omakase::Provision->new;
my ($a, $b, $c) = map { $n->login } 1 .. 3;
my ($code, $out, $err);

sub ok_run {
    my ($name, @args) = @_;
    ($code, $out, $err) = $n->omakase(@args);
    is($code, 0, $name) or diag("$out$err");
    return;
}

# The password that a sheet tells.
sub on_the_sheet {
    my ($sheet) = @_;
    my @found = $sheet =~ /^\s*(?:Password|パスワード)\s*:?\s+([!-~]+)$/mg;
    return @found == 1 ? $found[0] : "@found";
}

# The customer's first database as its user, over TCP.
sub mysql {
    my ($login, $secret) = @_;
    local $ENV{MYSQL_PWD} = $secret;
    return qx(mariadb --no-defaults -h 127.0.0.1 -P $n->{mysql_port} -u $login -NBe "show databases like '${login}01'" 2>&1);
}

# What a command prints as the customer's user.
sub as {
    my ($login, $command) = @_;
    my ($uid, $gid) = (getpwnam $login)[2, 3];
    return qx(setpriv --reuid $uid --regid $gid --clear-groups sh -c '$command' 2>/dev/null);
}

# --- from nothing to a page -----------------------------------------------------
ok_run('customer add', 'customer', 'add', $a, '--domain', 'one.localhost');
like($err, qr/wrote \S+\/$a\.conf; omakase apply/, 'the file is told');
my $first = on_the_sheet($out);
like($out, qr/one\.localhost/, 'P82: the settings sheet comes with it');
like($first, qr/\A[a-zA-Z2-9]{16}\z/, 'with a first password');
($code, $out) = $n->omakase('plan', '--exit-code');
is($code, 2, 'plan --exit-code: 2 for changes');
like($out, qr/^\+ $a +new customer: one\.localhost$/m, 'plan tells the new customer');
ok(!-e $n->root . "/srv/omakase/$a" && !defined getpwnam $a, 'a plan makes nothing');
ok_run('apply', 'apply');
ok_run('start', 'start');
like($out, qr/php-fpm runs.*httpd runs/s, 'both daemons run');
ok_run('apply, now with MariaDB', 'apply');
SKIP: {
    skip 'no MariaDB here', 1 if $out !~ /mariadb/ && !-S $n->root . '/run/omakase/mysql/mysqld.sock';
    my $names = qx(mariadb -S ${\ $n->root}/run/omakase/mysql/mysqld.sock -NBe "show databases like '$a%'");
    is($names, join('', map {"${a}0$_\n"} 1 .. 6), 'P57: six databases from the start');
}
SKIP: {
    skip 'users are made by root alone', 2 if $>;
    my @pw = getpwnam $a;
    ok($pw[2] >= 20000 && $pw[2] <= 29999, "P19: the user's uid is in the range");
    like($pw[8], qr/nologin/, 'P19: no shell');
}
$n->put("srv/omakase/$a/web/a.html", "<p>eins</p>\n");
for my $host (qw(www.one.localhost one.localhost)) {
    is($n->get($host, '/a.html')->{content}, "<p>eins</p>\n", "P1: $host");
}
$n->put("srv/omakase/$a/web/s.shtml", qq{<!--#echo var="DOCUMENT_URI" -->\n});
is($n->get('www.one.localhost', '/s.shtml')->{content}, "/s.shtml\n", 'P11: SSI');
SKIP: {
    skip 'mod_php_pool is not built', 2 if !-e $n->{layout}{modules} . '/mod_php_pool.so';
    $n->put("srv/omakase/$a/web/u.php", '<?= posix_geteuid() ?>');
    is($n->get('www.one.localhost', '/u.php')->{content}, $> ? $> : (getpwnam $a)[2],
        "P38: PHP, under the customer's user");
    $n->customers_d("$a.conf", $n->slurp("etc/omakase/customers.d/$a.conf") . "php = off\n");
    ok_run('php = off', 'apply');
    isnt($n->get('www.one.localhost', '/u.php')->{status}, 200, 'no PHP any more');
    $n->customers_d("$a.conf", $n->slurp("etc/omakase/customers.d/$a.conf") =~ s/php = off\n//r);
    ok_run('and on again', 'apply');
}
is(($n->omakase('plan', '--exit-code'))[0], 0, 'a second plan: 0, nothing to do');
is(($n->omakase('plan'))[1], '', 'and it is empty');
($code, $out) = $n->omakase('apply');
like($out, qr/nothing to do; generation \d+ holds/, 'a second apply makes no generation');
is(($n->omakase('status'))[0], 0, 'status: all is as applied');

# --- a second one, and a docroot --------------------------------------------------
ok_run('another', 'customer', 'add', $b, '--domain', '日本語.localhost', '--docroot', 'web/sub');
like($n->slurp("etc/omakase/customers.d/$b.conf"), qr/"xn--wgv71a119e\.localhost"/, 'a Japanese domain becomes punycode');
ok_run('is applied', 'apply');
like($err, qr/reloading httpd/, 'httpd is reloaded');
$n->put("srv/omakase/$b/web/sub/a.html", "<p>zwei</p>\n");
is($n->get('www.xn--wgv71a119e.localhost', '/a.html')->{content}, "<p>zwei</p>\n", 'its docroot');
is($n->get('one.localhost', '/a.html')->{content}, "<p>eins</p>\n", 'the first one is as it was');

# --- hostile names ----------------------------------------------------------------
my @hostile = (
    ['../x', 'a.localhost', 65, qr/is no login/], ['root', 'a.localhost', 77, qr/that the system uses/],
    ['x' x 200, 'a.localhost', 65, qr/200 bytes/], ["ab\ncd", 'a.localhost', 65, qr/'ab\?cd' is no login/],
    ['', 'a.localhost', 65, qr/0 bytes/], ['abcd', "a.localhost\nListen 1", 65, qr/control character/],
    ['abcd', '../../etc', 65, qr/no domain/], ['abcd', 'www.a.localhost', 65, qr/without www/],
    ['abcd', 'one.localhost', 77, qr/belongs to customer $a/],
    ['abcd', '日本語.localhost', 77, qr/belongs to customer $b/],
    [substr($a, 0, 4) . '-' . substr($a, 4), 'a.localhost', 77, qr/databases would have the names/],
);
for (@hostile) {
    my ($login, $domain, $want, $says) = @$_;
    ($code, $out, $err) = $n->omakase('customer', 'add', $login, '--domain', $domain);
    my $name = ($login =~ s/\n/\\n/r) . " $domain";
    is($code, $want, 'refused: ' . substr $name =~ s/\n/\\n/r, 0, 40);
    like($err, $says, 'with a message');
}
is(($n->omakase('plan', '--exit-code'))[0], 0, 'and nothing of it is left');

# --- a wrong file holds its customer and nobody else --------------------------------
my $old = $n->slurp("etc/omakase/customers.d/$a.conf");
$n->customers_d("$a.conf", $old . "phpp = off\n");
$n->customers_d("$c.conf", "domain \"three.localhost\" {}\n");
($code, $out, $err) = $n->omakase('apply');
is($code, 3, 'apply: 3, applied but somebody is held');
like($err, qr{$a is held as last applied: \S+/$a\.conf:3: no such option 'phpp'}, 'with file and line');
$n->put("srv/omakase/$c/web/a.html", "<p>drei</p>\n");
is($n->get('three.localhost', '/a.html')->{content}, "<p>drei</p>\n", 'the other one is applied');
is($n->get('one.localhost', '/a.html')->{content}, "<p>eins</p>\n", 'the held one serves on');
is(($n->omakase('plan', '--exit-code'))[0], 1, 'plan --exit-code: 1 for an error');
$n->customers_d("$a.conf", $old);
is(($n->omakase('plan', '--exit-code'))[0], 0, 'mended');

# --- a broken include: by the checker's message, and by halving ----------------------
for (["<Directory \"/x\">\n", qr{$a\.httpd\.conf:1: .*<Directory> was not closed}, 'an open <Directory>'],
    ["# one\nNonsense on\n", qr{$a\.httpd\.conf:2: .*Invalid command 'Nonsense'}, 'no directive'],
    ["CustomLog \"/\" combined\n", qr{$a\.httpd\.conf: .*Unable to open logs}, 'a log that is a directory, which -t passes'],
    ["ServerName one.localhost\n</VirtualHost>\n<VirtualHost *:*>\n", qr{$a\.httpd\.conf}, 'another virtual host']) {
    my ($text, $says, $name) = @$_;
    my $before = ($n->omakase('generations'))[1];
    $n->customers_d("$a.httpd.conf", $text);
    ($code, $out, $err) = $n->omakase('apply');
    is($code, 3, "$name: held");
    like($err, $says, "$name: named");
    is(($n->omakase('generations'))[1], $before, "$name: no generation for it");
    is($n->get("$_.localhost", '/a.html')->{status}, 200, "$name: $_ serves") for qw(one three);
}
$n->customers_d("$a.httpd.conf", "Header set X-Own yes\n");
ok_run('a good one', 'apply');
is($n->get('one.localhost', '/a.html')->{headers}{'x-own'}, 'yes', 'is applied');
is($n->get('three.localhost', '/a.html')->{headers}{'x-own'}, undef, "to nobody else's site");
ok_run('rollback', 'rollback');
is($n->get('one.localhost', '/a.html')->{headers}{'x-own'}, undef, 'takes it back');
like(($n->omakase('plan'))[1], qr/^~ $a +$a\.httpd\.conf new\n +\+ Header set X-Own yes$/m, 'and plan tells the difference');
is(($n->omakase('rollback', '999'))[0], 1, 'no such generation');
ok_run('forward again', 'apply');

# --- the node's own mistakes ----------------------------------------------------------
my $generation = ($n->omakase('generations'))[1];
$n->conf("nonsense = 1\n");
($code, $out, $err) = $n->omakase('apply');
is($code, 1, 'a wrong omakase.conf: nothing is applied');
like($err, qr{omakase\.conf:\d+: no such option 'nonsense'}, 'with file and line');
$n->conf('');
my $httpd_conf = $n->slurp('confd/httpd/httpd.conf');
$n->put('confd/httpd/httpd.conf', $httpd_conf . "Nonsense on\n");
($code, $out, $err) = $n->omakase('apply');
is($code, 1, 'a wrong conf.d: nothing is applied');
like($err, qr{confd/httpd/httpd\.conf:\d+: .*Nonsense}, 'with file and line');
$n->put('confd/httpd/httpd.conf', $httpd_conf);
is(($n->omakase('generations'))[1], $generation, 'no generation of either');
is($n->get('one.localhost', '/a.html')->{status}, 200, 'all serve on');

# --- drift ------------------------------------------------------------------------------
my $current = $n->root . '/var/lib/omakase/current';
my %drift = (
    'a hand edit' => [sub { system "echo '# x' >>$current/httpd/$a.conf" }, qr{httpd/$a\.conf: changed by hand}],
    'a lost file' => [sub { unlink "$current/httpd/$a.conf" }, qr{httpd/$a\.conf: missing}],
    'a stranger' => [sub { system "touch $current/httpd/x.conf" }, qr{httpd/x\.conf: put there by hand}],
    'a missing directory' => [sub { rmdir $n->root . "/srv/omakase/$a/tmp" }, qr{$a: .*tmp}],
    'a wrong mode' => [sub { chmod 0777, $n->root . "/srv/omakase/$a/log" }, qr{$a: .*log}],
    'a wrong owner' => [sub { chown 33, 33, $n->root . "/srv/omakase/$a/web" }, qr{$a: .*web}],
);
for my $kind (sort keys %drift) {
    my ($make, $says) = @{$drift{$kind}};
    SKIP: {
        skip 'as root only', 4 if $> && $kind =~ /owner/;
        $make->();
        ($code, $out, $err) = $n->omakase('status');
        is($code, 2, "status: $kind");
        like($out, $says, "$kind is named");
        ok_run("$kind: apply repairs", 'apply');
        is(($n->omakase('status'))[0], 0, "$kind: repaired") or diag(($n->omakase('status'))[1]);
    }
}

# --- generations share what did not change: a hand edit of one is one of others -----------
system "echo 'Header set X-Own edited' >>$current/httpd/$b.conf";
($code, $out, $err) = $n->omakase('rollback');
is($code, 1, 'rollback to a generation that shares a hand edit: refused');
like($err, qr{httpd/$b\.conf: changed by hand}, 'with the file');
ok_run('apply', 'apply');
ok_run('and now rollback', 'rollback');
unlike($n->slurp("var/lib/omakase/current/httpd/$b.conf"), qr{edited}, 'has the file as it was');
is(($n->omakase('status'))[0], 0, 'all is as applied') or diag(($n->omakase('status'))[1]);
ok_run('apply', 'apply');

# --- links in the tree gain nothing -------------------------------------------------------
SKIP: {
    skip 'as root only', 3 if $>;
    my $tree = $n->root . "/srv/omakase/$a";
    my ($mode, $uid) = (stat '/etc')[2, 4];
    system "mv $tree/web $tree/was && ln -s /etc $tree/web";
    ($code, $out, $err) = $n->omakase('apply');
    is($code, 3, 'web -> /etc: the customer is held');
    is(join(' ', (stat '/etc')[2, 4]), "$mode $uid", '/etc is as it was');
    is($n->get('one.localhost', '/passwd')->{status}, 403, 'and not served');
    system "rm $tree/web && mv $tree/was $tree/web";
    ok_run('mended', 'apply');
}

# --- passwords ---------------------------------------------------------------------------
($code, $out, $err) = $n->omakase('passwd', $a);
is($code, 0, 'passwd without one on stdin makes one');
my $password = on_the_sheet($out);
like($password, qr/\A[a-zA-Z2-9]{16}\z/, 'and prints the settings sheet with it, once');
isnt($password, $first, 'it is another than the first');
unlike(($n->omakase('sheet', $a))[1], qr/\Q$password\E/, 'a later sheet is without it');
is(($n->omakase('--json', 'passwd', $a))[0], 64, 'none is made with --json');
like(($n->omakase('passwd', '--format', 'html', '--lang', 'en', $b))[1], qr/<html.*\b[a-zA-Z2-9]{16}\b/s, 'the sheet as HTML');
for (['--lang', 'xx'], ['--format', 'pdf']) {
    my $before = $n->slurp("var/lib/omakase/secrets/$a");
    isnt(($n->omakase('passwd', @$_, $a))[0], 0, "passwd @$_ fails");
    is($n->slurp("var/lib/omakase/secrets/$a"), $before, 'and sets nothing');
}
my $new = $n->login;
($code, $out, $err) = $n->omakase('--json', 'customer', 'add', $new, '--domain', 'new.localhost');
is($code, 0, 'customer add --json');
ok(!-e $n->root . "/var/lib/omakase/secrets/$new", 'makes no password');
($code, $out, $err) = $n->omakase('--dry-run', 'customer', 'add', "x$new", '--domain', 'x.localhost');
is($code, 0, 'customer add --dry-run');
like($out, qr/would write/, 'writes nothing');
is(join(' ', grep {-e} map { $n->root . $_ } "/var/lib/omakase/secrets/x$new", "/etc/omakase/customers.d/x$new.conf"), '', 'nor makes anything');
unlink $n->root . "/etc/omakase/customers.d/$new.conf";
my $secret = $n->slurp("var/lib/omakase/secrets/$a");
like($secret, qr/\Acrypt \$y\$\S+\nmysql \*[0-9A-F]{40}\n\z/, 'kept as hashes');
is((stat $n->root . "/var/lib/omakase/secrets/$a")[2] & 07777, 0600, 'for root alone');
my ($hash) = $secret =~ /^crypt (\S+)$/m;
is(crypt($password, $hash), $hash, 'P59: it is the one of FTP');
SKIP: {
    skip 'no MariaDB here', 2 if !-S $n->root . '/run/omakase/mysql/mysqld.sock';
    is(mysql($a, $password), "${a}01\n", 'P59: and by the same step the one of MySQL');
    unlike(mysql($a, $first), qr/01/, 'P59: the one before is neither\'s any more');
}
SKIP: {
    skip 'as root only', 2 if $> || !-d $n->root . '/var/lib/omakase/mysql';
    my $state = $n->root . '/var/lib/omakase';
    symlink "$state/mysql", $n->root . "/srv/omakase/$a/web/db";
    is(as($a, "ls $state/mysql $state/generations $state/secrets"), '', "P20, P65: the customer's user lists no database files");
    is(as($a, "ls $n->{root}/srv/omakase/$a/web/db/ && cat $state/mysql/ibdata1"), '', 'P20, P65: nor by a link');
    unlink $n->root . "/srv/omakase/$a/web/db";
}
my $everything = join '', map { my @r = $n->omakase('--json', @$_); "$r[1]$r[2]" }
    ['plan'], ['status'], ['apply'], ['generations'], ['customer', 'show', $a], ['customer', 'list'];
unlike($everything, qr/\Q$password\E|\$y\$|\*[0-9A-F]{40}/, 'no secret in --json');
is(system("grep -rqF -e '$password' -e '$first' " . $n->root), 256, 'and in no file of the node');

# --- suspended; no longer declared ----------------------------------------------------------
$n->customers_d("$c.conf", "domain \"three.localhost\" {}\nsuspended = true\n");
ok_run('suspended', 'apply');
is($n->get('three.localhost', '/a.html')->{status}, 503, 'a suspended customer answers 503');
unlink $n->root . "/etc/omakase/customers.d/$c.conf";
like(($n->omakase('plan'))[1], qr/^- $c +no longer declared/m, 'plan tells who is gone');
ok_run('gone', 'apply');
is($n->get('three.localhost', '/a.html')->{status}, 404, 'its names are nobody\'s');
ok(-e $n->root . "/srv/omakase/$c/web/a.html", 'its files stay');

# --- files changed by program keep their comments ---------------------------------------------
$n->customers_d("$b.conf", $n->slurp("etc/omakase/customers.d/$b.conf") . "# last words\n");
ok_run('domain add', 'domain', 'add', $b, 'more.localhost', '--docroot', 'web/more');
ok_run('suspend', 'customer', 'suspend', $b);
ok_run('resume', 'customer', 'resume', $b);
ok_run('rename-domain', 'customer', 'rename-domain', $b, 'more.localhost', 'most.localhost');
ok_run('mail add', 'mail', 'add', $b, 'info', 'quota=10M');
is(($n->omakase('mail', 'add', $b, '../x'))[0], 65, 'no hostile mailbox');
is(($n->omakase('domain', 'add', $b, 'one.localhost'))[0], 77, "nor another's domain");
like($n->slurp("etc/omakase/customers.d/$b.conf"), qr/# last words\ndomain "most\.localhost" \{ docroot = "web\/more" \}\nsuspended = false\n\z/, 'the file');
like($n->slurp("etc/omakase/customers.d/$b.mail"), qr/^info quota=10M$/m, 'the mail file');
ok_run('they are applied', 'apply');
$n->put("srv/omakase/$b/web/more/a.html", "mehr\n");
is($n->get('most.localhost', '/a.html')->{content}, "mehr\n", 'and served');
ok_run('domain remove', 'domain', 'remove', $b, 'most.localhost');
ok_run('mail remove', 'mail', 'remove', $b, 'info');

# --- removed, purged --------------------------------------------------------------------------
$n->customers_d("$c.conf", "domain \"three.localhost\" {}\n");
ok_run('declared again', 'apply');
like(($n->omakase('usage', $c))[1], qr/^$c +[0-9.]+ +20G /m, 'P8, P10: usage against the quota');
is(($n->omakase('customer', 'purge', $c, '--yes'))[0], 75, 'who is served is not purged');
ok_run('remove', 'customer', 'remove', $c);
ok(-e $n->root . "/srv/omakase/$c/web/a.html", 'the files are still there');
my ($archive) = glob $n->root . "/var/lib/omakase/archive/$c-*";
like(qx(tar tf $archive/tree.tar.*), qr{^$c/web/a\.html$}m, 'and in the archive');
ok(-e "$archive/$c.conf", 'with the declaration');
ok_run('apply takes the site away', 'apply');
is(($n->omakase('customer', 'purge', $c))[0], 64, 'purge asks for --yes');
ok_run('purge', 'customer', 'purge', $c, '--yes');
ok(!-e $n->root . "/srv/omakase/$c", 'the files are gone');
ok(!defined getpwnam $c, 'and the user') if !$>;

# --- two at once; usage -------------------------------------------------------------------------
$n->customers_d("$a.httpd.conf", "Header set X-Own again\n");
my @two = map { $n->begin('apply') } 1, 2;
my @codes = map { ($n->finish($_))[0] } @two;
is("@codes", '0 0', 'two applies at once both end well');
is($n->get('one.localhost', '/a.html')->{headers}{'x-own'}, 'again', 'and it is applied');
# --- under load: clients of other sites lose nothing --------------------------------------------
pipe my $r, my $w or die $!;
my $client = fork // die $!;
if (!$client) {
    close $r;
    my ($count, $failed, $stop) = (0, 0, 0);
    local $SIG{TERM} = sub { $stop = 1 };
    while (!$stop) {
        $count++;
        $failed++ if $n->get('www.xn--wgv71a119e.localhost', '/a.html')->{content} ne "<p>zwei</p>\n";
    }
    syswrite $w, "$count $failed\n";
    POSIX::_exit(0);
}
close $w;
for (1 .. 3) {
    $n->customers_d("$a.httpd.conf", "Header set X-Own load$_\n");
    $n->customers_d("$a.conf", $n->slurp("etc/omakase/customers.d/$a.conf") =~ s/(?:php = \w+\n)?\z/"php = " . ($_ % 2 ? 'off' : 'on') . "\n"/er);
    ok_run("apply $_ under load", 'apply');
    like($err, qr/reloading php-fpm.*reloading httpd/s, 'reloads both');
}
kill 'TERM', $client;
my ($count, $failed) = split ' ', <$r> // '0 1';
waitpid $client, 0;
cmp_ok($count, '>', 50, "$count requests meanwhile");
is($failed, 0, 'none failed');

is(($n->omakase('frobnicate'))[0], 64, 'no such command: 64');
is(($n->omakase('customer', 'show', 'nobody-here'))[0], 67, 'no such customer: 67');
like(($n->omakase('apply', '--help'))[1], qr/usage: omakase .*apply.*--dry-run/s, '--help of a command');
ok_run('stop', 'stop');
like($out, qr/httpd stopped\nphp-fpm stopped\n/, 'both end by themselves');
done_testing;
