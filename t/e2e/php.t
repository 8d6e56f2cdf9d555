#!/usr/bin/perl
# PHP through mod_php_pool, from the product's own conf.d: what scripts get,
# what visitors get, and that neither a graceful restart nor a reload loses one.
use v5.30;
use warnings;
use Digest::MD5 qw(md5_hex);
use JSON::PP qw(decode_json);
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Omakase::Client qw(get request);
use Omakase::Instance;

my $i = Omakase::Instance->new;
plan skip_all => 'mod_php_pool is not in this stage' if !-e $i->layout('modules') . '/mod_php_pool.so';
plan skip_all => 'no php-fpm here' if !defined $i->php->program;

my $tree = $i->site('ab-cdftp', 'example.localhost');
my $tree2 = $i->site('cdftp', 'other.localhost');
my $tree3 = $i->site('nophp', 'static.localhost', php => 0);
$i->site('small', 'small.localhost', php => {SECONDS => 3, SLOW => 1, MEMORY => '16M', CHILDREN => 2});
my ($www, $other, $static) = map {"www.$_.localhost"} qw(example other static);
my @uid = $> == 0 ? (45001, 45002) : ($>) x 2;

# Says in JSON what it was given.
my $DUMP = <<'PHP';
<?php
header('Content-Type: application/json');
header('X-Script: ran');
$body = file_get_contents('php://input');
echo json_encode(['server' => $_SERVER, 'get' => $_GET, 'post' => $_POST, 'uid' => posix_geteuid(),
    'gid' => posix_getegid(), 'groups' => posix_getgroups(), 'umask' => umask(),
    'length' => strlen($body), 'md5' => md5($body),
    'files' => array_map(fn($f) => [$f['name'], $f['size'], $f['error'],
        $f['error'] ? '' : md5_file($f['tmp_name']), dirname($f['tmp_name'])], $_FILES),
    'ini' => array_combine($k = ['memory_limit', 'open_basedir', 'upload_max_filesize', 'display_errors',
        'session.save_path', 'disable_functions', 'sys_temp_dir'], array_map('ini_get', $k))],
    JSON_INVALID_UTF8_SUBSTITUTE);
PHP
put('dump.php', $DUMP);
$i->put('cdftp', 'web/dump.php', $DUMP);
$i->put('nophp', 'web/dump.php', $DUMP);
$i->start;

scripts();
names();
not_scripts();
bodies();
headers();
htaccess();
settings();
limits();
gone();
restarts();
is(join('', $i->httpd->unexpected(
    qr/OMK0214|AH02454|AH01079|AH01071.*(?:PHP message|Access to the script)|AH01075.*|AH01067|AH01630.*\.user\.ini/)), '',
    'nothing unexpected in the error logs');
is(join('', $i->php->unexpected(qr/reached max_children|\[pool small\] child \d+.*(?:terminating|executing too slow|exited on signal 15)/)), '', "nothing in php-fpm's");
done_testing;

sub put { return $i->put('ab-cdftp', "web/$_[0]", @_[1 .. $#_]) }

# The dump that a request got, or {} with a failed test.
sub dump_of {
    my ($r, $name) = @_;
    my $d = eval { decode_json($r->{content}) };
    ok($d, "$name: the script ran") or diag "$r->{status} $r->{content}";
    return $d // {};
}

sub logged { return $i->httpd->tail("$tree/log/error.log", 1000) }

sub scripts {
    my $r = get($i, $www, '/dump.php/x/y%20z?a=1&b=%E3%81%82');
    is($r->{status}, 200, 'P38: .php is PHP');
    my $d = dump_of($r, 'P38: PATH_INFO');
    my %want = (SCRIPT_FILENAME => "$tree/web/dump.php", SCRIPT_NAME => '/dump.php', PATH_INFO => '/x/y z',
        PHP_SELF => '/dump.php/x/y z', DOCUMENT_ROOT => "$tree/web", QUERY_STRING => 'a=1&b=%E3%81%82',
        REQUEST_METHOD => 'GET', SERVER_NAME => $www, REMOTE_ADDR => '127.0.0.1');
    is($d->{server}{$_}, $want{$_}, "$_ is $want{$_}") for sort keys %want;
    is($d->{get}{b}, "\x{3042}", '$_GET');
    is($d->{umask}, 022, 'umask');
    is_deeply([@$d{qw(uid gid)}], [$uid[0], $> == 0 ? $uid[0] : (split ' ', $))[0]], "runs as the customer's user");
    is_deeply($d->{groups}, [$uid[0]], 'in no group of the server') if $> == 0;
    is(dump_of(get($i, $other, '/dump.php'), 'the other site')->{uid}, $uid[1], "the other's as the other's");
    return;
}

# A script's name may be what a file's may.
sub names {
    for my $name ('日本語.php', 'a b+c&d;e,f=g.php', "quo'te\"s.php", 'back\\slash.php', '#hash~.php', 'a|b.php', 'x.y.php') {
        put($name, $DUMP);
        my $url = $name =~ s/([^\w.])/sprintf '%%%02X', ord $1/ger;
        my $d = dump_of(get($i, $www, "/$url"), "a script named $name");
        utf8::encode(my $got = $d->{server}{SCRIPT_FILENAME} // '');
        is($got, "$tree/web/$name", 'and that is the file');
    }
    # php-fpm would open another file than was checked.
    put('q.php', "<?php echo 'another';");
    put($_, $DUMP) for 'q.php?.php', 'q%2Ephp.php';
    is(get($i, $www, $_)->{status}, 404, "$_ is refused") for '/q.php%3F.php', '/q%252Ephp.php';
    return;
}

sub not_scripts {
    put('a.jpg', "<?php echo 'JPEG';");
    put('x.php.jpg', "<?php echo 'JPEG';");
    make('dir.php', 'v1.php/index.html');
    put('v1.php/index.html', "in a directory\n");
    for my $path ('/none.php', '/none.php/x', '/a.jpg/x.php', '/dump.php.bak/x.php') {
        my $r = get($i, $www, $path);
        is($r->{status}, 404, "$path: 404");
        like($r->{content}, qr/<html lang/, "$path: our page");
        unlike($r->{content}, qr/JPEG|No input file|File not found/, "$path: nothing ran, php-fpm was not asked");
    }
    like(get($i, $www, '/x.php.jpg')->{content}, qr/\A<\?php/, 'x.php.jpg is no script');
    is(get($i, $www, '/v1.php')->{headers}{location} =~ s{^http://[^/]*}{}r, '/v1.php/', 'v1.php/ is a directory');
    is(get($i, $www, '/v1.php/index.html')->{content}, "in a directory\n", 'with files');
    is(get($i, $www, '/v1.php/')->{content}, "in a directory\n", 'and an index');
    my $r = get($i, $static, '/dump.php');
    is($r->{status}, 403, 'a site without a pool: refused');
    unlike($r->{content}, qr/json_encode/, 'and the source not shown');
    like($i->httpd->tail("$tree3/log/error.log"), qr/OMK0214: .*dump\.php: this host has no PHPPool/, 'and logged');
    return;
}

sub make { require File::Path; File::Path::make_path("$tree/web/$_[0]"); return }

sub bodies {
    my $head = request($i, 'HEAD', $www, '/dump.php');
    is_deeply([$head->{status}, $head->{content} // '', $head->{headers}{'x-script'}], [200, '', 'ran'], 'HEAD');
    for my $method (qw(PUT DELETE OPTIONS PATCH)) {
        is(dump_of(request($i, $method, $www, '/dump.php', 'x'), $method)->{server}{REQUEST_METHOD}, $method, $method);
    }
    my @form = ('Content-Type' => 'application/x-www-form-urlencoded');
    is(dump_of(request($i, 'POST', $www, '/dump.php?x=1', 'a=b&c=d', @form), 'POST')->{post}{c}, 'd', 'POST');
    my @chunks = ('a=', 'b' x 10, '&c=', 'd' x 200_000);
    my $d = dump_of(request($i, 'POST', $www, '/dump.php', sub { shift @chunks }, @form), 'POST, chunked');
    is(length($d->{post}{c} // ''), 200_000, 'POST, chunked');
    is($d->{server}{CONTENT_LENGTH}, 200_015, 'its length is known');

    my $file = join '', map { pack 'N', $_ * 2654435761 % 2**32 } 1 .. 5_000_000;
    my $body = join "\r\n", '--b', 'Content-Disposition: form-data; name="f"; filename="big.bin"',
        'Content-Type: application/octet-stream', '', $file, '--b--', '';
    my @multipart = ('Content-Type' => 'multipart/form-data; boundary=b');
    my $want = ['big.bin', 20_000_000, 0, md5_hex($file), "$tree/tmp"];
    is_deeply(dump_of(request($i, 'POST', $www, '/dump.php', $body, @multipart), 'upload')->{files}{f}, $want,
        'an upload of 20 MB, by way of the private tmp/');
    my $at = 0;
    my $chunk = sub {
        return if $at >= length $body;
        $at += 60_000;
        return substr $body, $at - 60_000, 60_000;
    };
    is_deeply(dump_of(request($i, 'POST', $www, '/dump.php', $chunk, @multipart), 'upload, chunked')->{files}{f}, $want,
        'the same in chunks');
    return;
}

sub headers {
    my $basic = 'Basic ' . encode_base64('user:secret', '');
    my $d = dump_of(get($i, $www, '/dump.php', Authorization => $basic, Proxy => 'http://evil/', 'X-Own' => 'v',
        'Max-Forwards' => 0), 'headers');
    is($d->{server}{HTTP_X_OWN}, 'v', 'a header');
    is($d->{server}{HTTP_PROXY}, undef, 'Proxy: sets no HTTP_PROXY');
    ok(!grep({/AUTHORIZATION|PHP_AUTH/} keys %{$d->{server}}), 'Authorization is not passed');
    put('auth/.htaccess', "CGIPassAuth On\n");
    put('auth/dump.php', $DUMP);
    my $s = dump_of(get($i, $www, '/auth/dump.php', Authorization => $basic), 'CGIPassAuth')->{server};
    is_deeply([@$s{qw(HTTP_AUTHORIZATION PHP_AUTH_USER PHP_AUTH_PW)}], [$basic, 'user', 'secret'],
        'but with CGIPassAuth');
    put('idiom/.htaccess', "RewriteEngine On\nRewriteRule ^ - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]\n");
    put('idiom/dump.php', $DUMP);
    is(dump_of(get($i, $www, '/idiom/dump.php', Authorization => $basic), 'E=HTTP_AUTHORIZATION')->{server}{PHP_AUTH_USER},
        'user', 'or as applications do it');
    put('env/.htaccess', "SetEnv APP_MODE production\nSetEnvIf Request_URI (dum) APP_KIND=\$1\n");
    put('env/dump.php', $DUMP);
    $s = dump_of(get($i, $www, '/env/dump.php'), 'SetEnv')->{server};
    is_deeply([@$s{qw(APP_MODE APP_KIND)}], ['production', 'dum'], 'variables of .htaccess arrive');
    put('status.php', "<?php http_response_code(418); header('X-A: b'); setcookie('c', 'd'); echo 'tea';");
    my $r = get($i, $www, '/status.php');
    is_deeply([@$r{qw(status content)}, $r->{headers}{'x-a'}, $r->{headers}{'set-cookie'}], [418, 'tea', 'b', 'c=d'],
        "the script's own status, headers and page");
    put('moved.php', "<?php header('Location: /elsewhere.html');");
    is(get($i, $www, '/moved.php')->{status}, 302, 'a redirect');
    return;
}

# What a customer's .htaccess does with PHP.
sub htaccess {
    put('index/index.php', $DUMP);
    put('index/.htaccess', "DirectoryIndex index.php\n");
    my $s = dump_of(get($i, $www, '/index/?q=1'), 'DirectoryIndex index.php')->{server};
    is_deeply([@$s{qw(SCRIPT_NAME SCRIPT_FILENAME QUERY_STRING)}],
        ['/index/index.php', "$tree/web/index/index.php", 'q=1'], 'DirectoryIndex index.php');
    is(dump_of(request($i, 'POST', $www, '/index/', 'abc'), 'POST to the index')->{length}, 3, 'POST to the index');

    put('err/.htaccess', "ErrorDocument 404 /err/e.php\n");
    put('err/e.php', $DUMP);
    my $r = get($i, $www, '/err/none.html?q=1');
    is($r->{status}, 404, 'ErrorDocument: its status stays');
    $s = dump_of($r, 'ErrorDocument')->{server};
    is_deeply([@$s{qw(REDIRECT_STATUS REDIRECT_URL REDIRECT_QUERY_STRING SCRIPT_NAME REQUEST_URI)}],
        [404, '/err/none.html', 'q=1', '/err/e.php', '/err/none.html?q=1'], 'ErrorDocument: REDIRECT_*');
    is(dump_of(get($i, $www, '/err/none.php'), 'ErrorDocument for a script')->{server}{REDIRECT_STATUS}, 404,
        'ErrorDocument for a script that is not there');

    put('ssi.shtml', 'before <!--#include virtual="/part.php?p=1" --> after');
    put('part.php', '<?php echo "[", $_SERVER["QUERY_STRING"], $_SERVER["SCRIPT_NAME"], "]";');
    is(get($i, $www, '/ssi.shtml')->{content}, 'before [p=1/part.php] after', 'P11: SSI includes a script');

    put('wp/.htaccess', <<'EOT');
RewriteEngine On
RewriteBase /wp/
RewriteRule ^index\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /wp/index.php [L]
EOT
    put('wp/index.php', $DUMP);
    $s = dump_of(get($i, $www, '/wp/2026/%E3%81%82/?x=1'), 'front controller')->{server};
    is_deeply([@$s{qw(SCRIPT_NAME SCRIPT_FILENAME REQUEST_URI REDIRECT_URL PATH_INFO)}],
        ['/wp/index.php', "$tree/web/wp/index.php", '/wp/2026/%E3%81%82/?x=1', "/wp/2026/\x{3042}/", undef],
        'a front controller');
    is(dump_of(request($i, 'POST', $www, '/wp/a', 'abc'), 'POST to it')->{length}, 3, 'POST to it');

    put('pi/.htaccess', "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^(.*)\$ index.php/\$1 [L]\n");
    put('pi/index.php', $DUMP);
    $s = dump_of(get($i, $www, '/pi/a/b'), 'front controller by PATH_INFO')->{server};
    is_deeply([@$s{qw(SCRIPT_NAME SCRIPT_FILENAME PATH_INFO PHP_SELF)}],
        ['/pi/index.php', "$tree/web/pi/index.php", '/a/b', '/pi/index.php/a/b'], 'PATH_INFO after a rewrite');

    put('add/.htaccess', "AddHandler omakase-php .html\n");
    put("add/$_", $DUMP) for 'page.html', 'page.jpg';
    dump_of(get($i, $www, '/add/page.html'), 'AddHandler omakase-php .html');
    put('set/.htaccess', "SetHandler omakase-php\nDirectoryIndex page.html\n");
    put('set/page.html', $DUMP);
    dump_of(get($i, $www, '/set/page.html'), 'SetHandler omakase-php');
    dump_of(get($i, $www, '/set/'), 'and its index');
    put('set/page.jpg', $DUMP);
    is(get($i, $www, '/set/page.jpg')->{status}, 403, 'an image is no script even so');
    put('h/.htaccess', "RewriteEngine On\nRewriteRule \\.htm\$ - [H=omakase-php]\n");
    put('h/page.htm', $DUMP);
    dump_of(get($i, $www, '/h/page.htm'), '[H=omakase-php]');
    put('off/.htaccess', "<Files plain.php>\nSetHandler none\nForceType text/plain\n</Files>\nAcceptPathInfo Off\n");
    put("off/$_", $DUMP) for 'plain.php', 'x.php';
    like(get($i, $www, '/off/plain.php')->{content}, qr/\A<\?php/, 'SetHandler none: the text, by its owner');
    is(get($i, $www, '/off/x.php/y')->{status}, 404, 'AcceptPathInfo Off');
    return;
}

sub settings {
    my $ini = dump_of(get($i, $www, '/dump.php'), 'settings')->{ini};
    my %want = (memory_limit => '128M', open_basedir => "$tree/web/:$tree/tmp/", upload_max_filesize => '64M',
        'session.save_path' => "$tree/tmp", sys_temp_dir => "$tree/tmp", disable_functions => '');
    is($ini->{$_}, $want{$_}, "$_ = $want{$_}") for sort keys %want;
    put('ini/.user.ini', "memory_limit = 2G\nopen_basedir = /\nsession.save_path = /tmp\nupload_max_filesize = 5M\ndisplay_errors = 1\n");
    put('ini/dump.php', $DUMP);
    $ini = dump_of(get($i, $www, '/ini/dump.php'), '.user.ini')->{ini};
    is($ini->{$_}, $want{$_}, ".user.ini does not lift $_") for qw(memory_limit open_basedir session.save_path);
    is_deeply([@$ini{qw(upload_max_filesize display_errors)}], ['5M', '1'], 'and changes what is its own');
    is(get($i, $www, '/ini/.user.ini')->{status}, 403, '.user.ini is not sent');

    put('files.php', <<'PHP');
<?php
session_start();
$_SESSION['n'] = 1 + ($_SESSION['n'] ?? 0);
$new = tempnam('', 'own');
file_put_contents(__DIR__ . '/made.txt', "made\n");
error_log('a word for the owner');
echo json_encode([session_id(), $_SESSION['n'], dirname($new), function_exists('opcache_get_status') && @opcache_get_status(),
    function_exists('dl') && @dl('x.so')]);
PHP
    my $r = get($i, $www, '/files.php');
    my $d = dump_of($r, 'files');
    is_deeply([@$d[1 .. 4]], [1, "$tree/tmp", JSON::PP::false, JSON::PP::false], 'session, temporary file; no opcache API, no dl');
    ok(-e "$tree/tmp/sess_$d->[0]", 'the session is in the private tmp/');
    my @st = stat "$tree/web/made.txt";
    is_deeply([$st[4], $st[2] & 07777], [$uid[0], 0644], "a file that a script makes is the customer's, and readable");
    is(get($i, $www, '/made.txt')->{content}, "made\n", 'and served');
    like(logged(), qr/a word for the owner/, "error_log() goes to the site's error log");
    put('broken.php', "<?php no_such_function();");
    is(get($i, $www, '/broken.php')->{status}, 500, 'a script that dies: 500');
    like(logged(), qr/no_such_function/, 'and why, in the error log');
    return;
}

# A script that takes too much ends alone.
sub limits {
    $i->put('small', 'web/mem.php', '<?php str_repeat("x", 20_000_000); echo "had it";');
    $i->put('small', 'web/time.php', '<?php sleep(20); echo "had it";');
    $i->put('small', 'web/cpu.php', '<?php set_time_limit(0); while (true);');
    $i->put('small', 'web/ok.php', '<?php echo "fine";');
    for (['mem.php', 500], ['time.php', 503], ['cpu.php', 503]) {
        my ($script, $status) = @$_;
        my $r = get($i, 'www.small.localhost', "/$script");
        is($r->{status}, $status, "P43: $script is ended: $status");
        like($r->{content}, qr/<html lang="ja">/, 'with our page') if $status == 503;
        is(get($i, 'www.small.localhost', '/ok.php')->{content}, 'fine', 'and the next one runs');
    }
    like($i->php->log_text, qr/\[pool small\] child \d+, script '\S+time\.php' .* execution timed out .* terminating/,
        'php-fpm says so to the operator');
    my $log = $i->httpd->tail("$i->{root}/srv/small/log/php-slow.log", 1000);
    SKIP: {
        skip 'php-fpm may not look into processes here', 1 if $i->php->log_text =~ /failed to ptrace/;
        like($log, qr/^script_filename = \S+time\.php\n\S+ sleep\(\) \S+time\.php:1/m, "and where it hung is in /log/php-slow.log");
    }
    return;
}

sub gone {
    put('sleep.php', '<?php sleep((int) $_GET["s"]); echo "slept";');
    my $r = get($i, $other, '/dump.php');
    my ($socket) = $i->php->socket_of('ab-cdftp');
    rename $socket, "$socket.away" or die "$socket: $!";
    $r = get($i, $www, '/dump.php');
    is($r->{status}, 503, 'no socket: 503');
    like($r->{content}, qr/<html lang="ja">/, 'with our page');
    is(get($i, $other, '/dump.php')->{status}, 200, "the neighbour's runs");
    rename "$socket.away", $socket or die "$socket: $!";
    is(get($i, $www, '/dump.php')->{status}, 200, 'back at once when it is there again');
    my $slow = Omakase::Instance->new(stage => $i->{stage}, conf => "ProxyTimeout 1\n");
    $slow->site('ab-cdftp', 'example.localhost');
    $slow->put('ab-cdftp', 'web/sleep.php', '<?php sleep(4); echo "slept";');
    $slow->start;
    $r = get($slow, $www, '/sleep.php');
    is($r->{status}, 504, 'nothing for ProxyTimeout: 504');
    like($r->{content}, qr/<html lang="ja">/, 'with our page');
    $slow->stop;
    return;
}

# A script of ten seconds, and clients all the time, over restarts of both.
sub restarts {
    $i->put('cdftp', 'web/sleep10.php',
        '<?php touch(__DIR__ . "/began"); sleep(10); echo "slept";');
    for (['a graceful restart of httpd', sub { $i->httpd->graceful }], ['a reload of php-fpm', sub { $i->php->reload }]) {
        my ($what, $restart) = @$_;
        my $pid = $i->php->pid;
        my $long = in_background(sub { my $r = get($i, $other, '/sleep10.php'); "$r->{status} $r->{content}" });
        my $began = time;
        my @clients = map {
            in_background(sub {
                my ($good, $bad) = (0, '');
                while (time - $began < 12) {
                    my $r = get($i, $www, '/part.php', Connection => 'close');
                    $r->{status} == 200 ? $good++ : ($bad .= "$r->{status} $r->{content}; ");
                }
                return $good ? "good, bad: $bad" : 'none';
            })
        } 1 .. 2;
        $i->php->poll('the long one runs', 10, sub { -e "$tree2/web/began" }) or fail("$what: the long one runs");
        unlink "$tree2/web/began";
        ok($restart->(), $what);
        is(result($long), '200 slept', "$what: the neighbour's ten seconds survive");
        is(result($_), 'good, bad: ', "$what: no request is lost") for @clients;
        is($i->php->pid, $pid, "$what: php-fpm's pid stays");
    }
    return;
}

sub in_background {
    my ($code) = @_;
    pipe my $r, my $w or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        close $r;
        syswrite $w, $code->();
        POSIX::_exit(0);
    }
    return [$pid, $r];
}

sub result {
    my ($pid, $r) = @{$_[0]};
    my $text = do { local $/; <$r> };
    waitpid $pid, 0;
    return $text;
}
