#!/usr/bin/perl
# A module of ours, loaded into an Apache as Debian sets it up and given no
# directive, changes no byte of any answer: each by itself, and all together,
# against the same Apache without them. The modules are where `make install`
# with a DESTDIR has put them.
use v5.30;
use warnings;
use File::Find qw(find);
use File::Path qw(make_path);
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Omakase::Daemon;
use Omakase::Instance;

my $i = Omakase::Instance->new; # for the stage's layout and a place; not started
my ($dir, $stage) = ($i->root, $i->layout('modules'));
my @names = map { m{/mod_([^/]*)\.so\z} } sort glob "$stage/mod_*.so";
ok(scalar @names, "the stage has modules: @names");
is(join(' ', sort map { s{.*/}{}r } glob "$stage/* $stage/.??*"), join(' ', map {"mod_$_.so"} @names),
    'nothing else is installed among the modules');
for (@names) {
    is(qx(nm -D --defined-only $stage/mod_$_.so) =~ s/^\S+ \S+ //rm, "${_}_module\n",
        "mod_$_ exports one symbol");
}

# What Debian's apache2 has enabled when it is installed, and what many switch
# on: CGI, SSI, mod_rewrite, mod_headers.
my @debian = qw(access_compat alias auth_basic authn_core authn_file authz_core authz_host authz_user
    autoindex deflate dir env filter mime mpm_event negotiation reqtimeout setenvif status
    cgid include rewrite headers);
my $www = "$dir/www";
documents();
my $port = Omakase::Daemon::free_port();
my @requests = requests();
cmp_ok(scalar @requests, '>=', 40, scalar(@requests) . ' requests');

my $plain = answers();
is_deeply(answers(), $plain, 'the same Apache twice: the same answers');
my %status;
$status{/\AHTTP\S+ (\d+)/ ? $1 : 'none'}++ for @$plain;
ok($status{$_}, "some are $_") or diag(explain(\%status)) for qw(200 204 206 301 304 400 401 403 404 405 406 412 413 416 500);
ok(!$status{none}, 'each is answered') or diag(explain([grep { !/\AHTTP/ } @$plain]));
is_deeply([map { $plain->[$_] =~ /\A\S+ (\d+)/ } grep { $requests[$_] =~ m{^GET /cgi-bin/Count} } 0 .. $#requests],
    [404, 404], 'Count.cgi is not there');
for my $set ((map { [$_] } @names), @names > 1 ? [@names] : ()) {
    my $got = answers(@$set);
    for my $n (0 .. $#requests) {
        is($got->[$n], $plain->[$n], "with @$set: " . ($requests[$n] =~ /\A(\V*)/)[0]);
    }
}
done_testing;

sub documents {
    my %file = (
        'index.html' => "<p>index</p>\n", 'a.html' => "<p>a</p>\n" x 40, 'a.txt' => "text\n",
        'default.html' => "<p>default</p>\n", 'page.shtml' =>
            qq{<!--#echo var="DOCUMENT_URI" -->|<!--#include virtual="/part.html" -->|<!--#include virtual="/dir/" -->\n},
        'part.html' => "part\n", 'dir/index.html' => "<p>dir</p>\n", 'empty/x.txt' => "x\n",
        'lists/.htaccess' => "Options +Indexes\n", 'lists/one.txt' => "1\n", 'lists/two.html' => "2\n",
        'manual/default.html' => "<p>sixth</p>\n", 'manual/home.html' => "<p>home</p>\n", 'htm/index.htm' => "htm\n",
        'own/.htaccess' => "DirectoryIndex home.html index.html\n", 'own/home.html' => "own\n",
        'fall/.htaccess' => "FallbackResource /fall/front.html\n", 'fall/front.html' => "front\n",
        'disabled/.htaccess' => "DirectoryIndex disabled\n", 'disabled/index.html' => "x\n",
        'noslash/.htaccess' => "DirectorySlash Off\n", 'noslash/index.html' => "x\n",
        'broken/.htaccess' => "NoSuch directive\n", 'broken/index.html' => "x\n",
        'closed/.htaccess' => "Require all denied\n", 'closed/index.html' => "x\n",
        'auth/.htaccess' => "AuthType Basic\nAuthName x\nAuthUserFile $dir/passwd\nRequire valid-user\n",
        'auth/index.html' => "auth\n", 'err/.htaccess' => "ErrorDocument 404 /part.html\n",
        'rw/.htaccess' => "RewriteEngine On\nRewriteRule ^x\$ /a.html [L]\nRewriteRule ^gone\$ - [G]\n"
            . "RewriteRule ^moved\$ /a.html [R=302,L]\nRewriteRule ^204\$ - [R=204]\n",
        'multi/.htaccess' => "Options +MultiViews\n", 'multi/m.html.en' => "en\n", 'multi/m.html.ja' => "ja\n",
        'multi/index.html.en' => "index en\n", 'multi/index.html.ja' => "index ja\n",
        '.htpasswd' => "secret\n", 'counters/Count.cgi' => "not a program here\n",
    );
    for my $name (sort keys %file) {
        put("$www/$name", $file{$name});
    }
    # What is new has a weak ETag.
    find(sub { utime 1_500_000_000, 1_500_000_000, $_ }, $www);
    put("$dir/passwd", "u:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=\n"); # 123456
    make_path("$dir/cgi");
    put("$dir/cgi/env", <<'END');
#!/bin/sh
printf 'Content-Type: text/plain\n\n%s' "$REQUEST_METHOD $QUERY_STRING $SCRIPT_NAME $PATH_INFO $(cat)"
END
    put("$dir/cgi/status", "#!/bin/sh\nprintf 'Status: 418 Tea\\nX-Own: 1\\n\\nstout\\n'\n");
    put("$dir/cgi/bad", "#!/bin/sh\necho no header\n");
    chmod 0755, glob "$dir/cgi/*";
    return;
}

sub put {
    my ($file, $text) = @_;
    make_path($file =~ s{/[^/]*\z}{}r);
    open my $fh, '>', $file or die "$file: $!";
    print {$fh} $text;
    close $fh;
    utime 1_500_000_000, 1_500_000_000, $file;
    return;
}

sub configuration {
    my (@ours) = @_;
    my $httpd_modules = $i->layout('httpd_modules');
    my $user = $> ? '' : "User www-data\nGroup www-data\n";
    return join("\n", map {"LoadModule ${_}_module $httpd_modules/mod_$_.so"} @debian) . "\n"
        . join("\n", map {"LoadModule ${_}_module $stage/mod_$_.so"} @ours) . "\n" . $user . <<"END";
ServerRoot $dir
DefaultRuntimeDir $dir/run
PidFile $dir/run/stock.pid
ErrorLog $dir/log/stock.log
Listen 127.0.0.1:$port
ServerName stock.localhost
ServerTokens Full
TypesConfig /etc/mime.types
AddLanguage en .en
AddLanguage ja .ja
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
AddOutputFilterByType DEFLATE text/html text/plain
LimitRequestBody 100000
DirectoryIndex index.html index.cgi index.pl index.php index.xhtml index.htm
AccessFileName .htaccess
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all denied
</Directory>
<Directory $dir/cgi>
    Require all granted
</Directory>
<FilesMatch "^\\.ht">
    Require all denied
</FilesMatch>
DocumentRoot $www
<Directory $www>
    Options FollowSymLinks IncludesNOEXEC
    AllowOverride All
    Require all granted
</Directory>
ScriptAlias /cgi-bin/ $dir/cgi/
<Location /server-info>
    SetHandler no-such-handler
</Location>
<VirtualHost *:*>
    ServerName stock.localhost
</VirtualHost>
<VirtualHost *:*>
    ServerName second.localhost
    DocumentRoot $www/dir
</VirtualHost>
END
}

# Raw requests, without the Connection header that ask() adds.
sub requests {
    my @list = map {"GET $_ HTTP/1.1\r\nHost: stock.localhost\r\n"} qw(/ /?a=b /index.html /a.html /a.txt /nosuch
        /dir /dir/ /dir?q /dir/? /dir/index.html/ /dir/index.html/path /dir//index.html //dir/ /dir/../a.txt
        /empty /empty/ /lists /lists/ /lists/?C=N;O=D /manual/ /manual/home.html /htm/ /own /own/ /fall/
        /fall/nosuch /fall/no/such /disabled/ /noslash /noslash/ /broken/ /closed/ /closed /auth/ /err/nosuch
        /page.shtml /page.shtml/x /part.html /rw/x /rw/gone /rw/moved /rw/204 /multi/m /multi/m.html /multi/
        /.htpasswd /.htaccess /%2e%2e/etc/passwd /a%00b /%zz /a%2fb /DIR/ /server-info
        /cgi-bin/ /cgi-bin /cgi-bin/env?x=1 /cgi-bin/env/p/q /cgi-bin/status /cgi-bin/bad
        /cgi-bin/Count.cgi /cgi-bin/Count.cgi?df=stock.localhost|md=5 /counters/Count.cgi);
    my @on = map {"$_\r\nHost: stock.localhost\r\n"} ('HEAD / HTTP/1.1', 'HEAD /dir/ HTTP/1.1', 'HEAD /nosuch HTTP/1.1',
        'HEAD /empty/ HTTP/1.1', 'HEAD /page.shtml HTTP/1.1', 'OPTIONS / HTTP/1.1', 'OPTIONS /dir/ HTTP/1.1',
        'OPTIONS * HTTP/1.1', 'TRACE / HTTP/1.1', 'DELETE /a.txt HTTP/1.1', 'NOSUCH / HTTP/1.1',
        'PUT /a.txt HTTP/1.1', 'PROPFIND /dir/ HTTP/1.1', 'GET nothing HTTP/1.1', 'GET / HTTP/9.9', 'get / HTTP/1.1');
    my $get = sub { "GET $_[0] HTTP/1.1\r\nHost: stock.localhost\r\n" . join '', map {"$_\r\n"} @_[1 .. $#_] };
    push @on, $get->('/a.html', 'Range: bytes=0-9'), $get->('/a.html', 'Range: bytes=5-6,-3'),
        $get->('/a.html', 'Range: bytes=90000-'), $get->('/dir/', 'Range: bytes=0-2'),
        $get->('/', 'If-Modified-Since: Fri, 14 Jul 2017 02:40:00 GMT'),
        $get->('/', 'If-Modified-Since: Fri, 14 Jul 2006 02:40:00 GMT'), $get->('/', 'If-None-Match: *'),
        $get->('/', 'If-Match: "x"'), $get->('/dir/', 'If-Unmodified-Since: Fri, 14 Jul 2006 02:40:00 GMT'),
        $get->('/a.html', 'Accept-Encoding: gzip'), $get->('/dir/', 'Accept-Encoding: gzip'),
        $get->('/multi/m', 'Accept-Language: ja'), $get->('/multi/m', 'Accept: image/gif'),
        $get->('/multi/', 'Accept-Language: ja;q=0.5, en'), $get->('/auth/', 'Authorization: Basic dToxMjM0NTY='),
        $get->('/auth', 'Authorization: Basic dTp3cm9uZw=='), $get->('/', 'Expect: 100-continue'),
        $get->('/', 'X: ' . 'y' x 9000);
    push @on, "GET / HTTP/1.1\r\nHost: second.localhost\r\n", "GET /nosuch HTTP/1.1\r\nHost: SECOND.localhost:80\r\n",
        "GET / HTTP/1.1\r\n", "GET / HTTP/1.0\r\n", "GET /dir HTTP/1.0\r\n";
    my $post = sub {
        my ($path, $body, $length) = @_;
        return "POST $path HTTP/1.1\r\nHost: stock.localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            . 'Content-Length: ' . ($length // length $body) . "\r\n", $body;
    };
    # With a body, which stands behind the last header.
    push @on, map { join "\0", $post->(@$_) } ['/', 'a=b'], ['/dir/', 'a=b'], ['/dir', 'a=b'], ['/nosuch', 'a=b'],
        ['/cgi-bin/env', 'a=b'], ['/empty/', 'a=b'], ['/page.shtml', 'a=b'], ['/a.html', '', 200_000], ['/', '', 'x'];
    push @on, "POST /cgi-bin/env HTTP/1.1\r\nHost: stock.localhost\r\nTransfer-Encoding: chunked\r\n\0003\r\na=b\r\n0\r\n\r\n";
    return @list, @on;
}

# Every request's answer, whole but for Date and for what one httpd alone does
# not repeat: the boundary of byte ranges, the order of Allow's methods (out of
# a hash with a random seed), whether a script's output is chunked (timing).
sub answers {
    my (@ours) = @_;
    put("$dir/stock.conf", configuration(@ours));
    unlink "$dir/log/stock.log";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        POSIX::setsid(); # its stop signals the whole process group
        open STDOUT, '>', "$dir/log/stock.out";
        open STDERR, '>&', \*STDOUT;
        exec $i->layout('httpd'), '-DFOREGROUND', '-f', "$dir/stock.conf" or POSIX::_exit(127);
    }
    my $up = $i->httpd->poll('stock', 20, sub {
        waitpid($pid, POSIX::WNOHANG) and die "httpd ended:\n" . slurp("$dir/log/stock.out") . slurp("$dir/log/stock.log");
        return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
    });
    my @got = $up ? map { ask($_) } @requests : ();
    kill 'TERM', $pid;
    waitpid $pid, 0;
    $up or die "httpd did not start\n";
    my @crashes = grep {/AH0005[0-2]|exit signal/} split /\n/, slurp("$dir/log/stock.log");
    is("@crashes", '', "no child ended by itself with: @ours");
    return \@got;
}

sub ask {
    my ($head, $body) = split /\0/, $_[0], 2;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "connect: $!";
    syswrite $s, "${head}Connection: close\r\n\r\n" . ($body // '');
    my $answer = do { local $/; <$s> } // '';
    $answer =~ s/^Date: .*\r\n//m;
    $answer =~ s{^Allow: (\V*)}{'Allow: ' . join ',', sort split /,\s*/, $1}em;
    if ($answer =~ /^Content-Type: .*boundary=(\w+)/m) { # of 13 to 16 digits
        $answer =~ s/\Q$1\E/boundary/g;
        $answer =~ s/^Content-Length: .*\r\n//m;
    }
    return $answer if $head !~ m{\A\S+ /cgi-bin/(?:env|status)};
    $answer =~ s/^Content-Length: .*\r\n//m;
    $answer =~ s/\r\n\r\n[0-9a-f]+\r\n(.*)\r\n0\r\n\r\n\z/\r\n\r\n$1/s
        if $answer =~ s/^Transfer-Encoding: chunked\r\n//m;
    return $answer;
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<', $file or return '';
    local $/;
    return <$fh> // '';
}
