#!/usr/bin/perl
# CGI as the operator declares it: what stands in a customer's virtual host, by
# omakase.conf and by the customer's own file.
use v5.30;
use warnings;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use Omakase::Provision;

my $n = Omakase::Provision->new;
my @login = sort map { $n->login } 1 .. 4;
my ($all, $own, $off, $gone) = @login;
my $PERL = "#!/usr/bin/perl\nprint qq{Content-Type: text/plain\\n\\n};\n";
my ($user, $group) = $> ? (scalar getpwuid $>, scalar getgrgid $)) : ();

$n->customers_d("$all.conf", qq(domain "all.localhost" {}\ndomain "more.localhost" { docroot = "web/more" }\n));
$n->customers_d("$own.conf", <<'END');
domain "own.localhost" {}
ssi = off
cgi_options { cpu = 0 memory = "1G" strict = on symlinks = off unsafe_inc = on
              diagnostics = {"192.0.2.7", "2001:db8::/32"} }
END
$n->customers_d("$off.conf", qq(domain "off.localhost" {}\ncgi = off\n));
$n->customers_d("$gone.conf", qq(domain "gone.localhost" {}\nsuspended = on\n));
$n->put('etc/omakase/httpd.d/log.conf', "<IfModule index_order_module>\nLogLevel index_order:trace1\n</IfModule>\n");
$n->conf(qq(cgi { wall = 200 processes = 20 }\n));
my ($code, undef, $err) = $n->omakase('apply');
is($code, 0, 'applied') or BAIL_OUT($err);

rendered();
($code, undef, $err) = $n->omakase('start');
is($code, 0, 'started') or BAIL_OUT($err);
SKIP: {
    skip 'no php-fpm, or no mod_php_pool', 1 if !has_php();
    php_runs();
    php_disabled();
}
SKIP: {
    skip 'no mod_cgi_wrapper', 1 if !-e "$n->{layout}{modules}/mod_cgi_wrapper.so";
    cgi_check();
    cgi_anywhere();
    cgi_pages();
    cgi_runs();
    cgi_names();
    cgi_disabled();
    cgi_goes_on();
}
forgotten();
done_testing;

sub conf {
    my ($login) = @_;
    return $n->slurp("var/lib/omakase/current/httpd/$login.conf") // '';
}

sub rendered {
    my $text = conf($all);
    my @use = $text =~ /^    (Use OmakaseCGI .*)$/mg;
    my $who = sub { join ' ', $user // $_[0], $group // $_[0] };
    is($use[0], sprintf('Use OmakaseCGI %s "%s/srv/omakase/%s" %s "cpu=30 wall=200 memory=268435456 processes=20 '
        . 'concurrent=10 output=1073741824"', $all, $n->root, $all, $who->($all)),
        'P40, P43: whom scripts run as, and the limits of omakase.conf');
    is(@use, 2, 'in each virtual host');
    like($text, qr/Use OmakaseSSI .*\n    Use OmakaseCGI .*\n    Use OmakaseSSIExec "/, 'SSI may run scripts');
    unlike($text, qr/CGIWrapper/, 'and nothing else');

    $text = conf($own);
    like($text, qr/"cpu=0 wall=200 memory=1073741824 /, "a customer's own");
    like($text, qr/^        CGIWrapper$_$/m, $_)
        for 'Strict on', 'Symlinks off', 'PerlUnsafeInc on', 'Diagnostics 192\.0\.2\.7 2001:db8::/32';
    unlike($text, qr/OmakaseSSI/, 'without SSI no scripts in pages');
    unlike(conf($off), qr/OmakaseCGI|CGIWrapper|SSIExec/, 'cgi = off');
    unlike(conf($gone), qr/OmakaseCGI|CGIWrapper|SSIExec/, 'a suspended customer');

    my ($code, $out) = $n->omakase('customer', 'show', $own);
    like($out, qr/^cgi +cpu 0 s, wall 200 s, memory 1G, 20 processes, 10 at once, output 1G/m, 'customer show');
    my ($entry) = $n->slurp('var/lib/omakase/current/httpd.conf') =~ /^Define OMAKASE_CGI_NAME "(.*)"$/m;
    like($entry, qr/\Aomakase-[0-9a-f]{12}\z/, 'a cgroup of this root alone');
    ($code, $out) = $n->omakase('plan');
    is($out, '', 'a second plan prints nothing');

    my @st = stat $n->root . '/var/lib/omakase/cgi';
    is(sprintf('%04o %s', $st[2] & 07777, $> ? '' : scalar getgrgid $st[5]), $> ? '0750 ' : '0750 www-data',
        'the list of what is disabled: for httpd to read, for nobody to write');
    return;
}

# --- PHP ------------------------------------------------------------------------

sub has_php {
    return -e "$n->{layout}{modules}/mod_php_pool.so" && grep {-x} glob '/usr/sbin/php-fpm*';
}

# The first answer of `omakase cgi ... --json` that the code is content with.
sub until_json {
    my ($content, @args) = @_;
    my ($got, $until) = ([], time + 20);
    do {
        my ($rc, $json, $said) = $n->omakase('--json', 'cgi', @args);
        $got = $rc ? [] : decode_json($json);
        diag($said) if $said;
        return $got if $content->($got);
        sleep 0.05;
    } while (time < $until);
    return $got;
}

# The customer's error log, once it has such a line: another process writes it.
sub logged {
    my ($login, $line) = @_;
    my ($text, $until) = ('', time + 20);
    while (1) {
        $text = $n->slurp("srv/omakase/$login/log/error.log") // '';
        return $text if $text =~ $line || time > $until;
        sleep 0.02;
    }
}

sub has_logged {
    my ($login, $line, $name) = @_;
    return like(logged($login, $line), $line, $name);
}

# Sends a request and does not wait for its answer.
sub begin_request {
    my ($host, $path) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $n->port) or die "connect: $!";
    print {$s} "GET $path HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n\r\n";
    return $s;
}

sub answer_of { my ($s) = @_; local $/; return <$s> // '' }

sub php_runs {
    my $web = "srv/omakase/$all/web";
    # Runs until a file is there, the way a script does that never ends.
    $n->put("$web/spin.php", '<?php while (!file_exists(__DIR__ . "/stop")) {} echo "ended";');
    $n->put("$web/wait.php", '<?php while (!file_exists(__DIR__ . "/stop")) usleep(20000); echo "ended";');
    $n->put("srv/omakase/$own/web/wait.php", '<?php while (!file_exists(__DIR__ . "/stop")) usleep(20000); echo "ended";');
    $n->put("$web/a.php", '<?php echo "quick";');
    is_deeply(until_json(sub { 1 }, 'top'), [], 'nothing runs');

    # One after the other: a pool that is just starting its first process lets
    # a second request wait for it.
    my $wait = begin_request('all.localhost', '/wait.php?%1b%5b2J&x=1');
    is(@{until_json(sub { @{$_[0]} == 1 }, 'top')}, 1, 'one');
    my $spin = begin_request('all.localhost', '/spin.php');
    is(@{until_json(sub { @{$_[0]} == 2 }, 'top')}, 2, 'two');
    my $other = begin_request('own.localhost', '/wait.php');
    my $top = until_json(sub { @{$_[0]} == 3 }, 'top');
    is(@$top, 3, 'P43: what runs') or diag explain $top;
    is("$top->[0]{script} $top->[0]{login} $top->[0]{kind}", "/web/spin.php $all php", 'who takes most CPU first');
    cmp_ok($top->[0]{cpu_percent}, '>', $top->[1]{cpu_percent}, 'by CPU');
    my ($w) = grep { $_->{script} eq '/web/wait.php' && $_->{login} eq $all } @$top;
    is($w->{request}, 'GET /wait.php?%1b%5b2J&x=1', 'with the address');
    cmp_ok($w->{memory_bytes}, '>', 1 << 20, 'memory');
    ok(defined $w->{age_ms} && kill(0, $w->{pid}), 'age and process');
    is(join(' ', map {"$_->{login} $_->{script}"} @{until_json(sub { @{$_[0]} == 1 }, 'top', '--login', $own)}),
        "$own /web/wait.php", '--login');
    my (undef, $text) = $n->omakase('cgi', 'top');
    like($text, qr{^RUN +LOGIN +CPU .*\n(?:php\.\d+ +$all +\d+% +- +[\d.]+ s +\d+M +1  /web/spin\.php  GET /spin\.php\n)}, 'as text');

    # The status is nobody's but root's.
    like(answer_of(begin_request('all.localhost', "/.omakase/php-status$_")), qr{\AHTTP/1\.1 40[34]},
        "no visitor sees it: '$_'") for '', '?full', '/x.php';
    $n->put("$web/.omakase/php-status", 'x');
    $n->put("$web/.omakase/.htaccess", "SetHandler omakase-php\n");
    my $tried = answer_of(begin_request('all.localhost', '/.omakase/php-status?full'));
    like($tried, qr{\AHTTP/1\.1 403}, 'nor by the help of the customer');
    unlike($tried, qr/process manager|accepted conn/, 'who sees nothing of it');

    ($code, my $out) = $n->omakase('cgi', 'kill', $top->[0]{id}, '--why', 'takes all');
    is("$code $out", "0 killed $top->[0]{id}  $all:/web/spin.php\n", 'P43: one is stopped');
    like(answer_of($spin), qr{\AHTTP/1\.1 50[0-9]}, 'and its visitor told');
    is(@{until_json(sub { @{$_[0]} == 2 }, 'top')}, 2, 'the others run on');
    ($code, $out) = $n->omakase('cgi', 'kill', $top->[0]{id});
    is("$code $out", "0 nothing of that runs\n", 'twice');
    ($code, $out) = $n->omakase('cgi', 'kill', $all);
    is("$code $out", "0 nothing of that runs\n", 'PHP only if asked');
    ($code, $out) = $n->omakase('cgi', 'kill', $all, '--php');
    like("$code $out", qr{\A0 killed php\.\d+  $all:/web/wait\.php\n\z}, "a customer's");
    like(answer_of($wait), qr{\AHTTP/1\.1 50[0-9]}, 'ended');
    like(answer_of(begin_request('all.localhost', '/a.php')), qr/quick/, 'the pool goes on');
    ($code, $out) = $n->omakase('cgi', 'kill', '--all', '--php');
    like("$code $out", qr{\A0 killed php\.\d+  $own:/web/wait\.php\n\z}, '--all');
    like(answer_of($other), qr{\AHTTP/1\.1 50[0-9]}, 'ended, too');
    is(($n->omakase('cgi', 'kill'))[0], 64, 'nothing named: 64');
    is(($n->omakase('cgi', 'kill', $all, '--all'))[0], 64, 'both: 64');
    like($n->slurp('var/lib/omakase/audit.log'), qr{OMK0327 uid=\d+ $all: php /web/spin\.php killed: takes all$}m, 'an audit line');
    return;
}

sub runs {
    my ($path) = @_;
    my $answer = answer_of(begin_request('all.localhost', $path));
    my ($status) = $answer =~ m{\AHTTP/1\.1 (\d+)};
    return $status . ($answer =~ /(ran \w+)/ ? " $1" : '');
}

sub php_disabled {
    my $web = "srv/omakase/$all/web";
    my $disk = $n->root . "/$web";
    unlink "$disk/stop";
    $n->put("$web/shell.php", '<?php echo "ran shell";');
    $n->put("$web/sub/x.php", '<?php echo "ran x";');
    is(runs('/shell.php'), '200 ran shell', 'a script');
    is(($n->omakase('cgi', 'disable', "$all:/web/shell.php"))[0], 64, 'without a reason: 64');
    ok_cgi('disabled', qr{\A$all:/web/shell\.php is disabled\n\z}, 'disable', "$all:/web/shell.php", '--why', 'gives a shell to anybody');
    is(runs('/shell.php'), '403', 'P44: it runs no more');
    is(runs('/sub/x.php'), '200 ran x', 'another does');
    my ($line) = logged($all, qr/OMK0216/) =~ /^(.*OMK0216.*)$/m;
    like($line, qr{OMK0216: php_pool: /web/shell\.php: disabled by the operator: gives a shell to anybody}, 'the customer reads why');
    like($n->slurp('var/lib/omakase/audit.log'), qr{OMK0325 uid=\d+ $all: /web/shell\.php disabled: gives a shell to anybody$}m,
        'an audit line');

    # What the customer may try.
    chmod 0777, "$disk/shell.php";
    is(runs('/shell.php'), '403', 'chmod');
    link "$disk/shell.php", "$disk/hard.php" or die $!;
    rename "$disk/shell.php", "$disk/other.php" or die $!;
    is(runs("/$_.php"), '403', "another name: $_") for qw(other hard);
    unlink "$disk/hard.php", "$disk/other.php";
    $n->put("$web/shell.php", '<?php echo "ran again";');
    is(runs('/shell.php'), '403', 'another upload');
    is(runs('//shell.php'), '403', 'another spelling');
    rename "$disk/sub", "$disk/sub.old" or die $!;
    symlink '.', "$disk/sub" or die $!;
    is(runs('/sub/shell.php'), '403', 'through a link');
    unlink "$disk/sub";
    rename "$disk/sub.old", "$disk/sub" or die $!;
    $n->put("$web/own/.htaccess", "RewriteEngine On\nRewriteRule ^ /shell.php [L]\n");
    is(runs('/own/x.php'), '403', 'by a RewriteRule');
    $n->put("$web/shell.php", '<?php echo "ran third";');
    $n->put("$web/a.shtml", '<!--#include virtual="/shell.php" -->');
    is(runs('/a.shtml'), '200', 'in a page');
    is(runs('/shell.php/x'), '403', 'with something behind it');

    $n->customers_d("$all.httpd.conf", qq(<Location "/other-way">\nSetHandler "proxy:unix:) . $n->root
        . qq(/run/omakase/php/$all.sock|fcgi://localhost"\n</Location>\nAlias "/other-way" "$disk/shell.php"\n));
    is(($n->omakase('apply'))[0], 0, 'a handler of the operator');
    is(runs('/other-way'), '403', 'in the way of that handler, too');

    # By its path on this machine; what runs of it is ended.
    my $busy = begin_request('all.localhost', '/wait.php');
    is(@{until_json(sub { @{$_[0]} == 1 }, 'top')}, 1, 'one that goes on');
    ok_cgi('by path', qr{\Akilled php\.\d+  $all:/web/wait\.php\n$all:/web/wait\.php is disabled\n}, 'disable',
        $n->root . "/srv/omakase/$all//web/./wait.php", '--why', "\xe8\xb2\xa0\xe8\x8d\xb7");
    like(answer_of($busy), qr{\AHTTP/1\.1 50[0-9]}, 'what runs of it is ended');
    ok_cgi('not there yet', qr/is disabled by its name alone/, 'disable', "$all:/web/sub/new.php", '--why', 'comes back');
    $n->put("$web/sub/new.php", '<?php echo "ran new";');
    is(runs('/sub/new.php'), '403', 'and when it is');
    symlink 'a.php', "$disk/link.php" or die $!;
    symlink '/etc', "$disk/etc" or die $!;
    ok_cgi('through a link', qr/by its name alone/, 'disable', "$all:/web/etc/shadow", '--why', 'x');
    like($n->slurp('var/lib/omakase/cgi/denied'), qr{^$all\t0:0\t/web/etc/shadow\t}m, 'nothing out there is looked at');
    ok_cgi('enabled', qr/may run again/, 'enable', "$all:/web/etc/shadow");
    ok_cgi('a link', qr/by its name alone/, 'disable', "$all:/web/link.php", '--why', 'x');
    is(runs('/a.php'), '200', 'what it leads to is another');

    my ($rc, $out, $said) = $n->omakase('cgi', 'list');
    my $when = qr/20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ/;
    like($out, qr{^$when  $all:/web/shell\.php  gives a shell to anybody$}m, 'cgi list');
    is(@{decode_json(($n->omakase('--json', 'cgi', 'list', '--login', $all))[1])}, 4, 'as JSON, of one');
    is(($n->omakase('cgi', 'list', '--login', $own))[1], '', 'of another');
    my @st = stat $n->root . '/var/lib/omakase/cgi/denied';
    is(sprintf('%04o %d %s', $st[2] & 07777, $st[4], $> ? '' : scalar getgrgid $st[5]),
        sprintf('0640 %d %s', $>, $> ? '' : 'www-data'), 'root\'s, for httpd to read');

    for (["$all:/web/../log/error.log", 65], ["$all:/log/error.log", 65], ['/etc/passwd', 65], ['shell.php', 65],
        ["$all:web/shell.php", 65], ['nobody-here:/web/a.cgi', 67], ['/srv/omakase/x/web/a.cgi', 65], ["$all:/web/sub", 65]) {
        is(($n->omakase('cgi', 'disable', $_->[0], '--why', 'x'))[0], $_->[1], "disable $_->[0]: $_->[1]");
    }
    is(($n->omakase('cgi', 'disable', "$all:/web/a.php", '--why', $_->[0]))[0], 65, "why: $_->[1]")
        for ['', 'nothing'], ["a\nb", 'two lines'], ['x' x 301, 'too long'];

    open my $list, '>>', $n->root . '/var/lib/omakase/cgi/denied' or die $!;
    print {$list} "by hand\n";
    close $list;
    is(runs('/shell.php'), '403', 'a damaged line lifts nothing');
    like($n->slurp('var/log/omakase/httpd-error.log'), qr{OMK0217: php_pool: \S+/cgi/denied: has lines that are none}, 'and is told of');

    ok_cgi('enabled', qr{may run again}, 'enable', "$all:/web/shell.php");
    is(runs('/shell.php'), '200 ran third', 'runs again');
    is(($n->omakase('cgi', 'enable', "$all:/web/shell.php"))[0], 67, 'twice');
    like($n->slurp('var/lib/omakase/audit.log'), qr{OMK0326 uid=\d+ $all: /web/shell\.php enabled$}m, 'an audit line');
    unlike(($n->omakase('status'))[1], qr{/cgi|denied}, 'status has nothing to say of it');
    return;
}

# --- CGI ------------------------------------------------------------------------

# A file of the customer's own.
sub script {
    my ($login, $path, $text, $mode) = @_;
    my $file = $n->put("srv/omakase/$login/web/$path", $text);
    chmod $mode // 0755, $file;
    if (!$>) {
        my ($uid, $gid) = (getpwnam $login)[2, 3];
        my ($dir, $web) = ($file, $n->root . "/srv/omakase/$login/web");
        while ($dir ne $web) {
            chown $uid, $gid, $dir;
            $dir =~ s{/[^/]*\z}{};
        }
    }
    return $file;
}

# (status, body) of a page.
sub page {
    my ($host, $path) = @_;
    my $r = $n->get($host, $path);
    return ($r->{status}, $r->{content});
}

# What holds on this machine; the wrapper's own tests tell what must.
sub cgi_check {
    my (undef, $json) = $n->omakase('--json', 'check');
    my @found = grep { $_->{id} eq 'OMK0328' } @{decode_json($json)->{findings}};
    my %held = map { $_ => 1 } map { $_->{what} =~ /([a-z-]+) \(/g } grep { $_->{what} =~ /^these limits hold: / } @found;
    my %not = map { $_->{where} =~ /^CGI: (.*)/ ? ($1 => $_) : () } @found;
    for (qw(memory processes cpu-time tree-kill path-walk)) {
        ok(($held{$_} xor $not{$_}), "check: what holds of $_");
    }
    ok(length $_->{todo}, "$_->{where}: and what to do") for values %not;
    is_deeply([grep { $_->{level} eq 'error' } @found], [], 'no error');
    return;
}

sub cgi_anywhere {
    my $id = qq{print qq{uid \$< \$> groups \$) user \$ENV{USER}\\n};\n};
    my ($uid, $gid) = $> ? ($>, (split ' ', $))[0]) : (getpwnam $all)[2, 3];
    my $who = $> ? qr/\Auid $uid $uid groups $gid\b/ : qr/\Auid $uid $uid groups $gid user $all$/m;
    for my $path (qw(a.cgi b.pl deep/er/c.cgi cgi-bin/d.pl)) {
        script($all, $path, $PERL . $id);
        my ($status, $text) = page('all.localhost', "/$path");
        is($status, 200, "P36, P37: $path runs");
        like($text, $who, 'P40: as the customer alone');
    }
    chmod 0644, $n->root . "/srv/omakase/$all/web/deep/er/c.cgi";
    is((page('all.localhost', '/deep/er/c.cgi'))[0], 403, 'P5, P36: what may not be executed: 403');
    chmod 0755, $n->root . "/srv/omakase/$all/web/deep/er/c.cgi";
    is((page('all.localhost', '/deep/er/c.cgi'))[0], 200, 'chmod 755 cures it at once');
    script($all, 'more/e.cgi', $PERL . 'print "more\n";');
    is((page('more.localhost', '/e.cgi'))[1], "more\n", 'of another domain');
    my %php = ('p.cgi' => "#!/usr/bin/php\n<?php echo 'php ', php_sapi_name();", 'q.pl' => "<?php echo 'php ', php_sapi_name();");
    SKIP: {
        skip 'no php-cgi', 4 if !-x '/usr/bin/php-cgi';
        for my $path (sort keys %php) {
            script($all, $path, $php{$path});
            my $r = $n->get('all.localhost', "/$path");
            is($r->{content}, 'php cgi-fcgi', "P39: $path is PHP");
            like($r->{headers}{'content-type'}, qr{text/html}, 'with its header');
        }
    }
    script($all, 'ini.cgi', "#!/usr/bin/php\n<?php header('X-A: b'); echo ini_get('opcache.enable'), ' ', ini_get('memory_limit'), ' ', extension_loaded('pdo') ? 'pdo' : '';");
    is((page('all.localhost', '/ini.cgi'))[1], '0 128M pdo', 'with our settings on top of the distribution') if -x '/usr/bin/php-cgi';
    # What runs scripts costs the index files nothing.
    $n->put("srv/omakase/$all/web/default.html", "index\n");
    is((page('all.localhost', '/'))[1], "index\n", 'P2: an index');
    has_logged($all, qr{index_order: / is default\.html, without a subrequest}, 'is found by a look')
        if -e "$n->{layout}{modules}/mod_index_order.so";

    script($all, 'broken.cgi', "#!/usr/bin/perl\nthis is no perl;\n");
    is((page('all.localhost', '/broken.cgi'))[0], 500, 'P41: an error is a 500');
    has_logged($all, qr{E12 /web/broken\.cgi: }, 'which its log explains');

    # Where nothing runs them, the source is not shown.
    for my $path (qw(a.cgi b.pl)) {
        script($off, $path, $PERL . 'print "secret";');
        my ($status, $text) = page('off.localhost', "/$path");
        is($status, 403, "cgi = off: $path");
        unlike($text, qr/secret/, 'and not its source');
    }
    is((page('off.localhost', '/none.cgi'))[0], 404, 'what is not there');
    script($gone, 'a.cgi', $PERL . 'print "secret";');
    my ($status, $text) = page('gone.localhost', '/a.cgi');
    is($status, 503, 'a suspended customer');
    unlike($text, qr/secret/, 'whose source is not shown either');
    script($off, 'up/.htaccess', "Options +ExecCGI\n", 0644);
    script($off, 'up/a.cgi', $PERL);
    is((page('off.localhost', '/up/a.cgi'))[0], 500, 'which .htaccess cannot lift');
    script($off, 'by/.htaccess', "AddHandler cgi-script .cgi .txt\n", 0644);
    script($off, 'by/a.txt', $PERL);
    unlike((page('off.localhost', '/by/a.txt'))[1], qr/^uid/, 'nor by a handler');

    # FTP programs of Windows write names as they like.
    script($_, 'BBS.CGI', $PERL . 'print "ran";') for $all, $off;
    is((page('all.localhost', '/BBS.CGI'))[1], 'ran', 'BBS.CGI runs');
    is((page('off.localhost', '/BBS.CGI'))[0], 403, 'or is not shown');
    script($_, 'BBS.PHP', '<?php $password = "secret";') for $all, $off;
    unlike((page("$_.localhost", '/BBS.PHP'))[1], qr/secret/, 'nor is BBS.PHP') for qw(all off);

    # An upload directory.
    script($all, 'up/.htaccess', "Options -ExecCGI\n", 0644);
    script($all, 'up/a.cgi', $PERL);
    is((page('all.localhost', '/up/a.cgi'))[0], 403, 'Options -ExecCGI');
    has_logged($all, qr{E24 /web/up/a\.cgi}, 'says so');
    for my $line ('CGIWrapper off', 'CGIWrapperUser root', 'CGIWrapperLimit cpu=0', 'CGIWrapperCustomer x', 'CGIWrapperRoot /') {
        script($all, 'no/.htaccess', "$line\n", 0644);
        script($all, 'no/a.cgi', $PERL);
        is((page('all.localhost', '/no/a.cgi'))[0], 500, ".htaccess: no $line");
    }
    return;
}

# SSI.
sub cgi_pages {
    script($all, 'inc.cgi', $PERL . 'print "included by ", (getpwuid $>)[0], "\n";');
    script($all, 'page.shtml', '<!--#exec cgi="/inc.cgi" -->|<!--#include virtual="/inc.cgi" -->|<!--#exec cmd="echo cmd" -->', 0644);
    my $name = $> ? getpwuid $> : $all;
    like((page('all.localhost', '/page.shtml'))[1], qr/\Aincluded by $name\n\|included by $name\n\|(?!cmd)/,
        'P11: exec cgi and include virtual run as the customer, exec cmd does not');
    script($off, 'inc.cgi', $PERL . 'print "ran";');
    script($off, 'page.shtml', '<!--#exec cgi="/inc.cgi" -->|<!--#include virtual="/inc.cgi" -->|<!--#exec cmd="echo cmd" -->', 0644);
    unlike((page('off.localhost', '/page.shtml'))[1], qr/ran|^cmd/m, 'none where the customer has no CGI');
    return;
}

# Goes on until a file is there.
sub endless { $PERL . '$| = 1; print "on\n"; ' . $_[0] . ' until -e "stop"; print "ended\n";' }

sub cgi_runs {
    unlink $n->root . "/srv/omakase/$all/web/stop";
    script($all, 'spin.cgi', endless('1'));
    script($all, 'sub/wait.cgi', endless('select(undef, undef, undef, 0.02)'));
    script($own, 'wait.cgi', endless('select(undef, undef, undef, 0.02)'));
    my @r = (begin_request('all.localhost', '/spin.cgi'), begin_request('all.localhost', '/sub/wait.cgi'),
        begin_request('own.localhost', '/wait.cgi'));
    my $top = until_json(sub { @{$_[0]} == 3 && $_[0][0]{script} eq '/web/spin.cgi' }, 'top');
    is(@$top, 3, 'P43: what runs') or diag explain $top;
    is("$top->[0]{script} $top->[0]{login} $top->[0]{kind}", "/web/spin.cgi $all cgi", 'who takes most CPU first');
    ok($top->[0]{memory_bytes} > 0 && $top->[0]{processes} == 1 && kill(0, $top->[0]{pid}), 'memory, processes');
    is(join(' ', map {"$_->{login} $_->{script}"} @{until_json(sub { 1 }, 'top', '--login', $own)}), "$own /web/wait.cgi", '--login');
    ok_cgi('one is killed', qr{\Akilled \Q$top->[0]{id}\E  $all:/web/spin\.cgi\n\z}, 'kill', $top->[0]{id});
    unlike(answer_of($r[0]), qr/^ended|\r\n0\r\n/m, 'its visitor does not take that for an end');
    ok_cgi("a customer's", qr{\Akilled \S+  $all:/web/sub/wait\.cgi\n\z}, 'kill', $all);
    ok_cgi('all', qr{\Akilled \S+  $own:/web/wait\.cgi\n\z}, 'kill', '--all');
    is(@{until_json(sub { !@{$_[0]} }, 'top')}, 0, 'nothing is left');
    my ($line) = grep { $_->{script} =~ m{/spin\.cgi\z} } map { decode_json($_) } split /\n/, $n->slurp('var/log/omakase/cgi.log');
    is("$line->{login} $line->{signal}", "$all 9", 'the usage log has its end');
    ok($line->{wall_ms} > 0 && $line->{memory_bytes} > 0, 'and its use');
    return;
}

# Names that customers choose do nothing to the operator's terminal.
sub cgi_names {
    my $name = "w\e[2J\n\xc2\x9b.cgi";
    script($all, $name, endless('select(undef, undef, undef, 0.02)'));
    my $r = begin_request('all.localhost', '/w%1b%5b2J%0a%c2%9b.cgi');
    my $top = until_json(sub { @{$_[0]} == 1 }, 'top');
    is(@$top, 1, 'a script of such a name runs') or return;
    my (undef, $text) = $n->omakase('cgi', 'top');
    like($text, qr{^\d+\.\d+ +$all .* /web/w\?\[2J\?\?\?\.cgi$}m, 'cgi top');
    my (undef, $killed) = $n->omakase('cgi', 'kill', $all);
    like($killed, qr{\Akilled \S+  $all:/web/w\?\[2J\?\?\?\.cgi\n\z}, 'cgi kill');
    answer_of($r);
    ok_cgi('such a name', qr{\A$all:/web/w\?\[2J\?\?\?\.cgi is disabled\n\z}, 'disable', "$all:/web/$name", '--why', 'x');
    is(runs('/w%1b%5b2J%0a%c2%9b.cgi'), '403', 'and disabled it is');
    is((grep { $_->{path} eq "/web/w\e[2J\n\x{9b}.cgi" } @{decode_json(($n->omakase('--json', 'cgi', 'list'))[1])})[0]{login}, $all,
        'JSON has it as it is');
    ok_cgi('enabled', qr/may run again/, 'enable', "$all:/web/$name");
    return;
}

sub cgi_disabled {
    script($all, 'shell.cgi', $PERL . 'print "ran shell";');
    is(runs('/shell.cgi'), '200 ran shell', 'a script');
    my $busy = begin_request('all.localhost', '/sub/wait.cgi');
    is(@{until_json(sub { @{$_[0]} == 1 }, 'top')}, 1, 'and one that goes on');
    ok_cgi('disabled', qr/is disabled\n\z/, 'disable', "$all:/web/shell.cgi", '--why', 'gives a shell to anybody');
    is(runs('/shell.cgi'), '403', 'P44: it runs no more');
    has_logged($all, qr{E23 /web/shell\.cgi: .*gives a shell to anybody}, 'the customer reads why');
    rename $n->root . "/srv/omakase/$all/web/shell.cgi", $n->root . "/srv/omakase/$all/web/other.cgi" or die $!;
    is(runs('/other.cgi'), '403', 'another name');
    script($all, 'shell.cgi', $PERL . 'print "ran again";');
    is(runs('/shell.cgi'), '403', 'another upload');
    ok_cgi('what runs', qr{\Akilled \S+  $all:/web/sub/wait\.cgi\n}, 'disable', "$all:/web/sub/wait.cgi", '--why', 'x');
    unlike(answer_of($busy), qr/^ended/m, 'is ended');
    ok_cgi('enabled', qr/may run again/, 'enable', "$all:/web/shell.cgi");
    is(runs('/shell.cgi'), '200 ran again', 'runs again');
    ok_cgi('enabled', qr/may run again/, 'enable', "$all:/web/sub/wait.cgi");
    return;
}

# An apply, with its start on trial, disturbs nothing that runs.
sub cgi_goes_on {
    my $r = begin_request('all.localhost', '/sub/wait.cgi');
    my ($run) = @{until_json(sub { @{$_[0]} == 1 }, 'top')};
    $n->customers_d("$own.conf", qq(domain "own.localhost" {}\ncgi_options { wall = 100 }\n));
    my ($rc, undef, $said) = $n->omakase('apply');
    is($rc, 0, 'an apply') or diag($said);
    my ($still) = @{until_json(sub { @{$_[0]} == 1 }, 'top')};
    is("$still->{id} $still->{pid}", "$run->{id} $run->{pid}", 'the script runs on, and top sees it');
    is(runs('/shell.cgi'), '200 ran again', 'the new one serves');
    script($all, 'sub/stop', '');
    like(answer_of($r), qr/^on\r?\n.*^ended/ms, 'it ends as it would have');
    is_deeply([grep {/trial/} glob $n->root . '/run/omakase/*'], [], 'nothing of the trial is left');
    return;
}

# Who has the login next begins anew.
sub forgotten {
    ok_cgi('of one who leaves', qr/is disabled/, 'disable', "$gone:/web/a.cgi", '--why', 'x');
    for (['apply'], ['customer', 'remove', $gone], ['apply'], ['customer', 'purge', $gone, '--yes']) {
        my ($rc, undef, $said) = $n->omakase(@$_);
        is($rc, 0, "@$_") or diag($said);
    }
    is(($n->omakase('cgi', 'list', '--login', $gone))[1], '', 'and is purged');
    return;
}

sub ok_cgi {
    my ($name, $says, @args) = @_;
    my ($rc, $out, $said) = $n->omakase('cgi', @args);
    is($rc, 0, $name) or diag($said);
    like($out, $says, "$name: says so");
    return;
}
