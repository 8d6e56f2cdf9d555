#!/usr/bin/perl
# Two hostile customers of a real node: what they can reach from PHP through
# httpd, from processes of their own users, by links and swaps in their trees
# while omakase works there as root. P18, P38, P57, P82.
#
# Each refusal stands beside the same probe by who may: what is not there, or
# could not be read by anybody, would prove nothing.
use v5.30;
use warnings;
use Fcntl qw(:mode);
use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Omakase::Provision;

plan skip_all => 'needs root: users, and daemons that become them' if $>;
my $n = Omakase::Provision->new;
plan skip_all => 'needs mod_php_pool' if !-e "$n->{layout}{modules}/mod_php_pool.so";
plan skip_all => 'needs php-fpm' if !glob '/usr/sbin/php-fpm*';
plan skip_all => 'needs MariaDB' if !-x '/usr/sbin/mariadbd';

my ($mallory, $alice) = map { $n->login } 1, 2;
my %host = ($mallory => 'mallory.localhost', $alice => 'alice.localhost');
my $root = $n->root;
my $state = "$root/var/lib/omakase";
my $run = "$root/run/omakase";
my %tree = map { $_ => "$root/srv/omakase/$_" } $mallory, $alice;
my ($code, $out, $err);

sub ok_run {
    my ($name, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ($code, $out, $err) = $n->omakase(@args);
    is($code, 0, $name) or diag("$out$err");
    return;
}

# What the code prints, run by the customer's user (or root), with no more
# rights than a shell of that user's would have.
sub as {
    my ($who, $code) = @_;
    pipe my $r, my $w or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        close $r;
        become($who);
        my $said = eval { $code->() } // '';
        syswrite $w, $said if length $said;
        POSIX::_exit(0);
    }
    close $w;
    local $/;
    my $said = <$r> // '';
    waitpid $pid, 0;
    return $said;
}

sub become {
    my ($who) = @_;
    return if $who eq 'root';
    my (undef, undef, $uid, $gid) = getpwnam $who or die "no user $who";
    $) = "$gid $gid";
    POSIX::setgid($gid);
    POSIX::setuid($uid);
    POSIX::_exit(1) if $< != $uid || $> != $uid || $( != $gid;
    chdir '/';
    return;
}

sub slurp {
    my ($path) = @_;
    open my $fh, '<', $path or return '';
    local $/;
    return <$fh> // '';
}

sub list {
    my ($path) = @_;
    opendir my $d, $path or return '';
    return join ' ', sort grep { !/\A\.\.?\z/ } readdir $d;
}

sub write_as {
    my ($who, $path, $text) = @_;
    as($who, sub { open my $fh, '>', $path or die; print {$fh} $text; close $fh; '' });
    return;
}

# What the customer's PHP prints, asked for through httpd.
my $scripts = 0;
sub php {
    my ($who, $code) = @_;
    my $name = 'probe' . ++$scripts . '.php';
    write_as($who, "$tree{$who}/web/$name", "<?php $code");
    my $r = $n->get($host{$who}, "/$name");
    unlink "$tree{$who}/web/$name";
    return "$r->{status} $r->{content}";
}

sub sh_of_php { my ($who, $command) = @_; return php($who, 'passthru(' . quoted($command) . ' . " 2>/dev/null");') }

sub quoted { my ($s) = @_; return "'" . $s =~ s/([\\'])/\\$1/gr . "'" }

# --- a node with both -----------------------------------------------------------
ok_run("$_ is added", 'customer', 'add', $_, '--domain', $host{$_}) for $mallory, $alice;
ok_run('applied', 'apply');
# As an operator's shell may be: in a directory that is nobody's business, with
# a file of root's open.
$n->put('private/inner/key', "the operators key $$\n");
chmod 0700, "$root/private";
{
    open my $key, '<', "$root/private/inner/key" or die $!;
    POSIX::dup2(fileno $key, 9) or die $!;


    my $pid = fork // die "fork: $!";
    if (!$pid) {
        chdir "$root/private/inner";
        umask 0;
        $ENV{OMAKASE_KEY} = 'the operators environment';
        open STDOUT, '>', "$root/started";
        open STDERR, '>&', \*STDOUT;
        exec $n->command, 'start' or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    is($? >> 8, 0, 'started') or diag($n->slurp('started'));
    POSIX::close(9);
}
ok_run('applied with MariaDB', 'apply');
my %password;
for ($mallory, $alice) {
    ok_run("$_ gets a password", 'passwd', $_);
    ($password{$_}) = $out =~ /\b([a-zA-Z2-9]{16})\b/; # on the settings sheet
}
isnt($password{$mallory}, undef, 'made by omakase') or BAIL_OUT('no node to attack');
my $socket = "$run/mysql/mysqld.sock";

my $secret = "alices own secret $$";
write_as($alice, "$tree{$alice}/$_", "<?php // $secret\n") for 'web/config.php', 'tmp/upload', "home/$alice/letter";
write_as($alice, "$tree{$alice}/tmp/sess_0123456789abcdef", $secret);
chmod 0666, "$tree{$alice}/$_" for 'web/config.php', 'tmp/upload', 'tmp/sess_0123456789abcdef', "home/$alice/letter";
is($n->get($host{$alice}, "/nobody-knows")->{status}, 404, 'a line in her log');
like(php($_, 'echo posix_geteuid(), " ", posix_getuid(), " ", implode(",", posix_getgroups());'),
    qr/\A200 @{[(getpwnam $_)[2]]} @{[(getpwnam $_)[2]]} @{[(getpwnam $_)[3]]}\z/, "PHP of $_ is $_, in no other group")
    for $mallory, $alice;

# --- files --------------------------------------------------------------------------
my @of_alice = ('web/config.php', 'tmp/upload', 'tmp/sess_0123456789abcdef', "home/$alice/letter", 'log/web.log', 'log/error.log');
my @of_root = ('/etc/shadow', "$state/secrets/$alice", "$state/secrets/$mallory", "$state/audit.log",
    "$state/current/httpd/$mallory.conf", "$state/current/php/pool.d/$mallory.conf",
    "$root/etc/omakase/customers.d/$alice.conf", "$root/etc/omakase/customers.d/$mallory.conf",
    "$root/var/log/omakase/httpd-error.log", "$root/var/log/omakase/php-fpm.log");
$n->get($host{$alice}, '/nothing.php');
like(php($alice, q{error_log("hers"); echo "said";}), qr/said/, "and one in the other");
for ((map { [$alice, "$tree{$alice}/$_"] } @of_alice), map { ['root', $_] } @of_root) {
    my ($owner, $path) = @$_;
    my $name = $path =~ s/\Q$root\E//r;
    isnt(as($owner, sub { slurp($path) }), '', "$name: its owner reads it");
    is(as($mallory, sub { slurp($path) }), '', "$name: a process does not");
    is(php($mallory, 'echo @file_get_contents(' . quoted($path) . ');'), '200 ', "$name: nor PHP");
    is(sh_of_php($mallory, "cat $path"), '200 ', "$name: nor a program that PHP runs");
    is(as($mallory, sub { open(my $fh, '>>', $path) ? 'opened' : '' }), '', "$name: nor is it written");
    is(as($mallory, sub { link($path, "$tree{$mallory}/web/hard") ? 'linked' : '' }), '', "$name: nor linked")
        if $owner eq 'root' || slurp('/proc/sys/fs/protected_hardlinks') == 1;
    unlink "$tree{$mallory}/web/hard";
}
for my $dir ($tree{$alice}, (map { "$tree{$alice}/$_" } qw(web tmp log home), "home/$alice"), "$root/srv/omakase",
    (map { "$state/$_" } qw(generations secrets counter)), "$state/mysql", "$run/php", "$root/var/log/omakase") {
    my $name = $dir =~ s/\Q$root\E//r;
    isnt(as('root', sub { -d $dir && 'there' }), '', "$name: is there");
    is(as($mallory, sub { list($dir) }), '', "$name: is not listed");
    is(as($mallory, sub { mkdir("$dir/mine") ? 'made' : '' }), '', "$name: nor added to");
}

# What PHP must not even try: the system's own readable files.
is(php($mallory, 'echo @file_get_contents("/etc/passwd");'), '200 ', 'open_basedir: not /etc/passwd');
like(php($mallory, 'ini_set("open_basedir", "/"); echo @file_get_contents("/etc/passwd") ? "read" : "no";'), qr/\A200 no\z/,
    'open_basedir is not lifted');
like(php($mallory, 'echo @file_get_contents(__FILE__) ? "read" : "no";'), qr/\A200 read\z/, 'while its own script is read');

# --- PHP's own: cache, memory, descriptors -------------------------------------------
like(php($mallory, 'echo json_encode(@opcache_get_status());'), qr/\A200 (?:false|null)?\z/, 'the shared cache is not listed')
    if php($mallory, 'echo function_exists("opcache_get_status");') eq '200 1';
is(php($mallory, 'echo @file_get_contents("/proc/self/mem", false, null, 0, 1) === false ? "no" : "open", @fopen("/proc/self/mem", "r+") ? "open" : "";'),
    '200 no', 'nor its memory opened');
is(sh_of_php($mallory, 'for p in $PPID; do test -w /proc/$p/mem && exec 3<>/proc/$p/mem && echo open; done'), '200 ',
    'nor by a program that PHP runs');

# --- what the daemons have from who started them ------------------------------------------
is(sh_of_php($mallory, 'echo said'), "200 said\n", 'PHP runs programs');
is(sh_of_php($mallory, 'cat <&9'), '200 ', "they have not the operator's descriptors");
is(sh_of_php($mallory, 'for f in /proc/self/fd/*; do case $(readlink $f) in *private*|*/var/*|*/lock) readlink $f;; esac; done'),
    '200 ', 'nor another of root\'s files');
my %listens = map { m{ 00010000 \S+ \S+ +(\d+) \Q$run\E/php/(\S+)\.sock\n} ? ($1 => $2) : () } split /(?<=\n)/, slurp('/proc/net/unix');
is(join(' ', sort values %listens), join(' ', sort $mallory, $alice, 'omakase-probe'), 'three pools listen');
is(join(' ', grep { defined } map { $listens{$_} } sh_of_php($mallory, 'readlink /proc/self/fd/*') =~ /socket:\[(\d+)\]/g), $mallory,
    "and a customer's programs have the socket of the customer's own");
is(sh_of_php($mallory, 'env | grep -c OPERATOR\|OMAKASE_KEY\|operators'), "200 0\n", 'nor a word of the environment');
for (qw(php-fpm httpd mysql/mariadb)) {
    my ($pid) = $n->slurp("run/omakase/$_.pid") =~ /(\d+)/;
    unlike(readlink "/proc/$pid/cwd", qr/private/, "$_ does not stand where the operator did");
    is(join(' ', grep { /private/ } map { readlink // '' } glob "/proc/$pid/fd/*"), '', "$_ has none of the operator's files open");
    unlike(slurp("/proc/$pid/environ"), qr/operators/, "$_ has none of the operator's environment");
}
like(sh_of_php($mallory, 'umask'), qr/\A200 0022\n/, 'the umask is ours');

# --- sockets ----------------------------------------------------------------------------
sub connects {
    my ($path) = @_;
    return IO::Socket::UNIX->new(Peer => $path) ? 'connected' : '';
}
for my $path (map { "$run/php/$_.sock" } $alice, $mallory, 'omakase-probe') {
    my $name = $path =~ s/\Q$root\E//r;
    is(as('root', sub { connects($path) }), 'connected', "$name: listens");
    is(as($mallory, sub { connects($path) }), '', "$name: not to a customer's process");
    is(php($mallory, 'echo @stream_socket_client(' . quoted("unix://$path") . ', $e, $s, 2) ? "connected" : "";'),
        '200 ', "$name: nor to PHP");
}

# --- .htaccess: httpd reads for its author what its author may read ----------------------
write_as($mallory, "$tree{$mallory}/web/config.php", "<?php // $secret\n");
write_as($mallory, "$tree{$mallory}/web/page.html", "page\n");
for (['a header of its content', 'Header always set X-Said "expr=%%{base64:%%{file:%s}}"'],
    ['<If> on its content', "<If \"file('%s') =~ /own secret/\">\nHeader always set X-Said yes\n</If>"],
    ['a condition on its content', "RewriteEngine on\nRewriteCond expr \"file('%s') =~ /own secret/\"\nRewriteRule ^ - [E=SAID:yes]\nHeader always set X-Said %%{SAID}e env=SAID"],
    ['SetEnvIfExpr', "SetEnvIfExpr \"file('%s') =~ /own secret/\" SAID\nHeader always set X-Said yes env=SAID"],
    ['its size', "<If \"filesize('%s') -gt 1\">\nHeader always set X-Said yes\n</If>"],
    ['Require expr', "Require expr \"file('%s') =~ /own secret/\""]) {
    my ($name, $lines) = @$_;
    write_as($mallory, "$tree{$mallory}/web/.htaccess", sprintf "$lines\n", "$tree{$alice}/web/config.php");
    my $r = $n->get($host{$mallory}, '/page.html');
    ok(!defined $r->{headers}{'x-said'} && ($name !~ /Require/ || $r->{status} != 200), ".htaccess: $name is not told")
        or diag("$r->{status} " . ($r->{headers}{'x-said'} // ''));
}
write_as($mallory, "$tree{$mallory}/web/.htaccess", "<If \"-f '$tree{$alice}/web/config.php'\">\nHeader always set X-Said yes\n</If>\n");
is($n->get($host{$mallory}, '/page.html')->{headers}{'x-said'}, 'yes', '.htaccess: that it is there, is: the lines say something');
unlink "$tree{$mallory}/web/.htaccess", map { "$tree{$mallory}/web/$_" } 'config.php', 'page.html';

# --- databases ----------------------------------------------------------------------------
sub sql {
    my ($who, $user, $password, $statement) = @_;
    my $file = "$tree{$who}/tmp/my.cnf";
    write_as($who, $file, "[client]\nuser=$user\npassword=$password\nsocket=$socket\n");
    my $said = as($who, sub { qx(mariadb --defaults-file=$file -NBe "$statement" 2>&1) });
    unlink $file;
    return $said;
}
is(sql($alice, $alice, $password{$alice}, "create table ${alice}01.t (s text); insert into ${alice}01.t values ('$secret'); select s from ${alice}01.t"),
    "$secret\n", 'alice has a table');
like(sql($mallory, $mallory, $password{$mallory}, 'select current_user()'), qr/\A$mallory\@localhost\n/, 'mallory comes in');
for ("select * from ${alice}01.t", "use ${alice}02", "create database ${alice}07", "create database mallory", "create user x\@localhost",
    "select * from mysql.global_priv", "select load_file('/etc/passwd') is not null from mysql.user",
    "select 1 into outfile '$tree{$mallory}/tmp/o'", "set global max_connections = 1", "grant all on ${mallory}01.* to $alice\@localhost",
    "set password for $alice\@localhost = password('x')", "create definer=root\@localhost view ${mallory}01.v as select 1", 'shutdown',
    "drop database mysql", "install soname 'ha_spider'", "create database ${mallory}x1") {
    like(sql($mallory, $mallory, $password{$mallory}, $_), qr/ERROR (?:1044|1045|1049|1142|1227|1290|1410|1698)\b/, 'refused: ' . substr $_ =~ s/\Q$root\E//r, 0, 50);
}
is(sql($mallory, $mallory, $password{$mallory}, "select load_file('/etc/passwd')"), "NULL\n", 'no file of the server');
is(join(' ', grep { !/\A$mallory\d\d\z|\Ainformation_schema\z/ } split ' ', sql($mallory, $mallory, $password{$mallory}, 'show databases')),
    '', 'nor are others\' databases seen');
like(sql($mallory, $_, '', 'select 1'), qr/ERROR (?:1045|1698)\b/, "not as $_ without a password") for $alice, 'root', 'mysql', $mallory;

# --- P18: the fixed directories stay ----------------------------------------------------------
for my $name (qw(web log home), "home/$mallory") {
    my $path = "$tree{$mallory}/$name";
    is(as($mallory, sub { rename($path, "$tree{$mallory}/moved") ? 'moved' : '' }), '', "P18: $name is not renamed");
    is(as($mallory, sub { rmdir $path; system 'rm -rf ' . $path . ' 2>/dev/null'; -d $path ? '' : 'gone' }), '', "P18: $name is not removed")
       ;
    is(as($mallory, sub { symlink('/etc', "$path.new") && rename("$path.new", $path) ? 'replaced' : '' }), '', "P18: nor replaced");
    ok(-d $path && !-l $path, "P18: $name is there");
    as($mallory, sub { unlink "$path.new"; '' });
}
is(as($mallory, sub { chmod(0777, map { "$tree{$mallory}/$_" } '', qw(web log home)) ? 'opened' : '' }), '', 'nor opened to others');
is(as($mallory, sub { open(my $fh, '>', "$tree{$mallory}/log/mine") ? 'made' : '' }), '', 'and nothing is put in log/');
is(as($mallory, sub { mkdir("$tree{$mallory}/own") ? 'made' : '' }), 'made', 'while the top is open to directories of its own');

# --- --root, or what is in it, in another's hand -------------------------------------------------
for (['a root of a customer\'s', $root, sub { chown((getpwnam $mallory)[2], -1, $root) }, sub { chown 0, -1, $root }],
    ['one that others may write to', $root, sub { chmod 0777, $root }, sub { chmod 0755, $root }],
    ['a directory above of a customer\'s', "$root/var", sub { chown((getpwnam $mallory)[2], -1, "$root/var") }, sub { chown 0, -1, "$root/var" }],
    ['a directory above that others may write to', "$root/etc", sub { chmod 0777, "$root/etc" }, sub { chmod 0755, "$root/etc" }],
    ['customers.d', "$root/etc/omakase/customers.d", sub { chmod 0777, "$root/etc/omakase/customers.d" }, sub { chmod 0700, "$root/etc/omakase/customers.d" }]) {
    my ($name, $dir, $break, $mend) = @$_;
    $break->();
    my ($c, undef, $e) = $n->omakase('apply');
    my ($usage) = $n->omakase('usage');
    $mend->();
    is($c, 1, "$name: apply does nothing");
    isnt($usage, 0, "$name: nor another command");
    like($e, qr/\A omakase: \s \Q$dir\E: [^\n]+ others \s than \s root/x, "$name: it is named");
}
ok_run('mended', 'apply');

# --- links and swaps, while root works in the tree ---------------------------------------------
# All of what matters outside, as one string.
sub outside {
    my @names = ('/etc', '/etc/passwd', '/etc/shadow', '/root', $state, "$state/secrets", "$state/secrets/$alice", $tree{$alice},
        map { "$tree{$alice}/$_" } qw(web log home tmp web/config.php));
    return join "\n", map {
        my @s = lstat;
        my $acl = S_ISLNK($s[2]) ? '' : qx(getfacl -cnp '$_' 2>/dev/null);
        join ' ', $_, @s[2, 4, 5], S_ISDIR($s[2]) ? () : $s[3], $acl =~ tr/\n/,/r
    } @names;
}
my $before = outside();
# What only root can do is done by root here: somebody's mistake with mv.
for (['web', '/etc'], ['log', '/root'], ['home', $tree{$alice}], ['tmp', "$tree{$alice}/tmp"]) {
    my ($name, $to) = @$_;
    my $place = "$tree{$mallory}/$name";
    rename $place, "$tree{$mallory}/was-$name" or die "$place: $!";
    as($mallory, sub { symlink $to, $place; '' });
    is(readlink $place, $to, "$name -> $to");
    for (['apply'], ['status'], ['plan'], ['usage', $mallory]) {
        $n->omakase(@$_);
        is(outside(), $before, "$name -> $to: $$_[0] changes nothing there");
    }
    is(readlink $place, $to, 'and leaves the link');
    unlike(($n->omakase('plan'))[1], qr/config\.php|shadow/, 'nothing of there is told');
    unlink $place;
    rename "$tree{$mallory}/was-$name", $place or die "$place: $!";
}
ok_run('mended', 'apply');
is(($n->omakase('status'))[0], 0, 'all is as applied') or diag(($n->omakase('status'))[1]);

# Processes of mallory's that swap tmp/ and what she made in web/ with links to
# elsewhere, make and take away files, and put fifos where files are.
sub swapper {
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    become($mallory);
    my ($top, $web) = ($tree{$mallory}, "$tree{$mallory}/web");
    my @to = ('/etc', $tree{$alice}, "$tree{$alice}/web", "$state/secrets", '/root');
    my $parent = getppid;
    for (my $i = 0; getppid == $parent; $i++) {
        my $to = $to[$i % @to];
        rename "$top/tmp", "$top/t$i";
        symlink $to, "$top/tmp";
        unlink "$top/tmp";
        rename "$top/t$i", "$top/tmp";
        mkdir "$web/d";
        rename "$web/d", "$web/e";
        symlink $to, "$web/d";
        unlink "$web/d";
        rmdir "$web/e";
        POSIX::mkfifo("$web/f", 0600);
        unlink "$web/f";
        open my $fh, '>', "$web/f";
        print {$fh} 'x' x ($i % 5000) if $fh;
        close $fh if $fh;
        unlink "$web/f";
    }
    POSIX::_exit(0);
}
my $swapper = swapper();
for my $round (1 .. 5) {
    chmod 0777, "$tree{$mallory}/web"; # something to repair
    for (['apply'], ['usage', $mallory], ['status']) {
        my ($c) = $n->omakase(@$_);
        cmp_ok($c, '>=', 0, "round $round: $$_[0] ends");
    }
}
is(outside(), $before, 'swaps gain nothing');
isnt(as($mallory, sub { kill(0, $swapper) ? 'runs' : '' }), '', 'they went on all the time');

# --- remove and purge, against who does not want to go ---------------------------------------------
# A file that changes while it is read, names for a terminal, one that root
# would follow, and a process that stays.
my $writer = fork // die "fork: $!";
if (!$writer) {
    become($mallory);
    my $parent = getppid;
    open my $fh, '>>', "$tree{$mallory}/web/grows" or POSIX::_exit(1);
    syswrite $fh, 'x' x 4096 and truncate $fh, 1 << 20 while getppid == $parent;
    POSIX::_exit(0);
}
as($mallory, sub {
    symlink "$tree{$alice}/web/config.php", "$tree{$mallory}/web/link";
    symlink '/etc', "$tree{$mallory}/web/dir";
    POSIX::mkfifo("$tree{$mallory}/web/fifo", 0600);
    mkdir "$tree{$mallory}/web/\e]0;gotcha\a\n";
    '';
});
ok_run('remove, while files change', 'customer', 'remove', $mallory);
like(sql($mallory, $mallory, $password{$mallory}, 'select 1'), qr/ERROR 4151\b/, 'her MariaDB user is locked');
unlike("$out$err", qr/[\x00-\x09\x0b-\x1f\x7f]/, 'nothing for a terminal in what it prints');
my @archives = glob "$state/archive/$mallory-*";
is(@archives, 1, 'one archive');
is((stat "$state/archive")[2] & 07777, 0700, 'for root alone');
my $listed = qx(tar tvf $archives[0]/tree.tar.*);
like($listed, qr{^l\S+ .* $mallory/web/dir -> /etc$}m, 'a link is kept as a link');
unlike($listed, qr{web/dir/|shadow}, 'and not followed');
ok_run('apply takes it away', 'apply');
ok_run('purge, while files change and processes run', 'customer', 'purge', $mallory, '--yes');
unlike("$out$err", qr/[\x00-\x09\x0b-\x1f\x7f]/, 'nothing for a terminal in what it prints');
ok(!-e $tree{$mallory} && !defined getpwnam $mallory, 'the tree and the user are gone');
for ($writer, $swapper) {
    kill 'TERM', $_; # has no effect on what is gone
    is(waitpid($_, 0), $_, 'a process ended');
    is($? & 127, 9, 'by force, by purge');
}
is(outside(), $before, 'nothing outside has changed');
is(as($alice, sub { slurp("$tree{$alice}/web/config.php") }), "<?php // $secret\n", 'her neighbour is as she was');

# --- no password anywhere -----------------------------------------------------------------------
for my $who ($mallory, $alice) {
    is(system("grep -rqF '$password{$who}' $state $run $root/etc $root/var/log $root/started"), 256, 'a password is in no file of the node');
    unlike(join('', map { my @r = $n->omakase('--json', @$_); "$r[1]$r[2]" } ['plan'], ['status'], ['apply'], ['generations'], ['customer', 'list'], ['usage']),
        qr/\Q$password{$who}\E|\$y\$|\*[0-9A-F]{40}/, 'nor in what is printed');
}

done_testing;
