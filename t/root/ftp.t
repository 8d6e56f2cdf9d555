#!/usr/bin/perl
# A customer's way in, by the real ProFTPD from conf.d, started by omakase:
# the manual's scenario from login to a published page, what the customer
# cannot do, uploads that break off, quota and full disks, a .ftpaccess that
# locks out. P12-P21, P25-P35, P59, P65.
use v5.30;
use warnings;
use IO::Socket::INET;
use Net::FTP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Omakase::Provision;

plan skip_all => 'needs root: a session becomes its customer' if $>;
plan skip_all => 'needs ProFTPD' if !-x '/usr/sbin/proftpd';
my $n = Omakase::Provision->new;
my ($ab, $other) = map { $n->login } 1, 2;
my $root = $n->root;
my $tree = "$root/srv/omakase/$ab";
my $password = 'first-Password1';

sub ok_run {
    my ($name, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = $n->omakase(@args);
    is($code, 0, $name) or diag("$out$err");
    return $out;
}

sub passwd {
    my ($login, $new) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $said = qx(printf '%s\\n' '$new' | @{[$n->command]} passwd $login 2>&1);
    is($?, 0, "passwd $login") or diag($said);
    return;
}

sub connected {
    my (%o) = @_;
    return Net::FTP->new(
        '127.0.0.1',
        Port      => $n->ftp_port,
        LocalAddr => $o{from},
        SSL_verify_mode => 0,
        Timeout   => 20,
        Passive   => 1,
    ) // die "FTP: $@";
}

sub session {
    my ($login, $with, %o) = @_;
    my $f = connected(%o);
    return $f->login($login, $with) ? $f : undef;
}

sub lftp {
    my ($commands, %o) = @_;
    my $login = $o{login} // $ab;
    my $set = 'set net:max-retries 1; set net:timeout 10; set ftp:ssl-allow no; set cmd:fail-exit no;';
    open my $fh, '-|', 'lftp', '-u', "$login," . ($o{password} // $password), '-e', "$set $commands; exit",
        'ftp://127.0.0.1:' . $n->ftp_port
        or die "lftp: $!";
    local $/;
    return <$fh> // '';
}

# The server's own words for a command sent as it is.
sub quot {
    my ($f, @command) = @_;
    $f->quot(@command);
    return $f->code . ' ' . join '', $f->message;
}

# The server's word on an upload. Not by a client that stops listening when the
# server stops taking.
sub refused {
    my ($file, $to) = @_;
    my $f = session($ab, $password) or return 'no login';
    $f->binary;
    my $data = $f->stor($to) or return join ' ', $f->code, $f->message;
    local $SIG{PIPE} = 'IGNORE';
    my $text = slurp($file);
    while (length $text) {
        my $n = syswrite $data, $text, 65536;
        last if !$n;
        substr($text, 0, $n) = '';
    }
    close $data;
    $f->response;
    my $said = join ' ', $f->code, $f->message;
    $f->close; # the two hold each other
    return $said;
}

# Processes of the customer's sessions.
sub sessions {
    return map { m{/proc/(\d+)/} } grep { (slurp($_) // '') =~ /proftpd: \Q$ab\E - / } glob '/proc/[0-9]*/cmdline';
}

sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or return;
    local $/;
    return <$fh> // '';
}

sub put_local {
    my ($name, $text) = @_;
    open my $fh, '>:raw', "$root/$name" or die "$name: $!";
    print {$fh} $text;
    close $fh or die "$name: $!";
    return "$root/$name";
}

sub within {
    my ($seconds, $is) = @_;
    my $until = time + $seconds;
    while (time < $until) {
        return 1 if $is->();
        sleep 0.05;
    }
    return 0;
}

ok_run('a customer', 'customer', 'add', $ab, '--domain', 'ab.localhost');
ok_run('another', 'customer', 'add', $other, '--domain', 'other.localhost');
passwd($ab, $password);
ok_run('apply', 'apply');
ok_run('start', 'start');

subtest 'P12-P17: from the login to a published page' => sub {
    my $f = session($ab, $password);
    ok($f, 'P12: login name and password are those of the sheet') or return;
    is($f->pwd, "/home/$ab", 'the login directory');
    my @up = map { $f->cdup; $f->pwd } 1 .. 3;
    is($up[-1], '/', 'P14: three times up is /');
    ok($f->cwd("/home/$ab") && $f->cwd('../../web'), 'P15: ../../web as the initial folder');
    is($f->pwd, '/web', 'leads to /web');
    ok(!$f->cwd('../../../../..') || $f->pwd eq '/', 'and / is the top');
    $f->quit;
    my $page = put_local('index.html', "<p>published\n");
    my $said = lftp("cd ../../web; put $page; cls -l");
    like($said, qr/-rw-r--r--.*index\.html/, 'P13: a page is there, readable by all');
    is($n->get('www.ab.localhost', '/')->{content}, "<p>published\n", 'and published');
    like(join("\n", session($ab, $password)->dir('/web')), qr/^-rw-r--r-- +\d+ \Q$ab\E +\Q$ab\E .*index\.html/m, 'owners have names');
    my $back = "$root/back.html";
    lftp("get /web/index.html -o $back");
    is(slurp($back), "<p>published\n", 'P16: and comes down again');
    $f = session($ab, $password);
    like(quot($f, 'SITE', 'CHMOD', '600', '/web/index.html'), qr/^200/, 'P17: SITE CHMOD');
    is($n->get('www.ab.localhost', '/index.html')->{status}, 403, 'a page of mode 600 is 403');
    like(quot($f, 'SITE', 'CHMOD', '644', '/web/index.html'), qr/^200/, 'and back');
    is($n->get('www.ab.localhost', '/index.html')->{status}, 200, 'it is there, with no restart');
    ok($f->mkdir('/web/deep/er', 1), 'directories');
    like(quot($f, 'SITE', 'CHMOD', '700', '/web/deep/er'), qr/^200/, 'SITE CHMOD in any directory');
    is((stat "$tree/web/index.html")[4], scalar(getpwnam $ab), 'what is uploaded is the customer\'s');
    $f->quit;
};

subtest 'P18, P21: what is there from the start stays' => sub {
    my $f = session($ab, $password) or return fail('login');
    for my $dir ('/web', '/log', '/home', "/home/$ab") {
        like(quot($f, 'RMD', $dir), qr/^550/, "$dir is not deleted");
        like(quot($f, 'RNFR', $dir) . quot($f, 'RNTO', "$dir-moved"), qr/^(?:550|350.*550)/s, 'nor renamed');
        ok(-d "$tree$dir", 'it is there');
        unlike(quot($f, 'SITE', 'CHMOD', '777', $dir), qr/^2/, 'its mode stays') if $dir ne "/home/$ab";
    }
    like(join(' ', $f->ls('/log')), qr/web\.log/, 'P21: the logs are listed');
    my $copy = "$root/web.log.copy";
    ok($f->get('/log/web.log', $copy), 'and come down');
    like(slurp($copy) // '', qr/GET \/ /, 'with what was asked for');
    my $evil = put_local('evil', 'x');
    ok(!$f->put($evil, '/log/web.log'), 'not altered');
    ok(!$f->put($evil, '/log/new'), 'nothing new in /log');
    ok(!$f->delete('/log/web.log'), 'not deleted');
    like(quot($f, 'RNFR', '/log/web.log') . quot($f, 'RNTO', '/web/web.log'), qr/550/, 'not moved away');
    unlike(slurp("$tree/log/web.log"), qr/\Ax/, 'it has its lines still');
    $f->quit;
};

subtest 'names and hidden files' => sub {
    my $f = session($ab, $password) or return fail('login');
    my $text = put_local('jp', "x\n");
    my $name = "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xe3\x83\x9a\xe3\x83\xbc\xe3\x82\xb8.html";
    ok($f->put($text, "/web/$name"), 'a Japanese name with a blank');
    ok(-f "$tree/web/$name", 'is UTF-8 on the disk');
    ok((grep { $_ eq $name } map { s{.*/}{}r } $f->ls('/web')), 'and in the listing');
    ok($f->put($text, '/web/.htaccess'), '.htaccess');
    ok((grep { m{(?:^|/)\.htaccess\z} } $f->ls('/web')), 'is listed');
    $f->delete('/web/.htaccess');
    like(quot($f, 'FEAT'), qr/UTF8/, 'FEAT says UTF8');
    $f->quit;
};

subtest 'an upload that breaks off' => sub {
    my $page = put_local('page.html', "old page\n");
    lftp("put $page -o /web/page.html");
    for my $how ('the line is lost', 'the client is killed', 'ABOR') {
        my $f = session($ab, $password) or return fail('login');
        $f->binary;
        my $data = $f->stor('/web/page.html') or return fail('STOR: ' . $f->message);
        $data->write('half of a new page', 18);
        ok(within(10, sub { glob "$tree/web/.in.*" }), 'it comes under a name of its own');
        is(slurp("$tree/web/page.html"), "old page\n", 'the old page is there meanwhile');
        my ($half) = map { s{.*/}{}r } glob "$tree/web/.in.*";
        is($n->get('www.ab.localhost', "/$half")->{status}, 403, 'and what has come is shown to nobody');
        if ($how eq 'ABOR') {
            $f->abort;
            $f->close; # the two hold each other
        }
        else {
            # A reset, or the end that the kernel makes of a dead process's.
            my $reset = pack 'ii', $how eq 'the line is lost' ? (1, 0) : (0, 0);
            setsockopt $_, Socket::SOL_SOCKET, Socket::SO_LINGER, $reset for $data, $f;
            close $f;
            close $data;
        }
        ok(within(20, sub { !(() = glob "$tree/web/.in.*") }), "$how: nothing of it stays");
        is(slurp("$tree/web/page.html"), "old page\n", 'the old page is whole');
    }
    # What only looks like an ABOR.
    my $g = session($ab, $password) or return fail('login');
    $g->binary;
    my $whole = $g->stor('/web/page.html') or return fail('STOR: ' . $g->message);
    $whole->write("all of it\n", 10);
    syswrite $g, "CWD /ABOR\r\n";
    $whole->close;
    ok(within(20, sub { slurp("$tree/web/page.html") eq "all of it\n" }), 'a next command that has the word in it breaks nothing off');
    $g->close;
    # A session killed as by a crash leaves its half; the next try is not refused.
    my $f = session($ab, $password) or return fail('login');
    $f->binary;
    my $data = $f->stor('/web/page.html');
    $data->write('half', 4);
    within(10, sub { glob "$tree/web/.in.*" });
    my ($pid) = map { /\.(\d+)\.\z/ } glob "$tree/web/.in.*";
    ok($pid, 'the leftover has the session\'s number') or return;
    kill 'KILL', $pid;
    ok(within(10, sub { !kill 0, $pid }), 'the session was killed');
    my $new = put_local('page.html', "new page\n");
    lftp("put $new -o /web/page.html");
    is(slurp("$tree/web/page.html"), "new page\n", 'the next try succeeds');
    ok(!(() = glob "$tree/web/.in.*"), 'and the leftover is gone');
    ok(session($ab, $password)->put($new, '/web/.in.x.12.y'), 'a name of that kind');
    lftp("put $new -o /web/page.html");
    ok(-e "$tree/web/.in.x.12.y", 'stays when it is none');
    unlink "$tree/web/.in.x.12.y";
};

subtest 'resuming' => sub {
    my $long = put_local('long', join '', map { "$_\n" } 1 .. 20000);
    lftp("put $long -o /web/long");
    open my $part, '>:raw', "$root/part" or die $!;
    print {$part} substr slurp($long), 0, 5000;
    close $part;
    lftp("get -c /web/long -o $root/part");
    is(slurp("$root/part"), slurp($long), 'a download is resumed');
    my $f = session($ab, $password) or return fail('login');
    $f->binary;
    like(quot($f, 'REST', '5000'), qr/^350/, 'REST');
    $f->quot('PASV');
    like(quot($f, 'STOR', '/web/long'), qr/^501/, 'of an upload is refused, for good');
    is(slurp("$tree/web/long"), slurp($long), 'and the file is as it was');
    $f->close;
};

subtest 'no disk left' => sub {
    plan skip_all => 'no tmpfs can be mounted here'
        if system("mkdir -p $tree/web/small && mount -t tmpfs -o size=256k none $tree/web/small 2>/dev/null") != 0;
    chown +(getpwnam $ab)[2, 3], "$tree/web/small";
    my $ok = eval {
        my $page = put_local('page.html', "old page\n");
        lftp("put $page -o /web/small/page.html");
        my $big = put_local('big', 'x' x (1 << 20));
        like(refused($big, '/web/small/page.html'), qr/^452 /, 'too large an upload fails with 452: the disk');
        is(slurp("$tree/web/small/page.html"), "old page\n", 'the old page is whole');
        ok(!(() = glob "$tree/web/small/.in.*"), 'nothing of it stays');
        1;
    };
    system('umount', "$tree/web/small");
    ok($ok, 'no exception') or diag($@);
};

# A quota is a limit of the file system's own: btrfs has one without the kernel's
# quota formats.
subtest 'P9: no space left of the customer\'s own' => sub {
    my $image = "$root/btrfs.img";
    plan skip_all => 'no btrfs can be mounted here'
        if system("truncate -s 200M $image && mkfs.btrfs -q $image && mkdir -p $tree/web/quota && mount -o loop $image $tree/web/quota"
            . " && btrfs quota enable $tree/web/quota && btrfs subvolume create $tree/web/quota/own >/dev/null"
            . " && btrfs qgroup limit 8M $tree/web/quota/own 2>/dev/null") != 0
        && (system("umount $tree/web/quota 2>/dev/null") || 1);
    my $ok = eval {
        chown +(getpwnam $ab)[2, 3], "$tree/web/quota/own";
        my $page = put_local('page.html', "old page\n");
        lftp("put $page -o /web/quota/own/page.html");
        my $big = put_local('big', 'x' x (20 << 20));
        like(refused($big, '/web/quota/own/page.html'), qr/^552 /, 'too large an upload fails with 552: the quota');
        is(slurp("$tree/web/quota/own/page.html"), "old page\n", 'the old page is whole');
        ok(!(() = glob "$tree/web/quota/own/.in.*"), 'nothing of it stays');
        1;
    };
    system('umount', "$tree/web/quota");
    ok($ok, 'no exception') or diag($@);
};

subtest 'P31-P35: .ftpaccess, and the way back in' => sub {
    my $page = put_local('page.html', "mine\n");
    my $rules = sub {
        my ($from) = @_;
        return put_local('ftppass.txt',
            "<Limit ALL>\n Order Allow,Deny\n Allow from $from\n Deny from all\n</Limit>\n");
    };
    my $f = session($ab, $password) or return fail('login');
    ok($f->put($rules->('203.0.113.5'), '/web/ftppass.txt'), 'P31: ftppass.txt comes up');
    like(quot($f, 'RNFR', '/web/ftppass.txt'), qr/^350/, 'and is renamed');
    my $said = quot($f, 'RNTO', '/web/.ftpaccess');
    like($said, qr/^550 .*line 4 of \/web\/\.ftpaccess.*SITE FTPACCESS ALLOW/s, 'a wrong address is refused: which line, why, and how else')
        or diag($said);
    ok(!-e "$tree/web/.ftpaccess", 'nothing is there');
    ok($f->put($page, '/web/page.html'), 'and nobody is locked out');
    like(quot($f, 'SITE', 'FTPACCESS', 'ALLOW'), qr/^200/, 'with the word for it');
    quot($f, 'RNFR', '/web/ftppass.txt');
    like(quot($f, 'RNTO', '/web/.ftpass' . 'ess'), qr/^250/, 'P32: even by the misprinted name');
    ok(-e "$tree/web/.ftpaccess", 'it is stored as what it is meant to be');
    $f->quit;
    $f = session($ab, $password);
    ok($f, 'P33: the login itself works');
    ok(!$f->put($page, '/web/page.html') && $f->code == 550, 'an upload does not');
    ok(!$f->get('/web/page.html', "$root/got") && $f->code == 550, 'nor a download');
    ok(!$f->delete('/web/.ftpaccess') && $f->code == 550, 'P34: nor can the customer take it away');
    my ($code, $out) = $n->omakase('ftp', 'explain', $ab, '--from', '127.0.0.1', '--dir', '/web', '--cmd', 'STOR');
    is($code, 1, 'explain says no') or diag($out);
    like($out, qr/line 4 of \/web\/\.ftpaccess/, 'by which line');
    ok_run('disable', 'ftp', 'disable', "$ab:/web", '--why', 'locked out, called at ten');
    ok(session($ab, $password)->put($page, '/web/page.html'), 'the customer is in again');
    ok(-e "$tree/web/.ftpaccess.disabled", 'the file is there under another name');
    like($n->slurp('var/lib/omakase/audit.log'), qr/OMK0525 .*\/web\/\.ftpaccess.*locked out, called at ten/, 'with an audit line');
    $f = session($ab, $password);
    ok($f->put($rules->('127.0.0.1'), '/ftppass.txt'), 'a right one');
    quot($f, 'RNFR', '/ftppass.txt');
    like(quot($f, 'RNTO', '/.ftpaccess'), qr/^250/, 'is stored at /');
    ok($f->put($page, '/web/page.html'), 'who is named gets on');
    my $far = session($ab, $password, from => '127.0.0.9');
    ok($far, 'P26: another address logs in');
    ok(!$far->put($page, '/home/' . $ab . '/x') && $far->code == 550, 'and can do nothing in the login directory');
    ok(!$far->delete('/.ftpaccess') && $far->code == 550, 'P35: nor lift it');
    $far->close;
    ok($f->delete('/.ftpaccess'), 'who is named takes it away');
    ($code, $out) = $n->omakase('ftp', 'check', $ab);
    is($code, 0, 'check has nothing to say') or diag($out);
    $f->quit;
};

subtest 'who gets in' => sub {
    ok(!session($ab, 'wrong-Password1'), 'not with a wrong password');
    ok(!session($other, $password), 'not who has none yet');
    ok(!session('root', $password), 'not root');
    ok(!session('www-data', $password), 'nor a user of the system');
    ok(!session("$ab/../$other", $password), 'nor a name with slashes');
    my $f = connected();
    my @said = map { $f->login($ab, "wrong$_"); $f->code // 'closed' } 1 .. 4;
    is($said[0], 530, 'refused');
    ok($said[-1] ne '230' && (!defined $f->code || $f->code != 230), 'the connection ends after some attempts');
    my $before = slurp("$root/var/lib/omakase/ftp/users");
    my $f_old = session($ab, $password) or return fail('login');
    passwd($ab, 'second-Password2');
    $password = 'second-Password2';
    isnt(slurp("$root/var/lib/omakase/ftp/users"), $before, 'a new password is written');
    ok(!$f_old->pwd, 'who came with the old one is out');
    ok(session($ab, $password), 'and holds at the next login, without a reload');
    ok(!session($ab, 'first-Password1'), 'the old one does not');
    is((stat "$root/var/lib/omakase/ftp/users")[2] & 07777, 0600, 'hashes are root\'s alone');
    unlike(qx(grep -r '\$y\$' $root/var/lib/omakase/generations/ 2>/dev/null), qr/./, 'and in no generation');
};

subtest 'a session is shut in' => sub {
    my $f = session($ab, $password) or return fail('login');
    for my $path ('/etc/passwd', '/../../../../etc/passwd', "/home/$ab/../../../$other/web", $root) {
        ok(!$f->size($path) && !$f->cwd($path), "$path is not there");
    }
    symlink "$root/srv/omakase/$other", "$tree/web/neighbour";
    symlink '/etc', "$tree/web/etc";
    ok(!$f->cwd('/web/neighbour') && !$f->cwd('/web/etc'), 'links lead nowhere outside');
    unlink "$tree/web/neighbour", "$tree/web/etc";
    for my $command ('EXEC id', 'CPFR /web/index.html', 'CPTO /web/copy', 'SYMLINK /etc /web/etc', 'UTIME 20200101 /web', 'CHGRP root /web/index.html') {
        like(quot($f, 'SITE', $command), qr/^5/, "no SITE $command");
    }
    like(quot($f, 'MFF', 'UNIX.mode=777; /web'), qr/^5/, 'MFF is no way around');
    like(quot($f, 'MFMT', '20200101000000 /log'), qr/^5/, 'nor MFMT');
    like(quot($f, 'PORT', '127,0,0,1,0,22'), qr/^5/, 'no connection to a service of the client\'s');
    like(quot($f, 'PORT', '127,0,0,2,0,80'), qr/^5/, 'no connection to another address by PORT');
    my ($pid) = sessions();
    ok($pid, 'the session\'s process') or return;
    my ($uid) = (slurp("/proc/$pid/status") // '') =~ /^Uid:\s+(.*)$/m;
    my $mine = getpwnam $ab;
    like($uid, qr/^\d+\s+$mine\s/, 'has the customer\'s user');
    unlike($uid, qr/\b0\b/, 'and root\'s nowhere');
    $f->quit;
};

subtest 'names' => sub {
    my $page = put_local('page.html', "named\n");
    my %want = ("a\x01b" => 550, "\e[2J" => 550, '"q" & \'q\'' => 226, ('x' x 230) => 226, ('x' x 255) => 550,
        "\x83\x65\x83\x58\x83\x67\x83\x5c.html" => 226);
    for my $name (sort keys %want) {
        my $f = session($ab, $password) or return fail('login');
        (my $shown = $name) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
        $f->binary;
        my $data = $f->stor("/web/$name");
        $data->close if $data;
        is($f->code, $want{$name}, substr($shown, 0, 40) . ', ' . length($name) . ' bytes') or diag($f->message);
        is(-e "$tree/web/$name" ? 226 : 550, $want{$name}, '... as it is, or not at all');
        unlink "$tree/web/$name";
        $f->close;
    }
    my $f = session($ab, $password) or return fail('login');
    like(quot($f, 'MKD', "/web/a\x01b"), qr/^550/, 'nor a directory');
    $f->quit;
    # A script can make one; Net::FTP sends no newline.
    my $dir = "a\n2026-01-01 a line of the customer's";
    mkdir "$tree/web/$dir";
    $f = session($ab, $password) or return fail('login');
    $f->syswrite("CWD /web/$dir\r\n");
    $f->response;
    is($f->code, 550, 'no way into one that a script has made');
    $f->syswrite("STOR /web/$dir/x\r\n");
    $f->response;
    is($f->code, 550, 'nor to put something there');
    $f->quit;
    rmdir "$tree/web/$dir";
    unlike($n->slurp('var/log/omakase/proftpd.log'), qr/^2026-01-01 a line/m, 'and no line of a customer\'s in the log');
};

subtest 'P20, P65: the databases are out of reach' => sub {
    my $f = session($ab, $password) or return fail('login');
    my @all = map { $f->ls($_) } '/', '/home', '/log', '/tmp';
    unlike("@all", qr/ibdata|mysql|\.ibd|\.frm/, 'no file of MariaDB\'s');
    $f->quit;
};

subtest '50 sessions at once' => sub {
    $n->conf("ftp { clients_per_address = 60 }\n");
    ok_run('apply', 'apply');
    my $page = put_local('many', 'm' x 100_000);
    my @pids;
    for my $i (1 .. 50) {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            my $f = eval { session($ab, $password) };
            my $ok = $f && $f->binary && $f->put($page, "/web/many-$i") && $f->size("/web/many-$i") == 100_000;
            POSIX::_exit($ok ? 0 : 1);
        }
        push @pids, $pid;
    }
    my @failed = grep { waitpid $_, 0; $? != 0 } @pids;
    is(scalar @failed, 0, 'all log in and upload');
    is(scalar(grep { slurp($_) eq slurp($page) } glob "$tree/web/many-*"), 50, 'every file is whole');
    unlink glob "$tree/web/many-*";
    $n->conf("ftp { clients_per_address = 2 }\n");
    ok_run('two an address', 'apply');
    ok(within(30, sub { !sessions() }), 'the fifty are gone') or diag(map { slurp("/proc/$_/cmdline") . ' ' . (slurp("/proc/$_/wchan") // '') . "\n" } sessions());
    my @open = map { session($ab, $password) } 1 .. 2;
    is(scalar(grep { $_ } @open), 2, 'two get in');
    my $third = connected();
    ok(!$third->login($ab, $password), 'a third of the same address does not');
    like(join('', $third->message), qr/sessions open already/, 'and is told why');
    $_->quit for @open;
    $n->conf('');
    ok_run('as before', 'apply');
};

subtest 'connections that never log in' => sub {
    $n->conf("ftp { clients = 10 clients_per_address = 2 }\n");
    ok_run('few an address', 'apply');
    my @idle = map { connected(from => '127.0.0.9') } 1 .. 7;
    my $more = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $n->ftp_port, LocalAddr => '127.0.0.9', Timeout => 20);
    like(scalar <$more>, qr/^(?:421|5\d\d)[ -]Your address has \d+ connections open/, 'an address has some of them, and no more');
    ok(session($ab, $password), 'another address gets in');
    $_->close for @idle;
    $n->conf('');
    ok_run('as before', 'apply');
};

subtest 'without mod_ftpaccess' => sub {
    $n->conf(qq(paths { proftpd_ftpaccess = "$root/none/mod_ftpaccess.so" }\n));
    ok_run('there is none at its path', 'apply');
    ok(session($ab, $password), 'FTP does without');
    my (undef, $out, $err) = $n->omakase('check');
    like("$out$err", qr{OMK0320.*\Q$root\E/none/mod_ftpaccess\.so.*runs without}, 'check says so');
    $n->conf(qq(paths { proftpd_ftpaccess = "" }\n));
    ok_run('it is not wanted', 'apply');
    (undef, $out, $err) = $n->omakase('check');
    unlike("$out$err", qr/mod_ftpaccess/, 'check has nothing to say');
    $n->conf('');
    ok_run('as before', 'apply');
    (undef, $out, $err) = $n->omakase('check');
    unlike("$out$err", qr/mod_ftpaccess/, 'nor then');
};

subtest 'reload, rollback, suspend, remove' => sub {
    passwd($other, 'third-Password3');
    my $f = session($ab, $password) or return fail('login');
    $f->binary;
    my $data = $f->stor('/web/slow');
    $data->write('a' x 1000, 1000);
    $n->conf("ftp { clients = 100 }\n");
    ok_run('a changed limit', 'apply');
    $data->write('b' x 1000, 1000);
    ok($data->close, 'an upload goes on over a reload');
    is(length(slurp("$tree/web/slow") // ''), 2000, 'and is whole');
    $f->quit;
    is(ok_run('plan', 'plan'), '', 'a second plan prints nothing');
    $n->conf('');
    ok_run('apply', 'apply');
    my $conf = $n->slurp("etc/omakase/customers.d/$ab.conf");
    my $open = session($ab, $password) or return fail('login');
    my $stays = session($other, 'third-Password3') or return fail('login of another');
    $n->customers_d("$ab.conf", "$conf\nsuspended = true\n");
    ok_run('suspended', 'apply');
    ok(within(10, sub { !sessions() }), 'a session of theirs that was open ends');
    ok(!$open->pwd, 'and does nothing any more');
    ok($stays->pwd, 'another customer\'s goes on');
    ok(!session($ab, $password), 'who is suspended does not get in');
    ok_run('rolled back', 'rollback');
    ok(session($ab, $password), 'a rollback lets in again, with the newest password');
    $n->customers_d("$ab.conf", $conf);
    ok_run('apply', 'apply');
    $n->put('etc/omakase/proftpd.d/own.conf', "NoSuchDirective on\n");
    my ($code, $out, $err) = $n->omakase('apply');
    isnt($code, 0, 'an operator\'s line that ProFTPD refuses fails the apply');
    like("$out$err", qr/own\.conf|NoSuchDirective/, 'and is named');
    ok(session($ab, $password), 'ProFTPD runs as before');
    unlink "$root/etc/omakase/proftpd.d/own.conf";
    unlink "$root/var/lib/omakase/ftp/users";
    like(ok_run('without the logins', 'plan'), qr/FTP/, 'plan sees that they are gone');
    ok_run('apply', 'apply');
    ok(session($ab, $password), 'apply makes them again');
};

subtest 'profile and TLS' => sub {
    plan skip_all => 'needs mod_tls' if !-e '/usr/lib/proftpd/mod_tls.so';
    system("openssl req -x509 -newkey rsa:2048 -nodes -keyout $root/key.pem -out $root/cert.pem -days 2 "
        . '-subj /CN=localhost >/dev/null 2>&1') == 0 or return fail('openssl');
    chmod 0600, "$root/key.pem";
    my $tls = qq(tls { certificate = "$root/cert.pem" key = "$root/key.pem" }\n);
    $n->conf($tls);
    ok_run('with a certificate', 'apply');
    ok(session($ab, $password), 'manual: plain logins are as before');
    my $said = qx(curl -sS --ssl-reqd -k -u '$ab:$password' ftp://127.0.0.1:@{[$n->ftp_port]}/%2Fweb/ 2>&1);
    like($said, qr/index\.html/, 'and TLS is there');
    broken_off_with_tls();
    $n->conf(qq(profile = "strict"\n$tls));
    ok_run('profile = strict', 'apply');
    ok(!session($ab, $password), 'strict: no password without TLS');
    $said = qx(curl -sS --ssl-reqd -k -u '$ab:$password' ftp://127.0.0.1:@{[$n->ftp_port]}/%2Fweb/ 2>&1);
    like($said, qr/index\.html/, 'with TLS as before');
    $n->conf('');
    ok_run('as before', 'apply');
};

# Nobody but the two ends can read what is on the control connection then.
sub broken_off_with_tls {
    my $page = put_local('page.html', "old page\n");
    lftp("put $page -o /web/page.html");
    for my $how ('ABOR', 'the client is killed') {
        my $f = connected();
        $f->starttls or return fail('AUTH TLS: ' . $f->message);
        $f->login($ab, $password) && $f->binary && $f->prot('P') or return fail('login: ' . $f->message);
        my $data = $f->stor('/web/page.html') or return fail('STOR: ' . $f->message);
        $data->write('half of a new page', 18);
        ok(within(10, sub { grep {-s} glob "$tree/web/.in.*" }), "$how: half of a page is there");
        $how eq 'ABOR' ? $f->syswrite("ABOR\r\n") : CORE::close $f;
        CORE::close $data;
        ok(within(20, sub { !(() = glob "$tree/web/.in.*") }), 'nothing of it stays');
        is(slurp("$tree/web/page.html"), "old page\n", 'the old page is whole');
    }
    # Not by Net::FTP: it closes without reading TLS 1.3's tickets, and what the
    # kernel makes of that is a reset.
    my $new = put_local('page.html', "new page\n");
    system('curl', '-sS', '--ssl-reqd', '-k', '-u', "$ab:$password", '-T', $new, 'ftp://127.0.0.1:' . $n->ftp_port . '/%2Fweb/page.html');
    is($?, 0, 'a whole one takes its place');
    is(slurp("$tree/web/page.html"), "new page\n", 'with TLS, too');
    return;
}

done_testing;
