#!/usr/bin/perl
# However a request comes to the counter, it counts once: included, redirected,
# rewritten, an error document, on one connection with a thousand others, with
# a body, in part, over HTTP/2.
use v5.30;
use warnings;
use IO::Socket::INET;
use Test::More;
use Omakase::Client qw(get request);
use Omakase::Counter qw($CGI ask count instance store tool);
use Omakase::Load;

my $www = 'www.example.localhost';
my $own = "http://$www/";
my $df = "df=$www";
my $from = 0;
my $i;

for my $mpm (qw(event worker prefork)) {
    $i = instance(mpm => $mpm, conf => $mpm eq 'event' ? <<'END' : '');
<IfFile "${HTTPD_MODULES}/mod_http2.so">
    LoadModule http2_module "${HTTPD_MODULES}/mod_http2.so"
    Protocols h2c http/1.1
</IfFile>
END
    $i->put('ab-cdftp', 'web/index.html', "home\n");
    $i->put('ab-cdftp', 'web/twice.shtml', <<"END");
<!--#include virtual="$CGI?$df&format=text" --><!--#include virtual="$CGI?$df&format=text" -->
END
    $i->put('ab-cdftp', 'web/in/in.shtml', qq{<!--#include virtual="/twice.shtml" -->});
    $i->put('ab-cdftp', 'web/in/error.shtml', qq{<!--#include virtual="$CGI?$df&md=99&format=text" -->after});
    $i->put('ab-cdftp', 'web/r/.htaccess', <<"END");
RewriteEngine On
RewriteRule ^n\\.gif\$ $CGI?$df&format=text [L]
RewriteRule ^out\$ $CGI?$df&format=text [R=302,L]
ErrorDocument 404 $CGI?$df&format=text
ErrorDocument 403 $CGI?$df&md=99&format=text
RewriteRule ^no\$ - [F]
END
    $i->start;
    note $mpm;
    # 200 000007: where the body is the count, once each.
    is(ask($i, "$df|st=7|format=text", from => another()), '200 000007', "$mpm: begins");
    counts('a rewritten URL', 1, sub { visit('/r/n.gif') }, '200 %06d');
    counts('the same again, by somebody else', 1, sub { visit('/r/n.gif') }, '200 %06d');
    counts('a rewritten URL without our Referer', 0, sub { visit('/r/n.gif', Referer => 'http://evil.example/') },
        '403 Referer is not a page of this site');
    counts('a redirect', 0, sub { visit('/r/out') =~ s/ .*//sr }, '302');
    counts('an error document keeps its status', 1, sub { visit('/r/missing') }, '404 %06d');
    counts('of a POST', 1, sub { visit('/r/missing', method => 'POST', body => 'x' x 5000) }, '404 %06d');
    counts('of a HEAD', 0, sub { visit('/r/missing', method => 'HEAD') }, '404 ');
    counts('one that is wrong itself', 0, sub { visit('/r/no') }, '400 md must be 5 to 10');

    my @page = visit('/twice.shtml') =~ /(\d{6})/g;
    is("@page", sprintf('%06d %06d', (count($i, $www)) x 2), 'SSI twice in a page: one visitor, counted once');
    counts('the page inside another', 1, sub { visit('/in/in.shtml') =~ /\A200 (\d+)\s+(\d+)/ ? "$1 $2" : 'no' }, '%06d %06d');
    counts('HEAD of the page', 0, sub { visit('/twice.shtml', method => 'HEAD') }, '200 ');
    counts('a prefetch of the page', 0, sub { visit('/twice.shtml', 'Sec-Purpose' => 'prefetch') =~ s/ .*//sr }, '200');
    counts('an included error', 0, sub { visit('/in/error.shtml') =~ s/\s+/ /gr }, '200 md must be 5 to 10 after');

    # Conditions and parts: there is always a whole, new answer.
    my $image = get($i, $www, "$CGI?$df|dd=B|incr=F", Referer => $own)->{content};
    for my $headers (['If-None-Match' => '*'], ['If-None-Match' => '"x"'],
        ['If-Modified-Since' => 'Fri, 01 Jan 2038 00:00:00 GMT'], ['If-Match' => '"x"'], ['Cache-Control' => 'only-if-cached']) {
        counts("$headers->[0]: $headers->[1]", 1, sub { visit("$CGI?$df|format=text", @$headers) }, '200 %06d');
    }
    my $before = count($i, $www);
    for my $range ('bytes=0-', 'bytes=0-9', 'bytes=-5', 'bytes=5-5,7-8', 'bytes=900000-', 'bytes=9-1', 'lines=1') {
        my $r = get($i, $www, "$CGI?$df|dd=B|display=date", Referer => $own, Range => $range);
        my $whole = get($i, $www, "$CGI?$df|dd=B|display=date", Referer => $own)->{content};
        ok(in_part($r, $whole), "Range: $range: $r->{status}, " . length($r->{content}) . ' bytes');
    }
    counts('a Range of a counter', 1, sub { visit("$CGI?$df|format=text", Range => 'bytes=0-2') }, '206 000');
    counts('multipart', 1, sub { visit("$CGI?$df|format=text", Range => 'bytes=0-1,3-4') =~ s/ .*//sr }, '206');

    # Bodies: read or thrown away, never the next request.
    my @answers = raw("GET $CGI?$df|format=text HTTP/1.1\r\nHost: $www\r\nReferer: $own\r\nContent-Length: " . length(smuggled()) . "\r\n\r\n"
        . smuggled() . last_request());
    is("@answers", "200 404", 'a body in a GET is not the next request');
    @answers = raw("POST $CGI?$df HTTP/1.1\r\nHost: $www\r\nReferer: $own\r\nTransfer-Encoding: chunked\r\n\r\n"
        . sprintf("%x\r\n%s\r\n0\r\n\r\n", length smuggled(), smuggled()) . last_request());
    is("@answers", "405 404", 'nor one in chunks of a POST');
    my $allow = request($i, 'POST', $www, "$CGI?$df", 'x', Referer => $own)->{headers}{allow} // '';
    is(join(' ', sort split /,\s*/, $allow), 'GET HEAD', 'POST: Allow says what is');
    for my $method (qw(POST PUT DELETE OPTIONS PATCH PROPFIND TRACE)) {
        counts($method, 0, sub { visit("$CGI?$df", method => $method) =~ s/ .*//sr }, '405');
    }

    # A thousand hits on one connection, in turns with another one.
    $before = count($i, $www);
    my @hits = Omakase::Load->start($i, clients => 2, hits => 1000, keep => 1, host => $www,
        target => "$CGI?$df|format=json", from => sub { '127.0.7.' . (1 + $_[0]) })->wait;
    my $counted = grep { $_->{body} =~ /"counted":true/ } @hits;
    is(scalar(grep { $_->{status} == 200 } @hits), 2000, 'two keep-alive connections with 1,000 hits each');
    is(count($i, $www), $before + $counted, "$counted of them counted, once each");

    http2() if $mpm eq 'event';
    $i->stop;
    my ($rc, $report) = tool('verify', store($i));
    is($rc, 0, 'the store is whole') or diag($report);
    is(join('', $i->httpd->unexpected), '', 'nothing unexpected in the error logs');
}
done_testing;

sub another {
    $from++;
    return sprintf '127.2.%d.%d', 1 + $from / 250, 1 + $from % 250;
}

# "STATUS BODY" by another visitor.
sub visit {
    my ($path, %o) = @_;
    my ($method, $body) = map { delete $o{$_} } qw(method body);
    my $r = request($i, $method // 'GET', $www, $path, $body, Referer => $own, from => another(), %o);
    return "$r->{status} " . (($r->{content} // '') =~ s/\n\z//r);
}

# What the code answers, with the count as it stands afterwards, and by how much
# it has counted.
sub counts {
    my ($what, $by, $code, $expected) = @_;
    my $before = count($i, $www);
    my $got = $code->();
    my $places = () = $expected =~ /%/g;
    is($got, sprintf($expected, ($before + $by) x $places), $what);
    is(count($i, $www), $before + $by, $by ? 'counts once' : 'does not count');
    return;
}

# Is the answer the whole, or right parts of it?
sub in_part {
    my ($r, $whole) = @_;
    return $r->{content} eq $whole if $r->{status} == 200;
    return 1 if $r->{status} == 416;
    return 0 if $r->{status} != 206;
    my $range = $r->{headers}{'content-range'};
    if (!defined $range) {
        my @parts = $r->{content} =~ m{Content-range: bytes (\d+-\d+)/\d+\r\n\r\n}gi;
        return @parts == 2;
    }
    my ($first, $last, $all) = $range =~ m{^bytes (\d+)-(\d+)/(\d+)$} or return 0;
    return $all == length $whole && $r->{content} eq substr $whole, $first, $last - $first + 1;
}

sub smuggled { return "GET /index.html HTTP/1.1\r\nHost: $www\r\n\r\n" }
sub last_request { return "GET /last HTTP/1.1\r\nHost: $www\r\nConnection: close\r\n\r\n" }

# The statuses of all answers to these bytes.
sub raw {
    my ($bytes) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $i->httpd->port, Proto => 'tcp')
        or die "connect: $@";
    print {$s} $bytes;
    my $all = do { local $/; <$s> };
    return $all =~ m{^HTTP/1\.1 (\d+)}gm;
}

sub http2 {
    SKIP: {
        skip 'no curl with HTTP/2 here', 10 if qx(curl --version 2>&1) !~ /HTTP2/;
        skip 'no mod_http2 here', 8 if !-e $i->layout('httpd_modules') . '/mod_http2.so';
        my $port = $i->httpd->port;
        my $url = "http://$www:$port$CGI?$df&format=text";
        my @curl = ('curl', '-s', '--http2-prior-knowledge', '--resolve', "$www:$port:127.0.0.1", '-e', $own,
            '-w', '%{http_version} %{http_code}\n');
        my $curl = sub {
            my ($address, @urls) = @_;
            open my $fh, '-|', @curl, '--interface', $address, @urls or die "curl: $!";
            local $/;
            return <$fh>;
        };
        counts('HTTP/2', 1, sub { $curl->('127.3.0.1', $url) =~ s/\n/ /gr =~ s/ \z//r }, '%06d 2 200');
        counts('HTTP/2: a reload', 0, sub { $curl->('127.3.0.1', $url) =~ s/\n/ /gr =~ s/ \z//r }, '%06d 2 200');
        counts('HTTP/2: HEAD', 0, sub { $curl->('127.3.0.2', '-I', '-o', '/dev/null', $url) =~ s/\n\z//r }, '2 200');
        counts('HTTP/2: a page with SSI', 1, sub {
            my @n = $curl->('127.3.0.4', "http://$www:$port/twice.shtml") =~ /\d{6}/g;
            "@n";
        }, '%06d %06d');
    }
    return;
}
