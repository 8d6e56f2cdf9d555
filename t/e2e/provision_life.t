#!/usr/bin/perl
# The end of a customer: usage, remove with its archive, purge; with the real
# httpd and MariaDB, a full disk, kill -9, and a customer that fights back.
use v5.30;
use warnings;
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Omakase::Provision;

plan skip_all => 'users are made by root alone' if $>;

my $n = Omakase::Provision->new;
my ($a, $b, $c) = map { $n->login } 1 .. 3;
my $root = $n->root;
my $archives = "$root/var/lib/omakase/archive";
my $socket = "$root/run/omakase/mysql/mysqld.sock";
my $confs = "$root/etc/omakase/customers.d";
my $tmp = tempdir('omakase-life-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($code, $out, $err);

sub run_ok {
    my ($name, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ($code, $out, $err) = $n->omakase(@args);
    is($code, 0, $name) or diag("$out$err");
    return;
}

sub refused {
    my ($want, $says, $name, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ($code, $out, $err) = $n->omakase(@args);
    is($code, $want, $name) or diag("$out$err");
    like($err, $says, "$name: in words");
    return;
}

sub sh { my $o = qx($_[0] 2>&1); chomp $o; return $o }

sub whole { my @all = glob "$archives/$_[0]-*"; return @all }

for ([$a, 'one'], [$b, 'two']) {
    run_ok('a customer', 'customer', 'add', $_->[0], '--domain', "$_->[1].localhost");
}
run_ok('apply', 'apply');
run_ok('start', 'start');
run_ok('apply, with MariaDB', 'apply');
my $mariadb = -S $socket;

sub sql { sh("mariadb -S $socket -NBe " . quotemeta $_[0]) }

run_ok('a password', 'passwd', $_) for $a, $b;
for my $login ($a, $b) {
    $n->put("srv/omakase/$login/web/index.html", "<p>$login</p>\n");
    sql("CREATE TABLE ${login}01.t (a INT PRIMARY KEY, b BLOB); INSERT INTO ${login}01.t VALUES (1, x'00ff27'), (2, 'zwei')")
        if $mariadb;
}

# --- usage --------------------------------------------------------------------
my $tree = "$root/srv/omakase/$a";
$n->put("srv/omakase/$a/web/big", join '', map { chr rand 256 } 1 .. 300_000);
link "$tree/web/big", "$tree/web/again" or die $!;
$n->put("srv/omakase/$a/log/old.log", 'x' x 20_000);
run_ok('usage', '--json', 'usage');
my %usage = map { $_->{login} => $_ } @{decode_json($out)};
is_deeply([sort keys %usage], [sort $a, $b], 'P10: of all customers');
is($usage{$a}{$_}, 0 + (split ' ', sh("du -s --block-size=1 $tree/$_"))[0], "P10: $_, as du has it") for qw(web log);
is($usage{$a}{web_quota}, 20 * 2**30, 'P8: of 20 GB');
SKIP: {
    skip 'no MariaDB here', 1 if !$mariadb;
    is($usage{$a}{databases}, sql("SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema LIKE '$a%'"),
        'databases, as information_schema has it');
}
ok(!$usage{$a}{over}, 'not over quota');
run_ok('usage of one', 'usage', $a);
is(scalar(() = $out =~ /^ot/mg), 1, 'has one line');
is($err, '', 'and no warning');
$n->customers_d("$a.conf", $n->slurp("etc/omakase/customers.d/$a.conf") =~ s/\z/web_quota = 128K\n/r);
run_ok('usage over quota', 'usage', $a);
like($err, qr/$a is over its quota: 0\.\d MB of 128K/, 'warns');
$n->customers_d("$a.conf", $n->slurp("etc/omakase/customers.d/$a.conf") =~ s/web_quota.*\n//r);
refused(67, qr/no such customer/, 'usage of nobody', 'usage', $c);

# --- refused before anything is done ----------------------------------------------
$n->customers_d("$a.mail", "info\n");
$n->customers_d("$a.httpd.conf", "Header set X-Own yes\n");
run_ok('apply', 'apply');
my %declared = map { $_ => $n->slurp("etc/omakase/customers.d/$a$_") } qw(.conf .mail .httpd.conf);

sub is_as_declared {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply({map { $_ => $n->slurp("etc/omakase/customers.d/$a$_") } keys %declared}, \%declared, $name);
    return;
}

for my $name ('/', '../x', '.', '', "$a/", "$a\n") {
    my $shown = $name =~ s/\n/\\n/r;
    for my $command (['remove'], ['purge', '--yes']) {
        refused(65, qr/login/, "$command->[0] '$shown'", 'customer', @$command, $name);
    }
}
refused(77, qr/the system uses/, 'purge root', 'customer', 'purge', 'root', '--yes');
refused(67, qr/no such customer/, 'remove of nobody', 'customer', 'remove', $c);
refused(67, qr/nothing is there/, 'purge of nobody', 'customer', 'purge', $c, '--yes');
refused(75, qr/still declared/, 'purge of a declared customer', 'customer', 'purge', $a, '--yes');
run_ok('remove --dry-run', '--dry-run', 'customer', 'remove', $a);
is_as_declared('does nothing');
SKIP: {
    skip 'no MariaDB here', 4 if !$mariadb;
    run_ok('MariaDB ends', 'stop', 'mariadb');
    refused(74, qr/MariaDB cannot be reached/, 'remove without MariaDB', 'customer', 'remove', $a);
    is_as_declared('changes nothing');
    is(sh("ls -A $archives 2>/dev/null | grep -c $a"), 0, 'and leaves nothing');
    run_ok('MariaDB starts', 'start', 'mariadb');
}
SKIP: {
    mkdir $archives, 0700;
    skip 'no mounts here', 4 if system "mount -t tmpfs -o size=128k,mode=0700 none $archives 2>/dev/null";
    refused(73, qr/disk is full.*No space left/, 'remove on a full disk', 'customer', 'remove', $a);
    is_as_declared('changes nothing');
    is(sh("ls -A $archives"), '', 'and leaves nothing of an archive');
    is(sh("umount $archives"), '', 'unmounted');
}

# --- kill -9 before each step --------------------------------------------------------
# What an archive must have to be one; '' when it has.
sub lacks {
    my ($dir) = @_;
    my ($tar) = glob "$dir/tree.tar.*";
    return 'tree' if !$tar || system "tar tf $tar 2>&1 | grep -q ^$a/web/big\$";
    for my $i (1 .. ($mariadb ? 6 : 0)) {
        return "database $i" if sh("tail -n 1 $dir/databases/${a}0$i.sql") !~ /^-- Dump completed/;
    }
    for (map {"$a$_"} keys %declared) {
        return $_ if sh("cat $dir/$_") ne $declared{s/^\Q$a\E//r} =~ s/\n\z//r;
    }
    return -s "$dir/secret" ? '' : 'secret';
}

my $shim = "$tmp/kill_at.so";
SKIP: {
    skip 'no compiler', 1 if system "cc -shared -fPIC -D_GNU_SOURCE -o $shim $ENV{OMAKASE_SRCDIR}/t/kill_at.c -ldl 2>$tmp/cc";
    my ($declared_without, $bad) = (0, 0);
    my $at = 1;
    for (; ; $at++) {
        ($code) = $n->omakase({LD_PRELOAD => $shim, KILL_AT => $at}, 'customer', 'remove', $a);
        last if $code != -9;
        my @whole = whole($a);
        for (map { lacks($_) || () } @whole) {
            $bad++;
            diag("killed before step $at: the archive lacks $_");
        }
        # Whatever is taken away must be in an archive.
        my $kept = !grep { !-e "$confs/$a$_" } keys %declared;
        $declared_without++ if !$kept && !@whole;
        $n->customers_d("$a$_", $declared{$_}) for keys %declared;
        system 'rm', '-r', @whole if @whole;
    }
    is($code, 0, 'the last remove gets to its end');
    cmp_ok($at, '>', 15, "it has $at steps");
    is($bad, 0, 'no half archive looks whole');
    is($declared_without, 0, 'no declaration goes without one');
    is(scalar(whole($a)), 1, 'one archive');
    is(sh("ls -A $archives | grep -c part"), 0, 'and nothing half-made is left');
    $n->customers_d("$a$_", $declared{$_}) for keys %declared;
    system 'rm', '-r', whole($a);
}

# In the middle of tar, while it writes.
{
    $n->put("srv/omakase/$a/web/huge", '');
    truncate "$tree/web/huge", 0;
    system "head -c 60M /dev/urandom >$tree/web/huge";
    my $h = $n->begin('customer', 'remove', $a);
    my $end = time + 60;
    while (!grep {-s} glob "$archives/.$a-*.part/tree.tar.*") {
        last if time > $end;
        sleep 0.002;
    }
    kill 'KILL', $h->{pid};
    ($code) = $n->finish($h);
    is($code, -9, 'killed while tar writes');
    is_deeply([whole($a)], [], 'no archive');
    is_as_declared('the declaration stays');
    unlink "$tree/web/huge";
}

# --- while the customer swaps a directory and a link to the neighbour's ------------------
# Its processes: one that swaps, one that does not want to end; below a parent
# that leaves no zombies.
sub hostile {
    my $uid = getpwnam $a;
    mkdir "$tree/web/own";
    chown $uid, $uid, "$tree/web/own";
    pipe my $r, my $w or die $!;
    my $pid = fork // die $!;
    if ($pid) {
        sysread $r, my $ready, 1 for 1, 2;
        return $pid;
    }
    $SIG{CHLD} = 'IGNORE';
    my $parent = $$;
    for my $kind (1, 2) {
        next if fork;
        POSIX::setgid($uid);
        POSIX::setuid($uid);
        $SIG{TERM} = 'IGNORE';
        chdir "$tree/web" or POSIX::_exit(9);
        syswrite $w, 'x';
        while (getppid == $parent) {
            if ($kind == 2) { sleep 1; next }
            rename 'own', 'swap';
            symlink "$root/srv/omakase/$b/web", 'own';
            unlink 'own';
            rename 'swap', 'own';
            mkdir 'own/deeper';
            symlink "$root/srv/omakase/$b/web", 'own/deeper/link';
        }
        POSIX::_exit(0);
    }
    sleep 1 while getppid == $n->{owner};
    POSIX::_exit(0);
}

{
    my $nursery = hostile();
    my $followed = 0;
    for (1 .. 5) {
        ($code, $out, $err) = $n->omakase('customer', 'remove', $a);
        like($code, qr/\A(?:0|75)\z/, 'remove: archived, or told that it changes too fast') or diag("$out$err");
        is(scalar(whole($a)), $code ? 0 : 1, 'and the archive is there, or not');
        $followed += grep { !system "tar xOf $_/tree.tar.* | grep -q '<p>$b</p>'" } whole($a);
        $n->customers_d("$a$_", $declared{$_}) for keys %declared;
        system 'rm', '-r', whole($a) if whole($a);
    }
    is($followed, 0, "nothing of the neighbour's is in it");
    kill 'KILL', $nursery;
    waitpid $nursery, 0;
    my $uid = getpwnam $a;
    for (1 .. 1000) {
        last if sh("ps -o pid= -u $uid") eq '';
        sleep 0.01;
    }
    system "rm -rf $tree/web/own $tree/web/swap";
}

# --- remove -------------------------------------------------------------------------
system "chown -R $a: $tree/web/*; chmod 2640 $tree/web/big; ln -s /etc/passwd $tree/web/link";
my $acl = !system "setfacl -m u:www-data:r $tree/web/big 2>/dev/null";
my $xattr = !system "setfattr -n user.omakase -v yes $tree/web/big 2>/dev/null";
my $find = q(find . -printf '%p %y %m %U %G %l %n\n' -type f -exec sha256sum {} + | sort);
my $facts = sh("cd $root/srv/omakase && cd $a && $find");
my $acls = $acl ? sh("cd $tree && getfacl -Rn . | sort") : '';
my $sum = $mariadb ? sql("CHECKSUM TABLE ${a}01.t") : '';
sql("CREATE TABLE ${a}02.gone (a INT); CREATE VIEW ${a}02.v AS SELECT * FROM ${a}02.gone; DROP TABLE ${a}02.gone") if $mariadb;
run_ok('remove', '--json', 'customer', 'remove', $a);
my $dir = decode_json($out)->{archive};
like($dir, qr{/archive/$a-\d{8}T\d{6}\z}, 'into an archive with its time');
is(lacks($dir), '', 'which is whole');
is(sprintf('%04o', (stat $archives)[2] & 07777), '0700', "archive/ is root's alone");
is(sprintf('%04o %d', (stat $dir)[2] & 07777, (stat _)[4]), '0700 0', 'so is the archive');
is(sprintf('%04o', (stat "$dir/secret")[2] & 07777), '0600', 'and the password in it');
is_deeply([glob "$confs/$a.*"], [], 'declared no more');
is($n->get('one.localhost', '/')->{content}, "<p>$a</p>\n", 'the site answers until the next apply');
ok(defined getpwnam $a, 'the user stays');
like($n->slurp('var/lib/omakase/audit.log'), qr/OMK0304 uid=0 customer $a removed, archive \Q$dir\E$/m, 'audited');
refused(75, qr/still served.*omakase apply/, 'not purged before that', 'customer', 'purge', $a, '--yes');
run_ok('apply', 'apply');
is($n->get('one.localhost', '/')->{status}, 404, 'then 404');
is($n->get('two.localhost', '/')->{content}, "<p>$b</p>\n", 'the neighbour answers');
refused(67, qr/no such customer/, 'removed once', 'customer', 'remove', $a);

# --- the archive restores ----------------------------------------------------------------
mkdir "$tmp/restored", 0700;
is(sh("tar -xf $dir/tree.tar.* -C $tmp/restored --acls --xattrs --numeric-owner"), '', 'untar');
is(sh("cd $tmp/restored/$a && $find"), $facts, 'is the tree, with owners, modes and links');
SKIP: {
    skip 'no setfacl', 1 if !$acl;
    is(sh("cd $tmp/restored/$a && getfacl -Rn . | sort"), $acls, 'with its ACLs');
}
SKIP: {
    skip 'no setfattr', 1 if !$xattr;
    is(sh("cd $tmp/restored/$a/web && getfattr --only-values -n user.omakase big"), 'yes', 'with its attributes');
}
SKIP: {
    skip 'no MariaDB here', 3 if !$mariadb;
    sql("DROP DATABASE ${a}01");
    is(sh("mariadb -S $socket <$dir/databases/${a}01.sql"), '', 'import');
    is(sql("CHECKSUM TABLE ${a}01.t"), $sum, 'is the database');
    like($n->slurp("var/lib/omakase/archive/@{[$dir =~ s{.*/}{}r]}/remarks"), qr/\bv\b.*invalid|references invalid/i,
        'and what could not be dumped is told');
}

# --- purge -----------------------------------------------------------------------------
my $uid = getpwnam $a;
my $neighbour = sh("cd $root/srv/omakase/$b && find . -printf '%p %y %m %U %G %s\\n' | sort; sha256sum web/index.html");
my $etc = join ' ', (stat '/etc')[2, 4, 5];
mkdir "$tmp/outside", 0777;
system "touch $tmp/outside/file";
link "$root/srv/omakase/$b/web/index.html", "$tree/web/hard" or die $!;
symlink $_->[0], "$tree/web/$_->[1]" for ["$root/srv/omakase/$b", 'b'], ['/etc', 'etc'], ["$tmp/outside", 'out'];

refused(64, qr/nothing is deleted without --yes/, 'purge without --yes', 'customer', 'purge', $a);
like($out, qr{^would delete  \Q$root\E/srv/omakase/$a$}m, 'says what it would delete: the tree');
like($out, qr/^would delete  Unix user $a, uid $uid$/m, 'the user');
like($out, qr/^would delete  6 databases with [\d.]+ MB, and their user$/m, 'the databases') if $mariadb;
like($out, qr{^stays    \Q$dir\E$}m, 'and that the archive stays');
ok(-e "$tree/web/big" && defined getpwnam $a, 'and does nothing');

my $nursery = hostile();
run_ok('purge', 'customer', 'purge', $a, '--yes');
like($out, qr{^deleted  \Q$root\E/srv/omakase/$a$}m, 'says what it did');
is(sh("ps -o pid= -u $uid"), '', "the customer's processes have ended");
kill 'KILL', $nursery;
waitpid $nursery, 0;
ok(!defined getpwnam $a && !defined getgrnam $a, 'no user and group');
ok(!-e $tree, 'no tree');
is(sh("ls -A $root/srv/omakase"), $b, "nothing beside the neighbour's");
ok(!-e "$root/var/lib/omakase/secrets/$a", 'no password');
SKIP: {
    skip 'no MariaDB here', 3 if !$mariadb;
    is(sql("SHOW DATABASES LIKE '$a%'"), '', 'no databases');
    is(sql("SELECT COUNT(*) FROM mysql.global_priv WHERE User = '$a'"), 0, 'no MariaDB user');
    is(sql("SELECT COUNT(*) FROM ${b}01.t"), 2, "the neighbour's are there");
}
is(lacks($dir), '', 'the archive stays');
is(sh("cd $root/srv/omakase/$b && find . -printf '%p %y %m %U %G %s\\n' | sort; sha256sum web/index.html"), $neighbour,
    "nothing of the neighbour's is touched");
is(join(' ', (stat '/etc')[2, 4, 5]), $etc, 'nor /etc');
ok(-e "$tmp/outside/file", 'nor what links led to');
is($n->get('two.localhost', '/')->{content}, "<p>$b</p>\n", 'the neighbour answers');
like($n->slurp('var/lib/omakase/audit.log'), qr/OMK0305 uid=0 customer $a purged$/m, 'audited');
refused(67, qr/nothing is there/, 'purged once', 'customer', 'purge', $a, '--yes');
is(($n->omakase('plan', '--exit-code'))[0], 0, 'and plan has nothing to do');

# --- and comes back, as the operator's guide has it --------------------------------------------
SKIP: {
    skip 'PHP is what asks for the user', 2 if !glob "$root/var/lib/omakase/generations/*/php/pool.d/$a.conf";
    refused(1, qr/$a/, 'no way back to a generation that has it', 'rollback');
    is($n->get('two.localhost', '/')->{content}, "<p>$b</p>\n", 'the neighbour answers');
}
is(sh("cp $dir/$a.* $confs/"), '', 'the declaration from the archive');
run_ok('apply', 'apply');
is(sh("cp $dir/secret $root/var/lib/omakase/secrets/$a && cp -r $tmp/restored/$a/web/index.html $tree/web/"), '', 'password and files');
if ($mariadb) {
    is(sh("mariadb -S $socket <$_"), '', 'import') for "$dir/databases/${a}01.sql";
    is(sql("CHECKSUM TABLE ${a}01.t"), $sum, 'the database is as it was');
}
run_ok('apply', 'apply');
is($n->get('one.localhost', '/')->{content}, "<p>$a</p>\n", 'the site answers again');
SKIP: {
    skip 'no MariaDB here', 1 if !$mariadb;
    my ($hash) = $n->slurp("var/lib/omakase/secrets/$a") =~ /^mysql (\S+)/m;
    like(sql("SHOW GRANTS FOR $a\@localhost"), qr/\Q$hash\E/, 'with its password');
}
is(($n->omakase('status'))[0], 0, 'all is as applied');

# --- whose databases they are by now ------------------------------------------------------
SKIP: {
    skip 'no MariaDB here', 5 if !$mariadb;
    my $namesake = substr($c, 0, 4) . '-' . substr $c, 4;
    push @{$n->{logins}}, $namesake;
    run_ok('a third', 'customer', 'add', $c, '--domain', 'three.localhost');
    run_ok('apply', 'apply');
    run_ok('remove', 'customer', 'remove', $c);
    run_ok('another with the same database names', 'customer', 'add', $namesake, '--domain', 'four.localhost');
    run_ok('apply', 'apply');
    sql("CREATE TABLE ${c}01.mine (a INT)");
    ($code, $out) = $n->omakase('--dry-run', 'customer', 'purge', $c);
    like($out, qr/^stays    databases: their names are customer ${namesake}'s now$/m, 'purge of the third would leave them');
    # Killed before one step after the other, it still gets to its end.
    for my $at (1 .. 100) {
        ($code, $out, $err) = $n->omakase(-e $shim ? {LD_PRELOAD => $shim, KILL_AT => $at} : (), 'customer', 'purge', $c, '--yes');
        last if $code != -9;
    }
    # Killed before its last word, it has nothing left to do.
    like($code, qr/\A(?:0|67)\z/, 'purge of the third') or diag("$out$err");
    ok(!defined getpwnam $c, 'its user is gone');
    is(sql("SHOW TABLES IN ${c}01"), 'mine', "the databases stay, as they are the other one's");
    ok(!-e "$root/srv/omakase/$c" && -e "$root/srv/omakase/$namesake/web", 'and its tree alone goes');
    is(($n->omakase('status'))[0], 0, 'all is as applied');
}
done_testing;
