#!/usr/bin/perl
# Scripts through mod_cgi_wrapper, under each MPM: what they are told, what the
# visitor gets, and what their owner reads when they are wrong.
use v5.30;
use warnings;
use HTTP::Tiny;
use Test::More;
use Omakase::Cgi qw(mpms until_true);

Omakase::Cgi->needs;
for my $mpm (mpms()) {
    subtest $mpm => sub { all($mpm) };
}
done_testing;

sub write_scripts {
    my ($w) = @_;
    $w->script('hello.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo hello\n");
    $w->script('env.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; env; id -u\n");
    $w->script('body.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; cat\n");
    $w->script('fds.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; exec ls /proc/self/fd\n");
    $w->script('status.cgi', "#!/bin/sh\nprintf 'Status: 418 Teapot\\r\\nX-Own: a\\r\\nSet-Cookie: a=1\\r\\nSet-Cookie: b=2\\r\\n\\r\\nshort'\n");
    $w->script('moved.cgi', "#!/bin/sh\necho 'Location: http://elsewhere.localhost/x'; echo\n");
    $w->script('inside.cgi', "#!/bin/sh\necho 'Location: /env.cgi/after?x=1'; echo; cat >/dev/null\n");
    $w->script('own302.cgi', "#!/bin/sh\necho 'Status: 302 Found'; echo 'Location: /elsewhere'; echo; echo 'own text'\n");
    $w->script('nph-raw.cgi', "#!/bin/sh\nprintf 'HTTP/1.1 299 Raw\\r\\nX-Raw: yes\\r\\nConnection: close\\r\\n\\r\\nraw text'\n");
    $w->script('nph-noexec.cgi', "#!/bin/sh\n", mode => 0644);
    $w->script('nph-nothing.cgi', "#!/bin/sh\nexit 4\n");
    $w->script('lib.cgi', "#!/usr/bin/perl\nrequire 'own-lib.pl';\nprint qq{\\n};\n");
    $w->script('own-lib.pl', "1;\n");
    $w->script('etag.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo 'ETag: \"v1\"'; echo; echo body\n");
    $w->script('nothing.cgi', "#!/bin/sh\necho 'it <broke> &' >&2; exit 3\n");
    $w->script('early.cgi', "#!/bin/sh\necho 'no header here'\n");
    $w->script('noexec.cgi', "#!/bin/sh\n", mode => 0644);
    $w->script('length.cgi', "#!/bin/sh\necho 'Content-Length: 3'; echo; echo longer than three\n");
    $w->page('off/.htaccess', "Options -ExecCGI\n");
    $w->script('off/a.cgi', "#!/bin/sh\necho; echo ran\n");
    $w->page('nopath/.htaccess', "AcceptPathInfo Off\n");
    $w->script('nopath/a.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo ran\n");
    $w->page('page/.htaccess', "ErrorDocument 500 \"own page\"\nErrorDocument 403 /hello.cgi\n");
    $w->script('page/nothing.cgi', "#!/bin/sh\nexit 3\n");
    $w->script('page/noexec.cgi', "#!/bin/sh\n", mode => 0600);
    return;
}

sub all {
    my ($mpm) = @_;
    my $w = Omakase::Cgi->new(mpm => $mpm, conf => "CGIWrapperDiagnostics 127.0.0.9 10.0.0.0/8 ::1\nCGIWrapperPassEnv OWN\nSetEnv OWN passed\nSetEnv OTHER not\n");
    write_scripts($w);
    $w->start;
    answers($w);
    told($w);
    faults($w);
    pages($w);
    ok($w->stop, 'stops');
    ok(until_true(sub { !$w->daemons }), 'and the daemon with it');
    is_deeply([$w->httpd->unexpected], [], 'the server\'s own log has nothing unexpected');
    return;
}

sub answers {
    my ($w) = @_;
    my $r = $w->get('/hello.cgi');
    is("$r->{status} $r->{content}", "200 hello\n", 'a script answers');
    is($r->{headers}{'content-type'}, 'text/plain', 'with its own type');
    is($r->{headers}{'content-length'} // 6, 6, 'and if a length, then httpd\'s');
    $r = $w->request('HEAD', '/hello.cgi');
    is($r->{status} . ($r->{content} // ''), 200, 'HEAD: no body');
    $r = $w->request('POST', '/body.cgi', 'x' x 300_000);
    is(length $r->{content}, 300_000, 'a body comes back');
    $r = $w->request('PUT', '/body.cgi', 'put');
    is($r->{content}, 'put', 'PUT, too');
    $r = $w->get('/status.cgi');
    is("$r->{status} $r->{reason} $r->{content} $r->{headers}{'x-own'}", '418 Teapot short a', 'a status of its own');
    is_deeply($r->{headers}{'set-cookie'}, ['a=1', 'b=2'], 'two cookies');
    $r = $w->get('/length.cgi');
    is($r->{content}, "longer than three\n", 'a Content-Length of its own is not believed');
    $r = $w->get('/moved.cgi');
    is("$r->{status} $r->{headers}{location}", '302 http://elsewhere.localhost/x', 'Location: another address');
    $r = $w->request('POST', '/inside.cgi', 'some body');
    like($r->{content}, qr/^REQUEST_METHOD=GET$/m, 'Location: a path here is answered by a GET');
    like($r->{content}, qr{^PATH_INFO=/after$}m, 'with its own path');
    like($r->{content}, qr/^REDIRECT_STATUS=200$/m, 'as a redirect');
    $r = $w->get('/own302.cgi');
    is("$r->{status} $r->{headers}{location} $r->{content}", "302 /elsewhere own text\n", 'a redirect with a text of its own');
    $r = $w->get('/nph-raw.cgi');
    is("$r->{status} $r->{reason} $r->{headers}{'x-raw'} $r->{content}", '299 Raw yes raw text', 'nph- speaks for itself');
    ok(!$r->{headers}{server} && !$r->{headers}{date}, 'and httpd adds nothing');
    $r = $w->get('/etag.cgi', 'If-None-Match' => '"v1"');
    is($r->{status} . ($r->{content} // ''), 304, 'If-None-Match');
    is($w->get('/etag.cgi', 'If-Match' => '"v2"')->{status}, 412, 'If-Match');
    $r = $w->get('/page/noexec.cgi');
    is("$r->{status} $r->{content}", "403 hello\n", 'a script is an ErrorDocument');
    my $http = HTTP::Tiny->new(keep_alive => 1, max_redirect => 0);
    my $url = 'http://' . $w->host . ':' . $w->httpd->port;
    my @got = map { $http->request('GET', "$url/$_", {peer => '127.0.0.1'})->{content} } qw(hello.cgi hello.cgi own302.cgi hello.cgi);
    is(join('', @got), "hello\nhello\nown text\nhello\n", 'many on one connection');
    return;
}

sub told {
    my ($w) = @_;
    my ($uid) = $w->ids;
    my $env = $w->get('/env.cgi/a/../b%20c?q=1&r=%41', Proxy => 'evil', Authorization => 'Basic x',
        'X-Own' => 'seen', Cookie => 'c=1')->{content};
    my %e = map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } split /\n/, $env;
    is($e{$_->[0]}, $_->[1], "$_->[0]") for ['GATEWAY_INTERFACE', 'CGI/1.1'], ['QUERY_STRING', 'q=1&r=%41'],
        ['REQUEST_METHOD', 'GET'], ['SCRIPT_NAME', '/env.cgi'], ['SCRIPT_FILENAME', $w->web . '/env.cgi'],
        ['HTTP_X_OWN', 'seen'], ['HTTP_COOKIE', 'c=1'], ['USER', $w->user], ['OWN', 'passed'],
        ['SERVER_NAME', $w->host], ['REMOTE_ADDR', '127.0.0.1'];
    ok(!exists $e{$_}, "no $_") for qw(HTTP_PROXY HTTP_AUTHORIZATION OTHER PERL5LIB LD_PRELOAD);
    like($env, qr/^$uid$/m, 'it runs as the customer');
    my ($other) = $w->ids(1);
    $w->script('env.cgi', "#!/bin/sh\necho; id -u\n", customer => 1);
    is($w->get('/env.cgi', customer => 1)->{content}, "$other\n", 'and the other\'s as the other');
    is($w->get('/fds.cgi')->{content}, "0\n1\n2\n3\n", 'descriptors 0, 1, 2 alone (and ls reads by 3)');
    return;
}

sub faults {
    my ($w) = @_;
    my @cases = (
        ['/nothing.cgi', 500, qr{^E12 /web/nothing\.cgi: .*exit code 3}, qr{^/web/nothing\.cgi: it <broke> &$}],
        ['/early.cgi', 500, qr{^E11 /web/early\.cgi: .*no header here}],
        ['/noexec.cgi', 403, qr{^E01 /web/noexec\.cgi: .*Fix: chmod 755 /web/noexec\.cgi}],
        ['/nph-noexec.cgi', 403, qr{^E01 /web/nph-noexec\.cgi: }],
        ['/nph-nothing.cgi', 500, qr{^E12 /web/nph-nothing\.cgi: .*exit code 4}],
        ['/lib.cgi', 500, qr{^E12 /web/lib\.cgi: .*own-lib\.pl}],
        ['/off/a.cgi', 403, qr{^E24 /web/off/a\.cgi: }],
        ['/nopath/a.cgi/x', 404, undef],
        ['/missing.cgi', 404, undef],
    );
    for (@cases) {
        my ($path, $status, @lines) = @$_;
        $w->forget_errors;
        my $r = $w->get($path);
        is($r->{status}, $status, "$path: $status");
        unlike($r->{content}, qr/E\d\d/, "$path: the visitor is not told why");
        my @log = $w->errors;
        for my $line (grep { defined } @lines) {
            is(scalar(grep { $_ =~ $line } @log), 1, "$path: one line $line") or diag(join "\n", @log);
        }
    }
    is($w->get('/nopath/a.cgi')->{content}, "ran\n", 'AcceptPathInfo off: without a path it runs');
    return;
}

sub pages {
    my ($w) = @_;
    my $r = $w->get('/nothing.cgi', from => '127.0.0.9');
    is($r->{status}, 500, 'from an address of CGIWrapperDiagnostics: the same status');
    like($r->{content}, qr{<h1>CGI E12</h1>}, 'a page with the code');
    like($r->{content}, qr{E12 /web/nothing\.cgi: .*it &lt;broke&gt; &amp;}s, 'and the line, escaped');
    like($r->{content}, qr/\p{Han}/, 'in Japanese') if utf8::decode($r->{content});
    is($r->{headers}{'content-type'}, 'text/html; charset=utf-8', 'as UTF-8');
    $r = $w->request('HEAD', '/nothing.cgi', undef, from => '127.0.0.9');
    is($r->{status} . ($r->{content} // ''), 500, 'HEAD: no page');
    is($w->get('/page/nothing.cgi')->{content}, 'own page', 'ErrorDocument is untouched for others');
    return;
}
