#!/usr/bin/perl
# Error pages: what a visitor sees of 403, 404, 500, 503, 504 and 507, in which
# language, and what a customer can put in their place.
use v5.30;
use warnings;
use utf8;
use Encode qw(decode_utf8);
use File::Temp ();
use Test::More;
use Omakase::Client qw(get request);
use Omakase::Instance;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my $www = 'www.example.localhost';
my %title = (
    403 => {ja => 'このページは公開されていません', en => 'This page is not public'},
    404 => {ja => 'ページが見つかりません', en => 'Page not found'},
    500 => {ja => 'ページを表示できません', en => 'This page ran into an error'},
    503 => {ja => 'ただいま混み合っています', en => 'Busy at the moment'},
    504 => {ja => '時間内に終わりませんでした', en => 'It took too long'},
    507 => {ja => '空き容量が足りません', en => 'Out of storage space'},
);
# What the owner can do, as the manual's table of errors has it.
my %advice = (
    403 => {ja => qr/実行権限.*644.*755/s, en => qr/permissions.*644.*755/s},
    404 => {ja => qr/ファイル名をご確認.*大文字と小文字.*アップロード/s,
        en => qr/file’s name.*upper and lower case.*upload/s},
    500 => {ja => qr/実行権限.*755.*スクリプト/s, en => qr/executed.*755.*script/s},
);
# Accept-Language (undef: none sent) => the language of the page.
my @languages = (
    [undef, 'ja'], ['*', 'ja'], ['ja', 'ja'], ['ja-JP,ja;q=0.9,en;q=0.8', 'ja'],
    ['en', 'en'], ['en-US,en;q=0.9', 'en'], ['ja;q=0.5,en', 'en'],
    ['en;q=0.5,ja', 'ja'], ['fr', 'en'], ['fr,ja;q=0.3', 'ja'],
    ['*;q=0.1,en;q=0.5', 'en'], [";;q=x,,@%(", undef],
);

# A directory of the customer's each, with its own .htaccess.
my %own = (
    text => q{ErrorDocument 404 "<p>Own words</p>"},
    page => q{ErrorDocument 404 /own/page/gone.html},
    ssi => q{ErrorDocument 404 /own/ssi/gone.shtml},
    missing => q{ErrorDocument 404 /own/missing/nosuch.html},
    default => q{ErrorDocument 404 default},
    language => qq{LanguagePriority ja\nForceLanguagePriority None\nAddHandler x .var\nSetHandler none},
    rewrite => qq{RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule . /own/page/gone.html [L]},
);

for my $mpm (qw(event prefork)) {
    my $i = Omakase::Instance->new(mpm => $mpm);
    my $tree = $i->site('ab-cdftp', 'example.localhost');
    $i->put('ab-cdftp', 'web/.htaccess', join "\n", 'RewriteEngine On',
        map {"RewriteRule ^make$_ - [R=$_]"} sort keys %title);
    $i->put('ab-cdftp', 'web/empty/note.txt', "x\n");
    $i->put('ab-cdftp', 'web/broken/.htaccess', "NoSuchDirective on\n");
    $i->put('ab-cdftp', 'web/broken/a.html', "x\n");
    $i->put('ab-cdftp', 'web/closed.html', "x\n", 0000);
    $i->put('ab-cdftp', 'web/error/404.var', "the customer's own directory\n");
    $i->put('ab-cdftp', 'web/.omakase/error/404.var', "not reachable\n");
    customers_own($i);
    $i->start;

    languages($i, $mpm);
    same_page_for_every_cause($i, $mpm);
    nothing_leaks($i);
    other_methods($i);
    own_address($i);
    replaced_by_the_customer($i);

    my @odd = $i->httpd->unexpected(qr/NoSuchDirective|AH00035|Permission denied|AH01630/);
    is("@odd", '', "$mpm: nothing unexpected in the error logs");
}
done_testing;

sub page {
    my ($i, $path, $language, $host) = @_;
    return get($i, $host // $www, $path,
        defined $language ? ('Accept-Language' => $language) : ());
}

sub languages {
    my ($i, $mpm) = @_;
    for my $status (sort keys %title) {
        for my $case (@languages) {
            my ($sent, $lang) = @$case;
            my $r = page($i, "/make$status", $sent);
            my $name = "P6, P7: $mpm: $status, Accept-Language " . ($sent // 'absent');
            my $got = $r->{headers}{'content-language'} // 'none';
            is($r->{status}, $status, $name);
            $lang //= $got;
            is($got, $lang, "$name: $lang");
            my $text = decode_utf8($r->{content});
            ok($text =~ qr{<html lang="\Q$lang\E">.*<h1>\Q$title{$status}{$lang}\E</h1>}s,
                "$name: title");
            ok($text =~ $advice{$status}{$lang}, "$name: advice to the owner")
                if $advice{$status};
        }
        well_made($status, $_, page($i, "/make$status", $_)) for qw(ja en);
    }
    return;
}

# Headers and body of one page.
sub well_made {
    my ($status, $lang, $r) = @_;
    my %h = %{$r->{headers}};
    my $body = $r->{content};
    is($h{'content-type'}, 'text/html; charset=utf-8', "$status $lang: type and charset");
    like($h{vary}, qr/\baccept-language\b/i, "$status $lang: Vary");
    is($h{'cache-control'}, 'no-cache', "$status $lang: not kept in a cache");
    is($h{'content-length'}, length $body, "$status $lang: Content-Length");
    ok(length $body < 6000, "$status $lang: small");
    unlike($body, qr{https?:|//|\bsrc=|url\(|\@import|<script|<link}i,
        "$status $lang: nothing from elsewhere");
    is_deeply([$body =~ /\bhref="([^"]*)"/g], ['/'], "$status $lang: one link, home");
    SKIP: {
        skip 'xmllint is not here', 1 if !-x '/usr/bin/xmllint';
        my $file = File::Temp->new;
        print {$file} $body;
        $file->flush;
        is(qx(xmllint --nonet --noout $file 2>&1), '', "$status $lang: well-formed");
    }
    return;
}

sub same_page_for_every_cause {
    my ($i, $mpm) = @_;
    my @causes = (
        [404, '/nosuch.html', $www, 'P6: a missing file'],
        [404, '/closed.HTML', $www, 'P4, P6: another case'],
        [404, '/x', 'nobody.localhost', 'a name that no customer has'],
        [403, '/.htaccess', $www, 'P5: .htaccess itself'],
        [500, '/broken/a.html', $www, 'P7: a broken .htaccess'],
        ($> ? () : [403, '/closed.html', $www, 'P5: mode 000']),
    );
    push @causes, [404, '/empty/', $www, 'P3: no index there']
        if -e $i->layout('modules') . '/mod_index_order.so';
    for (@causes) {
        my ($status, $path, $host, $name) = @$_;
        my $r = page($i, $path, 'ja', $host);
        is($r->{status}, $status, "$mpm: $name: $status");
        ok($r->{content} eq page($i, "/make$status", 'ja')->{content}, "$mpm: $name: the page");
    }
    return;
}

sub nothing_leaks {
    my ($i) = @_;
    for my $status (sort keys %title) {
        my $plain = page($i, "/make$status", 'en')->{content};
        my $evil = page($i, "/make$status%3Cscript%3Ealert(1)%3C/script%3E?q=\"><b>x", 'en');
        is($evil->{status}, $status, "$status: with markup in its address");
        ok($evil->{content} eq $plain, "$status: no byte of the address in the page");
        unlike($plain, qr{/srv|/tmp|/usr|Apache|\.localhost|\bport\b}i, "P7: $status: no detail of the server");
    }
    unlike(page($i, '/broken/a.html', 'en')->{content}, qr/NoSuchDirective/, 'P7: no reason in the page');
    my $log = do { local (@ARGV, $/) = "$i->{root}/srv/ab-cdftp/log/error.log"; <> };
    like($log, qr/NoSuchDirective/, "P7: the reason is in the customer's error log");
    return;
}

sub other_methods {
    my ($i) = @_;
    for my $status (sort keys %title) {
        my $get = page($i, "/make$status", 'en');
        my $head = request($i, 'HEAD', $www, "/make$status", undef, 'Accept-Language' => 'en');
        is($head->{status}, $status, "HEAD: $status");
        is($head->{content} // q(), q(), "HEAD: $status: no body");
        is($head->{headers}{$_}, $get->{headers}{$_}, "HEAD: $status: $_")
            for qw(content-length content-type content-language vary);
        my $post = request($i, 'POST', $www, "/make$status", 'a=b', 'Accept-Language' => 'en');
        is("$post->{status} $post->{content}", "$status $get->{content}", "POST: $status");
    }
    my $r = get($i, $www, '/make404', Range => 'bytes=0-9', 'If-Modified-Since' => 'Fri, 01 Jan 2100 00:00:00 GMT');
    is($r->{status}, 404, 'Range and If-Modified-Since change nothing');
    return;
}

# The pages' own address is nobody's: neither a page nor a customer's.
sub own_address {
    my ($i) = @_;
    my $page = page($i, '/make404', 'en')->{content};
    for my $path (qw(/.omakase/error/404.var /.omakase/error/403.var /.omakase/error/
        /.omakase/error /.omakase/error/texts /.omakase/error/404.var/x)) {
        for my $host ($www, 'nobody.localhost') {
            my $r = page($i, $path, 'en', $host);
            is($r->{status}, 404, "$host$path: 404");
            ok($r->{content} eq $page, "$host$path: the page of 404");
        }
    }
    is(page($i, '/error/404.var')->{content}, "the customer's own directory\n",
        "a customer's own /error is the customer's");
    return;
}

sub customers_own {
    my ($i) = @_;
    $i->put('ab-cdftp', "web/own/$_/.htaccess", "$own{$_}\n") for keys %own;
    $i->put('ab-cdftp', 'web/own/page/gone.html', "<p>Own page</p>\n");
    $i->put('ab-cdftp', 'web/own/ssi/gone.shtml', qq{<p><!--#echo var="REDIRECT_STATUS" --></p>\n});
    return;
}

sub replaced_by_the_customer {
    my ($i) = @_;
    my %r = map { $_ => page($i, "/own/$_/nosuch.html", 'en') } keys %own;
    is($r{$_}{status}, 404, "own page, $_: still 404") for grep { $_ ne 'rewrite' } sort keys %own;
    is($r{text}{content}, '<p>Own words</p>', 'P6: ErrorDocument with a text');
    is($r{page}{content}, "<p>Own page</p>\n", 'P6: ErrorDocument with a page');
    is($r{ssi}{content}, "<p>404</p>\n", 'P6, P11: ErrorDocument with an SSI page');
    like($r{missing}{content}, qr/Not Found/, 'ErrorDocument with a page that is not there: plain words');
    unlike($r{missing}{content}, qr{nosuch|/own|/srv}, 'and no path in them');
    like($r{default}{content}, qr/Not Found/, "ErrorDocument default: httpd's own");
    ok($r{language}{content} eq page($i, '/make404', 'en')->{content},
        "a customer's .htaccess does not reach into our pages");
    is("$r{rewrite}{status} $r{rewrite}{content}", "200 <p>Own page</p>\n",
        "a customer's front controller is not in the way");
    return;
}
