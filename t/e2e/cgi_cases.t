#!/usr/bin/perl
# Scripts amid what else httpd has: redirects that go round, error documents and
# index files that are scripts, passwords, filters that compress, ranges, bodies
# that are announced, names of all kinds.
use v5.30;
use warnings;
use Test::More;
use Omakase::Cgi qw(mpms pid_alive until_true);

Omakase::Cgi->needs;
my $TEXT = "#!/bin/sh\necho 'Content-Type: text/plain'; echo;";
for my $mpm (mpms()) {
    subtest $mpm => sub { all($mpm) };
}
done_testing;

sub all {
    my ($mpm) = @_;
    my $w = Omakase::Cgi->new(mpm => $mpm, customers => 1,
        modules => [qw(authn_core authn_file authz_user auth_basic deflate filter)], limits => 'cpu=30 wall=30 output=1M');
    $w->script('env.cgi', "$TEXT env\n");
    $w->script('hello.cgi', "$TEXT echo hello\n");
    $w->start;
    redirects($w);
    error_documents($w);
    indexes($w);
    passwords($w);
    filters($w);
    bodies($w);
    names($w);
    is_deeply([$w->httpd->unexpected], [], 'the server\'s own log has nothing unexpected');
    return;
}

# How often a script has run, by the bytes that it has left.
sub runs { my ($w, $name) = @_; return -s $w->web . "/$name.runs" // 0 }

sub counting { return "#!/bin/sh\nprintf x >>\"\$(basename \"\$0\" .cgi).runs\"\n$_[0]\n" }

sub env_of {
    my ($w, $path, @h) = @_;
    return {map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } split /\n/, $w->get($path, @h)->{content}};
}

sub redirects {
    my ($w) = @_;
    $w->script('loop.cgi', counting("echo 'Location: /loop.cgi'; echo"));
    is($w->get('/loop.cgi')->{status}, 500, 'a script that redirects to itself');
    cmp_ok(runs($w, 'loop'), '<=', 11, '... runs a few times at most');
    cmp_ok(runs($w, 'loop'), '>=', 2, '... but is followed');
    $w->script('away.cgi', "#!/bin/sh\necho 'Location: /env.cgi'; echo\n");
    my $e = env_of($w, '/away.cgi?secret=1');
    is("$e->{SCRIPT_NAME} $e->{REDIRECT_URL} $e->{REDIRECT_QUERY_STRING}", '/env.cgi /away.cgi secret=1', 'where it came from');
    is($e->{QUERY_STRING}, '', '... whose query is not its own');
    # The body of the first request is not taken for the next one.
    my $s = $w->connect_raw("POST /away.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nContent-Length: 30\r\n\r\n"
        . "GET /hello.cgi HTTP/1.1\r\nX: y\n" . "GET /hello.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nConnection: close\r\n\r\n");
    my $answers = $w->slurp_raw($s);
    is(scalar(() = $answers =~ m{^HTTP/1\.1 }mg), 2, 'a body that nobody read is no request') or diag($answers);
    return;
}

sub error_documents {
    my ($w) = @_;
    $w->page('ed/.htaccess', "ErrorDocument 404 /ed/404.cgi\nErrorDocument 500 /ed/500.cgi\n");
    $w->script('ed/404.cgi', "$TEXT echo \"status \$REDIRECT_STATUS of \$REDIRECT_URL\"\n");
    my $r = $w->get('/ed/none');
    is("$r->{status} $r->{content}", "404 status 404 of /ed/none\n", 'an error document that is a script');
    # It fails as well, behind its header.
    $w->script('ed/404.cgi', counting("echo 'Content-Type: text/plain'; echo 'X-Half: 1'; echo; kill -9 \$\$"));
    $w->script('ed/500.cgi', counting("echo 'Content-Type: text/plain'; echo; kill -9 \$\$"));
    $r = $w->get('/ed/none');
    is($r->{status}, 404, '... and fails: the first error is the answer') or diag($r->{content});
    is($r->{headers}{'x-half'}, undef, '... with nothing of its header');
    is(runs($w, 'ed/404'), 1, '... and it ran once');
    is(runs($w, 'ed/500'), 0, '... without another error document');
    $w->script('ed/bad.cgi', "#!/bin/sh\nexit 1\n");
    is($w->get('/ed/bad.cgi')->{status}, 500, 'a script whose error document fails');
    is(runs($w, 'ed/500'), 1, '... is told once');
    return;
}

sub indexes {
    my ($w) = @_;
    $w->page('dir/.htaccess', "DirectoryIndex index.cgi\n");
    $w->script('dir/index.cgi', "$TEXT env\n");
    my $e = env_of($w, '/dir/?a=b');
    is("$e->{SCRIPT_NAME} $e->{REQUEST_URI} $e->{QUERY_STRING}", '/dir/index.cgi /dir/?a=b a=b', 'a script as index file');
    is($e->{SCRIPT_FILENAME}, $w->web . '/dir/index.cgi', '... by its own name');
    # A directory with a script's name.
    $w->page('x.cgi/.htaccess', "DirectoryIndex index.html\n");
    $w->page('x.cgi/index.html', "index\n");
    $w->page('x.cgi/a.txt', "text\n");
    $w->script('x.cgi/b.cgi', "$TEXT echo below\n");
    is($w->get('/x.cgi/')->{content}, "index\n", 'a directory that is called x.cgi: its index');
    is($w->get('/x.cgi/a.txt')->{content}, "text\n", '... its files');
    is($w->get('/x.cgi/b.cgi')->{content}, "below\n", '... its scripts');
    my $r = $w->get('/x.cgi');
    is("$r->{status} $r->{headers}{location}", '301 http://' . $w->host . ':' . $w->httpd->port . '/x.cgi/', '... without its slash');
    return;
}

sub passwords {
    my ($w) = @_;
    # "secret", as {SHA}
    my $users = $w->page('users', "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    my $rule = "AuthType Basic\nAuthName x\nAuthUserFile $users\nRequire valid-user\n";
    $w->page('auth/.htaccess', $rule);
    $w->page('pass/.htaccess', "${rule}CGIPassAuth On\n");
    $w->script("$_/env.cgi", "$TEXT env\n") for qw(auth pass);
    is($w->get('/auth/env.cgi')->{status}, 401, 'without a password a script does not run');
    my @ann = (Authorization => 'Basic YW5uOnNlY3JldA==');
    my $e = env_of($w, '/auth/env.cgi', @ann);
    is(($e->{REMOTE_USER} // '') . ' ' . ($e->{AUTH_TYPE} // ''), 'ann Basic', 'with one it is told who it is');
    is($e->{HTTP_AUTHORIZATION}, undef, '... and not the password');
    is(env_of($w, '/pass/env.cgi', @ann)->{HTTP_AUTHORIZATION}, $ann[1], 'unless by CGIPassAuth');
    return;
}

sub filters {
    my ($w) = @_;
    $w->page('gz/.htaccess', "SetOutputFilter DEFLATE\n");
    $w->script('gz/page.cgi', "$TEXT head -c 50000 /dev/zero\n");
    $w->script('gz/much.cgi', "$TEXT head -c 3000000 /dev/zero\n");
    my $head = "HTTP/1.1\r\nHost: " . $w->host . "\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    my $whole = $w->slurp_raw($w->connect_raw("GET /gz/page.cgi $head"));
    like($whole, qr/^Content-Encoding: gzip\r$/m, 'compressed on its way');
    cmp_ok(length $whole, '<', 5000, '... it is small');
    my $cut = $w->slurp_raw($w->connect_raw("GET /gz/much.cgi $head"));
    ok($cut !~ /\A\S+ 200/ || $cut !~ /\r\n0\r\n\r\n\z/, 'more output than allowed, compressed: does not look whole');
    my $r = $w->get('/hello.cgi', Range => 'bytes=1-3');
    ok($r->{status} == 206 ? $r->{content} eq 'ell' : $r->{content} eq "hello\n", 'a range is that or the whole') or diag($r->{content});
    $w->script('old.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo 'Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT'; echo; echo body\n");
    $r = $w->get('/old.cgi', 'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT');
    is($r->{status} . ($r->{content} // ''), 304, 'If-Modified-Since');
    for my $status (204, 304) {
        $w->script('none.cgi', "#!/bin/sh\necho 'Status: $status x'; echo 'Content-Type: text/plain'; echo; echo body\n");
        my $s = $w->connect_raw("GET /none.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\n\r\n"
            . "GET /hello.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nConnection: close\r\n\r\n");
        my $text = $w->slurp_raw($s);
        like($text, qr{\AHTTP/1\.1 $status .*?\r\n\r\nHTTP/1\.1 200 }s, "$status has no body");
        unlike($text, qr/^body/m, '... whatever the script says');
    }
    return;
}

sub bodies {
    my ($w) = @_;
    $w->script('body.cgi', "$TEXT cat\n");
    my $head = "POST /body.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nConnection: close\r\n";
    my $s = $w->connect_raw("${head}Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    my $seen = '';
    local $SIG{ALRM} = sub { die "silence\n" };
    alarm 20;
    eval { until ($seen =~ m{\AHTTP/1\.1 100 .*\r\n\r\n}s) { sysread $s, $seen, 4096, length $seen or die "end\n" } 1 } or diag("$@$seen");
    alarm 0;
    like($seen, qr{\AHTTP/1\.1 100 }, 'Expect: 100-continue is answered');
    $w->script('noexec.cgi', "$TEXT cat\n", mode => 0644);
    my $refused = $w->slurp_raw($w->connect_raw("POST /noexec.cgi HTTP/1.1\r\nHost: " . $w->host
        . "\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"));
    like($refused, qr{\AHTTP/1\.1 403 }, '... but not for a script that is refused');
    print {$s} 'body';
    like($w->slurp_raw($s), qr/body/, '... and the body arrives');
    like($w->slurp_raw($w->connect_raw("${head}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Trailer: evil\r\n\r\n")),
        qr/\r\nbody\s*\z|\r\nbody\r\n0\r\n/, 'chunks with a trailer');
    my $e = $w->slurp_raw($w->connect_raw("POST /env.cgi HTTP/1.1\r\nHost: " . $w->host . "\r\nConnection: close\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Trailer: evil\r\n\r\n"));
    unlike($e, qr/HTTP_X_TRAILER/, '... which is no header');
    like($w->slurp_raw($w->connect_raw("${head}Content-Length: 4, 5\r\n\r\nbody")), qr{\AHTTP/1\.1 400 }, 'two lengths');
    like($w->slurp_raw($w->connect_raw("${head}Content-Length: -1\r\n\r\nbody")), qr{\AHTTP/1\.1 4\d\d }, 'less than nothing');
    like($w->slurp_raw($w->connect_raw("${head}Transfer-Encoding: chunked, identity\r\n\r\nbody")), qr{\AHTTP/1\.1 (?:400|501) },
        'an encoding that is none');
    return;
}

sub names {
    my ($w) = @_;
    my $e = env_of($w, '/env.cgi/');
    is("$e->{SCRIPT_NAME} $e->{PATH_INFO} $e->{PATH_TRANSLATED}", '/env.cgi / ' . $w->web . '/', 'a slash behind it');
    $e = env_of($w, '/env.cgi');
    ok(!defined $e->{PATH_INFO} && !defined $e->{PATH_TRANSLATED}, 'nothing behind it');
    $w->script('a b/c&d.cgi', "$TEXT echo \"\$0\"; pwd; env\n");
    my $text = $w->get('/a%20b/c&d.cgi/e%2b%3f')->{content};
    is($text =~ s/\n.*//sr, $w->web . '/a b/c&d.cgi', 'blanks and so on in a name: $0');
    like($text, qr{^\Q@{[$w->web]}\E/a b$}m, '... its directory');
    like($text, qr{^SCRIPT_NAME=/a b/c&d\.cgi$}m, '... SCRIPT_NAME is decoded');
    like($text, qr{^PATH_INFO=/e\+\?$}m, '... as what is behind it');
    # A name of two lines makes one in the log.
    $w->script("two\nE01 forged.cgi", "#!/bin/sh\nexit 1\n");
    $w->forget_errors;
    is($w->get('/two%0aE01%20forged.cgi')->{status}, 500, 'a name of two lines');
    is(scalar(grep {/^E01/} $w->errors), 0, '... makes no line of its own in the log');
    is(scalar(grep {m{^E12 /web/two\\nE01 forged\.cgi: }} map {s/\\\\/\\/gr} $w->errors), 1, '... but is named') or diag(join "\n", $w->errors);
    return;
}
