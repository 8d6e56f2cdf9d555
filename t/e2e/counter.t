#!/usr/bin/perl
# mod_counter as visitors and pages see it, under each MPM.
use v5.30;
use warnings;
use Test::More;
use Omakase::Client qw(get request);
use Omakase::Instance;

my $CGI = '/cgi-bin/Count.cgi';
my ($i, $www, $own, $from);

# A hit from a page of the site's own; one address after another by default.
sub hit {
    my ($query, %o) = @_;
    my $address = delete $o{from} // '127.0.0.' . (2 + $from++ % 250);
    return get($i, delete $o{host} // $www, "$CGI?$query", Referer => $own,
        from => $address, %o);
}

sub text {
    my $r = hit("$_[0]|format=text", @_[1 .. $#_]);
    return "$r->{status} $r->{content}" =~ s/\n\z//r;
}

sub size {
    my ($r) = @_;
    return $r->{content} =~ /\AGIF8[79]a(....)/s ? join 'x', unpack 'vv', $1 : 'no GIF';
}

for my $mpm (qw(event worker prefork)) {
    $i = Omakase::Instance->new(mpm => $mpm, site_conf => '', conf => <<'END');
<VirtualHost *:*>
    ServerName second.example
    ServerAlias *.wild.example
    CounterCustomer ab-cdftp
    CounterMaxPerCustomer 3
</VirtualHost>
<VirtualHost *:*>
    ServerName lenient.example
    CounterCustomer lenient
    CounterReferer lenient
    CounterReload on
    CounterDigits 1 12
    CounterRefererAllow partner.example
    CounterIgnore 127.0.0.9 127.1.0.0/16
</VirtualHost>
END
    my $tree = $i->site('ab-cdftp', 'example.localhost');
    $i->site('cdftp', 'other.localhost');
    $i->put('ab-cdftp', 'web/index.html', "home\n");
    $i->put('ab-cdftp', 'web/ssi.shtml',
        qq{n=<!--#include virtual="$CGI?df=www.example.localhost&format=text" -->\n});
    $i->put('ab-cdftp', 'web/cgi-bin/mine.txt', "mine\n");
    $i->start;
    $www = 'www.example.localhost';
    $own = "http://$www:" . $i->httpd->port . '/page.html';
    $from = 0;

    note $mpm;
    my $df = "df=$www";
    is(text("$df|md=7|dd=A|st=1024"), '200 0001024', 'P50, P49: 0001024 first');
    is(text("$df|md=7|st=9"), '200 0001025', 'P49: st on first use only');
    is(text("$df&md=5"), '200 01026', 'P47: & separates as well');
    is(text("$df%7Cmd=10"), '200 0000001027', 'P47: %7C too, ten digits');
    is(text("$df&amp;md=5"), '200 01028', 'and &amp;');
    is(text('df=example.localhost'), '200 001029', 'P53: every domain leads to one counter');
    is(text('df=second.example'), '200 001030', 'of the same customer in another vhost');
    is(text('df=a.wild.example'), '200 001031', 'and by a wildcard alias');
    is(text($df, host => 'second.example', Referer => 'http://second.example/'), '200 001032',
        'from there too');

    is(text($df, from => '127.0.0.1'), '200 001033', 'P54: A');
    is(text($df, from => '127.0.0.1'), '200 001033', 'P54: a reload does not count');
    is(text($df, from => '127.0.0.2'), '200 001034', 'P54: B');
    is(text($df, from => '127.0.0.1'), '200 001035', 'P54: A again: three');

    my $r = hit("$df|md=7|dd=A");
    is("$r->{status} $r->{headers}{'content-type'}", '200 image/gif', 'P45: an image');
    is($r->{headers}{'cache-control'}, 'no-store', 'that proxies do not keep');
    is($r->{headers}{'content-length'}, length $r->{content}, 'Content-Length');
    is(size($r), '105x20', 'P48: md=7, dd=A is 105x20');
    is(size(hit("$df|md=5|dd=D")), '45x13', 'P48: md=5, dd=D is 45x13');
    is(hit("$df|md=7")->{content} eq hit("$df|md=7|dd=A|incr=F")->{content}, 1,
        'P48: the default design is A');
    is(size(hit('display=clock|dd=A')), '84x20', 'P51: clock');
    is(size(hit('display=date|dd=A')), '142x20', 'P52: date');
    for my $d ('A' .. 'E') {
        is(hit("display=$_|dd=$d")->{status}, 200, "P51, P52: $_ in design $d") for qw(clock date);
    }
    like(text('display=clock|tformat=24|timezone=GMT+0900'), qr/^200 \d\d:\d\d$/, 'clock');
    like(text('display=date'), qr/^200 \d\d-\d\d-\d{4}$/, 'date: the year with four digits');
    is(text('lit=12:34'), '200 12:34', 'lit');

    # Not counted, though shown.
    my $now = (text("$df|incr=F") =~ /(\d+)$/)[0];
    is(text("$df|incr=F"), "200 $now", 'incr=F only shows');
    is(request($i, 'HEAD', $www, "$CGI?$df", undef, Referer => $own, from => '127.0.0.200')
        ->{status}, 200, 'HEAD');
    for my $h (['Sec-Purpose', 'prefetch;prerender'], ['Purpose', 'prefetch'], ['X-Moz', 'prefetch']) {
        is(text($df, from => '127.0.0.201', @$h), "200 $now", "$h->[0] does not count");
    }
    is(text("$df|incr=F"), "200 $now", 'HEAD and prefetch have not counted');
    is(request($i, 'POST', $www, "$CGI?$df", 'x', Referer => $own)->{status}, 405, 'POST: 405');

    # The Referer check.
    my $eights = hit('lit=88888888|dd=B')->{content};
    my %refused = (
        'none' => [Referer => ''],
        'a foreign one' => [Referer => 'http://evil.example/'],
        'a foreign one, even same-origin' =>
            [Referer => 'http://evil.example/', 'Sec-Fetch-Site' => 'same-origin'],
        'one that begins like ours' => [Referer => "http://$www.evil.example/"],
        'one with our name as user' => [Referer => "http://$www\@evil.example/"],
        'cross-site without one' => [Referer => '', 'Sec-Fetch-Site' => 'cross-site'],
        'another customer' => [Referer => 'http://www.other.localhost/'],
    );
    for my $what (sort keys %refused) {
        $r = hit("$df|md=9|dd=B|ft=5", @{$refused{$what}});
        is("$r->{status} " . ($r->{content} eq $eights), '200 1',
            "P55: 88888888 to the byte: Referer is $what");
    }
    is(text("$df|incr=F"), "200 $now", 'P55, P56: none of them counted');
    is(text($df, Referer => '', 'Sec-Fetch-Site' => 'same-origin'), '200 ' . sprintf('%06d', ++$now),
        'P55: referrers off, but Sec-Fetch-Site: same-origin');
    is(text($df, Referer => 'http://EXAMPLE.localhost.:8080/x'), '200 ' . sprintf('%06d', ++$now),
        'P55: any name, port and case of the own site');
    is(hit("$df|format=json", Referer => '')->{status}, 403, 'JSON for pages of the site only');

    # Errors: one small image, nothing of the server in it, nothing counted.
    for my $bad ('df=www.other.localhost', 'df=nobody.example', 'md=7', "$df|md=4", "$df|md=11",
        "$df|md=x", "$df|st=0", "$df|dd=Z", "$df|dd=../A", "$df|image=none.gif", "$df|md=", "$df|ft=%zz") {
        $r = hit($bad);
        my ($w) = size($r) =~ /^(\d+)x/;
        ok($r->{status} == 400 && $w && $w <= 600 && length $r->{content} < 4096,
            "P46, P47, P56: 400 and one image for $bad") or diag(explain $r);
    }
    is(text("$df|md=4"), '400 md must be 5 to 10', 'P47: the error says what to do');
    is(hit('x' x 7000)->{status}, 400, 'junk');
    is(text("$df|incr=F"), sprintf('200 %06d', $now), 'none of them has counted');

    # Other URLs.
    is(hit($df)->{status}, 200, 'Count.cgi') and $now++;
    is(get($i, $www, '/cgi-bin/count.cgi?' . $df, Referer => $own)->{status}, 404,
        'P45: count.cgi is not found');
    is(get($i, $www, "$CGI/x?$df", Referer => $own)->{status}, 404, 'nor anything below it');
    is(get($i, $www, '/cgi-bin/mine.txt')->{content}, "mine\n",
        "the rest of /cgi-bin/ is the customer's");

    # What is new.
    $r = hit("$df|format=json", from => '127.0.0.77');
    $now++;
    like($r->{content}, qr/^\{"text":"0*$now","count":$now,"today":\d+,"yesterday":0,"counted":true\}$/,
        'JSON');
    like(text("$df|display=today|md=5"), qr/^200 0*(\d+)$/, 'today') and $now++;
    is(text("$df|display=yesterday|md=5"), '200 00000', 'yesterday') and $now++;
    $r = hit("$df|format=svg");
    $now++;
    is($r->{headers}{'content-type'}, 'image/svg+xml', 'SVG');
    $r = hit("$df|format=png");
    $now++;
    is($r->{headers}{'content-type'}, 'image/png', 'PNG');
    is(size(hit("$df|scale=2|md=7")), '210x40', 'scale=2') and $now++;
    is(size(hit("$df|md=7|ft=5")), '115x30', 'a frame of 5 adds 10') and $now++;
    is(size(hit("$df|sh=F")), '1x1', 'sh=F: 1x1, and counts') and $now++;
    is(hit("$df|expires=60")->{headers}{'cache-control'}, 'private, max-age=60', 'expires') and $now++;
    is(text("$df|incr=F"), sprintf('200 %06d', $now), 'each of these counted once');

    # A page's SSI counts once, whoever refers to the page.
    is(get($i, $www, '/ssi.shtml', Referer => 'http://search.example/', from => '127.0.0.90')->{content},
        sprintf("n=%06d\n\n", ++$now), 'SSI: a subrequest is of the site itself, and counts once');
    request($i, 'HEAD', $www, '/ssi.shtml', undef, from => '127.0.0.91');
    is(text("$df|incr=F"), sprintf('200 %06d', $now), 'HEAD of that page does not count');

    # P53: further counters where the operator allows them.
    is(hit("$df/page")->{status}, 400, 'P53: one counter per contract');
    my @second = (host => 'second.example', Referer => 'http://second.example/');
    is(text('df=second.example/p1', @second), '200 000001', 'CounterMaxPerCustomer 3: one more');
    is(text('df=second.example/p2', @second), '200 000001', 'and another');
    is((hit('df=second.example/p3', @second))->{status}, 400, 'not a fourth');

    # The other policies.
    my @l = (host => 'lenient.example', Referer => '');
    is(text('df=lenient.example|md=1', @l, from => '127.0.0.1'), '200 1', 'lenient: no Referer counts');
    is(text('df=lenient.example|md=1', @l, from => '127.0.0.1'), '200 2', 'CounterReload on: a reload counts');
    is(text('df=lenient.example|md=1|reload=F', @l, from => '127.0.0.1'), '200 2', 'reload=F ignores that');
    is(text('df=lenient.example|md=12', @l, from => '127.0.0.9'), '200 000000000002', 'CounterIgnore, CounterDigits');
    is(text('df=lenient.example|md=1', @l, from => '127.1.2.3'), '200 2', 'CounterIgnore of a subnet');
    is(text('df=lenient.example|md=1', @l, Referer => 'http://partner.example/'), '200 3', 'CounterRefererAllow');
    is(hit('df=lenient.example|md=1', @l, Referer => 'http://evil.example/')->{status}, 200, 'a foreign one');
    is(text('df=lenient.example|md=1|incr=F', @l), '200 3', 'never counts, lenient or not');

    # The store is httpd's user's alone, and knows no address.
    my @st = stat $i->root . '/var/counter/counters';
    is(sprintf('%o', $st[2] & 07777), '600', 'the store: 0600');
    isnt($st[4], 0, "not root's") if !$>;
    my $store = do { local (@ARGV, $/) = $i->root . '/var/counter/counters'; <> };
    unlike($store, qr/\x7f\x00\x00\x5a|127\.0\.0\./, 'addresses only as keyed hashes');

    ok($i->httpd->graceful, 'graceful restart');
    is(text("$df|incr=F"), sprintf('200 %06d', $now), 'the count is the same after it');
    ok($i->stop, 'stop');
    $i->start;
    is(text("$df|incr=F"), sprintf('200 %06d', $now), 'and after a restart');
    my @odd = $i->httpd->unexpected(qr/AH00558|OMK0108/);
    is("@odd", '', 'nothing unexpected in the error logs');
}

# Mistakes in the configuration are named.
for my $case (
    ['CounterReferer maybe', qr/CounterReferer: 'maybe' is neither 'strict' nor 'lenient'/],
    ['CounterDigits 7 3', qr/CounterDigits: '3' is not a whole number from 7 to 18/],
    ['CounterSync 0', qr/CounterSync: '0' is not a whole number from 1 to 3600/],
    ['CounterMaxPerCustomer many', qr/CounterMaxPerCustomer: 'many'/],
    ['CounterIgnore 300.1.1.1', qr/CounterIgnore: '300\.1\.1\.1' is not an address/],
    ['CounterVisitors none', qr/CounterVisitors: 'none' is neither 'hashed' nor 'plain'/],
    ["<VirtualHost *:*>\nServerName x.example\nCounterSync 5\n</VirtualHost>", qr/CounterSync cannot occur within <VirtualHost>/],
) {
    my $bad = Omakase::Instance->new(conf => "$case->[0]\n");
    $_->configure for $bad->httpd;
    my ($ok, $out) = $bad->httpd->check;
    ok(!$ok, "refused: $case->[0]");
    like($out, $case->[1], 'and said why');
}
done_testing;
